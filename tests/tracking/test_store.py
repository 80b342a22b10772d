import signal

from tests.struck import free, struck
from tlcompare.tracking.signals import terminable
from tlcompare.tracking.store import client


def test_a_signal_at_any_statement_leaves_the_store_free_for_what_follows(workplace):
    stopped = 0
    for at in range(1, 1000):
        run_id = client().create_run("0").info.run_id
        try:
            with terminable(), struck(workplace / "mlflow.db", signal.SIGTERM, at):
                client().log_metric(run_id, "loss", 0.5)
                client().search_runs(["0"], max_results=1)
                client().set_terminated(run_id)
        except SystemExit:
            stopped += 1
            assert free(workplace / "mlflow.db"), at
        else:
            break
    assert stopped > 20
