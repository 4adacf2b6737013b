"""A value that cannot be sent, and the markers that stand for no value at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from batchconv.model import Fault, Raw, Reason

T = TypeVar("T")

NULL_MARKERS = frozenset(
    {
        "\\N", "NULL", "Null", "null", "(null)", "<null>",
        "None", "NaN", "nan", "-NaN", "-nan", "NaT", "<NA>", "NA", "#NA",
        "N/A", "n/a", "#N/A", "#N/A N/A", "undefined",
        "#NV", "#N/D", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN",
    }
)  # fmt: skip
"""Texts that mean "no value", spelled exactly so.

Those that pandas takes for missing (`pandas._libs.parsers.STR_NA_VALUES`), Postgres' and MySQL's
`\\N`, JavaScript's `undefined`, and `#N/A` as German and Romance spreadsheets write it.
"""


class UnsendableError(Exception):
    """A value that cannot be sent; `fault` says why and what to do."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.fault = Fault(reason, detail)


def number_text(raw: Raw) -> str | None:
    """A JSON number as text, None for what is none: `1`, `1.0`, `1795155295.123`."""
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        return repr(raw)
    return None


def each(
    one: Callable[[Raw], T], column: Sequence[Raw], refused: dict[int, Fault]
) -> list[T | None]:
    """What *one* makes of each value.

    Of one that it refuses, None; its fault is added to *refused*, unless one is there already.
    """
    found: list[T | None] = []
    for place, raw in enumerate(column):
        try:
            found.append(one(raw))
        except UnsendableError as error:
            found.append(None)
            refused.setdefault(place, error.fault)
    return found
