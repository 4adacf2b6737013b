"""An event loop whose clock jumps to the next timer: hours pass in a moment, always alike."""

import asyncio
import selectors


class _WarpSelector(selectors.DefaultSelector):
    loop: "WarpLoop"

    def select(self, timeout=None):
        if timeout is None:
            raise AssertionError("nothing is scheduled and something still waits: a deadlock")
        self.loop.now += timeout
        return super().select(0)


class WarpLoop(asyncio.SelectorEventLoop):
    """Time passes only by sleeping. Threads have no place in it."""

    def __init__(self) -> None:
        self.now = 0.0
        selector = _WarpSelector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.now


def run(main):
    """Run a coroutine on a loop of its own and return its result."""
    with asyncio.Runner(loop_factory=WarpLoop) as runner:
        return runner.run(main)
