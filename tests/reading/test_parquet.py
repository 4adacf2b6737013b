"""Parquet: every type of column, what fails, what is damaged, and how a row is known again."""

import datetime as dt
import gzip
import json
import subprocess
import sys
import uuid
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchconv.errors import InputError, UsageError, install_command
from batchconv.model import Conversion, Reason, Row
from batchconv.reading.columns import ColumnError
from batchconv.reading.formats import ReadOptions
from batchconv.reading.formats.arrow import json_record
from batchconv.reading.formats.parquet_pages import longest_text, pages
from batchconv.reading.mapper import Mapper
from batchconv.reading.reader import Reader
from batchconv.simulator import Behaviour, Simulator
from tests.pipes import piped
from tests.shells import Shell

UTC = dt.UTC


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(columns: Any, name: str = "in.parquet", **how: Any) -> str:
    table = columns if isinstance(columns, pa.Table) else pa.table(columns)
    pq.write_table(table, name, **how)
    return name


def read(name: str, **options: Any) -> list[Row]:
    reader = Reader([name], ReadOptions(**options))
    reader.check()
    rows = list(reader)
    assert reader.damages == []
    return rows


def sent(name: str, mapper: Mapper | None = None, **options: Any) -> list[Any]:
    """What would be sent for each row: id, delivered, timestamp; or the reason why nothing is."""
    outcomes = map(mapper or Mapper(True), read(name, delivered_given=True, **options))
    return [
        (item.message_id, item.delivered, item.timestamp)
        if isinstance(item, Conversion)
        else item.reason
        for item in outcomes
    ]


def ids(array: Any, **how: Any) -> list[Any]:
    """What would be sent as the ids of a column."""
    found = sent(write({"message_id": array}, **how))
    return [one if isinstance(one, Reason) else one[0] for one in found]


# -- ids -------------------------------------------------------------------------------------------

TEXTS = ["00123", "a+b%26&c#", "\N{PILE OF POO}", "in side", "nil", "1.5", "e\u0301", "x" * 5000]


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary(),
             pa.binary_view(), pa.dictionary(pa.int32(), pa.string())], ids=str
)  # fmt: skip
@pytest.mark.parametrize("how", [{}, {"store_schema": False, "use_dictionary": False}])
def test_text_is_sent_byte_for_byte_however_it_is_stored(kind, how):
    """Impala and old Spark call text binary; it is text if it is UTF-8."""
    values: list[Any] = TEXTS
    if "binary" in str(kind):
        values = [text.encode() for text in TEXTS]
    array = pa.array(values).dictionary_encode() if "dict" in str(kind) else pa.array(values, kind)
    assert ids(array, **how) == TEXTS


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (pa.array([0, 7, 2**63 - 1]), ["0", "7", str(2**63 - 1)]),
        (pa.array([2**64 - 1], pa.uint64()), [str(2**64 - 1)]),
        (pa.array([-5], pa.int8()), ["-5"]),
        (pa.array([Decimal("9" * 38)], pa.decimal128(38, 0)), ["9" * 38]),
        (pa.array([Decimal("9" * 76)], pa.decimal256(76, 0)), ["9" * 76]),
        (pa.array([Decimal("1.50")], pa.decimal128(9, 2)), [Reason.DAMAGED_ID]),
        (pa.array([1234567890.0, 1.5]), [Reason.DAMAGED_ID] * 2),
        (pa.array([float("nan"), None]), [Reason.MISSING_ID] * 2),
        (pa.array([True]), [Reason.BAD_ID]),
        (pa.array(["a", None, "", " "]), ["a", Reason.MISSING_ID, *[Reason.BLANK_ID] * 2]),
        (pa.nulls(2), [Reason.MISSING_ID] * 2),
        (pa.array([["a"], []]), [Reason.BAD_ID] * 2),
        (pa.array([{"id": "a"}]), [Reason.BAD_ID]),
        (pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64())), [Reason.BAD_ID]),
        (pa.array([dt.datetime.fromisoformat("2026-01-02T03:04:05")]), ["2026-01-02 03:04:05"]),
        (pa.array([dt.date(2026, 1, 2)]), ["2026-01-02"]),
        (pa.array(["1.23E+15", "a\x00b", "a\nb"]),
         [Reason.DAMAGED_ID, Reason.CONTROL_CHARACTER, Reason.CONTROL_CHARACTER]),
        (pa.array([b"a", b"a\xff", b"\xed\xa0\x80"]), ["a", *[Reason.UNDECODABLE] * 2]),
        (pa.array([b"\xff" * 16], pa.binary(16)), [Reason.UNDECODABLE]),
    ],
)  # fmt: skip
def test_an_id_of_any_type_is_sent_with_every_digit_or_refused(array, expected):
    assert ids(array) == expected


