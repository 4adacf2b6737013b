"""What SIGHUP, SIGINT and SIGTERM do, from the first moment of the process on."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from batchconv.errors import Interrupted

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LAST_WORDS = 2.0  # seconds that a run has after the second signal to balance its books


class Signals:
    """The first signal stops in good order, the second at once, whatever hangs.

    At first a signal raises `Interrupted` in the main thread, wherever that is: in an import, in
    the opening of a pipe, in a listing of S3. As process 1 of a container the program would get
    no signal at all without a handler. Once a run is under way it is asked to stop instead.
    """

    def __init__(self) -> None:
        self._seen = 0
        self._stop: Callable[[int], object] | None = None

    def install(self) -> None:
        """Take the signals over, except those that the parent process ignores (nohup)."""
        for number in _SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._handle)

    def ask(self, stop: Callable[[int], object]) -> None:
        """From now on call *stop* with a signal's number; it must only note it, and return."""
        self._stop = stop

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        self._seen += 1
        if self._stop is None and self._seen == 1:
            raise Interrupted(number)
        if self._stop is None or self._seen > 2:
            os._exit(128 + number)
        if self._seen == 2:
            # Not by a thread: the alarm also ends a call of the main thread that hangs.
            signal.signal(signal.SIGALRM, lambda *_: os._exit(128 + number))
            signal.setitimer(signal.ITIMER_REAL, _LAST_WORDS)
        self._stop(number)


@contextmanager
def without_signals() -> Iterator[None]:
    """Threads and processes that are begun within it are never handed a signal: they inherit that.

    Of two signals in quick succession Linux hands the second, and then both, to any other thread
    that takes them; a call in which the main thread hangs would go on.
    """
    taken = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, taken)


def start_without_signals(thread: threading.Thread) -> None:
    """Start *thread* so that the system never hands it a signal."""
    with without_signals():
        thread.start()


SIGNALS = Signals()
"""Those of this process."""
