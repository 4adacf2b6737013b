"""A stray quote in a pipe does not hold up the rows behind it."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from batchconv.reading.formats.base import ReadOptions
from batchconv.reading.formats.delimited import DelimitedRows
from batchconv.reading.formats.records import PATIENCE
from batchconv.reading.sources import ByteStream
from tests.pipes import piped

HEADER = b"message_id,delivered,note\n"


class Pipe:
    """A stream whose pieces come at given seconds, and its clock."""

    def __init__(self, *pieces: tuple[float, bytes]) -> None:
        self.name = "-"
        self.now = 0.0
        self._pieces = list(pieces)

    def __iter__(self) -> Iterator[bytes]:
        while self._pieces:
            at, piece = self._pieces.pop(0)
            self.now = max(self.now, at)
            yield piece

    def peek(self) -> bytes:
        return b""

    def arrives(self, seconds: float) -> bool:
        """Wait as long as that at most, as a real pipe does."""
        coming = self._pieces[0][0] if self._pieces else self.now
        self.now = min(self.now + seconds, max(self.now, coming))
        return coming <= self.now

    def rows(self) -> Iterator[tuple[float, str]]:
        stream: Any = self
        for row in DelimitedRows("csv", stream, ReadOptions(), lambda: self.now):
            yield self.now, row.fault.reason.value if row.fault else str(row.fields.message_id)


def test_rows_behind_a_stray_quote_leave_within_a_second_while_others_keep_coming():
    rows = [(1 + n / 10, b"a%d,true,x\n" % n) for n in range(2, 60)]
    pipe = Pipe((0, HEADER), (0.9, b"a0,true,x\n"), (1, b'a1,true,"oops\n'), *rows)
    found = list(pipe.rows())
    assert [what for _, what in found[:4]] == ["a0", "unreadable-record", "a2", "a3"]
    came = {b"a%d" % n: at for (at, _), n in zip(rows, range(2, 60), strict=True)}
    for at, what in found[2:]:
        assert at - came[what.encode()] <= PATIENCE + 0.1, what
    assert len(found) == 60


def test_rows_behind_a_stray_quote_leave_within_a_second_when_nothing_more_comes():
    pipe = Pipe((0, HEADER + b'a1,true,"oops\na2,true,x\n'), (3600, b"a3,true,x\n"))
    found = list(pipe.rows())
    assert [what for _, what in found] == ["unreadable-record", "a2", "a3"]
    assert found[1][0] <= PATIENCE


@pytest.mark.parametrize("wait", [0.5, 10.0, 3600.0])
def test_a_cell_of_several_lines_is_waited_for_however_slowly_it_comes(wait):
    pieces = [HEADER, b'a1,true,"first\n', b"second, and more\n", b'third"\na2,true,x\n']
    pipe = Pipe(*((number * wait, piece) for number, piece in enumerate(pieces)))
    assert [what for _, what in pipe.rows()] == ["a1", "a2"]


def test_a_file_is_never_late(tmp_path):
    """The same bytes at rest are read to the end of the record, as long as that takes."""
    data = HEADER + b'a1,true,"oops\na2,true,x\nend of it",true\n'
    (tmp_path / "in.csv").write_bytes(data)
    with ByteStream(str(tmp_path / "in.csv")) as stream:
        assert stream.arrives(0.0)
        rows = list(DelimitedRows("csv", stream, ReadOptions()))
    assert [row.line for row in rows] == [2]


def test_a_real_pipe_tells_whether_anything_comes(tmp_path):
    go_on = threading.Event()
    with piped(tmp_path, b"a", go_on, b"b") as name, ByteStream(name) as stream:
        pieces = iter(stream)
        assert next(pieces) == b"a"
        assert not stream.arrives(0.0)
        go_on.set()
        assert stream.arrives(30.0)
        assert b"".join(pieces) == b"b"
