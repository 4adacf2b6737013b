"""An outage is the server's, a poisoned row is its own: through the whole pipeline.

Some ids always get 500. Whatever their order in the file, every other row is accepted in one run,
and no row of theirs stands in the way of a later run.
"""

import pytest

from batchconv.model import Reason, Reply
from batchconv.reading.row_memory import RowMemory
from batchconv.sending.stops import signal_stop
from tests.harness import OK, Job

BROKEN = Reply(500, 0.01)
DOWN = Reply(None, 0.01, trouble=Reason.CONNECTION_REFUSED)


def poison(message_id: str, _now: float) -> Reply:
    return BROKEN if message_id.startswith("bad") else OK


def ids(pattern: str) -> list[str]:
    """Ids of a file told in words: `100 good, 30 bad`."""
    found: list[str] = []
    for part in pattern.split(", "):
        count, kind = part.split()
        found += [f"{kind}{len(found) + n}" for n in range(int(count))]
    return found


EVERY_TWENTIETH = ", ".join(["19 good, 1 bad"] * 10)
PATTERNS = [
    "100 good, 30 bad, 170 good",
    EVERY_TWENTIETH,
    "20 bad, 180 good",
    "90 good, 20 bad, 90 good",
    "100 bad, 100 good",  # one channel of a sorted file
    "1 good, 150 bad, 150 good",
    "5 good, 12 bad, 5 good, 12 bad, 5 good, 100 bad, 100 good",
    "9 bad, 1 good",
]


@pytest.mark.parametrize(("concurrency", "rate"), [(1, None), (20, 20.0), (None, None)])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_bad_rows_fail_and_all_the_others_are_accepted_in_one_run(
    tmp_path, pattern, concurrency, rate
):
    job = Job(tmp_path, poison).write(ids(pattern))
    summary = job.upload(concurrency=concurrency, rate=rate)
    outcomes = job.outcomes()
    assert {outcomes.get(one) for one in ids(pattern) if one.startswith("good")} == {"accepted"}
    assert {outcomes.get(one) for one in ids(pattern) if one.startswith("bad")} == {"failed"}
    assert summary.exit_code == 1
    assert summary.books.unsent == 0


def test_a_block_at_the_end_holds_up_no_good_row_and_ends_as_an_outage(tmp_path):
    """Nothing tells it from a server that went down: what is left is unsent, and resumable."""
    job = Job(tmp_path, poison).write(ids("180 good, 20 bad"))
    summary = job.upload(concurrency=20)
    assert job.counts() == {"accepted": 180}
    assert (summary.exit_code, summary.books.unsent) == (3, 20)
    (stop,) = summary.stops
    assert stop.why == "no row got a final answer for 15 min; at last, the server answered 500"
    for failed in (9, 18, 20):
        assert job.upload(resume=True, retry="none", limit=9, concurrency=20).exit_code == 1
        assert job.counts() == {"accepted": 180, "failed": failed}


def test_held_rows_that_fail_again_use_up_their_attempts_and_no_more(tmp_path):
    job = Job(tmp_path, poison).write(ids("100 good, 15 bad, 200 good"))
    job.upload(concurrency=20, max_attempts=3)
    exchanges = [len(job.replies[one]) for one in job.replies if one.startswith("bad")]
    assert set(job.outcomes().values()) == {"accepted", "failed"}
    # Three that count; and at most one in the outage, when it was in flight or a probe.
    assert set(exchanges) <= {3, 4}


def test_an_outage_uses_up_no_attempt_of_rows_held_back_by_it(tmp_path):
    """Every row has one attempt only; those that failed before it was one have failed."""
    job = Job(tmp_path, lambda _, now: DOWN if now < 300 else OK).write(ids("200 good"))
    summary = job.upload(concurrency=20, max_attempts=1)
    assert job.counts() == {"failed": 9, "accepted": 191}
    assert summary.books.unsent == 0


@pytest.mark.parametrize("pattern", PATTERNS[:3])
@pytest.mark.parametrize("begins", [0, 0.3])
def test_rows_that_fill_the_memory_in_an_outage_are_sent_when_it_is_over(
    tmp_path, monkeypatch, pattern, begins
):
    """Reading pauses while much is held, and every worker waits for it: the held rows go out."""
    monkeypatch.setattr(RowMemory.__init__, "__defaults__", (4_000,))
    down = Job(tmp_path, lambda one, now: DOWN if begins <= now < 300 else poison(one, now)).write(
        ids(pattern)
    )
    summary = down.upload(concurrency=20, max_attempts=3)
    assert (summary.books.unsent, len(down.outcomes())) == (0, len(ids(pattern)))
    assert set(down.outcomes().values()) <= {"accepted", "failed"}


def test_probes_are_fresh_rows_as_long_as_there_are(tmp_path):
    job = Job(tmp_path, lambda *_: DOWN).write(ids("300 good"))
    job.upload(concurrency=20, give_up_after=600.0)
    sent = [one for _, one in job.sent]
    assert len(sent) == len(set(sent))


