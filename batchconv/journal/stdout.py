"""Standard output as a place for results."""

from __future__ import annotations

import os
import queue
import threading

from batchconv.errors import OutputError
from batchconv.sending.signals import start_without_signals

_MOST_QUEUED = 1_000  # lines for a slow reader before the run waits for it


class Stdout:
    """Standard output: a reader that is slow holds up the run, but not the event loop."""

    def __init__(self) -> None:
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._error: OSError | None = None
        self._ended = threading.Event()
        start_without_signals(
            threading.Thread(target=self._write, name="batchconv-stdout", daemon=True)
        )

    @property
    def behind(self) -> bool:
        """Whether so much waits for the reader that the run should wait, too."""
        return self._lines.qsize() > _MOST_QUEUED and self._error is None

    def write(self, lines: bytes) -> None:
        """Queue lines for the thread; a failure is raised by the next call."""
        self._raise_error()
        self._lines.put(lines)

    def sync(self) -> None:
        """Nothing to push; only reports a failure."""
        self._raise_error()

    def abandon(self) -> None:
        """Wait for the reader no longer: what it has not read is lost to it."""
        self._ended.set()

    def close(self) -> None:
        """Write what is queued, however slow the reader, unless it is abandoned."""
        self._lines.put(None)
        self._ended.wait()
        self._raise_error()

    def _raise_error(self) -> None:
        if isinstance(self._error, BrokenPipeError):
            raise OutputError(
                "the reader of standard output is gone",
                hint="rows whose lines were not read may have been sent; -o PATH keeps them all",
            )
        if self._error is not None:
            raise OutputError(f"standard output cannot be written: {self._error.strerror}")

    def _write(self) -> None:
        try:
            while (lines := self._lines.get()) is not None:
                left = memoryview(lines)
                while left:
                    left = left[os.write(1, left) :]
        except OSError as error:
            self._error = error
        finally:
            self._ended.set()
