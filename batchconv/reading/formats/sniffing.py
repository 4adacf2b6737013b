"""Which format an input has, by its name and its first bytes."""

from __future__ import annotations

import json
import re

from batchconv.reading.formats.base import FormatName, ReadOptions
from batchconv.reading.formats.decoding import Decoder
from batchconv.reading.sources import (
    BLANK,
    ByteStream,
    format_suffix,
    is_parquet,
    refuse_binary,
    refuse_no_table,
)

_SUFFIXES: dict[str, FormatName] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".parquet": "parquet",
    ".pq": "parquet",
}
_JSON_BEGINS = (b"{", b"[", b"\x1e")
_END = re.compile(r"\r\n|\r|\n")
_decode = json.JSONDecoder().raw_decode


def tell_format(stream: ByteStream, options: ReadOptions) -> FormatName:
    """The format that the content says, or the name, or else the content's first character.

    Whether JSON is JSON Lines is seen by the first line alone, whatever the name says: when it is
    an object by itself and nothing else, then every line is. So one bad line costs one row.

    Raises:
        UsageError: it is not a table.
    """
    head = stream.peek()
    if is_parquet(head):
        return "parquet"
    refuse_no_table(stream.name, stream.compression, head, named=stream.compression_named)
    if options.encoding is None:
        refuse_binary(stream.name, head)
    named = _SUFFIXES.get(format_suffix(stream.format_name))
    if named is None:
        named = "json" if head.lstrip(BLANK).startswith(_JSON_BEGINS) else "csv"
    return _tell_json(stream, options) if named in ("json", "jsonl") else named


def _tell_json(stream: ByteStream, options: ReadOptions) -> FormatName:
    lines = _first_lines(stream, options, 1)
    first = lines[0] if lines else ""
    if first[:1] in ("[", "\x1e"):
        return "json"
    if first[:1] != "{":
        return "jsonl"
    from batchconv.reading.formats.jsonl import common_path  # noqa: PLC0415 - start-up

    within = common_path(options.mapped)
    try:
        found, end = _decode(first)
    except (ValueError, RecursionError):
        keys = "|".join(map(re.escape, within))
        if within and re.search(rf'"(?:{keys})"\s*:\s*\[', first):
            return "json"
        second = _first_lines(stream, options, 2)[1:]
        return "json" if second and not second[0].startswith("{") else "jsonl"
    inner: object = found
    for key in within:
        inner = inner.get(key) if isinstance(inner, dict) else inner
    wrapped = isinstance(inner, list)
    return "json" if wrapped or first[end:].lstrip()[:1] in tuple("{[,\x1e") else "jsonl"


def _first_lines(stream: ByteStream, options: ReadOptions, most: int) -> list[str]:
    """The first lines that are not blank, as far as they can be looked at."""
    head = stream.peek(lines=options.skip_lines + most)
    text = "".join(Decoder([head], options.encoding))
    lines = [line.strip(" \t\x1a\ufeff") for line in _END.split(text)]
    return list(filter(None, lines[options.skip_lines :]))[:most]