def test_probes_come_after_1_2_4_8_and_then_every_15_seconds(tmp_path):
    job = Job(tmp_path, lambda *_: DOWN).write(ids("300 good"))
    job.upload(concurrency=20, give_up_after=100.0)
    moments = [at for at, _ in job.sent if at > 0.5]
    waits = [later - earlier for earlier, later in zip([0.0, *moments], moments, strict=False)]
    assert waits == pytest.approx([1, 2, 4, 8, *[15] * 5], abs=0.1)


def test_with_no_fresh_row_left_the_held_ones_are_probed_with(tmp_path):
    job = Job(tmp_path, lambda _, now: DOWN if now < 100 else OK).write(ids("10 good"))
    summary = job.upload(concurrency=20, max_attempts=2)
    assert job.counts() == {"accepted": 10}
    assert summary.exit_code == 0


def test_a_reply_from_before_the_outage_does_not_end_it(tmp_path):
    """A slow accept comes in while the server is down: only a probe tells that it is up again."""

    def answer(message_id: str, now: float) -> Reply:
        return OK if message_id == "slow0" or now > 50 else DOWN

    job = Job(tmp_path, answer)
    job.delays["slow0"] = 10.0
    job.write([*ids("1 slow"), *ids("100 good")])
    summary = job.upload(concurrency=20)
    assert job.counts() == {"accepted": 101}
    assert len([pause for pause in summary.traffic.pauses if pause[2] == "outage"]) == 1
    assert len([at for at, _ in job.sent if 1.5 < at < 50]) < 6


@pytest.mark.parametrize("again", [False, True])
def test_a_signal_in_an_outage_leaves_all_rows_unsent_and_the_books_balanced(tmp_path, again):
    job = Job(tmp_path, lambda *_: DOWN).write(ids("5000 good"))
    events = [(40.0, lambda run: run.stop(signal_stop(2)))]
    if again:
        events.append((40.1, lambda run: run.stop(signal_stop(2, again=True))))
    summary = job.upload(events=events, concurrency=20)
    assert summary.exit_code == 130
    assert summary.books.read == summary.books.unsent > 1000
    job.answer = lambda *_: OK
    assert job.upload(resume=True).exit_code == 0
    assert job.counts() == {"accepted": 5000}


def test_a_resume_after_an_outage_sends_what_was_left(tmp_path):
    job = Job(tmp_path, lambda *_: DOWN).write(ids("300 good"))
    assert job.upload(give_up_after=60.0).exit_code == 3
    job.answer = lambda *_: OK
    assert job.upload(resume=True).exit_code == 0
    assert job.counts() == {"accepted": 300}


@pytest.mark.parametrize(
    ("replies", "said"),
    [
        ([DOWN], "at last, the server refused the connection"),
        (
            [Reply(None, 0.1, trouble=Reason.UNKNOWN_HOST)],
            "at last, the server's name could not be found",
        ),
        (
            [Reply(503, 0.1, proxy=True), BROKEN],
            "at last, the proxy answered 503 (5 times), the server answered 500 (5 times)",
        ),
        (
            [DOWN] * 9 + [BROKEN],
            "at last, the server refused the connection (9 times), "
            "the server answered 500 (1 time)",
        ),
    ],
)
def test_the_run_says_what_the_last_replies_were(tmp_path, replies, said):
    job = Job(tmp_path, lambda *_: replies[len(job.sent) % len(replies)]).write(ids("300 good"))
    (stop,) = job.upload(give_up_after=600.0, concurrency=20).stops
    assert stop.why == f"no row got a final answer for 10 min; {said}"


def test_a_probe_that_is_throttled_goes_on_when_it_may(tmp_path):
    def answer(_: str, now: float) -> Reply:
        return DOWN if now < 5 else Reply(429, 0.0, "3") if now < 12 else OK

    job = Job(tmp_path, answer).write(ids("100 good"))
    assert job.upload(concurrency=20).exit_code == 0
    assert job.counts() == {"accepted": 100}


def test_rows_taken_up_again_from_failed_neither_begin_an_outage_nor_stop_a_resume(tmp_path):
    """They fail once more, by their attempts, and the rows behind them go out."""
    job = Job(tmp_path, poison).write(ids("30 bad, 30 good"))
    assert job.upload(concurrency=20).exit_code == 1
    assert job.counts() == {"failed": 30, "accepted": 30}
    job.write([*ids("30 bad, 30 good"), "new1", "new2"])
    summary = job.upload(resume=True, concurrency=20)
    assert (summary.exit_code, summary.books.unsent) == (1, 0)
    assert job.counts() == {"failed": 30, "accepted": 32}
    assert [pause for pause in summary.traffic.pauses if pause[2] == "outage"] == []


def test_rows_that_failed_in_an_outage_of_their_own_are_settled_by_a_resume(tmp_path):
    job = Job(tmp_path, lambda *_: DOWN).write(ids("9 good"))
    assert job.upload().exit_code == 1
    job.answer = lambda *_: OK
    assert job.upload(resume=True).exit_code == 0
    assert job.counts() == {"accepted": 9}
