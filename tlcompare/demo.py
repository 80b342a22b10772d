"""Four strategies on the embedded digits with the embedded ImageNet weights: `python -m tlcompare.demo`."""

from tlcompare.config import resolve
from tlcompare.evidence.table import compare_runs
from tlcompare.report.table import render
from tlcompare.run import train

STRATEGIES = ("frozen", "20%", "50%", "all")


def main() -> None:
    """Train each strategy as an MLflow run and print them side by side."""
    runs = []
    for unfreeze in STRATEGIES:
        config = resolve({"unfreeze": unfreeze, "data": "digits", "image_size": 64, "epochs": 5, "experiment": "demo"})
        runs.append(train(config).run_id)
    print()
    print(render(compare_runs(runs, None), "table"))
    print("\nOne seed and one split each: small differences mean nothing yet. The test set is still sealed.")
    print("Everything about these runs: make ui, then http://127.0.0.1:5000")


if __name__ == "__main__":
    main()
