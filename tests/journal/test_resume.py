"""A resume sends every row that has no outcome, and no row that has one."""

import csv
import gzip
import json
import random
from collections import Counter
from pathlib import Path

import pytest

from batchconv.errors import InputError, UsageError
from batchconv.operations import upload as uploading
from batchconv.simulator import Behaviour, Simulator
from tests.shells import Shell, Wire, ids, results, upload_here

HEADER = "message_id,delivered,note\n"
FORMS = ["r.jsonl", "r.csv"]


@pytest.fixture
def wire(tmp_path, monkeypatch):
    """Uploads of this process run in an empty folder and go nowhere."""
    monkeypatch.chdir(tmp_path)
    wire = Wire()
    wire.plug_in(monkeypatch)
    return wire


def write(name: str, rows: list[str]) -> str:
    """A CSV of these ids with a note to each row."""
    lines = "".join(f'{one},1,"note {number}"\n' for number, one in enumerate(rows, 1))
    Path(name).write_text(HEADER + lines, encoding="utf-8")
    return name


def failed_rows(name: str = "in.failed.csv") -> list[list[str]]:
    with Path(name).open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))[1:]


def resume(*inputs, **settings):
    return upload_here(*inputs, resume=True, **settings)


def keep(name: str, wanted, count: int | None = None) -> None:
    """Leave of a results file the lines whose number from 0 is wanted, out of order."""
    lines = Path(name).read_bytes().splitlines(keepends=True)
    head, lines = (lines[:1], lines[1:]) if name.endswith(".csv") else ([], lines)
    assert count is None or len(lines) == count
    kept = [line for number, line in enumerate(lines) if wanted(number)]
    Path(name).write_bytes(b"".join(head + kept[::-1]))


# -- which rows ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FORMS)
def test_rows_that_were_settled_out_of_order_are_known_again(wire, name):
    rows = ids(30)
    write("in.csv", rows)
    upload_here("in.csv", results=name)
    settled = set(random.Random(1).sample(range(30), 11))
    keep(name, settled.__contains__, 30)
    wire.sent.clear()
    summary = resume("in.csv", results=name)
    assert wire.sent == Counter(one for number, one in enumerate(rows) if number not in settled)
    assert (summary.books.settled, summary.exit_code) == (11, 0)
    wire.sent.clear()
    summary = resume("in.csv", results=name)
    assert not wire.sent
    assert summary.books.settled == 30


@pytest.mark.parametrize("name", FORMS)
def test_of_equal_rows_as_many_are_sent_as_have_no_outcome(wire, name):
    write("in.csv", ["a"] * 5 + ["b"] * 3)
    upload_here("in.csv", results=name)
    keep(name, {1, 3, 6}.__contains__, 8)
    wire.sent.clear()
    resume("in.csv", results=name)
    assert wire.sent == {"a": 3, "b": 2}


@pytest.mark.parametrize("name", FORMS)
def test_cut_at_every_byte_a_results_file_loses_no_row_and_repeats_none(wire, name, monkeypatch):
    """Of its last three lines those that are whole count, wherever the crash tore the file."""
    monkeypatch.setattr(uploading.time, "time", lambda: 1.7e9)
    rows = ["a", "b", "b", 'c,"é', "d"]
    Path("in.csv").write_text(
        "message_id,delivered\na,1\nb,1\nb,1\n" + '"c,""é",1\n,1\nd,1\n', encoding="utf-8"
    )
    upload_here("in.csv", results=name)
    whole = Path(name).read_bytes()
    lines = whole.splitlines(keepends=True)
    assert len(lines) == 6 + (name == "r.csv")
    for cut in range(len(whole) - sum(map(len, lines[-3:])), len(whole) + 1):
        Path(name).write_bytes(whole[:cut])
        Path("in.failed.csv").unlink(missing_ok=True)
        wire.sent.clear()
        entries = whole[:cut].split(b"\n")
        told = [line for line in entries[:-1] if line]
        if name == "r.jsonl" and entries[-1].endswith(b"}"):
            told.append(entries[-1])
        settled = Counter(
            json.loads(line)["message_id"] if name == "r.jsonl" else _cells(line)[4]
            for line in (told if name == "r.jsonl" else told[1:])
        )
        summary = resume("in.csv", results=name)
        assert wire.sent == Counter(rows) - settled, cut
        torn = 0 if len(told) == len(entries) else len(entries[-1])
        assert summary.torn == torn, cut
        assert summary.books.settled == settled.total(), cut
        assert len(failed_rows()) == 1, cut
        after = Path(name).read_bytes()
        assert len(after.splitlines()) == len(lines), cut
        assert after.endswith(b"\n"), cut


