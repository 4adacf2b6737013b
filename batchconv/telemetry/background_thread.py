"""Slow things, done in a thread: an observer must not hold up the run."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from batchconv.sending.signals import start_without_signals

T = TypeVar("T")


class InThread(Generic[T]):
    """Hands items to *do*, in order and as many at once as wait, in a thread of its own.

    The thread is a daemon: one that is stuck does not keep the program alive.

    Args:
        do: called with one item or more; raises nothing.
        most: items that may wait; when more are given, the oldest are lost.
        name: of the thread.

    Attributes:
        lost: how many were.
    """

    def __init__(self, do: Callable[[list[T]], None], *, most: int, name: str) -> None:
        self.lost = 0
        self._do = do
        self._items: deque[T] = deque(maxlen=most)
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        start_without_signals(self._thread)

    def give(self, item: T) -> None:
        """Have *item* done as soon as may be."""
        with self._changed:
            self.lost += len(self._items) == self._items.maxlen
            self._items.append(item)
            self._changed.notify()

    def close(self, patience: float | None = None) -> None:
        """Wait until all that was given is done, but not longer than *patience* seconds."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(patience)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._items or self._closed)
                if not self._items:
                    return
                items = list(self._items)
                self._items.clear()
            self._do(items)
