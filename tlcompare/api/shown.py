"""How results look: in a terminal and in a notebook, made of the same parts."""

from __future__ import annotations

from collections.abc import Sequence

from tlcompare.errors import UserError
from tlcompare.report.document import Part, as_fragment, as_text


class Shown:
    """A result that says what it is in `_parts`, which may have to be read from MLflow first."""

    def _parts(self) -> Sequence[Part]:
        raise NotImplementedError

    def _address(self) -> str:
        """How to get it again, which can be said without reading anything."""
        raise NotImplementedError

    def _readable(self) -> Sequence[Part]:
        try:
            return self._parts()
        except UserError as e:
            return [self._address(), str(e)]

    def __repr__(self) -> str:
        return as_text(self._readable())

    def _repr_html_(self) -> str:
        return as_fragment(self._readable())
