"""Claims about simulated runs whose truth is known: how often intervals hold it, tests err, and what a pick costs.

    python -m benchmarks.truth [--only race]

A run has an image right if the sum of its configuration's strength, the image's ease, the image's ease for this
configuration, the luck of the seed and noise is positive, all normal: accuracies are then known exactly.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from tlcompare.evidence.questions import AS_GOOD, BETTER, GIVEN_UP, WORSE, Answer, Questions, standing
from tlcompare.evidence.statistics import ALPHA, exact_mcnemar, holm, interval, optimism, sign_flip


@dataclass(frozen=True)
class World:
    """Standard deviations of what makes a run right or wrong.

    Attributes:
        image: ease of an image for every configuration.
        taste: ease of an image for one configuration.
        seed: luck of one run.
        noise: luck of one run with one image.
    """

    name: str
    image: float
    taste: float
    seed: float
    noise: float

    def accuracy(self, strength: float) -> float:
        spread = np.sqrt(self.image**2 + self.taste**2 + self.seed**2 + self.noise**2)
        return float(stats.norm.cdf(strength / spread))

    def runs(
        self, random: np.random.Generator, strengths: Sequence[float], seeds: int, images: int
    ) -> Iterator[NDArray[np.float64]]:
        """Right (1) or wrong (0) of every seed and image, (seeds, images), for each configuration."""
        people = Population.drawn(random, self, strengths, images)
        for which in range(len(strengths)):
            yield people.runs(random, which, seeds)


@dataclass(frozen=True)
class Population:
    """Images, and how easy each is for every configuration: the same whenever it is run.

    Attributes:
        ease: float of shape (configurations, images), with the configuration's strength in it.
    """

    world: World
    ease: NDArray[np.float64]

    @staticmethod
    def drawn(random: np.random.Generator, world: World, strengths: Sequence[float], images: int) -> Population:
        ease = random.normal(0, world.image, images)
        tastes = [strength + random.normal(0, world.taste, images) for strength in strengths]
        return Population(world, ease + np.stack(tastes))

    def runs(
        self, random: np.random.Generator, which: int, seeds: int, shown: NDArray[np.bool_] | None = None
    ) -> NDArray[np.float64]:
        """Right or wrong, (seeds, images); NaN where `shown`, of that shape, says that the run was not validated on
        the image."""
        luck = random.normal(0, self.world.seed, (seeds, 1))
        noise = random.normal(0, self.world.noise, (seeds, self.ease.shape[1]))
        right = (self.ease[which] + luck + noise > 0).astype(float)
        return right if shown is None else np.where(shown, right, np.nan)


def divisions(random: np.random.Generator, seeds: int, images: int, validated: int) -> NDArray[np.bool_]:
    """Other validation images for every seed, (seeds, images)."""
    return np.stack([random.permutation(images) < validated for _ in range(seeds)])


WORLDS = (
    World("all kinds of luck", image=1.5, taste=0.5, seed=0.1, noise=0.5),
    World("seeds matter most", image=1.5, taste=0.0, seed=0.3, noise=0.1),
    World("noise alone", image=1.5, taste=0.0, seed=0.0, noise=1.0),
)

RACED_WORLDS = (*WORLDS, World("images matter most", image=1.5, taste=1.0, seed=0.05, noise=0.2))


def single_claims(random: np.random.Generator, world: World, seeds: int, images: int, times: int) -> list[str]:
    """Two configurations of equal strength: coverage of both kinds of interval, and errors of each test at 5 %."""
    truth = world.accuracy(2.5)
    counts = np.zeros(5)
    for _ in range(times):
        a, b = world.runs(random, (2.5, 2.5), seeds, images)
        alone, apart = interval(a), interval(a - b)
        counts += (
            alone.low <= truth <= alone.high,
            apart.low <= 0 <= apart.high,
            apart.p <= ALPHA,
            sign_flip(a.mean(1) - b.mean(1)).p <= ALPHA,
            exact_mcnemar(list(a[0] == 1), list(b[0] == 1)).p <= ALPHA,
        )
    return [world.name, str(seeds), str(images), *(f"{share:.1%}" for share in counts / times)]


def many_claims(random: np.random.Generator, world: World, seeds: int, spread: float, times: int) -> list[str]:
    """Eight configurations, the first the baseline, all compared with it and with the best and corrected, as a report
    does: false claims, found differences, and what is lost by picking the best mean."""
    false = found = there = 0
    regret, luck, corrected = [], [], []
    for _ in range(times):
        strengths = 2.0 + spread * random.normal(size=8)
        runs = list(world.runs(random, strengths, seeds, 300))
        truth = np.array([world.accuracy(s) for s in strengths])
        best = int(np.argmax([run.mean() for run in runs]))
        pairs = [(i, 0) for i in range(1, 8)] + [(i, best) for i in range(1, 8) if i != best and best]
        differences = [runs[i] - runs[j] for i, j in pairs]
        claimed = np.array(holm([max(interval(d).p, sign_flip(d.mean(1)).p) for d in differences])) <= ALPHA
        signs = np.sign([d.mean() for d in differences])
        real = np.sign([truth[i] - truth[j] if spread else 0.0 for i, j in pairs])
        false += bool((claimed & (signs != real)).any())
        found += int((claimed & (signs == real)).sum())
        there += len(pairs) if spread else 0
        regret.append(truth.max() - truth[best])
        first = np.stack([run[0] for run in runs])
        luck.append(first.mean(1).max() - truth[int(first.mean(1).argmax())])
        corrected.append(optimism(first).optimism)
    power = f"{found / there:.1%}" if there else "-"
    points = [f"{np.mean(x) * 100:.2f}" for x in (regret, luck, corrected)]
    return [world.name, f"{spread:g}", str(seeds), f"{false / times:.1%}", power, *points]


def divided_claims(random: np.random.Generator, world: World, seeds: int, images: int, times: int) -> list[str]:
    """Configurations whose seeds each have a fifth of the images for validation: coverage of intervals, and how often
    one that is a margin of 2 points worse, or equal, is shown to lose no more than that."""
    margin, equal = 0.02, 2.0
    worse = _strength(world, world.accuracy(equal) - margin)
    truth = world.accuracy(equal)
    counts = np.zeros(5)
    for _ in range(times):
        shown = divisions(random, seeds, images, images // 5)
        people = Population.drawn(random, world, (equal, equal, worse), images)
        a, b, c = (people.runs(random, which, seeds, shown) for which in range(3))
        trained_on = images - images // 5
        alone, apart = interval(a, trained_on), interval(a - b, trained_on)
        counts += (
            alone.low <= truth <= alone.high,
            apart.low <= 0 <= apart.high,
            apart.p <= ALPHA,
            interval(c - a, trained_on).low > -margin,
            apart.low > -margin,
        )
    return [world.name, str(seeds), str(images // 5), *(f"{share:.1%}" for share in counts / times)]


def shared_margins(random: np.random.Generator, world: World, seeds: int, images: int, times: int) -> list[str]:
    """As `divided_claims`, for seeds that share their validation images: non-inferiority alone."""
    margin, equal = 0.02, 2.0
    worse = _strength(world, world.accuracy(equal) - margin)
    counts = np.zeros(2)
    for _ in range(times):
        a, b, c = world.runs(random, (equal, equal, worse), seeds, images)
        counts += interval(c - a).low > -margin, interval(b - a).low > -margin
    return [world.name, str(seeds), str(images), *(f"{share:.1%}" for share in counts / times)]


def _strength(world: World, accuracy: float) -> float:
    return float(optimize.brentq(lambda s: world.accuracy(s) - accuracy, 0.0, 10.0))


@dataclass(frozen=True)
class Raced:
    """How one race, or one fixed design, came out.

    Attributes:
        worth: the verdict on the winner against the baseline.
        wrong: whether that is false.
        any_wrong: whether any verdict is.
        settled: how many questions, of five, have an answer.
        runs: how many were needed.
        regret: what the choice is worse than the best configuration there is, in 0..1.
    """

    worth: str
    wrong: bool
    any_wrong: bool
    settled: int
    runs: int
    regret: float


def race_and_fixed(
    random: np.random.Generator, world: World, spread: float, images: int, divided: bool
) -> tuple[Raced, Raced]:
    """A sweep of 20 configurations, the first the baseline, on a fifth of the images; then the best and four rivals are
    raced against the baseline, or all run with ten seeds, on the same images or on other divisions of them."""
    strengths = 2.0 + spread * random.normal(size=20)
    truth = np.array([world.accuracy(s) for s in strengths]) if spread else np.full(20, world.accuracy(2.0))
    people = Population.drawn(random, world, strengths if spread else np.full(20, 2.0), images)
    validated = images // 5
    same = np.tile(np.arange(images) < validated, (16, 1))
    explored = [np.nanmean(people.runs(random, i, 1, same[:1])) for i in range(20)]
    winner, *rivals = sorted(range(1, 20), key=lambda i: -explored[i])[:5]
    shown = divisions(random, 16, images, validated) if divided else same
    trained_on = images - validated if divided else None
    right = {str(i): people.runs(random, i, 16, shown) for i in (winner, 0, *rivals)}
    if not divided:
        right = {key: runs[:, :validated] for key, runs in right.items()}
    race = _race(Questions(str(winner), "0", tuple(map(str, rivals)), 0.01), right, trained_on, truth)
    return race, _fixed(right, trained_on, truth)


def _race(
    questions: Questions, right: dict[str, NDArray[np.float64]], trained_on: int | None, truth: NDArray[np.float64]
) -> Raced:
    there = dict.fromkeys(questions.all, 0)
    while True:
        found = standing(questions, {key: right[key][:n] for key, n in there.items() if n}, trained_on)
        if not found.wanted:
            break
        there |= found.wanted
    answers = (found.worth, *found.rivals)
    wrong = [_false(a, questions, truth) for a in answers]
    chosen = questions.winner
    if found.worth.verdict in (WORSE, AS_GOOD):
        chosen = questions.baseline
    elif ahead := [a for a in found.rivals if a.seen is not None and a.seen.difference.estimate > 0]:
        chosen = max(ahead, key=lambda a: a.seen.difference.estimate).contender
    regret = float(truth.max() - truth[int(chosen)])
    settled = sum(a.settled for a in answers)
    return Raced(found.worth.verdict, wrong[0], any(wrong), settled, sum(there.values()), regret)


def _false(answer: Answer, questions: Questions, truth: NDArray[np.float64]) -> bool:
    apart = truth[int(answer.contender)] - truth[int(answer.other)]
    if answer.verdict == AS_GOOD:
        beyond = apart if answer.contender == questions.winner else -apart
        return bool(beyond >= questions.margin)
    return answer.settled and bool(apart * (1 if answer.verdict == BETTER else -1) <= 0)


def _fixed(right: dict[str, NDArray[np.float64]], trained_on: int | None, truth: NDArray[np.float64]) -> Raced:
    """Ten seeds each, all compared with the baseline and with the best mean, and corrected for all of that."""
    runs = {key: x[:10] for key, x in right.items()}
    best = max(runs, key=lambda key: np.nanmean(runs[key], 1).mean())
    pairs = [(key, "0") for key in runs if key != "0"]
    pairs += [(key, best) for key in runs if key not in (best, "0") and best != "0"]
    apart = [runs[a] - runs[b] for a, b in pairs]
    p = holm([max(interval(d, trained_on).p, sign_flip(np.nanmean(d, 1)).p) for d in apart])
    signs = np.sign([np.nanmean(d, 1).mean() for d in apart])
    real = np.sign([truth[int(a)] - truth[int(b)] for a, b in pairs])
    claimed = np.array(p) <= ALPHA
    false = claimed & (signs != real)
    against = {pair: i for i, pair in enumerate(pairs)}
    worth = [i for (_, other), i in against.items() if other == "0" and claimed[i] and signs[i] > 0]
    settled = int(claimed[: len(runs) - 1].any()) + int(claimed[len(runs) - 1 :].sum())
    wrong = bool(false[: len(runs) - 1].any())
    regret = float(truth.max() - truth[int(best)])
    return Raced(BETTER if worth else GIVEN_UP, wrong, bool(false.any()), settled, 10 * len(runs), regret)


def race_claims(
    random: np.random.Generator, world: World, spread: float, images: int, divided: bool, times: int
) -> list[list[str]]:
    """Races, and fixed designs of the same configurations, many times."""
    found = [race_and_fixed(random, world, spread, images, divided) for _ in range(times)]
    rows = []
    for name, which in (("race", 0), ("fixed", 1)):
        of = [pair[which] for pair in found]
        shares = [np.mean([x.wrong for x in of]), np.mean([x.any_wrong for x in of])]
        shares += [np.mean([x.worth == verdict for x in of]) for verdict in (BETTER, GIVEN_UP)]
        numbers = [f"{np.mean([x.settled for x in of]):.1f}", f"{np.mean([x.runs for x in of]):.0f}"]
        division = "anew" if divided else "shared"
        where = [world.name, f"{spread:g}", str(images // 5), division, name]
        regret = f"{np.mean([x.regret for x in of]) * 100:.2f}"
        rows.append([*where, *(f"{share:.1%}" for share in shares), *numbers, regret])
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=200, help="simulations per row")
    parser.add_argument("--only", choices=list(TABLES), help="one of the tables")
    given = parser.parse_args()
    for table in [given.only] if given.only else TABLES:
        TABLES[table](np.random.default_rng(0), given.times)
        print()


def _singles(random: np.random.Generator, times: int) -> None:
    headings = ["world", "seeds", "images", "accuracy covered", "difference covered", "two-level test rejects"]
    _print([*headings, "sign flips reject", "McNemar rejects"])
    for world in WORLDS:
        for seeds in (3, 6, 10):
            for images in (100, 300):
                _print_row(single_claims(random, world, seeds, images, times))


def _families(random: np.random.Generator, times: int) -> None:
    headings = ["world", "spread", "seeds", "sets with a false claim", "differences found"]
    headings += ["regret of the pick (points)", "luck of the best of 8 (points)", "estimated luck (points)"]
    _print(headings)
    for world in WORLDS:
        for spread in (0.0, 0.15, 0.5):
            for seeds in (5, 10):
                _print_row(many_claims(random, world, seeds, spread, times))


def _divisions(random: np.random.Generator, times: int) -> None:
    headings = ["world", "seeds", "validation images", "accuracy covered", "difference covered", "test rejects"]
    _print([*headings, "2 points worse shown not to be", "equal shown not to be"])
    for world in WORLDS:
        for seeds in (6, 10):
            for images in (500, 1500):
                _print_row(divided_claims(random, world, seeds, images, times))


def _margins(random: np.random.Generator, times: int) -> None:
    _print(["world", "seeds", "validation images", "2 points worse shown not to be", "equal shown not to be"])
    for world in WORLDS:
        for seeds in (6, 10):
            for images in (100, 300):
                _print_row(shared_margins(random, world, seeds, images, times))


def _races(random: np.random.Generator, times: int) -> None:
    headings = ["world", "spread", "validation images", "division", "design", "main claim false", "any claim false"]
    headings += ["worth it", "cannot conclude", "settled of 5", "runs", "regret (points)"]
    _print(headings)
    for world in RACED_WORLDS:
        for spread in (0.0, 0.15, 0.5):
            for images in (200, 1000):
                for divided in (False, True):
                    for row in race_claims(random, world, spread, images, divided, times):
                        _print_row(row)


TABLES = {"single": _singles, "families": _families, "divided": _divisions, "margins": _margins, "race": _races}


def _print_row(cells: Sequence[str]) -> None:
    print(f"| {' | '.join(cells)} |", flush=True)


def _print(headings: Sequence[str]) -> None:
    print(f"| {' | '.join(headings)} |\n|{'---|' * len(headings)}")


if __name__ == "__main__":
    main()
