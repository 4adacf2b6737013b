"""How a failed row looks: as it was, in its input's notation, with its outcome added."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence

from batchconv.model import Outcome, show_key
from batchconv.reading.columns import ADDED_COLUMNS
from batchconv.reading.formats import Layout

_raw_decode = json.JSONDecoder().raw_decode
_JSON_SPACE = " \t\r\n"
_Added = Mapping[str, str | int | None]
_OF_A_JOB = ("_key", "_run")


def header(layout: Layout, run: str | None) -> bytes:
    """The first line of a file for an input that looks like *layout*; nothing for JSON Lines."""
    if is_json(layout):
        return b""
    folders = [name for name, _ in layout.folder_values]
    return _csv_line(layout, [*_own(layout, layout.header or []), *folders, *_added_names(run)])


def _added_names(run: str | None) -> list[str]:
    """The added columns; rows of no job do not say that they belong to one."""
    return [name for name in ADDED_COLUMNS if run is not None or name not in _OF_A_JOB]


def is_json(layout: Layout) -> bool:
    """Whether rows of that input are written as JSON Lines."""
    return layout.format not in ("csv", "tsv")


def line(
    layout: Layout,
    outcome: Outcome,
    run: str | None,
    names: Sequence[str],
    source: str | None = None,
) -> bytes:
    """The row of *outcome*, with the outcome added.

    Args:
        layout: of the input.
        outcome: of the row.
        run: the id of the run; None where the rows belong to no job.
        names: the columns that hold a field, for a record that could not be parsed.
        source: what its job calls the input; None where that is what the row says.
    """
    row = outcome.row
    unread = row.fault is not None or (row.cells is None and row.raw is None)
    told = (
        outcome.result.value,
        outcome.reason.value if outcome.reason else "",
        outcome.status,
        outcome.attempts,
        row.source if source is None else source,
        row.number,
        show_key(outcome.key()),
        run,
        (row.raw or "").rstrip("\r\n") if unread else None,
    )
    everything = dict(zip(ADDED_COLUMNS, told, strict=True))
    added = {name: everything[name] for name in _added_names(run)}
    cells = row.cells
    if isinstance(cells, tuple) and layout.format == "parquet":
        from batchconv.reading.formats.arrow import json_record  # noqa: PLC0415 - an extra

        return _object(json_record(cells), layout, added)
    if not is_json(layout):
        own = cells if isinstance(cells, list) and not unread else None
        own = [""] * len(layout.header or []) if own is None else own
        folders = [value for _, value in layout.folder_values]
        return _csv_line(layout, [*_own(layout, own), *folders, *added.values()])
    if unread or row.raw is None:
        empty = dict.fromkeys(name for name in names if not {".", "="} & {*name})
        return _object(json.dumps(empty), layout, added)
    return _object(row.raw, layout, added)


def _own(layout: Layout, cells: list[str]) -> list[str]:
    """The input's own cells: what an earlier failed-rows file added is replaced, not repeated."""
    return [
        cell
        for name, cell in zip(layout.header or [], cells, strict=True)
        if name.strip() not in ADDED_COLUMNS
    ]


def _csv_line(layout: Layout, cells: Sequence[str | int | None]) -> bytes:
    text = io.StringIO()
    # Python 3.11 puts quotes around a CR only when the line's end has one, too.
    csv.writer(text, delimiter=layout.delimiter, lineterminator="\r\n").writerow(cells)
    return text.getvalue().removesuffix("\r\n").encode("utf-8", "backslashreplace") + b"\n"


def _object(raw: str, layout: Layout, added: _Added) -> bytes:
    """The record's own text with the added keys at its end: no number is read and written anew."""
    own = [one for one in _members(raw.strip(_JSON_SPACE)) if one[0] not in ADDED_COLUMNS]
    names = {name for name, _ in own}
    folders = [one for one in layout.folder_values if one[0] not in names]
    members = [text for _, text in own] + [
        f"{json.dumps(name)}: {json.dumps(value)}".encode("utf-8", "backslashreplace")
        for name, value in (*folders, *added.items())
    ]
    return b"{%b}\n" % b", ".join(members)


def _members(text: str) -> list[tuple[str, bytes]]:
    """The members of a JSON object that is known to be sound, each with its own text in UTF-8."""
    found = []
    at = _skip_space(text, 1)
    while text[at] != "}":
        begin = at
        name, at = _raw_decode(text, at)
        at = _skip_space(text, _skip_space(text, at) + 1)
        _, at = _raw_decode(text, at)
        found.append((name, text[begin:at].encode("utf-8", "backslashreplace")))
        at = _skip_space(text, at)
        if text[at] == ",":
            at = _skip_space(text, at + 1)
    return found


def _skip_space(text: str, at: int) -> int:
    while text[at] in _JSON_SPACE:
        at += 1
    return at
