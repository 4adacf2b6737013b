"""What 429 teach: most of what a server allows is used, and hardly a request is refused.

Servers are calculations and time is a clock that jumps, so that minutes pass at once and always
alike; all usual limiters are met in `python -m tests.bench --only limiters`.
"""

import asyncio
import random
from statistics import mean

import pytest

from batchconv.model import Reply
from batchconv.sending.limits.throttling import Throttling
from batchconv.sending.traffic import Limits
from tests.bench import virtual as bench
from tests.bench.limiters import TokenBucket, meet, stray
from tests.bench.strict import beside, best_fixed, found
from tests.models import Bucket, Sending, Server, Window


@pytest.mark.parametrize("latency", [0.005, 0.2])
@pytest.mark.parametrize("rate", [30.0, 300.0])
@pytest.mark.parametrize(
    "limiter",
    [
        "leaky bucket, burst 1",
        "token bucket of 0.2 s",
        "token bucket of 10 s",
        "fixed window of 1 s",
        "fixed window of 10 s",
    ],
)
def test_nine_tenths_of_the_allowance_are_used_from_ten_seconds_on(limiter, rate, latency):
    """Or from three windows on. The bench holds the strict bars and tells what misses them."""
    used, refused = meet(limiter, rate, "none", latency)
    assert used >= 0.9
    assert refused <= 0.02


@pytest.mark.parametrize(
    ("limiter", "rate", "changed", "latency"),
    [
        ("token bucket of 10 s", 30.0, 0.5, 0.2),
        ("token bucket of 1 s", 30.0, 0.5, 0.2),
        ("sliding window of 10 s", 300.0, 0.5, 0.005),
        ("sliding window of 60 s", 2.0, 0.5, 0.2),
        ("fixed window of 10 s", 30.0, 2.0, 0.005),
        ("sliding window of 1 s", 2.0, 2.0, 0.005),
        ("leaky bucket, burst 1", 2.0, 2.0, 0.005),
    ],
)
def test_a_changed_allowance_is_found_within_twenty_seconds_or_two_windows(
    limiter, rate, changed, latency
):
    shares = [meet(limiter, rate, "none", latency, seed=n, changed=changed) for n in (1, 2, 3)]
    used, refused = (mean(share) for share in zip(*shares, strict=True))
    assert used >= 0.9
    assert refused <= 0.02


@pytest.mark.parametrize("rate", [30.0, 100.0])
def test_auto_does_not_blame_itself_for_a_rate_limit(rate):
    """A strict limiter without burst, 200 ms away."""
    used, _ = meet("leaky bucket, burst 1", rate, "none", 0.2, concurrency=None)
    assert used >= 0.9


@pytest.mark.parametrize("latency", [0.005, 0.05, 0.2])
def test_refusals_by_chance_do_not_choke_it(latency):
    assert stray(0.05, None, latency) >= 0.8


@pytest.mark.parametrize("rate", [30.0, 100.0, 300.0])
def test_requests_that_come_too_soon_by_chance_do_not_choke_it(rate):
    """A limiter without burst refuses some at every pace that is worth sending at."""
    used, refused = found(rate, 0.005, None, seed=1)
    assert used >= 0.8 * best_fixed(rate)
    assert refused <= 0.02


@pytest.mark.parametrize("rate", [30.0, 100.0, 300.0])
@pytest.mark.parametrize("after", [0.0, 60.0])
def test_refusals_by_chance_beside_a_limit_or_after_it_do_not_choke_it(rate, after):
    """Several servers that count each for itself refuse so; it is known in three minutes."""
    assert beside(rate, 1, after=after) >= 0.8


def send(takes, *, wait=None, latency=0.005, seconds=60.0, rate=None):
    lot = random.Random(1)
    server = Server(
        takes, latency, spread=lambda: lot.uniform(0, latency / 10), refusal=Reply(429, 0.0, wait)
    )
    return server, Sending(server, Limits(20), rate=rate, seconds=seconds).run()


@pytest.mark.parametrize("wait", [None, "1"])
def test_the_whole_pool_keeps_to_what_is_found(wait):
    server, sending = send(Bucket(50, 50).takes, wait=wait)
    assert server.accepted(10, 60) >= 0.9 * 50
    assert server.refused(10, 60) < 0.03
    assert sending.pool.traffic.throttled == server.count(0, 1e9)[429]


@pytest.mark.parametrize("allowed", [25.0, 100.0])
def test_the_new_pace_is_found_when_the_allowance_changes(allowed):
    server, _ = send(Window(50, False, (30.0, allowed)).takes, seconds=80)
    assert server.accepted(50, 80) >= 0.87 * allowed


@pytest.mark.parametrize("latency", [0.005, 0.2])
def test_what_was_counted_long_ago_does_not_hide_that_less_is_allowed(latency):
    """Two requests a second, and after a minute one."""
    used, refused = meet("token bucket of 1 s", 2.0, "none", latency, changed=0.5)
    assert used >= 0.9
    assert refused <= 0.02


