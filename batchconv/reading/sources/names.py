"""What an input's name tells by itself, without looking at what it names."""

from __future__ import annotations

import os.path
import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self
from urllib.parse import unquote

from batchconv.errors import Pipe, UsageError

if TYPE_CHECKING:
    from batchconv.reading.sources.files import Opened

Compression = Literal["none", "gz", "bz2", "xz", "zst", "zip"]
COMPRESSIONS: tuple[Compression, ...] = ("none", "gz", "bz2", "xz", "zst", "zip")

STDIN = "-"
_PACKED: dict[str, Compression] = {
    ".gz": "gz",
    ".gzip": "gz",
    ".bz2": "bz2",
    ".xz": "xz",
    ".zst": "zst",
    ".zstd": "zst",
    ".zip": "zip",
}
PARQUET_SUFFIXES = (".parquet", ".pq")
DATA_SUFFIXES = (".csv", ".tsv", ".tab", ".jsonl", ".ndjson", ".json", *PARQUET_SUFFIXES)
READ_IN_FOLDERS = (*DATA_SUFFIXES, ".txt", "")
"""Endings of what is read though nobody named it."""
_STRIPPED = (*_PACKED, *DATA_SUFFIXES, ".txt")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
# In their URLs all behind the first word is a key, which may have an @; no user stands in them.
_KEYED = ("s3", "s3a", "gs", "gcs", "az", "memory")
# Of these, all behind the host is a key, with `#` and `?` in it: there is no query that could hold
# a secret. A version is asked for with the one word that s3fs knows.
_ALL_KEY = r"(?i)(?:s3|s3a|gs|gcs|memory)://"
_VERSION = r"\?versionId=[^/?]*$"
# Hive's word for null, which Spark, pandas and all others write, too.
_NULL_FOLDER = "__HIVE_DEFAULT_PARTITION__"
_LOOPBACK = r"http://(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])(?::[0-9]*)?(?:/.*)?"
_WILD = r"[*?]|\[[^\]]*\]"


class Input(str):
    """An input as results and people see it; only the code that opens it needs its address.

    Of a URL the name lacks user-info, query and fragment, which may hold secrets: a text with this
    name can show none of them by accident.

    Attributes:
        address: what is opened.
        found: nobody named it: it was found in a folder or by a pattern.
        complete: its rows say everything themselves, and the folders around it nothing.
    """

    address: str
    found: bool
    complete: bool

    def __new__(
        cls, name: str, address: str | None = None, *, found: bool = False, complete: bool = False
    ) -> Self:
        made = super().__new__(cls, name)
        made.address = name if address is None else address
        made.found = found
        made.complete = complete
        return made


class OwnInput(Input):
    """An input that is JSON Lines, and that only itself can open, once."""

    def open(self) -> Opened:
        """What `ByteStream` reads from."""
        raise NotImplementedError


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


def is_url(name: str) -> bool:
    """Whether *name* is a URL rather than a path."""
    return _URL.match(name) is not None


def as_input(name: str, *, found: bool = False) -> Input:
    """The input of that name; of a URL what may be secret is kept out of snapshot.

    Raises:
        UsageError: a URL has user-info, or would be read where others can listen.
    """
    if not is_url(name):
        return Input(name if is_stdin(name) and not found else local_name(name), found=found)
    shown = without_query(name)
    for part in shown.split("::"):
        _refuse_unsafe(part)
    return Input(shown, name, found=found)


def local_name(path: str) -> str:
    """A path as results show it, the same however it is spelled: `a.csv` for `./a.csv`.

    `..` stays, for behind a link to a folder it leads elsewhere. A file called `-` is `./-`.
    """
    root = "/" if path.startswith("/") else ""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    name = root + "/".join(parts) + ("/" if parts and path.endswith("/") else "")
    return "./-" if is_stdin(name) else name or path


