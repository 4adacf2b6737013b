"""The programs that would be taken instead, at the same work: those that are installed."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlencode

from batchconv.simulator import API_KEY, API_SECRET
from tests.bench.data import rows, write_csv
from tests.bench.figures import Figure, Scale
from tests.bench.processes import ProcessError, StandIn, run, stand_in, upload

_ROWS = 2_000
_IN_FLIGHT = 50
_LIMIT = 120.0  # seconds


def peers(folder: Path, scale: Scale) -> list[Figure]:
    """2,000 rows, 20 ms, 50 in flight: whole programs, from their start to their end."""
    del scale
    path = write_csv(folder, _ROWS)
    with stand_in("20ms") as api:
        ours = upload(folder, path, api, concurrency=_IN_FLIGHT).usage.wall
    figures = [Figure("batchconv upload", ours, "s")]
    for name, program, command in (
        ("curl -Z", "curl", _curl),
        ("GNU parallel and curl", "parallel", _parallel),
        ("bulk-post", "bulk-post", _bulk_post),
        ("csv2http", "csv2http", _csv2http),
    ):
        if shutil.which(program) is None:
            continue
        with stand_in("20ms") as api:
            words = command(folder, api)
            began = time.perf_counter()
            how = ""
            try:
                run(words, folder=folder, limit=_LIMIT)
            except ProcessError:
                how = " and failed"
            took = time.perf_counter() - began
            told = api.stats()
        figures.append(
            Figure(
                f"{name}: {told['requests']:,} sent, {told['connections'] - 1:,} connections{how}",
                took, "s", ours, "s batchconv",
            )
        )  # fmt: skip
    return figures


def _urls(api: StandIn) -> list[str]:
    return [
        f"{api.base_url}/sms?"
        + urlencode(
            {
                "message-id": message_id,
                "delivered": delivered,
                "timestamp": timestamp,
                "api_key": API_KEY,
                "api_secret": API_SECRET,
            }
        )
        for message_id, delivered, timestamp in rows(_ROWS)
    ]


def _curl(folder: Path, api: StandIn) -> Sequence[str]:
    config = folder / "curl.conf"
    config.write_text(
        "".join(f'url = "{url}"\noutput = "/dev/null"\n' for url in _urls(api)), encoding="utf-8"
    )
    return [
        "curl", "-q", "-s", "--fail-early", "-f", "-X", "POST", "-K", str(config),
        "-Z", "--parallel-max", str(_IN_FLIGHT),
    ]  # fmt: skip


def _parallel(folder: Path, api: StandIn) -> Sequence[str]:
    listed = folder / "urls.txt"
    listed.write_text("\n".join(_urls(api)) + "\n", encoding="utf-8")
    curl = "curl -q -s -f -o /dev/null -X POST {}"
    return ["parallel", "--will-cite", "-j", str(_IN_FLIGHT), "-a", str(listed), curl]


def _bulk_post(folder: Path, api: StandIn) -> Sequence[str]:
    # Without the time: it puts values into a URL as they are, and hangs at one with a space.
    account = urlencode({"api_key": API_KEY, "api_secret": API_SECRET})
    values = "message-id={{message_id}}&delivered={{delivered}}"
    url = f"{api.base_url}/sms?{values}&{account}"
    return [
        "bulk-post", "--csv", str(folder / f"{_ROWS}.csv"), "--url", url, "--method", "POST",
        "--parallel", "--concurrency-level", str(_IN_FLIGHT),
    ]  # fmt: skip


def _csv2http(folder: Path, api: StandIn) -> Sequence[str]:
    # It posts each row as a body, which the API does not read: the requests are as many.
    path = str(folder / f"{_ROWS}.csv")
    return ["csv2http", path, f"{api.base_url}/sms", "-c", str(_IN_FLIGHT), "-n"]
