"""The proxy that requests go through, if any."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Self
from urllib.parse import unquote, urlsplit

from batchconv.errors import UsageError
from batchconv.vonage.authentication import Secret
from batchconv.vonage.loopback import is_loopback

_HOST = re.compile(r"[\w.-]+|\[[0-9A-Fa-f:.]+\]", re.ASCII)
_VARIABLES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy; it shows itself without its user and password.

    Attributes:
        scheme: `http`, or `https` for one that is itself spoken to in TLS.
        host: its name, or its address without brackets.
        credentials: `user:password`, percent-encoded as in a URL, or None.
    """

    scheme: str
    host: str
    port: int
    credentials: Secret | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `http://proxy:3128`, also with `user:password@` in front of the host.

        Raises:
            ValueError: it is none; the text itself is not shown.
        """
        url = text if "://" in text else f"http://{text}"
        userinfo, at, _ = url.partition("://")[2].rpartition("@")
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            raise ValueError("it is not the URL of a proxy; write http://proxy:3128") from None
        if parts.scheme.startswith("socks"):
            raise ValueError("SOCKS proxies are not supported; name an HTTP proxy")
        if (
            parts.scheme not in ("http", "https")
            or not _HOST.fullmatch(f"[{host}]" if ":" in host else host)
            or parts.path not in ("", "/")
            or "?" in url
            or "#" in url
            or (bool(at) and parts.netloc.rpartition("@")[0] != userinfo)
        ):
            raise ValueError("it is not the URL of a proxy; write http://proxy:3128")
        usual = 443 if parts.scheme == "https" else 80
        return cls(parts.scheme, host, port or usual, Secret(userinfo) if userinfo else None)

    @property
    def place(self) -> tuple[str, int]:
        """Host and port."""
        return self.host, self.port

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    @property
    def headers(self) -> dict[str, str]:
        """What a request carries for it (RFC 9110, 11.7.2; UTF-8 as in RFC 7617)."""
        if self.credentials is None:
            return {}
        user, _, password = self.credentials.reveal().partition(":")
        pair = unquote(f"{user}:{password}")
        return {"Proxy-Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


def read_proxy(text: str) -> Proxy | Literal["env"] | None:
    """The value of `--proxy`: a URL, `env` or `none`."""
    if text == "env":
        return "env"
    return None if text == "none" else Proxy.parse(text)


def find_proxy(
    wanted: Proxy | Literal["env"] | None, base_url: str, environment: Mapping[str, str]
) -> Proxy | None:
    """The proxy for requests to *base_url*, or None to connect without one.

    With `env` it is what `HTTPS_PROXY` or `ALL_PROXY` names, in small letters or capitals, unless
    the host is this machine or `NO_PROXY` names it. `.netrc` is not read.

    Raises:
        UsageError: the variable holds no URL of a proxy; its text is not shown.
    """
    if wanted != "env":
        return wanted
    parts = urlsplit(base_url)
    variable = next((name for name in _VARIABLES if environment.get(name)), None)
    if (
        variable is None
        or is_loopback(parts.hostname or "")
        or _excepted(parts.netloc, environment)
    ):
        return None
    try:
        return Proxy.parse(environment[variable])
    except ValueError as error:
        why = str(error)
    raise UsageError(f"{variable}: {why}", hint=f"fix {variable}, or leave out --proxy env")


def _excepted(place: str, environment: Mapping[str, str]) -> bool:
    from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]  # noqa: PLC0415 - start-up

    names = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    return bool(proxy_bypass_environment(place, {"no": names}))
