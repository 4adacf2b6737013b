"""The books proved from the files alone: every input row has an outcome, none lacks a row."""

from __future__ import annotations

import binascii
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain

from batchconv.errors import BatchconvError
from batchconv.journal.entries import find_tail, opened, read_entries, read_up_to
from batchconv.journal.key_multiset import KEY, KeyMultiset, Namespaces
from batchconv.journal.quick_entries import RESULTS, Entry, Keys
from batchconv.model import Result, Row
from batchconv.pipeline import read_rows
from batchconv.reading.sources import expand
from batchconv.settings.read_options import ReadSettings

_NOTES = {result.value: bytes([number]) for number, result in enumerate(Result)}
_RESULTS = {note: Result(name) for name, note in _NOTES.items()}
# A resend sends rows that failed or were rejected: of equal rows those are the ones it replaces.
_RESENT = (_NOTES[Result.FAILED.value], _NOTES[Result.REJECTED.value])


@dataclass(slots=True)
class Audit:
    """What the files say.

    Attributes:
        rows: in the inputs.
        outcomes: of the rows that have one, by the last outcome.
        missing: rows without an outcome.
        orphans: outcomes without a row.
        damages: inputs that broke off half-way.
    """

    rows: int = 0
    outcomes: Counter[Result] = field(default_factory=Counter)
    missing: int = 0
    orphans: int = 0
    damages: list[BatchconvError] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0 when rows and outcomes match one for one; 5 when an input is damaged; else 1."""
        if self.damages:
            return 5
        return 1 if self.missing or self.orphans else 0


def audit(
    inputs: Sequence[str],
    results: Sequence[str],
    settings: ReadSettings,
    *,
    tell_missing: Callable[[Row], None],
    tell_orphan: Callable[[str, Entry], None],
) -> Audit:
    """Reconcile *inputs* with a chain of results files.

    Rows and outcomes are matched as a resume does it: by source and key, then by key among
    outcomes whose source is not among the inputs. Outcomes of the same row in a later file of
    the chain replace those in an earlier one.

    Args:
        inputs: as they were uploaded.
        results: of the upload and of the resends, in that order.
        settings: as the inputs were read.
        tell_missing: told of each row without an outcome, as it is met.
        tell_orphan: told of each outcome without a row, and of the file it stands in.

    Raises:
        UsageError: a setting or a column is wrong.
        InputError: a file is missing, unreadable or no results file.
    """
    inputs = expand(inputs).inputs
    reader, batches = read_rows(inputs, settings)
    namespaces = Namespaces(inputs)
    known = KeyMultiset()
    for path in results:
        known = _chain(known, path, namespaces)
    found = Audit(damages=reader.damages)
    for row in chain.from_iterable(batches):
        found.rows += 1
        note = _take(known, row, namespaces)
        if note is None:
            found.missing += 1
            tell_missing(row)
        else:
            found.outcomes[_RESULTS[note]] += 1
    found.orphans = len(known)
    for path in reversed(results):
        # Only now, and only if there are any, are their names looked up.
        for entry in read_entries(path) if len(known) else ():
            if known.take(namespaces.keyed(entry.source, entry.key)) is not None:
                tell_orphan(path, entry)
    return found


def _chain(known: KeyMultiset, path: str, namespaces: Namespaces) -> KeyMultiset:
    """What is known after one more file: its outcomes replace those of the same rows."""
    later = KeyMultiset()
    with opened(path) as file:
        for one in read_up_to(path, file, find_tail(path, file), keys_only=RESULTS):
            keys = one.keys if isinstance(one, Keys) else one.key
            keys = namespaces.keyed(one.source, keys)
            later.add_all(keys, _NOTES[one.outcome])
            if known:
                _forget(known, keys)
    if len(later) < len(known):
        known, later = later, known
    later.absorb(known)
    return later


def _forget(known: KeyMultiset, keys: bytes) -> None:
    for at in range(0, len(keys), KEY):
        key = keys[at : at + KEY]
        any(known.take(key, note) for note in (*_RESENT, b""))


def _take(known: KeyMultiset, row: Row, namespaces: Namespaces) -> bytes | None:
    plain = binascii.unhexlify(row.key())
    note = known.take(namespaces.keyed(row.source, plain))
    return known.take(namespaces.other(plain)) if note is None else note
