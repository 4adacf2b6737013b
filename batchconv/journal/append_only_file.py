"""Files that grow by whole lines only."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from batchconv.errors import BatchconvError, HeldError, OutputError, UsageError
from batchconv.journal.locks import take_lock, tell_without_locks
from batchconv.reading.sources import is_url

STDOUT = "-"
PRIVATE = 0o600  # new files hold personal data
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE)
_NOT_A_DISK = (errno.EINVAL, errno.ENOTSUP)  # what fsync says to a pipe or a terminal
_MOST_REOPENED = 10


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
        """Write what is left, push it to the disk and close."""
        ...


class AppendOnlyFile:
    """A file on disk.

    `write` makes one system call and keeps nothing back. When it fails half-way (a full disk),
    the half line is cut off again: the file holds whole lines at any time. Where even that fails,
    nothing more is written: a half line may only be the last one.

    Args:
        path: created with mode 0600 when it is not there; otherwise added to.
        lock: hold it against other runs for as long as it is open.
        option: what names another file.

    Attributes:
        size: bytes, all of them whole lines.

    Raises:
        UsageError: it cannot be opened: its folder is missing or may not be written to.
        OutputError: no space is left for it.
        HeldError: another run holds it.
    """

    def __init__(self, path: str, *, lock: bool = False, option: str = "-o") -> None:
        self.path = path
        self._option = option
        self._synced = True
        self._syncing = threading.Lock()
        self._lost: OSError | None = None
        self._broken: OSError | None = None
        self._closed = False
        self._open()
        for _ in range(_MOST_REOPENED):
            if not (lock and self._regular) or self._lock():
                break
            os.close(self._fd)
            self._open()

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC
        try:
            try:
                self._fd = os.open(self.path, flags | os.O_CREAT | os.O_EXCL, PRIVATE)
                self._created = True
            except FileExistsError:
                self._fd = os.open(self.path, flags | os.O_CREAT, PRIVATE)
                self._created = False
            found = os.fstat(self._fd)
        except (OSError, ValueError) as error:
            raise unopened(self.path, error, self._option) from None
        self.size = found.st_size
        self._regular = stat.S_ISREG(found.st_mode)

    def _lock(self) -> bool:
        """Hold the file; False when its name has come to stand for another one meanwhile."""
        # The kernel releases it with the process, however that ends.
        try:
            if not take_lock(self._fd, self.path):
                tell_without_locks(self.path)
        except HeldError:
            os.close(self._fd)
            raise
        # What another run wrote between our opening it and holding it counts, too; and that run
        # may have removed the file, if the run wrote nothing.
        held = os.fstat(self._fd)
        self.size = held.st_size
        try:
            return os.path.samestat(held, os.stat(self.path))  # noqa: PTH116 - any text
        except OSError:
            return False

    @staticmethod
    def check_free(path: str) -> None:
        """Refuse a file that a run is still writing to; one that cannot be opened is let pass.

        Raises:
            HeldError: a run holds it.
        """
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return
        try:
            take_lock(fd, path, shared=True)
        finally:
            os.close(fd)

    def cut(self, size: int) -> None:
        """Drop everything behind the first *size* bytes."""
        try:
            if self._regular and size != self.size:
                os.ftruncate(self._fd, size)
                self.size = size
        except OSError as error:
            raise unwritten(self.path, error) from None

    def discard(self) -> None:
        """Close it, and remove it if this run made it and wrote nothing."""
        if self._created and not self.size:
            with contextlib.suppress(OSError):
                os.unlink(self.path)  # noqa: PTH108 - a path may be any text here
        self.close()

    @property
    def behind(self) -> bool:
        """Never: what was written is with the system."""
        return False

    def write(self, lines: bytes) -> None:
        """Add whole lines, or none of them."""
        if self._broken is not None:
            raise unwritten(self.path, self._broken)
        self._synced = False
        try:
            written = os.write(self._fd, lines)
            while written < len(lines):
                written += os.write(self._fd, lines[written:])
        except OSError as error:
            self._cut_back(error)
            raise unwritten(self.path, error) from None
        self.size += len(lines)

    def _cut_back(self, error: OSError) -> None:
        try:
            os.ftruncate(self._fd, self.size)
        except OSError:
            self._broken = error

    def sync(self) -> None:
        """Push what was written to the disk; a device or a pipe has none."""
        # Closing waits for a call that is under way, and gets its failure: the system
        # reports it only once.
        with self._syncing:
            if not self._synced:
                self._synced = True
                try:
                    os.fsync(self._fd)
                except OSError as error:
                    if error.errno not in _NOT_A_DISK:
                        self._lost = error
        if self._lost is not None:
            raise unwritten(self.path, self._lost)

    def close(self) -> None:
        """Push to the disk and close."""
        if self._closed:
            return
        self._closed = True
        try:
            self.sync()
        finally:
            os.close(self._fd)


def check_folder(path: str, option: str) -> None:
    """Refuse a file that could not be made, as opening it would; nothing is made.

    Raises:
        UsageError: its folder is not there, or may not be written.
    """
    folder = Path(path).parent
    if folder.is_dir() and os.access(folder, os.W_OK):
        return
    code = errno.EACCES if folder.is_dir() else errno.ENOENT
    raise unopened(path, OSError(code, os.strerror(code)), option)


def unopened(path: str, error: OSError | ValueError, option: str) -> BatchconvError:
    """The error for an output that cannot be opened; *option* names another one."""
    why = error.strerror if isinstance(error, OSError) else "this is not a valid file name"
    told = f"{path} cannot be written: {why or 'unknown error'}"
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        return OutputError(told, hint="free some space, then run it again")
    return UsageError(told, hint=f"name another file with {option}, in a folder that exists")


def unwritten(path: str, error: OSError) -> OutputError:
    """The error for an output that was open and cannot be written any more."""
    return OutputError(
        f"{path} cannot be written: {error.strerror or 'unknown error'}",
        hint="free some space or fix the permissions; what was written so far is good",
    )


def ends_with_a_line(path: str) -> bool:
    """Whether a regular file is empty or ends with a line break; true of whatever else it is."""
    try:
        if not os.path.isfile(path) or not os.path.getsize(path):  # noqa: PTH113, PTH202 - any text
            return True
        with open(path, "rb") as file:  # noqa: PTH123 - any text
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"
    except OSError:
        return True


def refuse_inputs(outputs: Iterable[str], inputs: Iterable[str]) -> None:
    """Refuse an output that is one of the inputs, links and all, or that is another output.

    Args:
        outputs: paths; `-` stands for standard output.
        inputs: paths; `-` stands for standard input.

    Raises:
        UsageError: one is.
    """
    known = {place: name for name in inputs if (place := _place(name, 0)) is not None}
    seen: dict[str | tuple[int, int], str] = {}
    for output in outputs:
        place = _place(output, 1)
        if place in known:
            raise UsageError(
                f"{output} is the input {known[place]}, which would be overwritten",
                hint="name another file for the output",
            )
        if place in seen:
            raise UsageError(
                f"{output} and {seen[place]} are the same file",
                hint="name another file for one of them",
            )
        if place is not None:
            seen[place] = output


def refuse_remote(outputs: dict[str, str | None]) -> None:
    """Refuse an output that is a URL.

    Args:
        outputs: option → what was given with it, or None.

    Raises:
        UsageError: one is.
    """
    for option, name in outputs.items():
        if name is not None and is_url(name):
            # Not all of it is shown: it may hold a secret.
            raise UsageError(
                f"{option} {name.partition('://')[0]}://... is a URL, and a run writes to files of "
                "this machine: only there is every line safe the moment it is written",
                hint="name a file, and copy it to its place when the run has ended",
            )


def _place(path: str, standard: int) -> tuple[int, int] | str | None:
    """What makes a file itself under any name; None for devices and pipes.

    Args:
        path: of a file that may not be there yet.
        standard: the descriptor that `-` stands for.
    """
    try:
        found = os.fstat(standard) if path == STDOUT else os.stat(path)  # noqa: PTH116 - any text
    except FileNotFoundError:
        return os.path.realpath(path)
    except (OSError, ValueError):
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISREG(found.st_mode) else None
