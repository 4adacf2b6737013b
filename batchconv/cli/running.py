"""What commands that send have in common: to run in a loop with signals, and the last word."""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import logging
import shlex
import signal
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click
from click.core import ParameterSource

from batchconv.auth import mask_key
from batchconv.cli.layers import FLAG, told_of
from batchconv.cli.options import GroupedCommand, GroupedOption, make_settings
from batchconv.cli.say import say_aside
from batchconv.config import Settings
from batchconv.descriptors import raise_limit
from batchconv.options import TELLING
from batchconv.source import is_url, without_query

if TYPE_CHECKING:
    from batchconv.pipeline import Run
    from batchconv.summary import Summary

C = TypeVar("C", bound=Callable[..., Any])
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class SendingCommand(GroupedCommand):
    """A command with `--simulate[=PROFILE]`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take a profile only behind "=": an input that follows `--simulate` is an input."""
        given = ["--simulate=calm" if arg == "--simulate" else arg for arg in args]
        return super().parse_args(ctx, given)


def sending_options(command: C) -> C:
    """The options that are not settings of the run itself."""
    for option in (
        click.option(
            "-v", "--verbose", is_flag=True, cls=GroupedOption, group=TELLING,
            help="Tell of every attempt that was not accepted.",
        ),
        click.option(
            "-q", "--quiet", is_flag=True, cls=GroupedOption, group=TELLING,
            help="Say nothing unless the exit code is not 0.",
        ),
    ):  # fmt: skip
        command = option(command)
    return command


def sending_settings(values: dict[str, Any]) -> Settings:
    """The settings of a command that sends; a simulated run has no rate unless one is given."""
    settings = make_settings(Settings, values)
    context = click.get_current_context()
    told = told_of(context).get("simulate")
    if settings.simulate and told and told.origin != FLAG and not context.params.get("quiet"):
        say_aside(f"simulated: nothing goes to the API; so says the {told.origin}")
    if settings.simulate and context.get_parameter_source("rate") is ParameterSource.DEFAULT:
        return dataclasses.replace(settings, rate=None)
    return settings


def run_and_exit(prepare: Callable[[], Run], *, quiet: bool, verbose: bool) -> NoReturn:
    """Prepare a run, run it, tell what became of it, and exit with its code."""
    if verbose:
        logging.basicConfig(stream=sys.stderr, format="%(message)s")
        logging.getLogger("batchconv").setLevel(logging.DEBUG)
    raise_limit()
    run = prepare()
    if run.summary.torn and not quiet:
        say_aside(
            f"{run.summary.results}: a torn last line of {run.summary.torn} bytes was cut off; "
            "its row is sent again"
        )
    _spare_the_collector()
    with asyncio.Runner(loop_factory=_new_loop) as runner:
        summary = runner.run(_with_signals(run))
    if summary.exit_code or not quiet:
        _tell(summary)
    sys.exit(summary.exit_code)


def _spare_the_collector() -> None:
    """Let the garbage collector look at new objects only, and less often.

    What was loaded until now stays until the end, and a row leaves hardly a cycle behind: looking
    at all of it after every few hundred new objects takes a tenth of the time of a run.
    """
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


def _new_loop() -> asyncio.AbstractEventLoop:
    """The event loop of uvloop where there is one: it takes a tenth off the time of a run."""
    try:
        import uvloop  # noqa: PLC0415 - only a run needs it, and it may not be there
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


async def _with_signals(run: Run) -> Summary:
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        # A signal that whoever started us ignores (nohup) stays ignored.
        if signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, run.interrupt, number)
    return await run.run()


def _tell(summary: Summary) -> None:
    lines = summary.lines()
    if summary.note:
        lines.append(summary.note)
    lines += [f"batchconv: {damage}" for damage in summary.damages]
    for stop in summary.stops:
        lines.append(f"batchconv: stopped: {stop.why}")
        lines += [f"  {stop.hint}"] * bool(stop.hint)
    if not summary.traffic.requests and summary.books.settled == summary.books.read > 0:
        lines.append("nothing to do: every row was settled before")
    if summary.results != "-":
        lines.append(f"results: {summary.results}")
    lines += [f"failed rows: {path}" for path in summary.failed]
    if summary.results != "-" and (summary.stops or summary.damages or summary.books.unsent):
        lines.append(f"resume with: {resume_command(sys.argv[1:])}")
        lines += ["  and pipe the same input in again"] * ("-" in sys.argv[1:])
    for line in lines:
        say_aside(line)


def resume_command(arguments: Sequence[str]) -> str:
    """The command that goes on where the one with *arguments* stopped, ready to paste.

    Arguments hold no secrets: those come from the environment or from files. Of an API key only
    its first two characters are shown, and of a URL not the query.
    """
    kept = [arg for arg in arguments if arg not in ("--resume", "--overwrite")]
    for at, arg in enumerate(kept):
        if arg == "--api-key" and at + 1 < len(kept):
            kept[at + 1] = mask_key(kept[at + 1])
        elif arg.startswith("--api-key="):
            kept[at] = "--api-key=" + mask_key(arg.partition("=")[2])
        elif is_url(arg) and without_query(arg) != arg:
            kept[at] = without_query(arg) + "?..."
    return shlex.join(["batchconv", *kept, "--resume"])
