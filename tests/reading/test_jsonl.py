"""JSON Lines: every line an object by itself, and nothing in it changed on the way."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from batchconv.model import Fields, Outcome, Row
from batchconv.reading.columns import ADDED_COLUMNS, ColumnError
from batchconv.reading.formats import Layout, ReadOptions, open_rows
from batchconv.reading.mapper import Mapper
from batchconv.reading.sources import ByteStream

Read = Callable[..., list[Row]]
GOOD = '{"message_id": "good", "delivered": true}\n'


def read_file(path: Path, data: str | bytes, **options: Any) -> tuple[list[Row], Layout]:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    with ByteStream(str(path)) as stream:
        rows = open_rows(stream, ReadOptions(**options))
        return list(rows), rows.layout


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Rows of a file with the given content."""
    return lambda data, name="in.jsonl", **options: read_file(tmp_path / name, data, **options)[0]


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scratch") / "in.jsonl"


def told(rows: list[Row]) -> list[tuple[int, int | None, object]]:
    """Number, line, and the id or the reason of each row."""
    return [
        (row.number, row.line, row.fault.reason.value if row.fault else row.fields.message_id)
        for row in rows
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last_end", [True, False])
def test_a_line_is_a_row_and_blank_lines_are_none(read, end, last_end):
    lines = ["", GOOD.strip(), "  \t", "", ' {"message_id": "b", "delivered": 0} ']
    rows = read(end.join(lines) + end * last_end)
    assert told(rows) == [(1, 2, "good"), (2, 5, "b")]
    assert rows[1].fields == Fields("b", 0, None, None)


@pytest.mark.parametrize("data", ["", "\n \n"])
def test_a_file_without_lines_has_no_rows(read, data):
    assert read(data) == []


@pytest.mark.parametrize(
    ("name", "mark"),
    [("in.jsonl", ""), ("in.ndjson", ""), ("in.JSON", ""), ("in", ""), ("in", "\n\n ")],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_it_is_known_by_its_name_or_its_first_character(read, name, mark, encoding):
    data = (mark + GOOD).encode(encoding)
    assert [row.fields.message_id for row in read(data, name=name)] == ["good"]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ('"007"', "007"),
        ("12345678901234567890123", 12345678901234567890123),
        ("-1", -1),
        ("true", True),
        ("null", None),
        ("1.10", 1.1),
        ('"\\ud83d\\ude00"', "😀"),
        ('"\\ud800"', "\ud800"),
        ('"\\u0000\\r\\n"', "\0\r\n"),
        ('"a\u2028b"', "a\u2028b"),
        ('["a", {"b": 1}]', ["a", {"b": 1}]),
    ],
)
def test_a_value_is_kept_as_it_is(read, written, value):
    (row,) = read(f'{{"message_id": {written}, "delivered": true}}\n')
    assert row.fields.message_id == value
    assert type(row.fields.message_id) is type(value)


def test_what_python_writes_for_missing_and_infinite_numbers_costs_no_row(read):
    line = '{"message_id": "a", "delivered": true, "timestamp": NaN, "n": [-Infinity, Infinity]}\n'
    rows = read(f"{GOOD}{line}{GOOD}")
    assert told(rows) == [(1, 1, "good"), (2, 2, "a"), (3, 3, "good")]
    assert rows[1].fields == Fields("a", True, None, None)
    assert rows[1].raw == line


@pytest.mark.parametrize(
    "line",
    [
        '{"message_id": "a", "message_id": "b", "delivered": true}',
        '{"message_id": "a", "delivered": true, "note": {"x": 1, "x": 1}}',
        '{"message_id": "a", "delivered": true',
        '{"message_id": "a", "delivered": true}}',
        '{"message_id": "a", "delivered": true} {}',
        '{"message_id": "a", "delivered": true},',
        "{'message_id': 'a', 'delivered': true}",
        '{"message_id": "a\tb", "delivered": true}',
        '{"message_id": 007, "delivered": true}',
        '"message_id"',
        "12",
        "null",
        "\u00a0",
        '{"message_id": "a", "delivered": true, "n": ' + "9" * 5000 + "}",
    ],
)
def test_a_line_that_is_no_sound_object_costs_one_row(read, line):
    rows = read(f"{GOOD}{line}\n{GOOD}")
    assert told(rows) == [(1, 1, "good"), (2, 2, "unreadable-record"), (3, 3, "good")]
    assert rows[1].raw == line + "\n"
    assert rows[1].fields == Fields(None, None, None, None)


@pytest.mark.parametrize("depth", [101, 500, 990, 2000, 300_000])
@pytest.mark.parametrize("marks", ["[]", "{}"])
def test_deep_nesting_costs_one_row_and_no_recursion_later(read, depth, marks):
    """A depth that was just read would run into the interpreter's limit elsewhere."""
    inner = ("[" * depth + "]" * depth) if marks == "[]" else ('{"x":' * depth + "1" + "}" * depth)
    rows = read(
        f'{GOOD}{{"message_id": {inner}, "delivered": true}}\n{GOOD}', max_row_bytes=1 << 22
    )
    assert told(rows) == [(1, 1, "good"), (2, 2, "unreadable-record"), (3, 3, "good")]
    assert "nested too deeply" in str(rows[1].fault)


def test_many_brackets_are_not_taken_for_deep_ones(read):
    note = json.dumps([[], {"a": '[[[{\\"'}] * 500)
    (row,) = read(f'{{"message_id": "a", "delivered": true, "note": {note}}}\n')
    assert row.fault is None


