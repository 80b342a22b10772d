import dataclasses

import pytest
import yaml

from tlcompare.config import RunConfig, describe, read_yaml, resolve, to_yaml
from tlcompare.errors import ConfigError


def test_a_saved_configuration_resolves_to_itself(tmp_path):
    config = resolve(
        {"unfreeze": "conv4+conv5", "lr": "1e-3", "image_size": 96, "score_test": "true", "augment": "crop"}
    )
    path = tmp_path / "run.yaml"
    path.write_text(to_yaml(config))
    assert resolve(read_yaml(path)) == config
    assert resolve(yaml.safe_load(to_yaml(RunConfig()))) == RunConfig()


def test_later_layers_win_and_hyphens_are_underscores():
    config = resolve({"batch-size": 8, "lr": 1e-3}, {"batch_size": "16"})
    assert (config.batch_size, config.lr) == (16, 1e-3)


def test_auto_leaves_an_option_open():
    assert resolve({"image_size": "auto", "precision": "auto", "threads": None}) == RunConfig()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"unfreze": "50"}, 'Did you mean "unfreeze"'),
        ({"epochs": "ten"}, "--epochs takes a whole number, not 'ten'"),
        ({"epochs": "auto"}, "--epochs takes a whole number"),
        ({"epochs": 0}, "--epochs must be at least 1, not 0"),
        ({"epochs": 1.5}, "--epochs takes a whole number"),
        ({"lr": "nan"}, "--lr takes a number"),
        ({"lr": 0}, "--lr must be more than 0"),
        ({"lr": True}, "--lr takes a number"),
        ({"optimizer": "adam"}, "--optimizer is one of adamw, sgd, not 'adam'"),
        ({"device": "gpu"}, "--device is one of cpu, cuda, mps, auto, not 'gpu'"),
        ({"image_size": "big"}, "--image-size takes a whole number or auto, not 'big'"),
        ({"score_test": "maybe"}, "--score-test takes true or false"),
        ({"unfreeze": " "}, "--unfreeze is empty"),
        ({"dropout": 1}, "--dropout must be at most 0.95"),
        ({"head_first": 10}, "--head-first 10 must be less than --epochs 10"),
        ({"warmup_epochs": 11}, "--warmup-epochs 11.0 is more than --epochs 10"),
        ({"val_fraction": 0.6, "test_fraction": 0.5}, "leave nothing to train on"),
        ({"model": ["a"]}, "--model takes text"),
        ({"views": 5, "augment": "flip"}, "--views 5 makes no sense with --augment flip"),
        ({"epochs": 10**22}, "--epochs must be at most"),
    ],
)
def test_what_cannot_be_is_refused(options, said):
    with pytest.raises(ConfigError) as error:
        resolve(options)
    assert said in str(error.value)


def test_all_problems_are_told_at_once():
    with pytest.raises(ConfigError) as error:
        resolve({"epochs": "x", "lrr": 1, "seed": "y"})
    assert all(word in str(error.value) for word in ("--epochs", '"lrr"', "--seed"))
    with pytest.raises(ConfigError) as error:
        resolve({"epochs": 0, "lr": -1})
    assert all(word in str(error.value) for word in ("--epochs", "--lr"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lr: 1\nlr: 2\n", "written twice"),
        ("batch-size: 1\nbatch_size: 2\n", "written twice"),
        ("? [a, b]\n: 1\n", "not valid YAML"),
        ("- a\n", "not a mapping"),
        ("a: [", "not valid YAML"),
        (None, "cannot read"),
    ],
)
def test_bad_files_are_refused(tmp_path, text, said):
    path = tmp_path / "c.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match=said):
        read_yaml(path)


def test_yaml_means_what_it_says(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("unfreeze: 010\nlr: 1e-3\nscore_test: yes\nimage_size: auto\n")
    config = resolve(read_yaml(path))
    assert (config.unfreeze, config.lr, config.score_test, config.image_size) == ("010", 1e-3, True, None)
    for odd in ("lr: 2020-01-01", "lr: !!set {a}", "lr: [1]", "epochs: ", "lr: !!python/object:os.system x"):
        path.write_text(odd)
        with pytest.raises(ConfigError, match=r"--lr|--epochs"):
            resolve(read_yaml(path))


def test_every_option_is_documented():
    for field in dataclasses.fields(RunConfig):
        assert len(describe(field.name)) > 30
        assert "[default: " in describe(field.name)
