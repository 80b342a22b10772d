"""What a user can get wrong: one family of exceptions, each saying what, where and what to do."""

import re
from collections.abc import Iterable
from difflib import get_close_matches

from tlcompare.escaping import harmless

_USER = re.compile(r"(?<=://)(?:[^:/@\s]*:\S*|[^/\s]+)@")
_SECRET = re.compile(
    r"(?i)((?:[?&;#]|%3B)[\w-]*(?:password|passwd|pwd|token|secret|signature|sig|key|odbc_connect)(?:=|%3D))[^&;#\s\"']+"
)


class UserError(Exception):
    """A mistake the user can mend; the command line shows it in one line and exits with 2.

    Args:
        what: what is wrong, with the place and the value.
        hint: what to do about it.
    """

    def __init__(self, what: str, hint: str) -> None:
        self.what = _one_line(without_credentials(what)).rstrip(".")
        self.hint = _one_line(without_credentials(hint))
        stop = "" if self.what.endswith("?") else "."
        super().__init__(f"{self.what}{stop} {self.hint}".strip())

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows instead of a traceback."""
        return [harmless(f"{type(self).__name__}: {self}")]


def _one_line(text: str) -> str:
    return re.sub(r"\s*[\r\n]+\s*", " ", text)


def without_credentials(text: str) -> str:
    """The text with user names, passwords and keys taken out of its URLs."""
    return _SECRET.sub(r"\1***", _USER.sub("***@", text))


class ConfigError(UserError):
    """An option, or a combination of options, that cannot be."""


class StrategyError(UserError):
    """An `unfreeze` text that matches nothing or trains nothing."""


class DataError(UserError):
    """Images or folders that cannot be used."""


class BackboneError(UserError):
    """A backbone that does not exist or cannot be traced."""


class WeightsError(UserError):
    """Weights that cannot be had, or are not what they should be."""


class TrainingError(UserError):
    """Training that cannot go on."""


class MemoryShortage(TrainingError):
    """Training that cannot go on for lack of memory; where there is more, it can."""


class StudyError(UserError):
    """A sweep, or the storage of its study, that cannot be used."""


class TrackingError(UserError):
    """An MLflow store, run or model that cannot be used."""


def did_you_mean(word: str, valid: Iterable[str]) -> str:
    """`Did you mean "conv5"?`, or nothing when no valid word is near."""
    by_lower = {name.lower(): name for name in valid}
    near = get_close_matches(word.lower(), by_lower, n=1, cutoff=0.5)
    return f'Did you mean "{by_lower[near[0]]}"?' if near else ""
