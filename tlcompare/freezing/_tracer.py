"""A torch.fx tracer that knows what everything it meets looks like, so that what depends on sizes alone is settled."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

from tlcompare.freezing.operations import is_one_operation

_BATCHES = (2, 3)
"""Two runs side by side: where their sizes differ is the batch."""

_IN_PLACE = {
    operator.iadd: operator.add,
    operator.isub: operator.sub,
    operator.imul: operator.mul,
    operator.itruediv: operator.truediv,
}

_PLAIN = (int, float, str, type(None))

UNTRACEABLE = (
    fx.proxy.TraceError,
    RuntimeError,
    TypeError,
    ValueError,
    LookupError,
    NameError,
    ArithmeticError,
    AssertionError,
    AttributeError,
)


@dataclass(frozen=True)
class Part:
    """An operation inside a module that the graph calls as one: its path, and what it gives for one image."""

    path: str
    shape: tuple[int, ...]


def copy_of(network: nn.Module) -> nn.Module:
    """A copy with the same weights, for one pass: some networks keep what they met."""
    return deepcopy(network, {id(p): p for p in network.parameters()})


def record(network: nn.Module, size: int) -> tuple[fx.Graph, nn.Module, dict[str, tuple[Part, ...]]]:
    """What `network` computes from images (N, 3, size, size), as a graph.

    Every node's meta says `shape` (of one image, without the batch), `pixels` (whether its value depends on them) and
    `rows` (of a tensor, how many of its first dimension an image has: 1 where that is the batch; else 0).

    Returns:
        The graph, a module that has the tensors it made on the way, and the parts of every module that the graph calls
        as one although it is several operations, in the order in which they were first done.

    Raises:
        UNTRACEABLE: it does what cannot be written down as a graph.
    """
    copy = copy_of(network)
    tracer = _Tracer(size)
    with torch.no_grad():
        graph = tracer.trace(copy)
    graph.eliminate_dead_code(lambda node: node.op in ("placeholder", "output"))
    return graph, copy, tracer.parts


class _Known(fx.Proxy):
    """A value that is known for both batches; sizes that are the same for both are plain numbers."""

    tracer: _Tracer

    def __init__(self, node: fx.Node, tracer: _Tracer) -> None:
        super().__init__(node, tracer)
        self.values: tuple[Any, ...] = ()

    @property
    def shape(self) -> tuple[Any, ...]:
        return tuple(map(self.tracer.size, *(v.shape for v in self.values)))

    def size(self, dim: int | None = None) -> Any:
        return self.shape if dim is None else self.shape[dim]

    def dim(self) -> int:
        return int(self.values[0].dim())

    ndimension = dim

    @property
    def ndim(self) -> int:
        return self.dim()

    @property
    def device(self) -> Any:
        return self.values[0].device

    def numel(self) -> Any:
        return self.tracer.size(*(v.numel() for v in self.values))

    def is_floating_point(self) -> bool:
        return bool(self.values[0].is_floating_point())

    def __len__(self) -> int:
        return self._same([len(v) for v in self.values])  # type: ignore[no-any-return]

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: Any) -> Any:
        if isinstance(self.values[0], tuple | list) and isinstance(index, int):
            first, second = (v[index] for v in self.values)
            if _is_plain(first) and first == second:
                return first
        return self.tracer.create_proxy("call_function", operator.getitem, (self, index), {})

    def __iadd__(self, other: Any) -> Any:
        return self._changed(operator.iadd, other)

    def __isub__(self, other: Any) -> Any:
        return self._changed(operator.isub, other)

    def __imul__(self, other: Any) -> Any:
        return self._changed(operator.imul, other)

    def __itruediv__(self, other: Any) -> Any:
        return self._changed(operator.itruediv, other)

    def _changed(self, how: Callable[[Any, Any], Any], other: Any) -> Any:
        return self.tracer.create_proxy("call_function", how, (self, other), {})

    def __bool__(self) -> bool:
        return bool(self._settled())

    def __int__(self) -> int:
        return int(self._settled())

    def __index__(self) -> int:
        return self._settled().__index__()  # type: ignore[no-any-return]

    def _settled(self) -> Any:
        if self.node.meta["pixels"]:
            raise fx.proxy.TraceError("what it computes depends on the values of the pixels")
        return self._same(self.values)

    def _same(self, values: Any) -> Any:
        if values[0] != values[1]:
            raise fx.proxy.TraceError("what it computes depends on the size of the batch")
        return values[0]


class _Tracer(fx.Tracer):
    """Opens every module that is not one operation, if it can be opened."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self._side = side
        self._closed: set[nn.Module] = set()
        self._computing: dict[str, tuple[int, ...]] | None = None
        self._tensors: dict[str, Tensor] = {}
        self._names: dict[int, str] = {}
        self._changes: list[tuple[_Known, fx.Node, tuple[Any, ...]]] = []
        self.parts: dict[str, tuple[Part, ...]] = {}

    def create_args_for_root(self, root_fn: Callable[..., Any], is_module: bool, concrete_args: Any = None) -> Any:
        """The images alone: whatever else `forward` takes keeps its default."""
        every = [*self.root.named_parameters(remove_duplicate=False), *self.root.named_buffers(remove_duplicate=False)]
        self._tensors = dict(every)
        self._names = {id(tensor): name for name, tensor in reversed(every)}
        x = self.create_proxy("placeholder", "x", (), {})
        self.batch = self.create_proxy("call_method", "size", (x, 0), {})
        self.device = self.create_proxy("call_function", getattr, (x, "device"), {})
        return root_fn, [self.root, x]

    def proxy(self, node: fx.Node) -> fx.Proxy:
        return _Known(node, self)

    def size(self, first: int, second: int) -> Any:
        """A size in both runs, as a plain number, or as a multiple of the batch."""
        if first == second:
            return first
        times, rest = divmod(first, _BATCHES[0])
        if rest or second != times * _BATCHES[1]:
            raise fx.proxy.TraceError("a size is neither fixed nor a multiple of the batch")
        return self.batch if times == 1 else self.batch * times

    def create_arg(self, a: Any) -> Any:
        if isinstance(a, torch.device):
            return self.device.node
        return super().create_arg(a)

    def create_node(self, *args: Any, **kwargs: Any) -> fx.Node:
        node = super().create_node(*args, **kwargs)
        node.meta |= {"pixels": False, "rows": 0, "shape": ()}
        return node

    def create_proxy(
        self,
        kind: str,
        target: Any,
        args: Any,
        kwargs: Any,
        name: Any = None,
        type_expr: Any = None,
        proxy_factory_fn: Any = None,
    ) -> Any:
        changed, target = _out_of_place(target, args)
        values = tuple(self._value(kind, target, args, kwargs, i) for i in range(len(_BATCHES)))
        proxy: Any = super().create_proxy(kind, target, args, kwargs, name, type_expr, proxy_factory_fn)
        proxy.values = values
        node: fx.Node = proxy.node
        reads = target == "size" or (target is getattr and args[1] in ("device", "dtype"))
        node.meta["pixels"] = kind == "placeholder" or (
            not reads and any(n.meta["pixels"] for n in node.all_input_nodes)
        )
        _describe(node, values)
        if changed is not None:  # whoever has what is changed in place has the new value from now on
            self._changes.append((changed, changed.node, changed.values))
            changed.node, changed.values = node, values
        return proxy

    def _value(self, kind: str, target: Any, args: Any, kwargs: Any, run: int) -> Any:
        if kind == "placeholder":
            return torch.zeros(_BATCHES[run], 3, self._side, self._side)
        if kind == "get_attr":
            return self._tensors[target]
        args, kwargs = (_concrete(a, run) for a in (args, kwargs))
        before, self._computing = self._computing, {}
        try:
            if kind == "call_module":
                return self._called(target, self.root.get_submodule(target), args, kwargs)
            if kind == "call_method":
                return getattr(args[0], target)(*args[1:], **kwargs)
            return target(*args, **kwargs)
        finally:
            self._computing = before

    def _called(self, path: str, module: nn.Module, args: Any, kwargs: Any) -> Any:
        done: dict[str, tuple[int, ...]] = {}
        self._computing = done
        value = module(*args, **kwargs)
        if module in self._closed:
            done |= {owner: () for owner in _owners(path, module) if owner not in done}
            self.parts[path] = tuple(Part(p, shape) for p, shape in done.items())
        return value

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        """Weights and buffers stay what they are called, since they will be loaded later."""
        name = self._names.get(id(attr_val)) if isinstance(attr_val, Tensor) else None
        if name is None or self._computing is not None:
            return attr_val
        return self.create_proxy("get_attr", name, (), {})

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return m in self._closed or is_one_operation(m)

    def call_module(self, m: nn.Module, forward: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        if self._computing is not None:
            return self._computed(m, forward, args, kwargs)
        last, stack, changes = next(iter(reversed(self.graph.nodes))), self.module_stack.copy(), len(self._changes)
        try:
            return super().call_module(m, forward, args, kwargs)
        except UNTRACEABLE:
            if m in self._closed:
                raise
            self._closed.add(m)
            while len(self._changes) > changes:
                changed, node, values = self._changes.pop()
                changed.node, changed.values = node, values
            while (made := next(iter(reversed(self.graph.nodes)))) is not last:
                self.graph.erase_node(made)
            self.module_stack = stack
            return super().call_module(m, forward, args, kwargs)

    def _computed(self, m: nn.Module, forward: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """What a module inside of one that is called as one gives; it is noted if it is an operation or has weights."""
        noted, whole = self._computing, is_one_operation(m)
        self._computing = {} if whole else noted
        value = forward(*args, **kwargs)
        self._computing = noted
        path = self.path_of_module(m)
        if noted is not None and path not in noted and (whole or m._parameters):
            noted[path] = tuple(value.shape[1:]) if isinstance(value, Tensor) else ()
        return value


def _owners(path: str, module: nn.Module) -> Iterator[str]:
    """Paths of the operations and other modules in a module that have weights of their own."""
    if is_one_operation(module):
        yield from [path] if any(True for _ in module.parameters()) else []
        return
    yield from [path] if module._parameters else []
    for name, child in module.named_children():
        yield from _owners(f"{path}.{name}", child)


def _describe(node: fx.Node, values: tuple[Any, ...]) -> None:
    """Note in a node's meta what its value looks like, from its values for both batches."""
    first = [v[0] if isinstance(v, tuple | list) and v else v for v in values]
    tensor = all(isinstance(v, Tensor) for v in first)
    node.meta["shape"] = tuple(first[0].shape[1:]) if tensor and first[0].dim() else ()
    node.meta["rows"] = 0
    if all(isinstance(v, Tensor) and v.dim() > 1 and v.is_floating_point() for v in values):
        times = {len(v) / batch for v, batch in zip(values, _BATCHES, strict=True)}
        node.meta["rows"] = int(max(times)) if len(times) == 1 and max(times).is_integer() else 0


def _out_of_place(target: Any, args: Any) -> tuple[_Known | None, Any]:
    """The tensor that an operation would change in place, if it would, and one that gives a new value instead."""
    name = target if isinstance(target, str) else ""
    pure = name.removesuffix("_")
    in_place = target in _IN_PLACE or (pure != name and not pure.endswith("_") and hasattr(Tensor, pure))
    if not in_place:
        return None, target
    changed = args[0] if isinstance(args[0], _Known) and isinstance(args[0].values[0], Tensor) else None
    return changed, pure or _IN_PLACE[target]


def _is_plain(value: Any) -> bool:
    """Whether it holds nothing but numbers, words and None."""
    return all(map(_is_plain, value)) if isinstance(value, tuple | list) else isinstance(value, _PLAIN)


def _concrete(argument: Any, run: int) -> Any:
    """An argument with the values of one of the two runs."""

    def value(a: Any) -> Any:
        if isinstance(a, _Known):
            return a.values[run]
        if isinstance(a, fx.proxy.Attribute):
            return getattr(_concrete(a.root, run), a.attr)
        if isinstance(a, tuple) and hasattr(a, "_fields"):
            return type(a)(*map(value, a))
        if isinstance(a, list | tuple):
            return type(a)(map(value, a))
        if isinstance(a, dict):
            return {k: value(v) for k, v in a.items()}
        if isinstance(a, slice):
            return slice(value(a.start), value(a.stop), value(a.step))
        return a

    return value(argument)
