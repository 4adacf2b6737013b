"""How many rows of a Parquet row group fit into memory, by what they take when they are decoded.

A file of 5 KB may hold one text of 8 MB in its dictionary and two thousand rows that say it. The
footer tells sizes before decoding; what rows take afterwards depends on the longest entry of a
dictionary. So that is looked at before rows are read, wherever it could matter.
"""

from __future__ import annotations

from itertools import islice
from typing import Any, BinaryIO

from batchconv.reading.formats.parquet_pages import longest_text, pages

MOST_ROW = 8 << 20
"""Bytes that a single row may have, unless longer ones are asked for: several are held at once."""

_ROWS = 512  # in a batch, at most; more are slower
_BATCH = 1 << 20  # bytes in a batch, as far as the footer tells
_DECODED = 1 << 20  # bytes in a batch, at most, once it is decoded
_MOST_IN_LISTS = 4096  # bytes of a text in a list that is there often
_PAGE = 24 << 20  # bytes of the largest page, which is decoded whole; usual ones have 1 MB
_DICTIONARIES = 80 << 20  # bytes in memory of all dictionaries of a row group, as measured:
_COPIES, _PER_ENTRY = 2, 20  # each is held twice, and each entry has its place and length
_LEAST_ENTRY = 4  # bytes in a page
_DENSE = 20  # times: data that compress better than this are looked at page by page
_DICTIONARY_ENCODINGS = {"RLE_DICTIONARY", "PLAIN_DICTIONARY"}
_WIDTHS = {"BOOLEAN": 1, "INT32": 4, "INT64": 8, "INT96": 12, "FLOAT": 4, "DOUBLE": 8}  # bytes


class TooLargeError(Exception):
    """A part that can only be read whole takes more memory than is allowed.

    The text says which, and what to do.
    """


def rows_at_once(file: Any, raw: BinaryIO, group: int, max_row_bytes: int) -> int:
    """Rows of a row group that may be decoded at once.

    Args:
        file: a `ParquetFile`.
        raw: the bytes that it reads.
        group: the number of the row group.
        max_row_bytes: of the longest row that is meant to be read.

    Raises:
        TooLargeError: not even one may.
        OSError: a page makes no sense.
        pyarrow.ArrowException: the same.
    """
    # Rows of none: every column is opened, and a footer that makes no sense is an exception. Asked
    # for a column's metadata right away, pyarrow would end the process.
    list(file.reader.iter_batches(0, row_groups=[group], column_indices=None, use_threads=False))
    told = file.metadata.row_group(group)
    columns = [told.column(at) for at in range(told.num_columns)]
    for column in columns:
        _refuse_large_pages(raw, column)
    _refuse_many_dictionaries(raw, columns)
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
    for at in doubtful:
        column = columns[at]
        longest = _longest_text(raw, column)
        repeated = file.schema.column(at).max_repetition_level > 0
        if repeated and longest > _MOST_IN_LISTS and column.num_values * longest > _DECODED:
            raise TooLargeError(
                f"lists in column {column.path_in_schema!r} are too large; write it again without "
                "them, or as JSON Lines"
            )
        decoded += longest * _per_row(column, rows)
    if decoded > (most := max(MOST_ROW, max_row_bytes)):
        raise TooLargeError(
            f"a row may decode to {decoded >> 20} MB, and {most >> 20} MB are allowed; add "
            f"--max-row-bytes {((decoded >> 20) + 1) << 20} if rows are meant to be so long, and "
            "there is memory for ten of them, or write it again without its long column"
        )
    return max(1, min(fit, _DECODED // max(1, decoded)))


def _width(file: Any, at: int) -> int:
    """Bytes of each value in a column; none where they differ."""
    column = file.schema.column(at)
    if column.physical_type == "FIXED_LEN_BYTE_ARRAY":
        return int(column.length)
    return _WIDTHS.get(column.physical_type, 0)


def _per_row(column: Any, rows: int) -> int:
    return max(1, -(-int(column.num_values) // rows))


def _longest_text(raw: BinaryIO, column: Any) -> int:
    """Bytes of the longest text in the column's dictionary."""
    page = next(pages(raw, column), None)
    if page is None or not page.is_dictionary:
        return 0
    return longest_text(raw, page, column.compression)


def _refuse_large_pages(raw: BinaryIO, column: Any) -> None:
    """Look at the column's pages: at all of a local file, for its footer may say anything.

    Elsewhere each look is a request of its own: there it is as the footer makes necessary.
    """
    size, local = column.total_uncompressed_size, _is_local(raw)
    dense = size > max(_PAGE, _DENSE * column.total_compressed_size)
    if size > _PAGE or local:
        for page in islice(pages(raw, column), None if dense or local else 1):
            if page.size > _PAGE:
                raise TooLargeError(
                    f"a page of column {column.path_in_schema!r} has {page.size >> 20} MB, and "
                    f"{_PAGE >> 20} MB are allowed; write it again with smaller pages, as JSON "
                    "Lines or as CSV"
                )


def _is_local(raw: BinaryIO) -> bool:
    try:
        return raw.fileno() >= 0
    except OSError:
        return False


def _refuse_many_dictionaries(raw: BinaryIO, columns: list[Any]) -> None:
    """All columns are read side by side, so all their dictionaries are held at once."""
    encoded = sorted(columns, key=lambda one: int(one.total_uncompressed_size))
    unseen = sum(int(one.total_uncompressed_size) for one in encoded)
    most = _COPIES + _PER_ENTRY / _LEAST_ENTRY  # times the bytes of a page
    local, used = _is_local(raw), 0
    while encoded and (local or used + most * unseen > _DICTIONARIES):
        column = encoded.pop()
        unseen -= int(column.total_uncompressed_size)
        page = next(pages(raw, column), None)
        if page is not None and page.is_dictionary:
            used += _COPIES * page.size + _PER_ENTRY * page.entries
    if used > _DICTIONARIES:
        raise TooLargeError(
            f"the dictionaries of its columns take {used >> 20} MB in memory, and "
            f"{_DICTIONARIES >> 20} MB are allowed; write it again without dictionaries "
            "(use_dictionary=False), with fewer columns, as JSON Lines or as CSV"
        )
