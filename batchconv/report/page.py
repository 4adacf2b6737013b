"""A report as a page: one file that opens offline, without script, from an attachment."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from batchconv import __version__
from batchconv.errors import UsageError, count_of, install_command
from batchconv.journal.append_only_file import STDOUT, refuse_inputs
from batchconv.journal.atomic_write import atomic_write
from batchconv.report.facts import (
    attempts_made,
    last_statuses,
    paused,
    row_of,
    side_by_side,
    verdict,
)
from batchconv.report.fold import MOST_SOURCES
from batchconv.report.model import OUTCOMES, SIMULATED, Report, RunReport
from batchconv.report.wording import duration, moment, moments, rate, share, visible

_LIBRARIES = ("jinja2", "matplotlib")
_BEGIN = b"<!doctype html>"
# What is shown at most; a page of all of it stays below a megabyte.
_MOST = {"jobs": 10, "reasons": 30, "runs": 12, "histories": 5}


def check_page(path: str, inputs: Sequence[str]) -> None:
    """Refuse, before anything is read, a page that cannot be written there.

    Raises:
        UsageError: the path is one of *inputs* or another file that is not a page, or the libraries
            of the extra `report` are not there.
    """
    if missing := [name for name in _LIBRARIES if find_spec(name) is None]:
        raise UsageError(f"--html needs {' and '.join(missing)}", hint=install_command("report"))
    if path == STDOUT:
        return
    refuse_inputs([path], inputs)
    if os.path.isfile(path) and not _is_page(path):  # noqa: PTH113 - a path may be any text here
        raise UsageError(
            f"{path} exists and is not a page, and would be overwritten",
            hint="name another file with --html",
        )


def _is_page(path: str) -> bool:
    """Whether a file is a page, or empty; one that cannot be read is none."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - a path may be any text here
            begin = file.read(len(_BEGIN))
    except OSError:
        return False
    return begin in {b"", _BEGIN}


def write_page(report: Report, path: str) -> None:
    """Write the page, whole or not at all; raises OutputError."""
    atomic_write(path, to_html(report), hint="name another file with --html")


def to_html(report: Report) -> str:
    """The report as an HTML document of its own."""
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - an extra

    environment = Environment(
        loader=PackageLoader("batchconv.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    css = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")
    page = environment.get_template("page.html.j2").render(
        **_words(), **_numbers(report), **_pictures(report), css=css, version=__version__
    )
    # An id may hold half a character; `visible` writes it out, and this is for all the rest.
    return page.encode("utf-8", "backslashreplace").decode("utf-8")


def _words() -> dict[str, Any]:
    return {
        "count_of": count_of,
        "moment": moment,
        "row_of": row_of,
        "share": share,
        "visible": visible,
    }


def _numbers(report: Report) -> dict[str, Any]:
    return {
        "report": report,
        "verdict": verdict(report),
        "simulated": SIMULATED in report.targets,
        "outcomes": [name for name in OUTCOMES if report.outcomes[name]],
        "tiles": _tiles(report),
        "table": side_by_side(report, _MOST["runs"]),
        "attempts": attempts_made(report),
        "statuses": last_statuses(report)[:12],
        "told": max(1, sum(run.rows for run in report.runs)),
        "most_jobs": _MOST["jobs"],
        "most_reasons": _MOST["reasons"],
    }


def _tiles(report: Report) -> list[tuple[str, str]]:
    latencies = report.latencies
    tiles = [
        ("rows", f"{report.rows:,}"),
        ("accepted", share(report.outcomes["accepted"], report.rows)),
    ]
    if len(report.runs) == 1:
        run = report.runs[0]
        tiles += [("took", duration(run.seconds)), ("rows a second", rate(run.rows_per_second))]
    else:
        tiles.append(("runs", f"{len(report.runs):,}"))
    for percent in (50, 95, 99):
        tiles.append((f"latency p{percent}", duration(latencies.quantile(percent / 100))))
    return tiles


def _pictures(report: Report) -> dict[str, Any]:
    from batchconv.report import charts  # noqa: PLC0415 - it needs the extra

    timed = [run for run in report.runs if run.latencies.count][-_MOST["runs"] :]
    labels = [(f"{run.what} {moment(run.start or 0)[5:16]}", run.latencies) for run in timed]
    latencies = report.latencies
    return {
        "comparison": charts.quantiles(labels, "runs", "Latency of each run")
        if len(timed) > 1
        else None,
        "distribution": charts.distribution(latencies, "latency", "Distribution of latencies")
        if latencies.count > 1
        else None,
        "histories": [
            _history(run, number) for number, run in enumerate(report.runs[-_MOST["histories"] :])
        ],
    }


def _history(run: RunReport, number: int) -> dict[str, Any]:
    from batchconv.report import charts  # noqa: PLC0415 - it needs the extra

    title = f"Rows a second and latency of the {run.what} over time"
    when = moments(run.begin, run.end)
    return {
        "run": run.run,
        "what": run.what,
        "when": when,
        "path": run.path,
        "sources": run.sources[:5],
        "more_sources": len(run.sources) > 5 or len(run.sources) >= MOST_SOURCES,
        "targets": run.targets[:3],
        "outcomes": [name for name in OUTCOMES if run.outcomes[name]],
        "latency": run.latencies.count > 0,
        "pauses": paused(run) if run.told and run.told.pauses else "",
        "picture": charts.over_time(run, f"run{number}", title) if len(run.slices) > 1 else None,
    }