def _cells(line: bytes) -> list[str]:
    return next(csv.reader([line.decode()]))


@pytest.mark.parametrize("cut", [1, 20, 200])
def test_a_csv_torn_in_its_header_is_begun_anew(wire, cut):
    write("in.csv", ids(3))
    upload_here("in.csv", results="r.csv")
    whole = Path("r.csv").read_bytes()
    header = whole.index(b"\n")
    Path("r.csv").write_bytes(whole[: min(cut, header)])
    resume("in.csv", results="r.csv")
    assert Path("r.csv").read_bytes().startswith(whole[: header + 1])
    assert len(Path("r.csv").read_bytes().splitlines()) == 4
    assert wire.sent == dict.fromkeys(ids(3), 2)


# -- when inputs change ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "sent"),
    [
        pytest.param(lambda rows: rows[::-1], [], id="sorted"),
        pytest.param(lambda rows: ["new", *rows], ["new"], id="prepended"),
        pytest.param(lambda rows: [*rows, "new"], ["new"], id="added to"),
        pytest.param(lambda rows: rows[3:], [], id="removed from"),
        pytest.param(lambda rows: [rows[0], "new", *rows[2:]], ["new"], id="edited"),
        pytest.param(lambda rows: rows * 2, ids(8), id="doubled"),
    ],
)
@pytest.mark.parametrize("renamed", [False, True])
def test_rows_are_known_again_when_the_input_was_changed(wire, change, sent, renamed):
    write("in.csv", ids(8))
    upload_here("in.csv", results="r.jsonl")
    keep("r.jsonl", {0, 1, 4, 5, 6}.__contains__, 8)
    rest = Counter(change(ids(8))) - Counter(["id0", "id1", "id4", "id5", "id6"])
    wire.sent.clear()
    name = write("new.csv" if renamed else "in.csv", change(ids(8)))
    summary = resume(name, results="r.jsonl")
    assert wire.sent == rest
    assert set(sent) <= set(wire.sent)
    assert summary.exit_code == 0


def test_a_row_of_two_inputs_is_sent_for_each(wire):
    write("a.csv", ["x", "y"])
    write("b.csv", ["x", "z"])
    upload_here("a.csv", "b.csv", results="r.jsonl")
    lines = Path("r.jsonl").read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if json.loads(line)["source"] == "b.csv"]
    Path("r.jsonl").write_bytes(b"".join(kept))
    wire.sent.clear()
    resume("a.csv", "b.csv", results="r.jsonl")
    assert wire.sent == {"x": 1, "y": 1}


def test_an_input_named_twice_is_sent_twice_and_settled_twice(wire):
    write("a.csv", ids(3))
    upload_here("a.csv", "a.csv", results="r.jsonl")
    assert wire.sent == dict.fromkeys(ids(3), 2)
    keep("r.jsonl", lambda number: number != 4, 6)
    resume("a.csv", "a.csv", results="r.jsonl")
    assert wire.sent == {"id0": 2, "id1": 3, "id2": 2}


def test_a_packed_input_is_the_same_input(wire):
    write("in.csv", ids(5))
    upload_here("in.csv", results="r.jsonl")
    keep("r.jsonl", {0, 1}.__contains__)
    wire.sent.clear()
    Path("in.csv.gz").write_bytes(gzip.compress(Path("in.csv").read_bytes()))
    resume("in.csv.gz", results="r.jsonl")
    assert sorted(wire.sent) == ["id2", "id3", "id4"]


def test_without_a_results_file_a_resume_starts_one(wire):
    """The first night of a cron job."""
    write("in.csv", ids(3))
    summary = resume("in.csv")
    assert summary.results == "in.simulated.results.jsonl"
    assert (summary.exit_code, summary.books.settled, wire.sent.total()) == (0, 0, 3)


# -- the exit code ---------------------------------------------------------------------------------


