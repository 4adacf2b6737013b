"""Files that grow by whole lines only, and standard output as one of them."""

from __future__ import annotations

import os
import queue
import stat
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from batchconv.errors import OutputError, UsageError

STDOUT = "-"
_PRIVATE = 0o600  # new files hold personal data
_MOST_QUEUED = 1_000  # lines for a slow reader of standard output before the run waits for it


class LineSink(Protocol):
    """Where lines go."""

    @property
    def behind(self) -> bool:
        """Whether the run should wait until this has caught up."""
        ...

    def write(self, lines: bytes) -> None:
        """Add whole lines; raises OutputError when that fails now or failed before."""
        ...

    def sync(self) -> None:
        """Push what was written to the disk; may block for long."""
        ...

    def close(self) -> None:
        """Write what is left, push it to the disk and let go."""
        ...


class LineFile:
    """A file on disk.

    `write` makes one system call and keeps nothing back. When it fails half-way (a full disk),
    the half line is cut off again: the file holds whole lines at any time.

    Args:
        path: created with mode 0600 when it is not there.
        fresh: empty the file first; otherwise add to its end.
    """

    def __init__(self, path: str, *, fresh: bool = True) -> None:
        self.path = path
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | (os.O_TRUNC if fresh else 0)
        try:
            self._fd = os.open(path, flags, _PRIVATE)
            self._size = os.fstat(self._fd).st_size
        except OSError as error:
            raise _cannot(path, error) from None
        self._synced = True
        self._closed = False

    @property
    def behind(self) -> bool:
        """Never: what was written is with the system."""
        return False

    def write(self, lines: bytes) -> None:
        """Add whole lines, or none of them."""
        left = memoryview(lines)
        self._synced = False
        try:
            while left:
                left = left[os.write(self._fd, left) :]
        except OSError as error:
            self._cut_back()
            raise _cannot(self.path, error) from None
        self._size += len(lines)

    def _cut_back(self) -> None:
        try:
            if stat.S_ISREG(os.fstat(self._fd).st_mode):
                os.ftruncate(self._fd, self._size)
        except OSError:
            pass  # the reader of the file drops a torn last line; there is nothing more to do here

    def sync(self) -> None:
        """Push what was written to the disk; a device or a pipe has none."""
        if self._synced:
            return
        self._synced = True
        try:
            os.fsync(self._fd)
        except OSError as error:
            if error.errno not in _NOT_A_DISK:
                raise _cannot(self.path, error) from None

    def close(self) -> None:
        """Push to the disk and close."""
        if self._closed:
            return
        self._closed = True
        try:
            self.sync()
        finally:
            os.close(self._fd)


class Stdout:
    """Standard output: a reader that is slow holds up the run, but not the event loop."""

    def __init__(self) -> None:
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._error: OSError | None = None
        self._thread = threading.Thread(target=self._write, name="batchconv-stdout", daemon=True)
        self._thread.start()

    @property
    def behind(self) -> bool:
        """Whether so much waits for the reader that the run should wait, too."""
        return self._lines.qsize() > _MOST_QUEUED and self._error is None

    def write(self, lines: bytes) -> None:
        """Queue lines for the thread; a failure is told with the next call."""
        self._raise_error()
        self._lines.put(lines)

    def sync(self) -> None:
        """Nothing to push; only tells of a failure."""
        self._raise_error()

    def close(self) -> None:
        """Write what is queued, however slow the reader."""
        self._lines.put(None)
        self._thread.join()
        self._raise_error()

    def _raise_error(self) -> None:
        if self._error is not None:
            raise _cannot("standard output", self._error)

    def _write(self) -> None:
        try:
            while (lines := self._lines.get()) is not None:
                left = memoryview(lines)
                while left:
                    left = left[os.write(1, left) :]
        except OSError as error:
            self._error = error


_NOT_A_DISK = (22, 95)  # EINVAL and ENOTSUP: what fsync says to a pipe or a terminal


def _cannot(path: str, error: OSError) -> OutputError:
    return OutputError(
        f"{path} cannot be written: {error.strerror or 'unknown error'}",
        hint="make room or mend the permissions; what was written so far is good",
    )


def refuse_inputs(outputs: Iterable[str], inputs: Iterable[str]) -> None:
    """Refuse an output path that is one of the inputs, links and all.

    Raises:
        UsageError: one is.
    """
    known = {identity: name for name in inputs if (identity := _identity(name)) is not None}
    for output in outputs:
        identity = _identity(output)
        same = known.get(identity) if identity is not None else None
        if same is not None:
            raise UsageError(
                f"{output} is the input {same}, which would be overwritten",
                hint="name another file for the output",
            )


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = Path(path).stat()
    except (OSError, ValueError):
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISREG(found.st_mode) else None


def refuse_existing(path: str, *, hint: str) -> None:
    """Refuse to write to a file that exists and is not empty.

    Raises:
        UsageError: it does.
    """
    try:
        found = Path(path).stat()
    except OSError:
        return
    if stat.S_ISREG(found.st_mode) and found.st_size > 0:
        raise UsageError(f"{path} exists and is not empty", hint=hint)
