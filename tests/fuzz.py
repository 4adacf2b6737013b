"""`python -m tests.fuzz`: files that nobody would write, read and uploaded, for as long as told.

Random bytes and real files that were tampered with. Whatever they hold, reading them ends, ends
without a traceback, gives the same rows in batches as one by one, and accounts for every row; an
upload balances, and its failed-rows file can be fed back.
"""

from __future__ import annotations

import gzip
import json
import random
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest

from batchconv.errors import InputError, UsageError
from batchconv.model import Conversion, Outcome
from batchconv.operations.read_inputs import read
from batchconv.settings.read_options import ReadSettings
from tests.oracles import check_delimited, check_json
from tests.readers import read_one_by_one
from tests.shells import Wire, results, upload_here

EXAMPLES = Path(__file__).parent.parent / "examples"
_PATIENCE = 20.0  # seconds that no case may take
_SPICES = [
    b'"', b'""', b"\r", b"\n", b"\r\n", b"\0", b",", b";", b"\t", b"|", b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\xff", b"\xc3", b"\xed\xa0\x80", "\u2028\x85".encode(), b"{", b"}", b"[", b"]", b":", b"NaN",
    b"[" * 300, b'{"x":' * 200, b"9" * 5000, b"x" * 3000, b"sep=;\n", b"1.23E+15", b"\\ud800",
    b'"a', b'b"', b"\\", b"true", b" ", b"message_id", b"\x1f\x8b", b"\x1b[31m", b"-0", b"1e999",
]  # fmt: skip


class HangError(Exception):
    """A case took longer than any may."""


@dataclass(frozen=True, slots=True)
class Case:
    """A file, and how it is read."""

    name: str
    data: bytes
    settings: dict[str, Any]


def cases(seed: int) -> Iterator[Case]:
    """Cases without end, the same for the same seed."""
    while True:
        lot = random.Random(seed)
        yield _case(lot)
        seed += 1


