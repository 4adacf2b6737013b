"""Files that are written whole, or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from batchconv.errors import OutputError
from batchconv.journal.append_only_file import PRIVATE


def atomic_write(path: str, text: str, *, hint: str, mode: int = PRIVATE) -> None:
    """Write a file beside *path* first, and rename it then.

    Args:
        path: replaced if it is there; a device or a pipe is written to.
        text: of the file.
        hint: what to do when that fails.
        mode: of the file, whatever the umask; by default others cannot read it.

    Raises:
        OutputError: it cannot be written; what was there before is still there.
    """
    target = Path(path)
    beside = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        if target.exists() and not target.is_file():
            target.write_text(text, encoding="utf-8")
            return
        beside.unlink(missing_ok=True)
        # Exclusively: in a folder that others may write to, they cannot have put a link there.
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(descriptor, mode)
            file.write(text)
        beside.replace(target)
    except OSError as error:
        with suppress(OSError):
            beside.unlink()
        raise OutputError(f"{path} cannot be written: {error.strerror}", hint=hint) from None
