"""Rows 10 and 14: what users and files may say, and names."""

import string

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.chaos.sittings import run
from tests.conftest import write_image
from tlcompare.cli import main
from tlcompare.config import RECIPE, RunConfig, describe, flag, read_yaml, resolve
from tlcompare.errors import ConfigError, StrategyError
from tlcompare.study.space import parse_space, read_space, require_consistent

FIELDS = list(RunConfig.__dataclass_fields__)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=40),
    st.sampled_from(["nan", "inf", "-1", "1e999", "9" * 5000, "0x10", "1_000", "auto", "", " ", "\x00", "true", "[]"]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)
KEYS = st.one_of(st.sampled_from(FIELDS), st.text(string.ascii_letters + "_-", max_size=20), st.integers())
QUICK = {"deadline": None, "suppress_health_check": list(HealthCheck)}


@pytest.fixture
def examples(many):
    return settings(max_examples=many(75, 2500), **QUICK)


def test_any_options_make_a_configuration_or_are_named(examples, many, survived):
    @examples
    @given(st.dictionaries(KEYS, VALUES, max_size=4))
    def check(options):
        try:
            config = resolve(options)
        except ConfigError as e:
            assert any(flag(str(k).replace("-", "_")) in str(e) or str(k) in str(e) for k in options), str(e)
            assert len(str(e)) < 2000
        else:
            assert isinstance(config, RunConfig)

    check()
    survived(10, many(75, 2500))


def test_any_text_is_a_configuration_file_or_is_refused(tmp_path, examples, many, survived):
    file = tmp_path / "any.yaml"
    yaml = [
        "lr: ",
        "seed: 1\n",
        "&a ",
        "*a",
        "- ",
        "[",
        "]",
        "{",
        "}",
        ": ",
        "\n",
        "  ",
        "lr",
        "\t",
        "|",
        ">",
        "'",
        '"',
    ]
    pieces = [*yaml, "!!python/object:os.system ", "\x00", "\ufeff", "---\n", "...", "? ", "%YAML 9.9\n", "\udcff"]

    @examples
    @given(st.lists(st.one_of(st.sampled_from(pieces), st.text(max_size=6)), max_size=12).map("".join))
    def check(text):
        file.write_bytes(text.encode("utf-8", "surrogatepass"))
        try:
            resolve(read_yaml(file))
        except ConfigError as e:
            assert "\n" not in str(e)

    check()
    survived(10, many(75, 2500))


def test_any_space_is_read_or_refused_with_its_place(examples, many, survived):
    ends = st.sampled_from(["0", "1", "5", "1e-5", "0.1", "-5", "10%", "90%", "nan", "inf", "9" * 400, "1e-9", "x", ""])
    ranges = st.dictionaries(st.sampled_from(["from", "to", "from", "to", "log", "step", "x"]), ends, max_size=4)
    values = st.recursive(
        st.one_of(st.text(max_size=8), st.sampled_from(["frozen", "1e-3", "nan", "-5", "top", "9" * 400, "0"])),
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=4)),
        max_leaves=6,
    )
    sound = [{"from": "1e-5", "to": "0.1", "log": "true"}, {"from": "1", "to": "9"}, ["0.1", "0.5"], ["2", "3"], "10%"]
    of_choice = st.one_of(st.sampled_from(sound), ranges, st.lists(ends, max_size=4), values)
    depths = st.fixed_dictionaries({"depth": of_choice}, optional={"snap": values, "x": values})
    recipes = st.dictionaries(st.one_of(st.sampled_from(RECIPE), KEYS.map(str)), of_choice, max_size=3)
    likely = st.dictionaries(
        st.sampled_from(["lr", "head_lr", "epochs", "dropout"]), st.sampled_from(sound), max_size=2
    )
    trials = st.lists(st.dictionaries(st.sampled_from(["model", "unfreeze", *RECIPE]), values, max_size=3), max_size=3)
    known = {"unfreeze": st.one_of(depths, values), "recipe": recipes, "trials": trials, "sampler": values}
    spaces = st.one_of(
        st.fixed_dictionaries({}, optional=known),
        st.fixed_dictionaries({"unfreeze": st.just("all"), "recipe": likely}),
        st.dictionaries(KEYS.map(str), values, max_size=4),
    )
    read = []

    @examples
    @given(spaces)
    def check(content):
        try:
            space = parse_space(content, "any", "any.yaml")
            read.append(space.recipe)
            require_consistent(space, {})
        except (ConfigError, StrategyError) as e:
            assert len(str(e)) > 10
            assert "\n" not in str(e).strip()

    check()
    assert any(read), "no space with a recipe was read"
    survived(10, many(75, 2500))


