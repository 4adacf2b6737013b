"""Servers that drop connections cost retries, and no row."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest

from batchconv.model import Reason, Reply
from tests.harness import OK as ACCEPTED
from tests.harness import Job
from tests.shells import Shell, ids

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"


@asynccontextmanager
async def dropping(at: int, farewell: bytes = b"", spoilt: list[bytes] | None = None):
    """A server that drops each connection when its request number *at* has come.

    It says *farewell* before, and keeps those requests in *spoilt*.
    """

    async def handle(reader, writer):
        try:
            for number in range(1, at + 1):
                head = await reader.readuntil(b"\r\n\r\n")
                if number < at:
                    writer.write(OK)
                elif spoilt is not None:
                    spoilt.append(head.split()[1])
            if farewell:
                writer.write(farewell)
                await reader.read()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/conversions"
    finally:
        server.close()


@pytest.mark.parametrize("concurrency", ["1", "20"])
async def test_a_server_that_drops_each_connection_at_its_second_request_costs_no_row(
    tmp_path, concurrency
):
    async with dropping(2) as base_url:
        shell = Shell(tmp_path, base_url)
        shell.write("a.csv", ids(60))
        ended = await shell.uploaded(
            "a.csv", "--concurrency", concurrency, "--backoff-base", "10ms", "--summary", "s.json"
        )
    assert (ended.code, ended.books.accepted) == (0, 60)
    told = json.loads((tmp_path / "s.json").read_text(encoding="utf-8"))
    # Whoever met a used connection was sent again, once, and the API may have had the first.
    assert told["retries"] == told["unknown_repeats"] == told["requests"] - 60
    assert f"{told['unknown_repeats']} rows retried, result unknown" in ended.err


async def test_a_row_whose_answer_was_no_http_is_sent_again_on_a_new_connection(tmp_path):
    """What stood there was behind an earlier answer, and may stand behind others, too."""
    spoilt = []
    async with dropping(2, b"JUNK JUNK\r\n\r\n", spoilt) as base_url:
        shell = Shell(tmp_path, base_url)
        shell.write("a.csv", ids(60))
        ended = await shell.uploaded("a.csv", "--concurrency", "8", "--backoff-base", "10ms")
    assert (ended.code, ended.books.accepted) == (0, 60)
    assert spoilt
    assert len(spoilt) == len(set(spoilt))


class Replaced(Job):
    """A server in another's place: what is sent on connections to the old one is lost."""

    opened = False

    async def exchange(self, conversion, turn, *, fresh=False):
        self.opened = self.opened or fresh
        return await super().exchange(conversion, turn, fresh=fresh)


def test_a_probe_opens_a_new_connection(tmp_path):
    """None of those in use can tell whether the server is back."""
    lost = Reply(None, 0.01, trouble=Reason.CONNECTION_LOST)
    job = Replaced(tmp_path, lambda *_: ACCEPTED if job.opened else lost)
    summary = job.write(f"id{number}" for number in range(100)).upload(concurrency=20)
    assert job.counts() == {"accepted": 100}
    ((begin, end, why),) = summary.traffic.pauses
    assert why == "outage"
    assert end - begin == pytest.approx(1.0, abs=0.1)
