import json
import os
import re
import signal
import subprocess
import sys

import pytest

from tlcompare.cli import main


def test_layers(tlcompare):
    result = tlcompare("layers", "mobilenet", "--json")
    rows = json.loads(result.stdout)
    assert len(rows) == 86
    assert rows[-1]["from_end"] == 1
    assert rows[3]["features_bytes"] == 4 * 32 * 112 * 112
    every = tlcompare("layers", "mobilenet", "--image-size", 64, "--all").stdout
    assert "block13.pw_conv" in every
    assert "86 layers, 3,206,976 weights, images of 64 pixels" in every
    folded = tlcompare("layers", "mobilenet", "--image-size", 64).stdout
    assert re.search(r"block13 +81-86 +6 +1,061,888 +1024 x 2 x 2 +16 kB", folded)
    assert len(folded.splitlines()) == 1 + 14 + 1


def test_layers_of_a_transformer(tlcompare):
    """Of what only moves numbers no layer is made, and it says so; stages keep their names."""
    table = tlcompare("layers", "timm:test_vit", "--image-size", 64).stdout
    assert re.search(r"blocks\.5 +55-64 .* 17 x 64 +4 kB", table)
    assert "Not counted, since they only move numbers: 18 getitem, 12 reshape" in table
    assert "Stages, which can be named too: conv2, conv3" in tlcompare("layers", "resnet50", "--image-size", 32).stdout


def test_models(tlcompare):
    rows = {row["model"]: row for row in json.loads(tlcompare("models", "timm:test_vit?", "--json").stdout)}
    assert set(rows) == {"timm:test_vit2", "timm:test_vit3", "timm:test_vit4"}
    vit = rows["timm:test_vit2"]
    assert (vit["layers"], vit["blocks"], vit["image_size"]) == (102, 10, 160)
    assert vit["default_weights"] == "to download"
    shown = tlcompare("models").stdout
    assert re.search(r"efficientnet_lite0 +224 +141 +18 +3,371,008 +here", shown)
    assert "torchvision:NAME, timm:NAME" in shown
    many = tlcompare("models", "timm:vit_*").stdout
    assert re.search(r"timm:vit_tiny_patch16_224 +224 +to download", many)
    assert "of 40 or fewer, layers and weights are counted" in many
    gone = tlcompare("models", "resnet5000")
    assert (gone.exit_code, 'no backbone matches "resnet5000"' in gone.output) == (2, True)


def test_plan(tlcompare, tmp_path, monkeypatch):
    command = ["plan", "--model", "resnet50", "--unfreeze", "conv4+conv5", "--classes", 5, "--image-size", 32]
    monkeypatch.setenv("TLCOMPARE_CACHE", str(tmp_path))
    made = json.loads(tlcompare(*command, "--json").stdout)
    assert made["trainable_parameters"] == 22_073_349
    assert made["features"] is None
    assert made["footprint"]["memory_mb"] > made["footprint"]["weights_mb"] > 90
    assert not (tmp_path / "speed").exists()
    assert "--measure finds out" in tlcompare(*command).stdout
    measured = tlcompare(*command, "--measure", "--json")
    assert measured.stderr == "measuring how fast resnet50 is here, which is kept\n"
    features = json.loads(measured.stdout)["features"]
    assert features["after"]
    assert features["seconds"] < features["seconds_without"]
    assert json.loads(tlcompare(*command, "--json").stdout)["features"] == features
    assert tlcompare(*command, "--measure").stderr == ""
    small = ["--model", "mobilenet", "--unfreeze", 30, "--classes", 5, "--image-size", 32]
    table = tlcompare("plan", *small, "--measure").stdout
    assert "2,400,773 of 3,212,101" in table
    assert "block9.dw_bn" in table
    assert "cut                after block9.dw_conv" in table
    assert re.search(r"operations         .* GFLOPs to classify an image, .* to train on it from the cut", table)
    assert re.search(
        r"memory             \d+ MB: 13 weights, 29 gradients and AdamW, \d+ activations of 32 images", table
    )
    assert re.search(r"features           kept after block\d.*: .* ms to read instead of .* ms to compute", table)
    everything = tlcompare("plan", "--model", "mobilenet", "--unfreeze", "all", "--classes", 5, "--image-size", 32)
    assert "features           none are kept" in everything.stdout


def test_weights_that_are_for_one_size_of_image_say_so(tlcompare, photos, tmp_path):
    from safetensors.torch import save_file

    from tlcompare.backbones.registry import get_backbone

    save_file(get_backbone("timm:mixer_s32_224").build().state_dict(), tmp_path / "mixer.safetensors")
    options = ("--model", "timm:mixer_s32_224", "--image-size", 64, "--weights", tmp_path / "mixer.safetensors")
    refused = tlcompare("train", "--data", photos, *options)
    assert refused.exit_code == 2
    assert "timm:mixer_s32_224 takes 224 pixels only: leave --image-size out" in refused.stderr


def test_doctor(tlcompare, workplace):
    found = json.loads(tlcompare("doctor", "--json").stdout)
    assert found["tracking"]["reachable"] == "yes"
    assert found["weights offline"]["efficientnet_lite0"].startswith("yes")
    assert found["compute"]["device"].startswith(("cpu", "cuda", "mps"))
    assert "precision" in tlcompare("doctor").stdout


def test_doctor_hides_passwords_and_reports_a_dead_store(tlcompare, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:secret@127.0.0.1:9")
    text = tlcompare("doctor").stdout
    assert "secret" not in text
    assert "no:" in text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["predict", "runs:/0000/model", __file__], "no model"),
        (["predict", "runs:/0000/model", "gone.png"], "gone.png cannot be read"),
        (["compare", "0000"], "0000"),
        (["sweep", "--space", "9" * 5000], "999: File name too long. Give a shorter one."),
        (["compare", "--experiment", "nope"], 'has no experiment "nope"'),
        (["layers", "resnet51"], 'no backbone "resnet51"'),
        (["plan", "--model", "mobilenet", "--unfreeze", "1", "--classes", "5"], "nothing would train"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(tlcompare, arguments, said):
    result = tlcompare(*arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stderr.count("Error") == 1


@pytest.mark.parametrize("command", sorted(main.commands))
def test_help_teaches(tlcompare, command):
    assert f"\n  tlcompare {command}" in tlcompare(command, "--help").stdout


def test_help_imports_nothing_heavy():
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "tlcompare", "--help"], capture_output=True, text=True, check=True
    )
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "tlcompare.cli" in imported
    assert not imported & {"torch", "mlflow", "optuna", "numpy", "pandas", "timm", "PIL"}


def test_sigterm_ends_any_command_as_ctrl_c_does(tlcompare, workplace, monkeypatch):
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr("tlcompare.tracking.runs.end_died", lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert tlcompare("sync").exit_code == 143
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_file_where_the_cache_should_be_is_one_sentence(tlcompare, workplace, photos, monkeypatch):
    (workplace / "file").touch()
    monkeypatch.setenv("TLCOMPARE_CACHE", str(workplace / "file" / "cache"))
    small = ["--image-size", 32, "--epochs", 1, "--weights", "none"]
    result = tlcompare("train", "--model", "timm:test_resnet", "--data", photos, *small)
    assert result.exit_code == 2
    assert "There is a file where a folder is needed" in result.stderr
