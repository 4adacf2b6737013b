"""The runs file of a job: a line when a run starts, and one when it ends.

A start without an end is a crash. What cannot be read of it is passed over: it proves nothing
about rows, for which the journal alone counts.

A row is in flight from when it is first sent until its outcome is written. How many there were at
most stands in the start line and is raised there, in its place, before more are sent: for after a
crash nobody knows the outcome of those, and a resume sends them again.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from batchconv.errors import BatchconvError
from batchconv.journal.append_only_file import AppendOnlyFile, unwritten
from batchconv.journal.reader import end_of_lines

_LONGEST = 1 << 26  # bytes of a file that is read
_DIGITS = 9  # that the number of rows in flight has space for, in the place where it is raised


class RunStart(NamedTuple):
    """What a run was asked to do.

    Attributes:
        at: when it started, RFC 3339 in UTC.
        command: `upload`, `resend`, `dismiss`.
        inputs: as they were named.
        options: by name; no secrets.
        most_in_flight: rows; raised in the file while the run goes on.
    """

    run: str
    at: str
    command: str
    inputs: list[str]
    target: str
    options: dict[str, Any]
    most_in_flight: int = 0


class RunEnd(NamedTuple):
    """How a run ended.

    Attributes:
        summary: as `--summary` writes it.
        result_unknown: rows without an outcome that the API may have accepted all the same.
        all_read: it came to the end of its input.
        failed_rows: the failed-rows files that it has written.
    """

    run: str
    summary: Mapping[str, Any]
    result_unknown: int = 0
    all_read: bool = True
    failed_rows: Sequence[str] = ()


class JobRun(NamedTuple):
    """A run of a job; one without an end has crashed, unless it is at work still."""

    start: RunStart
    end: RunEnd | None


class RunsFile:
    """The runs of a job.

    Args:
        path: of the file; it is made with the first line that is written.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._before: int | None = None  # bytes that were there when a run began
        self._file: int | None = None  # of the run that has begun
        self._most_at = 0  # where its most_in_flight stands

    def read(self) -> list[JobRun]:
        """All runs, in the order in which they started; none where there is no such file."""
        runs: dict[str, JobRun] = {}
        for line in self._lines():
            if isinstance(line, RunStart):
                runs[line.run] = JobRun(line, None)
            elif line.run in runs:
                runs[line.run] = runs[line.run]._replace(end=line)
        return list(runs.values())

    def _lines(self) -> Iterator[RunStart | RunEnd]:
        try:
            with open(self.path, "rb") as file:  # noqa: PTH123 - a path may be any text here
                text = file.read(_LONGEST)
        except OSError:
            return
        for line in text.split(b"\n"):
            try:
                found = json.loads(line)
                if "finished" in found:
                    yield RunEnd(
                        str(found["run"]),
                        found,
                        int(found.get("result_unknown", 0)),
                        found.get("all_read") is not False,
                        _texts(found.get("failed_rows")),
                    )
                else:
                    known = {name: found[name] for name in RunStart._fields if name in found}
                    start = RunStart(**known)
                    yield start._replace(most_in_flight=int(start.most_in_flight))
            except (ValueError, KeyError, TypeError, RecursionError):
                continue

    def begin(self, start: RunStart) -> None:
        """Write that a run starts; raises OutputError."""
        told = start._asdict()
        number = _in_place(told.pop("most_in_flight"))
        before = json.dumps(told).removesuffix("}") + ', "most_in_flight": '
        self._most_at = self._write(f"{before}{number}}}") - len(f"{number}}}\n")
        try:
            self._file = os.open(self.path, os.O_WRONLY | os.O_CLOEXEC)
        except OSError as error:
            raise unwritten(self.path, error) from None

    def note_most_in_flight(self, rows: int) -> None:
        """So many rows are in flight, the most of this run; raises OutputError."""
        if self._file is None:
            return
        try:
            os.pwrite(self._file, _in_place(rows).encode(), self._most_at)
        except OSError as error:
            raise unwritten(self.path, error) from None

    def end(self, end: RunEnd) -> None:
        """Write that a run has ended; raises OutputError."""
        more = {
            "result_unknown": end.result_unknown,
            "all_read": end.all_read,
            "failed_rows": [*end.failed_rows],
        }
        self._close()
        self._write(json.dumps({**end.summary, **more}))

    def take_back(self) -> None:
        """Remove the start of a run that does not take place, and the file if that began it."""
        self._close()
        if self._before is None:
            return
        # Why the run does not take place is what has to be shown, not that this fails as well.
        with contextlib.suppress(OSError, BatchconvError):
            file = AppendOnlyFile(self.path)
            try:
                file.cut(self._before)
            finally:
                file.close()
            if not self._before:
                os.unlink(self.path)  # noqa: PTH108 - a path may be any text here

    def _close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _write(self, line: str) -> int:
        """Add a line; the size of the file with it."""
        file = AppendOnlyFile(self.path)
        try:
            file.cut(self._end_of_lines())  # a crash may have torn the last one
            if self._before is None:
                self._before = file.size
            file.write(line.encode() + b"\n")
            return file.size
        finally:
            file.close()

    def _end_of_lines(self) -> int:
        try:
            with open(self.path, "rb") as file:  # noqa: PTH123 - as above
                return end_of_lines(file, file.seek(0, 2))
        except OSError:
            return 0


def _in_place(rows: int) -> str:
    """A number of rows that takes the same space as any other."""
    return f"{min(rows, 10**_DIGITS - 1):{_DIGITS}}"


def moment(seconds: float) -> str:
    """A moment as the files of a job have it: RFC 3339 in UTC, with milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def _texts(found: object) -> list[str]:
    return list(map(str, found)) if isinstance(found, list) else []


def inputs_of_job(starts: Sequence[RunStart]) -> list[str]:
    """The inputs of the last upload that was not about corrected rows, as they were named."""
    # A run on a job that is there is refused, unless it resumes or feeds corrected rows back.
    found = [
        start.inputs
        for number, start in enumerate(starts)
        if start.command == "upload" and (not number or start.options.get("resume") is True)
    ]
    return found[-1] if found else []
