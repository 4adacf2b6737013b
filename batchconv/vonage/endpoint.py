"""The address that conversions are posted to, checked once; and the query of each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_address
from typing import get_args
from urllib.parse import quote

from yarl import URL

from batchconv.errors import UsageError
from batchconv.model import Channel, Conversion
from batchconv.vonage.authentication import Auth, Secret
from batchconv.vonage.loopback import is_loopback

_PLAIN = re.compile(r"[0-9A-Za-z_.~-]*").fullmatch  # what RFC 3986 calls unreserved
# What yarl makes of a name, or an address. A zone (RFC 6874) must not leave this machine in a Host
# field, and no certificate is for one.
_HOST = re.compile(r"[0-9A-Za-z_.-]*|[0-9A-Fa-f:.]+").fullmatch
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}").fullmatch


def check_base_url(text: str) -> str:
    """The base URL in its canonical form, without a trailing slash.

    It is parsed by the library that connects, so that what is checked is what is meant.

    Raises:
        UsageError: it is not an HTTP URL, holds user-info, a query or a fragment, or is plain HTTP
            to a host that is not this machine: credentials would travel for everyone to read.
    """
    try:
        url = URL(text.strip())
        host = url.raw_host or ""
        if not _HOST(host):
            host = ""
        elif ":" in host or host.replace(".", "").isdigit():
            ip_address(host)
        else:
            host.encode("idna")  # refuses what no name can be, such as an empty label
    except ValueError:
        url, host = URL(), ""
    if "@" in text:
        raise UsageError(
            "--base-url holds a user or a password", hint="credentials belong in the environment"
        )
    if url.scheme not in ("http", "https") or not host:
        raise UsageError(
            "--base-url is not an http or https URL with a host",
            hint="write it like https://api.nexmo.com/conversions; an IPv6 address without a zone",
        )
    if "?" in text or "#" in text:
        raise UsageError(
            "--base-url holds a query or a fragment", hint="leave out all after ? or #"
        )
    if url.scheme == "http" and not is_loopback(host):
        raise UsageError(
            f"--base-url: plain http to {host} would send the credentials unencrypted",
            hint="use https",
        )
    return str(url).rstrip("/")


class QueryMaker:
    """Makes the query of a conversion's request, wholly encoded.

    Args:
        auth: adds what says who is asking.
    """

    def __init__(self, auth: Auth) -> None:
        self._auth = auth
        # Encoded once; a Secret, so that it shows in no traceback and in no `repr`.
        self._constant = Secret(
            "".join(f"&{name}={_quote(value)}" for name, value in auth.constant)
        )

    def __call__(self, conversion: Conversion) -> str:
        """What stands behind the `?`; a signature is made afresh every time."""
        delivered = "true" if conversion.delivered else "false"
        if self._auth.signs:
            params = [("message-id", conversion.message_id), ("delivered", delivered)]
            if conversion.timestamp is not None:
                params.append(("timestamp", conversion.timestamp))
            return "&".join(f"{name}={_quote(value)}" for name, value in self._auth.sign(params))
        query = f"message-id={_quote(conversion.message_id)}&delivered={delivered}"
        if conversion.timestamp is not None:
            query += f"&timestamp={_quote_time(conversion.timestamp)}"
        return query + self._constant.reveal()


Addresses = Mapping[Channel, URL]
"""What the conversions of each channel are posted to, without their query."""


def addresses(base_url: str) -> Addresses:
    """The addresses below a base URL, which is in its canonical form."""
    return {channel: URL(f"{base_url}/{channel}", encoded=True) for channel in get_args(Channel)}


def _quote(value: str) -> str:
    """The value as it stands in a query, wholly percent-encoded; most need none of that.

    Text glued together as it is would lose `+`, `#` and `&`.
    """
    if (value.isascii() and value.isalnum()) or _PLAIN(value):
        return value
    return quote(value, safe="")


def _quote_time(value: str) -> str:
    """As `_quote`, but colons stand in a query as they are (RFC 3986, 3.4): every row has two."""
    return value.replace(" ", "%20") if _TIME(value) else _quote(value)
