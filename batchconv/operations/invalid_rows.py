"""The rows that `validate` finds invalid, in files to be mended and fed back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from batchconv.errors import UsageError
from batchconv.journal.append_only_file import STDOUT, refuse_inputs, refuse_remote
from batchconv.journal.failed_rows.names import Plan, Planner, is_used, name_files
from batchconv.journal.failed_rows.writer import FailedRows
from batchconv.reading.formats import Layout

_OPTION = "--invalid"


def open_invalid(named: str, inputs: Sequence[str], layouts: Mapping[str, Layout]) -> FailedRows:
    """What writes them, as an upload writes its failed rows; files are made with the first one.

    Args:
        named: the file for one input, or a folder for all.
        inputs: none of them may be written to.
        layouts: how each input looks.

    Raises:
        UsageError: a file is an input or there already, or one was named for several inputs.
    """
    if named == STDOUT:
        raise UsageError(f"{_OPTION} needs a file: standard output is where the report goes")
    refuse_remote({_OPTION: named})
    plan = name_files(named, layouts, ours=True, option=_OPTION)  # what is there is refused below
    if not isinstance(plan, Plan):
        looks = {name: layout.of_failed_rows for name, layout in layouts.items()}
        plan = Planner(looks, plan).plan(None)
    paths = [path for files in plan.files.values() for path in files]
    refuse_inputs(map(str, paths), inputs)
    for path in filter(is_used, paths):
        raise UsageError(
            f"{path} exists and is not empty", hint=f"remove it, or name another with {_OPTION}"
        )
    return FailedRows(plan, layouts, _nothing)


def _nothing(_path: Path, _layout: Layout) -> tuple[()]:
    """The rows of earlier files: none are gone on with here."""
    return ()
