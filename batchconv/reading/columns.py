"""Which column holds which field: by the names everyone uses, or as the user says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from batchconv.errors import UsageError
from batchconv.reading.column_hints import Candidates, map_option, plain

FIELDS = ("message_id", "delivered", "timestamp", "channel")
ADDED_COLUMNS = (
    "_outcome", "_reason", "_status", "_attempts", "_source", "_row", "_key", "_run", "_raw",
)  # fmt: skip
"""What a failed-rows file adds to the input's own columns; ignored when it is fed back."""

_FIRST_ADDED = re.compile(f'{ADDED_COLUMNS[0]}"?(.)"?{ADDED_COLUMNS[1]}')
_MOST_SHOWN = 30  # names in an error; a file may have thousands of columns
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


def _shown(name: str) -> str:
    """A name for a sentence: one that a terminal can show, and not too long."""
    text = name if name.isprintable() else ascii(name)
    return text if len(text) <= 60 else text[:57] + "..."


def find_columns(names: Sequence[str], mapped: Mapping[str, str]) -> ColumnPositions:
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
        field = _TAKEN_BY_THEMSELVES.get(plain(name))
        if field is not None:
            found[field].append(index)
    for field, column in mapped.items():
        exact = [i for i, name in enumerate(names) if name == column]
        found[field] = exact or [i for i, name in enumerate(names) if plain(name) == plain(column)]
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
    wanted = {*_TAKEN_BY_THEMSELVES, *map(plain, wanted_too)}
    return sum(plain(name) in wanted for name in names)


def require_columns(
    places: ColumnPositions,
    names: Sequence[str],
    mapped: Mapping[str, str],
    *,
    delivered_given: bool,
    records: Sequence[Sequence[object]] = (),
) -> None:
    """Refuse columns without which not one row could be sent.

    Args:
        places: of the fields.
        names: of the columns.
        mapped: field → column, as the user named them.
        delivered_given: rows need not say it.
        records: the values of a few rows, by which the right columns may be recognised.

    Raises:
        ColumnError: a mapped column, the message id, or `delivered` is missing.
    """
    more = f" and {len(names) - _MOST_SHOWN} more" if len(names) > _MOST_SHOWN else ""
    seen = ", ".join(map(_shown, names[:_MOST_SHOWN])) + more if names else "none"
    for field, column in mapped.items():
        if getattr(places, field) is None:
            import difflib  # noqa: PLC0415 - start-up: only who mistypes needs it

            near = difflib.get_close_matches(column, map(_shown, names[:1000]), n=1)
            guess = f"did you mean --map {field}={near[0]}?" if near else f"the columns are: {seen}"
            raise ColumnError(f"--map {field}={column}: there is no column {column!r}", hint=guess)
    missing = [
        (field, what)
        for field, what in (("message_id", "the message id"), ("delivered", "the delivered value"))
        if getattr(places, field) is None and not (field == "delivered" and delivered_given)
    ]
    if missing:
        what = " or ".join(what for _, what in missing)
        free = [at for at, name in enumerate(names) if not count_known([name], mapped.values())]
        candidates = Candidates(
            [names[at] for at in free], [[record[at] for at in free] for record in records]
        )
        hint = _hint(places, candidates, [field for field, _ in missing])
        raise ColumnError(f"no column holds {what}; the columns are: {seen}", hint=hint)


def _hint(places: ColumnPositions, candidates: Candidates, missing: Sequence[str]) -> str:
    """The options that name the columns, as far as these can be recognised."""
    state = candidates.state() if "delivered" in missing else None
    delivered = None if state is not None else candidates.delivered()
    columns = {"message_id": candidates.message_id(), "delivered": delivered}
    maps = [map_option(field, columns[field]) for field in missing]
    if places.timestamp is None and (time := candidates.timestamp()) is not None:
        maps.append(map_option("timestamp", time))
    hint = f"add {' '.join(maps)}"
    if state is not None:  # "--delivered true" would report failed messages as acted upon here
        return (
            f"{hint}; {_shown(state)!r} may hold the status of the message, and the API asks "
            "whether the user did what it asked for; words that mean yes and no are named with "
            "--true and --false"
        )
    if "delivered" in missing and delivered is None:
        hint += "; or say delivered for all rows with --delivered true or false"
    return hint
