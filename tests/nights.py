"""Results files as runs leave them behind, made up."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from batchconv.journal.results import CSV_HEADER, ResultLine
from tests.result_lines import to_csv, to_json

BEGIN = 1_795_140_000.0  # Unix seconds of the first night: 2026-11-20 02:00:00 UTC
TARGET = "https://api.nexmo.com ab***"

HOSTILE = [
    "<script>alert('x')</script>",
    '"><img src=x onerror=alert(1)>',
    "</style><style>*{display:none}</style>",
    "]]><!--",
    "&lt;b&gt; &amp; &#x27;",
    "=cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "{{ 7 * 7 }}{% raw %}",
    "[bold red]no[/bold red]",
    "javascript:alert(1)",
    "https://example.com/?q=1",
    "\u202eevil\u202c مرحبا",
    "👩\u200d👩\u200d👧 💥",
    "\x1b[31mred\x07\r\n\x00\x9b2J",
    "\ud800 half",
    "a" * 5000,
]


def at(seconds: float) -> str:
    """A moment as results have it."""
    told = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return told.removesuffix("+00:00") + "Z"


def line(number: int = 1, outcome: str = "accepted", **fields: Any) -> ResultLine:
    """A line of results; what is not given is as for a row that was sent once and accepted."""
    never_sent = outcome in {"invalid", "skipped"}
    plain = {
        "source": "export.csv",
        "row": number,
        "line": number + 1,
        "key": f"k{number:032x}",
        "replaces": None,
        "corrects": None,
        "message_id": f"id{number}",
        "delivered": True,
        "timestamp": None,
        "channel": "sms",
        "outcome": outcome,
        "status": {"accepted": 200, "rejected": 420, "failed": 503}.get(outcome),
        "attempts": 0 if never_sent else 1,
        "elapsed_ms": None if never_sent else 80.0,
        "reason": {
            "rejected": "invalid-parameters",
            "failed": "server-error",
            "invalid": "bad-timestamp",
            "skipped": "duplicate",
        }.get(outcome),
        "detail": None if outcome == "accepted" else "why it was not accepted",
        "at": at(BEGIN + number / 20),
        "run": "20261120T020000Z-a1b2c3",
        "target": TARGET,
    }
    return ResultLine(**plain | fields)


def write(path: Path, lines: Iterable[ResultLine]) -> str:
    """Write a results file, CSV if its name says so, and return its path."""
    if path.suffix == ".csv":
        path.write_bytes(CSV_HEADER + b"".join(map(to_csv, lines)))
    else:
        path.write_bytes(b"".join(map(to_json, lines)))
    return str(path)


def again(number: int, replaces: str, outcome: str = "accepted", **fields: Any) -> ResultLine:
    """The line of a later run about a row that had a bad outcome."""
    plain = {"run": "again", "at": at(BEGIN + 900 + number / 20), "replaces": replaces}
    return line(number, outcome, **plain | fields)


def write_runs(results: Path, *runs: dict[str, Any]) -> None:
    """Write the runs file beside a results file: see `run_of`."""
    stem = results.name.removesuffix(results.suffix).removesuffix(".results")
    lines = [json.dumps(one) + "\n" for run in runs for one in run.values() if one is not None]
    (results.parent / f"{stem}.runs.jsonl").write_text("".join(lines))


def run_of(
    run: str,
    *,
    ended: bool = True,
    command: str = "upload",
    inputs: Sequence[str] = ("export.csv",),
    started: float = BEGIN,
    options: Mapping[str, Any] | None = None,
    **end: Any,
) -> dict[str, Any]:
    """The two lines of a run; one that did not end has none for its end."""
    start = {"run": run, "at": at(started), "command": command, "inputs": list(inputs),
             "target": TARGET, "options": dict(options or {})}  # fmt: skip
    plain = {
        "run": run,
        "started": at(started),
        "finished": at(started + 100),
        "exit_code": 1,
        "read": 20,
        "settled": 0,
        "unsent": 0,
        "retries": 2,
        "throttled": 0,
        "unknown_repeats": 0,
        "rate": 20.0,
        "pauses": [],
    }
    return {"start": start, "end": plain | end if ended else None}
