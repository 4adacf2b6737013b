"""Small files that hold very much: 200 MB of memory are enough for each of them."""

import io
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.reading.test_compression import PACK

MB = 1 << 20
_RUN = """
import os, re, sys
from pathlib import Path
from batchconv.__main__ import main
os._exit = sys.exit  # as an upload leaves
try:
    main()
finally:
    print(re.search("VmHWM.*", Path("/proc/self/status").read_text())[0], file=sys.stderr)
"""
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="peaks are told by /proc")


def run(*arguments: str) -> tuple[int, str, float]:
    """Exit code, what was told, and the peak of memory in MB."""
    done = subprocess.run(
        [sys.executable, "-c", _RUN, *arguments], capture_output=True, text=True, check=False
    )
    told = done.stdout + done.stderr
    assert "Traceback" not in told, told
    peak = re.search(r"VmHWM:\s*(\d+) kB", told)
    assert peak, told
    return done.returncode, told, int(peak[1]) / 1024


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def pack_zip(head: bytes, piece: bytes) -> bytes:
    packed = io.BytesIO()
    with (
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file,
        file.open("a.csv", "w", force_zip64=True) as inner,
    ):
        inner.write(head)
        for _ in range(8):
            inner.write(piece)
    return packed.getvalue()


@pytest.mark.parametrize("kind", [*PACK, "zip"])
def test_compressed_data_are_never_held_as_a_whole(folder, kind):
    head, piece = b"message_id,delivered\n", b"a" * (32 * MB)
    packed = PACK[kind](head) + PACK[kind](piece) * 8 if kind in PACK else pack_zip(head, piece)
    (folder / "bomb").write_bytes(packed)
    assert len(packed) < MB
    code, told, peak = run("validate", "bomb")
    assert (code, "too-long" in told) == (1, True), told
    assert peak < 200, told


IDS = [f"id{number}" for number in range(400)]


def dictionary_bomb(size: int) -> pa.Table:
    notes = pa.DictionaryArray.from_arrays(pa.array([0] * 400, pa.int32()), pa.array(["x" * size]))
    return pa.table({"message_id": IDS, "delivered": [True] * 400, "note": notes})


def one_among_many(size: int, others: int = 1) -> pa.Table:
    notes = ["x" * others] * 399 + ["x" * size]
    return pa.table({"message_id": IDS, "delivered": [True] * 400, "note": notes})


def in_lists(values: Any) -> pa.Table:
    count = len(values)
    array = pa.ListArray.from_arrays(pa.array([0, count], pa.int32()), values)
    return pa.table({"message_id": ["a"], "delivered": [True], "note": array})


def coded(text: str, count: int) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array([0] * count, pa.int32()), pa.array([text]))


def many_dictionaries(texts: list[str], count: int) -> pa.Table:
    codes = pa.array([at % len(texts) for at in range(400)], pa.int32())
    notes = {
        f"n{number}": pa.DictionaryArray.from_arrays(codes, pa.array(texts))
        for number in range(count)
    }
    return pa.table({"message_id": IDS, "delivered": [True] * 400, **notes})


@pytest.mark.parametrize(
    ("make", "how", "code", "words"),
    [
        (lambda: dictionary_bomb(4 * MB), {}, 1, "too-long"),
        (lambda: dictionary_bomb(4 * MB), {"store_schema": True}, 1, "too-long"),
        (lambda: dictionary_bomb(500_000), {}, 0, "400 can be sent"),
        (lambda: dictionary_bomb(10 * MB), {}, 5, "add --max-row-bytes 11534336 "),
        (lambda: one_among_many(20 * MB), {"use_dictionary": False}, 1, "1 invalid: too-long"),
        (lambda: one_among_many(30 * MB, 2000), {"use_dictionary": False}, 5, "write it again"),
        (lambda: dictionary_bomb(100 * MB), {}, 5, "a page of column 'note' has 100 MB"),
        (lambda: in_lists(pa.array([0] * 15 * MB)), {}, 5, "a row may decode to 120 MB"),
        (lambda: in_lists(coded("x" * 100_000, 10_000)), {}, 5, "are too large"),
        (lambda: pa.table({"message_id": ["a"], "delivered": [True], "note": ["x" * (120 * MB)]}),
         {"use_dictionary": False}, 5, "a page of column 'note' has 120 MB"),
        (lambda: many_dictionaries(["x", "y" * 15 * MB], 4), {}, 5, "the dictionaries of"),
        (lambda: many_dictionaries([f"{n:05x}" for n in range(1 << 20)], 4), {}, 5,
         "the dictionaries of its columns take 1"),
    ],
    ids=["dictionary", "stored", "wide", "long", "one", "dense", "huge", "list", "texts", "page",
         "dictionaries", "entries"],
)  # fmt: skip
def test_parquet_is_measured_by_what_it_decodes_to(
    make: Callable[[], pa.Table], how: dict[str, Any], code: int, words: str
):
    pq.write_table(make(), "bomb.parquet", **{
        "compression": "zstd", "store_schema": False, "dictionary_pagesize_limit": 1 << 30, **how
    })  # fmt: skip
    assert Path("bomb.parquet").stat().st_size < 4 * MB
    found, told, peak = run("validate", "bomb.parquet")
    assert (found, words in told) == (code, True), told
    assert peak < 200, told


def varint(number: int, width: int = 1) -> bytes:
    """A number as Thrift writes it, in as many bytes as that at least."""
    number *= 2  # zigzag
    digits = [
        number >> 7 * place & 0x7F for place in range(max(width, -(-number.bit_length() // 7)))
    ]
    return bytes([*(digit | 0x80 for digit in digits[:-1]), digits[-1]])


def test_a_footer_that_lies_about_the_size_of_a_page_is_not_believed():
    table = one_among_many(300_000, 300_000)
    pq.write_table(
        table,
        "bomb.parquet",
        compression="zstd",
        use_dictionary=False,
        store_schema=False,
        data_page_size=1 << 30,
        write_batch_size=1 << 20,
    )
    size = pq.ParquetFile("bomb.parquet").metadata.row_group(0).column(2).total_uncompressed_size
    data = Path("bomb.parquet").read_bytes()
    true = varint(size)
    footer = data.rindex(true)
    lie = varint(5_000, len(true))
    Path("bomb.parquet").write_bytes(data[:footer] + lie + data[footer + len(true) :])
    told = pq.ParquetFile("bomb.parquet").metadata.row_group(0).column(2)
    assert (size > 100 * MB, told.total_uncompressed_size) == (True, 5_000)
    code, told, peak = run("validate", "bomb.parquet")
    assert (code, "a page of column 'note' has 114 MB" in told) == (5, True), told
    assert peak < 200, told


def test_rows_that_were_given_up_are_not_kept_by_those_who_wait_for_the_next():
    pq.write_table(dictionary_bomb(4 * MB)[:40], "bomb.parquet", compression="zstd",
                   store_schema=False, dictionary_pagesize_limit=1 << 30)  # fmt: skip
    code, told, peak = run(
        "upload", "bomb.parquet", "--simulate=calm", "--max-errors", "none", "-q"
    )
    assert (code, "too-long" in told) == (1, True), told
    assert peak < 200, told
