"""`batchconv dismiss`: rows that are to stay as they are."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import click

from batchconv.cli.options import FileName, GroupedCommand
from batchconv.cli.say import say
from batchconv.errors import count_of, printable
from batchconv.model import Reason


class _RowName(click.ParamType):  # type: ignore[type-arg]  # click before 8.4 takes no argument here
    """`SOURCE:N`, as results and failed rows have it."""

    name = "SOURCE:N"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        source, colon, number = value.rpartition(":")
        if not (source and colon and number.isascii() and number.isdigit()):
            self.fail(
                f"{value!r} is not an input and a row's number, such as export.csv:17", param, ctx
            )
        return source, int(number)


class _ReasonWord(click.Choice[str]):
    """A reason; a word that is none is answered with those that are nearest."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value not in _REASONS:
            near = difflib.get_close_matches(value, _REASONS, n=3, cutoff=0.5)
            guess = f"did you mean {' or '.join(near)}?" if near else "see batchconv manual reasons"
            self.fail(f"{value!r} is not a reason; {guess}", param, ctx)
        return value


_REASONS = sorted(reason.value for reason in Reason)


@click.command("dismiss", cls=GroupedCommand)
@click.argument("results", metavar="RESULTS", type=FileName())
@click.option(
    "--row", "rows", metavar="SOURCE:N", type=_RowName(), multiple=True,
    help="This row: the input as RESULTS names it, and the row's number. Repeatable.",
)  # fmt: skip
@click.option(
    "--reason", "reasons", metavar="WORD", type=_ReasonWord(_REASONS), multiple=True,
    help="Rows that were not accepted for this reason, such as bad-timestamp. Repeatable.",
)  # fmt: skip
@click.option(
    "--outcome", "outcomes", type=click.Choice(["rejected", "failed", "invalid"]), multiple=True,
    help="Rows whose last outcome is this one. Repeatable.",
)  # fmt: skip
@click.option("--all", "everything", is_flag=True, help="Every outstanding row.")
def dismiss(
    results: str,
    rows: Sequence[tuple[str, int]],
    reasons: Sequence[str],
    outcomes: Sequence[str],
    everything: bool,
) -> None:
    """Settle rows of RESULTS that are to stay as they are: the job no longer counts them.

    Only outstanding rows are meant, those whose last outcome is rejected, failed or invalid. Their
    outcome becomes skipped, for the reason dismissed, and no later run takes them up. Where --row,
    --reason and --outcome are given together, all of them have to hold. Exits with 2 when no row is
    meant.

    \b
      batchconv dismiss --row export.csv:17 export.results.jsonl
      batchconv dismiss --reason bad-timestamp export.results.jsonl
      batchconv dismiss --all export.results.jsonl
    """
    from batchconv.operations.dismiss import Choice  # noqa: PLC0415 - start-up
    from batchconv.operations.dismiss import dismiss as operation  # noqa: PLC0415 - start-up

    chosen = bool(rows or reasons or outcomes)
    if not chosen and not everything:
        raise click.UsageError("which rows? Give --row, --reason, --outcome or --all")
    if chosen and everything:
        raise click.UsageError("--all cannot be used with --row, --reason or --outcome")
    choice = Choice(frozenset(rows), frozenset(reasons), frozenset(outcomes))
    done = operation(results, choice)
    told = ", ".join(f"{count:,} {outcome}" for outcome, count in done.rows.items())
    say(printable(f"{count_of(done.rows.total(), 'row')} dismissed ({told}) in {results}"))
    say(f"outstanding in the job: {count_of(done.outstanding, 'row')}")
