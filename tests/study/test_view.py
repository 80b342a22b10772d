"""What a sweep says while it runs."""

from io import StringIO

from rich.console import Console

from tlcompare.study.view import View


def test_a_notice_names_its_trial_and_is_said_once():
    lines = StringIO()
    view = View(Console(file=lines), None)
    for number in range(3):
        view.say("latency was measured on a busy machine", of=f"#{number}")
    view.say("going on after epoch 2", of="#1")
    view.say("sweep default-1")
    assert lines.getvalue().splitlines() == [
        "#0: latency was measured on a busy machine",
        "#1: going on after epoch 2",
        "sweep default-1",
    ]
