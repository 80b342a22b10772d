import base64
import csv
import io
import json
import shutil
import signal
import subprocess
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from mlflow import MlflowClient
from PIL import Image

from tests.conftest import write_image


def artifact(run, path):
    return MlflowClient().download_artifacts(run.info.run_id, path)


def artifacts(run, folder=None):
    found = []
    for item in MlflowClient().list_artifacts(run.info.run_id, folder):
        found += artifacts(run, item.path) if item.is_dir else [item.path]
    return found


def test_one_run_end_to_end(train, tlcompare, photos, cache):
    """Train, look at everything the run holds, run it again, load the model back."""
    shutil.rmtree(cache / "latency", ignore_errors=True)  # whether it is measured must not change the result
    run = train("--unfreeze", "12", "--score-test", "--experiment", "whole", epochs=2)
    data = run.data
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "efficientnet_lite0 12"
    assert data.params["trainable_parameters"] == str(1_017_600 + 3 * 1281)
    assert (data.params["strategy_family"], data.params["unfrozen_layers"]) == ("last", "12")
    assert data.params["precision"] in ("bf16", "fp32")
    assert "auto" not in data.params.values()
    assert data.metrics["cost/trainable_parameters"] + data.metrics["cost/frozen_parameters"] == 3_371_008 + 3 * 1281
    for part in ("val", "test"):
        for name in ("accuracy", "balanced_accuracy", "macro_f1", "log_loss", "ece"):
            assert np.isfinite(data.metrics[f"{part}/{name}"])
    for name in ("train_seconds", "seconds_per_epoch", "peak_memory_mb", "model_mb", "backward_images"):
        assert data.metrics[f"cost/{name}"] > 0
    assert 0 < data.metrics["cost/latency_p50_ms"] <= data.metrics["cost/latency_p95_ms"]
    assert data.tags["tlcompare.test_opened"] == "true"
    assert "Validation accuracy" in data.tags["mlflow.note.content"]
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=Path(__file__).parent, capture_output=True, text=True)
    assert data.tags.get("mlflow.source.git.commit", "") == head.stdout.strip()
    history = MlflowClient().get_metric_history(run.info.run_id, "val/epoch_accuracy")
    assert [m.step for m in history] == [1, 2]
    assert data.metrics["val/accuracy"] == max(m.value for m in history)
    (inputs,) = run.inputs.dataset_inputs
    assert inputs.dataset.digest == data.params["data_digest"]
    assert json.loads(next(t.value for t in inputs.tags if t.key == "classes")) == {"blue": 12, "green": 12, "red": 12}

    assert set(artifacts(run)) >= {
        "config.yaml",
        "environment.json",
        "figures/confusion_test.png",
        "figures/confusion_val.png",
        "figures/learning_curves.png",
        "layers.csv",
        "plan.json",
        "predictions/test.csv",
        "predictions/val.csv",
        "scores/val_classes.csv",
    }
    plan = json.loads(open(artifact(run, "plan.json")).read())
    assert str(plan["trainable_parameters"]) == data.params["trainable_parameters"]
    listed = list(csv.DictReader(open(artifact(run, "layers.csv"))))
    assert len(listed) == 141
    assert [r["name"] for r in listed if r["unfrozen"] == "True"] == plan["layers"]

    predicted = pd.read_csv(artifact(run, "predictions/val.csv"))
    assert (predicted["true"] == predicted["predicted"]).mean() == data.metrics["val/accuracy"]
    check_model(run, predicted, tlcompare, photos)
    check_again(run, tlcompare)


