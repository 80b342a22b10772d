"""Sweeps over the command line, with real training, SQLite and MLflow."""

import contextlib
import io
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import time

import optuna
import pandas as pd
import pytest
from mlflow import MlflowClient
from optuna.trial import TrialState

from tests.end_to_end.conftest import FAST
from tlcompare.files import cache_dir
from tlcompare.study.studies import Studies

pytestmark = pytest.mark.usefixtures("drawn_once")

MODEL = ["--model", "efficientnet_lite0"]
TINY = ["--model", "timm:test_resnet", "--weights", "none"]


@pytest.fixture
def sweep(tlcompare, photos):
    """A small sweep, of random weights where these do not matter; gives click's result."""

    def run(*arguments, data=photos, code=0, model=TINY):
        result = tlcompare("sweep", *model, "--data", data, *FAST, 2, *arguments)
        assert result.exit_code == code, result.output + repr(result.exception)
        return result

    return run


def study(name="default-1"):
    return optuna.load_study(study_name=name, storage="sqlite:///optuna.db")


def parent(name="default-1"):
    client = MlflowClient()
    every = [e.experiment_id for e in client.search_experiments()]
    (run,) = client.search_runs(every, f"tags.`tlcompare.sweep` = '{name}' AND tags.`tlcompare.role` = 'sweep'")
    return run


def children(name="default-1"):
    run = parent(name)
    found = MlflowClient().search_runs([run.info.experiment_id], f"tags.`mlflow.parentRunId` = '{run.info.run_id}'")
    return sorted(found, key=lambda r: int(r.data.tags["tlcompare.trial"]))


def artifact(run, path):
    from mlflow.artifacts import load_text

    return load_text(f"{run.info.artifact_uri}/{path}")


def assert_they_agree(name, count):
    """Optuna and MLflow hold the same trials in the same states, and none is running."""
    trials, runs = study(name).trials, children(name)
    assert [t.number for t in trials] == list(range(count))
    assert [int(r.data.tags["tlcompare.trial"]) for r in runs] == list(range(count))
    assert [t.user_attrs["run_id"] for t in trials] == [r.info.run_id for r in runs]
    expected = {TrialState.COMPLETE: "FINISHED", TrialState.PRUNED: "KILLED", TrialState.FAIL: "FAILED"}
    assert [expected[t.state] for t in trials] == [r.info.status for r in runs]


