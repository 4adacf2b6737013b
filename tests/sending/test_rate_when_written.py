"""The rate is kept at the moment of writing, whatever holds requests up before it.

The same on real connections, slow TLS handshakes among them: `python -m tests.bench --only rate`.
"""

import asyncio
import random
from bisect import bisect_left
from collections import Counter
from itertools import count

import pytest

from batchconv.model import Reply
from batchconv.sending.relay.worker import even_turns
from batchconv.sending.traffic import Limits
from tests.harness import NIGHT, OK, Job
from tests.models import Bucket, Sending, Server


class Slow(Server):
    """It takes a while until a connection is there; when each request is written is noted."""

    def __init__(self, connect=lambda _: 0.0, **more):
        super().__init__(**more)
        self.connect, self.written = connect, []

    async def send(self, conversion, turn, **_):
        await asyncio.sleep(self.connect(len(self.written)))
        await turn(lambda: True)
        now = asyncio.get_running_loop().time()
        self.written.append(now)
        reply = await self._reply(now)
        self.replies.append((now, reply.status or 0))
        return reply


class Flaky(Slow):
    """Every fifth request gets a 503."""

    async def _reply(self, now):
        return Reply(503, 0.0) if len(self.written) % 5 == 0 else await super()._reply(now)


def fullest(moments):
    return max(bisect_left(moments, begin + 1 - 1e-6) - at for at, begin in enumerate(moments))


def any_delay(written):
    return random.Random(written).uniform(0, 2)


SITUATIONS = {
    "a start": lambda _: Slow(),
    "the first name takes a second": lambda _: Slow(lambda written: 0.0 if written else 1.0),
    "each connection is slow": lambda _: Slow(any_delay),
    "now and then a stall": lambda _: Slow(lambda written: 3.0 if written % 40 == 0 else 0.0),
    "an outage": lambda _: Slow(down=(3.0, 8.0)),
    "an outage, connections are slow": lambda _: Slow(any_delay, down=(3.0, 8.0)),
    "429 beyond 70 %": lambda rate: Slow(takes=Bucket(0.7 * rate, 1).takes),
    "429 now and then": lambda _: Slow(
        takes=lambda now: int(now) % 3 > 0, refusal=Reply(429, 0.0, "1")
    ),
    "retries": lambda _: Flaky(),
}
RATES = [(2.0, 3), (20.0, 21), (100.0, 101), (500.0, 505)]


@pytest.mark.parametrize(("rate", "most"), RATES)
@pytest.mark.parametrize("situation", SITUATIONS)
def test_no_second_holds_more_than_one_request_over_the_rate_or_1_percent(situation, rate, most):
    server = SITUATIONS[situation](rate)
    Sending(server, Limits(100), rate=rate, seconds=15 if rate < 200 else 5).run()
    assert len(server.written) > 5
    assert fullest(server.written) <= most


def through(server, workers, rate):
    """*server*, reached through workers that each keep their part of the rate."""
    turns, pending = [], Counter()

    async def send(conversion, turn, **_):
        await turn(lambda: True)
        if not turns:
            turns.extend(even_turns(rate / workers) for _ in range(workers))
        worker = min(range(workers), key=pending.__getitem__)
        pending[worker] += 1
        try:
            return await type(server).send(server, conversion, turns[worker])
        finally:
            pending[worker] -= 1

    server.send = send
    return server


@pytest.mark.parametrize(("rate", "workers", "most"), [(200.0, 2, 202), (500.0, 4, 505)])
@pytest.mark.parametrize("situation", SITUATIONS)
def test_workers_keep_the_rate_together(situation, rate, workers, most):
    server = through(SITUATIONS[situation](rate), workers, rate)
    Sending(server, Limits(100), rate=rate, seconds=6).run()
    assert len(server.written) > 5
    assert fullest(server.written) <= most


def test_workers_lose_nothing_of_the_rate():
    server = through(Slow(), 4, 400.0)
    Sending(server, Limits(100), rate=400.0, seconds=5).run()
    assert len(server.written) >= 0.99 * 400 * 5


@pytest.mark.parametrize(("rate", "most"), RATES)
@pytest.mark.parametrize("step", [-3600.0, 3600.0])
def test_a_wall_clock_that_is_set_changes_nothing(rate, most, step):
    server = Slow(takes=lambda now: not 2 < now < 3, refusal=Reply(429, 0.0, "1"))
    turns = count()
    Sending(
        server, Limits(100), rate=rate, seconds=4, wall=lambda: NIGHT + step * (next(turns) % 2)
    ).run()
    assert fullest(server.written) <= most
    assert len(server.written) > rate


def test_the_age_of_a_row_is_that_at_the_moment_of_writing(tmp_path):
    """Rows that were young enough when they were read grow too old while the server is down."""
    down = Reply(503, 0.01)
    job = Job(tmp_path, lambda _, now: down if now < 100 else OK)
    rows = "".join(f"id{n},true,{int(NIGHT)}\n" for n in range(50))
    job.file.write_text(f"message_id,delivered,timestamp\n{rows}", encoding="utf-8")
    summary = job.upload(max_age=60.0, rate=20.0, concurrency=20)
    assert job.counts() == {"skipped": 50}
    assert max(at for at, _ in job.sent) <= 61
    assert summary.reasons == {"too-old": 50}