def check_model(run, predicted, tlcompare, photos):
    """The logged model gives the probabilities that evaluation gave, whatever way an image comes."""
    uri = f"runs:/{run.info.run_id}/model"
    files = [str(photos / f) for f in predicted["file"]]
    result = tlcompare("predict", uri, *files, "--json")
    assert result.exit_code == 0, result.output
    for row, said in zip(json.loads(result.stdout), predicted.to_dict("records"), strict=True):
        assert row["class"] == said["predicted"]
        for name, probability in row["probabilities"].items():
            assert probability == pytest.approx(said[f"p({name})"], abs=1e-4)

    model = mlflow.pyfunc.load_model(uri)
    content = open(files[0], "rb").read()
    pixels = np.asarray(Image.open(files[0]))
    ways = [content, base64.b64encode(content).decode(), files[0], pixels]
    table = model.predict(pd.DataFrame({"image": pd.Series(ways, dtype=object)}))
    assert table["class"].tolist() == [predicted["predicted"][0]] * 4
    assert np.allclose(table["probability"], table["probability"][0], atol=1e-6)
    transparent = np.dstack([pixels, np.full(pixels.shape[:2], 90, np.uint8)])
    png = io.BytesIO()
    Image.fromarray(transparent).save(png, "PNG")
    table = model.predict(pd.DataFrame({"image": pd.Series([transparent, png.getvalue()], dtype=object)}))
    assert np.allclose(table["probability"], table["probability"][0], atol=1e-6)
    with pytest.raises(mlflow.MlflowException, match="image 1: text that is neither base64 nor the path of a file"):
        model.predict(pd.DataFrame({"image": ["/no/such/file.png"]}))
    files = [f.path for f in MlflowClient().list_artifacts(run.info.run_id)]
    assert not [f for f in files if f.endswith((".pkl", ".pickle", ".pth"))]


def check_again(run, tlcompare):
    result = tlcompare("train", "--config", f"runs:/{run.info.run_id}")
    assert result.exit_code == 0, result.output
    again = MlflowClient().get_run(next(x for x in result.stdout.splitlines() if x.startswith("run ")).split()[1])
    assert again.info.run_id != run.info.run_id
    assert {k: v for k, v in again.data.metrics.items() if not k.startswith("cost/")} == {
        k: v for k, v in run.data.metrics.items() if not k.startswith("cost/")
    }
    assert again.data.params == run.data.params
    assert open(artifact(again, "predictions/val.csv")).read() == open(artifact(run, "predictions/val.csv")).read()
    compared = tlcompare("compare", "--experiment", "whole", "--format", "json")
    rows = json.loads(compared.stdout)
    assert [r["run_id"] for r in rows] == [run.info.run_id, again.info.run_id]
    assert rows[0]["val_accuracy"] == run.data.metrics["val/accuracy"]
    assert not compared.stderr
    table = list(csv.DictReader(tlcompare("compare", run.info.run_id, "--format", "csv").stdout.splitlines()))
    assert [r["trainable_weights"] for r in table] == [run.data.params["trainable_parameters"]]
    assert f"| {run.info.run_id} |" in tlcompare("compare", run.info.run_id, "--format", "md").stdout


@pytest.mark.parametrize("model", ["mobilenet", "resnet50"])
def test_the_report_backbones_train_log_and_load(train, tlcompare, photos, model):
    run = train("--model", model, "--unfreeze", "20", "--weights", "none")
    assert run.data.tags["weights"].startswith("none: RANDOM WEIGHTS")
    assert "RANDOM WEIGHTS" in run.data.tags["mlflow.note.content"]
    assert run.data.tags["tlcompare.test_opened"] == "false"
    assert not [m for m in run.data.metrics if m.startswith("test/")]
    result = tlcompare("predict", f"runs:/{run.info.run_id}/model", photos / "red" / "00.png")
    assert result.exit_code == 0
    assert result.stdout.split()[1] in ("red", "green", "blue")
    compared = tlcompare("compare", run.info.run_id)
    assert "RANDOM WEIGHTS" in compared.stdout


