"""What a bench returns, and how it looks in a table and in a file."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

_WIDTHS = (44, 10, 9, 34, 7, 9)


@dataclass(frozen=True, slots=True)
class Scale:
    """How much to measure.

    Attributes:
        samples: how often each thing is measured.
        long_samples: the same for what takes several seconds.
        divisor: what large numbers of rows are divided by.
        results: of the run that is resumed.
    """

    samples: int = 3
    long_samples: int = 2
    divisor: int = 1
    results: int = 1_000_000


@dataclass(frozen=True, slots=True)
class Last:
    """What was measured before: the value, and the share of requests that was refused."""

    measured: float
    refused: float | None


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table.

    Attributes:
        name: what was measured.
        measured: the value, in *unit*.
        reference: what it is compared to, in the same unit; None when it only informs.
        against: what the reference is.
        bar: the most that the ratio may be; None when there is no such promise.
        floor: the least that the ratio may be; None when there is no such promise.
        samples: all values that *measured* was made from.
        refused: the share of requests that was refused meanwhile; None when nothing refuses.
        most_refused: the most that it may be.
        last: what was measured last; None when it is not known.
    """

    name: str
    measured: float
    unit: str
    reference: float | None = None
    against: str = ""
    bar: float | None = None
    floor: float | None = None
    samples: Sequence[float] = ()
    refused: float | None = None
    most_refused: float = 1.0
    last: Last | None = None

    @property
    def ratio(self) -> float | None:
        """Measured divided by reference."""
        return self.measured / self.reference if self.reference else None

    @property
    def missed(self) -> bool:
        """Whether a promise was broken."""
        return self.excess > 0

    @property
    def excess(self) -> float:
        """By how much the promise is missed that is missed most, as a share; negative if none."""
        ratio, found = self.ratio, [-1.0]
        if ratio is not None and self.bar is not None:
            found.append(ratio / self.bar - 1)
        if ratio is not None and self.floor is not None:
            found.append(1 - ratio / self.floor)
        if self.refused is not None:
            found.append(self.refused / self.most_refused - 1)
        return max(found)

    @property
    def regressed(self) -> bool:
        """Whether a promise was broken that was kept last."""
        if self.last is None or not self.missed:
            return False
        before = replace(self, measured=self.last.measured, refused=self.last.refused, last=None)
        return not before.missed

    def line(self) -> str:
        """The figure as a line of the table."""
        reference = "" if self.reference is None else f"{_number(self.reference)} {self.against}"
        return _line(
            self.name,
            _number(self.measured),
            self.unit,
            reference,
            "" if self.ratio is None else f"{self.ratio:.2f}",
            self._shown_bar(),
            self._shown_refusals(),
            self._shown_last(),
            "MISSED" if self.missed else "",
            "REGRESSION" if self.regressed else "",
        )

    def _shown_bar(self) -> str:
        if self.bar is not None:
            return f"<= {self.bar:.2f}"
        return "" if self.floor is None else f">= {self.floor:.2f}"

    def _shown_refusals(self) -> str:
        if self.refused is None:
            return ""
        return f"{self.refused:6.1%} refused, <= {self.most_refused:.0%}"

    def _shown_last(self) -> str:
        if self.last is None:
            return ""
        refused = "" if self.last.refused is None else f", {self.last.refused:.1%}"
        return f"(last {_number(self.last.measured)}{refused})"

    def as_dict(self) -> dict[str, object]:
        """The figure as JSON can hold it."""
        return {
            "name": self.name,
            "measured": self.measured,
            "unit": self.unit,
            "reference": self.reference,
            "against": self.against,
            "ratio": self.ratio,
            "bar": self.bar,
            "floor": self.floor,
            "refused": self.refused,
            "most_refused": self.most_refused,
            "missed": self.missed,
            "samples": list(self.samples),
        }


def least(name: str, samples: Sequence[float], unit: str, **more: object) -> Figure:
    """A figure that is the least of its samples."""
    return Figure(name, min(samples), unit, samples=samples, **more)  # type: ignore[arg-type]  # the rest of Figure's fields


def heading() -> str:
    """The line above the table."""
    return _line("", "measured", "unit", "reference", "ratio", "promised")


def write_json(
    path: Path, benches: Mapping[str, Sequence[Figure]], scale: Scale, seconds: float
) -> None:
    """Write everything that was measured, and on what."""
    told = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        "load": os.getloadavg(),
        "samples": scale.samples,
        "long_samples": scale.long_samples,
        "divisor": scale.divisor,
        "seconds": round(seconds, 1),
        "benches": {
            name: [figure.as_dict() for figure in figures] for name, figures in benches.items()
        },
    }
    path.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}" if value < 1 else f"{value:.2f}"


def _line(*cells: str) -> str:
    first, measured, unit, *rest = cells
    row = f"{first:<{_WIDTHS[0]}} {measured:>{_WIDTHS[1]}} {unit:<{_WIDTHS[2]}}"
    reference, ratio, bar, *mark = rest
    row += f" {reference:<{_WIDTHS[3]}} {ratio:>{_WIDTHS[4]}} {bar:>{_WIDTHS[5]}}"
    return " ".join([row, *mark]).rstrip()
