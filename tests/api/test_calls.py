"""Calls from Python: what they give, what they leave as it was, and how they end."""

import asyncio
import logging
import os
import signal
import threading
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from mlflow import MlflowClient
from PIL import Image

import tlcompare as tl

pytestmark = pytest.mark.usefixtures("drawn_once")

TINY = {"model": "timm:test_resnet", "weights": "none", "image_size": 32, "batch_size": 8, "threads": 1}
TINY |= {"augment": "flip", "precision": "fp32"}


@pytest.fixture
def train(workplace, photos):
    def run(**options):
        return tl.train(**{"data": photos, "epochs": 1, **TINY, **options})

    return run


def state():
    """What a program may have set that a call could change."""
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    levels = [logging.getLogger(name).level for name in ("", "mlflow", "optuna")]
    numbers = torch.get_rng_state().tolist()
    return handlers, levels, numbers, torch.get_num_threads(), torch.backends.cudnn.deterministic, dict(os.environ)


def test_a_run_is_what_the_command_line_gives_and_can_be_read_and_used(train, photos):
    run = train(unfreeze=5, epochs=2)
    logged = MlflowClient().get_run(run.id)
    assert logged.data.params["unfreeze"] == "5"
    assert run.metrics == logged.data.metrics
    assert run.config == tl.open_run(run.id).config
    assert (run.config.epochs, run.config.data) == (2, str(photos))
    assert list(run.curves.index) == [1, 2]
    assert run.curves["val_accuracy"].iloc[-1] == logged.data.metrics["val/epoch_accuracy"]
    assert run.url.endswith(f"/runs/{run.id}")
    assert f"{run.metrics['val/accuracy']:.2%} of 6 images" in repr(run)
    assert tl.open_run(run.id) == run
    assert run.figure()._repr_png_().startswith(b"\x89PNG")

    model, file = run.model(), photos / "red" / "00.png"
    pixels = np.asarray(Image.open(file).convert("RGB"))
    given = [file, str(file), file.read_bytes(), Image.open(file), pixels]
    found = model.predict(given)
    assert len({tuple(row[2:]) for row in found.itertuples(index=False)}) == 1
    assert list(found.columns) == ["class", "probability", *(f"p({name})" for name in model.classes)]
    assert not model.training
    turned = Image.fromarray(pixels[::-1, ::-1].copy())
    turned.getexif()[0x0112] = 3  # upside down
    assert torch.equal(model.inputs(turned), model.inputs(file))
    shares = model(model.inputs(file)).softmax(1)[0]
    assert shares.tolist() == pytest.approx(found.iloc[0, 2:].tolist())
    assert list(run.predict(file).index) == [str(file)]
    for wrong in (3, [3], [], np.zeros((4, 4, 3))):
        with pytest.raises(tl.UserError, match="image"):
            model.inputs(wrong)
    assert (model.preprocessing.size, model.classes) == (32, ("blue", "green", "red"))


def test_options_of_a_mapping_and_of_an_earlier_run_come_before_the_defaults(train):
    run = train(config={"lr": 0.002, "epochs": 3})
    assert (run.config.lr, run.config.epochs) == (0.002, 1)
    for again in (tl.train(f"runs:/{run.id}", seed=1), tl.train(run.config, seed=np.int64(1))):
        assert (again.config.lr, again.config.seed, again.config.data) == (0.002, 1, run.config.data)


def test_a_call_leaves_the_program_as_it_was(train):
    torch.set_num_threads(2)
    try:
        before = state()
        with pytest.raises(tl.UserError):
            train(unfreeze="nowhere")
        assert state() == before
        train()
        after = state()
        assert after[:5] == before[:5]
        assert {n for n in {*after[5], *before[5]} if after[5].get(n) != before[5].get(n)} <= {"MLFLOW_EXPERIMENT_ID"}
    finally:
        torch.set_num_threads(1)


def test_a_call_works_in_a_thread_and_in_an_event_loop(train):
    found = []
    thread = threading.Thread(target=lambda: found.append(train()))
    thread.start()
    thread.join()

    async def main():
        return train()

    found.append(asyncio.run(main()))
    assert found[0].metrics["val/accuracy"] == found[1].metrics["val/accuracy"]


@contextmanager
def interrupted_after_an_epoch(monkeypatch):
    """Ctrl-C comes once, after the first epoch, as Python has it where nobody else has set a handler."""
    import tlcompare.run

    log_epoch, left = tlcompare.run.log_epoch, [1]

    def struck(*given):
        log_epoch(*given)
        if left:
            left.pop()
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    monkeypatch.setattr(tlcompare.run, "log_epoch", struck)
    try:
        yield
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_sweep_that_was_interrupted_goes_on_with_the_same_call(workplace, photos, monkeypatch, capsys):
    def sweep(**more):
        return tl.sweep(data=photos, val_fraction=0.4, epochs=2, trials=3, pruner="off", **TINY, **more)

    with interrupted_after_an_epoch(monkeypatch):
        with pytest.raises(tl.Interrupted) as stopped:
            sweep()
        assert stopped.value._render_traceback_()[0].startswith("Interrupted.")
    assert tl.open_sweep("default-1").logged.status == "KILLED"
    found = sweep()
    assert "going on with default-1, which was interrupted" in capsys.readouterr().err
    assert found == tl.open_sweep("default-1")
    assert list(found.table["state"]) == ["finished"] * 3
    assert sweep().name == "default-2"  # what has ended is not gone on with


