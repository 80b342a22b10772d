"""What people run into in their first week, most of it outside of this program: what MLflow, Optuna, platforms, file
systems and terminals leave or expect."""

import base64
import json
import os
import shutil
import sqlite3
from pathlib import Path

import mlflow
import optuna
import pytest
from click.testing import CliRunner
from mlflow import MlflowClient
from mlflow.pyfunc import scoring_server
from starlette.testclient import TestClient
from torch._inductor import config as inductor

from tests.end_to_end.conftest import FAST
from tests.end_to_end.test_sweep import children, parent, study
from tlcompare.backbones.registry import get_backbone
from tlcompare.cli import main
from tlcompare.features.speed import measure_speed
from tlcompare.freezing.layers import trace
from tlcompare.machine.device import Compute, require_compiler
from tlcompare.tracking.sending import _requirements

pytestmark = pytest.mark.usefixtures("drawn_once")

TINY = ["--model", "timm:test_resnet", "--weights", "none", *FAST, 1]
ONE_TRIAL = [*TINY, "--trials", 1, "--log-models", "none", "--name", "s"]


@pytest.fixture
def run(tlcompare):
    """A command that ends as expected; gives what it prints."""

    def running(*arguments, code=0):
        result = tlcompare(*arguments)
        assert result.exit_code == code, result.output + repr(result.exception)
        if code == 2:
            assert "Traceback" not in result.output
            assert len([line for line in result.stderr.splitlines() if line.startswith("Error: ")]) == 1
        return result.output

    return running


@pytest.fixture
def project(workplace, monkeypatch, photos):
    """A project with its own images and its store at the default place."""
    folder = workplace / "project"
    shutil.copytree(photos, folder / "photos")
    shutil.copy(workplace / "mlflow.db", folder / "mlflow.db")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
    return folder


def id_of(output):
    return next(line.split()[1] for line in output.splitlines() if line.startswith("run "))


# The environment


def test_a_run_that_has_ended_is_not_filled_again(run, photos, monkeypatch):
    monkeypatch.setenv("MLFLOW_RUN_ID", "")
    first = id_of(run("train", "--data", photos, *TINY, "--unfreeze", "frozen"))
    before = MlflowClient().get_run(first)
    monkeypatch.setenv("MLFLOW_RUN_ID", first)
    for command in (
        ["train", "--data", photos, *TINY, "--unfreeze", "layer4"],
        ["sweep", "--data", photos, *ONE_TRIAL],
        ["probe", "--data", photos, *TINY[:4], "--image-size", 32],
    ):
        assert f"MLFLOW_RUN_ID is {first}, a run that has ended (FINISHED)" in run(*command, code=2)
    assert MlflowClient().get_run(first).to_dictionary() == before.to_dictionary()


@pytest.mark.parametrize(
    ("params", "tags", "said"),
    [
        ({"unfreeze": "all"}, {}, "a run with --unfreeze all, not frozen"),
        ({"lr": "0.5"}, {}, "a run with --lr 0.5, not 0.0003"),
        ({}, {"tlcompare.role": "sweep"}, "a run that another command has filled"),
        ({"unfreeze": "frozen", "lr": "3e-4", "data": "PHOTOS", "config": "x"}, {"mine": "1"}, ""),
    ],
)
def test_a_run_that_is_open_is_taken_if_nothing_else_is_in_it(run, photos, monkeypatch, params, tags, said):
    opened = MlflowClient().create_run("0", tags=tags).info.run_id
    for name, value in params.items():
        MlflowClient().log_param(opened, name, value.replace("PHOTOS", str(photos)))
    monkeypatch.setenv("MLFLOW_RUN_ID", opened)
    output = run("train", "--data", photos, *TINY, "--unfreeze", "frozen", code=2 if said else 0)
    assert (said or opened) in output


