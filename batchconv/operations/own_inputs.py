"""Inputs that this program wrote itself: results are refused, failed rows go on with their job."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from batchconv.errors import InputError, UsageError, command
from batchconv.reading.own_files import OwnFile, what_is
from batchconv.reading.sources import Input, expand


class SortedInputs(NamedTuple):
    """The inputs of an upload.

    Attributes:
        inputs: files of conversion records.
        failed_rows: failed-rows files, each with the name by which it was asked for.
        notes: sentences about what was found and is not read.
    """

    inputs: list[Input]
    failed_rows: list[tuple[Input, str]]
    notes: list[str]

    @property
    def all(self) -> list[Input]:
        """Everything that is read."""
        return [*self.inputs, *(name for name, _ in self.failed_rows)]


def sort_inputs(names: Sequence[str]) -> SortedInputs:
    """What *names* stand for, sorted by what it is.

    Raises:
        UsageError: a results file is named, or failed rows and other inputs together.
        InputError: an input is not there, or a folder gives none.
    """
    expanded = expand(names)
    named = set(map(str, names))
    sorted_inputs = SortedInputs([], [], [])
    left_out = list(expanded.left_out)
    for name in expanded.inputs:
        kind = what_is(name)
        folder = next((one for one in names if _is_below(name, one)), None)
        if kind is None:
            sorted_inputs.inputs.append(name)
        elif kind is OwnFile.FAILED_ROWS and (name in named or folder is not None):
            # What the folders around the inputs say stands in these as columns.
            complete = Input(name, name.address, found=name.found, complete=True)
            sorted_inputs.failed_rows.append((complete, folder or name))
        elif name in named:
            raise own_file_error(name, kind)
        else:
            left_out.append(name)
    if sorted_inputs.inputs and sorted_inputs.failed_rows:
        raise UsageError(
            f"{sorted_inputs.failed_rows[0][0]} holds failed rows of a job, and "
            f"{sorted_inputs.inputs[0]} does not: they cannot be uploaded together",
            hint="upload the failed rows by themselves",
        )
    if not sorted_inputs.all:
        raise InputError(
            f"{names[0]} holds only files that batchconv wrote",
            hint="name the files to upload",
        )
    note = expanded._replace(left_out=left_out).note()
    return sorted_inputs._replace(notes=[note] if note else [])


def _is_below(name: str, folder: str) -> bool:
    """Whether the input was found in a folder of failed rows that was named."""
    path = Path(folder)
    return (
        name != folder
        and path.suffix == ".failed"
        and path.is_dir()
        and Path(name).is_relative_to(path)
    )


def own_file_error(name: str, kind: OwnFile) -> UsageError:
    """What to say of a file of a job that was named as an input."""
    hint = "name its input"
    if kind is OwnFile.RESULTS:
        hint = f"to send its failed rows again: {command(['resend'], [name])}"
    return UsageError(f"{name} is a {kind.value} of batchconv, not an input", hint=hint)
