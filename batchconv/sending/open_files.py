"""How many connections the system lets this process have open at once."""

from __future__ import annotations

import resource
import sys
from contextlib import suppress

from batchconv.errors import UsageError
from batchconv.sending.traffic import MOST_FOUND

_OTHERS = 64  # descriptors for files, pipes and the loop itself


def raise_limit() -> None:
    """Use what the system would grant anyway; for a program of one's own, not for a library."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft not in (hard, resource.RLIM_INFINITY):
        wanted = 65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536)
        if wanted > soft:
            with suppress(OSError, ValueError):  # a sandbox may forbid it; then it stays as it is
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def most_found(*, embedded: bool) -> int:
    """The most requests in flight that `--concurrency auto` may come to."""
    return min(MOST_FOUND, _most_requests(embedded=embedded))


def check_concurrency(concurrency: int, *, embedded: bool) -> None:
    """Refuse what would end in errors half-way.

    Args:
        concurrency: connections that may be open at once.
        embedded: the simulator is in this process: each connection has both its ends here.

    Raises:
        UsageError: the system grants fewer open files.
    """
    most = _most_requests(embedded=embedded)
    if concurrency > most:
        raise UsageError(
            f"--concurrency {concurrency} needs more open files than the system grants this "
            f"program; it allows {most}",
            hint="raise the limit (ulimit -n), or name a smaller number",
        )


def _most_requests(*, embedded: bool) -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        soft = sys.maxsize
    return max(1, (soft - _OTHERS) // (2 if embedded else 1))
