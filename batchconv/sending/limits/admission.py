"""What a request is given when it is let in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True, eq=False)
class Admission:
    """A request that was let in.

    Attributes:
        entered: when, in monotonic seconds.
        probe: it finds out whether an outage is over.
        written: when it had its turn; None before.
        beside: how many were in flight then, itself included.
        row_waits: it was refused, which is to hold back its row alone, if anything.
    """

    entered: float
    probe: bool = False
    written: float | None = None
    beside: int = 0
    row_waits: bool = False

    @property
    def left(self) -> float:
        """When it left, or began to try."""
        return self.entered if self.written is None else self.written
