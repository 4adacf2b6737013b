"""Which `--timestamp-format` fits times that are not understood by themselves."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from batchconv.reading.timestamp_formats import compile_format, moment_of
from batchconv.reading.timezones import zone_of

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
_MOST_TOLD = 3  # formats in a sentence
# Patterns that hardly any run needs are texts: `re` compiles them when they are used.
# A time followed by a zone's name: CET, or in Java's notation CET 2026.
_NAMED_ZONE = r".*[0-9]:[0-9]{2}[0-9:.]* ?(?![AaPp][Mm])([A-Za-z]{2,5})(?: [0-9]{4})?"
_WRONG = (
    (
        r"[2-6][0-9]{4}(?:[.,][0-9]+)?",
        "is a spreadsheet's number of a day; format the column as yyyy-mm-dd hh:mm:ss there, and "
        "export it again",
    ),
    (
        r"[0-9][.,][0-9]+[eE][+]?[0-9]+",
        "is a rounded number; export the times again as text",
    ),
    (
        r"[0-9]{19}(?:[.,]0*)?",
        "is an epoch in nanoseconds; cut off its last 3 digits",
    ),
)
_ANY = "write yyyy-MM-dd HH:mm:ss, ISO 8601 or an epoch, or name its --timestamp-format"
_DIGIT = re.compile("[0-9]")
CANDIDATES = (*(date + time for date in _DATES for time in _TIMES), *_OTHERS)


def fitting(texts: Iterable[str], among: Iterable[str] = CANDIDATES) -> list[str]:
    """The formats in which every one of *texts* is a time, the likeliest first."""
    left = list(among)
    for text in texts:
        alike = _alike(_DIGIT.sub("0", text.strip()))
        left = [one for one in left if one in alike and _is_possible(text.strip(), one)]
        if not left:
            break
    return left


def as_options(formats: Iterable[str]) -> str:
    """Formats as options to be pasted: `--timestamp-format '%d.%m.%Y'`, joined by "or"."""
    return " or ".join(f"--timestamp-format '{one}'" for one in formats)


def what_is_wrong(text: str) -> str:
    """What a time is that is not understood, and what to do about it."""
    for look, why in _WRONG:
        if re.fullmatch(look, text.strip()):
            return why
    formats = fitting([text])[:_MOST_TOLD]
    if formats:
        return f"is an unrecognised timestamp format; give {as_options(formats)}"
    named = re.fullmatch(_NAMED_ZONE, text.strip())
    if named:
        return unknown_zone(named[1])
    return f"is an unrecognised timestamp format; {_ANY}"


def unknown_zone(name: str) -> str:
    """What is wrong with a time in a zone that nothing defines."""
    return (
        f"has the zone {name!r}, which does not say its offset; write UTC, an offset such as "
        "+01:00, or a name such as Europe/Berlin"
    )


@lru_cache(maxsize=len(CANDIDATES))
def _compiled(notation: str) -> re.Pattern[str]:
    return compile_format(notation)


@lru_cache(maxsize=1024)
def _alike(zeros: str) -> frozenset[str]:
    """The formats that a text looks like, whose digits are all written as zeros here."""
    return frozenset(one for one in CANDIDATES if _compiled(one).fullmatch(zeros))


def _is_possible(text: str, notation: str) -> bool:
    match = _compiled(notation).fullmatch(text)
    if match is None:
        return False
    parts = match.groupdict()
    try:
        moment_of(parts)
        if parts.get("Z"):
            zone_of(parts["Z"])
    except (ValueError, LookupError):
        return False
    return True
