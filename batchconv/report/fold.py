"""The fold of a job's lines: the outcomes of its rows, and of those of each run.

Memory is bounded: by how many runs, reasons and inputs are distinguished, and by the resolution of
the latencies and of the history.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from batchconv.journal.outstanding import OutstandingRows
from batchconv.journal.results import ResultLine, is_final
from batchconv.model import Result
from batchconv.report.model import Example
from batchconv.report.results_file import (
    attempts_of,
    milliseconds,
    reason_of,
    seconds_of,
    status_of,
)
from batchconv.report.timeline import TICKS, Timeline
from batchconv.telemetry.latency_histogram import LatencyHistogram

MOST_RUNS = 100
"""Runs that are distinguished; what the oldest ones made is added up when there are more."""
MOST_HISTORIES = 8
"""Runs whose history is kept: the newest."""
EXAMPLES = 3
"""Rows that are kept as examples of a reason."""
MOST_SOURCES = 20
"""Inputs of a run that are remembered."""
_MOST_REASONS = 200  # that are distinguished; the program has thirty
_MOST_SHOWN = 500  # characters of an id or a detail that a report keeps

_run_of = itemgetter(ResultLine._fields.index("run"))
_outcome_of = itemgetter(ResultLine._fields.index("outcome"))
_exchange_of = itemgetter(*(ResultLine._fields.index(name) for name in ("status", "attempts")))
_where_of = itemgetter(*(ResultLine._fields.index(name) for name in ("source", "target")))


class Kind(NamedTuple):
    """What rows have in common that are counted together; *reason* is empty where there is none."""

    outcome: str
    reason: str


_ACCEPTED = Kind(Result.ACCEPTED.value, "")


@dataclass(slots=True)
class RunFold:
    """What the lines of one run tell.

    Attributes:
        run: its id; empty for several old ones together.
        outcomes: of its rows.
        statuses: the last HTTP status, empty for none → rows.
        attempts: how many were made → rows.
        timeline: its history; None when it is no longer kept.
        latencies: of what is not in the history.
        begin, end: when its first and last row was settled, Unix milliseconds; None without rows.
    """

    run: str
    outcomes: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    attempts: Counter[int] = field(default_factory=Counter)
    sources: dict[str, None] = field(default_factory=dict)
    targets: dict[str, None] = field(default_factory=dict)
    latencies: LatencyHistogram = field(default_factory=LatencyHistogram)
    timeline: Timeline | None = field(default_factory=Timeline)
    begin: int | None = None
    end: int | None = None

    def add(self, lines: Sequence[ResultLine]) -> None:
        """Count lines of this run."""
        for source, target in set(map(_where_of, lines)):
            _note(self.sources, (source,))
            _note(self.targets, (target,))
        self.outcomes.update(map(_outcome_of, lines))
        for (status, attempts), times in Counter(map(_exchange_of, lines)).items():
            self.statuses[status_of(status)] += times
            self.attempts[attempts_of(attempts)] += times
        for line in lines:
            self._add_moment(milliseconds(line.at), line.outcome, seconds_of(line.elapsed_ms))

    def _add_moment(self, at: int | None, outcome: str, elapsed: float | None) -> None:
        if at is not None:
            self.begin = at if self.begin is None else min(self.begin, at)
            self.end = at if self.end is None else max(self.end, at)
        if self.timeline is not None and at is not None:
            self.timeline.add(at * TICKS // 1000, outcome, elapsed)
        elif elapsed is not None:
            self.latencies.add(elapsed)

    def all_latencies(self) -> LatencyHistogram:
        """Those of all lines."""
        together = self.latencies.copy()
        if self.timeline is not None:
            together.absorb(self.timeline.latencies())
        return together

    def forget_history(self) -> None:
        """Keep no history from now on, to save memory."""
        self.latencies, self.timeline = self.all_latencies(), None

    def absorb(self, other: RunFold) -> None:
        """Count what *other* has counted, too; histories do not go together."""
        if other.begin is not None and other.end is not None:
            self.begin = other.begin if self.begin is None else min(self.begin, other.begin)
            self.end = other.end if self.end is None else max(self.end, other.end)
        self.outcomes.update(other.outcomes)
        self.statuses.update(other.statuses)
        self.attempts.update(other.attempts)
        _note(self.sources, other.sources)
        _note(self.targets, other.targets)
        self.latencies.absorb(other.all_latencies())


class Fold:
    """What the lines of one job tell: of its rows by their last outcome, and run by run.

    Attributes:
        kinds: rows by their last outcome.
        replaced: outcomes in whose place a later one stands.
        examples: the first few rows of each kind that has a reason.
    """

    def __init__(self) -> None:
        self.kinds: Counter[Kind] = Counter()
        self.replaced = 0
        self.examples: dict[Kind, list[Example]] = {}
        self._standing = OutstandingRows()
        self._earlier = RunFold("", timeline=None)
        self._runs: dict[str, RunFold] = {}

    @property
    def runs(self) -> list[RunFold]:
        """Each run, in the order of the file; the oldest together where there are too many."""
        return [self._earlier] * bool(self._earlier.outcomes) + list(self._runs.values())

    def add(self, lines: Sequence[ResultLine]) -> None:
        """Take in lines that follow those before."""
        for run, some in groupby(lines, _run_of):
            self._run(run).add(list(some))
        for line in lines:
            if line.outcome == Result.ACCEPTED and line.reason is None and line.replaces is None:
                self.kinds[_ACCEPTED] += 1  # most of them
                continue
            kind = self._kind(line.outcome, reason_of(line))
            self.kinds[kind] += 1
            if line.replaces is not None or not is_final(line):
                self._follow(line)
            if kind.reason:
                self._keep_example(kind, line)

    def _follow(self, line: ResultLine) -> None:
        """Take away the outcome in whose place the line's stands."""
        before = self._standing.add(line)
        if before is None:
            return
        kind = self._kind(before.outcome.value, before.reason or "")
        self.kinds[kind] -= 1
        self.replaced += 1
        place = (before.source, before.row, before.run)
        examples = self.examples.get(kind, [])
        examples[:] = [one for one in examples if (one.source, one.row, one.run) != place]

    def lacks_examples(self) -> bool:
        """Whether rows of a kind are left, and all that were kept of it have been replaced."""
        return any(rows and not self.examples.get(kind) for kind, rows in self._with_reason())

    def find_examples(self, lines: Iterable[ResultLine]) -> None:
        """Look once more through all lines for rows of the kinds that lack an example."""
        wanted = {
            kind for kind, rows in self._with_reason() if rows and not self.examples.get(kind)
        }
        for line in self._standing.standing(lines):
            kind = self._kind(line.outcome, reason_of(line))
            if kind in wanted:
                self._keep_example(kind, line)

    def _with_reason(self) -> Iterable[tuple[Kind, int]]:
        return [(kind, rows) for kind, rows in self.kinds.items() if kind.reason]

    def _kind(self, outcome: str, reason: str) -> Kind:
        kind = Kind(outcome, reason)
        known = kind in self.kinds or len(self.kinds) < _MOST_REASONS
        return kind if known else Kind(outcome, "other")

    def _keep_example(self, kind: Kind, line: ResultLine) -> None:
        kept = self.examples.setdefault(kind, [])
        if len(kept) < EXAMPLES:
            kept.append(_example(line))

    def _run(self, run: str) -> RunFold:
        fold = self._runs.get(run)
        if fold is None:
            fold = self._runs[run] = RunFold(run)
            if len(self._runs) > MOST_HISTORIES:
                list(self._runs.values())[-MOST_HISTORIES - 1].forget_history()
            if len(self._runs) > MOST_RUNS:
                self._earlier.absorb(self._runs.pop(next(iter(self._runs))))
        return fold


def _note(known: dict[str, None], texts: Iterable[str]) -> None:
    """Remember texts, up to a number of them."""
    for text in texts:
        if text not in known and len(known) < MOST_SOURCES:
            known[text] = None


def _example(line: ResultLine) -> Example:
    return Example(
        source=line.source,
        row=line.row,
        line=line.line,
        message_id=None if line.message_id is None else _short(str(line.message_id)),
        status=line.status,
        attempts=line.attempts,
        detail=_short(str(line.detail or "")),
        at=line.at,
        run=line.run,
    )


def _short(text: str) -> str:
    return text if len(text) <= _MOST_SHOWN else text[: _MOST_SHOWN - 1] + "…"
