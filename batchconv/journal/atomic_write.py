"""Files that are written whole, or not at all."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path

from batchconv.errors import OutputError
from batchconv.journal.append_only_file import PRIVATE, unopened

# That is not a file of this program, wherever it leads: /dev/stdout is a link.
_SYSTEM = ("/dev/", "/proc/")


def atomic_write(path: str, text: str, *, hint: str, mode: int = PRIVATE) -> None:
    """Write a file beside *path* first, and rename it then.

    Args:
        path: replaced if it is there, the file behind a link too; a device or a pipe is written
            to.
        text: of the file.
        hint: what to do when that fails.
        mode: of the file, whatever the umask; by default others cannot read it.

    Raises:
        OutputError: it cannot be written; what was there before is still there.
    """
    try:
        if _is_written_through(path):
            descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
        else:
            _replace(Path(os.path.realpath(path)), text, mode)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "this is not a valid file name"
        raise OutputError(f"{path} cannot be written: {why}", hint=hint) from None


def probe(path: str, option: str) -> None:
    """Find out before anything is sent whether `atomic_write` will be able to write *path*.

    Raises:
        UsageError: it is a folder, or its folder is missing or cannot be written to; the hint
            names *option*.
        OutputError: no space is left.
    """
    try:
        if _is_written_through(path):
            if not os.access(path, os.W_OK):
                raise PermissionError(errno.EACCES, "Permission denied")
            return
        target = Path(os.path.realpath(path))
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, "Is a directory")
        beside = _beside(target)
        os.close(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE))
        beside.unlink()
    except (OSError, ValueError) as error:
        raise unopened(path, error, option) from None


def _is_written_through(path: str) -> bool:
    """Whether it is not a regular file, and so must not be replaced."""
    if os.path.abspath(path).startswith(_SYSTEM):  # noqa: PTH100 - any text
        return True
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - any text
    except FileNotFoundError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _beside(target: Path) -> Path:
    return target.with_name(f".{target.name}.{os.getpid()}.tmp")


def _replace(target: Path, text: str, mode: int) -> None:
    beside = _beside(target)
    # Exclusively: in a folder that others may write to, they cannot have put a link there.
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(descriptor, mode)
            file.write(text)
        beside.replace(target)
    except OSError:
        with suppress(OSError):
            beside.unlink()
        raise
