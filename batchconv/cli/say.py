"""Words to standard output and standard error; a reader that has left is not an error."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import NoReturn

import click

from batchconv.errors import ExitCode, OutputError, printable, without_queries


def say(text: str | bytes, *, nl: bool = True) -> None:
    """Print data, a line or a document; when nobody reads any more, end quietly with 0.

    Args:
        text: what is printed.
        nl: whether an end of line follows.

    Raises:
        OutputError: it cannot be written, such as to a disk that is full.
    """
    try:
        click.echo(text, nl=nl)
    except BrokenPipeError:
        silence(1)
        sys.exit(0)
    except OSError as error:
        silence(1)
        raise stdout_error(error) from None


def stdout_error(error: OSError) -> OutputError:
    """What to tell when standard output takes no more."""
    return OutputError(
        f"standard output cannot be written: {error.strerror or 'unknown error'}",
        hint="free some space, or send it to another place",
    )


def say_aside(text: str) -> None:
    """Print a line for people; the run goes on when nobody reads it."""
    try:
        click.echo(printable(text), err=True)
    except OSError:
        silence(2)


def say_notice(text: str, *, json: bool) -> None:
    """The same for a sentence of this program: as an event where all is JSON."""
    if json:
        from batchconv.cli.logs import json_line  # noqa: PLC0415 - start-up: no logging for --help

        text = json_line("warning", "notice", text)
    say_aside(text if json else f"batchconv: {text}")


def say_json_error(message: str, hint: str | None, exit_code: int) -> None:
    """An error that ends the program, as an event."""
    from batchconv.cli.logs import error_line  # noqa: PLC0415 - start-up: no logging for --help

    say_aside(error_line(message, hint, exit_code))


def wants_json(arguments: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Whether errors are printed as JSON, where the command line may not have been understood."""
    for at, argument in reversed(list(enumerate(arguments))):
        if argument == "--log-format":
            return [*arguments, ""][at + 1] == "json"
        if argument.startswith("--log-format="):
            return argument.endswith("=json")
    return environment.get("BATCHCONV_LOG_FORMAT") == "json"


def error_lines(text: str, hint: str | None, code: ExitCode) -> Iterator[str]:
    """What happened, what to do next, and the manual's page, as it fits standard error."""
    columns = columns_of(2)
    yield from fitted(f"batchconv: {without_queries(text)}", columns)
    if hint:  # whole: many hold a command, and one that is broken in two cannot be pasted
        yield f"  {without_queries(hint)}"
    if code.see:
        yield f"  see: {code.see}"


def exit_with(code: int, *, quiet: bool = False) -> NoReturn:
    """End a command that has printed what it found.

    Unless it is *quiet*, name the manual's page for an exit code that is not 0.
    """
    see = ExitCode(code).see
    if see and not quiet:
        say_aside(f"see: {see}")
    sys.exit(code)


def fitted(line: str, columns: int | None) -> list[str]:
    """A line broken between words to fit *columns*, None for a place without an edge."""
    if columns is None or len(line) <= columns:
        return [line]
    indent = " " * (len(line) - len(line.lstrip()))
    return textwrap.wrap(
        line.lstrip(),
        max(columns, 20),
        initial_indent=indent,
        subsequent_indent=indent + "  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def columns_of(descriptor: int) -> int | None:
    """How wide a terminal is; None for what is none, or does not say."""
    try:
        return os.get_terminal_size(descriptor).columns or None
    except OSError:
        return None


def fill_descriptors() -> None:
    """Open what the program was started without, so that no file of the run takes its number.

    As before, reading from it or writing to it is an error.
    """
    for descriptor, mode in ((0, os.O_WRONLY), (1, os.O_RDONLY), (2, os.O_RDONLY)):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, mode)  # takes the lowest number that is free: this one
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - never closed


def leave(code: int) -> NoReturn:
    """End the process without waiting for threads: one may hang in a name or in a disk."""
    # One that the program was started without is None.
    for stream in filter(None, (sys.stdout, sys.stderr)):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def silence(descriptor: int) -> None:
    """Write nothing to it any more: it would fail once more when the program ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
