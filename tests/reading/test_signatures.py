"""What is not a table is named with the command that helps; a signature counts only as a whole."""

import bz2
import gzip
import io
import json
import lzma
import os
import random
import shlex
import subprocess
import sys
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather, orc

from batchconv.errors import InputError, UsageError
from batchconv.reading.formats import ReadOptions
from batchconv.reading.reader import Reader
from tests.pipes import piped
from tests.shells import upload_here

CSV = b"message_id,delivered\nA1,true\n"
TABLE = pa.table({"message_id": ["A1"], "delivered": ["true"]})


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ids(name: str, **how: object) -> list[object]:
    reader = Reader([name], ReadOptions(), **how)  # type: ignore[arg-type]  # tests give any
    reader.check()
    return [row.fields.message_id for row in reader]


def refused(name: str, **how: object) -> UsageError:
    with pytest.raises(UsageError) as caught:
        ids(name, **how)
    assert caught.value.exit_code == 2
    assert str(caught.value).startswith(f"{name} is ")
    return caught.value


def tar(member: str = "t/x.csv", **how: object) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", **how) as file:  # type: ignore[call-overload]  # tests give any
        info = tarfile.TarInfo(member)
        info.size = len(CSV)
        file.addfile(info, io.BytesIO(CSV))
    return packed.getvalue()


def written(write: object) -> bytes:
    buffer = io.BytesIO()
    write(TABLE, buffer)  # type: ignore[operator]  # one of pyarrow's functions
    return buffer.getvalue()


# -- named, with a command that works --------------------------------------------------------------


def run_hint(hint: str) -> bytes:
    """What the command of a hint gives to `batchconv upload -`."""
    command, pipe, rest = hint.rpartition(" | ")
    assert (pipe, rest) == (" | ", "batchconv upload -")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["sh", "-c", command],
        stdout=subprocess.PIPE,
        check=True,
        timeout=60,
        env=os.environ | {"PATH": path},
    ).stdout


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("name", ["export.tar", "an export.csv"])
def test_a_tar_is_named_within_whatever_it_is_compressed(pack, form, name):
    Path(name).write_bytes(pack(tar(format=form)))
    error = refused(name)
    assert "is a tar archive, which batchconv does not read" in str(error)
    assert run_hint(str(error.hint)) == CSV


# Polars writes such a type, and it cannot be written as CSV.
VIEWS = pa.table({"message_id": pa.array(["A1"], pa.string_view()), "delivered": ["true"]})


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (lambda: written(orc.write_table), "ORC"),
        (lambda: written(feather.write_feather), "Arrow or Feather"),
        (lambda: written(lambda _, to: feather.write_feather(VIEWS, to)), "Arrow or Feather"),
    ],
    ids=["orc", "feather", "views"],
)
def test_tables_of_other_kinds_are_named_with_what_makes_parquet_of_them(data, what):
    Path("export").write_bytes(data())
    error = refused("export")
    assert f"is {what}, which batchconv does not read" in str(error)
    made = pq.read_table(io.BytesIO(run_hint(str(error.hint))))
    assert made.to_pylist() == TABLE.to_pylist()


def test_data_compressed_twice_are_named_with_what_decompresses_them_both():
    Path("export.csv.gz").write_bytes(gzip.compress(bz2.compress(CSV)))
    error = refused("export.csv.gz")
    assert "bz2 data within other compressed data" in str(error)
    assert run_hint(str(error.hint)) == CSV


