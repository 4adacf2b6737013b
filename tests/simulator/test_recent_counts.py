"""A simulator that runs for weeks remembers the most recent ids, and counts all of them."""

from batchconv.simulator.recent_counts import RecentCounts


def test_the_oldest_ids_are_forgotten_and_come_back_as_new():
    counts = RecentCounts()
    assert [counts.add(one, most=2) for one in "aabbcca"] == [1, 2, 1, 2, 1, 2, 1]
    assert dict(counts) == {"c": 2, "a": 1}


def test_an_id_that_never_came_came_no_time():
    assert RecentCounts()["never"] == 0
