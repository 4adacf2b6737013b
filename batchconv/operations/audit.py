"""The books of a job, proved from its files: rows and outcomes match one for one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import chain
from typing import Any, NamedTuple

from batchconv.errors import BatchconvError, UsageError
from batchconv.journal.key_multiset import KeyMultiset
from batchconv.journal.reader import ResultsReader
from batchconv.journal.settled_index import Journal, Standing
from batchconv.model import Result, read_key
from batchconv.operations.distinct import DistinctCounter
from batchconv.operations.own_inputs import sort_inputs
from batchconv.operations.read_inputs import read_rows
from batchconv.settings.read_options import ReadSettings, mapper_of

MOST_NAMED = 20
"""Rows of a kind that are named unless all are asked for."""


class Place(NamedTuple):
    """A row, or the row that an outcome is of."""

    source: str
    row: int
    line: int | None


@dataclass(slots=True)
class Audit:
    """What the files say.

    Attributes:
        rows: in the inputs.
        standings: of the rows that have an outcome, by the last one.
        missing: rows without an outcome.
        missing_rows: the first of them.
        gone: accepted outcomes whose row is not in the inputs.
        gone_rows: the first of them.
        superseded: bad outcomes whose row is not in the inputs any more.
        allow_gone: inputs roll on, and rows may have left them.
        damages: inputs that broke off half-way.
        notes: sentences about what was found and is not read.
    """

    rows: int = 0
    standings: Counter[Standing] = field(default_factory=Counter)
    missing: int = 0
    missing_rows: list[Place] = field(default_factory=list)
    gone: int = 0
    gone_rows: list[Place] = field(default_factory=list)
    superseded: int = 0
    allow_gone: bool = False
    damages: list[BatchconvError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0 when rows and outcomes match; 5 when an input is damaged; else 1."""
        if self.damages:
            return 5
        return 1 if self.missing or (self.gone and not self.allow_gone) else 0

    def as_dict(self) -> dict[str, Any]:
        """All of it, as JSON can hold it."""
        return {
            "rows": self.rows,
            **{standing.value: self.standings[standing] for standing in Standing},
            "missing": self.missing,
            "missing_rows": [place._asdict() for place in self.missing_rows],
            "gone": self.gone,
            "gone_rows": [place._asdict() for place in self.gone_rows],
            "superseded": self.superseded,
            "damages": [damage.told for damage in self.damages],
            "exit_code": self.exit_code,
        }


def audit(
    inputs: Sequence[str],
    results: str,
    settings: ReadSettings,
    *,
    allow_gone: bool = False,
    most_named: int | None = MOST_NAMED,
) -> Audit:
    """Reconcile *inputs* with the journal of a job.

    Rows and outcomes are matched by key, as a resume does it.

    Args:
        inputs: as they were uploaded.
        results: of the job.
        settings: as the inputs were read.
        allow_gone: accepted outcomes may lack a row.
        most_named: rows of a kind that are named; None for all.

    Raises:
        UsageError: a setting or a column is wrong, or the results are of several jobs.
        InputError: a file is missing, unreadable or no results file.
    """
    sorted_inputs = sort_inputs(inputs)
    if sorted_inputs.failed_rows:
        raise UsageError(
            f"{sorted_inputs.failed_rows[0][0]} holds failed rows of a job, and its books are "
            "proved by the job's inputs",
            hint="name the files that were uploaded first",
        )
    reader, batches = read_rows(sorted_inputs.inputs, settings)
    journal = _load(results)
    found = Audit(allow_gone=allow_gone, damages=reader.damages, notes=sorted_inputs.notes)
    for item in chain.from_iterable(map(mapper_of(settings).all, batches)):
        found.rows += 1
        standing = journal.match(item)
        if standing is not None:
            found.standings[standing] += 1
            continue
        found.missing += 1
        if most_named is None or len(found.missing_rows) < most_named:
            row = item.row
            found.missing_rows.append(Place(row.source, row.number, row.line))
    found.superseded = sum(journal.outstanding.values()) - journal.outstanding[Result.SKIPPED]
    # A correction that was accepted is of the row that it corrects.
    spare = found.standings[Standing.CORRECTED]
    # Mostly nothing is left, and the results need not be read once more.
    for line in ResultsReader(results).lines() if journal.unmatched else ():
        if line.outcome != Result.ACCEPTED or not journal.take_accepted(read_key(line.key)):
            continue
        if line.corrects is not None and spare:
            spare -= 1
            continue
        found.gone += 1
        if most_named is None or len(found.gone_rows) < most_named:
            found.gone_rows.append(Place(line.source, line.row, line.line))
    return found


def _load(results: str) -> Journal:
    """The journal of one job, in which each line stands once; raises UsageError."""
    reader, journal = ResultsReader(results), Journal()
    journal.load(reader)
    if len(journal.accepted_by) > 1:
        raise UsageError(
            f"{results} has several targets: {' and '.join(sorted(journal.accepted_by))}",
            hint="audit the jobs one by one",
        )
    lines, different = 0, DistinctCounter()
    for texts in reader.texts():
        different.add_all(texts)
        lines += len(texts)
    if different.count() < lines:
        _refuse_doubled(reader, results)
    return journal


def _refuse_doubled(reader: ResultsReader, results: str) -> None:
    """Refuse results in which a row has its first outcome twice in one run; raises UsageError.

    Lines that replace an outcome may be alike: of two equal rows, that have had one place in an
    input one after the other, both may be dismissed at once.
    """
    seen = KeyMultiset()
    for number, line in enumerate(reader.lines(), 1):
        if line.replaces is not None:
            continue
        place = f"{line.run}\0{line.row}\0{line.source}".encode("utf-8", "surrogatepass")
        digest = blake2b(place, digest_size=16).digest()
        if digest in seen:
            raise UsageError(
                f"{results}: line {number} is a duplicate: {line.source} row {line.row}, "
                f"settled at {line.at}",
                hint="an outcome is written only once: check how the file was made",
            )
        seen.add(digest)
