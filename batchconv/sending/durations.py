"""A length of time as people write it: `500ms`, `30s`, `15m`, `2h`, `1d`."""

from __future__ import annotations

import math
import re

_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "": 1.0}
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d|)", re.ASCII)


def parse_duration(text: str) -> float:
    """The seconds that *text* stands for; a bare number is seconds.

    Raises:
        ValueError: with a sentence that shows what is accepted.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a duration; write 500ms, 30s, 15m, 2h or 1d")
    seconds = float(match[1]) * _UNIT_SECONDS[match[2]]
    if seconds == math.inf:
        raise ValueError(f"{text[:20]!r}… is too long")
    return seconds


def show_duration(seconds: float) -> str:
    """The length of time for people, to two units: `1 h 5 min`, `12.3 s`, `40 ms`."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, secs = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {secs} s" if secs else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"
