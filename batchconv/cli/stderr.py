"""Standard error during a run: lines, and below them a bar where there is a terminal.

A thread writes it. Its reader may be slow, stuck or gone: the run goes on.
"""

from __future__ import annotations

import io
import os
import select
import sys
from itertools import groupby
from typing import IO, TYPE_CHECKING, cast

from batchconv.errors import printable
from batchconv.sending.stops import defect_stop
from batchconv.telemetry.background_thread import InThread

if TYPE_CHECKING:
    from batchconv.telemetry.progress_bar import Bar
    from batchconv.telemetry.run_snapshot import RunSnapshot

_DESCRIPTOR = 2
_MOST_LINES = 10_000  # that wait for a slow reader; then the oldest are lost


class _Descriptor(io.TextIOBase):
    """Text straight to standard error; when nobody takes it any more, it is dropped."""

    def __init__(self) -> None:
        self._encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
        self._gone = sys.stderr is None

    @property
    def encoding(self) -> str:  # type: ignore[override]  # of the base it is a plain attribute
        return self._encoding

    def isatty(self) -> bool:
        return not self._gone and os.isatty(_DESCRIPTOR)

    def write(self, text: str) -> int:
        left = memoryview(text.encode(self._encoding, "backslashreplace"))
        while left and not self._gone:
            try:
                left = left[os.write(_DESCRIPTOR, left) :]
            except BlockingIOError:  # another user of the terminal has made it so
                poller = select.poll()
                poller.register(_DESCRIPTOR, select.POLLOUT)
                poller.poll()
            except OSError:
                self._gone = True
        return len(text)


class Stderr:
    """Writes lines and draws the bar, in the order in which they came."""

    def __init__(self) -> None:
        self._file = _Descriptor()
        self._bar: Bar | None = None
        self._latest: RunSnapshot | str | None = None
        self._undrawable = False
        self._work: InThread[str | None] = InThread(
            self._do, most=_MOST_LINES, name="batchconv-stderr"
        )

    def line(self, text: str) -> None:
        """Write a line."""
        self._work.give(printable(text))

    def show(self, what: RunSnapshot | str) -> None:
        """Draw the bar, or words in its place; the latest, if they come faster than that."""
        drawn, self._latest = self._latest is None, what
        if drawn:
            self._work.give(None)

    def take_away_bar(self) -> None:
        """Have the bar no more."""
        self._latest = None
        self._work.give(None)

    def close(self) -> None:
        """Write what is left."""
        self.take_away_bar()
        self._work.close()
        if self._work.lost:
            self._file.write(f"batchconv: {self._work.lost} lines are missing: nothing read them\n")

    def _do(self, items: list[str | None]) -> None:
        for are_lines, group in groupby(items, lambda item: item is not None):
            if are_lines:
                # One write for all, and the bar drawn once.
                self._write("\n".join(map(str, group)))
            elif not self._undrawable:
                self._draw()

    def _write(self, lines: str) -> None:
        if self._bar is not None:
            self._bar.say(lines)
        else:
            self._file.write(lines + "\n")

    def _draw(self) -> None:
        what, self._latest = self._latest, None
        try:
            if self._bar is None and what is not None:
                from batchconv.telemetry.progress_bar import Bar  # noqa: PLC0415 - start-up

                self._bar = Bar(cast("IO[str]", self._file), _DESCRIPTOR)
            if self._bar is not None and what is not None:
                self._bar.show(what)
            elif self._bar is not None:
                self._bar.close()
                self._bar = None
        except Exception as error:  # noqa: BLE001 - the final summary must still be shown
            self._bar, self._undrawable = None, True
            self._write(f"batchconv: {defect_stop(error).why}; the run goes on without a bar")
