"""The sections of a report: what the runs of a sweep show, and with what certainty."""

from __future__ import annotations

from collections.abc import Sequence

from tlcompare.config import HEAD_ALONE
from tlcompare.evidence.contenders import FROZEN, Contender
from tlcompare.evidence.findings import (
    COSTS,
    Diagnosis,
    Findings,
    Response,
    Winner,
    pareto,
    worth_it,
)
from tlcompare.evidence.gathered import Evidence
from tlcompare.evidence.pick import described, shown
from tlcompare.evidence.questions import BETTER, WORSE
from tlcompare.evidence.statistics import ALPHA, holm
from tlcompare.evidence.verdicts import UNDECIDED, Comparison
from tlcompare.report.course import course_lines
from tlcompare.report.decision import sentences
from tlcompare.report.document import Part, Picture, Section, Table
from tlcompare.report.drawings import (
    as_svg,
    draw_classes,
    draw_costs,
    draw_differences,
    draw_probe,
    draw_response,
)
from tlcompare.report.method import caveats, commands, method
from tlcompare.report.standing import HEADINGS, cells, p_value, points
from tlcompare.tracking.reading import opening

_SHOWN_FILES = 5


def sections_of(found: Findings) -> list[Section]:
    """The report, section by section."""
    sections = [
        Section("Verdict", _verdict(found)),
        *([Section("How it was decided", course_lines(found.evidence))] if found.evidence.race else []),
        Section("Architectures", _architectures(found)),
        Section("Comparison", _comparison(found)),
        Section("Unfreezing strategies", _strategies(found)),
        Section("Optimal strategy", _optimal(found)),
        Section("Costs", _costs(found)),
        Section("What unfreezing changes", _diagnoses(found)),
        Section("How much of the winner's score is luck", _luck(found.winner)),
    ]
    if found.probes:
        sections.append(Section("What the probe foresaw", _probes(found)))
    return [
        *sections,
        Section("Method and seeds", method(found)),
        Section("Caveats", caveats(found)),
        Section("To repeat this", commands(found)),
    ]


def verdict_of(backbone: str, found: Findings) -> str:
    """Whether unfreezing a backbone is worth it, in a sentence."""
    answer = worth_it(backbone, found.claims)
    if answer is None:
        return f"**{backbone}:** `{found.baseline}` was not run again, so nothing can be said."
    verdict, c = answer
    against = f"{described(c.contender)} against {shown(c.other.accuracy)} `{found.baseline}`"
    numbers = f"{points(c.difference)} points, p = {p_value(c.p)}"
    if found.baseline != FROZEN:
        said = f"cannot conclude ({c.why_undecided})" if verdict == UNDECIDED else f"{c.contender.label} is {verdict}"
        return f"**{backbone} against `{found.baseline}`: {said}.** {against}: {numbers}."
    if verdict == BETTER:
        return f"**{backbone}: unfreezing is worth it.** {against}: {numbers}."
    if verdict == WORSE:
        return (
            f"**{backbone}: unfreezing hurts.** Every strategy is worse than `{found.baseline}`; {against}: {numbers}."
        )
    return (
        f"**{backbone}: whether unfreezing is worth it cannot be concluded** ({c.why_undecided}). {against}: {numbers}."
    )


def _verdict(found: Findings) -> list[Part]:
    parts = _compared(found) if found.evidence.race is None else _raced(found.evidence)
    return [*parts, _tested(found)]


def _raced(evidence: Evidence) -> list[Part]:
    first, *others = sentences(evidence)
    return [f"**{first}**", *others]


def _compared(found: Findings) -> list[Part]:
    parts: list[Part] = [verdict_of(b, found) for b in found.evidence.backbones]
    for c in found.claims.between:
        which = f"{c.other.backbone} or {c.contender.backbone}"
        numbers = f"{points(c.difference)} points, p = {p_value(c.p)}"
        said = f"cannot be concluded ({c.why_undecided})" if c.verdict == UNDECIDED else f"{c.other.backbone} is better"
        parts.append(
            f"**{which}:** {said}; the best of {c.contender.backbone} against that of {c.other.backbone}: {numbers}."
        )
    return [*parts, f"**The choice:** {found.picked.why}"]


