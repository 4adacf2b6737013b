"""An event loop whose clock jumps to the next timer: hours pass in a moment, always alike."""

import asyncio
import selectors

_LONGEST = 30  # real seconds that a thread may take to hand something over


class _WarpSelector(selectors.DefaultSelector):
    loop: "WarpLoop"

    def select(self, timeout=None):
        if timeout != 0 and self.loop.coming():
            ready = super().select(_LONGEST)
            assert ready, "a thread hands nothing over"
            return ready
        if timeout is None:
            raise AssertionError("nothing is scheduled and something still waits: a deadlock")
        self.loop.now += timeout
        return super().select(0)


class WarpLoop(asyncio.SelectorEventLoop):
    """Time passes only by sleeping.

    What is handed to an executor is done at once. The clock stands still while `coming()` says
    that a thread of one's own has something to hand over.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.coming = lambda: False
        selector = _WarpSelector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.now

    def run_in_executor(self, executor, func, *args):
        done = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - whoever waits for it gets it
            done.set_exception(error)
        return done


def run(main):
    """Run a coroutine on a loop of its own and return its result."""
    with asyncio.Runner(loop_factory=WarpLoop) as runner:
        return runner.run(main)
