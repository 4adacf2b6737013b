"""Where key and secret come from: the same place, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from batchconv.errors import UsageError
from batchconv.settings.options import Settings
from batchconv.vonage.authentication import (
    SIGNATURE_METHODS,
    Auth,
    BasicAuth,
    QueryAuth,
    Secret,
    SignatureAuth,
    SignatureMethod,
    mask_key,
)


class _Place(NamedTuple):
    """What one place holds; None for what it does not."""

    name: str
    key: str | None
    secret: Secret | None
    signature_secret: Secret | None

    @property
    def empty(self) -> bool:
        return not (self.key or self.secret or self.signature_secret)


class NoAccountError(UsageError):
    """Neither key nor secret is given anywhere."""


def find_auth(
    settings: Settings, environment: Mapping[str, str], clock: Callable[[], float]
) -> Auth:
    """The account's authentication.

    The settings are looked at first, then `VONAGE_` variables, then the older `NEXMO_` ones; the
    first place that holds anything must hold all that is needed.

    Args:
        settings: key and secrets or the files with them, and the way to authenticate.
        environment: of the process.
        clock: Unix seconds, for signatures.

    Raises:
        NoAccountError: nothing at all.
        UsageError: half a pair, or a secret's file that cannot be read.
    """
    places = [
        _Place(
            settings.account_from,
            settings.api_key,
            _secret(settings, "api_secret"),
            _secret(settings, "signature_secret"),
        ),
        _from_environment("VONAGE", environment),
        _from_environment("NEXMO", environment),
    ]
    place = next((place for place in places if not place.empty), None)
    if place is None:
        raise NoAccountError(
            "no API key and secret are given",
            hint="export VONAGE_API_KEY and VONAGE_API_SECRET, or give --api-key and "
            "--api-secret-file; --simulate needs neither",
        )
    return _auth_of(place, settings, environment, clock)


def in_environment(environment: Mapping[str, str]) -> bool:
    """Whether the environment tells anything of the account."""
    return not all(_from_environment(prefix, environment).empty for prefix in ("VONAGE", "NEXMO"))


def shown_in_environment(environment: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """What the environment says about the account: setting, variable, and a text to be shown."""
    for prefix in ("VONAGE", "NEXMO"):
        place = _from_environment(prefix, environment)
        if place.key:
            yield "api_key", f"{prefix}_API_KEY", mask_key(place.key)
        if place.secret:
            yield "api_secret", f"{prefix}_API_SECRET", "***"
        if place.signature_secret:
            yield "signature_secret", f"{prefix}_SIGNATURE_SECRET", "***"
        if not place.empty:
            break
    method = method_in_environment(environment)
    if method is not None:
        yield "signature_method", method, environment[method]


def method_in_environment(environment: Mapping[str, str]) -> str | None:
    """The variable that holds a signature method, or None."""
    names = ("VONAGE_SIGNATURE_METHOD", "NEXMO_SIGNATURE_METHOD")
    return next((name for name in names if environment.get(name)), None)


def _auth_of(
    place: _Place, settings: Settings, environment: Mapping[str, str], clock: Callable[[], float]
) -> Auth:
    only_signature = place.signature_secret and not place.secret
    kind = settings.auth or ("signature" if only_signature else "query")
    secret = place.signature_secret if kind == "signature" else place.secret
    if not place.key or not secret:
        missing = "the API key" if not place.key else f"the {_SECRET_NAMES[kind]}"
        raise UsageError(
            f"{place.name} gives half of what --auth {kind} needs: {missing} is missing",
            hint="key and secret must come from the same place",
        )
    _check_sendable(place.key, settings.api_key_prefix, secret)
    if kind == "query":
        return QueryAuth(place.key, secret, settings.api_key_prefix)
    if kind == "basic":
        if ":" in place.key:
            raise UsageError("an API key with a colon cannot be sent with --auth basic")
        return BasicAuth(place.key, secret, settings.api_key_prefix)
    return SignatureAuth(
        place.key,
        secret,
        clock,
        settings.signature_method or _method(environment),
        settings.api_key_prefix,
        request_time=settings.signature_timestamp == "request",
    )


_SECRET_NAMES = {
    "query": "API secret",
    "basic": "API secret",
    "signature": "signature secret",
}


def _check_sendable(key: str, prefix: str | None, secret: Secret) -> None:
    # A line break inside, or bytes of the environment that are not UTF-8: lone surrogates.
    if not (key + (prefix or "")).isprintable():
        raise UsageError("the API key or its prefix holds a character that cannot be printed")
    if not secret.reveal().isprintable():
        raise UsageError("the secret holds a character that cannot be printed")


def _from_environment(prefix: str, environment: Mapping[str, str]) -> _Place:
    def value(name: str) -> str | None:
        # Mounted secrets often keep the newline at the end of the file they were made from.
        return environment.get(f"{prefix}_{name}", "").strip("\r\n") or None

    def secret(name: str) -> Secret | None:
        text = value(name)
        return Secret(text) if text else None

    return _Place(
        f"the environment ({prefix}_…)",
        value("API_KEY"),
        secret("API_SECRET"),
        secret("SIGNATURE_SECRET"),
    )


def _method(environment: Mapping[str, str]) -> SignatureMethod:
    name = method_in_environment(environment)
    if name is None:
        return "md5hash"
    value = environment[name]
    if value not in SIGNATURE_METHODS:
        methods = ", ".join(SIGNATURE_METHODS)
        raise UsageError(f"{name} must be one of {methods}", hint=f"correct {name}")
    return value


def _secret(settings: Settings, name: Literal["api_secret", "signature_secret"]) -> Secret | None:
    flag = f"--{name.replace('_', '-')}-file"
    secret: Secret | None = getattr(settings, name)
    from_file = _read_secret(flag, getattr(settings, f"{name}_file"))
    if secret and from_file:
        raise UsageError(
            f"{settings.account_from} gives {name} and {name}_file, too", hint="leave one out"
        )
    return secret or from_file


def _read_secret(flag: str, path: str | None) -> Secret | None:
    if path is None:
        return None
    # Neither the path nor the content is shown: a user who took the flag for the secret's own gave
    # the secret as the path, and the error of a wrong encoding carries all that was read.
    text = why = ""
    try:
        text = Path(path).read_text(encoding="utf-8-sig").strip("\r\n")
    except OSError as error:
        why = error.strerror or "it is not a file"
    except ValueError:
        why = "it is not UTF-8 text"
    if why:
        raise UsageError(f"{flag}: the file cannot be read: {why}", hint="check its path")
    if not text.strip() or "\n" in text:
        raise UsageError(
            f"{flag}: the file should hold the secret on one line and nothing else", hint="fix it"
        )
    return Secret(text)
