"""A decision from images to a verdict, from the command line: what it leaves, when it ends, how it goes on."""

import json
import os
import re
import signal
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from mlflow import MlflowClient

import tlcompare
from tests.end_to_end.conftest import FAST
from tlcompare.cli import main

pytestmark = pytest.mark.usefixtures("drawn_once")

TINY = ["--model", "timm:test_resnet", "--weights", "none", "--lr", 0.001, "--head-lr", 0.1, "--precision", "fp32"]
SHORT = ["--trials", 4, "--top", 2, "--max-seeds", 6]


def run(*arguments, code=0):
    result = CliRunner().invoke(main, [str(a) for a in arguments])
    assert result.exit_code == code, result.output + repr(result.exception)
    return result


@pytest.fixture
def decide(workplace, photos):
    """The command line of a small decision."""
    return ["decide", "--data", photos, "--val-fraction", 0.4, *FAST, 1, *TINY, *SHORT]


def runs_of(role):
    client = MlflowClient()
    everywhere = [e.experiment_id for e in client.search_experiments()]
    return client.search_runs(everywhere, f"tags.`tlcompare.role` = '{role}'")


def test_a_decision_whose_time_is_over_goes_on_with_more_and_leaves_what_its_stages_leave(decide):
    over = run(*decide, "--budget", "1s")
    first, second = over.stdout.splitlines()[:2]
    assert first == "Nothing is known yet: no seed has finished."
    assert second.startswith("The time was over before all was settled.")
    assert "tlcompare decide --name decide-1 --budget" in second
    (decision,) = runs_of("decision")
    assert decision.info.status == "FINISHED"
    assert not runs_of("replicate")
    refused = run("decide", "--name", "decide-1", "--max-seeds", 8, code=2)
    assert 'the decision "decide-1" was begun with --max-seeds 6, not 8' in refused.stderr

    more = run(*decide, "--budget", "10m", "--keep-sealed", "--json")
    assert "going on with decide-1" in more.stderr
    assert re.search(r"explore +at most 4 trials", more.stderr)
    assert re.search(r"budget +10 min", more.stderr)
    found = json.loads(more.stdout)
    assert (found["decision"], found["complete"]) == ("decide-1", True)
    (decision,), (sweep,) = runs_of("decision"), runs_of("sweep")
    assert (decision.info.status, sweep.info.status) == ("FINISHED", "FINISHED")
    assert sweep.data.tags["mlflow.parentRunId"] == decision.info.run_id
    replicates = runs_of("replicate")
    assert {r.data.tags["mlflow.parentRunId"] for r in replicates} == {sweep.info.run_id}
    assert "tlcompare.test_opened" not in sweep.data.tags
    assert "test_accuracy/mean" not in runs_of("configuration")[0].data.metrics

    opened = run("decide", "--name", "decide-1")
    assert "tlcompare.test_opened" in MlflowClient().get_run(sweep.info.run_id).data.tags
    assert len(runs_of("replicate")) == len(replicates)
    said = opened.stdout.splitlines()
    assert re.match(r"Unfreezing (is worth it|hurts|is not worth it)|Whether unfreezing is worth it cannot", said[0])
    assert any(line.startswith("On the test images, which were sealed until then, it has") for line in said)
    assert said[-1].endswith("decide-1.html")
    assert found["sentences"][0] == said[0]
    assert said[0] in Path("decide-1.md").read_text()

    held = tlcompare.open_decision("decide-1")
    assert (held.verdict, list(held.sentences)) == (found["worth_it"], said[:-1])
    assert list(held.table["configuration"]) == [c["configuration"] for c in found["contenders"]]
    assert repr(held).splitlines()[0] == said[0]
    assert held._repr_html_().count("<svg") == 2
    assert held.run.id == found["use"]["run"]
    assert held.model().classes == ("blue", "green", "red")
    assert held.figure()._repr_png_().startswith(b"\x89PNG")
    assert list(held.evidence().sentences[:1]) == said[:1]

    client = MlflowClient()
    note = client.get_run(decision.info.run_id).data.tags["mlflow.note.content"]
    assert said[0] in note
    assert "6 seeds:" in note
    metrics = client.get_run(decision.info.run_id).data.metrics
    assert {"gain/mean", "gain/p", "val_accuracy/low", "test_accuracy/mean", "seconds/exploring"} <= set(metrics)
    configurations = runs_of("configuration")
    assert {r.info.run_name for r in configurations} == {c["configuration"] for c in found["contenders"]}
    assert {r.data.tags["mlflow.parentRunId"] for r in configurations} == {decision.info.run_id}
    for one in configurations:
        metrics = one.data.metrics
        assert metrics["val_accuracy/low"] <= metrics["val_accuracy/mean"] <= metrics["val_accuracy/high"]
        assert metrics["test_accuracy/low"] <= metrics["test_accuracy/mean"]
        assert metrics["seeds"] == 6
    (gain,) = [r for r in configurations if "gain/mean" in r.data.metrics]
    assert gain.data.params["verdict"] == found["worth_it"]
    left = {f.path for f in client.list_artifacts(decision.info.run_id)}
    assert left == {"decision.json", "figures", "report"}
    figures = {f.path for f in client.list_artifacts(decision.info.run_id, "figures")}
    assert figures == {"figures/accuracy_by_depth.png", "figures/time.png", "figures/decision.html"}
    assert client.get_model_version_by_alias("decide-1", "champion").run_id == found["use"]["run"]
    experiment = client.get_experiment(decision.info.experiment_id)
    assert "mlflow.sharedViewState.tlcompare-decision-decide-1" in experiment.tags


def test_what_a_decision_would_take_is_said_without_deciding_anything(decide):
    said = run(*decide, "--dry-run", "--budget", "2m").stdout
    assert re.search(r"^explore +at most 4 trials, \d+ s of training", said, re.M)
    assert re.search(r"^confirm +6 to 6 seeds of 2 to 3 configurations", said, re.M)
    assert not runs_of("decision")


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_decision_that_is_killed_goes_on_to_the_same_one(how, decide, tmp_path):
    for kill in range(5):
        child = os.fork()
        if child == 0:
            os.setsid()
            CliRunner().invoke(main, [str(a) for a in decide])
            os._exit(0)
        deadline = time.monotonic() + 120
        while len(runs_of("trial") + runs_of("replicate")) < 3 * kill + 1 and time.monotonic() < deadline:
            time.sleep(0.05)
        os.kill(child, how)
        os.waitpid(child, 0)
    resumed = run(*decide).stdout
    assert len(runs_of("decision")) == 1
    assert {r.info.status for r in runs_of("replicate")} == {"FINISHED"}
    alone = tmp_path / "alone"
    alone.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(alone)
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{alone / 'mlflow.db'}")
        whole = run(*decide).stdout

    def without_seconds(text):
        return re.sub(r"\d+\.\d s", "", text)

    assert without_seconds(resumed) == without_seconds(whole)
