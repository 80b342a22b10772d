"""Row 19: a served model that is sent anything, and what is logged or listens."""

import base64
import contextlib
import http.client
import json
import os
import random
import re
import threading
import time
from pathlib import Path

import mlflow.cli
import mlflow.models.cli
import pytest
import uvicorn
from mlflow import MlflowClient
from mlflow.pyfunc import scoring_server

from tests.chaos.sittings import MODEL, SMALL, run
from tests.chaos.test_images import DAMAGE, FORMATS, picture

ROOT = Path(__file__).parents[2]


@pytest.fixture
def served(place, photos, monkeypatch):
    """A trained model behind MLflow's scoring server, on loopback; gives a function that posts a body."""
    place()
    result = run("train", *MODEL, "--unfreeze", "frozen", "--data", photos, *SMALL, "--epochs", 1)
    assert result.exit_code == 0, result.output
    uri = next(line for line in result.stdout.splitlines() if line.startswith("model ")).split()[1]
    monkeypatch.setenv("__pyfunc_model_path__", uri)
    app = scoring_server.init(mlflow.pyfunc.load_model(uri))
    server = uvicorn.Server(uvicorn.Config(app, "127.0.0.1", 0, log_level="critical"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    port = server.servers[0].sockets[0].getsockname()[1]

    def post(body, kind="application/json"):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        with contextlib.closing(connection):
            connection.request("POST", "/invocations", body, {"Content-Type": kind})
            response = connection.getresponse()
            return response.status, response.read()

    yield post
    server.should_exit = True
    thread.join(30)


def request(*images):
    return json.dumps({"dataframe_records": [{"image": base64.b64encode(i).decode()} for i in images]}).encode()


def bodies(draw):
    """Requests that are wrong in every layer: pixels, base64, columns, JSON, bytes."""
    while True:
        kind = draw.choice(list(FORMATS))
        image = picture(draw.randrange(1000), kind)
        whole = request(image)
        yield request(draw.choice(list(DAMAGE.values()))(image, draw))
        yield whole[: draw.randrange(len(whole))]
        yield draw.randbytes(draw.randrange(200))
        yield json.dumps(
            {"dataframe_records": [{"image": draw.choice(["/etc/passwd", "", "AAAA", 7, None, [], {}])}]}
        ).encode()
        yield json.dumps(draw.choice([[], {}, 1, None, "x", {"inputs": [[1, 2]]}, {"instances": ["x"]}])).encode()
        yield b"[" * draw.randrange(900)
        place = draw.randrange(len(whole))
        yield whole[:place] + bytes([whole[place] ^ (1 << draw.randrange(8))]) + whole[place + 1 :]


def test_any_body_is_answered_and_the_server_stays_up(served, photos, many, survived):
    good = (photos / "red" / "00.png").read_bytes()
    status, expected = served(request(good))
    assert status == 200
    draw, seen = random.Random(0), []
    for number, body in zip(range(many(140, 1000)), bodies(draw), strict=False):
        status, answer = served(body, draw.choice(["application/json"] * 5 + ["text/csv", "text/plain", "x/y"]))
        seen.append(status)
        assert status == 200 or 400 <= status < 500, (body[:200], answer[:2000])
        if b"/etc/passwd" in body:
            assert b"root:" not in answer
        if number % 100 == 0:
            assert served(request(good)) == (200, expected)
    assert served(request(good)) == (200, expected)
    assert {200, 400} <= set(seen)
    survived(19, number + 1)


def test_json_that_is_nested_too_deeply_for_mlflow_leaves_the_server_up(served, photos, survived):
    """MLflow's own parser gives up, before the model is asked."""
    assert served(b"[" * 100_000)[0] >= 400
    assert served(request((photos / "red" / "00.png").read_bytes()))[0] == 200
    survived(19)


def test_a_request_that_is_too_large_is_refused(served, survived):
    status, answer = served(request(bytes(70_000_000)))
    assert status == 400
    assert b"Send at most 256 of 67,108,864 bytes in all" in answer
    status, _ = served(request(*[b"x"] * 257))
    assert status == 400
    survived(19, 2)


def test_nothing_logged_holds_credentials_or_the_environment(place, photos, monkeypatch, survived):
    """A canary in the environment and in the address of a store is in no run, no file and no output."""
    folder = place()
    secret = "canary-7f3a"
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    monkeypatch.setenv("TLCOMPARE_SOMETHING", secret)
    options = ["--epochs", 1, "--trials", 4, "--name", "s"]
    outputs = [run("sweep", *MODEL, "--data", photos, *SMALL, *options).output]
    outputs.append(run("sweep", "--name", "s", "--storage", f"postgresql://me:{secret}@127.0.0.1:9/x").output)
    outputs.append(run("doctor").output)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:{secret}@127.0.0.1:9")
    outputs.append(run("train", *MODEL, "--data", photos, *SMALL, "--epochs", 1).output)
    outputs.append(run("sync").output)
    assert not [o for o in outputs if secret in o]
    held = [f for f in folder.rglob("*") if f.is_file() and secret.encode() in f.read_bytes()]
    cached = [f for f in Path(os.environ["TLCOMPARE_CACHE"]).rglob("*.json") if secret in f.read_text(errors="replace")]
    assert not held + cached
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'mlflow.db'}")
    assert len(MlflowClient().search_runs(["1"])) == 5
    survived(19, len(outputs))


def test_servers_of_our_commands_listen_on_loopback(survived):
    """Every command in the project that serves something serves on loopback, which is MLflow's default too."""
    files = [ROOT / "Makefile", ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    serving_lines = [
        line
        for f in files
        for line in f.read_text().splitlines()
        if re.search(r"(^|/)mlflow (ui|server|models serve)\b", line.strip())
    ]
    assert serving_lines
    hosts = [re.search(r"(?:--host|-h)[ =](\S+)", line) for line in serving_lines]
    assert {host.group(1) for host in hosts if host} == {"127.0.0.1"}
    for command in (mlflow.cli.server, mlflow.models.cli.commands.commands["serve"]):
        (host,) = (option for option in command.params if option.name == "host")
        assert host.default == "127.0.0.1"
    survived(19)
