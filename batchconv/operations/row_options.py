"""The options about rows of a job's earlier runs: what differs, and what rows were read with."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import chain, islice
from typing import Any, TypeVar

from batchconv.errors import UsageError
from batchconv.journal.settled_index import Journal
from batchconv.operations.read_inputs import read_rows
from batchconv.reading.columns import ADDED_COLUMNS, FIELDS
from batchconv.reading.reader import Reader
from batchconv.reading.sources import can_reopen
from batchconv.settings.option_types import Option, options_of
from batchconv.settings.options import Settings
from batchconv.settings.read_options import ReadSettings, mapper_of

S = TypeVar("S", bound=ReadSettings)
_OPTIONS = options_of(ReadSettings)
# About the file and not about its rows: failed rows are in a file of another kind.
_ABOUT_FILES = {"format", "compression", "encoding", "delimiter"}
_LOOKED_AT = 1_000  # rows


def differences(shown: Mapping[str, Any], settings: ReadSettings) -> list[str]:
    """The options about rows that are not those of an earlier run, each with both values.

    Args:
        shown: the options of that run, from the runs file.
        settings: of this run.
    """
    now, usual = Settings.shown(_as_settings(settings)), Settings().shown()
    return [
        f"{option.flags[-1]} was {_told(shown.get(name, usual[name]))} and is {_told(now[name])}"
        for name, option in _OPTIONS.items()
        if name != "limit" and shown.get(name, usual[name]) != now[name]
    ]


def check_rows_known(
    reader: Reader, settings: Settings, journal: Journal, changed: Sequence[str]
) -> None:
    """Refuse options under which the rows that a job knows look like others.

    Raises:
        UsageError: of an input that the job knows, none of the first rows is known to it.
    """
    for name in reader.layouts:
        if str(name) not in journal.sources or not can_reopen(name):
            continue
        _, batches = read_rows([name], replace(settings, limit=None))
        # One by one, for they may be long.
        items = map(mapper_of(settings), islice(chain.from_iterable(batches), _LOOKED_AT))
        known = [item.key() in journal or item.row.invalid_key() in journal for item in items]
        if known and not any(known):
            raise UsageError(
                f"{name} belongs to the job, and none of its first {len(known)} rows is known to "
                f"it: {'; '.join(changed)}",
                hint="give the options of the earlier run; or start a new job with --overwrite",
            )


def given_of(settings: Settings, given: Collection[str] | None) -> frozenset[str]:
    """The options about rows that were given for this very run.

    Args:
        settings: of this run.
        given: their names, among others; None for all that are not at their defaults.
    """
    usual = Settings()
    if given is None:
        given = {name for name in _OPTIONS if getattr(settings, name) != getattr(usual, name)}
    return frozenset(given) & frozenset(_OPTIONS)


def as_earlier(shown: Mapping[str, Any], settings: S, given: Collection[str]) -> S:
    """*settings*, with the options about rows of an earlier run where this run was given none.

    Args:
        shown: the options of that run, from the runs file.
        settings: of this run.
        given: names of the settings that were given for this run.
    """
    earlier = {
        name: _read(option, shown[name])
        for name, option in _OPTIONS.items()
        if name in shown and name not in given and name != "limit"
    }
    return replace(settings, **earlier)


def for_failed_rows(settings: Settings, given: Collection[str]) -> Settings:
    """The same for reading a failed-rows file: it has a form of its own, and a header."""
    usual = Settings()
    form = {name: getattr(usual, name) for name in _ABOUT_FILES if name not in given}
    # What the input needed to be read at all, and this file does not.
    for name in ("no_header", "skip_lines", "escape", "limit"):
        form[name] = getattr(usual, name)
    # Added columns, quotes, and UTF-8 in the place of what may have been shorter.
    return replace(
        settings,
        **{
            **form,
            "max_row_bytes": 4 * settings.max_row_bytes + 4096,
            "max_columns": settings.max_columns + len(ADDED_COLUMNS) + len(FIELDS),
        },
    )


def _read(option: Option, value: Any) -> Any:
    """The value that a summary shows as *value*."""
    if option.many:
        return tuple(option.parse(text) for text in value)
    if value is None or option.parse is str or (option.metavar is None and not option.choices):
        return value
    if isinstance(value, bool):
        value = str(value).lower()
    return option.parse(str(value))


def _as_settings(settings: ReadSettings) -> Settings:
    if isinstance(settings, Settings):
        return settings
    return Settings(**{name: getattr(settings, name) for name in _OPTIONS})


def _told(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)
