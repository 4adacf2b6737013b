"""One file per command. A command parses, calls one function, prints, and exits."""

from __future__ import annotations

import difflib
import gc
import sys
from importlib import import_module

import click

from batchconv import __version__
from batchconv.cli.say import say_aside
from batchconv.errors import BatchconvError, BooksError
from batchconv.stops import defect_stop

_COMMANDS = {
    "upload": "Send every row and write what became of it.",
    "validate": "Read everything, send nothing, tell what is wrong.",
    "resend": "Send the rows again that failed in an earlier run.",
    "audit": "Prove that every row has an outcome and no outcome lacks a row.",
    "simulate": "Run a local stand-in of the Conversion API.",
}


class _Commands(click.Group):
    """Commands that are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command = getattr(import_module(f"batchconv.cli.{cmd_name}"), cmd_name)
        assert isinstance(command, click.Command)  # noqa: S101 - a fault of ours if not
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Refuse an unknown command with the nearest one that there is."""
        near = difflib.get_close_matches(args[0], _COMMANDS, n=1)
        if args[0] not in _COMMANDS and near:
            ctx.fail(f"No such command {args[0]!r}. Did you mean {near[0]!r}?")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        # From the table, so that `--help` imports no command.
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(
    cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80}
)
@click.version_option(__version__, prog_name="batchconv")
def cli() -> None:
    """Send a file of conversion records to the Vonage (Nexmo) Conversion API.

    Every row reaches the API or is accounted for by name.
    """


def main() -> None:
    """Run the command line and exit with the contract's code."""
    # Rows come a thousand at once and hold no cycles. At Python's own threshold, 700 new objects,
    # looking for some takes as long as reading itself.
    gc.set_threshold(20_000)
    try:
        code = cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = 2
    except click.Abort:
        code = 130
    except BatchconvError as error:
        tell_error(error)
        code = error.exit_code
    except KeyboardInterrupt:
        code = 130
    except Exception as error:  # noqa: BLE001 - whatever it is, its text may hold a secret
        stop = defect_stop(error)
        tell_error(BooksError(stop.why, hint=stop.hint))
        code = stop.exit_code
    sys.exit(code)


def tell_error(error: BatchconvError) -> None:
    """What happened, and what to do next, on standard error."""
    say_aside(f"batchconv: {error}")
    if error.hint:
        say_aside(f"  {error.hint}")
