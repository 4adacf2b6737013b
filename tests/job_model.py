"""A job as somebody would keep it who knows each row by what it says: naive, and slow.

It shares nothing with the program but the contract: rows are told apart by their values, and of
equal rows as many are settled as have final outcomes, then as many taken up as have bad ones.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from batchconv.journal.results import ResultLine

BAD = ("rejected", "failed", "invalid")
FINAL = ("accepted", "skipped", "corrected", "closed")


class Cells(NamedTuple):
    """A row as its writer means it, in whatever notation it stands; *time* is UTC or None."""

    id: str
    delivered: str
    time: str | None = None
    channel: str = "sms"


Row = Cells | str
"""A text is a record that cannot be taken apart."""


def sendable(row: Row) -> bool:
    return isinstance(row, Cells) and bool(row.id) and row.delivered in ("true", "false")


class Correction(NamedTuple):
    """A line of a failed-rows file: whose row it is, and what it says now; None where nothing."""

    old: Row
    place: tuple[str, str]
    new: Row | None


@dataclass
class Run:
    """What a run should come to; *written* are the failed rows that it writes."""

    read: int = 0
    settled: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    sent: Counter[str] = field(default_factory=Counter)
    written: int = 0

    @property
    def exit_code(self) -> int:
        return int(any(self.ends[end] for end in BAD))


class JobModel:
    """The rows that a job knows.

    Attributes:
        ends: row → how often it has which last outcome.
        lines: outcomes in the journal; *replaced* of them by later ones.
    """

    def __init__(self, verdict: Callable[[Row], str]) -> None:
        self.verdict = verdict
        self.ends: defaultdict[Row, Counter[str]] = defaultdict(Counter)
        self.lines = self.replaced = 0

    def count(self, *ends: str) -> int:
        return sum(counts[end] for counts in self.ends.values() for end in ends)

    def final_and_bad(self) -> dict[Row, Counter[str]]:
        """The same, whatever the reason why an outcome is final."""
        told = {
            row: +Counter(
                {end: ends[end] for end in BAD} | {"final": sum(ends[end] for end in FINAL)}
            )
            for row, ends in self.ends.items()
        }
        return {row: ends for row, ends in told.items() if ends}

    def _free(self) -> defaultdict[Row, Counter[str]]:
        return defaultdict(Counter, {row: Counter(ends) for row, ends in self.ends.items()})

    def read(self, rows: Iterable[Row], retry: Sequence[str], limit: int | None = None) -> Run:
        """An upload or a resume."""
        run, free = Run(), self._free()
        again = [end for end in BAD if end in retry]
        order = [*FINAL, *again, *(end for end in BAD if end not in again)]
        for row in rows:
            if limit is not None and run.ends.total() == limit:
                break
            run.read += 1
            end = _take(free[row], order)
            if end is None or end in again:
                self._decide(run, row, end)
            else:
                run.settled += 1
        return run

    def feed(self, corrections: Iterable[Correction]) -> Run:
        """Corrected rows."""
        run, free, seen = Run(), self._free(), set()
        for one in corrections:
            run.read += 1
            run.settled += 1
            if one[:2] in seen:
                continue
            seen.add(one[:2])
            was = None if one.new is None else _take(free[one.old], BAD)
            if was is None or one.new is None or (one.new == one.old and not sendable(one.new)):
                continue
            run.settled -= 1
            if one.new == one.old:
                self._decide(run, one.new, was)
            elif sendable(one.new) and (equal := _take(free[one.new], ("accepted", "skipped"))):
                self._close(one.old, was)
                self.ends[one.new][equal] -= 1
                self.ends[one.new]["corrected"] += 1
                self.lines += 1
                run.ends["skipped"] += 1
            else:
                self._decide(run, one.new, was, corrects=one.old)
        return run

    def resend(self, outcomes: Sequence[str]) -> Run:
        run = Run()
        for row, ends in self._free().items():
            for was in outcomes:
                for _ in range(ends[was]):
                    run.read += 1
                    self._decide(run, row, was)
        return run

    def dismiss(self, outcomes: Sequence[str]) -> int:
        rows = self.count(*outcomes)
        for ends in self.ends.values():
            for was in outcomes:
                ends["skipped"] += ends.pop(was, 0)
        self.lines += rows
        self.replaced += rows
        return rows

    def match(self, rows: Iterable[Row]) -> Counter[str]:
        """What an audit finds: the last outcomes of rows, `final` or bad, and `missing`.

        Of `gone` it is the least and the most: what stands for a row may be one or the other.
        """
        free, found = self._free(), Counter[str]()
        for row in rows:
            end = _take(free[row], (*FINAL, *BAD))
            found["final" if end in FINAL else end or "missing"] += 1
        for row, ends in self.ends.items():
            left = sum(free[row][end] for end in FINAL)
            found["least gone"] += max(0, left - ends["skipped"] - ends["closed"])
            found["most gone"] += min(left, ends["accepted"] + ends["corrected"])
        found["least gone"] = max(0, found["least gone"] - self.count("corrected"))
        return found

    def _decide(
        self, run: Run, row: Row, was: str | None = None, corrects: Row | None = None
    ) -> None:
        end = self.verdict(row) if sendable(row) else "invalid"
        run.ends[end] += 1
        if isinstance(row, Cells) and sendable(row):
            run.sent[row.id] += 1
        run.written += end in BAD and (was is None or corrects is not None)
        self.note(row, end, was, corrects)

    def _close(self, old: Row, was: str) -> None:
        self.ends[old][was] -= 1
        self.ends[old]["closed"] += 1
        self.replaced += 1

    def note(self, row: Row, end: str, was: str | None, corrects: Row | None) -> None:
        """A line of the journal."""
        self.lines += 1
        if corrects is not None and was is not None:
            self._close(corrects, was)
            end = "corrected" if end in ("accepted", "skipped") else end
        elif was is not None:
            self.ends[row][was] -= 1
            self.replaced += 1
        self.ends[row][end] += 1


def _take(ends: Counter[str], order: Sequence[str]) -> str | None:
    end = next((one for one in order if ends[one] > 0), None)
    if end is not None:
        ends[end] -= 1
    return end


def replayed(
    verdict: Callable[[Row], str], lines: Iterable[ResultLine], rows: dict[str, Row]
) -> JobModel:
    """A job as the lines that a crash has left tell it; *rows* are known by their keys."""
    model = JobModel(verdict)
    for line in lines:
        row = rows[line.key]
        corrects = None if line.corrects is None else rows[line.corrects]
        if corrects is not None and line.reason == "duplicate":
            # It was taken for a row of the inputs that had an outcome of its own.
            _take(model.ends[row], ("accepted", "skipped"))
        model.note(row, line.outcome, line.replaces, corrects)
    return model
