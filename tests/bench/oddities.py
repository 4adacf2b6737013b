"""Inputs that are not plain: other notations of times, and odd lines among the others."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from tests.bench.data import rows

_EVERY = 150  # rows from one odd line to the next


class Oddity(NamedTuple):
    """A kind of input.

    Attributes:
        name: in the table.
        suffix: of the file.
        options: of the command that reads it.
        time: the moment in UTC, and the row's number → how it is written.
        odd: a line → what stands in its place now and then; None where no line is odd.
    """

    name: str
    suffix: str
    options: Sequence[str] = ()
    time: Callable[[datetime, int], object] = lambda at, _: at.isoformat(" ")
    odd: Callable[[str], str] | None = None

    def write(self, folder: Path, count: int) -> Path:
        """A file of so many rows."""
        path = folder / f"odd.{self.suffix}"
        with path.open("w", encoding="utf-8") as file:
            if self.suffix == "csv":
                file.write("message_id,delivered,timestamp\n")
            for number, line in enumerate(self._lines(count)):
                is_odd = self.odd is not None and number % _EVERY == _EVERY // 2
                file.write(self.odd(line) if self.odd and is_odd else line)
        return path

    def _lines(self, count: int) -> Iterator[str]:
        for number, (message_id, delivered, time) in enumerate(rows(count)):
            told = self.time(datetime.fromisoformat(time), number)
            if self.suffix == "csv":
                yield (
                    f'{message_id},{delivered},"{told}"\n'
                    if "," in str(told)
                    else (f"{message_id},{delivered},{told}\n")
                )
            else:
                record = {"message_id": message_id, "delivered": delivered == "true"}
                yield json.dumps({**record, "timestamp": told}) + "\n"


def _seconds(at: datetime) -> int:
    return int(at.replace(tzinfo=UTC).timestamp())


def _written(notation: str) -> Callable[[datetime, int], str]:
    return lambda at, _: at.strftime(notation)


def _formatted(suffix: str, notation: str) -> Oddity:
    written = _written(notation.replace("%z", "-0530").replace("%Z", "UTC"))
    return Oddity(notation, suffix, ["--timestamp-format", notation], written)


_TIMES: list[tuple[str, Callable[[datetime, int], object]]] = [
    ("ISO 8601, Z", lambda at, _: f"{at.isoformat()}Z"),
    ("ISO 8601, +02:00, milliseconds", lambda at, n: f"{at.isoformat()}.{n % 1000:03}+02:00"),
    ("ISO 8601, +05:30", lambda at, _: f"{at.isoformat()}+05:30"),
    ("ISO 8601, [Europe/Berlin]", lambda at, _: f"{at.isoformat()}[Europe/Berlin]"),
    ("ISO 8601, several offsets", lambda at, n: f"{at.isoformat()}{('Z', '-05:00')[n % 2]}"),
    ("RFC 5322", _written("%a, %d %b %Y %H:%M:%S +0200")),
    ("epochs of seconds", lambda at, _: _seconds(at)),
    ("epochs of milliseconds", lambda at, n: _seconds(at) * 1000 + n % 1000),
    ("epochs with a fraction", lambda at, n: _seconds(at) + n % 8 / 8),
]
_FORMATS = (
    "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %I:%M:%S %p", "%d/%b/%Y:%H:%M:%S %z",
    "%a %b %d %H:%M:%S %Z %Y",
)  # fmt: skip
_IN_BERLIN = ["--timezone", "Europe/Berlin"]
_ODD_LINES: list[tuple[str, str, Callable[[str], str]]] = [
    ("csv", "a blank line", lambda line: f"\n{line}"),
    ("csv", "a cell of two lines", lambda line: '{},{},"{}\n"\n'.format(*line[:-1].split(","))),
    ("csv", "a cell too few", lambda line: line.rpartition(",")[0] + "\n"),
    ("csv", "an unclosed quote", lambda line: line.replace(",", ',"', 1)),
    ("csv", "no id", lambda line: "," + line.partition(",")[2]),
    ("csv", "no time", lambda line: line.rpartition(",")[0] + ",\n"),
    ("csv", "a bad time", lambda line: line.rpartition(",")[0] + ",yesterday\n"),
    ("csv", "another notation", lambda line: line.replace("\n", "+01:00\n")),
    ("jsonl", "a blank line", lambda line: f"\n{line}"),
    ("jsonl", "a line cut short", lambda line: line[:-4] + "\n"),
    ("jsonl", "a repeated key", lambda line: line.replace("{", '{"delivered": true, ')),
    ("jsonl", "another key", lambda line: line.replace("{", '{"x": {"y": "\\n"}, ')),
    ("jsonl", "no time", lambda line: line.rpartition(": ")[0] + ": null}\n"),
    ("jsonl", "a bad time", lambda line: line.rpartition(": ")[0] + ': "yesterday"}\n'),
]

ODDITIES = [
    *(Oddity(name, suffix, time=time) for suffix in ("csv", "jsonl") for name, time in _TIMES),
    *(_formatted(suffix, notation) for suffix in ("csv", "jsonl") for notation in _FORMATS),
    *(Oddity("--timezone Europe/Berlin", suffix, _IN_BERLIN) for suffix in ("csv", "jsonl")),
    *(Oddity(f"now and then {name}", suffix, odd=odd) for suffix, name, odd in _ODD_LINES),
]
