"""Rows through workers, on a virtual clock: who gets what, and what is done about lost workers."""

import asyncio
import logging
from collections import Counter
from contextlib import asynccontextmanager

import pytest

from batchconv.errors import ExitCode, UsageError
from batchconv.model import NO_FIELDS, Conversion, Reason, Reply, Row
from batchconv.sending.relay.launcher import WorkerError
from batchconv.sending.relay.messages import (
    conversion_of,
    make_answer,
    make_request,
    reply_of,
)
from batchconv.sending.relay.relay import MOST_SILENT, NoWorkersError, Relay
from batchconv.sending.transport import NotWritten, at_once
from batchconv.telemetry.run_events import Turns
from tests import harness, warp
from tests.shells import ids

CONVERSION = Conversion(Row("", 1, None, NO_FIELDS, None, None, None), "a", True, None, "sms")


class Link:
    """A worker that answers after a while, or never."""

    def __init__(self, launcher, number, events):
        self.launcher = launcher
        self.name = f"worker {number}"
        self.events = events
        self.frames = []
        self.kept = []
        self.killed = self.closed = False
        self.beat()

    def beat(self):
        self.timer = asyncio.get_running_loop().call_later(0.5, self.beat)
        self.events.heard([])

    def send(self, requests):
        self.frames.append(requests)
        if self.launcher.latency is not None:
            asyncio.get_running_loop().call_later(self.launcher.latency, self.answer, requests)

    def answer(self, requests):
        if not (self.killed or self.closed):
            for request in requests:
                self.launcher.sent[request[2]] += 1
            self.events.heard([make_answer(one[0], Reply(200, 0.01)) for one in requests])

    def keep(self, connections):
        self.kept.append(connections)

    def kill(self):
        if not self.killed:
            self.killed = True
            self.timer.cancel()
            asyncio.get_running_loop().call_soon(self.events.ended, "it was killed by SIGKILL")

    def stop(self):
        """No sign of life any more, as after a SIGSTOP."""
        self.timer.cancel()
        self.events = self.events._replace(heard=lambda _: None)

    async def close(self):
        self.closed = True
        self.timer.cancel()


class Launcher:
    """Starts as many as it may."""

    def __init__(self, latency=0.01, most=1000):
        self.latency = latency
        self.most = most
        self.links = []
        self.tries = 0
        self.sent = Counter()

    async def launch(self, events):
        self.tries += 1
        await asyncio.sleep(0.3)
        if len(self.links) >= self.most:
            raise WorkerError("a process cannot be started: out of memory")
        self.links.append(Link(self, len(self.links), events))
        return self.links[-1]


def with_relay(test, workers=2, patience=60.0, **launcher):
    async def main():
        starting = Launcher(**launcher)
        async with Relay(starting, workers, patience=patience) as relay:
            await asyncio.sleep(0.31)  # to start one takes 0.3
            await test(relay, starting)
        assert all(link.closed or link.killed for link in starting.links)

    warp.run(main())


async def handed(relay, count):
    """So many exchanges that are under way."""
    tasks = [asyncio.create_task(relay.exchange(CONVERSION, at_once)) for _ in range(count)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return tasks


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, 0.5),
        Reply(503, 0.5, "120"),
        Reply(None, 1.0, trouble=Reason.TIMEOUT, written=False),
        Reply(None, 1.0, None, Reason.TLS_FAILED, "it has expired", proxy=True),
        Reply(407, 0.1, proxy=True, written=False),
    ],
)
def test_a_reply_comes_back_as_it_was(reply):
    number, values = make_answer(7, reply)
    assert (number, reply_of(values)) == (7, reply)
    assert type(reply_of(values).trouble) is type(reply.trouble)


def test_a_request_holds_what_is_sent_and_not_the_row():
    conversion = CONVERSION._replace(timestamp="2020-01-01 12:00:00", channel="voice")
    request = make_request(3, conversion, fresh=True)
    assert request == (3, True, "a", True, "2020-01-01 12:00:00", "voice")
    assert conversion_of(request)[1:] == conversion[1:]


def test_rows_of_one_turn_leave_as_one_frame_for_each_worker_shared_out_evenly():
    async def test(relay, launcher):
        await asyncio.gather(*await handed(relay, 11))
        assert sorted([len(frame) for frame in link.frames] for link in launcher.links) == [
            [5],
            [6],
        ]

    with_relay(test)


def test_of_workers_with_as_few_rows_the_one_that_waited_longest_is_next():
    async def test(relay, launcher):
        for _ in range(4):
            await relay.exchange(CONVERSION, at_once)
        assert [len(link.frames) for link in launcher.links] == [2, 2]

    with_relay(test)


