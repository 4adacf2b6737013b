"""Numbers, times and foreign texts, for people."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime

from batchconv.sending.durations import show_duration

NOTHING = "\N{EN DASH}"
"""What stands where there is no value."""

# Nothing to see, or it changes the order in which the rest is seen.
_UNSEEN = frozenset(("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp", "Zs"))


def visible(text: str, most: int = 200) -> str:
    r"""A text from the data with all that cannot be seen written out: `\u202e`, `\x1b`.

    Args:
        text: any text; a lone surrogate in it is written out, too.
        most: characters that are shown, those of what is written out counted.
    """
    shown = ""
    for char in text:
        part = char if _seen(char) else ascii(char)[1:-1]
        if len(shown) + len(part) > most:
            return f"{shown}…"
        shown += part
    return shown


def _seen(char: str) -> bool:
    return char == " " or unicodedata.category(char) not in _UNSEEN


def duration(seconds: float | None) -> str:
    """`1 h 5 min`, `12.3 s`, `40 ms`."""
    return NOTHING if seconds is None else show_duration(seconds)


def short_duration(seconds: float) -> str:
    """A round length of time for the mark of an axis, in one unit: `90 s`, `2.5 min`."""
    for unit, length in (("h", 3600), ("min", 60), ("s", 1)):
        if seconds >= (length if length == 1 else 2 * length):
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds * 1000:.3g} ms" if seconds else "0"


def rate(per_second: float | None) -> str:
    """So many a second, to three digits."""
    if per_second is None:
        return NOTHING
    return f"{per_second:,.0f}" if per_second >= 99.95 else f"{per_second:.3g}"


def share(part: int, whole: int) -> str:
    """A part in percent, never 0 % of something nor 100 % of less than all."""
    if not whole:
        return NOTHING
    percent = 100 * part / whole
    if 0 < percent < 0.05:
        return "<0.1 %"
    if 99.95 <= percent < 100:
        return ">99.9 %"
    return f"{percent:.1f} %" if part not in (0, whole) else f"{percent:.0f} %"


def moment(seconds: float) -> str:
    """`2026-11-20 06:08:15`, UTC."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"


def moment_exact(seconds: float) -> str:
    """`2026-11-20T06:08:15.123Z`."""
    told = datetime.fromtimestamp(seconds, UTC)
    return told.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def moments(begin: float | None, end: float | None) -> str:
    """From when to when; the day is shown once."""
    if begin is None or end is None:
        return NOTHING
    first, last = moment(begin), moment(end)
    if first == last:
        return f"{first} UTC"
    return f"{first} to {last[11:] if first[:10] == last[:10] else last} UTC"
