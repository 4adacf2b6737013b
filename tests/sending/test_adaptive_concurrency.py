"""`--concurrency auto`: as good as the best fixed number, and no more than a server takes.

A few servers that are slow enough to be calculated quickly; `make bench` meets more of them.
"""

import random
from itertools import pairwise

import pytest

from batchconv.model import Reply
from batchconv.sending.limits.adaptive_concurrency import START, START_AGAIN, AdaptiveConcurrency
from batchconv.sending.limits.throttling import Throttling
from batchconv.sending.traffic import MOST_FOUND, Limits
from tests.models import Sending, Server


@pytest.mark.parametrize(("latency", "cpu"), [(0.02, 0.001), (0.2, 0.0003)])
def test_after_five_seconds_it_is_as_quick_as_the_core_of_the_server_allows(latency, cpu):
    """The bar is 95 %; *cpu* seconds of the one core go into each request."""
    lot = random.Random(1)
    server = Server(latency=latency, spread=lambda: lot.uniform(0, latency / 10), cpu=cpu)
    Sending(server, Limits(None), seconds=7).run()
    assert server.accepted(5, 7) >= 0.95 / cpu


@pytest.mark.parametrize("wait", [None, "1"])
@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_takes_eight_at_once_is_found_out(status, wait):
    """After five seconds under 2 % are refused, and the eight places are in use."""
    latency = 0.2
    server = Server(latency=latency, most_at_once=8, refusal=Reply(status, 0.0, wait))
    sending = Sending(server, Limits(None), seconds=30).run()
    assert server.refused(5, 30) < 0.02
    assert server.accepted(5, 30) >= 0.95 * 8 / latency
    assert sending.pool.gate.width in (7, 8, 9)