def test_the_experiment_is_that_of_the_environment(run, photos, monkeypatch):
    mine = MlflowClient().create_experiment("mine")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", mine)
    trained = id_of(run("train", "--data", photos, *TINY, "--unfreeze", "frozen"))
    assert MlflowClient().get_run(trained).info.experiment_id == mine
    assert os.environ["MLFLOW_EXPERIMENT_ID"] == mine
    assert len(json.loads(run("compare", "--format", "json"))) == 1
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "other")
    said = run("train", "--data", photos, *TINY, code=2)
    assert f'MLFLOW_EXPERIMENT_ID is {mine}, the experiment "mine", and MLFLOW_EXPERIMENT_NAME is "other"' in said
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", "77")
    assert "MLFLOW_EXPERIMENT_ID is 77, which" in run("train", "--data", photos, *TINY, code=2)


def test_what_is_logged_is_there_even_if_mlflow_is_to_log_in_the_background(run, photos, monkeypatch):
    monkeypatch.setenv("MLFLOW_ENABLE_ASYNC_LOGGING", "true")
    trained = MlflowClient().get_run(id_of(run("train", "--data", photos, *TINY, "--unfreeze", "frozen")))
    assert trained.info.status == "FINISHED"
    assert {"val/accuracy", "cost/train_seconds"} <= set(trained.data.metrics)
    assert trained.data.params["strategy"] == "frozen"


# Stores


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("v3.0.0.d", "its tables are those of an older Optuna. Make a copy of it, then: optuna storage upgrade"),
        ("v99", "its tables are those of a newer Optuna. Upgrade Optuna."),
    ],
)
def test_a_study_of_another_optuna_is_named(run, photos, version, said):
    optuna.create_study(study_name="s", storage="sqlite:///optuna.db")
    with sqlite3.connect("optuna.db") as database:
        database.execute("UPDATE alembic_version SET version_num = ?", (version,))
    assert said in run("sweep", "--data", photos, *ONE_TRIAL, code=2)


@pytest.mark.parametrize("version", ["451aebb31d03", "ffffffffffff"])
def test_a_store_of_another_mlflow_is_named(run, photos, workplace, monkeypatch, version):
    shutil.copy("mlflow.db", "other.db")
    with sqlite3.connect("other.db") as database:
        database.execute("UPDATE alembic_version SET version_num = ?", (version,))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{workplace}/other.db")
    said = run("compare", code=2)
    assert "its tables are those of another version of MLflow. Make a copy of it, then: mlflow db upgrade" in said


def test_a_store_of_files_is_named(run, workplace, monkeypatch):
    Path("mlruns/0").mkdir(parents=True)
    Path("mlruns/0/meta.yaml").write_text("experiment_id: '0'\nlifecycle_stage: active\nname: Default\n")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"file://{workplace}/mlruns")
    said = run("compare", code=2)
    assert "it is a folder of files, which MLflow no longer writes to. Copy it into a database: mlflow" in said
    assert len(said) < 400


# A study that others write to


def test_trials_that_others_enqueue_are_trained_as_asked_or_refused(run, photos):
    begin = ["sweep", "--data", photos, *TINY, "--log-models", "none", "--name", "s", "--trials"]
    run(*begin, 2)
    study("s").enqueue_trial({"depth": 0.5, "snap": "layer", "lr": 0.002})
    study("s").enqueue_trial({"depth": 5.0})
    study("s").enqueue_trial({"depht": 0.5})
    study("s").add_trial(optuna.trial.create_trial(value=0.9999))
    output = run("sweep", "--name", "s", "--trials", 7)
    assert "trial 3, which was enqueued, FAILED: depth cannot be 5.0, but 0 to 1" in output
    assert "trial 4, which was enqueued, FAILED: the space has no parameter depht; there are depth, snap, lr" in output
    assert "best         #5" not in output
    trials = study("s").trials
    assert trials[3].user_attrs["reason"] == "depth cannot be 5.0, but 0 to 1"
    assert [t.state.name for t in trials] == ["COMPLETE"] * 3 + ["FAIL"] * 2 + ["COMPLETE"] * 5
    asked = next(r for r in children("s") if r.data.tags["tlcompare.trial"] == "2")
    assert (asked.data.params["lr"], asked.data.params["unfrozen_layers"]) == ("0.002", "26")
    assert asked.data.tags["tlcompare.baseline"] == "false"
    base = [r for r in children("s") if r.data.tags["tlcompare.baseline"] == "true"]
    assert [r.data.params["strategy"] for r in base] == ["frozen", "layer4", "layer3+layer4", "all"]
    assert asked.info.start_time > base[-1].info.start_time
    assert study("s").trials == trials