def test_a_single_row_leaves_at_once():
    async def test(relay, launcher):
        before = asyncio.get_running_loop().time()
        (task,) = await handed(relay, 1)
        assert sum(len(link.frames) for link in launcher.links) == 1
        assert asyncio.get_running_loop().time() == before
        await task

    with_relay(test)


def test_connections_are_shared_out_also_to_a_worker_that_comes_later():
    async def test(relay, launcher):
        relay.keep(15)
        launcher.links[0].kill()
        await asyncio.sleep(1)
        assert [link.kept for link in launcher.links] == [[8], [8], [8]]

    with_relay(test)


def test_rows_of_a_lost_worker_are_lost_with_it_and_the_other_ones_are_not():
    async def test(relay, launcher):
        tasks = await handed(relay, 10)
        launcher.links[0].kill()
        await asyncio.sleep(0.01)
        assert Counter(task.done() and task.result().trouble for task in tasks) == {
            False: 5,
            Reason.WORKER_LOST: 5,
        }
        assert (relay.workers.up, relay.workers.lost) == (1, 1)
        assert relay.workers.why == "worker 0: it was killed by SIGKILL"
        await asyncio.sleep(1)
        assert (relay.workers.up, relay.workers.restarted) == (2, 1)

    with_relay(test, latency=1.0)


def test_a_worker_that_ends_at_once_is_started_ever_more_rarely():
    async def test(relay, launcher):
        for _ in range(200):
            await asyncio.sleep(1)
            for link in launcher.links:
                link.kill()
        assert 15 < launcher.tries < 30
        await asyncio.sleep(60)  # it lasts
        launcher.links[-1].kill()
        await asyncio.sleep(1)
        assert relay.workers.up == 1

    with_relay(test, workers=1)


def test_a_silent_worker_is_ended_and_replaced():
    async def test(relay, launcher):
        launcher.links[0].stop()
        before = asyncio.get_running_loop().time()
        tasks = await handed(relay, 4)
        replies = await asyncio.gather(*tasks)
        lasted = asyncio.get_running_loop().time() - before
        assert Counter(one.trouble for one in replies) == {None: 2, Reason.WORKER_LOST: 2}
        assert MOST_SILENT - 1 <= lasted <= MOST_SILENT + 1
        assert [link.killed for link in launcher.links] == [True, False]
        assert relay.workers.why == "worker 0: it gave no sign of life for 10 s"

    with_relay(test)


def test_no_worker_is_blamed_for_a_pause_of_this_process():
    async def test(_, launcher):
        loop = asyncio.get_running_loop()
        for _ in range(5):
            loop.now += 3600  # all stood still, the workers too
            await asyncio.sleep(2)
        assert not any(link.killed for link in launcher.links)

    with_relay(test)


def test_rows_wait_while_no_worker_is_there():
    async def test(relay, launcher):
        launcher.links[0].kill()
        await asyncio.sleep(0.01)
        assert relay.workers.up == 0
        (task,) = await handed(relay, 1)
        assert not task.done()
        assert (await task).status == 200

    with_relay(test, workers=1)


def test_a_row_whose_worker_is_lost_while_it_waits_for_its_turn_begins_again():
    async def test(relay, launcher):
        async def turn(usable):
            launcher.links[0].kill()
            await asyncio.sleep(0.01)
            await at_once(usable)

        with pytest.raises(NotWritten):
            await relay.exchange(CONVERSION, turn)

    with_relay(test, workers=1)


def test_without_any_worker_for_too_long_an_exchange_says_that():
    async def test(relay, launcher):
        launcher.most = 1
        launcher.links[0].kill()
        await asyncio.sleep(0.01)
        with pytest.raises(NoWorkersError, match="no worker could be started for 1 min") as error:
            await relay.exchange(CONVERSION, at_once)
        assert "out of memory" in str(error.value)
        assert error.value.exit_code == ExitCode.LIMIT
        assert asyncio.get_running_loop().time() > 60

    with_relay(test, workers=1)


def test_where_no_worker_can_be_started_at_all_nothing_is_sent():
    async def test(relay, _):
        with pytest.raises(UsageError, match=r"no worker could be started: .* out of memory"):
            await relay.exchange(CONVERSION, at_once)

    with_relay(test, most=0)


def test_rows_wait_for_the_first_worker_to_start():
    async def main():
        async with Relay(Launcher(), 2, patience=60.0) as relay:
            (task,) = await handed(relay, 1)
            assert not task.done()
            assert (await task).status == 200

    warp.run(main())


