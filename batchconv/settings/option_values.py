"""The text of an option's value → the value; each raises ValueError with a sentence."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, tzinfo
from typing import TypeVar

from batchconv.reading.columns import FIELDS
from batchconv.sending.durations import parse_duration
from batchconv.sending.relay.staffing import MOST_WORKERS
from batchconv.sending.traffic import NO_ERROR_LIMIT, ErrorLimit

T = TypeVar("T")


def at_least(least: int) -> Callable[[str], int]:
    """A reader of whole numbers from *least* up."""

    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit()) or int(text) < least:
            raise ValueError(f"{text!r} is not an integer from {least} up")
        return int(text)

    return parse


def between(least: int, most: int) -> Callable[[str], int]:
    """A reader of whole numbers from *least* to *most*."""

    def parse(text: str) -> int:
        number = at_least(least)(text)
        if number > most:
            raise ValueError(f"{text!r} is more than {most}")
        return number

    return parse


def read_rate(text: str) -> float | None:
    """Requests a second, or None for `none`."""
    if text == "none":
        return None
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate <= 1_000_000:
        raise ValueError(f"{text!r} is not a number of requests a second; write 20, 0.5 or none")
    return rate


def read_concurrency(text: str) -> int | None:
    """Requests in flight, or None for `auto`."""
    return _or_auto(at_least(1), text)


def read_workers(text: str) -> int | None:
    """Processes that send, or None for `auto`."""
    return _or_auto(between(1, MOST_WORKERS), text)


def read_engine_address(text: str) -> str:
    """The address of a Ray cluster, as seen from within it."""
    host, _, port = text.rpartition(":")
    if text != "auto" and not (host and "/" not in host and port.isascii() and port.isdigit()):
        raise ValueError(
            "it should be the address of the cluster's head, such as ray-head:6379, or auto"
        )
    return text


def _or_auto(parse: Callable[[str], int], text: str) -> int | None:
    if text == "auto":
        return None
    try:
        return parse(text)
    except ValueError as error:
        raise ValueError(f"{error}; or write auto") from None


def read_error_limit(text: str) -> ErrorLimit:
    """`100`, `5%`, or `none`, which is not the same as leaving it out."""
    if text == "none":
        return NO_ERROR_LIMIT
    number = text.removesuffix("%")
    percent = number != text
    try:
        most = float(number) if percent else float(at_least(0)(number))
    except ValueError:
        most = -1.0
    if not 0 <= most <= (100 if percent else 1e12):
        raise ValueError(f"{text!r} is not a number of rows; write 100, or a share of them: 5%")
    return ErrorLimit(most, percent)


def or_none(parse: Callable[[str], T]) -> Callable[[str], T | None]:
    """A reader that takes `none`, too: what a file sets must be to be undone by a flag."""
    return lambda text: None if text == "none" else parse(text)


def read_positive_duration(text: str) -> float:
    """Seconds, more than none."""
    seconds = parse_duration(text)
    if not seconds:
        raise ValueError("the duration must be longer than 0")
    return seconds


def read_zone(text: str) -> tzinfo:
    """A timezone by its name."""
    if text.upper() in ("UTC", "Z"):
        return UTC
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - start-up: mostly it is UTC

    try:
        return ZoneInfo(text)
    except (LookupError, ValueError, OSError):
        raise ValueError(
            f"{text!r} is not a timezone; write UTC or a name like Europe/Berlin"
        ) from None


def read_mapping(text: str) -> tuple[str, str]:
    """`FIELD=COLUMN` as a pair."""
    name, equals, column = text.partition("=")
    name = name.strip().replace("-", "_")
    if not equals or not column or name not in FIELDS:
        raise ValueError(f"{text!r}: write FIELD=COLUMN, where FIELD is one of {', '.join(FIELDS)}")
    return name, column


def read_text(text: str) -> str:
    """A text that says something."""
    if not text.strip():
        raise ValueError("the text is empty")
    return text.strip()


def read_delimiter(text: str) -> str:
    """One character, the word `tab`, or a character's number as Hive has it: `\\001`, `\\x01`."""
    mark = {"tab": "\t", "\\t": "\t"}.get(text, text)
    if number := re.fullmatch(r"\\(?:([0-7]{3})|x([0-9a-fA-F]{2}))", text):
        mark = chr(int(number[1], 8) if number[1] else int(number[2], 16))
    # With NUL between one-letter names, a header would look like UTF-16.
    if len(mark) != 1 or mark in '"\r\n\0':
        raise ValueError(f"{text!r} is not a delimiter; write one character, or tab")
    return mark


def read_escape(text: str) -> str:
    """One character that is neither a quote nor the end of a line."""
    if len(text) != 1 or text in '"\r\n\t ':
        raise ValueError(f"{text!r} is not an escape character; write one character, such as '\\'")
    return text


def read_simulation(text: str) -> str | None:
    """A profile of the simulator, or None for `none`; it is one of the choices."""
    return None if text == "none" else text


def read_boolean(text: str) -> bool:
    """`true` or `false`, which are the only choices."""
    return text == "true"
