"""A conversion → the bytes of its request: all that is ever written to the API is made here."""

from __future__ import annotations

from typing import get_args

from batchconv import __version__
from batchconv.model import Channel, Conversion
from batchconv.sending.proxy import Proxy
from batchconv.vonage.authentication import Auth, Secret
from batchconv.vonage.endpoint import QueryMaker, address

USER_AGENT = f"batchconv/{__version__}"


class RequestHead:
    """Makes the head of a request, which is the whole of it: a conversion has no body.

    What is the same for all is made once, and held as a Secret.

    Args:
        base_url: in its canonical form.
        auth: how a request proves whose it is.
        proxy: what is gone through; it wants the whole address where there is no tunnel.
    """

    def __init__(self, base_url: str, auth: Auth, proxy: Proxy | None) -> None:
        self._query = QueryMaker(auth)
        self._begins: dict[Channel, str] = {}
        for channel in get_args(Channel):
            url = address(base_url, channel)
            through = proxy if url.scheme == "http" else None
            target = url.raw_path if through is None else str(url)
            self._begins[channel] = f"POST {target}?"
        fields = {
            "Host": url.host_port_subcomponent,
            "User-Agent": USER_AGENT,
            **auth.headers,
            **(through.headers if through is not None else {}),
            "Content-Length": "0",
        }
        text = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self._end = Secret(f" HTTP/1.1\r\n{text}\r\n")
        self._closing_end = Secret(f" HTTP/1.1\r\n{text}Connection: close\r\n\r\n")

    def __call__(self, conversion: Conversion, *, closing: bool = False) -> bytes:
        """The request for *conversion*; with *closing* it is the last on its connection."""
        end = self._closing_end if closing else self._end
        return (self._begins[conversion.channel] + self._query(conversion) + end.reveal()).encode()
