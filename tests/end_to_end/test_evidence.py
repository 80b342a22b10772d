"""From a sweep to a report: replicates, verdicts, the sealed test set, and every number found again."""

import getpass
import io
import itertools
import json
import os
import re
import shutil
import signal
import time

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from mlflow import MlflowClient
from mlflow.artifacts import load_text
from scipy import stats

import tlcompare.finalize as finalizing
from tests.conftest import write_image
from tests.end_to_end.conftest import FAST
from tlcompare import serving
from tlcompare.cli import main

pytestmark = pytest.mark.usefixtures("drawn_once")

SEEDS = 6
MODEL = "efficientnet_lite0"
TINY = ["--model", "timm:test_resnet", "--weights", "none"]


def run(*arguments, code=0):
    result = CliRunner().invoke(main, [str(a) for a in arguments])
    assert result.exit_code == code, result.output + repr(result.exception)
    return result


@pytest.fixture(scope="module")
def place(tmp_path_factory, template_database):
    """A working folder with a small sweep, some of whose configurations were run again."""
    folder = tmp_path_factory.mktemp("evidence")
    for hue, name in enumerate(("red", "<i>green</i>".replace("/", "\u2215"), "blue")):
        for i in range(20):
            write_image(folder / "photos" / name / f"{i:02}.png", seed=100 * hue + i, hue=(hue + i % 2) % 3)
    (folder / "photos" / "blue" / "broken.png").write_text("no image")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        shutil.copy(template_database, folder / "mlflow.db")
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'mlflow.db'}")
        fixed = [
            "--data",
            "photos",
            "--val-fraction",
            "0.4",
            "--on-bad-image",
            "skip",
            *FAST,
            1,
            "--lr",
            "0.001",
            "--log-models",
            "none",
            "--precision",
            "fp32",
        ]
        swept = run("sweep", "--model", MODEL, *fixed, "--trials", 5, "--probe", "--seeds", 2)
        run("replicate", "--sweep", "default-1", "--top", 5, "--seeds", SEEDS)
        yield folder, swept


def parent():
    client = MlflowClient()
    everywhere = [e.experiment_id for e in client.search_experiments()]
    (found,) = client.search_runs(everywhere, "tags.`tlcompare.role` = 'sweep'")
    return found


def below(role):
    above = parent()
    found = MlflowClient().search_runs(
        [above.info.experiment_id], f"tags.`mlflow.parentRunId` = '{above.info.run_id}'", max_results=1000
    )
    return [r for r in found if r.data.tags["tlcompare.role"] == role]


def groups():
    """Replicates by configuration, in the order of their seeds."""
    found = {}
    for r in sorted(below("replicate"), key=lambda r: int(r.data.params["seed"])):
        found.setdefault(r.data.tags["tlcompare.configuration"], []).append(r)
    return found


def predictions(r, part="val"):
    text = load_text(f"{r.info.artifact_uri}/predictions/{part}.csv")
    return pd.read_csv(io.StringIO(text)).sort_values("file").reset_index(drop=True)


def predicted_right(runs, part="val"):
    return np.stack([predictions(r, part)["right"] for r in runs]).astype(float)


def test_replicates_have_the_same_seeds_which_chose_nothing(place):
    found = groups()
    trials = below("trial")
    assert len(trials) == 5
    assert len(found) == 5
    for runs in found.values():
        assert [int(r.data.params["seed"]) for r in runs] == list(range(1000, 1000 + SEEDS))
        assert {r.info.status for r in runs} == {"FINISHED"}
        assert "test/accuracy" not in runs[0].data.metrics
    assert {t.data.tags["tlcompare.configuration"] for t in trials} == set(found)
    assert sum(t.data.tags["tlcompare.baseline"] == "true" for t in trials) == 4
    assert parent().info.status == "FINISHED"
    assert "compare      tlcompare compare --sweep default-1 --evidence" in place[1].stdout


def test_what_is_odd_about_the_data_is_said_kept_and_reported(place):
    said = place[1].stderr
    assert re.match(r"photos: \d+ train, \d+ validation, \d+ test images in 3 classes\n", said)
    assert "left out 1 unusable file(s)" in said
    listed = json.loads(load_text(f"{parent().info.artifact_uri}/left_out.json"))
    assert [b["path"] for b in listed] == ["blue/broken.png"]
    run("report", "--sweep", "default-1", "-o", "odd.html")
    assert "Of the data: left out 1 unusable file(s), listed in left_out.json." in (place[0] / "odd.md").read_text()


