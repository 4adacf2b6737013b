"""What rows hold that are under way, and that reading pauses while it is much."""

import asyncio

import pyarrow as pa

from batchconv.model import Conversion, Fields, Outcome, Result, Row
from batchconv.reading.prefetch import Prefetcher
from batchconv.reading.row_memory import RowMemory

FIELDS = Fields("a", "true", None, None)


def of_json(size: int) -> Conversion:
    row = Row("in.jsonl", 1, 1, FIELDS, None, "x" * size, None)
    return Conversion(row, "a", True, None, "sms")


def of_parquet(batch: pa.RecordBatch, index: int) -> Conversion:
    row = Row("in.parquet", index + 1, None, FIELDS, (batch, index), None, None)
    return Conversion(row, "a", True, None, "sms")


def test_there_is_space_again_when_rows_are_settled():
    memory, first, second = RowMemory(3_500), of_json(2_100), of_json(2_100)
    memory.add([first])
    assert memory.space.is_set()
    memory.add([second, object()])
    assert not memory.space.is_set()
    memory.remove(first.row)
    assert memory.space.is_set()


def test_cells_and_rows_that_are_not_sent_are_counted_as_well():
    memory = RowMemory(1_500)
    row = Row("in.csv", 1, 2, FIELDS, ["a", "x" * 2_000], None, None)  # and what a text takes
    memory.add([Outcome(row, None, Result.INVALID)])
    assert not memory.space.is_set()


def test_small_records_are_not_counted():
    memory, small = RowMemory(1_500), of_json(2_000)
    memory.add([small] * 1_000)
    memory.remove(small.row)
    assert memory.space.is_set()
    memory.add([of_json(2_100)])
    assert not memory.space.is_set()


def test_a_batch_of_parquet_is_held_until_its_last_row_is_settled():
    batch = pa.record_batch({"message_id": ["x" * 500] * 3})
    rows = [of_parquet(batch, index) for index in range(3)]
    memory = RowMemory(batch.nbytes)
    memory.add(rows)
    for one in rows:
        assert not memory.space.is_set()
        memory.remove(one.row)
    assert memory.space.is_set()
    memory.add(rows[:1])
    assert not memory.space.is_set()


async def test_nothing_more_is_read_while_rows_hold_too_much():
    memory, rows = RowMemory(5_500), [of_json(2_100) for _ in range(30)]
    prefetcher = Prefetcher([[row] for row in rows], memory)
    async with asyncio.timeout(30):
        for taken in range(30):
            row = await prefetcher.take()
            assert row is not None
            while prefetcher.reading and taken + prefetcher.ahead < 29:
                await asyncio.sleep(0.001)
            # Three fill the memory, and one is in the thread's hand.
            assert prefetcher.ahead <= 3
            memory.remove(row.row)
        assert await prefetcher.take() is None


async def test_a_reader_that_waits_for_space_ends_when_it_is_closed():
    memory, rows = RowMemory(500), [of_json(2_100) for _ in range(3)]
    prefetcher = Prefetcher([[row] for row in rows], memory)
    async with asyncio.timeout(30):
        assert await prefetcher.take() is rows[0]
        prefetcher.close()
        assert await prefetcher.take() is None
        while not prefetcher.ended:
            await asyncio.sleep(0.001)
