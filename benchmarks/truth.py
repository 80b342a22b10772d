"""Claims about simulated runs whose truth is known: how often intervals hold it, tests err, and what a pick costs.

    python -m benchmarks.truth

A run has an image right if the sum of its configuration's strength, the image's ease, the image's ease for this
configuration, the luck of the seed and noise is positive, all normal: accuracies are then known exactly.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

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
        ease = random.normal(0, self.image, images)
        for strength in strengths:
            taste = random.normal(0, self.taste, images)
            luck = random.normal(0, self.seed, (seeds, 1))
            yield (strength + ease + taste + luck + random.normal(0, self.noise, (seeds, images)) > 0).astype(float)


WORLDS = (
    World("all kinds of luck", image=1.5, taste=0.5, seed=0.1, noise=0.5),
    World("seeds matter most", image=1.5, taste=0.0, seed=0.3, noise=0.1),
    World("noise alone", image=1.5, taste=0.0, seed=0.0, noise=1.0),
)


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=200, help="simulations per row")
    times = parser.parse_args().times
    random = np.random.default_rng(0)
    headings = ["world", "seeds", "images", "accuracy covered", "difference covered", "two-level test rejects"]
    _print([*headings, "sign flips reject", "McNemar rejects"])
    for world in WORLDS:
        for seeds in (3, 6, 10):
            for images in (100, 300):
                print(f"| {' | '.join(single_claims(random, world, seeds, images, times))} |", flush=True)
    print()
    headings = [
        "world",
        "spread",
        "seeds",
        "sets with a false claim",
        "differences found",
        "regret of the pick (points)",
    ]
    _print([*headings, "luck of the best of 8 (points)", "estimated luck (points)"])
    for world in WORLDS:
        for spread in (0.0, 0.15, 0.5):
            for seeds in (5, 10):
                print(f"| {' | '.join(many_claims(random, world, seeds, spread, times))} |", flush=True)


def _print(headings: Sequence[str]) -> None:
    print(f"| {' | '.join(headings)} |\n|{'---|' * len(headings)}")


if __name__ == "__main__":
    main()
