"""However an export is written, its rows are read; where that cannot be, the row at fault is named.

Each case of these tables is a decision; README's "What goes in" tells them.
"""

from pathlib import Path

import pytest

from batchconv.errors import UsageError
from batchconv.model import Conversion, Outcome
from batchconv.operations.read_inputs import read
from batchconv.reading.columns import ColumnError
from batchconv.reading.formats.decoding import Decoder
from batchconv.settings.read_options import ReadSettings


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def told(data: str | bytes, name: str = "in.csv", **settings: object) -> list[tuple[int, str]]:
    """Line of each row, and its id as it would be sent or why it is invalid."""
    Path(name).write_bytes(data.encode() if isinstance(data, str) else data)
    reader, batches = read([name], ReadSettings(**settings))  # type: ignore[arg-type]  # each is what its name wants
    items = [item for batch in batches for item in batch]
    assert reader.damages == []
    assert [item.row.number for item in items] == list(range(1, len(items) + 1))
    return [(item.row.line or 0, _told(item)) for item in items]


def _told(item: Conversion | Outcome) -> str:
    return item.message_id if isinstance(item, Conversion) else str(item.reason)


# -- delimiters ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("message_id,delivered", "a,1"),
        ("message_id;delivered", "a;1"),
        ("message_id\tdelivered", "a\t1"),
        ("message_id|delivered", "a|1"),
        ("message_id\x01delivered", "a\x011"),
        ("message_id, delivered, note", 'a, 1, "x, y"'),  # a blank behind each
        # more of another mark in it
        ("message_id;delivered;cost (EUR, net, rounded, total)", "a;1;0,05"),
        ("message_id|delivered|a,b|c,d|e,f,g", "a|1|||"),
        ('"message_id";"delivered";"a,b,c,d"', '"a";"1";"x"'),
        ("Event-ID\tDelivered\tx,y,z,w", "a\t1\t"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_delimiter_is_the_one_between_whose_cells_the_fields_are_found(header, row, end):
    assert told(end.join([header, row, row])) == [(2, "a"), (3, "a")]


def test_a_column_that_is_named_tells_the_delimiter_too():
    header = "ref;ok;x,y,z\na;1;\n"
    assert told(header, map=(("message_id", "ref"), ("delivered", "ok"))) == [(2, "a")]


def test_without_a_header_the_most_frequent_mark_is_taken():
    how = {"no_header": True, "map": (("message_id", "1"), ("delivered", "2"))}
    assert told("a;1;x,y\nb;0;\n", **how) == [(1, "a"), (2, "b")]


def test_a_single_column_needs_no_delimiter():
    assert told("message_id\na,b\n\nc\n", delivered=True) == [(2, "cell-count"), (4, "c")]
    assert told('message_id\n"a,b"\n""\n', delivered=True) == [(2, "a,b")]


@pytest.mark.parametrize("said", ["sep=;", "SEP=;", '"sep=;"', "\ufeffsep=;"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_first_line_that_says_the_delimiter_is_heeded(said, end):
    text = end.join([said, "", "message_id;delivered", "a,b,c;1", ""])
    assert told(text) == [(4, "a,b,c")]


def test_a_delimiter_on_the_command_line_beats_the_one_that_the_file_says():
    assert told("sep=;\nmessage_id,delivered\na,1\n", delimiter=",") == [(3, "a")]


# -- encodings -------------------------------------------------------------------------------------


@pytest.mark.parametrize("mark", [True, False])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("in.csv", "message_id,delivered\n€😀,1\n"),
        ("in.jsonl", '{"message_id": "€😀", "delivered": true}\n'),
        ("in", '{"message_id": "€😀", "delivered": true}\n'),
    ],
)
def test_utf_8_and_utf_16_are_told_by_the_first_bytes(name, text, encoding, mark):
    line = 2 if name == "in.csv" else 1
    assert told(("\ufeff" * mark + text).encode(encoding), name) == [(line, "€😀")]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-8", "utf-16"])
@pytest.mark.parametrize("name", ["in.csv", "in.jsonl"])
def test_half_a_character_costs_its_row_and_no_other(name, encoding):
    """In UTF-16 a lone half of a pair, in UTF-8 a byte that is none."""
    row = "{},1\n" if name == "in.csv" else '{{"message_id": "{}", "delivered": 1}}\n'
    head = "message_id,delivered\n" if name == "in.csv" else row.format("z")
    text = head + "".join(map(row.format, ["a", "\ud83d", "b", "x\udca9", "c"]))
    data = text.encode(encoding, "surrogatepass")
    rows = told(data, name)
    assert [one for _, one in rows][-5:] == ["a", "undecodable", "b", "undecodable", "c"]
    assert [line for line, _ in rows][-5:] == [2, 3, 4, 5, 6]


@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "shift_jis", "gb18030", "gbk", "big5", "euc_jp", "euc_kr", "cp949"]
)
def test_the_line_after_half_a_character_is_a_line_of_its_own(encoding, size):
    for bad in (b"\x81", b"\x8f", b"\xff", b"\x810", b"\x81\x81", b"\xe3\x81"):
        data = b"ok\n" + bad + b"\nnext\n"
        text = "".join(
            Decoder([data[at : at + size] for at in range(0, len(data), size)], encoding)
        )
        assert text.startswith("ok\n")
        assert text.endswith("\nnext\n"), ascii(text)
        assert text.count("\n") == 3


def test_a_named_encoding_is_taken():
    assert told("message_id,delivered\né,1\n".encode("cp1252"), encoding="cp1252") == [(2, "é")]


