"""How files begin: a table that recognises compression, Parquet and binary data.

A signature counts only as a whole. `PARENT_ID` begins with four letters that encrypted Parquet
begins with, too; but behind those stand bytes that no text has.
"""

from __future__ import annotations

import re
import shlex
from codecs import getincrementaldecoder
from typing import NamedTuple

from batchconv.errors import Pipe, UsageError, command
from batchconv.reading.sources.names import Compression, is_stdin, is_url

BLANK = b" \t\r\n\xef\xbb\xbf\xff\xfe\x00"
"""Bytes that may come before the first one that tells: spaces and byte order marks."""
LONGEST = 512
"""Bytes from which all binary data can be recognised: tar's first block."""

_NO_TEXT = rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]"
no_text = re.compile(_NO_TEXT).search
"""A byte that no text has, unless each of its characters takes two or four bytes."""
_MARKS = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")  # of encodings in which text has NULs

_UNPACKERS = {
    "gz": "gzip -dc", "bz2": "bzip2 -dc", "xz": "xz -dc", "zst": "zstd -dc", "zip": "funzip"
}  # fmt: skip


class Signature(NamedTuple):
    """How one kind of file begins.

    Attributes:
        begin: the fixed bytes that it begins with; empty where there are none.
        what: it is, for a sentence.
        pattern: matches its first bytes where the fixed ones do not suffice; `re` compiles it when
            a file begins so.
        waits: what may become its fixed bytes is waited for.
        compression: it is compressed in this way, which is read.
        command: a shell's words that make a readable input of it on standard output; they read
            standard input. Or, with `{}` in them, the file of that name.
        hint: what to do where no such words exist.
    """

    begin: bytes
    what: str
    pattern: bytes = b""
    waits: bool = False
    compression: Compression | None = None
    command: str | None = None
    hint: str | None = None

    def fits(self, head: bytes) -> bool:
        """Whether data that begin so are of this kind."""
        return head.startswith(self.begin) and (
            not self.pattern or re.match(self.pattern, head, re.DOTALL) is not None
        )


def _compressed(begin: bytes, compression: Compression) -> Signature:
    return Signature(
        begin,
        f"{compression} data within other compressed data",
        waits=True,
        compression=compression,
        command=_UNPACKERS[compression],
    )


_FROM_SQL = (
    "export the rows as a table: psql --csv -c QUERY, mysql -B -e QUERY, or sqlite3 -csv -header "
    "FILE QUERY"
)
_AS_CSV = "export or save it as CSV (UTF-8), with the ids as text"
PARQUET = Signature(b"PAR1", "Parquet", rb"PAR1.{0,3}" + _NO_TEXT, waits=True)

