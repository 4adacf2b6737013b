"""A conversion → the bytes of its request: all that is ever written to the API is made here."""

from __future__ import annotations

from batchconv import __version__
from batchconv.model import Conversion
from batchconv.sending.proxy import Proxy
from batchconv.vonage.authentication import Auth, Secret
from batchconv.vonage.endpoint import Addresses, QueryMaker

USER_AGENT = f"batchconv/{__version__}"


class RequestHead:
    """Makes the head of a request, which is the whole of it: a conversion has no body.

    What is the same for all is made once, and held as a Secret.

    Args:
        addresses: what conversions of each channel are posted to, all on one server.
        auth: how a request proves whose it is.
        proxy: what is gone through; it wants the whole address where there is no tunnel.
    """

    def __init__(self, addresses: Addresses, auth: Auth, proxy: Proxy | None) -> None:
        self._query = QueryMaker(auth)
        server = next(iter(addresses.values()))
        without_tunnel = proxy if server.scheme == "http" else None
        self._begins = {
            channel: f"POST {url.raw_path if without_tunnel is None else url}?"
            for channel, url in addresses.items()
        }
        fields = {
            "Host": server.host_port_subcomponent,
            "User-Agent": USER_AGENT,
            **auth.headers,
            **({} if without_tunnel is None else without_tunnel.headers),
            "Content-Length": "0",
        }
        text = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self._end = Secret(f" HTTP/1.1\r\n{text}\r\n")
        self._closing_end = Secret(f" HTTP/1.1\r\n{text}Connection: close\r\n\r\n")

    def __call__(self, conversion: Conversion, *, closing: bool = False) -> bytes:
        """The request for *conversion*; with *closing* it is the last on its connection."""
        end = self._closing_end if closing else self._end
        return (self._begins[conversion.channel] + self._query(conversion) + end.reveal()).encode()
