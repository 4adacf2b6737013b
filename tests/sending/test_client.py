"""One conversion, one exchange, one reply: what is sent, and what becomes of every trouble.

What is sent is looked at below aiohttp's session (aioresponses) and as the bytes that a server
gets; trouble comes from the simulator and from servers made for it, over real sockets.
"""

import asyncio
import gc
import re
import ssl
import subprocess
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from unittest.mock import Mock
from urllib.parse import parse_qsl, quote

import aiohttp
import pytest
from aiohttp.http_parser import HttpResponseParserPy
from aioresponses import aioresponses
from hypothesis import given
from hypothesis import strategies as st

from batchconv.errors import UsageError
from batchconv.model import NO_FIELDS, Conversion, Reason, Row
from batchconv.sending.client import HttpClient
from batchconv.sending.exchange import current_exchange
from batchconv.sending.proxy import Proxy
from batchconv.simulator import API_KEY, API_SECRET, Behaviour, FaultRule, Simulator
from batchconv.vonage.authentication import BasicAuth, QueryAuth, Secret, SignatureAuth
from batchconv.vonage.endpoint import QueryMaker, check_base_url
from batchconv.vonage.verdicts import describe, outcome_unknown

BASE = "https://api.test/conversions"
AUTH = QueryAuth(API_KEY, Secret(API_SECRET))
ROW = Row("a.csv", 1, 2, NO_FIELDS, None, None, None)
NASTY_IDS = [
    "00A0B0C0D0E0F0A1",
    "0012",
    "a+b",
    "a%20b",
    "100%",
    "%zz",
    "a&delivered=false&message-id=b",
    "a#b",
    "a=b",
    "a?b",
    "a/../../b",
    "a;b",
    " leading and trailing ",
    "😀",
    "a\u2028b",
    "é vs e\u0301",
    "'\"<>\\^`{|}~*()!$,:@[]",
    "\ufeffbom",
]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"


def conversion(message_id: str = "id-1", *, delivered=True, timestamp=None, channel="sms"):
    return Conversion(ROW, message_id, delivered, timestamp, channel)


# -- what is sent ----------------------------------------------------------------------------------


class MockedResponse(aiohttp.ClientResponse):
    """aiohttp 3.14 wants a `stream_writer`, of which aioresponses 0.7.9 does not know."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, stream_writer=Mock(output_size=0), **kwargs)


class Sent:
    """What one exchange hands to aiohttp's session, and the query that is written."""

    def __init__(self, call, request):
        (_, self.method, self.url), self.options = call.args, call.kwargs
        self.request = request
        method, target, _ = request.decode("ascii").partition("\r\n")[0].split(" ")
        path, _, self.query = target.partition("?")
        assert (method, path) == (self.method, self.url.raw_path)
        self.params = parse_qsl(self.query, keep_blank_values=True, strict_parsing=True)


ANY_URL = re.compile(".*", re.DOTALL)


async def sent_by(client: HttpClient, wanted: Conversion, **reply) -> Sent:
    requests = []

    def called(*_args, **_options):
        requests.append(current_exchange.get().request)

    with aioresponses() as mocked:
        mocked.add(ANY_URL, "POST", callback=called, response_class=MockedResponse, **reply)
        async with client:
            heard = await client.exchange(wanted)
            assert heard.status == reply.get("status", 200)
            (call,) = aiohttp.ClientSession._request.call_args_list  # noqa: SLF001 - aioresponses records its calls there
    return Sent(call, *requests)


@pytest.mark.parametrize("message_id", NASTY_IDS)
async def test_an_id_is_sent_byte_for_byte(message_id):
    sent = await sent_by(HttpClient(AUTH, base_url=BASE), conversion(message_id))
    assert sent.method == "POST"
    assert str(sent.url) == f"{BASE}/sms"
    assert sent.params == [
        ("message-id", message_id),
        ("delivered", "true"),
        ("api_key", API_KEY),
        ("api_secret", API_SECRET),
    ]
    assert f"message-id={quote(message_id, safe='')}&" in sent.query
    assert sent.query.isascii()
    assert "+" not in sent.query  # which servers read as a plus and as a space


