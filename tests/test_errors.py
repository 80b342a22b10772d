"""Every mistake a user can make has one shape, and docs/errors.md lists what is said of it.

`UPDATE_DOCS=1 python -m pytest tests/test_errors.py` writes the page anew.
"""

import ast
import os
import re
import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import optuna
import pytest
import torch
from safetensors.torch import save_file

from tests.chaos.sittings import MODEL, SMALL, run
from tests.conftest import write_image
from tlcompare.errors import UserError

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "errors.md"
TRAIN = "train --model efficientnet_lite0 --data photos --image-size 32 --epochs 1"
SWEEP = "sweep --model efficientnet_lite0 --data photos --image-size 32 --epochs 1"

TRIGGERS = {
    "Options": f"""
        {TRAIN} --lr -1
        {TRAIN} --lr nan
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
        train --config runs:/0123456789abcdef0123456789abcdef
    """,
    "What to unfreeze": f"""
        {TRAIN} --unfreeze conv9
        {TRAIN} --unfreeze top-block1
        {TRAIN} --unfreeze 500
        {TRAIN} --unfreeze 1.5
        {TRAIN} --unfreeze -3
        {TRAIN} --unfreeze frozen+top
        {TRAIN} --unfreeze 0%
        {TRAIN} --unfreeze top+
        {TRAIN} --unfreeze 're:['
        {TRAIN} --unfreeze 're:nothing'
        {TRAIN} --unfreeze 'topre:x'
        {TRAIN} --unfreeze 1
    """,
    "Backbones and weights": """
        layers resnet51
        layers torchvision:resnet19
        layers timm:resnet51
        layers timm:resnet50.nobody
        train --data photos --model timm:test_resnet --weights gone.pth
        train --data photos --model timm:test_resnet --weights notes.txt
        train --data photos --model timm:test_resnet --weights damaged.safetensors
        train --data photos --model timm:test_resnet --weights pickled.pth
        train --data photos --model timm:test_resnet --weights list.pth
        train --data photos --model timm:test_resnet --weights other.safetensors
        train --data photos --model torchvision:squeezenet1_1_ --weights none
    """,
    "Data": f"""
        train --data fotos
        train --data notes.txt
        train --data torchvision:Nothing
        train --data torchvision:no-name
        train --data one
        train --data empty
        train --data hollow
        train --data tiny --model efficientnet_lite0 --image-size 32
        train --data bad --model efficientnet_lite0 --image-size 32
        train --data bad --model efficientnet_lite0 --image-size 32 --on-bad-image skip
        train --data twotests --model efficientnet_lite0
        train --data notrain --model efficientnet_lite0
        {TRAIN} --data trainval --score-test true
        {TRAIN} --val-fraction 0.9 --test-fraction 0.5
    """,
    "Training": f"""
        {TRAIN} --unfreeze all --lr 1e30 --head-lr 1e30
    """,
    "Sweeps": f"""
        sweep --space nowhere
        sweep --space unknown.yaml
        sweep --space low.yaml
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
        replicate --sweep moved --seeds 1
        replicate --sweep failed --seeds 1
        replicate --sweep proved --seeds 1 --resplit
        {SWEEP} --pruner median --minimize cost/train_seconds
        sweep --space report --unfreeze 50
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
        replicate --sweep done --top 0 --seeds 1
    """,
    "Comparing": """
        compare --experiment nowhere
        compare 0123456789abcdef0123456789abcdef
        compare --sweep don
        compare --sweep done --evidence
        compare --evidence
        compare --sweep done --experiment Default
        compare --experiment Default
        compare --sweep proved --evidence --baseline conv9
        pick --sweep nothing
        pick --sweep proved --max-params 1
        report --sweep proved -o report.csv
        report --sweep proved -o notes.html
        finalize --sweep done
        report --sweep done
    """,
    "Models": """
        predict runs:/0123456789abcdef0123456789abcdef/model photos/red/00.png
        predict strange photos/red/00.png
        predict newer photos/red/00.png
        predict MODEL gone.png
        predict MODEL notes.txt
    """,
    "The tracking store": f"""
        MLFLOW_TRACKING_URI=http://me:secret@127.0.0.1:9 {TRAIN}
        MLFLOW_TRACKING_URI=http://127.0.0.1:9 sync
        MLFLOW_TRACKING_URI=http://127.0.0.1:9 compare
    """,
}