def _tested(found: Findings) -> str:
    test, opened = found.picked.winner.test_accuracy, opening(found.evidence.sweep)
    if not opened:
        return "The test set is sealed: `tlcompare finalize` opens it, once, when all choosing is over."
    if test is None:
        return f"The test set was {opened}; not all runs were scored: `tlcompare finalize` goes on."
    return f"On the test set, {opened}, it has {shown(test)}."


def _architectures(found: Findings) -> list[Part]:
    rows = []
    for backbone, built in found.architectures.items():
        first = found.evidence.of(backbone)[0]
        rows.append(
            [
                backbone,
                f"{built.layers}",
                f"{built.blocks}",
                f"{built.weights:,}",
                f"{built.image_size}",
                f"{first.mean('cost/latency_p50_ms'):.2f}",
                f"{first.mean('cost/latency_p95_ms'):.2f}",
                f"{first.mean('cost/seconds_per_100_images'):.3f}",
                f"{first.mean('cost/model_mb'):.1f}",
                built.pretrained,
            ]
        )
    headings = ["backbone", "layers", "blocks", "weights with head", "image side (px)", "latency p50 (ms)"]
    headings += ["latency p95 (ms)", "s / 100 images", "model (MB)", "pretrained weights"]
    return [
        Table(headings, rows),
        "Freezing does not change what is computed at inference, so latency is measured once per backbone, input size, "
        "device and thread count, and is the same for all of its strategies.",
    ]


def _comparison(found: Findings) -> list[Part]:
    contenders = found.evidence.contenders
    parts: list[Part] = [Table(HEADINGS, [cells(c, found.claims) for c in contenders])]
    if found.claims.with_baseline:
        caption = f"Gain over `{found.baseline}`, paired by seed and image, with 95% intervals. Grey: cannot conclude."
        parts.append(Picture(as_svg(draw_differences(found.claims.with_baseline, found.baseline), caption), caption))
    parts.append(f"Accuracies and differences with 95% intervals for other seeds and images. {found.claims.rule}")
    return parts


def _strategies(found: Findings) -> list[Part]:
    parts: list[Part] = []
    for backbone, answer in found.responses.items():
        trials = [t for t in found.evidence.trials if t.params.get("backbone") == backbone and t.status == "FINISHED"]
        caption = f"{backbone}: validation accuracy against depth."
        parts.append(Picture(as_svg(draw_response(answer, trials), caption), caption))
        parts.append(f"**{backbone}.** {response_text(answer, found.margin)}")
        if backbone in found.diagnoses:
            parts.append(_why(found.diagnoses[backbone]))
    return parts or ["Fewer than two depths were run again: there is no response to show."]


def response_text(answer: Response, margin: float) -> str:
    """What happened when too few or too many layers were unfrozen, in sentences."""
    sentences = [f"The best depth tried is {answer.best.depth:.0%}: {described(answer.best)}."]
    if answer.knee is answer.best:
        sentences.append(f"No lesser depth is shown to lose at most {margin:.2%}.")
    else:
        sentences.append(
            f"The knee, the least depth shown to lose at most {margin:.2%}, is {answer.knee.depth:.0%}: "
            f"{described(answer.knee)}."
        )
    for name, losers in (("few", answer.too_few), ("many", answer.too_many)):
        if losers:
            sentences.append(f"Too {name}: {'; '.join(map(_loss, losers))}.")
        else:
            sentences.append(f"Too {name}: none tried is shown to be worse.")
    if any(_recipes_differ(c.contender, answer.best) for c in (*answer.too_few, *answer.too_many)):
        sentences.append("Some of these differ from the best in more than depth, which alone then explains nothing.")
    if answer.undecided:
        sentences.append(f"Not told apart from the best: {', '.join(c.contender.label for c in answer.undecided)}.")
    return " ".join(sentences)


