"""The pace learned from 429: most of what a server allows, and hardly a refusal.

Servers are calculations and time is a clock that jumps, so that minutes pass at once and always
alike. What is counted is counted at the server.
"""

import random

import pytest

from batchconv.model import Reply
from batchconv.sending.limits.learned_rate import LearnedRate
from batchconv.sending.traffic import Limits
from tests.models import Bucket, Sending, Server, Window

LIMITERS = {
    "bucket of a fifth of a second": lambda then: Bucket(50, 10, then),
    "bucket of a second": lambda then: Bucket(50, 50, then),
    "window": lambda then: Window(50, False, then),
    "sliding window": lambda then: Window(50, True, then),
}


def send(limiter, then, *, wait, latency, seconds=60.0, rate=None):
    lot = random.Random(1)
    server = Server(
        LIMITERS[limiter](then).takes,
        latency,
        spread=lambda: lot.uniform(0, latency / 5),
        refusal=Reply(429, 0.0, wait),
    )
    return server, Sending(
        server, Limits(20 if latency < 0.1 else 50), rate=rate, seconds=seconds
    ).run()


@pytest.mark.parametrize("latency", [0.005, 0.2])
@pytest.mark.parametrize("limiter", LIMITERS)
def test_without_a_header_nine_tenths_of_the_allowance_are_used(limiter, latency):
    """From the fifth second on; under 2 % of all requests are refused (5 % are the bar)."""
    server, sending = send(limiter, None, wait=None, latency=latency)
    assert server.accepted(5, 60) >= 0.9 * 50
    assert server.refused() < 0.02
    assert sending.pool.traffic.throttled == server.count(0, 1e9)[429]


@pytest.mark.parametrize("latency", [0.005, 0.2])
@pytest.mark.parametrize("limiter", LIMITERS)
def test_a_retry_after_of_a_second_costs_little(limiter, latency):
    """Each refusal silences the whole run for a second: they must be rare."""
    server, _ = send(limiter, None, wait="1", latency=latency)
    assert server.accepted(5, 60) >= 0.9 * 50
    assert server.refused() < 0.02


@pytest.mark.parametrize("allowed", [25.0, 100.0])
@pytest.mark.parametrize("latency", [0.005, 0.2])
@pytest.mark.parametrize("limiter", LIMITERS)
def test_the_new_pace_is_found_when_the_allowance_changes(limiter, latency, allowed):
    server, _ = send(limiter, (30.0, allowed), wait=None, latency=latency)
    assert server.accepted(40, 60) >= 0.87 * allowed
    assert server.refused() < 0.03


@pytest.mark.parametrize("allowed", [25.0, 100.0])
@pytest.mark.parametrize("limiter", LIMITERS)
def test_the_new_pace_is_found_where_refusals_are_dear_too(limiter, allowed):
    server, _ = send(limiter, (30.0, allowed), wait="1", latency=0.005, seconds=90)
    assert server.accepted(60, 90) >= 0.75 * allowed
    assert server.refused() < 0.02


def test_the_users_rate_is_never_exceeded_by_what_is_learned():
    server, _ = send("bucket of a second", None, wait=None, latency=0.005, rate=30.0)
    assert server.refused() == 0
    assert server.accepted(1, 60) == pytest.approx(30, rel=0.01)


def test_a_rate_above_the_allowance_is_brought_down():
    server, _ = send("bucket of a fifth of a second", None, wait=None, latency=0.005, rate=80.0)
    assert server.accepted(5, 60) >= 0.9 * 50
    assert server.refused() < 0.02


def test_what_holds_nobody_back_is_forgotten():
    """A single 429 early in the run, and never again."""
    server = Server(latency=0.01)
    first = iter([Reply(429, 0.0)])
    refuse = server.send

    async def send(conversion, turn):
        return next(first, None) or await refuse(conversion, turn)

    server.send = send
    Sending(server, Limits(20), seconds=20).run()
    assert server.accepted(15, 20) == pytest.approx(2000, rel=0.01)


def test_a_server_that_takes_nothing_is_asked_ever_more_seldom():
    server = Server(takes=lambda _: False)
    sending = Sending(server, Limits(20, patience=600), rows=100).run()
    assert sending.pool.stops[0].exit_code == 3
    assert sending.ended == pytest.approx(600, abs=31)
    assert len(server.replies) < 20 + 60


def test_nothing_is_known_before_the_first_refusal():
    pace = LearnedRate(0.0)
    for tick in range(1000):
        pace.left(tick / 100)
    assert pace.at(10.0) is None