@pytest.fixture(scope="module")
def mistakes(tmp_path_factory, template_database, photos):
    """A folder with everything that can be got wrong, and a finished run and sweep."""
    folder = tmp_path_factory.mktemp("mistakes")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        shutil.copy(template_database, "mlflow.db")
        patch.setenv("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db")
        patch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        patch.setenv("COLUMNS", "500")
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
        }.items():
            Path(name).write_text(text)
        Path("damaged.safetensors").write_bytes(b"x" * 100)
        torch.save({"x": Path("x")}, "pickled.pth")
        torch.save([torch.zeros(1)], "list.pth")
        save_file({"x": torch.zeros(1)}, "other.safetensors")
        for name in ("one/red/0.png", "hollow/red/0.png", "tiny/red/0.png", "tiny/blue/0.png"):
            write_image(Path(name), 1, 0)
        for part, label in ((p, c) for p in ("train", "val") for c in ("red", "blue")):
            for i in range(4):
                write_image(Path("trainval") / part / label / f"{i}.png", ord(label[0]) + 10 * i + len(part), 1)
        for folder_name in ("twotests/train/red", "twotests/val/red", "twotests/valid/red", "notrain/val/red"):
            write_image(Path(folder_name) / "0.png", 1, 0)
            write_image(Path(folder_name).with_name("blue") / "0.png", 2, 0)
        for name in ("empty", "hollow/blue"):
            Path(name).mkdir()
        shutil.copytree("photos/red", "bad/red")
        Path("bad/blue").mkdir(parents=True)
        Path("bad/blue/0.png").write_text("no image")
        for name, text in (("strange", "{}"), ("newer", '{"format": 99}')):
            Path(name).mkdir()
            Path(name, "model.json").write_text(text)
        trained = run("train", *MODEL, "--unfreeze", "frozen", "--data", "photos", *SMALL, "--epochs", 1)
        model = next(line for line in trained.stdout.splitlines() if line.startswith("model ")).split()[1]
        shutil.copytree("photos", "moved")
        for name, data, trials in (("done", "photos", 2), ("proved", "photos", 1), ("moved", "moved", 1)):
            small = ["--trials", trials, "--log-models", "none", "--name", name]
            assert run("sweep", *MODEL, "--data", data, *SMALL, "--epochs", 1, *small).exit_code == 0
        assert run("replicate", "--sweep", "proved", "--seeds", 2).exit_code == 0
        ruinous = ["--trials", 1, "--name", "failed", "--head-lr", 1000, "--lr", 1000]
        assert run("sweep", *MODEL, "--data", "photos", *SMALL, "--epochs", 1, *ruinous).exit_code == 0
        Path("moved/red/00.png").unlink()
        storage = "sqlite:///optuna.db"
        optuna.create_study(study_name="stranger", storage=storage)
        done = optuna.load_study(study_name="done", storage=storage)
        newer = optuna.create_study(study_name="newer", storage=storage)
        for name, value in (done.user_attrs | {"format": 99, "version": "9.9.9"}).items():
            newer.set_user_attr(name, value)
        yield folder, model


def said(result):
    """The one line of an error, without what differs from time to time."""
    assert result.exit_code == 2, result.output + repr(result.exception)
    assert isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    lines = result.stderr.strip().splitlines()
    line = next(x for x in lines if x.startswith("Error: "))
    assert line == lines[-1]
    return line.removeprefix("Error: ")


@dataclass(frozen=True)
class Site:
    """Where the package raises an error of the family, and what it says, as written there."""

    file: Path
    first: int
    last: int
    text: str


def sites():
    family = {c.__name__ for c in [UserError, *UserError.__subclasses__()]}
    found = []
    for file in sorted((ROOT / "tlcompare").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            call = node.exc if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) else None
            if call and getattr(call.func, "id", "") in family:
                found.append(Site(file, node.lineno, node.end_lineno, " ".join(map(template, call.args))))
    return found


def template(node):
    """A message as it is written in the source, with what is filled in in braces."""
    if isinstance(node, ast.JoinedStr):
        return "".join(
            v.value if isinstance(v, ast.Constant) else "{" + ast.unparse(v.value) + "}" for v in node.values
        )
    return str(node.value) if isinstance(node, ast.Constant) else "{" + ast.unparse(node) + "}"


def test_every_mistake_is_one_line_and_is_listed(mistakes, monkeypatch):
    folder, model = mistakes
    raised = set()
    first = UserError.__init__

    def recorded(self, *arguments):
        frame = sys._getframe(1)
        raised.add((frame.f_code.co_filename, frame.f_lineno))
        first(self, *arguments)

    monkeypatch.setattr(UserError, "__init__", recorded)
    page = [HEAD]
    for section, block in TRIGGERS.items():
        page += [f"\n## {section}\n", "| Command | Error |", "|---|---|"]
        for line in filter(None, map(str.strip, block.splitlines())):
            words = [model if w == "MODEL" else w for w in shlex.split(line)]
            with monkeypatch.context() as patch:
                while ("=" in words[0] and words[0].isupper()) or words[0].startswith("MLFLOW_"):
                    name, _, value = words.pop(0).partition("=")
                    patch.setenv(name, value)
                message = said(run(*words))
            message = (
                re.sub(r"[0-9.]+ ms", "N ms", re.sub(r"[0-9a-f]{32}", "RUN", message))
                .replace(f"{folder}/", "")
                .replace(str(folder), ".")
            )
            message = message.replace(str(Path(os.environ["TLCOMPARE_CACHE"])), "CACHE").replace("|", "\\|")
            shown = line.replace(f"{TRAIN} ", "train … ").replace(f"{SWEEP} ", "sweep … ").replace(TRAIN, "train …")
            page.append(f"| `{shown.replace('|', chr(92) + '|')}` | {message} |")
    missed = [s for s in sites() if not any(f == str(s.file) and s.first <= n <= s.last for f, n in raised)]
    page += ["\n## Rarer ones\n", REST]
    page += [f"- {s.text} (`{s.file.relative_to(ROOT)}`)" for s in sorted(missed, key=lambda s: (s.file, s.first))]
    text = "\n".join(page) + "\n"
    if os.environ.get("UPDATE_DOCS"):
        PAGE.write_text(text)
        print(f"{len(missed)} of {len(sites())} are not triggered here")
    assert PAGE.read_text() == text


REST = "As they are written in the program; each has a test of its own where it arises."
HEAD = """# Errors

What you can get wrong, and what is said then: one line on standard error, exit code 2, what was finished stays. Each
says what is wrong, where, and what to do; `--debug` shows where in the program it arose. This page is written by
`tests/test_errors.py`, which makes every one of these mistakes. `…` stands for a working model, data, size and number
of epochs."""
