"""Files that `csv` and `json` write, read by us and by them: the same values, or it is a defect."""

from __future__ import annotations

import csv
import io
import itertools
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from batchconv.model import Row
from batchconv.reading.formats import FormatName, ReadOptions, open_rows
from tests.readers import read_one_by_one

_TEXTS = [
    "",
    " ",
    "a",
    "x,y",
    "1;2",
    'say "a"',
    "two\nlines",
    "a\r\nb",
    "é€😀",
    "\u2028",
    "\t",
    "N",
    "0",
]
_VALUES: list[Any] = [
    None,
    True,
    0,
    1.5,
    -1e300,
    10**30,
    "x",
    "\ud83d",
    "\n",
    [],
    {"b": [1, {}]},
    "{[",
]


class Pieces:
    """A stream that comes in pieces of every size."""

    def __init__(self, data: bytes, lot: random.Random) -> None:
        self.name = "-"
        self.compression = "none"
        self.folder_values: list[tuple[str, str | None]] = []
        rest = io.BytesIO(data)
        sizes = iter(lambda: lot.choice((1, 7, 100, 1000, 1 << 15)), 0)
        self._pieces = list(itertools.takewhile(len, map(rest.read, sizes)))

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._pieces)

    def peek(self, lines: int = 0) -> bytes:
        return b""

    def arrives(self, seconds: float) -> bool:
        return True


def check_delimited(lot: random.Random) -> int:
    """A table as `csv` writes it, with what joined exports have besides: rows compared."""
    width = lot.randrange(1, 5)
    header = ["message_id", *(f"c{number}" for number in range(1, width))]
    table = [[lot.choice(_TEXTS) for _ in range(width)] for _ in range(lot.randrange(80))]
    for record in table:
        record[0] = f"id{lot.randrange(99)}"
        if lot.random() < 0.5:  # most rows of a file are plain
            record[1:] = ["plain"] * (width - 1)
    mark = lot.choice(",;\t|")
    text = io.StringIO()
    quoting = lot.choice((csv.QUOTE_MINIMAL, csv.QUOTE_ALL))
    writer = csv.writer(text, delimiter=mark, quoting=quoting, lineterminator="\r\n")
    for record in [header, *table]:
        text.write("\ufeff" * (lot.random() < 0.05))
        writer.writerow(record)
        if lot.random() < 0.05:
            text.write(lot.choice(("\r\n", mark * (width - 1) + "\r\n", " \t\r\n")))
        if lot.random() < 0.05:
            writer.writerow(header)
    data = text.getvalue()
    theirs = list(csv.reader(io.StringIO(data.replace("\ufeff", ""), newline=""), delimiter=mark))
    wanted = [one for one in theirs if "".join(one).strip() and one != header]
    assert wanted == table
    options = ReadOptions(delivered_given=True, delimiter=mark)
    for rows in _both_ways(data.encode(), options, "csv", lot):
        assert [row.cells for row in rows] == table
    return len(table)


def check_json(lot: random.Random) -> int:
    """Objects as `json` writes them, in every layout: rows compared."""
    keys = ("delivered", "x", "y.z", "é")
    objects = [
        {"message_id": lot.choice(_VALUES)}
        | {key: lot.choice(_VALUES) for key in keys if lot.random() < 0.5}
        for _ in range(lot.randrange(1, 60))
    ]
    ascii_only, indent = lot.random() < 0.5, lot.choice((None, 1))
    texts = [json.dumps(one, ensure_ascii=ascii_only, indent=indent) for one in objects]
    layouts: list[tuple[FormatName, str]] = [
        ("json", f"[{','.join(texts)}]"),
        ("json", "".join(texts)),
        ("json", "".join(f"\x1e{text}\n" for text in texts)),
        ("json", json.dumps({"n": [1], "data": objects}, ensure_ascii=ascii_only)),
    ]
    if indent is None:
        layouts.append(("jsonl", "".join(f"{text}{lot.choice(_ENDS)}" for text in texts)))
    kind, data = lot.choice(layouts)
    wrapped = data.startswith('{"n"')
    mapped = {"message_id": "data.message_id"} if wrapped else {}
    options = ReadOptions(delivered_given=True, mapped=mapped)
    sound = [one for one in objects if "\ud83d" not in json.dumps(one, ensure_ascii=False)]
    for rows in _both_ways(data.encode("utf-8", "surrogatepass"), options, kind, lot):
        found = [json.loads(row.raw or "") for row in rows if row.fault is None]
        assert repr(found) == repr(objects if ascii_only else sound)
        assert len(rows) == len(objects)
    return len(objects)


_ENDS = ("\n", "\n", "\n", "\r\n", "\n\n", " \n")


def _both_ways(
    data: bytes, options: ReadOptions, kind: FormatName, lot: random.Random
) -> Iterator[list[Row]]:
    for plainly in (False, True):
        with pytest.MonkeyPatch.context() as patch:
            if plainly:
                read_one_by_one(patch)
            stream: Any = Pieces(data, lot)
            yield list(open_rows(stream, options, kind))
