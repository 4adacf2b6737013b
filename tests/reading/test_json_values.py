"""JSON in every layout that programs write: an array, or values one after the other."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchconv.errors import InputError, UsageError
from batchconv.model import Row
from batchconv.operations.validate import validate
from batchconv.reading.columns import ColumnError
from batchconv.reading.formats import ReadOptions, open_rows
from batchconv.reading.formats.json_values import BrokenOff, Value, Values
from batchconv.reading.formats.lines import WouldWait
from batchconv.reading.sources import ByteStream
from batchconv.settings.options import ReadSettings
from tests.pipes import piped

A, B = '{"message_id": "A1", "delivered": true}', '{"message_id": "A2", "delivered": false}'
PRETTY = json.dumps([json.loads(A), json.loads(B)], indent=1)


@pytest.fixture
def read(tmp_path):
    """All rows of a file, and their format."""

    def reading(data: str | bytes, name: str = "in.json", **options: Any) -> tuple[list[Row], str]:
        (tmp_path / name).write_bytes(data.encode() if isinstance(data, str) else data)
        kind = options.pop("kind", None)
        with ByteStream(str(tmp_path / name)) as stream:
            rows = open_rows(stream, ReadOptions(**options), kind)
            return list(rows), rows.layout.format

    return reading


def told(rows: list[Row]) -> list[tuple[int, int | None, object]]:
    return [
        (row.number, row.line, row.fault.reason.value if row.fault else row.fields.message_id)
        for row in rows
    ]


@pytest.mark.parametrize("name", ["in.json", "in.jsonl", "in.ndjson", "in"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize(
    ("data", "kind", "lines"),
    [
        (f"[{A},{B}]", "json", [1, 1]),
        (f"[\n{A},\n{B}\n]\n", "json", [2, 3]),
        (PRETTY, "json", [2, 6]),
        (PRETTY.replace("\n", "\r\n"), "json", [2, 6]),
        (PRETTY[1:-1].replace("},", "}"), "json", [2, 6]),  # jq's own way
        (A + B, "json", [1, 1]),  # Firehose
        (f"{A},\n{B}\n", "json", [1, 2]),
        (f"\x1e{A}\n\x1e{B}\n", "json", [1, 2]),  # RFC 7464
        (f"[{A}]\n[{B}]\n", "json", [1, 2]),
        (f"{A}\n{B}\n", "jsonl", [1, 2]),
        (f"{A}\n\n {B}", "jsonl", [1, 3]),
        (f"{A}\r{B}\r", "jsonl", [1, 2]),
        (f"{A}\r\n{B}\r\n", "jsonl", [1, 2]),
    ],
)
def test_it_is_read_however_it_is_laid_out(read, data, kind, lines, name, encoding):
    rows, told_kind = read(data.encode(encoding), name)
    assert told(rows) == [(1, lines[0], "A1"), (2, lines[1], "A2")]
    assert told_kind == kind


def test_a_pretty_row_goes_to_the_failed_rows_as_one_line(read):
    rows, _ = read(PRETTY)
    assert [json.loads(row.raw or "") for row in rows] == json.loads(PRETTY)
    assert all("\n" not in (row.raw or "") for row in rows)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ('{"message_id": "a", "message_id": "b", "delivered": true}', "unreadable-record"),
        ('{"message_id": "a" "delivered": true}', "unreadable-record"),
        ('{"message_id": "a\nb", "delivered": true}', "unreadable-record"),
        ('{"message_id": ' + "9" * 5000 + "}", "unreadable-record"),
        ('{"message_id": ' + "[" * 200 + "]" * 200 + "}", "unreadable-record"),
        ("[1, [2]]", "unreadable-record"),
        ('"text, {"', "unreadable-record"),
        ("-1.5e+10", "unreadable-record"),
        ("null", "unreadable-record"),
        ('{"message_id": "' + "x" * 10_000 + '"}', "too-long"),
        ('{"message_id": "' + "é" * 4_500 + '"}', "too-long"),
        ('{"message_id": "' + '\\"{' * 100_000 + '"}', "too-long"),
        ('{"message_id": "\udcff"}', "undecodable"),
    ],
)
@pytest.mark.parametrize("wrap", ["[{},{},{}]", "{}{}{}", "{}\n{}\n{}\n"])
def test_a_bad_value_costs_one_row_as_in_json_lines(read, bad, reason, wrap):
    if bad.startswith("[") and not wrap.startswith("["):
        pytest.skip("its elements are rows by themselves")
    data = wrap.format(A, bad, B).encode("utf-8", "surrogateescape")
    rows, _ = read(data, kind="json", max_row_bytes=8_000)
    assert [what for _, _, what in told(rows)] == ["A1", reason, "A2"]


@pytest.mark.parametrize(
    ("value", "same"), [("12345678901234567890123", None), ("1.10", 1.1), ('"\\ud800"', "\ud800")]
)
def test_a_value_is_what_it_is_in_json_lines(read, value, same):
    (array,), _ = read(f'[{{"message_id": {value}, "delivered": true}}]')
    (line,), _ = read(f'{{"message_id": {value}, "delivered": true}}\n', "in.jsonl")
    assert array.fields == line.fields
    assert array.invalid_key() == line.invalid_key()
    assert array.fields.message_id == (int(value) if same is None else same)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (f"[{A},{B}", "the array that begins on line 1 has no end"),
        (f"[{A},\n{B[:20]}", "the value that begins on line 2 has no end"),
        (f'[{A},\n{{"message_id": "x', "the value that begins on line 2 has no end"),
        (f"[{A}\n]]", "no JSON value begins on line 2"),
        (f"{A}{B}\n}}", "no JSON value begins on line 2"),
        (f"[{A}, oops]", "no JSON value begins on line 1"),
    ],
)
def test_what_breaks_off_is_damage_behind_the_rows_before_it(tmp_path, data, said):
    (tmp_path / "in.json").write_text(data)
    found = []

    def read_all() -> None:
        with ByteStream(str(tmp_path / "in.json")) as stream:
            for row in open_rows(stream, ReadOptions(), "json"):
                found.append(row.fields.message_id)  # noqa: PERF401 - it raises at its end

    with pytest.raises(InputError, match=said):
        read_all()
    assert found == ["A1", "A2"][: 2 if B in data else 1]


@pytest.mark.parametrize("data", ["", "[]", "\n", "[ ]\n[]"])
def test_no_values_are_no_rows(read, data):
    assert read(data, kind="json")[0] == []


# -- rows inside an object -------------------------------------------------------------------------

WRAPPED = {"total": 2, "next": None, "links": {"data": [1]}, "data": [json.loads(A), json.loads(B)]}


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("pages", [1, 3])
@pytest.mark.parametrize("behind", [{}, {"more": [{"x": "}"}], "y": 1}])
@pytest.mark.parametrize("field", ["message_id", "delivered"])
@pytest.mark.parametrize("around", [[], ["result"], ["result", "data", "a b"]])
def test_rows_in_an_array_in_objects_are_read_by_their_path(
    read, indent, pages, behind, field, around
):
    document: dict[str, Any] = WRAPPED | behind
    for key in reversed(around):
        document = {"total": {"data": [1]}, key: document} | behind
    data = json.dumps(document, indent=indent) * pages
    rows, kind = read(data, mapped={field: ".".join([*around, "data", field])})
    assert kind == "json"
    assert [row.fields.message_id for row in rows] == ["A1", "A2"] * pages


def test_a_path_into_an_object_that_is_no_array_is_what_it_was(read):
    line = '{"x": 1, "data": {"id": "A1", "in": {"id": "A1"}}, "delivered": true}\n'
    for kind, path in itertools.product(("json", "jsonl"), ("data.id", "data.in.id")):
        rows, _ = read(line * 2, mapped={"message_id": path}, kind=kind)
        assert [row.fields.message_id for row in rows] == ["A1", "A1"]


@pytest.mark.parametrize("many", [1, 10_000])
@pytest.mark.parametrize("indent", [None, 1])
def test_rows_in_an_array_in_an_object_are_told_with_the_option_that_reads_them(read, many, indent):
    data = json.dumps({"data": [json.loads(A)] * many}, indent=indent)
    with pytest.raises(ColumnError, match="the rows are in an array under 'data'") as caught:
        read(data, max_row_bytes=100_000)
    assert "--map message_id=data.message_id" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("data", "hint"),
    [
        (f'{{"result": {{"rows": [{A}]}}}}', "--map message_id=result.rows.message_id"),
        # pandas: orient="table"
        (f'{{"schema": {{"fields": [{{"name": "x"}}]}}, "data": [{A}]}}', "--map message_id=data."),
        (
            f'{{"payload": {{"before": null, "after": {A}}}}}',
            "--map message_id=payload.after.message_id --map delivered=payload.after.delivered",
        ),
        (
            f'{{"payload": {{"before": {B}, "after": {A}}}}}',
            "--map message_id=payload.after.message_id --map delivered=payload.after.delivered",
        ),
        (f'{{"a": {A}, "b": {B}}}', "--map message_id=COLUMN"),
        ('[["A1", true], ["A2", false]]', "orient='records'"),  # pandas: orient="values"
        ('["A1", true]\n["A2", false]\n', "orient='records'"),
        ('{"columns": ["message_id"], "index": [0], "data": [["A1"]]}', "orient='records'"),
    ],
)
def test_what_makes_rows_of_wrapped_json_is_said_where_it_is_clear(read, data, hint):
    with pytest.raises(ColumnError) as caught:
        read(data)
    assert hint in str(caught.value.hint)


def test_candidates_for_a_wrapped_id_are_named(read):
    with pytest.raises(ColumnError, match=r"a\.message_id, a\.delivered, b\.message_id"):
        read(f'{{"a": {A}, "b": {B}}}')


# -- a file and a pipe -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ('{"type": "hello"}\n' + A + "\n", 1),
        ('{"type": "hello"}\n' * 3, 2),
        ('{"type": "hello"}\n' * 200 + A + "\n", 2),
        ('{"message_id": "a", "event_id": "b", "delivered": 1}\n' + A + "\n", 1),
        (f"[{A}, {B}]", 0),
        (A + B, 0),
        (f"[{A}", 5),
    ],
)
def test_the_same_bytes_end_alike_from_a_file_and_from_a_pipe(tmp_path, data, code):
    (tmp_path / "in.json").write_text(data)
    assert exit_code(str(tmp_path / "in.json")) == code
    with piped(tmp_path, data.encode()) as pipe:
        assert exit_code(pipe) == code


def exit_code(name: str) -> int:
    try:
        return validate([name], ReadSettings()).exit_code
    except UsageError:
        return 2


# -- the cursor ------------------------------------------------------------------------------------

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


def taken(pieces: list[bytes], **options: Any) -> list[Value]:
    values = Values(pieces, **{"max_bytes": 1 << 20, **options})
    return list(iter(values.next, None))


@settings(deadline=None)
@given(
    st.lists(json_values.filter(lambda value: not isinstance(value, list)), max_size=5),
    st.sampled_from([None, 1]),
    st.sampled_from(["[,]", "\n", " ", "\x1e", ",\n"]),
    st.integers(1, 9),
    st.booleans(),
)
def test_every_value_is_found_however_the_chunks_fall(values, indent, between, size, ascii_only):
    texts = [json.dumps(value, indent=indent, ensure_ascii=ascii_only) for value in values]
    whole = f"[{','.join(texts)}]" if between == "[,]" else between.join(texts)
    data = whole.encode("utf-8", "surrogatepass")
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    found = taken(pieces)
    assert [value.text for value in found] == texts
    assert found == taken([data])


@pytest.mark.parametrize("size", [1, 7, 100])
def test_a_value_that_is_too_long_is_the_same_however_the_chunks_fall(size):
    data = json.dumps([{"a": "x" * 300}, {"b": 1}, "y" * 300, 7]).encode()
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    found = taken(pieces, max_bytes=50)
    assert found == taken([data], max_bytes=50)
    assert [(len(one.text), one.too_long) for one in found] == [
        (50, True), (8, False), (50, True), (1, False)
    ]  # fmt: skip


def test_a_value_without_end_takes_no_memory_beyond_the_limit():
    pieces = itertools.chain([b'{"a": "'], (b"x" * (1 << 20) for _ in range(300)))
    with pytest.raises(BrokenOff, match="has no end"):
        Values(pieces, max_bytes=100).next()


def test_a_value_that_has_not_come_is_not_waited_for_unasked():
    values = Values([b'{"a": 1}{"b"', b": 2}"], max_bytes=100)
    assert (values.next() or Value(0, "", too_long=False)).text == '{"a": 1}'
    with pytest.raises(WouldWait):
        values.next(wait=False)
    assert (values.next() or Value(0, "", too_long=False)).text == '{"b": 2}'
    assert values.next() is None
