"""How a worker on another machine finds the account: in its own environment, and checked.

No secret travels to it. What travels is a salted hash, by which the worker knows whether what it
found is what the run has.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from batchconv import __version__
from batchconv.errors import UsageError
from batchconv.sending.proxy import Proxy, find_proxy
from batchconv.sending.relay.launcher import WorkerSettings
from batchconv.settings.credentials import find_auth
from batchconv.settings.layers import PREFIX, load
from batchconv.settings.option_types import options_of
from batchconv.settings.options import Settings
from batchconv.simulator import API_KEY, API_SECRET
from batchconv.vonage.authentication import Auth, BasicAuth, QueryAuth, Secret, SignatureAuth

_ACCOUNT = ("api_key", "api_secret_file", "signature_secret_file")
_VENDORS = (
    "VONAGE_",
    "NEXMO_",
)  # variables that `credentials` reads where the settings say nothing
_THERE = (
    "set the variables of the account (VONAGE_API_KEY, VONAGE_API_SECRET) to the same in the "
    "environment of Ray's workers as in that of the run"
)
# What RFC 7914 names for interactive use: 16 MB, and some 50 ms for each guess at a secret.
_COST = {"n": 1 << 14, "r": 8, "p": 1}


@dataclass(frozen=True, slots=True)
class AccountTerms:
    """What is sent to a worker on another machine; it holds no secret.

    Attributes:
        way: the settings of authentication, without key and secret; None for the simulator's.
        salt: of *mark*.
        mark: a hash of the run's key and secret.
        sending: the settings of the worker without `auth`.
        own_proxy: the proxy is the one that the worker's own environment names.
        version: of this program.
    """

    way: Mapping[str, Any] | None
    salt: bytes
    mark: bytes
    sending: Mapping[str, Any]
    own_proxy: bool
    version: str = __version__

    @classmethod
    def of(cls, worker: WorkerSettings, settings: Settings) -> Self:
        """The terms for workers that send as *worker* does, which has the account of the run."""
        own_proxy = settings.proxy == "env"
        sending = {
            "base_url": worker.base_url,
            "timeout": worker.timeout,
            "connections": worker.connections,
            "ca_file": None if worker.ca_file is None else str(Path(worker.ca_file).absolute()),
            "proxy": None if own_proxy else worker.proxy,
            "rate": worker.rate,
        }
        salt = secrets.token_bytes(16)
        way = None if settings.simulate else _way_of(worker.auth)
        return cls(way, salt, _mark_of(worker.auth, salt), sending, own_proxy)

    def worker_settings(self) -> WorkerSettings:
        """How to send, with the account that is found where this is called.

        Raises:
            UsageError: none is found there, or another one.
        """
        if self.version != __version__:
            raise UsageError(
                f"where it runs, batchconv is {__version__}, and {self.version} here",
                hint="install the same version in both places",
            )
        auth: Auth = QueryAuth(API_KEY, Secret(API_SECRET))
        if self.way is not None:
            try:
                auth = _auth_here(self.way, os.environ)
            except UsageError as error:
                raise UsageError(f"where it runs: {error}", hint=_THERE) from None
        if not hmac.compare_digest(_mark_of(auth, self.salt), self.mark):
            raise UsageError(
                f"where it runs, another key or secret is set (key {auth.shown_key}...)",
                hint=_THERE,
            )
        sending = dict(self.sending)
        if self.own_proxy:
            sending["proxy"] = find_proxy("env", sending["base_url"], os.environ)
        return WorkerSettings(auth=auth, **sending)


def check_sendable(proxy: Proxy | None, settings: Settings) -> None:
    """Refuse, with a UsageError, a proxy whose password would have to be sent to the workers."""
    if proxy is not None and proxy.credentials and settings.proxy != "env":
        raise UsageError(
            "--engine ray sends no password to its workers, and the proxy needs one",
            hint="set HTTPS_PROXY where the workers run, and give --proxy env",
        )


def environment_of_workers(settings: Settings, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for workers on this machine: they find the account in the same place.

    Args:
        settings: of the run.
        environment: of this process.
    """
    named = {"CONFIG": settings.config, "PROFILE": settings.profile}
    in_file = settings.api_secret or settings.signature_secret
    if not in_file:
        named |= {name.upper(): getattr(settings, name) for name in _ACCOUNT}
    kept = dict(environment)
    if in_file or any(getattr(settings, name) for name in _ACCOUNT):
        kept = {name: text for name, text in kept.items() if not name.startswith(_VENDORS)}
    for name, text in named.items():
        if text is not None:  # workers run in another folder
            is_path = name == "CONFIG" or name.endswith("_FILE")
            kept[PREFIX + name] = str(Path(text).absolute()) if is_path else text
    return kept


def _auth_here(way: Mapping[str, Any], environment: Mapping[str, str]) -> Auth:
    """The account as the command line would find it without an option."""
    layers = load(options_of(Settings), environment, config=None, profile=None)
    found = {name: layers.find(name, {}) for name in _ACCOUNT}
    values: dict[str, Any] = {name: value.texts[0] for name, value in found.items() if value}
    account = layers.account(())
    if account is not None:
        values |= {"account_from": account.place, **account.secrets}
    return find_auth(Settings(**way, **values), environment, time.time)


def _way_of(auth: Auth) -> dict[str, Any]:
    if isinstance(auth, SignatureAuth):
        when = "request" if auth.request_time else "conversion"
        kind = {"auth": "signature", "signature_method": auth.method, "signature_timestamp": when}
    else:
        kind = {"auth": "basic" if isinstance(auth, BasicAuth) else "query"}
    return {**kind, "api_key_prefix": getattr(auth, "prefix", None)}


def _mark_of(auth: Auth, salt: bytes) -> bytes:
    match auth:
        case QueryAuth() | BasicAuth():
            secret = auth.api_secret
        case SignatureAuth():
            secret = auth.secret
        case _:
            raise TypeError(type(auth))
    pair = f"{auth.api_key}\0{secret.reveal()}".encode()
    return hashlib.scrypt(pair, salt=salt, **_COST)
