"""What stands in files and is not a row: blanks, repeated headers, marks, first lines."""

import gzip
import subprocess
from pathlib import Path
from typing import Any

import pytest

from batchconv.errors import UsageError
from batchconv.operations.row_options import for_failed_rows
from batchconv.operations.validate import validate
from batchconv.reading.columns import ColumnError
from batchconv.reading.formats import Aside, ReadOptions, open_rows
from batchconv.reading.reader import Reader
from batchconv.reading.sources import ByteStream
from batchconv.settings.options import ReadSettings, Settings
from tests.readers import read_one_by_one

HEADER = "message_id,delivered\n"
MARK = "\ufeff"


@pytest.fixture(params=["many at once", "one by one"])
def read(request, tmp_path, monkeypatch):
    """The (number, line, id or reason) of each row of a file, and what was aside."""
    if request.param == "one by one":
        read_one_by_one(monkeypatch)

    def reading(data: str | bytes, name: str = "in.csv", **options: Any) -> tuple[Any, Aside]:
        (tmp_path / name).write_bytes(data.encode() if isinstance(data, str) else data)
        with ByteStream(str(tmp_path / name)) as stream:
            rows = open_rows(stream, ReadOptions(**options))
            found = [
                (r.number, r.line, r.fault.reason.value if r.fault else r.fields.message_id)
                for r in rows
            ]
            return found, rows.aside

    return reading


@pytest.mark.parametrize("blank", [",", ",,,,", " ", "\t ", '""', '" ",""', "", "\x1a", "\u00a0,"])
def test_a_record_of_nothing_but_blanks_is_no_row(read, blank):
    found, aside = read(f"{HEADER}a,1\n{blank}\nb,1\n{blank}")
    assert found == [(1, 2, "a"), (2, 4, "b")]
    assert aside == Aside(blank=2 if blank else 1)


def test_below_the_data_of_a_spreadsheet_are_no_rows(read):
    found, aside = read("message_id,delivered,note\nA1,true,x\n,,\n   \n,,\n\x1a")
    assert found == [(1, 2, "A1")]
    assert str(aside) == "4 blank records"


def test_a_row_without_an_id_is_a_row_as_long_as_it_says_anything(read):
    found, aside = read(f"{HEADER},true\n")
    assert found == [(1, 2, "")]
    assert not aside


@pytest.mark.parametrize("mark", ["", MARK])
def test_a_header_that_is_repeated_is_no_row(read, mark):
    half = f"{mark}message_id,delivered\na,1\nb,1\n"
    found, aside = read(half * 3)
    assert [line for _, line, _ in found] == [2, 3, 5, 6, 8, 9]
    assert [number for number, _, _ in found] == [1, 2, 3, 4, 5, 6]
    assert str(aside) == "2 repeated headers"


def test_compressed_files_that_were_joined_repeat_the_header_too(read):
    members = [gzip.compress(f"{MARK}{HEADER}{name},1\n".encode()) for name in "ab"]
    found, aside = read(b"".join(members), name="in.csv.gz")
    assert found == [(1, 2, "a"), (2, 4, "b")]
    assert aside == Aside(headers=1)


def test_a_header_is_known_again_however_it_is_quoted(read):
    found, aside = read(f'{HEADER}a,1\n"message_id","delivered"\nmessage_id,true\n')
    assert [told for _, _, told in found] == ["a", "message_id"]
    assert aside == Aside(headers=1)


def test_without_a_header_none_is_repeated(read):
    found, aside = read("a,1\na,1\n", header=False, mapped={"message_id": "1", "delivered": "2"})
    assert len(found) == 2
    assert not aside


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_mark_in_the_middle_is_no_part_of_an_id(read, encoding):
    data = f"A1,true\n{MARK}A2,true\n{MARK}\n".encode(encoding)
    found, aside = read(data, header=False, mapped={"message_id": "1", "delivered": "2"})
    assert [told for _, _, told in found] == ["A1", "A2"]
    assert str(aside) == "1 blank record"


def test_joined_json_lines_are_read(read):
    line = '{"message_id": "a", "delivered": true}\n'
    found, aside = read(f"{MARK}{line}{MARK}{line}\n  \n\x1a", name="in.jsonl")
    assert found == [(1, 1, "a"), (2, 2, "a")]
    assert aside == Aside(blank=3)


