"""The first half of an upload: what every row would become, and nothing sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from batchconv.config import ReadSettings
from batchconv.distinct import Distinct
from batchconv.duplicates import told
from batchconv.errors import BatchconvError
from batchconv.model import Conversion, Outcome
from batchconv.pipeline import read
from batchconv.source import expand

_EXAMPLES = 5


@dataclass(slots=True)
class Findings:
    """What reading every row brought to light.

    Attributes:
        sendable: rows that an upload would send.
        duplicates: those equal to an earlier one in channel, id, delivered and timestamp.
        reasons: reason → how many rows are invalid for it.
        examples: reason → the first few of them, as sentences.
        damages: inputs that broke off half-way.
        note: a sentence about files in folders that are not read, or None.
    """

    read: int = 0
    sendable: int = 0
    duplicates: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)
    damages: list[BatchconvError] = field(default_factory=list)
    note: str | None = None

    @property
    def invalid(self) -> int:
        """Rows that could not be sent."""
        return self.reasons.total()

    @property
    def exit_code(self) -> int:
        """5 when an input is damaged, 1 when rows are invalid, else 0."""
        return 5 if self.damages else 1 if self.reasons else 0


def validate(inputs: Sequence[str], settings: ReadSettings) -> Findings:
    """Read all rows of *inputs* and tell what an upload would make of them.

    Raises:
        UsageError: a setting or a column is wrong.
        InputError: an input is missing or unreadable.
    """
    expanded = expand(inputs)
    inputs = expanded.inputs
    reader, batches = read(inputs, settings)
    findings = Findings()
    _look_at(batches, findings)
    findings.damages = reader.damages
    findings.note = expanded.note()
    return findings


def _look_at(batches: Iterable[list[Conversion | Outcome]], findings: Findings) -> None:
    seen = Distinct()
    for batch in batches:
        findings.read += len(batch)
        conversions = [item for item in batch if item.__class__ is Conversion]
        findings.sendable += len(conversions)
        seen.add_all(told(conversions))
        if len(conversions) < len(batch):
            for item in batch:
                if isinstance(item, Outcome):
                    _note(item, findings)
    findings.duplicates = findings.sendable - seen.count()


def _note(outcome: Outcome, findings: Findings) -> None:
    if outcome.reason is None:
        return
    findings.reasons[outcome.reason.value] += 1
    examples = findings.examples.setdefault(outcome.reason.value, [])
    if len(examples) < _EXAMPLES:
        row = outcome.row
        where = f", line {row.line}" if row.line is not None else ""
        examples.append(f"{row.source} row {row.number}{where}: {outcome.detail}")
