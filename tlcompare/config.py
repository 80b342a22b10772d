"""The one configuration of a run: every option has one name in YAML, on the command line and in `-P`."""

from __future__ import annotations

import errno
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

from tlcompare.errors import ConfigError, did_you_mean
from tlcompare.files import first_line

AUTO = "auto"
RECIPE = (
    "weights image_size epochs head_first batch_size optimizer lr head_lr layer_decay weight_decay warmup_epochs "
    "label_smoothing dropout class_balance clip_norm patience augment views precision"
).split()
"""Options that a search space may leave open."""
HEAD_ALONE = ("lr", "layer_decay", "head_first")
"""Options without meaning where nothing but the head trains."""


def option(
    default: Any,
    help: str,
    *,
    choices: tuple[str, ...] = (),
    at_least: float | None = None,
    at_most: float | None = None,
    above: float | None = None,
) -> Any:
    """A dataclass field with the documentation and the limits of one option."""
    metadata = {"help": help, "choices": choices, "at_least": at_least, "at_most": at_most, "above": above}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class RunConfig:
    """One training run. `None` stands for `auto`: settled when the run starts, and logged as settled."""

    model: str = option(
        "efficientnet_lite0",
        "Backbone: mobilenet, resnet50, efficientnet_lite0, torchvision:NAME, timm:NAME or, of your own, "
        "package.module:function.",
    )
    unfreeze: str = option(
        "frozen",
        "Layers to train: frozen, N (last N), P%, all, block names and ranges (conv4+conv5, block10-block13), "
        "first:N, bn, bias, re:PATTERN; terms combine with +.",
    )
    data: str = option("digits", "Images: a folder of class folders, digits (embedded), flowers, or torchvision:NAME.")
    weights: str = option(
        "default",
        "Pretrained weights: default, none (random), a file (.safetensors, .pth, ...), or a model: runs:/ID/model.",
    )
    image_size: int | None = option(
        None, "Side of the square input in pixels; auto is the backbone's own.", at_least=16, at_most=2048
    )
    on_bad_image: str = option(
        "error", "Unreadable images: stop with a list, or leave them out.", choices=("error", "skip")
    )
    val_fraction: float = option(
        0.15, "Share of the images for validation, where the data has no split.", above=0, at_most=0.8
    )
    test_fraction: float = option(
        0.15, "Share of the images sealed for testing, where the data has no split.", above=0, at_most=0.8
    )
    split_seed: int = option(0, "Seed of the split; keep it to compare runs.", at_least=0, at_most=2**31 - 1)
    val_seed: int | None = option(
        None,
        "Seed that divides training and validation images anew, leaving the test images; auto is the split's division.",
        at_least=0,
        at_most=2**31 - 1,
    )
    epochs: int = option(10, "Passes over the training images.", at_least=1, at_most=100_000)
    head_first: int = option(
        0, "Of these, epochs that train the head alone first (LP-FT, arXiv 2202.10054).", at_least=0
    )
    batch_size: int = option(32, "Images per optimizer step.", at_least=1, at_most=65_536)
    optimizer: str = option("adamw", "Optimizer of backbone and head; SGD has momentum 0.9.", choices=("adamw", "sgd"))
    lr: float = option(3e-4, "Peak learning rate of the unfrozen layers.", above=0, at_most=1000)
    head_lr: float = option(3e-3, "Peak learning rate of the head.", above=0, at_most=1000)
    layer_decay: float = option(1.0, "Factor on the learning rate per block away from the head.", above=0, at_most=1)
    weight_decay: float = option(0.01, "Weight decay; norms and biases have none.", at_least=0)
    warmup_epochs: float = option(0.5, "Epochs of linear warm-up before the cosine; may be a fraction.", at_least=0)
    label_smoothing: float = option(0.1, "Label smoothing.", at_least=0, at_most=0.9)
    dropout: float = option(0.2, "Dropout before the last linear layer.", at_least=0, at_most=0.95)
    class_balance: str = option("none", "Weigh the loss by inverse class frequency.", choices=("none", "weighted"))
    clip_norm: float = option(1.0, "Gradient norm to clip to; 0 is off.", at_least=0)
    patience: int = option(
        0,
        "Stop after this many epochs without a better validation accuracy or, at the same, a lower loss; 0 is off.",
        at_least=0,
    )
    augment: str | None = option(
        None,
        "Views of a training image; auto is flip, or none where mirroring changes the class.",
        choices=("none", "flip", "crop"),
    )
    views: int | None = option(
        None,
        "Different views per image; auto is 1 for none, 2 for flip, 8 for crop.",
        at_least=1,
        at_most=1000,
    )
    seed: int = option(0, "Seed of the head, the order and the views.", at_least=0, at_most=2**31 - 1)
    precision: str | None = option(
        None,
        "Training precision; auto is bf16 on CUDA, and on a CPU with bf16 instructions whichever trains faster.",
        choices=("bf16", "fp32"),
    )
    device: str | None = option(
        None, "Device; auto takes CUDA, else MPS, else the CPU.", choices=("cpu", "cuda", "mps")
    )
    cache_gb: float = option(
        20.0,
        "Disk for features of frozen layers, in GB; what was not used for longest leaves first. 0 computes them anew "
        "in every epoch.",
        at_least=0,
        at_most=1e6,
    )
    compile: bool = option(
        False, "Compile what trains with torch.compile: about a minute per cut, then faster steps; for long training."
    )
    threads: int | None = option(None, "CPU threads; auto is torch's choice.", at_least=1, at_most=1024)
    score_test: bool = option(False, "Score the test set too and mark the run as having opened it.")
    experiment: str | None = option(None, "MLflow experiment; auto is MLFLOW_EXPERIMENT_NAME or _ID, else tlcompare.")
    run_name: str | None = option(None, "Name of the MLflow run; auto is model and strategy.")

    def __post_init__(self) -> None:
        problems = [p for f in fields(self) if (p := _limit_problem(f.name, getattr(self, f.name)))]
        if not problems:
            problems = self._contradictions()
        if problems:
            raise ConfigError("; ".join(problems), _HELP)

    def _contradictions(self) -> list[str]:
        problems = []
        if self.val_fraction + self.test_fraction >= 1:
            problems.append(
                f"--val-fraction {self.val_fraction} and --test-fraction {self.test_fraction} leave nothing to train on"
            )
        if self.head_first >= self.epochs > 0 and self.head_first > 0:
            problems.append(f"--head-first {self.head_first} must be less than --epochs {self.epochs}")
        if self.warmup_epochs > self.epochs:
            problems.append(f"--warmup-epochs {self.warmup_epochs} is more than --epochs {self.epochs}")
        most = {"none": 1, "flip": 2}.get(str(self.augment), self.views or 1)
        if self.views and (self.views > most or (self.augment == "crop" and self.views == 1)):
            problems.append(f"--views {self.views} makes no sense with --augment {self.augment}")
        return problems


