"""`--concurrency auto`: as good as the best fixed number, and no more than a server takes."""

import random

import pytest

from batchconv.gates.width import START, Width
from batchconv.model import Reply
from batchconv.traffic import MOST_FOUND, Limits
from tests.models import Sending, Server

CORE = 0.0003  # seconds of the one core that a request needs


def throughput(concurrency, latency, cpu=CORE):
    lot = random.Random(1)
    server = Server(latency=latency, spread=lambda: lot.uniform(0, latency / 10), cpu=cpu)
    Sending(server, Limits(concurrency), seconds=7).run()
    return server.accepted(5, 7)


@pytest.mark.parametrize("latency", [0.001, 0.02, 0.2])
def test_after_five_seconds_it_is_as_quick_as_the_best_fixed_number(latency):
    """The bar is 95 %; the core, not the line, is what limits the best of them."""
    best = max(throughput(fixed, latency) for fixed in (10, 50, 200, 1000))
    assert throughput(None, latency) >= 0.95 * best


@pytest.mark.parametrize("wait", [None, "1"])
@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("latency", [0.005, 0.02, 0.2])
def test_a_server_that_takes_eight_at_once_is_found_out(status, wait, latency):
    """After five seconds under 2 % are refused, and the eight places are in use."""
    server = Server(latency=latency, most_at_once=8, refusal=Reply(status, 0.0, wait))
    sending = Sending(server, Limits(None), seconds=30).run()
    assert server.refused(5, 30) < 0.02
    assert server.accepted(5, 30) >= 0.95 * 8 / latency
    assert sending.pool.door.width in (7, 8, 9)


@pytest.mark.parametrize(("share", "least"), [(0.02, 2000), (0.1, 1500), (0.3, 500)])
def test_errors_by_chance_do_not_choke_it(share, least):
    """They are as many at any width, so that shrinking would not help."""
    lot = random.Random(3)
    server = Server(latency=0.02, cpu=0.0002)
    send = server.send

    async def flaky(conversion):
        reply = await send(conversion)
        return Reply(503, 0.0) if lot.random() < share else reply

    server.send = flaky
    sending = Sending(server, Limits(None), seconds=10).run()
    assert len(sending.outcomes) / sending.ended >= least


def test_a_rate_that_keeps_it_below_the_limit_does_not_make_it_grow():
    server = Server(latency=0.01)
    sending = Sending(server, Limits(None), rate=20.0, seconds=20).run()
    assert sending.pool.door.width == START


def test_it_never_exceeds_what_the_system_has_room_for():
    server = Server(latency=0.5)
    sending = Sending(server, Limits(None, most_found=30), seconds=20).run()
    assert sending.pool.door.width == 30
    assert server.in_flight == 0


def reply_all(width: Width, now: float, latency: float, *, trouble: int = 0) -> float:
    """A window's worth of replies to requests that all left at *now*; when they came."""
    for number in range(width.limit):
        width.entered(number + 1)
    for number in range(max(10, width.limit)):
        width.reply(now, now + latency, trouble=number < trouble)
    return now + latency


def test_it_doubles_while_latency_stays():
    width, now, seen = Width(MOST_FOUND), 0.0, []
    for _ in range(12):
        seen.append(width.limit)
        now = reply_all(width, now, 0.05)
    assert seen[:6] == [4, 8, 16, 32, 64, 128]
    assert width.limit == MOST_FOUND


def test_it_shrinks_when_latency_has_trebled():
    width, now = Width(MOST_FOUND), 0.0
    for _ in range(5):
        now = reply_all(width, now, 0.05)
    before = width.limit
    reply_all(width, now, 0.2)
    assert width.limit == int(before * 0.9)


def test_replies_to_requests_that_left_under_another_limit_do_not_count():
    width = Width(MOST_FOUND)
    now = reply_all(width, 0.0, 0.05)
    assert width.limit == 8
    for _ in range(50):
        assert not width.reply(0.01, now + 5.0, trouble=True)
    assert width.limit == 8


def test_a_size_that_was_refused_is_left_and_not_tried_again_at_once():
    width, now = Width(MOST_FOUND), 0.0
    for _ in range(3):
        now = reply_all(width, now, 0.05)
    assert width.limit == 32
    now = reply_all(width, now, 0.05, trouble=10)
    assert width.limit == 16
    for _ in range(20):
        now = reply_all(width, now, 0.05)
    assert width.limit == 16
    for _ in range(200):
        now = reply_all(width, now, 0.05)
    assert width.limit > 16
