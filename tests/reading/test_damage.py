"""Damaged inputs, through the commands: rows before the damage are settled, it is named, and 5."""

import lzma
import random
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from batchconv.operations.validate import validate
from batchconv.settings.read_options import ReadSettings
from batchconv.simulator import Behaviour, Simulator
from tests.reading.test_compression import HEAD, PACK
from tests.reading.test_parquet import spoil
from tests.shells import Shell, ids

LOT = random.Random(7)
# Ids that do not pack well: what is cut short has many whole blocks before the cut.
MANY = HEAD + b"".join(b"%032x,true\n" % LOT.getrandbits(128) for _ in range(80_000))
FEW = HEAD + b"".join(b"%s,true\n" % one.encode() for one in ids(50))
GOOD = HEAD + b"good,true\n"


@cache
def many(kind: str) -> bytes:
    """All of them packed, as quickly as that goes."""
    return lzma.compress(MANY, preset=0) if kind == "xz" else PACK[kind](MANY)


def cut(packed: bytes, _kind: str) -> bytes:
    return packed[: len(packed) * 9 // 10]


def change_middle(packed: bytes, _kind: str) -> bytes:
    at = len(packed) * 9 // 10
    return packed[:at] + bytes(byte ^ 0xFF for byte in packed[at : at + 64]) + packed[at + 64 :]


def add_garbage(packed: bytes, _kind: str) -> bytes:
    return packed + b"garbage"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("kind", PACK)
@pytest.mark.parametrize(
    ("damage", "share", "why"),
    [
        (cut, 0.6, "the compressed data end too early"),
        (change_middle, 0.6, "the compressed data are corrupt"),
        (add_garbage, 1, "other bytes follow the end of its"),
    ],
)
def test_rows_before_the_damage_are_read_and_so_is_the_next_input(folder, kind, damage, share, why):
    (folder / f"1.csv.{kind}").write_bytes(damage(many(kind), kind))
    (folder / "2.csv").write_bytes(GOOD)
    findings = validate([f"1.csv.{kind}", "2.csv"], ReadSettings())
    assert findings.read >= share * 80_000 + 1
    # Only bzip2 looks at what it gives beforehand: others may give nonsense until they notice.
    assert findings.sendable == findings.read or (damage is change_middle and kind != "bz2")
    assert findings.exit_code == 5
    (told,) = findings.damages
    assert str(told).startswith(f"1.csv.{kind} is damaged: ")
    assert why in str(told)


@pytest.mark.parametrize("kind", PACK)
async def test_an_upload_settles_the_rows_before_and_a_resume_the_others(folder, kind):
    path = folder / f"1.csv.{kind}"
    path.write_bytes(add_garbage(PACK[kind](FEW), kind))
    (folder / "2.csv").write_bytes(GOOD)
    async with Simulator(Behaviour()) as simulator:
        shell = Shell(folder, simulator.base_url, "-o", "r.jsonl", "--resume")
        broken = await shell.uploaded(path.name, "2.csv")
        path.write_bytes(PACK[kind](FEW))
        fixed = await shell.uploaded(path.name, "2.csv")
        assert sorted(simulator.stats.accepted_ids) == sorted(["good", *ids(50)])
        assert simulator.stats.repeats == 0
    assert (broken.code, fixed.code) == (5, 0)
    assert f"batchconv: {path.name} is damaged: " in broken.err
    assert broken.books.accepted == broken.books.read == fixed.books.settled == 51


async def test_an_upload_of_parquet_settles_the_row_groups_before(folder):
    table = pa.table({"message_id": ids(400), "delivered": [True] * 400})
    pq.write_table(table, "1.parquet", row_group_size=100, write_page_checksum=True)
    whole = (folder / "1.parquet").read_bytes()
    spoil("1.parquet", 2, "content")
    async with Simulator(Behaviour()) as simulator:
        shell = Shell(folder, simulator.base_url, "--resume")
        broken = await shell.uploaded("1.parquet")
        (folder / "1.parquet").write_bytes(whole)
        fixed = await shell.uploaded("1.parquet")
        assert sorted(simulator.stats.accepted_ids) == sorted(ids(400))
        assert simulator.stats.repeats == 0
    assert (broken.code, broken.books.accepted) == (5, 200)
    assert (fixed.code, fixed.books.settled, fixed.books.accepted) == (0, 200, 200)


@pytest.mark.parametrize("kind", PACK)
async def test_an_input_without_a_whole_row_is_told_before_anything_is_sent(folder, kind):
    (folder / "1.csv").write_bytes(PACK[kind](FEW)[:12])
    async with Simulator(Behaviour()) as simulator:
        ended = await Shell(folder, simulator.base_url).uploaded("1.csv")
        assert simulator.stats.requests == 0
    assert ended.code == 5
    assert "1.csv is damaged: the compressed data end too early" in ended.err
    assert not list(folder.glob("*.results.jsonl"))


async def test_what_to_do_about_a_file_of_a_folder_is_said_by_every_command(folder):
    (folder / "in").mkdir()
    (folder / "in/1.csv").write_bytes(GOOD)
    (folder / "in/2.csv").write_text("msgid,delivered\nA1,true\n")
    async with Simulator(Behaviour()) as simulator:
        shell = Shell(folder, simulator.base_url)
        ended = [await shell.uploaded("in"), await shell.uploaded("in", "--resume", "--dry-run")]
        ended.append(await shell.start("validate", "in").end())
    assert [one.code for one in ended] == [5, 5, 5]
    for one in ended:
        assert "in/2.csv: no column holds the message id" in one.err
        assert "add --map message_id=msgid" in one.err