@pytest.mark.parametrize(
    ("content", "what", "hint"),
    [
        (b"Obj\x01\x04\x14avro.codec", "Avro", "fastavro export | batchconv upload -"),
        (b"7z\xbc\xaf\x27\x1c\0\x04", "a 7-Zip archive", "7z x -so export | batchconv upload -"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0", "an old Excel workbook (.xls) or another "
         "document of Microsoft Office", "CSV"),
        (b"SQLite format 3\0\x10\0", "a SQLite database", "sqlite3 -csv -header export"),
        (b"%PDF-1.7\n%\xe2\xe3", "a PDF", "CSV"),
        (b"PARE\x20\x01\0\0\x15\x04", "encrypted Parquet", "decrypt it"),
        (b"\n<!DOCTYPE HTML>\n<html><body>502", "a web page", "check the address"),
        (b"\xef\xbb\xbf<html lang=de>", "a web page", "check the address"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied", "an XML document", "look at it"),
        (b"\x80\x04\x95\x1d\0", "a pickle of Python", "to_csv"),
    ],
)  # fmt: skip
def test_what_is_no_table_is_named(content, what, hint):
    Path("export").write_bytes(content)
    error = refused("export")
    assert f"is {what}, which batchconv does not read" in str(error)
    assert hint in str(error.hint)


def test_a_manifest_of_redshift_names_the_folder_that_holds_the_rows():
    entries = [{"url": f"s3://bucket/unload/0{n}_part_00", "mandatory": True} for n in range(2)]
    Path("m.manifest").write_text(json.dumps({"entries": entries}))
    error = refused("m.manifest")
    assert "is a manifest of Redshift" in str(error)
    assert error.hint == "upload the files: batchconv upload s3://bucket/unload/"


def test_a_tar_from_a_pipe_is_named_too(tmp_path):
    with piped(tmp_path, tar()) as name:
        assert "is a tar archive" in str(refused(name))


# -- only as a whole -------------------------------------------------------------------------------


@pytest.mark.parametrize("head", ["PARENT_ID", "PAR1", "PARE", "ORC", "ORC_ID", "BZh9", "BZhello",
                                  "Obj", "PK", "SEQ", "FEA1", "Rar!", "%PDF", "LZIP"])  # fmt: skip
@pytest.mark.parametrize("pipe", [False, True])
def test_a_header_that_begins_like_a_signature_is_a_header(tmp_path, head, pipe):
    text = f"{head},MESSAGE_ID,DELIVERED\n1,abc,true\n".encode()
    if not pipe:
        Path("in.csv").write_bytes(text)
        assert ids("in.csv") == ["abc"]
        return
    with piped(tmp_path, *(text[at : at + 1] for at in range(len(text)))) as name:
        assert ids(name) == ["abc"]


@pytest.mark.parametrize("rows", [0, 1, 5000])
def test_parquet_is_told_by_its_first_bytes_whatever_its_name(rows):
    table = pa.table({"message_id": [str(n) for n in range(rows)], "delivered": [True] * rows})
    pq.write_table(table, "export.csv")
    assert len(ids("export.csv")) == rows


# -- `--format` and `--compression` beat signatures ------------------------------------------------


@pytest.mark.parametrize("head", ["<html>", "%PDF-1.7", "Obj\x01", "<?xml ?>"])
def test_a_named_format_beats_a_signature(head):
    Path("in").write_bytes(f"{head},message_id,delivered\n1,abc,true\n".encode())
    refused("in")
    assert ids("in", format="csv") == ["abc"]


def test_a_named_compression_beats_a_signature():
    Path("in.csv").write_bytes(b"BZh91AY&SY,message_id,delivered\n1,abc,true\n")
    with pytest.raises(InputError, match="is damaged"):
        ids("in.csv")
    assert ids("in.csv", compression="none") == ["abc"]


# -- results files of our own ----------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["jsonl", "csv"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress])
@pytest.mark.parametrize("how", [{}, {"format": "jsonl"}])
def test_a_results_file_is_no_input_whatever_its_name_and_packing(ending, pack, how):
    """It has all the columns of conversions: its rows would be sent twice."""
    Path("in.csv").write_bytes(CSV)
    upload_here("in.csv", results=f"r.{ending}")
    Path("other name").write_bytes(pack(Path(f"r.simulated.{ending}").read_bytes()))
    error = refused("other name", **how)
    assert "is a results file of batchconv, not an input" in str(error)
    assert f"batchconv resend {shlex.quote('other name')}" in str(error.hint)


# -- what is not a table at all --------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01" + bytes(range(256)),
        b"MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff\x00\x00",
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x002\x00\x00\x002",
        random.Random(7).randbytes(5_000),
        b"\x00" * 5_000,  # what a crash of the machine leaves of a file
    ],
    ids=["jpeg", "exe", "png", "random", "nuls"],
)
@pytest.mark.parametrize("name", ["in", "in.csv", "in.json"])
def test_binary_data_are_not_called_a_table_without_columns(folder, name, data):
    (folder / name).write_bytes(data)
    with pytest.raises(
        UsageError, match="holds no text and no format that batchconv knows"
    ) as told:
        ids(name)
    assert "--encoding" in str(told.value.hint)


@pytest.mark.parametrize(
    "text",
    ["A\xe9\x01,true\n", "A\x00,true\n"],
    ids=["latin-1", "nul"],
)
def test_a_few_odd_bytes_in_a_table_cost_their_rows_only(folder, text):
    rows = "A1,true\n" * 100
    (folder / "in.csv").write_bytes(f"message_id,delivered\n{rows}{text}".encode("latin-1"))
    assert ids("in.csv")[:100] == ["A1"] * 100


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"-- MySQL dump 10.13  Distrib 8.0\n", "a script of SQL statements"),
        (b"/*M!999999\\- enable the sandbox mode */ \n", "a script of SQL statements"),
        (b"INSERT INTO \"table\"(message_id) VALUES('A1');\n", "a script of SQL statements"),
        (b"+----+----+\n| message_id | delivered |\n", "a table drawn for a terminal"),
        (b"*************************** 1. row ***************************\n", "a table drawn"),
        ("┌────────────┬───────────┐\n".encode(), "a table drawn for a terminal"),
        (b" message_id | delivered\n------------+-----------\n", "a table drawn for a terminal"),
        (b"| message_id | delivered |\r\n|:---|---:|\r\n", "a table drawn for a terminal"),
        (b"message_id delivered\n---------- ---------\n", "a table drawn for a terminal"),
        (b"PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00", "COPY's binary format of PostgreSQL"),
    ],
)
def test_what_databases_print_in_other_ways_is_named(folder, data, what):
    (folder / "out").write_bytes(data)
    told = refused("out")
    assert what in str(told)
    assert "psql --csv" in str(told.hint)