def test_a_sweep_leaves_everything_in_optuna_and_mlflow(sweep, tlcompare):
    result = sweep("--trials", 5, "--pruner", "off")
    assert_they_agree("default-1", 5)
    runs, above = children(), parent()
    assert [r.data.params["strategy"] for r in runs[:4]] == ["frozen", "layer4", "layer3+layer4", "all"]
    assert above.info.status == "FINISHED"
    assert above.data.params["space"] == "default"
    assert not above.data.metrics
    assert "chosen on some of the images and scored on the others" in above.data.tags["mlflow.note.content"]
    for run in runs:
        assert {"backbone", "strategy", "strategy_family", "depth", "lr", "seed", "block.layer4"} <= set(
            run.data.params
        )
        for name in ("unfrozen_layers", "trainable_fraction", "log10_lr"):
            float(run.data.params[name])
        assert run.data.metrics["val/accuracy"] >= 0
    best = max(runs, key=lambda r: (r.data.metrics["val/accuracy"], -int(r.data.tags["tlcompare.trial"])))
    assert above.data.tags["tlcompare.best_run"] == best.info.run_id
    drawn = [r for r in runs if MlflowClient().list_artifacts(r.info.run_id, "figures")]
    assert [r.info.run_id for r in drawn] == [best.info.run_id]
    drawn = {f.path for f in MlflowClient().list_artifacts(best.info.run_id, "figures")}
    assert drawn == {"figures/learning_curves.png", "figures/confusion_val.png"}

    table = pd.read_csv(io.StringIO(artifact(above, "trials.csv")))
    assert list(table["trial"]) == list(range(5))
    assert list(table["run_id"]) == [r.info.run_id for r in runs]
    assert "Plotly.newPlot" in artifact(above, "figures/sweep.html")
    figures = {f.path for f in MlflowClient().list_artifacts(above.info.run_id, "figures")}
    names = ("accuracy_by_depth", "accuracy_by_weights", "accuracy_by_time", "importance", "history")
    assert figures == {"figures/sweep.html", *(f"figures/{name}.png" for name in names)}

    version = MlflowClient().get_model_version_by_alias("default-1", "champion")
    assert version.run_id == best.info.run_id
    view = MlflowClient().get_experiment(above.info.experiment_id).tags["mlflow.sharedViewState.tlcompare-default-1"]
    state = json.loads(json.loads(view)["state"])
    assert {c["type"] for c in state["compareRunCharts"]} == {"PARALLEL", "SCATTER", "CONTOUR", "BAR"}
    assert "viewStateShareKey=tlcompare-default-1" in result.stdout

    rows = json.loads(tlcompare("compare", "--sweep", "default-1", "--format", "json").stdout)
    assert len(rows) == 5
    assert rows[0]["val_accuracy"] == best.data.metrics["val/accuracy"]
    first = json.loads(tlcompare("pick", "--sweep", "default-1", "--json").stdout)
    second = json.loads(tlcompare("pick", "--sweep", "default-1", "--within", "90%", "--json").stdout)
    assert "With one seed each, nothing can be concluded" in second["why"]
    tagged = {r.info.run_id for r in children() if "tlcompare.picked" in r.data.tags}
    assert tagged == set(second["runs"])
    assert first["run"] == best.info.run_id

    again = sweep("--name", "default-1", "--trials", 6)
    assert "6/6" in again.stderr
    assert "5/6" not in again.stderr
    assert_they_agree("default-1", 6)
    assert [r.info.run_id for r in children()][:5] == [r.info.run_id for r in runs]
    other = sweep("--name", "default-1", "--dropout", "0.5", "--sampler", "random", code=2)
    assert "was begun with --dropout 0.2, not 0.5; --sampler tpe, not random" in other.stderr
    fewer = sweep("--name", "default-1", "--trials", 3)
    assert "6 trials are done already" in fewer.stdout
    compared = tlcompare("compare", "--sweep", "default-1")
    assert "6 trials: 6 finished" in compared.stderr
    assert compared.stdout.splitlines()[0].split()[:5] == ["data", "size", "backbone", "strategy", "lr"]


def test_a_configuration_that_was_tried_gets_a_further_seed(sweep, tmp_path):
    space = tmp_path / "two.yaml"
    space.write_text("unfreeze: [frozen, layer4]\nsampler: grid\n")
    sweep("--space", space, "--trials", 5, "--seed", 3, "--log-models", "none")
    runs = children("two-1")
    assert [(r.data.params["strategy"], r.data.params["seed"]) for r in runs] == [
        ("frozen", "3"),
        ("layer4", "3"),
        ("layer3+layer4", "3"),
        ("all", "3"),
        ("frozen", "4"),
    ]
    keys = [r.data.tags["tlcompare.configuration"] for r in runs]
    assert keys[0] == keys[4]
    assert len(set(keys)) == 4
    assert MlflowClient().search_registered_models() == []
    assert MlflowClient().search_logged_models([parent("two-1").info.experiment_id]) == []


def test_several_objectives_give_a_pareto_set_and_only_its_models_stay(sweep, tmp_path):
    space = tmp_path / "four.yaml"
    space.write_text("unfreeze: [frozen, layer4, all]\nsampler: grid\n")
    objectives = ["--maximize", "val/accuracy", "--minimize", "cost/trainable_parameters"]
    sweep("--space", space, *objectives, "--log-models", "best")
    best = {t.number for t in study("four-1").best_trials}
    assert 0 in best
    with_models = {m.source_run_id for m in MlflowClient().search_logged_models([parent("four-1").info.experiment_id])}
    assert with_models == {t.user_attrs["run_id"] for t in study("four-1").trials if t.number in best}


def test_failures_are_told_with_their_reason_and_too_many_stop_the_sweep(sweep):
    ruinous = ["--optimizer", "sgd", "--lr", 1000, "--head-lr", 1000, "--weight-decay", 1e30, "--epochs", 3]
    result = sweep(*ruinous, "--trials", 9, code=2)
    assert re.search(r"5 trials in a row failed, the first with: #0 timm:test_resnet frozen.*: the ", result.stderr)
    assert "go on with: tlcompare sweep --name default-1" in result.stderr
    assert_they_agree("default-1", 5)
    assert parent().info.status == "FAILED"
    for run, trial in zip(children(), study().trials, strict=True):
        assert "loss became" in run.data.tags["tlcompare.reason"]
        assert trial.state == TrialState.FAIL


