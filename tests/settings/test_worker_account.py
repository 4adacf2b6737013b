"""What a worker elsewhere is sent, and how it finds the account there."""

import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from batchconv.errors import UsageError
from batchconv.sending.proxy import Proxy
from batchconv.sending.relay.launcher import WorkerSettings
from batchconv.settings.credentials import find_auth
from batchconv.settings.options import Settings
from batchconv.settings.worker_account import (
    AccountTerms,
    check_sendable,
    environment_of_workers,
)
from batchconv.simulator import API_KEY, API_SECRET
from batchconv.vonage.authentication import BasicAuth, QueryAuth, Secret, SignatureAuth

HERE = {"VONAGE_API_KEY": "kycanary", "VONAGE_API_SECRET": "canary1"}


def terms_of(auth, **settings):
    worker = WorkerSettings(auth, "https://api.nexmo.com/conversions", connections=7, rate=100.0)
    return pickle.dumps(AccountTerms.of(worker, Settings(**settings)))


def found(terms, environment, monkeypatch):
    """What a worker makes of the terms in that environment."""
    with monkeypatch.context() as patch:
        patch.setattr("os.environ", dict(environment))
        return pickle.loads(terms).worker_settings()  # noqa: S301 - made above


def said(auth):
    """What requests carry: secrets are equal to none."""
    return type(auth), auth.constant, auth.headers


@pytest.mark.parametrize(
    "auth",
    [
        QueryAuth("kycanary", Secret("canary1")),
        QueryAuth("kycanary", Secret("canary1"), "Token"),
        BasicAuth("kycanary", Secret("canary1")),
    ],
)
def test_what_is_sent_holds_no_secret_and_is_enough_where_the_account_is_known(auth, monkeypatch):
    terms = terms_of(auth)
    assert b"canary" not in terms
    made = found(terms, HERE, monkeypatch)
    assert said(made.auth) == said(auth)
    assert replace(made, auth=auth) == WorkerSettings(
        auth, "https://api.nexmo.com/conversions", connections=7, rate=100.0
    )


def test_a_signature_is_made_there_as_it_would_be_here(monkeypatch):
    auth = SignatureAuth("kycanary", Secret("canary2"), lambda: 1.0, "sha256", request_time=True)
    here = {"VONAGE_API_KEY": "kycanary", "VONAGE_SIGNATURE_SECRET": "canary2"}
    made = found(terms_of(auth), here, monkeypatch).auth
    assert isinstance(made, SignatureAuth)
    assert made.sign([("a", "b")])[1:2] == [("api_key", "kycanary")]
    assert (made.method, made.request_time) == ("sha256", True)


@pytest.mark.parametrize("changed", [{"VONAGE_API_KEY": "ky2"}, {"VONAGE_API_SECRET": "canary2"}])
def test_another_account_there_is_refused_and_not_shown(changed, monkeypatch):
    terms = terms_of(QueryAuth("kycanary", Secret("canary1")))
    with pytest.raises(UsageError, match="another key or secret") as error:
        found(terms, HERE | changed, monkeypatch)
    assert "canary" not in str(error.value)
    assert "VONAGE_API_KEY" in str(error.value.hint)


def test_no_account_there_says_where_to_set_it(monkeypatch):
    with pytest.raises(UsageError, match="where it runs: no API key and secret") as error:
        found(terms_of(QueryAuth("k", Secret("s"))), {}, monkeypatch)
    assert "environment of Ray's workers" in str(error.value.hint)


def test_another_version_there_is_refused(monkeypatch):
    worker = WorkerSettings(QueryAuth("kycanary", Secret("canary1")), "https://h/c")
    terms = pickle.dumps(replace(AccountTerms.of(worker, Settings()), version="0"))
    with pytest.raises(UsageError, match=r"batchconv is .*, and 0 here"):
        found(terms, HERE, monkeypatch)


def test_the_simulators_account_needs_no_environment(monkeypatch):
    terms = terms_of(QueryAuth(API_KEY, Secret(API_SECRET)), simulate="calm")
    assert found(terms, {}, monkeypatch).auth.api_key == API_KEY


def test_a_proxy_of_the_environment_is_the_one_of_the_workers(monkeypatch):
    here = Proxy.parse("u:canary@proxy:3128")
    worker = WorkerSettings(QueryAuth("kycanary", Secret("canary1")), "https://h/c", proxy=here)
    terms = pickle.dumps(AccountTerms.of(worker, Settings(proxy="env")))
    assert b"canary" not in terms
    there = HERE | {"HTTPS_PROXY": "http://other:3128"}
    assert str(found(terms, there, monkeypatch).proxy) == "http://other:3128"


def test_a_proxy_with_a_password_is_not_sent():
    proxy = Proxy.parse("u:canary@proxy:3128")
    with pytest.raises(UsageError, match="sends no password"):
        check_sendable(proxy, Settings(proxy=proxy))
    check_sendable(proxy, Settings(proxy="env"))
    check_sendable(Proxy.parse("proxy:3128"), Settings(proxy=Proxy.parse("proxy:3128")))


@pytest.mark.parametrize("where", ["variables", "secret's file", "variable of a file", "profile"])
def test_a_worker_on_this_machine_finds_the_account_in_the_same_place(where, tmp_path, monkeypatch):
    """Its folder is another one, and no secret is added to its environment."""
    monkeypatch.chdir(tmp_path)
    Path("secret").write_text("canary1\n")
    Path("c.toml").write_text('[profile.p]\napi_key = "kycanary"\napi_secret = "canary1"\n')
    given, environment = Settings(), {"VONAGE_API_KEY": "other", "VONAGE_API_SECRET": "another"}
    if where == "variables":
        environment = HERE
    elif where == "profile":
        given = Settings(
            api_key="kycanary", api_secret=Secret("canary1"), config="c.toml", profile="p"
        )
    else:
        given = Settings(api_key="kycanary", api_secret_file="secret")
        if where == "variable of a file":
            environment = {"BATCHCONV_API_KEY": "kycanary", "BATCHCONV_API_SECRET_FILE": "secret"}
    terms = terms_of(find_auth(given, environment, lambda: 0.0))
    made = environment_of_workers(given, environment)
    assert where == "variables" or not any("canary1" in text for text in made.values())
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    auth = found(terms, made, monkeypatch).auth
    assert said(auth) == said(QueryAuth("kycanary", Secret("canary1")))
