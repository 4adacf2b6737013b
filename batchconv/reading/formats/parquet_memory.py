"""How many rows of a Parquet row group fit into memory, by what they take when they are decoded.

A file of 5 KB may hold one text of 8 MB in its dictionary and two thousand rows that say it. The
footer tells sizes before decoding; what rows take afterwards depends on the longest entry of a
dictionary. So that is looked at before rows are read, wherever it could matter.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.parquet import ParquetFile

_ROWS = 512  # in a batch, at most; more are slower
_BATCH = 1 << 20  # bytes in a batch, as far as the footer tells
_DECODED = 1 << 20  # bytes in a batch, at most, once it is decoded
_ROW = 8 << 20  # bytes that a single row may decode to
_MOST_IN_LISTS = 4096  # bytes of a text in a list that is there often
_PAGE = 64 << 20  # bytes of the largest page; usual ones have 1 MB
_DICTIONARY = 24 << 20  # bytes of a dictionary, which is held twice for a moment
_DENSE = 20  # times: data that compress better than this are looked at page by page
_HEADER = 1 << 10  # bytes that hold the sizes at the beginning of a page's header, and much more
_DICTIONARY_ENCODINGS = {"RLE_DICTIONARY", "PLAIN_DICTIONARY"}
_WIDTHS = {"BOOLEAN": 1, "INT32": 4, "INT64": 8, "INT96": 12, "FLOAT": 4, "DOUBLE": 8}  # bytes


class TooLargeError(Exception):
    """A part that can only be read whole takes more memory than is allowed; the text says which."""


def rows_at_once(file: Any, raw: BinaryIO, group: int) -> int:
    """Rows of a row group that may be decoded at once.

    Args:
        file: a `ParquetFile`.
        raw: the bytes that it reads.
        group: the number of the row group.

    Raises:
        TooLargeError: not even one may.
    """
    # Rows of none: every column is opened, and a footer that makes no sense is an exception. Asked
    # for a column's metadata right away, pyarrow would end the process.
    list(file.reader.iter_batches(0, row_groups=[group], column_indices=None, use_threads=False))
    told = file.metadata.row_group(group)
    columns = [told.column(at) for at in range(told.num_columns)]
    for column in columns:
        _refuse_large_pages(raw, column)
    rows = max(1, int(told.num_rows))
    per_row = int(told.total_byte_size) // rows
    fit = min(max(1, _BATCH // max(1, per_row)), _ROWS)
    decoded = sum(
        int(column.num_values) * _width(file, at) // rows for at, column in enumerate(columns)
    )
    # What a dictionary decodes to cannot be more than all of it for every value.
    doubtful = [
        at
        for at, column in enumerate(columns)
        if column.physical_type == "BYTE_ARRAY"
        and _DICTIONARY_ENCODINGS & set(column.encodings)
        and column.total_uncompressed_size * fit * _per_row(column, rows) > _DECODED
    ]
    for at, longest in _longest_entries(raw, file, group, doubtful):
        column = columns[at]
        repeated = file.schema.column(at).max_repetition_level > 0
        if repeated and longest > _MOST_IN_LISTS and column.num_values * longest > _DECODED:
            raise TooLargeError(f"lists in column {column.path_in_schema!r} are too large")
        decoded += longest * _per_row(column, rows)
    if decoded > _ROW:
        raise TooLargeError(f"a row decodes to {decoded >> 20} MB")
    return max(1, min(fit, _DECODED // max(1, decoded)))


def _width(file: Any, at: int) -> int:
    """Bytes of each value in a column; none where they differ."""
    column = file.schema.column(at)
    if column.physical_type == "FIXED_LEN_BYTE_ARRAY":
        return int(column.length)
    return _WIDTHS.get(column.physical_type, 0)


def _per_row(column: Any, rows: int) -> int:
    return max(1, -(-int(column.num_values) // rows))


def _longest_entries(
    raw: BinaryIO, file: Any, group: int, numbers: list[int]
) -> Iterator[tuple[int, int]]:
    """Number of a column, and bytes of the longest entry in its dictionary."""
    for at in numbers:
        path = file.schema.column(at).path
        raw.seek(0)
        by_code = ParquetFile(raw, read_dictionary=[path], pre_buffer=False, buffer_size=1 << 16)
        batches = by_code.iter_batches(1, row_groups=[group], columns=[path], use_threads=False)
        first = next(batches, None)
        lengths = [] if first is None else list(map(_longest, map(_innermost, first.columns)))
        yield at, max(lengths, default=0)


def _innermost(array: Any) -> Any:
    """The array of texts, or their dictionary, within lists and structs of one field."""
    while pa.types.is_nested(array.type):
        array = array.field(0) if pa.types.is_struct(array.type) else array.values
    return array.dictionary if pa.types.is_dictionary(array.type) else array


def _longest(array: Any) -> int:
    if not len(array) or pa.types.is_null(array.type):
        return 0
    longest = pc.max(pc.binary_length(array)).as_py()
    return 0 if longest is None else int(longest)


def _refuse_large_pages(raw: BinaryIO, column: Any) -> None:
    size = column.total_uncompressed_size
    if size <= _DICTIONARY:
        return
    at = column.dictionary_page_offset
    if at:
        _refuse(column, _page_size(raw, at), _DICTIONARY)
    if size > max(_PAGE, _DENSE * column.total_compressed_size):
        # One page of it is large, or there are more pages than their compressed bytes.
        _refuse(column, _page_size(raw, column.data_page_offset), _PAGE)


def _refuse(column: Any, size: int, most: int) -> None:
    if size > most:
        raise TooLargeError(
            f"a page of column {column.path_in_schema!r} has {size >> 20} MB, and {most >> 20} MB "
            "are allowed"
        )


def _page_size(raw: BinaryIO, at: int) -> int:
    """Uncompressed bytes of the page at *at*: the second number of its header.

    A header is a struct of Thrift's compact protocol: type, uncompressed size, compressed size,
    each a byte for the field and a number in zigzag notation, seven bits a byte.
    """
    raw.seek(at)
    head = iter(raw.read(_HEADER))
    sizes = []
    for _ in range(2):
        next(head, None)  # the field
        number = shift = 0
        for byte in head:
            number |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                break
        sizes.append(number >> 1)
    return sizes[1]
