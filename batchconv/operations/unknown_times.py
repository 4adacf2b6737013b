"""Inputs in which no timestamp is recognised, and the option that reads them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain, islice

from batchconv.errors import count_of
from batchconv.model import Conversion, Outcome, Reason
from batchconv.operations.read_inputs import read_rows
from batchconv.reading.sources import can_reopen, is_url
from batchconv.reading.spreadsheets import DateNotations
from batchconv.settings.read_options import ReadSettings, mapper_of

_MOST_INPUTS = 5  # that are looked at: files of one export look alike
_ROWS = 100  # of each


def unknown_times(inputs: Iterable[str], settings: ReadSettings) -> Iterator[str]:
    """A sentence for each of the first inputs of which no timestamp is recognised.

    What can be read only once, or from far away only, is not looked at.

    Args:
        inputs: that have been checked.
        settings: how they are read.
    """
    if settings.timestamp_format is not None:
        return
    near = (name for name in inputs if can_reopen(name) and not is_url(name))
    for name in islice(near, _MOST_INPUTS):
        _, batches = read_rows([name], replace(settings, limit=_ROWS))
        unknown = DateNotations()
        # One by one, for they may be long.
        items = map(mapper_of(settings), chain.from_iterable(batches))
        recognised = [_has_time(item, unknown) for item in items]
        if unknown.count and not any(recognised):
            remedy = f"give {unknown.option}" if unknown.option else "name their --timestamp-format"
            rows = count_of(len(recognised), "row")
            yield f"no timestamp in the first {rows} of {name} is recognised; {remedy}"


def _has_time(item: Conversion | Outcome, unknown: DateNotations) -> bool:
    """Whether its time is recognised; one that is not is added to the *unknown* ones."""
    if isinstance(item, Outcome) and item.reason is Reason.BAD_TIMESTAMP:
        unknown.add(str(item.row.fields.timestamp))
    return isinstance(item, Conversion) and item.timestamp is not None
