"""What the documents say in Python is run, and the notebooks are what their texts give."""

import importlib.util
import re
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = ROOT / "docs" / "notebooks"
MOST_BYTES = 200_000
"""Of one output of a notebook."""


@pytest.fixture(scope="module")
def build():
    """The script that makes the notebooks."""
    spec = importlib.util.spec_from_file_location("build", NOTEBOOKS / "build.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["build"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["build"]


def blocks(page):
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text("utf-8"), re.S)


SMALL = "image_size=32, batch_size=8, threads=1, augment='flip', precision='fp32', weights='none'"
SHORT = {
    'model="mobilenet", unfreeze=50, epochs=5': f"model='timm:test_resnet', unfreeze=5, epochs=1, {SMALL}",
    "trials=40": f"trials=3, model='timm:test_resnet', epochs=1, val_fraction=0.4, {SMALL}",
    'budget="30m"': f"name='d', trials=3, max_seeds=6, model='timm:test_resnet', epochs=1, val_fraction=0.4, {SMALL}",
    "top=3, seeds=6": "top=1, seeds=2",
    "image_size=64": "image_size=32",
    'data="photos/", unfreeze="late"': 'data="photos/", unfreeze="late", epochs=1, threads=1',
}


@pytest.mark.usefixtures("drawn_once")
def test_the_lines_of_python_in_the_documents_run(workplace, photos):
    shutil.copytree(photos, "photos")
    shutil.copy(photos / "red" / "00.png", "rose.jpg")
    found = [*blocks("README.md"), *blocks("docs/python.md")]
    assert len(found) == 3
    known = {}
    for code in found:
        for long, short in SHORT.items():
            code = code.replace(long, short)
        assert '"30m"' not in code
        exec(code, known)
    assert known["choice"].run in known["choice"].runs
    assert known["decision"].verdict in ("better", "worse", "as good", "cannot conclude")


def outputs(notebook):
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


def test_the_notebooks_are_those_of_their_texts_with_outputs_of_a_reasonable_size(build):
    import nbformat

    assert build.names() == ["1-which-layers", "2-mobilenet", "3-resnet50"]
    for name in build.names():
        text = (NOTEBOOKS / f"{name}.ipynb").read_text("utf-8")
        kept, wanted = nbformat.reads(text, as_version=4), build.read(name)
        assert [(c.cell_type, c.source, c.id) for c in kept.cells] == [
            (c.cell_type, c.source, c.id) for c in wanted.cells
        ], f"python docs/notebooks/build.py {name}"
        every = outputs(kept)
        assert len(every) > 8
        assert not [o for o in every if o.output_type == "error"]
        assert max(len(nbformat.writes(nbformat.v4.new_notebook(), indent=0)) + len(str(o)) for o in every) < MOST_BYTES
        assert not re.search(r"/(tmp|home|work|root|usr)/", text)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["1-which-layers", "2-mobilenet", "3-resnet50"])
def test_every_notebook_runs(build, workplace, monkeypatch, name):
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    notebook = build.read(name)
    build.execute(notebook, workplace)
    assert max(len(str(o)) for o in outputs(notebook)) < MOST_BYTES


CELL = """
import signal, threading, os
before = signal.getsignal(signal.SIGINT)
threading.Timer({seconds}, os.kill, (os.getpid(), signal.SIGINT)).start()
import tlcompare as tl
short = dict(data="photos", model="timm:test_resnet", weights="none", image_size=32, threads=1)
tl.train(**short, epochs=20_000)
"""
NEXT = "signal.getsignal(signal.SIGINT) is before"
SHOWN = "tl.train(**short, epochs=2)"
WRONG = 'tl.train(data="nowhere")'


def test_what_goes_wrong_in_a_notebook_is_a_line_and_the_stop_button_stops(build, workplace, photos, monkeypatch):
    import nbformat
    from nbclient import NotebookClient

    shutil.copytree(photos, "photos")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    cells = [nbformat.v4.new_code_cell(code) for code in (CELL.format(seconds=8), NEXT, SHOWN, WRONG)]
    for cell in cells:
        cell.metadata["tags"] = ["raises-exception"]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    stopped, after, shown, wrong = (cell.outputs[-1] for cell in notebook.cells)
    assert stopped.ename == "Interrupted"
    assert len(stopped.traceback) == 1
    assert after.data["text/plain"] == "True"
    (progress, _) = notebook.cells[2].outputs
    assert progress.data["text/plain"].count("\n") < 4
    assert "timm:test_resnet, unfreeze frozen" in progress.data["text/plain"]
    assert "validation accuracy" in shown.data["text/plain"]
    assert shown.data["text/html"].startswith('<div class="tlcompare">')
    assert wrong.traceback == [
        'DataError: --data "nowhere" is no folder. Did you mean "flowers"? '
        "Give a folder of class folders, digits, flowers or torchvision:NAME."
    ]
