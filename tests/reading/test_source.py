"""A path or `-` → bytes: told by their magic, handed on as they arrive, faults named."""

import gzip
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from batchconv.errors import InputError
from batchconv.reading.formats import ReadOptions, open_rows
from batchconv.reading.formats.lines import Lines
from batchconv.reading.sources import ByteStream, can_reopen, format_suffix, is_stdin, stem
from tests.pipes import piped

TEXT = b"message_id,delivered\n" + b"".join(b"id%d,true\n" % i for i in range(50_000))


def read(path, compression=None) -> bytes:
    with ByteStream(str(path), compression) as stream:
        return b"".join(stream)


def read_until_damage(path) -> tuple[bytes, InputError]:
    found: list[bytes] = []
    with ByteStream(str(path)) as stream, pytest.raises(InputError) as caught:
        found.extend(stream)
    return b"".join(found), caught.value


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "in.csv"


@pytest.mark.parametrize("content", [b"", b"\x1f", b"B", b"BZ", b"PK", b"\xfd7", b"a"])
def test_a_file_of_a_few_bytes_is_read(path, content):
    path.write_bytes(content)
    assert read(path) == content


# -- faults ----------------------------------------------------------------------------------------


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"no\.csv does not exist"):
        ByteStream(str(tmp_path / "no.csv"))


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_file_that_may_not_be_read_is_named(path):
    path.touch(mode=0o000)
    with pytest.raises(InputError, match="Permission denied"):
        ByteStream(str(path))


@pytest.mark.parametrize(
    "name", ["a\0b", "x" * 5000, "/dev/null/x"], ids=["NUL", "long", "in a file"]
)
def test_a_name_that_no_file_can_have_is_an_unreadable_input(name):
    with pytest.raises(InputError):
        ByteStream(name)


def rewrite(path: Path) -> None:
    path.write_bytes(TEXT.replace(b"id", b"ID"))


def cut_short(path: Path) -> None:
    os.truncate(path, 10)


def write_longer(path: Path) -> None:
    path.write_bytes(TEXT.replace(b"id", b"a longer id"))


@pytest.mark.parametrize("change", [rewrite, cut_short, write_longer])
def test_a_file_that_is_written_anew_while_it_is_read_is_damage(path, change):
    """The rest of another version would make rows that stand in neither."""
    path.write_bytes(TEXT)
    os.utime(path, ns=(0, 0))
    with ByteStream(str(path)) as stream:
        pieces = iter(stream)
        first = next(pieces)
        change(path)
        with pytest.raises(InputError, match="rewritten or truncated while it was read"):
            list(pieces)
    assert TEXT.startswith(first)


def test_a_file_that_grows_is_read_to_its_end(path):
    """A log is often written to while it is read."""
    path.write_bytes(TEXT)
    os.utime(path, ns=(0, 0))
    with ByteStream(str(path)) as stream:
        pieces = iter(stream)
        first = next(pieces)
        with path.open("ab") as file:
            file.write(b"more,true\n")
        assert first + b"".join(pieces) == TEXT + b"more,true\n"


def test_a_file_that_is_replaced_by_another_is_read_as_it_was(path, tmp_path):
    """Who writes a new file and renames it changes nothing for those who read the old one."""
    path.write_bytes(TEXT)
    with ByteStream(str(path)) as stream:
        pieces = iter(stream)
        first = next(pieces)
        (tmp_path / "new").write_bytes(b"x")
        (tmp_path / "new").rename(path)
        assert first + b"".join(pieces) == TEXT


# -- as it arrives ---------------------------------------------------------------------------------


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_row_comes_before_the_writer_has_closed(tmp_path, pack):
    """`tail -F events.csv | batchconv upload -` sends each row as it happens."""
    got_row = threading.Event()
    pieces = pack(b"message_id,delivered\na,true\n"), got_row, pack(b"b,true\n")
    with piped(tmp_path, *pieces) as name, ByteStream(name) as stream:
        rows = iter(open_rows(stream, ReadOptions()))
        assert next(rows).fields.message_id == "a"
        got_row.set()
        assert [row.fields.message_id for row in rows] == ["b"]


@pytest.mark.parametrize("text", [b"a,1\n", b'{"message_id": "a"}\n'])
def test_a_short_first_line_comes_before_the_writer_has_closed(tmp_path, text):
    got_line = threading.Event()
    with piped(tmp_path, text, got_line) as name, ByteStream(name) as stream:
        assert stream.peek() == text
        assert next(iter(Lines(stream, max_bytes=100))) == text.decode()
        got_line.set()