@given(message_id=st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1))
def test_any_id_comes_out_of_the_query_as_it_went_in(message_id):
    query = QueryMaker(AUTH)(conversion(message_id))
    assert parse_qsl(query, strict_parsing=True)[0] == ("message-id", message_id)


@pytest.mark.parametrize("message_id", NASTY_IDS)
async def test_a_server_gets_the_id_byte_for_byte_in_every_way_to_authenticate(message_id):
    """The whole way over a socket; the simulator also checks the signature over it."""
    async with Simulator(Behaviour(api_key="k+%&", api_secret="s =&", record_requests=True)) as api:
        secret = Secret("made-up-signature-secret")
        for auth in (
            QueryAuth("k+%&", Secret("s =&")),
            BasicAuth("k+%&", Secret("s =&")),
            SignatureAuth("k+%&", secret, time.time, "sha512"),
        ):
            async with HttpClient(auth, base_url=api.base_url) as client:
                assert (await client.exchange(conversion(message_id))).status == 200
        assert api.stats.accepted_ids == {message_id: 3}


@pytest.mark.parametrize(
    ("wanted", "path", "params"),
    [
        (conversion(), "/sms", [("message-id", "id-1"), ("delivered", "true")]),
        (conversion(delivered=False), "/sms", [("message-id", "id-1"), ("delivered", "false")]),
        (
            conversion(channel="voice", timestamp="2020-01-01 12:00:00"),
            "/voice",
            [
                ("message-id", "id-1"),
                ("delivered", "true"),
                ("timestamp", "2020-01-01 12:00:00"),
            ],
        ),
    ],
)
async def test_parameters_are_exactly_the_conversions_own(wanted, path, params):
    """A timestamp that the row does not have is left out, not sent empty."""
    sent = await sent_by(HttpClient(BasicAuth("k", Secret("s")), base_url=BASE), wanted)
    assert str(sent.url) == BASE + path
    assert sent.params == params


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_a_reply_and_is_not_followed(status):
    sent = await sent_by(
        HttpClient(AUTH, base_url=BASE),
        conversion(),
        status=status,
        headers={"Location": "https://elsewhere.test/"},
    )
    assert sent.options["allow_redirects"] is False


async def test_a_client_that_was_not_entered_says_so():
    with pytest.raises(RuntimeError, match="async with"):
        await HttpClient(AUTH).exchange(conversion())


def test_the_repr_shows_address_and_no_secret():
    assert repr(HttpClient(QueryAuth("CANARY", Secret("CANARY")))) == (
        "HttpClient(https://api.nexmo.com/conversions, QueryAuth(CA***))"
    )


