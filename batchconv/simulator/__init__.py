"""The simulator of the Conversion API: one simulator for the demo, for users, tests and benches.

    checks (is the request one the API takes?) ┐
    faults (what is the reply? pure)           ├→ judge (remembers) → server (acts) → stats
    behaviour (everything adjustable)          ┘

All but the names of the profiles is imported when it is first asked for: a command line that
merely names them stays quick to start.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from batchconv.simulator.behaviour import API_KEY as API_KEY
    from batchconv.simulator.behaviour import API_SECRET as API_SECRET
    from batchconv.simulator.behaviour import FAULT_WORDS as FAULT_WORDS
    from batchconv.simulator.behaviour import PROFILES as PROFILES
    from batchconv.simulator.behaviour import SIGNATURE_SECRET as SIGNATURE_SECRET
    from batchconv.simulator.behaviour import Behaviour as Behaviour
    from batchconv.simulator.behaviour import FaultRule as FaultRule
    from batchconv.simulator.server import Simulator as Simulator
    from batchconv.simulator.stats import Received as Received
    from batchconv.simulator.stats import Stats as Stats

PROFILE_NAMES = ("calm", "flaky", "throttled", "outage")
"""The behaviours that have a name; `PROFILES` says what they are."""

_MODULES = {
    "behaviour": (
        "API_KEY",
        "API_SECRET",
        "FAULT_WORDS",
        "PROFILES",
        "SIGNATURE_SECRET",
        "Behaviour",
        "FaultRule",
    ),
    "server": ("Simulator",),
    "stats": ("Received", "Stats"),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

__all__ = ["PROFILE_NAMES", *sorted(_MODULE_OF)]  # noqa: PLE0604 - strings, all of them


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