def _recipes_differ(a: Contender, b: Contender) -> bool:
    """Whether two contenders differ in more than their strategy, as far as that matters where only the head trains."""
    unused = ("seed", *(HEAD_ALONE if FROZEN in (a.strategy, b.strategy) else ()))
    return any(a.row.chosen.get(name) != value for name, value in b.row.chosen.items() if name not in unused)


def _loss(c: Comparison) -> str:
    return f"{c.contender.label} ({points(c.difference)} points)"


def _why(found: Diagnosis) -> str:
    """What lies behind the difference, as far as the runs tell."""
    gains = [c for c in found.classes if c.p <= 0.05 and c.recall.estimate > 0]
    losses = [c for c in found.classes if c.p <= 0.05 and c.recall.estimate < 0]
    parts = []
    for verb, changed in (("gain", gains), ("lose", losses)):
        listed = ", ".join(f"{c.name} ({c.recall.estimate * 100:+.1f})" for c in changed[:5])
        counted = f"recall is shown to {verb} in {len(changed)} of {len(found.classes)} classes"
        parts.append(f"{counted}: {listed}" if listed else counted)
    gap, frozen_gap = found.unfrozen.gap, found.baseline.gap
    fit = (
        f"On the training images it is {found.unfrozen.mean('train/accuracy'):.2%} right, {gap * 100:+.2f} points more "
        f"than on validation ({found.baseline.strategy}: {frozen_gap * 100:+.2f})."
    )
    return f"Why: {found.unfrozen.label} against {found.baseline.strategy}: {'; '.join(parts)}. {fit}"


def _optimal(found: Findings) -> list[Part]:
    near = f"those whose whole 95% interval of the paired difference to the best lies above -{found.margin:.2%}"
    if found.evidence.race is not None:
        near = f"the best and those that are as good within {found.margin:.2%}"
    rule = (
        "The rule: of all configurations that were run again, the one that trains the fewest weights among "
        f"{near}. Validation alone chooses."
    )
    parts: list[Part] = [rule, f"**The choice:** {found.picked.why}"]
    rows = [
        [c.label, shown(c.accuracy), shown(c.test_accuracy), f"{c.drop * 100:+.2f}"]
        for c in found.evidence.contenders
        if c.test_accuracy is not None and c.drop is not None
    ]
    if rows:
        parts.append(f"The test set was {opening(found.evidence.sweep)}.")
        headings = ["configuration", "validation accuracy", "test accuracy", "test minus validation (points)"]
        parts.append(Table(headings, rows))
    return parts


def _costs(found: Findings) -> list[Part]:
    contenders = found.evidence.contenders
    states = [pareto(contenders, cost) for cost in COSTS]
    rows = [
        [c.label, *(f"{_cost(c, cost)}: {state[i]}" for cost, state in zip(COSTS, states, strict=True))]
        for i, c in enumerate(contenders)
    ]
    caption = "Accuracy against what it costs. Grey: dominated. Hollow: cannot conclude. Bars: 95% intervals."
    return [
        Picture(as_svg(draw_costs(contenders), caption), caption),
        Table(["configuration", *COSTS.values()], rows),
        "On the front: none that costs no more has a higher mean. Dominated: one that costs no more is better, by an "
        "interval of the paired difference that lies above zero; that is not corrected for the number of comparisons.",
    ]


def _cost(contender: Contender, cost: str) -> str:
    value = contender.mean(cost)
    return f"{value:,.0f}" if cost.endswith("parameters") else f"{value:.2f}"


