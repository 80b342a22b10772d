"""Runs of a version that listed the layers otherwise keep their meaning, or are refused in one line."""

import json
import sqlite3
from contextlib import closing

import pytest
from mlflow import MlflowClient

TINY = ("--model", "timm:test_resnet", "--weights", "none")


def as_of_another_version(run_id, **params):
    """What the run would have logged if its backbone had had other layers."""
    with closing(sqlite3.connect("mlflow.db")) as database, database:
        for name, value in params.items():
            found = database.execute(
                "UPDATE params SET value = ? WHERE run_uuid = ? AND key = ?", (str(value), run_id, name)
            )
            assert found.rowcount == 1


@pytest.fixture
def swept(tlcompare, photos):
    """A sweep of two trials, and their runs."""
    options = ("--data", photos, "--image-size", 32, "--epochs", 1, "--batch-size", 8, "--threads", 1)
    done = tlcompare("sweep", *TINY, *options, "--trials", 2, "--name", "old", "--log-models", "none")
    assert done.exit_code == 0, done.output
    runs = MlflowClient().search_runs(["1"], "tags.`tlcompare.trial` != ''")
    return {run.data.params["strategy"]: run for run in runs}


def test_a_sweep_of_other_layers_is_not_gone_on_with(tlcompare, swept):
    trained = swept["layer4"].data.params["trainable_parameters"]
    as_of_another_version(swept["layer4"].info.run_id, trainable_parameters=int(trained) + 7)
    for command in (("sweep", "--name", "old", "--trials", 3), ("replicate", "--sweep", "old", "--seeds", 2)):
        refused = tlcompare(*command)
        assert refused.exit_code == 2
        (line,) = [x for x in refused.stderr.splitlines() if "Error" in x or "error" in x]
        assert "listed otherwise: layer4 trained" in line
        assert "or begin a new sweep" in line
    as_of_another_version(swept["layer4"].info.run_id, trainable_parameters=trained)
    assert tlcompare("sweep", "--name", "old", "--trials", 3).exit_code == 0


def test_a_strategy_that_meant_other_layers_is_said(tlcompare, train):
    run = train("--unfreeze", 5, *TINY)
    as_of_another_version(run.info.run_id, trainable_parameters=12345)
    again = tlcompare("train", "--config", f"runs:/{run.info.run_id}")
    assert again.exit_code == 0
    assert "warning: 5 trained 12,345 weights in the earlier run and trains" in again.stderr


def test_a_count_is_shown_with_what_it_counts_where_that_differs(tlcompare, train):
    runs = [train("--unfreeze", text, *TINY) for text in ("5", "5", "layer4")]
    as_of_another_version(runs[0].info.run_id, listed_layers=99)
    rows = json.loads(tlcompare("compare", *(r.info.run_id for r in runs), "--format", "json").stdout)
    assert [r["strategy"] for r in rows] == ["5 of 99", "5 of 51", "layer4"]
    rows = json.loads(tlcompare("compare", runs[1].info.run_id, runs[2].info.run_id, "--format", "json").stdout)
    assert [r["strategy"] for r in rows] == ["5", "layer4"]
