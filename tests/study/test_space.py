import pytest

from tlcompare.config import presets, read_yaml
from tlcompare.errors import ConfigError
from tlcompare.study.space import AnyBlocks, Choices, Depth, Range, parse_space, read_space, require_consistent


def parsed(content):
    return parse_space(content, "mine", "mine.yaml")


def test_the_presets_are_read():
    assert list(presets()) == ["default", "depth", "recipe", "report", "surgical"]
    for name in presets():
        space = read_space(name)
        assert space.name == name
        assert space.about.endswith(".")
        require_consistent(space, {})


def test_every_kind_of_choice():
    space = parsed(
        {
            "models": ["mobilenet"],
            "unfreeze": {"depth": {"from": "0%", "to": "50%", "step": "12.5%"}, "snap": ["layer", "block"]},
            "recipe": {
                "lr": {"from": "1e-5", "to": "1e-3", "log": "true"},
                "epochs": {"from": "2", "to": "10", "step": "3"},
                "head-first": ["0", "1"],
                "optimizer": "sgd",
            },
        }
    )
    assert space.unfreeze == Depth(Range(0, 0.5, step=0.125), ("layer", "block"))
    assert space.unfreeze.share.values == (0, 0.125, 0.25, 0.375, 0.5)
    assert space.recipe["lr"] == Range(1e-5, 1e-3, log=True)
    assert space.recipe["epochs"].values == (2, 5, 8)
    assert space.recipe["head_first"] == Choices((0, 1))
    assert space.recipe["optimizer"] == Choices(("sgd",))
    assert parsed({"unfreeze": {"blocks": "any"}}).unfreeze == AnyBlocks()
    assert parsed({"unfreeze": ["bn", "30%"]}).unfreeze == Choices(("bn", "30%"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"unfreze": ["all"]}, 'unfreze: is no key of a space. Did you mean "unfreeze"?'),
        ({}, "unfreeze: a space has either unfreeze or trials"),
        ({"unfreeze": []}, "unfreeze: is a list of strategies"),
        ({"unfreeze": {"depth": ["0%"], "snapp": "x"}}, 'unfreeze.snapp: is no key of unfreeze. Did you mean "snap"?'),
        ({"unfreeze": {"blocks": "some"}}, "unfreeze: is a list of strategies, {depth: ..., snap: ...}"),
        ({"unfreeze": {"depth": ["10%", "120%"]}}, "unfreeze.depth[1]: a depth is a share of the layers"),
        ({"unfreeze": {"depth": {"from": "50%", "to": "10%"}}}, "unfreeze.depth: is empty: from 50% is not less"),
        ({"unfreeze": {"depth": {"from": "0%"}}}, "unfreeze.depth: a range needs from and to"),
        ({"unfreeze": {"depth": ["0%"], "snap": "stage"}}, "unfreeze.snap: is layer or block"),
        ({"unfreeze": "all", "recipe": {"lr": {"from": "1e-3", "to": "1e-5"}}}, "recipe.lr: is empty"),
        ({"unfreeze": "all", "recipe": {"lr": []}}, "recipe.lr: is empty"),
        ({"unfreeze": "all", "recipe": {"lr": ["fast"]}}, "recipe.lr: --lr takes a number, not 'fast'"),
        ({"unfreeze": "all", "recipe": {"lr": ["1e-3", "0.001"]}}, "recipe.lr: holds a value twice"),
        (
            {"unfreeze": "all", "recipe": {"lr": {"form": "1", "to": "2"}}},
            'recipe.lr.form: is no key of a range. Did you mean "from"?',
        ),
        ({"unfreeze": "all", "recipe": {"lr": {"from": "nan", "to": "1"}}}, "recipe.lr: --lr takes a number"),
        ({"unfreeze": "all", "recipe": {"epochs": {"from": "1", "to": "9", "step": "1.5"}}}, "recipe.epochs.step"),
        ({"unfreeze": "all", "recipe": {"lr": {"from": "0.1", "to": "0.2", "step": "1"}}}, "recipe.lr.step: must be"),
        (
            {"unfreeze": "all", "recipe": {"lr": {"from": "0.1", "to": "1", "step": "1e-9"}}},
            "recipe.lr: has more than 10,000",
        ),
        ({"unfreeze": "all", "recipe": {"epochs": {"from": "1", "to": "50000"}}}, "recipe.epochs: has more than"),
        ({"unfreeze": "all", "recipe": {"lr": {"from": "0.1", "to": "1", "log": "yes"}}}, "recipe.lr.log: is true or"),
        (
            {"unfreeze": "all", "recipe": {"optimizer": {"from": "sgd", "to": "adamw"}}},
            "recipe.optimizer: has no range",
        ),
        ({"unfreeze": "all", "recipe": {"optimizer": ["adm"]}}, "recipe.optimizer: --optimizer is one of"),
        ({"unfreeze": "all", "recipe": {"seed": ["1", "2"]}}, "recipe.seed: is no option of the recipe"),
        ({"unfreeze": "all", "recipe": {"learning_rate": ["1"]}}, "recipe.learning_rate: is no option of the recipe"),
        ({"unfreeze": "all", "recipe": "lr"}, "recipe: must hold"),
        ({"unfreeze": "all", "models": "mobilenet"}, "models: must be a list"),
        ({"unfreeze": "all", "sampler": "best"}, "sampler: is one of tpe, random"),
        ({"trials": [{"model": "mobilenet"}]}, "trials[0]: names no unfreeze"),
        ({"trials": [{"model": "mobilenet", "unfreeze": "all", "lrr": "1"}]}, "trials[0].lrr: is no option of a trial"),
        ({"trials": [{"model": "mobilenet", "unfreeze": "all", "lr": "x"}]}, "trials[0].lr: --lr takes a number"),
        ({"trials": "all"}, "trials: must be a list"),
        ({"trials": [{"model": "a", "unfreeze": "all"}], "sampler": "tpe"}, "sampler: a list of trials has none"),
    ],
)
def test_what_cannot_be_is_named_with_its_place(content, said):
    with pytest.raises(ConfigError) as e:
        parsed(content)
    assert str(e.value).startswith("space mine.yaml: ")
    assert said in str(e.value)
    assert "docs/spaces.md" in str(e.value)


