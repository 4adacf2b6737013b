"""Bench of Parquet: what a row costs beside the same row in CSV."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests.bench.data import rows, write_csv
from tests.bench.figures import Figure, Scale, least
from tests.bench.processes import BATCHCONV, run


def columnar(folder: Path, scale: Scale) -> list[Figure]:
    """`validate` of Parquet beside the same rows as CSV: CPU seconds, start-up taken off."""
    count = 200_000 // scale.divisor
    ours, theirs = [], []
    files = write_parquet(folder, count), write_parquet(folder, 1)
    csv = write_csv(folder, count), write_csv(folder, 1)
    for _ in range(scale.long_samples):
        ours.append(_seconds(*files))
        theirs.append(_seconds(*csv))
    return [
        least(
            f"validate: {count:,} rows of Parquet",
            ours,
            "s",
            reference=min(theirs),
            against="s the same as CSV",
            bar=1.0,
        )
    ]


def write_parquet(folder: Path, count: int) -> Path:
    """The rows of `data`, typed as a warehouse would have them."""
    path = folder / f"{count}.parquet"
    ids, delivered, times = zip(*rows(count), strict=True)
    table = pa.table(
        {
            "message_id": ids,
            "delivered": [one == "true" for one in delivered],
            "timestamp": pa.array(times).cast(pa.timestamp("us")),
        }
    )
    pq.write_table(table, path)
    return path


def _seconds(path: Path, tiny: Path) -> float:
    command = [*BATCHCONV, "validate"]
    start = min(run([*command, str(tiny)], folder=tiny.parent).cpu for _ in range(2))
    return run([*command, str(path)], folder=tiny.parent).cpu - start
