"""A zip with one data file in it: which one, and its plain bytes."""

from __future__ import annotations

import os
import shlex
import zlib
from collections.abc import Iterator
from typing import BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from batchconv.errors import Pipe, UsageError
from batchconv.reading.sources.compression import STEP, DamagedError
from batchconv.reading.sources.names import READ_IN_FOLDERS, format_suffix, is_aside

_MOST_LISTED = 4 << 20  # bytes of the table of contents; each entry becomes an object of its own
_MOST_SHOWN = 5
# (a file within it, what it is): documents that are zips.
_DOCUMENTS = (
    ("xl/workbook.xml", "an Excel workbook (.xlsx)"),
    ("xl/workbook.bin", "an Excel workbook (.xlsb)"),
    ("word/document.xml", "a Word document"),
    ("content.xml", "an OpenDocument spreadsheet (.ods) or another of its kind"),
    ("Index/Document.iwa", "a document of Apple's Numbers or Pages"),
)


class OneFile:
    """The one data file in a zip.

    Args:
        name: of the zip, for messages.
        file: the zip, from its beginning.

    Attributes:
        name: of the file in it.

    Raises:
        UsageError: there is none, or several, or it needs a password.
        DamagedError: it is not a complete zip.
    """

    def __init__(self, name: str, file: BinaryIO) -> None:
        try:
            _refuse_long_table(name, file)
            self._zip = ZipFile(file)
            self._entry = _choose(name, self._zip.infolist())
        except (BadZipFile, OSError, ValueError, NotImplementedError):
            raise DamagedError("it is not a complete zip") from None
        self.name = self._entry.filename
        # `zipfile` bounds the memory that it takes for these two methods only.
        if self._entry.flag_bits & 1 or self._entry.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
            raise _unusual(name, self._entry)
        try:
            self._file = self._zip.open(self._entry)
        except (BadZipFile, OSError, ValueError, NotImplementedError):
            raise DamagedError("it is not a complete zip") from None

    def __iter__(self) -> Iterator[bytes]:
        """Its plain bytes.

        Raises:
            DamagedError: they break off, make no sense, or are not those of the checksum.
        """
        try:
            while piece := self._file.read(STEP):
                yield piece
        except EOFError:
            raise DamagedError("the compressed data end too early") from None
        except (BadZipFile, zlib.error):
            raise DamagedError("the compressed data are corrupt") from None


def _refuse_long_table(name: str, file: BinaryIO) -> None:
    """Read how long the table of contents is: `ZipFile` takes all of it into memory.

    Its end is specified in APPNOTE.TXT of PKWARE, 4.3.16.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - (1 << 16) - 22))
    end = file.read()
    at = end.rfind(b"PK\x05\x06")
    length = int.from_bytes(end[at + 12 : at + 16], "little")
    if at >= 0 and _MOST_LISTED < length < size:
        raise UsageError(
            f"{name} is a zip with more files than batchconv reads",
            hint="extract it into a folder, and name the folder",
        )
    file.seek(0)


def _choose(name: str, entries: list[ZipInfo]) -> ZipInfo:
    there = {entry.filename for entry in entries}
    for inner, what in _DOCUMENTS:
        if inner in there:
            raise UsageError(
                f"{name} is {what}, which batchconv does not read",
                hint="save it as CSV (UTF-8), with the ids as text",
            )
    files = [
        entry
        for entry in entries
        if not entry.is_dir() and not any(map(is_aside, entry.filename.split("/")))
    ]
    data = [entry for entry in files if format_suffix(entry.filename) in READ_IN_FOLDERS]
    if len(data) == 1:
        return data[0]
    if not data:
        raise UsageError(f"{name} is a zip without a data file{_list(files)}")
    raise UsageError(
        f"{name} is a zip with {len(data)} data files{_list(data)}",
        pipe=_extracted(
            "extract it and name the folder, or send one file at a time: ", name, data[0]
        ),
    )


def _list(entries: list[ZipInfo]) -> str:
    if not entries:
        return ""
    more = f" and {len(entries) - _MOST_SHOWN} more" if len(entries) > _MOST_SHOWN else ""
    return ": " + ", ".join(entry.filename for entry in entries[:_MOST_SHOWN]) + more


def _unusual(name: str, entry: ZipInfo) -> UsageError:
    locked = entry.flag_bits & 1
    return UsageError(
        f"{entry.filename} in {name} "
        + ("needs a password" if locked else "has an unsupported compression method"),
        pipe=_extracted("extract it: ", name, entry),
    )


def _extracted(before: str, name: str, entry: ZipInfo) -> Pipe:
    return Pipe(f"unzip -p {shlex.join([name, entry.filename])}", before)
