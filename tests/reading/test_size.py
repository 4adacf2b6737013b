"""Hostile input is bounded: no line, record or row is big enough to fill the memory."""

import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import chain

import pytest

from tests.shells import ROOT

MIB = 1 << 20
# Its own peak, told at its end: a child's ru_maxrss begins with the parent's.
SCRIPT = """
import os, sys
from batchconv.__main__ import main
os._exit = sys.exit  # as an upload leaves
try:
    main()
finally:
    peak = [line for line in open("/proc/self/status") if line.startswith("VmHWM")][0]
    print("PEAK", peak.split()[1], file=sys.stderr)
"""


def validated(pieces: Iterator[bytes], *options: str) -> tuple[str, float]:
    """What `validate -` says of what comes through a pipe, and its peak in MiB."""
    return done(pieces, "validate", "-", *options)


def done(pieces: Iterator[bytes], *arguments: str) -> tuple[str, float]:
    """What a command says of what comes through a pipe, and its peak in MiB."""
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        for piece in pieces:
            process.stdin.write(piece)
        out, err = process.communicate()
    found = re.search(rb"PEAK (\d+)", err)
    assert found, err
    assert b"Traceback" not in err
    return (out + err).decode(), int(found[1]) / 1024


def csv_around(middle: bytes, times: int) -> Iterator[bytes]:
    yield b"message_id,delivered,note\na,1,\n"
    for _ in range(times):
        yield middle
    yield b"\nb,1,\n"


def json_around(middle: bytes, times: int) -> Iterator[bytes]:
    yield b'{"message_id": "a", "delivered": true}\n{"message_id": "'
    for _ in range(times):
        yield middle
    yield b'"}\n{"message_id": "b", "delivered": true}\n'


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the peak is told by /proc")
@pytest.mark.parametrize(
    ("around", "piece"),
    [
        (csv_around, b"x" * MIB),
        (csv_around, b"x," * (MIB // 2)),
        (csv_around, "é".encode() * (MIB // 2)),
        (json_around, b"x" * MIB),
        (json_around, b"[" * MIB),
    ],
    ids=["csv", "cells", "two bytes a character", "json", "brackets"],
)
def test_a_line_of_sixty_megabytes_is_one_invalid_row_in_little_memory(around, piece):
    said, small = validated(around(piece[:10], 1))
    assert "3 rows read" in said
    said, peak = validated(around(piece, 60))
    assert "3 rows read, 2 can be sent" in said
    assert "1 invalid: too-long" in said
    assert "line 3: " in said or "line 2: " in said
    assert "--max-row-bytes" in said
    assert peak < small + 24


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the peak is told by /proc")
def test_many_lines_behind_an_open_quote_take_as_much_memory_as_one_record_may():
    """They are held until the record is too long: here 175,000 of them, twenty times their size."""
    _, small = validated(csv_around(b"x", 1))
    lines = b"c,1,\n" * 20_000
    said, peak = validated(iter([b'message_id,delivered,note\n"a,1,\n', *[lines] * 15]))
    assert said.startswith("300,001 rows read, 300,000 can be sent")
    assert "1 invalid: too-long" in said
    assert peak < small + 48


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the peak is told by /proc")
@pytest.mark.parametrize("kind", ["csv", "json"])
def test_long_rows_go_through_a_whole_upload_in_little_memory(tmp_path, kind):
    """Four bytes a character as long as one of them is an emoji; a hundred rows would be 400 MB."""
    note = b"x" * (MIB - 100) + "\U0001f600".encode()
    before, row = {
        "csv": (b"message_id,delivered,note\n", b"id%d,1,%b\n"),
        "json": (b"", b'{"message_id": "id%d", "delivered": 1, "note": "%b"}\n'),
    }[kind]
    pieces = (row % (number, note) for number in range(100))
    said, peak = done(
        chain([before], pieces), "upload", "-", "--simulate", "--no-failed",
        "-o", str(tmp_path / "r.jsonl"),
    )  # fmt: skip
    assert "accepted 100" in said
    assert peak < 200
