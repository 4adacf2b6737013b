"""URLs, opened by fsspec and read block by block.

A run at 20 rows a second takes hours for one file, and no server keeps an idle connection for so
long: so each block is a request of its own wherever the server gives parts of a file. Where it does
not, one request is read to its end.

Nothing of what fsspec and its libraries say is passed on: their texts hold whole URLs.
"""

from __future__ import annotations

import contextlib
import io
import re
import time
from collections.abc import Callable
from typing import BinaryIO, TypeVar, cast

from batchconv.errors import BatchconvError, InputError
from batchconv.reading.sources.files import PIECE, missing
from batchconv.reading.sources.filesystems import BLOCK, find_files, left_in, open_url
from batchconv.reading.sources.names import Input
from batchconv.retry_after import retry_after

_WAITS = (0.5, 1.0, 2.0)  # seconds before what did not come is asked for again
_PASSING = {408, 425, 429}  # statuses below 500 that asking again may change
_FINAL = re.compile("Expired|Credentials|Certificate|SSL")  # names of exceptions
# The exceptions of fsspec's many libraries have names in common rather than classes.
_WORDS = (
    ("NoCredentials", "there are no credentials for it in the environment"),
    ("PartialCredentials", "half of its credentials is missing in the environment"),
    ("Certificate", "the certificate of its server was refused"),
    ("SSL", "the certificate of its server was refused"),
    ("FileExpired", "it was replaced during the read"),
    ("Timeout", "its server did not answer in time"),
    ("Connector", "its server cannot be reached"),
    ("EndpointConnection", "its server cannot be reached"),
    ("ConnectionRefused", "its server cannot be reached"),
    ("gaierror", "its server cannot be reached"),
    ("Payload", "the connection broke off"),
    ("Disconnected", "the connection broke off"),
    ("Connection", "the connection broke off"),
    ("IncompleteRead", "the connection broke off"),
    ("Permission", "access is denied"),
    ("NotADirectory", "it is a folder"),
    ("IsADirectory", "it is a folder"),
)


T = TypeVar("T")


class Remote:
    """What a URL leads to.

    Raises:
        UsageError: fsspec, or what it needs for such URLs, is not installed.
        InputError: it is not there, or cannot be opened, though that was tried several times.
    """

    def __init__(self, name: Input, sleep: Callable[[float], None] = time.sleep) -> None:
        self._name = str(name)
        self._sleep = sleep
        try:
            opened = self._insist(lambda: open_url(name.address))
        except BatchconvError:
            raise
        except Exception as error:  # noqa: BLE001 - every library behind fsspec has its own
            raise _unopenable(self._name, error) from None
        self._file, self._jumps, self._size, self._fs = opened
        self._at = 0
        self._block = memoryview(b"")
        self._broken: InputError | None = None

    def read(self) -> bytes:
        """The next piece; empty at the end."""
        if not self._block:
            self._block = memoryview(
                self.read_at(self._at, BLOCK) if self._jumps else self._read_on()
            )
            self._at += len(self._block)
        piece, self._block = bytes(self._block[:PIECE]), self._block[PIECE:]
        return piece

    def _read_on(self) -> bytes:
        """What comes next of a file that is given in one go."""
        if self._broken is not None:
            raise self._broken
        try:
            return bytes(self._file.read(PIECE))
        except Exception as error:  # noqa: BLE001 - every library behind fsspec has its own
            self._broken = self._broken_off(_why(error))
            if rest := left_in(self._file):
                return rest
            raise self._broken from None

    def read_at(self, at: int, size: int) -> bytes:
        """So many bytes from *at* on, or fewer at the end.

        Raises:
            InputError: they do not come, though they were asked for several times.
        """
        try:
            found = self._insist(lambda: self._part(at, size))
        except Exception as error:  # noqa: BLE001 - every library behind fsspec has its own
            raise self._broken_off(_why(error)) from None
        if self._size is not None and len(found) < min(size, self._size - at):
            raise self._broken_off("it became shorter during the read")
        return found

    def _part(self, at: int, size: int) -> bytes:
        self._file.seek(at)
        return bytes(self._file.read(size))

    def _insist(self, call: Callable[[], T]) -> T:
        """What *call* gives; it is called again, after a while, when what it raises may pass."""
        for wait in _WAITS:
            try:
                return call()
            except Exception as error:
                if _is_final(error):
                    raise
                self._sleep(_asked_wait(error) or wait)
        return call()

    def _broken_off(self, why: str) -> InputError:
        return InputError(
            f"{self._name} cannot be read further: {why}",
            hint="the rows before that were read; --resume sends the others",
        )

    @property
    def size(self) -> int | None:
        """Its bytes, where the server tells."""
        return self._size

    @property
    def end(self) -> int:
        """Its bytes, which are known where one can jump about in it."""
        return int(self._file.seek(0, io.SEEK_END)) if self._size is None else self._size

    def arrives(self, _seconds: float) -> bool:
        """They come: a remote file is whole."""
        return True

    def jumping(self) -> BinaryIO | None:
        """The whole of it, each part fetched when it is read."""
        return cast("BinaryIO", _Jumping(self)) if self._jumps else None

    def close(self) -> None:
        """Close it."""
        with contextlib.suppress(Exception):  # a connection that is lost is closed, too
            self._file.close()


