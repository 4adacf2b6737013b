"""Trouble before and after a request was written is distinguished, and called by its name."""

import asyncio
import errno
import socket
import struct
from contextlib import asynccontextmanager

import aiohttp
import pytest

from batchconv.model import NO_FIELDS, Conversion, Reason, Reply, Row
from batchconv.sending.client import HttpClient
from batchconv.sending.proxy import Proxy
from batchconv.sending.troubles import trouble
from batchconv.vonage.authentication import BasicAuth, Secret
from batchconv.vonage.verdicts import describe, outcome_unknown

AUTH = BasicAuth("key", Secret("secret"))
CONVERSION = Conversion(Row("a.csv", 1, 2, NO_FIELDS, None, None, None), "id", True, None, "sms")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@asynccontextmanager
async def serving(handle):
    """A server that does what *handle* does on each connection; its port."""
    tasks = set()

    async def connected(reader, writer):
        tasks.add(asyncio.current_task())
        try:
            await handle(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()


async def reply_of(base_url, **options) -> Reply:
    async with HttpClient(AUTH, base_url=base_url, **{"timeout": 5.0, **options}) as client:
        return await client.exchange(CONVERSION)


def told(reply: Reply) -> tuple[Reason | int | None, str, bool]:
    return reply.trouble or reply.status, describe(reply), outcome_unknown(reply)


async def test_a_connection_that_breaks_after_the_request_leaves_the_outcome_unknown():
    async def hang_up(reader, _):
        await reader.readuntil(b"\r\n\r\n")

    async with serving(hang_up) as port:
        reply = await reply_of(f"http://127.0.0.1:{port}")
    assert told(reply) == (Reason.CONNECTION_LOST, "the connection to the server was lost", True)


async def test_an_answer_that_never_comes_leaves_the_outcome_unknown():
    async def hang(reader, _):
        await reader.read()
        await asyncio.sleep(60)

    async with serving(hang) as port:
        reply = await reply_of(f"http://127.0.0.1:{port}", timeout=0.2)
    assert told(reply) == (Reason.TIMEOUT, "the server did not answer in time", True)


async def test_a_server_that_hangs_up_in_the_tls_handshake_got_no_request():
    async def hang_up(reader, _):
        await reader.read(10)

    async with serving(hang_up) as port:
        reply = await reply_of(f"https://127.0.0.1:{port}")
    assert reply.status is None
    assert not outcome_unknown(reply)
    assert describe(reply) == "no connection to the server could be opened"


async def test_what_does_not_speak_tls_is_named_and_got_no_request():
    async def plain(reader, writer):
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.2)

    async with serving(plain) as port:
        reply = await reply_of(f"https://127.0.0.1:{port}")
    assert told(reply) == (Reason.TLS_FAILED, "TLS could not be set up with the server", False)


async def test_a_handshake_that_never_ends_got_no_request():
    async def hang(_reader, _writer):
        await asyncio.sleep(60)

    async with serving(hang) as port:
        reply = await reply_of(f"https://127.0.0.1:{port}", timeout=0.2)
    said = "no connection to the server could be opened in time"
    assert told(reply) == (Reason.TIMEOUT, said, False)


@pytest.mark.parametrize(
    ("name", "reason", "said"),
    [
        ("EHOSTUNREACH", Reason.NO_ROUTE, "there is no route to the server"),
        ("ENETUNREACH", Reason.NO_ROUTE, "there is no route to the server"),
        ("ECONNREFUSED", Reason.CONNECTION_REFUSED, "the server refused the connection"),
        ("ETIMEDOUT", Reason.TIMEOUT, "no connection to the server could be opened in time"),
        ("EADDRNOTAVAIL", Reason.CONNECTION_LOST, "no connection to the server could be opened"),
        ("EPERM", Reason.CONNECTION_LOST, "no connection to the server could be opened"),
    ],
)
async def test_why_a_connection_cannot_be_opened_is_named(monkeypatch, name, reason, said):
    async def fail(*_args, **_kwargs):
        raise OSError(getattr(errno, name), "no")

    monkeypatch.setattr("aiohttp.connector.aiohappyeyeballs.start_connection", fail)
    assert told(await reply_of("http://127.0.0.1:1")) == (reason, said, False)


