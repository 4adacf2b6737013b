"""What commands that send have in common: to run in a loop with signals, and the final summary."""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import os
import sys
from collections.abc import Callable
from itertools import pairwise
from traceback import walk_tb
from typing import TYPE_CHECKING, Any, NoReturn

import click
from click.core import ParameterSource

from batchconv.cli.layers import FLAG, told_of
from batchconv.cli.next_commands import Given
from batchconv.cli.options import GroupedCommand, make_settings
from batchconv.cli.say import leave, say_aside
from batchconv.errors import BatchconvError
from batchconv.sending.open_files import raise_limit
from batchconv.sending.signals import SIGNALS
from batchconv.settings.options import Settings
from batchconv.simulator import PROFILE_NAMES

if TYPE_CHECKING:
    from batchconv.journal.outcome_writer import Watch
    from batchconv.pipeline import Run


class SendingCommand(GroupedCommand):
    """A command with `--simulate[=PROFILE]`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take a profile only behind "=": an input that follows `--simulate` is an input."""
        for flag, behind in pairwise(args):
            if flag == "--simulate" and behind in PROFILE_NAMES and not os.path.lexists(behind):
                ctx.fail(f"There is no file {behind!r}. Did you mean --simulate={behind}?")
        given = ["--simulate=calm" if arg == "--simulate" else arg for arg in args]
        return super().parse_args(ctx, list(given))


def sending_settings(values: dict[str, Any]) -> Settings:
    """The settings of a command that sends; a simulated run has no rate unless one is given."""
    settings = make_settings(Settings, values)
    context = click.get_current_context()
    told = told_of(context).get("simulate")
    speaks = settings.log_format == "text" and not settings.quiet
    if settings.simulate and told and told.origin != FLAG and speaks:
        say_aside(f"simulated: nothing is sent to the API, because of the {told.origin}")
    if settings.simulate and context.get_parameter_source("rate") is ParameterSource.DEFAULT:
        return dataclasses.replace(settings, rate=None)
    return settings


def run_and_exit(prepare: Callable[[Watch | None], Run], settings: Settings) -> NoReturn:
    """Prepare a run, run it, show its final summary, and exit with its code."""
    from batchconv.cli.telling import telling  # noqa: PLC0415 - start-up: --help needs none of it
    from batchconv.sending.event_loop import new_event_loop  # noqa: PLC0415 - start-up
    from batchconv.telemetry.observers import note_failure, observed  # noqa: PLC0415 - start-up

    raise_limit()
    context = click.get_current_context()
    inputs = context.params.get("inputs", ())
    with telling(settings, inputs) as voice:
        try:
            with voice.getting_ready():
                run = prepare(voice.watch)
            observers = voice.observers(run)
        except BatchconvError as error:
            Given(context).read_pipe(error)
            note_failure(settings, error)
            voice.error(error)
            sys.exit(error.exit_code)
        _spare_the_collector()
        runner = asyncio.Runner(loop_factory=new_event_loop)
        loop = runner.get_loop()
        loop.set_exception_handler(_tell_own_defect)
        SIGNALS.ask(lambda number: loop.call_soon_threadsafe(run.interrupt, number))
        summary = runner.run(observed(run, observers))
        voice.final_summary(summary, Given(context))
    # Without closing the loop: something may hang in it, and a signal may still be handed to it.
    leave(summary.exit_code)


def _tell_own_defect(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Report what failed in this program's code where nobody waits for it.

    The event loop would only log it, and what libraries log is shown to those alone who ask.
    """
    from batchconv.sending.stops import defect_stop  # noqa: PLC0415 - start-up
    from batchconv.telemetry.events import notice  # noqa: PLC0415 - start-up

    error = context.get("exception")
    if isinstance(error, Exception) and _is_own(error):
        stop = defect_stop(error)
        notice(f"{stop.why}; {stop.hint}")
    else:
        loop.default_exception_handler(context)


def _is_own(error: Exception) -> bool:
    """Whether it went through code of this program."""
    modules = (str(frame.f_globals.get("__name__")) for frame, _ in walk_tb(error.__traceback__))
    return any(name.startswith("batchconv.") for name in modules)


def _spare_the_collector() -> None:
    """Let the garbage collector look at new objects only.

    What was loaded until now stays until the end: looking at all of it again and again takes a
    tenth of the time of a run.
    """
    gc.freeze()
