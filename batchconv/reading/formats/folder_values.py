"""Folders called FIELD=VALUE, which say a field for all files below them.

Spark, pandas and pyarrow take a column out of the files by which they partition them; the folders'
names are then the only place where its values stand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from batchconv.model import Fault, Fields, Raw, Reason, Row, make_all
from batchconv.reading.columns import FIELDS, find_columns
from batchconv.reading.formats.base import ReadOptions, RowStream
from batchconv.reading.unsendable import NULL_MARKERS

OpenRows = Callable[[ReadOptions], RowStream]


def open_with_folders(
    columns: Sequence[tuple[str, str | None]], options: ReadOptions, open_rows: OpenRows
) -> RowStream:
    """The rows of an input, with what the folders around it say of them, which is in *columns*.

    Raises:
        ColumnError: two folders say the same field; and whatever *open_rows* raises.
    """
    places = find_columns([column for column, _ in columns], options.mapped)
    said = {
        field: columns[place]
        for field, place in zip(FIELDS, places, strict=True)
        if place is not None
    }
    if not said:
        return open_rows(options)
    mapped = {field: column for field, column in options.mapped.items() if field not in said}
    rows = open_rows(
        options._replace(
            mapped=mapped, delivered_given=options.delivered_given or "delivered" in said
        )
    )
    return _WithFolders(rows, said, options)


class _WithFolders(RowStream):
    def __init__(
        self, rows: RowStream, said: dict[str, tuple[str, str | None]], options: ReadOptions
    ) -> None:
        self._rows = rows
        self._said = said
        self._blank = NULL_MARKERS.union(("",), map(str.strip, options.nulls))
        # A column that --map names for the field stands in the folder's name, not in the file.
        self._mapped = set(options.mapped) & set(said)
        own = rows.layout.header or ()
        more = tuple((column, value) for column, value in said.values() if column not in own)
        self.layout = rows.layout._replace(folder_values=more)
        held = {field: f"{column}={_shown(value)}/" for field, (column, value) in said.items()}
        self.columns = rows.columns._replace(fields={**rows.columns.fields, **held})
        self.count = rows.count
        self.aside = rows.aside

    def batches(self) -> Iterator[list[Row]]:
        """See `RowStream`."""
        for batch in self._rows.batches():
            yield list(map(self._filled, batch))

    def _filled(self, row: Row) -> Row:
        fields, fault = row.fields, row.fault
        values: list[Raw] = list(fields)
        for index, field in enumerate(FIELDS):
            if field not in self._said:
                continue
            column, value = self._said[field]
            own = None if field in self._mapped else values[index]
            if self._is_blank(own):
                values[index] = value
            elif not self._is_blank(value) and _plain(own) != _plain(value) and fault is None:
                fault = Fault(
                    Reason.AMBIGUOUS_COLUMNS,
                    f"{field} is {own!r} in the file and {value!r} in the name of its folder "
                    f"{column}={value}: correct one of them, or move the file out of that folder",
                )
        (filled,) = make_all(Fields, [tuple(values)])
        return row._replace(fields=filled, fault=fault)

    def _is_blank(self, value: Raw) -> bool:
        return value is None or (isinstance(value, str) and value.strip() in self._blank)


def _plain(value: Raw) -> str:
    return str(value).strip().lower()


def _shown(value: str | None) -> str:
    return "" if value is None else value