@pytest.mark.parametrize("head", [b"", b"B", b"BZ", b"\x1f", b"\xfd7zX"])
@pytest.mark.parametrize("packed", [True, False])
def test_a_pipe_that_gives_a_byte_at_a_time_is_told_by_its_magic(tmp_path, head, packed):
    """A pipe's first read may give a single byte, which is half of a magic number."""
    content = gzip.compress(head) if packed else head
    with piped(tmp_path, *(content[at : at + 1] for at in range(len(content)))) as name:
        assert read(name) == head


def test_a_format_is_told_by_the_first_character_however_late_it_comes(tmp_path):
    pieces = b"\xef", b"\xbb\xbf", b"\n\n", b'{"message_id": "a", "delivered": true}\n'
    with piped(tmp_path, *pieces) as name, ByteStream(name) as stream:
        assert [row.fields.message_id for row in open_rows(stream, ReadOptions())] == ["a"]


READ_STDIN = """
import os, sys
from batchconv.reading.sources import ByteStream
if sys.argv[1:]:
    os.set_blocking(0, False)
print("ready", flush=True)
with ByteStream("-") as stream:
    sys.stdout.buffer.write(b"".join(stream))
os.fstat(0)  # still open
"""


@pytest.mark.parametrize("arguments", [[], ["non-blocking"]])
@pytest.mark.parametrize("packed", [False, True])
def test_standard_input_is_read_to_its_end(arguments, packed):
    """A shell or ssh may leave it non-blocking: "nothing yet" is not the end."""
    with subprocess.Popen(
        [sys.executable, "-c", READ_STDIN, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        data = gzip.compress(TEXT) if packed else TEXT
        pipe = process.stdin
        writer = threading.Thread(target=lambda: (pipe.write(data), pipe.close()))
        writer.start()
        assert process.stdout.read() == TEXT
        writer.join()
        assert process.wait() == 0


def test_a_closed_standard_input_is_an_unreadable_input():
    script = (
        "import os\nos.close(0)\nfrom batchconv.errors import InputError\n"
        "from batchconv.reading.sources import ByteStream\n"
        "try:\n    ByteStream('-')\nexcept InputError as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "- cannot be read: Bad file descriptor\n"


def test_peeking_takes_nothing(path):
    path.write_bytes(b"\n \n{}")
    with ByteStream(str(path)) as stream:
        assert stream.peek() == stream.peek() == b"\n \n{}"
        assert b"".join(stream) == b"\n \n{}"


def test_peeking_into_blanks_ends(path):
    path.write_bytes(b"\n" * 1_000_000)
    with ByteStream(str(path)) as stream:
        assert len(stream.peek()) <= 1 << 17
        assert b"".join(stream) == b"\n" * 1_000_000


# -- names -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "base", "suffix"),
    [
        ("-", "stdin", ""),
        ("export.csv", "export", ".csv"),
        ("/data/2026/export.csv.gz", "export", ".csv"),
        ("export.CSV.GZ", "export", ".csv"),
        ("export.tsv.gzip", "export", ".tsv"),
        ("export.tab", "export", ".tab"),
        ("export.csv.bz2", "export", ".csv"),
        ("export.csv.xz", "export", ".csv"),
        ("export.csv.zst", "export", ".csv"),
        ("export.jsonl.zstd", "export", ".jsonl"),
        ("part-0.snappy.parquet", "part-0.snappy", ".parquet"),
        ("export.pq", "export", ".pq"),
        ("export.jsonl", "export", ".jsonl"),
        ("export.ndjson", "export", ".ndjson"),
        ("export.2026-01.csv", "export.2026-01", ".csv"),
        ("export.failed.csv", "export.failed", ".csv"),
        ("export.txt", "export", ".txt"),
        ("export.gz", "export", ""),
        ("export", "export", ""),
        ("export.backup", "export.backup", ".backup"),
        (".csv", ".csv", ""),
        ("./-", "-", ""),
        ("a.b/export", "export", ""),
    ],
)
def test_a_name_tells_stem_and_format(name, base, suffix):
    assert (stem(name), format_suffix(name)) == (base, suffix)


def test_only_files_can_be_opened_again(tmp_path, path):
    path.touch()
    with piped(tmp_path) as pipe:
        names = ["-", str(path), pipe, str(tmp_path / "no.csv"), str(tmp_path)]
        ByteStream(pipe).close()
        assert [can_reopen(name) for name in names] == [False, True, False, False, False]


def test_only_the_dash_is_standard_input():
    assert [is_stdin(name) for name in ("-", "./-", "--", "")] == [True, False, False, False]
