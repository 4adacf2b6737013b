"""Workers of Ray's: what must hold for them, and the relay to them."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from batchconv.errors import UsageError
from batchconv.sending.proxy import Proxy
from batchconv.sending.relay.launcher import WorkerSettings
from batchconv.sending.relay.ray_process import RayProcess, require_ray
from batchconv.sending.relay.ray_workers import RayWorkers
from batchconv.sending.relay.relay import Relay
from batchconv.sending.relay.staffing import staff, usable_cores
from batchconv.settings.options import Settings
from batchconv.settings.worker_account import AccountTerms, check_sendable, environment_of_workers


def check_engine(settings: Settings, proxy: Proxy | None) -> None:
    """Refuse, with a UsageError, an engine that cannot be used."""
    if settings.engine_address is not None and settings.engine != "ray":
        raise UsageError("--engine-address is the address of a Ray cluster", hint="--engine ray")
    if settings.engine != "ray":
        return
    require_ray()
    if settings.simulate and settings.engine_address is not None:
        raise UsageError(
            "--simulate and --engine-address cannot be used together: workers on other machines do "
            "not reach the simulator in this process",
            hint="leave out --engine-address, or start `batchconv simulate` where they reach it",
        )
    check_sendable(proxy, settings)


@asynccontextmanager
async def ray_relay(
    given: WorkerSettings, settings: Settings, environment: Mapping[str, str]
) -> AsyncIterator[Relay]:
    """A relay to workers of Ray's, for as long as the context lasts.

    Args:
        given: how the workers send, but for their part of the rate.
        settings: of the run.
        environment: of this process.
    """
    address = settings.engine_address
    ray = RayProcess(
        address=address,
        workers=settings.workers or usable_cores(),
        environment=environment_of_workers(settings, environment),
    )
    async with ray:
        asked = settings.workers
        if asked is None:
            asked = usable_cores() if address is None else await ray.cores()
        workers, _ = staff(asked, settings.rate)
        rate = None if settings.rate is None else settings.rate / workers
        terms = AccountTerms.of(dataclasses.replace(given, rate=rate), settings)
        relay = Relay(
            RayWorkers(ray, terms),
            workers,
            patience=settings.give_up_after,
            instead="--engine local sends without Ray",
        )
        async with relay:
            yield relay
