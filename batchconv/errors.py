"""The exceptions, sorted by what to do about them.

    BatchconvError
    ├── UsageError        the command, the configuration or a column: mend it, nothing was sent
    ├── AccountError      the account or the address refused: mend it, then resume
    ├── InputError        an input is missing, unreadable or damaged half-way
    ├── OutputError       results cannot be written: mend it, then resume
    ├── HeldError         another run holds the results file: wait for it
    ├── BooksError        a defect of ours: report it
    └── ConversionRefused one conversion, sent through the library, was not accepted

    Interrupted           a signal, before there is a run that it could stop

Each carries the exit code of the contract that a program ending with it should use. No message
holds a secret, a query string or user-info: the text of a foreign exception is never passed on.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Iterable
from enum import IntEnum
from typing import TYPE_CHECKING, ClassVar

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
    def is_signal(self) -> bool:
        """Whether a signal ended the run."""
        return self in (ExitCode.SIGHUP, ExitCode.SIGINT, ExitCode.SIGTERM)


class BatchconvError(Exception):
    """Anything that a user can cause or mend; its text says what happened and what to do.

    Attributes:
        exit_code: what a program that ends with this error should exit with.
        hint: what to do next, or None.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.DEFECT

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


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
