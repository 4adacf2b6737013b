"""The exceptions, sorted by what to do about them; and texts that are safe to show and to paste.

    BatchconvError
    ├── UsageError        the command, the configuration or a column: fix it, nothing was sent
    ├── AccountError      the account or the address refused: fix it, then resume
    ├── InputError        an input is missing, unreadable or damaged half-way
    ├── OutputError       results cannot be written: fix it, then resume
    ├── HeldError         another run holds the results file: wait for it
    ├── BooksError        a defect of this program: report it
    └── ConversionRefused one conversion, sent through the library, was not accepted

    Interrupted           a signal, before there is a run that it could stop

Each carries the exit code of the contract that a program ending with it should use. No message
holds a secret, a query string or user-info: the text of a foreign exception is never passed on.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import sys
from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, ClassVar, NamedTuple

if TYPE_CHECKING:
    from batchconv.model import Reply


class ExitCode(IntEnum):
    """What a command exits with; of several that hold, the first in this order.

    99 is none of them and never will be: schedulers read it as "skipped". A number that is not
    here counts as a defect.
    """

    DEFECT = 70
    ACCOUNT = 4
    FILE = 5
    USAGE = 2
    HELD = 75
    SIGHUP = 128 + signal.SIGHUP
    SIGINT = 128 + signal.SIGINT
    SIGTERM = 128 + signal.SIGTERM
    LIMIT = 3
    BAD_ROWS = 1
    OK = 0

    @classmethod
    def _missing_(cls, value: object) -> ExitCode:  # noqa: ARG003 - enum calls it so
        return cls.DEFECT

    @classmethod
    def first_of(cls, codes: Iterable[int]) -> ExitCode:
        """The one code of a run with all these; 0 without any."""
        return min(map(cls, codes), key=list(cls).index, default=cls.OK)

    @property
    def see(self) -> str | None:
        """The command that shows the manual's page for this code; None for 0."""
        page = _PAGES.get(self, "jobs" if self.is_signal else None)
        return page and f"batchconv manual {page}"

    @property
    def is_signal(self) -> bool:
        """Whether a signal ended the run."""
        return self in (ExitCode.SIGHUP, ExitCode.SIGINT, ExitCode.SIGTERM)


_PAGES = {
    ExitCode.DEFECT: "contributing",
    ExitCode.ACCOUNT: "authentication",
    ExitCode.FILE: "troubleshooting",
    ExitCode.USAGE: "troubleshooting",
    ExitCode.HELD: "jobs",
    ExitCode.LIMIT: "outages",
    ExitCode.BAD_ROWS: "correcting",
}  # of the manual: what to do


class Pipe(NamedTuple):
    """What makes rows that can be read of an input that cannot be read as it is.

    Attributes:
        words: for a shell, quoted; they write the rows to their standard output.
        before: the beginning of the sentence.
    """

    words: str
    before: str = ""

    def into(self, reader: str) -> str:
        """The sentence, with the command that is to read the rows from its standard input."""
        return f"{self.before}{shell_line(f'{self.words} | {reader}')}"


