"""Refusals that come at every pace: too soon on the way, or by chance beside a limit.

nginx's `limit_req` without `burst` saves nothing up. It refuses a request that comes too soon after
the one before it, however right the pace is; so no pace uses all of its allowance.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from statistics import mean

from tests.bench.figures import Figure, Scale
from tests.bench.limiters import Share, TokenBucket
from tests.bench.virtual import Sender, Server

_WAY = 0.0005  # seconds, on the mean
_HELD_UP, _LONGER = 0.01, 0.005  # the share of requests that are held up on it, and the seconds
_RATES = (30.0, 100.0, 300.0)
_FROM, _TO = 10.0, 130.0  # seconds that are measured
_REFUSED = 0.02
_BY_CHANCE, _SECONDS, _IN_FLIGHT = 0.05, 0.05, 20  # what is refused; of each reply; at once
_LEARNT, _LONG = 180.0, 240.0  # seconds
_FLOOR = 0.8


def arriving(limiter: TokenBucket, lot: random.Random) -> Callable[[float], bool]:
    """Whether the limiter lets a request through that left at a moment; none overtakes another."""
    last = 0.0

    def takes(left: float) -> bool:
        nonlocal last
        way = lot.expovariate(1 / _WAY) + (_LONGER if lot.random() < _HELD_UP else 0.0)
        last = max(last, left + way)
        return limiter.takes(last)

    return takes


def found(rate: float, latency: float, asks: str | None, seed: int) -> Share:
    """What is used, and what is refused, at the paces that are found."""
    lot = random.Random(seed)
    server = Server(
        lambda: latency * lot.uniform(0, 0.1), arriving(TokenBucket(rate, 0), lot),
        lambda _: asks, network=latency,
    )  # fmt: skip
    sender = Sender(server, max(20, int(2 * rate * latency)), seed).run(_TO)
    return sender.accepted(_FROM, _TO) / rate, sender.refused(_FROM, _TO)


def best_fixed(rate: float) -> float:
    """The most that any even pace uses of which no more than 2 % is refused."""
    shares = (_at(rate, rate * percent / 100) for percent in range(40, 101, 2))
    return max(used for used, refused in shares if refused <= _REFUSED)


def _at(rate: float, pace: float) -> Share:
    takes = arriving(TokenBucket(rate, 0), random.Random(1))
    moments = [number / pace for number in range(int(pace * _TO))]
    accepted = sum(takes(moment) for moment in moments)
    return accepted / _TO / rate, 1 - accepted / len(moments)


def beside(rate: float, seed: int, *, after: float = 0.0) -> float:
    """Of what is allowed, what is used where 5 % are refused by chance beside a limit.

    Args:
        rate: requests a second of a bucket of one second.
        seed: of all that is left to chance.
        after: seconds from which on there is chance alone, and no limit; 0 for both at once.
    """
    lot = random.Random(seed)
    bucket = TokenBucket(rate, 1.0)

    def takes(now: float) -> bool:
        chance = lot.random() >= _BY_CHANCE
        if after:
            return bucket.takes(now) if now < after else chance
        return chance and bucket.takes(now)

    sender = Sender(Server(lambda: _SECONDS, takes), _IN_FLIGHT, seed).run(_LONG)
    return sender.accepted(_LEARNT, _LONG) / (_IN_FLIGHT / _SECONDS if after else rate)


def strict(folder: Path, scale: Scale) -> list[Figure]:
    """429 at every pace: too soon on the way, beside the best even pace; and by chance."""
    del folder
    figures = []
    for rate in _RATES:
        best = best_fixed(rate)
        for latency in (0.005, 0.2):
            for asks in (None, "1"):
                shares = [found(rate, latency, asks, seed) for seed in range(1, 3 * scale.samples)]
                used, refused = zip(*shares, strict=True)
                figures.append(
                    Figure(
                        f"{rate:g}/s, {asks or 'no'} Retry-After, {latency * 1000:g} ms",
                        mean(used), "used", best, "by the best even pace",
                        floor=None if asks else _FLOOR, samples=used,
                        refused=mean(refused), most_refused=_REFUSED,
                    )
                )  # fmt: skip
    for rate in (30.0, 100.0, 300.0):
        for after in (0.0, 60.0):
            left = [beside(rate, seed, after=after) for seed in range(1, 3 * scale.samples)]
            figures.append(
                Figure(
                    f"5 % by chance {'after' if after else 'beside'} {rate:g}/s, in the 4th minute",
                    mean(left), "of all", 1.0, f"({min(left):.2f} to {max(left):.2f})",
                    floor=_FLOOR, samples=left,
                )
            )  # fmt: skip
    return figures