def test_a_finished_run_with_a_rejected_row_stays_1_and_sends_nothing(wire):
    write("in.csv", ids(3))
    wire.status["id1"] = 420
    assert (upload_here("in.csv", results="r.jsonl")).exit_code == 1
    wire.sent.clear()
    for _ in range(2):
        summary = resume("in.csv", results="r.jsonl")
        assert (summary.exit_code, summary.books.settled) == (1, 3)
    assert not wire.sent
    assert len(failed_rows()) == 1


# -- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"overwrite": True}, "give only one"),
        ({"results": "-"}, "needs a results file"),
        ({"simulate": None, "api_key": "abc", "api_secret_file": "s"}, "tells of a run against"),
    ],
)
def test_what_cannot_be_gone_on_with_is_refused(wire, settings, words):
    write("in.csv", ids(3))
    Path("s").write_text("secret", encoding="utf-8")
    upload_here("in.csv", results="r.jsonl")
    before = Path("r.jsonl").read_bytes()
    wire.sent.clear()
    with pytest.raises(UsageError, match=words) as caught:
        resume("in.csv", **{"results": "r.jsonl", **settings})
    assert caught.value.exit_code == 2
    assert not wire.sent
    assert Path("r.jsonl").read_bytes() == before


@pytest.mark.parametrize(
    "changes",
    [
        {"base_url": "https://example.com/conversions"},
        {"api_key": "zz12"},
        {"simulate": "calm"},
    ],
)
def test_results_of_another_target_are_refused_and_left_alone(wire, changes):
    write("in.csv", ids(3))
    Path("s").write_text("secret", encoding="utf-8")
    real = {"simulate": None, "api_key": "abc", "api_secret_file": "s", "results": "r.jsonl"}
    upload_here("in.csv", **real)
    with Path("r.jsonl").open("ab") as file:
        file.write(b"{torn")
    before = Path("r.jsonl").read_bytes()
    wire.sent.clear()
    with pytest.raises(UsageError, match="tells of a run against"):
        resume("in.csv", **{**real, **changes})
    assert not wire.sent
    assert Path("r.jsonl").read_bytes() == before


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize(
    "data", [b"a diary", b"a diary\nwithout an end", b'{"a": 1}', b"\n\n", b"\0\0\0", b"{}\n"]
)
def test_a_file_that_holds_no_results_is_refused_and_left_alone(wire, name, data):
    write("in.csv", ids(3))
    Path(name).write_bytes(data)
    if data.strip():
        with pytest.raises(InputError, match="line 1 is no line of a results file"):
            resume("in.csv", results=name)
        assert not wire.sent
        assert Path(name).read_bytes() == data


@pytest.mark.parametrize("name", FORMS)
def test_nothing_is_changed_before_all_is_well_with_the_inputs(wire, name):
    write("in.csv", ids(2))
    wire.status["id0"] = 420
    upload_here("in.csv", results=name)
    before = Path(name).read_bytes(), Path("in.failed.csv").read_bytes()
    Path("bad.csv").write_text("nothing,useful\n1,2\n", encoding="utf-8")
    for more in ({"overwrite": True}, {"resume": True}):
        for inputs in (["none.csv"], ["in.csv", "bad.csv"]):
            with pytest.raises((InputError, UsageError)):
                upload_here(*inputs, results=name, **more)
    assert (Path(name).read_bytes(), Path("in.failed.csv").read_bytes()) == before


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.usefixtures("wire")
def test_a_run_that_did_not_take_place_is_not_in_the_way_of_the_next(name):
    Path("in.csv").write_text("nothing,useful\n1,2\n", encoding="utf-8")
    with pytest.raises(UsageError):
        upload_here("in.csv", results=name)
    assert not Path(name).exists()
    write("in.csv", ids(2))
    assert (upload_here("in.csv", results=name)).exit_code == 0


@pytest.mark.parametrize("name", FORMS)
def test_results_are_never_overwritten_unless_told_to(wire, name):
    write("in.csv", ids(2))
    upload_here("in.csv", results=name)
    before = Path(name).read_bytes()
    with pytest.raises(UsageError, match="exists and is not empty") as caught:
        upload_here("in.csv", results=name)
    assert "--resume" in str(caught.value.hint)
    assert "--overwrite" in str(caught.value.hint)
    assert Path(name).read_bytes() == before
    upload_here("in.csv", results=name, overwrite=True)
    assert wire.sent == dict.fromkeys(ids(2), 2)
    assert len(Path(name).read_bytes().splitlines()) == len(before.splitlines())


