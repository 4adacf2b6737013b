"""aiohttp's exceptions → Replies: what went wrong, as a `Reason`.

The text of such an exception can hold a proxy's password, and what a server wrote: it ends here.
"""

from __future__ import annotations

import errno

import aiohttp

from batchconv.model import Reason, Reply
from batchconv.sending.exchange import UnusableConnection
from batchconv.sending.proxy import Proxy

_NO_ROUTE = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN)


def trouble(error: Exception, elapsed: float, proxy: Proxy | None, *, written: bool) -> Reply:
    """The reply that stands for an exception of aiohttp.

    Args:
        error: what was raised.
        elapsed: seconds.
        proxy: what was to be gone through, if anything.
        written: the request, or a part of it, had been written.
    """
    if isinstance(error, aiohttp.ClientHttpProxyError):
        retry_after = error.headers.get("Retry-After") if error.headers else None
        return Reply(error.status, elapsed, retry_after, proxy=True, written=False)
    if isinstance(error, TimeoutError):
        return timed_out(elapsed, proxy, written=written)
    flaw = None
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        flaw = _flaw(error.certificate_error)
    at_proxy = proxy is not None and not written and _place(error) in (None, proxy.place)
    reason = _reason(error)
    too_early = isinstance(error, UnusableConnection)
    return Reply(None, elapsed, None, reason, flaw, at_proxy, written, too_early)


def timed_out(elapsed: float, proxy: Proxy | None, *, written: bool) -> Reply:
    """The reply that stands for none within the time limit."""
    at_proxy = proxy is not None and not written
    return Reply(None, elapsed, trouble=Reason.TIMEOUT, proxy=at_proxy, written=written)


def _reason(error: Exception) -> Reason:
    if isinstance(error, aiohttp.ClientConnectorDNSError | aiohttp.InvalidURL):
        return Reason.UNKNOWN_HOST
    if isinstance(error, aiohttp.ClientSSLError):
        return Reason.TLS_FAILED
    if isinstance(error, aiohttp.ClientConnectorError):
        if isinstance(error.os_error, ConnectionRefusedError):
            return Reason.CONNECTION_REFUSED
        if error.os_error.errno == errno.ETIMEDOUT:
            return Reason.TIMEOUT
        if error.os_error.errno in _NO_ROUTE:
            return Reason.NO_ROUTE
    if isinstance(error, aiohttp.ClientResponseError | ValueError):
        return Reason.BAD_REPLY  # aiohttp invents a status 400 for an answer that is not HTTP
    return Reason.CONNECTION_LOST


def _place(error: Exception) -> tuple[str, int | None] | None:
    """Host and port that could not be connected to; None where the error names none."""
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ClientConnectorCertificateError):
        return error.host, error.port
    return None


def _flaw(error: Exception) -> str:
    """What is wrong with a certificate, as a sentence."""
    return _FLAWS.get(getattr(error, "verify_code", 0), "it cannot be verified")


_FLAWS = {  # by OpenSSL's X509_V_ERR numbers
    9: "it is not valid yet; the clock of this machine may be wrong",
    10: "it has expired",
    18: "it is self-signed",
    19: "it is self-signed, or by an issuer that is not trusted",
    20: "its issuer is not trusted",
    21: "its issuer is not trusted",
    23: "it has been revoked",
    62: "it is for another host",
    64: "it is for another host",
}
