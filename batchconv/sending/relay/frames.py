"""Frames over a socket between two processes of one interpreter: a length, and a value."""

from __future__ import annotations

import asyncio
import marshal
from collections.abc import Callable
from typing import Any, cast

_HEAD = 4  # bytes of the length


def frame(value: Any) -> bytes:
    """A value as it goes over the line; `marshal` takes a third less time than `pickle`."""
    data = marshal.dumps(value)
    return len(data).to_bytes(_HEAD, "big") + data


class FrameProtocol(asyncio.Protocol):
    """Calls *heard* with each value that arrives, and *gone* when the other end is closed."""

    def __init__(self, heard: Callable[[Any], None], gone: Callable[[], None]) -> None:
        self._heard = heard
        self._gone = gone
        self._rest = b""
        self.transport: asyncio.WriteTransport
        self._open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """There is a line."""
        self.transport = cast("asyncio.WriteTransport", transport)
        self._open = True

    def send(self, value: object) -> None:
        """Write a value; once the line is gone it is dropped."""
        if not self.transport.is_closing():
            self.transport.write(frame(value))

    def close(self) -> None:
        """Close the line, if it was ever open; what was written before still leaves."""
        if self._open:
            self.transport.close()

    def data_received(self, data: bytes) -> None:
        """Bytes have arrived."""
        data = self._rest + data if self._rest else data
        begin = 0
        while len(data) - begin >= _HEAD:
            end = begin + _HEAD + int.from_bytes(data[begin : begin + _HEAD], "big")
            if end > len(data):
                break
            value = memoryview(data)[begin + _HEAD : end]
            self._heard(marshal.loads(value))  # noqa: S302 - a process of this program wrote it
            begin = end
        self._rest = data[begin:]

    def connection_lost(self, exc: Exception | None) -> None:
        """The line is gone."""
        self._gone()