def test_a_yaml_file_and_flags_make_one_configuration(train, tmp_path):
    (tmp_path / "recipe.yaml").write_text("unfreeze: bias\nlr: 1e-2\nlabel_smoothing: 0\n")
    run = train("--config", tmp_path / "recipe.yaml", "--lr", "0.02", "--run_name", "mine")
    saved = yaml.safe_load(open(artifact(run, "config.yaml")))
    assert (saved["unfreeze"], saved["lr"], saved["label_smoothing"]) == ("bias", 0.02, 0)
    assert run.info.run_name == "mine"


def test_copies_that_contradict_or_straddle_are_named(train, tlcompare, photos, tmp_path):
    for part in ("train", "test"):
        shutil.copytree(photos, tmp_path / "copies" / part)
    for path in (tmp_path / "copies" / "test").rglob("0[2-9].png"):
        path.unlink()
    shutil.copy(photos / "red" / "11.png", tmp_path / "copies" / "train" / "blue" / "twin.png")
    shutil.copy(photos / "red" / "11.png", tmp_path / "copies" / "train" / "loose.PNG")
    run = train("--data", tmp_path / "copies")
    suspect = json.loads(open(artifact(run, "suspect_copies.json")).read())
    assert suspect["in more than one class"] == [["test/red/11.png", "train/blue/twin.png", "train/red/11.png"]]
    assert len(suspect["in more than one part"]) == 12
    again = tlcompare("train", "--config", f"runs:/{run.info.run_id}")
    assert "no val folder: 15% of train" in again.stderr
    assert "warning: 1 image file (train/loose.PNG), beside the class folders, not used" in again.stderr
    assert "warning: 1 image(s) in more than one class, such as test/red/11.png = train/blue/twin.png" in again.stderr
    assert "are not those" not in again.stderr
    (tmp_path / "copies" / "train" / "blue" / "twin.png").unlink()
    again = tlcompare("train", "--config", f"runs:/{run.info.run_id}")
    assert "the images are not those of the earlier run" in again.stderr
    compared = tlcompare("compare")
    assert "These runs differ in data_digest" in compared.stderr


