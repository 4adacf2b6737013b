"""A `--timestamp-format` → what reads times in it, and nothing that it would not write.

The directives are `strptime`'s. Python's own `strptime` is not asked: it ignores `%p` behind
`%H`, takes any name of the machine's zone for `%Z` and forgets it, lets the 366th day spill into
the next year, and cuts digits that stand together wherever it can. Here a format that leaves the
time open is refused, and a value must be what the format writes. The one liberty: day, month and
hour may lack their leading zero where no other digit stands beside them, as spreadsheets have it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta

from batchconv.errors import UsageError
from batchconv.reading.timezones import OFFSET

_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august",
           "september", "october", "november", "december")  # fmt: skip
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTH_OF = {name[:3]: number for number, name in enumerate(_MONTHS, 1)}
_DAY_OF = {name[:3]: number for number, name in enumerate(_DAYS)}

SHORT_MONTH, SHORT_DAY = "|".join(_MONTH_OF), "|".join(_DAY_OF)
# JavaScript has the zone's name behind it, in parentheses: it says nothing more.
_ZONE = rf"(?:{OFFSET}|[A-Za-z][A-Za-z_]*(?:[/+-][A-Za-z0-9_:+/-]*)?)(?: \([^()]*\))?"

# Directive → what it tells, and what it looks like. Digits: how many, at least and at most.
_DIGITS = {
    "Y": ("year", 4, 4), "y": ("year", 2, 2), "m": ("month", 1, 2), "d": ("day", 1, 2),
    "j": ("day", 3, 3), "H": ("hour", 1, 2), "I": ("hour", 1, 2), "M": ("minutes", 2, 2),
    "S": ("seconds", 2, 2), "f": ("fraction", 1, 0), "G": ("year", 4, 4), "V": ("week", 2, 2),
    "u": ("day", 1, 1),
}  # fmt: skip
_WORDS = {
    "b": ("month", SHORT_MONTH), "B": ("month", "|".join(_MONTHS)),
    "a": ("weekday", SHORT_DAY), "A": ("weekday", "|".join(_DAYS)),
    "p": ("AM or PM", "[ap]m"), "z": ("offset", f"Z|{OFFSET}"), "Z": ("offset", _ZONE),
}  # fmt: skip
_SHORT_FOR = {"F": "%Y-%m-%d", "T": "%H:%M:%S", "R": "%H:%M", "D": "%m/%d/%y"}
_REFUSED = {
    **dict.fromkeys("cxX", "depends on the machine's language; write it out"),
    **dict.fromkeys("UWw", "leaves the day open; for weeks write the ISO form: %G-W%V-%u"),
    "s": "is not needed: epochs are recognised without a format",
}
_TOKEN = re.compile(r"%(.?)|(\s+)|([^%\s]+)", re.DOTALL)
_SUCH_AS = "such as '%d/%m/%Y %H:%M:%S'"


def compile_format(notation: str) -> re.Pattern[str]:
    """What matches the times that are written in a format; `moment_of` reads its groups.

    Raises:
        UsageError: the format is none, or leaves the time open.
    """
    for short, long in _SHORT_FOR.items():
        notation = re.sub(rf"(?<!%)((?:%%)*)%{short}", rf"\1{long}", notation)
    tokens = [(m[1], m[2] or m[3] or "") for m in _TOKEN.finditer(notation.strip())]
    _check(notation, [directive for directive, _ in tokens if directive is not None])
    pieces = []
    for index, (directive, text) in enumerate(tokens):
        if directive is None:
            pieces.append(r"\s+" if text.isspace() else re.escape(text))
        elif directive == "%":
            pieces.append("%")
        elif directive in _WORDS:
            pieces.append(f"(?P<{directive}>{_WORDS[directive][1]})")
        else:
            beside = _ends_in_digit(tokens[:index][-1:], -1), _ends_in_digit(tokens[index + 1 :], 0)
            _, least, most = _DIGITS[directive]
            if not most and beside[1]:
                raise _refusal(notation, "digits behind %f leave open where the fraction ends")
            count = f"{most if any(beside) and most else least},{most or ''}"
            pieces.append(f"(?P<{directive}>[0-9]{{{count}}})")
    return re.compile("".join(pieces), re.IGNORECASE)


def _ends_in_digit(neighbours: list[tuple[str | None, str]], end: int) -> bool:
    for directive, text in neighbours[:1]:
        return directive in _DIGITS if directive is not None else text[end].isdigit()
    return False


def _check(notation: str, directives: list[str]) -> None:
    told: dict[str, str] = {}
    for one in directives:
        if one == "%":
            continue
        if one in _REFUSED:
            raise _refusal(notation, f"%{one} {_REFUSED[one]}")
        if one not in _DIGITS and one not in _WORDS:
            raise _refusal(notation, f"%{one} is not a strptime directive")
        part = (_DIGITS.get(one) or _WORDS[one])[0]
        if part in told:
            raise _refusal(notation, f"%{told[part]} and %{one} both give the {part}")
        told[part] = one
    _check_together(notation, told)


def _check_together(notation: str, told: Mapping[str, str]) -> None:
    """What one directive asks of the others.

    Args:
        notation: the format.
        told: part of a time → the directive that tells it.
    """
    has = set(told.values())
    if "I" in has and "p" not in has:
        raise _refusal(notation, "%I needs %p for morning or afternoon")
    if "p" in has and "I" not in has:
        raise _refusal(notation, "%p has an effect with %I only: write %I, or leave %p out")
    dated = "d" in has if "month" in told else "j" in has
    weeks = has >= {"G", "V", "u"} and "month" not in told
    if not (weeks or (has & {"Y", "y"} and dated)):
        raise _refusal(notation, "it does not give year, month and day")
    for part, needed in (("minutes", "hour"), ("seconds", "minutes"), ("fraction", "seconds")):
        if part in told and needed not in told:
            raise _refusal(notation, f"it gives the {part} without the {needed}")


def _refusal(notation: str, why: str) -> UsageError:
    return UsageError(f"--timestamp-format {notation!r}: {why}", hint=_SUCH_AS)


def moment_of(parts: Mapping[str, str | None]) -> datetime:
    """The time of day that the groups of a match tell, in whatever zone they are.

    Raises:
        ValueError: there is no such time, or the weekday is not that of the date.
    """
    get = parts.get
    year = int(get("Y") or 0)
    if get("y"):  # POSIX: 69 and up are of the last century
        year = int(parts["y"] or 0) + (1900 if (parts["y"] or "") >= "69" else 2000)
    hour = int(get("H") or 0)
    if get("p"):
        hour = int(get("I") or 0)
        if not 1 <= hour <= 12:
            raise ValueError(hour)
        hour = hour % 12 + 12 * ((parts["p"] or "")[0] in "pP")
    minute, second = int(get("M") or 0), int(get("S") or 0)
    if get("d"):
        month = get("b") or get("B")
        number = int(get("m") or 0) if month is None else _MONTH_OF[month[:3].lower()]
        local = datetime(year, number, int(parts["d"] or 0), hour, minute, second)  # noqa: DTZ001 - the zone is applied where gaps are looked for
    else:
        week = [int(get(each) or 0) for each in "GVu"]
        day = date.fromisocalendar(*week) if get("G") else _day_of_year(year, int(get("j") or 0))
        local = datetime(day.year, day.month, day.day, hour, minute, second)  # noqa: DTZ001 - as above
    weekday = get("a") or get("A")
    if weekday and _DAY_OF[weekday[:3].lower()] != local.weekday():
        raise ValueError(weekday)
    return local


def _day_of_year(year: int, day: int) -> date:
    found = date(year, 1, 1) + timedelta(days=day - 1)
    if found.year != year:
        raise ValueError(day)
    return found
