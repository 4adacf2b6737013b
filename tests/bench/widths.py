"""`--concurrency auto` beside the best of fixed numbers, on a virtual clock, in some minutes."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from statistics import mean
from typing import NamedTuple

from tests.bench.figures import Figure, Scale
from tests.bench.limiters import TokenBucket, worst_first
from tests.bench.virtual import Sender, Server

_DEFAULT = 20
_FIXED = (2, 8, _DEFAULT, 32, 50, 100, 200)  # the best ones are among them
_FOUND, _LONG, _CHANGE = 10.0, 20.0, 12.0  # seconds: to be found in, measured, before a change
_SEEDS = 2
_FLOOR, _REFUSED = 0.95, 0.02
_AS_GOOD = 0.98  # of what the default number takes; two seeds differ by as much


def _exponential(seconds: float, **more: object) -> Callable[[random.Random], Server]:
    return lambda lot: Server(lambda: lot.expovariate(1 / seconds), **more)  # type: ignore[arg-type]  # Server's fields


def _even(seconds: float, **more: object) -> Callable[[random.Random], Server]:
    return lambda lot: Server(lambda: seconds * lot.uniform(0.9, 1.1), **more)  # type: ignore[arg-type]  # Server's fields


def _pareto(lot: random.Random) -> Server:
    return Server(lambda: 0.02 * min(100.0, lot.paretovariate(1.8)), cores=32)


def _log_normal(lot: random.Random) -> Server:
    return Server(lambda: 0.04 * lot.lognormvariate(0, 0.8), cores=32)


def _far(lot: random.Random) -> Server:
    return Server(lambda: 0.005, cores=1, travel=lambda: 0.2 * lot.lognormvariate(0, 0.3))


def _strict(rate: float, network: float) -> Callable[[random.Random], Server]:
    def make(lot: random.Random) -> Server:
        bucket = TokenBucket(rate * lot.uniform(0.8, 1.2), 0)
        return Server(lambda: network * lot.uniform(0, 0.1), bucket.takes, network=network)

    return make


SERVERS: dict[str, Callable[[random.Random], Server]] = {
    "32 workers, exponential 50 ms": _exponential(0.05, cores=32),
    "one worker of 5 ms behind 100 ms": _even(0.005, cores=1, network=0.1),
    "one worker of 5 ms behind log-normal 200 ms": _far,
    "one worker of 2 ms, from 12 s on ten times as far": _even(0.002, cores=1, network=0.02),
    "32 workers, log-normal times": _log_normal,
    "32 workers, Pareto times": _pareto,
    "32 workers, from 12 s on three times slower": _exponential(0.02, cores=32),
    "32 workers of 1 s": _even(1.0, cores=32),
    "32 workers, 20 % errors": _exponential(0.05, cores=32, errors=0.2),
    "32 workers, 40 % errors": _exponential(0.05, cores=32, errors=0.4),
    **{
        f"{many} at once, then {status}, {seconds * 1000:g} ms": _even(
            seconds, at_once=many, refusal=status
        )
        for many in (8, 50)
        for status in (429, 503)
        for seconds in (0.02, 0.2)
    },
    **{
        f"leaky bucket of about {rate:g}/s, {network * 1000:g} ms": _strict(rate, network)
        for rate in (30.0, 300.0)
        for network in (0.005, 0.2)
    },
}


class Met(NamedTuple):
    """How a server was met.

    Attributes:
        accepted: requests a second, from ten seconds on, or from ten seconds after a change.
        refused: the share of requests, from then on.
        at_first: requests a second that were accepted in the first ten seconds.
    """

    accepted: float
    refused: float
    at_first: float


def meet_server(name: str, concurrency: int | None, seed: int = 1) -> Met:
    """Send to a server as much as it takes.

    Args:
        name: one of `SERVERS`.
        concurrency: in flight at once; None for `auto`.
        seed: of all that is left to chance.
    """
    server = SERVERS[name](random.Random(seed))
    begin, events = _FOUND, []
    if change := _change(name, server):
        begin += _CHANGE
        events = [(_CHANGE, change)]
    sender = Sender(server, concurrency, seed).run(begin + _LONG, *events)
    end = begin + _LONG
    return Met(sender.accepted(begin, end), sender.refused(begin, end), sender.accepted(0, _FOUND))


def _change(name: str, server: Server) -> Callable[[], None] | None:
    seconds = server.seconds
    if "slower" in name:
        return lambda: setattr(server, "seconds", lambda: 3 * seconds())
    if "as far" in name:
        return lambda: setattr(server, "network", 10 * server.network)
    return None


def widths(folder: Path, scale: Scale) -> list[Figure]:
    """`--concurrency auto` on all kinds of servers, beside the best number; worst first."""
    del folder
    seeds = range(1, 1 + min(_SEEDS, scale.samples))
    figures, beside, at_first = [], [], []
    for name, make in SERVERS.items():
        at_once = make(random.Random()).at_once
        met = {
            number: [meet_server(name, number, seed) for seed in seeds]
            for number in (*_FIXED, None)
            # beyond it nearly all are refused
            if number is None or number <= max(_DEFAULT, at_once)
        }
        fixed = {
            number: mean(one.accepted for one in found)
            for number, found in met.items()
            if number is not None
        }
        best = max(fixed, key=lambda number: fixed[number])
        taken = [one.accepted for one in met[None]]
        early = [one.at_first for one in met[None]]
        limited = "then" in name or "leaky" in name
        figures.append(
            Figure(
                name, mean(taken), "rows/s", fixed[best], f"with {best} in flight",
                floor=_FLOOR, samples=taken,
                refused=mean(one.refused for one in met[None]) if limited else None,
                most_refused=_REFUSED,
            )
        )  # fmt: skip
        beside.append(
            Figure(
                name, mean(taken), "rows/s", fixed[_DEFAULT], f"with {_DEFAULT} in flight",
                floor=_AS_GOOD, samples=taken,
            )
        )  # fmt: skip
        at_first.append(
            Figure(
                f"{name}, first 10 s", mean(early), "rows/s",
                mean(one.at_first for one in met[_DEFAULT]), f"with {_DEFAULT} in flight",
                floor=_FLOOR, samples=early,
            )
        )  # fmt: skip
    return [*worst_first(figures), *worst_first(beside), *worst_first(at_first)]
