"""How long a resume and an audit take to know what was settled, and how much memory they need."""

from __future__ import annotations

import json
import time
from collections import deque
from pathlib import Path

from batchconv.model import NO_FIELDS, Conversion, Row, show_key
from batchconv.operations.read_inputs import read_rows
from batchconv.settings.read_options import ReadSettings
from tests.bench.data import rows, write_csv
from tests.bench.figures import Figure, Scale
from tests.bench.processes import BATCHCONV, Usage, run

_ROW = Row("", 1, None, NO_FIELDS, None, None, None)
_LINE = (
    '{"source":%s,"row":%d,"line":%d,"key":"%s","replaces":null,"corrects":null,"message_id":"%s","delivered":%s,"timestamp":"%s",'
    '"channel":"sms","outcome":"accepted","status":200,"attempts":1,"elapsed_ms":20.5,'
    '"reason":null,"detail":null,"at":"2024-04-01T02:00:00.000Z","run":"20240401T020000Z-abcdef",'
    '"target":"simulated"}\n'
)


# Ten million results: 60 s and 300 MiB at most. Seconds differ from machine to machine, so they
# are held against what the json module takes for the same lines: 33 s where that was promised.
_LOAD_BAR = 0.5
_RESUME_BAR = 1.8
_BYTES_A_ROW = 32
_MOST_MEMORY = 300.0  # MiB, and it grows no more


def resume(folder: Path, scale: Scale) -> list[Figure]:
    """Resume of a finished run, in CPU seconds: to load its results, to find every row settled."""
    count = scale.results // scale.divisor
    inputs = write_csv(folder, count)
    results = _write_results(folder, inputs.name, count)
    reading = _seconds_to_read(inputs)
    plain = _seconds_to_parse(results)
    one = folder / "one.csv"  # row: settled ones count for no --limit
    with inputs.open("rb") as file:
        one.write_bytes(file.readline() + file.readline())
    base = _resume(folder, one.name, "nothing.jsonl")
    load = _resume(folder, one.name, results.name)
    whole = _resume(folder, inputs.name, results.name)
    audit = run((*BATCHCONV, "audit", inputs.name, "--results", results.name), folder=folder)
    plain = min(plain, _seconds_to_parse(results))
    beside = "s bare json.loads"
    allowed = min(base.peak + count * _BYTES_A_ROW / (1 << 20), _MOST_MEMORY)
    return [
        Figure(f"load {count:,} results", load.cpu - base.cpu, "s", plain, beside, _LOAD_BAR),
        Figure("read the input and look its rows up", whole.cpu - load.cpu, "s", plain, beside),
        Figure("of that, read the input", reading, "s", plain, beside),
        Figure(f"the whole resume of {count:,} rows", whole.cpu, "s", plain, beside, _RESUME_BAR),
        Figure("the same on the clock", whole.wall, "s"),
        Figure(f"audit of {count:,} rows", audit.cpu, "s", plain, beside),
        Figure("peak memory", whole.peak, "MiB", allowed, "MiB allowed", bar=1.0),
    ]


def _seconds_to_read(path: Path) -> float:
    began = time.process_time()
    _, rows = read_rows([str(path)], ReadSettings())
    deque(rows, 0)
    return time.process_time() - began


def _seconds_to_parse(path: Path) -> float:
    began = time.process_time()
    with path.open("rb") as file:
        for line in file:
            json.loads(line)
    return time.process_time() - began


def _resume(folder: Path, inputs: str, results: str) -> Usage:
    return run(
        (*BATCHCONV, "upload", inputs, "--simulate", "--resume", "-o", results), folder=folder
    )


def _write_results(folder: Path, source: str, count: int) -> Path:
    path = folder / "r.simulated.jsonl"
    name = json.dumps(source)
    with path.open("w", encoding="ascii") as file:
        for number, (message_id, delivered, timestamp) in enumerate(rows(count), 1):
            sent = Conversion(_ROW, message_id, delivered == "true", timestamp, "sms")
            key = show_key(sent.key())
            file.write(_LINE % (name, number, number + 1, key, message_id, delivered, timestamp))
    return path
