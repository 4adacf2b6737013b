"""The rows that `validate` finds invalid, in files to be corrected and uploaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from batchconv.errors import UsageError
from batchconv.journal.append_only_file import STDOUT, refuse_inputs, refuse_remote
from batchconv.journal.failed_rows.writer import FailedRows, looks
from batchconv.journal.job_files import JobFiles
from batchconv.operations.failed_names import name_failed_rows
from batchconv.reading.columns import Recognised
from batchconv.reading.formats import Layout
from batchconv.reading.sources import run_stem

_OPTION = "--invalid"


def open_invalid(
    named: str,
    inputs: Sequence[str],
    layouts: Mapping[str, Layout],
    columns: Mapping[str, Recognised],
) -> FailedRows:
    """What writes them, as an upload writes its failed rows; files are made with the first one.

    They belong to no job: uploaded, they are inputs like any other.

    Args:
        named: the file for one input, or a folder for all.
        inputs: as they were named; none of them may be written to.
        layouts: how each input looks.
        columns: what its columns hold.

    Raises:
        UsageError: *named* is an input, a URL or standard output.
    """
    if named == STDOUT:
        raise UsageError(f"{_OPTION} needs a file: the report is written to standard output")
    refuse_remote({_OPTION: named})
    refuse_inputs([named], layouts)
    files = JobFiles(STDOUT, None, Path(), run_stem(inputs[0]))
    return FailedRows(
        looks(layouts, columns), name_failed_rows(files, inputs, named, fed=False), None
    )
