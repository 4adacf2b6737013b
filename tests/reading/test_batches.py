"""Many rows at once: the same rows as one by one, whatever stands in them and however they come."""

import io
import itertools
import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from hashlib import blake2b
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from batchconv.errors import UsageError
from batchconv.journal.deduplication import told
from batchconv.model import Conversion, Fields, Row
from batchconv.operations.distinct import DistinctCounter
from batchconv.reading.formats import ReadOptions, open_rows
from batchconv.reading.formats.jsonl import JsonLinesRows
from batchconv.reading.formats.records import Records
from batchconv.reading.mapper import Mapper
from tests.readers import read_one_by_one


class Pieces:
    """A byte stream that comes in pieces, as from a pipe.

    Attributes:
        given: pieces handed out so far.
    """

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self.name = "-"
        self.compression = "none"
        self.folder_values: list[tuple[str, str | None]] = []
        self.given = 0
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            self.given += 1
            yield piece

    def peek(self) -> bytes:
        return b""  # nothing is to be known before the first row

    def arrives(self, _seconds: float) -> bool:
        return True


def cut(data: bytes, sizes: list[int]) -> Iterator[bytes]:
    """Pieces of these sizes, over and over."""
    rest = io.BytesIO(data)
    return iter(itertools.takewhile(len, map(rest.read, itertools.cycle(sizes))))


def read(data: bytes, kind: Any, *, sizes: list[int], plainly: bool, **options: Any) -> Any:
    """All rows, or the error; with *plainly* row by row."""
    stream: Any = Pieces(cut(data, sizes))
    with pytest.MonkeyPatch.context() as patch:
        if plainly:
            read_one_by_one(patch)
        try:
            rows = open_rows(stream, ReadOptions(**options), kind)
        except UsageError as error:
            return str(error)
        return list(rows)


good_csv = st.builds(
    "id{},{},2026-11-20 06:08:{:02}".format,
    st.integers(0, 99),
    st.sampled_from(["true", "0"]),
    st.integers(0, 61),
)
any_csv = st.one_of(
    good_csv,
    good_csv,
    st.text('a,"\n \r\0é', max_size=12),
    st.sampled_from(
        ["", '"a,1,', '"a","1","2"', '"a\nb",1,', "x,y", "x" * 70, "\ud83d\ude00,1,", "1.5E+10,1,"]
    ),
)
ends = st.sampled_from(["\n", "\n", "\n", "\r\n", "\r"])
sizes = st.lists(st.integers(1, 300) | st.just(1 << 15), min_size=1, max_size=3)
damage = st.sampled_from([b"", b"", b"\xff", b"\xc3", b"\xe2\x82"])


def joined(lines: list[tuple[str, str, bytes]]) -> bytes:
    return b"".join(bad + (text + end).encode("utf-8", "surrogatepass") for text, end, bad in lines)


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.tuples(any_csv, ends, damage), max_size=30),
    sizes,
    st.sampled_from([64, 1 << 20]),
    st.booleans(),
)
@example([("a,1,2026-11-20 06:08:15", "\n", b"")] * 20, [300], 64, True)
@example([('"a,1,', "\n", b""), ('b",1,', "\n", b"")] * 20, [300], 1 << 20, True)
def test_delimited_rows_are_the_same_at_once_and_one_by_one(lines, sizes, limit, header):
    data = b"message_id,delivered,timestamp\n" * header + joined(lines)
    how: dict[str, Any] = {"max_row_bytes": limit, "header": header, "sizes": sizes}
    if not header:
        how["mapped"] = {"message_id": "1", "delivered": "2"}
    assert read(data, "csv", plainly=False, **how) == read(data, "csv", plainly=True, **how)


