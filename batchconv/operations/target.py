"""Where conversions go: the account's API, or the embedded simulator."""

from __future__ import annotations

import hashlib
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from batchconv.sending.certificates import trust
from batchconv.sending.client import HttpClient, check_proxy
from batchconv.sending.proxy import Proxy, find_proxy
from batchconv.sending.relay.staffing import staff
from batchconv.sending.transport import Transport
from batchconv.settings.credentials import NoAccountError, find_auth
from batchconv.settings.options import Settings
from batchconv.vonage.authentication import Auth, QueryAuth, Secret
from batchconv.vonage.endpoint import check_base_url

SIMULATED = "simulated"
"""The target of runs against the embedded simulator."""

_NO_ACCOUNT = (
    "no API key and secret are given: a dry run needs none, an upload does; the account of the "
    "job was not checked"
)


class Target:
    """The address and the account that a run speaks to.

    Attributes:
        name: what results are marked with: the normalised address, the key's first two
            characters and a short hash of it; or `simulated`.
        notes: sentences about how it is sent to.
        account_given: False for a dry run without credentials, which sends nothing.

    Raises:
        UsageError: from the constructor, when the account or the address is wrong.
    """

    def __init__(self, settings: Settings, environment: Mapping[str, str]) -> None:
        self._settings = settings
        self._environment = environment
        self._workers, self.notes = staff(settings.workers, settings.rate)
        if settings.engine == "ray" and settings.workers == 1:
            self.notes = ["--engine ray: 1 worker; --workers auto takes all cores that Ray has"]
        self._auth: Auth
        self._proxy: Proxy | None = None
        self.account_given = True
        if settings.simulate is not None:
            from batchconv.simulator import API_KEY, API_SECRET  # noqa: PLC0415 - start-up

            self._auth = QueryAuth(API_KEY, Secret(API_SECRET))
            self.name = SIMULATED
            self._check_engine()
            return
        base_url = check_base_url(settings.base_url)
        if settings.ca_file is not None:
            trust(settings.ca_file)  # made anew by the client; here only to find what is wrong
        self._proxy = find_proxy(settings.proxy, base_url, environment)
        check_proxy(self._proxy, base_url)
        self._check_engine()
        try:
            self._auth = find_auth(settings, environment, time.time)
        except NoAccountError:
            if not settings.dry_run or settings.ledger is not None:
                raise
            self.account_given = False
            self._auth = QueryAuth("", Secret(""))
            self.notes = [*self.notes, _NO_ACCOUNT]
        key = self._auth.api_key
        digest = hashlib.sha256(key.encode()).hexdigest()
        self.name = f"{base_url} {key[:2]}-{digest[:8]}"

    @property
    def api_key(self) -> str:
        """The account's key, whole: for a hash, not to be shown."""
        return self._auth.api_key

    @property
    def rows_may_have_times(self) -> bool:
        """Whether a row with a timestamp of its own can be sent."""
        return not getattr(self._auth, "request_time", False)

    def _check_engine(self) -> None:
        if self._settings.engine == "ray" or self._settings.engine_address is not None:
            from batchconv.operations.ray_relay import check_engine  # noqa: PLC0415 - start-up

            check_engine(self._settings, self._proxy)

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Transport]:
        """What conversions are sent through, open for as long as the context is."""
        settings = self._settings
        if settings.simulate is None:
            async with self._transport(settings.base_url) as transport:
                yield transport
        else:
            from batchconv.simulator import PROFILES, Simulator  # noqa: PLC0415 - start-up

            async with (
                Simulator(PROFILES[settings.simulate]) as simulator,
                self._transport(simulator.base_url) as transport,
            ):
                yield transport

    def _transport(self, base_url: str) -> AbstractAsyncContextManager[Transport]:
        settings, workers = self._settings, self._workers
        connections = settings.limits.most_in_flight
        if workers == 1 and settings.engine == "local":
            return HttpClient(
                self._auth,
                base_url=base_url,
                timeout=settings.timeout,
                connections=connections,
                ca_file=settings.ca_file,
                proxy=self._proxy,
            )
        from batchconv.sending.relay.launcher import WorkerSettings  # noqa: PLC0415 - start-up
        from batchconv.sending.relay.local import LocalWorkers  # noqa: PLC0415 - start-up
        from batchconv.sending.relay.relay import Relay  # noqa: PLC0415 - start-up

        rate = None if settings.rate is None else settings.rate / workers
        given = WorkerSettings(
            self._auth, base_url, settings.timeout, connections, settings.ca_file, self._proxy, rate
        )
        if settings.engine == "ray":
            from batchconv.operations.ray_relay import ray_relay  # noqa: PLC0415 - start-up

            return ray_relay(given, settings, self._environment)
        return Relay(LocalWorkers(given), workers, patience=settings.give_up_after)
