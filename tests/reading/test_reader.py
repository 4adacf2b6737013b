"""All inputs, one after the other: checked at first, and read on after damage."""

import gzip
import os
import resource
import threading
from pathlib import Path

import pytest

from batchconv.errors import InputError, UsageError
from batchconv.reading.columns import ColumnError
from batchconv.reading.formats import ReadOptions
from batchconv.reading.reader import Reader

GOOD = "message_id,delivered\na,true\nb,false\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ids(reader: Reader) -> list[tuple[str, int, object]]:
    return [(row.source, row.number, row.fields.message_id) for row in reader]


def test_rows_of_all_inputs_come_in_order_and_are_numbered_by_input(folder):
    (folder / "1.csv").write_text(GOOD)
    (folder / "2.jsonl").write_text('{"message_id": 7, "delivered": true}\n')
    reader = Reader(["1.csv", "2.jsonl"], ReadOptions())
    reader.check()
    assert ids(reader) == [("1.csv", 1, "a"), ("1.csv", 2, "b"), ("2.jsonl", 1, 7)]
    assert [(name, layout.format) for name, layout in reader.layouts.items()] == [
        ("1.csv", "csv"),
        ("2.jsonl", "jsonl"),
    ]
    assert reader.damages == []


def test_checking_opens_every_input_before_a_row_is_read(folder):
    (folder / "1.csv").write_text(GOOD)
    with pytest.raises(InputError, match=r"2\.csv does not exist"):
        Reader(["1.csv", "2.csv"], ReadOptions()).check()


def test_a_wrong_column_is_told_with_the_input_it_is_missing_in(folder):
    (folder / "1.csv").write_text(GOOD)
    (folder / "2.csv").write_text("id,delivered\n")
    with pytest.raises(ColumnError, match=r"^2\.csv: no column holds the message id") as caught:
        Reader(["1.csv", "2.csv"], ReadOptions()).check()
    assert caught.value.hint == "add --map message_id=id"


def test_more_inputs_than_a_process_may_have_open_are_checked(folder):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    names = [f"{number}.csv" for number in range(100)]
    for name in names:
        (folder / name).write_text(GOOD)
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (len(list(Path("/proc/self/fd").iterdir())) + 20, hard)
    )
    try:
        reader = Reader(names, ReadOptions())
        reader.check()
        assert len(ids(reader)) == 200
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
@pytest.mark.parametrize("count", [20, 50_000])
def test_rows_before_damage_are_read_and_so_is_the_next_input(folder, suffix, count):
    head, line = {
        "csv": ("message_id,delivered\n", "{},true\n"),
        "jsonl": ("", '{{"message_id": {}, "delivered": true}}\n'),
    }[suffix]
    packed = gzip.compress((head + "".join(map(line.format, range(count)))).encode())
    (folder / f"1.{suffix}.gz").write_bytes(packed[:-8])
    (folder / "2.csv").write_text(GOOD)
    reader = Reader([f"1.{suffix}.gz", "2.csv"], ReadOptions())
    reader.check()
    found = ids(reader)
    assert [str(value) for _, _, value in found[:-2]] == [str(i) for i in range(len(found) - 2)]
    assert len(found) > count * 0.9
    assert found[-2:] == [("2.csv", 1, "a"), ("2.csv", 2, "b")]
    assert [str(damage).partition(" is ")[0] for damage in reader.damages] == [f"1.{suffix}.gz"]


def test_damage_before_the_first_record_is_found_by_the_check(folder):
    (folder / "1.csv.gz").write_bytes(gzip.compress(GOOD.encode())[:15])
    with pytest.raises(InputError, match=r"1\.csv\.gz is damaged"):
        Reader(["1.csv.gz"], ReadOptions()).check()


@pytest.mark.parametrize("change", ["removed", "another header"])
def test_an_input_that_changes_after_the_check_is_damage(folder, change):
    (folder / "1.csv").write_text(GOOD)
    (folder / "2.csv").write_text(GOOD)
    reader = Reader(["1.csv", "2.csv"], ReadOptions())
    reader.check()
    if change == "removed":
        (folder / "1.csv").unlink()
    else:
        (folder / "1.csv").write_text("x,y\n1,2\n")
    assert ids(reader) == [("2.csv", 1, "a"), ("2.csv", 2, "b")]
    assert len(reader.damages) == 1


def test_a_pipe_is_checked_and_read_in_one_go(folder):
    os.mkfifo("pipe")
    writer = threading.Thread(target=lambda: (folder / "pipe").write_text(GOOD))
    writer.start()
    reader = Reader(["pipe"], ReadOptions())
    reader.check()
    assert ids(reader) == [("pipe", 1, "a"), ("pipe", 2, "b")]
    writer.join()


def test_a_file_named_twice_is_read_twice_and_a_pipe_is_refused(folder):
    (folder / "1.csv").write_text(GOOD)
    reader = Reader(["1.csv", "1.csv"], ReadOptions())
    reader.check()
    assert len(ids(reader)) == 4
    os.mkfifo("pipe")
    writer = threading.Thread(target=lambda: (folder / "pipe").write_text(GOOD))
    writer.start()
    with pytest.raises(UsageError, match="pipe is named twice"):
        Reader(["pipe", "pipe"], ReadOptions()).check()
    writer.join()


@pytest.mark.parametrize("ending", ["the next input is missing", "only one row is wanted"])
def test_a_pipe_that_is_not_read_to_its_end_is_closed(folder, ending):
    os.mkfifo("pipe")
    (folder / "1.csv").write_text(GOOD)
    before = len(list(Path("/proc/self/fd").iterdir()))
    writer = threading.Thread(target=lambda: (folder / "pipe").write_text(GOOD))
    writer.start()
    if ending == "the next input is missing":
        with pytest.raises(InputError):
            Reader(["pipe", "2.csv"], ReadOptions()).check()
    else:
        reader = Reader(["1.csv", "pipe"], ReadOptions())
        reader.check()
        assert next(iter(reader)).number == 1
    writer.join()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_format_and_compression_that_are_named_beat_the_name(folder):
    (folder / "1.csv").write_text('{"message_id": "a", "delivered": true}\n')
    reader = Reader(["1.csv"], ReadOptions(), format="jsonl", compression="none")
    reader.check()
    assert ids(reader) == [("1.csv", 1, "a")]
