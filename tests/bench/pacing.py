"""Benches of pacing: what the server allows, and a server that is down."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.data import write_csv
from tests.bench.figures import Figure, Scale
from tests.bench.processes import StandIn, stand_in, upload
from tests.bench.servers import server

_LEARNING = 5.0  # seconds after which the right pace is promised to be known
_START_UP = 0.5  # seconds, about, until a started upload sends
_ALLOWED = 50
_MANY = 200_000  # rows; more than any of these runs can send
_FIXED = {  # seconds of latency, and the numbers among which the best one lies
    0.001: ("20", "50", "100"),
    0.02: ("200", "300", "500"),
    0.2: ("500", "1000"),
}


def throttled(folder: Path, scale: Scale) -> list[Figure]:
    """A server that takes 50 a second and answers 429 beyond; no rate, 20 in flight."""
    del scale
    figures = []
    path = write_csv(folder, _MANY)
    for name, options, after, allowed, floor in (
        ("429", (), _LEARNING, _ALLOWED, 0.9),
        ("429 with Retry-After: 1", ("--retry-after", "1"), _LEARNING, _ALLOWED, 0.9),
        ("429, from 15 s on 25", ("--allow-rate-change", "15s=25"), 20.0, 25, None),
        ("429, from 15 s on 100", ("--allow-rate-change", "15s=100"), 25.0, 100, None),
    ):
        with stand_in("5ms", "--allow-rate", str(_ALLOWED), *options) as api:
            told = _timed(folder, path, api, 35, width=20)
        figures += [
            Figure(
                f"{name}: taken after {after:g} s", _pace(folder, after, 34.0), "rows/s",
                allowed, "allowed", floor=floor,
            ),
            Figure(
                f"{name}: refused", told["throttled"], "", told["requests"], "requests",
                bar=0.05,
            ),
        ]  # fmt: skip
    return figures


def auto(folder: Path, scale: Scale) -> list[Figure]:
    """`--concurrency auto` after 5 s, beside the best of fixed numbers; medians, taken in turns."""
    figures = []
    path = write_csv(folder, _MANY)
    for seconds, fixed in _FIXED.items():
        paces: dict[str, list[float]] = {width: [] for width in (*fixed, "auto")}
        with server(folder, latency=seconds) as api:
            for _ in range(scale.samples):  # in turns: the machine's own pace drifts
                for width, found in paces.items():
                    _timed(folder, path, api, 9, width=width)
                    found.append(_pace(folder, _LEARNING, 8.5))
        best = max(fixed, key=lambda width: median(paces[width]))
        figures.append(
            Figure(
                f"{seconds * 1000:g} ms", median(paces["auto"]), "rows/s",
                median(paces[best]), f"rows/s with {best}", floor=0.95, samples=paces["auto"],
            )
        )  # fmt: skip
    return [*figures, _eight_at_once(folder, path)]


def _eight_at_once(folder: Path, path: Path) -> Figure:
    """A server that takes eight requests at once and answers 429 beyond."""
    with stand_in("20ms", "--allow-concurrent", "8") as api:
        begun: list[Mapping[str, Any]] = []
        timer = threading.Timer(_LEARNING + _START_UP, lambda: begun.append(api.stats()))
        timer.start()
        _timed(folder, path, api, 25, width="auto")
        ended = api.stats()
    requests = ended["requests"] - begun[0]["requests"]
    taken = ended["accepted"] - begun[0]["accepted"]
    return Figure(
        "8 at once: refused after 5 s", requests - taken, "", requests, "requests", bar=0.02
    )


def outage(folder: Path, scale: Scale) -> list[Figure]:
    """3,000 rows, 10 ms, every reply 503 from 0.5 s to 10 s; 20 in flight."""
    del scale
    with stand_in("10ms", "--outage", "500ms-10s") as api:
        sent = upload(folder, write_csv(folder, 3_000), api, concurrency=20)
    wasted = sent.summary["requests"] - sent.summary["accepted"]
    return [
        Figure("seconds after its end", sent.seconds - 10, "s", 16, "allowed", bar=1.0),
        Figure("requests wasted", wasted, "", 200, "allowed", bar=1.0),
    ]


def _timed(
    folder: Path, path: Path, api: StandIn, seconds: int, *, width: int | str
) -> Mapping[str, Any]:
    """The summary of an upload that is stopped after so long."""
    return upload(
        folder, path, api, "--max-duration", f"{seconds}s", concurrency=width, exits=3
    ).summary


def _pace(folder: Path, begin: float, end: float) -> float:
    """Rows a second that were accepted between two moments of the run."""
    moments = []
    with (folder / "results.jsonl").open(encoding="utf-8") as file:
        for line in file:
            found = json.loads(line)
            if found["outcome"] == "accepted":
                moments.append(datetime.fromisoformat(found["at"]).timestamp())
    first = min(moments)
    return sum(1 for moment in moments if begin <= moment - first < end) / (end - begin)
