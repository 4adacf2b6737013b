"""Several results files in one folder: no failed-rows file is taken for another's."""

import csv
import json
from pathlib import Path

import pytest

from batchconv.journal.append_only_file import AppendOnlyFile
from tests.shells import Wire, upload_here


@pytest.fixture
def wire(tmp_path, monkeypatch):
    """Uploads of this process run in an empty folder and go nowhere; some ids are refused."""
    monkeypatch.chdir(tmp_path)
    wire = Wire()
    wire.status = dict.fromkeys(["no1", "no2", "no3", "no9"], 420)
    wire.plug_in(monkeypatch)
    return wire


def write(name: str, ids: list[str], more: str = "note") -> str:
    Path(name).parent.mkdir(exist_ok=True)
    lines = "".join(f"{one},1,{name} {number}\n" for number, one in enumerate(ids, 1))
    Path(name).write_text(f"message_id,delivered,{more}\n{lines}", encoding="utf-8")
    return name


def failed(name: str = "a.failed.csv") -> list[tuple[str, str]]:
    """Id and note of each row of a failed-rows file whose rows all have its columns."""
    with Path(name).open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    assert all(len(row) == len(header) for row in rows)
    return [(row[0], row[2]) for row in rows]


def drop_lines(name: str, text: str) -> None:
    """Take the lines that hold a text out of a file."""
    lines = Path(name).read_text(encoding="utf-8").splitlines(keepends=True)
    Path(name).write_text("".join(line for line in lines if text not in line), encoding="utf-8")


def resume(*inputs: str, results: str, **settings):
    return upload_here(*inputs, results=results, resume=True, **settings)


@pytest.mark.usefixtures("wire")
@pytest.mark.parametrize("results", ["one.jsonl", "one.csv"])
def test_a_resume_goes_on_with_the_file_of_its_own_results_and_not_with_the_newest(results):
    write("x/a.csv", ["ok1", "no1", "ok2"])
    write("y/a.csv", ["ok3", "no2", "ok4"])
    upload_here("x/a.csv", results=results)
    upload_here("y/a.csv", results="two.jsonl")
    assert failed("a.failed.2.csv") == [("no2", "y/a.csv 2")]
    write("x/a.csv", ["ok1", "no1", "ok2", "no3"])
    resume("x/a.csv", results=results)
    assert failed() == [("no1", "x/a.csv 2"), ("no3", "x/a.csv 4")]
    assert failed("a.failed.2.csv") == [("no2", "y/a.csv 2")]


@pytest.mark.usefixtures("wire")
def test_a_resume_whose_results_had_no_failed_rows_leaves_those_of_others_alone():
    write("x/a.csv", ["ok1"])
    write("y/a.csv", ["no2"])
    upload_here("x/a.csv", results="one.jsonl")
    upload_here("y/a.csv", results="two.jsonl")
    write("x/a.csv", ["ok1", "no1"])
    resume("x/a.csv", results="one.jsonl")
    assert failed() == [("no2", "y/a.csv 1")]
    assert failed("a.failed.2.csv") == [("no1", "x/a.csv 2")]


@pytest.mark.usefixtures("wire")
def test_two_results_of_one_input_keep_their_failed_rows_apart():
    write("a.csv", ["no1", "ok1"])
    upload_here("a.csv", results="sms.jsonl")
    write("a.csv", ["no1", "ok1", "no9"])
    upload_here("a.csv", results="voice.jsonl", channel="voice")
    write("a.csv", ["no1", "ok1", "no9", "no2"])
    resume("a.csv", results="sms.jsonl")
    resume("a.csv", results="voice.jsonl", channel="voice")
    assert failed() == [("no1", "a.csv 1"), ("no9", "a.csv 3"), ("no2", "a.csv 4")]
    assert failed("a.failed.2.csv") == failed()


@pytest.mark.usefixtures("wire")
def test_overwriting_results_replaces_their_own_failed_rows_and_no_others():
    write("x/a.csv", ["no1"])
    write("y/a.csv", ["no2"])
    upload_here("x/a.csv", results="one.jsonl")
    upload_here("y/a.csv", results="two.jsonl")
    upload_here("y/a.csv", results="two.jsonl", overwrite=True)
    upload_here("y/a.csv", results="three.jsonl", overwrite=True)
    assert failed() == [("no1", "x/a.csv 1")]
    assert failed("a.failed.2.csv") == failed("a.failed.3.csv") == [("no2", "y/a.csv 1")]
    Path("two.jsonl").write_text("whatever this is\n", encoding="utf-8")
    upload_here("y/a.csv", results="two.jsonl", overwrite=True)
    assert failed("a.failed.4.csv") == [("no2", "y/a.csv 1")]


