"""Networks of the user's own: as a module in Python, as a function by its name."""

import sys
from pathlib import Path

import pytest
import torch
from torch import nn

import tlcompare as tl
from tlcompare.backbones.backbone import GIVEN

pytestmark = pytest.mark.usefixtures("drawn_once")

TINY = {"image_size": 32, "epochs": 1, "batch_size": 8, "threads": 1, "augment": "flip", "precision": "fp32"}
CODE = """
import torch
from torch import nn

class Small(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, width, 3, 2, 1), nn.BatchNorm2d(width), nn.ReLU())
        self.body = nn.Sequential(nn.Conv2d(width, 2 * width, 3, 2, 1), nn.BatchNorm2d(2 * width), nn.ReLU())
        self.fc = nn.Linear(2 * width, 7)

    def forward(self, x):
        return self.fc(self.body(self.stem(x)).mean((2, 3)))

class Branching(Small):
    def forward(self, x):
        x = self.stem(x)
        if x.sum() > 0:
            x = x * 2
        return self.fc(self.body(x).mean((2, 3)))

def small():
    return Small()

def settled():
    import tlcompare
    return tlcompare.backbone(Small(), image_size=48, mean=(0.5, 0.5, 0.5), blocks={r"stem.*": "early", ".*": "late"})

def wrong():
    return 3
"""


@pytest.fixture
def nets(workplace, monkeypatch):
    """A module of networks in the working folder, which nobody has imported yet."""
    Path("mynets.py").write_text(CODE)
    monkeypatch.delitem(sys.modules, "mynets", raising=False)
    GIVEN.clear()
    from tlcompare.backbones.registry import _named

    _named.cache_clear()
    monkeypatch.syspath_prepend(str(workplace))
    import mynets

    monkeypatch.syspath_prepend("")
    sys.path.remove(str(workplace))
    yield mynets
    sys.modules.pop("mynets", None)


def test_a_module_is_listed_trained_and_loaded_again(nets, photos):
    network = nets.Small()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    layers = tl.layers(network, 32)
    assert list(layers.blocks["block"]) == ["stem", "body"]
    assert "fc" not in set(layers.table["name"])
    run = tl.train(model=network, data=photos, unfreeze="body", **TINY)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    tags = run.logged.tags
    assert tags["tlcompare.network"] == "mynets.Small (mynets.py, line 5)"
    assert tags["weights"].startswith("as given, sha256:")
    assert tags["backbone"].startswith("own:Small-")
    model = run.model()
    stem = model.classifier.backbone.get_parameter("stem.0.weight")
    assert torch.equal(stem, before["stem.0.weight"])
    assert len(run.predict(photos / "red" / "00.png")) == 1
    other = tl.backbone(nets.Small())
    assert other.name != tags["backbone"]
    assert tl.backbone(network).name == tags["backbone"]


def test_a_model_whose_network_is_not_known_here_is_not_loaded(nets, photos, monkeypatch):
    run = tl.train(model=nets.Small(), data=photos, **TINY)
    named = tl.train(model="mynets:small", data=photos, **TINY)
    GIVEN.clear()
    with pytest.raises(tl.UserError, match=r"Give the network to tlcompare.backbone\(\) first"):
        run.model()
    with pytest.raises(tl.UserError, match="Set TLCOMPARE_NETWORKS=mynets:small"):
        named.model()
    monkeypatch.setenv("TLCOMPARE_NETWORKS", "others:one,mynets:small")
    assert named.model().classes == ("blue", "green", "red")


def test_a_function_by_its_name_gives_the_same_weights_every_time(nets, photos):
    first = tl.train(model="mynets:small", data=photos, **TINY)
    torch.manual_seed(5)
    from tlcompare.backbones.own import imported

    kept = first.model().classifier.backbone.state_dict()
    again = imported("mynets:small").build().state_dict()
    assert all(torch.equal(again[name], tensor) for name, tensor in kept.items() if "num_batches" not in name)
    assert first.logged.tags["tlcompare.network"] == "mynets:small (mynets.py, line 22)"


def test_a_function_may_settle_everything(nets):
    layers = tl.layers("mynets:settled")
    assert layers.image_size == 48
    assert list(layers.blocks["block"]) == ["early", "late"]


def test_networks_that_compute_something_else_have_other_names(nets):
    class Scaled(nets.Small):
        def __init__(self, by):
            super().__init__()
            self.by = by

        def forward(self, x):
            return super().forward(x * self.by)

    class Shifted(Scaled):
        def forward(self, x):
            return super().forward(x + self.by)

    Shifted.__qualname__ = Scaled.__qualname__
    Shifted.__name__ = Scaled.__name__
    made = [Scaled(1), Scaled(100), Shifted(1)]
    for network in made[1:]:
        network.load_state_dict(made[0].state_dict())
    backbones = [tl.backbone(network, image_size=32) for network in made]
    assert len({b.name for b in backbones}) == 3
    x = torch.rand(2, 3, 32, 32)
    for network, known in zip(made, backbones, strict=True):
        assert torch.equal(known.build().eval()(x), network.eval()(x))
    assert tl.backbone(made[0], image_size=32).name == backbones[0].name


def test_what_ends_in_features_keeps_its_last_layer(nets):
    network = nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5))
    assert len(tl.layers(tl.backbone(network, image_size=32, classifier=False))) == 5
    assert len(tl.layers(tl.backbone(network, image_size=32))) == 3


def test_what_cannot_be_traced_says_where(nets):
    with pytest.raises(tl.UserError, match=r"values of the pixels \(mynets.py, line 18: if x.sum\(\) > 0:\)"):
        tl.layers(nets.Branching(), 32)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("mynets:gone", "AttributeError: module 'mynets' has no attribute 'gone'"),
        ("nonets:small", "ModuleNotFoundError: No module named 'nonets'"),
        ("mynets:wrong", "3 is no torch.nn.Module"),
        ("mynets:Branching.forward", "TypeError"),
        ("own:Small-01234567", "was given in Python, and is not known here"),
    ],
)
def test_what_cannot_be_made_says_why(nets, name, said):
    with pytest.raises(tl.UserError, match=said):
        tl.layers(name)


def test_other_processes_cannot_be_given_a_module(nets, photos):
    with pytest.raises(tl.UserError, match=r"--jobs 2: own:Small-\w+ was given in Python"):
        tl.sweep(model=nets.Small(), data=photos, val_fraction=0.4, jobs=2, trials=3, **TINY)


def test_settings_that_cannot_be_are_refused(nets):
    for wrong in ({"mean": (1, 2)}, {"crop_share": 2}, {"interpolation": "nearest"}):
        with pytest.raises(tl.UserError):
            tl.backbone(nets.Small(), **wrong)
