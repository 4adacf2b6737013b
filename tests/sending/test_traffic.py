"""What is counted of a run stays small, however long it goes on."""

from batchconv.sending.traffic import MOST_PAUSES, Traffic


def test_pauses_that_touch_become_one():
    traffic = Traffic()
    traffic.paused(10, 12, "throttled")
    traffic.paused(11, 15, "throttled")
    traffic.paused(15, 16, "outage")
    assert traffic.pauses == [(10, 15, "throttled"), (15, 16, "outage")]
    assert traffic.paused_for == {"throttled": 5, "outage": 1}


def test_a_shorter_pause_within_a_longer_one_shortens_nothing():
    traffic = Traffic()
    traffic.paused(10, 20, "throttled")
    traffic.paused(11, 12, "throttled")
    assert traffic.pauses == [(10, 20, "throttled")]
    assert traffic.paused_for == {"throttled": 10}


def test_months_of_pauses_are_a_bounded_list_and_their_seconds_are_still_known():
    traffic = Traffic()
    for hour in range(100_000):
        traffic.paused(hour * 3600, hour * 3600 + 2, "throttled")
        if hour % 100 == 0:
            traffic.paused(hour * 3600 + 10, hour * 3600 + 13, "outage")
    assert len(traffic.pauses) <= MOST_PAUSES
    assert traffic.paused_for == {"throttled": 200_000, "outage": 3_000}
    begins = [begin for begin, _, _ in traffic.pauses]
    assert begins == sorted(begins)
    assert traffic.pauses[-1][1] == 99_999 * 3600 + 2


def test_kinds_that_alternate_are_bounded_too():
    traffic = Traffic()
    for moment in range(10_000):
        traffic.paused(moment, moment + 0.5, ("throttled", "outage")[moment % 2])
    assert len(traffic.pauses) <= MOST_PAUSES
    assert traffic.paused_for == {"throttled": 2_500, "outage": 2_500}
