"""batchconv on a machine whose names take a second to be found, or whose wall clock jumps.

python -m tests.bench.disturbed dns|clock ARGUMENT...
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

import aiohttp.resolver

_NAME_TAKES = 1.0  # seconds
_STEP = 3600.0  # seconds that the clock is set forward, and back again, by turns of two seconds


def _slow_names() -> None:
    find = aiohttp.resolver.DefaultResolver.resolve

    async def resolve(self: Any, *args: Any, **more: Any) -> Any:
        await asyncio.sleep(_NAME_TAKES)
        return await find(self, *args, **more)

    aiohttp.resolver.DefaultResolver.resolve = resolve  # type: ignore[method-assign]  # as said above


def _jumping_clock() -> None:
    read = time.time
    time.time = lambda: read() + _STEP * (int(time.monotonic()) // 2 % 2)


def main() -> None:
    """Disturb, then run the command."""
    _, what, *arguments = sys.argv
    {"dns": _slow_names, "clock": _jumping_clock}[what]()
    sys.argv = ["batchconv", *arguments]
    from batchconv.cli import main as command  # noqa: PLC0415 - after the clock was replaced

    command()


if __name__ == "__main__":
    main()
