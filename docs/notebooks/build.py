"""Makes the notebooks beside this file from their text: `python docs/notebooks/build.py [NAME ...]`.

The `.py` files are the source, cells in jupytext's percent format. Each is run in a folder of its own, with the images
and weights that packages bring, and written with its outputs as `.ipynb`.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).parent
_SHOWN_AS = "/content"
"""Where Colab runs a notebook: shown instead of the folder that it was run in."""
_CELL_S = 1800


def names() -> list[str]:
    """The notebooks, in their order."""
    return sorted(path.stem for path in HERE.glob("[0-9]-*.py"))


def read(name: str) -> nbformat.NotebookNode:
    """A notebook from its text, without outputs; its cells are numbered, so that it is the same every time."""
    notebook = jupytext.read(HERE / f"{name}.py")
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return notebook


def execute(notebook: nbformat.NotebookNode, folder: Path) -> None:
    """Run every cell in `folder`; an error ends it.

    Raises:
        CellExecutionError: a cell failed.
    """
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=_CELL_S, kernel_name="python3", resources=resources).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)


def main() -> None:
    for name in sys.argv[1:] or names():
        notebook = read(name)
        with tempfile.TemporaryDirectory() as folder:
            os.environ["TLCOMPARE_CACHE"] = f"{folder}/cache"
            os.environ.pop("MLFLOW_TRACKING_URI", None)
            execute(notebook, Path(folder))
            text = nbformat.writes(notebook).replace(folder, _SHOWN_AS)
        (HERE / f"{name}.ipynb").write_text(text + "\n", encoding="utf-8")
        print(f"{name}.ipynb  {len(text) / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
