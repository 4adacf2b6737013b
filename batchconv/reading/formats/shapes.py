"""JSON objects → the values of the mapped fields: which key is which, for every set of keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain, islice
from typing import TypeGuard, cast

from batchconv.model import NO_FIELDS, Fault, Fields, Raw, Reason, show
from batchconv.reading.column_hints import Candidates, map_option
from batchconv.reading.columns import (
    ColumnError,
    ColumnPositions,
    Recognised,
    find_columns,
    recognise,
    require_columns,
)

_MOST_LISTED = 1_000  # names that a message is made of
_MOST_REMEMBERED = 100_000  # keys in all sets of keys that are remembered; an export has a few


class Shapes:
    """The sets of keys that an input's objects have; a few in an export, though it need not be.

    Args:
        mapped: field → key, as the user named them; a dotted one is a path into objects.
        delivered_given: objects without `delivered` are fine.
        around: what a user has to write before a key, with a dot, where an array within objects
            holds the rows.
    """

    def __init__(
        self, mapped: Mapping[str, str], *, delivered_given: bool, around: str = ""
    ) -> None:
        self._around = around
        self._mapped = mapped
        self._delivered_given = delivered_given
        self._paths = [(key, key.split(".")) for key in mapped.values() if "." in key]
        self._places: dict[tuple[str, ...], ColumnPositions | ColumnError] = {}
        self._remembered = 0  # keys in them

    @property
    def recognised(self) -> Recognised:
        """What the keys hold that have been met."""
        return recognise(
            (names, places)
            for names, places in self._places.items()
            if isinstance(places, ColumnPositions)
        )

    def problem(self, found: dict[str, Raw]) -> ColumnError | None:
        """Why an object of such keys cannot be sent; None where it can."""
        if _is_of_pandas(found):
            return ColumnError(
                "it holds one object for all rows, as pandas' to_json() writes it by itself",
                hint="write it with to_json(..., orient='records', lines=True)",
            )
        problem = self._problem_of_keys(found)
        if problem is None:
            return None
        leaves = islice(_leaves(found), _MOST_LISTED)
        arrays = [(path, value[0]) for path, value in leaves if _is_of_objects(value)]
        if len(arrays) > 1:  # one of them may hold ids
            arrays = [(path, row) for path, row in arrays if _id_column(row)]
        return wrapped(*arrays[0]) if len(arrays) == 1 else problem

    def _problem_of_keys(self, found: dict[str, Raw]) -> ColumnError | None:
        names = self._names(found)
        places = self._find(names)
        if isinstance(places, ColumnError):
            return places
        leaves = list(islice(_leaves(found), _MOST_LISTED))
        try:
            require_columns(
                places,
                [self._around + path for path, _ in leaves],
                self._mapped,
                delivered_given=self._delivered_given,
                records=[[value for _, value in leaves]],
            )
        except ColumnError as error:
            return error
        return None

    def pick(self, found: dict[str, Raw]) -> tuple[Fields, Fault | None]:
        """The fields of one object."""
        names = self._names(found)
        places = self._find(names)
        if isinstance(places, ColumnError):
            return NO_FIELDS, Fault(Reason.AMBIGUOUS_COLUMNS, f"{places}; {places.hint}")
        values = tuple(found.values())
        a, b, c, d = places
        return (
            Fields(
                None if a is None else values[a],
                None if b is None else values[b],
                None if c is None else values[c],
                None if d is None else values[d],
            ),
            None,
        )

    def columns(self, found: list[dict[str, Raw]]) -> list[list[Raw]] | None:
        """The values of each field where all objects have the same keys in order; else None."""
        names = tuple(found[0])
        keys = list(chain.from_iterable(found))
        alike = set(map(len, found)) == {len(names)} and keys == [*names] * len(found)
        places = self._find(names) if alike and not self._paths else None
        if not isinstance(places, ColumnPositions):
            return None
        values = list(chain.from_iterable(map(dict.values, found)))
        missing: list[Raw] = [None] * len(found)
        return [missing if place is None else values[place :: len(names)] for place in places]

    def _names(self, found: dict[str, Raw]) -> tuple[str, ...]:
        for key, path in self._paths:
            _lift(found, key, path)
        return tuple(found)

    def _find(self, names: tuple[str, ...]) -> ColumnPositions | ColumnError:
        places: ColumnPositions | ColumnError | None = self._places.get(names)
        if places is not None:
            return places
        try:
            places = find_columns(names, self._mapped)
        except ColumnError as error:
            places = error
        self._remembered += len(names)
        if self._remembered > _MOST_REMEMBERED:
            self._places.clear()
            self._remembered = len(names)
        self._places[names] = places
        return places


def _is_of_pandas(found: Mapping[str, object]) -> bool:
    """Whether it is a whole table: by its columns, by its rows' numbers, or in three parts."""
    if {"columns", "index", "data"} == set(found):
        return True
    inner = list(found.values())
    by_column = len(inner) > 1 and all(isinstance(one, dict) and "0" in one for one in inner)
    return by_column or ("0" in found and all(isinstance(one, dict) for one in inner))


def no_objects(text: str) -> ColumnError:
    """The rows are arrays or single values; *text* is the first one."""
    return ColumnError(
        f"its rows are not JSON objects, so nothing names their columns; the first: {show(text)}",
        hint="write each row as an object; pandas does with to_json(..., orient='records', "
        "lines=True)",
    )


def wrapped(path: str, row: Mapping[str, Raw] | None = None) -> ColumnError:
    """The rows stand in an array at a *path* in an object; *row* is the first one, if known."""
    column = _id_column(row or {}) or "message_id"
    return ColumnError(
        f"the rows are in an array under {path!r} in an object",
        hint=f"name a column in it, such as {map_option('message_id', f'{path}.{column}')}",
    )


def _id_column(row: Mapping[str, Raw]) -> str | None:
    """The column of a row that holds the message id, or seems to."""
    leaves = list(islice(_leaves(dict(row)), _MOST_LISTED))
    names = [name for name, _ in leaves]
    called = [name for name in names if find_columns([name.rpartition(".")[2]], {}).message_id == 0]
    candidates = Candidates(names, [[value for _, value in leaves]])
    return called[0] if called else candidates.message_id()


def _is_of_objects(value: object) -> TypeGuard[list[dict[str, Raw]]]:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _leaves(found: dict[str, Raw]) -> Iterator[tuple[str, object]]:
    """The columns as `--map` names them, and their values: where one is an object, those in it."""
    for name, value in found.items():
        if isinstance(value, dict) and value:
            inside = _leaves(cast("dict[str, Raw]", value))
            yield from ((f"{name}.{inner}", one) for inner, one in inside)
        else:
            yield name, value


def _lift(found: dict[str, Raw], key: str, path: list[str]) -> None:
    """Put the value at a dotted path among the top keys, unless a key has that very name."""
    if key in found:
        return
    value: object = found
    for name in path:
        if not isinstance(value, dict) or name not in value:
            return
        value = value[name]
    found[key] = cast("Raw", value)
