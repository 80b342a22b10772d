"""From an `unfreeze` text to a freeze plan: which layers train, how many weights that is, where to cut."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from torch import nn

from tlcompare.errors import StrategyError, did_you_mean
from tlcompare.freezing.graph import Cut, latest_cut
from tlcompare.freezing.layers import Layer, LayerList
from tlcompare.freezing.operations import is_one_operation

GRAMMAR = "frozen, N, P%, all, block names and ranges joined by +, first:N, bn, bias, re:PATTERN"


@dataclass(frozen=True)
class FreezePlan:
    """A strategy resolved against a layer list.

    Attributes:
        backbone: name of the backbone.
        unfreeze: the strategy as the user wrote it.
        family: frozen, last, share, all, blocks, first, bn, bias, pattern, or mixed.
        layers: the unfrozen layers, in forward order.
        whole: names of those of them that train as a whole, so that norms update their statistics.
        parameters: names of the backbone's weights that train.
        backbone_parameters: how many numbers those are.
        head_parameters: weights of the new head, which always trains.
        total_parameters: weights of backbone and head.
        listed: number of layers in the whole list.
        cut: the latest point before which nothing changes.
    """

    backbone: str
    unfreeze: str
    family: str
    layers: tuple[Layer, ...]
    whole: frozenset[str]
    parameters: frozenset[str]
    backbone_parameters: int
    head_parameters: int
    total_parameters: int
    listed: int
    cut: Cut

    @property
    def trainable_parameters(self) -> int:
        return self.backbone_parameters + self.head_parameters

    @property
    def blocks(self) -> tuple[str, ...]:
        """Blocks in which at least one weight trains."""
        touched = (x.block for x in self.layers if self.parameters.intersection(x.parameters))
        return tuple(dict.fromkeys(touched))

    @property
    def depth(self) -> float:
        """How far back training reaches: the share of the layers from the first that trains to the end, in 0..1."""
        first = next((x.number for x in self.layers if self.trained_in(x)), self.listed + 1)
        return (self.listed + 1 - first) / self.listed

    @property
    def essence(self) -> tuple[str, ...]:
        """What tells plans apart that train differently: trained weights, and the norms that update statistics."""
        norms = (f"norm {x.name}" for x in self.layers if x.name in self.whole and x.operation == "norm")
        return (*sorted(self.parameters), *norms)

    def trained_in(self, layer: Layer) -> int:
        """How many of a layer's weights train."""
        return sum(s for n, s in zip(layer.parameters, layer.sizes, strict=True) if n in self.parameters)

    def to_dict(self) -> dict[str, Any]:
        """The plan as `tlcompare plan --json` prints it."""
        return {
            "backbone": self.backbone,
            "unfreeze": self.unfreeze,
            "layers": [x.name for x in self.layers],
            "blocks": list(self.blocks),
            "trainable_layers": len(self.layers),
            "trainable_parameters": self.trainable_parameters,
            "total_parameters": self.total_parameters,
            "cut": {"after": self.cut.after, "number": self.cut.number, "shape": list(self.cut.shape)},
        }


def make_plan(layers: LayerList, unfreeze: str, classes: int) -> FreezePlan:
    """Resolve a strategy.

    Args:
        layers: the backbone's layer list.
        unfreeze: the strategy; see GRAMMAR and the README.
        classes: number of classes of the head.

    Raises:
        StrategyError: a term is not understood, matches nothing, or nothing that has weights.
    """
    text = unfreeze.strip()
    selections = [] if text in ("frozen", "0") else [_select(layers, term) for term in _terms(text)]
    names = {name for s in selections for name in s.parameters}
    chosen = {x.name for s in selections for x in s.layers}
    whole = frozenset(x.name for s in selections if not s.weights_only for x in s.layers)
    picked = tuple(x for x in layers.layers if x.name in chosen)
    sizes = {n: p.numel() for n, p in layers.network.named_parameters()}
    head = (layers.features + 1) * classes
    families = {s.family for s in selections} or {"frozen"}
    changing = {x.name for x in picked if names.intersection(x.parameters) or _changes_untrained(layers, x)}
    return FreezePlan(
        backbone=layers.backbone,
        unfreeze=text,
        family=families.pop() if len(families) == 1 else "mixed",
        layers=picked,
        whole=whole,
        parameters=frozenset(names),
        backbone_parameters=sum(sizes[n] for n in names),
        head_parameters=head,
        total_parameters=layers.weights + head,
        listed=len(layers.layers),
        cut=latest_cut(layers, changing),
    )