@pytest.mark.parametrize("store", [True, False])
def test_a_uuid_is_sent_as_everyone_writes_it(store):
    one = uuid.UUID("0e5a7ad8-5b1c-4b8e-9d3f-3f1f9f0a1b2c")
    storage = pa.array([one.bytes, None], pa.binary(16))
    array = pa.ExtensionArray.from_storage(pa.uuid(), storage)
    assert ids(array, store_schema=store) == [str(one), Reason.MISSING_ID]


def test_text_that_is_not_utf_8_costs_its_row_and_no_other():
    """Arrow does not look at it when it writes and reads."""
    offsets = pa.array(["abcd", "e", "fg"]).buffers()[1]
    spoilt = pa.StringArray.from_buffers(3, offsets, pa.py_buffer(b"ab\xffdefg"))
    assert ids(spoilt) == [Reason.UNDECODABLE, "e", "fg"]


# -- times and booleans ----------------------------------------------------------------------------

MOMENT = dt.datetime.fromisoformat("2026-11-20T06:08:15")


def times(array: Any, zone: Any = UTC, **options: Any) -> list[Any]:
    mapper = Mapper(True, zone=zone, notation=options.get("notation"))
    count = len(array)
    name = write({"message_id": [str(number) for number in range(count)], "timestamp": array})
    return [one if isinstance(one, Reason) else one[2] for one in sent(name, mapper, **options)]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        (None, "2026-11-20 05:08:15"),  # a time without an offset is in --timezone
        ("UTC", "2026-11-20 06:08:15"),
        ("America/New_York", "2026-11-20 06:08:15"),  # that is how it is shown, not when it was
        ("+05:30", "2026-11-20 06:08:15"),
    ],
)
def test_a_time_is_sent_in_utc(unit, zone, expected):
    moment = MOMENT if zone is None else MOMENT.replace(tzinfo=UTC)
    berlin = dt.timezone(dt.timedelta(hours=1))
    array = pa.array([moment, None], pa.timestamp(unit, zone))
    assert times(array, berlin) == [expected, None]


def test_fractions_of_a_second_are_cut_off_and_never_rounded():
    values = [
        MOMENT.replace(microsecond=999_999),
        MOMENT,
        dt.datetime.fromisoformat("1969-12-31T23:59:59.000001"),
    ]
    assert times(pa.array(values)) == [
        "2026-11-20 06:08:15", "2026-11-20 06:08:15", "1969-12-31 23:59:59"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (pa.array([1763618895, 1763618895123, 1763618895123456]), ["2025-11-20 06:08:15"] * 3),
        (pa.array([1763618895], pa.uint32()), ["2025-11-20 06:08:15"]),
        (pa.array([5]), [Reason.BAD_TIMESTAMP]),
        (pa.array([1763618895.5]), ["2025-11-20 06:08:15"]),
        (pa.array([MOMENT.date()]), [Reason.BAD_TIMESTAMP]),
        (pa.array([MOMENT.time()]), [Reason.BAD_TIMESTAMP]),
        (pa.array(["2026-11-20T07:08:15+01:00", "", None]), ["2026-11-20 06:08:15", None, None]),
        (
            pa.array([2**62, 253_402_300_800 * 10**6], pa.timestamp("us")),
            [Reason.BAD_TIMESTAMP] * 2,
        ),
    ],
)
def test_other_columns_of_times_are_read_as_in_other_formats(array, expected):
    assert times(array) == expected


