"""Which of several places a setting comes from: the table of precedence."""

import itertools

import pytest

from batchconv.errors import UsageError
from batchconv.settings.layers import Layers, load
from batchconv.settings.option_types import options_of
from batchconv.settings.options import Settings

KNOWN = options_of(Settings)


@pytest.fixture
def layers(tmp_path):
    """What is set by a file with that content, and by an environment."""

    def make(content: str = "", profile: str | None = None, **environment: str) -> Layers:
        path = tmp_path / "config.toml"
        path.write_text(content, encoding="utf-8")
        path.chmod(0o600)
        return load(KNOWN, environment, config=str(path), profile=profile)

    return make


def value(layers: Layers, name: str, given=()):
    found = layers.find(name, dict.fromkeys(given, "x"))
    return None if found is None else found.texts[-1]


PLACES = ("named profile", "environment", "chosen profile", "file")


@pytest.mark.parametrize(
    "holding", [s for n in range(5) for s in itertools.combinations(PLACES, n)], ids="+".join
)
def test_profile_of_a_flag_beats_environment_beats_chosen_profile_beats_file(layers, holding):
    """Over every combination of places that hold a value."""
    if {"named profile", "chosen profile"} <= set(holding):
        holding = [place for place in holding if place != "chosen profile"]
    rates = {place: str(n) for n, place in enumerate(PLACES, 1) if place in holding}
    profile = rates.get("named profile") or rates.get("chosen profile")
    found = layers(
        (f"rate = {rates['file']}\n" if "file" in rates else "")
        + ('default_profile = "p"\n' if "chosen profile" in rates else "")
        + (f"[profile.p]\nrate = {profile}\n" if profile else ""),
        "p" if "named profile" in rates else None,
        **({"BATCHCONV_RATE": rates["environment"]} if "environment" in rates else {}),
    )
    assert value(found, "rate") == next((rates[p] for p in PLACES if p in rates), None)


def test_each_value_says_where_it_is_from(layers, tmp_path):
    found = layers('timeout = "1s"\nlimit = 3\n[profile.p]\nrate = 1\n', "p", BATCHCONV_LIMIT="4")
    origins = {name: found.find(name, {}).origin for name in ("rate", "limit", "timeout")}
    assert origins == {
        "rate": "profile p",
        "limit": "environment BATCHCONV_LIMIT",
        "timeout": str(tmp_path / "config.toml"),
    }


def test_a_profile_is_chosen_by_flag_else_environment_else_file(layers):
    profiles = [f"[profile.{name}]\nlimit = {n}\n" for n, name in enumerate("abc", 1)]
    content = 'default_profile = "c"\n' + "".join(profiles)
    assert value(layers(content, "a", BATCHCONV_PROFILE="b"), "limit") == "1"
    assert value(layers(content, BATCHCONV_PROFILE="b"), "limit") == "2"
    assert value(layers(content), "limit") == "3"
    # Only the flag lifts it above the environment.
    assert value(layers(content, BATCHCONV_PROFILE="b", BATCHCONV_LIMIT="9"), "limit") == "9"
    assert value(layers(content, "a", BATCHCONV_LIMIT="9"), "limit") == "1"


@pytest.mark.parametrize("how", [{"profile": "stagin"}, {"BATCHCONV_PROFILE": "stagin"}])
def test_a_profile_that_is_not_there_is_an_error_with_the_nearest(layers, how):
    with pytest.raises(
        UsageError, match=r"holds no profile stagin.*did you mean staging"
    ) as caught:
        layers("[profile.staging]\n[profile.live]\n", **how)
    assert caught.value.hint == "its profiles are: staging, live"


def test_a_profile_without_a_file_is_an_error(tmp_path):
    environment = {"XDG_CONFIG_HOME": str(tmp_path)}
    with pytest.raises(UsageError, match="profile x, chosen by flag: there is no file"):
        load(KNOWN, environment, config=None, profile="x")
    with pytest.raises(
        UsageError, match="profile x, chosen by environment BATCHCONV_PROFILE: there"
    ):
        load(KNOWN, environment | {"BATCHCONV_PROFILE": "x"}, config=None, profile=None)


def test_a_file_that_is_named_must_be_there_and_the_usual_one_need_not(tmp_path):
    usual = {"XDG_CONFIG_HOME": str(tmp_path)}
    assert load(KNOWN, usual, config=None, profile=None).config is None
    with pytest.raises(UsageError, match=r"none\.toml: there is no such settings file"):
        load(KNOWN, usual, config=str(tmp_path / "none.toml"), profile=None)
    named = usual | {"BATCHCONV_CONFIG": str(tmp_path / "other.toml")}
    with pytest.raises(UsageError, match=r"other\.toml: there is no such settings file"):
        load(KNOWN, named, config=None, profile=None)
    (tmp_path / "batchconv").mkdir()
    (tmp_path / "batchconv" / "config.toml").write_text("rate = 7")
    assert value(load(KNOWN, usual, config=None, profile=None), "rate") == "7"
    (tmp_path / "other.toml").write_text("rate = 8")
    assert value(load(KNOWN, named, config=None, profile=None), "rate") == "8"


