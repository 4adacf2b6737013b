"""The pace that is found, for every usual limiter: on a virtual clock, in half a minute."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from math import ceil
from pathlib import Path

from tests.bench.figures import Figure, Scale
from tests.bench.virtual import Sender, Server


class TokenBucket:
    """*rate* a second, *burst* at once; nginx's `limit_req` without `burst` has a burst of 1."""

    def __init__(self, rate: float, burst: float) -> None:
        self.rate, self._burst = rate, max(1.0, burst)
        self._tokens, self._at = self._burst, 0.0

    def takes(self, now: float) -> bool:
        """Whether a request that arrives *now* is let through."""
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self.rate)
        self._at = now
        if self._tokens < 1 - 1e-9:
            return False
        self._tokens -= 1
        return True

    def exact(self, now: float) -> float:
        """Seconds until one would be let through."""
        return (1 - self._tokens) / self.rate


class Window:
    """*rate* x *seconds* requests in each window: of the clock, or (sliding) in any."""

    def __init__(self, rate: float, seconds: float, *, sliding: bool) -> None:
        self.rate, self._seconds, self._sliding = rate, seconds, sliding
        self._taken: deque[float] = deque()

    def takes(self, now: float) -> bool:
        """Whether a request that arrives *now* is let through."""
        begin = now - self._seconds if self._sliding else now // self._seconds * self._seconds
        while self._taken and self._taken[0] < begin:
            self._taken.popleft()
        if len(self._taken) >= self.rate * self._seconds:
            return False
        self._taken.append(now)
        return True

    def exact(self, now: float) -> float:
        """Seconds until one would be let through."""
        begin = self._taken[0] if self._sliding and self._taken else now // self._seconds
        return (begin if self._sliding else begin * self._seconds) + self._seconds - now


Limiter = TokenBucket | Window

LIMITERS: dict[str, tuple[float, Callable[[float], Limiter]]] = {
    # name: the window in seconds, and what makes one for a rate
    "leaky bucket, burst 1": (0.0, lambda rate: TokenBucket(rate, 1)),
    "token bucket of 0.2 s": (0.2, lambda rate: TokenBucket(rate, 0.2 * rate)),
    "token bucket of 1 s": (1.0, lambda rate: TokenBucket(rate, rate)),
    "token bucket of 10 s": (10.0, lambda rate: TokenBucket(rate, 10 * rate)),
    "fixed window of 1 s": (1.0, lambda rate: Window(rate, 1, sliding=False)),
    "fixed window of 10 s": (10.0, lambda rate: Window(rate, 10, sliding=False)),
    "fixed window of 60 s": (60.0, lambda rate: Window(rate, 60, sliding=False)),
    "sliding window of 1 s": (1.0, lambda rate: Window(rate, 1, sliding=True)),
    "sliding window of 10 s": (10.0, lambda rate: Window(rate, 10, sliding=True)),
    "sliding window of 60 s": (60.0, lambda rate: Window(rate, 60, sliding=True)),
}

RETRY_AFTER = ("none", "exact", "1 s")
RATES = (2.0, 30.0, 300.0)
LATENCIES = (0.005, 0.2)
_USED, _REFUSED = 0.9, 0.02
_WARM_UP, _LONG = 10.0, 60.0  # seconds


def meet(
    limiter: str, rate: float, retry_after: str, latency: float, *, concurrency: int | None = 0
) -> tuple[float, float]:
    """The share of its allowance that is used, and the share of requests that it refuses.

    Both once the pace has had ten seconds, or three windows, to be found.

    Args:
        limiter: one of `LIMITERS`.
        rate: requests a second that it allows.
        retry_after: what its refusals ask for; one of `RETRY_AFTER`.
        latency: seconds of each reply.
        concurrency: in flight at once; None for `auto`, 0 for twice what is needed.
    """
    window, make = LIMITERS[limiter]
    made, lot = make(rate), random.Random(3)
    asks: dict[str, Callable[[float], float | None]] = {
        "none": lambda _: None,
        "exact": lambda now: max(1, ceil(made.exact(now))),
        "1 s": lambda _: 1.0,
    }
    server = Server(
        lambda: latency * lot.uniform(0, 0.1), made.takes, asks[retry_after], network=latency
    )
    if concurrency == 0:
        concurrency = max(20, int(2 * rate * latency))
    begin = max(_WARM_UP, 3 * window) if window >= 10 else _WARM_UP
    end = begin + max(_LONG, 2 * window)
    sender = Sender(server, concurrency).run(end)
    return sender.accepted(begin, end) / rate, sender.refused(begin, end)


def stray(share: float, retry_after: float | None, latency: float) -> float:
    """Of the throughput without them, what refusals by chance leave in the first minute."""
    lot = random.Random(5)
    server = Server(lambda: latency, lambda _: lot.random() >= share, lambda _: retry_after)
    return Sender(server, 20).run(_LONG).accepted(0, _LONG) / (20 / latency)


def limiters(folder: Path, scale: Scale) -> list[Figure]:
    """429 by every usual limiter: the share of its allowance that is used, worst first."""
    del folder, scale
    found = [
        (*meet(limiter, rate, asked, latency), limiter, rate, asked, latency)
        for limiter in LIMITERS
        for rate in RATES
        for asked in RETRY_AFTER
        for latency in LATENCIES
    ]
    found.sort(key=lambda one: min(one[0] / _USED, _REFUSED / max(one[1], 1e-9)))
    figures = [
        Figure(
            f"{limiter}, {rate:g}/s, {asked}, {latency * 1000:g} ms", used, "used", 1.0,
            f"allowed; {refused:.1%} refused", floor=_USED,
        )
        for used, refused, limiter, rate, asked, latency in found
    ]  # fmt: skip
    by_chance = [
        Figure(
            f"5 % by chance, {asked or 'no'} Retry-After, {latency * 1000:g} ms",
            stray(0.05, asked, latency), "of free", 1.0, "without them", floor=0.8,
        )
        for asked in (None, 1.0)
        for latency in (0.005, 0.05, 0.2)
    ]  # fmt: skip
    met = sum(one[0] >= _USED and one[1] <= _REFUSED for one in found)
    return [*figures, *by_chance, Figure("limiters that are met", met, "", len(found), "all")]
