"""One timer for all exchanges: the late are told so, and nobody else is."""

import asyncio

import pytest

from batchconv.sending.deadlines import Deadlines
from tests import warp


async def exchange(deadlines: Deadlines, seconds: float) -> str:
    task = asyncio.current_task()
    deadlines.begin(task)
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        if not deadlines.expired(task):
            raise
        return "late"
    finally:
        deadlines.end(task)
    return "in time"


def test_what_takes_too_long_is_ended_at_its_own_moment():
    async def main():
        loop, deadlines = asyncio.get_running_loop(), Deadlines(10.0)

        async def one(begin: float, seconds: float):
            await asyncio.sleep(begin)
            return await exchange(deadlines, seconds), loop.time()

        return await asyncio.gather(one(0, 99), one(1, 5), one(2, 99), one(3, 9.5), one(30, 99))

    assert warp.run(main()) == [
        ("late", 10), ("in time", 6), ("late", 12), ("in time", 12.5), ("late", 40),
    ]  # fmt: skip


def test_an_exchange_that_somebody_else_cancels_is_not_late():
    async def main():
        deadlines = Deadlines(10.0)
        task = asyncio.create_task(exchange(deadlines, 99))
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await exchange(deadlines, 5)

    assert warp.run(main()) == "in time"


def test_one_that_is_late_and_cancelled_at_the_same_moment_is_cancelled():
    async def main():
        deadlines = Deadlines(10.0)
        task = asyncio.create_task(exchange(deadlines, 99))
        asyncio.get_running_loop().call_later(10.0, task.cancel)
        with pytest.raises(asyncio.CancelledError):
            await task

    warp.run(main())


def test_a_task_that_was_late_once_can_go_on():
    async def main():
        deadlines = Deadlines(1.0)
        told = [await exchange(deadlines, seconds) for seconds in (5, 0.5, 5, 0.5)]
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0
        return told

    assert warp.run(main()) == ["late", "in time", "late", "in time"]


def test_nobody_is_looked_after_once_it_is_closed():
    async def main():
        deadlines = Deadlines(1.0)
        task = asyncio.create_task(exchange(deadlines, 5))
        await asyncio.sleep(0.5)
        deadlines.close()
        return await task

    assert warp.run(main()) == "in time"
