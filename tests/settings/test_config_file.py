"""A file of settings: what it may hold, and how a mistake in it is pointed out."""

import os
import traceback

import pytest

from batchconv.errors import UsageError
from batchconv.settings.config_file import ConfigFile, default_path, read_config
from batchconv.settings.option_types import options_of
from batchconv.settings.options import Settings

KNOWN = options_of(Settings)


@pytest.fixture
def read(tmp_path):
    """Reads a file with that content."""

    def read(content: str | bytes, *, mode: int = 0o600) -> ConfigFile:
        path = tmp_path / "config.toml"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(mode)
        return read_config(str(path), KNOWN)

    return read


@pytest.mark.parametrize(
    ("written", "name", "texts"),
    [
        ("rate = 50", "rate", ("50",)),
        ("rate = 0.5", "rate", ("0.5",)),
        ('rate = "50"', "rate", ("50",)),
        ('rate = "none"', "rate", ("none",)),
        ("timeout = 30", "timeout", ("30",)),
        ('timeout = "30s"', "timeout", ("30s",)),
        ('concurrency = "auto"', "concurrency", ("auto",)),
        ("max-attempts = 3", "max_attempts", ("3",)),
        ('max_errors = "5%"', "max_errors", ("5%",)),
        ("no_header = true", "no_header", ("true",)),
        ("no_header = false", "no_header", ("false",)),
        ("delivered = true", "delivered", ("true",)),
        ('delivered = "true"', "delivered", ("true",)),
        ("simulate = true", "simulate", ("calm",)),
        ("simulate = false", "simulate", ("none",)),
        ('simulate = "flaky"', "simulate", ("flaky",)),
        ('map = {message_id = "ref", delivered = 3}', "map", ("message_id=ref", "delivered=3")),
        ('map = ["message_id=a, b", "delivered=ok"]', "map", ("message_id=a, b", "delivered=ok")),
        ('map = "message_id=ref"', "map", ("message_id=ref",)),
        ('[map]\nmessage_id = "ref"', "map", ("message_id=ref",)),
        ('timezone = "Europe/Berlin"', "timezone", ("Europe/Berlin",)),
        ("quiet = true", "quiet", ("true",)),
        ("\ufeffrate = 1 # with a mark at its beginning\r\n", "rate", ("1",)),
    ],
)
def test_a_value_is_as_toml_has_it_or_as_on_the_command_line(read, written, name, texts):
    assert read(written).top.values == {name: texts}