@pytest.mark.parametrize(
    ("kind", "row", "odd", "neighbours"),
    [
        ("csv", "a,true,note\n", 'a,true,"two\nlines"\n', 2),
        ("csv", "a,true,note\n", "\n", 2),
        ("csv", "a,true,note\n", "a,true\n", 2),
        ("jsonl", '{"message_id": "a", "delivered": true}\n', "\n", 0),
        ("jsonl", '{"message_id": "a", "delivered": true}\n', "[1]\n", 16),
        ("jsonl", '{"message_id": "a", "delivered": true}\n', '{"message_id": "a", "deli\n', 16),
    ],
    ids=[
        "a cell of two lines",
        "a blank line",
        "a cell too few",
        "a blank line of JSON Lines",
        "a line that is an array",
        "a line that was cut short",
    ],
)
def test_an_odd_row_costs_a_few_neighbours_and_not_the_block_that_it_stands_in(
    kind, row, odd, neighbours, monkeypatch
):
    careful = 0

    def count_calls(of: type, name: str) -> None:
        method = getattr(of, name)

        def counting(*given: Any, **more: Any) -> Any:
            nonlocal careful
            careful += 1
            return method(*given, **more)

        monkeypatch.setattr(of, name, counting)

    count_calls(Records, "next")
    count_calls(JsonLinesRows, "_read_record")
    head = "message_id,delivered,note\n" * (kind == "csv")
    data = (head + (row * 150 + odd) * 200).encode()
    rows = read(data, kind, sizes=[1 << 16], plainly=False)
    assert len(rows) == 150 * 200 + 200 * bool(odd.strip())
    assert careful <= neighbours * 200


values = st.one_of(
    st.text(max_size=5),
    st.sampled_from(["NaN", "true", "2026-11-20 06:08:15", '"', "\\", "{", "[", ",", "\ud800"]),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.none(),
    st.just({"a": {"b": [1, {"c": None}]}}),
)
keys = st.sampled_from(["message_id", "delivered", "timestamp", "event_id", "x", "n"])
objects = st.dictionaries(keys, values, max_size=4)
good_json = st.builds(
    lambda number, delivered: {"message_id": f"id{number}", "delivered": delivered},
    st.integers(0, 99),
    st.booleans(),
)
lines_json = st.one_of(
    st.builds(json.dumps, good_json),
    st.builds(json.dumps, good_json),
    st.builds(lambda found: json.dumps(found, ensure_ascii=False), objects),
    st.sampled_from(
        [
            "",
            "  ",
            '{"x": 1, "x": 2}',
            '{"x": {"y": 1, "y": 2}}',
            '{"x": NaN}',
            '{"x": -Infinity}',
            "NaN",
            "{}, NaN, {}",
            '{"x": [{}',
            "{}]}",
            "{}],[{}",
            '{"x": 1',
            '"y": 2}',
            "{}]",
            "{}] {",
            "[]",
            "7",
            " {} ",
            '{"x": "unclosed',
            '{"message_id": 123456789012345678901234567890, "delivered": 1}',
            '{"message_id": ' + "9" * 4500 + "}",
            '{"x": ' + "[" * 101 + "]" * 101 + "}",
            '{"x": ' + "[" * 99 + "]" * 99 + "}",
            '{"x": ' + "[" * 3000,
            '{"x": "' + "[" * 200 + '"}',
            '{"x": "' + "é" * 40 + '"}',
        ]
    ),
)


@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.tuples(lines_json, st.sampled_from(["\n", "\n", "\r\n", " \n"]), damage), max_size=30
    ),
    sizes,
    st.sampled_from([64, 1 << 20]),
    st.sampled_from([{}, {"message_id": "x.y"}]),
)
@example([('{"x":1,"y":2}', "\n", b"")] * 300, [4096], 1 << 20, {})
@example([("{}", "\n", b"")] * 300, [4096], 1 << 20, {})
@example([(line, "\n", b"") for line in ('{"x": [{}', "{}]}", "{}, NaN, {}")], [4096], 1 << 20, {})
@example([('{"x": ' + "[" * 101 + "]" * 101 + "}", "\n", b"")] * 2, [4096], 1 << 20, {})
def test_json_rows_are_the_same_at_once_and_one_by_one(lines, sizes, limit, mapped):
    data = b'{"message_id": "a", "delivered": true, "x": {"y": 1}}\n' + joined(lines)
    how: dict[str, Any] = {"max_row_bytes": limit, "mapped": mapped, "sizes": sizes}
    fast, slow = (read(data, "jsonl", plainly=plainly, **how) for plainly in (False, True))
    assert _exactly(fast) == _exactly(slow)


