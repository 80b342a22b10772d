"""The public names: what they are, that they cost nothing until used, and that they are those of the command line."""

import ast
import importlib.util
import inspect
import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import get_type_hints

import pytest

import tlcompare
from tlcompare.api.options import DecideOptions, SweepOptions, TrainOptions
from tlcompare.cli import main
from tlcompare.config import RunConfig

OF_THE_COMMAND_LINE = {"as_json", "dry_run", "config_file"}


def python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_importing_loads_nothing_and_every_name_is_there():
    code = "import sys, tlcompare; dir(tlcompare); print({'torch', 'mlflow', 'pandas', 'click'} & set(sys.modules))"
    assert python(code) == "set()\n"
    assert set(tlcompare.__all__) <= set(dir(tlcompare))
    assert all(getattr(tlcompare, name) is not None for name in tlcompare.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        tlcompare.nothing  # noqa: B018


def test_type_checkers_are_told_of_every_name():
    tree = ast.parse(Path(tlcompare.__file__).read_text("utf-8"))
    told = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert told - {"import_module", "TYPE_CHECKING", "Any"} == set(tlcompare.__all__)


def test_no_name_is_a_modules_or_pythons_own():
    assert not [name for name in tlcompare.__all__ if importlib.util.find_spec(f"tlcompare.{name}")]
    assert "spaces" not in tlcompare.__all__  # a package, once it is installed
    builtins = dir(__builtins__) if not isinstance(__builtins__, dict) else list(__builtins__)
    assert not set(tlcompare.__all__) & set(builtins)


def test_a_run_takes_every_field_of_its_configuration_of_the_same_type():
    ours, theirs = get_type_hints(TrainOptions), get_type_hints(RunConfig)
    assert list(sorted(ours)) == sorted(theirs)
    wider = {"model", "unfreeze", "data", "weights"}
    assert {n: t for n, t in ours.items() if n not in wider} == {n: t for n, t in theirs.items() if n not in wider}
    shown = inspect.signature(tlcompare.train).parameters
    assert {f.name: shown[f.name].default for f in fields(RunConfig)} == {f.name: f.default for f in fields(RunConfig)}


@pytest.mark.parametrize(("command", "options"), [("sweep", SweepOptions), ("decide", DecideOptions)])
def test_a_search_takes_what_the_command_line_takes(command, options):
    there = {parameter.name for parameter in main.commands[command].params} - OF_THE_COMMAND_LINE
    assert there == set(get_type_hints(options))
    assert set(inspect.signature(getattr(tlcompare, command)).parameters) == there


def test_the_methods_take_what_the_command_line_takes():
    for command, method in (("replicate", tlcompare.Sweep.replicate), ("finalize", tlcompare.Sweep.finalize)):
        there = {parameter.name for parameter in main.commands[command].params} - {"sweep"}
        assert there == set(inspect.signature(method).parameters) - {"self"}
    picking = {parameter.name for parameter in main.commands["pick"].params} - OF_THE_COMMAND_LINE
    of_runs = set(inspect.signature(tlcompare.runs).parameters)
    assert picking - of_runs == set(inspect.signature(tlcompare.Runs.pick).parameters) - {"self"}


def test_every_public_name_and_method_says_what_it_does():
    for name in tlcompare.__all__:
        found = getattr(tlcompare, name)
        assert inspect.getdoc(found), name
        for inner, member in vars(found).items() if inspect.isclass(found) else ():
            if not inner.startswith("_") and (inspect.isfunction(member) or isinstance(member, property)):
                assert inspect.getdoc(member), f"{name}.{inner}"


USING = """
import tlcompare as tl

run = tl.train(data="photos/", model="mobilenet", unfreeze=50, epochs=3)
accuracy: float = run.metrics["val/accuracy"]
decision = tl.decide(data="photos/", budget="30m", model=["mobilenet", "resnet50"])
verdict: str | None = decision.verdict
tl.sweep(data="photos/", trials=40).replicate(top=3, seeds=6).table
tl.train(epochs="three")
tl.sweep(trial=40)
"""


@pytest.mark.slow
def test_a_type_checker_finds_what_users_get_wrong(tmp_path):
    (tmp_path / "using.py").write_text(USING)
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--ignore-missing-imports"]
    where = os.environ | {"MYPYPATH": str(Path(tlcompare.__file__).parents[1])}
    found = subprocess.run([*command, "using.py"], cwd=tmp_path, env=where, capture_output=True, text=True).stdout
    errors = [line for line in found.splitlines() if ": error:" in line]
    assert [line.split(":")[1] for line in errors] == ["9", "10"], found
