"""What is published for the same task: each meets the limiters in place of our search."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from pathlib import Path

from batchconv.sending.limits.adaptive_concurrency import AdaptiveConcurrency
from batchconv.sending.limits.throttling import Throttling
from tests.bench.figures import Figure, Scale
from tests.bench.limiters import changed, met, steady


class Published(Throttling):
    """Heeds `Retry-After`; what follows for the pace is left to the algorithm.

    Attributes:
        found: requests a second; None while nothing was refused.
    """

    def __init__(self, uniform: Callable[[float, float], float]) -> None:
        super().__init__(uniform)
        self.found: float | None = None
        self._silent_until = 0.0

    def wait(self, now: float) -> float:
        """Seconds that a refusal has asked for and that are left."""
        return max(0.0, self._silent_until - now)

    def pace(self, now: float) -> float | None:
        """Requests a second."""
        del now
        return self.found

    def written(self, now: float) -> None:
        """A request leaves."""

    def passed(self, left: float, now: float, beside: int) -> None:
        """A reply other than 429 came."""
        del left, beside
        self.answered(now, refused=False)

    def refused(
        self,
        left: float,
        now: float,
        asked: float | None,
        beside: int,
        concurrency: AdaptiveConcurrency | None,
    ) -> tuple[float, bool]:
        """A 429 came."""
        del left, beside, concurrency
        self._silent_until = max(self._silent_until, now + (asked or 0.0))
        self.answered(now, refused=True)
        return asked or 0.0, False

    def answered(self, now: float, *, refused: bool) -> None:
        """A reply came."""
        raise NotImplementedError


class Cubic(Published):
    """The adaptive retry mode of AWS's SDKs, which takes its growth from CUBIC (RFC 9438).

    Source of the formulas and the numbers: the AWS SDKs' "Retry behavior" reference, and what
    botocore does by it.
    """

    _SMOOTH, _BETA, _SCALE = 0.8, 0.7, 0.4
    _LEAST = 0.5  # requests a second

    def __init__(self, uniform: Callable[[float, float], float]) -> None:
        super().__init__(uniform)
        self._measured, self._bucket, self._replies = 0.0, 0.0, 0
        self._most, self._throttled, self._back = 0.0, 0.0, 0.0

    def answered(self, now: float, *, refused: bool) -> None:
        """A reply came."""
        self._measure(now)
        if refused:
            self._most = min(self._measured, self.found or inf)
            self._throttled = now
            pace = self._BETA * self._most
        elif self.found is None:
            return
        else:
            since = now - self._throttled - self._back
            pace = self._SCALE * since**3 + self._most
        self._back = (self._most * (1 - self._BETA) / self._SCALE) ** (1 / 3)
        self.found = max(self._LEAST, min(pace, 2 * self._measured))

    def _measure(self, now: float) -> None:
        """Replies a second, in halves of one, smoothed."""
        self._replies += 1
        bucket = now // 0.5 / 2
        if bucket > self._bucket:
            newest = self._replies / (bucket - self._bucket)
            self._measured += self._SMOOTH * (newest - self._measured)
            self._bucket, self._replies = bucket, 0


class Aimd(Published):
    """A request a second more each second; half of it after a refusal, once a second at most.

    Chiu and Jain, "Analysis of the Increase and Decrease Algorithms for Congestion Avoidance in
    Computer Networks", 1989.
    """

    def __init__(self, uniform: Callable[[float, float], float]) -> None:
        super().__init__(uniform)
        self._accepted, self._changed = 0, 0.0

    def answered(self, now: float, *, refused: bool) -> None:
        """A reply came."""
        self._accepted += not refused
        if refused and (self.found is None or now - self._changed >= 1):
            pace = self._accepted / max(1.0, now) if self.found is None else self.found
            self.found, self._changed = max(0.5, pace / 2), now
        elif self.found is not None and not refused:
            self.found += 1 / self.found


def published(folder: Path, scale: Scale) -> list[Figure]:
    """The same limiters, met by what is published: how many are within the bars of ours."""
    del folder, scale  # a sample shows enough
    figures = []
    for name, finder in (("AWS's adaptive mode", Cubic), ("AIMD", Aimd)):
        found, changes = steady(1, finder), changed(1, finder)
        figures += [
            met(f"limiters that are met, {name}", found),
            met(f"changes that are met, {name}", changes),
            Figure(
                f"least used, {name}", min(one.measured for one in found), "used",
                refused=max(one.refused or 0 for one in found),
            ),
        ]  # fmt: skip
    return figures