class BatchconvError(Exception):
    """Anything that a user can cause or fix; its text says what happened and what to do.

    Attributes:
        exit_code: what a program that ends with this error should exit with.
        hint: what to do next, or None.
        pipe: what the input has to be piped through, else None; the hint pipes it into an upload.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.DEFECT

    def __init__(self, message: str, *, hint: str | None = None, pipe: Pipe | None = None) -> None:
        super().__init__(message)
        self.hint = hint if pipe is None else pipe.into("batchconv upload -")
        self.pipe = pipe

    @property
    def told(self) -> str:
        """What happened and what to do next, in one line."""
        return f"{self}; {self.hint}" if self.hint else str(self)


class UsageError(BatchconvError):
    """The command, the configuration or a column is wrong; nothing was sent."""

    exit_code = ExitCode.USAGE


class AccountError(BatchconvError):
    """The account or the address: wrong key, not enabled, a certificate, a wrong URL."""

    exit_code = ExitCode.ACCOUNT


class InputError(BatchconvError):
    """An input is missing, unreadable or damaged half-way."""

    exit_code = ExitCode.FILE


class OutputError(BatchconvError):
    """A results, failed-rows or summary file cannot be written."""

    exit_code = ExitCode.FILE


class HeldError(BatchconvError):
    """Another run holds the results file."""

    exit_code = ExitCode.HELD


class BooksError(BatchconvError):
    """The books of a run do not balance: a defect of this program."""

    exit_code = ExitCode.DEFECT


class ConversionRefused(BatchconvError):  # noqa: N818 - it names what happened, as the API says it
    """A single conversion sent through the client was not accepted.

    Attributes:
        reply: what came back; `reply.status` is None when nothing did.
    """

    exit_code = ExitCode.BAD_ROWS

    def __init__(self, message: str, reply: Reply) -> None:
        super().__init__(message)
        self.reply = reply


class Interrupted(BaseException):
    """A signal came before there was a run that it could stop; nothing was sent.

    No `Exception`, so that nobody takes it for a fault of what was being done.
    """

    def __init__(self, number: int) -> None:
        super().__init__(f"interrupted by {signal.Signals(number).name}")
        self.exit_code = ExitCode(128 + number)


_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))}


_QUERY = re.compile(r"(\w://[^\s?#'\"]*)[?#][^\s'\"]*")


def without_queries(text: str) -> str:
    """A sentence whose URLs, if any, have no query: many signed ones hold a secret there."""
    return _QUERY.sub(r"\1?...", text)


def printable(text: str) -> str:
    """A line whose control characters, if any, are written out: `\\x1b`."""
    return text if text.isprintable() else text.translate(_CONTROLS)


def count_of(count: int, one: str, more: str | None = None) -> str:
    """A number with its noun: `1 row`, `1,234 rows`, `2 retries`.

    Args:
        count: how many.
        one: the noun in the singular.
        more: the noun in the plural; None for *one* with an "s".
    """
    return f"{count:,} {one if count == 1 else more or one + 's'}"


KEY_FROM_ENVIRONMENT = '"$VONAGE_API_KEY"'
"""Stands for an API key in a command: no more than its first two characters may be shown."""


def command(words: Iterable[str], names: Sequence[str] = ()) -> str:
    """A command of this program that a POSIX shell runs as it is.

    Args:
        words: the command and its options.
        names: of files; they may begin with a dash.
    """
    dashes = ["--"] if any(name.startswith("-") and name != "-" for name in names) else []
    line = ["batchconv", *words, *dashes, *names]
    return shell_line(
        " ".join(one if one == KEY_FROM_ENVIRONMENT else shlex.quote(one) for one in line)
    )


def shell_line(text: str) -> str:
    """A line for a POSIX shell, its words already quoted, with nothing in it that cannot be seen.

    A line break, or bytes that are not text, cannot be shown in one line: `printf` makes them.
    The whole line goes through it, because `$(...)` cuts line breaks off the end of a word.
    """
    return text if text.isprintable() else f"""eval "$(printf '{"".join(map(_octal, text))}')\""""


def install_command(extra: str) -> str:
    """The command that adds an extra to this installation, in whatever way that was made.

    uv, and pipx where it works with uv, leave pip out of the environments they make.
    """
    from importlib.util import find_spec  # noqa: PLC0415 - start-up

    python = shlex.quote(sys.executable)
    pip = f"{python} -m pip install" if find_spec("pip") else f"uv pip install --python {python}"
    return shell_line(f"{pip} 'batchconv[{extra}]'")


def _octal(character: str) -> str:
    """A character in the format of printf, within single quotes."""
    if character == "%":
        return "%%"
    if character.isprintable() and character not in "\\'":
        return character
    try:
        data = os.fsencode(character)
    except UnicodeEncodeError:  # half a character, which no file's name holds
        data = character.encode("utf-8", "surrogatepass")
    return "".join(f"\\{byte:03o}" for byte in data)
