"""The first half of an upload: what every row would become, and nothing sent."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, nullcontext

from batchconv.errors import count_of
from batchconv.journal.deduplication import told
from batchconv.journal.failed_rows.writer import FailedRows
from batchconv.model import Conversion, Outcome, Reason
from batchconv.operations.distinct import DistinctCounter
from batchconv.operations.findings import Example, Findings, Suspicion
from batchconv.operations.invalid_rows import open_invalid
from batchconv.operations.own_inputs import own_file_error
from batchconv.operations.read_inputs import read
from batchconv.operations.time_span import TimeSpan
from batchconv.reading.own_files import OwnFile, what_is
from batchconv.reading.sources import expand
from batchconv.reading.spreadsheets import IdLengths
from batchconv.settings.read_options import ReadSettings
from batchconv.telemetry.proposals import Proposals

_EXAMPLES = 5


def validate(
    inputs: Sequence[str],
    settings: ReadSettings,
    *,
    max_age: float | None = None,
    invalid: str | None = None,
    clock: Callable[[], float] = time.time,
) -> Findings:
    """Read all rows of *inputs* and tell what an upload would make of them.

    Args:
        inputs: paths, folders, patterns, or `-` for standard input.
        settings: how rows are read.
        max_age: seconds from which an upload would skip a row; None for no limit.
        invalid: where to write the rows that are invalid; None not to.
        clock: seconds since 1970.

    Raises:
        UsageError: a setting, a column or *invalid* is wrong.
        InputError: an input is missing or unreadable.
        OutputError: the invalid rows could not be written.
    """
    expanded = expand(inputs)
    for name in set(inputs).intersection(expanded.inputs):
        if (kind := what_is(name)) in (OwnFile.RESULTS, OwnFile.RUNS):
            raise own_file_error(name, kind)
    names, inputs = inputs, expanded.inputs
    reader, batches = read(inputs, settings)
    rows = None if invalid is None else open_invalid(invalid, names, reader.layouts, reader.columns)
    look = _Look(TimeSpan(clock(), max_age), rows, Proposals(settings.timestamp_format))
    with nullcontext() if rows is None else closing(rows):
        look.at(batches)
    findings = look.sum_up()
    findings.columns = reader.columns
    findings.damages = reader.damages
    findings.aside = reader.aside
    findings.note = expanded.note(reader.left_out)
    return findings


class _Look:
    """Looks at rows by columns, and at each by itself only where it is invalid."""

    def __init__(self, times: TimeSpan, rows: FailedRows | None, proposals: Proposals) -> None:
        self._findings = Findings()
        self._times = times
        self._rows = rows
        self._different = DistinctCounter()
        self._ids: defaultdict[str, IdLengths] = defaultdict(IdLengths)
        self._proposals = proposals

    def at(self, batches: Iterable[list[Conversion | Outcome]]) -> None:
        findings = self._findings
        for batch in batches:
            findings.read += len(batch)
            sound = [item for item in batch if item.__class__ is Conversion]
            if sound:
                self._look_at_sound(sound)
            if len(sound) < len(batch):
                for item in batch:
                    if isinstance(item, Outcome):
                        self._note(item)

    def _look_at_sound(self, conversions: list[Conversion]) -> None:
        rows, ids, _, times, _ = zip(*conversions, strict=True)
        self._findings.trimmed_ids += sum(
            row.fields.message_id != sent and isinstance(row.fields.message_id, str)
            for row, sent in zip(rows, ids, strict=True)
        )
        self._ids[conversions[0].row.source].add(ids)
        if self._times.add(times):
            oldest = self._times.oldest
            conversions = [
                one for one in conversions if not one.timestamp or one.timestamp >= oldest
            ]
        self._findings.sendable += len(conversions)
        self._different.add_all(told(conversions))

    def _note(self, outcome: Outcome) -> None:
        if outcome.reason is None:
            return
        findings, row = self._findings, outcome.row
        findings.reasons[outcome.reason.value] += 1
        examples = findings.examples.setdefault(outcome.reason.value, [])
        if len(examples) < _EXAMPLES:
            examples.append(Example(row.source, row.number, row.line, outcome.detail))
        self._proposals.add(outcome)
        if self._rows is not None:
            self._rows.write(outcome)

    def sum_up(self) -> Findings:
        findings, times = self._findings, self._times
        findings.duplicates = findings.sendable - self._different.count()
        findings.earliest, findings.latest = times.earliest, times.latest
        findings.without_time, findings.future = times.without, times.future
        findings.too_old = times.too_old
        others = self._proposals.other_times = times.latest is not None
        findings.proposals = self._proposals.all()
        rewritten = self._proposals.dates.warning
        if rewritten is not None and others and Reason.BAD_TIMESTAMP.value in findings.reasons:
            findings.suspicions.append(Suspicion("rewritten-times", None, rewritten))
        findings.invalid_files = [] if self._rows is None else self._rows.written
        for source, ids in self._ids.items():
            if ids.warning:
                findings.suspicions.append(Suspicion("leading-zeros", source, ids.warning))
        if times.future:
            text = (
                f"{count_of(times.future, 'row has', 'rows have')} a time in the future, the "
                f"last one {times.latest} UTC: check --timezone and the clock of the writer"
            )
            findings.suspicions.append(Suspicion("future-times", None, text))
        return findings
