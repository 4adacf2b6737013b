"""Real servers on this machine that give files: HTTP and HTTPS, with and without parts, and S3."""

import re
import ssl
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import trustme

S3_ACCOUNT = {
    "AWS_ACCESS_KEY_ID": "made-up-key",
    "AWS_SECRET_ACCESS_KEY": "made-up-secret-key",
    "AWS_DEFAULT_REGION": "us-east-1",
}
_MOTO = """
import time
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
while True:
    time.sleep(60)
"""


@dataclass
class Shelf:
    """The files of a server and how it gives them.

    Attributes:
        files: path → content.
        parts: it answers to Range.
        headers: added to each reply.
        status: for everything, instead of a file.
        first: the status of each of the first replies, instead of a file.
        validators: "strong" and "weak" tags, the time when a file was "modified", or "none".
        broken_at: the byte of a file before which each reply breaks off.
        breaks: how many replies do; None for all.
        asked: method, path and Range of each request.
        replaced: path → content from the second request on.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    parts: bool = True
    headers: dict[str, str] = field(default_factory=dict)
    status: int | None = None
    first: list[int] = field(default_factory=list)
    validators: str = "strong"
    broken_at: int | None = None
    breaks: int | None = None
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)
    replaced: dict[str, bytes] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)

    def find(self, path: str) -> bytes | None:
        """What is there now."""
        times = sum(path == asked for _, asked, _ in self.asked)
        return self.replaced[path] if times > 1 and path in self.replaced else self.files.get(path)

    def breaks_now(self) -> bool:
        """Whether the next reply that comes so far is to break off."""
        if self.breaks is None:
            return self.broken_at is not None
        self.breaks -= 1
        return self.breaks >= 0


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    shelf: Shelf

    def do_GET(self) -> None:
        shelf, asked = self.shelf, self.headers.get("Range")
        path, _, _ = self.path.partition("?")
        shelf.asked.append((self.command, path, asked))
        if path in shelf.redirects:
            return self._reply(302, b"", {"Location": shelf.redirects[path]})
        if shelf.first:
            return self._reply(shelf.first.pop(0), b"later", {})
        content = shelf.find(path)
        if shelf.status or content is None:
            return self._reply(shelf.status or 404, b"secret words of the server", {})
        tag = f'"{hash(content)}"'
        if self.headers.get("If-Match", tag) != tag:
            return self._reply(412, b"", {})
        begin, end, status = 0, len(content), 200
        headers = {
            "strong": {"ETag": tag},
            "weak": {"ETag": "W/" + tag},
            "modified": {"Last-Modified": formatdate(hash(content) % 2**31, usegmt=True)},
            "none": {},
        }[shelf.validators]
        if asked and shelf.parts:
            found = re.fullmatch(r"bytes=(\d+)-(\d+)", asked)
            assert found is not None, asked
            begin, end, status = int(found[1]), min(int(found[2]) + 1, len(content)), 206
            headers["Content-Range"] = f"bytes {begin}-{end - 1}/{len(content)}"
            if begin >= len(content):
                return self._reply(416, b"", {"Content-Range": f"bytes */{len(content)}"})
        return self._reply(status, content[begin:end], headers, begin)

    def _reply(self, status: int, body: bytes, headers: dict[str, str], begin: int = 0) -> None:
        self.send_response(status)
        for name, value in (headers | self.shelf.headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        broken_at = self.shelf.broken_at
        if broken_at is not None and begin + len(body) > broken_at and self.shelf.breaks_now():
            self.wfile.write(body[: max(0, broken_at - begin)])
            self.close_connection = True
            return
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def served(shelf: Shelf, authority: trustme.CA | None = None) -> Iterator[str]:
    """The URL of a server that gives what is on the shelf; HTTPS with an authority."""
    handler = type("Handler", (_Handler,), {"shelf": shelf})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client may leave
    if authority is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        protocol = "http" if authority is None else "https"
        yield f"{protocol}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def s3() -> Iterator[str]:
    """The address of an S3 server, which runs as a process of its own."""
    with subprocess.Popen([sys.executable, "-c", _MOTO], stdout=subprocess.PIPE, text=True) as moto:
        assert moto.stdout is not None
        port = next(line for line in moto.stdout if line.strip().isdigit()).strip()
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            moto.kill()


def put(address: str, path: str, content: bytes = b"") -> None:
    """Make a bucket (`name`) or an object (`bucket/key`)."""
    headers = {
        "Content-Type": "application/octet-stream",
        # Nobody looks at the signature, but without one an object cannot be replaced.
        "Authorization": "AWS4-HMAC-SHA256 Credential=made-up-key/20260101/us-east-1/s3/"
        "aws4_request, SignedHeaders=host, Signature=none",
    }
    request = urllib.request.Request(f"{address}/{path}", content, headers, method="PUT")  # noqa: S310 - its own server
    with urllib.request.urlopen(request, timeout=30):  # noqa: S310 - its own server
        pass


def write_authority(folder: Path) -> tuple[trustme.CA, str]:
    """A certificate authority, and the file that makes it trusted."""
    authority = trustme.CA()
    path = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return authority, str(path)
