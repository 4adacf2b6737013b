"""What reading every row brings to light before anything is sent."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from batchconv.errors import BatchconvError, ExitCode, count_of
from batchconv.reading.columns import Recognised
from batchconv.reading.formats import Aside


class Example(NamedTuple):
    """A row that is invalid, and why."""

    source: str
    row: int
    line: int | None
    detail: str | None

    def __str__(self) -> str:
        where = "" if self.line is None else f", line {self.line}"
        return f"{self.source} row {self.row}{where}: {self.detail}"

    def without_remedy(self) -> Example:
        """The same, less what to do about it, which stands behind the last semicolon."""
        detail = self.detail or ""
        return self._replace(detail=detail.rpartition("; ")[0] or detail)


class Suspicion(NamedTuple):
    """Something that is not an error, and worth a look.

    Attributes:
        kind: `leading-zeros`, `rewritten-times` or `future-times`.
        source: the input, or None where all of them are meant.
        text: a sentence.
    """

    kind: str
    source: str | None
    text: str

    def __str__(self) -> str:
        return self.text if self.source is None else f"{self.source}: {self.text}"


@dataclass(slots=True)
class RowsLookedAt:
    """What was found in rows that nobody sent.

    Attributes:
        read: rows.
        reasons: reason → how many rows are invalid for it.
        examples: reason → the first few of them.
        proposals: reason → the option that may take those rows.
        damages: inputs that broke off half-way.
        aside: what stands in the inputs and is not a row.
    """

    read: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[Example]] = field(default_factory=dict)
    proposals: dict[str, str] = field(default_factory=dict)
    damages: list[BatchconvError] = field(default_factory=list)
    aside: Aside = field(default_factory=Aside)

    @property
    def invalid(self) -> int:
        """Rows that cannot be sent."""
        return self.reasons.total()

    @property
    def exit_code(self) -> int:
        """5 when an input is damaged, 1 when rows are invalid, else 0."""
        return 5 if self.damages else 1 if self.reasons else 0

    def reasons_as_dict(self) -> dict[str, Any]:
        """Why rows are invalid, as JSON can hold it."""
        return {
            reason: {
                "rows": count,
                "examples": [example._asdict() for example in self.examples[reason]],
                "proposal": self.proposals.get(reason),
            }
            for reason, count in self.reasons.most_common()
        }


class InvalidRowsError(BatchconvError):
    """Rows are invalid, and `--strict` has it that nothing is sent then.

    Attributes:
        found: which, and why.
    """

    exit_code = ExitCode.BAD_ROWS

    def __init__(self, found: RowsLookedAt) -> None:
        super().__init__(
            f"{count_of(found.invalid, 'row is', 'rows are')} invalid of {found.read} that were "
            "read: with --strict nothing is sent then",
            hint="correct the rows in the input; or leave --strict out to send all others",
        )
        self.found = found


@dataclass(slots=True)
class Findings(RowsLookedAt):
    """What reading every row brought to light.

    Attributes:
        sendable: rows that an upload would send.
        duplicates: those equal to an earlier one in channel, id, delivered and timestamp.
        too_old: rows that `--max-age` would skip.
        trimmed_ids: rows from whose id blanks or a spreadsheet's guard were taken off.
        earliest, latest: between them are the times of all rows that are not invalid, in the
            API's notation and UTC; None where no row has a time.
        without_time: rows that are not invalid and have no time.
        future: rows whose time is still to come.
        columns: input → what its columns hold.
        suspicions: what is not an error, and worth a look.
        invalid_files: where the invalid rows were written.
        note: a sentence about files in folders that are not read, or None.
    """

    sendable: int = 0
    duplicates: int = 0
    too_old: int = 0
    trimmed_ids: int = 0
    earliest: str | None = None
    latest: str | None = None
    without_time: int = 0
    future: int = 0
    columns: dict[str, Recognised] = field(default_factory=dict)
    suspicions: list[Suspicion] = field(default_factory=list)
    invalid_files: list[str] = field(default_factory=list)
    note: str | None = None

    def seconds(self, rate: float | None) -> float | None:
        """How long an upload would take at *rate* requests a second; None without a limit."""
        return self.sendable / rate if rate else None

    def alike(self) -> list[tuple[list[str], Recognised]]:
        """What columns hold, each with all inputs of which it is true."""
        groups: list[tuple[list[str], Recognised]] = []
        known: dict[tuple[Any, ...], list[str]] = {}
        for source, columns in self.columns.items():
            key = (*columns.fields.items(), *columns.ignored)
            if key not in known:
                known[key] = []
                groups.append((known[key], columns))
            known[key].append(source)
        return groups

    def as_dict(self, *, rate: float | None, max_age: float | None) -> dict[str, Any]:
        """All of it, as JSON can hold it.

        Args:
            rate: requests a second, for the time that an upload would take.
            max_age: seconds, as it was looked for.
        """
        return {
            "read": self.read,
            "sendable": self.sendable,
            "duplicates": self.duplicates,
            "invalid": self.invalid,
            "trimmed_ids": self.trimmed_ids,
            "too_old": self.too_old,
            "max_age": max_age,
            "reasons": self.reasons_as_dict(),
            "columns": [
                {"sources": sources, "fields": columns.fields, "ignored": columns.ignored}
                for sources, columns in self.alike()
            ],
            "times": {
                "earliest": self.earliest,
                "latest": self.latest,
                "without": self.without_time,
                "future": self.future,
            },
            "rate": rate,
            "seconds": self.seconds(rate),
            "warnings": [suspicion._asdict() for suspicion in self.suspicions],
            "invalid_files": self.invalid_files,
            "damages": [damage.told for damage in self.damages],
            "no_rows": {"blank": self.aside.blank, "headers": self.aside.headers},
            "note": self.note,
            "exit_code": self.exit_code,
        }
