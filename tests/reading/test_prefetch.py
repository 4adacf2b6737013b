"""The hand-over from the reading thread to the loop: every row, once, in order, whatever pauses."""

import asyncio
import inspect
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from batchconv.errors import InputError
from batchconv.reading.prefetch import BATCHES_AHEAD, Prefetcher
from tests.shells import ROOT

LONG = 30.0  # seconds that nothing here takes; a test that waits so long has failed


async def take_all(prefetcher: Prefetcher[int]) -> list[int]:
    found = []
    while (item := await prefetcher.take()) is not None:
        found.append(item)
    return found


async def turns(many: int = 50) -> None:
    """Let every other task go as far as it can."""
    for _ in range(many):
        await asyncio.sleep(0)


class Source:
    """Batches that come when they are released, and a note of what was asked for."""

    def __init__(self, batches: int) -> None:
        self.asked = self.closed = 0
        self._batches = batches
        self._released = threading.Semaphore(0)

    def release(self, many: int = 1) -> None:
        self._released.release(many)

    def __iter__(self) -> Iterator[list[int]]:
        try:
            for number in range(self._batches):
                self.asked += 1
                assert self._released.acquire(timeout=LONG)
                yield [2 * number, 2 * number + 1]
        finally:
            self.closed += 1


async def test_items_come_in_order_and_then_none_for_ever():
    prefetcher = Prefetcher([[1, 2], [], [3], [4, 5, 6]])
    assert await take_all(prefetcher) == [1, 2, 3, 4, 5, 6]
    assert [await prefetcher.take(), await prefetcher.take()] == [None, None]
    assert prefetcher.ended
    assert prefetcher.ahead == 0


async def test_many_takers_share_what_comes_and_nobody_gets_an_item_twice():
    prefetcher = Prefetcher([[n] * 3 for n in range(1000)])
    shares = await asyncio.gather(*(take_all(prefetcher) for _ in range(7)))
    assert sorted(item for share in shares for item in share) == sorted([*range(1000)] * 3)
    assert all(share == sorted(share) for share in shares)


async def test_takers_that_wait_for_one_batch_share_it():
    source = Source(1)
    prefetcher = Prefetcher(source)
    takers = [asyncio.create_task(prefetcher.take()) for _ in range(2)]
    await turns()
    source.release()
    async with asyncio.timeout(LONG):
        assert sorted(await asyncio.gather(*takers)) == [0, 1]


async def test_no_more_than_a_few_batches_are_read_ahead():
    source = Source(100)
    source.release(100)
    prefetcher = Prefetcher(source)
    assert await prefetcher.take() == 0
    while prefetcher.reading or source.asked < BATCHES_AHEAD + 2:
        await asyncio.sleep(0.001)
    # One is being taken from, a few wait, and one is in the thread's hand.
    assert source.asked == BATCHES_AHEAD + 2
    assert prefetcher.ahead == 2 * source.asked - 1
    assert await take_all(prefetcher) == list(range(1, 200))


async def test_what_the_iterator_raises_is_raised_behind_its_last_item():
    def broken() -> Iterator[list[int]]:
        yield [1, 2]
        raise InputError("half of a file")

    prefetcher = Prefetcher(broken())
    assert [await prefetcher.take(), await prefetcher.take()] == [1, 2]
    for _ in range(2):
        with pytest.raises(InputError, match="half of a file"):
            await prefetcher.take()


async def test_a_taker_that_is_cancelled_takes_nothing_with_it():
    source = Source(200)
    prefetcher = Prefetcher(source)
    found: list[int] = []
    lot = random.Random(7)
    while len(found) < 300:
        taker = asyncio.create_task(prefetcher.take())
        source.release()
        await turns(lot.randrange(6))
        taker.cancel()
        await asyncio.wait([taker])
        if not taker.cancelled():
            found.append(taker.result() or 0)
    source.release(200)
    assert found + await take_all(prefetcher) == list(range(400))


async def test_closing_ends_the_thread_and_lets_go_of_the_inputs():
    source = Source(100)
    source.release(100)
    prefetcher = Prefetcher(source)
    await prefetcher.take()
    prefetcher.close()
    async with asyncio.timeout(LONG):
        while not source.closed:
            await asyncio.sleep(0.001)
    assert await prefetcher.take() is None
    assert prefetcher.ended


async def test_closing_wakes_all_who_wait_even_while_a_read_is_stuck():
    source = Source(1)
    prefetcher = Prefetcher(source)
    takers = [asyncio.create_task(prefetcher.take()) for _ in range(3)]
    await turns()
    prefetcher.close()
    async with asyncio.timeout(LONG):
        assert await asyncio.gather(*takers) == [None] * 3
    source.release()