def test_old_times_of_spark_are_read_though_they_are_far_away():
    """INT96 holds them; in nanoseconds the year 3000 would come out as another one."""
    table = pa.table(
        {"message_id": ["a"], "timestamp": pa.array([dt.datetime.fromisoformat("3000-01-01")])}
    )
    write(table, use_deprecated_int96_timestamps=True)
    assert sent("in.parquet") == [("a", True, "3000-01-01 00:00:00")]


def test_a_timestamp_format_is_for_text_alone():
    assert times(pa.array(["20/11/2026"]), notation="%d/%m/%Y") == ["2026-11-20 00:00:00"]
    assert sent(write({"message_id": ["a"]}), notation="%d/%m/%Y") == [("a", True, None)]
    with pytest.raises(UsageError, match=r"a column of in\.parquet holds times"):
        times(pa.array([MOMENT]), notation="%d/%m/%Y")


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (pa.array([True, False, None]), [True, False, Reason.MISSING_DELIVERED]),
        (pa.array([1, 0, 2]), [True, False, Reason.BAD_DELIVERED]),
        (pa.array(["yes", "F", ""]), [True, False, Reason.MISSING_DELIVERED]),
        (pa.array([1.0, 0.0, 0.5]), [True, False, Reason.BAD_DELIVERED]),
        (pa.array(["true", "false"]).dictionary_encode(), [True, False]),
    ],
)
def test_delivered_is_read_as_in_json(array, expected):
    name = write({"message_id": [str(number) for number in range(len(array))], "delivered": array})
    found = sent(name, Mapper())
    assert [one if isinstance(one, Reason) else one[1] for one in found] == expected


# -- columns ---------------------------------------------------------------------------------------


def test_a_dotted_name_reaches_into_structs():
    rows = [{"id": "a", "at": {"seen": MOMENT}}, None, {"id": "c", "at": None}]
    name = write({"sms": rows, "message_id": ["x", "y", "z"]})
    mapped = {"message_id": "sms.id", "timestamp": "sms.at.seen"}
    assert sent(name, mapped=mapped) == [
        ("a", True, "2026-11-20 06:08:15"), Reason.MISSING_ID, ("c", True, None)
    ]  # fmt: skip


def test_a_column_that_has_a_dotted_name_itself_hides_the_field_of_a_struct():
    name = write({"sms": [{"id": "inner"}], "sms.id": ["outer"]})
    assert sent(name, mapped={"message_id": "sms.id"}) == [("outer", True, None)]


def test_a_column_that_is_missing_is_told_with_those_that_are_there():
    name = write({"sms": [{"ident": "a"}], "x": [1]})
    with pytest.raises(
        ColumnError,
        match="or the delivered value; the columns are: sms",
    ):
        read(name)
    with pytest.raises(ColumnError, match=r"there is no column 'sms\.idnt'") as caught:
        read(name, mapped={"message_id": "sms.idnt"})
    assert caught.value.hint == "did you mean --map message_id=sms.ident?"


def test_two_columns_of_one_name_are_told():
    with pytest.raises(ColumnError, match="exists 2 times"):
        read(write(pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["message_id"] * 2)))


# -- rows ------------------------------------------------------------------------------------------


def test_rows_are_numbered_over_row_groups_and_have_no_line():
    write({"message_id": [str(number) for number in range(5000)]}, row_group_size=1500)
    rows = read("in.parquet", delivered_given=True)
    assert [row.number for row in rows] == list(range(1, 5001))
    assert [row.fields.message_id for row in rows] == [str(number) for number in range(5000)]
    assert {row.line for row in rows} == {None}


def test_an_empty_table_has_no_rows():
    assert read(write({"message_id": pa.array([], pa.string())}), delivered_given=True) == []


