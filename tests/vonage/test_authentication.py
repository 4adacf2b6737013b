"""The three ways to say who is asking: what goes on the wire, and what is never shown."""

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchconv.errors import UsageError
from batchconv.vonage.authentication import (
    SIGNATURE_METHODS,
    BasicAuth,
    QueryAuth,
    Secret,
    SignatureAuth,
    mask_key,
    signature,
)

KNOWN = [("a", "1"), ("b", "2"), ("timestamp", "1461605396")]
OWN = [("message-id", "id-1"), ("delivered", "true")]
SECRETS = ("CANARY-secret", "CANARY-key")


def stuck(seconds: float = 1_700_000_000.9):
    return lambda: seconds


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        # From the vendor's signing guide.
        ("md5hash", "6af838ef94998832dbfc29020b564830"),
        ("md5", "c15c21ced558c93a226c305f58f902f2"),
        ("sha256", "a321e824b9b816be7c3f28859a31749a098713d39f613c80d455bbaffae1cd24"),
        # printf %s '&a=1&b=2&timestamp=1461605396' | openssl dgst -sha1 -hmac secret
        ("sha1", "3e19a4e6880fdc2c1426bfd0587c98b9532f0210"),
        (
            "sha512",
            "812a18f76680fa0fe1b8bd9ee1625466ceb1bd96242e4d050d2cfd9a7b40166c63ed26ec9702168781b6edcf1633db8ff95af9341701004eec3fcf9550572ee8",
        ),
    ],
)
def test_signatures_are_the_known_answers(method, expected):
    assert signature(KNOWN, "secret", method) == expected


@pytest.mark.parametrize("method", SIGNATURE_METHODS)
def test_a_signature_does_not_depend_on_the_order_of_the_parameters(method):
    assert signature(KNOWN[::-1], "secret", method) == signature(KNOWN, "secret", method)


def test_ampersand_and_equals_sign_are_replaced_in_values_but_in_nothing_else():
    nasty = [("message-id", "a&b=c d+%26é/😀"), ("api_key", "k=&")]
    text = "&api_key=k__&message-id=a_b_c d+%26é/😀"
    assert signature(nasty, "s&=ü", "md5hash") == hashlib.md5(f"{text}s&=ü".encode()).hexdigest()  # noqa: S324 - the vendor signs with MD5
    for method in ("md5", "sha1", "sha256", "sha512"):
        expected = hmac.new("s&=ü".encode(), text.encode(), method).hexdigest()
        assert signature(nasty, "s&=ü", method) == expected


def test_the_unmodified_values_go_on_the_wire():
    auth = SignatureAuth("k&=", Secret("secret"), stuck())
    signed = dict(auth.sign([("message-id", "a&b=c"), ("delivered", "true")]))
    assert signed["message-id"] == "a&b=c"
    assert signed["api_key"] == "k&="
    assert "api_secret" not in signed
    sig = signed.pop("sig")
    assert sig == signature(list(signed.items()), "secret", "md5hash")


@pytest.mark.parametrize("method", SIGNATURE_METHODS)
def test_the_signature_is_over_everything_that_is_sent(method):
    """What the other side computes from the parameters it received is what was sent."""
    auth = SignatureAuth("key", Secret("secret"), stuck(), method, prefix="Token")
    sent = auth.sign([*OWN, ("timestamp", "2020-01-01 12:00:00")])
    assert [name for name, _ in sent].count("sig") == 1
    received = [pair for pair in sent if pair[0] != "sig"]
    assert dict(sent)["sig"] == signature(received, "secret", method)
    assert dict(sent)["api_key"] == "Token key"


def test_a_row_without_a_time_gets_the_requests_time_afresh_for_every_attempt():
    times = iter([1_700_000_000.999, 1_700_000_031.0])
    auth = SignatureAuth("key", Secret("secret"), lambda: next(times))
    first, second = dict(auth.sign(OWN)), dict(auth.sign(OWN))
    assert (first["timestamp"], second["timestamp"]) == ("1700000000", "1700000031")
    assert first["sig"] != second["sig"]


def test_a_rows_own_time_is_what_is_signed_and_sent():
    def never() -> float:
        raise AssertionError("the clock has nothing to do with it")

    auth = SignatureAuth("key", Secret("secret"), never)
    sent = auth.sign([*OWN, ("timestamp", "2020-01-01 12:00:00")])
    assert [value for name, value in sent if name == "timestamp"] == ["2020-01-01 12:00:00"]


