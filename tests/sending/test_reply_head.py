"""A status that was read counts, whatever follows it in the same piece; on both event loops."""

import asyncio
import itertools
import time
from contextlib import asynccontextmanager

import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st

from batchconv.model import NO_FIELDS, Conversion, Reason, Row
from batchconv.sending.client import HttpClient
from batchconv.sending.reply_head import ReplyHead
from batchconv.vonage.authentication import BasicAuth, Secret
from tests.tunnels import Authority

OK = b"HTTP/1.1 200 OK\r\n"
ROW = Row("a.csv", 1, 2, NO_FIELDS, None, None, None)
LOOPS = [asyncio.new_event_loop, uvloop.new_event_loop]


@asynccontextmanager
async def serving(answer, tls=None):
    """A server that writes *answer*, bytes or a coroutine function, to each request."""
    seen = []

    async def handle(reader, writer):
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                seen.append(writer)
                if isinstance(answer, bytes):
                    writer.write(answer)
                else:
                    await answer(writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    try:
        yield (
            f"{'https' if tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}/conversions",
            seen,
        )
    finally:
        server.close()


def exchanges(answer, loop_factory, *, times=2, timeout=5.0, authority=None):
    """The replies to so many conversions, one after the other, and the connections used."""

    async def main():
        tls, ca_file = (
            (authority.server("127.0.0.1"), authority.file) if authority else (None, None)
        )
        async with serving(answer, tls) as (base_url, seen):
            auth = BasicAuth("key", Secret("secret"))
            client = HttpClient(auth, base_url=base_url, timeout=timeout, ca_file=ca_file)
            async with client:
                conversion = Conversion(ROW, "id", True, None, "sms")
                replies = [await client.exchange(conversion) for _ in range(times)]
            return replies, seen

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        return runner.run(main())


@pytest.mark.parametrize("loop_factory", LOOPS)
@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (OK + b"Content-Length: 2\r\n\r\nOK, and more than was announced", 200),
        (OK + b"Content-Length: 0\r\n\r\n<html>no</html>", 200),
        (b"HTTP/1.1 204 No Content\r\n\r\nOK", 204),
        (b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nOK", 204),
        (OK + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\nno chunk\r\n", 200),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nOK\r\n0\r\nbad trailer\x00\r\n\r\n", 200),
        (OK + b"Content-Length: 2\r\n\r\nOK\x00\x01\x02HTTP/9.9 999\r\n\r\n", 200),
        (OK + b"Content-Length: 2\r\n\r\nOK" + OK + b"Content-Length: 2\r\n\r\nOK", 200),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\nOK and junk", 200),
        (b"HTTP/1.1 103 Hints\r\nLink: </x>\r\n\r\n" * 3 + OK + b"Content-Length: 0\r\n\r\n?", 200),
        (OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nOK", 200),
        (OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nOK\r\n0\r\n\r\n", 200),
        pytest.param(OK + b"X: " + b"a" * 100_000 + b"\r\n\r\n", 200, id="a long field"),
        (OK + b"Content-Length: -5\r\n\r\nOK", 200),
        (OK + b"no field at all\r\n\r\nOK", 200),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 420 No\r\nContent-Length: x\r\n\r\n", 420),
        (b"HTTP/1.1 503 No\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\njunk", 503),
    ],
)
def test_the_status_counts_whatever_follows_it_in_the_same_piece(answer, status, loop_factory):
    replies, _ = exchanges(answer, loop_factory)
    assert [reply.status for reply in replies] == [status, status]
    assert {reply.trouble for reply in replies} == {None}


@pytest.mark.parametrize("loop_factory", LOOPS)
def test_it_counts_over_tls_too(tmp_path, loop_factory):
    answer = OK + b"Content-Length: 2\r\n\r\nOK and junk"
    replies, _ = exchanges(answer, loop_factory, authority=Authority(tmp_path))
    assert [reply.status for reply in replies] == [200, 200]


@pytest.mark.parametrize("loop_factory", LOOPS)
def test_a_head_that_arrives_byte_by_byte_is_followed_by_junk_all_the_same(loop_factory):
    async def answer(writer):
        for byte in OK + b"Content-Length: 2\r\n\r":
            writer.write(bytes([byte]))
            await asyncio.sleep(0)
        writer.write(b"\nOK and junk")

    replies, _ = exchanges(answer, loop_factory)
    assert [reply.status for reply in replies] == [200, 200]


@pytest.mark.parametrize("loop_factory", LOOPS)
def test_a_good_reply_leaves_its_connection_in_use(loop_factory):
    replies, seen = exchanges(OK + b"Content-Length: 2\r\n\r\nOK", loop_factory, times=5)
    assert [reply.status for reply in replies] == [200] * 5
    assert len(set(seen)) == 1


@pytest.mark.parametrize("loop_factory", LOOPS)
def test_replies_1xx_without_end_are_cut_off(loop_factory):
    """In memory by their bytes, and long before the time limit where they come fast."""
    sent = 0

    async def flood(writer):
        nonlocal sent
        while True:
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)
            sent += 1
            await writer.drain()

    began = time.monotonic()
    replies, _ = exchanges(flood, loop_factory, times=1, timeout=60)
    assert (replies[0].status, replies[0].trouble) == (None, Reason.CONNECTION_LOST)
    assert time.monotonic() - began < 30
    assert sent < 1000


@pytest.mark.parametrize("loop_factory", LOOPS)
def test_replies_1xx_that_trickle_end_with_the_time_limit(loop_factory):
    async def trickle(writer):
        while True:
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            await writer.drain()
            await asyncio.sleep(0.02)

    replies, _ = exchanges(trickle, loop_factory, times=1, timeout=0.3)
    assert (replies[0].status, replies[0].trouble) == (None, Reason.TIMEOUT)


@pytest.mark.parametrize("loop_factory", LOOPS)
def test_a_101_that_nobody_asked_for_is_no_reply(loop_factory):
    answer = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"
    replies, _ = exchanges(answer, loop_factory, times=2)
    assert {(reply.status, reply.trouble) for reply in replies} == {(None, Reason.BAD_REPLY)}


REFUSED = [
    b"Content-Length: 2\r\nContent-Length: 3\r\n",
    b"no field at all\r\n",
    b"X: " + b"a" * 10_000,
    b"X: 1\r\n" * 100_000,
]
"""What aiohttp will not have in a head, and no end of the head behind it."""


@pytest.mark.parametrize("loop_factory", LOOPS)
@pytest.mark.parametrize("refused", REFUSED, ids=range(4))
def test_the_status_counts_also_where_its_head_is_refused_before_it_is_whole(refused, loop_factory):
    """A long head comes in several pieces from every server that is not this machine."""
    answers = {200: OK + refused, 503: b"HTTP/1.1 503 No\r\nRetry-After: 7\r\n" + refused}
    for status, answer in answers.items():
        replies, _ = exchanges(answer, loop_factory)
        assert [reply.status for reply in replies] == [status, status]
        assert {reply.retry_after for reply in replies} == {"7" if status == 503 else None}


@pytest.mark.parametrize("loop_factory", LOOPS)
@pytest.mark.parametrize("head", [OK, OK + b"Content-Le", b"HTTP/1.1 103 Hints\r\n\r\n" + OK])
def test_the_status_counts_also_where_nothing_more_of_its_head_comes(head, loop_factory):
    """The connection is closed or cut off behind it, or stays silent until the time is up."""

    async def close(writer):
        writer.write(head)
        writer.close()

    async def cut_off(writer):
        writer.write(head)
        await asyncio.sleep(0.05)
        writer.transport.abort()

    async def fall_silent(writer):
        writer.write(head)

    for answer in (close, cut_off, fall_silent):
        replies, seen = exchanges(answer, loop_factory, timeout=0.3)
        assert [(reply.status, reply.trouble) for reply in replies] == [(200, None)] * 2
        assert len(set(seen)) == 2  # neither connection is used again


@pytest.mark.parametrize("loop_factory", LOOPS)
@pytest.mark.parametrize("head", [b"HTTP/1.1 20", b"HTTP/1.1 103 Hints\r\n\r\n"])
def test_a_connection_that_is_cut_before_a_status_has_no_reply(head, loop_factory):
    async def cut(writer):
        writer.write(head)
        writer.close()

    replies, _ = exchanges(cut, loop_factory)
    assert {(reply.status, reply.trouble) for reply in replies} == {(None, Reason.CONNECTION_LOST)}


class Recorder(asyncio.Protocol):
    def __init__(self):
        self.pieces = []

    def data_received(self, data):
        self.pieces.append(data)


@given(
    interim=st.integers(0, 2),
    body=st.binary(max_size=8),
    cuts=st.sets(st.integers(1, 120), max_size=6),
)
def test_nothing_is_lost_and_what_a_head_says_is_known_as_soon_as_it_has_come(interim, body, cuts):
    before = b"HTTP/1.1 100 Continue\r\nRetry-After: 9\r\n\r\n" * interim
    heads = before + OK + b"retry-AFTER:  7 \r\n\r\n"
    stream = heads + body
    edges = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    recorder = Recorder()
    between = ReplyHead(asyncio.Transport(), recorder)
    between.expect_reply()
    for begin, end in itertools.pairwise(edges):
        between.data_received(stream[begin:end])
        if end <= len(before):
            assert between.status is None
        if end >= len(before + OK):
            assert between.status == 200
            assert between.retry_after == ("7" if end >= len(heads) - 2 else None)
    assert b"".join(recorder.pieces) == stream


@pytest.mark.parametrize("loop_factory", LOOPS)
def test_what_a_refusal_asks_for_counts_also_where_junk_follows_it(loop_factory):
    answer = b"HTTP/1.1 429 No\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\njunk"
    replies, _ = exchanges(answer, loop_factory)
    assert [(reply.status, reply.retry_after) for reply in replies] == [(429, "7")] * 2
