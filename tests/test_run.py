"""What is left of a run when it ends."""

import pytest
from mlflow import MlflowClient

from tlcompare.engines.jobs import keep_none
from tlcompare.preparation import Workbench
from tlcompare.run import train_child
from tlcompare.study.planning import Quiet
from tlcompare.tracking.runs import Pruned

ENDINGS = {
    "finished": (None, False),
    "pruned": (Pruned("not promising"), False),
    "interrupted": (KeyboardInterrupt(), True),
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


@pytest.mark.parametrize("how", ENDINGS)
def test_a_checkpoint_stays_only_where_another_attempt_may_go_on(workplace, config, monkeypatch, how):
    monkeypatch.setenv("TLCOMPARE_CACHE", str(workplace / "cache"))
    failure, stays = ENDINGS[how]
    run_id = MlflowClient().create_run("0").info.run_id
    work = config(epochs=2, unfreeze="top"), run_id, Ending(failure), Workbench(), keep_none, (), ()
    if failure is None:
        train_child(*work)
    else:
        with pytest.raises(BaseException, match=str(failure) or None):
            train_child(*work)
    left = list((workplace / "cache" / "checkpoints").glob("[!.]*"))
    assert bool(left) == stays