def test_connections_follow_the_limit_but_not_its_looks():
    kept: list[int] = []
    server = Server(latency=0.2, cpu=0.01)
    sending = Sending(server, Limits(None), seconds=70, keep=kept.append).run()
    assert kept[-1] == int(sending.pool.gate.width * 1.05)
    settled = kept[len(kept) // 2 :]
    assert min(settled) > max(settled) / 2


@pytest.mark.parametrize(("share", "least"), [(0.02, 200), (0.3, 50)])
def test_errors_by_chance_do_not_choke_it(share, least):
    """They are as many at any width, so that shrinking would not help."""
    lot = random.Random(3)
    server = Server(latency=0.02, cpu=0.002)
    send = server.send

    async def flaky(conversion, turn):
        reply = await send(conversion, turn)
        return Reply(503, 0.0) if lot.random() < share else reply

    server.send = flaky
    sending = Sending(server, Limits(None), seconds=10).run()
    assert len(sending.outcomes) / sending.ended >= least


def test_a_rate_that_keeps_it_below_the_limit_does_not_make_it_grow():
    server = Server(latency=0.01)
    sending = Sending(server, Limits(None), rate=20.0, seconds=20).run()
    assert sending.pool.gate.width == START


def test_it_never_exceeds_what_the_system_has_room_for():
    server = Server(latency=0.5)
    sending = Sending(server, Limits(None, most_found=30), seconds=20).run()
    assert sending.pool.gate.width == 30
    assert server.in_flight == 0


def test_long_work_does_not_let_the_queue_grow():
    """A queue of our own making must not pass for the server's own time, however long it stays."""
    server = Server(latency=0.02, cpu=0.01)
    sending = Sending(server, Limits(None), seconds=300).run()
    needed = 0.02 / 0.01 + 1
    assert sending.pool.gate.width <= 2 * needed + START
    assert server.accepted(5, 300) >= 0.97 / 0.01


@pytest.mark.parametrize(("before", "after"), [(0.02, 0.2), (0.2, 0.02)])
def test_a_server_that_changes_its_pace_is_followed(before, after):
    """One that becomes slower needs more requests in flight for the same work, not fewer."""
    server = Server(latency=before, cpu=0.002)
    change = (10.0, lambda _: setattr(server, "latency", after))
    Sending(server, Limits(None), seconds=35, events=[change]).run()
    assert server.accepted(20, 35) >= 0.9 / 0.002


@pytest.mark.parametrize(("latency", "sigma"), [(0.02, 0.3), (0.2, 0.3)])
def test_replies_that_take_now_longer_now_shorter_do_not_choke_it(latency, sigma):
    """Their times are as wide apart as those of real servers are: log-normal."""
    lot = random.Random(1)
    server = Server(latency=0.0, spread=lambda: latency * lot.lognormvariate(0, sigma), cpu=0.005)
    Sending(server, Limits(None), seconds=25).run()
    assert server.accepted(10, 25) >= 0.95 / 0.005


def window(width: AdaptiveConcurrency, now: float, latency: float, *, trouble: int = 0) -> float:
    """Requests from *now* on and the replies to them, until a window is over; when it was."""
    limit, sent = width.limit, 4 * width.limit + 40
    moments = [now + 0.03 * number / sent for number in range(sent)]
    for moment in moments:
        width.entered(moment, limit)
    for number, moment in enumerate(moments):
        if width.reply(moment, moment + latency, trouble=number < trouble):
            return moment + latency
    return moments[-1] + latency


def begun_again() -> AdaptiveConcurrency:
    width = AdaptiveConcurrency(MOST_FOUND)
    width.refused(0.0, 0.0, 0.0)
    return width


def grown(windows: int, latency: float = 0.05) -> tuple[AdaptiveConcurrency, float]:
    """A limit that has doubled so often since it began again, and when it had."""
    width, now = begun_again(), 0.0
    for _ in range(windows):
        now = window(width, now, latency)
    return width, now


def test_it_doubles_while_latency_stays():
    assert [grown(windows)[0].limit for windows in range(6)] == [4, 8, 16, 32, 64, 128]
    assert grown(12)[0].limit == MOST_FOUND


def test_a_latency_that_rises_is_looked_into_before_it_is_believed():
    """For a window a quarter leaves; when that takes as long, it was not the limit's doing."""
    width, now = grown(5)
    now = window(width, now, 0.2)
    assert width.limit == 32
    now = window(width, now, 0.2)
    assert width.limit == 128
    window(width, now, 0.2)
    assert width.limit == 256


def test_it_shrinks_when_only_its_size_makes_latency_rise():
    """By Little's law as far as latency asks for; in small steps once it has stopped doubling."""
    width, now = grown(5)
    for latency in (0.08, 0.05):
        now = window(width, now, latency)
    now = window(width, now, 0.08)
    shrunk = width.limit
    assert shrunk == pytest.approx(128 * (1.15 * 0.05 + 0.002) / 0.08, abs=1)
    window(width, now, 0.3)
    assert width.limit == int(shrunk * 0.9)


def test_it_grows_a_little_at_first_and_then_more_when_it_has_shrunk():
    width, now = grown(5)
    for latency in (0.08, 0.05, 0.08):
        now = window(width, now, latency)
    sizes = [width.limit]
    while width.limit < MOST_FOUND:
        now = window(width, now, 0.05)
        sizes.append(width.limit)
    steps = [after / before for before, after in pairwise(sizes) if after > before]
    assert steps[0] < 1.06
    assert 1.4 < max(steps) <= 2


def test_a_second_look_is_taken_when_shrinking_has_been_in_vain():
    width, now = grown(5)
    for latency in (0.08, 0.05, 0.08):
        now = window(width, now, latency)
    looked, peak, sizes = now, width.limit, []
    while now < looked + 4:
        now = window(width, now, 0.1)
        sizes.append(width.limit)
    look = next(at for at, size in enumerate(sizes) if size < peak / 2)
    assert set(sizes[:look]) > {int(0.75 * peak)}
    assert min(sizes[:look]) == int(0.75 * peak)
    assert sizes[look] == int(0.75 * peak) // 4
    assert max(sizes[look:]) > peak  # the server has become slower: it was not our doing


def test_replies_to_requests_that_left_under_another_limit_do_not_count():
    width, now = grown(1)
    assert width.limit == 8
    for _ in range(50):
        assert not width.reply(0.01, now + 5.0, trouble=True)
    assert width.limit == 8


def test_a_size_that_was_refused_is_left_and_not_tried_again_at_once():
    width, now = grown(3)
    assert width.limit == 32
    now = refused = window(width, now, 0.05, trouble=40)
    assert width.limit == 16
    while now < refused + 4.9:
        now = window(width, now, 0.05)
        assert width.limit == 16
    for _ in range(20):
        now = window(width, now, 0.05)
    assert width.limit > 16


def test_a_refusal_during_a_look_is_about_the_limit_that_is_kept():
    width, now = grown(5)
    now = window(width, now, 0.2)
    assert width.limit == 32
    width.refused(now, now + 0.01, 1.0)
    assert width.limit == int(128 * 0.9)


def test_refusals_that_tell_nothing_of_latency_do_not_hold_it_up():
    """Of each three requests one is answered, and two are refused for the pace alone."""
    width, now = begun_again(), 0.0
    for number in range(300):
        now += 0.01
        width.entered(now, START_AGAIN)
        if number % 3:
            width.overlook(now, now + 0.05)
        else:
            width.reply(now, now + 0.05, trouble=False)
    assert width.limit > START_AGAIN


def test_what_leaves_at_once_after_growth_does_not_count():
    """It opens connections; their handshakes are not the server's slowness."""
    width, now = grown(3)
    for number in range(16):
        width.entered(now, 17 + number)
    for _ in range(16):
        assert not width.reply(now, now + 1.0, trouble=False)
    window(width, now + 0.001, 0.05)
    assert width.limit == 64


@pytest.mark.parametrize("rate", [None, 20.0])
@pytest.mark.parametrize("latency", [0.05, 5.0])
@pytest.mark.parametrize("rows", [10, 50, 200])
def test_it_takes_no_longer_than_twenty_in_flight_from_the_first_row_on(rows, latency, rate):
    fixed, found = (
        Sending(Server(latency=latency), Limits(limit), rate=rate, rows=rows).run().ended
        for limit in (20, None)
    )
    assert found <= fixed + 0.001


@pytest.mark.parametrize("refusal", [Reply(429, 0.0), Reply(503, 0.0)])
def test_when_the_first_are_refused_it_begins_again_with_fewer(refusal):
    server = Server(latency=0.2, most_at_once=8, refusal=refusal)
    widths: list[int] = []
    look = (0.1, lambda pool: widths.append(pool.gate.width))
    Sending(server, Limits(None), seconds=0.3, events=[look]).run()
    assert widths == [START_AGAIN]


def test_refusals_of_a_rate_that_needs_few_in_flight_are_not_blamed_on_their_number():
    width = AdaptiveConcurrency(MOST_FOUND)
    throttling = Throttling(max)
    throttling.refused(0.1, 0.2, None, START_AGAIN, width)
    assert width.limit == START
    throttling.refused(0.1, 0.2, None, START_AGAIN + 1, width)
    assert width.limit == START_AGAIN