def test_signature_timestamp_request_refuses_a_row_that_has_a_time():
    auth = SignatureAuth("key", Secret("secret"), stuck(), request_time=True)
    assert dict(auth.sign(OWN))["timestamp"] == "1700000000"
    with pytest.raises(UsageError, match="--signature-timestamp request"):
        auth.sign([*OWN, ("timestamp", "2020-01-01 12:00:00")])


@pytest.mark.parametrize("make", [QueryAuth, BasicAuth])
def test_the_conversions_own_parameters_are_not_changed(make):
    own = list(OWN)
    make("key", Secret("secret")).sign(own)
    SignatureAuth("key", Secret("secret"), stuck()).sign(own)
    assert own == OWN


def test_query_has_key_and_secret_behind_the_conversions_own():
    auth = QueryAuth("k+&", Secret("s%=ü"), prefix="Token")
    assert auth.sign(OWN) == OWN
    assert auth.constant == [("api_key", "Token k+&"), ("api_secret", "s%=ü")]
    assert auth.headers == {}


@pytest.mark.parametrize(
    ("key", "secret", "prefix", "pair"),
    [
        ("key", "secret", None, b"key:secret"),
        ("key", "a:b", "Token", b"Token key:a:b"),
        ("schlüssel", "gehe\u0131m😀", None, "schlüssel:gehe\u0131m😀".encode()),
        ("k" * 200, "s" * 200, None, b"k" * 200 + b":" + b"s" * 200),  # no line breaks within
    ],
)
def test_basic_is_the_pair_in_utf_8_and_base64(key, secret, prefix, pair):
    auth = BasicAuth(key, Secret(secret), prefix)
    scheme, _, encoded = auth.headers["Authorization"].partition(" ")
    assert scheme == "Basic"
    assert base64.b64decode(encoded, validate=True) == pair
    assert encoded.isascii()
    assert "\n" not in encoded
    assert auth.sign(OWN) == OWN


@pytest.mark.parametrize(
    "auth",
    [
        QueryAuth("CANARY-key", Secret("CANARY-secret"), "Token"),
        BasicAuth("CANARY-key", Secret("CANARY-secret"), "Token"),
        SignatureAuth("CANARY-key", Secret("CANARY-secret"), stuck(), prefix="Token"),
    ],
    ids=lambda auth: type(auth).__name__,
)
def test_no_notation_shows_the_secret_or_the_whole_key(auth):
    shown = [repr(auth), str(auth), f"{auth}", f"{[auth]}", "%r %s" % (auth, auth)]  # noqa: UP031 - the old way of formatting must not show it either
    assert "CA***" in repr(auth)
    assert auth.shown_key == "CA"
    for text in shown:
        assert not [secret for secret in SECRETS if secret in text]


def test_a_secret_shows_itself_only_when_asked():
    secret = Secret("CANARY")
    for text in (repr(secret), str(secret), f"{secret}", f"{secret!a:>40}", f"{(secret,)}"):
        assert "CANARY" not in text
    assert secret.reveal() == "CANARY"
    assert secret
    assert not Secret("")
    assert not hasattr(secret, "__dict__")


def test_a_key_is_shown_by_its_first_two_characters():
    assert mask_key("abcdef12") == "ab***"


texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1)


@given(message_id=texts, key=texts, secret=texts, method=st.sampled_from(SIGNATURE_METHODS))
def test_any_id_can_be_signed(message_id, key, secret, method):
    signed = SignatureAuth(key, Secret(secret), stuck(), method).sign([("message-id", message_id)])
    assert signed[0] == ("message-id", message_id)
    assert len(signed[-1][1]) == {"md5hash": 32, "md5": 32, "sha1": 40, "sha256": 64}.get(
        method, 128
    )


def test_no_way_to_authenticate_can_be_taken_apart_or_taken_for_another():
    secret = Secret("made-up")
    query, basic = QueryAuth("key", secret), BasicAuth("key", secret)
    assert query != basic
    for auth in (query, basic, SignatureAuth("key", secret, lambda: 0.0)):
        with pytest.raises(TypeError, match="not iterable"):
            list(auth)
