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

# Bytes of a header: mostly some twenty, more with the least and greatest text, at most as many as
# pyarrow reads.
_HEADERS = (1 << 9, 1 << 16, 16 << 20)
# Fields of the format's PageHeader, and of the DictionaryPageHeader in it.
_TYPE, _SIZE, _COMPRESSED, _OF_DICTIONARY, _ENTRIES = 1, 2, 3, 7, 1
_DICTIONARY_PAGE = 2  # in the format's enumeration of pages
# Types of fields in Thrift's compact protocol: https://github.com/apache/thrift, its specification.
_BOOLEANS, _BYTE, _INTEGERS, _DOUBLE, _TEXT, _STRUCT = (1, 2), 3, (4, 5, 6), 7, 8, 12
_DEEPEST = 4  # structs within each other; pages have three
_LENGTH = Struct("<I")  # before each text
_LEAST_READ = 1 << 16  # bytes of a page that are read in any case, however small it says it is
_HADOOP_SIZES = 8  # bytes that Hadoop puts before what it compresses by LZ4


@dataclass(frozen=True, slots=True)
class Page:
    """Where a page is, and how large.

    Attributes:
        begin: where its data begin in the file, after the header.
        compressed: bytes of its data in the file.
        size: bytes of its data.
        is_dictionary: whether it is the column's dictionary.
        entries: how many values the dictionary has.
    """

    begin: int
    compressed: int
    size: int
    is_dictionary: bool
    entries: int


def pages(raw: BinaryIO, column: Any) -> Iterator[Page]:
    """All pages of a column in order, as far as their headers make sense: pyarrow tells more."""
    data = column.data_page_offset
    begin = min(column.dictionary_page_offset or data, data)  # as pyarrow has it
    end = begin + column.total_compressed_size
    with contextlib.suppress(OSError):
        while begin < end:
            page = page_at(raw, begin)
            yield page
            begin = page.begin + page.compressed


def page_at(raw: BinaryIO, begin: int) -> Page:
    """Read the header of a page.

    Raises:
        OSError: it makes no sense.
    """
    for most in _HEADERS:
        raw.seek(begin)
        with contextlib.suppress(IndexError):  # it may be longer
            fields, end = _struct(raw.read(most), 0)
            return _page(begin + end, fields)
    raise OSError("no header of a page")


def _page(begin: int, fields: dict[int, Any]) -> Page:
    size, compressed = fields.get(_SIZE), fields.get(_COMPRESSED)
    of_dictionary = fields.get(_OF_DICTIONARY)
    entries = of_dictionary.get(_ENTRIES) if isinstance(of_dictionary, dict) else 0
    numbers = size, compressed, entries
    if not all(isinstance(one, int) and 0 <= one < 1 << 31 for one in numbers):
        raise OSError("a page without a size")
    return Page(begin, compressed, size, fields.get(_TYPE) == _DICTIONARY_PAGE, entries)  # type: ignore[arg-type]  # they are numbers, as was just seen


def longest_text(raw: BinaryIO, page: Page, compression: str) -> int:
    """Bytes of the longest text in a dictionary.

    Raises:
        OSError: it cannot be decompressed.
        pyarrow.ArrowException: the same.
    """
    # A header may say anything, and no compression makes data much longer.
    most = min(page.compressed, 2 * page.size + _LEAST_READ)
    raw.seek(page.begin)
    data = memoryview(_decompressed(raw.read(most), page.size, compression))
    at, sizes = 0, {0}
    last, length_at = len(data) - _LENGTH.size, _LENGTH.unpack_from
    while at <= last:
        (size,) = length_at(data, at)
        sizes.add(size)
        at += size + 4
    return min(max(sizes), page.size)


def _decompressed(data: bytes, size: int, compression: str) -> Any:
    if compression == "UNCOMPRESSED":
        return data
    if compression != "LZ4":
        return pa.decompress(data, size, codec=compression.lower())
    # The name stands for two formats, one of which is the other after eight bytes.
    with contextlib.suppress(OSError, pa.ArrowException):
        return pa.decompress(data, size, codec="lz4_raw")
    return pa.decompress(data[_HADOOP_SIZES:], size, codec="lz4_raw")


def _struct(data: bytes, at: int, depth: int = 1) -> tuple[dict[int, Any], int]:
    """The fields of a struct by their numbers, numbers and structs with their value; its end.

    Raises:
        IndexError: it goes on behind the data.
        OSError: it is none that a page has.
    """
    fields: dict[int, Any] = {}
    number = 0
    while head := data[at]:
        at += 1
        more, kind = divmod(head, 16)
        number, at = (number + more, at) if more else _integer(data, at)
        value: Any = None
        if kind in _INTEGERS:
            value, at = _integer(data, at)
        elif kind == _TEXT:
            size, at = _varint(data, at)
            at += size
        elif kind == _STRUCT and depth < _DEEPEST:
            value, at = _struct(data, at, depth + 1)
        elif kind in (_BYTE, _DOUBLE):
            at += 1 if kind == _BYTE else 8
        elif kind not in _BOOLEANS:
            raise OSError("no header of a page")
        fields[number] = value
    return fields, at + 1


def _integer(data: bytes, at: int) -> tuple[int, int]:
    """A signed number in zigzag notation, and where it ends."""
    number, at = _varint(data, at)
    return (number >> 1) ^ -(number & 1), at


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, and where it ends."""
    number = 0
    for place in range(10):
        byte = data[at + place]
        number |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return number, at + place + 1
    raise OSError("no header of a page")
