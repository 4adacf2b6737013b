"""How a run was started, and the commands that go on from it, ready to be pasted."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence

import click

from batchconv.errors import command
from batchconv.reading.sources import shown_input
from batchconv.settings.option_types import options_of
from batchconv.settings.read_options import ReadSettings
from batchconv.vonage.authentication import mask_key

# What belongs to this one run's files and not to the next run's.
_OF_THIS_RUN = {
    *("results", "failed", "no_failed", "summary", "resume", "overwrite", "limit"),
    *("dry_run", "retry", "strict"),
}
# Failed rows are written as UTF-8 under a name that tells the format.
_OF_THIS_INPUT = {"encoding", "format", "compression", "delimiter", "max_age"}


class Given:
    """A command line that was understood.

    Args:
        context: of the command.
        parsed: the command's own arguments, as it takes them apart.
    """

    def __init__(self, context: click.Context, parsed: Sequence[str]) -> None:
        self._command = context.command
        self._values, _, _ = context.command.make_parser(context).parse_args(list(parsed))
        self._inputs: list[str] = []
        for param in self._command.params:
            if isinstance(param, click.Argument):
                value = self._values.get(param.name or "")
                self._inputs += [value] if isinstance(value, str) else value or ()

    @property
    def from_stdin(self) -> bool:
        """Whether standard input was read."""
        return "-" in self._inputs

    def resume(self) -> str:
        """The command that goes on where this one stopped."""
        options = self._options({"resume", "overwrite", "dry_run"})
        name = self._command.name or ""
        # A resend goes on by itself: it sends what has failed in the job, and so far no more.
        flag = ["--resume"] * any(param.name == "resume" for param in self._command.params)
        return command([name, *flag, *options], [shown_input(each) for each in self._inputs])

    def resend(self, results: str) -> str:
        """The command that sends again what failed."""
        without = {*_OF_THIS_RUN, *options_of(ReadSettings), "max_age"}
        return command(["resend", *self._options(without)], [results])

    def feed_back(self, failed: Sequence[str], results: str | None = None) -> str:
        """The command that sends failed rows when they have been corrected.

        The job is found by the name of the file, unless that was named by `--failed`: then it
        takes *results*.
        """
        options = list(self._options(_OF_THIS_RUN | _OF_THIS_INPUT))
        if results is not None and self._values.get("failed") is not None:
            options.append(f"--results={results}")
        return command(["upload", *options], failed)

    def _options(self, without: Container[str]) -> Iterator[str]:
        """The options that were given, in the order of the help, but for some.

        They hold no secrets: those come from the environment or from files. Of an API key only
        its first two characters are shown.
        """
        for param in self._command.params:
            value = self._values.get(param.name or "")
            if value is None or param.name in without or not isinstance(param, click.Option):
                continue
            flag = max(param.opts, key=len)
            for one in value if isinstance(value, list) else [value]:
                if one is True:
                    yield flag
                else:
                    yield f"{flag}={mask_key(one) if param.name == 'api_key' else one}"