def _changes_untrained(layers: LayerList, layer: Layer) -> bool:
    """Whether a layer that trains as a whole changes what it gives although it has no weights to train."""
    if layer.operation != "norm" or not layer.module:
        return layer.operation == "dropout"
    return any(True for _ in layers.network.get_submodule(layer.module).buffers())


def tail(layers: LayerList, share: float, snap: str) -> str:
    """The strategy that unfreezes about this share of the last layers.

    Args:
        layers: the backbone's layer list.
        share: of the layers, in 0..1.
        snap: `layer` starts at the nearest layer that has weights, `block` at the nearest first layer of a block.
    """
    listed = layers.layers
    if snap == "block":
        first = {x.inner: x.number for x in reversed(listed) if x.inner in layers.inner_blocks}
        starts = {len(listed) + 1 - number: inner for inner, number in first.items()}
    else:
        starts = {len(listed) + 1 - x.number: "" for x in listed if x.parameters}
    depth = min((0, *starts), key=lambda d: (abs(d - share * len(listed)), d))
    if depth == 0:
        return "frozen"
    if depth == max(starts):
        return "all"
    return _from_block(layers, starts[depth]) if starts[depth] else str(depth)


def _from_block(layers: LayerList, inner: str) -> str:
    """The strategy that unfreezes this block, as it is called inside its stage, and all that follow."""
    block = next(x.block for x in layers.layers if x.inner == inner)
    last = layers.blocks[-1]
    start = block if inner == inside(layers, block)[0] else inner
    end = inside(layers, last)[-1] if start != block == last else last
    return start if start == end else f"{start}-{end}"


def inside(layers: LayerList, name: str) -> tuple[str, ...]:
    """The smallest blocks of a block: those inside it, or itself."""
    return tuple(dict.fromkeys(x.inner for x in layers.layers if name in (x.block, x.inner)))


def some_blocks(layers: LayerList, chosen: Collection[str]) -> str:
    """The strategy that unfreezes these blocks."""
    runs: list[list[str]] = []
    follows = False
    for block in layers.blocks:
        if block in chosen:
            runs = [*runs[:-1], [*runs[-1], block]] if follows else [*runs, [block]]
        follows = block in chosen
    if len(chosen) == len(layers.blocks):
        return "all"
    return "+".join(r[0] if len(r) == 1 else f"{r[0]}-{r[-1]}" for r in runs) or "frozen"


def freeze(network: nn.Module, plan: FreezePlan) -> None:
    """Let only the plan's weights of the backbone `network` ask for gradients."""
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name in plan.parameters)


def set_training(layers: LayerList, plan: FreezePlan) -> None:
    """Training mode for the layers that train as a whole; norms and dropout of all others stay in eval mode."""
    layers.network.eval()
    for layer in layers.layers:
        if layer.name in plan.whole and layer.module:
            module = layers.network.get_submodule(layer.module)
            if is_one_operation(module):
                module.train()
            else:
                module.training = True  # its parts are layers of their own


@dataclass(frozen=True)
class _Selection:
    family: str
    layers: tuple[Layer, ...]
    parameters: frozenset[str]
    weights_only: bool = False


def _terms(text: str) -> list[str]:
    """Split at +, but for a pattern, which goes on to the end."""
    plain, found, pattern = text.partition("re:")
    terms = [t.strip() for t in plain.split("+")]
    if found:
        if terms[-1]:
            raise StrategyError(
                f'"{text}": re: must follow a + or stand at the start', f'Write "{plain}+re:{pattern}".'
            )
        terms[-1] = f"re:{pattern}"
    if "" in terms:
        raise StrategyError(f'"{text}" has an empty term', f"A strategy is one of {GRAMMAR}.")
    return terms


