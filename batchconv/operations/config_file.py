"""`config init`: a settings file to begin with."""

from __future__ import annotations

from pathlib import Path

from batchconv.errors import OutputError, UsageError
from batchconv.journal.atomic_write import atomic_write


def write_config_file(path: str, text: str, *, overwrite: bool, make_folder: bool) -> None:
    """Write a settings file, readable by its owner alone.

    Args:
        path: where to.
        text: what.
        overwrite: replace a file that is there; what is not a regular file is written to.
        make_folder: make the folder, too.

    Raises:
        UsageError: there is a file, and it is not to be replaced.
        OutputError: it cannot be written.
    """
    target = Path(path)
    try:
        if make_folder:
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        there = target.exists()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "this is not a valid file name"
        raise OutputError(f"{path} cannot be written: {why}", hint="name another file") from None
    if there and not overwrite:
        raise UsageError(f"{path} exists", hint="--overwrite replaces it")
    atomic_write(path, text, hint="name another file")
