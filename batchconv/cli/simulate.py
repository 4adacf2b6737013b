"""`batchconv simulate`: a local simulator of the Conversion API until Ctrl-C."""

from __future__ import annotations

import asyncio
import dataclasses
import re
import signal
from collections.abc import Callable

import click

from batchconv.cli.commands import Command
from batchconv.cli.say import say, say_aside
from batchconv.errors import UsageError
from batchconv.sending.durations import parse_duration
from batchconv.simulator import (
    API_KEY,
    API_SECRET,
    FAULT_WORDS,
    PROFILE_NAMES,
    PROFILES,
    SIGNATURE_SECRET,
    Behaviour,
    FaultRule,
)

_RATE = re.compile(r"[0-9]+(\.[0-9]+)?", re.ASCII)


def _outage(text: str) -> tuple[float, float]:
    start, dash, end = text.partition("-")
    if not dash:
        raise ValueError(f"{text!r} is not an outage; write FROM-TO such as 0.5s-6s")
    return parse_duration(start), parse_duration(end)


def _rate_change(text: str) -> tuple[float, float]:
    at, _, rate = text.partition("=")
    if not _RATE.fullmatch(rate):
        raise ValueError(f"{text!r} is not a change of rate; write AT=RATE such as 10s=20")
    return parse_duration(at), float(rate)


_Callback = Callable[[click.Context, click.Parameter, str | tuple[str, ...] | None], object]


def _parsed(parse: Callable[[str], object]) -> _Callback:
    """A callback for an option whose text *parse* reads, or refuses with a sentence."""

    def callback(
        _context: click.Context, _option: click.Parameter, value: str | tuple[str, ...] | None
    ) -> object:
        try:
            if isinstance(value, tuple):
                return tuple(parse(text) for text in value)
            return None if value is None else parse(value)
        except ValueError as error:
            raise click.BadParameter(str(error)) from None

    return callback


_FAULT_HELP = (
    "Answer a SHARE of requests with a fault. KIND is a status or one of "
    f"{', '.join(FAULT_WORDS)}; SHARE is 0.1, 10% or 1/10 (every tenth id). Repeatable; "
    "replaces the profile's faults."
)


@click.command(
    "simulate",
    cls=Command,
    short_help="Run a local simulator of the Conversion API.",
    # Also when it is called by itself: click remembers the names of the first call.
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    help="Port; 0, the default, takes a free one.",
)
@click.option(
    "--profile",
    type=click.Choice(PROFILE_NAMES),
    default="calm",
    show_default=True,
    help="Behaviour to start from; the options below change it.",
)
@click.option("--seed", type=int, help="The seed of all random numbers. [default: 0]")
@click.option(
    "--latency",
    metavar="DURATION",
    callback=_parsed(parse_duration),
    help="The shortest time until a reply.",
)
@click.option(
    "--spread",
    "latency_spread",
    metavar="DURATION",
    callback=_parsed(parse_duration),
    help="The most time added to it at random.",
)
@click.option(
    "--fault",
    "faults",
    metavar="KIND=SHARE",
    callback=_parsed(FaultRule.parse),
    multiple=True,
    help=_FAULT_HELP,
)
@click.option(
    "--faulty-attempts",
    "first_attempts",
    type=click.IntRange(min=0),
    help="Faults apply only to the first N requests of an id.",
)
@click.option(
    "--retry-after", help="Header sent with 429 and 503: 1, or date:2 for an HTTP date 2 s ahead."
)
@click.option(
    "--allow-rate", type=click.FloatRange(min=0), help="Most requests per second; more get 429."
)
@click.option(
    "--allow-rate-change",
    "allow_rate_changes",
    metavar="AT=RATE",
    callback=_parsed(_rate_change),
    multiple=True,
    help="Change the rate at this time after the first request. Repeatable.",
)
@click.option(
    "--allow-concurrent", type=click.IntRange(min=0), help="Most requests in flight; more get 429."
)
@click.option(
    "--outage",
    "outages",
    metavar="FROM-TO",
    callback=_parsed(_outage),
    multiple=True,
    help="Answer everything with 503 from FROM to TO after the first request. Repeatable.",
)
@click.option(
    "--status", "status_for_all", type=click.IntRange(200, 599), help="Answer all with this status."
)
@click.option("--api-key-prefix", help="The word that must stand before the API key.")
@click.option(
    "--any-account", is_flag=True, default=None, help="Accept any key with any secret or signature."
)
def simulate(host: str, port: int, profile: str, **changes: object) -> None:
    """Run a local simulator of the Conversion API until Ctrl-C.

    It checks requests as the API does, takes made-up credentials, and can be slow, throttled or
    faulty by seed: the same file meets the same faults every time. GET /stats tells what came.

    \b
      batchconv simulate --port 8080 --fault 503=10% --retry-after 1
    """
    behaviour = _behaviour(profile, changes)
    asyncio.run(_serve(behaviour, host, port))


def _behaviour(profile: str, changes: dict[str, object]) -> Behaviour:
    given = {name: value for name, value in changes.items() if value not in (None, ())}
    try:
        return dataclasses.replace(PROFILES[profile], **given)  # type: ignore[arg-type]  # each option is named like the field it sets
    except ValueError as error:
        raise UsageError(str(error)) from None


async def _serve(behaviour: Behaviour, host: str, port: int) -> None:
    # Only here: every other command starts quicker without the server's library.
    from batchconv.simulator import Simulator  # noqa: PLC0415 - start-up: imports aiohttp

    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    async with Simulator(behaviour, host=host, port=port) as simulator:
        say(f"simulating the Conversion API at {simulator.base_url}")
        for line in (
            f"  export VONAGE_API_KEY={API_KEY} VONAGE_API_SECRET={API_SECRET}",
            f"  batchconv upload FILE --base-url {simulator.base_url}",
            f"  for --auth signature: export VONAGE_SIGNATURE_SECRET={SIGNATURE_SECRET}",
            f"  what came in: {simulator.stats_url}",
        ):
            say_aside(line)
        if not simulator.is_loopback:
            say_aside(f"warning: other machines can reach {host}, without encryption")
        await ended.wait()
    say_aside(simulator.stats.sentence())