def test_what_had_ended_when_it_was_killed_is_told_and_what_is_left_over_goes(sweep):
    sweep("--trials", 2, "--log-models", "none")
    before = [r.info.run_id for r in children()]
    with contextlib.closing(sqlite3.connect("optuna.db")) as database, database:
        database.execute("DELETE FROM trial_values WHERE trial_id IN (SELECT trial_id FROM trials WHERE number = 1)")
        database.execute("UPDATE trials SET state = 'RUNNING', datetime_complete = NULL WHERE number = 1")
    tags = {"mlflow.parentRunId": parent().info.run_id, "tlcompare.trial": "1", "tlcompare.sweep": "default-1"}
    MlflowClient().create_run(parent().info.experiment_id, tags=tags)
    sweep("--name", "default-1")
    assert_they_agree("default-1", 2)
    assert [r.info.run_id for r in children()] == before
    assert study().trials[1].value == children()[1].data.metrics["val/accuracy"]


def test_a_sweep_is_gone_on_with_where_its_study_is(sweep, workplace, monkeypatch):
    sweep("--trials", 1, "--log-models", "none")
    (workplace / "elsewhere").mkdir()
    monkeypatch.chdir(workplace / "elsewhere")
    result = sweep("--name", "default-1", "--trials", 2, code=2)
    assert 'holds a sweep "default-1" whose study is not in sqlite:///optuna.db' in result.stderr
    sweep("--name", "default-1", "--trials", 2, "--storage", f"sqlite:///{workplace / 'optuna.db'}")
    sweep("--trials", 1, "--log-models", "none")
    assert [int(r.data.tags["tlcompare.trial"]) for r in children("default-1")] == [0, 1]
    assert len(children("default-2")) == 1


def test_images_that_changed_stop_a_sweep_that_goes_on(sweep, photos, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(photos, data)
    sweep("--trials", 1, data=data, code=0)
    (data / "red" / "00.png").unlink()
    result = sweep("--trials", 2, "--name", "default-1", data=data, code=2)
    assert "are not those that the sweep" in result.stderr


def forked(work):
    """A child process with everything imported that runs `work`; gives its id."""
    child = os.fork()
    if child:
        return child
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    code = 99
    try:
        code = work().exit_code
    finally:
        os._exit(code)


def wait_for_trials(name, count):
    """Until so many trials have begun."""
    for _ in range(1200):
        time.sleep(0.05)
        with contextlib.suppress(sqlite3.OperationalError):
            opened = sqlite3.connect("file:optuna.db?mode=ro", uri=True)
            begun = "SELECT count(*) FROM trials JOIN studies USING (study_id) WHERE study_name = ?"
            with contextlib.closing(opened) as database:
                if database.execute(begun, [name]).fetchone()[0] >= count:
                    return
    pytest.fail("the sweep does not get anywhere")


def chosen(name):
    return [
        (r.data.params["strategy"], r.data.params["lr"], r.data.params["seed"], r.data.metrics.get("val/log_loss"))
        for r in children(name)
    ]


@pytest.mark.slow
def test_a_sweep_that_is_killed_goes_on_as_if_nothing_had_been(sweep, tlcompare, photos):
    options = ["--trials", 6, "--sampler", "random", "--log-models", "none"]
    command = ["sweep", *TINY, "--data", photos, *FAST, 2, *options]
    for trials in (2, 4):
        child = forked(lambda: tlcompare(*command, "--name", "killed"))
        wait_for_trials("killed", trials)
        time.sleep(0.3)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert study("killed").get_trials(states=(TrialState.RUNNING,))
    sweep(*options, "--name", "killed")
    assert_they_agree("killed", 6)
    assert parent("killed").info.status == "FINISHED"
    sweep(*options, "--name", "whole")
    assert chosen("killed") == chosen("whole")


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow)]
)
def test_a_sweep_that_is_interrupted_cleans_up_and_goes_on(sweep, tlcompare, photos, number, code):
    command = ["sweep", *TINY, "--data", photos, *FAST, 2, "--trials", 3, "--log-models", "none", "--name", "s"]
    child = forked(lambda: tlcompare(*command))
    wait_for_trials("s", 2)
    os.kill(child, number)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == code
    assert not study("s").get_trials(states=(TrialState.RUNNING,))
    assert {r.info.status for r in [parent("s"), *children("s")]} <= {"FINISHED", "KILLED"}
    assert parent("s").info.status == "KILLED"
    sweep("--trials", 3, "--name", "s")
    assert_they_agree("s", 3)


