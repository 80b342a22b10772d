import io
import re

import pandas as pd
import pytest

from tlcompare.evidence.trials import trials_table
from tlcompare.report.charts import Chart, Series, draw, page
from tlcompare.report.figures import sweep_charts

ACCURACY = ("val/accuracy", True)


def trials(**columns):
    base = {
        "trial": [0, 1, 2, 3],
        "state": ["finished", "finished", "pruned", "failed"],
        "backbone": ["mobilenet", "<b>x</b>", "mobilenet", None],
        "strategy": ["frozen", "30", "all", None],
        "seed": [0, 0, 1, None],
        "lr": [1e-3, 1e-4, 1e-3, None],
        "depth": [0.0, 0.35, 1.0, None],
        "trainable_parameters": [10, 1000, 5000, None],
        "cost/train_seconds": [1.0, 2.0, None, None],
        "val/accuracy": [0.8, 0.9, None, None],
        "val/epoch_accuracy": [0.8, 0.9, 0.5, None],
    }
    return pd.DataFrame(base | columns)


def test_every_finished_trial_is_a_point_and_pruned_ones_are_faint():
    depth, weights, seconds, _, history = sweep_charts(trials(), [ACCURACY], [1], {"depth": 0.7, "lr": 0.3})
    for chart in (depth, weights):
        assert [(s.name, len(s.y), s.faint) for s in chart.series] == [
            ("mobilenet", 1, False),
            ("<b>x</b>", 1, False),
            ("pruned, at its last epoch", 1, True),
        ]
    assert len(seconds.series) == 2
    assert list(history.series[1].y) == [0.8, 0.9]


@pytest.mark.parametrize("importance", [{"depth": 1.0}, {}])
def test_both_drawings_have_axes_and_every_series(importance):
    charts = sweep_charts(trials(), [ACCURACY, ("cost/train_seconds", False)], [1], importance)
    for chart in charts:
        figure = draw(chart)
        (axes,) = figure.axes
        assert axes.get_xlabel()
        assert axes.get_ylabel()
        figure.savefig(io.BytesIO(), format="png")
    text = page(charts, "Sweep <i>1</i>")
    assert "<i>1</i>" not in text
    assert "<b>x</b>" not in text
    assert len(re.findall(r"Plotly\.newPlot\(", text)) == len(charts)
    assert not re.search(r'<(script|link)[^>]+(src|href)="http', text)


def test_a_sweep_without_a_finished_trial_has_empty_charts():
    for nothing in (trials(state=["failed"] * 4), trials_table([])):
        for chart in sweep_charts(nothing, [ACCURACY], [], {}):
            assert draw(chart)
    assert page([Chart("k", "t", "x", "y", [Series("s", [], [], [])])], "t")
