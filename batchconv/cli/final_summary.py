"""The final summary of a run: its totals, where the files are, and what to do next."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from batchconv.model import Result

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
    """

    how: str
    command: str


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
    if not summary.traffic.requests and summary.books.settled == summary.books.read > 0:
        yield Line("nothing to do: every row is settled already")
    if summary.results != "-":
        yield Line(f"results: {summary.results}", whole=True)
    for path in summary.failed_of_job if summary.outstanding_rows else summary.failed:
        yield Line(f"failed rows: {path}", whole=True)
    for step in next_steps(summary, given):
        yield Line(f"{step.how}: {step.command}", whole=True)
    if given.from_stdin and resumable(summary):
        yield Line("  and pipe the same input in again")
    see = summary.exit_code.see
    if see:
        yield Line(f"see: {see}", whole=True)


def resumable(summary: Summary) -> bool:
    """Whether rows are left that a resume would send."""
    left = summary.stops or summary.damages or summary.books.unsent
    return bool(left) and summary.results != "-"


def next_steps(summary: Summary, given: Given) -> Iterator[Step]:
    """The commands that go on from here: none when all is done."""
    if resumable(summary):
        yield Step("resume with", given.resume())
        return
    left = summary.outstanding
    failed = left[Result.FAILED] > 0 and summary.results != "-"
    if failed:
        yield Step("send the failed rows again with", given.resend(summary.results))
    if summary.failed_of_job and left[Result.REJECTED] + left[Result.INVALID] > 0:
        how = "correct the failed rows, then" if not failed else "or correct the failed rows, then"
        yield Step(how, given.feed_back(summary.failed_of_job, summary.results))


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
