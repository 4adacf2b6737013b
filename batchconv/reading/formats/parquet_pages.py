"""Pages of a column in a Parquet file: how large one is, and what is in a dictionary.

pyarrow tells neither without decoding the page, and then it builds a table of its texts that takes
eight times their bytes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct
from typing import Any, BinaryIO

import pyarrow as pa

_MOST_HEADER = 1 << 16  # bytes: mostly some twenty, and more with the least and greatest text
_DICTIONARY_PAGE = 2  # in the format's enumeration of pages
_NUMBERS, _TEXT, _STRUCT = (3, 4, 5, 6), 8, 12  # types of fields in Thrift's compact protocol
_LENGTH = Struct("<I")  # before each text
_HADOOP_SIZES = 8  # bytes that Hadoop puts before what it compresses by LZ4


@dataclass(frozen=True, slots=True)
class Page:
    """Where a page is, and how large.

    Attributes:
        begin: where its data begin in the file, after the header.
        compressed: bytes of its data in the file.
        size: bytes of its data.
        is_dictionary: whether it is the column's dictionary.
    """

    begin: int
    compressed: int
    size: int
    is_dictionary: bool


def first_page(raw: BinaryIO, column: Any) -> Page:
    """The page at which pyarrow begins to read a column.

    Raises:
        OSError: its header makes no sense.
    """
    data = column.data_page_offset
    return page_at(raw, min(column.dictionary_page_offset or data, data))


def pages(raw: BinaryIO, column: Any) -> Iterator[Page]:
    """All pages of a column, as far as their headers make sense."""
    page = first_page(raw, column)
    end = page.begin + column.total_compressed_size
    yield page
    with contextlib.suppress(OSError):  # pyarrow tells what is damaged
        while (begin := page.begin + page.compressed) < end:
            page = page_at(raw, begin)
            yield page


def page_at(raw: BinaryIO, begin: int) -> Page:
    """Read the header of a page.

    Raises:
        OSError: it makes no sense.
    """
    raw.seek(begin)
    head = raw.read(_MOST_HEADER)
    try:
        kind, at = _number(head, 1)
        size, at = _number(head, at + 1)
        compressed, at = _number(head, at + 1)
        end = _end_of_struct(head, at)
    except IndexError:
        raise OSError("no header of a page") from None
    return Page(begin + end, compressed >> 1, size >> 1, kind >> 1 == _DICTIONARY_PAGE)


def longest_text(raw: BinaryIO, page: Page, compression: str) -> int:
    """Bytes of the longest text in a dictionary.

    Raises:
        OSError: it cannot be decompressed.
        pyarrow.ArrowException: the same.
    """
    # A header may say anything, and no compression makes data much longer.
    most = min(page.compressed, 2 * page.size + _MOST_HEADER)
    raw.seek(page.begin)
    data = memoryview(_decompressed(raw.read(most), page.size, compression))
    longest = at = 0
    last = len(data) - _LENGTH.size
    while at <= last:
        (size,) = _LENGTH.unpack_from(data, at)
        longest = max(longest, size)
        at += size + 4
    return min(longest, page.size)


def _decompressed(data: bytes, size: int, compression: str) -> Any:
    if compression == "UNCOMPRESSED":
        return data
    if compression != "LZ4":
        return pa.decompress(data, size, codec=compression.lower())
    # The name stands for two formats, one of which is the other after eight bytes.
    with contextlib.suppress(OSError, pa.ArrowException):
        return pa.decompress(data, size, codec="lz4_raw")
    return pa.decompress(data[_HADOOP_SIZES:], size, codec="lz4_raw")


def _number(data: bytes, at: int) -> tuple[int, int]:
    """A number and where it ends, seven bits a byte. Signed ones are doubled: zigzag notation."""
    number = shift = 0
    while True:
        number |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if data[at - 1] < 0x80:
            return number, at


def _end_of_struct(data: bytes, at: int) -> int:
    """Where a struct ends of which a field begins at *at*; it holds numbers, texts and structs."""
    depth = 1
    while depth:
        field = data[at]
        at += 1
        if field == 0:
            depth -= 1
            continue
        if field < 1 << 4:  # the number of the field follows
            _, at = _number(data, at)
        if field & 0xF in _NUMBERS:
            _, at = _number(data, at)
        if field & 0xF == _TEXT:
            size, at = _number(data, at)
            at += size
        depth += field & 0xF == _STRUCT
    return at