def test_a_trial_that_another_program_runs_is_left_to_it(run, photos):
    run("sweep", "--data", photos, *ONE_TRIAL)
    theirs = study("s").ask()
    theirs.suggest_float("momentum", 0, 1)
    study("s").enqueue_trial({"snap": "up"})
    output = run("sweep", "--name", "s", "--trials", 3)
    assert "all 3 trials are done" in output
    assert "trial 2" not in output
    output = run("sweep", "--name", "s", "--trials", 4)
    assert "trial 2, which was enqueued, FAILED: snap cannot be up, but layer, block" in output
    assert "4 finished, 2 of another program that were not run here" in output
    states = ["COMPLETE", "RUNNING", "FAIL", "COMPLETE", "COMPLETE", "COMPLETE"]
    assert [t.state.name for t in study("s").trials] == states
    assert len(children("s")) == 4


def test_a_trial_that_is_deleted_in_mlflow_is_out_of_everything(run, photos):
    run("sweep", "--data", photos, *TINY, "--name", "s", "--trials", 3, "--pruner", "off")
    client, first = MlflowClient(), parent("s").data.tags["tlcompare.best_run"]
    assert client.get_model_version_by_alias("s", "champion").run_id == first
    client.delete_run(first)
    output = run("sweep", "--name", "s")
    assert "1 trial(s) were deleted in MLflow" in output
    assert "2 finished, 1 deleted in MLflow" in output
    second = parent("s").data.tags["tlcompare.best_run"]
    assert second in {r.info.run_id for r in children("s")}
    assert client.get_model_version_by_alias("s", "champion").run_id == second
    client.restore_run(first)
    run("sweep", "--name", "s")
    assert parent("s").data.tags["tlcompare.best_run"] == first
    for child in children("s"):
        client.delete_run(child.info.run_id)
    run("sweep", "--name", "s")
    assert parent("s").data.tags["tlcompare.best_run"] == ""
    assert "champion" not in client.get_registered_model("s").aliases


def test_a_sweep_whose_own_run_is_deleted_says_how_to_restore_it(run, photos):
    run("sweep", "--data", photos, *ONE_TRIAL)
    above = parent("s").info.run_id
    MlflowClient().delete_run(above)
    said = run("sweep", "--name", "s", "--trials", 2, code=2)
    assert f"was deleted in MLflow. Restore it: mlflow runs restore --run-id {above}" in said


# What moves


def test_data_may_move(run, project, tmp_path):
    run("sweep", "--data", "photos", *TINY, "--trials", 1, "--name", "s")
    shutil.move("photos", tmp_path / "elsewhere")
    moved = ("--data", tmp_path / "elsewhere")
    said = run("sweep", "--name", "s", "--trials", 2, code=2)
    assert f'the images of the sweep "s" are no longer in {project}/photos. Say where they are now: --data DIR' in said
    assert f"the images are the same, now in {tmp_path}/elsewhere" in run("sweep", "--name", "s", "--trials", 2, *moved)
    run("replicate", "--sweep", "s", "--top", 1, "--seeds", 2)
    shutil.move(tmp_path / "elsewhere", tmp_path / "third")
    assert "Give a folder" in run("replicate", "--sweep", "s", "--top", 1, "--seeds", 3, code=2)
    run("finalize", "--sweep", "s", "--data", tmp_path / "third")
    (tmp_path / "third" / "red" / "00.png").unlink()
    for command in (["sweep", "--name", "s", "--trials", 4], ["replicate", "--sweep", "s", "--seeds", 3]):
        assert f"the images in {tmp_path}/third are not those" in run(*command, "--data", tmp_path / "third", code=2)


