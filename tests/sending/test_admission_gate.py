"""The gates as pure calculations: an even pace, and one answer to being throttled."""

import random
from bisect import bisect_right
from itertools import pairwise
from math import ceil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchconv.sending.limits.rate_limiter import RateLimiter

RATES = [0.1, 0.5, 1, 3, 20, 29.97, 30, 99, 100, 101, 250, 1000, 3333]


def leave(pacer: RateLimiter, seconds: float, lateness) -> list[float]:
    """When requests leave if the next one asks as soon as the one before it has left.

    That is the hardest case for the average: nobody asks ahead, so every lateness counts.
    """
    moments, now = [], 0.0
    while now < seconds:
        now += pacer.reserve(now)
        now += lateness()
        moments.append(now)
    return moments


def fullest(moments: list[float], window: float = 1.0) -> int:
    """The most moments that lie in any half-open window."""
    ordered = sorted(moments)
    # What lies exactly a window apart must not be counted for a rounding error.
    return max(
        bisect_right(ordered, at + window - 1e-9) - index for index, at in enumerate(ordered)
    )


def most_in_a_second(rate: float) -> int:
    """The rate and one more, or 1 % more where that is more; there are no halves of a request."""
    return ceil(max(rate + 1, rate * 1.01))


@pytest.mark.parametrize("rate", RATES)
def test_without_lateness_requests_leave_exactly_at_the_rate(rate):
    pacer = RateLimiter(rate)
    waits = [wait for wait in (pacer.reserve(100.0) for _ in range(200)) if wait]
    assert len(waits) > 150
    gaps = [later - earlier for earlier, later in pairwise(waits)]
    assert gaps == pytest.approx([1 / rate] * len(gaps), rel=1e-6)


def test_no_rate_never_waits():
    pacer = RateLimiter(None)
    assert {pacer.reserve(now) for now in (0.0, 0.0, 0.0, 5.0)} == {0.0}


@pytest.mark.parametrize("rate", RATES)
def test_the_first_request_leaves_at_once(rate):
    assert RateLimiter(rate).reserve(12345.0) == 0.0


@pytest.mark.parametrize("rate", RATES)
def test_no_second_holds_more_than_the_rate_after_a_pause(rate):
    """Asked for all at once, for two seconds' worth, and again after an hour of nothing."""
    pacer = RateLimiter(rate)
    many = int(rate * 2) + 3
    moments = [0.0 + pacer.reserve(0.0) for _ in range(many)]
    resumed = moments[-1] + 3600
    moments += [resumed + pacer.reserve(resumed) for _ in range(many)]
    assert fullest(moments) <= most_in_a_second(rate)


@pytest.mark.parametrize("rate", RATES)
def test_the_average_holds_although_every_request_leaves_a_little_late(rate):
    """Timers have a grain of 1 ms and a busy loop comes late; over a minute it must not show."""
    jitter = random.Random(7)
    seconds = max(60.0, 60 / rate)
    late = min(0.005, 0.5 / rate)
    moments = leave(RateLimiter(rate), seconds, lambda: jitter.uniform(0, 2 * late))
    # Between the first and the last, so that the one at the very start does not count.
    average = (len(moments) - 1) / (moments[-1] - moments[0])
    assert average == pytest.approx(rate, rel=0.01 + 2 / len(moments))


@pytest.mark.parametrize("rate", [20, 30, 100])
def test_a_server_sees_no_fuller_second_although_the_first_requests_arrive_late(rate):
    """They are late by making their connections: 2 ms here."""
    pacer = RateLimiter(rate)
    moments = [pacer.reserve(0.0) for _ in range(rate * 3)]
    arrivals = [0.002 + moments[0], 0.002 + moments[1], *moments[2:]]
    assert fullest(arrivals) <= most_in_a_second(rate)


@pytest.mark.parametrize("rate", RATES)
def test_with_many_asking_ahead_lateness_does_not_add_up(rate):
    """Twenty workers: a moment is taken when it is asked for, however late its owner wakes."""
    jitter = random.Random(7)
    pacer = RateLimiter(rate)
    asking = [0.0] * 20
    moments: list[float] = []
    while asking[0] < 60:
        now = asking.pop(0)
        left = now + pacer.reserve(now) + jitter.uniform(0, 0.004)
        moments.append(left)
        asking.append(left + 0.001)
        asking.sort()
    within = sum(1 for moment in moments if moment < 60)
    assert within == pytest.approx(rate * 60, rel=0.01, abs=1.001)


@settings(max_examples=100, deadline=None)
@given(
    rate=st.floats(0.2, 2000),
    steps=st.lists(
        st.one_of(
            st.just(0.0),
            st.floats(0, 0.01),
            st.floats(0, 0.2),
            st.floats(0, 5),
        ),
        min_size=1,
        max_size=400,
    ),
)
def test_whatever_the_pauses_no_sliding_second_holds_more_than_it_may(rate, steps):
    """Requests leave exactly when they may; those who ask come at any time, never backwards."""
    pacer = RateLimiter(rate)
    now, moments = 0.0, []
    for step in steps:
        now += step
        wait = pacer.reserve(now)
        assert wait >= 0
        moments.append(now + wait)
    assert moments == sorted(moments)
    assert fullest(moments) <= most_in_a_second(rate)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("pause", [0.02, 0.06, 1.0, 60.0])
def test_at_most_50_ms_are_caught_up(rate, pause):
    """After any pause the schedule lies at most 50 ms, and one request, behind the clock."""
    pacer = RateLimiter(rate)
    pacer.reserve(0.0)
    now = 1 / rate + pause
    at_once = 0
    while pacer.reserve(now) == 0.0:
        at_once += 1
    assert 1 <= at_once <= 1 + max(1, 0.01 * rate) + 1e-9
    assert at_once <= 1 + 0.05 * rate + 1e-6


@pytest.mark.parametrize(("rate", "gap"), [(0.1, 10.0), (0.5, 2.0), (0.25, 4.0)])
def test_fractions_below_one_are_a_request_every_so_many_seconds(rate, gap):
    pacer = RateLimiter(rate)
    assert pacer.reserve(0.0) == 0.0
    assert pacer.reserve(0.0) == pytest.approx(gap, abs=0.0501)
    assert pacer.reserve(0.0) == pytest.approx(2 * gap, abs=0.0501)
