"""The pool: one row, one outcome, whatever the network and the user do."""

import asyncio
import itertools
from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchconv.errors import OutputError
from batchconv.model import NO_FIELDS, Conversion, Reason, Reply, Result, Row
from batchconv.sending.retry import Backoff
from batchconv.sending.stops import signal_stop
from batchconv.sending.traffic import Limits
from batchconv.sending.transport import Turn
from batchconv.sending.worker_pool import GRACE, Pool
from batchconv.vonage.verdicts import ReplyJudge
from tests import warp

OK = Reply(200, 0.01)


def conversion(number: int) -> Conversion:
    row = Row("a.csv", number, number + 1, NO_FIELDS, None, None, None)
    return Conversion(row, f"id{number}", True, None, "sms")


@dataclass
class Bench:
    """A pool with a scripted network: `script[row]` are its replies, the last one for ever."""

    rows: int
    script: dict[int, list[Reply]] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    rate: float | None = None
    latency: float = 0.01
    longer: dict[int, float] = field(default_factory=dict)
    fail_settling_at: int | None = None
    broken_at: int | None = None
    events: list[tuple[float, str]] = field(default_factory=list)
    outcomes: list = field(default_factory=list)
    sent: list[tuple[float, int]] = field(default_factory=list)
    attempts: Counter = field(default_factory=Counter)
    taken: int = 0
    in_flight: int = 0
    most_in_flight: int = 0
    stopped_at: float | None = None

    def run(self):
        return warp.run(self._run())

    async def _run(self):
        loop = asyncio.get_running_loop()
        self.pool = Pool(
            self._send,
            self._settle,
            judge=ReplyJudge(),
            limits=self.limits,
            rate=self.rate,
            backoff=Backoff(1.0, 30.0, loop.time),
            clock=loop.time,
            wall=loop.time,
        )
        for at, event in self.events:
            loop.call_later(at, self._interrupt, event)
        await self.pool.run(self._take)
        self.ended = loop.time()
        return self

    def _interrupt(self, event: str) -> None:
        if self.stopped_at is None:
            self.stopped_at = asyncio.get_running_loop().time()
        self.pool.stop(signal_stop(2, again=event == "again"))
        if event == "again":
            self.pool.abort()

    async def _take(self):
        if self.taken == self.rows:
            return None
        self.taken += 1
        return conversion(self.taken)

    async def _send(self, wanted: Conversion, turn: Turn, **_: object) -> Reply:
        await turn(lambda: True)
        number = wanted.row.number
        self.sent.append((asyncio.get_running_loop().time(), number))
        replies = self.script.get(number, [OK])
        self.attempts[number] += 1
        attempt = self.attempts[number]
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await asyncio.sleep(self.longer.get(number, self.latency))
        finally:
            self.in_flight -= 1
        return replies[min(attempt, len(replies)) - 1]

    def _settle(self, outcome) -> None:
        if self.broken_at == outcome.row.number:
            raise ZeroDivisionError("with a secret in its text")
        if self.fail_settling_at == len(self.outcomes):
            raise OutputError("the disk is full")
        self.outcomes.append(outcome)

    @property
    def results(self) -> Counter:
        return Counter(outcome.result for outcome in self.outcomes)


def again(status: int = 503, wait: str | None = None) -> Reply:
    return Reply(status, 0.01, wait)


def always(reply: Reply, rows: range) -> dict[int, list[Reply]]:
    return {number: [reply] for number in rows}


LOST = Reply(None, 0.01, trouble=Reason.CONNECTION_LOST)
REFUSED = Reply(None, 0.01, trouble=Reason.CONNECTION_REFUSED)