def test_a_row_is_known_again_in_whatever_company_it_is():
    """Its key may not depend on its row group, its neighbours, its type's width or its codec."""
    moments = [MOMENT, MOMENT.replace(microsecond=500_000), MOMENT.replace(microsecond=1)]
    ids = ["a", "b", "c"]
    columns = {"message_id": ids, "timestamp": moments, "delivered": [True, None, False]}
    keys = [row.invalid_key() for row in read(write(columns))]
    alone = [read(write({k: v[at : at + 1] for k, v in columns.items()}))[0] for at in range(3)]
    assert [row.invalid_key() for row in alone] == keys
    table = pa.table(columns)
    wide = {"timestamp": pa.timestamp("ns"), "message_id": pa.large_string()}
    for name, kind in wide.items():
        at = table.schema.get_field_index(name)
        table = table.set_column(at, name, table[name].cast(kind))
    write(table, compression="zstd", row_group_size=1, data_page_version="2.0")
    assert [row.invalid_key() for row in read("in.parquet")] == keys


def test_a_row_of_parquet_has_the_key_that_it_has_in_json_lines(folder):
    columns = {"message_id": ["a", "b"], "delivered": [True, None], "timestamp": [MOMENT, None]}
    lines = (
        '{"message_id":"a","delivered":true,"timestamp":"2026-11-20 06:08:15"}\n{"message_id":"b"}'
    )
    (folder / "in.jsonl").write_text(lines)
    assert [row.invalid_key() for row in read(write(columns))] == [
        row.invalid_key() for row in read("in.jsonl")
    ]


def test_a_record_that_is_too_long_is_one_invalid_row():
    wide = ["x" * 10, "x" * 3000, None, "x" * 10]
    write({"message_id": ["a", "b", "c", "d"], "note": wide})
    rows = read("in.parquet", delivered_given=True, max_row_bytes=2000)
    assert [row.fault and row.fault.reason for row in rows] == [None, Reason.TOO_LONG, None, None]


def test_a_large_dictionary_does_not_make_short_records_long():
    values = [f"{number}-{'x' * 500}" for number in range(1000)]
    nested = pa.StructArray.from_arrays([pa.array(values).dictionary_encode()], ["inner"])
    write({"message_id": pa.array(values).dictionary_encode(), "nested": nested})
    rows = read("in.parquet", delivered_given=True, max_row_bytes=2000)
    assert [row for row in rows if row.fault] == []


# -- told by magic bytes, from anywhere -----------------------------------------------------------


@pytest.mark.parametrize("name", ["export.csv", "export", "export.gz", "export.jsonl"])
def test_magic_bytes_beat_the_name(name):
    assert sent(write({"message_id": ["a"]}, name)) == [("a", True, None)]


def test_a_packed_file_and_a_pipe_are_read_from_a_temporary_copy(tmp_path):
    data = Path(write({"message_id": ["a", "b"]})).read_bytes()
    Path("in.parquet.gz").write_bytes(gzip.compress(data))
    assert sent("in.parquet.gz") == [("a", True, None), ("b", True, None)]
    with piped(tmp_path, data) as name:
        assert sent(name) == [("a", True, None), ("b", True, None)]


def test_without_room_for_the_copy_it_is_told_what_to_do(monkeypatch):
    data = Path(write({"message_id": ["a", "b"]})).read_bytes()
    Path("in.gz").write_bytes(gzip.compress(data))
    monkeypatch.setattr("tempfile.TemporaryFile", partial(Path("/dev/full").open, "r+b", 0))
    with pytest.raises(InputError, match="temporary copy cannot be written: No space") as caught:
        read("in.gz")
    assert "TMPDIR" in str(caught.value.hint)


