"""Completion in the shells themselves: a line is typed with the tab key, run, and looked at."""

import fcntl
import os
import pty
import re
import shutil
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from tests.bench.processes import undisturbed

# Each word is cut short and completed: a command, one within it, options, a choice, a value behind
# an equals sign, the name of a profile and that of a file.
TYPED = (
    "batchconv conf\tsh\t--max-at\t3 --auth bas\t--simulate=fl\t--profile stag\t"
    "--ca-f\tmy-auth\t-q\n"
)
STARTS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], 'eval "$(batchconv completion bash)"\n'),
    "zsh": (
        ["zsh", "-f", "-i"],
        'autoload -U compinit; compinit -u -D; eval "$(batchconv completion zsh)"\n',
    ),
    "fish": (["fish", "--no-config", "-i"], "batchconv completion fish | source\n"),
}


@pytest.fixture
def environment(tmp_path):
    settings = tmp_path / "settings" / "batchconv"
    settings.mkdir(parents=True)
    (settings / "config.toml").write_text("[profile.staging]\nlimit = 7\n[profile.live]\n")
    (tmp_path / "my-authority.pem").write_text("")
    own = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "XDG_CONFIG_HOME": str(tmp_path / "settings"),
        "HOME": str(tmp_path),
        "TERM": "vt100",
        "PS1": "$ ",
        "COLUMNS": "300",
    }
    return undisturbed(os.environ) | own


def at_a_terminal(command: list[str], typed: str, environment: dict[str, str], folder: Path) -> str:
    """What a shell shows that is typed to; it waits for it in the terminal until it is read."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - that and no more
    ) as process:  # fmt: skip
        os.close(theirs)
        os.write(ours, typed.encode())
        shown = b""
        try:
            while chunk := os.read(ours, 1 << 16):
                shown += chunk
        except OSError:  # how Linux says that nobody is at the other end any more
            pass
        finally:
            process.kill()
            os.close(ours)
    return shown.decode("utf-8", "replace").replace("\r", "")


@pytest.mark.parametrize("shell", STARTS)
def test_a_shell_completes_commands_options_choices_profiles_and_files(
    shell, environment, tmp_path
):
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} here")
    command, setup = STARTS[shell]
    shown = at_a_terminal(command, f"{setup}{TYPED}exit\n", environment, tmp_path)
    for name, value, origin in [
        ("max_attempts", "3", "flag"),
        ("auth", "basic", "flag"),
        ("simulate", "flaky", "flag"),
        ("profile", "staging", "flag"),
        ("limit", "7", "profile staging"),
        ("ca_file", "my-authority.pem", "flag"),
        ("quiet", "true", "flag"),
    ]:
        assert re.search(rf"^{name} +{value} +{origin}$", shown, re.MULTILINE), shown


def completions(environment, folder, line: str) -> list[str]:
    """What is offered at the end of a line, as bash asks for it."""
    words = line.replace("=", " = ").split(" ")
    own = {"_BATCHCONV_COMPLETE": "bash_complete", "COMP_CWORD": str(len(words) - 1)}
    done = subprocess.run(
        [sys.executable, "-m", "batchconv"], cwd=folder, capture_output=True, text=True,
        env=environment | own | {"COMP_WORDS": "\n".join(words)}, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("batchconv ", {"plain,upload", "plain,validate", "plain,config", "plain,completion"}),
        ("batchconv upload --conf", {"plain,--config"}),
        ("batchconv upload --duplicates ", {"plain,send", "plain,skip"}),
        ("batchconv upload --simulate=", {"plain,calm", "plain,flaky", "plain,outage"}),
        ("batchconv upload --profile ", {"plain,staging", "plain,live"}),
        ("batchconv audit --profile s", {"plain,staging"}),
        ("batchconv upload ", {"file,"}),
        ("batchconv upload --simulate ", {"file,"}),  # a profile follows behind "=" alone
        ("batchconv upload --ca-file my", {"file,my"}),
        ("batchconv resend my", {"file,my"}),
        ("batchconv completion ", {"plain,bash", "plain,zsh", "plain,fish"}),
    ],
)
def test_what_is_offered(environment, tmp_path, line, offered):
    assert offered <= set(completions(environment, tmp_path, line))


def test_a_file_of_settings_that_is_wrong_offers_no_profile_and_is_no_noise(environment, tmp_path):
    (tmp_path / "settings" / "batchconv" / "config.toml").write_text("nonsense")
    assert completions(environment, tmp_path, "batchconv upload --profile ") == []


def test_completion_loads_no_library_that_it_does_not_need(environment, tmp_path):
    script = (
        "import atexit, sys\n"
        "atexit.register(lambda: print(*sorted(sys.modules), file=sys.stderr))\n"
        "from batchconv.__main__ import main\nmain()\n"
    )
    own = {"_BATCHCONV_COMPLETE": "bash_complete", "COMP_CWORD": "1", "COMP_WORDS": "batchconv\nup"}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment | own,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "plain,upload\n"
    heavy = {"aiohttp", "tenacity", "asyncio", "yarl", "ssl", "sqlite3", "tomllib"}
    assert heavy.isdisjoint(done.stderr.split())
