"""CSV and TSV: every record is a row with its number and line, whatever stands in it."""

import csv
import io
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from batchconv.errors import UsageError
from batchconv.journal.failed_rows import lines as failed_lines
from batchconv.model import Fields, Outcome, Result, Row
from batchconv.reading.columns import ColumnError
from batchconv.reading.formats import Layout, ReadOptions, open_rows
from batchconv.reading.formats.records import is_blank
from batchconv.reading.sources import ByteStream

HEADER = "message_id,delivered\n"
Read = Callable[..., list[Row]]


def read_file(
    path: Path,
    data: str | bytes,
    kind: Any = None,
    **options: Any,
) -> tuple[list[Row], Layout]:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    with ByteStream(str(path)) as stream:
        rows = open_rows(stream, ReadOptions(**options), kind)
        return list(rows), rows.layout


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Rows of a file with the given content."""
    return lambda data, name="in.csv", **options: read_file(tmp_path / name, data, **options)[0]


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scratch") / "in.csv"


def told(rows: list[Row]) -> list[tuple[int, int | None, object]]:
    """Number, line, and the id or the reason of each row."""
    return [
        (row.number, row.line, row.fault.reason.value if row.fault else row.fields.message_id)
        for row in rows
    ]


UNREADABLE = "unreadable-record"

# -- records and lines -----------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last_end", [True, False])
def test_any_end_of_line_will_do(read, end, last_end):
    text = end.join(["message_id,delivered", "a,true", "b,false"]) + end * last_end
    assert told(read(text)) == [(1, 2, "a"), (2, 3, "b")]


def test_blank_lines_are_no_records_but_lines(read):
    assert told(read("\n\r\n" + HEADER + "\na,true\n\n\n\nb,true\n\n")) == [
        (1, 5, "a"),
        (2, 9, "b"),
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_quoted_line_break_belongs_to_its_cell_and_counts_as_a_line(read, end):
    text = end.join(["message_id,delivered,note", f'a,true,"1{end}{end}3"', "b,true,x"])
    rows = read(text)
    assert told(rows) == [(1, 2, "a"), (2, 5, "b")]
    assert rows[0].cells == ["a", "true", f"1{end}{end}3"]


@pytest.mark.parametrize(
    ("written", "cell"),
    [
        ('"a"', "a"),
        ('"a,b"', "a,b"),
        ('"a""b"', 'a"b'),
        ('""""', '"'),
        ('""', ""),
        ('a"b', 'a"b'),
        (" a ", " a "),
        ("a\0b", "a\0b"),
        ("a\u2028b\x0b\x0c\x1c\x85", "a\u2028b\x0b\x0c\x1c\x85"),
        ("+1%2&3#😀", "+1%2&3#😀"),
        ("007", "007"),
        ("\\N", "\\N"),
        ("a\\", "a\\"),
    ],
)
def test_a_cell_is_kept_as_it_is(read, written, cell):
    (row,) = read(f"{HEADER}{written},true\n")
    assert row.cells == [cell, "true"]
    assert row.fields == Fields(cell, "true", None, None)


def test_a_field_beyond_the_csv_modules_own_limit_is_read(read):
    layout = Layout("csv", ["message_id", "delivered", "note"], ",", "utf-8")
    note = "é😀" + "x" * 200_000
    (row,) = read(f"message_id,delivered,note\na,true,{note}\n")
    assert row.cells == ["a", "true", note]
    again = failed_lines.line(layout, Outcome(row, None, Result.FAILED), "run", ())
    assert f"a,true,{note},failed" in again.decode()


@pytest.mark.parametrize("data", ["", "\n\n", HEADER, HEADER.rstrip(), "\ufeff"])
def test_a_file_without_rows_has_no_rows(read, data):
    assert read(data) == []


