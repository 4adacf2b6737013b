"""Settings in a file and in the environment, through the program as people run it."""

import os
import re
import stat
import tomllib
from pathlib import Path

import pytest

from batchconv import Settings, upload
from batchconv.settings.config_file import SECRETS, read_config
from batchconv.settings.option_types import by_group
from batchconv.simulator import API_KEY, API_SECRET, Behaviour, Simulator
from tests.shells import Shell, ids, upload_here

OPTIONS = by_group(Settings)
SETTABLE = [name for name, option in OPTIONS.items() if not option.flag_only]


@pytest.fixture
def shell(tmp_path):
    """In a folder of its own, without an account, its settings in `settings/`."""
    (tmp_path / "here").mkdir()
    (tmp_path / "settings").mkdir()
    shell = Shell(tmp_path / "here", "unused")
    shell.env |= {"XDG_CONFIG_HOME": str(tmp_path / "settings"), "HOME": str(tmp_path)}
    del shell.env["VONAGE_API_KEY"], shell.env["VONAGE_API_SECRET"]
    yield shell
    shell.close()


def settings_file(shell: Shell, content: str) -> Path:
    """The file that is read without being named."""
    path = Path(shell.env["XDG_CONFIG_HOME"]) / "batchconv" / "config.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(content, encoding="utf-8")
    path.chmod(0o600)
    return path


async def shown(shell: Shell, *arguments: str) -> dict[str, tuple[str, str]]:
    """What `config show` tells: setting → value and origin."""
    ended = await shell.start("config", "show", *arguments).end()
    assert ended.code == 0, ended.err
    lines = [re.split(" {2,}", line) for line in ended.out.splitlines()]
    return {name: (value, origin) for name, value, origin in lines}


# -- runs ------------------------------------------------------------------------------------------


async def test_an_upload_needs_nothing_but_a_file_of_settings(shell):
    shell.write("in.csv", ids(3))
    async with Simulator(Behaviour(latency=0.001)) as simulator:
        settings_file(
            shell,
            f'base_url = "{simulator.base_url}"\napi_key = "{API_KEY}"\n'
            f'api_secret = "{API_SECRET}"\nauth = "basic"\nrate = "none"\nresults = "out.jsonl"\n',
        )
        ended = await shell.start("upload", "in.csv").end()
        assert simulator.stats.accepted == 3
    assert (ended.code, ended.out) == (0, "")
    assert len(shell.results("out.jsonl")) == 3


async def test_a_file_that_merely_lies_in_the_current_folder_is_not_read(shell):
    """A planted one would send the secret to a server of its own choice."""
    planted = 'base_url = "https://planted.invalid"\nnonsense = 1\n'
    for name in ("config.toml", "batchconv.toml", ".batchconv.toml", "batchconv/config.toml"):
        (shell.folder / name).parent.mkdir(exist_ok=True)
        (shell.folder / name).write_text(planted)
    shell.env["XDG_CONFIG_HOME"] = "."
    assert (await shown(shell))["base_url"][1] == "default"


async def test_commands_that_read_rows_know_the_settings_about_them(shell):
    (shell.folder / "in.csv").write_text("ref;ok\na;yes\nb;no\n")
    settings_file(shell, '[profile.odd]\nmap = { message_id = "ref" }\nrate = 4\n')
    shell.env |= {"BATCHCONV_DELIMITER": ";", "BATCHCONV_MAP": "delivered=ok"}
    wrong = await shell.start("validate", "in.csv").end()
    assert wrong.code == 2
    shell.env["BATCHCONV_MAP"] = "message_id=ref,delivered=ok"
    told = await shell.start(
        "validate", "in.csv", "--profile", "odd", "--map", "delivered=ok"
    ).end()
    assert told.code == 2  # a flag replaces the value as a whole
    told = await shell.start("validate", "in.csv", "--rate", "2").end()
    assert told.out.startswith("2 rows read, 2 can be sent\n")
    assert told.out.endswith("an upload at --rate 2 would take 1.0 s\n")
    sent = await shell.start("upload", "in.csv", "--simulate").end()
    assert sent.books.accepted == 2
    audited = await shell.start("audit", "in.csv", "--results", "in.simulated.results.jsonl").end()
    assert audited.code == 0, audited
    # Results that are named there are the upload's; a resend names its own.
    settings_file(
        shell,
        'results = "in.simulated.results.jsonl"\nsimulate = "calm"\nsummary = "summary.json"\n'
        "[profile.odd]\nmax_attempts = 2\n",
    )
    resent = await shell.start("resend", "--profile", "odd", "in.simulated.results.jsonl").end()
    assert resent.code == 0, resent.err
    assert not list(shell.folder.glob("*resend*")), "its outcomes are added to the job"
    assert '"max_attempts": 2' in (shell.folder / "summary.json").read_text()


async def test_a_simulation_that_nobody_asked_for_here_is_told(shell):
    shell.write("in.csv", ids(2))
    shell.env["BATCHCONV_SIMULATE"] = "calm"
    ended = await shell.start("upload", "in.csv").end()
    assert ended.err.startswith("simulated: nothing is sent to the API, because of the environment")
    assert ended.books.accepted == 2
    ended = await shell.start("upload", "in.csv", "--simulate", "--overwrite").end()
    assert "simulated: " not in ended.err
    ended = await shell.start("upload", "in.csv", "--simulate=none").end()
    assert "no API key and secret" in ended.err


