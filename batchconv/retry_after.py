"""What a `Retry-After` header asks for, of the API as of a server that inputs are read from."""

from __future__ import annotations

import math
from datetime import UTC
from email.utils import parsedate_to_datetime

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
