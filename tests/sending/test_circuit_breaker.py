"""An outage: waited out by probing, at the cost of no row and no attempt."""

import pytest

from batchconv.model import Reason, Reply, Result
from batchconv.sending.limits.circuit_breaker import ROWS_TO_BEGIN, CircuitBreaker
from batchconv.sending.stops import signal_stop
from batchconv.sending.traffic import Limits
from tests.models import Sending, Server


def down(until: float = 1e9, begin: float = 0.0, **more) -> Server:
    return Server(down=(begin, until), **more)


def test_an_outage_of_ten_seconds_costs_nothing_but_time():
    """The bar: under 200 requests wasted, done within 16 s of its end."""
    server = down(10.0, 0.5)
    sending = Sending(server, Limits(20), rows=3000).run()
    assert {outcome.result for outcome in sending.outcomes} == {Result.ACCEPTED}
    assert len(sending.outcomes) == 3000
    assert server.count(0, 1e9)[503] < 60
    assert sending.ended < 26
    ((begin, end, why),) = sending.pool.traffic.pauses
    assert (begin, why) == (pytest.approx(0.5, abs=0.1), "outage")
    assert 10 <= end <= 17


def test_rows_that_would_have_failed_by_their_attempts_survive_it():
    """Down for an hour with two attempts a row: only what came before it was noticed counts."""
    server = down(3600.0, 1.0)
    sending = Sending(server, Limits(20, max_attempts=2, patience=1e6), rows=3000).run()
    assert {outcome.result for outcome in sending.outcomes} == {Result.ACCEPTED}
    assert server.count(1.0, 1e9)[503] < 3600 / 15 + 40


def test_probes_come_after_1_2_4_8_and_then_every_15_seconds():
    server = down()
    Sending(server, Limits(20, patience=100), rows=3000).run()
    begun = max(at for at, _ in server.replies if at < 0.5) + server.latency
    probes = [at for at, _ in server.replies if at > 0.5]
    waits = [
        later - earlier - server.latency
        for earlier, later in zip([begun - server.latency, *probes], probes, strict=False)
    ]
    assert waits == pytest.approx([1, 2, 4, 8, 15, 15, 15, 15, 15], abs=0.02)


def test_an_outage_longer_than_the_patience_stops_with_3_and_loses_no_row():
    server = down(begin=0.5)
    sending = Sending(server, Limits(20, patience=60), rows=3000).run()
    (stop,) = sending.pool.stops
    assert stop.exit_code == 3
    assert stop.why == "no row got a final answer for 1 min; at last, the server answered 503"
    assert sending.ended == pytest.approx(60.5, abs=0.2)
    assert len(sending.outcomes) + sending.pool.traffic.unsent == sending.taken
    assert sending.pool.traffic.pauses[-1][2] == "outage"


def test_a_file_of_fewer_than_ten_rows_uses_up_its_attempts():
    sending = Sending(down(), Limits(20, max_attempts=3), rows=9).run()
    assert [outcome.result for outcome in sending.outcomes] == [Result.FAILED] * 9
    assert {outcome.attempts for outcome in sending.outcomes} == {3}


def test_ten_rows_are_enough_for_an_outage():
    sending = Sending(down(5.0), Limits(20, max_attempts=2), rows=10).run()
    assert [outcome.result for outcome in sending.outcomes] == [Result.ACCEPTED] * 10


def test_one_final_reply_among_them_means_that_there_is_no_outage():
    """Every ninth row is accepted: attempts count, and the others fail."""
    server = Server()

    async def send(conversion, turn):
        await turn(lambda: True)
        return Reply(200 if conversion.row.number % 9 == 0 else 503, 0.01)

    server.send = send
    sending = Sending(server, Limits(1, max_attempts=1), rows=100).run()
    results = [outcome.result for outcome in sending.outcomes]
    assert (results.count(Result.FAILED), results.count(Result.ACCEPTED)) == (89, 11)
    assert sending.pool.traffic.pauses == []


def test_an_outage_of_the_network_is_one_too():
    server = Server()
    calls = []

    async def send(conversion, turn, **_):
        calls.append(conversion)
        if len(calls) >= 40:
            await turn(lambda: True)
        return (
            Reply(None, 0.01, trouble=Reason.CONNECTION_REFUSED)
            if len(calls) < 40
            else Reply(200, 0.01)
        )

    server.send = send
    sending = Sending(server, Limits(20), rows=100).run()
    assert [outcome.result for outcome in sending.outcomes] == [Result.ACCEPTED] * 100


def test_a_signal_ends_the_waiting_at_once():
    interrupt = (5.5, lambda pool: pool.stop(signal_stop(2)))
    sending = Sending(down(), Limits(20), rows=100, events=[interrupt]).run()
    assert sending.pool.stops[0].exit_code == 130
    assert sending.pool.traffic.unsent == sending.taken
    assert sending.ended == pytest.approx(5.5)


@pytest.mark.parametrize("repeats", [1, 3])
def test_ten_different_rows_make_an_outage_however_often_each_fails(repeats):
    outage = CircuitBreaker()
    rows = [("a", number) for number in range(ROWS_TO_BEGIN)]
    began = [outage.troubled(row, 5.0) for row in rows for _ in range(repeats)]
    assert began.index(True) == (ROWS_TO_BEGIN - 1) * repeats
    assert outage.since == 5.0


def test_one_final_reply_among_them_begins_the_count_anew():
    outage = CircuitBreaker()
    began = [outage.troubled(("a", number), 0.0) for number in range(9)]
    outage.final()
    began += [outage.troubled(("b", number), 0.0) for number in range(9)]
    assert not any(began)
    assert outage.troubled(("c", 1), 7.0)
    outage.over()
    assert outage.since is None
    assert not outage.troubled(("d", 1), 8.0)
