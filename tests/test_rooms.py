"""The rooms of the package, by its imports: they lie below one another, and each outside library has its place."""

import ast
import graphlib
import sys
from pathlib import Path

import pytest

import tlcompare

PACKAGE = Path(tlcompare.__file__).parent
MODULES = {
    ".".join(("tlcompare", *path.relative_to(PACKAGE).with_suffix("").parts)): ast.parse(path.read_text("utf-8"))
    for path in sorted(PACKAGE.rglob("*.py"))
}


def imported(tree):
    """Names of the modules that a module imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports would hide where an arrow goes"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room(module):
    """The folder of a module, or the module itself where it is in none."""
    return module.split(".")[1]


def arrows(modules):
    """What every room imports of the others."""
    found = {room(name): set() for name in modules}
    for name, tree in modules.items():
        ours = {room(target) for target in imported(tree) if target.startswith("tlcompare.")}
        found[room(name)] |= ours & set(found) - {room(name)}
    return found


def test_no_room_imports_one_that_imports_it():
    found = arrows(MODULES)
    assert {"run", "preparation"} <= found["engines"]
    assert len(found) > 15
    order = list(graphlib.TopologicalSorter(found).static_order())
    assert order.index("data") < order.index("features") < order.index("training") < order.index("engines")
    assert order.index("engines") < order.index("study") < order.index("cli")
    assert order.index("evidence") < order.index("report")


def test_the_command_line_calls_what_users_can_call():
    beside = {"api", "cli", "config", "errors", "escaping", "files", "machine", "study"}
    called = {
        target
        for name, tree in MODULES.items()
        if room(name) == "cli"
        for target in imported(tree)
        if target.startswith("tlcompare.")
    }
    assert {room(target) for target in called} <= beside | {"__version__"}
    assert {t for t in called if room(t) == "study"} == {"tlcompare.study.space", "tlcompare.study.space.SAMPLERS"}
    assert not [t for t in called if room(t) == "api"], "import tlcompare, as users do"


def test_a_circle_is_noticed():
    back = MODULES | {"tlcompare.data.back": ast.parse("def f():\n    from tlcompare.study import space")}
    with pytest.raises(graphlib.CycleError):
        list(graphlib.TopologicalSorter(arrows(back)).static_order())


@pytest.mark.parametrize(
    ("library", "rooms"),
    [
        ("mlflow", {"tracking", "serving"}),
        ("optuna", {"study"}),
        ("click", {"cli"}),
        ("rich", {"progress", "study"}),
        ("IPython", {"progress"}),
        ("requests", {"files", "tracking"}),
        ("plotly", {"report"}),
    ],
)
def test_a_library_is_imported_in_its_room_alone(library, rooms):
    assert {
        room(name) for name, tree in MODULES.items() if library in {i.split(".")[0] for i in imported(tree)}
    } == rooms


def at_once(tree):
    """Names of the modules that a module imports when it is imported."""
    return set(imported(ast.Module([n for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)], [])))


def test_the_gpu_script_needs_no_more_than_images_of_gpu_machines_have():
    root = PACKAGE.parent
    waiting, seen, libraries = ["benchmarks.gpu"], set(), set()
    while waiting:
        name = waiting.pop()
        path = root / f"{name.replace('.', '/')}.py"
        if name in seen or not path.exists():
            continue
        seen.add(name)
        found = at_once(ast.parse(path.read_text("utf-8")))
        waiting += [n for n in found if n.split(".")[0] in ("benchmarks", "tlcompare")]
        libraries |= {n.split(".")[0] for n in found}
    assert "tlcompare.training.fit" in seen
    with_torch = {"torch", "torchvision", "timm", "numpy", "PIL", "safetensors", "yaml", "filelock"}
    assert libraries - set(sys.stdlib_module_names) <= with_torch | {"benchmarks", "tlcompare"}


def test_nothing_grows_beyond_what_can_be_read_in_one_go():
    long = [
        name
        for name in MODULES
        if (PACKAGE.parent / f"{name.replace('.', '/')}.py").read_text("utf-8").count("\n") > 400
    ]
    for name, tree in MODULES.items():
        for node in ast.walk(tree):
            limit = {ast.FunctionDef: 80, ast.AsyncFunctionDef: 80, ast.ClassDef: 200}.get(type(node))
            if limit and node.end_lineno - node.lineno >= limit:
                long.append(f"{name}.{node.name}")
    assert not long