async def test_notices_are_told_and_quiet_is_quiet(shell):
    shell.write("in.csv", ids(2))
    settings_file(shell, 'api_secret = "s"\napi_key = "k"\n').chmod(0o644)
    shell.env["BATCHCONV_COLOUR"] = "blue"
    loud = await shell.start("upload", "in.csv", "--simulate").end()
    assert "BATCHCONV_COLOUR is not a setting" in loud.err
    assert "everyone on this machine can read it" in loud.err
    shell.env["BATCHCONV_QUIET"] = "1"
    quiet = await shell.start("upload", "in.csv", "--simulate", "--overwrite").end()
    assert (quiet.code, quiet.out, quiet.err) == (0, "", "")


async def test_half_a_pair_in_the_file_is_refused_and_named(shell):
    shell.write("in.csv", ids(1))
    path = settings_file(shell, 'api_secret = "s"\n[profile.p]\napi_key = "k"\n')
    ended = await shell.start("upload", "in.csv").end()
    assert ended.code == 2
    assert f"{path} gives half of what --auth query needs: the API key is missing" in ended.err
    ended = await shell.start("upload", "in.csv", "--profile", "p").end()
    assert ended.code == 2
    assert "profile p gives half of what --auth query needs: the API secret" in ended.err
    settings_file(shell, 'api_secret = "s"\napi_key = "k"\napi_secret_file = "s"\n')
    (shell.folder / "s").write_text("s")
    ended = await shell.start("upload", "in.csv").end()
    assert "gives api_secret and api_secret_file, too" in ended.err


async def test_help_is_given_whatever_is_wrong_with_the_settings(shell):
    settings_file(shell, "nonsense")
    shell.env["BATCHCONV_RATE"] = "nonsense"
    ended = await shell.start("upload", "--help").end()
    assert (ended.code, ended.err) == (0, "")
    ended = await shell.start("upload", "in.csv").end()
    assert ended.code == 2