# -- records that cannot be read -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('"a,true\nb,true\nc,true\n', [(1, 2, UNREADABLE), (2, 3, "b"), (3, 4, "c")]),
        ('a,true\n"b,true\nc,true\n', [(1, 2, "a"), (2, 3, UNREADABLE), (3, 4, "c")]),
        ('a,true\nb,true\n"c,true\n', [(1, 2, "a"), (2, 3, "b"), (3, 4, UNREADABLE)]),
        ('a,true\n"b,true', [(1, 2, "a"), (2, 3, UNREADABLE)]),
        ('"a,true\n\nb,true\n', [(1, 2, UNREADABLE), (2, 4, "b")]),
        ('"a,true\nb,"true\n', [(1, 2, UNREADABLE), (2, 3, UNREADABLE)]),
        ('"a,true\n"b","true"\nc,true\n', [(1, 2, UNREADABLE), (2, 3, "b"), (3, 4, "c")]),
        ('"a"x,true\nb,true\n', [(1, 2, UNREADABLE), (2, 3, "b")]),
        ('a,"t\ne"x\nb,true\n', [(1, 2, UNREADABLE), (2, 3, "cell-count"), (3, 4, "b")]),
    ],
)
def test_an_unclosed_quote_costs_the_line_it_begins_on(read, body, expected):
    assert told(read(HEADER + body)) == expected


def test_an_unclosed_quote_in_every_row_costs_each_of_them_once(read):
    rows = read(HEADER + "".join(f'id{i},"true\n' for i in range(1000)))
    assert told(rows) == [(i, i + 1, UNREADABLE) for i in range(1, 1001)]


def test_rows_that_all_close_a_quote_and_open_another_are_read_in_time(read):
    """Each of them reaches to the end of the file; reading it again for each took minutes."""
    count = 20_000
    began = time.process_time()
    body = [f'x{i}","y\n' for i in range(count)]
    rows = read(HEADER + "".join(body))
    assert time.process_time() - began < 10
    assert [row.raw for row in rows] == body
    assert told(rows) == [(i, i + 1, UNREADABLE) for i in range(1, count + 1)]


def test_an_unclosed_quote_before_three_megabytes_costs_one_row(read):
    count = 200_000
    body = 'a,true,"5 inch\n' + "".join(f"id{i:08},true,ok\n" for i in range(count))
    began = time.process_time()
    rows = read("message_id,delivered,note\n" + body)
    assert time.process_time() - began < 20
    assert told(rows[:3]) == [(1, 2, "too-long"), (2, 3, "id00000000"), (3, 4, "id00000001")]
    assert (len(rows), rows[-1].line) == (count + 1, count + 2)
    assert rows[0].raw == 'a,true,"5 inch\n'


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("x" * 100 + ",true\nb,true\n", [(1, 2, "too-long"), (2, 3, "b")]),
        ('"x\n' + "y\n" * 50 + '",true\nb,true\n', [(1, 2, "too-long"), (2, 3, "cell-count")]),
        ("a,true\n" + "x" * 300_000 + ",true\nb,true\n", [(1, 2, "a"), (2, 3, "too-long")]),
        ("x" * 300_000, [(1, 2, "too-long")]),
        ("é" * 33 + ",true\nb,true\n", [(1, 2, "too-long"), (2, 3, "b")]),
        ("é" * 29 + ",true\nb,true\n", [(1, 2, "é" * 29), (2, 3, "b")]),
    ],
)
def test_a_record_that_is_too_long_costs_the_line_it_begins_on(read, body, expected):
    rows = told(read(HEADER + body, max_row_bytes=64))
    assert rows[: len(expected)] == expected
    assert len(rows) == body.rstrip("\n").count("\n") + 1


def test_several_faults_one_after_the_other_are_as_many_rows(read):
    body = 'ok,true\n"open,true\n' + "x" * 100 + "\nb,\nonly\n\xff,true\nlast,true\n"
    rows = read((HEADER + body).encode("latin-1"), max_row_bytes=64)
    assert told(rows) == [
        (1, 2, "ok"),
        (2, 3, "too-long"),
        (3, 4, "too-long"),
        (4, 5, "b"),
        (5, 6, "cell-count"),
        (6, 7, "undecodable"),
        (7, 8, "last"),
    ]