# -- failed rows -----------------------------------------------------------------------------------


def rejected_run(wire, count=6, name="in.csv"):
    """A run of which every second row is rejected."""
    write(name, ids(count))
    wire.status = dict.fromkeys(ids(count)[1::2], 420)
    upload_here(name, results="r.jsonl")
    return Path("in.failed.csv").read_bytes() if name == "in.csv" else b""


@pytest.mark.parametrize("damage", ["gone", "emptied", "header only", "first line gone"])
def test_a_resume_adds_the_failed_rows_that_are_missing(wire, damage):
    whole = rejected_run(wire)
    path = Path("in.failed.csv")
    header, first, *rest = whole.splitlines(keepends=True)
    path.write_bytes({
        "gone": b"",
        "emptied": b"",
        "header only": header,
        "first line gone": header + b"".join(rest),
    }[damage])  # fmt: skip
    if damage == "gone":
        path.unlink()
    wire.sent.clear()
    for _ in range(2):
        resume("in.csv", results="r.jsonl")
        assert sorted(path.read_bytes().splitlines(keepends=True)) == sorted([header, first, *rest])
        assert path.read_bytes().startswith(header)
    assert not wire.sent


def test_cut_at_every_byte_a_failed_rows_file_becomes_whole_again(wire):
    Path("in.csv").write_text(
        HEADER + 'a,1,"one\ntwo"\nb,1,plain\nc,1,"x ""y"", z"\n', encoding="utf-8"
    )
    wire.status = dict.fromkeys("abc", 420)
    upload_here("in.csv", results="r.jsonl")
    path = Path("in.failed.csv")
    whole = path.read_bytes()
    wanted = sorted(failed_rows())
    assert [row[2] for row in wanted] == ["one\ntwo", "plain", 'x "y", z']
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        resume("in.csv", results="r.jsonl")
        assert sorted(failed_rows()) == wanted, cut
        assert path.read_bytes().startswith(whole[: whole.index(b"\n") + 1]), cut


