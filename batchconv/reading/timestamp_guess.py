"""Which `--timestamp-format` fits times that are not understood by themselves."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from batchconv.reading.timestamp_formats import compile_format, moment_of

_DATES = (
    "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d", "%Y-%m-%d",
    "%d/%m/%y", "%m/%d/%y", "%d.%m.%y", "%d-%b-%Y", "%d-%b-%y", "%d %b %Y", "%d %B %Y",
    "%b %d, %Y", "%B %d, %Y",
)  # fmt: skip
_TIMES = (
    " %H:%M:%S", " %H:%M", " %H:%M:%S.%f", " %I:%M:%S %p", " %I:%M %p", ", %H:%M:%S", ", %H:%M",
    ", %I:%M:%S %p", ", %I:%M %p", "",
)  # fmt: skip
_OTHERS = (
    "%Y%m%d%H%M%S", "%Y%m%d %H:%M:%S", "%Y%m%d",
    "%a %b %d %H:%M:%S %Y",  # C's ctime
    "%a %b %d %H:%M:%S %Z %Y",  # Java's Date.toString, date(1)
    "%a %b %d %Y %H:%M:%S %Z",  # JavaScript's Date.toString
    "%d/%b/%Y:%H:%M:%S %z",  # logs of web servers
    "%d-%b-%y %I.%M.%S.%f %p", "%d-%b-%y %I.%M.%S %p",  # Oracle
    "%d/%m/%Y %H:%M:%S %z", "%m/%d/%Y %H:%M:%S %z", "%d.%m.%Y %H:%M:%S %z",
)  # fmt: skip
CANDIDATES = (*(date + time for date in _DATES for time in _TIMES), *_OTHERS)


def fitting(texts: Iterable[str], among: Iterable[str] = CANDIDATES) -> list[str]:
    """The formats in which every one of *texts* is a time, the likeliest first."""
    left = list(among)
    for text in texts:
        left = [one for one in left if _fits(text.strip(), one)]
        if not left:
            break
    return left


def as_options(formats: Iterable[str]) -> str:
    """Formats as options to be pasted: `--timestamp-format '%d.%m.%Y'`, joined by "or"."""
    return " or ".join(f"--timestamp-format '{one}'" for one in formats)


@lru_cache(maxsize=len(CANDIDATES))
def _compiled(notation: str) -> re.Pattern[str]:
    return compile_format(notation)


def _fits(text: str, notation: str) -> bool:
    match = _compiled(notation).fullmatch(text)
    if match is None:
        return False
    try:
        moment_of(match.groupdict())
    except ValueError:
        return False
    return True
