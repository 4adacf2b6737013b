"""The budget of retries, and the places among the requests in flight."""

import asyncio

import pytest

from batchconv.model import Reply, Result
from batchconv.sending.limits.resizable_semaphore import ResizableSemaphore
from batchconv.sending.limits.retry_budget import RetryBudget
from batchconv.sending.traffic import Limits
from tests.models import Sending, Server


async def spend(budget: RetryBudget, count: int, *, idle: bool = False) -> list[asyncio.Task[None]]:
    tasks = [asyncio.create_task(budget.spend(idle=idle)) for _ in range(count)]
    await asyncio.sleep(0)
    return tasks


def done(tasks) -> int:
    return sum(task.done() for task in tasks)


async def cancel(tasks) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_hundred_retries_may_leave_and_the_next_one_waits():
    budget = RetryBudget()
    tasks = await spend(budget, 103)
    assert done(tasks) == 100
    await cancel(tasks)


async def test_five_rows_accepted_at_once_earn_one_retry():
    budget = RetryBudget()
    tasks = await spend(budget, 102)
    for _ in range(4):
        budget.earn(retried=False)
    await asyncio.sleep(0)
    assert done(tasks) == 100
    budget.earn(retried=False)
    budget.earn(retried=False)
    await asyncio.sleep(0)
    assert done(tasks) == 101
    await cancel(tasks)


async def test_a_retry_that_succeeds_is_given_its_cost_back():
    budget = RetryBudget()
    tasks = await spend(budget, 102)
    budget.earn(retried=True)
    await asyncio.sleep(0)
    assert done(tasks) == 101
    await cancel(tasks)


async def test_with_hardly_anything_in_flight_a_retry_leaves_all_the_same():
    budget = RetryBudget()
    tasks = await spend(budget, 101)
    (more,) = await spend(budget, 1, idle=True)
    assert not more.done()  # somebody is before it
    budget.let_one_go()
    budget.let_one_go()
    await asyncio.sleep(0)
    assert (done(tasks), more.done()) == (101, True)


async def test_one_that_gave_up_waiting_takes_nobodys_turn():
    budget = RetryBudget()
    tasks = await spend(budget, 102)
    tasks[100].cancel()
    await asyncio.sleep(0)
    budget.let_one_go()
    await asyncio.sleep(0)
    assert tasks[101].done()


def test_when_half_of_all_requests_fail_retries_are_held_down_and_no_row_is_failed_for_it():
    """Half of all attempts get 503 by their number; the last word of every row is yes."""
    server = Server()
    calls = []

    async def send(conversion, turn):
        await turn(lambda: True)
        calls.append(conversion.row.number)
        await asyncio.sleep(0.01)
        return Reply(
            503 if calls.count(conversion.row.number) < 3 and len(calls) % 2 else 200, 0.01
        )

    server.send = send
    sending = Sending(server, Limits(20, max_attempts=50), rows=2000).run()
    assert {outcome.result for outcome in sending.outcomes} == {Result.ACCEPTED}
    assert len(sending.outcomes) == 2000
    early = calls[:1500]
    assert len(early) - len(set(early)) < 100 + 0.5 * 1500 * 0.5


async def test_places_are_given_in_order_and_never_more_than_there_are():
    places = ResizableSemaphore(2)
    order = []

    async def visit(number):
        await places.take()
        order.append(number)
        assert places.taken <= 2
        await asyncio.sleep(0)
        places.give_back()

    await asyncio.gather(*(visit(number) for number in range(10)))
    assert order == list(range(10))
    assert places.taken == 0


async def test_more_places_are_handed_out_at_once():
    places = ResizableSemaphore(1)
    await places.take()
    waiting = [asyncio.create_task(places.take()) for _ in range(3)]
    await asyncio.sleep(0)
    places.resize(3)
    await asyncio.sleep(0)
    assert [task.done() for task in waiting] == [True, True, False]
    await cancel(waiting)


async def test_fewer_places_take_effect_as_they_are_given_back():
    places = ResizableSemaphore(3)
    for _ in range(3):
        await places.take()
    places.resize(1)
    waiting = asyncio.create_task(places.take())
    for taken in (2, 1):
        await asyncio.sleep(0)
        assert not waiting.done()
        places.give_back()
        assert places.taken == taken
    places.give_back()
    await asyncio.sleep(0)
    assert waiting.done()


@pytest.mark.parametrize("given", [False, True])
async def test_a_place_given_to_one_who_is_cancelled_is_not_lost(given):
    places = ResizableSemaphore(1)
    await places.take()
    waiting = asyncio.create_task(places.take())
    await asyncio.sleep(0)
    if given:
        places.give_back()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    if not given:
        places.give_back()
    assert places.taken == 0
    await asyncio.wait_for(places.take(), 1)