RUNGS = ["--pruner", "rungs", "--log-models", "none", "--epochs", 4, "--trials", 11]


def epochs_of(run):
    history = MlflowClient().get_metric_history(run.info.run_id, "val/epoch_loss")
    return [m.step for m in history]


def test_trials_pause_at_rungs_and_those_that_do_not_go_on_are_pruned_in_the_end(sweep, tlcompare, photos):
    child = forked(lambda: tlcompare("sweep", *TINY, "--data", photos, *FAST, 2, *RUNGS, "--name", "s"))
    wait_for_trials("s", 8)
    os.kill(child, signal.SIGINT)
    os.waitpid(child, 0)
    paused = [r for r in children("s") if r.info.status == "SCHEDULED"]
    assert paused
    assert {r.data.tags["tlcompare.state"] for r in paused} == {"paused"}
    assert paused[0].data.tags["tlcompare.reason"] == f"paused after epoch {epochs_of(paused[0])[-1]}"
    kept = {file.name for file in (cache_dir() / "checkpoints").iterdir()}
    assert {r.data.tags["tlcompare.checkpoint"] for r in paused} <= kept

    result = sweep(*RUNGS, "--name", "s")
    assert re.search(r"\d+ trials ended at a rung, \d+ were promoted to their end; \d+ epochs in all", result.stdout)
    assert re.search(r"rank correlation of .*, of the \d+ that had their end in any case", result.stdout)
    assert_they_agree("s", 11)
    runs = children("s")
    lengths = [len(epochs_of(r)) for r in runs]
    assert [epochs_of(r) for r in runs] == [list(range(1, n + 1)) for n in lengths], "no epoch twice"
    pruned = [r for r in runs if r.info.status == "KILLED"]
    assert {(r.data.tags["tlcompare.state"], len(epochs_of(r)) in (1, 2)) for r in pruned} == {("pruned", True)}
    assert lengths[:4] == [4, 4, 4, 4], "baselines"
    assert f"{sum(lengths)} epochs in all" in result.stdout
    assert not list((cache_dir() / "checkpoints").iterdir())
    assert {t.state for t in study("s").trials} == {TrialState.COMPLETE, TrialState.PRUNED}


@pytest.mark.slow
def test_a_sweep_with_rungs_that_is_killed_has_the_same_promotions(sweep, tlcompare, photos):
    command = ["sweep", *TINY, "--data", photos, *FAST, 2, *RUNGS, "--epochs", 9, "--trials", 16, "--name"]
    for trials in (3, 6, 8, 11, 14):
        child = forked(lambda: tlcompare(*command, "killed"))
        wait_for_trials("killed", trials)
        time.sleep(random.random())
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    told = tlcompare(*command, "killed").stdout
    assert_they_agree("killed", 16)
    whole = tlcompare(*command, "whole").stdout
    assert chosen("killed") == chosen("whole")
    assert [epochs_of(r) for r in children("killed")] == [epochs_of(r) for r in children("whole")]
    assert re.findall("rungs .*", told) == re.findall("rungs .*", whole)


def test_failed_baselines_are_tried_again_when_the_sweep_goes_on(sweep, tmp_path):
    """The weights that were ruinous are mended in between."""
    import torch
    from safetensors.torch import save_file

    from tlcompare.backbones.registry import get_backbone

    state = {n: t.clone() for n, t in get_backbone("timm:test_resnet").build().state_dict().items()}
    path = tmp_path / "weights.safetensors"
    save_file({n: torch.full_like(t, float("nan")) if t.is_floating_point() else t for n, t in state.items()}, path)
    options = ["--weights", path, "--log-models", "none", "--name", "mended", "--trials"]
    assert "2 failed" in sweep(*options, 2).stdout
    save_file(state, path)
    sweep(*options, 2)
    assert_they_agree("mended", 4)
    assert [r.info.status for r in children("mended")] == ["FAILED", "FAILED", "FINISHED", "FINISHED"]
    seeds = [(r.data.params["strategy"], r.data.params["seed"]) for r in children("mended")[2:]]
    assert seeds == [("layer3+layer4", "0"), ("all", "0")]
    sweep(*options, 5)
    assert_they_agree("mended", 7)
    assert [r.data.params["strategy"] for r in children("mended")[4:6]] == ["frozen", "layer4"]