async def test_an_error_behind_the_closing_is_nobodys():
    source = Source(1)

    def broken() -> Iterator[list[int]]:
        yield from source
        raise InputError("the file was closed under the reader")

    prefetcher = Prefetcher(broken())
    prefetcher.close()
    source.release()
    async with asyncio.timeout(LONG):
        while not source.closed:
            await asyncio.sleep(0.001)
    await turns()
    assert await prefetcher.take() is None


def test_a_thread_whose_loop_is_gone_lets_go_of_the_inputs_and_ends():
    source = Source(100)

    async def main() -> None:
        Prefetcher(source)

    before = set(threading.enumerate())
    asyncio.run(main())
    (thread,) = set(threading.enumerate()) - before
    source.release(100)
    thread.join(LONG)
    assert not thread.is_alive()
    assert source.closed


def test_a_thread_whose_loop_ends_before_it_takes_the_next_batch_ends_too(monkeypatch):
    source, before = Source(100), set(threading.enumerate())
    loop = asyncio.new_event_loop()

    async def main() -> None:
        Prefetcher(source)

    loop.run_until_complete(main())
    (thread,) = set(threading.enumerate()) - before
    handed_over = threading.Event()
    hand_over = loop.call_soon_threadsafe

    def noting(*args: Any, **kwargs: Any) -> asyncio.Handle:
        handle = hand_over(*args, **kwargs)
        handed_over.set()
        return handle

    monkeypatch.setattr(loop, "call_soon_threadsafe", noting)
    source.release()
    assert handed_over.wait(LONG)
    loop.close()
    thread.join(LONG)
    assert not thread.is_alive()
    assert source.closed


def test_a_thread_ends_once_it_is_closed_though_its_loop_stands_still():
    """It was in a read when it was closed: what it then has to hand over is wanted by nobody."""
    source, before = Source(100), set(threading.enumerate())

    async def main() -> threading.Thread:
        prefetcher = Prefetcher(source)
        (thread,) = set(threading.enumerate()) - before
        source.release()
        assert await prefetcher.take() is not None
        while source.asked < 2:
            await asyncio.sleep(0.001)
        prefetcher.close()
        return thread

    loop = asyncio.new_event_loop()
    try:
        thread = loop.run_until_complete(main())
        source.release(100)
        thread.join(LONG)
        assert not thread.is_alive()
    finally:
        loop.close()
    assert source.closed


def test_a_read_that_is_stuck_does_not_keep_the_program_alive():
    script = (
        "import asyncio, threading\n"
        "from batchconv.reading.prefetch import Prefetcher\n"
        "def stuck():\n"
        "    yield [1]\n"
        "    threading.Event().wait()\n"
        "async def main():\n"
        "    prefetcher = Prefetcher(stuck())\n"
        "    print(await prefetcher.take())\n"
        "    prefetcher.close()\n"
        "    print(await prefetcher.take())\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True, text=True, cwd=ROOT, timeout=LONG, check=True,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("1\nNone\n", "")


def _lines_of_the_thread() -> list[int]:
    found = []
    for function in (Prefetcher._read_all, Prefetcher._hand_over):  # noqa: SLF001 - what the thread does
        source, first = inspect.getsourcelines(function)
        found += [
            number
            for number, line in enumerate(source, first)
            if line.strip() and not line.strip().startswith(("def", '"', "#", "try", "except"))
        ]
    return found


@pytest.mark.parametrize("line", _lines_of_the_thread())
@pytest.mark.parametrize("visit", [1, 2, 6])
async def test_no_item_is_lost_wherever_the_thread_is_paused(line, visit):
    """What a busy machine may do between any two lines is done on purpose, once for each line."""
    paused, go_on = threading.Event(), threading.Event()
    visits = 0

    def pause(frame, event, _):
        nonlocal visits
        if event == "line" and frame.f_lineno == line:
            visits += 1
            if visits == visit:
                paused.set()
                go_on.wait(LONG)
        return pause

    def trace(frame, *_):
        return pause if frame.f_code.co_filename == inspect.getfile(Prefetcher) else None

    threading.settrace(trace)
    try:
        prefetcher = Prefetcher([[n] * 2 for n in range(20)])
    finally:
        threading.settrace(None)  # type: ignore[arg-type]  # which is how one takes it away
    taking = asyncio.create_task(take_all(prefetcher))
    async with asyncio.timeout(LONG):
        while not (paused.is_set() or taking.done()):
            await asyncio.sleep(0.001)
        await turns()  # the loop takes all there is, and waits
        go_on.set()
        assert await taking == [n for n in range(20) for _ in range(2)]
