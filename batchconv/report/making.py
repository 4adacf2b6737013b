"""Results files → a Report."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain

from batchconv.errors import InputError, UsageError
from batchconv.journal.append_only_file import STDOUT
from batchconv.journal.job_files import JobFiles, named_job
from batchconv.journal.locks import writer_of
from batchconv.report.advice import steps
from batchconv.report.fold import EXAMPLES, Fold, Kind, RunFold
from batchconv.report.model import (
    OUTCOMES,
    Example,
    JobReport,
    ReasonReport,
    Report,
    RunReport,
    RunTold,
)
from batchconv.report.results_file import ResultsFile, kept
from batchconv.report.runs import read_runs
from batchconv.telemetry.latency_histogram import LatencyHistogram


@dataclass(frozen=True, slots=True)
class _Job:
    """A job that was read.

    Attributes:
        path: of the results, as it was named.
        writer: the process that was writing to it when the reading began.
    """

    path: str
    files: JobFiles | None
    file: ResultsFile
    fold: Fold
    told: list[RunTold]
    writer: str | None


def make_report(paths: Sequence[str]) -> Report:
    """Read jobs, in whatever order they are named, and tell what happened.

    Args:
        paths: their results files; `-` for standard input.

    Raises:
        UsageError: a file is named twice.
        InputError: one cannot be read, or is not a results file.
    """
    _refuse_twice(paths)
    with ExitStack() as stack:
        jobs = [_read(path, stack.enter_context(kept(path))) for path in paths]
    reports = [(job, _run_reports(job)) for job in jobs]
    reports.sort(key=lambda pair: pair[1][0].start or 0.0 if pair[1] else 0.0)
    runs = tuple(chain.from_iterable(runs for _, runs in reports))
    told = tuple(_job_report(job, own) for job, own in reports)
    kinds: Counter[Kind] = Counter()
    for job in jobs:
        kinds.update(job.fold.kinds)
    return Report(
        made=time.time(),
        jobs=told,
        runs=runs,
        outcomes=_by_outcome(kinds),
        replaced=sum(job.fold.replaced for job in jobs),
        reasons=tuple(_reasons(jobs, kinds)),
        latencies=_together(runs),
        steps=steps(told, runs),
    )


def _refuse_twice(paths: Sequence[str]) -> None:
    seen: dict[tuple[int, int], str] = {}
    for path in paths:
        try:
            found = os.stat(0 if path == STDOUT else path)  # noqa: PTH116 - a path may be any text
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else "that is not a file name"
            raise InputError(
                f"{path} cannot be read: {why}", hint="check the name and the permissions"
            ) from None
        place = found.st_dev, found.st_ino
        if place in seen:
            raise UsageError(
                f"{path} and {seen[place]} are one file, and its rows would count twice",
                hint="name it once",
            )
        seen[place] = path


def _read(path: str, readable: str) -> _Job:
    own = path == readable
    files = named_job(path) if own else None
    told = read_runs(files.runs) if files else []
    writer = writer_of(path) if own else None
    file, fold = ResultsFile(readable), Fold()
    for batch in file.batches():
        fold.add(batch)
    if fold.lacks_examples():
        fold.find_examples(chain.from_iterable(file.batches()))
    return _Job(path, files, file, fold, told, writer)


def _reasons(jobs: Sequence[_Job], kinds: Counter[Kind]) -> list[ReasonReport]:
    examples: dict[Kind, list[Example]] = {}
    for job in jobs:
        for kind, found in job.fold.examples.items():
            examples.setdefault(kind, []).extend(found)
    return [
        ReasonReport(kind.outcome, kind.reason, rows, tuple(examples.get(kind, ())[:EXAMPLES]))
        for kind, rows in kinds.most_common()
        if kind.reason and rows > 0
    ]


def _run_reports(job: _Job) -> list[RunReport]:
    """The runs of a job: those in its runs file, in that order, however clocks go."""
    folds = {fold.run: fold for fold in job.fold.runs}
    told = {one.run: one for one in job.told}
    order = dict.fromkeys([*folds, *told])
    if set(folds) <= set(told):
        order = dict.fromkeys(told)
    reports = []
    for number, run in enumerate(order):
        fold = folds.get(run) or RunFold(run)
        reports.append(_run_report(job, fold, told.get(run), first=not number))
    return reports


def _run_report(job: _Job, fold: RunFold, told: RunTold | None, *, first: bool) -> RunReport:
    return RunReport(
        run=fold.run,
        what=_what(fold, told, first=first),
        path=job.path,
        sources=tuple(fold.sources),
        targets=tuple(fold.targets),
        begin=None if fold.begin is None else fold.begin / 1000,
        end=None if fold.end is None else fold.end / 1000,
        rows=fold.outcomes.total(),
        outcomes={name: fold.outcomes[name] for name in OUTCOMES},
        statuses=fold.statuses,
        attempts=fold.attempts,
        latencies=fold.all_latencies(),
        slices=() if fold.timeline is None else tuple(fold.timeline.slices()),
        told=told,
        crashed=told is not None and not told.has_end and not _at_work(job, told),
    )


def _at_work(job: _Job, told: RunTold) -> bool:
    """Whether it is this run that is writing at this moment."""
    return job.writer is not None and told is job.told[-1]


def _what(fold: RunFold, told: RunTold | None, *, first: bool) -> str:
    if told is None:
        return "run" if fold.run else "earlier"
    if told.command != "upload":
        return told.command
    if first:
        return "upload"
    # A run on a job that is there is refused, unless it resumes or feeds corrected rows back.
    return "resume" if told.options.get("resume") is True else "correct"


def _job_report(job: _Job, runs: Sequence[RunReport]) -> JobReport:
    of_inputs = [run for run in runs if run.what in ("upload", "resume")]
    last = of_inputs[-1] if of_inputs else None
    return JobReport(
        path=job.path,
        torn=job.file.torn and job.writer is None,
        writer=job.writer,
        outcomes=_by_outcome(job.fold.kinds),
        unfinished=last if last is not None and last.cut_short else None,
        crashes=sum(run.crashed for run in runs),
        failed_rows=_there(job, [path for one in job.told for path in one.failed_rows]),
        to_correct=_there(job, job.told[-1].failed_rows, also=False) if job.told else (),
        inputs=last.told.inputs if last is not None and last.told is not None else (),
    )


def _there(job: _Job, written: Iterable[str], *, also: bool = True) -> tuple[str, ...]:
    """The failed-rows files among *written* that are there, and those that the names tell."""
    if job.files is None:
        return ()
    return tuple(job.files.all_failed_files(written, by_name=also))


def _by_outcome(kinds: Counter[Kind]) -> dict[str, int]:
    counts = dict.fromkeys(OUTCOMES, 0)
    for kind, rows in kinds.items():
        counts[kind.outcome] += rows
    return counts


def _together(runs: Iterable[RunReport]) -> LatencyHistogram:
    together = LatencyHistogram()
    for run in runs:
        together.absorb(run.latencies)
    return together