def test_bad_images_are_left_out_and_listed(train, photos, tmp_path):
    shutil.copytree(photos, tmp_path / "spoilt")
    (tmp_path / "spoilt" / "red" / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    run = train("--data", tmp_path / "spoilt", "--on-bad-image", "skip")
    (left,) = json.loads(open(artifact(run, "left_out.json")).read())
    assert left["path"] == "red/broken.jpg"


RUINOUS = ["--unfreeze", "all", "--image-size", 32, "--epochs", 3, "--optimizer", "sgd"]
RUINOUS += ["--lr", 1000, "--head-lr", 1000, "--weight-decay", 1e30]


def test_a_run_that_fails_says_why(tlcompare, photos):
    result = tlcompare("train", "--data", photos, *RUINOUS)
    assert result.exit_code == 2
    assert "loss became" in result.stderr
    (run,) = MlflowClient().search_runs([MlflowClient().get_experiment_by_name("tlcompare").experiment_id])
    assert run.info.status == "FAILED"
    assert "loss became" in run.data.tags["tlcompare.reason"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_is_marked_killed(tlcompare, photos, monkeypatch, number, code):
    signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs start with SIGINT ignored
    monkeypatch.setattr("tlcompare.run.score", lambda *args: signal.raise_signal(number))
    result = tlcompare("train", "--data", photos, "--image-size", 32, "--epochs", 1)
    assert result.exit_code == code
    assert ("Interrupted" in result.stderr) == (number == signal.SIGINT)
    (run,) = MlflowClient().search_runs([MlflowClient().get_experiment_by_name("tlcompare").experiment_id])
    assert (run.info.status, run.data.tags["tlcompare.reason"]) == ("KILLED", "interrupted")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--unfreeze", "conv9"], '"conv9" is no block'),
        (["--data", "nowhere"], "is no folder"),
        (["--model", "mobilnet"], 'Did you mean "mobilenet"'),
        (["--epochs", "many"], "--epochs takes a whole number"),
        (["--weights", "gone.pth"], "no weights file"),
        (["--device", "cuda"], "torch sees none here"),
        (["--config", "gone.yaml"], "cannot read the configuration"),
        (["--config", "runs:/0123"], "holds no config.yaml"),
        (["--no-such-option", "1"], "No such option"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(tlcompare, photos, arguments, said):
    given = [] if "--data" in arguments else ["--data", photos]
    result = tlcompare("train", *given, *arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    last = [x for x in result.stderr.splitlines() if x.startswith("Error")]
    assert len(last) == 1
    assert "Traceback" not in result.output
    assert not MlflowClient().get_experiment_by_name("tlcompare")


OF_A_SMALL_NETWORK = (
    "--model timm:test_resnet --weights none --unfreeze layer4 --image-size 32 --batch-size 8 --precision fp32".split()
)


def test_debug_shows_the_traceback(tlcompare):
    result = tlcompare("train", "--data", "nowhere", "--debug")
    assert result.exit_code == 2
    assert "Traceback" in result.stderr
    assert "DataError" in result.stderr
    assert result.stderr.splitlines()[-1].startswith('Error: --data "nowhere" is no folder')


def test_memory_that_does_not_suffice_for_now_costs_no_more_than_a_kill(tlcompare, photos, monkeypatch):
    command = ["train", *OF_A_SMALL_NETWORK, "--data", photos, "--epochs", 3, "--threads", 1]
    steps, step = [], torch.optim.AdamW.step

    def runs_out(optimizer, *arguments, **named):
        steps.append(1)
        if len(steps) == 7:  # in the third epoch, of three steps each
            raise torch.OutOfMemoryError("CUDA out of memory")
        return step(optimizer, *arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr("torch.optim.AdamW.step", runs_out)
        patch.setattr("tlcompare.training.checkpoints.Checkpoint.due", True)
        failed = tlcompare(*command)
    assert failed.exit_code == 2, failed.output
    assert "not enough memory to train" in failed.stderr
    again = tlcompare(*command)
    assert again.exit_code == 0, again.output
    assert "going on after step 3 of epoch 2" in again.stderr


def test_debug_shows_no_password(tlcompare, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:hunter2@127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    result = tlcompare("--debug", "compare")
    assert result.exit_code == 2
    assert "Traceback" in result.stderr
    assert "hunter2" not in result.output


def test_an_error_cannot_steer_the_terminal(tlcompare):
    result = tlcompare("train", "--data", "b\x1b]0;evil\x07")
    assert result.exit_code == 2
    assert "\x1b" not in result.stderr
    assert "\\x1b]0;evil\\x07" in result.stderr


def test_runs_of_others_are_passed_over(tlcompare, workplace):
    client = MlflowClient()
    run = client.create_run("0", tags={"tlcompare.role": "sweep"})
    client.log_param(run.info.run_id, "trainable_parameters", "11.2M")
    client.set_terminated(run.info.run_id)
    for command in (["compare", run.info.run_id], ["compare", "--experiment", "Default"], ["compare", "--sweep", "x"]):
        result = tlcompare(*command)
        assert result.exit_code == 2, result.output
        assert "Traceback" not in result.output


@pytest.mark.parametrize("option", ["--run-name", "--experiment", "--data", "--weights"])
def test_names_that_are_no_utf8_are_refused(tlcompare, option):
    result = tlcompare("train", option, "x\udcff")
    assert result.exit_code == 2, result.output
    assert f"{option} is not valid UTF-8" in result.stderr


def test_score_test_needs_test_images(tlcompare, tmp_path):
    for part in ("train", "val"):
        for hue, name in enumerate(("a", "b")):
            for i in range(3):
                write_image(tmp_path / "two" / part / name / f"{i}.png", seed=i + 10 * hue + len(part), hue=hue)
    result = tlcompare("train", "--data", tmp_path / "two", "--score-test", "--image-size", 32)
    assert result.exit_code == 2
    assert "has no test images" in result.stderr
