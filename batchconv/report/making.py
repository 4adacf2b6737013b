"""Results files → a Report."""

from __future__ import annotations

import os
import stat
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial

from batchconv.errors import UsageError
from batchconv.journal.append_only_file import STDOUT
from batchconv.journal.locks import writer_of
from batchconv.report.advice import MENDED, steps
from batchconv.report.chain import BAD, Chain, Kind
from batchconv.report.fold import EXAMPLES, Fold, RunFold, texts
from batchconv.report.lines import ResultsFile, Seen, opened
from batchconv.report.model import (
    OUTCOMES,
    Example,
    FileReport,
    ReasonReport,
    Report,
    RunReport,
    RunSummary,
)
from batchconv.report.summaries import find_summaries
from batchconv.report.timeline import TICKS
from batchconv.telemetry.latency_histogram import LatencyHistogram


class _Read:
    """A results file that was read, with what became of its rows.

    Attributes:
        kinds: of all its rows, less those that a later file tells of.
        replacing: rows of earlier files that it tells of.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.file = ResultsFile(path)
        self.fold = Fold()
        self.kinds: Counter[Kind] = Counter()
        self.replacing = 0


def make_report(paths: Sequence[str], summaries: Sequence[str] = ()) -> Report:
    """Read results files, in whatever order they are named, and tell what happened.

    Args:
        paths: results of uploads, resumes and resends; `-` for standard input, alone.
        summaries: what runs have written with `--summary`; those beside the results are found.

    Raises:
        UsageError: a file is named twice, or standard input is not alone.
        InputError: one cannot be read, or is no results file or no summary.
    """
    reads = [_Read(path) for path in _in_order(paths)]
    chain = Chain()
    for number, read in enumerate(reads):
        _read(read, chain, last=number == len(reads) - 1)
    for number, read in enumerate(reads):
        read.kinds = _sum(run.kinds for run in read.fold.runs)
        read.kinds -= chain.replaced(number)
        _mend_examples(read, chain, number)
    ids = {run for read in reads for fold in read.fold.runs for run in texts({fold.run: None})}
    found = find_summaries(summaries, [read.path for read in reads if read.path != STDOUT], ids)
    runs = tuple(_run_reports(reads, found))
    files = tuple(_file_report(read, runs) for read in reads)
    kinds = _sum(read.kinds for read in reads)
    return Report(
        made=time.time(),
        files=files,
        runs=runs,
        outcomes=_by_outcome(kinds),
        replaced=sum(chain.replaced(number).total() for number in range(len(reads))),
        reasons=tuple(_reasons(reads, kinds)),
        latencies=_together(runs),
        steps=steps(files, runs),
    )


def _in_order(paths: Sequence[str]) -> list[str]:
    """The files by when their first row was settled, so that a later outcome counts."""
    if len(paths) == 1:
        return list(paths)
    seen: dict[tuple[int, int], str] = {}
    for path in paths:
        place = _place(path)
        if path == STDOUT or place is None:
            raise UsageError(
                f"{path} can be read only once, and has to be the only file",
                hint="write it to a file first, and name that",
            )
        if place in seen:
            raise UsageError(
                f"{path} and {seen[place]} are one file, and its rows would count twice",
                hint="name it once",
            )
        seen[place] = path
    begins = {path: ResultsFile(path).first_second() for path in paths}
    return sorted(paths, key=lambda path: begins[path] or 0)


def _place(path: str) -> tuple[int, int] | None:
    """What makes a file itself under any name; None for a pipe."""
    with opened(path) as file:
        found = os.fstat(file.fileno())
    return (found.st_dev, found.st_ino) if stat.S_ISREG(found.st_mode) else None


def _read(read: _Read, chain: Chain, *, last: bool) -> None:
    chain.begin_file(read.fold.kinds)
    for batch in read.file.batches():
        read.replacing += chain.add(batch, last=last)
        read.fold.add(batch)


def _mend_examples(read: _Read, chain: Chain, number: int) -> None:
    """See to it that no example is a row of which a later file tells.

    Where none is left of a reason that still has rows, the file is read once more.
    """
    if not chain.replaced(number):
        return
    still = partial(chain.holds, number)
    wanted = {kind[:2] for kind in read.kinds if kind.outcome in BAD}
    for run in read.fold.runs:
        run.forget_examples(still)
        wanted -= {kind for kind, found in run.examples.items() if found}
    if not wanted or read.path == STDOUT:
        return
    for batch in ResultsFile(read.path).batches():
        for index, one in enumerate(batch.seen):
            seen = Seen(*one)
            if (seen.outcome, seen.reason) in wanted and still(seen):
                read.fold.keep_example(seen, batch.wholes([index])[0])


def _reasons(reads: list[_Read], kinds: Counter[Kind]) -> list[ReasonReport]:
    rows: Counter[tuple[str, str]] = Counter()
    for kind, count in kinds.items():
        rows[kind.outcome, kind.reason] += count
    examples: dict[tuple[str, str], list[Example]] = {}
    for read in reads:
        for run in read.fold.runs:
            for reason, found in run.examples.items():
                examples.setdefault(reason, []).extend(example for _, example in found)
    return [
        ReasonReport(outcome, reason, count, tuple(examples.get((outcome, reason), ())[:EXAMPLES]))
        for (outcome, reason), count in rows.most_common()
        if reason
    ]


def _run_reports(reads: list[_Read], found: dict[str, RunSummary]) -> list[RunReport]:
    reports = [
        _run_report(read, fold, number, found)
        for read in reads
        for number, fold in enumerate(read.fold.runs)
    ]
    known = {report.run for report in reports}
    reports += [
        _run_without_rows(summary, reads) for run, summary in found.items() if run not in known
    ]
    return sorted(reports, key=lambda report: report.start or 0.0)


def _run_report(read: _Read, fold: RunFold, number: int, found: dict[str, RunSummary]) -> RunReport:
    run = texts({fold.run: None})[0] if fold.run else ""
    return RunReport(
        run=run,
        what=_what(read, fold, number),
        path=read.path,
        sources=texts(fold.sources),
        targets=texts(fold.targets),
        begin=None if fold.begin is None else fold.begin / TICKS,
        end=None if fold.end is None else (fold.end + 1) / TICKS,
        rows=fold.kinds.total(),
        outcomes=_by_outcome(fold.kinds),
        statuses=fold.statuses,
        attempts=fold.attempts,
        latencies=fold.all_latencies(),
        slices=() if fold.timeline is None else tuple(fold.timeline.slices()),
        summary=found.get(run),
    )


def _what(read: _Read, fold: RunFold, number: int) -> str:
    if not fold.run:
        return "earlier"
    if number:
        return "resume"
    rows = read.kinds.total()
    named = ".resend." in os.path.basename(read.path)  # noqa: PTH119 - a path may be any text here
    return "resend" if named or (rows and read.replacing >= rows) else "upload"


def _run_without_rows(summary: RunSummary, reads: list[_Read]) -> RunReport:
    """A run of which only its summary tells: it settled nothing."""
    told = summary.options.get("results")
    path = next((read.path for read in reads if read.path == told), reads[-1].path)
    nothing = RunFold(summary.run, reads[-1].fold.kinds)
    return RunReport(
        run=summary.run,
        what="resume" if summary.options.get("resume") is True else "upload",
        path=path,
        sources=(),
        targets=(),
        begin=None,
        end=None,
        rows=0,
        outcomes=_by_outcome(nothing.kinds),
        statuses=nothing.statuses,
        attempts=nothing.attempts,
        latencies=nothing.latencies,
        slices=(),
        summary=summary,
    )


def _file_report(read: _Read, runs: Sequence[RunReport]) -> FileReport:
    own = [run for run in runs if run.path == read.path]
    summary = own[-1].summary if own else None
    return FileReport(
        path=read.path,
        torn=read.file.torn,
        writer=None if read.path == STDOUT else writer_of(read.path),
        unsent=None if summary is None else summary.unsent,
        exit_code=None if summary is None else summary.exit_code,
        outcomes=_by_outcome(read.kinds),
        to_mend=texts(dict.fromkeys(kind.source for kind in read.kinds if kind.outcome in MENDED)),
    )


def _sum(counters: Iterable[Counter[Kind]]) -> Counter[Kind]:
    total: Counter[Kind] = Counter()
    for counter in counters:
        total.update(counter)
    return total


def _by_outcome(kinds: Counter[Kind]) -> dict[str, int]:
    counts = dict.fromkeys(OUTCOMES, 0)
    for kind, rows in kinds.items():
        counts[kind.outcome] += rows
    return counts


def _together(runs: Sequence[RunReport]) -> LatencyHistogram:
    together = LatencyHistogram()
    for run in runs:
        together.absorb(run.latencies)
    return together
