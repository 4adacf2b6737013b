"""Bench of small inputs that hold very much: the peak of memory of a whole upload of each."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import multiprocessing
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from backports import zstd

from tests.bench.figures import Figure, Scale
from tests.bench.processes import BATCHCONV, ProcessError, run

_MB = 1 << 20
_BAR = 200.0  # MiB
_HEAD = b"message_id,delivered,note\n"
_SECONDS = "15s"  # of sending; what is held does not grow any more


def bombs(folder: Path, scale: Scale) -> list[Figure]:
    """Peak memory of uploads of small inputs that hold very much, with retries, at no rate."""
    del scale
    figures = []
    for name, make in _BOMBS.items():
        path = folder / name.split(":")[0]
        _apart(make, path)
        options = ["--duplicates", "skip"] if "duplicates" in name else []
        used = run(
            [
                *BATCHCONV, "upload", "--simulate=flaky", "--rate", "none", "--overwrite", "-q",
                "--max-duration", _SECONDS, "-o", "results.jsonl", *options, str(path),
            ],
            folder=folder,
            exits=None,
        )  # fmt: skip
        size = path.stat().st_size / _MB
        path.unlink()
        figures.append(
            Figure(f"{name}, {size:.1f} MiB", used.peak, "MiB", _BAR, "MiB allowed", bar=1.0)
        )
    return figures


def _apart(make: Callable[[Path], None], path: Path) -> None:
    """Make the file in a process of its own: Linux hands on the peak of the one that measures."""
    process = multiprocessing.get_context("fork").Process(target=make, args=(path,))
    process.start()
    process.join()
    if process.exitcode:
        raise ProcessError(f"{path.name} could not be made")


def _many(piece: bytes, times: int = 256) -> Iterator[bytes]:
    for _ in range(times):
        yield piece


def _packed(pieces: Callable[[], Iterable[bytes]], suffix: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        compressor: Any = {
            "gz": lambda: zlib.compressobj(1, wbits=31),
            "bz2": bz2.BZ2Compressor,
            "xz": lambda: lzma.LZMACompressor(preset=1),
            "zst": zstd.ZstdCompressor,
        }[suffix]()
        with path.open("wb") as file:
            for piece in chain([_HEAD], pieces()):
                file.write(compressor.compress(piece))
            file.write(compressor.flush())

    return make


def _zip(path: Path) -> None:
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file,
        file.open("a.csv", "w", force_zip64=True) as inner,
    ):
        for piece in chain([_HEAD], _many(b"a" * _MB)):
            inner.write(piece)


def _jsonl(record: Callable[[int], object], count: int = 400) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        with gzip.open(path, "wt", encoding="utf-8", compresslevel=1) as file:
            for number in range(count):
                file.write(json.dumps(record(number), ensure_ascii=False) + "\n")

    return make


def _long_cells() -> Iterator[bytes]:
    for number in range(400):
        yield f"id{number},true,{'x' * 1_040_000}\U0001f600\n".encode()


def _equal_rows() -> Iterator[bytes]:
    return _many(f"id,true,{'x' * 1_040_000}\U0001f600\n".encode(), 400)


def _open_quote() -> Iterator[bytes]:
    yield b'a,true,"'
    yield from _many(b"b,true,x\n" * (_MB // 9), 64)


def _parquet(table: Callable[[], pa.Table]) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        pq.write_table(
            table(), path, compression="zstd", store_schema=False, dictionary_pagesize_limit=1 << 30
        )

    return make


def _dictionary(size: int, count: int = 400) -> pa.Table:
    codes = pa.array([0] * count, pa.int32())
    notes = pa.DictionaryArray.from_arrays(codes, pa.array(["x" * size]))
    ids = [f"id{number}" for number in range(count)]
    return pa.table({"message_id": ids, "delivered": [True] * count, "note": notes})


def _dictionaries(texts: list[str], columns: int) -> pa.Table:
    codes = pa.array([number % len(texts) for number in range(400)], pa.int32())
    notes = pa.DictionaryArray.from_arrays(codes, pa.array(texts))
    ids = [f"id{number}" for number in range(400)]
    return pa.table(
        {"message_id": ids, "delivered": [True] * 400}
        | {f"note{number}": notes for number in range(columns)}
    )


def _nested(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


_BOMBS: dict[str, Callable[[Path], None]] = {
    "one.csv.gz: a line of 256 MB": _packed(lambda: _many(b"a" * _MB), "gz"),
    "one.csv.bz2: a line of 256 MB": _packed(lambda: _many(b"a" * _MB), "bz2"),
    "one.csv.xz: a line of 256 MB": _packed(lambda: _many(b"a" * _MB), "xz"),
    "one.csv.zst: a line of 256 MB": _packed(lambda: _many(b"a" * _MB), "zst"),
    "one.csv.zip: a line of 256 MB": _zip,
    "quote.csv.gz: a quote over 7 million lines": _packed(_open_quote, "gz"),
    "long.csv.gz: rows of 1 MB with an emoji": _packed(_long_cells, "gz"),
    "equal.csv.gz: the same, all duplicates": _packed(_equal_rows, "gz"),
    "long.jsonl.gz: rows of 1 MB with an emoji": _jsonl(
        lambda n: {"message_id": f"id{n}", "delivered": True, "n": "x" * 1_040_000 + "\U0001f600"}
    ),
    "ids.jsonl.gz: an id that is an object of 1 MB": _jsonl(
        lambda n: {"message_id": {f"k{m}": m for m in range(60_000)}, "delivered": True, "n": n},
        100,
    ),
    "lists.jsonl.gz: rows of 500,000 numbers": _jsonl(
        lambda n: {"message_id": f"id{n}", "delivered": True, "n": [0] * 340_000}, 100
    ),
    "deep.jsonl.gz: rows nested 90 deep": _jsonl(
        lambda n: {"message_id": f"id{n}", "delivered": True, "n": [_nested(90)] * 4_000}, 100
    ),
    "wide.parquet: texts of 0.5 MB in a dictionary": _parquet(lambda: _dictionary(500_000)),
    "wider.parquet: texts of 4 MB in a dictionary": _parquet(lambda: _dictionary(4 * _MB)),
    "widest.parquet: texts of 16 MB in a dictionary": _parquet(lambda: _dictionary(16 * _MB, 100)),
    "many.parquet: ten dictionaries of 20 MB": _parquet(
        lambda: _dictionaries(["x" * 1000 + f"{n:05}" for n in range(20_000)], 10)
    ),
    "texts.parquet: three dictionaries of 500,000": _parquet(
        lambda: _dictionaries([f"{n:05x}" for n in range(500_000)], 3)
    ),
    "narrow.parquet: a million rows of 2 KB": _parquet(lambda: _dictionary(2_000, 1_000_000)),
}  # fmt: skip