def test_what_is_there_is_not_run_again(place):
    before = {r.info.run_id for r in below("replicate")}
    again = run("replicate", "--sweep", "default-1", "--top", 2, "--seeds", SEEDS)
    assert re.search(r"4 baselines, and [012] others of the best 2\n", again.stderr)
    assert {r.info.run_id for r in below("replicate")} == before
    assert "replicated" in again.stdout


def test_a_probe_is_in_the_sweep_and_its_suggestions_come_after_the_baselines(place):
    probes = pd.read_csv(io.StringIO(load_text(f"{parent().info.artifact_uri}/probe/{MODEL}.csv")))
    assert list(probes["block"])[-1] == "top"
    trials = sorted(below("trial"), key=lambda r: int(r.data.tags["tlcompare.trial"]))
    assert [t.data.params["strategy"] for t in trials[:4]] == ["frozen", "top", "block7+top", "all"]
    blocks = list(probes["block"])
    knows = blocks[min(int(probes["ridge"][::-1].idxmax()) + 1, len(blocks) - 1)]
    changes = blocks[int(probes["relative_gradient"].idxmax())]
    suggested = [b if b == "top" else f"{b}-top" for b in dict.fromkeys((knows, changes))]
    new = [s for s in suggested if s not in ("top", "block7-top", "stem-top")]
    assert [t.data.params["strategy"] for t in trials[4:]][: len(new)] == new[:1]


def test_compare_and_pick_rest_on_the_replicates(place):
    rows = json.loads(run("compare", "--sweep", "default-1", "--evidence", "--format", "json").stdout)
    assert len(rows) == 5
    for row in rows:
        runs = next(g for g in groups().values() if g[0].data.params["strategy"] == row["strategy"])
        values = [r.data.metrics["val/accuracy"] for r in runs]
        assert row["val_accuracy"] == pytest.approx(np.mean(values))
        assert row["val_sd"] == pytest.approx(np.std(values, ddof=1))
        assert row["val_accuracy_low"] <= row["val_accuracy"] <= row["val_accuracy_high"]
    shown = run("compare", "--sweep", "default-1", "--evidence")
    assert "sealed" in shown.stdout
    assert "Holm" in shown.stderr
    means = {frozenset(r.info.run_id for r in g): predicted_right(g).mean() for g in groups().values()}
    picked = json.loads(run("pick", "--sweep", "default-1", "--json").stdout)
    assert means[frozenset(picked["runs"])] == max(means.values())
    a, b = (r.info.run_id for r in itertools.islice(below("trial"), 2))
    assert "Exact McNemar test:" in run("compare", a, b).stderr
    other = run("compare", "--sweep", "default-1", "--evidence", "--baseline", "al", code=2)
    assert 'Did you mean "all"?' in other.stderr
    assert "--evidence needs --sweep" in run("compare", "--evidence", code=2).stderr


def test_every_number_of_the_report_is_found_again(place):
    folder, _ = place
    shown = run("report", "--sweep", "default-1", "-o", folder / "out.html", "--within", "2%")
    assert shown.stdout.split() == [str(folder / f"out.{kind}") for kind in ("html", "md", "csv")]
    table = pd.read_csv(folder / "out.csv", keep_default_na=False, na_values=[""])
    again = Recomputed()
    for row in table.itertuples():
        value, low, high, p = again.find(row.section, row.subject, row.quantity)
        where = f"{row.section}, {row.subject}, {row.quantity}"
        if row.section == "luck" and low is None and row.quantity != "trials":
            assert row.value == pytest.approx(value, abs=0.01), where  # a bootstrap with other draws
            continue
        assert row.value == pytest.approx(value, abs=1e-9, nan_ok=True), where
        if low is not None:
            width = max(high - low, 1e-6)
            assert row.low == pytest.approx(low, abs=0.15 * width), where
            assert row.high == pytest.approx(high, abs=0.15 * width), where
        else:
            assert pd.isna(row.low), where
        if p is not None:
            assert row.p == pytest.approx(p, abs=1e-6, nan_ok=True), where
    assert len(table) > 100
    assert {"architectures", "method", "comparison", "strategies", "changes", "luck", "probe"} == set(table["section"])

    markdown = (folder / "out.md").read_text()
    known = set()
    for value in pd.concat([table["value"], table["low"], table["high"], table["p"], 100 * table["value"]]).dropna():
        for scale, digits in itertools.product((1, 100), range(5)):
            known |= {f"{abs(scale * value):.{digits}f}", f"{abs(scale * value):,.{digits}f}"}
    lines = re.sub(r"\(too few seeds: \d+ comparisons need \d+\)", "", markdown).splitlines()
    cells = [c for line in lines if line.startswith("| ") for c in line.split("|")[2:-1] if "package" not in c]
    numbers = [n for cell in cells for n in re.findall(r"(?<![\w<.])\d[\d,]*(?:\.\d+)?(?![\w.])", cell)]
    prose = [line for line in lines if not line.startswith(("|", "tlcompare "))]
    numbers += [n for line in prose for n in re.findall(r"\d[\d,]*\.\d+(?=%| points|, |\])", line)]
    numbers = [n for n in numbers if n not in ("2.00", "95")]  # the margin that was asked for, and the level
    assert len(numbers) > 120
    assert [n for n in numbers if n not in known] == []

    logged = {f.path for f in MlflowClient().list_artifacts(parent().info.run_id, "report")}
    assert logged == {f"report/report.{kind}" for kind in ("html", "md", "csv")}
    page = (folder / "out.html").read_text()
    assert "<i>green" not in page
    assert "&lt;i&gt;green" in page
    for section in ("Architectures", "Comparison", "Unfreezing strategies", "Optimal strategy", "Costs", "Caveats"):
        assert f"<h2>{section}</h2>" in page
    assert "tlcompare sweep --name default-1 --space default" in page
    assert "tlcompare replicate --sweep default-1" in page


