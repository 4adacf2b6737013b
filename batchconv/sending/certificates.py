"""The certificates that are trusted, loaded only where an address needs them.

aiohttp loads all of the system's twice while it is imported, once for addresses whose certificate
nobody checks: a third of the time from the start of a command to its first request.
"""

from __future__ import annotations

import os
import ssl
from functools import cache

from batchconv.errors import UsageError

_FILE = "SSL_CERT_FILE"  # OpenSSL's name for the file of the system's certificates


def import_aiohttp_without_certificates() -> None:
    """Import aiohttp so that it trusts nobody by itself; `trust` says whom it trusts then.

    Only for a process in which nobody but `HttpClient` uses aiohttp, and which has one thread.
    """
    given = os.environ.get(_FILE)
    os.environ[_FILE] = os.devnull
    try:
        import aiohttp  # noqa: F401, PLC0415 - start-up
    finally:
        del os.environ[_FILE]
        if given is not None:
            os.environ[_FILE] = given


def trust(ca_file: str | None) -> ssl.SSLContext:
    """The certificates in that file, or the system's for None.

    Raises:
        UsageError: the file cannot be read, or holds none.
    """
    try:
        return _system() if ca_file is None else _context(ca_file)
    except (OSError, ssl.SSLError):
        raise UsageError(
            f"--ca-file {ca_file} holds no certificates that can be read",
            hint="it should be a text file with BEGIN CERTIFICATE in it",
        ) from None


@cache
def _system() -> ssl.SSLContext:
    return _context(None)


def _context(ca_file: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file)
    context.set_alpn_protocols(["http/1.1"])  # as aiohttp's own: some servers prefer HTTP/2 else
    return context
