"""The final summary of a run: its totals, where the files are, and what to do next."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from batchconv.errors import command, count_of
from batchconv.model import Result
from batchconv.reading.sources import is_url

if TYPE_CHECKING:
    from batchconv.cli.next_commands import Given
    from batchconv.telemetry.summary import Summary


class Line(NamedTuple):
    """A line of the final summary.

    Attributes:
        whole: it is never broken: programs read it, or people paste it.
    """

    text: str
    whole: bool = False


class Step(NamedTuple):
    """What may be done next.

    Attributes:
        how: words before the command.
        command: ready to be pasted.
        piped: it reads the input of this run once more.
    """

    how: str
    command: str
    piped: bool = False


def final_summary(summary: Summary, given: Given) -> Iterator[Line]:
    """What to tell people of a finished run.

    Args:
        summary: of the run.
        given: how the run was started.
    """
    yield from map(Line, summary.lines())
    yield from (Line(f"batchconv: {damage}") for damage in summary.damages)
    for why, hint in dict.fromkeys((stop.why, stop.hint) for stop in summary.stops):
        yield Line(f"batchconv: stopped: {why}")
        if hint:
            yield Line(f"  {hint}")
    if summary.stops and not summary.all_read:
        rows = count_of(summary.books.unsent, "row was", "rows were")
        yield Line(
            f"stopped before the end of the input: {rows} read and not sent, the rest was not read"
        )
    yield from map(Line, _without_requests(summary))
    yield from _files(summary)
    for step in next_steps(summary, given):
        yield Line(f"{step.how}: {step.command}", whole=True)
        if step.piped:
            yield Line("  and pipe the same input in again")
    see = summary.exit_code.see
    if see:
        yield Line(f"see: {see}", whole=True)


def _files(summary: Summary) -> Iterator[Line]:
    """Where the outcomes are, and the rows that were not accepted."""
    if summary.results != "-":
        yield Line(f"results: {summary.results}", whole=True)
    for path in summary.failed:
        yield Line(f"failed rows: {path}", whole=True)
    if summary.outstanding_rows:
        written = set(map(os.path.realpath, summary.failed))
        for path in summary.failed_of_job:
            if os.path.realpath(path) not in written:
                yield Line(f"failed rows of earlier runs: {path}", whole=True)
    if summary.books.bad and not summary.failed and _keeps_no_failed_rows(summary):
        yield Line("the rows that were not accepted are in no file: --failed PATH writes one")


def _without_requests(summary: Summary) -> Iterator[str]:
    """What to say where nothing was sent, or rows were fed back as they were."""
    unchanged = count_of(summary.unchanged, "row is", "rows are")
    if summary.traffic.requests or summary.books.settled != summary.books.read or summary.stops:
        if summary.unchanged:
            yield f"{unchanged} not corrected, and not sent"
    elif summary.unchanged:
        yield f"nothing to send: {unchanged} unchanged; correct the values first"
    elif summary.outstanding_rows:
        rows = count_of(summary.outstanding_rows, "row is", "rows are")
        yield f"nothing to send: {rows} outstanding as before"
    elif summary.books.read:
        yield "nothing to do: every row is settled already"


def _keeps_no_failed_rows(summary: Summary) -> bool:
    return not summary.has_job or bool(summary.options.get("no_failed"))


def resumable(summary: Summary) -> bool:
    """Whether rows are left that a resume would send."""
    left = summary.stops or summary.damages or summary.books.unsent
    return bool(left) and summary.has_job


def next_steps(summary: Summary, given: Given) -> Iterator[Step]:
    """The commands that go on from here: none when all is done."""
    if resumable(summary):
        yield Step("resume with", given.resume(), piped=given.from_stdin)
    elif summary.has_job:
        with_options = list(_with_options(summary, given))
        left = summary.outstanding[Result.REJECTED] + summary.outstanding[Result.INVALID]
        if with_options:
            left -= summary.books.results[Result.INVALID]
        correct = _correct(summary, given) if left > 0 else ()
        for number, step in enumerate([*_resend(summary, given), *with_options, *correct]):
            yield step._replace(how=f"or {step.how}" if number else step.how)


def _resend(summary: Summary, given: Given) -> Iterator[Step]:
    if summary.outstanding[Result.FAILED]:
        yield Step("send the failed rows again with", given.resend(summary.results))


def _with_options(summary: Summary, given: Given) -> Iterator[Step]:
    """Options that take all rows that were invalid in this run."""
    options = summary.proposals.options()
    if options and given.inputs == summary.inputs_of_job:
        how = "send the invalid rows with an option that takes them"
        yield Step(how, given.resume(options), piped=given.from_stdin)


def _correct(summary: Summary, given: Given) -> Iterator[Step]:
    """Files that hold rows to be corrected; else how they are written."""
    files = [path for path in summary.failed if os.path.isfile(path)]  # noqa: PTH113 - any text
    files += given.inputs if summary.unchanged else []
    rows = count_of(summary.outstanding_rows, "outstanding row")
    if files:
        yield Step("correct the failed rows, then", given.feed_back(files, summary.results))
        if summary.outstanding_rows <= summary.failed_rows + summary.unchanged:
            return
    inputs = summary.inputs_of_job
    if not any(map(is_url, inputs)) and inputs:
        how = f"write all {rows} to a file with" if files else f"write the {rows} to a file with"
        yield Step(how, command(["failed"], [summary.results, *inputs]), piped="-" in inputs)


def fields(summary: Summary, given: Given) -> dict[str, Any]:
    """The final summary for programs."""
    told = summary.as_dict()
    del told["run"], told["options"]  # every event has the one, and the first event the other
    return {
        **told,
        "examples": summary.examples,
        "stops": [
            {"exit_code": stop.exit_code, "why": stop.why, "hint": stop.hint}
            for stop in summary.stops
        ],
        "damages": summary.damages,
        "results": summary.results,
        "failed_rows": summary.failed,
        "failed_rows_of_job": summary.failed_of_job,
        "next": [step.command for step in next_steps(summary, given)],
        "see": summary.exit_code.see,
    }
