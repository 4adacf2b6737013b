"""batchconv as a library: single conversions, and a file whose outcomes are watched as they come.

`python library.py` sends export.csv to the embedded simulator of the API, `python library.py FILE`
another file, and `python library.py --live FILE` sends it to the account whose key and secret
stand in VONAGE_API_KEY and VONAGE_API_SECRET.
"""

# ruff: noqa: T201 - an example is there to print

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from batchconv import (
    BasicAuth,
    BatchconvError,
    ConversionClient,
    ConversionRefused,
    OpenUpload,
    Secret,
    Settings,
)
from batchconv.model import Result
from batchconv.settings.options import DEFAULT_BASE_URL
from batchconv.simulator import API_KEY, API_SECRET, PROFILES, Simulator

EXPORT = os.path.relpath(Path(__file__).with_name("export.csv"))
SIMULATED = {"VONAGE_API_KEY": API_KEY, "VONAGE_API_SECRET": API_SECRET}


async def report_one(base_url: str, account: Mapping[str, str]) -> None:
    """One conversion at a time, as a web application would do it right after the user acted."""
    auth = BasicAuth(account["VONAGE_API_KEY"], Secret(account["VONAGE_API_SECRET"]))
    async with ConversionClient(auth, base_url=base_url) as client:
        reply = await client.sms_conversion("0C00008FDDA1494C", True, datetime.now(UTC))
        print(f"one conversion: {reply.status}")
        try:
            await client.voice_conversion("aa99e07987754d4ca8501e2c44dcda6a", False)
            await client.sms_conversion("0C000016B06670AA", False)
        except ConversionRefused as refused:
            print(f"refused: {refused}")


async def upload(path: str, base_url: str, account: Mapping[str, str], results: Path) -> int:
    """A whole file; the return value is what a program should exit with."""
    settings = Settings(
        auth="basic", base_url=base_url, results=str(results / "results.jsonl"), rate=20
    )
    async with OpenUpload(path, settings=settings, environment=account) as run:
        async for outcome in run:
            if outcome.result is not Result.ACCEPTED:
                print(f"row {outcome.row.number}: {outcome.result}, {outcome.detail}")
    for line in run.summary.lines():
        print(line)
    return run.summary.exit_code


async def main(arguments: list[str]) -> int:
    """Send to the account that is named, or else to a simulator that is there only meanwhile."""
    live = "--live" in arguments
    files = [argument for argument in arguments if argument != "--live"]
    path = files[0] if files else EXPORT
    with tempfile.TemporaryDirectory() as folder:
        if live:
            return await upload(path, DEFAULT_BASE_URL, os.environ, Path(folder))
        async with Simulator(PROFILES["flaky"]) as simulator:
            await report_one(simulator.base_url, SIMULATED)
            return await upload(path, simulator.base_url, SIMULATED, Path(folder))


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(main(sys.argv[1:])))
    except BatchconvError as error:
        sys.exit(f"{error}; {error.hint}" if error.hint else str(error))
