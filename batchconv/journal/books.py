"""The books of a run: every row that was read is counted once, where its outcome happens."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from batchconv.errors import BooksError
from batchconv.model import Result

OUTSTANDING = (Result.REJECTED, Result.FAILED, Result.INVALID)
"""Outcomes of rows that were not accepted, in the order in which they are shown."""
BAD_RESULTS = frozenset(OUTSTANDING)


@dataclass(slots=True)
class Books:
    """The outcomes of all rows that were read.

    `read = settled + accepted + rejected + failed + invalid + skipped + unsent`, always: each of
    them is counted where it happens, and none is made up from the others.
    """

    read: int = 0
    settled: int = 0
    results: Counter[Result] = field(default_factory=Counter)
    unsent: int = 0

    @property
    def bad(self) -> int:
        """Rows that were not accepted."""
        return sum(self.results[result] for result in BAD_RESULTS)

    def check(self) -> None:
        """Prove that the books balance.

        Raises:
            BooksError: they do not: a defect of this program.
        """
        told = self.settled + self.results.total() + self.unsent
        if self.read != told:
            raise BooksError(
                f"the totals do not balance: {self.read} rows were read and {told} are counted",
                hint="please report it; the results file is good",
            )

    def counts(self) -> dict[str, int]:
        """The terms of the equation, by name and in its order."""
        return {
            "read": self.read,
            "settled": self.settled,
            **{result.value: self.results[result] for result in Result},
            "unsent": self.unsent,
        }
