"""What the layer list makes of every family of timm and torchvision: `python -m benchmarks.families`.

Writes docs/families.md. All weights are random, which is enough for counts and mechanics.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from copy import deepcopy
from dataclasses import dataclass
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

import torch
from torch import nn

from tlcompare.backbones.backbone import Backbone
from tlcompare.backbones.registry import get_backbone
from tlcompare.errors import UserError
from tlcompare.freezing.graph import between
from tlcompare.freezing.layers import LayerList, trace
from tlcompare.freezing.overview import block_rows
from tlcompare.freezing.strategy import make_plan

PAGE = Path(__file__).parents[1] / "docs" / "families.md"
SIZES = (64, 128, 224)
_LARGEST = 400
_PROCESSES = 2

TORCHVISION = (
    "alexnet convnext_tiny densenet121 efficientnet_b0 efficientnet_v2_s googlenet inception_v3 maxvit_t mnasnet0_5 "
    "mobilenet_v2 mobilenet_v3_small regnet_y_400mf resnet18 resnext50_32x4d shufflenet_v2_x0_5 squeezenet1_1 swin_t "
    "swin_v2_t vgg11_bn vit_b_32 wide_resnet50_2"
).split()
TIMM = (
    "bat_resnext26ts beit_base_patch16_224 beitv2_base_patch16_224 botnet26t_256 caformer_s18 cait_xxs24_224 "
    "coat_tiny coatnet_0_rw_224 coatnet_nano_rw_224 convformer_s18 convit_tiny convmixer_768_32 convnext_tiny "
    "convnext_zepto_rms convnextv2_atto cpubone_nano crossvit_tiny_240 cs3darknet_focus_s csatv2 cspnext_tiny "
    "davit_tiny deit_tiny_patch16_224 deit_tiny_distilled_patch16_224 deit3_small_patch16_224 densenet121 "
    "dla46x_c dm_nfnet_f0 dpn48b eca_nfnet_l0 ecaresnet26t edgenext_xx_small efficientformer_l1 "
    "efficientformerv2_s0 efficientnet_b0 efficientvim_m1 efficientvit_b0 efficientvit_m0 ese_vovnet19b_slim_dw "
    "eva02_tiny_patch14_224 fasternet_t0 fastvit_t8 flexivit_small focalnet_tiny_srf gcvit_xxtiny gemma4_vit_167m "
    "ghostnet_050 gmlp_ti16_224 halonet26t halonet_h1 hardcorenas_b hgnetv2_b0 hiera_tiny_224 hrnet_w18_small "
    "iformer_t inception_next_atto inception_resnet_v2 inception_v3 inception_v4 lambda_resnet26t lcnet_035 "
    "lcnetv2_small legacy_seresnet18 legacy_xception levit_128s lowformer_b0 mambaout_femto maxvit_pico_rw_256 "
    "maxvit_rmlp_pico_rw_256 maxvit_tiny_tf_224 mixer_s32_224 mixnet_s mobilenetv1_100 mobilenetv2_035 "
    "mobilenetv3_small_050 mobilenetv4_conv_small mobilenetv5_base mobileone_s1 mobilevit_xxs mobilevitv2_050 "
    "mvitv2_tiny naflexvit_base_patch16_gap nasnetalarge nest_tiny nextvit_small nf_regnet_b0 nf_resnet26 "
    "pit_ti_224 pnasnet5large poolformer_s12 poolformerv2_s12 pvt_v2_b0 qwen3_vit_88m rdnet_tiny regnetx_002 "
    "repghostnet_050 repvgg_a0 repvit_m1 res2next50 resmlp_12_224 resnest14d resnet10t resnet50d resnetv2_18 "
    "resnetv2_50 resnext50_32x4d rexnet_100 sam2_hiera_tiny samvit_base_patch16_224 sebotnet33ts_256 selecsls42 "
    "sequencer2d_s seresnet50 shvit_s1 skresnet18 starnet_s050 swiftformer_xs swin_tiny_patch4_window7_224 "
    "swinv2_cr_tiny_224 swinv2_tiny_window8_256 tf_efficientnet_lite0 tiny_vit_5m_224 tnt_s_patch16_224 tresnet_m "
    "twins_pcpvt_small twins_svt_small vgg11 visformer_tiny vit_base_patch16_rope_224 vit_base_patch16_siglip_224 "
    "vit_base_patch32_clip_224 vit_pwee_patch16_reg1_gap_256 vit_relpos_small_patch16_224 "
    "vit_small_patch14_dinov2 vit_small_patch14_reg4_dinov2 vit_small_patch16_dinov3 "
    "vit_srelpos_small_patch16_224 vit_tiny_patch16_224 vit_tiny_r_s16_p8_224 vit_wee_patch16_reg1_gap_256 "
    "vitamin_small_224 volo_d1_224 xception41p xcit_nano_12_p16_224"
).split()
MEMBERS = (*(f"torchvision:{name}" for name in TORCHVISION), *(f"timm:{name}" for name in TIMM))


@dataclass(frozen=True)
class Finding:
    """What was found of one network.

    Attributes:
        uncut: the blocks before which there is no cut, but for the first.
        last_two: the layer after which the plan of the last two blocks is cut.
        on_time: whether that is right before them.
        same: whether the parts before and behind that cut give what the whole network gives.
        norms: whether `bn` trains what a walk over the network's norms finds.
        everything: whether `all` trains all of the network's weights.
        sizes: sizes of images, and what is wrong with each; nothing where it works.
    """

    name: str
    own_size: int
    layers: int
    blocks: int
    weights: int
    uncut: tuple[str, ...]
    last_two: str
    on_time: bool
    same: bool
    norms: bool
    everything: bool
    sizes: Mapping[int, str]


def examine(name: str, sizes: Sequence[int] = SIZES) -> Finding:
    """Trace a network for images of these sizes, and of its own; look at its cuts and norms at the smallest that works.

    Raises:
        RuntimeError: it cannot be traced at any size.
    """
    torch.set_num_threads(1)
    torch.manual_seed(0)
    warnings.filterwarnings("ignore")
    backbone = get_backbone(name)
    problems: dict[int, str] = {}
    traced: list[tuple[LayerList, nn.Module]] = []
    published = backbone.build().state_dict()
    for size in (*sizes, backbone.preprocessing.size):
        if size in problems or (traced and size > _LARGEST):
            continue
        at = backbone.at_size(size)
        try:
            network = at.build()
            walked = deepcopy(network)
            traced.append((trace(at, network), walked))
            problems[size] = _misfit(at, published, walked)
        except UserError as e:
            problems[size] = e.what
    if not traced:
        raise RuntimeError(f"{name} works at no size: {problems}")
    layers, walked = traced[0]
    last = layers.inner_blocks[-2:]
    plan = make_plan(layers, "+".join(last), classes=5)
    begins = min(x.number for x in layers.layers if x.inner in last and x.parameters)
    return Finding(
        name=name,
        own_size=backbone.preprocessing.size,
        layers=len(layers.layers),
        blocks=len(layers.inner_blocks),
        weights=layers.weights,
        uncut=tuple(row.block for row in block_rows(layers)[1:] if row.features is None),
        last_two=plan.cut.after,
        on_time=not any(x.parameters for x in layers.layers[plan.cut.number : begins - 1]),
        same=_same(layers, plan.cut.node),
        norms=_norms(walked, layers) == _trained(layers, "bn"),
        everything=_trained(layers, "all") == _needed(walked, backbone),
        sizes=problems,
    )


def _misfit(backbone: Backbone, published: Mapping[str, torch.Tensor], network: nn.Module) -> str:
    """The weight, if any, that cannot be made to fit the network from the published ones."""
    wanted = network.state_dict()
    state = dict(published)
    if backbone.rename and any(state[n].shape != t.shape for n, t in wanted.items() if n in state):
        state = backbone.rename(state, network)
    odd = [n for n, t in wanted.items() if n not in state or state[n].shape != t.shape]
    return f"{odd[0]} is for {backbone.own_size} pixels" if odd else ""


def _same(layers: LayerList, node: str) -> bool:
    x = torch.randn(2, 3, layers.image_size, layers.image_size)
    with torch.inference_mode():
        whole = layers.network(x)
        parts = between(layers.network, node, None)(between(layers.network, None, node)(x))
    return torch.allclose(whole, parts, rtol=1e-4, atol=1e-5, equal_nan=True)


def _trained(layers: LayerList, unfreeze: str) -> set[str]:
    try:
        return set(make_plan(layers, unfreeze, classes=5).parameters)
    except UserError:
        return set()


def _norms(network: nn.Module, layers: LayerList) -> set[str]:
    """Weights of every norm in the network as it was built, known by where its class comes from."""
    homes = ("torch.nn.modules.batchnorm", "torch.nn.modules.normalization", "torch.nn.modules.instancenorm")
    homes += tuple(f"timm.layers.{m}" for m in ("norm", "norm_act", "evo_norm", "filter_response_norm", "grn"))
    norms = ((p, m) for p, m in network.named_modules() if any(c.__module__ in homes for c in type(m).__mro__))
    every = {f"{path}.{name}" for path, module in norms for name, _ in module.named_parameters(recurse=False)}
    return every & {name for name, _ in layers.network.named_parameters()}


def _needed(network: nn.Module, backbone: Backbone) -> set[str]:
    """Every weight of the network as it was built, but the classifier's."""
    every = {name for name, _ in network.named_parameters()}
    last = [path for path, m in network.named_modules() if isinstance(m, nn.Linear | nn.Conv2d)][-1]
    return {name for name in every if not (backbone.classifier and name.startswith(f"{last}."))}


