"""How many workers a run needs."""

from __future__ import annotations

import os

MOST_WORKERS = 1_000
"""More than any machine has cores; a number with a digit too many is a slip."""

RATE_OF_A_WORKER = 100
"""Requests a second from which on a worker of its own is started.

Each worker keeps its part of the rate by itself and may be one request over in a second. So with
fewer for each they could be more over together than the rate allows; and one process alone sends
thousands.
"""


def staff(wanted: int | None, rate: float | None) -> tuple[int, list[str]]:
    """How many workers there are to be, and what people should know about it.

    Args:
        wanted: so many; None for one on each core that this process may use.
        rate: requests a second that the user allows; None for no limit.
    """
    asked = usable_cores() if wanted is None else wanted
    needed = asked if rate is None else min(asked, max(1, int(rate / RATE_OF_A_WORKER)))
    if wanted is None or needed == wanted:
        return needed, []
    return needed, [f"--workers {wanted}: --rate {rate:g} needs only {needed}"]


def usable_cores() -> int:
    """Cores that this process may use; a container's share of their time is not in it."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        return os.cpu_count() or 1
