"""One Conversion, one HTTP exchange, one Reply: the client, on a session of aiohttp's.

Exceptions and reprs of aiohttp hold addresses, headers and a proxy's password: they end here and
become a `Reply` with a word of our own. Redirects are never followed: they would turn the POST into
a GET and carry the credentials to another host.
"""

from __future__ import annotations

import asyncio
import sys
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp.http import HttpProcessingError

from batchconv.errors import UsageError
from batchconv.model import Conversion, Reason, Reply
from batchconv.sending.certificates import trust
from batchconv.sending.deadlines import Deadlines
from batchconv.sending.exchange import Exchange, Request
from batchconv.sending.proxy import Proxy
from batchconv.sending.request_head import USER_AGENT, RequestHead
from batchconv.sending.transport import Turn, at_once
from batchconv.sending.troubles import timed_out, trouble
from batchconv.vonage.authentication import Auth
from batchconv.vonage.endpoint import addresses, check_base_url
from batchconv.vonage.loopback import is_loopback

DEFAULT_BASE_URL = "https://api.nexmo.com/conversions"
_MOST_OF_A_BODY = 1 << 16  # bytes; only the status counts
_LONGEST_OF_A_BODY = 1.0  # seconds, once the status is known


def check_proxy(proxy: Proxy | None, base_url: str) -> None:
    """Refuse, with a UsageError, a proxy that would be shown the credentials.

    To an https address it is asked for a tunnel. What is sent in plain http, which is only done
    within this machine, it would read.
    """
    if proxy is not None and base_url.startswith("http:") and not is_loopback(proxy.host):
        raise UsageError(
            f"--proxy: {proxy} could read the credentials, because --base-url is plain http",
            hint="leave out --proxy: --base-url is on this machine",
        )


class HttpClient:
    """Posts conversions, one exchange each, over one shared session.

    An async context manager. It does not retry: that is the pool's business.

    Args:
        auth: how a request proves whose it is.
        base_url: without `/sms` and `/voice`.
        timeout: seconds for one exchange: until it has a connection, and again from the moment
            at which the request is written to the end of the answer.
        connections: the most that are open at once; 0 for no bound.
        ca_file: certificates in PEM form to trust instead of the system's.
        proxy: an HTTP proxy to go through.
    """

    workers = None

    def __init__(
        self,
        auth: Auth,
        *,
        base_url: str = DEFAULT_BASE_URL,
        timeout: float = 30.0,
        connections: int = 100,
        ca_file: str | None = None,
        proxy: Proxy | None = None,
    ) -> None:
        self._auth = auth
        self._base_url = check_base_url(base_url)
        check_proxy(proxy, self._base_url)
        self._addresses = addresses(self._base_url)
        self._request = RequestHead(self._addresses, auth, proxy)
        self._proxy = proxy
        self._timeout = timeout
        self._connections = connections
        encrypted = self._base_url.startswith("https:") or (proxy and proxy.scheme == "https")
        self._ssl = trust(ca_file) if encrypted or ca_file else True
        self._in_flight = 0
        self._open = 0  # connections, about: the server may have closed some
        self._kept = sys.maxsize
        self._session: aiohttp.ClientSession | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._base_url}, {self._auth!r})"

    async def __aenter__(self) -> Self:
        self._deadlines = Deadlines(self._timeout)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connections, ssl=self._ssl),
            timeout=aiohttp.ClientTimeout(connect=self._timeout),
            headers={"User-Agent": USER_AGENT},  # for a proxy that is asked for a tunnel
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            proxy=str(self._proxy) if self._proxy else None,
            request_class=Request,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._session is not None:
            self._deadlines.close()
            await self._session.close()

    def keep(self, connections: int) -> None:
        """Have no more than so many open from now on; the next exchanges close the others.

        aiohttp uses its idle connections in turn, so that none of a surplus would ever be closed
        for having been idle.
        """
        self._kept = connections

    async def exchange(
        self, conversion: Conversion, turn: Turn = at_once, *, fresh: bool = False
    ) -> Reply:
        """Post one conversion and report what came back; network trouble is a reply, too.

        Args:
            conversion: what to send.
            turn: awaited when there is a connection, just before the request is written.
            fresh: open a connection for it, and use it for nothing else.

        Raises:
            NotWritten: *turn* raised it.
        """
        session = self._session
        if session is None:
            raise RuntimeError("use the client as an async context manager: async with client: ...")
        url = self._addresses[conversion.channel]
        self._open = max(self._open, self._in_flight + 1)
        surplus = self._open > self._kept
        request = self._request(conversion, closing=fresh or surplus)
        exchange = Exchange(request, turn, self._deadlines, fresh=fresh)
        self._in_flight += 1
        self._open -= surplus
        reply = None
        try:
            response = await session.post(
                url,
                allow_redirects=False,
                proxy_headers=self._proxy.headers if self._proxy else None,
                # It says nothing new, but such a request gets none of the idle connections.
                server_hostname=url.raw_host if fresh else None,
            )
            reply = _reply(response, exchange.elapsed)
            if not response.content.is_eof():
                await _drain(response)
                reply = reply._replace(elapsed=exchange.elapsed)
        except asyncio.CancelledError:
            if not exchange.expired():
                raise
            # Once there is a status it decides, however its head or the body ended.
            reply = reply or exchange.begun_reply()
            reply = reply or timed_out(exchange.elapsed, self._proxy, written=exchange.written)
        except HttpProcessingError:
            reply = reply or exchange.begun_reply()
            reply = reply or Reply(None, exchange.elapsed, trouble=Reason.BAD_REPLY)
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            reply = reply or exchange.begun_reply()
            reply = reply or trouble(error, exchange.elapsed, self._proxy, written=exchange.written)
        finally:
            exchange.end()
            self._in_flight -= 1
        return reply


def _reply(response: aiohttp.ClientResponse, elapsed: float) -> Reply:
    retry_after = response.headers.get("Retry-After") if response.status >= 400 else None
    return Reply(response.status, elapsed, retry_after)


async def _drain(response: aiohttp.ClientResponse) -> None:
    """Read a body so that its connection can be used again; a huge or slow one costs that."""
    size = 0
    try:
        async with asyncio.timeout(_LONGEST_OF_A_BODY):
            while size <= _MOST_OF_A_BODY and (chunk := await response.content.readany()):
                size += len(chunk)
    finally:
        response.release()
