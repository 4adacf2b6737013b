"""Files of this machine, pipes and standard input among them, read as they arrive."""

from __future__ import annotations

import io
import os
import select
import stat
from typing import BinaryIO, Protocol, cast

from batchconv.errors import InputError
from batchconv.reading.sources.names import is_stdin, is_url

PIECE = 1 << 15  # bytes; rows of larger ones are not faster, and delay the first


class Opened(Protocol):
    """An input that was opened, wherever it is."""

    @property
    def size(self) -> int | None:
        """Its bytes, as far as is known."""
        ...

    def read(self) -> bytes:
        """The next piece, as soon as anything is there; empty at the end.

        Raises:
            InputError: it cannot be read further.
        """
        ...

    def arrives(self, seconds: float) -> bool:
        """Whether more bytes, or the end, come within *seconds*; True where none are late."""
        ...

    def jumping(self) -> BinaryIO | None:
        """The whole input for a reader that jumps about in it; None where that is impossible."""
        ...

    def close(self) -> None:
        """Close it."""
        ...


class File:
    """A file or a pipe.

    Raises:
        InputError: it cannot be opened.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        # Unbuffered: a buffered reader waits until its buffer is full, and sys.stdin's lock would
        # stop the interpreter from ending while a read is under way.
        try:
            self._file = (
                io.FileIO(0, "rb", closefd=False) if is_stdin(name) else io.FileIO(name, "rb")
            )
        except FileNotFoundError:
            raise missing(name) from None
        except (OSError, ValueError) as error:
            raise unreadable(name, error) from None
        self._last = b""  # the piece that was read last, which ends at `_at`
        self._at = 0
        self._changed = self._stat().st_mtime_ns

    def _stat(self) -> os.stat_result:
        return os.fstat(self._file.fileno())

    @property
    def size(self) -> int | None:
        """The file's bytes; None for a pipe."""
        found = self._stat()
        return found.st_size if stat.S_ISREG(found.st_mode) else None

    def read(self) -> bytes:
        """The next piece; waits where a read says "later": a pipe that its other user made so."""
        try:
            while (piece := self._file.read(PIECE)) is None:
                poller = select.poll()
                poller.register(self._file, select.POLLIN)
                poller.poll()
            self._refuse_rewritten()
        except OSError as error:
            raise unreadable(self._name, error) from None
        self._last, self._at = piece, self._at + len(piece)
        return piece

    def _refuse_rewritten(self) -> None:
        """Raise when what has been read no longer stands there; more behind it does not matter.

        What was read of a file that is written anew in its place is the end of one version and
        the middle of another: rows that stand in neither.
        """
        found = self._stat()
        if not stat.S_ISREG(found.st_mode) or found.st_mtime_ns == self._changed:
            return
        self._changed = found.st_mtime_ns
        begin = self._at - len(self._last)
        if os.pread(self._file.fileno(), len(self._last), begin) != self._last:
            raise InputError(
                f"{self._name} is damaged: it was rewritten or truncated while it was read",
                hint="the rows before that were read; --resume sends the others",
            )

    def arrives(self, seconds: float) -> bool:
        """Whether a pipe gives something within *seconds*; a file always does."""
        if self.size is not None:
            return True
        poller = select.poll()
        poller.register(self._file, select.POLLIN)
        return bool(poller.poll(1000 * seconds))

    def jumping(self) -> BinaryIO | None:
        """The file itself, from its beginning; None for a pipe."""
        if not stat.S_ISREG(self._stat().st_mode):
            return None
        self._file.seek(0)
        return cast("BinaryIO", self._file)

    def close(self) -> None:
        """Close it; standard input's descriptor stays open."""
        self._file.close()


def can_reopen(name: str) -> bool:
    """Whether *name* can be read twice: a regular file and a URL can, a pipe cannot."""
    if is_stdin(name):
        return False
    if is_url(name):
        return True
    try:
        return stat.S_ISREG(os.stat(name).st_mode)  # noqa: PTH116 - a path may be any text here
    except (OSError, ValueError):
        return False


def missing(name: str) -> InputError:
    """The error for an input that is not there."""
    return InputError(f"{name} does not exist", hint="check the name and the folder")


def unreadable(name: str, error: OSError | ValueError) -> InputError:
    """The error for an input that is there and cannot be read."""
    why = (error.strerror if isinstance(error, OSError) else None) or "unreadable"
    return InputError(f"{name} cannot be read: {why}", hint="check the file and its permissions")
