"""Row 7: a tracking server that fails while a run trains, seen through a proxy that can fail in every way."""

import contextlib
import http.client
import http.server
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tests.chaos.sittings import MODEL, SMALL, begin, end, patched, run, slow
from tests.chaos.test_kills import interrupted_once
from tests.end_to_end.test_sweep import children, parent
from tlcompare.tracking.outbox import kept
from tlcompare.tracking.reading import replicates_of, sweep_run
from tlcompare.tracking.sending import SENDERS
from tlcompare.tracking.sweeps import Runs

pytestmark = pytest.mark.usefixtures("drawn_once")

FAULTS = [
    *("restarted", "answer lost"),
    *(slow(fault) for fault in ("gone", "500", "hangs", "slow", "429", "reset")),
]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@pytest.fixture(scope="module")
def server(tmp_path_factory, template_database):
    """A real MLflow server; gives its port."""
    folder, port = tmp_path_factory.mktemp("server"), free_port()
    (folder / "mlflow.db").write_bytes(template_database.read_bytes())
    store = ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", str(folder / "files")]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    with (folder / "log.txt").open("w") as log:
        without_jobs = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}  # seven processes, as many imports
        process = subprocess.Popen([*command, *store], env=without_jobs, stdout=log, stderr=log, start_new_session=True)
    try:
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline:
            assert process.poll() is None, (folder / "log.txt").read_text()
            with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
                break
            time.sleep(0.2)
        yield port
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class Proxy(http.server.BaseHTTPRequestHandler):
    """Passes requests on, unless its server is told to fail."""

    protocol_version = "HTTP/1.1"

    def handle_any(self):
        body = self.body()
        if self.path.startswith("/__fault__/"):
            self.server.fail(self.path.removeprefix("/__fault__/").replace("%20", " "))
            return self.answer(200, {}, b"")
        fault = self.server.fault
        if fault == "hangs":
            time.sleep(4)
            self.close_connection = True
            return None
        if fault == "slow":
            time.sleep(0.05)
        if fault in ("500", "429"):
            return self.answer(int(fault), {"Content-Type": "application/json"}, b'{"error_code": "INTERNAL_ERROR"}')
        if fault in ("reset", "gone", "restarted"):
            return self.reset()
        connection = http.client.HTTPConnection("127.0.0.1", self.server.behind, timeout=60)
        headers = {
            k: v for k, v in self.headers.items() if k.lower() not in ("host", "connection", "transfer-encoding")
        }
        connection.request(self.command, self.path, body, headers | {"Host": f"127.0.0.1:{self.server.behind}"})
        response = connection.getresponse()
        content = response.read()
        connection.close()
        if fault == "answer lost":
            return self.reset()
        if fault == "first run's answer lost" and self.path.endswith("/runs/create"):
            self.server.fail("")
            return self.reset()
        return self.answer(response.status, dict(response.getheaders()), content)

    def body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

    def answer(self, status, headers, content):
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(content)

    def reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def log_message(self, *arguments):
        pass


class FailingServer(http.server.ThreadingHTTPServer):
    """Fails as `fault` says; one that restarts is back after a second."""

    daemon_threads = True
    fault = ""
    behind = 0

    def fail(self, fault):
        self.fault = fault
        if fault == "restarted":
            threading.Timer(1, self.fail, [""]).start()

    def handle_error(self, request, address):
        pass


@pytest.fixture
def proxy(server, place, monkeypatch):
    """The proxy in front of the server, which is the tracking store."""
    place()
    front = FailingServer(("127.0.0.1", 0), Proxy)
    front.behind = server
    threading.Thread(target=front.serve_forever, daemon=True).start()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{front.server_address[1]}")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "2")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")
    yield front
    front.shutdown()
    front.server_close()


def fails_at_first_epoch(proxy, fault):
    """In a process that trains, the server fails from the first epoch on."""
    url = f"http://127.0.0.1:{proxy.server_address[1]}/__fault__/{fault.replace(' ', '%20')}"

    def change(add):
        told = []

        def failing(*arguments):
            if not told:
                told.append(urllib.request.urlopen(url, timeout=10).status)
            return add(*arguments)

        return failing

    return lambda: patched("tlcompare.run", "log_epoch", change)


def whole(run_id, epochs):
    """Nothing of a run is missing, and nothing is there twice."""
    client = MlflowClient()
    logged = client.get_run(run_id)
    assert logged.info.status == "FINISHED"
    for metric in ("train/epoch_loss", "val/epoch_accuracy"):
        assert [m.step for m in client.get_metric_history(run_id, metric)] == list(range(1, epochs + 1))
    assert len(client.get_metric_history(run_id, "val/accuracy")) == 1
    assert logged.data.tags["tlcompare.state"] == "finished"
    assert len(logged.inputs.dataset_inputs) == 1
    files = {f.path for folder in ("", "predictions", "scores") for f in client.list_artifacts(run_id, folder)}
    assert {"config.yaml", "plan.json", "predictions/val.csv", "scores/val_classes.csv"} <= files
    models = client.search_logged_models([logged.info.experiment_id], filter_string=f"source_run_id = '{run_id}'")
    assert [str(m.status) for m in models] == ["READY"]
    assert {m.key for m in models[0].metrics} >= {"val/accuracy"}


