"""The exceptions, sorted by what to do about them.

    BatchconvError
    ├── UsageError        the command, the configuration or a column: mend it, nothing was sent
    ├── AccountError      the account or the address refused: mend it, then resume
    ├── InputError        an input is missing, unreadable or damaged half-way
    ├── OutputError       results cannot be written: mend it, then resume
    ├── HeldError         another run holds the results file: wait for it
    ├── BooksError        a defect of ours: report it
    └── ConversionRefused one conversion, sent through the library, was not accepted

Each carries the exit code of the contract that a program ending with it should use. No message
holds a secret, a query string or user-info: the text of a foreign exception is never passed on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from batchconv.model import Reply


class BatchconvError(Exception):
    """Anything that a user can cause or mend; its text says what happened and what to do.

    Attributes:
        exit_code: what a program that ends with this error should exit with.
        hint: what to do next, or None.
    """

    exit_code: ClassVar[int] = 70

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(BatchconvError):
    """The command, the configuration or a column is wrong; nothing was sent."""

    exit_code = 2


class AccountError(BatchconvError):
    """The account or the address: wrong key, not enabled, a certificate, a wrong URL."""

    exit_code = 4


class InputError(BatchconvError):
    """An input is missing, unreadable or damaged half-way."""

    exit_code = 5


class OutputError(BatchconvError):
    """A results, failed-rows or summary file cannot be written."""

    exit_code = 5


class HeldError(BatchconvError):
    """Another run holds the results file."""

    exit_code = 75


class BooksError(BatchconvError):
    """The books of a run do not balance: a defect of this program."""

    exit_code = 70


class ConversionRefused(BatchconvError):  # noqa: N818 - it names what happened, as the API says it
    """A single conversion sent through the client was not accepted.

    Attributes:
        reply: what came back; `reply.status` is None when nothing did.
    """

    exit_code = 1

    def __init__(self, message: str, reply: Reply) -> None:
        super().__init__(message)
        self.reply = reply


_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))}


def printable(text: str) -> str:
    """A line whose control characters, if any, are written out: `\\x1b`."""
    return text if text.isprintable() else text.translate(_CONTROLS)
