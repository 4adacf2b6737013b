"""The summaries of runs, found beside their results."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from batchconv.errors import InputError
from batchconv.report.lines import opened
from batchconv.report.model import Pause, RunSummary

_MOST_FILES = 1_000  # beside one results file
_MOST_BYTES = 1 << 24  # of a summary: mostly its pauses
_MOST_PAUSES = 100_000
_HEAD = re.compile(rb'\s*\{\s*"run"\s*:\s*("(?:[^"\\]|\\.){1,200}")')


def find_summaries(
    named: Sequence[str], results: Iterable[str], runs: Collection[str]
) -> dict[str, RunSummary]:
    """Run → its summary.

    Args:
        named: summaries that the user names; they are taken whatever run they are of.
        results: beside each, every `*.json` is looked at that begins as a summary does.
        runs: of these runs, summaries are looked for.

    Raises:
        InputError: one that was named cannot be read, or is none.
    """
    found: dict[str, RunSummary] = {}
    for path in _beside(results):
        run = _run_of(path)
        if run in runs:
            try:
                summary = read_summary(str(path))
            except InputError:
                continue  # half a file, or another program's: nobody asked for it
            found[summary.run] = summary
    for name in named:
        summary = read_summary(name)
        found[summary.run] = summary
    return found


def _beside(results: Iterable[str]) -> Iterator[Path]:
    for folder in dict.fromkeys(Path(path).parent for path in results):
        try:
            files = sorted(folder.glob("*.json"))[:_MOST_FILES]
        except OSError:
            continue  # a folder that may not be listed
        yield from (file for file in files if file.is_file())


def _run_of(path: Path) -> str | None:
    """The run that a file tells of, by its first bytes; None where it is no summary."""
    try:
        with path.open("rb") as file:
            head = _HEAD.match(file.read(500))
        return None if head is None else str(json.loads(head[1]))
    except (OSError, ValueError):
        return None


def read_summary(path: str) -> RunSummary:
    """Read the file that `--summary` of a run has written.

    Raises:
        InputError: it cannot be read, or is none.
    """
    with opened(path) as file:
        text = file.read(_MOST_BYTES)
    try:
        return _summary(path, json.loads(text))
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InputError(
            f"{path} is no summary of a run",
            hint="name a file that an upload has written with its own --summary",
        ) from None


def _summary(path: str, told: Mapping[str, Any]) -> RunSummary:
    if not isinstance(told["run"], str) or not isinstance(told["pauses"], list):
        raise TypeError(path)
    options = told.get("options")
    return RunSummary(
        path=path,
        run=told["run"],
        started=_moment(told["started"]),
        finished=_moment(told["finished"]),
        exit_code=int(told["exit_code"]),
        unsent=int(told["unsent"]),
        retries=_count(told, "retries"),
        throttled=_count(told, "throttled"),
        unknown_repeats=_count(told, "unknown_repeats"),
        rate=float(told["rate"]) if isinstance(told.get("rate"), int | float) else None,
        pauses=tuple(
            Pause(_moment(one["from"]), _moment(one["to"]), str(one["why"])[:100])
            for one in told["pauses"][:_MOST_PAUSES]
        ),
        options=options if isinstance(options, dict) else {},
    )


def _count(told: Mapping[str, Any], name: str) -> int | None:
    value = told.get(name)
    return value if isinstance(value, int) else None


def _moment(text: str) -> float:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
