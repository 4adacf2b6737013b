"""The rows that were not accepted, as they were: feeding their file back works as it is."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchconv.errors import UsageError
from batchconv.journal.failed_rows.names import Plan, Planner, name_files
from batchconv.journal.failed_rows.writer import FailedRows
from batchconv.model import Conversion, Outcome, Reason, Result, Row
from batchconv.reading.columns import ADDED_COLUMNS
from batchconv.reading.formats import FormatName, Layout, ReadOptions, open_rows
from batchconv.reading.mapper import Mapper
from batchconv.reading.sources import ByteStream

ADDED = ",".join(ADDED_COLUMNS)
FAILED = dict.fromkeys(ADDED_COLUMNS)


def read(path: Path, **options: Any) -> tuple[list[Row], Layout]:
    with ByteStream(str(path)) as stream:
        rows = open_rows(stream, ReadOptions(**options))
        return list(rows), rows.layout


def failed(item: Conversion | Outcome) -> Outcome:
    if isinstance(item, Outcome):
        return item
    return Outcome(item.row, item, Result.FAILED, 503, 5, 0.25, Reason.SERVER_ERROR, "it was down")


def fail(
    path: Path,
    *,
    settle: Callable[[Conversion | Outcome], Outcome] = failed,
    into: str | None = None,
    **options: Any,
) -> list[Path]:
    """Send all rows of a file in vain; what has been written for them."""
    rows, layout = read(path, **options)
    mapper = Mapper()
    layouts = {str(path): layout}
    named = path.parent if into is None else name_files(into, layouts, ours=False)
    plan = named if isinstance(named, Plan) else Planner(layouts, named).plan(None)
    writer = FailedRows(plan, layouts, lambda *_: [])
    try:
        for row in rows:
            writer.write(settle(mapper(row)))
    finally:
        writer.close()
    return [Path(name) for name in writer.written]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "in.csv"


# -- which rows, and what is added -----------------------------------------------------------------


@pytest.mark.parametrize("result", [Result.FAILED, Result.REJECTED, Result.INVALID])
def test_a_row_that_was_not_accepted_is_written_with_what_became_of_it(path, result):
    path.write_text("message_id,delivered\na,true\n")
    (written,) = fail(path, settle=lambda item: failed(item)._replace(result=result))
    assert written == path.parent / "in.failed.csv"
    assert written.read_text() == (
        f"message_id,delivered,{ADDED}\na,true,{result},server-error,503,5,1\n"
    )


@pytest.mark.parametrize("result", [Result.ACCEPTED, Result.SKIPPED])
def test_without_such_rows_there_is_no_file(path, result):
    path.write_text("message_id,delivered\na,true\n")
    assert fail(path, settle=lambda item: failed(item)._replace(result=result)) == []
    assert list(path.parent.iterdir()) == [path]


def test_rows_keep_the_numbers_of_their_input(path):
    path.write_text("message_id,delivered\na,true\n\nb,true\nc,true\n")
    lost = {"a": Result.ACCEPTED, "b": Result.FAILED, "c": Result.REJECTED}
    (written,) = fail(
        path, settle=lambda item: failed(item)._replace(result=lost[str(item.row.fields[0])])
    )
    records = csv.DictReader(written.read_text().splitlines())
    assert [record["_row"] for record in records] == ["2", "3"]


def test_a_row_that_was_never_sent_has_no_status(path):
    path.write_text("message_id,delivered\n ,true\n")
    (written,) = fail(path)
    assert written.read_text().splitlines()[1] == " ,true,invalid,blank-id,,0,1"


# -- fed back --------------------------------------------------------------------------------------

CELLS = [
    "007",
    "+1%2&3#",
    "😀",
    'a"b',
    "a,b",
    "a;b\tc|d",
    "a\u2028b",
    " a ",
    "0E12345678901234",
    "1.10",
]
BREAKS = ["a\rb", "a\nb", "a\r\nb", "\n", "\r", '"\r"']


@pytest.mark.parametrize(("suffix", "delimiter"), [("csv", ","), ("csv", ";"), ("tsv", "\t")])
def test_a_file_of_failed_rows_fed_back_gives_the_same_rows_again_and_again(
    tmp_path, suffix, delimiter
):
    path = tmp_path / f"in.{suffix}"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL)
        writer.writerow(["message_id", "delivered", 'Note, "quoted"', "note"])
        writer.writerows([cell, "true", note, ""] for cell in CELLS for note in BREAKS)
    first, _ = read(path)
    for again in range(1, 3):
        (path,) = fail(path)
        assert path.name == f"in{'.failed' * again}.{suffix}"
        rows, layout = read(path)
        assert layout.header == [
            "message_id",
            "delivered",
            'Note, "quoted"',
            "note",
            *ADDED_COLUMNS,
        ]
        assert [row.fault for row in rows] == [None] * len(first)
        assert [row.fields for row in rows] == [row.fields for row in first]
        assert [row.key() for row in rows] == [row.key() for row in first]
        assert [(row.cells or [])[:4] for row in rows] == [row.cells for row in first]


def test_a_file_without_a_header_stays_one_and_its_columns_keep_their_numbers(path):
    path.write_text('a,true\n"b\n",false\n')
    options: dict[str, Any] = {
        "header": False,
        "mapped": {"message_id": "1", "delivered": "2"},
    }
    first, _ = read(path, **options)
    for _ in range(2):
        (path,) = fail(path, **options)
        assert [row.fields for row in read(path, **options)[0]] == [row.fields for row in first]


def test_an_input_in_another_encoding_fails_into_utf_8(path):
    path.write_bytes("message_id;delivered\né€;true\n".encode("utf-16"))
    (written,) = fail(path)
    assert written.read_bytes().decode() == (
        f"message_id;delivered;{ADDED.replace(',', ';')}\né€;true;failed;server-error;503;5;1\n"
    )
    assert [row.fields.message_id for row in read(written)[0]] == ["é€"]


cells = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from('",\r\n\0 '), max_size=6)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scratch")


@settings(deadline=None)
@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=4))
def test_whatever_the_cells_hold_they_come_back(scratch, records):
    path = scratch / "in.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows(
            [("message_id", "delivered", "note"), *((a, "1", b) for a, b in records)]
        )
    (scratch / "in.failed.csv").unlink(missing_ok=True)
    (written,) = fail(path)
    assert [(row.cells or [])[:3] for row in read(written)[0]] == [[a, "1", b] for a, b in records]


# -- JSON Lines ------------------------------------------------------------------------------------

JSON_MEMBERS = [
    '"amount": 1.10',
    '"big": 12345678901234567890',
    '"exponent": 1E5',
    '"zero": -0.0',
    '"text": "\\u00e9\\/\\ud83d\\ude00"',
    '"lone": "\\ud800"',
    '"nested": {"_row": [1, {"x": "}\\""}],  "_status": null}',
    '"": []',
    '"a\\"b": "{,:"',
]


def test_a_json_record_keeps_its_own_text(tmp_path):
    path = tmp_path / "in.jsonl"
    members = ['"message_id": "a"', '"delivered": true', *JSON_MEMBERS]
    path.write_text(" { " + " , ".join(members) + " } \r\n", newline="")
    (written,) = fail(path)
    assert written == tmp_path / "in.failed.jsonl"
    added = (
        '"_outcome": "failed", "_reason": "server-error", "_status": 503, "_attempts": 5, "_row": 1'
    )
    assert written.read_text() == "{" + ", ".join(members) + ", " + added + "}\n"


def test_json_records_fed_back_give_the_same_rows_again_and_again(tmp_path):
    path = tmp_path / "in.jsonl"
    path.write_text(
        '{"message_id": 12345678901234567890, "delivered": 1}\n'
        '{"delivered":false,"note":"é\u2028","message_id":"007"}\n'
        '{"sms": {"id": "\\ud800"}, "message_id": "", "delivered": null}\n'
        "{}\n"
    )
    first, _ = read(path)
    for _ in range(2):
        (path,) = fail(path)
        rows, _ = read(path)
        assert [row.key() for row in rows] == [row.key() for row in first]
        added = {name for row in rows for name in json.loads(row.raw or "")} - {
            *ADDED_COLUMNS, "message_id", "delivered", "note", "sms",
        }  # fmt: skip
        assert added == set()
        assert all(len(json.loads(row.raw or "").keys() & FAILED.keys()) == 5 for row in rows)
    lines = path.read_text().removesuffix("\n").split("\n")
    assert [line.count('"_row"') for line in lines] == [1, 1, 1, 1]
    assert lines[0].startswith('{"message_id": 12345678901234567890, "delivered": 1, "_outcome"')


# -- records that carry no columns -----------------------------------------------------------------


def test_a_record_that_could_not_be_read_goes_unchanged_beside_the_others(path):
    path.write_bytes(b'message_id,delivered\n"a,true\r\nb\n\xe9,true\nc,true\nd,"x')
    written = fail(path, settle=failed)
    assert [name.name for name in written] == ["in.failed.raw", "in.failed.csv"]
    assert written[0].read_bytes() == b'"a,true\nb\n\xe9,true\nd,"x\n'
    assert [row.fields.message_id for row in read(written[1])[0]] == ["c"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-8-sig", "cp1252", "utf-32"])
def test_such_a_record_keeps_the_bytes_of_its_encoding(path, encoding):
    """No byte order mark gets into every line, and no byte that does not decode is in the way."""
    plain = {"utf-16": "utf-16-le", "utf-8-sig": "utf-8", "utf-32": "utf-32-le"}.get(
        encoding, encoding
    )
    record = '"é,true\n"é'.encode(plain)
    path.write_bytes("message_id,delivered\n".encode(encoding) + record)
    (written,) = fail(path, encoding=encoding)
    assert written.read_bytes() == record + "\n".encode(plain)


def test_half_a_character_of_utf_16_is_kept(path):
    good = "message_id,delivered\na,true\n".encode("utf-16")
    path.write_bytes(good + "x".encode("utf-16-le") + b"\x00\xd8" + ",true".encode("utf-16-le"))
    raw, _ = sorted(fail(path), key=lambda name: name.suffix == ".csv")
    assert raw.read_bytes() == b"x\0\x00\xd8" + ",true\n".encode("utf-16-le")


def test_json_lines_that_could_not_be_read_go_unchanged_beside_the_others(tmp_path):
    path = tmp_path / "in.jsonl"
    path.write_bytes(b'{"message_id": "a", "delivered": true}\n{"x": NaN}\n{"\xff": 1}\n')
    written = fail(path)
    assert [name.name for name in written] == ["in.failed.jsonl", "in.failed.raw"]
    assert written[1].read_bytes() == b'{"x": NaN}\n{"\xff": 1}\n'


# -- where -----------------------------------------------------------------------------------------


def plan(folder: Path, *inputs: str, named: str | None = None) -> list[tuple[str, str]]:
    formats: dict[str, FormatName] = {".jsonl": "jsonl", ".tsv": "tsv"}
    layouts = {
        name: Layout(formats.get(Path(name).suffix, "csv"), ["message_id"], ",", "utf-8")
        for name in inputs
    }
    into = folder if named is None else name_files(named, layouts, ours=False)
    plan = into if isinstance(into, Plan) else Planner(layouts, into).plan(None)
    assert list(plan.files) == list(layouts)
    return [
        (str(rows.relative_to(folder)), str(raw.relative_to(folder)))
        for rows, raw in plan.files.values()
    ]


def names(folder: Path, *inputs: str, **more: str) -> list[str]:
    return [rows for rows, _ in plan(folder, *inputs, **more)]


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        (["in.csv"], ["in.failed.csv"]),
        (["-"], ["stdin.failed.csv"]),
        (["/data/in.csv.gz"], ["in.failed.csv"]),
        (["in.failed.csv"], ["in.failed.failed.csv"]),
        (["a.csv", "b.tsv", "c.jsonl"], ["a.failed.csv", "b.failed.tsv", "c.failed.jsonl"]),
        (["x/a.csv", "y/a.csv", "a.csv.gz"], ["a.failed.csv", "a.failed.2.csv", "a.failed.3.csv"]),
        (["a.csv", "a.csv"], ["a.failed.csv"]),
    ],
)
def test_each_input_has_a_file_of_its_own(tmp_path, inputs, expected):
    assert names(tmp_path, *inputs) == expected


def test_inputs_of_one_name_in_two_formats_share_no_file_of_raw_records(tmp_path):
    assert plan(tmp_path, "a.csv", "a.jsonl", "b.csv", "x/a.jsonl") == [
        ("a.failed.csv", "a.failed.raw"),
        ("a.failed.jsonl", "a.failed.2.raw"),
        ("b.failed.csv", "b.failed.raw"),
        ("a.failed.2.jsonl", "a.failed.3.raw"),
    ]
    (tmp_path / "a.failed.raw").write_text("x\n")
    assert plan(tmp_path, "a.csv", "a.jsonl") == [
        ("a.failed.2.csv", "a.failed.2.raw"),
        ("a.failed.2.jsonl", "a.failed.3.raw"),
    ]


def test_a_file_or_a_folder_may_be_named(tmp_path):
    (tmp_path / "lost").mkdir()
    lost = str(tmp_path / "lost")
    assert names(tmp_path, "in.csv", named=str(tmp_path / "no.txt")) == ["no.txt"]
    assert names(tmp_path, "in.csv", named=lost) == ["lost/in.failed.csv"]
    assert names(tmp_path, "a.csv", "x/a.csv", named=lost) == [
        "lost/a.failed.csv",
        "lost/a.failed.2.csv",
    ]


def test_one_file_for_several_inputs_is_refused_with_what_to_do(tmp_path):
    with pytest.raises(UsageError, match="is no folder, and there are 2 inputs") as caught:
        names(tmp_path, "a.csv", "b.csv", named=str(tmp_path / "no"))
    assert caught.value.hint == f"make the folder: mkdir {tmp_path / 'no'}"


def test_what_was_written_by_an_earlier_run_is_not_written_to(path):
    path.write_text("message_id,delivered\na,true\n")
    (one,) = fail(path)
    before = one.read_text()
    (two,) = fail(path)
    assert (one.name, two.name) == ("in.failed.csv", "in.failed.2.csv")
    assert one.read_text() == before == two.read_text()


def test_a_named_file_that_is_not_empty_is_refused(path):
    path.write_text("message_id,delivered\na,true\n")
    mine = path.parent / "mine.csv"
    assert fail(path, into=str(mine)) == [mine]
    with pytest.raises(UsageError, match="exists and is not empty"):
        fail(path, into=str(mine))