def test_the_reader_counts_what_was_no_row_of_all_inputs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("1.csv").write_text(f"{HEADER}a,1\n,\n{HEADER}")
    Path("2.jsonl").write_text('{"message_id": "a", "delivered": true}\n\n\n')
    reader = Reader(["1.csv", "2.jsonl"], ReadOptions())
    reader.check()
    assert len(list(reader)) == 2
    assert reader.aside == Aside(blank=3, headers=1)
    assert str(reader.aside) == "3 blank records, 1 repeated header"


def test_validate_tells_what_was_no_row(tmp_path):
    (tmp_path / "in.csv").write_text(f"{HEADER}a,1\n,\n\n{HEADER}b,1\n")
    findings = validate([str(tmp_path / "in.csv")], ReadSettings())
    assert (findings.read, findings.sendable, findings.exit_code) == (2, 2, 0)
    assert findings.as_dict(rate=None, max_age=None)["no_rows"] == {"blank": 2, "headers": 1}


# -- before the header -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["in.csv", "in.jsonl", "in.json", "in"])
def test_lines_before_the_header_are_passed_over(read, name):
    rows = {
        "in.jsonl": '{"message_id": "a", "delivered": true}\n',
        "in.json": '[{"message_id": "a",\n"delivered": true}]\n',
    }.get(name, f"{HEADER}a,1\n")
    found, _ = read(f'Report of 2026-11-20, "all\n\n{rows}', name=name, skip_lines=2)
    assert found == [(1, 4 if rows.startswith("message") else 3, "a")]


@pytest.mark.parametrize(
    ("data", "hint"),
    [
        (f"Report\n\n{HEADER}a,1\n", "add --skip-lines 2"),
        (f"# of the tool\n# rows: 1\n{HEADER}a,1\n", "add --skip-lines 2"),
        ("Report of Müller\nmessage_id;ok;day\na;1;x\n", "add --skip-lines 1 --map delivered=ok"),
        (
            "Report;;\n;;\nNachrichten-ID;Zugestellt;Zeit\n0A00000001;ja;20.11.2026\n",
            "add --skip-lines 2 --map message_id=Nachrichten-ID --map delivered=Zugestellt "
            "--map timestamp=Zeit",
        ),
    ],
)
def test_a_title_above_the_header_is_told_with_the_options_that_pass_over_it(read, data, hint):
    with pytest.raises(ColumnError, match="the header seems to be on line") as caught:
        read(data)
    assert caught.value.hint == hint


def test_lines_quoted_as_a_whole_are_told_with_the_command_that_unquotes_them(read, tmp_path):
    with pytest.raises(ColumnError, match="each line is in quotes") as caught:
        read('"message_id,delivered,note"\n"a,1,""b, c"""\n')
    unquote = str(caught.value.hint).rpartition(" | ")[0]
    unquoted = subprocess.run(unquote, shell=True, check=True, capture_output=True, cwd=tmp_path)  # noqa: S602 - it is a line to be pasted
    assert unquoted.stdout == b'message_id,delivered,note\na,1,"b, c"\n'


def test_cells_in_single_quotes_are_told_with_the_command_that_reads_them(read):
    with pytest.raises(ColumnError, match="single quotes") as caught:
        read("'message_id','delivered'\n'a',1\n")
    assert str(caught.value.hint).startswith("tr \"'\" '\"' < ")


def test_bytes_in_the_header_that_do_not_decode_are_told_with_an_encoding(read):
    for name, encoding in (("été", "windows-1252"), ("время", "windows-1251")):
        with pytest.raises(UsageError, match="holds bytes that are not UTF-8") as caught:
            read(f"message_id,delivered,{name}\na,1,x\n".encode(encoding))
        assert f"add --encoding {encoding}," in str(caught.value.hint)


