"""Folders called FIELD=VALUE say the field for the files below them."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from batchconv.errors import UsageError
from batchconv.model import Conversion, Reason
from batchconv.reading.formats import ReadOptions
from batchconv.reading.mapper import Mapper
from batchconv.reading.reader import Reader
from batchconv.reading.sources import expand
from batchconv.reading.sources.names import folder_values
from batchconv.simulator import Behaviour, Simulator
from tests.shells import Shell


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(name: str, text: str) -> str:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return name


def sent(*names: str, **options: object) -> list[object]:
    """Id, delivered, timestamp and channel of each row; or the reason why it is not sent."""
    reader = Reader(expand(names).inputs, ReadOptions(**options))  # type: ignore[arg-type]  # tests give any
    reader.check()
    outcomes = map(Mapper(), reader)
    found = [tuple(one[1:]) if isinstance(one, Conversion) else one.reason for one in outcomes]
    assert reader.damages == []
    return found


CSV = "message_id,delivered\nA1,true\n"
JSONL = '{"message_id": "A1", "delivered": true}\n'


@pytest.mark.parametrize(("ending", "text"), [("csv", CSV), ("jsonl", JSONL)])
@pytest.mark.parametrize("named", ["export/", "export/channel=voice/", "export/**/*", "file"])
def test_a_folder_says_the_channel_however_its_files_are_named(ending, text, named):
    name = write(f"export/channel=voice/part-0.{ending}", text)
    assert sent(name if named == "file" else named) == [("A1", True, None, "voice")]


def test_a_folder_says_the_channel_of_a_file_that_is_named_from_within_it(monkeypatch):
    write("channel=voice/part-0.csv", CSV)
    monkeypatch.chdir("channel=voice")
    assert sent("part-0.csv") == [("A1", True, None, "voice")]


def test_parquet_that_is_partitioned_by_a_column_gets_it_back():
    table = pa.table({"message_id": ["a", "b", "c"], "channel": ["sms", "voice", None],
                      "delivered": [True, False, True]})  # fmt: skip
    pq.write_to_dataset(table, "out", partition_cols=["channel", "delivered"])
    assert sorted(map(str, sent("out"))) == sorted(
        map(str, [("a", True, None, "sms"), ("b", False, None, "voice"), ("c", True, None, "sms")])
    )


def test_values_are_url_encoded_and_null_has_a_name_of_its_own():
    name = "s3://bucket/dt=1/timestamp=2026-11-20 06%3A08%3A15/channel=__HIVE_DEFAULT_PARTITION__/a"
    assert folder_values(name) == [
        ("dt", "1"), ("timestamp", "2026-11-20 06:08:15"), ("channel", None)
    ]  # fmt: skip
    write("timestamp=2026-11-20 06%3A08%3A15/a.csv", CSV)
    assert sent(".") == [("A1", True, "2026-11-20 06:08:15", "sms")]


def test_a_folder_that_begins_with_an_underscore_and_says_a_value_is_no_temporary_one():
    write("x/_state=1/a.csv", CSV)
    write("x/_temporary/a.csv", CSV)
    assert expand(["x"]).inputs == ["x/_state=1/a.csv"]


def test_a_mapped_folder_is_taken_and_one_that_is_no_field_is_not():
    write("kind=voice/dt=2026-11-20/a.csv", CSV)
    assert sent(".") == [("A1", True, None, "sms")]
    assert sent(".", mapped={"channel": "kind"}) == [("A1", True, None, "voice")]


def test_two_folders_that_say_the_same_field_are_refused():
    write("channel=voice/Channel=sms/a.csv", CSV)
    with pytest.raises(UsageError, match="'channel' and 'Channel' could both hold channel"):
        sent(".")


def test_a_row_that_says_something_else_than_its_folder_is_not_sent():
    """Spark believes the folder, others the file: whoever guesses is wrong half of the time."""
    text = "message_id,delivered,channel\nA1,true,Voice\nA2,true,\nA3,true,sms\n"
    write("channel=voice/a.csv", text)
    assert sent(".") == [
        ("A1", True, None, "voice"), ("A2", True, None, "voice"), Reason.AMBIGUOUS_COLUMNS
    ]  # fmt: skip


@pytest.mark.parametrize("value", ["__HIVE_DEFAULT_PARTITION__", "NULL", "none-given"])
def test_a_folder_without_a_value_leaves_it_to_the_file_and_to_the_options(value):
    given = {"nulls": ("none-given",)}
    name = write(
        f"export/channel={value}/1.csv", "message_id,delivered,channel\nA1,1,voice\nA2,1,\n"
    )
    reader = Reader(expand([name]).inputs, ReadOptions(**given))
    reader.check()
    made = list(map(Mapper(nulls=given["nulls"]), reader))
    assert [one.channel for one in made if isinstance(one, Conversion)] == ["voice", "sms"]


def test_a_null_marker_in_the_file_leaves_it_to_the_folder():
    write("channel=voice/a.csv", "message_id,delivered,channel\nA1,true,NULL\nA2,true,\\N\n")
    assert sent(".") == [("A1", True, None, "voice"), ("A2", True, None, "voice")]


def test_a_bad_value_of_a_folder_makes_its_rows_invalid():
    write("channel=fax/a.csv", CSV)
    assert sent(".") == [Reason.BAD_CHANNEL]


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
async def test_failed_rows_have_the_folders_value_as_a_column(folder, ending):
    """Taken elsewhere, corrected and fed back they say the same."""
    name = f"channel=voice/a.{ending}"
    write(name, {"csv": CSV, "jsonl": JSONL}.get(ending, ""))
    if ending == "parquet":
        pq.write_table(pa.table({"message_id": ["A1"], "delivered": [True]}), name)
    async with Simulator(Behaviour(status_for_all=420)) as simulator:
        shell = Shell(folder, simulator.base_url)
        assert (await shell.uploaded("channel=voice/")).code == 1
    (written,) = folder.glob("channel=voice.failed/*")
    text = written.read_text()
    if ending == "csv":
        head, row = text.splitlines()
        assert dict(zip(head.split(","), row.split(","), strict=True))["channel"] == "voice"
    else:
        assert json.loads(text)["channel"] == "voice"
    async with Simulator(Behaviour()) as simulator:
        fed_back = await Shell(folder, simulator.base_url).uploaded("channel=voice.failed/")
    assert (fed_back.code, fed_back.books.accepted) == (0, 1)
