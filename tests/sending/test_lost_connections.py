"""Servers that drop connections cost retries, and no row."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest

from tests.shells import Shell, ids

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"


@asynccontextmanager
async def dropping(at: int):
    """A server that drops each connection when its request number *at* has come."""

    async def handle(reader, writer):
        try:
            for number in range(1, at + 1):
                await reader.readuntil(b"\r\n\r\n")
                if number < at:
                    writer.write(OK)
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
