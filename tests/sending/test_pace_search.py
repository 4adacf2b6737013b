"""How a pace is found: by what was counted where a limiter saves up, else between two bounds."""

import pytest

from batchconv.sending.limits.counts import Refusal, Window
from batchconv.sending.limits.pace_search import PaceSearch
from batchconv.sending.limits.recent import Recent
from tests.bench.limiters import at_least_refused


def refusal(at, lasted, accepted, *, silence=0.1, window=False, recent=lambda *_: 0.0):
    return Refusal(at, lasted, silence, accepted, window, 1, at + silence, recent)


def begun(pace):
    search = PaceSearch()
    search.start(0.0, pace)
    return search


def test_what_got_through_until_it_was_empty_again_is_what_a_bucket_allows():
    search = begun(40.0)
    assert search.refused(refusal(9.9, 10.0, 300), 10.0)
    assert search.pace == pytest.approx(0.98 * 30)


def test_a_count_in_which_much_may_have_been_lost_is_believed_where_few_are_allowed():
    search = begun(4.0)
    search.refused(refusal(4.0, 5.0, 9, silence=1.0), 5.0)
    assert search.pace == pytest.approx(0.98 * 10 / 5)


def test_a_count_in_which_much_may_have_been_lost_bounds_what_is_searched_for():
    search = begun(40.0)
    search.refused(refusal(0.7, 1.0, 30), 1.0)
    assert 30 < search.pace < 40


def test_a_refusal_of_a_request_that_had_left_before_the_last_step_is_of_the_pace_before():
    search = begun(20.0)
    assert not search.kept(1.1, 22, 0.2)
    assert search.pace > 20
    search.refused(refusal(1.05, 1.2, 20), 1.3)
    assert search.pace < 20


def test_one_that_refuses_the_next_request_saves_nothing_up_and_is_searched_for():
    search = begun(40.0)
    search.refused(refusal(0.02, 0.2, 1), 0.2)
    assert search.pace == pytest.approx((0.98 * 5 * 40) ** 0.5)


def test_a_window_is_counted_back_from_its_end_and_not_over_what_was_before():
    search = begun(30.0)
    search.refused(
        refusal(60.0, 70.0, 1800, silence=5.0, window=True, recent=lambda *_: 15.0), 70.0
    )
    assert search.window.known
    assert search.pace == pytest.approx(0.98 * 15)


def test_a_pace_that_was_kept_and_is_refused_was_saved_up():
    search = begun(20.0)
    assert not search.kept(1.1, 22, 0.0)
    tried = search.pace
    search.refused(refusal(1.12, 3.0, 40), 1.3)
    assert search.pace < tried


def test_of_what_was_kept_above_a_pace_that_was_held_half_is_taken():
    search = begun(30.0)
    search.refused(refusal(9.9, 10.0, 300), 10.0)
    held = search.pace
    assert search.kept(100.0, 2700, 0.0)  # the hold is over: a little more is tried, and kept
    looked = search.pace
    assert not search.kept(102.0, 70, 0.0)
    search.refused(refusal(102.5, 90.0, 2600), 102.6)
    assert search.pace == pytest.approx((held * looked) ** 0.5)


def fixed(at, silence, lasted):
    return refusal(at, lasted, 300, silence=silence, window=True)


def test_a_window_lasts_a_round_number_of_seconds_near_what_was_seen():
    window = Window()
    window.see(9.6)
    assert window.seconds == 10.0
    window.see(38.0)
    assert window.seconds == 38.0
    window.see(500.0)
    assert window.seconds == 60.0


def test_half_a_window_that_was_seen_first_is_not_taken_for_one():
    window = Window()
    window.began(fixed(0.2, silence=4.8, lasted=5.0))
    window.see(5.0)
    window.refused(fixed(11.0, silence=4.5, lasted=10.0))
    assert window.seconds == 10.0


def test_a_window_that_holds_more_than_before_is_tried_with_twice_as_much():
    search = PaceSearch()
    search.refused(refusal(1.0, 10.0, 300, silence=9.0, window=True), 10.0)
    assert search.pace == pytest.approx(0.98 * 30)
    search.kept(20.1, 294, 0.0)
    little = search.pace
    assert little == pytest.approx(1.09 * 0.98 * 30)
    search.kept(30.2, 320, 0.0)
    assert search.pace == pytest.approx(2 * little)


def test_what_was_let_through_in_the_time_that_was_not_lost_bounds_a_bucket_from_above():
    search = begun(40.0)
    search.refused(refusal(2.7, 3.0, 80, silence=0.3), 3.0)
    assert search.pace < (81 / 2.7 * 0.98 * 80 / 3.0) ** 0.5 * 1.01


def test_recent_counts_only_so_many_seconds_back():
    recent = Recent(60.0)
    for tick in range(1000):
        recent.add(tick / 10)
    assert recent.pace(100.0, 10.0) == pytest.approx(10, rel=0.05)
    assert recent.pace(105.0, 10.0) == pytest.approx(5, rel=0.05)
    assert recent.pace(100.0, 60.0) == pytest.approx(10, rel=0.05)


def test_who_is_to_find_a_rise_in_time_is_refused_more_the_less_is_allowed():
    shares = [at_least_refused("leaky bucket, burst 1", rate) for rate in (1.0, 2.0, 30.0)]
    assert shares == [
        pytest.approx(0.021, abs=5e-4),
        pytest.approx(0.0113, abs=5e-4),
        pytest.approx(0.0008, abs=5e-4),
    ]
