"""What a row costs in instructions: as many on a busy machine as on an idle one."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from tests.bench.data import write_csv
from tests.bench.figures import Figure, Scale
from tests.bench.processes import BATCHCONV, PLAIN_POST, ProcessError, StandIn, run
from tests.bench.servers import server

_IN_FLIGHT = "20"


def instructions(folder: Path, scale: Scale) -> list[Figure]:
    """As the bench of CPU, counted by valgrind: without the kernel's part, but exact."""
    if shutil.which("valgrind") is None:
        return []
    count = 10_000 // scale.divisor
    path, tiny = write_csv(folder, count), write_csv(folder, 1)
    with server(folder) as api:
        plain_start, plain_whole = (
            _count(folder, *PLAIN_POST, str(rows), api.base_url, _IN_FLIGHT)
            for rows in (tiny, path)
        )
        start, whole = (
            _count(folder, *_upload(folder, rows, api, _IN_FLIGHT)) for rows in (tiny, path)
        )
        with_auto = _count(folder, *_upload(folder, path, api, "auto"))
    plain_row = (plain_whole - plain_start) / (count - 1)
    return [
        *(
            Figure(
                f"instructions a row, thousands, {name}", (took - start) / (count - 1) / 1e3, "",
                plain_row / 1e3, "plain loop", bar=1.1,
            )
            for name, took in ((f"{_IN_FLIGHT} in flight", whole), ("auto", with_auto))
        ),
        Figure(
            "instructions of start-up, millions", start / 1e6, "",
            plain_start / 1e6, "plain loop", bar=1.1,
        ),
    ]  # fmt: skip


def _upload(folder: Path, path: Path, api: StandIn, concurrency: str) -> tuple[str, ...]:
    return (
        *BATCHCONV, "upload", str(path), "--base-url", api.base_url, "--rate", "none",
        "--concurrency", concurrency, "--overwrite", "-o", str(folder / "results.jsonl"), "-q",
    )  # fmt: skip


def _count(folder: Path, *command: str) -> int:
    """The instructions that a program took from its start to its end."""
    log = folder / "valgrind.log"
    counted = folder / "counted"
    run(
        [
            "valgrind", "--tool=cachegrind", "--cache-sim=no", f"--log-file={log}",
            f"--cachegrind-out-file={counted}", *command,
        ],
        folder=folder,
    )  # fmt: skip
    found = re.search(r"I\s+refs:\s+([\d,]+)", log.read_text(encoding="utf-8"))
    if found is None:
        raise ProcessError(f"valgrind counted nothing: see {log}")
    return int(found[1].replace(",", ""))