class Recomputed:
    """The numbers of a report, from MLflow alone and by other code."""

    def __init__(self):
        found = groups()
        self.groups = {}
        lrs = {g[0].data.params["lr"] for g in found.values()}
        for runs in found.values():
            p = runs[0].data.params
            name = f"last {p['strategy']}" if p["strategy"].isdigit() else p["strategy"]
            shown = f"{name} lr {float(p['lr']):.3g}" if len(lrs) > 1 and p["strategy"] != "frozen" else None
            self.groups[shown or name] = runs
        self.right = {k: predicted_right(g) for k, g in self.groups.items()}
        self.order = sorted(self.right, key=lambda k: -self.right[k].mean())
        self.best, self.base = self.order[0], "frozen"
        frame = predictions(self.groups[self.base][0])
        self.truth = frame["true"].to_numpy()
        pairs = [(k, self.base) for k in self.order if k != self.base]
        if self.best != self.base:
            pairs += [(k, self.best) for k in self.order if k not in (self.best, self.base)]
        self.p = dict(zip(pairs, holm([max(*self.two(a, b)) for a, b in pairs]), strict=True))
        self.above = parent()

    def two(self, a, b):
        difference = self.right[a] - self.right[b]
        return self.interval(difference)[3], flips(difference.mean(1))

    @staticmethod
    def interval(x):
        """Mean, ends and p: analysis of variance by explicit sums, and a bootstrap with draws of its own."""
        s, n = x.shape
        m = x.mean()
        if np.ptp(x) == 0:
            half = 1 - 0.025 ** (1 / n)
            return m, m - half, m + half, 1.0 if m == 0 else 2 * 0.5**n
        rows, columns = x.mean(1), x.mean(0)
        residual = sum((x[i, j] - rows[i] - columns[j] + m) ** 2 for i in range(s) for j in range(n))
        residual /= (s - 1) * (n - 1)
        a = max(n * sum((rows - m) ** 2) / (s - 1), residual)
        b = max(s * sum((columns - m) ** 2) / (n - 1), residual)
        total = a + b - residual
        df = total**2 / (a**2 / (s - 1) + b**2 / (n - 1) + residual**2 / ((s - 1) * (n - 1)))
        error = np.sqrt(total / (s * n))
        random = np.random.default_rng(7)
        draws = np.array([x[random.integers(s, size=s)][:, random.integers(n, size=n)].mean() for _ in range(4000)]) - m
        t = stats.t.ppf(0.975, df)
        ends = np.quantile(draws, [0.025, 0.975]) * error / draws.std() * t / 1.959964
        p = 2 * stats.t.sf(abs(m) / error, df)
        return m, m + min(ends[0], -t * error), m + max(ends[1], t * error), p

    def of_shares(self, x):
        """The interval of a difference of shares, which is at most one."""
        m, low, high, p = self.interval(x)
        return m, max(low, -1), min(high, 1), p

    def find(self, section, subject, quantity):
        return getattr(self, f"_{section}")(subject, quantity)

    def _comparison(self, subject, quantity):
        runs, right = self.groups[subject], self.right[subject]
        metrics = [r.data.metrics for r in runs]
        if quantity == "seeds":
            return len(runs), None, None, None
        if quantity == "depth":
            return float(runs[0].data.params["depth"]), None, None, None
        if quantity == "standard deviation of validation accuracy":
            return np.std([m["val/accuracy"] for m in metrics], ddof=1), None, None, None
        if quantity in metrics[0]:
            return np.mean([m[quantity] for m in metrics]), None, None, None
        if quantity == "validation accuracy":
            m, low, high, _ = self.interval(right)
            return m, max(low, 0), min(high, 1), None
        if quantity == "test accuracy":
            m, low, high, _ = self.interval(predicted_right(runs, "test"))
            return m, max(low, 0), min(high, 1), None
        if quantity == "train minus validation accuracy":
            return np.mean([m["train/accuracy"] - m["val/accuracy"] for m in metrics]), None, None, None
        if quantity == "test minus validation accuracy":
            return predicted_right(runs, "test").mean() - right.mean(), None, None, None
        other = self.base if quantity.endswith("the baseline") else self.best
        if quantity.startswith("sign-flip p"):
            return self.two(subject, other)[1], None, None, None
        assert quantity.startswith("difference to the")
        m, low, high, _ = self.of_shares(right - self.right[other])
        pair = (subject, other) if (subject, other) in self.p else (other, subject)
        return m, low, high, self.p[pair]

    def _architectures(self, subject, quantity):
        run = self.groups[self.base][0]
        layers = pd.read_csv(io.StringIO(load_text(f"{run.info.artifact_uri}/layers.csv")))
        values = {
            "layers": len(layers),
            "blocks": layers[layers["weights"] > 0]["block"].nunique(),
            "weights with head": layers["weights"].sum() + 1281 * 3,
            "image side": 32,
        }
        return values[quantity], None, None, None

    def _method(self, subject, quantity):
        run = self.groups[self.base][0]
        counts = {"val images": len(self.truth), "classes": len(set(self.truth))}
        counts |= {f"{p} images": int(run.data.params[f"{p}_images"]) for p in ("train", "test")}
        assert counts["train images"] + counts["val images"] + counts["test images"] == 60
        return counts[quantity], None, None, None

    def _strategies(self, subject, quantity):
        depth = {k: float(g[0].data.params["depth"]) for k, g in self.groups.items()}
        if quantity == "depth of the best":
            return depth[self.best], None, None, None
        assert quantity == "depth of the knee"
        near = [
            k for k in self.order if k == self.best or self.interval(self.right[k] - self.right[self.best])[1] > -0.02
        ]
        return min(depth[k] for k in near), None, None, None

    def _changes(self, subject, quantity):
        unfrozen = next(k for k in self.order if k != self.base)
        a, b = self.right[unfrozen], self.right[self.base]
        if quantity == "images right only when unfrozen":
            return int(((a.mean(0) > 0.5) & (b.mean(0) < 0.5)).sum()), None, None, None
        if quantity == "images right only when frozen":
            return int(((b.mean(0) > 0.5) & (a.mean(0) < 0.5)).sum()), None, None, None
        assert quantity == "change of recall"
        names = sorted(set(self.truth))
        parts = [(a - b)[:, self.truth == n] for n in names]
        found = [self.of_shares(x) for x in parts]
        at = names.index(subject.removeprefix(f"{MODEL}: "))
        return *found[at][:3], holm([max(f[3], flips(x.mean(1))) for f, x in zip(found, parts, strict=True)])[at]

    def _luck(self, subject, quantity):
        trials = sorted(
            (r for r in below("trial") if r.info.status == "FINISHED"),
            key=lambda r: int(r.data.tags["tlcompare.trial"]),
        )
        right = predicted_right(trials)
        random = np.random.default_rng(11)
        n = right.shape[1]
        scores = []
        for _ in range(4000):
            count = np.bincount(random.integers(n, size=n), minlength=n)
            chosen = int((right * count).sum(1).argmax())
            scores.append(right[chosen, count == 0].mean())
        corrected = np.mean(scores)
        best = right.mean(1).max()
        if quantity == "validation accuracy with other seeds":
            key = trials[int(right.mean(1).argmax())].data.tags["tlcompare.configuration"]
            m, low, high, _ = self.interval(predicted_right(groups()[key]))
            return m, max(low, 0), min(high, 1), None
        values = {
            "trials": len(right),
            "validation accuracy": best,
            "corrected validation accuracy": corrected,
            "optimism": best - corrected,
        }
        return values[quantity], None, None, None

    def _probe(self, subject, quantity):
        rows = json.loads(load_text(f"{self.above.info.artifact_uri}/sweep.json"))["probes"][MODEL]
        table = pd.DataFrame(rows).set_index("block")
        columns = {
            "ridge accuracy": "ridge",
            "accuracy of the nearest mean": "nearest_mean",
            "relative gradient norm": "relative_gradient",
        }
        if quantity in columns:
            return table.loc[subject.removeprefix(f"{MODEL}: "), columns[quantity]], None, None, None
        name = columns[quantity.removeprefix("Spearman of ")]
        accuracy, foreseen = [], []
        for r in below("trial"):
            trained = [b for b in table.index if r.data.params.get(f"block.{b}") == "1"]
            if r.info.status != "FINISHED" or not trained:
                continue
            place = list(table.index).index(trained[0])
            known = table["ridge"].iloc[place - 1] if place else 0.0
            accuracy.append(r.data.metrics["val/accuracy"])
            foreseen.append(known if name == "ridge" else table.loc[trained, name].sum())
        if len(set(accuracy)) == 1 or len(set(foreseen)) == 1:
            return np.nan, None, None, np.nan
        rho = stats.spearmanr(accuracy, foreseen).statistic
        others = [stats.spearmanr(order, foreseen).statistic for order in itertools.permutations(accuracy)]
        above, below_ = (np.mean([sign * o >= sign * rho - 1e-9 for o in others]) for sign in (1, -1))
        return rho, None, None, min(1.0, 2 * min(above, below_))


