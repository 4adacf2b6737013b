"""Benches of reading: what a row costs before it is sent, and how soon the first one leaves."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from tests.bench.data import rows, write_csv, write_jsonl
from tests.bench.figures import Figure, Scale, least
from tests.bench.oddities import ODDITIES, Oddity
from tests.bench.processes import (
    BATCHCONV,
    PLAIN_READ,
    ProcessError,
    StandIn,
    environment,
    run,
    stand_in,
)

_CSV_BAR = 12.0
_JSON_BAR = 2.0
_ODD_BAR = 2.0
_READ_AT_ALL = 0.5  # of what plain rows take; less is a file that was refused
_TIMES_THE_REFERENCE = 4
_SETTLING = 1.5  # seconds until a started upload surely waits for its first row
_BETWEEN_ROWS = 0.05
_BETWEEN_ARRIVALS = 0.2


def reading(folder: Path, scale: Scale) -> list[Figure]:
    """`validate` beside loops that only parse: CPU seconds, start-up taken off.

    Both run in one thread, and on a machine that does other things, too, the CPU seconds are
    what comes nearest to the time on a quiet one.
    """
    count = 300_000 // scale.divisor
    figures = []
    for kind, write, loop, bar in (
        ("CSV", write_csv, "csv.reader", _CSV_BAR),
        ("JSONL", write_jsonl, "json.loads", _JSON_BAR),
    ):
        path, tiny = write(folder, count), write(folder, 1)
        ours: list[float] = []
        theirs: list[float] = []
        for _ in range(scale.long_samples):
            ours.append(_seconds([*BATCHCONV, "validate"], path, tiny))
            # A reference that is measured too high hides a missed bar; these are cheap to repeat.
            theirs += [_seconds(PLAIN_READ, path, tiny) for _ in range(_TIMES_THE_REFERENCE)]
        figures.append(
            least(
                f"validate: {count:,} rows of {kind}",
                ours,
                "s",
                reference=min(theirs),
                against=f"s {loop}",
                bar=bar,
            )
        )
    return figures + [_beside_plain(odd, folder, scale) for odd in ODDITIES]


def _beside_plain(odd: Oddity, folder: Path, scale: Scale) -> Figure:
    """An input that is not plain beside one that is, each measured right after the other."""
    count = 200_000 // scale.divisor
    write = write_csv if odd.suffix == "csv" else write_jsonl
    plain, path, tiny = write(folder, count), odd.write(folder, count), write(folder, 1)
    ours: list[float] = []
    theirs: list[float] = []
    command = [*BATCHCONV, "validate"]
    for _ in range(scale.long_samples):
        theirs.append(_seconds(command, plain, tiny))
        ours.append(_seconds([*command, *odd.options], path, tiny))
    return least(
        f"{odd.suffix.upper()}: {odd.name}",
        ours,
        "s",
        reference=min(theirs),
        against="s plain rows",
        bar=_ODD_BAR,
        floor=_READ_AT_ALL,
    )


def _seconds(command: Sequence[str], path: Path, tiny: Path) -> float:
    """CPU seconds of a command on *path*, without those it takes on *tiny*."""
    start = min(_run([*command, str(tiny)], tiny.parent) for _ in range(2))
    return _run([*command, str(path)], tiny.parent) - start


def _run(command: Sequence[str], folder: Path) -> float:
    return run(command, folder=folder, exits=None).cpu


def first(folder: Path, scale: Scale) -> list[Figure]:
    """Rows trickle in on a pipe that does not end: the first is settled long before that."""
    seconds, written = [], []
    for _ in range(scale.samples):
        with stand_in("0s") as server:
            took, count = _first_accepted(folder, server)
        seconds.append(took * 1e3)
        written.append(float(count))
    return [
        least("first row written to accepted", seconds, "ms"),
        least("rows written by then, of endless", written, "rows"),
    ]


def arrivals(folder: Path, scale: Scale) -> list[Figure]:
    """Rows that come one by one on a pipe: from the writing of each to its result."""
    del scale
    took = []
    with stand_in("0s") as server, _piped(folder, server) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for number, row in enumerate(rows(21)):
            began = time.perf_counter()
            if not number:
                process.stdin.write(b"message_id,delivered,timestamp\n")
            process.stdin.write((",".join(row) + "\n").encode())
            process.stdin.flush()
            process.stdout.readline()
            if number:  # the first one waits for the program's start
                took.append((time.perf_counter() - began) * 1e3)
            time.sleep(_BETWEEN_ARRIVALS)
        process.stdin.close()
        process.stdout.read()
    return [
        Figure("the slowest of 20", max(took), "ms", 100, "ms allowed", bar=1.0, samples=took),
    ]


def _piped(folder: Path, server: StandIn) -> subprocess.Popen[bytes]:
    """An upload from standard input to standard output."""
    command = [
        *BATCHCONV, "upload", "-", "-o", "-", "-q", "--rate", "none",
        "--base-url", server.base_url,
    ]  # fmt: skip
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment(), cwd=folder
    )


def _first_accepted(folder: Path, server: StandIn) -> tuple[float, int]:
    """Seconds from the first row's writing to its result, and how many rows had been written."""
    with _piped(folder, server) as process:
        trickle = _Trickle(process)
        try:
            assert process.stdout is not None
            time.sleep(_SETTLING)
            began = time.perf_counter()
            trickle.start()
            line = process.stdout.readline()
            took, count = time.perf_counter() - began, trickle.count
            trickle.end()
            process.stdout.read()
        finally:
            trickle.end()
    if b'"accepted"' not in line or process.returncode != 0:
        raise ProcessError(f"no row was accepted while rows were still being written: {line!r}")
    return took, count


class _Trickle(threading.Thread):
    """Writes a header at once and then, when started, a row every now and then."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        super().__init__(daemon=True)
        assert process.stdin is not None
        self._pipe = process.stdin
        self._ended = threading.Event()
        self.count = 0
        self._write("message_id", "delivered", "timestamp")

    def run(self) -> None:
        """Write until told to end, or for ten seconds: whoever reads to the end gives up then."""
        for row in rows(int(10 / _BETWEEN_ROWS)):
            self.count += 1
            self._write(*row)
            if self._ended.wait(_BETWEEN_ROWS):
                break
        self._pipe.close()

    def end(self) -> None:
        """Close the pipe, which ends the input."""
        self._ended.set()
        if self.is_alive():
            self.join()

    def _write(self, *cells: str) -> None:
        self._pipe.write((",".join(cells) + "\n").encode())
        self._pipe.flush()
