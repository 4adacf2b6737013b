"""A zip with one data file is read; of any other it is told what is in it."""

import contextlib
import io
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchconv.errors import InputError, UsageError
from batchconv.reading.formats import ReadOptions
from batchconv.reading.reader import Reader
from tests.pipes import piped

CSV = b"message_id,delivered\n" + b"".join(b"id%d,true\n" % number for number in range(5000))
IDS = [f"id{number}" for number in range(5000)]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as file:
        for name, content in files.items():
            file.writestr(name, content)
    return packed.getvalue()


def read(name: str, **how: object) -> tuple[list[object], list[str]]:
    """The ids, and what is damaged."""
    reader = Reader([name], ReadOptions(), **how)  # type: ignore[arg-type]  # tests give any
    reader.check()
    return [row.fields.message_id for row in reader], list(map(str, reader.damages))


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
@pytest.mark.parametrize("name", ["export.zip", "export.csv.zip", "export"])
@pytest.mark.parametrize(
    "others", [{}, {"__MACOSX/._a.csv": b"x", ".DS_Store": b"x", "readme.pdf": b"x", "d/": b""}]
)
def test_the_one_data_file_is_read(name, method, others):
    Path(name).write_bytes(zipped({**others, "exports/a.csv": CSV}, method))
    assert read(name) == (IDS, [])


def test_the_name_within_tells_the_format():
    Path("a.csv.zip").write_bytes(zipped({"a.tsv": b"message_id\tdelivered\na,b\ttrue\n"}))
    assert read("a.csv.zip") == (["a,b"], [])


def test_a_zip_from_a_pipe_is_read_from_a_temporary_copy(tmp_path):
    with piped(tmp_path, zipped({"a.csv": CSV})) as name:
        assert read(name) == (IDS, [])


@pytest.mark.parametrize(
    ("files", "what", "hint"),
    [
        ({"a.csv": b"", "it's/b.csv": b""}, "a zip with 2 data files: a.csv, it's/b.csv",
         "unzip -p export.zip a.csv | batchconv upload -"),
        ({}, "a zip without a data file", None),
        ({"a.pdf": b""}, "a zip without a data file: a.pdf", None),
        ({"[Content_Types].xml": b"", "xl/workbook.xml": b""}, "an Excel workbook (.xlsx)", "CSV"),
        ({"mimetype": b"", "content.xml": b""}, "an OpenDocument spreadsheet (.ods)", "CSV"),
    ],
)  # fmt: skip
def test_of_any_other_zip_it_is_told_what_it_is(files, what, hint):
    Path("export.zip").write_bytes(zipped(files))
    with pytest.raises(UsageError) as caught:
        read("export.zip")
    assert f"export.zip is {what}" in str(caught.value)
    assert hint is None or hint in str(caught.value.hint)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_unusual_methods_are_told_with_what_unpacks_them(method):
    """Python's module gives what such data hold in one piece, however much it is."""
    Path("a.zip").write_bytes(zipped({"a.csv": CSV}, method))
    with pytest.raises(UsageError, match="has an unsupported compression method") as caught:
        read("a.zip")
    assert caught.value.hint == "extract it: unzip -p a.zip a.csv | batchconv upload -"


def test_a_password_is_told(folder):
    content = bytearray(zipped({"a.csv": CSV}))
    content[6] |= 1
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    (folder / "a.zip").write_bytes(content)
    with pytest.raises(UsageError, match=r"a\.csv in a\.zip needs a password"):
        read("a.zip")


def test_a_bad_checksum_is_damage_and_the_rows_before_are_read(folder):
    content = bytearray(zipped({"a.csv": CSV}))
    content[content.rindex(b"PK\x01\x02") + 16] ^= 0xFF
    (folder / "a.zip").write_bytes(content)
    found, damages = read("a.zip")
    assert found == IDS[: len(found)]
    assert len(found) > 3000
    assert damages == ["a.zip is damaged: the compressed data are corrupt"]


@pytest.mark.parametrize("cut", [1, 20, 100])
def test_a_zip_cut_short_has_no_rows_for_what_it_holds_stands_at_its_end(folder, cut):
    (folder / "a.zip").write_bytes(zipped({"a.csv": CSV})[:-cut])
    with pytest.raises(InputError, match=r"a\.zip is damaged: it is not a complete zip"):
        read("a.zip")


@settings(max_examples=75, deadline=None)
@given(data=st.data())
def test_whatever_is_spoilt_ends_in_rows_or_in_a_sentence(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("spoilt") / "in.zip"
    content = bytearray(zipped({"a.csv": CSV[:400]}))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(content))
    with contextlib.suppress(InputError, UsageError):
        read(str(path), compression="zip")


def test_a_table_of_contents_beyond_all_measure_is_refused_before_it_is_read():
    with zipfile.ZipFile("a.zip", "w") as file:
        file.writestr("a.csv", CSV)
        for number in range(80_000):
            entry = zipfile.ZipInfo(f"{number}.csv")
            entry.header_offset = entry.CRC = 0
            file.filelist.append(entry)
    with pytest.raises(UsageError, match=r"a\.zip is a zip with more files than batchconv reads"):
        read("a.zip")


def test_what_the_usual_command_makes_is_read(folder):
    (folder / "a.csv").write_bytes(CSV)
    if shutil.which("zip") is None:
        pytest.skip("there is no zip on this machine")
    subprocess.run(["zip", "-q", "a.zip", "a.csv"], check=True)
    assert read("a.zip") == (IDS, [])
