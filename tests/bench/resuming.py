"""How long a resume takes to know what was settled, and how much memory that needs."""

from __future__ import annotations

import json
import time
from pathlib import Path

from batchconv.model import Fields, Row
from tests.bench.data import rows, write_csv
from tests.bench.figures import Figure, Scale
from tests.bench.processes import BATCHCONV, Usage, run

_LINE = (
    '{"source":%s,"row":%d,"line":%d,"key":"%s","message_id":"%s","delivered":%s,"timestamp":"%s",'
    '"channel":"sms","outcome":"accepted","status":200,"attempts":1,"elapsed_ms":20.5,'
    '"reason":null,"detail":null,"at":"2024-04-01T02:00:00.000Z","run":"20240401T020000Z-abcdef",'
    '"target":"simulated"}\n'
)


def resume(folder: Path, scale: Scale) -> list[Figure]:
    """Resume of 1,000,000 results: to load them, and to find every row of the input settled."""
    count = 1_000_000 // scale.divisor
    inputs = write_csv(folder, count)
    results = _write_results(folder, inputs.name, count)
    began = time.perf_counter()
    with results.open("rb") as file:
        for line in file:
            json.loads(line)
    plain = time.perf_counter() - began
    base = _resume(folder, inputs.name, "nothing.jsonl", "1")
    load = _resume(folder, inputs.name, results.name, "1")
    whole = _resume(folder, inputs.name, results.name, str(count))
    return [
        Figure(f"load {count:,} results", load.wall - base.wall, "s", plain, "s bare json.loads"),
        Figure("peak while loading", load.peak, "MiB", base.peak, "MiB, one row"),
        Figure(f"resume, {count:,} rows settled", whole.wall, "s", plain, "s bare json.loads"),
        Figure("peak of the whole resume", whole.peak, "MiB", base.peak, "MiB, one row"),
    ]


def _resume(folder: Path, inputs: str, results: str, limit: str) -> Usage:
    return run(
        (*BATCHCONV, "upload", inputs, "--simulate", "--resume", "-o", results, "--limit", limit),
        folder=folder,
    )


def _write_results(folder: Path, source: str, count: int) -> Path:
    path = folder / "results.jsonl"
    name = json.dumps(source)
    with path.open("w", encoding="ascii") as file:
        for number, (message_id, delivered, timestamp) in enumerate(rows(count), 1):
            fields = Fields(message_id, delivered, timestamp, None)
            key = Row(source, number, number + 1, fields, None, None, None).key()
            file.write(_LINE % (name, number, number + 1, key, message_id, delivered, timestamp))
    return path