def test_a_project_that_was_renamed_is_named_before_anything_trains(run, project, monkeypatch, photos):
    run("sweep", "--data", photos, *ONE_TRIAL)
    now = project.with_name("renamed")
    project.rename(now)
    monkeypatch.chdir(now)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{now}/mlflow.db")
    for command in (
        ["sweep", "--name", "s", "--trials", 2],
        ["train", "--data", photos, *TINY],
        ["replicate", "--sweep", "s", "--seeds", 2],
        ["finalize", "--sweep", "s"],
    ):
        said = run(*command, code=2)
        assert f"are to be in {project}/mlruns/1, and {project} is gone: was the project moved or renamed?" in said
        assert f"ln -s {now} {project}" in said
    assert not project.exists()
    assert len(children("s")) == 1
    project.symlink_to(now)
    run("sweep", "--name", "s", "--trials", 2)
    assert len(children("s")) == 2


# Models


def test_ones_own_model_is_a_start_for_another_training(run, photos, tmp_path, monkeypatch):
    first = id_of(run("train", "--data", photos, *TINY, "--unfreeze", "layer4"))
    model = mlflow.artifacts.download_artifacts(f"runs:/{first}/model", dst_path=str(tmp_path / "model"))
    file = next(Path(model).rglob("model.safetensors"))
    given = ["train", "--data", photos, *TINY[:2], *FAST, 1, "--unfreeze", "frozen", "--weights"]
    scores = {
        MlflowClient().get_run(id_of(run(*given, weights))).data.metrics["val/log_loss"]
        for weights in (f"runs:/{first}/model", model, file)
    }
    assert len(scores) == 1
    opened = MlflowClient().create_run("0").info.run_id
    MlflowClient().log_param(opened, "weights", f"runs:/{first}/model")
    monkeypatch.setenv("MLFLOW_RUN_ID", opened)
    assert id_of(run(*given, f"runs:/{first}/model")) == opened
    assert MlflowClient().get_run(opened).data.tags["weights"].startswith(f"runs:/{first}/model, ")
    space = tmp_path / "space.yaml"
    space.write_text(f"unfreeze: [frozen]\nrecipe: {{weights: ['runs:/{first}/model']}}\n")
    run("sweep", "--data", photos, *TINY[:2], *FAST, 1, "--space", space, "--trials", 1, "--log-models", "none")
    assert "is not a model of this tool" in run(*given, f"runs:/{first}/config.yaml", code=2)
    assert "does not fit this backbone" in run(*given, file, "--model", "timm:test_vit", "--image-size", 160, code=2)


def test_a_model_asks_for_packages_that_can_be_installed(run, photos, monkeypatch):
    real = mlflow.pyfunc.save_model
    monkeypatch.setattr("tlcompare.tracking.sending.version", lambda name: "2.15.0+cpu")
    asked = []

    def save(*arguments, **named):
        asked.extend(named["pip_requirements"])
        return real(*arguments, **named)

    monkeypatch.setattr("mlflow.pyfunc.save_model", save)
    _requirements.cache_clear()
    run("train", "--data", photos, *TINY, "--unfreeze", "frozen")
    _requirements.cache_clear()
    assert "torch==2.15.0" in asked


