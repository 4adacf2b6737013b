"""The verdict table and the waits, as tables."""

import random

import pytest
from tenacity import Future, RetryCallState

from batchconv.model import Reason, Reply
from batchconv.sending.retry import Backoff, retry_after
from batchconv.vonage.verdicts import Judged, Verdict, explain, judge, outcome_unknown

A, R, T, S, W = Verdict.ACCEPT, Verdict.REJECT, Verdict.AGAIN, Verdict.STOP, Verdict.SLOW_DOWN


@pytest.mark.parametrize(
    ("statuses", "before", "after"),
    [
        ([200, 201, 202, 204, 206, 226, 299], A, A),
        ([401, 402, 407], S, S),
        ([300, 301, 302, 303, 304, 307, 308, 404, 405], S, R),
        ([403], S, R),
        ([400, 406, 409, 410, 411, 413, 414, 415, 418, 420, 422, 423, 424, 426, 451, 499], R, R),
        ([408, 425, 500, 501, 502, 503, 504, 505, 520, 599], T, T),
        ([429], W, W),
    ],
)
def test_the_status_decides(statuses, before, after):
    for status in statuses:
        reply = Reply(status, 0.1)
        assert judge(reply, accepted_before=False, forbidden_in_a_row=1) is before, status
        assert judge(reply, accepted_before=True, forbidden_in_a_row=1) is after, status


def test_the_third_403_in_a_row_stops_although_rows_were_accepted():
    verdicts = [
        judge(Reply(403, 0.1), accepted_before=True, forbidden_in_a_row=n) for n in (1, 2, 3, 4)
    ]
    assert verdicts == [R, R, S, S]


@pytest.mark.parametrize(
    ("trouble", "unknown"),
    [
        (Reason.TIMEOUT, True),
        (Reason.CONNECTION_LOST, True),
        (Reason.BAD_REPLY, True),
        (Reason.UNKNOWN_HOST, False),
        (Reason.CONNECTION_REFUSED, False),
    ],
)
def test_no_answer_is_tried_again(trouble, unknown):
    reply = Reply(None, 0.1, trouble=trouble)
    assert judge(reply, accepted_before=False, forbidden_in_a_row=0) is T
    assert outcome_unknown(reply) is unknown
    assert explain(reply, 5)[0] is trouble


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (400, Reason.INVALID_PARAMETERS),
        (420, Reason.INVALID_PARAMETERS),
        (422, Reason.INVALID_PARAMETERS),
        (423, Reason.INVALID_PARAMETERS),
        (403, Reason.FORBIDDEN),
        (302, Reason.REDIRECTED),
        (404, Reason.REFUSED),
        (410, Reason.REFUSED),
        (408, Reason.TIMEOUT),
        (503, Reason.SERVER_ERROR),
    ],
)
def test_the_reason_follows_from_the_status(status, reason):
    assert explain(Reply(status, 0.1), 2)[0] is reason


NOW = 1_800_000_000.0  # 2027-01-15 08:00:00 UTC


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("0", 0.0),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("120", 120.0),
        ("121", 120.0),
        ("9" * 400, 120.0),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("\uff17", None),
        ("Fri, 15 Jan 2027 08:00:09 GMT", 9.0),
        ("Fri, 15 Jan 2027 08:00:09 -0000", 9.0),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 0.0),
        ("Sat, 15 Jan 2028 08:00:00 GMT", 120.0),
        ("Friday, 15-Jan-27 08:00:09 GMT", 9.0),
        ("Fri, 99 Jan 2027 08:00:00 GMT", None),
        ("Fri, 15 Jan 99999 08:00:00 GMT", None),
        ("\x00", None),
    ],
)
def test_retry_after_in_both_forms_and_junk(value, seconds):
    assert retry_after(value, NOW) == seconds


def wait(attempt: int, reply: Reply, *, base: float = 1.0, longest: float = 30.0) -> float:
    state = RetryCallState(None, None, (), {})  # type: ignore[arg-type]  # the wait looks at none of them
    state.attempt_number = attempt
    state.outcome = Future.construct(attempt, Judged(reply, T), has_exception=False)
    return Backoff(base, longest, lambda: NOW)(state)


def test_backoff_is_exponential_with_full_jitter():
    """Waits fill the whole range from nothing to base x 2^n, up to the longest."""
    random.seed(1)
    for attempt, high in [(1, 1.0), (2, 2.0), (3, 4.0), (5, 16.0), (6, 30.0), (60, 30.0)]:
        waits = [wait(attempt, Reply(503, 0.1)) for _ in range(400)]
        assert 0 <= min(waits) < 0.1 * high
        assert 0.9 * high < max(waits) <= high


def test_retry_after_replaces_the_jitter():
    assert {wait(n, Reply(503, 0.1, "3")) for n in (1, 2, 9)} == {3.0}
    assert wait(1, Reply(503, 0.1, "junk")) <= 1.0


def test_throttling_without_a_header_never_waits_near_nothing():
    backoff = Backoff(1.0, 30.0, lambda: NOW)
    for times, low, high in [(1, 0.05, 0.1), (2, 0.1, 0.2), (10, 15.0, 30.0), (999, 15.0, 30.0)]:
        for _ in range(100):
            assert low <= backoff.throttled(times) <= high