def folder_values(name: str) -> list[tuple[str, str | None]]:
    """What the folders around an input say of its rows: `channel=voice` is ("channel", "voice").

    Both are URL-encoded, as Spark and Hive write them. The folders that the whole path leads
    through count: the same file says the same from wherever it is named. A folder of failed rows,
    `channel=voice.failed`, says nothing: its files have what the inputs' folders said as columns.
    """
    if is_stdin(name) or (isinstance(name, Input) and name.complete):
        return []
    path = name.partition("://")[2] if is_url(name) else os.path.abspath(name)  # noqa: PTH100 - a path may be any text here
    pairs = [part.partition("=") for part in path.split("/")[:-1]]
    return [
        (unquote(column), None if value == _NULL_FOLDER else unquote(value))
        for column, equals, value in pairs
        if equals and column and not value.endswith(".failed")
    ]


def without_query(url: str) -> str:
    """A URL without query and fragment, which may hold secrets."""
    # A chain of fsspec's, such as zip://export.csv::s3://bucket/export.zip, has several.
    return "::".join(
        re.sub(_VERSION, "", part)
        if re.match(_ALL_KEY, part)
        else re.split("[?#]", part, maxsplit=1)[0]
        for part in url.split("::")
    )


def shown_input(name: str) -> str:
    """An input's name as it may be shown: of a URL no query, only that there is one."""
    plain = without_query(name) if is_url(name) else name
    return name if plain == name else f"{plain}?..."


def _refuse_unsafe(url: str) -> None:
    protocol, _, rest = url.partition("://")
    protocol = protocol.lower()
    host, _, path = rest.partition("/")
    # Not even the host is shown: where a password ends in a URL is hard to tell.
    if "@" in host or (protocol not in _KEYED and ("@" in path or not _has_good_port(host))):
        raise UsageError(
            f"{protocol}://... has user-info, which every user of this machine can see",
            hint="leave it out: credentials come from the environment; write an @ in a path as %40",
        )
    if protocol == "http" and not is_loopback(url):
        raise UsageError(
            "http://... is not encrypted: others can see and change the rows",
            pipe=Pipe("curl -sS URL", "write https://, or if it must be so: "),
        )
    if protocol in ("file", "local"):
        raise UsageError(f"{protocol}://... is a file of this machine", hint="name its path")


def is_loopback(url: str) -> bool:
    """Whether a URL of plain HTTP leads to this machine."""
    return re.fullmatch(_LOOPBACK, url.lower()) is not None


def _has_good_port(host: str) -> bool:
    """Whether what stands behind the host's colon is not a password, as far as anyone can tell."""
    return re.fullmatch(r"(?:\[[^\]]*\]|[^:]*)(?::[0-9]*)?", host) is not None


def is_folder_url(name: str) -> bool:
    """Whether a URL is a folder by its looks: it ends in a slash, or is a whole bucket."""
    return name.endswith("/") or (
        re.match(_ALL_KEY, name) is not None and "/" not in name.partition("://")[2]
    )


def is_pattern(name: str) -> bool:
    """Whether *name* has signs that stand for others: `*`, `?` or `[...]`.

    In a URL a question mark means something else, and an address like `[::1]` has brackets; HTTP
    has no folders to look into.
    """
    if is_url(name):
        return not name.lower().startswith("http") and ("*" in name or "[" in name)
    return is_wild(name)


def is_wild(part: str) -> bool:
    """Whether a part of a path has signs that stand for others."""
    return re.search(_WILD, part) is not None


def pattern_stem(name: str) -> str:
    """A stem for a folder or a pattern, the same whatever is found: `part` for `part-*.csv`."""
    for part in reversed(Path(name).parts):
        if cleaned := re.sub(_WILD, "", stem(part)).strip("-_. /"):
            return cleaned
    return Path.cwd().name or "inputs"


def format_suffix(name: str) -> str:
    """The suffix that may tell the format: `.csv` of `export.csv.gz`; empty when there is none."""
    path = Path(name)
    if path.suffix.lower() in _PACKED:
        path = path.with_suffix("")
    return "" if is_stdin(name) else path.suffix.lower()


def is_aside(name: str) -> bool:
    """Whether a file or folder is not for readers: `.crc`, `_SUCCESS`, `_temporary`."""
    # Spark's rule: a folder `_state=1` is one of its values.
    return name.startswith(".") or (name.startswith("_") and "=" not in name)


def compressed_as(name: str) -> Compression:
    """The compression that the name tells."""
    return _PACKED.get(Path(name).suffix.lower(), "none")