def _row(f: Finding) -> str:
    boundaries = f.blocks - 1
    cells = (
        f"`{f.name}`",
        f.layers,
        f.blocks,
        f"{f.weights / 1e6:.1f}",
        f"{boundaries - len(f.uncut)} of {boundaries}",
        f"`{f.last_two}`{'' if f.on_time else ' (early)'}",
        " ".join(str(size) for size, problem in f.sizes.items() if not problem),
        *("yes" if right else "**no**" for right in (f.norms, f.everything, f.same)),
    )
    return "| " + " | ".join(map(str, cells)) + " |"


def _page(findings: Sequence[Finding]) -> str:
    uncut = "".join(f"- `{f.name}`: before {_some(f.uncut)}\n" for f in findings if f.uncut)
    sizes = "".join(
        f"- `{f.name}`: {'; '.join(f'{size}: {_brief(problem)}' for size, problem in f.sizes.items() if problem)}\n"
        for f in findings
        if any(f.sizes.values())
    )
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "torchvision", "timm"))
    rows = "\n".join(map(_row, findings))
    return f"""# Families of networks

What the layer list makes of a small member of every family: {len(findings)} networks, with random weights, {versions}.
Made by `python -m benchmarks.families`; what was found is looked at for the smallest size of image that works.

- **Layers** and **blocks** (those inside a stage, where it has several), and millions of **weights**.
- **Cuts**: at how many of the boundaries between blocks training can begin from kept features. Where several tensors
  flow, up to four are kept side by side.
- **Last two blocks**: the layer after which the plan that unfreezes them is cut. Nothing with weights lies between it
  and them, unless it says *early*: then some frozen layers are computed in every epoch.
- **Sizes** of image, of {", ".join(map(str, SIZES))} and its own up to {_LARGEST}, for which it can be built and its
  published weights can be used, their position embeddings resampled as the library does.
- **Norms**: `bn` trains what a walk over the network's norm modules finds. **All**: `all` trains every weight.
  **Same**: what lies before the cut of the last two blocks and what lies behind it give what the whole network gives.

| network | layers | blocks | weights | cuts | last two blocks | sizes | norms | all | same |
|---|---:|---:|---:|---:|---|---|---|---|---|
{rows}

## Boundaries without a cut

Dense networks hand every layer to all that follow: dozens of tensors flow. Position encodings that are modules of their
own, and are used inside the blocks after them, are no place to cut. EfficientViM has weights, for its classifier alone,
that take no part in its features: `all` leaves them as they are.

{uncut}
## Sizes that do not work

{sizes}"""


def _some(blocks: Sequence[str]) -> str:
    more = f" and {len(blocks) - 4} others" if len(blocks) > 4 else ""
    return ", ".join(f"`{b}`" for b in blocks[:4]) + more


def _brief(problem: str) -> str:
    return problem.partition("pixels: ")[2] or problem


def main() -> None:
    """Examine all, and write the page; or only examine those named."""
    names = sys.argv[1:] or MEMBERS
    findings: list[Finding] = []
    with ProcessPoolExecutor(_PROCESSES, mp_context=get_context("spawn")) as pool:
        for found in pool.map(examine, names):
            findings.append(found)
            print(_row(found), flush=True)
    if not sys.argv[1:]:
        PAGE.write_text(_page(findings), encoding="utf-8")


if __name__ == "__main__":
    main()