replies = st.sampled_from(
    [OK, OK, again(), again(500), again(503, "2"), LOST, REFUSED, Reply(420, 0.01),
     Reply(429, 0.01), Reply(429, 0.01, "1"), Reply(403, 0.01), Reply(302, 0.01)]
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(
    rows=st.integers(0, 40),
    script=st.dictionaries(st.integers(1, 40), st.lists(replies, min_size=1, max_size=6)),
    concurrency=st.integers(1, 8),
    max_attempts=st.integers(1, 4),
    rate=st.sampled_from([None, 5.0, 1000.0]),
    longer=st.dictionaries(st.integers(1, 40), st.floats(0, 20)),
    events=st.lists(st.tuples(st.floats(0, 30), st.sampled_from(["once", "again"])), max_size=2),
    fail_settling_at=st.none() | st.integers(0, 40),
)
def test_every_row_taken_has_one_outcome_or_is_unsent(
    rows, script, concurrency, max_attempts, rate, longer, events, fail_settling_at
):
    """Random faults, latencies, interruptions and a disk that fills up: the books balance."""
    script = {number: [*seen, OK] for number, seen in script.items()}
    bench = Bench(
        rows,
        script,
        Limits(concurrency, max_attempts, patience=60),
        rate,
        longer=longer,
        events=sorted(events),
        fail_settling_at=fail_settling_at,
    ).run()
    settled = [outcome.row.number for outcome in bench.outcomes]
    assert len(settled) == len(set(settled))
    assert len(settled) + bench.pool.traffic.unsent == bench.taken
    assert bench.most_in_flight <= concurrency
    assert bench.pool.traffic.requests == len(bench.sent)
    assert bench.pool.traffic.waiting == 0
    if not bench.pool.stops:
        assert bench.taken == rows
        assert bench.pool.traffic.unsent == 0
    counted = Counter(number for _, number in bench.sent)
    for outcome in bench.outcomes:
        assert outcome.attempts == counted[outcome.row.number]
    if bench.stopped_at is not None:
        assert all(at <= bench.stopped_at for at, _ in bench.sent)
        assert bench.ended <= bench.stopped_at + GRACE + 0.001 or bench.ended < events[0][0]


def test_a_waiting_retry_holds_no_place():
    """Four rows wait 100 s each; with one place the other six are sent meanwhile."""
    bench = Bench(10, {n: [again(wait="100"), OK] for n in range(1, 5)}, Limits(1)).run()
    first_attempts = bench.sent[:10]
    assert [number for _, number in first_attempts] == list(range(1, 11))
    assert first_attempts[-1][0] < 1
    assert bench.results == {Result.ACCEPTED: 10}
    assert 100 < bench.ended < 101


def test_reading_pauses_when_too_many_rows_wait_for_a_retry():
    """Nine of ten: ten in a row would be an outage."""
    script = {n: [again(wait="50"), OK] for n in range(1, 1301) if n % 9}
    bench = Bench(1300, script, Limits(2)).run()
    early = [number for at, number in bench.sent if at < 50]
    assert sum(1 for number in early if number % 9) in (1000, 1001)
    assert bench.results == {Result.ACCEPTED: 1300}


def test_attempts_are_exhausted_into_failed():
    bench = Bench(1, {1: [again(500)]}, Limits(max_attempts=3)).run()
    (outcome,) = bench.outcomes
    assert (outcome.result, outcome.attempts, outcome.status) == (Result.FAILED, 3, 500)
    assert outcome.reason is Reason.SERVER_ERROR


def test_one_attempt_means_no_retry():
    bench = Bench(1, {1: [again(500)]}, Limits(max_attempts=1)).run()
    assert bench.outcomes[0].result is Result.FAILED
    assert bench.ended < 1


def test_a_throttled_exchange_uses_up_no_attempt():
    script = {1: [Reply(429, 0.01, "1")] * 7 + [OK]}
    bench = Bench(1, script, Limits(max_attempts=1)).run()
    assert bench.outcomes[0].result is Result.ACCEPTED
    assert bench.outcomes[0].attempts == 8
    assert bench.pool.traffic.throttled == 7


def test_a_429_holds_the_whole_run_back():
    bench = Bench(50, {3: [Reply(429, 0.01, "60"), OK]}, Limits(5)).run()
    times = [at for at, _ in bench.sent]
    assert not [at for at in times if 0.03 < at < 60]
    assert bench.results == {Result.ACCEPTED: 50}
    assert bench.pool.traffic.pauses[0][2] == "throttled"


def test_nothing_but_429_for_longer_than_the_patience_stops_with_3():
    script = {n: [Reply(429, 0.01, "10")] for n in range(1, 6)}
    bench = Bench(5, script, Limits(5, patience=30)).run()
    assert [stop.exit_code for stop in bench.pool.stops] == [3]
    assert bench.pool.traffic.unsent == 5
    assert 30 < bench.ended < 60


@pytest.mark.parametrize("status", [401, 402, 407, 403, 302, 404, 405])
def test_a_wrong_account_or_address_stops_after_the_requests_in_flight(status):
    bench = Bench(1000, always(Reply(status, 0.01), range(1, 1001)), Limits(7)).run()
    assert len(bench.sent) == 7
    assert bench.pool.stops[0].exit_code == 4
    assert bench.pool.traffic.unsent == bench.taken
    assert bench.outcomes == []


@pytest.mark.parametrize("status", [403, 302, 404, 405])
def test_once_a_row_was_accepted_such_a_status_rejects_its_row(status):
    bench = Bench(9, {5: [Reply(status, 0.01)]}, Limits(1)).run()
    assert bench.results == {Result.ACCEPTED: 8, Result.REJECTED: 1}


def test_twenty_403_in_a_row_stop_the_run():
    bench = Bench(100, always(Reply(403, 0.01), range(5, 101)), Limits(1)).run()
    assert bench.results == {Result.ACCEPTED: 4, Result.REJECTED: 19}
    assert bench.pool.stops[0].exit_code == 4


def test_a_refused_certificate_stops_the_run():
    refused = Reply(None, 0.01, trouble=Reason.CONNECTION_LOST, certificate="it has expired")
    bench = Bench(100, always(refused, range(1, 101)), Limits(2)).run()
    assert len(bench.sent) == 2
    assert "certificate" in bench.pool.stops[0].why


def test_a_repeat_is_counted_only_where_the_outcome_was_unknown():
    """A refused connection took nothing; a lost one may have."""
    bench = Bench(3, {1: [LOST, OK], 2: [REFUSED, OK], 3: [again(), OK]}).run()
    assert bench.pool.traffic.retries == 3
    assert bench.pool.traffic.unknown_repeats == 1


def test_the_first_signal_lets_requests_in_flight_end():
    bench = Bench(100, longer={1: 4.0}, limits=Limits(2), rate=1.0, events=[(2.5, "once")]).run()
    assert 1 in [outcome.row.number for outcome in bench.outcomes]
    assert bench.ended == pytest.approx(4.0, abs=0.01)


def test_a_request_that_outlasts_the_grace_is_unsent():
    bench = Bench(1, longer={1: 60.0}, events=[(1.0, "once")]).run()
    assert bench.ended == pytest.approx(1.0 + GRACE, abs=0.01)
    assert (bench.outcomes, bench.pool.traffic.unsent) == ([], 1)


def test_the_second_signal_stops_at_once():
    bench = Bench(1, longer={1: 60.0}, events=[(1.0, "once"), (2.0, "again")]).run()
    assert bench.ended == pytest.approx(2.0, abs=0.01)
    assert bench.pool.traffic.unsent == 1


def test_a_cancelled_run_takes_no_other_row_and_leaves_those_in_flight_unsent():
    async def cancelled():
        bench = Bench(50, latency=0.3, limits=Limits(concurrency=3))
        task = asyncio.create_task(bench._run())  # noqa: SLF001 - the bench is the test's
        await asyncio.sleep(0.5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return bench

    bench = warp.run(cancelled())
    assert (bench.taken, len(bench.sent), bench.results) == (6, 6, {Result.ACCEPTED: 3})
    assert bench.pool.traffic.unsent == 3


def test_an_outcome_that_cannot_be_written_stops_the_run_and_leaves_the_row_unsent():
    bench = Bench(1000, limits=Limits(3), fail_settling_at=10).run()
    assert bench.pool.stops[0].exit_code == 5
    assert len(bench.outcomes) == 10
    assert bench.taken - 10 == bench.pool.traffic.unsent


def test_a_defect_stops_the_run_and_tells_where_but_not_what():
    bench = Bench(3, broken_at=2).run()
    assert bench.pool.stops[0].exit_code == 70
    assert "ZeroDivisionError" in bench.pool.stops[0].why
    assert "secret" not in bench.pool.stops[0].why


def test_requests_leave_at_the_rate_retries_counted_in():
    script = {n: [again(wait="1"), OK] for n in range(1, 101, 2)}
    bench = Bench(100, script, Limits(20), rate=10.0).run()
    times = sorted(at for at, _ in bench.sent)
    assert len(times) == 150
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert min(gaps) >= 0.1 - 0.0501
    assert times[-1] == pytest.approx(14.9, abs=0.1)
