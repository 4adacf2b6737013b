"""Words to standard output and standard error; a reader that has left is no error."""

from __future__ import annotations

import os
import sys

import click


def say(text: str | bytes) -> None:
    """Print data, a line or a document; when nobody reads any more, end quietly with 0."""
    try:
        click.echo(text)
    except BrokenPipeError:
        _silence(1)
        sys.exit(0)


def say_aside(text: str) -> None:
    """Print a line for people; the run goes on when nobody reads it."""
    try:
        click.echo(text, err=True)
    except BrokenPipeError:
        _silence(2)


def _silence(descriptor: int) -> None:
    # What Python still holds for it would fail once more when the program ends.
    os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
