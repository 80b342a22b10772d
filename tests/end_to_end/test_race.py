"""Seeds until a question is answered, from the command line: what is asked first, what stays, what is refused."""

import json
import os
import re
import shutil
import signal
import time

import pytest
from click.testing import CliRunner
from mlflow import MlflowClient

from tests.end_to_end.conftest import FAST
from tlcompare.cli import main

pytestmark = pytest.mark.usefixtures("drawn_once")

TINY = ["--model", "timm:test_resnet", "--weights", "none"]
RACE = ["replicate", "--sweep", "s", "--until-decided", "--max-seeds", 6, "--top", 1]


def run(*arguments, code=0):
    result = CliRunner().invoke(main, [str(a) for a in arguments])
    assert result.exit_code == code, result.output + repr(result.exception)
    return result


def replicates():
    client = MlflowClient()
    return client.search_runs(
        [e.experiment_id for e in client.search_experiments()], "tags.`tlcompare.role` = 'replicate'"
    )


@pytest.fixture(scope="module")
def swept(tmp_path_factory, template_database, photos):
    """A folder with a small sweep that nobody has run again."""
    folder = tmp_path_factory.mktemp("swept")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        shutil.copy(template_database, folder / "mlflow.db")
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'mlflow.db'}")
        fixed = ["--data", photos, "--val-fraction", 0.4, *FAST, 1, *TINY, "--lr", 0.001, "--head-lr", 0.1]
        run("sweep", "--name", "s", *fixed, "--trials", 3, "--log-models", "none", "--precision", "fp32")
    return folder


@pytest.fixture
def sweep(swept, tmp_path, monkeypatch):
    """The sweep, for one test alone."""
    shutil.copy(swept / "mlflow.db", tmp_path / "mlflow.db")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")


def test_a_race_asks_what_it_wrote_down_before_and_says_what_it_found(sweep):
    raced = run(*RACE)
    assert re.search(r"\d+ validation images like these can show differences of about \d+\.\d points", raced.stderr)
    found = replicates()
    (parent,) = {r.data.tags["mlflow.parentRunId"] for r in found}
    asked = json.loads(MlflowClient().get_run(parent).data.tags["tlcompare.questions"])
    assert asked["looks"]["seeds"] == [6]
    keys = [r.data.tags["tlcompare.configuration"] for r in found]
    assert keys.count(asked["winner"]) == keys.count(asked["baseline"]) == 6
    strategies = {r.data.tags["tlcompare.configuration"]: r.data.params["strategy_family"] for r in found}
    assert strategies[asked["baseline"]] == "frozen"
    assert strategies[asked["winner"]] != "frozen"
    assert {r.data.params["seed"] for r in found} == {str(s) for s in range(1000, 1006)}
    assert all(r.data.params["val_seed"] == r.data.params["seed"] for r in found), "divided anew"
    first = raced.stdout.splitlines()[0]
    assert re.match(r"Unfreezing (is worth it|hurts|is not worth it)|Whether unfreezing is worth it cannot", first)
    assert "on 6 seeds" in first

    again = run("replicate", "--sweep", "s", "--until-decided")
    assert again.stdout == raced.stdout
    assert len(replicates()) == len(found)
    refused = run("replicate", "--sweep", "s", "--until-decided", "--max-seeds", 12, code=2)
    assert "begun with --max-seeds 6" in refused.stderr
    refused = run("replicate", "--sweep", "s", "--until-decided", "--top", 4, code=2)
    assert "begun with --top 1" in refused.stderr
    refused = run("replicate", "--sweep", "s", "--until-decided", "--within", "2%", code=2)
    assert "begun with --within 1%" in refused.stderr

    table = run("compare", "--sweep", "s", "--evidence")
    lines = table.stdout.splitlines()
    assert max(map(len, lines)) <= 120
    assert "to the baseline" in lines[0]
    assert "correction for the looks" in table.stderr
    assert max(map(len, run("compare", "--sweep", "s", "--evidence", "--wide").stdout.splitlines())) > 120
    run("report", "--sweep", "s", "-o", "race.html")
    text = open("race.md").read()
    assert "looks at 6 seeds, by which 100% of the level may be spent" in text
    assert "tlcompare replicate --sweep s --until-decided" in text
    picked = run("pick", "--sweep", "s").stdout
    assert raced.stdout.splitlines()[1].split()[1] in picked


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_race_that_is_killed_goes_on_to_the_same_decision(how, sweep, tmp_path):
    whole = tmp_path / "whole"
    whole.mkdir()
    shutil.copy("mlflow.db", whole)
    for kill in range(5):
        child = os.fork()
        if child == 0:
            os.setsid()
            CliRunner().invoke(main, [str(a) for a in RACE])
            os._exit(0)
        goal, deadline = 2 * kill + 1, time.monotonic() + 120
        while sum(r.info.status == "FINISHED" for r in replicates()) < goal and time.monotonic() < deadline:
            time.sleep(0.05)
        os.kill(child, how)
        os.waitpid(child, 0)
    resumed = run(*RACE).stdout
    assert {r.info.status for r in replicates()} == {"FINISHED"}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(whole)
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{whole / 'mlflow.db'}")
        alone = run(*RACE).stdout

    def without_seconds(text):
        return re.sub(r"\d+\.\d s", "", text)

    assert without_seconds(resumed) == without_seconds(alone)