def test_all_problems_are_told_at_once():
    with pytest.raises(ConfigError, match=r"recipe\.lr: .*recipe\.epochs: .*models: "):
        parsed({"models": "x", "unfreeze": "all", "recipe": {"lr": ["a"], "epochs": ["b"]}})


def test_combinations_that_contradict_themselves_are_refused():
    space = parsed({"unfreeze": "all", "recipe": {"head_first": ["0", "5"]}})
    require_consistent(space, {})
    with pytest.raises(ConfigError, match=r"space mine allows recipe\.head_first 5: --head-first 5 must be less"):
        require_consistent(space, {"epochs": "3"})


def test_a_space_from_a_file(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("about: Mine.\nunfreeze: [frozen, 010%]\nrecipe: {lr: 1e-3}\n")
    space = read_space(str(path))
    assert (space.name, space.about) == ("mine", "Mine.")
    assert space.recipe["lr"] == Choices((1e-3,))
    with pytest.raises(ConfigError, match=r'no space "defualt"\. Did you mean "default"\?'):
        read_space("defualt")
    path.write_text("unfreeze: all\nunfreeze: bn\n")
    with pytest.raises(ConfigError, match="written twice"):
        read_yaml(path)


def test_the_nearest_value():
    assert Range(0.1, 0.9).nearest(2) == 0.9
    assert Range(0, 1, step=0.25).nearest(0.3) == 0.25
    assert Choices((1, 2)).nearest(3) == 2
    assert Choices((1e-5, 1e-4, 1e-3)).nearest(3.2e-4) == 1e-3
    assert Choices((0, 1, 5)).nearest(4) == 5
    assert Choices(("sgd",)).nearest("adamw") == "sgd"
    assert Range(0, 1, step=0.3).last == pytest.approx(0.9)
