"""A family: an input's bytes → Rows, one module a format."""

from __future__ import annotations

from batchconv.formats.base import FORMATS, FormatName, Layout, ReadOptions, RowStream
from batchconv.formats.delimited import DelimitedRows
from batchconv.formats.jsonl import JsonRows
from batchconv.source import BLANK, ByteStream, format_suffix

__all__ = ["FORMATS", "FormatName", "Layout", "ReadOptions", "RowStream", "open_rows"]

_SUFFIXES: dict[str, FormatName] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
}


def open_rows(
    stream: ByteStream, options: ReadOptions, name: FormatName | None = None
) -> RowStream:
    """The rows of a byte stream, its header read and checked.

    The format is *name*, or is told by the stream's name, or else by its first byte.

    Raises:
        UsageError: the header or the columns are wrong.
        InputError: the stream is damaged before its first record.
    """
    chosen = name or _SUFFIXES.get(format_suffix(stream.name)) or _told_by_content(stream)
    return (
        JsonRows(stream, options) if chosen == "jsonl" else DelimitedRows(chosen, stream, options)
    )


def _told_by_content(stream: ByteStream) -> FormatName:
    first = stream.peek().lstrip(BLANK)[:1]
    return "jsonl" if first in (b"{", b"[") else "csv"
