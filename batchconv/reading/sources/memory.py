"""Rows that a program has in its memory, read as JSON Lines like those of a file."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from typing import BinaryIO, Self
from uuid import UUID

from batchconv.errors import InputError, UsageError
from batchconv.model import Conversion
from batchconv.reading.sources.names import OwnInput

MemoryRow = Mapping[str, object] | Conversion
"""A row in memory: columns by name, as in a JSON object, or a conversion."""

Rows = Iterable[MemoryRow] | AsyncIterable[MemoryRow]
"""Rows in memory, whether they come at once or as somebody waits for them."""

UploadInput = str | os.PathLike[str] | Rows
"""A path, a folder, a pattern, a URL, `-` for standard input, or rows in memory."""

_AT_ONCE = 500  # rows of a list in a piece; what an iterable gives is handed on one by one
_END = object()
_ROWS_ARE = "a row is a mapping, such as a dict of columns, or a Conversion"


class RowsInput(OwnInput):
    """An input whose rows are in memory; it can be read once.

    Attributes:
        rows: what is iterated, in the reader's thread.
    """

    rows: Iterator[MemoryRow]
    at_once: int

    @classmethod
    def of(cls, name: str, rows: Iterable[MemoryRow]) -> Self:
        """The rows of an iterable, under that name."""
        made = cls(name)
        made.rows = iter(rows)
        made.at_once = _AT_ONCE if isinstance(rows, Sequence) else 1
        return made

    def open(self) -> Memory:
        return Memory(self)


class InLoop(Iterator[MemoryRow]):
    """The rows of an asynchronous iterable, for another thread than its event loop's."""

    def __init__(self, rows: AsyncIterable[MemoryRow], loop: asyncio.AbstractEventLoop) -> None:
        self._rows = aiter(rows)
        self._loop = loop
        self._closing = threading.Lock()  # held while another row is begun to be waited for
        self._closed = False
        self._pending: Future[object] | None = None

    def __next__(self) -> MemoryRow:
        with self._closing:
            if self._closed:
                raise StopIteration
            pending = asyncio.run_coroutine_threadsafe(_next(self._rows), self._loop)
            self._pending = pending
        try:
            row = pending.result()
        except CancelledError:
            raise StopIteration from None
        if row is _END:
            raise StopIteration
        return row  # type: ignore[return-value]  # what is not of the kind is found when it is read

    def close(self) -> None:
        """Wait for no further row; called in the loop's thread."""
        with self._closing:
            self._closed = True
            if self._pending is not None:
                self._pending.cancel()


async def _next(rows: AsyncIterator[MemoryRow]) -> object:
    return await anext(rows, _END)


class Memory:
    """The bytes of rows in memory."""

    size = None

    def __init__(self, rows: RowsInput) -> None:
        self._name = str(rows)
        self._rows = rows.rows
        self._at_once = rows.at_once
        self._read = 0
        self._error: Exception | None = None

    def read(self) -> bytes:
        lines: list[str] = []
        if self._error is None:
            try:
                lines.extend(map(_line, islice(self._rows, self._at_once)))
            except Exception as error:  # noqa: BLE001 - whatever a program of the user's raises
                self._error = error  # raised when the rows before it have been read
        if self._error is not None and not lines:
            raise self._broken(self._error) from self._error
        self._read += len(lines)
        return "".join(lines).encode()

    def _broken(self, error: Exception) -> InputError:
        what = str(error) if isinstance(error, _NoRowError) else f"raised {type(error).__name__}"
        return InputError(
            f"{self._name}: what gives the rows {what} after row {self._read}",
            hint="the rows before it were read",
        )

    def arrives(self, _seconds: float) -> bool:
        return True

    def jumping(self) -> BinaryIO | None:
        return None

    def close(self) -> None:
        self._rows = iter(())


class _NoRowError(TypeError):
    pass


def _line(row: object) -> str:
    if isinstance(row, Conversion):
        row = {
            "message_id": row.message_id,
            "delivered": row.delivered,
            "timestamp": row.timestamp,
            "channel": row.channel,
        }
    if not isinstance(row, Mapping):
        raise _NoRowError(
            f"gave something of type {type(row).__name__}, which is not a row (a mapping or a "
            'Conversion; of a DataFrame, to_dict("records")),'
        )
    # NaN is what pandas has for nothing.
    cells = {name: None if value != value else value for name, value in row.items()}  # noqa: PLR0124 - only NaN differs from itself
    return json.dumps(cells, default=_plain) + "\n"


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    raise _NoRowError(f"gave a row with a {type(value).__name__}, which no column can hold,")


def check_inputs(inputs: Collection[object]) -> None:
    """Refuse what is not an input, with a UsageError; nothing is read or looked up."""
    if not inputs:
        raise UsageError("no input is named", hint="pass a path, or rows in memory")
    for one in inputs:
        if isinstance(one, str | os.PathLike):
            if not isinstance(os.fspath(one), str):
                raise UsageError(f"{one!r} is a path of bytes", hint="decode it with os.fsdecode")
        elif isinstance(one, bytes | Mapping | Conversion) or not isinstance(
            one, Iterable | AsyncIterable
        ):
            raise UsageError(
                f"{type(one).__name__} is not an input",
                hint="pass paths, or a list of rows; one row is a list of one",
            )
        elif isinstance(one, Sequence):
            _check_rows(one)


def _check_rows(rows: Sequence[object]) -> None:
    for number, row in enumerate(rows, 1):
        if isinstance(row, str | os.PathLike):
            raise UsageError("a list of paths is not an input", hint="pass them one by one: *paths")
        if not isinstance(row, Mapping | Conversion):
            raise UsageError(f"row {number} is of type {type(row).__name__}", hint=_ROWS_ARE)


@contextmanager
def opened_inputs(inputs: Iterable[UploadInput]) -> Iterator[list[str]]:
    """The inputs by name, those in memory included; entered in the event loop.

    Of several with rows in memory each has a name of its own: `rows`, `rows-2`.
    """
    names: list[str] = []
    waiting: list[InLoop] = []
    in_memory = 0
    for one in inputs:
        if isinstance(one, str | os.PathLike):
            names.append(one if isinstance(one, str) else os.fspath(one))
            continue
        in_memory += 1
        rows = InLoop(one, asyncio.get_running_loop()) if isinstance(one, AsyncIterable) else one
        if isinstance(rows, InLoop):
            waiting.append(rows)
        names.append(RowsInput.of("rows" if in_memory == 1 else f"rows-{in_memory}", rows))
    try:
        yield names
    finally:
        for rows in waiting:
            rows.close()
