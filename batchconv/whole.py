"""A file that is replaced: whole or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def write_whole(path: str, content: bytes, mode: int) -> None:
    """Write a file beside *path* first, and then give it that name.

    What is no file (a device, a pipe) is written to as it is, because it must not be replaced.

    Args:
        path: where to.
        content: all of it.
        mode: of the new file, whatever the process's umask is.

    Raises:
        OSError: it cannot be written; what was there before is still there.
    """
    target = Path(path)
    if target.exists() and not target.is_file():
        target.write_bytes(content)
        return
    beside = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        beside.unlink(missing_ok=True)
        # Exclusively: in a folder that others may write to, they cannot have put a link there.
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content)
        beside.replace(target)
    except OSError:
        with suppress(OSError):
            beside.unlink()
        raise