def holm(p):
    order = np.argsort(p)
    adjusted, running = np.empty(len(p)), 0.0
    for rank, i in enumerate(order):
        running = max(running, min(1.0, p[i] * (len(p) - rank)))
        adjusted[i] = running
    return adjusted


def flips(differences):
    if not differences.any():
        return 1.0
    means = [abs(np.mean(differences * s)) for s in itertools.product((1, -1), repeat=len(differences))]
    return np.mean([m >= abs(differences.mean()) - 1e-12 for m in means])


def test_the_test_set_is_opened_once(place, monkeypatch):
    """Opens the test set of the sweep that the tests before it share."""
    built, passed = [], []

    def counted(module, name, calls):
        whole = getattr(module, name)

        def counting(*arguments):
            calls.append(name)
            return whole(*arguments)

        monkeypatch.setattr(module, name, counting)

    counted(serving, "trace", built)
    counted(finalizing, "outputs", passed)
    opened = run("finalize", "--sweep", "default-1")
    assert f"{5 * SEEDS} runs of 5 configurations" in opened.stdout
    assert len(built) == 1, "the network is built once"
    assert 1 < len(passed) <= 5, "what is frozen sees the images once for each cut, not for each run"
    above = parent()
    assert above.data.tags["tlcompare.test_opened_by"] == getpass.getuser()
    assert re.match(r"20\d\d-\d\d-\d\d \d\d:\d\d UTC$", above.data.tags["tlcompare.test_opened_at"])
    assert not [m for m in above.data.metrics if m.startswith("test/")]
    first = next(iter(groups().values()))[0]
    assert first.data.tags["tlcompare.test_opened"] == "true"
    table = predictions(first, "test")
    assert len(table) == int(first.data.params["test_images"])
    assert first.data.metrics["test/accuracy"] == pytest.approx(table["right"].mean())
    assert not set(table["file"]) & set(predictions(first)["file"])
    assert all("test/accuracy" not in t.data.metrics for t in below("trial"))

    again = run("finalize", "--sweep", "default-1")
    assert f"opened on {above.data.tags['tlcompare.test_opened_at']} by {getpass.getuser()}" in again.stdout
    assert "nothing was scored again" in again.stdout