class _Jumping(io.RawIOBase):
    """A file whose parts are fetched when they are read."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_CUR:
            offset += self._at
        elif whence == io.SEEK_END:
            offset += self._remote.end
        self._at = offset
        return offset

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # the io module hands over a memoryview
        found = self._remote.read_at(self._at, len(buffer))
        buffer[: len(found)] = found
        self._at += len(found)
        return len(found)


def find(name: Input) -> list[tuple[str, int | None]] | None:
    """URL and bytes of each file for which a URL stands; None when it stands for itself.

    Raises:
        UsageError: fsspec, or what it needs for such URLs, is not installed.
        InputError: the store cannot be asked.
    """
    try:
        return find_files(name.address)
    except BatchconvError:
        raise
    except Exception as error:  # noqa: BLE001 - every library behind fsspec has its own
        raise _unopenable(str(name), error) from None


def _unopenable(name: str, error: Exception) -> InputError:
    """The error for a URL that cannot be opened; nothing of *error*'s text is in it."""
    status = _status(error)
    if status in {404, 410} or (status is None and isinstance(error, FileNotFoundError)):
        return missing(name)
    if isinstance(error, IsADirectoryError):
        return InputError(
            f"{name} is a folder", hint=f"to read the files in it, write {name}/ with a slash"
        )
    return InputError(
        f"{name} cannot be read: {_why(error)}",
        hint="check the URL and its credentials in the environment",
    )


def _is_final(error: Exception) -> bool:
    """Whether asking again would change nothing."""
    status = _status(error)
    if status is not None:
        return status < 500 and status not in _PASSING
    final = (BatchconvError, FileNotFoundError, PermissionError, IsADirectoryError)
    return isinstance(error, final) or _FINAL.search(type(error).__name__) is not None


def _asked_wait(error: Exception) -> float | None:
    """Seconds that the server asks to be left alone for."""
    headers = getattr(error, "headers", None) or {}
    return retry_after(headers.get("Retry-After"), time.time())


def _why(error: Exception) -> str:
    """What went wrong, in words of our own."""
    status = _status(error)
    if status in {401, 403}:
        return f"access is denied ({status})"
    if status == 412:
        return "it was replaced during the read"
    if status is not None and status >= 300:
        return f"its server answered {status}"
    names = [kind.__name__ for kind in type(error).__mro__]
    for word, meaning in _WORDS:
        if any(word in name for name in names):
            return meaning
    return f"fsspec failed with {names[0]}"


def _status(error: BaseException | None) -> int | None:
    """The HTTP status of an exception, or of the one it came from."""
    while error is not None:
        reply = getattr(error, "response", None)  # botocore's
        told = reply.get("ResponseMetadata", {}) if isinstance(reply, dict) else {}
        status = getattr(error, "status", None) or told.get("HTTPStatusCode")
        if isinstance(status, int):
            return status
        error = error.__cause__
    return None