def test_without_pyarrow_it_is_told_how_to_install_it():
    write({"message_id": ["a"], "delivered": [True]})
    script = (
        "import sys\nsys.modules['pyarrow'] = None\nsys.argv[1:] = ['validate', 'in.parquet']\n"
        "from batchconv.__main__ import main\nmain()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert f"  {install_command('parquet')}\n" in done.stderr
    assert "Traceback" not in done.stderr


# -- damage ----------------------------------------------------------------------------------------


def read_until_damage(name: str) -> tuple[list[Any], str]:
    reader = Reader([name], ReadOptions(delivered_given=True))
    reader.check()
    rows = [row.fields.message_id for row in reader]
    (damage,) = reader.damages
    assert damage.exit_code == 5
    return rows, str(damage)


def spoil(name: str, group: int, how: str) -> None:
    """Damage the first page of a row group."""
    column = pq.ParquetFile(name).metadata.row_group(group).column(0)
    begin = column.dictionary_page_offset or column.data_page_offset
    data = bytearray(Path(name).read_bytes())
    if how == "header":
        data[begin : begin + 8] = b"\xff" * 8
    else:
        data[begin + column.total_compressed_size - 10] ^= 0xFF
    Path(name).write_bytes(bytes(data))


@pytest.mark.parametrize("how", ["header", "content"])
@pytest.mark.parametrize("compression", ["none", "snappy", "zstd"])
def test_rows_of_row_groups_before_a_spoilt_page_are_read(how, compression):
    ids = [f"id-{number * 7919}" for number in range(400)]
    write({"message_id": ids}, row_group_size=100, compression=compression,
          write_page_checksum=True)  # fmt: skip
    spoil("in.parquet", 2, how)
    rows, why = read_until_damage("in.parquet")
    assert rows == ids[:200]
    assert "in.parquet is damaged: it is not a complete Parquet file, or some of its pages" in why


@pytest.mark.parametrize("cut", [1, 4, 8, 100])
def test_a_file_cut_short_has_no_rows_for_what_it_holds_stands_at_its_end(cut):
    data = Path(write({"message_id": ["a"] * 1000})).read_bytes()
    Path("in.parquet").write_bytes(data[:-cut])
    with pytest.raises(InputError, match=r"parquet is damaged: it is not a complete Parquet file"):
        read("in.parquet")


@pytest.mark.parametrize("content", [b"", b"PAR1", b"message_id,delivered\na,true\n"])
def test_what_is_parquet_by_its_name_only_is_damaged(content):
    Path("in.parquet").write_bytes(content)
    with pytest.raises(InputError, match="not a complete Parquet file"):
        read("in.parquet")


@pytest.mark.parametrize("rows", [b"\xe6\x07", b"\xea\x07", b"\xfe\xff\xff\xff\x0f"])
def test_a_footer_that_gives_another_number_of_rows_is_damage(rows):
    """A smaller number in a row group looks like this: rows would be lost without a word."""
    data = Path(write({"message_id": ["a"] * 500}, row_group_size=100)).read_bytes()
    assert data.count(b"\x16\xe8\x07") == 1  # 500, as the footer has it
    footer = data[:-8].replace(b"\x16\xe8\x07", b"\x16" + rows)
    size = int.from_bytes(data[-8:-4], "little") + len(footer) - len(data[:-8])
    Path("in.parquet").write_bytes(footer + size.to_bytes(4, "little") + b"PAR1")
    read_rows, why = read_until_damage("in.parquet")
    assert len(read_rows) == 500
    assert "in.parquet is damaged: its footer gives" in why
    assert "as the number of rows, and it holds 500" in why


@settings(max_examples=75, deadline=None)
@given(data=st.data())
def test_whatever_is_spoilt_ends_in_rows_or_in_damage(tmp_path_factory, data):
    """Any byte changed, or cut anywhere: no traceback, no crash, no row of nobody."""
    path = tmp_path_factory.mktemp("spoilt") / "in.parquet"
    table = pa.table({"message_id": [f"id{n}" for n in range(50)], "delivered": [True] * 50,
                      "s": [{"x": n} for n in range(50)], "timestamp": [MOMENT] * 50})  # fmt: skip
    pq.write_table(table, path, row_group_size=20)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content))) :]
    path.write_bytes(bytes(content))
    reader = Reader([str(path)], ReadOptions(), format="parquet")
    try:
        reader.check()
        rows = list(reader)
    except (InputError, UsageError):
        return
    for row in rows:
        row.invalid_key()
        Mapper()(row)
        assert isinstance(row.cells, tuple)
        json.loads(json_record(row.cells))


