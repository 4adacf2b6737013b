"""Corrected rows of jobs that are not as plain as one file beside its results."""

import csv
import fcntl
import os
from pathlib import Path

import pytest

from batchconv.errors import UsageError
from tests.shells import Wire, results, upload_here


@pytest.fixture(autouse=True)
def wire(tmp_path, monkeypatch):
    """Uploads of this process run in an empty folder and go nowhere."""
    monkeypatch.chdir(tmp_path)
    wire = Wire()
    wire.plug_in(monkeypatch)
    return wire


def write(name: str, *rows: str) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text("message_id,delivered\n" + "".join(f"{row}\n" for row in rows), "utf-8")


def correct(path: Path, **cells: str) -> None:
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(row | cells for row in rows)


@pytest.fixture
def piped():
    """What is written here comes from standard input."""
    keep = os.dup(0)
    read, written = os.pipe()
    os.dup2(read, 0)
    os.close(read)
    with os.fdopen(written, "wb") as pipe:
        yield pipe
    os.dup2(keep, 0)
    os.close(keep)


@pytest.mark.parametrize("name", ["r.jsonl", "r.csv", "r.results.jsonl"])
def test_failed_rows_find_their_job_however_its_results_are_named(wire, name):
    write("in.csv", "a,true", ",true")
    upload_here("in.csv", results=name)
    (path,) = Path().glob("r.simulated.failed.csv")
    correct(path, message_id="b")
    fed = upload_here(str(path))
    assert (fed.exit_code, fed.outstanding_rows) == (0, 0)
    assert fed.results == name.replace("r.", "r.simulated.")
    assert wire.sent == {"a": 1, "b": 1}


@pytest.mark.parametrize("format_", ["csv", "tsv"])
@pytest.mark.parametrize("delimiter", ["^", "\x01", " ", "a", "_"])
def test_failed_rows_with_any_delimiter_are_fed_back_without_naming_it(wire, delimiter, format_):
    header = delimiter.join(("id", "delivered"))
    Path("in.csv").write_text(f"{header}\n1{delimiter}true\n{delimiter}true\n", "utf-8")
    given = {"delimiter": delimiter, "format": format_, "map": (("message_id", "id"),)}
    upload_here("in.csv", **given)
    failed = Path(f"in.simulated.failed.{format_}")
    rows = failed.read_text("utf-8").splitlines()
    failed.write_text(f"{rows[0]}\n2{rows[1]}\n", "utf-8")
    fed = upload_here(str(failed))
    assert (fed.exit_code, fed.outstanding_rows) == (0, 0)
    assert wire.sent == {"1": 1, "2": 1}


@pytest.mark.parametrize(
    ("named", "failed", "kept"),
    [
        ("ex", "ex.simulated.failed/channel=voice/a.csv", "ex"),
        ("ex/channel=voice/a.csv", "ex/channel=voice/a.simulated.failed.csv", "ex/channel=voice/a"),
    ],
)
def test_a_channel_that_a_folder_says_can_be_corrected(wire, named, failed, kept):
    """The folder says it of the input; of a corrected row its own cell does."""
    wire.status = {"a": 420}
    write("ex/channel=voice/a.csv", "a,true")
    upload_here(named)
    wire.status = {}
    correct(Path(failed), channel="sms")
    fed = upload_here(failed)
    assert (fed.exit_code, fed.outstanding_rows) == (0, 0)
    lines = results(Path(f"{kept}.simulated.results.jsonl"))
    assert [(line["channel"], line["outcome"]) for line in lines] == [
        ("voice", "rejected"), ("sms", "accepted"),
    ]  # fmt: skip


def test_rows_that_came_from_standard_input_can_be_corrected(piped):
    piped.write(b"message_id,delivered\na,true\n,true\n")
    piped.close()
    assert upload_here("-").exit_code == 1
    path = Path("stdin.simulated.failed.csv")
    correct(path, message_id="b")
    fed = upload_here(str(path))
    assert (fed.exit_code, fed.outstanding_rows) == (0, 0)
    line = results(Path("stdin.simulated.results.jsonl"))[-1]
    assert (line["source"], line["row"], line["replaces"]) == ("-", 2, "invalid")


def test_overwrite_sets_a_folder_of_failed_rows_aside_as_well():
    write("ex/one/a.csv", "a,true", ",true")
    write("ex/b.csv", "maybe")
    upload_here("ex")
    folder = Path("ex.simulated.failed")
    before = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.csv")}
    again = upload_here("ex", overwrite=True)
    assert again.outstanding_rows == 2
    (aside,) = Path().glob("ex.simulated.2*.failed")
    assert {path.relative_to(aside): path.read_bytes() for path in aside.rglob("*.csv")} == before
    assert {path.relative_to(folder) for path in folder.rglob("*.csv")} == before.keys()
    with pytest.raises(UsageError, match="there is no job at"):
        upload_here(str(aside / "one" / "a.csv"))


def test_a_named_file_of_failed_rows_is_held_for_as_long_as_the_run_writes_to_it(wire):
    held = []
    exchange = wire.exchange

    async def and_look(conversion, *more):
        if conversion.message_id == "last":
            with Path("f.csv").open("rb") as file, pytest.raises(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            held.append(True)
        return await exchange(conversion, *more)

    wire.exchange = and_look
    wire.status = {"a": 420}
    write("in.csv", "a,true", "last,true")
    upload_here("in.csv", failed="f.csv", concurrency=1)
    assert held


def test_a_pipe_that_is_named_for_failed_rows_is_written_to_and_nothing_beside_a_name_is_touched():
    write("in.csv", "a,true", ",true")
    Path("data.raw").write_text("somebody's", "utf-8")
    os.mkfifo("pipe")
    reader = os.open("pipe", os.O_RDWR | os.O_NONBLOCK)
    try:
        upload_here("in.csv", failed="data.csv")
        upload_here("in.csv", failed="pipe", overwrite=True)
        assert b"blank-id" in os.read(reader, 1 << 16)
    finally:
        os.close(reader)
    assert Path("pipe").is_fifo()
    assert Path("data.raw").read_text("utf-8") == "somebody's"
    assert "blank-id" in Path("data.csv").read_text("utf-8")


def test_failed_rows_are_known_also_where_a_column_has_an_end_of_line_in_its_name(wire):
    Path("in.tsv").write_text('message_id\t"del\nivered"\nb\t1\n\t1\n', "utf-8")
    told = upload_here("in.tsv", results="r.jsonl", delivered=True)
    (path,) = map(Path, told.failed)
    fed = upload_here(str(path))
    assert (fed.books.read, fed.outstanding_rows) == (1, 1)
    assert wire.sent == {"b": 1}
