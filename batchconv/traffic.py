"""What the pool keeps to, and what went over the line."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Limits:
    """What the pool keeps to.

    Attributes:
        concurrency: requests in flight at once.
        max_attempts: exchanges for one row, throttled ones not counted.
        patience: seconds with nothing but 429 after which the run stops.
    """

    concurrency: int = 20
    max_attempts: int = 5
    patience: float = 900.0

    @property
    def most_waiting(self) -> int:
        """Rows that may wait for a retry before reading pauses."""
        return max(1_000, 10 * self.concurrency)


@dataclass(slots=True)
class Traffic:
    """What went over the line, counted as it goes."""

    requests: int = 0
    retries: int = 0
    throttled: int = 0
    unknown_repeats: int = 0
    unsent: int = 0
    waiting: int = 0
    pauses: list[tuple[float, float, str]] = field(default_factory=list)  # Unix seconds, and why

    def paused(self, begin: float, end: float, why: str) -> None:
        """Note that nothing left between two moments; pauses that touch become one."""
        if self.pauses and self.pauses[-1][2] == why and begin <= self.pauses[-1][1]:
            begin = self.pauses.pop()[0]
        self.pauses.append((begin, end, why))