def _case(lot: random.Random) -> Case:
    data, name = lot.choice((_random_bytes, _example, _rows, _rows))(lot)
    for _ in range(lot.choice((0, 1, 1, 2, 5, 30))):
        data = lot.choice((_flip, _insert, _cut, _repeat, _spice, _spice))(lot, data)
    if lot.random() < 0.1:
        data = data.decode("utf-8", "replace").encode(lot.choice(("utf-16", "utf-16-be")))
    if lot.random() < 0.1:
        data = gzip.compress(data)
        data = data[: lot.choice((len(data), len(data) - 3, len(data) // 2))]
    return Case(name, data, _settings(lot))


def _random_bytes(lot: random.Random) -> tuple[bytes, str]:
    alphabet = lot.choice((bytes(range(256)), b'a1,"\r\n', b'{}[]":,1a\n', b"a\0\xff\xc3\n,"))
    data = bytes(lot.choices(alphabet, k=lot.randrange(400)))
    return data, lot.choice(("in", "in.csv", "in.tsv", "in.jsonl"))


def _example(lot: random.Random) -> tuple[bytes, str]:
    path = lot.choice([path for path in sorted(EXAMPLES.iterdir()) if path.suffix in _READ])
    return path.read_bytes()[:4000], path.name


_READ = (".csv", ".tsv", ".jsonl", ".gz")


def _rows(lot: random.Random) -> tuple[bytes, str]:
    """A sound file, long enough for batches."""
    count = lot.randrange(1, 60)
    times = lot.choice(("2026-11-20 06:08:{:02}", "2026-11-20T06:08:{:02}Z", "1763618{:03}"))
    names = ("message_id", "delivered", "note", "timestamp")
    rows = [
        (f"id{lot.randrange(40)}", lot.choice(("true", "0")), f"note {n}", times.format(n))
        for n in range(count)
    ]
    if lot.random() < 0.5:
        mark = lot.choice(",;\t|")
        quote = lot.choice(("", '"'))
        text = "".join(
            mark.join(f"{quote}{cell}{quote}" for cell in line) + "\n" for line in [names, *rows]
        )
        return text.encode(), "in.tsv" if mark == "\t" else "in.csv"
    text = "".join(json.dumps(dict(zip(names, row, strict=True))) + "\n" for row in rows)
    return text.encode(), "in.jsonl"


def _flip(lot: random.Random, data: bytes) -> bytes:
    at = lot.randrange(len(data) + 1)
    return data[:at] + bytes([lot.randrange(256)]) + data[at + 1 :]


def _insert(lot: random.Random, data: bytes) -> bytes:
    at = lot.randrange(len(data) + 1)
    return data[:at] + lot.randbytes(lot.randrange(1, 9)) + data[at:]


def _spice(lot: random.Random, data: bytes) -> bytes:
    at = lot.randrange(len(data) + 1)
    return data[:at] + lot.choice(_SPICES) + data[at:]


def _cut(lot: random.Random, data: bytes) -> bytes:
    at = lot.randrange(len(data) + 1)
    return data[:at] + data[at + lot.randrange(1, 40) :]


def _repeat(lot: random.Random, data: bytes) -> bytes:
    at = lot.randrange(len(data) + 1)
    return data[:at] + data[at : at + lot.randrange(1, 80)] * lot.randrange(2, 5) + data[at:]


def _settings(lot: random.Random) -> dict[str, Any]:
    """Options that change how the file is read; mostly none."""
    some: list[tuple[float, str, Callable[[], object]]] = [
        (0.1, "format", lambda: lot.choice(("csv", "tsv", "jsonl", "json"))),
        (0.05, "compression", lambda: lot.choice(("none", "gz"))),
        (
            0.1,
            "encoding",
            lambda: lot.choice(("latin-1", "utf-16", "utf-8-sig", "gb18030", "utf-7")),
        ),
        (0.1, "delimiter", lambda: lot.choice(",;^a\0")),
        (0.3, "delivered", lambda: True),
        (0.2, "max_row_bytes", lambda: lot.choice((1, 5, 40, 400))),
        (0.1, "max_columns", lambda: lot.choice((1, 2, 5))),
        (0.1, "max_nesting", lambda: lot.choice((1, 3, 500))),
        (0.1, "limit", lambda: lot.choice((1, 7, 50))),
    ]
    chosen = {name: value() for share, name, value in some if lot.random() < share}
    if lot.random() < 0.2:
        chosen |= {"no_header": True, "map": (("message_id", "1"), ("delivered", "2"))}
    elif lot.random() < 0.1:
        chosen["map"] = (("message_id", "note"), ("timestamp", "x.y"))
    return chosen


def check(case: Case, wire: Wire, *, sending: bool) -> int:
    """Read a case in the current folder and hold what comes out to the promise: rows read."""
    Path(case.name).write_bytes(case.data)
    with in_time():
        rows = _read(case)
        with pytest.MonkeyPatch.context() as patch:
            read_one_by_one(patch)
            assert _read(case) == rows, "rows differ when they are read one by one"
        if sending and isinstance(rows, list):
            _send(case, rows, wire)
    return len(rows) if isinstance(rows, list) else 0


def _read(case: Case) -> list[Conversion | Outcome] | str:
    """Every row, or what was said instead."""
    try:
        reader, batches = read([case.name], ReadSettings(**case.settings))
        items = [item for batch in batches for item in batch]
    except (UsageError, InputError) as error:
        return str(error)
    numbers = [item.row.number for item in items]
    assert numbers == list(range(1, len(items) + 1)), "a row is not accounted for"
    lines = [item.row.line or 0 for item in items]
    distinct = set(lines) if reader.layouts[case.name].format != "json" else lines
    assert lines == sorted(distinct), "two rows begin on one line"
    for item in items:
        assert isinstance(item, Conversion) or (item.reason and item.detail)
        assert len(item.key()) == 16
    assert all(str(damage) for damage in reader.damages)
    return items


def _send(case: Case, items: list[Conversion | Outcome], wire: Wire) -> None:
    """Upload a case of which every third row is refused, and then the rows that failed."""
    for path in Path().glob("r.*"):
        path.unlink()
    wire.sent.clear()
    wire.status = {item.message_id: 420 for item in items[::3] if isinstance(item, Conversion)}
    told = upload_here(case.name, results="r.results.jsonl", **case.settings)
    assert told.books.read == len(items)
    lines = results(_RESULTS)
    assert sorted(line["row"] for line in lines) == list(range(1, len(items) + 1))
    wanted = [item.message_id for item in items if isinstance(item, Conversion)]
    assert wire.sent.total() == len(wanted)
    assert set(wire.sent) == set(wanted)
    bad = [line for line in lines if line["outcome"] != "accepted"]
    failed = list(Path().glob("r.simulated.failed.*"))
    assert len(failed) == bool(bad)
    if failed:
        _send_again(failed[0], bad, wire)


def _send_again(failed: Path, bad: list[dict[str, Any]], wire: Wire) -> None:
    """Feed the failed rows back, as they are: those that were refused are accepted now."""
    refused = sorted(line["message_id"] for line in bad if line["outcome"] == "rejected")
    wire.sent.clear()
    wire.status = {}
    told = upload_here(failed.name)
    assert told.books.read == len(bad)
    assert sorted(wire.sent.elements()) == refused, "the failed rows are other ones"
    assert told.outstanding.total() == len(bad) - len(refused)


_RESULTS = Path("r.simulated.results.jsonl")


@contextmanager
def in_time(seconds: float = _PATIENCE) -> Iterator[None]:
    """Raises HangError in what takes longer."""

    def late(*_: object) -> None:
        raise HangError

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@click.command()
@click.option("--seconds", type=float, default=600.0, show_default=True)
@click.option("--seed", type=int, help="The first one; by default drawn by lot, and told.")
def main(seconds: float, seed: int | None) -> None:
    """Read and send cases until the time is over, and stop at the first that breaks a promise."""
    seed = random.SystemRandom().randrange(10**9) if seed is None else seed
    click.echo(f"seed {seed}")
    wire = Wire()
    ends = time.monotonic() + seconds
    read_rows = number = 0
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        wire.plug_in(patch)
        for number, case in enumerate(cases(seed)):
            if time.monotonic() > ends:
                break
            try:
                read_rows += check(case, wire, sending=number % 4 == 0)
                for oracle in (check_delimited, check_json):
                    read_rows += oracle(random.Random(seed + number))
            except BaseException:
                kept = Path(tempfile.gettempdir()) / f"fuzz-{seed + number}-{case.name}"
                kept.write_bytes(case.data)
                click.echo(f"--seed {seed + number} breaks: {case.settings}, the file is {kept}")
                raise
    click.echo(f"{number} files, {read_rows} rows: every one accounted for")


if __name__ == "__main__":
    main()