def test_a_defect_of_our_own_is_not_called_damage(monkeypatch):
    def broken(*_: object) -> int:
        raise RuntimeError("a defect")

    name = write({"message_id": ["a"]})
    monkeypatch.setattr("batchconv.reading.formats.parquet.rows_at_once", broken)
    with pytest.raises(RuntimeError, match="a defect"):
        read(name, delivered_given=True)


# -- failed rows -----------------------------------------------------------------------------------


def everything() -> pa.Table:
    """A row in which each column has another type, and one in which all is null."""
    point = {"lat": 1.5, "tags": ["a", None], "at": MOMENT, "speed": float("inf"),
             "far": float("nan"), "eur": Decimal("12345678901234567890.10")}  # fmt: skip
    place = pa.struct(
        {"lat": pa.float64(), "tags": pa.list_(pa.string()), "at": pa.timestamp("us"),
         "speed": pa.float64(), "far": pa.float64(), "eur": pa.decimal128(22, 2)}
    )  # fmt: skip
    columns: dict[str, Any] = {
        "message_id": ['a\N{PILE OF POO}\u2028"', "b"],
        "delivered": [True, False],
        "timestamp": pa.array([MOMENT.replace(tzinfo=UTC, microsecond=5), None]),
        "big": pa.array([2**64 - 1, None], pa.uint64()),
        "money": pa.array([Decimal("12.50"), None]),
        "many": pa.array([Decimal("9" * 38), None], pa.decimal128(38, 0)),
        "float": [0.1, None],
        "nan": [float("nan"), float("inf")],
        "day": [MOMENT.date(), None],
        "clock": [MOMENT.time(), None],
        "span": [dt.timedelta(seconds=5), None],
        "bytes": [b"a\xff", None],
        "where": pa.array([point, None], place),
        "ns": pa.array([1, None], pa.timestamp("ns")),
        "nsn": pa.array([[1], None], pa.list_(pa.timestamp("ns"))),
        "map": pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int64())),
        "coded": pa.array(["x", None]).dictionary_encode(),
        "nothing": pa.nulls(2),
    }
    return pa.table(columns)


