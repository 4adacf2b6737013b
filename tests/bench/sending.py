"""Benches of sending: how near to the floor that latency sets, and what a row costs."""

from __future__ import annotations

import shutil
from pathlib import Path
from urllib.parse import urlencode

from batchconv.simulator import API_KEY, API_SECRET
from tests.bench.data import rows, write_csv
from tests.bench.figures import Figure, Scale, least
from tests.bench.processes import StandIn, plain, run, stand_in, upload

_ROWS = 2_000
_IN_FLIGHT = 50
_FLOOR = _ROWS / _IN_FLIGHT * 0.020
_RETRY_FLOOR = 1.9
"""Seconds: 2,200 exchanges of 20 ms, and the one second that the last of the retries waits."""


def latency(folder: Path, scale: Scale) -> list[Figure]:
    """2,000 rows, 20 ms, 50 in flight."""
    path = write_csv(folder, _ROWS)
    ours, wholes, theirs, their_wholes, curls = [], [], [], [], []
    most_connections = 0
    for _ in range(scale.samples):
        with stand_in("20ms") as server:
            used, seconds = upload(folder, path, server, concurrency=_IN_FLIGHT)
            most_connections = max(most_connections, server.connections())
        ours.append(seconds)
        wholes.append(used.wall)
        with stand_in("20ms") as server:
            used, seconds = plain(folder, path, server)
        theirs.append(seconds)
        their_wholes.append(used.wall)
        if shutil.which("curl"):
            with stand_in("20ms") as server:
                curls.append(_curl(folder, server))
    figures = [
        least("upload: sending", ours, "s", reference=_FLOOR, against="s floor", bar=1.25),
        Figure("upload: connections", most_connections, "", _IN_FLIGHT + 1, "allowed", 1.0),
        least("plain loop: sending", theirs, "s", reference=_FLOOR, against="s floor"),
        least("upload: whole", wholes, "s", reference=min(their_wholes), against="s plain loop"),
    ]
    if curls:
        figures.append(
            least("curl -Z: whole", curls, "s", reference=min(wholes), against="s upload, whole")
        )
    return figures


def _curl(folder: Path, server: StandIn) -> float:
    """Seconds that curl takes to post the same rows."""
    config = folder / "curl.conf"
    with config.open("w", encoding="utf-8") as file:
        for message_id, delivered, timestamp in rows(_ROWS):
            query = urlencode(
                {
                    "message-id": message_id,
                    "delivered": delivered,
                    "timestamp": timestamp,
                    "api_key": API_KEY,
                    "api_secret": API_SECRET,
                }
            )
            file.write(f'url = "{server.base_url}/sms?{query}"\noutput = "/dev/null"\n')
    command = ["curl", "-q", "-s", "--fail-early", "-f", "-X", "POST", "-K", str(config)]
    return run([*command, "-Z", "--parallel-max", str(_IN_FLIGHT)], folder=folder).wall


def retries(folder: Path, scale: Scale) -> list[Figure]:
    """The same, and every tenth row is first answered 503 with `Retry-After: 1`."""
    path = write_csv(folder, _ROWS)
    faults = ("--fault", "503=1/10", "--faulty-attempts", "1", "--retry-after", "1")
    ours, wholes = [], []
    for _ in range(scale.samples):
        with stand_in("20ms", *faults) as server:
            used, seconds = upload(folder, path, server, concurrency=_IN_FLIGHT)
        ours.append(seconds)
        wholes.append(used.wall)
    with stand_in("20ms", *faults) as server:
        _, theirs = plain(folder, path, server)
    return [
        least("upload: sending", ours, "s", reference=_RETRY_FLOOR, against="s floor", bar=1.15),
        least("upload: whole", wholes, "s", reference=_RETRY_FLOOR, against="s floor"),
        least("plain loop: sending", [theirs], "s", reference=_RETRY_FLOOR, against="s floor"),
    ]


def cpu(folder: Path, scale: Scale) -> list[Figure]:
    """User and system time for each row, without what a single row takes."""
    count = 20_000 // scale.divisor
    path, tiny = write_csv(folder, count), write_csv(folder, 1)
    ours, theirs, our_starts, their_starts = [], [], [], []
    for _ in range(scale.long_samples):
        with stand_in("0s") as server:
            our_starts.append(upload(folder, tiny, server)[0].cpu)
            their_starts.append(plain(folder, tiny, server)[0].cpu)
            ours.append(upload(folder, path, server)[0].cpu)
            theirs.append(plain(folder, path, server)[0].cpu)

    def a_row(samples: list[float], starts: list[float]) -> list[float]:
        return [(sample - min(starts)) / (count - 1) * 1e6 for sample in samples]

    plain_row = min(a_row(theirs, their_starts))
    return [
        least(
            "upload: CPU a row", a_row(ours, our_starts), "µs",
            reference=plain_row, against="µs plain loop", aim=1.25,
        ),
        least(
            "upload: CPU of start-up", [1e3 * start for start in our_starts], "ms",
            reference=1e3 * min(their_starts), against="ms plain loop",
        ),
    ]  # fmt: skip


def memory(folder: Path, scale: Scale) -> list[Figure]:
    """Peak memory of a small and of a large upload."""
    small, large = 10_000 // scale.divisor, 200_000 // scale.divisor
    peaks = {}
    for count in (small, large):
        path = write_csv(folder, count)
        with stand_in("0s") as server:
            peaks[count] = upload(folder, path, server)[0].peak
    return [
        Figure(f"upload: {small:,} rows", peaks[small], "MiB"),
        Figure(f"upload: {large:,} rows", peaks[large], "MiB", peaks[small], "MiB"),
        Figure("difference", peaks[large] - peaks[small], "MiB"),
    ]
