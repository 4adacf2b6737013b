"""How long to wait before the next attempt: pure decisions, made for tenacity."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tenacity import AsyncRetrying, RetryCallState, retry_if_result
from tenacity.wait import wait_base, wait_random_exponential

from batchconv.retry_after import retry_after
from batchconv.vonage.verdicts import Judged


def retry_loop(backoff: Backoff, again: Callable[[Judged | None], bool]) -> AsyncRetrying:
    """Calls a coroutine function until *again* says of what it gave that it is good."""
    return AsyncRetrying(retry=retry_if_result(again), wait=backoff, sleep=asyncio.sleep)


class Backoff(wait_base):
    """Exponential with full jitter; a `Retry-After` is obeyed instead.

    Args:
        base: seconds; the first wait is between 0 and this, the next between 0 and twice it.
        longest: seconds, the most that the exponential grows to.
        wall: Unix seconds now, for a `Retry-After` that is a date.
    """

    def __init__(self, base: float, longest: float, wall: Callable[[], float]) -> None:
        self._jitter = wait_random_exponential(multiplier=base, max=longest)
        self._wall = wall

    def __call__(self, retry_state: RetryCallState) -> float:
        """Seconds to wait after the attempt in *retry_state*."""
        outcome = retry_state.outcome
        judged: Judged | None = outcome.result() if outcome is not None else None
        asked = retry_after(judged.reply.retry_after, self._wall()) if judged else None
        return float(self._jitter(retry_state)) if asked is None else asked
