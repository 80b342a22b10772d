"""Shared by all tests: one MLflow database and one cache folder per session, and small images."""

import contextlib
import functools
import gc
import http.server
import io
import os
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tlcompare.config import RunConfig, resolve

torch.set_num_threads(1)

for name in [n for n in os.environ if n.startswith("MLFLOW_")]:
    del os.environ[name]


def pytest_addoption(parser):
    parser.addoption("--chaos", action="store_true", help="try many faults")
    parser.addoption("--chaos-table", help="a file for what was survived")


def pytest_collection_finish(session):
    """What was imported is not gone through for garbage over and over, which took a fifth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


@pytest.fixture(autouse=True, scope="session")
def cache(tmp_path_factory):
    """One cache for the whole session, so that stores and data sets are made once."""
    folder = tmp_path_factory.mktemp("cache")
    os.environ["TLCOMPARE_CACHE"] = str(folder)
    return folder


@pytest.fixture(scope="session")
def template_database(tmp_path_factory):
    """An empty MLflow database: making one takes long, copying it does not."""
    from mlflow import MlflowClient

    path = tmp_path_factory.mktemp("template") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


_drawn: dict[str, bytes] = {}


@contextlib.contextmanager
def copied_figures():
    """The first figure of each name is drawn; those after it, in this process and its forks, are copies of that."""
    from tlcompare.tracking import record
    from tlcompare.tracking.log import RunLog

    def figure(log, path, made):
        if path not in _drawn:
            out = io.BytesIO()
            made.savefig(out, format="png")
            _drawn[path] = out.getvalue()
        with log._file(path) as file:
            file.write_bytes(_drawn[path])

    def once(make):
        made = []

        def making(*arguments):
            if not made:
                made.append(make(*arguments))
            return made[0]

        return making

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunLog, "figure", figure)
        for name in ("learning_curves", "confusion"):
            patch.setattr(record, name, once(getattr(record, name)))
        yield


@pytest.fixture(scope="module")
def drawn_once():
    """For tests that look at no figure."""
    with copied_figures():
        yield


@pytest.fixture
def workplace(tmp_path, monkeypatch, template_database):
    """A working folder of its own with a fresh tracking store."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(template_database, tmp_path / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    monkeypatch.delenv("MLFLOW_EXPERIMENT_ID", raising=False)  # left by MLflow when an experiment is chosen
    return tmp_path


def write_image(path: Path, seed: int, hue: int, size: tuple[int, int] = (40, 36)) -> None:
    """A noisy picture in which channel `hue` is brightest."""
    pixels = np.random.default_rng(seed).integers(0, 120, (size[1], size[0], 3))
    pixels[:, :, hue] += 100
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8)).save(path)


@pytest.fixture(scope="session")
def photos(tmp_path_factory) -> Path:
    """Three classes of twelve pictures each."""
    root = tmp_path_factory.mktemp("photos")
    for hue, name in enumerate(("red", "green", "blue")):
        for i in range(12):
            write_image(root / name / f"{i:02}.png", seed=100 * hue + i, hue=hue)
    return root


@pytest.fixture
def config(photos):
    """A configuration of a very short run; keyword arguments change it."""

    def make(**options: object) -> RunConfig:
        short = {
            "data": str(photos),
            "image_size": 32,
            "epochs": 1,
            "batch_size": 8,
            "threads": 1,
            "precision": "fp32",
            "augment": "flip",
        }
        return resolve(short | options)

    return make


@pytest.fixture(scope="module")
def serve_folder():
    """Serve a folder over HTTP on loopback; gives the base URL and the list of paths asked for."""
    servers = []

    def start(folder: Path, headers=None) -> tuple[str, list[str]]:
        asked: list[str] = []

        class Handler(http.server.SimpleHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.path)
                super().do_GET()

            def end_headers(self):
                for key, value in (headers or (lambda path: {}))(self.path.split("?")[0]).items():
                    self.send_header(key, value)
                super().end_headers()

            def log_message(self, *args):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}", asked

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
