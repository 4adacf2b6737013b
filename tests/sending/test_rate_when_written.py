"""The rate is kept at the moment of writing, whatever holds requests up before it."""

import asyncio
import random

import pytest

from batchconv.model import Reply
from batchconv.sending.traffic import Limits
from tests.models import Sending, Server


class Slow(Server):
    """It takes a while until a connection is there; when each request is written is noted."""

    def __init__(self, connect, **more):
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


def fullest(moments):
    return max(sum(begin <= at < begin + 1 - 1e-6 for at in moments) for begin in moments)


@pytest.mark.parametrize("rate", [2.0, 20.0, 100.0])
@pytest.mark.parametrize(
    "connect",
    [
        lambda written: 1.0 if not written else 0.0,
        lambda _: random.Random(1).uniform(0, 2),
        lambda written: 3.0 if written % 40 == 0 else 0.0,
    ],
    ids=["the first name takes a second", "each connection is slow", "now and then a stall"],
)
@pytest.mark.parametrize("down", [(0.0, 0.0), (3.0, 8.0)], ids=["up", "an outage"])
def test_no_second_holds_more_than_one_request_over_the_rate(rate, connect, down):
    server = Slow(connect, down=down)
    Sending(server, Limits(100), rate=rate, seconds=20).run()
    assert len(server.written) > 5
    assert fullest(server.written) <= rate + 1


def test_a_refused_account_keeps_to_the_rate_too():
    server = Slow(lambda _: 0.0, takes=lambda now: int(now) % 3 > 0, refusal=Reply(429, 0.0, "1"))
    Sending(server, Limits(100), rate=20.0, seconds=20).run()
    assert fullest(server.written) <= 21
