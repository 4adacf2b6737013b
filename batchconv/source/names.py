"""What an input's name tells by itself, without looking at what it names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal, Self

Compression = Literal["none", "gz", "bz2", "xz", "zst"]
COMPRESSIONS: tuple[Compression, ...] = ("none", "gz", "bz2", "xz", "zst")

STDIN = "-"
_PACKED: dict[str, Compression] = {
    ".gz": "gz",
    ".gzip": "gz",
    ".bz2": "bz2",
    ".xz": "xz",
    ".zst": "zst",
    ".zstd": "zst",
}
PARQUET_SUFFIXES = (".parquet", ".pq")
DATA_SUFFIXES = (".csv", ".tsv", ".tab", ".jsonl", ".ndjson", ".json", *PARQUET_SUFFIXES)
_STRIPPED = (*_PACKED, *DATA_SUFFIXES, ".txt")
_WILD = re.compile(r"[*?]|\[[^\]]*\]")


class Input(str):
    """An input as results and people see it; only whoever opens it needs its address.

    Of a URL the name lacks user-info, query and fragment, which may hold secrets: a text with this
    name can show none of them by accident.

    Attributes:
        address: what is opened.
    """

    address: str

    def __new__(cls, name: str, address: str | None = None) -> Self:
        made = super().__new__(cls, name)
        made.address = name if address is None else address
        return made


def is_stdin(name: str) -> bool:
    """Whether *name* stands for standard input."""
    return name == STDIN


def stem(name: str) -> str:
    """The base name without format and compression suffixes; standard input's is `stdin`."""
    if is_stdin(name):
        return "stdin"
    path = Path(name)
    while path.suffix.lower() in _STRIPPED:
        path = path.with_suffix("")
    return path.name


def is_pattern(name: str) -> bool:
    """Whether *name* has signs that stand for others: `*`, `?` or `[...]`."""
    return _WILD.search(name) is not None


def pattern_stem(name: str) -> str:
    """A stem for a folder or a pattern, the same whatever is found: `part` for `part-*.csv`."""
    for part in reversed(Path(name).parts):
        if cleaned := _WILD.sub("", stem(part)).strip("-_. /"):
            return cleaned
    return Path.cwd().name or "inputs"


def format_suffix(name: str) -> str:
    """The suffix that may tell the format: `.csv` of `export.csv.gz`; empty when there is none."""
    path = Path(name)
    if path.suffix.lower() in _PACKED:
        path = path.with_suffix("")
    return "" if is_stdin(name) else path.suffix.lower()


def packed_as(name: str) -> Compression:
    """The compression that the name tells."""
    return _PACKED.get(Path(name).suffix.lower(), "none")