@pytest.mark.parametrize("how", [["--sampler", "gp"], ["--sampler", "nsga2"], ["--pruner", "hyperband"]])
def test_every_sampler_and_pruner_runs_a_sweep(sweep, how):
    sweep(*how, "--trials", 5, "--log-models", "none")
    assert_they_agree("default-1", 5)
    assert TrialState.FAIL not in {t.state for t in study().trials}


def test_a_sweep_stops_when_nothing_improves_and_can_go_on(sweep):
    """Weights of the model cannot get fewer than those of the first trial."""
    options = ["--minimize", "cost/trainable_parameters", "--log-models", "none", "--name", "patient"]
    assert "nothing has improved for 2 trials" in sweep(*options, "--patience", 2).stdout
    assert_they_agree("patient", 4 + 2)
    sweep(*options, "--patience", 0, "--trials", 7)
    assert_they_agree("patient", 7)


def test_a_sweep_that_has_no_time_leaves_a_summary_all_the_same(sweep):
    assert "the time of 0.001 s is over" in sweep("--timeout", "0.001s").stdout
    assert parent().info.status == "FINISHED"
    assert artifact(parent(), "trials.csv").startswith("trial,state,backbone")
    sweep("--name", "default-1", "--timeout", 0, "--trials", 1, "--maximize", "val/accuracy")
    assert_they_agree("default-1", 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    "how", [["--sampler", "random", "--pruner", "off"], ["--space", "depth"]], ids=["random", "grid"]
)
def test_two_jobs_give_the_same_as_one(sweep, how):
    options = [*how, "--trials", 6, "--log-models", "none", "--seed", 5]
    sweep(*options, "--name", "one")
    sweep(*options, "--name", "two", "--jobs", 2)
    assert_they_agree("two", 6)
    assert chosen("one") == chosen("two")


def test_a_dry_run_shows_what_would_be_and_leaves_nothing(sweep, workplace):
    result = sweep("--dry-run", "--trials", 9, model=MODEL)
    assert "known        4 baselines" in result.stdout
    assert re.search(r"#3  efficientnet_lite0 all lr 0.0003 +141 of 141 layers", result.stdout)
    assert "then 5 more, chosen from" in result.stdout
    assert "models       0.12 GB (--log-models all)" in result.stdout
    assert "depth: 0 to 1" in result.stdout
    fixed = sweep("--dry-run", "--unfreeze", "frozen", "--space", "surgical", "--lr", 0.1, model=MODEL).stdout
    assert "then 39 more, with further seeds: nothing is left to choose" in fixed
    sweep("--dry-run", "--jobs", "auto", model=MODEL)
    for wrong in (["--storage", "foo.db"], ["--name", "a b"], ["--jobs", "some"]):
        sweep("--dry-run", *wrong, code=2, model=MODEL)
    assert not (workplace / "optuna.db").exists()
    assert MlflowClient().get_experiment_by_name("tlcompare") is None


def test_a_dry_run_of_few_trials_over_two_backbones_and_of_sizes_in_the_space(tlcompare, photos, tmp_path):
    """The second backbone has no trial; the size is each trial's own."""
    space = tmp_path / "sizes.yaml"
    trials = [
        f"  - {{model: {m}, unfreeze: 20%, image_size: {s}}}"
        for m, s in (("efficientnet_lite0", 48), ("mobilenet", 32))
    ]
    space.write_text("\n".join(["trials:", *trials, ""]))
    options = ("--space", space, "--data", photos, "--weights", "none", "--epochs", 2, "--trials", 1, "--threads", 1)
    result = tlcompare("sweep", *options, "--dry-run")
    assert result.exit_code == 0, result.output
    assert "features     kept at 1 cuts" in result.stdout


