"""The simulator of the Conversion API: one simulator for the demo, for users, tests and benches.

    checks (is the request one the API takes?) ┐
    faults (what is the reply? pure)           ├→ judge (remembers) → server (acts) → stats
    behaviour (everything adjustable)          ┘

`Simulator` is imported when it is first asked for, because only it needs aiohttp: a command
line that merely names the profiles stays quick to start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from batchconv.simulator.behaviour import (
    API_KEY,
    API_SECRET,
    FAULT_WORDS,
    PROFILES,
    SIGNATURE_SECRET,
    Behaviour,
    FaultRule,
)
from batchconv.simulator.stats import Received, Stats

if TYPE_CHECKING:
    from batchconv.simulator.server import Simulator

__all__ = [
    "API_KEY",
    "API_SECRET",
    "FAULT_WORDS",
    "PROFILES",
    "SIGNATURE_SECRET",
    "Behaviour",
    "FaultRule",
    "Received",
    "Simulator",
    "Stats",
]


def __getattr__(name: str) -> object:
    if name == "Simulator":
        # Late on purpose, see above.
        from batchconv.simulator.server import Simulator  # noqa: PLC0415 - start-up

        return Simulator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
