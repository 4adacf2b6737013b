"""An HTTP proxy, and the simulator behind TLS: what lies between the program and the API."""

import asyncio
import base64
import contextlib
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import trustme

from batchconv.simulator import Simulator

HOST = "api.batchconv.test"
"""A name that only the proxy can find."""


@dataclass
class Seen:
    """What a proxy was asked for.

    Attributes:
        requests: the head of each request, as it came.
        tunnels: host and port of each tunnel that was opened.
    """

    requests: list[str] = field(default_factory=list)
    tunnels: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class HttpProxy:
    """Opens tunnels, and passes on what is asked for in plain http; every name is this machine.

    Attributes:
        credentials: `user:password` that it wants, or None.
        status: what it answers to everybody instead, or None.
    """

    credentials: str | None = None
    status: int | None = None
    tls: ssl.SSLContext | None = None
    seen: Seen = field(default_factory=Seen)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[int]:
        """Its port, for as long as the context."""
        async with _served(self._handle, self.tls) as port:
            yield port

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.seen.requests.append(head)
        method, target, _ = head.split(" ", 2)
        refusal = self.status or (None if self._knows(head) else 407)
        if refusal is not None:
            writer.write(f"HTTP/1.1 {refusal} No\r\nContent-Length: 0\r\n\r\n".encode())
            await writer.drain()
            return
        place = target if method == "CONNECT" else urlsplit(target).netloc
        self.seen.tunnels.append(place)
        port = int(place.rpartition(":")[2])
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            far_writer.write(head.encode())
        await _joined((reader, writer), (far_reader, far_writer))

    def _knows(self, head: str) -> bool:
        if self.credentials is None:
            return True
        wanted = base64.b64encode(self.credentials.encode()).decode()
        return f"\r\nProxy-Authorization: Basic {wanted}\r\n" in head


@asynccontextmanager
async def behind_tls(simulator: Simulator, certificate: trustme.LeafCert) -> AsyncIterator[int]:
    """The port at which the simulator can be spoken to in TLS."""
    port = urlsplit(simulator.base_url).port
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _joined((reader, writer), await asyncio.open_connection("127.0.0.1", port))

    async with _served(handle, context) as front:
        yield front


class Authority:
    """Issues certificates, and is trusted by whoever is given its file."""

    def __init__(self, folder: Path) -> None:
        self._ca = trustme.CA()
        self.file = str(folder / "ca.pem")
        self._ca.cert_pem.write_to_path(self.file)

    def certificate(self, *hosts: str, days: int = -1, expired: bool = False) -> trustme.LeafCert:
        """For these hosts, from that many days from now on, for two days or for one hour."""
        since = datetime.now(UTC) + timedelta(days=days)
        until = since + (timedelta(hours=1) if expired else timedelta(days=2))
        return self._ca.issue_cert(*hosts, not_before=since, not_after=until)

    def server(self, *hosts: str) -> ssl.SSLContext:
        """What a server with such a certificate needs."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.certificate(*hosts).configure_cert(context)
        return context


@asynccontextmanager
async def _served(handle, tls: ssl.SSLContext | None) -> AsyncIterator[int]:
    tasks: set[asyncio.Task[None]] = set()

    async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, EOFError), _closed(writer):
            await handle(reader, writer)

    def start(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.create_task(guarded(reader, writer)))

    server = await asyncio.start_server(start, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


@contextlib.contextmanager
def _closed(writer: asyncio.StreamWriter) -> Iterator[None]:
    try:
        yield
    finally:
        writer.transport.abort()


async def _joined(one, other) -> None:
    """Carry bytes both ways until either side has had enough."""

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()

    with _closed(one[1]), _closed(other[1]):
        ways = [
            asyncio.ensure_future(carry(one[0], other[1])),
            asyncio.ensure_future(carry(other[0], one[1])),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