def test_the_failed_rows_of_json_lines_become_whole_again(wire):
    raw = ['{"message_id": "a", "delivered": true, "n": 1.10}', '{"message_id": 5.5}', "{bad", "{b"]
    Path("in.jsonl").write_text("\n".join(raw) + "\n", encoding="utf-8")
    wire.status["a"] = 420
    upload_here("in.jsonl", results="r.jsonl", delivered=True)
    paths = Path("in.failed.jsonl"), Path("in.failed.raw")
    whole = [path.read_bytes() for path in paths]
    assert [data.count(b"\n") for data in whole] == [2, 2]
    for cut in range(max(map(len, whole)) + 1):
        for path, data in zip(paths, whole, strict=True):
            path.write_bytes(data[:cut])
        resume("in.jsonl", results="r.jsonl", delivered=True)
        for path, data in zip(paths, whole, strict=True):
            assert sorted(path.read_bytes().splitlines()) == sorted(data.splitlines()), cut


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-16", "utf-16-be"])
@pytest.mark.usefixtures("wire")
def test_raw_records_are_not_repeated_whatever_their_encoding(encoding):
    text = "message_id,delivered\r\né1,1,more\r\né\u0a2a\u2a0a,1,more\r\né3,1\r\né4,1,more\r\n"
    Path("in.csv").write_bytes(text.replace("\u0a2a\u2a0a", "" if encoding == "latin-1" else
                                            "\u0a2a\u2a0a").encode(encoding))  # fmt: skip
    upload_here("in.csv", results="r.jsonl", encoding=encoding)
    path = Path("in.failed.raw")
    whole = path.read_bytes()
    assert whole.count("more".encode(encoding)[-7:]) == 3
    for _ in range(2):
        resume("in.csv", results="r.jsonl", encoding=encoding)
        assert path.read_bytes() == whole
    path.write_bytes(whole[: len(whole) // 2])
    resume("in.csv", results="r.jsonl", encoding=encoding)
    assert len(path.read_bytes()) == len(whole)


def test_failed_rows_of_a_renamed_or_changed_input_are_written_once(wire):
    rejected_run(wire)
    write("new.csv", ["first", *ids(6)])
    for _ in range(3):
        resume("new.csv", results="r.jsonl")
        assert [row[0] for row in failed_rows("new.failed.csv")] == ["id1", "id3", "id5"]
    write("in.csv", ["first", *ids(6)])
    Path("in.failed.csv").unlink()
    for _ in range(3):
        resume("in.csv", results="r.jsonl")
        assert [row[0] for row in failed_rows()] == ["id1", "id3", "id5"]


def test_of_equal_rows_every_copy_stands_once_among_the_failed(wire):
    """They differ in columns that are not sent."""
    write("in.csv", ["a"] * 4)
    wire.status["a"] = 420
    upload_here("in.csv", results="r.jsonl")
    path = Path("in.failed.csv")
    lines = path.read_bytes().splitlines(keepends=True)
    assert len(lines) == 5
    for gone in range(1, 5):
        path.write_bytes(b"".join(lines[:gone] + lines[gone + 1 :]))
        resume("in.csv", results="r.jsonl")
        assert sorted(row[2] for row in failed_rows()) == [f"note {n}" for n in range(1, 5)]


def test_inputs_of_one_name_keep_their_failed_rows_apart(wire):
    for folder in "ab":
        Path(folder).mkdir()
        write(f"{folder}/in.csv", [f"{folder}{number}" for number in range(3)])
    wire.status = dict.fromkeys(["a0", "b1"], 420)
    for _ in range(3):
        upload_here("a/in.csv", "b/in.csv", results="r.jsonl", resume=True)
        assert [row[0] for row in failed_rows("in.failed.csv")] == ["a0"]
        assert [row[0] for row in failed_rows("in.failed.2.csv")] == ["b1"]


@pytest.mark.parametrize(
    "data", [b"a,b\n1,2\n", b'message_id,delivered\n"a"x,1,5\nmore,1,6\n', b"x\ny,-\n"]
)
def test_a_file_that_only_has_the_name_of_a_failed_rows_file_is_left_alone(wire, data):
    """The rows that it lacks are written to one of the next name."""
    whole = rejected_run(wire)
    Path("in.failed.csv").write_bytes(data)
    for _ in range(2):
        resume("in.csv", results="r.jsonl")
        assert Path("in.failed.csv").read_bytes() == data
        assert Path("in.failed.2.csv").read_bytes() == whole
    assert not Path("in.failed.3.csv").exists()


def test_a_named_failed_rows_file_that_is_none_is_refused_and_left_alone(wire):
    rejected_run(wire)
    Path("lost.csv").write_bytes(b"message_id,delivered\na,true\n")
    wire.sent.clear()
    with pytest.raises(InputError, match=r"lost\.csv is no failed-rows file"):
        resume("in.csv", results="r.jsonl", failed="lost.csv")
    assert Path("lost.csv").read_bytes() == b"message_id,delivered\na,true\n"
    assert not wire.sent


def test_a_failed_rows_file_with_absurd_numbers_needs_no_memory(wire):
    whole = rejected_run(wire)
    Path("in.failed.csv").write_bytes(whole + b"x,1,note,rejected,,,,1,99999999999999999999\n")
    resume("in.csv", results="r.jsonl")
    assert len(failed_rows()) == 4


def test_a_failed_row_of_the_most_bytes_is_not_written_again(wire):
    """With its five columns more it is longer than a row of the input may be."""
    wire.status["no"] = 420
    note = "é" * 20
    Path("in.csv").write_text(f"message_id,delivered,note\nno,1,{note}\n", encoding="latin-1")
    settings = {"results": "r.jsonl", "encoding": "latin-1", "max_row_bytes": 50}
    upload_here("in.csv", **settings)
    whole = Path("in.failed.csv").read_bytes()
    assert len(whole.splitlines()[1]) > 50
    for _ in range(2):
        resume("in.csv", **settings)
        assert Path("in.failed.csv").read_bytes() == whole
    assert len(list(Path().glob("*.failed*"))) == 1


def test_a_folder_that_has_the_name_of_a_failed_rows_file_is_left_alone(wire):
    whole = rejected_run(wire)
    Path("in.failed.csv").unlink()
    Path("in.failed.csv").mkdir()
    (Path("in.failed.csv") / "x").touch()
    for _ in range(2):
        resume("in.csv", results="r.jsonl")
        assert Path("in.failed.2.csv").read_bytes() == whole
    assert [path.name for path in Path("in.failed.csv").iterdir()] == ["x"]


def test_a_fresh_run_with_csv_results_takes_a_failed_rows_file_of_its_own(wire):
    rejected_run(wire)
    before = Path("in.failed.csv").read_bytes()
    upload_here("in.csv", results="r.csv")
    assert Path("in.failed.csv").read_bytes() == before
    assert len(failed_rows("in.failed.2.csv")) == 3


# -- outputs that are files already ----------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [
        {"results": "in.csv", "overwrite": True},
        {"results": "r.jsonl", "summary": "in.csv"},
        {"results": "r.jsonl", "failed": "in.csv"},
        {"results": "r.jsonl", "failed": "sub/../in.csv", "overwrite": True},
        {"results": "r.jsonl", "summary": "r.jsonl"},
        {"results": "r.jsonl", "failed": "r.jsonl"},
        {"results": "r.raw", "failed": "r.csv"},
        {"results": "r.jsonl", "failed": "f.csv", "summary": "./f.csv"},
    ],
)
def test_outputs_that_are_inputs_or_each_other_are_refused(wire, settings):
    Path("sub").mkdir()
    write("in.csv", ids(2))
    before = Path("in.csv").read_bytes()
    with pytest.raises(UsageError):
        upload_here("in.csv", **settings)
    assert Path("in.csv").read_bytes() == before
    assert not wire.sent
    assert not Path("r.jsonl").exists()


