"""Key and secret, Basic, signature: three pure ways to say who is asking.

Facts from the vendor's published reference and signing guide. Each way turns the parameters
of one conversion into the parameters that go on the wire; headers that never change are made
once.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from batchconv.errors import UsageError

Params = list[tuple[str, str]]
"""Parameters of a request in the order in which they go on the wire, not percent-encoded."""

SignatureMethod = Literal["md5hash", "md5", "sha1", "sha256", "sha512"]
SIGNATURE_METHODS: tuple[SignatureMethod, ...] = ("md5hash", "md5", "sha1", "sha256", "sha512")

_UNSAFE_IN_SIGNED_TEXT = str.maketrans("&=", "__")


class Secret:
    """A text that shows itself to nobody: not in `repr`, not in `str`, not in a format."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself; called only where it is put on the wire or hashed."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __bool__(self) -> bool:
        return bool(self._text)


def mask_key(api_key: str) -> str:
    """The part of an API key that may be shown: its first two characters."""
    return f"{api_key[:2]}***"


def signature(params: Params, secret: str, method: SignatureMethod) -> str:
    """The lower-case hex `sig` of *params*.

    The vendor's signing guide: sort by name, replace `&` and `=` in values by `_`, join as
    `&name=value` with the leading `&` kept and nothing percent-encoded. `md5hash` hashes that
    text followed by the secret; the other methods are HMACs keyed with it. *params* must not
    hold `sig` itself.
    """
    text = "".join(
        f"&{name}={value.translate(_UNSAFE_IN_SIGNED_TEXT)}" for name, value in sorted(params)
    )
    if method == "md5hash":
        # MD5 is the vendor's choice; it is not this program's to change.
        return hashlib.md5((text + secret).encode(), usedforsecurity=False).hexdigest()
    return hmac.new(secret.encode(), text.encode(), method).hexdigest()


class Auth(Protocol):
    """How a request proves whose it is."""

    @property
    def api_key(self) -> str:
        """The whole key; `shown_key` is what may be shown."""
        ...

    @property
    def headers(self) -> dict[str, str]:
        """Headers that every request carries."""
        ...

    @property
    def shown_key(self) -> str:
        """The first two characters of the API key, for people and for the results."""
        ...

    @property
    def constant(self) -> Params:
        """Parameters that every request carries, whatever it says."""
        ...

    @property
    def signs(self) -> bool:
        """Whether `sign` has anything to do."""
        ...

    def sign(self, params: Params) -> Params:
        """The parameters for a conversion's own *params*, to which `constant` comes."""
        ...


def _prefixed(api_key: str, prefix: str | None) -> str:
    return f"{prefix} {api_key}" if prefix else api_key


@dataclass(frozen=True, slots=True)
class QueryAuth:
    """`api_key` and `api_secret` in the query, as the published reference has it."""

    api_key: str
    api_secret: Secret
    prefix: str | None = None
    headers: dict[str, str] = field(default_factory=dict, init=False, repr=False)
    signs: bool = field(default=False, init=False, repr=False)

    @property
    def shown_key(self) -> str:
        """The first two characters of the key."""
        return self.api_key[:2]

    @property
    def constant(self) -> Params:
        """Key and secret."""
        return [
            ("api_key", _prefixed(self.api_key, self.prefix)),
            ("api_secret", self.api_secret.reveal()),
        ]

    def sign(self, params: Params) -> Params:
        """The parameters as they are."""
        return params

    def __repr__(self) -> str:
        return f"QueryAuth({mask_key(self.api_key)})"


@dataclass(frozen=True, slots=True)
class BasicAuth:
    """HTTP Basic: keeps the secret out of URLs, and so out of proxies' and servers' logs."""

    api_key: str
    api_secret: Secret
    prefix: str | None = None
    signs: bool = field(default=False, init=False, repr=False)

    @property
    def shown_key(self) -> str:
        """The first two characters of the key."""
        return self.api_key[:2]

    @property
    def headers(self) -> dict[str, str]:
        """The Authorization header (RFC 7617, UTF-8)."""
        pair = f"{_prefixed(self.api_key, self.prefix)}:{self.api_secret.reveal()}"
        return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}

    @property
    def constant(self) -> Params:
        """Nothing: the header says it all."""
        return []

    def sign(self, params: Params) -> Params:
        """The parameters as they are."""
        return params

    def __repr__(self) -> str:
        return f"BasicAuth({mask_key(self.api_key)})"


@dataclass(frozen=True, slots=True)
class SignatureAuth:
    """`api_key` and `sig`; the secret itself never travels.

    The name `timestamp` means two things: the signing guide wants Unix seconds of the request,
    the conversion wants the time of the user's action. By default the conversion's own time is
    signed and sent, and a row without one gets the request's time; with *request_time* the
    request's time is always sent, and the mapping refuses rows that have a time of their own.

    Attributes:
        clock: Unix seconds now; asked afresh for every attempt.
    """

    api_key: str
    secret: Secret
    clock: Callable[[], float]
    method: SignatureMethod = "md5hash"
    prefix: str | None = None
    request_time: bool = False
    headers: dict[str, str] = field(default_factory=dict, init=False, repr=False)
    signs: bool = field(default=True, init=False, repr=False)

    @property
    def shown_key(self) -> str:
        """The first two characters of the key."""
        return self.api_key[:2]

    @property
    def constant(self) -> Params:
        """Nothing: what a request carries is signed as a whole."""
        return []

    def sign(self, params: Params) -> Params:
        """Append key, a request time where the conversion has none, and the signature."""
        signed = [*params, ("api_key", _prefixed(self.api_key, self.prefix))]
        has_time = any(name == "timestamp" for name, _ in params)
        if has_time and self.request_time:
            raise UsageError(
                "a conversion with a timestamp of its own cannot be sent with "
                "--signature-timestamp request, which needs the name for the request's time",
            )
        if not has_time:
            signed.append(("timestamp", str(int(self.clock()))))
        signed.append(("sig", signature(signed, self.secret.reveal(), self.method)))
        return signed

    def __repr__(self) -> str:
        return f"SignatureAuth({mask_key(self.api_key)}, {self.method})"
