"""No secret is shown that stands in a settings file, a variable or the URL of a proxy."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from batchconv import Settings
from batchconv.simulator import Behaviour, Simulator
from batchconv.vonage.authentication import Secret
from tests.bench.processes import undisturbed
from tests.shells import ROOT, Shell, ids
from tests.test_secrets import (
    KEY,
    QUICK,
    SECRET,
    SIGNATURE_SECRET,
    assert_clean,
    assert_files_clean,
    command,
    server_of,
)

ACCOUNT = f'api_key = "{KEY}"\napi_secret = "{SECRET}"\nsignature_secret = "{SIGNATURE_SECRET}"\n'
COMMANDS = {
    "upload": ("upload", "export.csv", "-v", *QUICK, "--base-url", "http://127.0.0.1:1"),
    "validate": ("validate", "export.csv"),
    "resend": ("resend", "old.results.jsonl", "-v"),
    "audit": ("audit", "export.csv", "--results", "old.results.jsonl"),
    "config show": ("config", "show"),
}
OTHERS = ("validate", "resend", "audit")
MISTAKES = {
    "no end": f'api_secret = "{SECRET}',
    "no quotes": f"api_secret = {SECRET}",
    "two values": f"api_secret = '{SECRET}' '{SECRET}'",
    "twice": f"{ACCOUNT}{ACCOUNT}",
    "a bad escape": f'api_secret = "{SECRET}\\q"',
    "a list": f'api_secret = ["{SECRET}"]',
    "a table": f'[api_secret]\nx = "{SECRET}"',
    "a bad list": f'signature_secret = [\n"{SECRET}"\n',
    "no such key": f'api_scret = "{SECRET}"',
    "no such table": f'[staging]\napi_secret = "{SECRET}"',
    "a secret for a path": f'api_key = "{KEY}"\napi_secret_file = "{SECRET}"',
    "a number": f'api_secret = 1{"0" * 20}\nx = "{SECRET}"',
    "another mistake": f'{ACCOUNT}rate = "fast"',
    "user-info": f'{ACCOUNT}base_url = "https://{KEY}:{SECRET}@127.0.0.1/x?sig={SECRET}"',
    "a query": f'{ACCOUNT}base_url = "https://127.0.0.1/x?api_secret={SECRET}"',
    "a port": f'{ACCOUNT}base_url = "https://127.0.0.1:{SECRET}/x"',
    "a proxy that is none": f'{ACCOUNT}proxy = "http://{KEY}:{SECRET}@[CANARY]"',
    "a socks proxy": f'{ACCOUNT}proxy = "socks5://{KEY}:{SECRET}@proxy:1080"',
    "a proxy": f'{ACCOUNT}proxy = "https://{KEY}:CANARY@127.0.0.1:1"',
    "half a pair": f'api_secret = "{SECRET}"',
    "a break": f'api_key = "{KEY}"\napi_secret = "{SECRET}\\n{SECRET}"',
    "nothing": ACCOUNT,
}


def written(folder: Path, content: str) -> None:
    """A file of settings that everyone can read, which is told, too."""
    (folder / "export.csv").write_text("message_id,delivered\nid,true\n,true\n", "utf-8")
    (folder / "old.results.jsonl").write_text("")
    (folder / "mine.secret").write_text(content, "utf-8")


@pytest.mark.parametrize(
    ("mistake", "name"),
    [(mistake, name) for mistake in MISTAKES for name in ("upload", "config show")]
    + [(mistake, name) for mistake in ("no end", "user-info", "nothing") for name in OTHERS],
)
async def test_a_file_of_settings_shows_no_secret(mistake, name, tmp_path):
    written(tmp_path, MISTAKES[mistake])
    exit_code, told = await command(*COMMANDS[name], "--config", "mine.secret", folder=tmp_path)
    assert_clean(told, "the terminal")
    assert exit_code != 70, told
    assert told
    assert_files_clean(tmp_path)


@pytest.mark.parametrize("name", ["upload", "config show"])
@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("BATCHCONV_API_SECRET", SECRET),
        ("BATCHCONV_SIGNATURE_SECRET", SIGNATURE_SECRET),
        ("BATCHCONV_SECRET", SECRET),
        ("BATCHCONV_API_KEY", KEY),
        ("BATCHCONV_API_SECRET_FILE", SECRET),
        ("BATCHCONV_PROXY", f"http://{KEY}:{SECRET}@x y"),
        ("BATCHCONV_PROXY", f"http://{KEY}:CANARY@127.0.0.1:1"),
        ("BATCHCONV_BASE_URL", f"https://{KEY}:{SECRET}@127.0.0.1/x"),
        ("BATCHCONV_BASE_URL", f"http://{KEY}:1#{SECRET}@127.0.0.1/x"),
        ("HTTPS_PROXY", f"socks5://{KEY}:{SECRET}@127.0.0.1"),
    ],
)
async def test_a_variable_shows_no_secret(variable, text, name, tmp_path):
    written(tmp_path, ACCOUNT)
    environment = {variable: text, "BATCHCONV_CONFIG": "mine.secret"}
    if variable == "HTTPS_PROXY":
        environment |= {"BATCHCONV_PROXY": "env", "BATCHCONV_BASE_URL": "https://api.test"}
    exit_code, told = await command(*COMMANDS[name], folder=tmp_path, **environment)
    assert_clean(told, "the terminal")
    assert exit_code != 70, told
    assert_files_clean(tmp_path)


@pytest.mark.parametrize("name", ["upload", "config show"])
@pytest.mark.parametrize(
    "url", [f"http://{KEY}:{SECRET}@127.0.0.1:1", f"{KEY}:CANARY@proxy", f"http://x?{SECRET}"]
)
async def test_an_argument_shows_no_secret(url, name, tmp_path):
    written(tmp_path, ACCOUNT)
    exit_code, told = await command(*COMMANDS[name], "--proxy", url, folder=tmp_path)
    assert exit_code == 2
    assert_clean(told, "the terminal")


@pytest.mark.parametrize("kind", ["refused", "401", "echo"])
async def test_a_run_with_its_account_in_a_file_shows_no_secret(kind, tmp_path):
    written(tmp_path, ACCOUNT)
    async with server_of(kind) as base_url:
        _, told = await command(
            *("upload", "export.csv", "-v", *QUICK, "--base-url", base_url),
            *("--config", "mine.secret", "--summary", "summary.json"),
            folder=tmp_path,
        )  # fmt: skip
    assert "attempt 1: " in told
    assert_clean(told, "the terminal")
    assert_files_clean(tmp_path)
    assert (tmp_path / "summary.json").exists()


_BROKEN = """
import sys
from batchconv.sending.client import HttpClient
from batchconv.cli import main