@pytest.fixture
def served(run, photos, monkeypatch):
    """A scoring server's client and a picture in base64."""
    trained = id_of(run("train", "--data", photos, *TINY, "--unfreeze", "frozen"))
    monkeypatch.setenv("__pyfunc_model_path__", "model")
    app = scoring_server.init(mlflow.pyfunc.load_model(f"runs:/{trained}/model"))
    return TestClient(app), (photos / "red" / "00.png").read_bytes()


def test_every_form_of_a_request_gives_the_same(served):
    client, image = served
    text = base64.b64encode(image).decode()
    safe = base64.urlsafe_b64encode(image).decode()
    assert safe != text
    bodies = [
        {"dataframe_split": {"columns": ["image"], "data": [[form]]}}
        for form in (text, safe, safe.rstrip("="), f"data:image/png;base64,{text}", text[:50] + "\n" + text[50:])
    ]
    bodies += [
        {"dataframe_records": [{"image": text}]},
        {"instances": [{"image": text}]},
        {"instances": [text]},
        {"instances": [safe]},
        {"inputs": {"image": [text]}},
        {"inputs": [text]},
        {"inputs": [f"data:image/png;base64,{safe}"]},
    ]
    answers = [client.post("/invocations", json=body) for body in bodies]
    answers.append(client.post("/invocations", content=f"image\n{text}\n", headers={"Content-Type": "text/csv"}))
    assert [a.status_code for a in answers] == [200] * len(answers)
    assert all(a.json() == answers[0].json() for a in answers)
    two = client.post("/invocations", json={"instances": [text, text]}).json()["predictions"]
    (one,) = answers[0].json()["predictions"]
    for each in two:
        assert each["class"] == one["class"]
        assert each["probabilities"] == pytest.approx(one["probabilities"], rel=1e-5), "a batch rounds otherwise"
    other = client.post("/invocations", json={"inputs": ["data:text/plain,hello"]})
    assert other.status_code == 400
    assert "a data URI that is not base64: data:text/plain" in other.text


# Machines


def test_what_a_terminal_cannot_show_is_written_out(run, photos, tmp_path):
    for old, new in (("red", "\u732b"), ("blue", "\u72ac")):
        shutil.copytree(photos / old, tmp_path / "animals" / new)
    trained = id_of(run("train", "--data", tmp_path / "animals", *TINY, "--unfreeze", "frozen"))
    latin = CliRunner(charset="latin-1")
    picture = tmp_path / "animals" / "\u732b" / "00.png"
    shown = latin.invoke(main, ["predict", f"runs:/{trained}/model", str(picture)])
    assert (shown.exit_code, "animals/\\u732b/00.png" in shown.output) == (0, True)
    listed = latin.invoke(main, ["compare", trained, trained])
    assert listed.exit_code == 0, repr(listed.exception)


def test_a_norm_behind_the_pooling_is_measured_with_two_images(monkeypatch):
    """However large they are."""
    monkeypatch.setattr("tlcompare.features.speed._PIXELS", 64**2)
    backbone = get_backbone("timm:skresnet18").at_size(64)
    speed = measure_speed(trace(backbone, backbone.build()), Compute("cpu", "fp32", 1))
    assert speed.step > 0


def test_without_a_compiler_nothing_begins(run, photos, tmp_path):
    require_compiler.cache_clear()
    with inductor.patch({"cpp.cxx": (None, str(tmp_path / "gone"))}):
        said = run("train", "--data", photos, *TINY, "--unfreeze", "layer4", "--compile", code=2)
    assert "--compile: torch cannot compile here: " in said
    assert "Install a C++ compiler such as g++, or set CXX to one; or leave --compile out." in said
    assert MlflowClient().get_experiment_by_name("tlcompare") is None


def test_how_few_validation_images_there_are_is_said(run, photos):
    output = run("train", "--data", photos, *TINY, "--unfreeze", "frozen")
    count = next(int(word) for word in output.split("train, ")[1].split()[:1])
    assert f"warning: {count} validation images: each is {1 / count:.1%} of the accuracy that is shown" in output