@pytest.mark.usefixtures("wire")
def test_rows_with_other_columns_than_before_go_into_a_file_of_their_own():
    """All of them: the file is complete in itself."""
    write("a.csv", ["no1"])
    upload_here("a.csv", results="r.jsonl")
    before = Path("a.failed.csv").read_bytes()
    write("a.csv", ["no1", "no2"], more="note,more")
    text = (
        Path("a.csv")
        .read_text(encoding="utf-8")
        .replace("a.csv 1", "a,b")
        .replace("a.csv 2", "c,d")
    )
    Path("a.csv").write_text(text, encoding="utf-8")
    for _ in range(2):
        resume("a.csv", results="r.jsonl")
    assert Path("a.failed.csv").read_bytes() == before
    assert failed("a.failed.2.csv") == [("no1", "a"), ("no2", "c")]


@pytest.mark.usefixtures("wire")
def test_a_failed_row_that_is_lost_comes_back_although_another_one_had_its_number():
    """The input was prepended to between the runs, and the rows have other numbers."""
    write("a.csv", ["no1", "ok1"])
    upload_here("a.csv", results="r.jsonl")
    write("a.csv", ["no2", "no1", "ok1"])
    resume("a.csv", results="r.jsonl")
    assert failed() == [("no1", "a.csv 1"), ("no2", "a.csv 1")]
    drop_lines("a.failed.csv", "no2")
    for _ in range(2):
        resume("a.csv", results="r.jsonl")
        assert failed() == [("no1", "a.csv 1"), ("no2", "a.csv 1")]


@pytest.mark.usefixtures("wire")
def test_raw_records_stay_with_their_results():
    for folder in "xy":
        write(f"{folder}/a.csv", ["ok1"])
        with Path(f"{folder}/a.csv").open("a", encoding="utf-8", newline="") as file:
            file.write(f'torn{folder}\r\n"two\r\nlines{folder}"\n')
        upload_here(f"{folder}/a.csv", results=f"{folder}.jsonl")
    raw = [b'torn%b\n"two\r\nlines%b"\n' % (folder, folder) for folder in (b"x", b"y")]
    for _ in range(2):
        for folder in "xy":
            resume(f"{folder}/a.csv", results=f"{folder}.jsonl")
        assert [Path(f"a.failed{n}.raw").read_bytes() for n in ("", ".2")] == raw
    assert not Path("a.failed.3.raw").exists()


@pytest.mark.usefixtures("wire")
def test_inputs_of_one_name_in_two_formats_are_sent_together():
    write("a.csv", ["no1"])
    with Path("a.csv").open("a", encoding="utf-8") as file:
        file.write("torn\n")
    lines = [json.dumps({"message_id": one, "delivered": True}) for one in ("ok1", "no2")]
    Path("a.jsonl").write_text("\n".join([*lines, "{", ""]), encoding="utf-8")
    for resuming in (False, True, True):
        summary = upload_here("a.csv", "a.jsonl", results="r.jsonl", resume=resuming)
        assert summary.books.read == 5
        assert failed() == [("no1", "a.csv 1")]
        assert json.loads(Path("a.failed.jsonl").read_bytes())["message_id"] == "no2"
        assert Path("a.failed.raw").read_bytes() == b"torn\n"
        assert Path("a.failed.2.raw").read_bytes() == b"{\n"
    assert len(list(Path().glob("*.failed*"))) == 4


@pytest.mark.parametrize("how", ["has been written", "is being written"])
def test_runs_side_by_side_do_not_write_to_one_file(wire, monkeypatch, how):
    """The other run made its file after this one had looked which names are free."""
    write("a.csv", ["ok1", "no1", "no2"])
    others = []

    async def exchange(conversion, turn):
        if conversion.message_id == "ok1":
            others.append(AppendOnlyFile("a.failed.csv", lock=True))
            others[0].write(b"theirs\n" * (how == "has been written"))
            if how == "has been written":
                others[0].close()
        return await Wire.exchange(wire, conversion, turn)

    monkeypatch.setattr(wire, "exchange", exchange)
    summary = upload_here("a.csv", results="r.jsonl", concurrency=1)
    others[0].close()
    assert Path("a.failed.csv").read_bytes() == b"theirs\n" * (how == "has been written")
    assert failed("a.failed.2.csv") == [("no1", "a.csv 2"), ("no2", "a.csv 3")]
    assert summary.failed == ["a.failed.2.csv"]


def test_hundreds_of_inputs_of_one_name_each_have_a_file_of_their_own(wire):
    inputs = [write(f"day{day}/a.csv", ["", f"ok{day}", f"no{day}"]) for day in range(300)]
    wire.status = {f"no{day}": 420 for day in range(300)}
    for resuming in (False, True):
        upload_here(*inputs, results="r.jsonl", resume=resuming)
        assert failed() == [("", "day0/a.csv 1"), ("no0", "day0/a.csv 3")]
        for number in range(2, 301):
            assert failed(f"a.failed.{number}.csv") == [
                ("", f"day{number - 1}/a.csv 1"),
                (f"no{number - 1}", f"day{number - 1}/a.csv 3"),
            ]
    assert len(list(Path().glob("*.failed*"))) == 300
