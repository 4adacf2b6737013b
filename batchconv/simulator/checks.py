"""Is this a request that the Conversion API takes? Pure: a request in, findings out.

Statuses by the vendor's published reference: 401 wrong credentials, 402 not enabled, 420 an
invalid parameter, 422 a missing one (older page). Queries are parsed byte for byte.
"""

from __future__ import annotations

import base64
import binascii
import re
from datetime import datetime
from typing import NamedTuple
from urllib.parse import unquote_plus

from batchconv.simulator.behaviour import AuthForm, Behaviour
from batchconv.vonage.authentication import SIGNATURE_METHODS, Params, SignatureMethod, signature

CHANNELS = {"/conversions/sms": "sms", "/conversions/voice": "voice"}
LONGEST_TARGET = 8190
"""Bytes of path and query, as widespread servers have it; 414 beyond."""

_OWN_NAMES = frozenset({"message-id", "delivered", "timestamp"})
_NAMES = _OWN_NAMES | {"api_key", "api_secret", "sig"}
_BOOLEANS = frozenset({"true", "false", "1", "0"})
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}", re.ASCII)
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_UNIX_SECONDS = re.compile(r"[0-9]{10}", re.ASCII)
_METHODS_BY_LENGTH: dict[int, tuple[SignatureMethod, ...]] = {
    32: ("md5hash", "md5"),
    40: ("sha1",),
    64: ("sha256",),
    128: ("sha512",),
}


class Request(NamedTuple):
    """What is looked at of a request.

    Attributes:
        target: path and query exactly as they came.
        authorization: that header's value, or None.
    """

    method: str
    target: str
    authorization: str | None = None


class Refusal(NamedTuple):
    """A status other than 200, with a sentence for people; it holds none of the values."""

    status: int
    text: str


class Check(NamedTuple):
    """What was asked, as far as it could be read, and what is wrong with it.

    Attributes:
        message_id: the id byte for byte, or None when none is found.
        route: 404, 405 or 414, else None.
        account: what is wrong with the credentials, else None.
        parameters: what is wrong with the conversion, else None.
    """

    channel: str | None = None
    message_id: str | None = None
    delivered: str | None = None
    timestamp: str | None = None
    route: Refusal | None = None
    account: Refusal | None = None
    parameters: Refusal | None = None


def split_target(target: str) -> tuple[str, str]:
    """Path and query of a request target; of one in absolute form, as proxies get it, too."""
    if not target.startswith("/"):
        _, _, target = target.partition("://")
        target = "/" + target.partition("/")[2]
    path, _, query = target.partition("?")
    return path, query


def check(behaviour: Behaviour, request: Request) -> Check:
    """Everything that can be said about *request* without a memory of earlier ones."""
    path, query = split_target(request.target)
    channel = CHANNELS.get(path)
    if channel is None:
        return Check(route=Refusal(404, "POST to /conversions/sms or /conversions/voice"))
    if request.method != "POST":
        return Check(route=Refusal(405, "a conversion is sent with POST"))
    if len(request.target) > LONGEST_TARGET:
        return Check(route=Refusal(414, f"path and query exceed {LONGEST_TARGET} bytes"))
    pairs = _pairs(query)
    if pairs is None:
        broken = Refusal(420, "the query is not a list of name=value in percent-encoded UTF-8")
        return Check(channel, account=_account(behaviour, [], request), parameters=broken)
    values = dict(pairs)
    return Check(
        channel,
        values.get("message-id") or None,
        values.get("delivered"),
        values.get("timestamp"),
        account=_account(behaviour, pairs, request),
        parameters=_parameters(pairs, values),
    )


def _pairs(query: str) -> Params | None:
    """Names and values of *query* in their order, or None where it is malformed."""
    if not query:
        return []
    if not query.isascii() or _BAD_ESCAPE.search(query):
        return None
    parts = [part.partition("=") for part in query.split("&")]
    if not all(equals for _, equals, _ in parts):
        return None
    try:
        return [(_unquoted(name), _unquoted(value)) for name, _, value in parts]
    except UnicodeDecodeError:
        return None


def _unquoted(text: str) -> str:
    # Most values need nothing done to them, and the library's function is slow to find that out.
    return unquote_plus(text, errors="strict") if "%" in text or "+" in text else text


def _parameters(pairs: Params, values: dict[str, str]) -> Refusal | None:
    for name in ("message-id", "delivered"):
        if not values.get(name):
            return Refusal(422, f"the parameter {name} is missing")
    if len(values) < len(pairs):
        return Refusal(420, "a parameter is repeated")
    if not values.keys() <= _NAMES:
        names = ", ".join(sorted(_OWN_NAMES))
        return Refusal(420, f"there is an unknown parameter; known are {names}")
    if values["delivered"] not in _BOOLEANS:
        return Refusal(420, "delivered must be true, false, 1 or 0")
    time = values.get("timestamp")
    if time is None or _is_time(time) or ("sig" in values and _UNIX_SECONDS.fullmatch(time)):
        return None
    return Refusal(420, "timestamp must be a real time as yyyy-MM-dd HH:mm:ss")


def _is_time(text: str) -> bool:
    if not _TIME.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _account(behaviour: Behaviour, pairs: Params, request: Request) -> Refusal | None:
    problem = _credentials(behaviour, pairs, request.authorization)
    if problem is not None:
        return Refusal(401, problem)
    if not behaviour.account_enabled:
        return Refusal(402, "the Conversion API is not enabled for this account")
    return None


def _credentials(behaviour: Behaviour, pairs: Params, authorization: str | None) -> str | None:
    """What is wrong with the credentials, or None."""
    values = dict(pairs)
    present: list[AuthForm] = []
    if authorization is not None:
        present.append("basic")
    if "api_secret" in values:
        present.append("query")
    if "sig" in values:
        present.append("signature")
    if len(present) != 1 or (present == ["basic"] and "api_key" in values):
        return "send credentials in exactly one form: query, basic or signature"
    form = present[0]
    if form not in behaviour.auth_forms:
        return f"this account does not take credentials in the form {form}"
    key, proof = _claimed(form, values, authorization or "")
    if not key or not proof:
        return f"the credentials in the form {form} are incomplete"
    return None if behaviour.any_account else _wrong(behaviour, form, pairs, key, proof)


def _wrong(behaviour: Behaviour, form: AuthForm, pairs: Params, key: str, proof: str) -> str | None:
    """What does not fit the account, or None."""
    prefix = f"{behaviour.api_key_prefix} " if behaviour.api_key_prefix else ""
    if key != prefix + behaviour.api_key:
        return "this API key is unknown"
    if form == "signature":
        return None if _is_signed(behaviour, pairs, proof) else "the signature is wrong"
    return None if proof == behaviour.api_secret else "the API secret is wrong"


def _claimed(form: AuthForm, values: dict[str, str], authorization: str) -> tuple[str, str]:
    """The key and its proof (the secret or the signature); empty where missing."""
    if form == "query":
        return values.get("api_key", ""), values["api_secret"]
    if form == "signature":
        return values.get("api_key", ""), values["sig"]
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        pair = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    key, _, secret = pair.partition(":")
    return key, secret


def _is_signed(behaviour: Behaviour, pairs: Params, sig: str) -> bool:
    only = behaviour.signature_method
    signed = [(name, value) for name, value in pairs if name != "sig"]
    return any(
        signature(signed, behaviour.signature_secret, method) == sig
        for method in _METHODS_BY_LENGTH.get(len(sig), ())
        if method in ((only,) if only else SIGNATURE_METHODS)
    )
