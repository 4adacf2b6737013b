"""The first half of every command that reads: checked inputs, and their rows in batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from batchconv.model import Conversion, Outcome, Row
from batchconv.reading.reader import Reader
from batchconv.settings.read_options import ReadSettings, mapper_of, read_options_of


def read(
    inputs: Sequence[str], settings: ReadSettings, *, timestamps: bool = True
) -> tuple[Reader, Iterator[list[Conversion | Outcome]]]:
    """Checked inputs, and their rows as conversions or `invalid` outcomes.

    Rows come in batches: as many at once as are there.

    Raises:
        UsageError: a setting or a column is wrong.
        InputError: an input is missing or unreadable.
    """
    reader, batches = read_rows(inputs, settings)
    return reader, map(mapper_of(settings, timestamps=timestamps).all, batches)


def read_rows(inputs: Sequence[str], settings: ReadSettings) -> tuple[Reader, Iterator[list[Row]]]:
    """Checked inputs, and their rows as they stand there, in batches.

    Raises:
        UsageError: a setting or a column is wrong.
        InputError: an input is missing or unreadable.
    """
    reader = Reader(
        inputs, read_options_of(settings), format=settings.format, compression=settings.compression
    )
    reader.check()
    return reader, _limited(reader.batches(), settings.limit)


def _limited(batches: Iterator[list[Row]], limit: int | None) -> Iterator[list[Row]]:
    """The first *limit* rows; nothing is read any more once they are there."""
    if limit is None:
        yield from batches
        return
    while limit > 0 and (batch := next(batches, [])):
        yield batch[:limit]
        limit -= len(batch)
