import pytest
from click.testing import CliRunner

from tlcompare.cli import main

FAST = ["--image-size", "32", "--batch-size", "8", "--threads", "1", "--augment", "flip", "--epochs"]


@pytest.fixture
def tlcompare(workplace):
    """Run the command line in this process; gives click's result."""

    def run(*arguments: object):
        return CliRunner().invoke(main, [str(a) for a in arguments])

    return run


@pytest.fixture
def train(tlcompare, photos):
    """A short training run over the command line; gives the finished MLflow run."""
    from mlflow import MlflowClient

    def run(*arguments: object, epochs: int = 1):
        result = tlcompare("train", "--data", photos, *FAST, epochs, *arguments)
        assert result.exit_code == 0, result.output + repr(result.exception)
        line = next(x for x in result.stdout.splitlines() if x.startswith("run "))
        return MlflowClient().get_run(line.split()[1])

    return run
