"""How a run was started, and the commands that go on from it, ready to be pasted."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any

import click

from batchconv.cli.commands import PARSED
from batchconv.errors import KEY_FROM_ENVIRONMENT, BatchconvError, command
from batchconv.journal.job_files import tells_job
from batchconv.reading.sources import shown_input
from batchconv.settings.option_types import options_of
from batchconv.settings.read_options import ReadSettings

# What belongs to this one run's files and not to the next run's.
_OF_THIS_RUN = {
    *("results", "failed", "no_failed", "summary", "resume", "overwrite", "limit"),
    *("dry_run", "retry", "strict"),
}
# How this run was shown, and what was to end it early.
_PASSING = {
    *("quiet", "verbose", "progress", "log_format", "log_file", "metrics_file", "max_duration"),
}
_CALM = "calm"
_OF_A_FILE = {"format", "compression"}
# Failed rows are written as UTF-8 under a name that tells the format.
_OF_THIS_INPUT = {"encoding", "format", "compression", "delimiter", "max_age"}


class Given:
    """A command line that was understood.

    Args:
        context: of the command, which keeps what stands on its line.
    """

    def __init__(self, context: click.Context) -> None:
        self._command = context.command
        self._values: Mapping[str, Any] = context.meta[PARSED]
        self._inputs: list[str] = []
        for param in self._command.params:
            if isinstance(param, click.Argument):
                value = self._values.get(param.name or "")
                self._inputs += [value] if isinstance(value, str) else value or ()

    @property
    def inputs(self) -> list[str]:
        """What was read, as the job knows it."""
        return list(map(shown_input, self._inputs))

    @property
    def from_stdin(self) -> bool:
        """Whether standard input was read."""
        return "-" in self._inputs

    def resume(self, more: Mapping[str, str] | None = None) -> str:
        """The command that goes on where this one stopped.

        Args:
            more: other options than were given, for a run on another day.
        """
        without = {"resume", "overwrite", "dry_run"}
        if more is not None:
            without |= _PASSING | {flag.strip("-").replace("-", "_") for flag in more}
        options = list(self._options(without))
        for name, value in (more or {}).items():
            options += _words(name, value)
        # A resend goes on by itself: it sends what has failed in the job, and so far no more.
        flag = ["--resume"] * any(param.name == "resume" for param in self._command.params)
        return command([self._command.name or "", *flag, *options], self.inputs)

    def read_pipe(self, error: BatchconvError) -> None:
        """Have an input that must be piped read by this command and with its options."""
        if error.pipe is not None:
            options = self._options(_OF_A_FILE)
            error.hint = error.pipe.into(command([self._command.name or "", *options], ["-"]))

    def resend(self, results: str) -> str:
        """The command that sends again what failed."""
        without = {*_OF_THIS_RUN, *_PASSING, *options_of(ReadSettings), "max_age"}
        return command(["resend", *self._options(without)], [results])

    def feed_back(self, failed: Sequence[str], results: str) -> str:
        """The command that sends failed rows when they have been corrected.

        It names the results of the job where the names of the files do not tell them.
        """
        options = list(self._options(_OF_THIS_RUN | _PASSING | _OF_THIS_INPUT))
        if not all(tells_job(name, results) for name in failed):
            options += _words("-o", results)
        return command(["upload", *options], failed)

    def _options(self, without: Container[str]) -> Iterator[str]:
        """The options that were given, in the order of the help, but for some.

        They hold no secrets: those come from the environment or from files. An API key, which is
        not shown, is taken from the environment.
        """
        for param in self._command.params:
            value = self._values.get(param.name or "")
            if value is None or param.name in without or not isinstance(param, click.Option):
                continue
            flag = "-o" if param.name == "results" else max(param.opts, key=len)
            for one in value if isinstance(value, list) else [value]:
                if one is True or (param.name == "simulate" and one == _CALM):
                    yield flag
                elif param.name == "simulate":  # a profile stands only behind "="
                    yield f"{flag}={one}"
                else:
                    known = param.name != "api_key"
                    yield from _words(flag, str(one) if known else KEY_FROM_ENVIRONMENT)


def _words(flag: str, value: str) -> list[str]:
    """An option as it is typed; a value like an option stands behind "="."""
    if not value.startswith("-"):
        return [flag, value]
    return [f"{flag}={value}"] if flag.startswith("--") else [f"{flag}{value}"]