# -- the environment -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "text", "name", "texts"),
    [
        ("RATE", "50", "rate", ("50",)),
        ("NO_HEADER", "1", "no_header", ("1",)),
        ("QUIET", "true", "quiet", ("true",)),
        ("TIMESTAMP_FORMAT", "%d.%m.%Y, %H:%M", "timestamp_format", ("%d.%m.%Y, %H:%M",)),
        ("MAP", "message_id=ref", "map", ("message_id=ref",)),
        (
            "MAP",
            "message_id=a, b,delivered=ok , timestamp=x",
            "map",
            ("message_id=a, b", "delivered=ok", "timestamp=x"),
        ),
    ],
)
def test_a_variable_holds_the_text_of_the_command_line(layers, variable, text, name, texts):
    assert layers(**{f"BATCHCONV_{variable}": text}).find(name, {}).texts == texts


def test_an_empty_variable_sets_nothing(layers):
    assert value(layers("rate = 5", BATCHCONV_RATE="", BATCHCONV_CONFIG=""), "rate") == "5"


@pytest.mark.parametrize(
    ("variable", "text", "said"),
    [
        ("BATCHCONV_RATE", "fast", "BATCHCONV_RATE: 'fast' is not a number of requests"),
        ("BATCHCONV_QUIET", "perhaps", "BATCHCONV_QUIET: "),
        ("BATCHCONV_AUTH", "basik", "did you mean basic?"),
        ("BATCHCONV_RESUME", "1", "--resume is about one run"),
        ("BATCHCONV_OVERWRITE", "1", "--overwrite is about one run"),
        # A slip of the fingers: the run would send to the real API, or at another pace.
        ("BATCHCONV_RTAE", "5", "did you mean BATCHCONV_RATE?"),
        ("BATCHCONV_BASE_ULR", "http://x", "did you mean BATCHCONV_BASE_URL?"),
        ("BATCHCONV_PROFIL", "x", "did you mean BATCHCONV_PROFILE?"),
        ("BATCHCONV_rate", "x", "did you mean BATCHCONV_RATE?"),
        ("BATCHCONV_API_SECRET", "CANARY", "BATCHCONV_API_SECRET is not read"),
    ],
)
def test_a_mistake_in_a_variable_is_told_by_its_name(layers, variable, text, said):
    with pytest.raises(UsageError) as caught:
        layers(**{variable: text})
    assert said in str(caught.value)
    assert "CANARY" not in f"{caught.value} {caught.value.hint}"


def test_another_word_is_a_notice_and_no_error(layers):
    """It may be somebody else's: an image's version, a script's own variable."""
    assert layers(BATCHCONV_VERSION="1.2", BATCHCONV_HOME="/opt").notices == [
        "BATCHCONV_HOME is not a setting, and changes nothing",
        "BATCHCONV_VERSION is not a setting, and changes nothing",
    ]


@pytest.mark.parametrize(
    "variable",
    [
        "SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_HTTP", "PORT", "PORT_80_TCP",
        "PORT_80_TCP_ADDR", "PORT_80_TCP_PROTO", "SIMULATE_SERVICE_HOST", "SIMULATE_PORT",
    ],
)  # fmt: skip
def test_what_kubernetes_adds_for_a_service_of_that_name_is_let_pass(layers, variable):
    assert layers(**{f"BATCHCONV_{variable}": "tcp://10.0.0.1:80"}).notices == []


# -- settings that go together ---------------------------------------------------------------------

VONAGE = {"VONAGE_API_KEY": "v", "VONAGE_API_SECRET": "v"}
NEXMO = {"NEXMO_API_KEY": "n"}
FILE = 'api_key = "f"\napi_secret = "s"\n'
PROFILE = '[profile.p]\napi_key = "p"\nsignature_secret = "t"\n'