@pytest.mark.parametrize("body", ["a\n", "a,true,x\n", "a,true,\n", ",1\n,,1\n"])
def test_too_few_or_too_many_cells_are_a_fault(read, body):
    row = read(HEADER + body)[-1]
    assert row.fault is not None
    assert row.fault.reason == "cell-count"
    assert ("end the header in one" in row.fault.detail) == (body == "a,true,\n")
    assert row.cells is None
    assert row.raw == body.splitlines(keepends=True)[-1]


def test_bytes_that_do_not_decode_cost_one_row(read):
    rows = read(HEADER.encode() + b"\xc3\xa9,true\n\xe9,true\nb,true\n")
    assert told(rows) == [(1, 2, "é"), (2, 3, "undecodable"), (3, 4, "b")]
    assert rows[1].raw == "\udce9,true\n"


def test_half_a_surrogate_pair_that_decodes_is_undecodable_all_the_same(read):
    rows = read(b"message_id,delivered\na+2AA-b,true\nc,true\n", encoding="utf-7")
    assert told(rows) == [(1, 2, "undecodable"), (2, 3, "c")]


@pytest.mark.parametrize("data", [b'message_id,"delivered\na,true\n', b"message_id,\xff\na,true\n"])
def test_a_header_that_cannot_be_read_is_an_error_with_its_line(read, data):
    with pytest.raises(UsageError, match="first record, on line 1, cannot be read"):
        read(data)


# -- property --------------------------------------------------------------------------------------

cells = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from('",;\r\n\0 \t'), max_size=8
)
tables = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(cells, min_size=width, max_size=width), max_size=6)
)


@settings(deadline=None)
@given(
    tables,
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.sampled_from(["\r\n", "\n"]),
    st.sampled_from(",;\t|"),
)
@example([["a\rb"]], csv.QUOTE_ALL, "\n", ",")
@example([["\x1a"]], csv.QUOTE_MINIMAL, "\n", ",")
def test_what_the_csv_module_writes_is_read_back(scratch, table, quoting, end, delimiter):
    text = io.StringIO()
    width = len(table[0]) if table else 1
    # Before Python 3.13 only the characters of the end of line itself are quoted.
    writer = csv.writer(text, quoting=quoting, lineterminator="\r\n", delimiter=delimiter)
    header = ["message_id", *(f"c{i}" for i in range(1, width))]
    writer.writerow(header)
    lines = []
    for record in table:
        lines.append(len(list(io.StringIO(text.getvalue(), newline=""))) + 1)
        writer.writerow(record)
    data = text.getvalue()
    if end == "\n" and not any("\r" in cell for record in table for cell in record):
        data = data.replace("\r\n", "\n")
    kind, mark = ("tsv", None) if delimiter == "\t" else ("csv", delimiter)
    rows, _ = read_file(scratch, data, kind, delivered_given=True, delimiter=mark)
    kept = [
        (record, line)
        for record, line in zip(table, lines, strict=True)
        if not is_blank(record) and record != header
    ]
    assert [row.fault for row in rows] == [None] * len(kept)
    assert [(row.cells, row.line) for row in rows] == kept
    assert [row.number for row in rows] == list(range(1, len(kept) + 1))


@settings(deadline=None, max_examples=150)
@given(st.text(alphabet='a,"\r\n', max_size=60), st.sampled_from([12, 1 << 20]))
@example('x","y\nx","y\n"\na,"\n', 1 << 20)
def test_no_line_is_lost_whatever_the_quotes(scratch, body, limit):
    """Lines of all rows, put together, are the file; a quick refusal changes nothing."""
    found, _ = read_file(scratch, HEADER + body, max_row_bytes=max(limit, len(HEADER)))
    lines = list(io.StringIO(body, newline=""))
    at = 0
    for row in found:
        while row.line != at + 2:  # records of nothing but blanks
            record = next(iter(_strictly(lines[at:])))
            assert not "".join(record).strip(',"\r\n')
            at += len(record)
        assert row.line == at + 2
        if row.fault is not None and row.fault.reason != "cell-count":
            assert row.raw == lines[at]
            at += 1
        else:
            at += len(next(_strictly(lines[at:])))
    assert all(not line.strip(',"\r\n') for line in lines[at:])


