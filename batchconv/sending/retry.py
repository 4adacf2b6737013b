"""How long to wait before the next attempt: pure decisions, made for tenacity."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from datetime import UTC
from email.utils import parsedate_to_datetime

from tenacity import AsyncRetrying, RetryCallState, retry_if_result
from tenacity.wait import wait_base, wait_random_exponential

from batchconv.vonage.verdicts import Judged

MAX_RETRY_AFTER = 120.0
"""Seconds; a longer `Retry-After` is cut to this."""


def retry_after(value: str | None, now: float) -> float | None:
    """Seconds that a `Retry-After` header asks for, at most 120; None when it asks for no wait.

    That is also one of 0, or a date that has passed: it must not undo the backoff.

    Args:
        value: seconds or an HTTP date (RFC 9110, 10.2.3).
        now: Unix seconds.
    """
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        # So many digits that a float cannot hold them are still just "long".
        seconds = float(text) if len(text) < 10 else math.inf
    else:
        try:
            moment = parsedate_to_datetime(text)
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=UTC)  # what -0000 and a missing zone mean
            seconds = moment.timestamp() - now
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
    return min(seconds, MAX_RETRY_AFTER) if seconds > 0 else None


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