# -- addresses -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_url", "meant"),
    [
        ("https://api.nexmo.com/conversions", "https://api.nexmo.com/conversions"),
        ("https://api.nexmo.com/conversions//", "https://api.nexmo.com/conversions"),
        (" HTTPS://API.nexmo.com:443/x \n", "https://api.nexmo.com/x"),
        ("https://bücher.example/ü b", "https://xn--bcher-kva.example/%C3%BC%20b"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://127.0.0.1:1/conversions", "http://127.0.0.1:1/conversions"),
        ("http://127.8.9.1/", "http://127.8.9.1"),
        ("http://[::1]:1/x", "http://[::1]:1/x"),
        ("https://my_service.test./x", "https://my_service.test./x"),
        ("https://[::ffff:10.0.0.1]/x", "https://[::ffff:a00:1]/x"),
    ],
)
def test_a_base_url_is_brought_into_its_canonical_form(given_url, meant):
    assert check_base_url(given_url) == meant
    assert check_base_url(meant) == meant


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://key:CANARY@api.test/x", "a user or a password"),
        ("https://CANARY@api.test/x", "a user or a password"),
        ("https://@api.test/x", "a user or a password"),
        ("http://key:CANARY@127.0.0.1/x", "a user or a password"),
        ("http://127.0.0.1\\@api.test/x", "a user or a password"),
        ("https://key:CAN/ARY@api.test/x", "a user or a password"),
        ("https://key:CAN#ARY@api.test/x", "a user or a password"),
        ("https://api.test/x?api_secret=CANARY", "a query or a fragment"),
        ("https://api.test/x?", "a query or a fragment"),
        ("https://api.test/x#CANARY", "a query or a fragment"),
        ("https://api.test/x#", "a query or a fragment"),
        ("http://api.test/x", "plain http to api.test"),
        ("http://127.0.0.1.api.test/x", "plain http"),
        ("http://localhost.api.test/x", "plain http"),
        ("http://0.0.0.0/x", "plain http"),
        ("http://10.0.0.1/x", "plain http"),
        ("http://[::2]/x", "plain http"),
        ("http://\u0661\u0662\u0667.0.0.1.test/x", "plain http"),
        ("ftp://api.test/x", "not an http or https URL"),
        ("api.test/x", "not an http or https URL"),
        ("", "not an http or https URL"),
        ("https://", "not an http or https URL"),
        ("https:///x", "not an http or https URL"),
        ("https://a..b/", "not an http or https URL"),
        (f"https://{'a' * 64}.test/", "not an http or https URL"),
        ("https://api.test:99999/", "not an http or https URL"),
        ("https://api.test:port/", "not an http or https URL"),
        ("https://[::zz]/", "not an http or https URL"),
        ("https://[::1/", "not an http or https URL"),
        ("https://256.1.1.1/", "not an http or https URL"),
        ("https://127.1/", "not an http or https URL"),
        ("https://127.0.0.01/", "not an http or https URL"),
        ("https://2130706433/", "not an http or https URL"),
        ("https://my host/", "not an http or https URL"),
        ("https://my%20host/", "not an http or https URL"),
        ("https://my\u00a0host/", "not an http or https URL"),
        ('https://my"host/', "not an http or https URL"),
        ("https://api,test/", "not an http or https URL"),
        ("https://[fe80::1%25eth0]/", "not an http or https URL"),
        ("https://[fe80::1%eth0]/", "not an http or https URL"),
        ("http://[::1%25lo]/", "not an http or https URL"),
    ],
)
def test_a_base_url_that_would_show_or_lose_credentials_is_refused(url, why):
    with pytest.raises(UsageError, match=why) as caught:
        HttpClient(AUTH, base_url=url)
    assert "CANARY" not in f"{caught.value} {caught.value.hint}"


