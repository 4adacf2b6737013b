"""Refusals that say nothing against a pace that is held."""

import pytest

from batchconv.sending.limits.chance import Strays
from batchconv.sending.limits.counts import Refusal
from batchconv.sending.limits.pace_search import PaceSearch
from batchconv.sending.limits.throttling import Throttling


def test_a_thirtieth_of_a_seconds_requests_may_be_refused_at_once():
    strays = Strays()
    assert [strays.refused(left, 100.0) for left in (1.0, 1.1, 1.2)] == [True] * 3
    assert not strays.refused(1.3, 100.0)
    assert strays.first == 1.0
    assert strays.refused(2.0, 100.0)
    assert strays.first == 2.0


def test_a_hundred_others_make_one_good():
    strays = Strays()
    for left in (1.0, 2.0, 3.0):
        assert strays.refused(left, 30.0)
        assert strays.first == left
        for _ in range(101):
            strays.passed()


@pytest.mark.parametrize("pace", [0.0, 29.0])
def test_every_refusal_counts_while_the_pace_is_searched_for_and_where_it_is_low(pace):
    assert not Strays().refused(1.0, pace)


def holding() -> Throttling:
    """One that heeds refusals and holds a pace."""
    throttling = Throttling(lambda _, high: high)
    throttling.refused(0.0, 0.0, 5.0, 1, None)
    throttling.written(5.0)
    throttling.passed(5.0, 5.1, 1)
    throttling.search = PaceSearch()
    throttling.search.start(6.0, 110.0)
    count = Refusal(16.0, 10.0, 0.1, 1000, False, 1, 16.1, lambda *_: 0.0)
    throttling.search.refused(count, 16.1)
    assert throttling.search.held
    return throttling


def test_a_refusal_of_a_pace_that_is_held_is_about_its_row():
    throttling = holding()
    pace = throttling.search.pace
    throttling.written(17.0)
    assert throttling.refused(17.0, 17.1, None, 1, None) == (0.0, True)
    assert throttling.wait(17.1) == 0
    assert throttling.search.pace == pace


def test_a_server_that_asks_for_a_longer_silence_is_given_it():
    throttling = holding()
    throttling.written(17.0)
    assert throttling.refused(17.0, 17.1, 3.0, 1, None) == (3.0, False)
    assert throttling.wait(17.1) == pytest.approx(3.0)