def _exactly(rows: Any) -> Any:
    """1, 1.0 and True are equal, and they are not the same; NaN is never equal."""
    return [repr(row) for row in rows] if isinstance(rows, list) else rows


ids = st.one_of(
    st.text("abc123-", min_size=1), st.text(max_size=3), st.integers(),
    st.sampled_from([None, 1.5, True, "", " ", " a", "\u00a0", "1.23E+15", "E+1", "a\u200d"]),
    st.sampled_from(['="1"', "NULL", "message_id", "447700900123.0", "'1", "#REF!", "\ufeff1"]),
    st.just(2**60),
    st.sampled_from(["\ud800", "\x7f", "\x85", "\u2028"]),
)  # fmt: skip
SPRING, AUTUMN = datetime(2026, 3, 29), datetime(2026, 10, 26)  # noqa: DTZ001 - local ones
booleans = st.sampled_from(
    [
        "true",
        "True",
        "FALSE",
        "yes",
        "tRuE",
        " 1 ",
        "",
        "maybe",
        None,
        True,
        False,
        1,
        0,
        2,
        1.0,
        [],
    ]
)
times = st.one_of(
    st.datetimes().map(lambda at: at.isoformat(" ", "seconds")),
    st.datetimes().map(lambda at: at.isoformat() + "Z"),
    st.datetimes().map(lambda at: at.isoformat("T", "milliseconds") + "+00:00"),
    st.sampled_from(
        [
            None, "", " ", "2026-02-30 10:00:00", "0000-01-01 00:00:00", "2026-11-20T24:00:00Z",
            "2026-11-20T10:00:60Z", "2026-11-20 10:00:00\n2026-11-20 10:00:00", 1753000000, 1.5,
            "2026-11-20T10:00:00.123456789Z", "2026-11-20 10:00", "2026-11-20T10:00:00+02:00",
            "2026-W47-1T10:00:00", "20261120T100000Z", "1753000000", "\uff12026-11-20 10:00:00",
            "2026-11-20T10:00:00-00:00", "2026-11-20 10:00:00Z", "2026-11-20 10:00:00\n",
        ]
    ),
)  # fmt: skip
channels = st.sampled_from([None, "sms", "Voice", " sms", "", "fax", 1])


def _mostly(strategy: Any, usual: Any) -> Any:
    """Columns of usual values only, and others."""
    return st.one_of(
        st.lists(strategy, min_size=12, max_size=12), st.lists(usual, min_size=12, max_size=12)
    )


