"""The plainest aiohttp program that posts a CSV: a list in memory and a pool of workers.

What it leaves out is what it is here for: no results, no checks of values, no rate. A row that
is answered 503 sleeps in its worker, as such programs do. It runs on uvloop where that exists.
Prints the seconds of sending.

    python -m tests.bench.plain_post FILE BASE_URL CONCURRENCY
"""

from __future__ import annotations

import asyncio
import csv
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import aiohttp


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop  # noqa: PLC0415 - it may not be there
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


async def _work(session: aiohttp.ClientSession, url: str, rows: Iterator[dict[str, str]]) -> None:
    for row in rows:
        params = {
            "message-id": row["message_id"],
            "delivered": row["delivered"],
            "timestamp": row["timestamp"],
            "api_key": os.environ["VONAGE_API_KEY"],
            "api_secret": os.environ["VONAGE_API_SECRET"],
        }
        status = 503
        while status == 503:
            async with session.post(url, params=params) as response:
                await response.read()
                status = response.status
                wait = float(response.headers.get("Retry-After", 0))
            if status == 503:
                await asyncio.sleep(wait)
        if status != 200:
            sys.exit(f"{status} for {row['message_id']}")


async def _send(rows: list[dict[str, str]], url: str, concurrency: int) -> None:
    connector = aiohttp.TCPConnector(limit=concurrency)
    shared = iter(rows)
    async with aiohttp.ClientSession(connector=connector) as session:
        await asyncio.gather(*(_work(session, url, shared) for _ in range(concurrency)))


def main() -> None:
    """Read the file, send it, print the seconds."""
    path, base_url, concurrency = sys.argv[1:]
    began = time.perf_counter()
    with Path(path).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    with asyncio.Runner(loop_factory=_new_loop) as runner:
        runner.run(_send(rows, base_url + "/sms", int(concurrency)))
    sys.stdout.write(f"{time.perf_counter() - began:.4f}\n")


if __name__ == "__main__":
    main()
