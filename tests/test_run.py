"""What is left of a run when it ends."""

import pytest
from mlflow import MlflowClient

from tlcompare.engines.jobs import keep_none
from tlcompare.errors import TrainingError
from tlcompare.preparation import Workbench
from tlcompare.run import train_child
from tlcompare.study.planning import Quiet
from tlcompare.training.checkpoints import Checkpoint
from tlcompare.training.epochs import Pruned

ENDINGS = {
    "finished": (None, False),
    "pruned": (Pruned("not promising"), False),
    "interrupted": (KeyboardInterrupt(), True),
    "diverged": (TrainingError("the loss became nan", ""), False),
    "a bug": (LookupError("a bug"), True),
    "out of memory": (RuntimeError("CUDA out of memory"), True),
    "a lost device": (RuntimeError("CUDA error: illegal memory access"), True),
}


class Ending(Quiet):
    """Ends a run after its first epoch."""

    def __init__(self, failure):
        super().__init__(lambda text: None)
        self.failure = failure

    def epoch(self, epoch):
        if self.failure:
            raise self.failure


def checkpoints(cache):
    return set((cache / "checkpoints").glob("[!.]*"))


@pytest.mark.parametrize("how", ENDINGS)
def test_a_checkpoint_stays_only_where_another_attempt_may_go_on(workplace, config, cache, monkeypatch, how):
    failure, stays = ENDINGS[how]
    before, deleted_while = checkpoints(cache), []
    delete = Checkpoint.delete

    def noted(checkpoint):
        deleted_while.append(MlflowClient().get_run(run_id).info.status)
        delete(checkpoint)

    monkeypatch.setattr(Checkpoint, "delete", noted)
    monkeypatch.setattr(Checkpoint, "due", True)
    run_id = MlflowClient().create_run("0").info.run_id
    small = {"model": "timm:test_resnet", "weights": "none", "unfreeze": "layer4"}
    options = config(**small, epochs=2, seed=list(ENDINGS).index(how))
    work = options, run_id, Ending(failure), Workbench(), keep_none, (), ()
    if failure is None:
        train_child(*work)
    else:
        with pytest.raises(BaseException, match=str(failure) or None):
            train_child(*work)
    assert bool(checkpoints(cache) - before) == stays
    assert len(deleted_while) == (not stays)
    assert "RUNNING" not in deleted_while, "it goes once the run has its end"