# -- the real program ------------------------------------------------------------------------------


async def test_the_command_tells_what_a_resume_does(tmp_path):
    async with Simulator(Behaviour()) as simulator:
        shell = Shell(tmp_path, simulator.base_url)
        shell.write("in.csv", ids(20))
        first = await shell.uploaded("in.csv")
        assert (first.code, first.books.accepted) == (0, 20)
        path = tmp_path / "in.results.jsonl"
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        half = len(results(path, may_be_torn=True))
        torn = len(path.read_bytes().rpartition(b"\n")[2])
        second = await shell.uploaded("in.csv", "--resume")
        assert second.code == 0
        assert f"a torn last line of {torn} bytes was cut off" in second.err
        assert second.books[:3] == (20, half, 20 - half)
        third = await shell.uploaded("in.csv", "--resume")
        assert third.code == 0
        assert "nothing to do: every row was settled before" in third.err
        assert third.books[:3] == (20, 20, 0)
        assert simulator.stats.requests == 40 - half
        assert simulator.stats.repeats == 20 - half
        assert len(shell.results("in.results.jsonl")) == 20


async def test_standard_input_can_be_gone_on_with(tmp_path):
    async with Simulator(Behaviour()) as simulator:
        shell = Shell(tmp_path, simulator.base_url)
        shell.write("in.csv", ids(5))
        shell.write("more.csv", ids(8))
        for name in ("in.csv", "more.csv"):
            with (tmp_path / name).open("rb") as file:
                ended = await shell.uploaded("-", "--resume", stdin=file.fileno())
            assert ended.code == 0
        assert simulator.stats.accepted_ids == dict.fromkeys(ids(8), 1)
        assert ended.books[:3] == (8, 5, 3)
        assert len(shell.results("stdin.results.jsonl")) == 8


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["in.csv", "--resume", "-o", "-"], "needs a results file"),
        (["in.csv", "--resume", "--overwrite"], "give only one"),
        (["in.csv"], "--resume"),
    ],
)
async def test_the_command_refuses_with_2_and_sends_nothing(tmp_path, arguments, words):
    async with Simulator(Behaviour()) as simulator:
        shell = Shell(tmp_path, simulator.base_url)
        shell.write("in.csv", ids(5))
        (tmp_path / "in.results.jsonl").write_text("something\n", encoding="utf-8")
        ended = await shell.uploaded(*arguments)
        assert (ended.code, simulator.stats.requests) == (2, 0)
        assert words in ended.err


async def test_an_input_that_is_standard_input_is_not_overwritten(tmp_path):
    async with Simulator(Behaviour()) as simulator:
        shell = Shell(tmp_path, simulator.base_url)
        shell.write("in.csv", ids(5))
        before = (tmp_path / "in.csv").read_bytes()
        with (tmp_path / "in.csv").open("rb") as file:
            ended = await shell.uploaded("-", "-o", "in.csv", "--overwrite", stdin=file.fileno())
        assert (ended.code, simulator.stats.requests) == (2, 0)
        assert "is the input -" in ended.err
        assert (tmp_path / "in.csv").read_bytes() == before