async def test_an_address_that_has_no_name_is_named():
    reply = await reply_of("https://api.batchconv.invalid")
    assert told(reply) == (Reason.UNKNOWN_HOST, "the server's name could not be found", False)


async def test_numbers_that_are_no_address_are_no_name_either():
    proxy = Proxy.parse("http://256.1.1.1:3128")
    reply = await reply_of("https://api.batchconv.invalid", proxy=proxy)
    assert told(reply) == (Reason.UNKNOWN_HOST, "the proxy's name could not be found", False)


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (b"HTTP/1.1 429 No\r\nContent-Length: 0\r\n\r\n", 429, "the proxy answered 429"),
        (b"HTTP/1.1 502 No\r\nContent-Length: 0\r\n\r\n", 502, "the proxy answered 502"),
        (b"SSH-2.0-x\r\n\r\n", Reason.BAD_REPLY, "the answer of the proxy was not HTTP"),
        (b"", Reason.CONNECTION_LOST, "no connection to the proxy could be opened"),
    ],
)
async def test_what_a_proxy_does_instead_of_opening_a_tunnel_is_the_proxys(answer, kind, said):
    async def refuse(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()

    async with serving(refuse) as port:
        proxy = Proxy.parse(f"http://127.0.0.1:{port}")
        reply = await reply_of("https://api.batchconv.invalid", proxy=proxy)
    assert told(reply) == (kind, said, False)
    assert reply.proxy


@pytest.mark.parametrize("field", [b"", b"retry-after: 7\r\n"])
async def test_a_proxy_that_opens_no_tunnel_may_say_when_to_come_again(field):
    async def refuse(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 503 No\r\n" + field + b"Content-Length: 0\r\n\r\n")
        await writer.drain()

    async with serving(refuse) as port:
        proxy = Proxy.parse(f"http://127.0.0.1:{port}")
        reply = await reply_of("https://api.batchconv.invalid", proxy=proxy)
    assert (reply.status, reply.retry_after) == (503, "7" if field else None)


async def test_a_proxy_that_does_not_answer_is_named():
    async def hang(_reader, _writer):
        await asyncio.sleep(60)

    async with serving(hang) as port:
        proxy = Proxy.parse(f"http://127.0.0.1:{port}")
        reply = await reply_of("https://api.batchconv.invalid", proxy=proxy, timeout=0.2)
    assert told(reply)[1] == "no connection to the proxy could be opened in time"


def test_no_text_of_an_exception_gets_into_a_reply():
    error = aiohttp.ClientOSError(errno.ECONNRESET, "reset by ?api_secret=CANARY")
    assert "CANARY" not in repr(trouble(error, 0.1, None, written=True))


# -- a new connection for a retry ------------------------------------------------------------------


@pytest.mark.parametrize("reset", [False, True])
async def test_a_fresh_exchange_opens_a_connection_and_leaves_the_others_in_use(reset):
    """The server drops each connection at its second request, with or without a word."""
    served = []

    async def once(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        served.append(writer)
        writer.write(OK)
        await reader.readuntil(b"\r\n\r\n")
        if reset:
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    async with (
        serving(once) as port,
        HttpClient(AUTH, base_url=f"http://127.0.0.1:{port}") as client,
    ):
        first = await client.exchange(CONVERSION)
        fresh = [await client.exchange(CONVERSION, fresh=True) for _ in range(3)]
        again = await client.exchange(CONVERSION)
    assert [reply.status for reply in (first, *fresh)] == [200] * 4
    assert len(served) == 4
    assert again.trouble is Reason.CONNECTION_LOST  # it was given the first connection