async def test_failed_rows_are_json_lines_with_every_column_as_it_was(folder):
    write(everything())
    async with Simulator(Behaviour(status_for_all=420)) as simulator:
        ended = await Shell(folder, simulator.base_url).uploaded("in.parquet", "--concurrency", "1")
    assert (ended.code, ended.books.rejected) == (1, 2)
    assert "failed rows: in.failed.jsonl" in ended.err
    lines = (folder / "in.failed.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
    assert [json.loads(line)["_row"] for line in lines] == [1, 2]
    first, second = lines
    for text in (
        '"message_id": "a\N{PILE OF POO}', '"delivered": true',
        '"timestamp": "2026-11-20 06:08:15.000005Z"', f'"big": "{2**64 - 1}"', '"money": 12.50',
        f'"many": "{"9" * 38}"', '"float": 0.1', '"nan": null', '"day": "2026-11-20"',
        '"clock": "06:08:15.000000"', '"span": "0:00:05"', '"bytes": "a\\udcff"',
        '"where": {"lat": 1.5, "tags": ["a", null], "at": "2026-11-20 06:08:15", '
        '"speed": "inf", "far": null, "eur": 12345678901234567890.10}',
        '"ns": "1970-01-01 00:00:00.000000001"', '"map": [{"key": "k", "value": 1}]',
        '"coded": "x"', '"nothing": null', '"_outcome": "rejected"',
    ):  # fmt: skip
        assert text in first
    found = json.loads(second)
    assert {name for name, value in found.items() if value is not None} == {
        "message_id", "delivered", "nan", "_outcome", "_reason", "_status", "_attempts",
        "_source", "_row", "_key", "_run",
    }  # fmt: skip
    assert found["nan"] == "inf"


def test_a_failed_row_that_is_fed_back_sends_the_same():
    name = write(everything())
    reader = Reader([name], ReadOptions())
    reader.check()
    rows = list(reader)
    lines = [json_record(row.cells) for row in rows if isinstance(row.cells, tuple)]
    Path("back.jsonl").write_text("\n".join(lines), encoding="utf-8")
    back = read("back.jsonl")
    assert [row.invalid_key() for row in back] == [row.invalid_key() for row in rows]
    assert [Mapper()(row)[1:] for row in back] == [Mapper()(row)[1:] for row in rows]


async def test_rows_that_cannot_be_read_are_written_as_json_lines_too_and_once(folder):
    """A resume writes those that are still the same not again."""
    write(
        {"message_id": [b"a", b"b\xff", b"c"], "delivered": [True] * 3, "note": ["", "", "x" * 999]}
    )
    async with Simulator(Behaviour()) as simulator:
        shell = Shell(folder, simulator.base_url, "--resume", "--max-row-bytes", "500")
        first = await shell.uploaded("in.parquet")
        written = (folder / "in.failed.jsonl").read_text()
        again = await shell.uploaded("in.parquet")
    assert (first.books.accepted, first.books.invalid) == (1, 2)
    assert (again.books.settled, again.books.read) == (3, 3)
    assert [path.name for path in folder.glob("*.failed*")] == ["in.failed.jsonl"]
    assert (folder / "in.failed.jsonl").read_text() == written
    found = [json.loads(line) for line in written.splitlines()]
    assert [(one["message_id"], one["_reason"], one["_row"]) for one in found] == [
        ("b\udcff", "undecodable", 2), ("c", "too-long", 3)
    ]  # fmt: skip


async def test_failed_rows_of_parquet_are_fed_back_as_they_are(folder):
    write(
        {"sms": [{"id": "a"}, {"id": "b"}], "delivered": [True, False], "timestamp": [MOMENT] * 2}
    )
    mapped = "--map", "message_id=sms.id"
    async with Simulator(Behaviour(status_for_all=420)) as simulator:
        await Shell(folder, simulator.base_url).uploaded("in.parquet", *mapped)
    async with Simulator(Behaviour()) as simulator:
        ended = await Shell(folder, simulator.base_url).uploaded("in.failed.jsonl", *mapped)
        assert (ended.code, simulator.stats.accepted_ids) == (0, {"a": 1, "b": 1})


@pytest.mark.parametrize(
    "column",
    [
        pa.array([2**53, 2**53 + 1, 2**63 - 1]),
        pa.array([2**64 - 1, 1, 2], pa.uint64()),
        pa.array([Decimal("9" * 38), Decimal(2**53), Decimal(2**53 + 1)], pa.decimal128(38, 0)),
    ],
)
def test_integers_of_any_length_are_the_same_ids_when_they_are_fed_back(column):
    """A long number of JSON may have been rounded: as such it would be refused."""
    name = write(pa.table({"message_id": column, "delivered": [True] * 3}))
    rows = read(name)
    lines = [json_record(row.cells) for row in rows if isinstance(row.cells, tuple)]
    Path("back.jsonl").write_text("\n".join(lines), encoding="utf-8")
    sent = [Mapper()(row)[1:] for row in rows]
    assert [one[0] for one in sent] == [str(one) for one in column.to_pylist()]
    assert [Mapper()(row)[1:] for row in read("back.jsonl")] == sent


@pytest.mark.parametrize("codec", ["none", "snappy", "gzip", "zstd", "brotli", "lz4"])
@pytest.mark.parametrize("checksum", [True, False])
def test_the_longest_text_of_a_dictionary_is_known(codec, checksum):
    table = pa.table({"a": ["é" * 700, "x", None, "", "x" * 1200]})
    pq.write_table(table, "in.parquet", compression=codec, write_page_checksum=checksum)
    with Path("in.parquet").open("rb") as file:
        column = pq.ParquetFile(file).metadata.row_group(0).column(0)
        page = next(pages(file, column))
        assert page.is_dictionary
        assert longest_text(file, page, column.compression) == 1400