def test_a_path_may_begin_at_home(read, monkeypatch):
    monkeypatch.setenv("HOME", "/home-of-somebody")
    file = read('ca_file = "~/ca.pem"\nresults = "./~/out"\napi_key = "~/x"')
    assert file.top.values == {
        "ca_file": ("/home-of-somebody/ca.pem",), "results": ("./~/out",), "api_key": ("~/x",),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("written", "line", "said"),
    [
        ("rate = 5\nretries = 3", 2, "retries: is not a setting"),
        ("\n\nraet = 5", 3, "did you mean rate?"),
        ("max-atempts = 5", 1, "did you mean max_attempts?"),
        ("api_scret = 'x'", 1, "did you mean api_secret?"),
        ("[profile.staging]\n\nraet = 5", 3, "raet in [profile.staging]: is not a setting; did"),
        ("[staging]\nrate = 5", 1, "staging: is not a profile; write [profile.NAME]"),
        ("[profile]\nstaging = 5", 2, "should be a table: [profile.staging]"),
        ('profile = "staging"', 1, 'write default_profile = "…"'),
        ("default_profile = 3", 1, "should be a text in quotes"),
        ("rate = 5\n[profile.x]\ndefault_profile = 'y'", 3, "is not a setting"),
        ("rate = 1\nresume = true", 2, "give --resume to it"),
        ("overwrite = true", 1, "give --overwrite to it"),
        ("config = 'x'", 1, "config: is not a setting"),
        ("max_attempts = 1\nmax-attempts = 2", 2, "is the same as max_attempts"),
        ("api_secret = ''", 1, "should be a text in quotes"),
        # Wrong types, each by what it is and what it should be.
        ("rate = true", 1, "rate: is true or false, and should be a number or a text in quotes"),
        ("rate = [5]", 1, "is a list, and should be a number"),
        ("api_key = 1234", 1, "is a number, and should be a text in quotes"),
        ("delimiter = 1", 1, "is a number, and should be a text in quotes"),
        ("no_header = 1", 1, "is a number, and should be true or false"),
        ("format = {a = 1}", 1, "is a table"),
        ("timestamp_format = 2026-11-20", 1, "is a time, and should be a text"),
        ("map = 3", 1, "is a number, and should be a list of texts, or a table of them"),
        ("map = [3]", 1, "is a list, and should be a list of texts"),
        ("map = {message_id = true}", 1, "is a table, and should be"),
        # Values that are refused as on the command line, with the same words.
        ('\nrate = "fast"', 2, "rate: 'fast' is not a number of requests"),
        ("rate = -1", 1, "'-1' is not a number of requests"),
        ("max_attempts = 2.5", 1, "'2.5' is not an integer"),
        ('timeout = "30 parsecs"', 1, "is not a duration"),
        ('auth = "basik"', 1, "'basik' must be one of query, basic, signature; did you mean"),
        ('simulate = "stormy"', 1, "must be one of calm, flaky"),
        ('timezone = "Mars/Olympus"', 1, "is not a timezone"),
        ('map = {ref = "message_id"}', 1, "write FIELD=COLUMN"),
        ('no_header = "perhaps"', 1, "no_header: "),
        ('"a\\u001b[31m" = 1', None, r"'a\x1b[31m': is not a setting"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_line(read, tmp_path, written, line, said):
    with pytest.raises(UsageError) as caught:
        read(written)
    where = f"config.toml, line {line}: " if line else "config.toml: "
    assert f"{tmp_path / where}" in str(caught.value)
    assert said in str(caught.value)
    assert caught.value.exit_code == 2
    assert str(caught.value).isprintable()


def test_a_mistake_in_a_profile_that_is_not_used_is_told_too(read):
    with pytest.raises(UsageError, match=r"line 4: timeout in \[profile.b\]: 'soon' is not a dur"):
        read('[profile.a]\nrate = 5\n[profile.b]\ntimeout = "soon"')


@pytest.mark.parametrize(
    ("content", "where"),
    [
        ("rate =\n", "line 1, column 7"),
        ('rate = 5\napi_secret = "CANARY', "end of document"),
        ("api_secret = CANARY", "line 1, column 14"),
        ("api_secret = 'CANARY' 'CANARY'", "line 1"),
        ("CANARY", "end of document"),
        ("api_secret = 'CANARY'\napi_secret = 'CANARY'\n", "line 2"),
        ('api_secret = "CANARY\\q"', "line 1"),
        (b"api_secret = 'CANARY\xff'", "not UTF-8 text"),
        ("rate = " + "[" * 5000, "too large"),
        ("rate = " + "9" * 5000, "too large"),
    ],
)
def test_what_is_no_toml_is_told_by_its_place_and_not_quoted(read, content, where):
    """The errors of tomllib quote keys, and in later versions carry the whole document."""
    with pytest.raises(UsageError, match="is not valid TOML") as caught:
        read(content)
    assert where in str(caught.value)
    assert caught.value.__context__ is None
    assert "CANARY" not in "".join(traceback.format_exception(caught.value))
    assert "CANARY" not in f"{caught.value.hint}"


def test_a_profile_that_is_chosen_by_the_name_of_the_tables_is_explained(read):
    with pytest.raises(UsageError) as caught:
        read('profile = "x"\n[profile.x]\nrate = 1')
    assert "default_profile" in str(caught.value.hint)


def test_profiles_and_secrets_are_kept_apart_from_the_rest(read):
    file = read(
        'default_profile = "a"\nrate = 1\napi_key = "k"\napi-secret = "s\\n"\n'
        '[profile.a]\nrate = 2\n[profile."b c"]\nsignature_secret = "t"\n'
    )
    assert file.default_profile == "a"
    assert list(file.profiles) == ["a", "b c"]
    assert file.top.values == {"rate": ("1",), "api_key": ("k",)}
    assert file.top.secrets["api_secret"].reveal() == "s"
    assert file.profiles["b c"].secrets["signature_secret"].reveal() == "t"
    assert "'s'" not in repr(file)


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        ('api_secret = "s"', 0o600, []),
        ('api_secret = "s"', 0o640, []),
        ('api_secret = "s"', 0o644, ["everyone on this machine can read it: chmod 600"]),
        ('[profile.a]\nsignature_secret = "s"', 0o604, ["holds a secret"]),
        ("rate = 1", 0o644, []),
        ("rate = 1", 0o602, ["can be changed by everyone"]),
        ('api_secret = "s"', 0o606, ["holds a secret", "can be changed by everyone"]),
    ],
)
def test_a_file_that_is_open_to_everyone_is_noticed(read, content, mode, said):
    notices = read(content, mode=mode).notices
    assert len(notices) == len(said)
    assert all(words in notice for words, notice in zip(said, notices, strict=True))


def test_a_device_is_no_file_that_is_open_to_everyone():
    file = read_config(os.devnull, KNOWN)
    assert (file.top.values, file.notices) == ({}, [])


def test_what_cannot_be_read_is_told(tmp_path):
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        read_config(str(tmp_path), KNOWN)
    with pytest.raises(UsageError, match="cannot be read"):
        read_config("a\0b", KNOWN)
    (tmp_path / "large").write_bytes(b"#" * (1 << 20) + b"\n")
    with pytest.raises(UsageError, match="too large for a settings file"):
        read_config(str(tmp_path / "large"), KNOWN)
    with pytest.raises(FileNotFoundError):
        read_config(str(tmp_path / "none"), KNOWN)


@pytest.mark.parametrize(
    ("environment", "path"),
    [
        ({"XDG_CONFIG_HOME": "/xdg", "HOME": "/me"}, "/xdg/batchconv/config.toml"),
        ({"HOME": "/me"}, "/me/.config/batchconv/config.toml"),
        ({"XDG_CONFIG_HOME": "", "HOME": "/me"}, "/me/.config/batchconv/config.toml"),
        # Relative ones would name the current folder, where anybody may have put a file.
        ({"XDG_CONFIG_HOME": ".", "HOME": "/me"}, "/me/.config/batchconv/config.toml"),
        ({"XDG_CONFIG_HOME": "x", "HOME": "y"}, None),
        ({}, None),
    ],
)
def test_the_file_without_a_name_is_never_in_the_current_folder(environment, path):
    assert default_path(environment) == path
