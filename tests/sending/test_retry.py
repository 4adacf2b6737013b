"""The verdict table and the waits, as tables."""

import random

import pytest
from tenacity import Future, RetryCallState

from batchconv.model import Reason, Reply
from batchconv.retry_after import retry_after
from batchconv.sending.retry import Backoff
from batchconv.vonage.verdicts import (
    Judged,
    ReplyJudge,
    Verdict,
    explain,
    judge,
    outcome_unknown,
)

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
        assert judge(reply, accepted_before=False) is before, status
        assert judge(reply, accepted_before=True) is after, status


def verdicts(statuses: list[int], *, accepted_before: bool = True) -> list[Verdict]:
    judge_all = ReplyJudge(accepted_before=accepted_before)
    return [judge_all(Reply(status, 0.1)).verdict for status in statuses]


def test_the_twentieth_doubtful_reply_in_a_row_stops_although_rows_were_accepted():
    assert verdicts([403, 302, 404, 405] * 5) == [R] * 19 + [S]
    assert verdicts([404] * 19 + [200] + [404] * 19) == [R] * 19 + [A] + [R] * 19
    assert verdicts([404] * 19 + [420] + [404] * 19) == [R] * 39
    assert verdicts([404] * 19 + [503, 429, 404]) == [R] * 19 + [T, W, S]


def test_whether_a_row_was_accepted_is_asked_of_the_whole_job():
    assert verdicts([404], accepted_before=False) == [S]
    assert verdicts([404], accepted_before=True) == [R]
    assert verdicts([204, 404], accepted_before=False) == [A, R]


def test_a_proxys_answer_is_never_the_apis():
    answers = [200, 302, 403, 404, 407, 408, 429, 502]
    found = [judge(Reply(n, 0.1, proxy=True), accepted_before=True) for n in answers]
    assert found == [S, S, S, S, S, T, W, T]


@pytest.mark.parametrize(
    ("trouble", "unknown"),
    [
        (Reason.TIMEOUT, True),
        (Reason.CONNECTION_LOST, True),
        (Reason.BAD_REPLY, True),
        (Reason.UNKNOWN_HOST, False),
        (Reason.CONNECTION_REFUSED, False),
        (Reason.NO_ROUTE, False),
        (Reason.TLS_FAILED, False),
    ],
)
def test_no_answer_is_tried_again(trouble, unknown):
    reply = Reply(None, 0.1, trouble=trouble)
    assert judge(reply, accepted_before=False) is T
    assert outcome_unknown(reply) is unknown
    assert not outcome_unknown(reply._replace(written=False))
    assert not outcome_unknown(reply._replace(proxy=True))
    assert explain(reply, 5)[0] is trouble


def test_a_gateway_that_gave_up_may_have_passed_the_request_on():
    found = [n for n in (408, 429, 500, 501, 502, 503, 504) if outcome_unknown(Reply(n, 0.1))]
    assert found == [502, 504]
    assert not outcome_unknown(Reply(502, 0.1, proxy=True))


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
        ("0", None),
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
        ("Fri, 15 Jan 2027 07:00:00 GMT", None),
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


@pytest.mark.parametrize("value", ["0", "Fri, 15 Jan 2027 07:00:00 GMT"])
def test_a_retry_after_that_asks_for_no_wait_keeps_the_backoff(value):
    random.seed(1)
    waits = [wait(5, Reply(503, 0.1, value)) for _ in range(400)]
    assert max(waits) > 14