async def exchange(self, conversion, turn):
    raise RuntimeError(f"{self._request(conversion)!r} {self._auth.headers} {self._auth.api_key}")

HttpClient.exchange = exchange
sys.argv[1:] = ["upload", "export.csv", "-v", "--base-url", "http://127.0.0.1:1"]
main()
"""


def test_a_defect_shows_no_secret_of_the_file(tmp_path):
    """Nor when Python is told to dump what it knows."""
    written(tmp_path, ACCOUNT)
    (tmp_path / "broken.py").write_text(_BROKEN)
    own = {"BATCHCONV_CONFIG": "mine.secret", "PYTHONFAULTHANDLER": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-X", "dev", "broken.py"], cwd=tmp_path, env=undisturbed(os.environ) | own,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 70, done.stderr
    assert_clean(done.stdout + done.stderr, "the defect")


def seen_by_others(pid: int) -> list[str]:
    """What Linux tells of a process."""
    folder = Path(f"/proc/{pid}")
    names = ("cmdline", "environ") if folder.exists() else ()
    return [(folder / name).read_bytes().decode() for name in names]


async def test_neither_processes_nor_their_dumps_show_a_secret_of_the_file(tmp_path):
    """What everyone sees of a process, and what it dumps when it is ended by force."""
    (tmp_path / "mine.secret").write_text(ACCOUNT)
    account = {"api_key": KEY, "api_secret": SECRET, "signature_secret": SIGNATURE_SECRET}
    async with Simulator(Behaviour(latency=0.05, **account)) as simulator:
        shell = Shell(tmp_path, simulator.base_url, "--concurrency", "1")
        shell.env |= {"BATCHCONV_CONFIG": "mine.secret", "PYTHONFAULTHANDLER": "1"}
        del shell.env["VONAGE_API_KEY"], shell.env["VONAGE_API_SECRET"]
        shell.write("in.csv", ids(100))
        running = shell.upload("in.csv", "-v")
        assert await running.reached(simulator, 3)
        for told in seen_by_others(running.process.pid):
            assert told
            assert "CANARY" not in told
        running.signal(signal.SIGABRT)
        ended = await running.end()
    assert "most recent call first" in ended.err
    assert_clean(ended.err, "the dump")
    assert_clean((tmp_path / "in.results.jsonl").read_text(), "the results")


def test_settings_with_secrets_show_none():
    settings = Settings(
        api_key=KEY, api_secret=Secret(SECRET), signature_secret=Secret(SIGNATURE_SECRET)
    )
    assert_clean(f"{settings} {settings!r} {settings.shown()}", "the settings")
