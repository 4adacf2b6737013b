"""Where key and secret come from: one place, all of it, or exit 2."""

import traceback

import pytest

from batchconv.errors import UsageError
from batchconv.settings.credentials import find_auth
from batchconv.settings.options import Settings
from batchconv.vonage.authentication import (
    SIGNATURE_METHODS,
    BasicAuth,
    QueryAuth,
    Secret,
    SignatureAuth,
)

KEY, API, SIG = "CANARY-key", "CANARY-api", "CANARY-sig"
HINT = "key and secret must come from the same place"


def env(prefix: str = "VONAGE", **values: str) -> dict[str, str]:
    return {f"{prefix}_{name.upper()}": value for name, value in values.items()}


def auth_of(environment=None, **settings):
    return find_auth(Settings(**settings), environment or {}, lambda: 1_700_000_000.0)


@pytest.fixture
def file(tmp_path):
    def make(content: str | bytes = API, name: str = "secret") -> str:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)

    return make


@pytest.mark.parametrize("prefix", ["VONAGE", "NEXMO"])
@pytest.mark.parametrize(
    ("values", "wanted", "expected"),
    [
        ({"api_key": KEY, "api_secret": API}, None, QueryAuth),
        ({"api_key": KEY, "api_secret": API}, "query", QueryAuth),
        ({"api_key": KEY, "api_secret": API}, "basic", BasicAuth),
        ({"api_key": KEY, "signature_secret": SIG}, None, SignatureAuth),
        ({"api_key": KEY, "signature_secret": SIG}, "signature", SignatureAuth),
        ({"api_key": KEY, "api_secret": API, "signature_secret": SIG}, None, QueryAuth),
        ({"api_key": KEY, "api_secret": API, "signature_secret": SIG}, "basic", BasicAuth),
        (
            {"api_key": KEY, "api_secret": API, "signature_secret": SIG},
            "signature",
            SignatureAuth,
        ),
        # Half a pair, by what is missing.
        ({"api_key": KEY}, None, "the API secret is missing"),
        ({"api_key": KEY}, "signature", "the signature secret is missing"),
        ({"api_secret": API}, None, "the API key is missing"),
        ({"signature_secret": SIG}, None, "the API key is missing"),
        ({"api_key": KEY, "api_secret": API}, "signature", "the signature secret is missing"),
        ({"api_key": KEY, "signature_secret": SIG}, "query", "the API secret is missing"),
        ({"api_key": KEY, "signature_secret": SIG}, "basic", "the API secret is missing"),
        ({"api_key": "", "api_secret": API}, None, "the API key is missing"),
        ({"api_key": KEY, "api_secret": ""}, None, "the API secret is missing"),
        ({}, None, "no API key and secret are given"),
        ({"api_key": "", "api_secret": "", "signature_secret": ""}, None, "no API key"),
    ],
)
def test_what_is_in_the_environment_decides(prefix, values, wanted, expected):
    environment = env(prefix, **values)
    if isinstance(expected, str):
        with pytest.raises(UsageError, match=expected):
            auth_of(environment, auth=wanted)
        return
    auth = auth_of(environment, auth=wanted)
    assert type(auth) is expected
    assert auth.api_key == KEY
    secret = auth.secret if isinstance(auth, SignatureAuth) else auth.api_secret
    assert secret.reveal() == (SIG if isinstance(auth, SignatureAuth) else API)


def test_the_command_line_beats_vonage_beats_nexmo(file):
    vonage = env(api_key="of-vonage", api_secret="v")
    nexmo = env("NEXMO", api_key="of-nexmo", api_secret="n")
    given = {"api_key": "of-line", "api_secret_file": file("l")}
    assert auth_of(vonage | nexmo, **given).api_key == "of-line"
    assert auth_of(vonage | nexmo, **given).api_secret.reveal() == "l"
    assert auth_of(nexmo | vonage).api_key == "of-vonage"
    assert auth_of(nexmo).api_key == "of-nexmo"


def test_settings_may_hold_the_secrets_themselves(file):
    """As a program gives them, or a file of settings."""
    auth = auth_of(env(api_key="other", api_secret="other"), api_key=KEY, api_secret=Secret(API))
    assert (auth.api_key, auth.api_secret.reveal()) == (KEY, API)
    signed = auth_of(api_key=KEY, signature_secret=Secret(SIG))
    assert isinstance(signed, SignatureAuth)
    with pytest.raises(UsageError, match="the file x gives half of what --auth query needs"):
        auth_of(api_secret=Secret(API), account_from="the file x")
    with pytest.raises(UsageError, match="gives api_secret and api_secret_file, too"):
        auth_of(api_key=KEY, api_secret=Secret(API), api_secret_file=file())


@pytest.mark.parametrize("given", ["key", "secret", "signature"])
def test_half_a_pair_in_one_place_is_not_made_whole_from_another(file, given):
    """Else a key would meet another account's secret, and the other account's rows be charged."""
    whole = env(api_key="other", api_secret="other", signature_secret="other")
    settings = {
        "key": {"api_key": KEY},
        "secret": {"api_secret_file": file()},
        "signature": {"signature_secret_file": file()},
    }[given]
    with pytest.raises(UsageError, match="the command line gives half") as caught:
        auth_of(whole, **settings)
    assert caught.value.hint == HINT
    assert caught.value.exit_code == 2
    with pytest.raises(UsageError, match="VONAGE"):
        auth_of(env(api_key=KEY) | env("NEXMO", api_key="other", api_secret="other"))
    with pytest.raises(UsageError, match="VONAGE"):
        auth_of(env(signature_secret=SIG) | env("NEXMO", api_key="other", api_secret="other"))