def _strictly(lines: list[str]) -> Iterator[list[str]]:
    """The lines of the first record, as a strict reader without any bookkeeping takes them."""
    taken: list[str] = []

    def hand_out() -> Iterator[str]:
        for line in lines:
            taken.append(line)
            yield line

    for _ in csv.reader(hand_out(), strict=True):
        yield taken
        return


# -- columns and settings --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "data", "delimiter"),
    [
        ("in.csv", "message_id,delivered\na,true\n", ","),
        ("in.csv", "message_id;delivered\na;true\n", ";"),
        ("in.csv", "message_id\tdelivered\na\ttrue\n", "\t"),
        ("in.csv", "message_id|delivered\na|true\n", "|"),
        ("in.csv", '"message_id";"delivered";"a,b,c,d"\na;true;x\n', ";"),
        ("in.tsv", "message_id\tdelivered\na\ttrue\n", "\t"),
        ("in.tab", "message_id\tdelivered\na\ttrue\n", "\t"),
        ("in.tsv", 'message_id\tdelivered\n"a"\ttrue\n', "\t"),
        ("in", "message_id,delivered\na,true\n", ","),
    ],
)
def test_the_delimiter_is_told_by_the_first_line(tmp_path, name, data, delimiter):
    rows, layout = read_file(tmp_path / name, data)
    assert told(rows) == [(1, 2, "a")]
    assert layout.delimiter == delimiter


def test_a_named_delimiter_is_taken(read):
    assert told(read("message_id^delivered\na,b^true\n", delimiter="^")) == [(1, 2, "a,b")]


@pytest.mark.parametrize("name", ["in.tsv", "in.csv"])
def test_a_named_format_beats_the_name(read, name):
    (row,) = read("message_id\tdelivered;x\na\ttrue\n", name=name, kind="tsv", delivered_given=True)
    assert row.cells == ["a", "true"]


@pytest.mark.parametrize(
    "mark", [b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"], ids=["utf-8", "utf-16-le", "utf-16-be"]
)
def test_a_byte_order_mark_is_no_part_of_the_header(tmp_path, mark):
    encoding = {b"\xff": "utf-16-le", b"\xfe": "utf-16-be"}.get(mark[:1], "utf-8")
    data = mark + '"message_id",delivered\n€,true\n'.encode(encoding)
    rows, layout = read_file(tmp_path / "in.csv", data)
    assert told(rows) == [(1, 2, "€")]
    assert layout.encoding == encoding


def test_a_named_encoding_is_taken(read):
    data = "message_id,delivered\né,true\n".encode("cp1252")
    assert told(read(data, encoding="cp1252")) == [(1, 2, "é")]


def test_without_a_header_columns_have_numbers(tmp_path):
    rows, layout = read_file(
        tmp_path / "in.csv",
        "a,x,true\nb,y,false\n",
        header=False,
        mapped={"message_id": "1", "delivered": "3"},
    )
    assert told(rows) == [(1, 1, "a"), (2, 2, "b")]
    assert rows[1].fields == Fields("b", "false", None, None)
    assert layout.header == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("first", "reason"),
    [('"x,true\n', UNREADABLE), ("x" * 100 + "\n", "too-long"), ("\xff,true\n", "undecodable")],
)
def test_without_a_header_a_bad_first_record_is_one_row(read, first, reason):
    data = (first + "a,true\nb,true\n").encode("latin-1")
    rows = read(data, header=False, mapped={"message_id": "1", "delivered": "2"}, max_row_bytes=64)
    assert told(rows) == [(1, 1, reason), (2, 2, "a"), (3, 3, "b")]


def test_without_a_header_and_a_sound_record_it_is_an_error(read):
    with pytest.raises(UsageError, match="line 1, cannot be read"):
        read(b"\xff,true\n" * 1000, header=False, mapped={"message_id": "1", "delivered": "2"})


def test_without_a_header_the_columns_must_be_named(read):
    with pytest.raises(
        ColumnError,
        match="or the delivered value; the columns are: 1, 2",
    ):
        read("a,true\n", header=False)


def test_the_header_is_checked_in_a_file_without_rows(read):
    with pytest.raises(ColumnError, match="no column holds the message id"):
        read("id,delivered\n")
