"""Which requests the simulator takes, as tables: no sockets."""

import base64
from urllib.parse import quote, urlencode

import pytest

from batchconv.simulator import API_KEY, API_SECRET, SIGNATURE_SECRET, Behaviour
from batchconv.simulator.checks import Check, Request, check, split_target
from batchconv.vonage.authentication import SIGNATURE_METHODS, Params, SignatureMethod, signature

CONVERSION = [("message-id", "0A0000000123ABCD1"), ("delivered", "true")]
BY_QUERY = [("api_key", API_KEY), ("api_secret", API_SECRET)]


def target(params: Params, path: str = "/conversions/sms") -> str:
    return f"{path}?{urlencode(params)}"


def basic(key: str = API_KEY, secret: str = API_SECRET) -> str:
    return "Basic " + base64.b64encode(f"{key}:{secret}".encode()).decode()


def signed(
    params: Params, method: SignatureMethod = "md5hash", secret: str = SIGNATURE_SECRET
) -> Params:
    params = [*params, ("api_key", API_KEY)]
    return [*params, ("sig", signature(params, secret, method))]


def asked(
    params: Params, *, behaviour: Behaviour | None = None, authorization: str | None = None
) -> Check:
    return check(behaviour or Behaviour(), Request("POST", target(params), authorization))


def status_of(
    params: Params, *, behaviour: Behaviour | None = None, authorization: str | None = None
) -> int:
    found = asked(params, behaviour=behaviour, authorization=authorization)
    refusal = found.route or found.account or found.parameters
    return refusal.status if refusal else 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/conversions/sms", None),
        ("POST", "/conversions/voice", None),
        ("GET", "/conversions/sms", 405),
        ("PUT", "/conversions/voice", 405),
        ("POST", "/conversions", 404),
        ("POST", "/conversions/sms/", 404),
        ("POST", "/conversions/SMS", 404),
        ("GET", "/", 404),
    ],
)
def test_only_a_post_to_the_two_paths_is_a_conversion(method, path, status):
    found = check(Behaviour(), Request(method, target([*CONVERSION, *BY_QUERY], path)))
    assert (found.route.status if found.route else None) == status


@pytest.mark.parametrize(("path", "channel"), [("sms", "sms"), ("voice", "voice")])
def test_the_path_is_the_channel(path, channel):
    found = check(Behaviour(), Request("POST", target(CONVERSION, f"/conversions/{path}")))
    assert found.channel == channel


def test_a_target_beyond_what_servers_take_is_414():
    found = asked([("message-id", "x" * 9000), ("delivered", "true"), *BY_QUERY])
    assert found.route is not None
    assert found.route.status == 414


@pytest.mark.parametrize(
    "whole", ["/a/b?c=d?e", "http://127.0.0.1:80/a/b?c=d?e", "https://host/a/b?c=d?e"]
)
def test_a_target_is_split_also_as_a_proxy_gets_it(whole):
    assert split_target(whole) == ("/a/b", "c=d?e")


@pytest.mark.parametrize(
    "message_id",
    ["007", "a+b", "50%", "a&b=c", "#1", "a b", "😀", "%2B", "é", "\u2028", "x;y", "a/b?c", "'\""],
)
def test_an_id_is_read_byte_for_byte(message_id):
    params = [("message-id", message_id), ("delivered", "true"), *BY_QUERY]
    found = asked(params)
    assert found.message_id == message_id
    assert status_of(params) == 200
    upper_escapes = f"/conversions/sms?message-id={quote(message_id, safe='')}"
    assert check(Behaviour(), Request("POST", upper_escapes)).message_id == message_id


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ([("delivered", "true")], 422),
        ([("message-id", ""), ("delivered", "true")], 422),
        ([("message-id", "a")], 422),
        ([("message-id", "a"), ("delivered", "")], 422),
        ([("message-id", "a"), ("message-id", "b"), ("delivered", "true")], 420),
        ([("message-id", "a"), ("delivered", "true"), ("delivered", "true")], 420),
        ([("message-id", "a"), ("delivered", "true"), ("extra", "1")], 420),
        ([("message-id", "a"), ("delivered", "yes")], 420),
        ([("message-id", "a"), ("delivered", "True")], 420),
        ([("message-id", "a"), ("delivered", "true")], 200),
        ([("message-id", "a"), ("delivered", "false")], 200),
        ([("message-id", "a"), ("delivered", "1")], 200),
        ([("message-id", "a"), ("delivered", "0")], 200),
    ],
)
def test_parameters_are_checked_like_the_published_reference_says(params, status):
    assert status_of([*params, *BY_QUERY]) == status


@pytest.mark.parametrize(
    ("timestamp", "status"),
    [
        ("2024-02-29 23:59:59", 200),
        ("0001-01-01 00:00:00", 200),
        ("2023-02-29 00:00:00", 420),
        ("2024-01-01 24:00:00", 420),
        ("2024-01-01 23:59:60", 420),
        ("2024-01-01T00:00:00", 420),
        ("2024-01-01 00:00:00Z", 420),
        ("2024-01-01 00:00:00.0", 420),
        ("2024-01-01", 420),
        ("24-01-01 00:00:00", 420),
        ("\u0662024-01-01 00:00:00", 420),
        ("1461605396", 420),
        ("", 420),
    ],
)
def test_a_timestamp_is_a_real_time_in_the_one_notation(timestamp, status):
    assert status_of([*CONVERSION, ("timestamp", timestamp), *BY_QUERY]) == status


