"""The simulator over real sockets on 127.0.0.1: what it sends, counts and how it stops."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple
from urllib.parse import quote, urlsplit

import pytest

from batchconv.errors import UsageError
from batchconv.simulator import Behaviour, FaultRule, Received, Simulator

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
CREDENTIALS = "api_key=simulate&api_secret=made-up-secret"


class Heard(NamedTuple):
    head: str
    body: bytes

    @property
    def status(self) -> int:
        return int(self.head.split()[1])


def address(simulator: Simulator) -> tuple[str, int]:
    url = urlsplit(simulator.base_url)
    return url.hostname or "", url.port or 0


def request(target: str, method: str = "POST", headers: str = "Connection: close\r\n") -> bytes:
    return f"{method} {target} HTTP/1.1\r\nHost: here\r\n{headers}\r\n".encode()


def conversion(message_id: str = "id-1", channel: str = "sms") -> str:
    query = f"message-id={quote(message_id, safe='')}&delivered=true&{CREDENTIALS}"
    return f"/conversions/{channel}?{query}"


@asynccontextmanager
async def connected(simulator: Simulator) -> AsyncIterator[Streams]:
    reader, writer = await asyncio.open_connection(*address(simulator))
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def everything(simulator: Simulator, raw: bytes) -> bytes:
    """All bytes that come back until the server closes."""
    async with connected(simulator) as (reader, writer):
        writer.write(raw)
        return await reader.read()


async def ask(simulator: Simulator, target: str | None = None, method: str = "POST") -> Heard:
    raw = await everything(simulator, request(target or conversion(), method))
    head, _, body = raw.partition(b"\r\n\r\n")
    return Heard(head.decode(), body)


def faulty(kind: str, retry_after: str | None = None) -> Simulator:
    rules = (FaultRule(kind, share=1.0),)
    return Simulator(Behaviour(faults=rules, retry_after=retry_after))


async def test_a_conversion_is_accepted_and_counted_byte_for_byte():
    async with Simulator(Behaviour()) as simulator:
        heard = await ask(simulator, conversion("a+b %26&#😀"))
        assert (heard.status, heard.body) == (200, b"OK")
        assert simulator.stats.accepted_ids == {"a+b %26&#😀": 1}


async def test_a_connection_serves_many_requests():
    async with Simulator(Behaviour()) as simulator:
        async with connected(simulator) as (reader, writer):
            for _ in range(3):
                writer.write(request(conversion(), headers=""))
                assert (await reader.readuntil(b"OK\r\n")).startswith(b"HTTP/1.1 200")
                assert (await reader.readuntil(b"\r\n\r\nOK")).endswith(
                    b"Content-Length: 2\r\n\r\nOK"
                )
        assert simulator.stats.connections == 1
        assert simulator.stats.requests == 3


@pytest.mark.parametrize("status", [204, 302, 401, 402, 407, 420, 429, 500, 599])
async def test_one_status_can_be_the_answer_to_everything(status):
    async with Simulator(Behaviour(status_for_all=status)) as simulator:
        assert (await ask(simulator)).status == status
        assert (await ask(simulator, "/nowhere", "GET")).status == status
        assert simulator.stats.by_status == {status: 2}


async def test_a_redirect_points_where_following_it_is_found_out():
    async with faulty("302") as simulator:
        heard = await ask(simulator)
        assert "Location: /elsewhere" in heard.head
        assert simulator.stats.redirects_followed == 0
        assert (await ask(simulator, "/elsewhere", "GET")).status == 200
        assert simulator.stats.redirects_followed == 1


@pytest.mark.parametrize(
    ("target", "method", "status"),
    [("/conversions/sms", "GET", 405), ("/conversions/sms", "HEAD", 405), ("/x", "POST", 404)],
)
async def test_a_wrong_address_is_told(target, method, status):
    async with Simulator(Behaviour()) as simulator:
        heard = await ask(simulator, target, method)
        assert heard.status == status
        assert ("Allow: POST" in heard.head) is (status == 405)
        assert (heard.body == b"") is (method == "HEAD")


async def test_retry_after_is_sent():
    async with faulty("503", retry_after="7") as simulator:
        assert "Retry-After: 7" in (await ask(simulator)).head


async def test_basic_credentials_are_read_from_the_header():
    basic = "Authorization: Basic c2ltdWxhdGU6bWFkZS11cC1zZWNyZXQ=\r\nConnection: close\r\n"
    async with Simulator(Behaviour()) as simulator:
        target = "/conversions/voice?message-id=1&delivered=0"
        raw = await everything(simulator, request(target, headers=basic))
        assert raw.startswith(b"HTTP/1.1 200 ")


async def test_a_very_long_target_is_414_and_does_not_break_the_server():
    async with Simulator(Behaviour()) as simulator:
        assert (await ask(simulator, conversion("x" * 1_000_000))).status == 414
        assert (await ask(simulator)).status == 200


async def test_a_reset_loses_the_reply_and_nothing_is_accepted():
    async with faulty("reset") as simulator:
        with pytest.raises(ConnectionResetError):
            await everything(simulator, request(conversion()))
        assert simulator.stats.accepted == 0
        assert simulator.stats.by_fault == {"reset": 1}
        assert simulator.stats.by_status == {}


async def test_a_reset_after_has_accepted_what_the_client_never_hears_of():
    async with faulty("reset-after") as simulator:
        with pytest.raises(ConnectionResetError):
            await everything(simulator, request(conversion()))
        assert simulator.stats.accepted_ids == {"id-1": 1}
        assert simulator.stats.lost_replies == 1


async def test_garbage_is_not_http():
    async with faulty("garbage") as simulator:
        raw = await everything(simulator, request(conversion(), headers=""))
        assert raw
        assert not raw.startswith(b"HTTP")


async def test_a_cut_body_is_shorter_than_it_says():
    async with faulty("cut") as simulator:
        heard = await ask(simulator)
        assert heard.status == 200
        assert "Content-Length: 1000" in heard.head
        assert len(heard.body) < 1000
        assert simulator.stats.accepted == 1


async def test_a_huge_body_has_20_mb():
    async with faulty("huge") as simulator:
        heard = await ask(simulator)
        assert "Content-Length: 20000000" in heard.head
        assert len(heard.body) == 20_000_000


async def test_a_dripping_body_starts_at_once_and_does_not_hold_up_the_end():
    async with faulty("drip") as simulator, connected(simulator) as (reader, writer):
        writer.write(request(conversion()))
        assert b" 200 " in await reader.readuntil(b"\r\n\r\n.")


async def test_a_client_that_leaves_a_hanging_request_frees_its_place():
    hang_first = (FaultRule("hang", every=2),)
    async with Simulator(Behaviour(faults=hang_first, allow_concurrent=1)) as simulator:
        assert (await ask(simulator, conversion("one"))).status == 200
        async with connected(simulator) as (_, writer):
            writer.write(request(conversion("two")))
            await simulator.wait_for_requests(2)
            assert (await ask(simulator, conversion("three"))).status == 429
        while (await ask(simulator, conversion("three"))).status == 429:
            pass


@pytest.mark.parametrize("kind", ["hang", "huge", "drip"])
async def test_it_stops_while_a_client_waits_or_does_not_read(kind, monkeypatch):
    """That this ends is the claim, and at once: what it may wait at most is made an hour."""
    monkeypatch.setattr("batchconv.simulator.server._STOP_SECONDS", 3600)
    async with faulty(kind) as simulator:
        _, writer = await asyncio.open_connection(*address(simulator))
        writer.write(request(conversion()))
        await simulator.wait_for_requests(1)
    writer.transport.abort()


async def test_it_stops_in_the_midst_of_a_long_latency_and_counts_the_reply_as_lost():
    async with Simulator(Behaviour(latency=3600)) as simulator:
        _, writer = await asyncio.open_connection(*address(simulator))
        writer.write(request(conversion()))
        await simulator.wait_for_requests(1)
    assert (simulator.stats.accepted, simulator.stats.lost_replies) == (1, 1)
    assert simulator.stats.by_status == {}
    writer.transport.abort()


async def test_a_host_by_name_is_announced_with_an_address_that_answers():
    async with Simulator(Behaviour(), host="localhost") as simulator:
        assert (await ask(simulator)).status == 200
        assert simulator.is_loopback


async def test_its_port_is_free_again_after_it_has_stopped():
    async with Simulator(Behaviour()) as simulator:
        _, port = address(simulator)
        await ask(simulator)
    async with Simulator(Behaviour(), port=port) as again:
        assert (await ask(again)).status == 200


async def test_a_port_in_use_is_told_in_words():
    async with Simulator(Behaviour()) as simulator:
        _, port = address(simulator)
        with pytest.raises(UsageError, match=f"cannot listen on 127.0.0.1 port {port}: ") as caught:
            await Simulator(Behaviour(), port=port).__aenter__()
        assert "--port" in (caught.value.hint or "")


async def test_a_client_that_does_not_speak_http_gets_a_400_and_fills_no_log(caplog):
    caplog.set_level(logging.DEBUG)
    async with Simulator(Behaviour()) as simulator:
        assert b" 400 " in await everything(simulator, b"hello?\r\n\r\n")
        assert [record for record in caplog.records if record.exc_info] == []
        assert (await ask(simulator)).status == 200


async def test_stats_are_told_as_json_and_reset():
    async with Simulator(Behaviour()) as simulator:
        for message_id in ("a", "b", "a"):
            await ask(simulator, conversion(message_id))
        await ask(simulator, "/x")
        told = json.loads((await ask(simulator, "/stats", "GET")).body)
        assert told | {"first_arrival": 0, "last_arrival": 0, "seconds": 0} == {
            "requests": 4,
            "accepted": 3,
            "distinct_ids": 2,
            "repeated_ids": 1,
            "repeats": 1,
            "lost_replies": 0,
            "by_status": {"200": 3, "404": 1},
            "by_fault": {},
            "most_in_flight": 1,
            "connections": 5,
            "fullest_second": told["fullest_second"],
            "redirects_followed": 0,
            "first_arrival": 0,
            "last_arrival": 0,
            "seconds": 0,
        }
        assert told["first_arrival"] <= told["last_arrival"]
        with_ids = json.loads((await ask(simulator, "/stats?ids=1", "GET")).body)
        assert with_ids["ids"] == {"a": 2, "b": 1}
        assert (await ask(simulator, "/stats", "DELETE")).status == 204
        assert simulator.stats.requests == simulator.stats.distinct_ids == 0
        assert (await ask(simulator, "/stats", "POST")).status == 405


async def test_requests_are_recorded_when_asked_for():
    async with Simulator(Behaviour(record_arrivals=True, record_requests=True)) as simulator:
        extra = "&timestamp=2024-01-01%2000:00:00"
        await ask(simulator, conversion("a", "voice") + extra)
        await ask(simulator, "/conversions/sms?delivered=true")
        assert simulator.stats.received == [
            Received("voice", "a", "true", "2024-01-01 00:00:00", 200),
            Received("sms", None, "true", None, 401),
        ]
        first, second = simulator.stats.arrivals
        assert first <= second


async def test_requests_in_flight_at_the_same_time_are_counted():
    async with faulty("hang") as simulator:
        async with connected(simulator) as (_, one), connected(simulator) as (_, other):
            one.write(request(conversion("a")))
            other.write(request(conversion("b")))
            await simulator.wait_for_requests(2)
        assert simulator.stats.most_in_flight == 2
