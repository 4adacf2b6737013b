"""A family: may one more request start now?"""

from __future__ import annotations

from batchconv.gates.door import Door
from batchconv.gates.rate import Pacer
from batchconv.gates.throttle import Throttle

__all__ = ["Door", "Pacer", "Throttle"]
