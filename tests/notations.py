"""The same rows in every notation that an export or a spreadsheet may have them in."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, NamedTuple

from hypothesis import strategies as st

from tests.job_model import Cells, Row

COLUMNS = ("message_id", "delivered", "timestamp", "channel")


class Notation(NamedTuple):
    """How rows are written."""

    suffix: str = ".csv"
    delimiter: str = ","
    line_end: str = "\n"
    bom: bool = False
    quoted: bool = False
    booleans: tuple[Any, Any] = ("true", "false")
    time: str = "plain"
    more: bool = False
    columns: Sequence[str] = COLUMNS
    packed: bool = False

    @property
    def ending(self) -> str:
        return self.suffix + ".gz" * self.packed


notations = st.builds(
    Notation,
    suffix=st.sampled_from([".csv", ".csv", ".jsonl"]),
    delimiter=st.sampled_from(",;"),
    line_end=st.sampled_from(["\n", "\r\n"]),
    bom=st.booleans(),
    quoted=st.booleans(),
    booleans=st.sampled_from(
        [("true", "false"), ("TRUE", "FALSE"), ("1", "0"), ("yes", "no"), (True, False), (1, 0)]
    ),
    time=st.sampled_from(["plain", "iso", "offset", "seconds", "milliseconds"]),
    more=st.booleans(),
    columns=st.permutations(COLUMNS),
    packed=st.booleans(),
)


def write(folder: Path, stem: str, rows: Iterable[Row], how: Notation) -> str:
    """Write a file of rows, and return its name."""
    text = _json(rows, how) if how.suffix == ".jsonl" else _csv(rows, how)
    data = text.encode("utf-8-sig" if how.bom else "utf-8")
    (folder / (name := stem + how.ending)).write_bytes(gzip.compress(data) if how.packed else data)
    return name


def _csv(rows: Iterable[Row], how: Notation) -> str:
    told = io.StringIO()
    table = csv.writer(
        told, delimiter=how.delimiter, lineterminator=how.line_end,
        quoting=csv.QUOTE_ALL if how.quoted else csv.QUOTE_MINIMAL,
    )  # fmt: skip
    table.writerow([*how.columns, *["note"] * how.more])
    for row in rows:
        if isinstance(row, str):
            told.write(row + how.line_end)
        else:
            cells = values(row, how)
            texts = ["" if one is None else str(one) for one in map(cells.get, how.columns)]
            table.writerow([*texts, *["x"] * how.more])
    return told.getvalue()


def _json(rows: Iterable[Row], how: Notation) -> str:
    more = {"note": "x"} if how.more else {}
    return "".join(
        (row if isinstance(row, str) else json.dumps({**values(row, how), **more})) + how.line_end
        for row in rows
    )


def values(row: Cells, how: Notation) -> dict[str, Any]:
    """What stands in the columns."""
    delivered = {"true": how.booleans[0], "false": how.booleans[1]}.get(
        row.delivered, row.delivered
    )
    return dict(zip(COLUMNS, (row.id, delivered, _time(row.time, how.time), row.channel),
                    strict=True))  # fmt: skip


def _time(text: str | None, how: str) -> str | None:
    if text is None:
        return None
    moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    seconds = int(moment.timestamp())
    return {
        "plain": text,
        "iso": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "offset": moment.astimezone(timezone(timedelta(hours=2))).isoformat(),
        "seconds": str(seconds),
        "milliseconds": str(seconds * 1000),
    }[how]


def load(path: Path) -> list[dict[str, Any]]:
    """The rows of a failed-rows file, as a spreadsheet shows them."""
    text = path.read_text("utf-8-sig")
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in text.splitlines()]
    delimiter = ";" if ";" in text.splitlines()[0] else ","
    return list(csv.DictReader(io.StringIO(text), delimiter=delimiter))


def save(path: Path, rows: Sequence[dict[str, Any]], how: Notation) -> None:
    """Save them, a CSV as spreadsheets do it: columns moved, other quotes, line ends, a mark."""
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return
    names = list(rows[0])
    names = names[len(names) // 2 :] + names[: len(names) // 2] if how.more else names
    told = io.StringIO()
    table = csv.DictWriter(
        told, names, delimiter=how.delimiter, lineterminator=how.line_end,
        quoting=csv.QUOTE_ALL if how.quoted else csv.QUOTE_MINIMAL,
    )  # fmt: skip
    table.writeheader()
    table.writerows(rows)
    path.write_text(told.getvalue(), "utf-8-sig" if how.bom else "utf-8", newline="")
