"""One file per command. A command parses, calls one function, prints, and exits."""

from __future__ import annotations

import gc
import os
import sys
from importlib import import_module
from io import StringIO

import click
from click.shell_completion import CompletionItem

from batchconv import __version__
from batchconv.cli.commands import SuggestingGroup
from batchconv.cli.say import (
    error_lines,
    fill_descriptors,
    leave,
    say,
    say_aside,
    say_json_error,
    silence,
    wants_json,
)
from batchconv.errors import BatchconvError, BooksError, ExitCode, Interrupted, without_queries
from batchconv.sending.stops import defect_stop

_COMMANDS = {
    "upload": "Send every row and write its outcome.",
    "validate": "Check every row and send nothing.",
    "resend": "Send the failed rows of a job again.",
    "dismiss": "Settle rows that you do not want to correct.",
    "failed": "Write all failed, rejected and invalid rows of a job to a file.",
    "audit": "Check that every row has an outcome and every outcome has a row.",
    "report": "Show what happened, as tables, JSON or an HTML page.",
    "config": "Show the settings and their sources, or write a settings file.",
    "simulate": "Run a local simulator of the Conversion API.",
    "manual": "Read the manual, page by page.",
    "completion": "Make bash, zsh or fish complete commands, options and values.",
}


class _Commands(SuggestingGroup):
    """Commands that are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command = getattr(import_module(f"batchconv.cli.{cmd_name}"), cmd_name)
        assert isinstance(command, click.Command)  # noqa: S101 - a defect of this program if not
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The commands and options that begin with *incomplete*; from the table, too."""
        options = click.Command.shell_complete(self, ctx, incomplete)
        return options + [
            CompletionItem(name, help=what)
            for name, what in _COMMANDS.items()
            if name.startswith(incomplete)
        ]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        # From the table, so that `--help` imports no command.
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


def _show_version(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        say(f"batchconv, version {__version__}")
        ctx.exit()


@click.group(
    cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80}
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version,
    help="Show the version and exit.",
)  # fmt: skip
def cli() -> None:
    """Send a file of conversion records to the Vonage (Nexmo) Conversion API.

    Every row reaches the API or is accounted for by name.

    \b
      batchconv validate export.csv             what would be sent
      batchconv upload --simulate export.csv    a rehearsal
      batchconv upload --auth basic export.csv
    """


def main() -> None:
    """Run the command line and exit with the contract's code."""
    fill_descriptors()
    # Rows come a thousand at once and hold no cycles. At Python's own threshold, 700 new objects,
    # looking for some takes as long as reading itself.
    gc.set_threshold(20_000)
    try:
        code = _run()
    except click.ClickException as error:
        _tell_usage_error(error)
        code = ExitCode.USAGE
    except BatchconvError as error:
        tell_error(error)
        code = error.exit_code
    except Interrupted as interrupted:
        tell_error(BatchconvError(str(interrupted)), interrupted.exit_code)
        leave(interrupted.exit_code)
    except Exception as error:  # noqa: BLE001 - whatever it is, its text may hold a secret
        stop = defect_stop(error)
        tell_error(BooksError(stop.why, hint=stop.hint))
        code = stop.exit_code
    sys.exit(code)


def _run() -> int:
    instruction = os.environ.get("_BATCHCONV_COMPLETE")
    if not instruction:
        try:
            with cli.make_context("batchconv", sys.argv[1:]) as context:
                cli.invoke(context)
        except click.exceptions.Exit as done:
            return done.exit_code
        return 0
    from batchconv.cli.completion import answer  # noqa: PLC0415 - start-up

    answer(instruction, cli)
    return 0


def _tell_usage_error(error: click.ClickException) -> None:
    context = error.ctx if isinstance(error, click.UsageError) else None
    if wants_json(sys.argv[1:], os.environ):
        command = context.command_path if context else "batchconv"
        say_json_error(error.format_message(), f"see {command} --help", ExitCode.USAGE)
    else:
        told = StringIO()
        error.show(told)
        try:
            click.echo(without_queries(told.getvalue()), err=True, nl=False)
            click.echo(f"see: {ExitCode.USAGE.see}", err=True)
        except OSError:
            silence(2)


def tell_error(error: BatchconvError, code: int | None = None) -> None:
    """What happened, and what to do next, on standard error."""
    if wants_json(sys.argv[1:], os.environ):
        say_json_error(str(error), error.hint, code or error.exit_code)
    else:
        for line in error_lines(str(error), error.hint, ExitCode(code or error.exit_code)):
            say_aside(line)
