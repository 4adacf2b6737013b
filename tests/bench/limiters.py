"""The pace that is found, for every usual limiter: on a virtual clock, in some minutes."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterable
from math import ceil
from pathlib import Path
from statistics import mean

from batchconv.sending.limits.throttling import Throttling
from tests.bench.figures import Figure, Scale
from tests.bench.reachable import least_refused
from tests.bench.virtual import Sender, Server


class TokenBucket:
    """*rate* a second, those of *seconds* at once; nginx's `limit_req` without `burst` has 1."""

    def __init__(self, rate: float, seconds: float) -> None:
        self.rate, self._seconds = rate, seconds
        self._tokens, self._at = self._most, 0.0

    @property
    def _most(self) -> float:
        return max(1.0, self._seconds * self.rate)

    def takes(self, now: float) -> bool:
        """Whether a request that arrives *now* is let through."""
        self._tokens = min(self._most, self._tokens + (now - self._at) * self.rate)
        self._at = now
        if self._tokens < 1 - 1e-9:
            return False
        self._tokens -= 1
        return True

    def exact(self) -> float:
        """Seconds until one would be let through, after a refusal."""
        return (1 - self._tokens) / self.rate


class Window:
    """*rate* x *seconds* requests in each window: of the clock, or (sliding) in any.

    Args:
        rate: requests a second.
        seconds: of a window.
        phase: seconds from the start to where a window of the clock begins; None for sliding.
    """

    def __init__(self, rate: float, seconds: float, phase: float | None) -> None:
        self.rate, self._seconds, self._phase = rate, seconds, phase
        self._taken: deque[float] = deque()
        self._at = 0.0

    @property
    def _begin(self) -> float:
        if self._phase is None:
            return self._at - self._seconds
        return (self._at - self._phase) // self._seconds * self._seconds + self._phase

    def takes(self, now: float) -> bool:
        """Whether a request that arrives *now* is let through."""
        self._at = now
        while self._taken and self._taken[0] < self._begin:
            self._taken.popleft()
        if len(self._taken) >= self.rate * self._seconds:
            return False
        self._taken.append(now)
        return True

    def exact(self) -> float:
        """Seconds until one would be let through, after a refusal."""
        begin = self._taken[0] if self._phase is None else self._begin
        return begin + self._seconds - self._at


Limiter = TokenBucket | Window

LIMITERS: dict[str, tuple[float, Callable[[float, random.Random], Limiter]]] = {
    # name: the window in seconds, and what makes one for a rate
    "leaky bucket, burst 1": (0.0, lambda rate, _: TokenBucket(rate, 0)),
    **{
        f"token bucket of {seconds:g} s": (
            seconds,
            lambda rate, _, seconds=seconds: TokenBucket(rate, seconds),
        )
        for seconds in (0.2, 1.0, 10.0)
    },
    **{
        f"fixed window of {seconds:g} s": (
            seconds,
            lambda rate, lot, seconds=seconds: Window(rate, seconds, lot.uniform(0, seconds)),
        )
        for seconds in (1.0, 10.0, 60.0)
    },
    **{
        f"sliding window of {seconds:g} s": (
            seconds,
            lambda rate, _, seconds=seconds: Window(rate, seconds, None),
        )
        for seconds in (1.0, 10.0, 60.0)
    },
}
_JUNK = ("soon", "-5", "0", "1e3", "", "Thu, 01 Jan 1970 00:00:00 GMT", "99 bottles")
_ASKS: dict[str, Callable[[Limiter, random.Random], str | None]] = {
    "none": lambda _limiter, _lot: None,
    "exact": lambda limiter, _lot: str(max(1, ceil(limiter.exact()))),
    "1 s": lambda _limiter, _lot: "1",
    "junk": lambda _limiter, lot: lot.choice(_JUNK),
}
RATES = (2.0, 30.0, 300.0)
LATENCIES = (0.005, 0.2)
_SEEDS = {2.0: 8, 30.0: 3, 300.0: 1}
"""Seeds of each sample: of few requests, one more or less that is refused changes much."""
_USED, _REFUSED, _FREE = 0.9, 0.02, 0.8
_WARM_UP, _LONG, _CHANGED = 10.0, 60.0, 20.0  # seconds

Share = tuple[float, float]  # of the allowance that is used, and of the requests that is refused