def flag(name: str) -> str:
    """The command-line spelling of an option: `batch_size` is `--batch-size`."""
    return "--" + name.replace("_", "-")


def describe(name: str) -> str:
    """Help text of an option, with its default."""
    option_field = _FIELDS[name]
    return f"{option_field.metadata['help']} [default: {_shown(option_field.default)}]"


def takes(name: str) -> str:
    """What an option takes, for the help text: `N`, `NUMBER`, `TEXT`, or its choices."""
    choices = _choices(name)
    return "|".join(choices) if choices else _METAVARS[_kind(name)] + ("|auto" if _optional(name) else "")


def resolve(*layers: Mapping[str, Any]) -> RunConfig:
    """A RunConfig from layers of values, the later ones winning.

    Args:
        layers: option names to values, as YAML or the command line gives them (text is converted).

    Raises:
        ConfigError: names every unknown option and every value that cannot be, all at once.
    """
    values: dict[str, Any] = {}
    problems: list[str] = []
    for layer in layers:
        for raw_name, value in layer.items():
            name = str(raw_name).replace("-", "_")
            if name not in _FIELDS:
                problems.append(f'unknown option "{raw_name!s:.80}". {did_you_mean(name, _FIELDS)}'.strip())
                continue
            try:
                values[name] = _convert(name, value)
            except ValueError as e:
                problems.append(str(e))
    if problems:
        raise ConfigError("; ".join(problems), _HELP)
    return RunConfig(**values)


def checked(name: str, value: Any) -> Any:
    """One option's value, converted from text or YAML.

    Raises:
        ConfigError: not a value of this option, or outside its limits.
    """
    try:
        converted = _convert(name, value)
    except ValueError as e:
        raise ConfigError(str(e), _HELP) from e
    if problem := _limit_problem(name, converted):
        raise ConfigError(problem, _HELP)
    return converted


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def read_yaml(path: Path) -> dict[str, Any]:
    """The options in a YAML file.

    Raises:
        ConfigError: no such file, not YAML, not a mapping, or a key written twice.
    """
    try:
        if path.exists() and not path.is_file():
            raise OSError(errno.EINVAL, "it is no file")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as e:
        raise ConfigError(
            f"cannot read the configuration {path}: {getattr(e, 'strerror', None) or first_line(e)}",
            "Name a YAML file, or runs:/ID.",
        ) from e
    try:
        loaded = yaml.load(text, Loader=_TextLoader)  # noqa: S506 (it builds text, lists and mappings only)
    except yaml.YAMLError as e:
        raise ConfigError(f"{path} is not valid YAML: {' '.join(str(e).split())}", _LINES) from e
    except RecursionError as e:
        raise ConfigError(f"{path} is nested too deeply", _LINES) from e
    if loaded in (None, ""):
        return {}
    if not isinstance(loaded, dict):
        raise ConfigError(f"{path} holds a {type(loaded).__name__}, not a mapping", _LINES)
    return loaded