def test_the_users_rate_is_never_exceeded_by_what_is_learned():
    server, _ = send(Bucket(50, 50).takes, rate=30.0)
    assert server.refused() == 0
    assert server.accepted(1, 60) == pytest.approx(30, rel=0.01)


def test_what_holds_nobody_back_is_forgotten():
    """A single 429 early in the run, and never again."""
    server = Server(latency=0.05)
    first = iter([Reply(429, 0.0)])
    take = server.send

    async def answer(conversion, turn):
        reply = next(first, None)
        if reply is None:
            return await take(conversion, turn)
        await turn(lambda: True)
        return reply

    server.send = answer
    Sending(server, Limits(20), seconds=30).run()
    assert server.accepted(25, 30) == pytest.approx(400, rel=0.01)


@pytest.mark.parametrize("spell", [2.0, 6.0, 12.0])
def test_a_spell_of_refusals_at_the_start_is_soon_forgotten(spell):
    server = bench.Server(takes=lambda now: now > spell, asks=lambda _: "1")
    sender = bench.Sender(server, 2).run(spell + 11)
    assert sender.accepted(spell, spell + 5) >= 2
    assert sender.accepted(spell + 10, spell + 11) >= 390


@pytest.mark.parametrize("wait", [None, "30"])
@pytest.mark.parametrize("allowed", [None, 50.0])
def test_after_an_outage_that_looks_like_throttling_it_is_soon_as_fast_as_before(allowed, wait):
    """Minutes of nothing but 429 are no window of a limiter, and teach no pace."""
    bucket = TokenBucket(allowed or 1e6, 0.2)
    server = bench.Server(
        seconds=lambda: 0.05,
        takes=lambda now: bucket.takes(now) and not 20 < now < 200,
        asks=lambda _: wait,
    )
    sender = bench.Sender(server, 20).run(260)
    assert sender.accepted(240, 260) >= 0.95 * sender.accepted(10, 20)


def test_a_server_that_takes_nothing_is_asked_ever_more_seldom():
    server = Server(takes=lambda _: False)
    sending = Sending(server, Limits(20, patience=600), rows=100).run()
    assert sending.pool.stops[0].exit_code == 3
    assert sending.ended == pytest.approx(600, abs=31)
    assert len(server.replies) < 20 + 80


def test_nothing_is_known_before_the_first_refusal():
    throttling = Throttling(random.uniform)
    for tick in range(1000):
        throttling.written(tick / 100)
        throttling.passed(tick / 100, tick / 100 + 0.005, 1)
    assert throttling.pace(10.0) is None
    assert throttling.wait(10.0) == 0


def test_one_request_finds_out_whether_a_pause_is_over_and_the_others_wait_for_it():
    throttling = Throttling(lambda _, high: high)
    throttling.written(0.0)
    throttling.written(0.0)
    assert throttling.refused(0.0, 0.01, 3.0, 1, None) == (3.0, False)
    assert throttling.refused(0.0, 0.02, None, 2, None) == (0.0, False)
    assert throttling.wait(0.01) == pytest.approx(3.0)
    assert throttling.wait(3.01) == 0.0
    throttling.written(3.01)
    assert throttling.wait(3.02) == float("inf")
    throttling.passed(3.01, 3.03, 1)
    assert throttling.wait(3.03) == 0.0


def test_a_probe_of_which_nothing_is_heard_gives_way_to_another():
    throttling = Throttling(lambda _, high: high)
    throttling.written(0.0)
    throttling.refused(0.0, 0.01, 3.0, 1, None)
    throttling.written(3.2)
    assert throttling.wait(3.3) == float("inf")
    throttling.ended(3.2)
    assert throttling.wait(3.3) == 0.0


def test_a_few_refusals_are_about_their_rows_and_many_silence_the_run():
    throttling = Throttling(lambda _, high: high)
    meanings = []
    for number in range(12):
        throttling.written(number / 10)
        meanings.append(throttling.refused(number / 10, number / 10, None, 1, None))
    assert meanings[:11] == [(0.0, True)] * 11
    assert meanings[11] == (pytest.approx(0.1), False)


@pytest.mark.parametrize("concurrency", [20, None])
@pytest.mark.parametrize("rate", [None, 20.0])
def test_a_proxy_that_refuses_every_connection_with_429_is_asked_less_and_less(rate, concurrency):
    """Nothing is ever written then: what is refused is the way to the server."""
    server, asked = Server(), []

    async def refuse(*_: object, **__: object) -> Reply:
        asked.append(asyncio.get_running_loop().time())
        await asyncio.sleep(0.01)
        return Reply(429, 0.0, proxy=True, written=False)

    server.send = refuse
    Sending(server, Limits(concurrency, patience=120), rate=rate, rows=100).run()
    assert sum(moment < 20 for moment in asked) < 400
    assert sum(moment >= 20 for moment in asked) < 200
