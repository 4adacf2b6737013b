"""A family: may one more request start now?"""

from __future__ import annotations

from batchconv.gates.door import Door

__all__ = ["Door"]