def meet(
    limiter: str,
    rate: float,
    asked: str,
    latency: float,
    *,
    seed: int = 1,
    changed: float = 1.0,
    concurrency: int | None = 0,
    finder: type[Throttling] = Throttling,
) -> Share:
    """Meet a limiter, and tell what comes of it once the pace had time to be found.

    That is ten seconds, or three windows; and after a change twenty seconds, or two windows.

    Args:
        limiter: one of `LIMITERS`.
        rate: requests a second that it allows.
        asked: the `Retry-After` of its refusals: "none", "exact", "1 s" or "junk".
        latency: seconds of each reply.
        seed: of all that is left to chance: latencies, pauses, where a window begins.
        changed: times the allowance that is the allowance after a while.
        concurrency: in flight at once; None for `auto`, 0 for twice what is needed.
        finder: what finds the pace.
    """
    lot = random.Random(seed)
    window, make = LIMITERS[limiter]
    made = make(rate, lot)
    server = Server(
        lambda: latency * lot.uniform(0, 0.1),
        made.takes,
        lambda _: _ASKS[asked](made, lot),
        network=latency,
    )
    if concurrency == 0:
        concurrency = max(20, int(2 * rate * latency * max(1, changed)))
    begin = max(_WARM_UP, 3 * window if window >= 10 else 0)
    end = begin + max(_LONG, 2 * window)
    sender = Sender(server, concurrency, seed, finder)
    if changed == 1:
        sender.run(end)
    else:
        change = (end, lambda: setattr(made, "rate", changed * rate))
        deadline, lasts = _after_change(window)
        begin = end + deadline
        end = begin + lasts
        sender.run(end, change)
    return sender.accepted(begin, end) / made.rate, sender.refused(begin, end)


def _after_change(window: float) -> tuple[float, float]:
    """Seconds that the change may take to be found, and seconds that are measured from then on."""
    return max(_CHANGED, 2 * window), max(_LONG / 2, window)


def at_least_refused(limiter: str, allowed: float) -> float:
    """The share that any client has refused that finds a doubled allowance in time."""
    window, _ = LIMITERS[limiter]
    return least_refused(allowed, window, *_after_change(window), used=_USED)


def stray(share: float, asked: str | None, latency: float, seed: int = 5) -> float:
    """Of the throughput without them, what refusals by chance leave in the first minute."""
    lot = random.Random(seed)
    server = Server(lambda: latency, lambda _: lot.random() >= share, lambda _: asked)
    return Sender(server, 20, seed).run(_LONG).accepted(0, _LONG) / (20 / latency)


def _case(name: str, shares: Iterable[Share]) -> Figure:
    """A figure of several seeds: their mean, and how far they lie apart."""
    used, refused = zip(*shares, strict=True)
    return Figure(
        name, mean(used), "used", 1.0, f"({min(used):.2f} to {max(used):.2f})",
        floor=_USED, samples=used, refused=mean(refused), most_refused=_REFUSED,
    )  # fmt: skip


def worst_first(figures: Iterable[Figure]) -> list[Figure]:
    """Those that miss their bars by most come first."""
    return sorted(figures, key=lambda one: (-one.excess, one.measured))


def limiters(folder: Path, scale: Scale) -> list[Figure]:
    """429 by every usual limiter: the share of its allowance that is used, worst first."""
    del folder
    found, changes = steady(scale.samples), changed(scale.samples)
    by_chance = []
    for asked in (None, "1"):
        for latency in (0.005, 0.05, 0.2):
            left = [stray(0.05, asked, latency, seed) for seed in range(1, 1 + scale.samples)]
            by_chance.append(
                Figure(
                    f"5 % by chance, {asked or 'no'} Retry-After, {latency * 1000:g} ms",
                    mean(left), "of free", 1.0, f"({min(left):.2f} to {max(left):.2f})",
                    floor=_FREE, samples=left,
                )
            )  # fmt: skip
    by_any = [
        Figure(
            f"refused to any client, no burst, {rate:g}/s",
            at_least_refused("leaky bucket, burst 1", rate), "", _REFUSED, "allowed",
        )
        for rate in (1.0, *RATES)
    ]  # fmt: skip
    return [
        *found, *changes, *by_chance, *by_any,
        met("limiters that are met", found), met("changes that are met", changes),
    ]  # fmt: skip


def steady(samples: int, finder: type[Throttling] = Throttling) -> list[Figure]:
    """Every limiter, with an allowance that stays."""
    return worst_first(
        _case(
            f"{limiter}, {rate:g}/s, {asked}, {latency * 1000:g} ms",
            [
                meet(limiter, rate, asked, latency, seed=seed, finder=finder)
                for seed in _seeds(rate, samples)
            ],
        )
        for limiter in LIMITERS
        for rate in RATES
        for asked in _ASKS
        for latency in LATENCIES
    )


def changed(samples: int, finder: type[Throttling] = Throttling) -> list[Figure]:
    """Every limiter, with an allowance that is halved or doubled after a while."""
    return worst_first(
        _case(
            f"{limiter}, {rate:g}/s, then x {factor:g}, {latency * 1000:g} ms",
            [
                meet(limiter, rate, "none", latency, seed=seed, changed=factor, finder=finder)
                for seed in _seeds(rate, samples)
            ],
        )
        for limiter in LIMITERS
        for rate in RATES
        for factor in (0.5, 2.0)
        for latency in LATENCIES
    )


def _seeds(rate: float, samples: int) -> range:
    return range(1, 1 + _SEEDS[rate] * samples)


def met(name: str, figures: list[Figure]) -> Figure:
    """How many of them are within their bars."""
    return Figure(name, sum(not one.missed for one in figures), "", len(figures), "all")
