"""An upload but for the sending: what would happen to every row. Nothing is written."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from batchconv.errors import OutputError, UsageError
from batchconv.journal.append_only_file import check_folder
from batchconv.journal.books import OUTSTANDING
from batchconv.journal.deduplication import Deduplicator, Origin, RunMemory
from batchconv.journal.ledger import Ledger
from batchconv.journal.outputs import refuse_outputs
from batchconv.journal.reader import ResultsReader
from batchconv.journal.runs_file import RunsFile
from batchconv.journal.settled_index import Item, Journal, Settled
from batchconv.model import Conversion, Outcome, Reason, Result
from batchconv.operations.findings import Example, InvalidRowsError, RowsLookedAt
from batchconv.operations.job import check_flags, check_target
from batchconv.operations.target import Target
from batchconv.operations.upload_rows import find_source, understand
from batchconv.reading.columns import Recognised
from batchconv.reading.sources import can_reopen, is_stdin
from batchconv.sending.age_limit import age_limit, was_too_old
from batchconv.settings.options import Settings
from batchconv.telemetry.proposals import Proposals

_EXAMPLES = 5


@dataclass(slots=True)
class DryRun(RowsLookedAt):
    """What an upload would do: `read = settled + to_send + invalid + skipped`.

    Attributes:
        to_send: rows that would be sent.
        skipped: reason → rows that would be skipped.
        results: where outcomes would go.
        outstanding: rows of the job that are bad now.
        columns: input → what its columns hold.
        notes: sentences about the files, for people.
    """

    results: str = "-"
    settled: int = 0
    to_send: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    outstanding: int = 0
    columns: Mapping[str, Recognised] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def seconds(self, rate: float | None) -> float | None:
        """How long it would take at *rate* requests a second; None without a limit."""
        return self.to_send / rate if rate else None

    def as_dict(self, rate: float | None) -> dict[str, Any]:
        """All of it, as JSON can hold it."""
        return {
            "read": self.read,
            "settled": self.settled,
            "to_send": self.to_send,
            "invalid": self.invalid,
            "skipped": self.skipped.total(),
            "skipped_reasons": dict(self.skipped.most_common()),
            "reasons": self.reasons_as_dict(),
            "no_rows": {"blank": self.aside.blank, "headers": self.aside.headers},
            "results": self.results,
            "outstanding": self.outstanding,
            "rate": rate,
            "seconds": self.seconds(rate),
            "damages": [damage.told for damage in self.damages],
            "exit_code": self.exit_code,
        }


def dry_run(
    inputs: Sequence[str],
    settings: Settings,
    environment: Mapping[str, str],
    *,
    given: Collection[str] | None = None,
    clock: Callable[[], float] = time.time,
    heed: Callable[[], object] = bool,
) -> DryRun:
    """Do everything about an upload but the sending; arguments and errors are those of an upload.

    Nothing is written, no file is made, and nothing is locked.
    """
    check_flags(settings)
    asked = understand(inputs, settings, given)
    files, goes_on = asked.files, asked.goes_on(settings)
    target = Target(settings, environment)
    refuse_outputs(files, asked.inputs.all, settings, goes_on=goes_on)
    if files.runs and not files.exists:
        check_folder(files.results, "-o")
    if settings.ledger:  # also for one that is there: SQLite makes a file beside it
        check_folder(settings.ledger, "--ledger")
    if settings.log_file and not Path(settings.log_file).exists():
        check_folder(settings.log_file, "--log-file")
    journal = Journal()
    known = goes_on and files.exists
    if known:
        journal.load(ResultsReader(files.results))
    runs = RunsFile(files.runs).read() if known and files.runs else []
    if target.account_given:
        check_target(journal, files.results, target.name)
    outstanding = sum(journal.outstanding[one] for one in OUTSTANDING)
    source, notes, _ = find_source(asked, settings, target, journal, runs)
    found = DryRun(
        results=files.results,
        outstanding=outstanding,
        notes=[*target.notes, *asked.inputs.notes, *notes],
    )
    turn_away = age_limit(settings.max_age, clock)
    deduplicator = _deduplicator(settings, target, files.results if known else None)
    proposals = Proposals(settings.timestamp_format)
    try:
        for batch in source.batches:
            heed()
            for item in batch:
                _count(found, item, turn_away, deduplicator, proposals)
    finally:
        if deduplicator is not None:
            deduplicator.close()
    found.columns, found.damages = source.columns, source.damages
    found.aside = source.aside
    found.proposals = proposals.all()
    return found


def check_strict(
    inputs: Sequence[str],
    settings: Settings,
    environment: Mapping[str, str],
    given: Collection[str] | None,
    heed: Callable[[], object],
) -> None:
    """Read everything before anything is sent; *heed* may raise to end it early.

    Raises:
        InvalidRowsError: a row is invalid.
        UsageError: an input can be read only once; and as an upload.
        BatchconvError: an input is damaged.
    """
    for name in inputs:
        if is_stdin(name) or ("://" not in name and not can_reopen(name)):
            shown = "standard input" if is_stdin(name) else name
            raise UsageError(
                f"--strict reads every row before it sends the first, and {shown} can be read "
                "only once",
                hint="write it to a file first, and upload that",
            )
    found = dry_run(inputs, settings, environment, given=given, heed=heed)
    if found.damages:
        raise found.damages[0]
    if found.reasons:
        raise InvalidRowsError(found)


class _Remembered:
    """What was accepted before, and what would be; of a ledger a copy is asked.

    Args:
        ledger: the file, which need not be there; None for none.
        base_url, api_key: as for a ledger.
    """

    def __init__(self, ledger: str | None, base_url: str, api_key: str) -> None:
        self._run = RunMemory()
        self._folder: TemporaryDirectory[str] | None = None
        self._ledger: Ledger | None = None
        self.load, self.add, self.add_all = self._run.load, self._run.add, self._run.add_all
        if ledger is not None and Path(ledger).is_file():
            self._folder = TemporaryDirectory(prefix="batchconv-")
            copy = Path(self._folder.name, Path(ledger).name)
            try:
                for end in ("", "-wal"):  # what SQLite has not yet put into the file itself
                    if Path(ledger + end).is_file():
                        shutil.copyfile(ledger + end, f"{copy}{end}")
                self._ledger = Ledger(str(copy), base_url, api_key, "", named=ledger)
            except OSError as error:
                self.close()
                raise OutputError(f"--ledger {ledger} cannot be read: {error.strerror}") from None
            except BaseException:
                self.close()
                raise

    def find(self, identity: bytes) -> Origin | None:
        """Where it was accepted, or None."""
        found = None if self._ledger is None else self._ledger.find(identity)
        return found or self._run.find(identity)

    def close(self) -> None:
        """Delete the copy."""
        if self._ledger is not None:
            self._ledger.close()
        if self._folder is not None:
            self._folder.cleanup()


def _deduplicator(settings: Settings, target: Target, results: str | None) -> Deduplicator | None:
    """What tells which rows would be skipped as equal to one that was accepted."""
    if settings.ledger is None and settings.duplicates == "send":
        return None
    memory = _Remembered(settings.ledger, settings.base_url, target.api_key)
    if results is not None:
        memory.load(ResultsReader(results))
    return Deduplicator(memory, "")


def _count(
    found: DryRun,
    item: Item,
    turn_away: Callable[[Conversion], Outcome | None] | None,
    deduplicator: Deduplicator | None,
    proposals: Proposals,
) -> None:
    if isinstance(item, Settled):
        found.read += item.rows
        found.settled += item.rows
        return
    found.read += 1
    outcome: Outcome | None = None
    if isinstance(item, Outcome):
        outcome = item
    else:
        outcome = turn_away(item) if turn_away is not None else None
        if outcome is not None and was_too_old(item.row):
            found.settled += 1
            return
        if outcome is None and deduplicator is not None:
            admitted = deduplicator.admit(item)
            if isinstance(admitted, Outcome):
                outcome = admitted
            elif admitted is not None:
                _assume_accepted(deduplicator, admitted)
    if outcome is None:
        found.to_send += 1
        proposals.other_times |= isinstance(item, Conversion) and item.timestamp is not None
        return
    reason = outcome.reason or Reason.DUPLICATE
    if outcome.result is not Result.INVALID:
        found.skipped[reason.value] += 1
        return
    proposals.add(outcome)
    found.reasons[reason.value] += 1
    examples = found.examples.setdefault(reason.value, [])
    if len(examples) < _EXAMPLES:
        row = outcome.row
        examples.append(Example(row.source, row.number, row.line, outcome.detail))


def _assume_accepted(deduplicator: Deduplicator, conversion: Conversion) -> None:
    """What is equal to a row that would be sent would be skipped, if that one is accepted."""
    outcome = Outcome(conversion.row, conversion, Result.ACCEPTED, 200)
    deduplicator.remember(outcome)
    deduplicator.settled(outcome)
