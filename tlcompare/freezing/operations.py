"""What a module or a node of a graph does, in one word."""

from __future__ import annotations

import re

from torch import nn
from torch.nn.modules import activation, batchnorm, conv, dropout, linear, normalization, padding, pooling

PLUMBING = "reshape"
_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict, nn.ParameterList, nn.ParameterDict)


def is_norm(module: nn.Module) -> bool:
    """Whether it is a norm: one of torch's, or one that is called so and holds nothing but scales and shifts."""
    if isinstance(module, _NORMS):
        return True
    named = re.search(r"norm", type(module).__name__, re.IGNORECASE) is not None
    return named and not any(_owns(m) for m in module.children()) and all(p.dim() <= 1 for p in module.parameters())


def is_one_operation(module: nn.Module) -> bool:
    """Whether it is listed as a whole: torch's own and what is derived from them, norms, and what has no parts."""
    if isinstance(module, _CONTAINERS):
        return False
    known = any(c.__module__.startswith("torch.nn.") and c is not nn.Module for c in type(module).__mro__)
    childless = next(module.children(), None) is None and next(module.parameters(), None) is None
    return known or is_norm(module) or childless


def never_drops(module: nn.Module) -> bool:
    """Whether it is a dropout with a chance of zero."""
    chance = getattr(module, "p", getattr(module, "drop_prob", None))
    return chance == 0 and operation_of(module, type(module).__name__) == "dropout"


def operation_of(module: nn.Module | None, name: str) -> str:
    """In one word: conv, linear, norm, ...; `reshape` is what moves numbers only.

    Args:
        module: that is called; None for a function.
        name: of the function, or of the module's class.
    """
    if module is not None:
        if is_norm(module):
            return "norm"
        found = next((word for word, kinds in _KINDS if isinstance(module, kinds)), "")
        if found:
            return found
    lowered = name.lower().strip("_")
    patterns = _NAMES if module is None or not _owns(module) else ()
    return next((word for pattern, word in patterns if re.search(pattern, lowered)), lowered)


def _owns(module: nn.Module) -> bool:
    return next(module.parameters(), None) is not None


_NORMS = (
    batchnorm._NormBase,
    normalization.LayerNorm,
    normalization.GroupNorm,
    normalization.LocalResponseNorm,
    normalization.RMSNorm,
)
_KINDS: tuple[tuple[str, tuple[type[nn.Module], ...]], ...] = (
    ("attention", (nn.MultiheadAttention,)),
    ("conv", (conv._ConvNd,)),
    ("linear", (linear.Linear, linear.Bilinear)),
    ("embedding", (nn.Embedding,)),
    ("dropout", (dropout._DropoutNd,)),
    ("pool", (pooling._MaxPoolNd, pooling._AvgPoolNd, pooling._AdaptiveAvgPoolNd, pooling._AdaptiveMaxPoolNd)),
    ("pad", (padding._ConstantPadNd, padding._ReflectionPadNd, padding._ReplicationPadNd)),
    ("activation", tuple(getattr(activation, n) for n in activation.__all__ if n != "MultiheadAttention")),
    ("upsample", (nn.Upsample,)),
    (PLUMBING, (nn.Identity, nn.Flatten, nn.Unflatten, nn.PixelShuffle, nn.PixelUnshuffle, nn.Unfold, nn.Fold)),
)
_NAMES = (
    (r"conv", "conv"),
    (r"attention", "attention"),
    (r"_norm$|norm\d?d?$", "norm"),
    (r"pool|^mean$", "pool"),
    (r"drop|stochasticdepth|stochastic_depth", "dropout"),
    (r"pad", "pad"),
    (r"^i?add$", "add"),
    (r"^i?mul$", "multiply"),
    (r"^cat$|^concat|^stack$", "concat"),
    (r"relu|elu|silu|swish|sigmoid|tanh|mish|softmax|^act|prelu", "activation"),
    (r"linear", "linear"),
    (
        r"flatten|reshape|view|permute|transpose|squeeze|getitem|expand|contiguous|chunk|identity|select|roll|split"
        r"|unbind|repeat|tile|flip|movedim|swapaxes|narrow|clone|detach|float|type_as|^to$|getattr|^size$|shuffle|^t$"
        r"|unfold|^fold|rearrange|format|partition|^neg$",
        PLUMBING,
    ),
)
