"""Arrow's arrays → the values that the same record would have in JSON Lines.

That is what rows are mapped and hashed by, and what is written when they fail: a row reads the same
from its Parquet file and from the failed-rows file.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from itertools import repeat
from typing import Any, cast

import pyarrow as pa
from pyarrow import types

from batchconv.model import Raw
from batchconv.reading.ids import EXACT_INTEGER

_SHARED = re.compile("dictionary<|_view")
Path = tuple[int, ...]
"""The way to a column: its number in the schema, then that of a field in it, and so on."""


def leaves(schema: Any) -> Iterator[tuple[str, Path]]:
    """Name and place of every column, then of every field in structs: `sms.id`.

    A column that has the very name of a field in a struct comes before it and hides it.
    """
    names = set(schema.names)
    for index, field in enumerate(schema):
        yield field.name, (index,)
    for index, field in enumerate(schema):
        for name, path in _inner(field, field.name, (index,)):
            if name not in names:
                yield name, path


def _inner(field: Any, name: str, path: Path) -> Iterator[tuple[str, Path]]:
    if types.is_struct(field.type):
        for index, child in enumerate(field.type):
            inner = f"{name}.{child.name}", (*path, index)
            yield inner
            yield from _inner(child, *inner)


def type_at(schema: Any, path: Path) -> Any:
    """The type of the values at *path*."""
    kind = schema.field(path[0]).type
    for index in path[1:]:
        kind = kind.field(index).type
    return kind


def find(batch: Any, path: Path) -> Any:
    """The array at *path*; null where one of the structs around it is."""
    array = batch.column(path[0])
    for index in path[1:]:
        array = array.flatten()[index]
    return array


def plain_batch(batch: Any) -> Any:
    """The batch without dictionaries and views, of which every row would seem to hold the whole."""
    return pa.RecordBatch.from_arrays(list(map(_plain, batch.columns)), names=batch.schema.names)


def _plain(column: Any) -> Any:
    if types.is_dictionary(column.type):
        return _plain(column.dictionary_decode())
    if types.is_string_view(column.type):
        return column.cast(pa.large_string())
    return column.cast(pa.large_binary()) if types.is_binary_view(column.type) else column


def too_long(batch: Any, most: int) -> set[int]:
    """The rows of a plain batch that have more than *most* bytes."""
    # Of dictionaries and views inside others, nobody can say which part is whose.
    measured = [column for column in batch.columns if not _SHARED.search(str(column.type))]
    found: set[int] = set()
    pieces = [(0, len(batch))]
    while pieces:
        begin, size = pieces.pop()
        if sum(column.slice(begin, size).nbytes for column in measured) <= most:
            continue
        if size == 1:
            found.add(begin)
        else:
            half = size // 2
            pieces += [(begin, half), (begin + half, size - half)]
    return found


def is_text(kind: Any) -> bool:
    """Whether values of a type are text, in UTF-8 or what should be."""
    if types.is_dictionary(kind):
        return is_text(kind.value_type)
    return bool(_is_utf8(kind) or _is_binary(kind))


def values_of(array: Any, *, exact: bool = False) -> list[Raw]:
    """The values of an array, one for each row.

    With *exact*, decimals stay such, to be written with every digit.

    Integers keep every digit, decimals without a fraction are integers. Times are text in ISO 8601:
    with a `Z` where the column has a timezone, without an offset where it has none. Binary values
    are text in UTF-8; bytes that do not decode become lone surrogates U+DC00 + byte. NaN, which
    pandas writes for a missing value, is null.
    """
    kind = array.type
    if types.is_dictionary(kind):
        return values_of(array.dictionary_decode(), exact=exact)
    if isinstance(kind, pa.BaseExtensionType):
        if kind.extension_name != "arrow.uuid":
            return values_of(array.storage, exact=exact)
        return [None if value is None else str(value) for value in array.to_pylist()]
    if _is_utf8(kind):
        try:
            return cast("list[Raw]", array.to_pylist())
        except UnicodeDecodeError:
            return _decoded(array.cast(pa.large_binary()))
    if _is_binary(kind):
        return _decoded(array)
    if types.is_boolean(kind) or types.is_integer(kind):
        return cast("list[Raw]", array.to_pylist())
    return _rarer_values_of(array, exact=exact)


def _rarer_values_of(array: Any, *, exact: bool) -> list[Raw]:
    kind = array.type
    if types.is_timestamp(kind):
        return _times(array)
    if types.is_decimal(kind) and exact:
        return cast("list[Raw]", array.to_pylist())
    if types.is_decimal(kind):
        return [None if value is None else _number(value) for value in array.to_pylist()]
    if types.is_floating(kind):
        return [
            None if value is None or math.isnan(value) else value for value in array.to_pylist()
        ]
    if types.is_date(kind) or types.is_time(kind):
        return cast("list[Raw]", array.cast(pa.string()).to_pylist())
    if types.is_struct(kind):
        names = [kind.field(index).name for index in range(kind.num_fields)]
        rows = (
            zip(*(values_of(one, exact=exact) for one in array.flatten()), strict=True)
            if names
            else repeat(())
        )
        return [
            dict(zip(names, row, strict=True)) if scalar.is_valid else None
            for row, scalar in zip(rows, array, strict=bool(names))
        ]
    if types.is_nested(kind):  # a list of some kind; a map is one of pairs
        return [
            None
            if item.values is None
            else cast("list[object]", values_of(item.values, exact=exact))
            for item in array
        ]
    return [_shown(scalar) for scalar in array]


def _is_utf8(kind: Any) -> bool:
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def _is_binary(kind: Any) -> bool:
    return bool(
        types.is_binary(kind)
        or types.is_large_binary(kind)
        or types.is_binary_view(kind)
        or types.is_fixed_size_binary(kind)
    )


def _decoded(array: Any) -> list[Raw]:
    return [
        None if value is None else value.decode("utf-8", "surrogateescape")
        for value in array.to_pylist()
    ]


def _times(array: Any) -> list[Raw]:
    # What has a timezone is stored in UTC, whatever zone that is. Arrow is not asked to show it as
    # such: it would look for a timezone database, which a small container may not have.
    end = "Z" if array.type.tz else ""
    array = array.view(pa.int64()).view(pa.timestamp(array.type.unit))
    texts: list[str | None]
    try:
        texts = array.cast(pa.timestamp("s")).cast(pa.string()).to_pylist()
    except pa.ArrowInvalid:
        # Some have fractions of a second. A row's text, by which it is known again, must not
        # depend on the others: no zeros behind, and no fraction of nothing.
        texts = [
            text.rstrip("0").rstrip(".") if text and "." in text else text
            for text in array.cast(pa.string()).to_pylist()
        ]
    if end:
        return [None if text is None else text + end for text in texts]
    return cast("list[Raw]", texts)


def _number(value: Decimal) -> Raw:
    exponent = value.as_tuple().exponent
    return int(value) if isinstance(exponent, int) and exponent >= 0 else float(value)


def _shown(scalar: Any) -> Raw:
    """Durations and intervals, which JSON does not have, as Python shows them."""
    try:
        value = scalar.as_py()
    except ValueError:
        value = scalar.value  # a number of nanoseconds, for which Python has no duration
    return None if value is None else str(value)


def json_record(cells: tuple[Any, int]) -> str:
    """A record as a JSON object.

    Args:
        cells: its batch, and its place in it.
    """
    batch, index = cells
    texts = (_json_text(column, index) for column in batch.columns)
    pairs = zip(batch.schema.names, texts, strict=True)
    return "{" + ", ".join(f"{json.dumps(name)}: {text}" for name, text in pairs) + "}"


def _json_text(column: Any, index: int) -> str:
    """One value of a column as JSON."""
    (raw,) = values_of(column.slice(index, 1), exact=True)
    text = _as_json(raw)
    try:
        text.encode()
    except UnicodeEncodeError:
        return _as_json(raw, ensure_ascii=True)  # what did not decode has a form in JSON alone
    return text


def _as_json(raw: Raw | Decimal, *, ensure_ascii: bool = False) -> str:
    """A value as JSON, decimals with every digit, long integers as text, at whatever depth."""
    shown = partial(_as_json, ensure_ascii=ensure_ascii)
    if isinstance(raw, dict):
        pairs = (f"{shown(name)}: {shown(cast('Raw', value))}" for name, value in raw.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(raw, list):
        return "[" + ", ".join(map(shown, cast("list[Raw]", raw))) + "]"
    if isinstance(raw, Decimal):
        text = format(raw, "f")
        return text if "." in text or abs(raw) <= EXACT_INTEGER else f'"{text}"'
    if raw.__class__ is int and abs(raw) > EXACT_INTEGER:
        raw = str(raw)  # as a number of JSON it might have been rounded, and would be refused
    if isinstance(raw, float) and math.isinf(raw):
        raw = str(raw)  # JSON has no such number
    return json.dumps(raw, ensure_ascii=ensure_ascii)
