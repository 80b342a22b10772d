import pytest

from tlcompare.errors import ConfigError, StrategyError
from tlcompare.freezing.strategy import make_plan, some_blocks, tail
from tlcompare.study.search import Search, baselines, bind
from tlcompare.study.space import parse_space, read_space


def search(layers, content, fixed=None, seed=0):
    return Search(parse_space(content, "mine", "mine"), {x.backbone: x for x in layers}, fixed or {}, seed)


DEPTH = {"unfreeze": {"depth": {"from": "0%", "to": "100%"}, "snap": ["layer", "block"]}}


@pytest.mark.parametrize("share", [0, 0.01, 0.2, 0.5, 0.77, 0.99, 1])
def test_a_depth_is_snapped_to_a_layer_that_trains(lite, mobilenet, share):
    for layers in (lite, mobilenet):
        text = tail(layers, share, "layer")
        plan = make_plan(layers, text, 2)
        assert len(plan.layers) / plan.listed == pytest.approx(share, abs=0.03)
        assert text in ("frozen", "all") or plan.layers[0].parameters


def test_depths_at_the_edges_of_blocks(mobilenet):
    found = list(dict.fromkeys(tail(mobilenet, n / 200, "block") for n in range(201)))
    assert found == ["frozen", "block13", *(f"block{n}-block13" for n in range(12, 0, -1)), "all"]


def test_depths_at_the_edges_of_blocks_inside_stages(lite):
    found = list(dict.fromkeys(tail(lite, n / 200, "block") for n in range(201)))
    assert len(found) == 1 + len(lite.inner_blocks) == 19
    assert found[:4] == ["frozen", "top", "block7-top", "block6.3-top"]
    assert found[-3:] == ["block2-top", "block1-top", "all"]
    for text in found[1:-1]:
        assert make_plan(lite, text, 2).layers[0].inner in lite.inner_blocks


def test_subsets_of_blocks(mobilenet):
    assert some_blocks(mobilenet, []) == "frozen"
    assert some_blocks(mobilenet, mobilenet.blocks) == "all"
    chosen = {"stem", "block2", "block3", "block13"}
    text = some_blocks(mobilenet, chosen)
    assert text == "stem+block2-block3+block13"
    assert set(make_plan(mobilenet, text, 2).blocks) == chosen


def test_the_baselines_are_the_reports_or_the_last_blocks(lite, mobilenet):
    assert baselines(mobilenet) == ["frozen", "30", "50", "block12+block13", "all"]
    assert baselines(lite) == ["frozen", "top", "block7+top", "all"]


def test_a_list_is_checked_with_its_recipe_and_keeps_its_numbers_when_a_backbone_is_left_out():
    trials = [
        {"model": "resnet50", "unfreeze": "conv5"},
        {"model": "mobilenet", "unfreeze": "all", "head_first": "15"},
        {"model": "mobilenet", "unfreeze": "conv5"},
    ]
    content = {"recipe": {"epochs": "20"}, "trials": trials[:2]}
    (only,) = bind(parse_space(content, "mine", "mine"), ["mobilenet"], {}).always_first
    assert (only.config.epochs, only.config.head_first) == (20, 15)
    with pytest.raises(StrategyError, match=r"trials\[2\]"):
        bind(parse_space(content | {"trials": trials}, "mine", "mine"), ["mobilenet"], {})


def test_the_report_is_the_table_of_the_report():
    listed = [(t["model"], t["unfreeze"]) for t in read_space("report").trials]
    assert listed == [
        ("resnet50", "frozen"),
        ("resnet50", "20"),
        ("resnet50", "conv5"),
        ("resnet50", "conv4+conv5"),
        ("mobilenet", "frozen"),
        ("mobilenet", "30"),
        ("mobilenet", "50"),
        ("mobilenet", "block12+block13"),
    ]


@pytest.mark.parametrize("content", [DEPTH, {"unfreeze": {"blocks": "any"}}, {"unfreeze": ["30", "bn"]}])
def test_baselines_come_first_in_turn_and_are_expressed_where_they_can_be(lite, mobilenet, content):
    s = search([mobilenet, lite], content)
    first = s.always_first
    assert [c.config.model for c in first[:4]] == ["mobilenet", "efficientnet_lite0"] * 2
    assert len(first) == 9
    for candidate in first:
        if candidate.params:
            assert candidate.params["model"] == candidate.config.model
            assert s.key(s.config(candidate.params)) == s.key(candidate.config)
    expressed = [c.config.unfreeze for c in first if c.params and c.config.model == "mobilenet"]
    assert expressed == {
        "depth": ["frozen", "30", "50", "block12+block13", "all"],
        "blocks": ["frozen", "50", "block12+block13", "all"],
    }.get(next(iter(content["unfreeze"])), ["30"])


