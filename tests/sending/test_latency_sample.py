"""What latency is taken from: some requests that left one after the other."""

from math import inf

import pytest

from batchconv.sending.limits.latency_sample import Latency, LatencySample


def sent(sample: LatencySample, count: int, begin: float = 0.0, apart: float = 0.01) -> list[float]:
    moments = [begin + apart * number for number in range(count)]
    for moment in moments:
        sample.left(moment)
    return moments


def answered(latency: float, count: int = 4) -> LatencySample:
    sample = LatencySample(0, count)
    for moment in sent(sample, count):
        sample.answered(moment, moment + latency, trouble=False)
    return sample


def test_the_first_quartile_of_what_was_answered_is_its_latency():
    sample = LatencySample(0, 8)
    moments = sent(sample, 8)
    for number, moment in enumerate(moments):
        sample.answered(moment, moment + 1.0 + number, trouble=False)
    assert sample.latency() == pytest.approx(3.0)


def test_it_waits_for_the_slow_ones():
    """Half of them are quick: had it been made of the first replies, it would be as well."""
    sample = LatencySample(0, 8)
    moments = sent(sample, 8)
    assert not any(sample.answered(moment, 1.0, trouble=False) for moment in moments[:5])
    assert sample.answered(moments[5], 2.0, trouble=False)


def test_only_its_own_requests_count():
    sample = LatencySample(2, 3)
    moments = sent(sample, 6)
    for stranger in (*moments[:2], moments[5]):
        sample.answered(stranger, stranger + 9.0, trouble=False)
    assert sample.usable == 0
    assert sample.answered(moments[3], 1.0, trouble=False) is False
    sample.answered(moments[2], 1.0, trouble=False)
    assert sample.answered(moments[4], 1.0, trouble=False)


def test_it_takes_at_least_twenty_milliseconds():
    """Where replies come in a millisecond, a handful of them tells little."""
    sample = LatencySample(0, 3)
    moments = sent(sample, 100, apart=0.001)
    for moment in moments:
        if sample.answered(moment, moment + 0.001, trouble=False):
            break
    assert sample.usable == pytest.approx(16, abs=1)  # three quarters of 21


def test_it_is_not_done_while_its_requests_still_leave():
    sample = LatencySample(0, 8)
    moments = sent(sample, 4)
    assert not any(sample.answered(moment, moment, trouble=False) for moment in moments)


def test_replies_in_trouble_are_answers_but_tell_nothing_of_latency():
    sample = LatencySample(0, 4)
    moments = sent(sample, 4)
    done = [sample.answered(moment, moment + 1, trouble=True) for moment in moments[:3]]
    assert done == [False, False, True]
    assert sample.usable == 0


def test_a_sample_counts_by_its_replies_and_never_for_all():
    few, many = Latency(), Latency()
    assert few.seconds == inf
    for latency in (few, many):
        latency.add(answered(1.0))
        assert latency.seconds == pytest.approx(1.0)
    few.add(answered(2.0, 10))
    many.add(answered(2.0, 10_000))
    assert few.seconds == pytest.approx(1.25)
    assert many.seconds == pytest.approx(1.4)


def test_a_latency_is_expected_to_follow_the_limit():
    latency = Latency()
    latency.add(answered(1.0))
    latency.scale(0.9)
    assert latency.seconds == pytest.approx(0.9)
