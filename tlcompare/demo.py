"""Four strategies on the embedded digits with the embedded ImageNet weights: `python -m tlcompare.demo`."""

import tlcompare

STRATEGIES = ("frozen", "20%", "50%", "all")


def main() -> None:
    """Train each strategy as an MLflow run and print them side by side."""
    runs = [
        tlcompare.train(unfreeze=unfreeze, data="digits", image_size=64, epochs=5, experiment="demo").id
        for unfreeze in STRATEGIES
    ]
    print()
    print(tlcompare.runs(*runs))
    print("\nOne seed and one split each: small differences mean nothing yet. The test set is still sealed.")
    print("Everything about these runs: make ui, then http://127.0.0.1:5000")


if __name__ == "__main__":
    main()