@pytest.mark.parametrize(
    ("timestamp", "status"),
    [("1461605396", 200), ("2024-02-29 23:59:59", 200), ("146160539", 420), ("now", 420)],
)
def test_with_a_signature_the_timestamp_may_be_unix_seconds(timestamp, status):
    assert status_of(signed([*CONVERSION, ("timestamp", timestamp)])) == status


@pytest.mark.parametrize(
    "query",
    [
        "message-id",
        "message-id=%ff&delivered=true",
        "message-id=50%&delivered=true",
        "a=1&&b=2",
        "message-id=é&delivered=1",
    ],
)
def test_a_malformed_query_is_420(query):
    found = check(Behaviour(), Request("POST", f"/conversions/sms?{query}", basic()))
    assert found.account is None
    assert found.parameters is not None
    assert found.parameters.status == 420


@pytest.mark.parametrize("query", ["", "?"])
def test_without_a_query_the_id_is_missing(query):
    found = check(Behaviour(), Request("POST", f"/conversions/sms{query}", basic()))
    assert found.parameters is not None
    assert found.parameters.status == 422


@pytest.mark.parametrize(
    ("extra", "authorization", "status"),
    [
        (BY_QUERY, None, 200),
        ([], basic(), 200),
        ([], basic().replace("Basic", "basic"), 200),
        ([], None, 401),
        ([("api_key", API_KEY)], None, 401),
        ([("api_secret", API_SECRET)], None, 401),
        ([("api_key", "other"), ("api_secret", API_SECRET)], None, 401),
        ([("api_key", API_KEY), ("api_secret", "wrong")], None, 401),
        ([("api_key", API_KEY), ("api_secret", "")], None, 401),
        ([("api_key", "Token " + API_KEY), ("api_secret", API_SECRET)], None, 401),
        (BY_QUERY, basic(), 401),
        ([("api_key", API_KEY)], basic(), 401),
        ([], basic(secret="wrong"), 401),
        ([], basic(key="other"), 401),
        ([], "Bearer abc", 401),
        ([], "Basic !!!", 401),
        ([], "Basic /w==", 401),
        ([], "Basic", 401),
        ([("api_key", API_KEY), ("sig", "0" * 32)], None, 401),
        ([("api_key", API_KEY), ("sig", "")], None, 401),
        ([*BY_QUERY, ("sig", "0" * 32)], None, 401),
    ],
)
def test_credentials_must_be_right_and_in_one_form(extra, authorization, status):
    assert status_of([*CONVERSION, *extra], authorization=authorization) == status


@pytest.mark.parametrize("method", SIGNATURE_METHODS)
def test_a_signature_by_any_method_is_really_checked(method):
    right = signed([*CONVERSION, ("timestamp", "1461605396")], method)
    assert status_of(right) == 200
    changed = [(name, "false" if name == "delivered" else value) for name, value in right]
    assert status_of(changed) == 401
    assert status_of(signed(CONVERSION, method, "another-secret")) == 401


@pytest.mark.parametrize("method", SIGNATURE_METHODS)
def test_a_behaviour_can_take_one_signature_method_only(method):
    only = Behaviour(signature_method=method)
    taken = [
        one
        for one in SIGNATURE_METHODS
        if status_of(signed(CONVERSION, one), behaviour=only) == 200
    ]
    assert taken == [method]


@pytest.mark.parametrize(
    ("key", "status"), [("Token " + API_KEY, 200), (API_KEY, 401), ("token " + API_KEY, 401)]
)
def test_a_wanted_key_prefix_has_to_be_there(key, status):
    wanting = Behaviour(api_key_prefix="Token")
    by_query = [("api_key", key), ("api_secret", API_SECRET)]
    assert status_of([*CONVERSION, *by_query], behaviour=wanting) == status
    assert status_of(CONVERSION, behaviour=wanting, authorization=basic(key)) == status


@pytest.mark.parametrize(
    ("extra", "authorization", "status"),
    [
        ([("api_key", "x"), ("api_secret", "y")], None, 200),
        ([("api_key", "x"), ("sig", "z")], None, 200),
        ([], basic("x", "y"), 200),
        ([], basic("", "y"), 401),
        ([], None, 401),
    ],
)
def test_any_account_still_wants_credentials(extra, authorization, status):
    lax = Behaviour(any_account=True)
    assert status_of([*CONVERSION, *extra], behaviour=lax, authorization=authorization) == status


def test_a_behaviour_can_take_one_form_only():
    only = Behaviour(auth_forms=("basic",))
    assert status_of([*CONVERSION, *BY_QUERY], behaviour=only) == 401
    assert status_of(CONVERSION, behaviour=only, authorization=basic()) == 200


def test_an_account_not_enabled_is_402_and_a_wrong_secret_still_401():
    off = Behaviour(account_enabled=False)
    assert status_of(CONVERSION, behaviour=off, authorization=basic()) == 402
    assert status_of(CONVERSION, behaviour=off, authorization=basic(secret="x")) == 401


def test_no_refusal_repeats_what_was_sent():
    """Replies end up in logs: they hold neither secrets nor ids."""
    sent = [
        ("message-id", "hush-1"),
        ("hush-2", "hush-3"),
        ("api_key", "hush-4"),
        ("api_secret", "hush-5"),
    ]
    found = asked(sent)
    assert "hush" not in f"{found.account} {found.parameters}"
