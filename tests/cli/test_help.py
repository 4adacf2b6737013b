"""What the help says, and what becomes of a mistyped command line."""

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from batchconv import __version__
from batchconv.cli import cli
from tests.commands import COMMANDS, command


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "batchconv", *arguments],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )


@pytest.mark.parametrize("arguments", [["--help"], *([*name.split(), "-h"] for name in COMMANDS)])
def test_help_fits_80_columns(arguments):
    told = CliRunner().invoke(cli, arguments, terminal_width=80)
    assert told.exit_code == 0
    assert [line for line in told.output.splitlines() if len(line) > 80] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_says_what_it_does(name):
    options = [param for param in command(name).params if isinstance(param, click.Option)]
    assert options or name in ("completion", "manual")
    for option in options:
        assert option.help, option.opts
        assert option.help[0].isupper() or option.help[0].isdigit(), option.help


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_each_does(name):
    """The list is written apart from the commands, so that it can be shown without them."""
    listed = CliRunner().invoke(cli, ["--help"]).output.split("Commands:")[1]
    assert any(line.split()[0] == name.split()[0] for line in listed.strip().splitlines())


def test_without_arguments_it_shows_its_help():
    assert "Commands:" in CliRunner().invoke(cli, []).output


def test_the_version_is_the_packages():
    done = run("--version")
    assert done.returncode == 0
    assert done.stdout.strip().endswith(__version__)


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["uplod", "a.csv"], "upload"),
        (["vaildate", "a.csv"], "validate"),
        (["upload", "--rat", "3", "a.csv"], "--rate"),
        (["upload", "--concurency", "3", "a.csv"], "--concurrency"),
        (["upload", "--auth", "basik", "a.csv"], "basic"),
        (["simulate", "--prot", "80"], "--port"),
        (["upload", "--simulate=falky", "a.csv"], "did you mean flaky?"),
        (["upload", "--duplicates", "skpi", "a.csv"], "did you mean skip?"),
        (["config", "shwo"], "show"),
    ],
)
def test_what_is_mistyped_gets_a_suggestion(arguments, meant):
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert meant in done.stderr.split("Error: ")[1]


@pytest.mark.parametrize(
    "arguments",
    [
        ["upload"],
        ["validate"],
        ["upload", "a.csv", "--rate"],
        ["upload", "a.csv", "--rate", "fast"],
        ["upload", "a.csv", "--timeout", "30 parsecs"],
        ["upload", "a.csv", "--concurrency", "0"],
        ["upload", "a.csv", "--map", "id=ref"],
        ["upload", "a.csv", "--timezone", "Mars/Olympus"],
        ["upload", "a.csv", "--delimiter", "--"],
        ["simulate", "--fault", "often"],
    ],
)
def test_a_wrong_command_line_exits_with_2_and_says_why(arguments):
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Error: " in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["upload", "a.csv", "--rate"], "Write --rate N: Requests per second"),
        (["upload", "a.csv", "-o"], "Write -o PATH: Where outcomes go"),
        (["validate", "a.csv", "--config"], "Write --config FILE: The settings file (TOML)"),
    ],
)
def test_an_option_without_its_value_says_what_the_value_is(arguments, wanted):
    assert wanted in run(*arguments).stderr


def test_an_unknown_profile_names_the_known_ones(tmp_path):
    (tmp_path / "a.csv").write_text("message-id,delivered\na,true\n")
    done = run("upload", str(tmp_path / "a.csv"), "--simulate=stormy")
    assert done.returncode == 2
    assert "calm, flaky, throttled, outage" in done.stderr