@pytest.mark.slow
def test_what_is_run_after_the_opening_is_scored_only_if_asked_to(place):
    folder, _ = place
    run("finalize", "--sweep", "default-1")
    test_every_number_of_the_report_is_found_again(place)
    page = (folder / "out.html").read_text()
    assert "test minus validation" in page

    file = next(iter((folder / "photos").rglob("*.png")))
    kept = file.read_bytes()
    write_image(file, seed=999, hue=0)
    changed = run("replicate", "--sweep", "default-1", "--seeds", SEEDS + 1, code=2)
    assert "are not those of the sweep" in changed.stderr
    file.write_bytes(kept)
    more = run("replicate", "--sweep", "default-1", "--top", 5, "--seeds", SEEDS + 1)
    assert "what is chosen now may know its scores" in more.stderr
    left_out = run("finalize", "--sweep", "default-1", code=2)
    assert "were made after that and may have been chosen in its knowledge" in left_out.stderr
    run("finalize", "--sweep", "default-1", "--again")
    assert ", again 20" in parent().data.tags["tlcompare.test_opened_at"]


def test_a_sweep_without_replicates_proves_nothing(tlcompare, photos):
    fixed = ["--data", photos, *FAST, 1, *TINY, "--unfreeze", "frozen"]
    assert tlcompare("sweep", *fixed, "--trials", 1, "--log-models", "none").exit_code == 0
    for command in (["report"], ["finalize"], ["compare", "--evidence"]):
        result = tlcompare(*command, "--sweep", "default-1")
        assert result.exit_code == 2
        assert "tlcompare replicate --sweep default-1" in result.stderr
    assert "is the only configuration" in tlcompare("pick", "--sweep", "default-1").stdout
    split = tlcompare("replicate", "--sweep", "default-1", "--top", 1, "--seeds", 2, "--resplit")
    assert split.exit_code == 0, split.output
    runs = [r for r in below("replicate")]
    assert [r.data.params["val_seed"] for r in runs] == [r.data.params["seed"] for r in runs]
    sets = [set(predictions(r)["file"]) for r in runs]
    assert sets[0] != sets[1]
    assert tlcompare("compare", "--sweep", "default-1", "--evidence").exit_code == 0