def to_yaml(config: RunConfig) -> str:
    """The configuration as YAML that `read_yaml` and `resolve` turn back into the same one."""
    shown = {name: AUTO if value is None else value for name, value in asdict(config).items()}
    return yaml.safe_dump(shown, sort_keys=False)


_HELP = "See `tlcompare train --help`."
_LINES = "Write lines of `option: value`."
_FIELDS = {f.name: f for f in fields(RunConfig)}
_TYPES = typing.get_type_hints(RunConfig)


def presets() -> dict[str, Path]:
    """The spaces that come with tlcompare, by name."""
    package = Path(__file__).parent
    installed = package / "spaces"
    folder = installed if installed.is_dir() else package.parent / "sweep"
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


class _TextLoader(yaml.BaseLoader):
    """Leaves every value as written, so that `010` or `1e-3` means what it says; refuses a key written twice, and
    aliases, with which a few lines can stand for more than fits into memory."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "aliases (*name) are not taken; write the value out", mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            name = str(key.value).replace("-", "_")
            if name in seen:
                raise yaml.constructor.ConstructorError(None, None, f'"{name}" is written twice', key.start_mark)
            seen.add(name)
        return super().construct_mapping(node, deep)


def _shown(default: Any) -> str:
    if isinstance(default, bool):
        return str(default).lower()
    return AUTO if default is None else str(default)


def _convert(name: str, value: Any) -> Any:
    """A value of the option's type from YAML or text; ValueError says which option and what it takes."""
    kind = _kind(name)
    if value is None or value == AUTO:
        if _optional(name):
            return None
        if value is None or kind is not str:
            raise ValueError(f"{flag(name)} takes {_KINDS[kind]}, not {_shown(value)}")
    problem = ValueError(f"{flag(name)} takes {_KINDS[kind]}{' or auto' if _optional(name) else ''}, not {value!r:.80}")
    if kind is bool:
        lowered = str(value).lower()
        if lowered not in _TRUE | _FALSE:
            raise problem
        return lowered in _TRUE
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise problem
    if kind is str:
        try:
            str(value).encode()
        except UnicodeEncodeError as e:
            raise ValueError(f"{flag(name)} is not valid UTF-8: {value!a:.80}") from e
        return str(value)
    try:
        number = kind(value) if kind is float or isinstance(value, int | str) else int(str(value))
    except (ValueError, OverflowError) as e:
        raise problem from e
    if kind is float and not math.isfinite(number):
        raise problem
    return number


def _optional(name: str) -> bool:
    return isinstance(_TYPES[name], types.UnionType)


def _kind(name: str) -> type:
    wanted = _TYPES[name]
    kind: type = next(t for t in typing.get_args(wanted) if t is not types.NoneType) if _optional(name) else wanted
    return kind


def _choices(name: str) -> tuple[str, ...]:
    choices: tuple[str, ...] = _FIELDS[name].metadata["choices"]
    return (*choices, AUTO) if choices and _optional(name) else choices


_METAVARS = {int: "N", float: "NUMBER", bool: "[true|false]", str: "TEXT"}
_KINDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
_TRUE = {"true", "1", "yes", "on"}
_FALSE = {"false", "0", "no", "off"}


def _limit_problem(name: str, value: Any) -> str:
    limits = _FIELDS[name].metadata
    if value is None:
        return ""
    if limits["choices"] and value not in limits["choices"]:
        return f"{flag(name)} is one of {', '.join(_choices(name))}, not {value!r:.80}"
    if isinstance(value, str) and not value.strip():
        return f"{flag(name)} is empty"
    if limits["at_least"] is not None and value < limits["at_least"]:
        return f"{flag(name)} must be at least {limits['at_least']}, not {value}"
    if limits["above"] is not None and value <= limits["above"]:
        return f"{flag(name)} must be more than {limits['above']}, not {value}"
    if limits["at_most"] is not None and value > limits["at_most"]:
        return f"{flag(name)} must be at most {limits['at_most']}, not {value}"
    return ""
