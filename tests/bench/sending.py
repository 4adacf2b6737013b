"""Benches of sending: how near to the floor that latency sets, and what a row costs."""

from __future__ import annotations

from pathlib import Path

from tests.bench.data import write_csv
from tests.bench.figures import Figure, Scale, least
from tests.bench.processes import plain, stand_in, upload
from tests.bench.servers import server

_ROWS = 2_000
_IN_FLIGHT = 50
_FLOOR = _ROWS / _IN_FLIGHT * 0.020
_STARTS = 3
"""Starts in each round: one varies by a third, of which the least of few tells little."""
_RETRY_FLOOR = 1.9
"""Seconds: 2,200 exchanges of 20 ms, and the one second that the last of the retries waits."""


def latency(folder: Path, scale: Scale) -> list[Figure]:
    """2,000 rows, 20 ms, 50 in flight."""
    path = write_csv(folder, _ROWS)
    ours, theirs = [], []
    most_connections = 0
    for _ in range(scale.samples):
        with stand_in("20ms") as api:
            ours.append(upload(folder, path, api, concurrency=_IN_FLIGHT).seconds)
            most_connections = max(most_connections, api.connections())
        with stand_in("20ms") as api:
            theirs.append(plain(folder, path, api)[1])
    return [
        least("upload: sending", ours, "s", reference=_FLOOR, against="s floor", bar=1.25),
        Figure("upload: connections", most_connections, "", _IN_FLIGHT + 1, "allowed", 1.0),
        least("plain loop: sending", theirs, "s", reference=_FLOOR, against="s floor"),
    ]


def hiding(folder: Path, scale: Scale) -> list[Figure]:
    """20,000 rows: the share of the plain loop's pace that is reached."""
    count = 20_000 // scale.divisor
    path = write_csv(folder, count)
    figures = []
    for seconds, in_flight in ((0.02, 50), (0.02, 200), (0.2, 50), (0.2, 200)):
        ours, theirs = [], []
        quick = seconds / in_flight < 0.002
        for _ in range(scale.samples if quick else 1):
            with server(folder, latency=seconds) as api:
                theirs.append(plain(folder, path, api, concurrency=in_flight)[1])
                ours.append(upload(folder, path, api, concurrency=in_flight).seconds)
        figures.append(
            Figure(
                f"{seconds * 1000:g} ms, {in_flight} in flight",
                count / min(ours), "rows/s", count / min(theirs), "rows/s, plain loop",
                floor=0.98, samples=ours,
            )
        )  # fmt: skip
    return figures


def retries(folder: Path, scale: Scale) -> list[Figure]:
    """2,000 rows, 20 ms; every tenth is first answered 503 with `Retry-After: 1`."""
    path = write_csv(folder, _ROWS)
    faults = ("--fault", "503=1/10", "--faulty-attempts", "1", "--retry-after", "1")
    ours = []
    for _ in range(scale.samples):
        with stand_in("20ms", *faults) as api:
            ours.append(upload(folder, path, api, concurrency=_IN_FLIGHT).seconds)
    with stand_in("20ms", *faults) as api:
        _, theirs = plain(folder, path, api)
    return [
        least("upload: sending", ours, "s", reference=_RETRY_FLOOR, against="s floor", bar=1.15),
        least("plain loop: sending", [theirs], "s", reference=_RETRY_FLOOR, against="s floor"),
    ]


def cpu(folder: Path, scale: Scale) -> list[Figure]:
    """User and system time for each row, without what a single row takes; 40,000 rows."""
    count = 40_000 // scale.divisor
    path, tiny = write_csv(folder, count), write_csv(folder, 1)
    ours, theirs, our_starts, their_starts = [], [], [], []
    with server(folder) as api:
        for turn in range(4 * scale.samples):
            for _ in range(_STARTS):
                their_starts.append(plain(folder, tiny, api)[0].cpu)
                our_starts.append(upload(folder, tiny, api).usage.cpu)
            if turn % 2:  # the machine's own pace drifts: now one begins, now the other
                ours.append(upload(folder, path, api).usage.cpu)
            theirs.append(plain(folder, path, api)[0].cpu)
            if not turn % 2:
                ours.append(upload(folder, path, api).usage.cpu)

    def a_row(samples: list[float], starts: list[float]) -> list[float]:
        return [(sample - min(starts)) / (count - 1) * 1e6 for sample in samples]

    our_rows, plain_rows = a_row(ours, our_starts), a_row(theirs, their_starts)
    return [
        least(
            f"upload: CPU a row, {_spread(our_rows, plain_rows)}", our_rows, "µs",
            reference=min(plain_rows), against="µs plain loop", bar=1.1,
        ),
        least(
            f"CPU of start-up, {_spread(our_starts, their_starts)}",
            [1e3 * start for start in our_starts], "ms",
            reference=1e3 * min(their_starts), against="ms plain loop", bar=1.1,
        ),
    ]  # fmt: skip


def _spread(ours: list[float], theirs: list[float]) -> str:
    """The least and the greatest ratio of all rounds."""
    ratios = [one / other for one, other in zip(ours, theirs, strict=True)]
    return f"rounds {min(ratios):.2f} to {max(ratios):.2f}"


def memory(folder: Path, scale: Scale) -> list[Figure]:
    """Peak memory of a small and of a large upload."""
    small, large = 10_000, 1_000_000 // scale.divisor
    peaks = {}
    with server(folder) as api:
        for count in (small, large):
            path = write_csv(folder, count)
            peaks[count] = upload(folder, path, api).usage.peak
            path.unlink()
    return [
        Figure(
            f"peak at {large:,} rows", peaks[large], "MiB",
            peaks[small] + 10, f"MiB, 10 more than at {small:,}", bar=1.0,
        ),
    ]  # fmt: skip
