"""A raw TCP server that notes when each request reached the machine, by the kernel's own stamp.

A stamp is taken as the request is written, for that is when loopback delivers it: how busy the
machine is when this program comes to read it makes no difference. Standard output tells the port
at the start, and the Unix seconds of all requests at the end (SIGTERM).

    python -m tests.bench.wire_server [--tls FOLDER] [--handshake SECONDS] [--requests N]
        [--outage SECOND SECOND] [--fail-first N] [--allow-rate N]
"""

from __future__ import annotations

import argparse
import json
import signal
import socket
import ssl
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.bench.limiters import TokenBucket

_SO_TIMESTAMPNS = 35  # include/uapi/asm-generic/socket.h; Python has no name for it
_MOST = 1 << 16
_REPLY = "HTTP/1.1 {} -\r\nContent-Length: 0\r\n\r\n"


def _received(connection: socket.socket) -> tuple[bytes, float]:
    """The next bytes, and when they came."""
    data, extra, _, _ = connection.recvmsg(_MOST, socket.CMSG_SPACE(16))
    for _, kind, value in extra:
        if kind == _SO_TIMESTAMPNS:
            seconds, nanoseconds = struct.unpack("ll", value)
            return data, seconds + nanoseconds / 1e9
    return data, time.time()


class _Server:
    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._tls = None
        if options.tls is not None:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(options.tls / "server.pem")
        self._lock = threading.Lock()
        self._seen: set[bytes] = set()
        self._allowed = TokenBucket(options.allow_rate, 1) if options.allow_rate else None
        self.moments: list[float] = []

    def run(self) -> None:
        """Take connections for ever."""
        with socket.create_server(("127.0.0.1", 0), backlog=500) as listening:
            listening.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)  # connections inherit it
            sys.stdout.write(f"{listening.getsockname()[1]}\n")
            sys.stdout.flush()
            while True:
                connection, _ = listening.accept()
                threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                pieces, send = self._opened(connection)
                for number, (head, moment) in enumerate(_requests(pieces), 1):
                    send(_REPLY.format(self._answer(head, moment)).encode())
                    if number == self._options.requests:
                        return
            except OSError:  # of TLS, too; the client is gone
                return

    def _opened(
        self, connection: socket.socket
    ) -> tuple[Iterator[tuple[bytes, float]], Callable[[bytes], object]]:
        """Pieces of what is received, with their moments; and what sends."""
        time.sleep(self._options.handshake)
        if self._tls is None:
            return iter(lambda: _received(connection), None), connection.sendall
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        inside = self._tls.wrap_bio(incoming, outgoing, server_side=True)

        def pieces() -> Iterator[tuple[bytes, float]]:
            step: Callable[[], bytes | None] = inside.do_handshake
            moment = 0.0
            while True:
                try:
                    got = step()
                    step = lambda: inside.read(_MOST)  # noqa: E731 - a step like the handshake
                    if got is not None:
                        yield got, moment
                except ssl.SSLWantReadError:
                    connection.sendall(outgoing.read())
                    data, moment = _received(connection)
                    if not data:
                        return
                    incoming.write(data)

        def send(data: bytes) -> None:
            inside.write(data)
            connection.sendall(outgoing.read())

        return pieces(), send

    def _answer(self, head: bytes, moment: float) -> int:
        """Note a request; the status that it gets."""
        options = self._options
        with self._lock:
            self.moments.append(moment)
            at = moment - self.moments[0]
            if self._allowed is not None and not self._allowed.takes(at):
                return 429
            if options.outage and options.outage[0] <= at < options.outage[1]:
                return 503
            target = head.partition(b"\r\n")[0]
            new = target not in self._seen
            self._seen.add(target)
            fails = new and options.fail_first and len(self._seen) % options.fail_first == 0
            return 503 if fails else 200


def _requests(pieces: Iterator[tuple[bytes, float]]) -> Iterator[tuple[bytes, float]]:
    """Each request's head, and when its first bytes came."""
    head, began = b"", 0.0
    for data, moment in pieces:
        if not data:
            return
        began = began if head else moment
        head += data
        if head.endswith(b"\r\n\r\n"):
            yield head, began
            head = b""


def main() -> None:
    """Serve until SIGTERM; then tell the moments."""
    options = argparse.ArgumentParser()
    options.add_argument("--tls", type=Path)
    options.add_argument("--handshake", type=float, default=0.0)
    options.add_argument("--requests", type=int)
    options.add_argument("--outage", type=float, nargs=2)
    options.add_argument("--fail-first", type=int)
    options.add_argument("--allow-rate", type=float)
    server = _Server(options.parse_args())

    def leave(*_: object) -> None:
        raise SystemExit

    signal.signal(signal.SIGTERM, leave)
    try:
        server.run()
    finally:
        sys.stdout.write(json.dumps(sorted(server.moments)) + "\n")


if __name__ == "__main__":
    main()
