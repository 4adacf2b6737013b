"""What spreadsheets do to ids and dates: nothing here is certain, and all of it is worth a look."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from batchconv.reading.timestamp_guess import CANDIDATES, as_options, fitting
from batchconv.reading.timestamps import is_usual

_FEWEST = 10  # ids from which a pattern can be seen
_NARROWEST = 8  # digits; shorter ids are numbers that somebody counts up
_WIDEST = 40  # digits; longer ones are not ids that a spreadsheet would read as numbers
_ALL_DIGITS, _OF_FULL_WIDTH = 0.95, 0.8  # shares from which ids look alike

_MOST_TOLD = 3  # formats in a sentence
_MOST_DATES = 10_000  # values that are looked at; each takes microseconds


class IdLengths:
    """Looks for ids whose leading zeros are gone: digits only, most as long as the longest."""

    def __init__(self) -> None:
        self._rows = 0
        self._widths: Counter[int] = Counter()
        self._first = "9"  # of all ids of digits, as texts sort
        self._smallest: int | None = None

    def add(self, ids: Sequence[str]) -> None:
        """Take in the ids of some rows; nothing is done in Python for each of them."""
        self._rows += len(ids)
        digits = list(filter(str.isdecimal, ids))
        if not digits:
            return
        widths = Counter(map(len, digits))
        self._widths.update(widths)
        first = min(digits)
        self._first = min(self._first, first)
        if max(widths) <= _WIDEST:
            smallest = min(map(int, digits))
            self._smallest = smallest if self._smallest is None else min(self._smallest, smallest)

    @property
    def warning(self) -> str | None:
        """A sentence, where the ids look as if leading zeros had been eaten."""
        count = self._widths.total()
        widest = max(self._widths, default=0)
        full = self._widths[widest]
        if (
            count < max(_FEWEST, _ALL_DIGITS * self._rows)
            or not _NARROWEST <= widest <= _WIDEST
            or not _OF_FULL_WIDTH * count <= full < count
            or self._first.startswith("0")  # zeros survive in this file
            or self._smallest is None
            or self._smallest * 2 >= 10 ** (widest - 1)  # numbers counted up past a power of ten
        ):
            return None
        return (
            f"{count - full} of {count} ids have fewer than {widest} digits, and none begins with "
            "0: a spreadsheet may have removed leading zeros; compare them with where they come "
            "from, and export them again as text if so"
        )


class DateNotations:
    """Looks for the one notation that all times have that are not understood.

    Args:
        given: the `--timestamp-format` that they were read with; it is not proposed.

    Attributes:
        count: how many such times came.
    """

    def __init__(self, given: str | None = None) -> None:
        self.count = 0
        self._fitting = [one for one in CANDIDATES if one != given]

    def add(self, text: str) -> bool:
        """Take in a time; whether it has a notation that is not known."""
        if is_usual(text):
            return False
        self.count += 1
        if self._fitting and self.count <= _MOST_DATES:
            self._fitting = fitting([text], self._fitting)
        return True

    @property
    def option(self) -> str | None:
        """The `--timestamp-format` that fits every such time, or those that fit alike."""
        if not self.count or not self._fitting:
            return None
        which = ", whichever the program uses that wrote them" * (len(self._fitting) > 1)
        return as_options(self._fitting[:_MOST_TOLD]) + which

    @property
    def only(self) -> str | None:
        """The one notation that fits every such time; None where there is none, or several."""
        return self._fitting[0] if self.count and len(self._fitting) == 1 else None

    @property
    def warning(self) -> str | None:
        """A sentence for a file in which other times are understood as they are."""
        if self.option is None:
            return None
        return (
            "a spreadsheet may have rewritten some of the times: write those rows to a file with "
            f"--invalid, and give {self.option}, for that file alone"
        )