@settings(deadline=None, max_examples=300)
@given(
    st.tuples(
        _mostly(ids, st.text("abc123- é", min_size=1)),
        _mostly(booleans, st.sampled_from(["true", "False", "1"])),
        _mostly(times, st.sampled_from(["2026-11-20 06:08:15", "2024-02-29T23:59:59Z"]))
        | _mostly(times, st.integers(10**9, 10**10 - 1))
        | _mostly(times, st.integers(10**12, 10**13 - 1).map(str))
        | _mostly(times, st.datetimes(SPRING, AUTUMN).map(lambda at: at.isoformat(" ", "seconds"))),
        _mostly(channels, st.none()),
    ),
    st.sampled_from(
        [
            Mapper(),
            Mapper(delivered=False, channel="voice"),
            Mapper(timestamps=False),
            Mapper(notation="%Y-%m-%d %H:%M:%S"),
            Mapper(zone=ZoneInfo("Europe/Berlin")),
            Mapper(true=["maybe"], nulls=["a"], any_id=True),
        ]
    ),
)
@example((["1.23E+15"] * 12, ["1"] * 12, [None] * 12, [None] * 12), Mapper())
@example(
    (
        ["a"] * 12,
        ["1"] * 12,
        ["2026-11-20T10:00:00Z", "2026-11-20 10:00:00\n2026-11-20 10:00:00"] * 6,
        [None] * 12,
    ),
    Mapper(),
)
@example((["1.23", "E+1"] * 6, ["1"] * 12, [None] * 12, [None] * 12), Mapper())
def test_rows_become_the_same_at_once_and_one_by_one(columns, mapper):
    rows = [
        Row("in.csv", number, number + 1, Fields(*fields), None, None, None)
        for number, fields in enumerate(zip(*columns, strict=True), 1)
    ]
    assert list(map(repr, mapper.all(rows))) == [repr(mapper(row)) for row in rows]


@pytest.mark.parametrize(
    ("kind", "before", "begun"),
    [
        ("csv", b"message_id,delivered\na,1\nb,1\n", b'"c\n'),
        ("csv", b"message_id,delivered\na,1\nb,1\n", b"c,"),
        ("jsonl", b'{"message_id": "a", "delivered": true}\n{}\n', b'{"x"'),
    ],
)
def test_a_row_leaves_before_the_next_one_has_come(kind, before, begun):
    stream: Any = Pieces([before[:3], before[3:] + begun, b"more"])
    rows = iter(open_rows(stream, ReadOptions(), kind))
    assert [row.number for row in itertools.islice(rows, 2)] == [1, 2]
    assert stream.given == 2


def test_a_batch_is_bounded_whatever_is_there():
    """An open quote in a first record has its lines handed out again, all at once."""
    data = b'"a,1\n' + b"b,1\n" * 20_000
    rows: Any = open_rows(
        Pieces([data]),  # type: ignore[arg-type]  # it is all that is asked of a stream
        ReadOptions(header=False, mapped={"message_id": "1", "delivered": "2"}),
        "csv",
    )
    batches = list(rows.batches())
    assert sum(map(len, batches)) == 20_001
    assert max(map(len, batches)) < 5_000


def test_rows_that_are_told_alike_are_those_with_one_key():
    values: list[Any] = [
        ("a", True, None, "sms"),
        ("a", False, None, "sms"),
        ("a", True, "2026-11-20 06:08:15", "sms"),
        ("a", True, None, "voice"),
        ("é", True, None, "sms"),
    ]
    row = Row("a", 1, 1, Fields("a", "1", None, None), None, None, None)
    texts = told([Conversion(row, *one) for one in values])
    assert [blake2b(text.encode(), digest_size=16).digest() for text in texts] == [
        Conversion(row, *one).key() for one in values
    ]


@settings(deadline=None)
@given(st.lists(st.lists(st.text(max_size=2), max_size=9)), st.integers(1, 9), st.booleans())
def test_different_texts_are_counted_in_memory_and_on_disk(batches, most, wide):
    """Also where Python's own hashes are too short."""
    with pytest.MonkeyPatch.context() as patch:
        if not wide:
            patch.setattr("sys.hash_info", SimpleNamespace(width=32))
        found = DistinctCounter(most)
    for batch in batches:
        found.add_all(batch)
    assert found.count() == len({key for batch in batches for key in batch})


def test_many_hashes_with_one_ending_are_parted_further(monkeypatch):
    monkeypatch.setattr("batchconv.operations.distinct._FEW", 64)
    found = DistinctCounter()
    found._hash = lambda text: int(text) << 32  # noqa: SLF001 - hashes that differ in their middle only
    found.add_all([*map(str, range(2000)), *map(str, range(500)), *["7"] * 1000])
    assert found.count() == 2000
