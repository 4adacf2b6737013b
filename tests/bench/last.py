"""What was measured last, beside today's: a case that is worse than it was is seen at once.

Only benches on a virtual clock, which come out the same on every machine.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tests.bench.figures import Figure, Last

KEPT = ("limiters", "strict", "widths")
_FILE = Path(__file__).with_name("last.json")


def with_last(bench: str, figures: Iterable[Figure]) -> list[Figure]:
    """The figures, each with what was measured last, if it was."""
    known = _read().get(bench, {})
    return [
        replace(figure, last=Last(*known[figure.name])) if figure.name in known else figure
        for figure in figures
    ]


def keep(measured: Mapping[str, Sequence[Figure]]) -> None:
    """Let today's figures be the last."""
    kept = _read()
    for bench in measured.keys() & set(KEPT):
        kept[bench] = {
            figure.name: (round(figure.measured, 4), figure.refused and round(figure.refused, 4))
            for figure in sorted(measured[bench], key=lambda one: one.name)
        }
    lines = (
        f"{json.dumps(bench)}: {{\n"
        + ",\n".join(f"{json.dumps(name)}: {json.dumps(last)}" for name, last in figures.items())
        + "\n}"
        for bench, figures in sorted(kept.items())
    )
    _FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def _read() -> dict[str, dict[str, tuple[float, float | None]]]:
    if not _FILE.exists():
        return {}
    found: dict[str, dict[str, tuple[float, float | None]]] = json.loads(_FILE.read_text("utf-8"))
    return found