@pytest.mark.parametrize("fault", FAULTS)
def test_training_goes_on_and_nothing_is_lost(proxy, photos, many, survived, fault):
    for number in range(many(1, 10)):
        name = f"{fault} {number}"
        options = ["--epochs", 3, "--unfreeze", "layer4", "--experiment", name]
        command = ["train", *MODEL, "--data", photos, *SMALL, *options]
        code, _ = end(begin(*command, before=fails_at_first_epoch(proxy, fault)), limit=300)
        assert code == 0, Path("output.txt").read_text()
        proxy.fail("")
        assert bool(kept()) == ("send it with: tlcompare sync" in Path("output.txt").read_text())
        sent = run("sync")
        assert sent.exit_code == 0, sent.output
        assert not kept()
        client = MlflowClient()
        (logged,) = client.search_runs([client.get_experiment_by_name(name).experiment_id])
        whole(logged.info.run_id, 3)
        assert run("sync").stdout == "nothing was left to send\n"
        survived(7)


@pytest.mark.slow
def test_a_sweep_waits_out_a_restart(proxy, photos, survived, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "6")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "1")
    options = ["--epochs", 2, "--trials", 4, "--name", "waits", "--pruner", "off", "--sampler", "random"]
    command = ["sweep", *MODEL, "--data", photos, *SMALL, *options]
    code, _ = end(begin(*command, before=fails_at_first_epoch(proxy, "restarted")), limit=300)
    assert code == 0, Path("output.txt").read_text()
    assert [r.info.status for r in children("waits")] == ["FINISHED"] * 4
    assert parent("waits").info.status == "FINISHED"
    for r in children("waits"):
        whole(r.info.run_id, 2)
    survived(7)


def test_a_sweep_whose_server_is_gone_stops_with_one_sentence_and_goes_on(proxy, photos, survived):
    options = ["--epochs", 2, "--trials", 2, "--name", "gone", "--pruner", "off", "--sampler", "random"]
    command = ["sweep", *MODEL, "--data", photos, *SMALL, *options]
    code, _ = end(begin(*command, before=fails_at_first_epoch(proxy, "gone")), limit=300)
    output = Path("output.txt").read_text()
    assert code == 2, output
    assert "Go on with: tlcompare sweep --name gone" in output
    assert "Traceback" not in output
    proxy.fail("")
    code, _ = end(begin(*command), limit=300)
    assert code == 0, Path("output.txt").read_text()
    assert [r.info.status for r in children("gone")] == ["FINISHED"] * 2
    for r in children("gone"):
        whole(r.info.run_id, 2)
    assert not kept()
    survived(7)


@pytest.mark.slow
def test_an_interruption_while_the_server_is_gone_ends_within_seconds(proxy, photos, survived, monkeypatch):
    """With the patience that MLflow has by default, which is minutes."""
    for name in ("MAX_RETRIES", "BACKOFF_FACTOR", "TIMEOUT"):
        monkeypatch.delenv(f"MLFLOW_HTTP_REQUEST_{name}")
    options = ["--epochs", 2, "--trials", 2, "--name", "left", "--pruner", "off", "--sampler", "random"]
    command = ["sweep", *MODEL, "--data", photos, *SMALL, *options]

    def before():
        interrupted_once()
        fails_at_first_epoch(proxy, "gone")()

    start = time.monotonic()
    code, _ = end(begin(*command, before=before), limit=300)
    took, output = time.monotonic() - start, Path("output.txt").read_text()
    assert code == 130, output
    assert took < 120, output  # MLflow alone would wait for four minutes
    assert "Go on with: tlcompare sweep --name left" in output
    assert "Traceback" not in output
    proxy.fail("")
    assert run("sync").exit_code == 0
    assert {r.info.status for r in [parent("left"), *children("left")]} == {"KILLED"}
    code, _ = end(begin(*command), limit=300)
    assert code == 0, Path("output.txt").read_text()
    assert [r.info.status for r in children("left")] == ["FINISHED"] * 2
    assert not kept()
    survived(7)


def test_a_run_that_was_made_twice_because_an_answer_was_lost_is_there_once(proxy, photos, survived):
    options = ["--epochs", 1, "--unfreeze", "frozen", "--experiment", "once"]
    proxy.fail("first run's answer lost")
    code, _ = end(begin("train", *MODEL, "--data", photos, *SMALL, *options), limit=300)
    assert code == 0, Path("output.txt").read_text()
    assert proxy.fault == ""
    client = MlflowClient()
    (logged,) = client.search_runs([client.get_experiment_by_name("once").experiment_id])
    assert logged.info.status == "FINISHED"
    survived(7)


def test_a_replicate_whose_end_is_not_sent_yet_is_neither_ended_otherwise_nor_discarded(
    place, photos, survived, monkeypatch
):
    place()
    replicating = ["replicate", "--sweep", "s", "--top", 0, "--seeds", 2]
    options = ["--data", photos, *SMALL, "--epochs", 1, "--log-models", "none", "--name", "s"]
    assert run("sweep", *MODEL, *options, "--trials", 1).exit_code == 0
    opened = []

    open_run = Runs.open

    def interrupts_the_second(*arguments):
        if opened:
            raise KeyboardInterrupt
        opened.append(open_run(*arguments))
        return opened[0]

    with monkeypatch.context() as patch:
        patch.setitem(SENDERS, "end", lambda run_id, entry: (_ for _ in ()).throw(ConnectionError("no answer")))
        patch.setattr(Runs, "open", interrupts_the_second)
        result = run(*replicating)
        assert result.exit_code == 130, result.output
        assert kept() == opened
        refused = run(*replicating)
        assert refused.exit_code == 2
        assert f"run {opened[0]} has results that wait to be sent" in refused.stderr
        assert kept() == opened
    assert run(*replicating).exit_code == 0
    assert not kept()
    replicates = replicates_of(sweep_run("s").run_id)
    assert [r.status for r in replicates] == ["FINISHED"] * 2
    assert opened[0] in {r.run_id for r in replicates}
    survived(7)