def _select(layers: LayerList, term: str) -> _Selection:
    listed = layers.layers
    if term in ("frozen", "0"):
        raise StrategyError(f'"{term}" cannot be combined with other terms', "Give it alone, or leave it out.")
    if term == "all":
        return _whole("all", term, layers, listed)
    if term == "bn":
        return _whole("bn", term, layers, [x for x in listed if x.operation == "norm"])
    if term == "bias":
        biases = frozenset(p for x in listed for p in x.parameters if p.rpartition(".")[2] == "bias")
        touched = tuple(x for x in listed if biases.intersection(x.parameters))
        return _checked(_Selection("bias", touched, biases, weights_only=True), term, layers)
    if term.startswith("re:"):
        return _whole("pattern", term, layers, _matching(listed, term))
    if match := re.fullmatch(r"(first:)?([0-9]+)", term):
        first, count = bool(match.group(1)), int(match.group(2))
        _check_count(layers, term, count)
        chosen = listed[:count] if first else listed[len(listed) - count :]
        return _whole("first" if first else "last", term, layers, chosen)
    if match := re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*%", term):
        share = float(match.group(1)) / 100
        if not 0 < share <= 1:
            raise StrategyError(f'"{term}" is not more than 0% and at most 100%', "Give a share such as 25%.")
        return _whole("share", term, layers, listed[len(listed) - round(share * len(listed)) :])
    if re.fullmatch(r"(first:)?[-+]?[\d.]*", term):
        raise StrategyError(f'"{term}" is no number of layers', f"Give a whole number from 1 to {len(listed)}.")
    blocks = _block_range(layers, term)
    return _whole("blocks", term, layers, [x for x in listed if x.inner in blocks])


def _whole(family: str, term: str, layers: LayerList, chosen: Iterable[Layer]) -> _Selection:
    picked = tuple(chosen)
    parameters = frozenset(p for x in picked for p in x.parameters)
    return _checked(_Selection(family, picked, parameters), term, layers)


def _checked(selection: _Selection, term: str, layers: LayerList) -> _Selection:
    if selection.parameters:
        return selection
    matched = f"only layers without weights ({', '.join(x.name for x in selection.layers[:3])})"
    raise StrategyError(
        f'"{term}" matches {matched if selection.layers else "no layer"} of {layers.backbone}, so nothing would train',
        _nearest(selection, layers),
    )


def _nearest(selection: _Selection, layers: LayerList) -> str:
    listed = layers.layers
    if selection.family in ("last", "share"):
        depth = next(len(listed) - i for i in reversed(range(len(listed))) if listed[i].parameters)
        return f'The nearest that trains something is "{depth}".'
    if selection.family == "first":
        depth = next(x.number for x in listed if x.parameters)
        return f'The nearest that trains something is "first:{depth}".'
    return f"Blocks: {', '.join(layers.blocks)}."


def _check_count(layers: LayerList, term: str, count: int) -> None:
    if count == 0:
        raise StrategyError(f'"{term}" matches no layer', 'Write "frozen" to train the head alone.')
    if count > len(layers.layers):
        raise StrategyError(
            f'"{term}" asks for {count} layers, {layers.backbone} has {len(layers.layers)}',
            'Write "all" for the whole backbone.',
        )


def _matching(listed: tuple[Layer, ...], term: str) -> list[Layer]:
    try:
        pattern = re.compile(term.removeprefix("re:"))
    except re.error as e:
        raise StrategyError(
            f'"{term}" is not a regular expression: {e}', "It is one of Python's, and is to match whole layer names."
        ) from e
    matching = [x for x in listed if pattern.fullmatch(x.name)]
    if not matching:
        names = [x.name for x in listed if x.parameters]
        near = did_you_mean(term, [f"re:{re.escape(name)}" for name in names])
        raise StrategyError(
            f'"{term}" matches no layer; a pattern must match a whole name, such as "{names[-1]}"',
            near or "See `tlcompare layers MODEL` for the names.",
        )
    return matching


def _kinds(layers: LayerList) -> list[str]:
    """Those of `bn` and `bias` that train anything in this backbone."""
    found = []
    for kind in ("bn", "bias"):
        with suppress(StrategyError):
            make_plan(layers, kind, classes=2)
            found.append(kind)
    return found


def _block_range(layers: LayerList, term: str) -> tuple[str, ...]:
    """The smallest blocks that a block, or a range of them, consists of."""
    names = {*layers.blocks, *layers.inner_blocks}
    if term in names:
        return inside(layers, term)
    order = layers.inner_blocks
    for at in (m.start() for m in re.finditer("-", term)):
        first, last = term[:at].strip(), term[at + 1 :].strip()
        if first in names and last in names:
            begin, end = order.index(inside(layers, first)[0]), order.index(inside(layers, last)[-1])
            if begin > end:
                raise StrategyError(f'"{term}" runs backwards', f'Write "{last}-{first}".')
            return order[begin : end + 1]
    raise StrategyError(
        f'"{term}" is no block of {layers.backbone}',
        f"{did_you_mean(term, [*sorted(names), 'frozen', 'all', *_kinds(layers)])} "
        f"Blocks: {', '.join(layers.blocks)}. A strategy is one of {GRAMMAR}.".strip(),
    )
