"""Where the axes of a picture have their marks: at round values and round moments."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from itertools import pairwise

_LOG_STEPS = ((1,), (1, 3), (1, 2, 5), (1, 2, 3, 5, 7), (1, 1.5, 2, 3, 4, 5, 6, 8))
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_PERIODS = (
    0.25, 0.5, 1, 2, 5, 10, 15, 30,
    *(_MINUTE * count for count in (1, 2, 5, 10, 15, 30)),
    *(_HOUR * count for count in (1, 2, 3, 6, 12)),
    *(_DAY * count for count in (1, 2, 7, 14, 28, 56, 112, 364)),
)  # fmt: skip


def round_values(low: float, high: float, most: int) -> list[float]:
    """Round values between the two on a logarithmic axis, as many as fit."""
    values: list[float] = []
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in _LOG_STEPS:
        finer = [step * 10.0**power for power in powers for step in steps]
        finer = [value for value in finer if low <= value <= high]
        nearest = min((two / one for one, two in pairwise(finer)), default=math.inf)
        # Beside each other at two thirds of the space that each would have.
        if len(finer) > most or math.log(nearest) < math.log(high / low) / most / 1.5:
            break
        values = finer
    return values or [math.sqrt(low * high)]


def round_moments(begin: float, end: float, most: int) -> list[tuple[float, str]]:
    """Round moments between the two, in Unix seconds, with their labels in UTC.

    The day stands under the first one, and under each with which a day begins anew.
    """
    period = next(
        (each for each in _PERIODS if (end - begin) / each <= most - 1), (end - begin) / (most - 1)
    )
    first = math.ceil(begin / period)
    last = max(first, math.floor(end / period))
    moments: list[tuple[float, str]] = []
    known = ""
    for number in range(first, last + 1):
        moment = datetime.fromtimestamp(number * period, UTC)
        label, under = _label(moment, period)
        moments.append((number * period, label if under == known else f"{label}\n{under}"))
        known = under
    return moments


def _label(moment: datetime, period: float) -> tuple[str, str]:
    if period >= _DAY:
        return f"{moment:%d %b}", f"{moment:%Y}"
    if period >= _MINUTE:
        time = f"{moment:%H:%M}"
    elif period >= 1:
        time = f"{moment:%H:%M:%S}"
    else:
        time = f"{moment:%H:%M:%S}.{moment.microsecond // 10_000:02d}"
    return time, f"{moment:%Y-%m-%d}"
