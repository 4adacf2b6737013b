"""Which column holds which field: by the names everyone uses, or as the user says."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from batchconv.errors import UsageError

FIELDS = ("message_id", "delivered", "timestamp", "channel")
ADDED_COLUMNS = (
    "_outcome", "_reason", "_status", "_attempts", "_source", "_row", "_key", "_run", "_raw",
)  # fmt: skip
"""What a failed-rows file adds to the input's own columns; ignored when it is fed back."""

_FIRST_ADDED = re.compile(f'{ADDED_COLUMNS[0]}"?(.)"?{ADDED_COLUMNS[1]}')
_MOST_SHOWN = 30  # names in an error; a file may have thousands of columns
_LIKE_IDS = re.compile(r"(?:message|msg|sms|call|event|uu)\w*id|\w*messageid|uuid|(?:^|\.)id\b")
_LIKE_STATES = re.compile(r"status|state$|^dlr|^stat$|receipt|deliveryre")
_LIKE_DELIVERED = re.compile(r"deliver|convert|conversion|success|acted|clicked|responded|verified")
# Case, `-`, `_` and camelCase are one.
_TAKEN_BY_THEMSELVES = {
    "messageid": "message_id",
    "eventid": "message_id",
    "callid": "message_id",
    "delivered": "delivered",
    "timestamp": "timestamp",
    "channel": "channel",
}


def delimiter_of_failed_rows(header: str) -> str | None:
    """What stands between the added columns in a failed-rows file's *header*; None in any other.

    It is the input's, which may be any character.
    """
    found = _FIRST_ADDED.search(header)
    return found[1] if found else None


class ColumnPositions(NamedTuple):
    """Where in a record each field stands: an index among the names, or None."""

    message_id: int | None
    delivered: int | None
    timestamp: int | None
    channel: int | None


class Recognised(NamedTuple):
    """Which columns of an input are used.

    Attributes:
        fields: field → the column that holds it.
        ignored: columns that hold none; what lies around a nested field is none of them.
    """

    fields: dict[str, str]
    ignored: list[str]


class ColumnError(UsageError):
    """The columns do not say what is what; the text names the `--map` that settles it."""


def _plain(name: str) -> str:
    return name.strip().lower().replace("-", "").replace("_", "").replace(" ", "")


def _shown(name: str) -> str:
    """A name for a sentence: one that a terminal can show, and not too long."""
    text = name if name.isprintable() else ascii(name)
    return text if len(text) <= 60 else text[:57] + "..."


def find_columns(names: Sequence[str], mapped: dict[str, str]) -> ColumnPositions:
    """Find each field among the column *names*.

    Args:
        names: the header's cells, or the keys of a JSON object.
        mapped: field → column, as the user named them with `--map`.

    Raises:
        ColumnError: two candidates for one field, or a column of *mapped* that is not there
            twice over. A mapped column that is missing gives None: whether that is an error,
            `require_columns` says.
    """
    found: dict[str, list[int]] = {field: [] for field in FIELDS}
    for index, name in enumerate(names):
        field = _TAKEN_BY_THEMSELVES.get(_plain(name))
        if field is not None:
            found[field].append(index)
    for field, column in mapped.items():
        exact = [i for i, name in enumerate(names) if name == column]
        found[field] = exact or [
            i for i, name in enumerate(names) if _plain(name) == _plain(column)
        ]
    for field, places in found.items():
        if len(places) > 1:
            first = _shown(names[places[0]])
            shown = " and ".join(_shown(repr(names[i])) for i in places[:_MOST_SHOWN])
            if len({names[i] for i in places}) == 1:
                raise ColumnError(
                    f"column {first!r} exists {len(places)} times, and it is not "
                    f"clear which one holds {field}",
                    hint=f"rename one of them, or name another column with --map {field}=COLUMN",
                )
            raise ColumnError(
                f"columns {shown} could both hold {field}",
                hint=f"choose one with --map {field}={first}",
            )
    return ColumnPositions(*(found[field][0] if found[field] else None for field in FIELDS))


def recognise(shapes: Iterable[tuple[Sequence[str], ColumnPositions]]) -> Recognised:
    """What the columns of an input hold, of which records may have several *shapes*."""
    fields: dict[str, str] = {}
    others: dict[str, None] = {}
    for names, places in shapes:
        for field, place in zip(FIELDS, places, strict=True):
            if place is not None:
                fields.setdefault(field, names[place])
        others.update(dict.fromkeys(names))
    held = set(fields.values())
    around = {
        column[:at] for column in held for at, character in enumerate(column) if character == "."
    }
    return Recognised(fields, [name for name in others if name not in held | around])


def count_known(names: Sequence[str], wanted_too: Iterable[str]) -> int:
    """How many of the *names* a field is found by, of themselves or as the user named them."""
    wanted = {*_TAKEN_BY_THEMSELVES, *map(_plain, wanted_too)}
    return sum(_plain(name) in wanted for name in names)


def require_columns(
    places: ColumnPositions, names: Sequence[str], mapped: dict[str, str], *, delivered_given: bool
) -> None:
    """Refuse columns without which not one row could be sent.

    Raises:
        ColumnError: a mapped column, the message id, or `delivered` is missing.
    """
    more = f" and {len(names) - _MOST_SHOWN} more" if len(names) > _MOST_SHOWN else ""
    seen = ", ".join(map(_shown, names[:_MOST_SHOWN])) + more if names else "none"
    for field, column in mapped.items():
        if getattr(places, field) is None:
            near = difflib.get_close_matches(column, map(_shown, names[:1000]), n=1)
            guess = f"did you mean --map {field}={near[0]}?" if near else f"the columns are: {seen}"
            raise ColumnError(f"--map {field}={column}: there is no column {column!r}", hint=guess)
    if places.message_id is None and places.delivered is None and not delivered_given:
        raise ColumnError(
            f"no column holds the message id or the delivered value; the columns are: {seen}",
            hint=f"name the id with --map message_id={_probable(names, _LIKE_IDS)}; for the "
            f"delivered value: {_hint_for_delivered(names)}",
        )
    if places.message_id is None:
        raise ColumnError(
            f"no column holds the message id; the columns are: {seen}",
            hint=f"name it with --map message_id={_probable(names, _LIKE_IDS)}",
        )
    if places.delivered is None and not delivered_given:
        raise ColumnError(
            f"no column holds the delivered value; the columns are: {seen}",
            hint=_hint_for_delivered(names),
        )


def _probable(names: Sequence[str], like: re.Pattern[str]) -> str:
    """The one column whose name is like that, quoted for a shell; else the word COLUMN."""
    found = [name for name in names[:1000] if like.search(_plain(name))]
    return shlex.quote(found[0]) if len(found) == 1 and found[0].isprintable() else "COLUMN"


def _hint_for_delivered(names: Sequence[str]) -> str:
    states = [name for name in names[:1000] if _LIKE_STATES.search(_plain(name))]
    if states:  # "--delivered true" would report failed messages as acted upon here
        return (
            f"{_shown(states[0])!r} may hold the status of the message; the API asks whether the "
            "user did what it asked for: name the column that says that with "
            "--map delivered=COLUMN, and words that mean yes and no with --true and --false"
        )
    column = _probable(names, _LIKE_DELIVERED)
    return (
        f"name it with --map delivered={column}, or say it for all rows with --delivered true "
        "or false"
    )