def test_without_data_and_without_a_network(tlcompare, monkeypatch, tmp_path):
    """As it stands it works everywhere: embedded images, and the embedded backbone where no weights are to be had."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    result = tlcompare("sweep", "--dry-run", "--image-size", 32, "--epochs", 1, "--threads", 1)
    assert result.exit_code == 0, result.output
    assert "no --data: taking the embedded digits" in result.stdout
    assert "so this sweep is over efficientnet_lite0 instead of mobilenet, resnet50" in result.stdout
    named = tlcompare("sweep", "--dry-run", "--model", "resnet50", "--image-size", 32)
    assert named.exit_code == 2
    assert "cannot download" in named.stderr
    listed = tlcompare("sweep", "--dry-run", "--space", "report")
    assert listed.exit_code == 2
    assert "cannot download" in listed.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--space", "nope"], 'no space "nope"'),
        (["--unfreeze", "conv5"], '--unfreeze: "conv5" is no block of efficientnet_lite0'),
        (["--sampler", "grid"], "endless choices for depth"),
        (["--maximize", "test/accuracy"], "a sweep never reads the test set"),
        (["--minimize", "cost/train_seconds", "--pruner", "median"], "--pruner median needs one objective"),
        (["--space", "report"], "space report has no trial of it"),
        (["--space", "recipe", "--epochs", "2"], "recipe.head_first 2: --head-first 2 must be less than --epochs 2"),
        (["--name", "a/b"], '--name "a/b" is no name of a sweep'),
        (["--storage", "nonsense"], "the study storage nonsense cannot be used"),
        (["--storage", "sqlite:///mlflow.db"], "MLflow's own database"),
        (["--weights", "gone.pth"], "no weights file"),
        (["--timeout", "soon"], "is no time. Give one such as"),
        (["--epoch-patience", "-1"], "--patience must be at least 0, not -1"),
        (["--patience", "-1"], "Invalid value for '--patience'"),
        (
            ["--sampler", "gp", "--space", "recipe", "--epochs", "4"],
            "--sampler gp learns only from parameters that every trial has",
        ),
        (["--lr", "x"], "--lr takes a number"),
    ],
)
def test_mistakes_are_one_line_before_anything_runs(sweep, workplace, arguments, said):
    result = sweep(*arguments, code=2, model=MODEL)
    assert said in result.stderr
    assert result.stderr.count("Error") == 1
    assert MlflowClient().get_experiment_by_name("tlcompare") is None


def test_a_name_alone_goes_on_with_a_sweep_and_begins_none(tlcompare, workplace):
    for dry in ((), ("--dry-run",)):
        result = tlcompare("sweep", "--name", "mine", *dry)
        assert result.exit_code == 2
        assert f'there is no sweep "mine" to go on with in sqlite:///optuna.db, seen from {workplace}' in result.stderr
    assert not Studies("sqlite:///optuna.db").names()


def test_a_sweep_that_another_process_is_beginning_is_not_begun(sweep):
    studies = Studies("sqlite:///optuna.db")
    with studies.alone("mine"):
        result = sweep("--trials", 1, "--name", "mine", code=2)
    assert 'the sweep "mine" is already running on this machine' in result.stderr
    assert not studies.names()


def test_spaces(tlcompare):
    listed = tlcompare("spaces").stdout.splitlines()
    assert [line.split()[0] for line in listed] == ["default", "depth", "recipe", "report", "surgical"]
    assert "log: true" in tlcompare("spaces", "default").stdout
    assert tlcompare("spaces", "deflt").exit_code == 2


@pytest.mark.slow
def test_forty_trials_killed_twice_are_forty_trials(tlcompare):
    """Real weights and images; the moments are random, and printed for whoever has to repeat them."""
    options = ["--data", "digits", "--image-size", 32, "--epochs", 2, "--threads", 1, "--name", "forty"]
    command = ["sweep", *MODEL, *options, "--trials", 40, "--log-models", "none"]
    for _ in range(2):
        child = forked(lambda: tlcompare(*command))
        seconds = random.uniform(15, 60)
        print(f"killed after {seconds:.2f} s")
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert tlcompare(*command).exit_code == 0
    assert_they_agree("forty", 40)
    assert {t.state for t in study("forty").trials} <= {TrialState.COMPLETE, TrialState.PRUNED}
    best = json.loads(tlcompare("pick", "--sweep", "forty", "--json").stdout)["run"]
    assert MlflowClient().get_run(best).data.metrics["val/accuracy"] > 0.9


@pytest.mark.slow
def test_the_report_runs_and_its_counts_are_the_plans(tlcompare, photos):
    """Random weights: this is about counts, for three classes."""
    small = ["--data", photos, "--weights", "none", *FAST, 1, "--log-models", "none"]
    result = tlcompare("sweep", "--space", "report", *small)
    assert result.exit_code == 0, result.output
    rows = json.loads(tlcompare("compare", "--sweep", "report-1", "--format", "json").stdout)
    assert len(rows) == 8
    assert {r["note"] for r in rows} == {"RANDOM WEIGHTS"}
    for row in rows:
        plan = ["plan", "--model", row["backbone"], "--unfreeze", row["strategy"], "--classes", 3, "--json"]
        assert json.loads(tlcompare(*plan).stdout)["trainable_parameters"] == row["trainable_weights"]
    with_five = {(r["backbone"], r["strategy"]): r["trainable_weights"] for r in rows}
    assert with_five["mobilenet", "30"] == 2_400_773 - 2 * 1025
    assert with_five["resnet50", "conv4+conv5"] == 22_073_349 - 2 * 2049
    assert "RANDOM WEIGHTS" in parent("report-1").data.tags["mlflow.note.content"]


def test_a_sweep_passes_every_image_through_the_frozen_layers_once(sweep, tmp_path, monkeypatch):
    """Whatever its trials freeze: the first computes what all of them start from, and heads train together."""
    monkeypatch.setenv("TLCOMPARE_CACHE", str(tmp_path / "cache"))
    space = tmp_path / "list.yaml"
    trials = ["frozen", "top", "frozen", "20%"]
    lines = [f"  - {{unfreeze: {t}, model: efficientnet_lite0, head_lr: 0.00{i + 1}}}" for i, t in enumerate(trials)]
    space.write_text("trials:\n" + "\n".join(lines) + "\n")
    options = ("--space", space, "--epochs", 4, "--log-models", "none")
    sweep(*options, model=MODEL)
    params = children("list-1")[0].data.params
    slots = 2 * int(params["train_images"]) + int(params["val_images"])
    kept = [r.data.metrics for r in children("list-1")]
    assert [m["cost/prefix_images"] for m in kept] == [slots, 0, 0, 0]
    assert all(0 < m["cost/features_seconds"] < m["cost/train_seconds"] for m in kept)
    sweep(*options, "--cache-gb", 0, "--name", "without", model=MODEL)
    anew = [r.data.metrics for r in children("without")]
    passes = 4 * (int(params["train_images"]) + int(params["val_images"]))
    assert [m["cost/prefix_images"] for m in anew] == [slots, passes, 0, passes]
    for a, b in zip(kept, anew, strict=True):
        assert a["val/log_loss"] == pytest.approx(b["val/log_loss"], rel=0.02)
        assert a["train/loss"] == pytest.approx(b["train/loss"], rel=0.02)
    sweep(*options, "--name", "again", "--seed", 7, model=MODEL)
    assert sum(r.data.metrics["cost/prefix_images"] for r in children("again")) == 0


def test_heads_do_not_depend_on_those_that_train_with_them(sweep, tmp_path):
    """Several frozen trials in one go, and in two sittings."""
    space = tmp_path / "heads.yaml"
    lines = [f"  - {{unfreeze: frozen, model: timm:test_resnet, head_lr: 0.00{i + 1}}}" for i in range(3)]
    space.write_text("trials:\n" + "\n".join(lines) + "\n")
    options = ("--space", space, "--log-models", "none")
    sweep(*options, "--name", "whole")
    sweep(*options, "--name", "parts", "--trials", 1)
    sweep(*options, "--name", "parts", "--trials", 3)
    exact = [[r.data.metrics[m] for m in ("val/log_loss", "train/loss")] for r in children("whole")]
    assert [[r.data.metrics[m] for m in ("val/log_loss", "train/loss")] for r in children("parts")] == exact
    assert len({tuple(e) for e in exact}) == 3


@pytest.mark.slow
def test_a_sweep_that_compiles_what_trains(sweep):
    sweep("--trials", 4, "--log-models", "none", "--pruner", "off", "--compile")
    sweep("--trials", 4, "--log-models", "none", "--pruner", "off", "--name", "plain")
    for a, b in zip(children("default-1"), children("plain"), strict=True):
        assert a.data.metrics["train/loss"] == pytest.approx(b.data.metrics["train/loss"], rel=0.1)
