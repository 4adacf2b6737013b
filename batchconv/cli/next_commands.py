"""How a run was started, and the commands that go on from it, ready to be pasted."""

from __future__ import annotations

import shlex
from collections.abc import Container, Iterator, Sequence

import click

from batchconv.reading.sources import is_url, without_query
from batchconv.settings.option_types import options_of
from batchconv.settings.read_options import ReadSettings
from batchconv.vonage.authentication import mask_key

# What belongs to this one run's files and not to the next run's.
_OF_THIS_RUN = {"results", "failed", "no_failed", "summary", "resume", "overwrite", "limit"}
# Failed rows are written as UTF-8 under a name that tells the format.
_OF_THIS_INPUT = {"encoding", "format", "compression"}


class Given:
    """A command line that was understood.

    Args:
        context: of the command.
        arguments: behind the program's name.
        parsed: the command's own, as it takes them apart.
    """

    def __init__(
        self, context: click.Context, arguments: Sequence[str], parsed: Sequence[str]
    ) -> None:
        self._command = context.command
        self._arguments = arguments
        self._values, _, _ = context.command.make_parser(context).parse_args(list(parsed))

    @property
    def from_stdin(self) -> bool:
        """Whether standard input was read."""
        return "-" in self._arguments

    def resume(self) -> str:
        """The command that goes on where this one stopped."""
        return resume_command(self._arguments)

    def resend(self, results: str) -> str:
        """The command that sends again what failed."""
        without = {*_OF_THIS_RUN, *options_of(ReadSettings)}
        return shlex.join(["batchconv", "resend", *self._options(without), results])

    def feed_back(self, failed: Sequence[str]) -> str:
        """The command that sends failed rows when they have been mended."""
        without = {*_OF_THIS_RUN, *_OF_THIS_INPUT}
        return shlex.join(["batchconv", "upload", *self._options(without), *failed])

    def _options(self, without: Container[str]) -> Iterator[str]:
        """The options that were given, in the order of the help, but for some."""
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


def resume_command(arguments: Sequence[str]) -> str:
    """The command that goes on where the one with *arguments* stopped.

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