def test_one_worker_that_cannot_be_started_does_not_hold_up_the_other():
    async def test(relay, launcher):
        assert relay.workers.up == 1
        assert (await relay.exchange(CONVERSION, at_once)).status == 200
        launcher.most = 2
        await asyncio.sleep(20)
        assert relay.workers.up == 2

    with_relay(test, most=1)


def test_the_reply_to_a_row_that_was_given_up_is_dropped():
    async def test(relay, _):
        (task,) = await handed(relay, 1)
        task.cancel()
        await asyncio.sleep(1)
        assert (await relay.exchange(CONVERSION, at_once)).status == 200

    with_relay(test, workers=1)


def test_a_defect_in_a_worker_is_one_of_this_program():
    async def test(relay, launcher):
        (task,) = await handed(relay, 1)
        ((request,),) = launcher.links[0].frames
        launcher.links[0].events.heard([(request[0], "a defect in batchconv: KeyError at x")])
        with pytest.raises(Exception, match="in a worker: a defect in batchconv") as error:
            await task
        assert error.value.exit_code == ExitCode.DEFECT

    with_relay(test, workers=1, latency=None)


class Job(harness.Job):
    """A whole run through workers."""

    def through(self, launcher, workers=2, patience=900.0):
        self.launcher, self.workers, self.patience = launcher, workers, patience
        return self

    @asynccontextmanager
    async def _connect(self):
        async with Relay(self.launcher, self.workers, patience=self.patience) as relay:
            yield relay


def test_lost_workers_are_no_outage_and_lose_no_row(tmp_path):
    launcher = Launcher(latency=0.1)

    def kill_all(_):
        for link in launcher.links:
            link.kill()

    job = Job(tmp_path).write(ids(2000)).through(launcher)
    summary = job.upload(events=[(at, kill_all) for at in (1.03, 3.02, 5.01)], concurrency=40)
    assert job.counts() == {"accepted": 2000}
    assert summary.exit_code == 0
    assert summary.traffic.pauses == []
    assert 100 <= summary.traffic.unknown_repeats <= 3 * 40
    assert summary.traffic.unknown_repeats == summary.traffic.retries
    assert summary.workers is not None
    assert (summary.workers.lost, summary.workers.restarted) == (6, 6)
    assert "6 workers lost, 6 started anew" in str(summary)
    assert all(launcher.sent[one] == 1 for one in ids(2000))


def test_each_lost_worker_is_a_warning_and_failed_starts_are_one_as_long_as_they_are_alike(
    tmp_path, caplog
):
    launcher = Launcher(latency=0.1, most=3)
    caplog.set_level(logging.INFO, logger="batchconv")
    job = Job(tmp_path).write(ids(2000)).through(launcher)
    kills = [(at, lambda _: launcher.links[-1].kill()) for at in (1.0, 3.0)]
    job.upload(Turns(), events=kills, concurrency=5)
    told = [(record.event, record.getMessage()) for record in caplog.records]
    assert [event for event, _ in told if event != "run-started"] == [
        "worker-lost",
        "worker-restarted",
        "worker-lost",
        "notice",
    ]
    assert told[1][1] == (
        "a worker was lost: worker 1: it was killed by SIGKILL; the rows that it was sending are "
        "sent again"
    )
    assert told[-1][1] == (
        "a worker could not be started: a process cannot be started: out of memory; it is tried "
        "again"
    )


def test_a_run_that_can_start_no_worker_ends_with_a_usage_error_and_balanced_books(tmp_path):
    job = Job(tmp_path).write(ids(50)).through(Launcher(most=0))
    summary = job.upload()
    assert summary.exit_code == ExitCode.USAGE
    assert summary.traffic.requests == 0
    assert "no worker could be started" in summary.stops[0].why


def test_a_run_without_workers_for_too_long_stops_and_the_server_is_not_blamed(tmp_path):
    launcher = Launcher(most=2, latency=0.1)

    def kill_all(_):
        for link in launcher.links:
            link.kill()

    job = Job(tmp_path).write(ids(500)).through(launcher, patience=120.0)
    summary = job.upload(events=[(1.0, kill_all)], give_up_after=120.0, concurrency=20)
    assert summary.exit_code == ExitCode.LIMIT
    (stop,) = summary.stops
    assert stop.why.startswith("no worker could be started for 2 min")
    assert summary.books.unsent
    assert 121 <= job.seconds < 140
    assert job.upload(resume=True, give_up_after=1.0).exit_code == ExitCode.USAGE
    launcher.most = 100
    assert job.upload(resume=True).exit_code == 0
    assert job.counts() == {"accepted": 500}
