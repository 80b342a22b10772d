"""Names for groups of layers: the blocks of a network, and the blocks inside those that are stages."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

NO_BLOCK = "input"
_MOST = 0.75
_LEAST_WEIGHTY = 3
"""Layers with weights that make a numbered module a block rather than a convolution and its norm."""


@dataclass(frozen=True)
class Place:
    """Where an operation happens.

    Attributes:
        path: of its module, or of the module that it happens in plus the function's name.
        inside: whether that is a module; what happens at the top level belongs to the block before it.
        weighty: whether it has weights.
    """

    path: str
    inside: bool
    weighty: bool


def name_blocks(places: Sequence[Place], rules: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Of each operation, in forward order, the block and the block inside that one; the same where there is none.

    What comes before the first weight is in none. A block without any weight, such as a lone activation, becomes part
    of the one before it.

    Args:
        places: the operations.
        rules: pairs of a pattern for paths and the block's name; none means by the network's own structure.
    """
    named = _by_rules(rules) if rules else _by_structure([p.path for p in places])
    blocks: list[str] = []
    for place in places:
        blocks.append(named(place.path) if place.inside else blocks[-1] if blocks else NO_BLOCK)
    blocks = _with_weights(blocks, places, NO_BLOCK)
    inner = list(blocks)
    for block in dict.fromkeys(blocks):
        mine = [i for i, b in enumerate(blocks) if b == block]
        for i, name in zip(mine, _divided(block, [places[i] for i in mine]), strict=True):
            inner[i] = name
    return list(zip(blocks, inner, strict=True))


def _by_rules(rules: Sequence[tuple[str, str]]) -> Callable[[str], str]:
    patterns = [(re.compile(pattern), name) for pattern, name in rules]
    return lambda path: next(found.expand(name) for p, name in patterns if (found := p.fullmatch(path)))


def _by_structure(paths: Sequence[str]) -> Callable[[str], str]:
    """Modules that hold over three quarters of the operations are no blocks: their children are."""
    holding = Counter(parent for path in paths for parent in _parents(path))
    containers = {name for name, count in holding.items() if count > _MOST * len(paths)}

    def block(path: str) -> str:
        return next((p for p in _parents(path) if p not in containers), path)

    return block


def _divided(block: str, places: Sequence[Place]) -> list[str]:
    """The block inside `block` of each of its operations: its numbered children, wherever in it they hang."""
    weighty: Counter[str] = Counter()
    for place in places:
        weighty.update(dict.fromkeys(_parents(place.path), int(place.weighty)))
    lists: dict[str, list[str]] = {}
    for name in weighty:
        above, _, last = name.rpartition(".")
        if last[-1].isdigit():
            lists.setdefault(above, []).append(name)
    lists = {k: v for k, v in lists.items() if 2 * sum(weighty[c] >= _LEAST_WEIGHTY for c in v) > max(len(v), 2)}
    if not lists:
        return [block] * len(places)
    children = max(lists.values(), key=lambda v: sum(weighty[c] for c in v))
    names: list[str] = []
    for place in places:
        child = next((p for p in _parents(place.path) if p in children), "")
        # What lies outside of them, such as the change of resolution that begins a stage, goes to the one before.
        last = f"{block}.{child.rpartition('.')[2]}" if child else names[-1] if names else ""
        names.append(last)
    first = next(n for n in names if n)
    return _with_weights([n or first for n in names], places, first)


def _with_weights(names: Sequence[str], places: Sequence[Place], before: str) -> list[str]:
    """The names, but those of which nothing has weights give way to the one before."""
    weighty = {name for name, place in zip(names, places, strict=True) if place.weighty}
    kept: list[str] = []
    for name in names:
        kept.append(name if name in weighty else kept[-1] if kept else before)
    return kept


def _parents(path: str) -> list[str]:
    """The modules that a path lies in, from the outermost, without itself."""
    parts = path.split(".")
    return [".".join(parts[:depth]) for depth in range(1, len(parts))]