def test_a_signature_secrets_file_alone_means_signature(file):
    auth = auth_of(api_key=KEY, signature_secret_file=file(SIG))
    assert isinstance(auth, SignatureAuth)
    assert auth.secret.reveal() == SIG
    both = {"api_secret_file": file(API), "signature_secret_file": file(SIG, "other")}
    assert isinstance(auth_of(api_key=KEY, **both), QueryAuth)


@pytest.mark.parametrize(
    ("content", "secret"),
    [
        (API, API),
        (f"{API}\n", API),
        (f"{API}\r\n", API),
        (f"\ufeff{API}\r\n", API),
        (f"  {API} \n", f"  {API} "),
        ("gehéim\n", "gehéim"),
    ],
)
def test_a_file_holds_the_secret_and_perhaps_the_end_of_its_line(file, content, secret):
    auth = auth_of(api_key=KEY, api_secret_file=file(content))
    assert auth.api_secret.reveal() == secret


@pytest.mark.parametrize("flag", ["api_secret_file", "signature_secret_file"])
@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "on one line and nothing else"),
        ("\n", "on one line and nothing else"),
        (" \t\n", "on one line and nothing else"),
        (f"{API}\n{SIG}\n", "on one line and nothing else"),
        (f"{API}\r{SIG}", "on one line and nothing else"),
        (f"# the secret\n\n{API}\n", "on one line and nothing else"),
        (f"{API}\0", "cannot be printed"),
        (b"CANARY-\xff\xfe", "not UTF-8 text"),
        (API.encode("utf-16"), "not UTF-8 text"),
        (None, "No such file"),
    ],
)
def test_a_file_that_holds_no_secret_is_refused_and_not_told_of(file, flag, content, why):
    """Neither the content nor the path: some people give the secret itself to the flag."""
    path = file(content) if content is not None else "CANARY-given-by-mistake"
    with pytest.raises(UsageError, match=why) as caught:
        auth_of(api_key=KEY, **{flag: path})
    assert f"--{flag.replace('_', '-')}" in str(caught.value) or "the secret" in str(caught.value)
    told = "".join(traceback.format_exception(caught.value)) + str(caught.value.hint)
    assert "CANARY" not in told
    # Not even out of snapshot: error trackers show the causes that `from None` hides.
    seen = caught.value.__context__
    assert seen is None


def test_a_folder_is_no_secrets_file(tmp_path):
    with pytest.raises(UsageError, match="--api-secret-file"):
        auth_of(api_key=KEY, api_secret_file=str(tmp_path))


def test_a_line_end_in_a_variable_is_not_part_of_the_secret():
    """So it comes from mounted secrets that were made from a file."""
    auth = auth_of(env(api_key=f"{KEY}\n", api_secret=f"{API}\r\n"))
    assert (auth.api_key, auth.api_secret.reveal()) == (KEY, API)
    with pytest.raises(UsageError, match="the API secret is missing"):
        auth_of(env(api_key=KEY, api_secret="\n"))


@pytest.mark.parametrize(
    "values",
    [
        {"api_key": "CANARY\nX: y", "api_secret": API},
        {"api_key": "CANARY\udcff", "api_secret": API},
        {"api_key": KEY, "api_secret": "CANARY\udcff"},
        {"api_key": KEY, "signature_secret": "CANARY\udcff"},
        {"api_key": KEY, "api_secret": "CANARY\nCANARY"},
    ],
)
def test_what_cannot_be_sent_is_refused_before_anything_is(values):
    with pytest.raises(UsageError, match="cannot be printed") as caught:
        auth_of(env(**values))
    assert "CANARY" not in "".join(traceback.format_exception(caught.value))


def test_a_key_with_a_colon_cannot_be_told_apart_in_basic():
    environment = env(api_key="a:b", api_secret=API)
    with pytest.raises(UsageError, match="colon"):
        auth_of(environment, auth="basic")
    assert auth_of(environment, auth="query").api_key == "a:b"


@pytest.mark.parametrize("method", SIGNATURE_METHODS)
def test_the_signature_method_comes_from_the_environment_too(method):
    account = env(api_key=KEY, signature_secret=SIG)
    assert auth_of(account).method == "md5hash"
    assert auth_of(account | env(signature_method=method)).method == method
    assert auth_of(account | env("NEXMO", signature_method=method)).method == method
    assert auth_of(account | env(signature_method=method), signature_method="sha1").method == "sha1"


def test_an_unknown_signature_method_is_refused_only_where_it_is_needed():
    wrong = env(api_key=KEY, api_secret=API, signature_secret=SIG, signature_method="md6")
    with pytest.raises(UsageError, match="VONAGE_SIGNATURE_METHOD must be one of md5hash"):
        auth_of(wrong, auth="signature")
    assert isinstance(auth_of(wrong), QueryAuth)


def test_prefix_and_timestamp_mode_reach_the_authentication():
    account = env(api_key=KEY, signature_secret=SIG)
    auth = auth_of(account, api_key_prefix="Token", signature_timestamp="request")
    assert auth.request_time is True
    assert dict(auth.sign([]))["api_key"] == f"Token {KEY}"
    assert dict(auth.sign([]))["timestamp"] == "1700000000"
    assert auth_of(account).request_time is False