async def test_the_library_reads_no_settings_behind_its_users_back(tmp_path, monkeypatch):
    (tmp_path / "batchconv").mkdir()
    (tmp_path / "batchconv" / "config.toml").write_text("nonsense")
    (tmp_path / "in.csv").write_text("message_id,delivered\na,true\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("BATCHCONV_RATE", "nonsense")
    monkeypatch.setenv("BATCHCONV_LIMIT", "0")
    settings = Settings(simulate="calm", results=str(tmp_path / "out.jsonl"))
    assert (await upload(str(tmp_path / "in.csv"), settings=settings)).exit_code == 0


def test_settings_show_neither_key_nor_secret(tmp_path):
    (tmp_path / "in.csv").write_text("message_id,delivered\na,true\n")
    summary = upload_here(
        str(tmp_path / "in.csv"), results=str(tmp_path / "out"), api_key="CANARY",
        base_url="https://u:CANARY@h/x?CANARY", max_attempts=7,
    )  # fmt: skip
    shown = repr(Settings(api_key="KyCANARY", rate=5.0, base_url="https://u:CANARY@h/x?CANARY"))
    assert shown == "Settings(api_key='Ky***', base_url='https://h/x', rate=5.0)"
    assert summary.options["max_attempts"] == 7
    assert "CANARY" not in str(summary.options).replace("'CA***'", "")


# -- config show -----------------------------------------------------------------------------------


async def test_show_tells_each_value_and_who_says_so(shell):
    path = settings_file(
        shell,
        'timeout = "10s"\nlimit = 5\nrate = 1\n[profile.staging]\nrate = 7\nlimit = 6\n',
    )
    shell.env |= {"BATCHCONV_LIMIT": "9", "BATCHCONV_CHANNEL": "voice", "BATCHCONV_RATE": "8"}
    found = await shown(shell, "--profile", "staging", "--max-attempts", "3", "-q", "--no-header")
    assert found["config"] == (str(path), "default")
    assert found["profile"] == ("staging", "flag")
    assert found["timeout"] == ("10s", str(path))
    assert found["rate"] == ("7", "profile staging")
    assert found["limit"] == ("6", "profile staging")
    assert found["channel"] == ("voice", "environment BATCHCONV_CHANNEL")
    assert found["max_attempts"] == ("3", "flag")
    assert found["no_header"] == ("true", "flag")
    assert found["quiet"] == ("true", "flag")
    assert found["backoff_base"] == ("1s", "default")
    assert found["results"] == ("-", "default: STEM.results.jsonl")
    assert set(found) - {"config", "profile"} == set(SETTABLE)


async def test_show_tells_where_the_account_is_from_and_no_secret(shell):
    secrets = {
        "VONAGE_API_KEY": "KyCANARY", "NEXMO_API_SECRET": "CANARY",
        "VONAGE_API_SECRET": "CANARY", "VONAGE_SIGNATURE_SECRET": "CANARY",
    }  # fmt: skip
    path = settings_file(shell, 'api_key = "FiCANARY"\napi_secret = "CANARY"\n')
    found = await shown(shell)
    assert found["api_key"] == ("Fi***", str(path))
    assert found["api_secret"] == ("***", str(path))
    shell.env |= secrets | {"VONAGE_SIGNATURE_METHOD": "sha1"}
    found = await shown(shell)
    assert found["signature_method"] == ("sha1", "environment VONAGE_SIGNATURE_METHOD")
    assert found["api_key"] == ("Ky***", "environment VONAGE_API_KEY")
    assert found["api_secret"] == ("***", "environment VONAGE_API_SECRET")
    assert found["signature_secret"] == ("***", "environment VONAGE_SIGNATURE_SECRET")
    (shell.folder / "s").write_text("CANARY")
    flags = ("--api-key", "FlCANARY", "--api-secret-file", "s", "--signature-method", "md5")
    found = await shown(shell, *flags, "--proxy", "proxy:3128")
    assert found["signature_method"] == ("md5", "flag")
    assert found["proxy"] == ("http://proxy:3128", "flag")
    assert found["api_key"] == ("Fl***", "flag")
    assert found["api_secret_file"] == ("s", "flag")
    assert "api_secret" not in found
    assert "signature_secret" not in found


async def test_show_tells_what_a_simulation_changes(shell):
    found = await shown(shell, "--simulate=none")
    assert found["rate"] == ("20", "default")
    found = await shown(shell, "--simulate=flaky")
    assert found["simulate"] == ("flaky", "flag")
    assert found["rate"] == ("none", "default of a simulated run")


@pytest.mark.parametrize("how", ["file", "environment"])
async def test_every_setting_can_be_set_in_both_places(shell, how):
    """To the samples of the file to begin with."""
    began = await shell.start("config", "init", "-").end()
    samples = tomllib.loads(uncommented(began.out))
    for name in ("default_profile", "profile", *SECRETS):
        del samples[name]
    assert set(samples) == set(SETTABLE)
    if how == "file":
        settings_file(shell, uncommented(began.out).replace('default_profile = "staging"', ""))
    else:
        for name, value in samples.items():
            text = str(value).lower() if isinstance(value, bool) else str(value)
            if isinstance(value, dict):
                text = ",".join(f"{key}={each}" for key, each in value.items())
            shell.env[f"BATCHCONV_{name.upper()}"] = text
    found = await shown(shell)
    origin = "settings/batchconv/config.toml" if how == "file" else "environment BATCHCONV_"
    for name in samples:
        assert origin in found[name][1], name


# -- config init -----------------------------------------------------------------------------------


def uncommented(text: str) -> str:
    """The file with every setting in force."""
    return re.sub(r"^#(?=[a-z_]+ = |\[)", "", text, flags=re.MULTILINE)


async def test_init_writes_every_setting_and_none_is_in_force(shell):
    ended = await shell.start("config", "init").end()
    assert ended.code == 0
    path = Path(shell.env["XDG_CONFIG_HOME"]) / "batchconv" / "config.toml"
    assert str(path) in ended.err
    text = path.read_text("utf-8")
    assert tomllib.loads(text) == {}
    everything = tomllib.loads(uncommented(text))
    assert set(everything) == {*SETTABLE, *SECRETS, "default_profile", "profile"}
    path.write_text(uncommented(text))
    file = read_config(str(path), OPTIONS)
    assert set(file.top.values) == set(SETTABLE)
    # Where there is a default, it is the one that is written.
    for name in SETTABLE:
        default = OPTIONS[name].default_text
        assert default is None or file.top.values[name] == (default,), name
        words = " ".join(OPTIONS[name].help.split()).removesuffix(f" [{OPTIONS[name].shown}]")
        assert words in " ".join(text.replace("\n# ", " ").split()), name


async def test_init_never_overwrites_unless_told_to(shell):
    await shell.start("config", "init", "mine.toml").end()
    path = shell.folder / "mine.toml"
    path.write_text("rate = 1\n")
    ended = await shell.start("config", "init", "mine.toml").end()
    assert ended.code == 2
    assert "--overwrite" in ended.err
    assert path.read_text() == "rate = 1\n"
    ended = await shell.start("config", "init", "mine.toml", "--overwrite").end()
    assert ended.code == 0
    assert path.read_text().startswith("# Settings of batchconv")
    assert [each.name for each in shell.folder.iterdir()] == ["mine.toml"]
    ended = await shell.start("config", "init", "no/such/mine.toml").end()
    assert ended.code == 5
    assert "no/such/mine.toml cannot be written" in ended.err


@pytest.mark.parametrize("arguments", [[], ["mine.toml"], ["mine.toml", "--overwrite"]])
async def test_init_writes_for_its_owner_alone(shell, arguments):
    ended = await shell.start("config", "init", *arguments, before=lambda: os.umask(0)).end()
    assert ended.code == 0
    folder = Path(shell.env["XDG_CONFIG_HOME"]) / "batchconv"
    path = shell.folder / "mine.toml" if arguments else folder / "config.toml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    if not arguments:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