def test_any_flags_are_one_line_and_exit_code_2(tmp_path, workplace, examples, many, survived):
    """The data does not exist, so that what can be gets no further than there."""

    @examples
    @given(
        st.sampled_from(["train", "sweep"]),
        st.lists(st.tuples(st.sampled_from([*FIELDS, "lrr", "space", "trials", "jobs"]), VALUES.map(str)), max_size=3),
    )
    def check(command, options):
        given_options = [x for name, value in options if name != "data" for x in (flag(name), value)]
        result = run(command, "--data", tmp_path / "gone", *given_options)
        assert result.exit_code == 2, result.output
        assert isinstance(result.exception, SystemExit)
        assert "Traceback" not in result.output
        assert result.stderr.startswith("Error: ")
        assert result.stderr.count("\n") == 1

    check()
    survived(10, many(75, 2500))


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{b}: &{b} [{','.join(['*' + a] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=False)
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BOMB, "aliases"),
        ("lr: " + "[" * 5000 + "]" * 5000, "nested too deeply"),
        ("lr: 1e-3\nlr: 1e-4\n", "written twice"),
        ("head_lr: 1\nhead-lr: 1\n", "written twice"),
        ("!!python/object/apply:os.system ['touch canary']", "not a mapping"),
        ("lr: !!python/object/apply:os.system ['touch canary']", "--lr takes a number"),
    ],
)
def test_hostile_yaml(tmp_path, monkeypatch, survived, text, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.yaml").write_text(text)
    for command in (["train", "--config", "x.yaml"], ["sweep", "--space", "x.yaml"]):
        result = run(*command)
        assert result.exit_code == 2, result.output
        assert "Traceback" not in result.output
    with pytest.raises(ConfigError, match=said):
        resolve(read_yaml(tmp_path / "x.yaml"))
    with pytest.raises((ConfigError, StrategyError)):
        read_space("x.yaml")
    assert not (tmp_path / "canary").exists()
    survived(10)


def test_every_option_says_what_it_takes():
    assert all(describe(name) for name in FIELDS)
    assert main.commands


NASTY = [
    "..%2f..%2fetc", "%2e%2e", "a#b", "a?b=c", "<script>alert(1)</script>", "<img src=x onerror=alert(1)>",
    "'; DROP TABLE runs; --", '"quoted"', "new\nline", "tab\tin", "{{7*7}}", "${HOME}", "$(touch canary)",
    "`touch canary`", "back\\slash", " spaces ", "-rf", "--help", "ümläut", "日本", "\u202eevil", "a,b", "=1+1",
    "@SUM(1)", "|pipe", "*", "~", "nul", "con", "a" * 200, "..", "../..", "/etc/passwd", "a/../../b", "runs:/x",
    "models:/x", "file:///etc", "\\\\host\\share", "&amp;", "<!--", "]]>",
]  # fmt: skip
NOT_A_FOLDER = {"..", "../..", "/etc/passwd", "a/../../b", "file:///etc", "runs:/x", "models:/x"}


@pytest.fixture(scope="module")
def nasty_photos(tmp_path_factory):
    """A class of three pictures for every name that a folder can have."""
    root = tmp_path_factory.mktemp("nasty")
    for number, name in enumerate(n for n in NASTY if n not in NOT_A_FOLDER and "/" not in n):
        for i in range(5):
            write_image(root / name / f"{'<b>' if i else '#?%2e'}{i}.png", seed=9 * number + i, hue=number % 3)
    return root


def test_hostile_names_of_classes_and_files(place, nasty_photos, survived):
    """A sweep, its tables and its pages; what a browser would run is escaped."""
    from mlflow import MlflowClient
    from mlflow.artifacts import load_text

    from tests.chaos.sittings import MODEL, SMALL
    from tests.end_to_end.test_sweep import parent

    folder = place()
    done = run("sweep", *MODEL, "--data", nasty_photos, *SMALL, "--epochs", 1, "--trials", 1, "--name", "s")
    assert done.exit_code == 0, done.output
    assert "FAILED" not in done.output, done.output
    for command in (["compare", "--sweep", "s"], ["pick", "--sweep", "s"], ["compare", "--sweep", "s", "--evidence"]):
        result = run(*command)
        assert result.exit_code in (0, 2), result.output
        assert "Traceback" not in result.output
    replicated = run("replicate", "--sweep", "s", "--top", 0, "--seeds", 2)
    assert replicated.exit_code == 0, replicated.output
    report = run("report", "--sweep", "s", "-o", "report.html")
    assert report.exit_code == 0, report.output
    pages = [(folder / "report.html").read_text(), load_text(f"{parent('s').info.artifact_uri}/figures/sweep.html")]
    for page in pages:
        assert "<script>alert" not in page
        assert "<img src=x" not in page
    run_id = MlflowClient().search_runs(["1"], "tags.`tlcompare.trial` = '0'")[0].info.run_id
    picture = next(nasty_photos.rglob("*.png"))
    predicted = run("predict", f"runs:/{run_id}/model", picture)
    assert predicted.exit_code == 0, predicted.output
    assert not list(folder.rglob("canary"))
    survived(14, len([n for n in NASTY if "/" not in n]))


def test_hostile_names_of_runs_experiments_and_sweeps(place, photos, tmp_path, survived):
    folder = place()
    before = {p for p in tmp_path.iterdir() if p != folder}
    small = ["--data", tmp_path / "gone"]
    for name in NASTY:
        for command in (
            ["train", "--run-name", name, "--experiment", name, *small],
            ["sweep", "--name", name, *small],
            ["pick", "--sweep", name],
            ["compare", name],
            ["predict", name, photos / "red" / "00.png"],
            ["layers", name],
            ["sweep", "--space", name, *small],
        ):
            result = run(*command)
            assert result.exit_code in (0, 2), (command, result.output, result.exception)
            assert "Traceback" not in result.output
        survived(14)
    assert {p for p in tmp_path.iterdir() if p != folder} == before
    assert not list(folder.rglob("canary"))
