"""Files that are written whole, or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from batchconv.errors import OutputError
from batchconv.output import PRIVATE


def write_whole(path: str, text: str, *, hint: str) -> None:
    """Write a file beside *path* first, and rename it then; others cannot read it.

    Args:
        path: replaced if it is there; a device or a pipe is written to.
        text: of the file.
        hint: what to do when that fails.

    Raises:
        OutputError: it cannot be written.
    """
    target = Path(path)
    beside = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        if target.exists() and not target.is_file():
            target.write_text(text, encoding="utf-8")
            return
        beside.touch(PRIVATE)
        beside.write_text(text, encoding="utf-8")
        beside.replace(target)
    except OSError as error:
        with suppress(OSError):
            beside.unlink()
        raise OutputError(f"{path} cannot be written: {error.strerror}", hint=hint) from None