def _diagnoses(found: Findings) -> list[Part]:
    parts: list[Part] = []
    for backbone, d in found.diagnoses.items():
        against = f"{d.unfrozen.label} minus that of {d.baseline.strategy}"
        caption = f"{backbone}: recall of {against}, by class. Grey: cannot conclude."
        parts.append(Picture(as_svg(draw_classes(d), caption), caption))
        gained, lost = _listed(d.gained), _listed(d.lost)
        parts.append(
            f"**{backbone}.** Most seeds of {d.unfrozen.label} are right and most of {d.baseline.strategy} wrong on "
            f"{gained} of the validation images; the other way round on {lost}."
        )
        told = "is better than every other strategy: training more made it forget"
        if not d.forgot:
            told = "is not shown to be better than every other strategy"
        parts.append(f"Forgetting: `{d.baseline.strategy}` {told}.")
    widest = max(found.evidence.contenders, key=lambda c: c.gap)
    least = min(found.evidence.contenders, key=lambda c: c.gap)
    parts.append(
        f"Overfitting: {widest.label} is most accurate on training images compared with validation, by "
        f"{widest.gap * 100:+.2f} points; {least.label} least, by {least.gap * 100:+.2f}."
    )
    rows = [
        [
            c.label,
            f"{c.mean('train/accuracy'):.2%}",
            f"{c.mean('val/accuracy'):.2%}",
            f"{c.gap * 100:+.2f}",
            f"{c.mean('val/log_loss'):.4f}",
            f"{c.mean('val/ece'):.4f}",
        ]
        for c in found.evidence.contenders
    ]
    headings = [
        "configuration",
        "train accuracy",
        "validation accuracy",
        "gap (points)",
        "log loss",
        "calibration error",
    ]
    parts.append(Table(headings, rows))
    parts.append(
        "Train accuracy is that of the kept epoch while it trained, with dropout and augmentation, so a network that "
        "does not overfit can be worse on it than on validation."
    )
    return parts


def _listed(files: Sequence[str]) -> str:
    """How many images, and the first few of them."""
    few = ", ".join([*files[:_SHOWN_FILES], *(["..."] if len(files) > _SHOWN_FILES else [])])
    return f"{len(files)} image{'' if len(files) == 1 else 's'}" + (f" ({few})" if files else "")


def _luck(found: Winner) -> list[Part]:
    best = found.corrected
    text = (
        f"The best of {best.candidates} finished trials has {best.shown:.2%} on validation. Chosen on some of these "
        f"images and scored on the others, the same way of choosing gives {best.corrected:.2%}: the choice alone makes "
        f"it look {best.optimism * 100:.2f} points better (bootstrap of the selection, Tsamardinos et al. 2018). "
        "That is the luck of the images; the luck of its seed shows when it is run again. Neither takes away that "
        "every run keeps its best epoch on these images."
    )
    if found.again is not None:
        text += f" Its configuration with seeds it was not chosen by has {shown(found.again)}."
    return [text]


def _probes(found: Findings) -> list[Part]:
    parts: list[Part] = []
    for backbone, probes in found.probes.items():
        caption = f"{backbone}: what each block knows of the classes before training, and how much it would change."
        parts.append(Picture(as_svg(draw_probe(backbone, probes), caption), caption))
        seen = found.foresights.get(backbone)
        if seen is not None:
            said = [
                f"{name}: Spearman {rho:+.2f}, p = {p_value(p)}"
                for name, (rho, p) in (("ridge accuracy", seen.ridge), ("relative gradient", seen.gradient))
            ]
            corrected = holm([1.0 if p != p else p for _, p in (seen.ridge, seen.gradient)])
            signs = (seen.ridge[0] > 0, seen.gradient[0] > 0)
            foresaw = any(positive and p <= ALPHA for positive, p in zip(signs, corrected, strict=True))
            parts.append(
                f"**{backbone}:** over {seen.trials} trials that train something, {'; '.join(said)}. The probe "
                f"{'foresaw some of the ranking' if foresaw else 'and the ranking are not shown to be related'}."
            )
    return parts