def test_parameters_of_one_backbone_have_its_name(lite, mobilenet):
    s = search([mobilenet, lite], {"unfreeze": {"blocks": "any"}})
    ours, theirs = set(s.domains("mobilenet")), set(s.domains("efficientnet_lite0"))
    assert len(ours) == 14
    assert not ours & theirs
    assert set(search([lite], DEPTH).domains("efficientnet_lite0")) == {"depth", "snap"}


def test_where_blocks_are_a_backbones_own_so_is_its_recipe(lite, mobilenet):
    content = {"unfreeze": {"blocks": "any"}, "recipe": {"lr": {"from": "1e-5", "to": "1e-3", "log": "true"}}}
    s = search([mobilenet, lite], content)
    params = s.draw(lambda name, domain: domain.values[-1] if domain.values else domain.high)
    assert params["model"] == "efficientnet_lite0"
    assert all(name == "model" or name.startswith("efficientnet_lite0.") for name in params)
    assert s.config(params).lr == 1e-3
    assert s.config(params).unfreeze == "all"
    assert "lr" in search([lite], content).domains("efficientnet_lite0")


def test_a_grid_is_every_point_once_after_the_baselines(lite):
    content = {
        "unfreeze": {"depth": ["0%", "50%", "100%"]},
        "recipe": {"lr": ["1e-4", "1e-3"], "head_first": ["0", "2"]},
    }
    s = search([lite], content)
    keys = [s.key(c.config) for c in s.grid]
    assert len(set(keys)) == len(keys)
    assert [c.config.unfreeze for c in s.grid[:4]] == ["frozen", "top", "block7+top", "all"]
    # Where nothing but the head trains, the learning rate of the layers is no choice.
    assert len(s.grid) == 1 + 2 + 2 * 2 * 2
    with pytest.raises(ConfigError, match="endless choices for depth"):
        assert search([lite], DEPTH).grid


def test_options_of_the_user_fix_a_choice(lite):
    s = search(
        [lite], DEPTH | {"recipe": {"lr": {"from": "1e-5", "to": "1e-3"}}}, {"lr": "0.5", "unfreeze": "bn"}, seed=7
    )
    assert s.domains("efficientnet_lite0") == {}
    (only,) = s.always_first
    assert (only.config.unfreeze, only.config.lr, only.config.seed) == ("bn", 0.5, 7)


def test_a_frozen_configuration_has_no_learning_rate_of_layers(lite):
    s = search([lite], DEPTH | {"recipe": {"lr": {"from": "1e-5", "to": "1e-3"}}})
    one, other = (s.config({"depth": 0.0, "snap": "layer", "lr": lr}) for lr in (1e-5, 1e-3))
    assert one == other
    assert s.key(s.config({"depth": 0.5, "snap": "layer", "lr": 1e-5})) != s.key(
        s.config({"depth": 0.5, "snap": "layer", "lr": 1e-3})
    )


def test_the_key_is_of_what_trains_not_of_how_it_is_written(mobilenet):
    s = search([mobilenet], {"unfreeze": ["all"]})
    texts = ["block13", "block13+block13", tail(mobilenet, 6 / 86, "layer")]
    assert len({s.key(s.config({}, text)) for text in texts}) == 1


@pytest.mark.parametrize(
    ("content", "fixed", "said"),
    [
        ({"unfreeze": ["frozen", "conv5"]}, {}, r'space mine: unfreeze\[1\]: "conv5" is no block of mobilenet'),
        ({"trials": [{"model": "mobilenet", "unfreeze": "999"}]}, {}, r"space mine: trials\[0\]: .*has 86"),
        (DEPTH, {"unfreeze": "conv5"}, "--unfreeze: .*no block of mobilenet"),
    ],
)
def test_a_strategy_that_a_backbone_has_not_is_refused(content, fixed, said):
    with pytest.raises(StrategyError, match=said):
        bind(parse_space(content, "mine", "mine"), ["mobilenet"], fixed)