@pytest.mark.parametrize(
    ("content", "profile", "environment", "key", "secrets"),
    [
        (FILE, None, {}, "f", ["api_secret"]),
        (FILE + PROFILE, None, {}, "f", ["api_secret"]),
        (FILE + PROFILE, "p", {}, "p", ["signature_secret"]),
        (f'default_profile = "p"\n{FILE}{PROFILE}', None, {}, "p", ["signature_secret"]),
        (f'default_profile = "p"\n{FILE}{PROFILE}', None, VONAGE, None, None),
        (FILE + PROFILE, "p", VONAGE, "p", ["signature_secret"]),
        (FILE, None, VONAGE, None, None),
        (FILE, None, NEXMO, None, None),
        (FILE, None, {"BATCHCONV_API_KEY": "e"}, "e", []),
        (FILE, None, {"BATCHCONV_API_SECRET_FILE": "x"}, None, []),
        (FILE, None, VONAGE | {"BATCHCONV_API_KEY": "e"}, "e", []),
        # A profile that says nothing of the account leaves it to the others.
        (f"{FILE}[profile.p]\nrate = 1\n", "p", {}, "f", ["api_secret"]),
        (f"{FILE}[profile.p]\nrate = 1\n", "p", VONAGE, None, None),
        # Half a pair is not made whole from another place.
        (f'api_secret = "s"\n{PROFILE}', "p", {}, "p", ["signature_secret"]),
        ("", None, {}, None, None),
    ],
)
def test_the_account_comes_from_the_first_place_that_tells_of_it(
    layers, content, profile, environment, key, secrets
):
    found = layers(content, profile, **environment)
    account = found.account(())
    assert value(found, "api_key") == key
    assert (account and list(account.secrets)) == secrets


@pytest.mark.parametrize("flag", ["api_key", "api_secret_file", "signature_secret_file"])
def test_a_flag_about_the_account_shuts_out_all_other_places(layers, flag):
    found = layers(FILE, BATCHCONV_API_SECRET_FILE="x", BATCHCONV_API_KEY="y")
    assert found.account([flag]) is None
    for name in ("api_key", "api_secret_file", "signature_secret_file"):
        assert value(found, name, [flag]) is None


def test_the_vendors_variable_for_the_method_has_the_rank_of_the_environment(layers):
    vendors = {"VONAGE_SIGNATURE_METHOD": "sha1"}
    file = 'signature_method = "sha256"\n'
    profile = '[profile.p]\nsignature_method = "sha512"\n'
    assert value(layers(file), "signature_method") == "sha256"
    assert value(layers(file, **vendors), "signature_method") is None  # credentials look there
    assert value(layers(file + profile, "p", **vendors), "signature_method") == "sha512"
    ours = vendors | {"BATCHCONV_SIGNATURE_METHOD": "md5"}
    assert value(layers(file, **ours), "signature_method") == "md5"


def test_what_excludes_another_overrules_it_from_a_higher_place(layers):
    file = "no_failed = true\n"
    assert value(layers(file), "no_failed") == "true"
    assert value(layers(file), "no_failed", ["failed"]) is None
    assert value(layers(file, BATCHCONV_FAILED="x"), "no_failed") is None
    assert value(layers('failed = "x"', BATCHCONV_NO_FAILED="1"), "failed") is None
    assert value(layers('failed = "x"', BATCHCONV_NO_FAILED="false"), "failed") == "x"


@pytest.mark.parametrize("name", ["results", "summary"])
def test_a_rehearsal_keeps_off_the_files_of_the_real_runs(layers, name):
    file = f'{name} = "f"\n'
    assert value(layers(file), name) == "f"
    assert value(layers(file), name, ["simulate"]) is None
    assert value(layers(f'{file}[profile.p]\nsimulate = "calm"', "p"), name) is None


def test_a_simulation_forgets_the_ledger_of_a_lower_place(layers):
    """Else nobody whose file names a ledger could simulate anything."""
    file = 'ledger = "l"\n'
    assert value(layers(file), "ledger", ["simulate"]) is None
    assert layers(file).find("ledger", {"simulate": "none"}).texts == ("l",)
    assert value(layers(file, BATCHCONV_SIMULATE="calm"), "ledger") is None
    assert value(layers(file, BATCHCONV_SIMULATE="none"), "ledger") == "l"
    # Said in one breath it is a contradiction, which the run will refuse.
    assert value(layers(f'{file}simulate = "calm"'), "ledger") == "l"
    # And a ledger does not make a simulated run a real one.
    assert value(layers("simulate = true"), "simulate", ["ledger"]) == "calm"


def test_a_home_that_cannot_be_reached_counts_as_absent_unless_it_was_named(monkeypatch):
    """As systemd's ProtectHome=yes has it."""

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    environment = {"HOME": "/nobody"}
    assert load(KNOWN, environment, config=None, profile=None).config is None
    with pytest.raises(UsageError, match=r"mine\.toml cannot be read: Permission denied"):
        load(KNOWN, environment, config="mine.toml", profile=None)