# -- no header -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "proposed"),
    [
        ("A1,true\nA2,true\n", "--no-header --map message_id=1 --map delivered=2"),
        (
            "2026-11-20 06:08:15,0A0000000123ABCD1,x,false,voice\n",
            "--no-header --map message_id=2 --map delivered=4 --map timestamp=1 --map channel=5",
        ),
        ("A1,t\n", "--no-header --map message_id=1 --map delivered=2"),
        ("0A0000000123ABCD1\n", "--no-header --map message_id=1, and --map delivered=NUMBER"),
        (
            "x;447700900123;1763618895;yes\n",
            "--no-header --map message_id=2 --map delivered=4 --map timestamp=3",
        ),
    ],
)
def test_a_first_line_that_looks_like_a_row_is_told_with_the_options_that_read_it(
    read, data, proposed
):
    with pytest.raises(ColumnError, match="looks like a row") as caught:
        read(data)
    assert caught.value.hint == f"if it is a row, add: {proposed}"


@pytest.mark.parametrize("header", ["id,state", "0,1,2", "1,2,3", "col1,col2"])
def test_a_header_of_other_names_is_not_taken_for_a_row(read, header):
    with pytest.raises(ColumnError, match="no column holds the message id") as caught:
        read(f"{header}\na,1,x\n")
    assert "--no-header" not in str(caught.value.hint)


@pytest.mark.parametrize(
    ("data", "found"),
    [
        ("a,1;x\nb,1\n", [",", "a"]),  # the first line leaves it open, the second does not
        ("a;yes;1,5\nb;no;1,6\n", [";", "a"]),  # yes is a boolean, and 5 is none
        ("a|1\n", ["|", "a"]),
        ("a\t1\nb\t1,\n", ["\t", "a"]),
    ],
)
def test_without_a_header_the_delimiter_is_told_by_several_lines(tmp_path, data, found):
    (tmp_path / "in.csv").write_text(data)
    options = ReadOptions(header=False, mapped={"message_id": "1", "delivered": "2"})
    with ByteStream(str(tmp_path / "in.csv")) as stream:
        rows = open_rows(stream, options)
        first = next(iter(rows))
    assert [rows.layout.delimiter, first.fields.message_id] == found


def test_two_delimiters_that_could_both_be_meant_are_an_error(read):
    with pytest.raises(UsageError, match="',' and ';' could both be the delimiter") as caught:
        read("a;x,b\nc;y,d\n", header=False, mapped={"message_id": "1"}, delivered_given=True)
    assert caught.value.hint == "name the right one: --delimiter ','"


# -- escapes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('a,1,"x\\"y"\nb,1,z\n', [["a", "1", 'x"y'], ["b", "1", "z"]]),
        ("a,1,x\\,y\n", [["a", "1", "x,y"]]),
        ("a,1,x\\\ny\nb,1,\n", [["a", "1", "x\ny"], ["b", "1", ""]]),
        ("a,1,\\N\n", [["a", "1", "\\N"]]),
        ("a,1,x\\\\N\n", [["a", "1", "x\\N"]]),
        ("a,1,x\\ty\\nz\n", [["a", "1", "x\ty\nz"]]),
        ('a,1,"x""y"\n', [["a", "1", 'x"y']]),
        ("a,1,c:\\\\temp\n", [["a", "1", "c:\\temp"]]),
    ],
)
def test_a_character_behind_the_escape_is_taken_as_it_is(tmp_path, body, expected):
    (tmp_path / "in.csv").write_text("message_id,delivered,note\n" + body)
    with ByteStream(str(tmp_path / "in.csv")) as stream:
        rows = list(open_rows(stream, ReadOptions(escape="\\")))
    assert [row.cells for row in rows] == expected


def test_an_id_that_holds_an_escaped_control_character_is_not_sent_without_it(read):
    """Taken as it is, the t of \\t would make another id of it."""
    found, _ = read(f"{HEADER}a\\tb,1\n", escape="\\")
    assert found == [(1, 2, "a\tb")]


def test_corrected_rows_need_no_escape_and_no_lines_passed_over():
    """What the input needed to be read, their file does not have; the run's options are kept."""
    settings = Settings(escape="\\", skip_lines=3, no_header=True)
    corrected = for_failed_rows(settings, {"escape", "skip_lines", "no_header"})
    assert (corrected.escape, corrected.skip_lines, corrected.no_header) == (None, 0, False)