@pytest.mark.slow
def test_two_backbones_are_compared_by_their_best(workplace, photos):
    models = "torchvision:squeezenet1_1,torchvision:shufflenet_v2_x0_5"
    fixed = ["--data", photos, *FAST, 1, "--unfreeze", "frozen", "--weights", "none", "--model", models]
    run("sweep", *fixed, "--trials", 2, "--seeds", 2)
    rows = json.loads(run("compare", "--sweep", "default-1", "--evidence", "--format", "json").stdout)
    assert {row["backbone"] for row in rows} == set(models.split(","))
    assert all(row["configuration"].startswith(f"{row['backbone']} frozen") for row in rows)
    run("report", "--sweep", "default-1", "-o", "two.html")
    text = (workplace / "two.md").read_text()
    assert "RANDOM WEIGHTS" in text
    assert re.search(r"shufflenet_v2_x0_5 or torchvision:squeezenet1_1|squeezenet1_1 or torchvision:shufflenet", text)
    (workplace / "mine.md").write_text("mine")
    assert "is there and is no report" in run("report", "--sweep", "default-1", "-o", "mine.html", code=2).stderr
    assert (workplace / "mine.md").read_text() == "mine"


@pytest.mark.parametrize("how", [signal.SIGTERM, pytest.param(signal.SIGKILL, marks=pytest.mark.slow)])
def test_interrupted_replicates_go_on(how, workplace, photos):
    fixed = ["--data", photos, *FAST, 1, *TINY, "--unfreeze", "frozen"]
    run("sweep", *fixed, "--trials", 1, "--log-models", "none")
    child = os.fork()
    if child == 0:
        os.setsid()
        CliRunner().invoke(main, ["replicate", "--sweep", "default-1", "--seeds", "40"])
        os._exit(0)
    deadline = time.monotonic() + 120
    while len([r for r in below("replicate") if r.info.status == "FINISHED"]) < 2 and time.monotonic() < deadline:
        time.sleep(0.2)
    second = run("replicate", "--sweep", "default-1", "--seeds", "40", code=2)
    assert "another command is adding to this sweep's results" in second.stderr
    os.kill(child, how)
    os.waitpid(child, 0)
    assert how == signal.SIGKILL or "RUNNING" not in {r.info.status for r in below("replicate")}
    done = {r.info.run_id for r in below("replicate") if r.info.status == "FINISHED"}
    assert 2 <= len(done) < 40
    more = len(done) + 1
    run("replicate", "--sweep", "default-1", "--seeds", more)
    after = below("replicate")
    assert done <= {r.info.run_id for r in after}
    assert len(after) == more
    assert {r.info.status for r in after} == {"FINISHED"}