@pytest.mark.parametrize("depth", [1, 50, 98])
def test_what_is_nested_less_deeply_is_handled_to_the_end(read, depth):
    row = read(f'{{"message_id": {"[" * depth + "]" * depth}, "delivered": true}}\n')[0]
    assert row.fault is None
    assert len(row.invalid_key()) == 16
    found = Mapper()(row)
    assert isinstance(found, Outcome)
    assert found.reason == "bad-id"


def test_a_line_that_is_too_long_costs_one_row(read):
    long = json.dumps({"message_id": "x" * 300_000, "delivered": True})
    rows = read(f"{GOOD}{long}\n{GOOD}{long}", max_row_bytes=100)
    assert told(rows) == [(1, 1, "good"), (2, 2, "too-long"), (3, 3, "good"), (4, 4, "too-long")]


def test_bytes_that_do_not_decode_cost_one_row(read):
    bad = b'{"message_id": "\xe9", "delivered": true}\n'
    rows = read(GOOD.encode() + bad + GOOD.encode())
    assert told(rows) == [(1, 1, "good"), (2, 2, "undecodable"), (3, 3, "good")]


# -- keys ------------------------------------------------------------------------------------------


def test_keys_may_differ_from_line_to_line(read):
    rows = read(
        '{"message_id": "a", "delivered": 1}\n'
        '{"timestamp": "t", "delivered": 0, "event_id": "b", "note": 1}\n'
        '{"call-id": "c"}\n'
        "{}\n"
    )
    assert [row.fields for row in rows] == [
        Fields("a", 1, None, None),
        Fields("b", 0, "t", None),
        Fields("c", None, None, None),
        Fields(None, None, None, None),
    ]


def test_a_nested_value_is_named_by_its_path(read):
    rows = read(
        '{"sms": {"id": "a"}, "delivered": true}\n'
        '{"sms": {"id": "b"}, "sms.id": "c", "delivered": true}\n'
        '{"sms": "d", "delivered": true}\n'
        '{"delivered": true}\n',
        mapped={"message_id": "sms.id"},
    )
    assert [row.fields.message_id for row in rows] == ["a", "c", None, None]


def test_a_mapped_key_beats_the_usual_one(read):
    (row,) = read('{"message_id": "a", "ref": "b", "delivered": 1}\n', mapped={"message_id": "ref"})
    assert row.fields.message_id == "b"


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        ('{"id": "a", "delivered": true}\n', {}, "no column holds the message id"),
        (
            "{}\n{}\n",
            {},
            "or the delivered value; the columns are: none",
        ),
        ('{"message_id": "a"}\n' * 3, {}, "no column holds the delivered value"),
        (GOOD, {"mapped": {"message_id": "sms.id"}}, "there is no column 'sms.id'"),
        (GOOD, {"mapped": {"timestamp": "when"}}, "there is no column 'when'"),
        (
            '{"message_id": "a", "messageId": "b", "delivered": true}\n',
            {},
            "'message_id' and 'messageId' could both hold message_id",
        ),
    ],
)
def test_keys_that_are_wrong_in_all_first_lines_are_an_error(read, data, options, message):
    with pytest.raises(ColumnError, match=message):
        read(data, **options)


def test_keys_that_are_missing_in_some_lines_are_no_error(read):
    rows = read('{"id": 1}\n' * 99 + GOOD)
    assert [row.fields.message_id for row in rows] == [None] * 99 + ["good"]


def test_two_candidates_in_a_late_line_cost_one_row(read):
    late = '{"message_id": "a", "event_id": "b", "delivered": true}\n'
    rows = read(GOOD * 200 + late + GOOD)
    assert told(rows)[200:] == [(201, 201, "ambiguous-columns"), (202, 202, "good")]
    assert "--map message_id=message_id" in str(rows[200].fault)


def test_more_sets_of_keys_than_are_remembered_are_read(read):
    rows = read(
        "".join(f'{{"message_id": {i}, "delivered": 1, "k{i}": 0}}\n' for i in range(3000)) * 2
    )
    assert [row.fields.message_id for row in rows] == list(range(3000)) * 2


# -- property --------------------------------------------------------------------------------------

values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
records = st.fixed_dictionaries(
    {"message_id": values, "delivered": values}, optional={"timestamp": values, "note": values}
)


@settings(deadline=None)
@given(st.lists(records, max_size=6), st.booleans(), st.sampled_from(["\n", "\r\n", "\n\n"]))
@example([{"message_id": "a\u2028b\x85", "delivered": 1}], False, "\n")
def test_what_the_json_module_writes_is_read_back(scratch, written, ascii_only, end):
    data = "".join(json.dumps(record, ensure_ascii=ascii_only) + end for record in written)
    rows, _ = read_file(scratch, data.encode("utf-8", "surrogatepass"))
    assert [(row.fault, *row.fields) for row in rows] == [
        (None, record["message_id"], record["delivered"], record.get("timestamp"), None)
        for record in written
    ]
    assert [json.loads(row.raw or "") for row in rows] == written
    assert [row.line for row in rows] == [1 + n * end.count("\n") for n in range(len(written))]


def test_failed_rows_may_lack_the_very_keys_that_they_failed_for(read):
    added = dict.fromkeys(ADDED_COLUMNS, "x")
    rows = read(json.dumps({"message_id": "A1", **added}))
    assert told(rows) == [(1, 1, "A1")]
    with pytest.raises(ColumnError):
        read(json.dumps({"message_id": "A1"}))
