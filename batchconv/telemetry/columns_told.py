"""Which column holds which field, shown at the start of a run, before the first request."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence

from batchconv.errors import count_of, printable
from batchconv.reading.column_hints import map_option, time_column
from batchconv.reading.columns import ADDED_COLUMNS, FIELDS, Recognised
from batchconv.settings.options import Settings
from batchconv.telemetry.events import tell

_MOST_KINDS = 3  # of inputs with other columns that are shown
_MOST_SOURCES = 20  # inputs that an event names
_MOST_IGNORED = 100  # columns that an event names
_MOST_NAMES = 8  # columns in a sentence
_LONGEST_NAME = 60  # characters


def tell_columns(columns: Mapping[str, Recognised], settings: Settings) -> None:
    """Tell an event for each kind of inputs: those with the same columns are reported together."""
    kinds = _alike(columns)
    for one, sources in kinds[:_MOST_KINDS]:
        tell(
            logging.INFO,
            "columns",
            "\n".join(_lines(one, sources, settings)),
            sources=sources[:_MOST_SOURCES],
            inputs=len(sources),
            fields=dict(one.fields),
            missing=[field for field in FIELDS if field not in one.fields],
            ignored=one.ignored[:_MOST_IGNORED],
        )
    if len(kinds) > _MOST_KINDS:
        tell(logging.INFO, "columns", _others(kinds), kinds=len(kinds))


def columns_lines(columns: Mapping[str, Recognised], settings: Settings) -> Iterator[str]:
    """The same as lines."""
    kinds = _alike(columns)
    for one, sources in kinds[:_MOST_KINDS]:
        yield from _lines(one, sources, settings)
    if len(kinds) > _MOST_KINDS:
        yield _others(kinds)


def _lines(columns: Recognised, sources: Sequence[str], settings: Settings) -> Iterator[str]:
    more = f" and {count_of(len(sources) - 1, 'more input')}" if len(sources) > 1 else ""
    name = "standard input" if sources[0] == "-" else printable(sources[0])
    yield f"columns of {name}{more}:"
    for line in _sentences(columns, settings):
        yield f"  {line}"


def _others(kinds: Sequence[object]) -> str:
    others = count_of(len(kinds) - _MOST_KINDS, "other kind")
    return f"and the columns of inputs of {others}: batchconv validate shows them"


def _alike(columns: Mapping[str, Recognised]) -> Sequence[tuple[Recognised, list[str]]]:
    kinds: dict[tuple[object, ...], tuple[Recognised, list[str]]] = {}
    for source, one in columns.items():
        key = (*one.fields.items(), *one.ignored)
        kinds.setdefault(key, (one, []))[1].append(str(source))
    return list(kinds.values())


def _sentences(columns: Recognised, settings: Settings) -> Iterator[str]:
    """One for each field: where its value comes from."""
    given = {
        "delivered": None if settings.delivered is None else str(settings.delivered).lower(),
        "channel": settings.channel,
    }
    for field in FIELDS:
        column, value = columns.fields.get(field), given.get(field)
        if column is not None:
            blank = f"; {value} where it is blank" if value is not None else ""
            yield f"{field}: {_place(column)}{blank}"
        elif field == "timestamp":
            none = f"none of the columns ({names})" if (names := _names(columns)) else "no column"
            time = time_column(columns.ignored)
            add = "" if time is None else f"; add {map_option('timestamp', time)} if that has it"
            yield f"timestamp: {none}; the API uses the time of the request{add}"
        else:
            yield f"{field}: no column" + (f"; {value} for every row" if value else "")


def _place(column: str) -> str:
    # A folder called FIELD=VALUE says it; see `reading.formats.folder_values`.
    return f"folder {_name(column)}" if column.endswith("/") else f'column "{_name(column)}"'


def _names(columns: Recognised) -> str:
    names = [
        one for one in (*columns.fields.values(), *columns.ignored) if one not in ADDED_COLUMNS
    ]
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(map(_name, names[:_MOST_NAMES])) + more


def _name(column: str) -> str:
    text = printable(column)
    return text if len(text) <= _LONGEST_NAME else text[: _LONGEST_NAME - 3] + "..."
