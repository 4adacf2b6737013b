"""One run at a time on a file: the system's locks, which end with the process."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

from batchconv.errors import HeldError

# What flock says where there are no locks; whatever else it says, somebody holds one (SMB: EACCES).
_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL)


def take_lock(fd: int, path: str, *, shared: bool = False) -> bool:
    """Take a lock, or raise HeldError; False where the file system has none."""
    try:
        fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return False
        raise HeldError(
            f"{path} is in use by {holder_of(fd)}", hint="wait until that run has ended"
        ) from None
    return True


def tell_without_locks(path: str) -> None:
    """Say that a second run would not be noticed."""
    import logging  # noqa: PLC0415 - start-up: hardly any run needs it here

    # As `telemetry.events` has it; that folder stands above this one.
    logging.getLogger("batchconv").warning(
        "%s: this file system has no locks: do not start a second run on it",
        path,
        extra={"event": "notice", "fields": {"file": path}},
    )


def holder_of(file: int | str) -> str:
    """Who holds a lock on a file, as far as the system tells (Linux does)."""
    return writer_of(file) or "another run"


def writer_of(file: int | str) -> str | None:
    """The process that holds a file to write to it; None where there is none or it is unknown."""
    inode = os.stat(file).st_ino  # noqa: PTH116 - a descriptor or any text
    try:
        locks = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        locks = []
    for line in locks:
        parts = line.split()
        if len(parts) > 5 and parts[5].rpartition(":")[2] == str(inode):
            return f"process {parts[4]}"
    return None