# Sources: the formats' own specifications, and `file`'s collection of them.
SIGNATURES = (
    _compressed(b"\x1f\x8b\x08", "gz"),
    # Its level, and then pi's digits for a block, or those of its root for the end.
    *(_compressed(b"BZh%d1AY&SY" % level, "bz2") for level in range(1, 10)),
    *(_compressed(b"BZh%d\x17rE8P\x90" % level, "bz2") for level in range(1, 10)),
    _compressed(b"\xfd7zXZ\x00", "xz"),
    _compressed(b"\x28\xb5\x2f\xfd", "zst"),
    # Frames that are to be skipped; some programs begin with one.
    *(_compressed(bytes([kind]) + b"\x2a\x4d\x18", "zst") for kind in range(0x50, 0x60)),
    _compressed(b"PK\x03\x04", "zip"),
    _compressed(b"PK\x05\x06", "zip"),  # without a single file
    Signature(b"", "a tar archive", rb".{257}ustar(\x00|  )", command="tar -xOf -"),
    Signature(b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", command="7z x -so {}"),
    Signature(b"Rar!\x1a\x07", "a RAR archive", command="unrar p -inul {}"),
    Signature(b"\x04\x22\x4d\x18", "lz4 data", command="lz4 -dc"),
    Signature(b"\xff\x06\x00\x00sNaPpY", "snappy data", command="python -m snappy -d"),
    Signature(b"LZIP\x01", "lzip data", command="lzip -dc"),
    Signature(b"\x1f\x9d", "data of compress (.Z)", command="gzip -dc"),
    Signature(
        b"PARE", "encrypted Parquet", rb"PARE.{0,3}" + _NO_TEXT, waits=True,
        hint="decrypt it with the keys of those who wrote it, or have it exported without",
    ),
    Signature(
        b"ORC", "ORC", rb"ORC.{0,60}?" + _NO_TEXT, waits=True,
        command="python -c \"import sys, pyarrow.parquet as p, pyarrow.orc as o; "
        "p.write_table(o.read_table(sys.stdin.buffer), sys.stdout.buffer)\"",
    ),
    Signature(b"Obj\x01", "Avro", command="fastavro {}"),
    Signature(
        b"", "Arrow or Feather", rb"ARROW1\x00\x00|FEA1.{0,60}?" + _NO_TEXT,
        command="python -c \"import sys, pyarrow.parquet as p, pyarrow.feather as f; "
        "p.write_table(f.read_table(sys.argv[1]), sys.stdout.buffer)\" {}",
    ),
    Signature(
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook (.xls) or another document of "
        "Microsoft Office", hint=_AS_CSV,
    ),
    Signature(
        b"SQLite format 3\x00", "a SQLite database",
        command="sqlite3 -csv -header {} 'SELECT * FROM conversions'",
    ),
    Signature(b"%PDF-", "a PDF", rb"%PDF-[0-9]\.[0-9]", hint=_AS_CSV),
    Signature(b"\x89HDF\r\n\x1a\n", "HDF5", hint=_AS_CSV),
    Signature(
        b"\x80", "a pickle of Python", rb"\x80[\x02-\x05]",
        hint="write it with DataFrame.to_parquet or DataFrame.to_csv",
    ),
    Signature(b"SEQ", "a Hadoop sequence file", rb"SEQ[\x04-\x06]", hint=_AS_CSV),
    Signature(b"PGCOPY\n\xff\r\n\0", "COPY's binary format of PostgreSQL", hint=_FROM_SQL),
    Signature(
        b"", "a script of SQL statements",
        rb"(?i:insert\s+into|create\s+table|begin\s+transaction|pragma)\s"
        rb"|--\s+(?:MySQL|MariaDB) dump|--\s+PostgreSQL database dump|/\*M?!\d",
        hint=_FROM_SQL,
    ),
    Signature(
        b"", "a table drawn for a terminal",
        # A line of dashes below the header is psql's, sqlcmd's and Markdown's.
        rb"\+(?:-+\+)+\s*\n\||\*{9,} 1\. row \*|-\[ RECORD 1 \]"
        rb"|[^\n]+\n[| ]*:?-{2,}[-+|: ]*\r?\n|" + "[┌╭]".encode(),
        hint=_FROM_SQL,
    ),
    Signature(
        b"<", "a web page", rb"(?i:<!doctype html|<html|<table)[\s>]",
        hint="it is often what a server answers in place of a file: look at it, and check the "
        "address and the login with which it was fetched",
    ),
    Signature(
        b"<?xml", "an XML document", rb"<\?xml\s",
        hint="it may be what a store answers in place of a file: look at it; else " + _AS_CSV,
    ),
)  # fmt: skip

_MANIFEST = rb'\{\s*"entries"\s*:\s*\[\s*\{[^{}]*?"url"\s*:\s*"(s3://[^"]*/)[^"/]*"'


def is_partial(head: bytes) -> bool:
    """Whether one more byte may make a signature of what has come so far."""
    return any(
        one.begin.startswith(head) and not one.fits(head)
        for one in (*SIGNATURES, PARQUET)
        if one.waits
    )


def compression_of(head: bytes) -> Compression | None:
    """How data are compressed that begin so; "none" for what is known and not compressed.

    None where nothing tells.
    """
    for one in (*SIGNATURES, PARQUET):
        if one.fits(head):
            return one.compression or "none"
    return None if no_text(head) and not head.startswith(_MARKS) else "none"


def is_parquet(head: bytes) -> bool:
    """Whether a file that begins so is Parquet."""
    return PARQUET.fits(head)


def refuse_no_table(name: str, compression: Compression, head: bytes, *, named: bool) -> None:
    """Refuse plain data that begin so and are none that rows are read from.

    Args:
        name: of the input.
        compression: that it had.
        head: its first plain bytes.
        named: the user has named the compression; whatever is within is plain, then.

    Raises:
        UsageError: with the command that makes something readable of them, where there is one.
    """
    text = head.lstrip(BLANK)
    for one in SIGNATURES:
        if one.compression and named:
            continue
        if one.fits(head) or one.fits(text):
            raise UsageError(
                f"{name} is {one.what}, which batchconv does not read",
                hint=one.hint or _AS_CSV,
                pipe=_pipe_from(one, name, compression),
            )
    if found := re.match(_MANIFEST, text):
        folder = found[1].decode("utf-8", "replace")
        raise UsageError(
            f"{name} is a manifest of Redshift, which names files and holds no rows",
            hint=f"upload the files: {command(['upload'], [folder])}",
        )


def refuse_binary(name: str, head: bytes) -> None:
    """Refuse data that cannot be text in an encoding that nobody names.

    Raises:
        UsageError: they do not decode, and hold bytes that no text has; or are nothing but NULs.
    """
    start = head[:LONGEST]
    two_bytes = start.startswith(_MARKS) or start[:4].count(0) == 2  # for each character
    if start.strip(b"\0") and (two_bytes or not no_text(start) or _decodes(start)):
        return
    if head:
        raise UsageError(
            f"{name} holds no text and no format that batchconv knows",
            hint="look whether it is the right file; if it is text, name its --encoding",
        )


def _decodes(start: bytes) -> bool:
    try:
        getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        return False
    return True


def _pipe(name: str, compression: Compression, reader: str) -> str:
    quoted = shlex.quote(name)
    words = [f"curl -sS {quoted}"] if is_url(name) else []
    if compression != "none":
        words.append(_UNPACKERS[compression])
    words.append(reader)
    if not (is_url(name) or is_stdin(name)):
        words[0] += f" < {quoted}"
    return " | ".join(words)


def _pipe_from(one: Signature, name: str, compression: Compression) -> Pipe | None:
    """What makes something readable of it, where there is a program that does."""
    if one.command is None:
        return None
    if "{}" not in one.command:
        return Pipe(_pipe(name, compression, one.command))
    if compression == "none" and not (is_url(name) or is_stdin(name)):
        return Pipe(one.command.replace("{}", shlex.quote(name)))
    words = one.command.replace("{}", "FILE")
    return Pipe(words, "decompress it to FILE, and read it with ")
