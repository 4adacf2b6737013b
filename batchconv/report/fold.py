"""The fold of a results file's lines: what became of the rows of each run.

Memory is bounded: by how many runs, reasons and inputs are told apart, and by the resolution of
the latencies and of the history.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any

from batchconv.report.chain import BAD, Kind, Kinds
from batchconv.report.lines import Batch, Seen, unix_second
from batchconv.report.model import Example
from batchconv.report.timeline import TICKS, Timeline
from batchconv.telemetry.latency_histogram import LatencyHistogram

MOST_RUNS = 100
"""Runs that are told apart; what the oldest ones made is added up when there are more."""
MOST_HISTORIES = 8
"""Runs whose history is kept: the newest."""
EXAMPLES = 3
"""Rows of a run that are kept as examples of a reason."""
_MOST_REASONS = 100  # with examples; the program has thirty
MOST_SOURCES = 20
"""Inputs of a run that are remembered."""

_Lines = list[tuple[str, ...]]
_place = {name: number for number, name in enumerate(Seen._fields)}
_RUN = _place["run"]
_REASON = _place["reason"]
_head_of = itemgetter(*(_place[name] for name in ("source", "target", "outcome", "reason")))
_exchange_of = itemgetter(*(_place[name] for name in ("status", "attempts")))
_moment_of = itemgetter(*(_place[name] for name in ("second", "thousandth", "outcome", "elapsed")))


@dataclass(slots=True)
class RunFold:
    """What the lines of one run tell.

    Attributes:
        run: its id; empty for several old ones together.
        known: the kinds of rows in the file.
        kinds: how many rows there are of each.
        statuses: the last HTTP status, empty for none → rows.
        attempts: how many were made → rows.
        timeline: its history; None when it is no longer kept.
        latencies: of what is not in the history.
        examples: outcome and reason → the first few rows.
        begin, end: when its first and last row was settled, in ticks; None without rows.
    """

    run: str
    known: Kinds
    kinds: Counter[Kind] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    attempts: Counter[int] = field(default_factory=Counter)
    sources: dict[str, None] = field(default_factory=dict)
    targets: dict[str, None] = field(default_factory=dict)
    latencies: LatencyHistogram = field(default_factory=LatencyHistogram)
    timeline: Timeline | None = field(default_factory=Timeline)
    examples: dict[tuple[str, str], list[tuple[Seen, Example]]] = field(default_factory=dict)
    begin: int | None = None
    end: int | None = None

    def add(self, seen: _Lines) -> None:
        """Count lines of this run."""
        for (source, target, outcome, reason), times in Counter(map(_head_of, seen)).items():
            kind = self.known.all[self.known.number(outcome, reason, source)]
            self.kinds[kind] += times
            _note(self.sources, (source,))
            _note(self.targets, (target,))
        for (status, attempts), times in Counter(map(_exchange_of, seen)).items():
            self.statuses[status] += times
            self.attempts[int(attempts)] += times
        for (second, thousandth, outcome, elapsed), times in Counter(map(_moment_of, seen)).items():
            tick = unix_second(second) * TICKS + int(thousandth) * TICKS // 1000
            self._add_moment(tick, outcome, float(elapsed) / 1000 if elapsed else None, times)

    def _add_moment(self, tick: int, outcome: str, elapsed: float | None, times: int) -> None:
        self.begin = tick if self.begin is None else min(self.begin, tick)
        self.end = tick if self.end is None else max(self.end, tick)
        if self.timeline is not None:
            self.timeline.add(tick, outcome, elapsed, times)
        elif elapsed is not None:
            self.latencies.add(elapsed, times)

    def all_latencies(self) -> LatencyHistogram:
        """Those of all lines."""
        return self.timeline.latencies() if self.timeline is not None else self.latencies

    def forget_history(self) -> None:
        """Keep no history from now on, to save memory."""
        if self.timeline is not None:
            self.latencies, self.timeline = self.timeline.latencies(), None

    def absorb(self, other: RunFold) -> None:
        """Count what *other* has counted, too; histories do not go together."""
        if other.begin is not None and other.end is not None:
            self.begin = other.begin if self.begin is None else min(self.begin, other.begin)
            self.end = other.end if self.end is None else max(self.end, other.end)
        self.kinds.update(other.kinds)
        self.statuses.update(other.statuses)
        self.attempts.update(other.attempts)
        _note(self.sources, other.sources)
        _note(self.targets, other.targets)
        self.latencies.absorb(other.all_latencies())
        for kind, found in other.examples.items():
            kept = self.examples.setdefault(kind, [])
            kept.extend(found[: EXAMPLES - len(kept)])

    def forget_examples(self, good: Callable[[Seen], bool]) -> None:
        """Drop the examples of rows that came to nothing that are not *good*."""
        for (outcome, reason), found in self.examples.items():
            if outcome in BAD:
                kept = [(seen, one) for seen, one in found if good(seen)]
                self.examples[outcome, reason] = kept


class Fold:
    """What the lines of one file tell, run by run.

    Attributes:
        kinds: of its rows.
        earlier: the oldest runs, where there are too many to tell apart.
    """

    def __init__(self) -> None:
        self.kinds = Kinds()
        self.earlier = RunFold("", self.kinds, timeline=None)
        self._runs: dict[str, RunFold] = {}

    @property
    def runs(self) -> list[RunFold]:
        """Each run, in the order of the file."""
        return [self.earlier] * bool(self.earlier.kinds) + list(self._runs.values())

    def add(self, batch: Batch) -> None:
        """Count the lines of a batch."""
        for run, lines in groupby(batch.seen, itemgetter(_RUN)):
            self._run(run).add(list(lines))
        wanted = {
            number: Seen(*line)
            for number, line in enumerate(batch.seen)
            if line[_REASON] and self._has_room(Seen(*line))
        }
        if wanted:
            for seen, found in zip(wanted.values(), batch.wholes(list(wanted)), strict=True):
                self.keep_example(seen, found)

    def keep_example(self, seen: Seen, found: dict[str, Any]) -> None:
        """Keep a row as an example of its reason if there are not enough of them."""
        if self._has_room(seen):
            kept = self._examples(seen).setdefault((seen.outcome, seen.reason), [])
            kept.append((seen, example_of(found)))

    def _has_room(self, seen: Seen) -> bool:
        examples = self._examples(seen)
        if (seen.outcome, seen.reason) not in examples and len(examples) >= _MOST_REASONS:
            return False
        return len(examples.get((seen.outcome, seen.reason), ())) < EXAMPLES

    def _examples(self, seen: Seen) -> dict[tuple[str, str], list[tuple[Seen, Example]]]:
        return self._runs.get(seen.run, self.earlier).examples

    def _run(self, run: str) -> RunFold:
        fold = self._runs.get(run)
        if fold is None:
            fold = self._runs[run] = RunFold(run, self.kinds)
            if len(self._runs) > MOST_HISTORIES:
                list(self._runs.values())[-MOST_HISTORIES - 1].forget_history()
            if len(self._runs) > MOST_RUNS:
                self.earlier.absorb(self._runs.pop(next(iter(self._runs))))
        return fold


def _note(known: dict[str, None], texts: Iterable[str]) -> None:
    """Remember JSON texts, up to a number of them."""
    for text in texts:
        if text not in known and len(known) < MOST_SOURCES:
            known[text] = None


def example_of(found: dict[str, Any]) -> Example:
    """A line's fields as an example."""
    line, status = found["line"], found["status"]
    return Example(
        source=str(found["source"] or ""),
        row=int(found["row"]),
        line=None if line is None else int(line),
        message_id=None if found["message_id"] is None else _short(str(found["message_id"])),
        status=None if status is None else int(status),
        attempts=int(found["attempts"]),
        detail=_short(str(found["detail"] or "")),
        at=str(found["at"]),
        run=str(found["run"] or ""),
    )


def texts(noted: dict[str, None]) -> tuple[str, ...]:
    """What was noted as JSON texts, read."""
    return tuple(json.loads(text or '""') for text in noted)


_MOST_SHOWN = 500  # characters of an id or a detail that a report keeps


def _short(text: str) -> str:
    return text if len(text) <= _MOST_SHOWN else text[: _MOST_SHOWN - 1] + "…"