# -- what else stands in files ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("", []),
        ("\n\n", []),
        ("a,1,", [(2, "a")]),
        ("\na,1,\n\n\nb,1,\n", [(3, "a"), (6, "b")]),
        ("  \n,,\n\t\n\"\"\n , ,\x1a\n", []),
        ("a,1\n", [(2, "cell-count")]),
        ("a,1,,\n", [(2, "cell-count")]),
        ("a\0b,1,\n", [(2, "control-character")]),
        ("a,1,\0\n", [(2, "a")]),
        ("a\u2028b,1,\x0b\x0c\x1c\x85\n", [(2, "a\u2028b")]),
        ('"a\nb",1,\nc,1,\n', [(2, "control-character"), (4, "c")]),
        ('a,1,"x\ny"\nb,1,\n', [(2, "a"), (4, "b")]),
        ("a,1,5 \" x\n", [(2, "a")]),
        ("'a,1',1,\n", [(2, "cell-count")]),
        ('a,1,"x\\"y"\n', [(2, "unreadable-record")]),
    ],
)  # fmt: skip
def test_what_may_stand_in_a_delimited_file(body, expected):
    assert told(f"message_id,delivered,note\n{body}") == expected


@pytest.mark.parametrize(
    "data", ["", "\n", "\ufeff", "message_id,delivered", "message_id;delivered\n"]
)
def test_a_file_without_rows_is_no_error(data):
    assert told(data) == []


def test_column_names_that_are_there_twice_matter_only_where_a_field_is_in_them():
    assert told("message_id,delivered,note,note\na,1,x,y\n") == [(2, "a")]
    with pytest.raises(ColumnError, match="'message_id' exists 2 times"):
        told("message_id,message_id,delivered\na,b,1\n")


# -- two stray quotes ------------------------------------------------------------------------------

HEADER = "message_id,delivered,note\n"
BAD = "unreadable-record"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        # a quote opens in one row and another closes in a later one: the record is well-formed
        ('a,1,"x\nb,1,y\nc,0,z"\nd,1,\n', [(2, BAD), (3, "b"), (4, "c"), (5, "d")]),
        ('a,1,"x\nc,0,z"\n', [(2, BAD), (3, "c")]),
        ('"a,1,x\nb,1,y\nc",0,z\nd,1,\n', [(2, BAD), (3, "b"), (4, 'c"'), (5, "d")]),
        ('a,1,"x\n\nb,1,"""q"""\nc,0,z"\n', [(2, BAD), (4, "b"), (5, "c")]),
        # what people write over several lines is left alone
        ('a,1,"x\ny"\nd,1,\n', [(2, "a"), (4, "d")]),
        ('a,1,"Dear all,\nhow are you, and you?"\nd,1,\n', [(2, "a"), (4, "d")]),
        ('a,1,"x\nyes,perhaps,maybe\nz,1,"\nd,1,\n', [(2, "a"), (5, "d")]),
    ],
)
def test_two_stray_quotes_swallow_no_rows(body, expected):
    assert told(HEADER + body) == expected


def test_times_and_channels_tell_rows_from_a_note_too():
    time = "2026-11-20T06:08:15+01:00"
    text = f'message_id,timestamp,channel,note\na,{time},,"x\nb,,voice,y\nc,1763618895,sms,z"\n'
    assert told(text, delivered=True) == [(2, BAD), (3, "b"), (4, "c")]
    note = f'message_id,timestamp,note\na,{time},"x\nb,soon,y\nc,{time},z"\n'
    assert told(note, delivered=True) == [(2, "a")]


def test_a_note_in_the_first_column_may_have_lines():
    text = 'note,message_id,delivered\n"x\ny",a,1\n"Hello,\nworld",b,0\n'
    assert told(text) == [(2, "a"), (4, "b")]


def test_without_a_telling_column_nobody_can_tell_rows_from_a_note():
    text = 'message_id,note\na,"x\nb,y"\nc,z\n'
    assert told(text, delivered=True) == [(2, "a"), (4, "c")]


# -- bounds ----------------------------------------------------------------------------------------


def test_too_many_columns_are_refused_with_the_option_that_allows_them():
    wide = "message_id,delivered" + ",x" * 20 + "\na,1" + "," * 20 + "\n"
    with pytest.raises(UsageError, match="has 22 cells, and 10 are allowed") as caught:
        told(wide, max_columns=10)
    assert "--max-columns" in str(caught.value.hint)
    assert told(wide, max_columns=22) == [(2, "a")]


def test_too_many_keys_cost_one_row():
    wide = '{"message_id": "a", "delivered": true, "x": 1, "y": 2}\n'
    good = '{"message_id": "b", "delivered": true}\n'
    assert told(good + wide + good, "in.jsonl", max_columns=3) == [(1, "b"), (2, BAD), (3, "b")]


@pytest.mark.parametrize(("allowed", "expected"), [(4, "a"), (3, BAD)])
def test_the_depth_of_nesting_is_bounded_by_an_option(allowed, expected):
    deep = '{"message_id": "a", "delivered": true, "x": [[{"y": 1}]]}\n'
    assert told(deep * 3, "in.jsonl", max_nesting=allowed) == [(n, expected) for n in (1, 2, 3)]


def test_an_error_about_very_many_columns_stays_short():
    names = ",".join(f"column{number}" for number in range(9000)) + ",\x1b[31m" + "y" * 900
    with pytest.raises(ColumnError) as caught:
        told(names + "\n")
    assert len(str(caught.value)) < 1000
    with pytest.raises(ColumnError) as caught:
        told("\x1b[31m,delivered\n")
    assert "\x1b" not in str(caught.value)