def test_a_sweep_its_evidence_and_what_is_picked(workplace, photos):
    sweep = tl.sweep(data=photos, val_fraction=0.4, epochs=1, trials=4, pruner="off", name="s", **TINY, seeds=2)
    assert sweep.summary.count("tlcompare pick --sweep s") == 2
    table = sweep.table
    assert list(table["trial"]) == [0, 1, 2, 3]
    assert sweep.best.metrics["val/accuracy"] == table["val/accuracy"].max()
    first = repr(sweep).splitlines()
    assert first[0] == "s: 4 trials: 4 finished"
    assert len(first) == 6
    assert sweep.figure()._repr_png_().startswith(b"\x89PNG")
    assert sweep.figure(plotly=True).data[0]["name"] == "timm:test_resnet"
    assert tl.runs(sweep="s").table["run_id"].iloc[0] == sweep.best.id

    evidence = sweep.evidence()
    assert list(evidence.table["seeds"].unique()) == [2]
    assert evidence.sentences == ()
    assert {"val_accuracy_low", "minus_baseline", "verdict_baseline"} <= set(evidence.table)
    assert evidence.to("csv").splitlines()[0] == ",".join(evidence.table.columns)
    picked = sweep.pick(within=0.01)
    assert picked.why in repr(picked)
    assert picked.run in picked.runs
    assert set(picked.predict(photos / "red" / "00.png")["class"]) <= {"red", "green", "blue"}
    report = sweep.report("r.html")
    assert [Path(line).name for line in repr(report).splitlines()] == ["r.html", "r.md", "r.csv"]
    assert report.text.exists()
    assert report.numbers.exists()
    assert "&lt;h1&gt;" in report._repr_html_()
    opened = sweep.finalize()
    assert "test" in opened.summary
    assert opened.table["test_accuracy"].notna().all()
    with pytest.raises(tl.UserError, match="is the run of a sweep"):
        tl.open_run(sweep.logged.run_id)


def test_what_there_is_to_look_at(cache):
    layers = tl.layers("timm:test_resnet", 32)
    assert len(layers) == len(layers.table) == layers.table["number"].iloc[-1]
    assert list(layers.table["from_end"]) == list(range(len(layers), 0, -1))
    assert layers.blocks["weights"].sum() == layers.weights
    plan = tl.plan("timm:test_resnet", unfreeze=3, classes=3, image_size=32)
    assert list(plan.table["from_end"]) == [3, 2, 1]
    assert plan.table["trainable"].sum() < plan.trainable_weights == plan.to_dict()["trainable_parameters"]
    assert isinstance(tl.models("test_resnet"), pd.DataFrame)
    assert "default" in tl.search_spaces()
    assert tl.search_space("default").startswith("#") or "about" in tl.search_space("default")


class Texts(HTMLParser):
    """Texts of a fragment, but of what only pages have."""

    def __init__(self, html):
        super().__init__()
        self.found, self.within = [], []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.within += [tag] if tag in ("style", "details", "figure") else []

    def handle_endtag(self, tag):
        self.within = self.within[:-1] if tag in self.within[-1:] else self.within

    def handle_data(self, data):
        self.found += [" ".join(data.split())] if data.strip() and not self.within else []


def test_a_terminal_and_a_notebook_show_the_same_and_nothing_from_outside_is_taken_seriously(train, tmp_path):
    from tests.conftest import write_image

    bad = "<script>alert(1)</script>\x1b[2J"
    for hue, name in enumerate((bad, "plain")):
        for i in range(8):
            write_image(tmp_path / "odd" / name.replace("/", "_") / f"{i}.png", 10 * hue + i, hue)
    run = train(data=tmp_path / "odd", val_fraction=0.3)
    shown = [run, tl.runs(run.id), tl.layers("timm:test_resnet", 32), tl.plan("timm:test_resnet", 3, 2, image_size=32)]
    for one in shown:
        text, html = repr(one), one._repr_html_()
        assert "<script" not in html
        assert "\x1b" not in text
        flat = " ".join(text.split())
        texts = Texts(html).found
        assert len(texts) > 5
        assert not [each for each in texts if each not in flat]
    table = run.predict(tmp_path / "odd" / "plain" / "0.png")
    assert any("script" in column for column in table.columns)


def test_results_say_so_where_they_cannot_be_read(train, monkeypatch):
    run = train()
    other = tl.open_run(run.id)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///elsewhere.db")
    assert "validation accuracy" in repr(other)  # as it was when it was opened
    assert 'tlcompare.open_sweep("s")' in repr(tl.Sweep("s"))
    assert "has no sweep" in tl.Sweep("s")._repr_html_()


def test_errors_are_a_line_in_a_notebook(workplace):
    for wrong, said in (
        ({"data": "nowhere"}, 'DataError: --data "nowhere" is no folder.'),
        ({"epoch": 3}, 'ConfigError: unknown option "epoch". Did you mean "epochs"?'),
        ({"epochs": 0}, "ConfigError: --epochs must be at least 1"),
    ):
        with pytest.raises(tl.UserError) as raised:
            tl.train(**wrong)
        (line,) = raised.value._render_traceback_()
        assert line.startswith(said)
    for call, wrong in (
        (tl.sweep, {"timeout": "soon"}),
        (tl.decide, {"within": "1"}),
        (tl.sweep, {"score_test": True}),
    ):
        with pytest.raises(tl.UserError):
            call(**wrong)
