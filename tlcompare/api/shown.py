"""How results look: in a terminal and in a notebook, made of the same parts."""

from __future__ import annotations

import io
from collections.abc import Sequence

from matplotlib.figure import Figure

from tlcompare.errors import UserError
from tlcompare.report.document import Part, as_fragment, as_text


def displayed(figure: Figure) -> Figure:
    """The figure, which a notebook shows also where nothing of matplotlib.pyplot was imported."""

    def png() -> bytes:
        out = io.BytesIO()
        figure.savefig(out, format="png")
        return out.getvalue()

    figure._repr_png_ = png  # type: ignore[attr-defined]
    return figure


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
