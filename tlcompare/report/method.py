"""The last sections of a report: how its numbers came about, what they do not show, and how to repeat them."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from typing import Any

from tlcompare.config import flag, presets
from tlcompare.evidence.contenders import Contender
from tlcompare.evidence.findings import Findings
from tlcompare.evidence.race import Race
from tlcompare.report.document import Code, Part
from tlcompare.tracking.reading import NOTES, OPENED_AT, LoggedRun, file_of
from tlcompare.tracking.sweeps import REPLICATED


def method(found: Findings) -> list[Part]:
    """Seeds, images, statistics, and versions."""
    evidence = found.evidence
    first = evidence.contenders[0]
    run = first.runs[0]
    environment: dict[str, Any] = json.loads(file_of(run, "environment.json"))
    division = "each seed divides training and validation images anew" if first.trained_on else "all share a split"
    return [
        f"{len(evidence.contenders)} configurations with {_seeds(evidence.contenders)} and none that chose a "
        f"configuration; {division}. {run.params['train_images']} training, "
        f"{run.params['val_images']} validation and {run.params['test_images']} test images in {run.params['classes']} "
        f"classes (digest {run.params['data_digest']}).",
        "A seed sets the head's initial weights, the order of images and the views. Intervals: two-level bootstrap "
        "over seeds and images, the same draws for all, with deviations rescaled to the two-way random-effects "
        f"variance and Student's t. Sign-flip permutation over seeds; {_corrected(evidence.race)}",
        ", ".join(f"{name} {value}" for name, value in environment.items()) + ".",
    ]


def _seeds(contenders: Sequence[Contender]) -> str:
    """How many seeds, and which."""
    most = max(contenders, key=lambda c: len(c.runs))
    least = min(len(c.runs) for c in contenders)
    if least == len(most.runs):
        return f"{least} seeds each ({', '.join(most.seeds)}), the same for all"
    return f"{least} to {len(most.runs)} seeds each, the first of {', '.join(most.seeds)},"


def _corrected(race: Race | None) -> str:
    """For what tests and intervals are corrected, and which are not."""
    if race is None:
        return (
            "Holm over all comparisons with the baseline, with the best and between backbones; recall of classes is "
            "corrected on its own. The knee, the choice and the Pareto front rest on single intervals."
        )
    looks = race.questions.looks
    spent = ", ".join(f"{share:.0%}" for share in looks.spent)
    return (
        f"looks at {', '.join(map(str, looks.seeds))} seeds, by which {spent} of the level may be spent. First whether "
        "the best of the sweep is better than the baseline, at the full level; only then which of its rivals are worse "
        "or as good, corrected among themselves after Holm. Differences have intervals that hold at all looks together "
        "(Jennison and Turnbull 1989); those of single accuracies, the recall of classes and the Pareto front are not "
        "corrected for the looks."
    )


def caveats(found: Findings) -> list[Part]:
    """What the numbers do not show."""
    evidence, first = found.evidence, found.evidence.contenders[0]
    parts: list[Part] = []
    if any(r.params.get("weights") == "none" for c in evidence.contenders for r in c.runs):
        parts.append("**RANDOM WEIGHTS: nothing here was pretrained, so accuracies say nothing about transfer.**")
    if ", again " in evidence.sweep.tags.get(OPENED_AT, ""):
        parts.append("**The test set was opened more than once**: later choices may have known its scores.")
    parts += [f"Of the data: {note}." for note in evidence.sweep.tags.get(NOTES, "").splitlines()]
    if first.trained_on is None:
        parts.append("All seeds share one split: another division of the images may rank close strategies otherwise.")
    if len(first.runs) < 6:
        parts.append(f"{len(first.runs)} seeds cannot prove any difference; six can prove one, ten 25.")
    if evidence.left_out:
        parts.append(f"{len(evidence.left_out)} runs without a counterpart in every configuration were left out.")
    parts.append(
        "Every run keeps the epoch that is best on validation, so all validation accuracies are a little too high, "
        "those that fluctuate most the most."
    )
    parts.append(
        "Configurations differ in what their names show, such as the learning rate: depth is not isolated where that "
        "differs too. Those run again were the best of the sweep on these validation images, which favours them "
        "against the baselines; the test set does not."
    )
    return parts


def commands(found: Findings) -> list[Part]:
    """The commands that make all of it again."""
    evidence = found.evidence
    name = evidence.sweep.tags["tlcompare.sweep"]
    lines = [_sweep_command(evidence.sweep, name, len(evidence.trials))]
    lines += evidence.sweep.tags.get(REPLICATED, f"tlcompare replicate --sweep {name}").splitlines()
    if OPENED_AT in evidence.sweep.tags:
        lines.append(f"tlcompare finalize --sweep {name}")
    lines.append(
        f"tlcompare report --sweep {name} --baseline {shlex.quote(found.baseline)} --within {found.margin * 100:g}%"
    )
    best = found.picked.winner
    return [
        Code(lines),
        f"One run alone: `tlcompare train --config runs:/{best.runs[0].run_id}`. Every number in this report is in the "
        "CSV beside it and in the sweep's MLflow run, from which all of them are computed.",
    ]


def _sweep_command(run: LoggedRun, name: str, trials: int) -> str:
    definition = json.loads(file_of(run, "sweep.json"))
    space = definition["space_name"]
    parts = ["tlcompare", "sweep", "--name", name, "--space", space if space in presets() else "space.yaml"]
    parts += ["--model", ",".join(definition["models"]), "--sampler", definition["sampler"]]
    parts += ["--pruner", definition["pruner"], "--trials", str(trials)]
    for goal in ("maximize", "minimize"):
        parts += [x for metric in definition[goal] for x in (f"--{goal}", metric)]
    for option, value in definition["options"].items():
        parts += [flag("epoch_patience" if option == "patience" else option), str(value)]
    parts += ["--probe"] if definition.get("probes") else []
    return shlex.join(parts)