# -- trouble ---------------------------------------------------------------------------------------

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def served(handle: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A server that does what *handle* does on each connection; its address."""
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handle(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client has left
        finally:
            writer.transport.abort()

    def start(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.create_task(connected(reader, writer)))

    server = await asyncio.start_server(start, "127.0.0.1", 0, ssl=tls)
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


def answering(*parts: bytes, then: str = "close") -> Handler:
    """Read one request, send *parts* one by one, then `close` or `hang`."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0.01)  # so that each arrives by itself
        if then == "hang":
            await asyncio.get_running_loop().create_future()

    return handle


async def reply_of(base_url: str, *, timeout: float = 5.0, **options):  # noqa: ASYNC109 - it is handed to the client
    async with HttpClient(AUTH, base_url=base_url, timeout=timeout, **options) as client:
        return await client.exchange(conversion())


@pytest.mark.parametrize(
    ("kind", "status", "trouble"),
    [
        ("reset", None, Reason.CONNECTION_LOST),
        ("reset-after", None, Reason.CONNECTION_LOST),
        ("hang", None, Reason.TIMEOUT),
        ("garbage", None, Reason.BAD_REPLY),
        ("cut", 200, None),
        ("huge", 200, None),
        ("drip", 200, None),
        ("204", 204, None),
        ("302", 302, None),
        ("401", 401, None),
        ("420", 420, None),
        ("503", 503, None),
    ],
)
async def test_what_the_stand_in_does_becomes_a_reply(kind, status, trouble):
    async with Simulator(Behaviour(faults=(FaultRule(kind, share=1.0),))) as api:
        began = time.perf_counter()
        reply = await reply_of(api.base_url, timeout=0.3 if kind == "hang" else 20)
        assert (reply.status, reply.trouble) == (status, trouble)
        assert reply.certificate is None
        assert 0 < reply.elapsed <= time.perf_counter() - began < 5
        assert api.stats.requests == 1
        assert api.stats.redirects_followed == 0


@pytest.mark.parametrize("value", ["7", "Wed, 21 Oct 2026 07:28:00 GMT", "junk, 7 or so"])
async def test_retry_after_is_handed_on_as_it_came(value):
    async with Simulator(Behaviour(status_for_all=503, retry_after=value)) as api:
        assert (await reply_of(api.base_url)).retry_after == value


HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    "parts",
    [
        [HEAD + b"Content-Length: 1000\r\n\r\nOK, and the rest is"],
        [HEAD + b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello"],
        [HEAD + b"Content-Encoding: no-such\r\nContent-Length: 5\r\n\r\nhello"],
        [HEAD + b"Content-Type: ;;charset=\xff\r\nContent-Length: 2\r\n\r\n\xff\xfe"],
        [HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab"],
        [HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"ZZ\r\nno chunk\r\n"],
        [HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", b"ZZ\r\nno chunk\r\n"],
        [HEAD + b"Set-Cookie: \xff;=;;\r\nContent-Length: 2\r\n\r\nOK"],
        [HEAD + b"\r\nas long as it lasts"],
        [b"HTTP/1.0 200\r\n\r\nOK"],
        [b"HTTP/1.1 100 Continue\r\n\r\n", OK],
    ],
)
@pytest.mark.parametrize("then", ["close", "hang"])
async def test_the_status_line_decides_however_the_body_ends(parts, then):
    """Cut short, undecodable or never ending: 200 is 200, and within little more than a second."""
    async with served(answering(*parts, then=then)) as base_url:
        reply = await reply_of(base_url, timeout=30)
    assert (reply.status, reply.trouble) == (200, None)
    assert reply.elapsed < 3


async def test_it_decides_also_where_aiohttp_has_no_parser_in_c(monkeypatch):
    """That in Python raises, in the middle of a body, what is no error of a client's."""
    monkeypatch.setattr(aiohttp.client_proto, "HttpResponseParser", HttpResponseParserPy)
    parts = [HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"ZZ\r\nno chunk\r\n"]
    async with served(answering(*parts)) as base_url:
        assert (await reply_of(base_url)).status == 200


async def test_of_a_huge_body_little_is_read():
    poured = 0

    async def pour(reader, writer):
        nonlocal poured
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HEAD + b"Content-Length: 100000000000\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()
            poured += 65536

    async with served(pour) as base_url:
        assert (await reply_of(base_url)).status == 200
    # The sockets' own buffers hold some megabytes.
    assert poured < 16 << 20


async def test_a_gzip_bomb_is_not_unpacked(monkeypatch):
    bomb = zlib.compress(bytes(50 << 20), 9, 31)
    head = b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    unpacked = Mock(side_effect=AssertionError("it was unpacked"))
    monkeypatch.setattr("aiohttp.http_parser.ZLibDecompressor", unpacked)
    async with served(answering(HEAD + head + bomb)) as base_url:
        assert (await reply_of(base_url)).status == 200


@pytest.mark.parametrize(
    "answer",
    [
        b"\x00\xff this is not HTTP\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 OK\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
    ],
    ids=range(4),
)
async def test_what_is_not_http_is_a_bad_reply_and_no_invented_400(answer):
    async with served(answering(answer)) as base_url:
        reply = await reply_of(base_url)
    assert (reply.status, reply.trouble) == (None, Reason.BAD_REPLY)


async def test_a_server_that_closes_without_a_word_is_a_lost_connection():
    async with served(answering()) as base_url:
        assert (await reply_of(base_url)).trouble is Reason.CONNECTION_LOST


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_closed_port_refuses_the_connection(host):
    """Also where the name stands for several addresses and each of them refuses."""
    async with served(answering()) as base_url:
        port = base_url.rpartition(":")[2]
    reply = await reply_of(f"http://{host}:{port}")
    assert (reply.status, reply.trouble) == (None, Reason.CONNECTION_REFUSED)


async def test_a_name_that_does_not_exist_is_an_unknown_host():
    """`.invalid` never exists (RFC 2606), with or without a network."""
    reply = await reply_of("https://api.batchconv.invalid", timeout=30)
    assert (reply.status, reply.trouble) == (None, Reason.UNKNOWN_HOST)


async def test_the_timeout_ends_an_exchange_that_never_connects():
    """The other side takes the connection and never shakes hands for TLS."""

    async def deaf(reader, writer):  # noqa: ARG001 - it neither reads nor writes
        await asyncio.get_running_loop().create_future()

    async with served(deaf) as base_url:
        began = time.perf_counter()
        reply = await reply_of(base_url.replace("http://", "https://"), timeout=0.2)
        assert reply.trouble is Reason.TIMEOUT
        assert time.perf_counter() - began < 2


async def test_cancelling_an_exchange_cancels_it():
    async with (
        Simulator(Behaviour(latency=30)) as api,
        HttpClient(AUTH, base_url=api.base_url) as client,
    ):
        task = asyncio.create_task(client.exchange(conversion()))
        await api.wait_for_requests(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


# -- connections -----------------------------------------------------------------------------------


async def test_connections_are_used_again():
    async with Simulator(Behaviour()) as api:
        async with HttpClient(AUTH, base_url=api.base_url, connections=3) as client:
            for _ in range(20):
                replies = await asyncio.gather(*(client.exchange(conversion()) for _ in range(3)))
                assert {reply.status for reply in replies} == {200}
        assert api.stats.requests == 60
        assert api.stats.connections <= 3


async def test_a_surplus_of_connections_is_closed_by_the_next_exchanges():
    """Not all at once, and none that is of use: nothing is opened for it."""
    opened = closed = 0

    async def handle(reader, writer):
        nonlocal opened, closed
        opened += 1
        last = False
        while not last:
            head = await reader.readuntil(b"\r\n\r\n")
            last = b"connection: close" in head.lower()
            await asyncio.sleep(0.01)
            writer.write(OK.replace(b"\r\n", b"\r\nConnection: close\r\n", 1) if last else OK)
        await writer.drain()
        closed += 1

    async with served(handle) as base, HttpClient(AUTH, base_url=base, connections=20) as client:

        async def exchange(count):
            return await asyncio.gather(*(client.exchange(conversion()) for _ in range(count)))

        await exchange(20)
        assert (opened, closed) == (20, 0)
        client.keep(5)
        replies = [reply for _ in range(8) for reply in await exchange(4)]
        assert {reply.status for reply in replies} == {200}
        assert (opened, closed) == (20, 15)
        client.keep(20)
        await exchange(8)
        assert (opened, closed) == (23, 15)


async def test_a_reply_with_a_body_of_two_parts_leaves_its_connection_usable():
    connections = 0

    async def slowly(reader, writer):
        nonlocal connections
        connections += 1
        while True:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(OK[:-1])
            await asyncio.sleep(0.02)
            writer.write(OK[-1:])

    async with served(slowly) as base_url, HttpClient(AUTH, base_url=base_url) as client:
        for _ in range(3):
            assert (await client.exchange(conversion())).status == 200
    assert connections == 1


async def test_more_connections_than_asked_for_are_never_open():
    async with Simulator(Behaviour(latency=0.02)) as api:
        async with HttpClient(AUTH, base_url=api.base_url, connections=4) as client:
            await asyncio.gather(*(client.exchange(conversion(f"{n}")) for n in range(40)))
        assert api.stats.most_in_flight == 4


async def test_more_than_a_hundred_connections_can_be_open():
    """The bound of 100 that aiohttp has by itself would cap a larger --concurrency."""
    async with Simulator(Behaviour(latency=0.3)) as api:
        async with HttpClient(AUTH, base_url=api.base_url, connections=150) as client:
            await asyncio.gather(*(client.exchange(conversion(f"{n}")) for n in range(150)))
        assert api.stats.most_in_flight == 150


async def test_a_connection_closed_right_before_a_request_is_lost_and_the_next_one_is_new():
    """A POST is not repeated by aiohttp itself, nor does the client: the pool decides."""
    received = 0

    async def once(reader, writer):
        nonlocal received
        await reader.readuntil(b"\r\n\r\n")
        received += 1
        writer.write(OK)
        await reader.readuntil(b"\r\n\r\n")  # closed just when the second one arrives
        received += 1

    async with served(once) as base_url, HttpClient(AUTH, base_url=base_url) as client:
        replies = [await client.exchange(conversion()) for _ in range(3)]
    assert [reply.status for reply in replies] == [200, None, 200]
    assert replies[1].trouble is Reason.CONNECTION_LOST
    assert received == 3


async def test_an_answer_that_nobody_asked_for_is_not_taken_for_the_next_one():
    """Else a row that the server refuses would be counted as accepted."""
    received = 0

    async def ahead(reader, writer):
        nonlocal received
        await reader.readuntil(b"\r\n\r\n")
        received += 1
        writer.write(OK if received == 1 else OK.replace(b"200 OK", b"420 No"))
        await asyncio.sleep(0.05)
        writer.write(OK)
        await reader.read()

    async with served(ahead) as base_url, HttpClient(AUTH, base_url=base_url) as client:
        assert (await client.exchange(conversion("first"))).status == 200
        await asyncio.sleep(0.2)  # the unasked answer waits on the idle connection
        spoilt = await client.exchange(conversion("second"))
        assert (await client.exchange(conversion("second"))).status == 420
    assert (spoilt.trouble, outcome_unknown(spoilt)) == (Reason.CONNECTION_LOST, False)
    assert describe(spoilt) == (
        "the server sent something, or closed the connection, before it got a request"
    )
    assert received == 2


async def test_no_connection_is_left_open(recwarn):
    async with Simulator(Behaviour()) as api:
        await reply_of(api.base_url)
    gc.collect()
    assert not recwarn.list


# -- credentials stay where they belong ------------------------------------------------------------


async def test_credentials_do_not_follow_a_redirect_to_another_host():
    elsewhere: list[bytes] = []

    async def listen(reader, writer):  # noqa: ARG001 - nothing is written
        elsewhere.append(await reader.read(10_000))

    async with served(listen) as other:
        for status in (301, 302, 303, 307, 308):
            head = f"HTTP/1.1 {status} Go\r\nLocation: {other}/\r\nContent-Length: 0\r\n\r\n"
            async with served(answering(head.encode())) as base_url:
                assert (await reply_of(base_url)).status == status
    assert elsewhere == []


async def test_cookies_are_not_kept():
    heads: list[bytes] = []

    async def baker(reader, writer):
        while True:
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(OK.replace(b"\r\n", b"\r\nSet-Cookie: a=b; Path=/\r\n", 1))

    async with served(baker) as base_url, HttpClient(AUTH, base_url=base_url) as client:
        for _ in range(2):
            assert (await client.exchange(conversion())).status == 200
    assert b"cookie" not in heads[1].lower()


async def test_netrc_and_proxy_variables_are_not_read(tmp_path, monkeypatch):
    asked: list[bytes] = []

    async def listen(reader, writer):
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(OK)

    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login CANARY password CANARY\ndefault login C password C\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(netrc))
    async with served(listen) as proxy, served(listen) as base_url:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"{proxy}/proxy")
            monkeypatch.setenv(name.upper(), f"{proxy}/proxy")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        assert (await reply_of(base_url)).status == 200
    (head,) = asked
    # In absolute form if it had gone through the proxy.
    assert head.startswith(b"POST /sms?message-id=id-1&delivered=true&")
    assert b"authorization" not in head.lower()


async def test_the_header_of_basic_goes_with_every_request_and_nothing_secret_in_the_url():
    heads: list[bytes] = []

    async def listen(reader, writer):
        while True:
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(OK)

    auth = BasicAuth("schlüssel", Secret("geheim"))
    async with served(listen) as base_url, HttpClient(auth, base_url=base_url) as client:
        for _ in range(2):
            await client.exchange(conversion())
    for head in heads:
        assert b"Authorization: Basic c2NobMO8c3NlbDpnZWhlaW0=\r\n" in head
        assert head.startswith(b"POST /sms?message-id=id-1&delivered=true HTTP/1.1\r\n")
        assert b"Content-Length: 0\r\n" in head
        assert b"Content-Type" not in head
        assert b"Accept-Encoding" not in head
        assert b"User-Agent: batchconv/" in head


# -- certificates ----------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A certificate for 127.0.0.1 that nobody vouches for, with its key in the same file."""
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-keyout", str(path), "-out", "-", "-subj", "/CN=batchconv test"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1"]
    try:
        made = subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("there is no openssl that makes certificates")
    path.write_bytes(path.read_bytes() + made.stdout)
    return path


@pytest.fixture
def tls(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


async def test_a_bad_certificate_ends_it_before_anything_is_sent(tls):
    received: list[bytes] = []

    async def listen(reader, writer):
        received.append(await reader.read(1000))
        writer.write(OK)

    async with served(listen, tls) as base_url:
        reply = await reply_of(base_url)
        assert (reply.status, reply.certificate) == (None, "it is self-signed")
        # The right certificate with another name on it is as bad.
        named = base_url.replace("127.0.0.1", "localhost")
        assert (await reply_of(named)).certificate
    assert not any(received)


async def test_with_the_ca_file_the_same_certificate_is_good(tls, certificate):
    async with served(answering(OK), tls) as base_url:
        reply = await reply_of(base_url, ca_file=str(certificate))
        assert (reply.status, reply.certificate) == (200, None)
    async with served(answering(OK), tls) as base_url:
        named = base_url.replace("127.0.0.1", "localhost")
        assert "another host" in (await reply_of(named, ca_file=str(certificate))).certificate


async def test_plain_http_where_tls_is_expected_is_no_certificate_failure():
    async def chatty(reader, writer):
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await reader.read(1000)

    async with served(chatty) as base_url:
        reply = await reply_of(base_url.replace("http://", "https://"))
    assert (reply.status, reply.trouble) == (None, Reason.TLS_FAILED)
    assert reply.certificate is None


@pytest.mark.parametrize("content", [None, b"", b"no certificate\n", b"\xff\x00"])
def test_a_ca_file_without_certificates_is_a_usage_error(tmp_path, content):
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match="--ca-file"):
        HttpClient(AUTH, ca_file=str(path))


async def test_a_proxy_without_a_tunnel_is_given_the_whole_address_and_its_own_credentials():
    heads = []

    async def handle(reader, writer):
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(OK)

    async with served(handle) as base_url:
        proxy = Proxy.parse(base_url.replace("//", "//me:p%40ss@").removesuffix("/conversions"))
        target = "http://127.0.0.1:9/conversions"
        async with HttpClient(AUTH, base_url=target, proxy=proxy) as client:
            assert (await client.exchange(conversion())).status == 200
    (head,) = heads
    assert head.startswith(b"POST http://127.0.0.1:9/conversions/sms?message-id=id-1&")
    assert b"\r\nHost: 127.0.0.1:9\r\n" in head
    assert b"\r\nProxy-Authorization: Basic bWU6cEBzcw==\r\n" in head
