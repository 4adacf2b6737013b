"""`batchconv simulate` as people start and stop it."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner

from batchconv.cli import simulate as module
from batchconv.cli.simulate import simulate
from batchconv.errors import UsageError
from batchconv.simulator import PROFILE_NAMES, PROFILES, Behaviour, FaultRule

PROGRAM = [sys.executable, "-c", "from batchconv.cli.simulate import simulate; simulate()"]
ANNOUNCED = "simulating the Conversion API at "
QUERY = "message-id=a&delivered=true&api_key=simulate&api_secret=made-up-secret"
TARGET = f"/conversions/sms?{QUERY}"


@contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*PROGRAM, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def address(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith(ANNOUNCED + "http://127.0.0.1:")
    return line.removeprefix(ANNOUNCED).strip()


def connection(base_url: str) -> HTTPConnection:
    return HTTPConnection(urlsplit(base_url).netloc)


def post(base_url: str) -> int:
    with closing(connection(base_url)) as server:
        server.request("POST", TARGET)
        return server.getresponse().status


def stats(base_url: str) -> Any:
    with closing(connection(base_url)) as server:
        server.request("GET", "/stats?ids=1")
        return json.load(server.getresponse())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_is_answers_and_ends_quietly_on_a_signal(number):
    with running("--seed", "7") as process:
        base_url = address(process)
        assert post(base_url) == 200
        assert stats(base_url)["ids"] == {"a": 1}
        process.send_signal(number)
        rest, told = process.communicate()
    assert process.returncode == 0
    assert rest == ""
    assert "VONAGE_API_KEY=simulate VONAGE_API_SECRET=made-up-secret" in told
    assert told.splitlines()[-1] == ("1 requests, 1 accepted (1 ids, 0 repeats); replies: 1 x 200")
    assert "Traceback" not in told


def test_a_hanging_request_does_not_keep_it_from_ending():
    with running("--fault", "hang=1") as process:
        base_url = address(process)
        with closing(connection(base_url)) as waiting:
            waiting.request("POST", TARGET)
            while stats(base_url)["requests"] == 0:
                pass
            process.send_signal(signal.SIGTERM)
            process.communicate()
            with pytest.raises(ConnectionError):
                waiting.getresponse()
    assert process.returncode == 0


def test_it_warns_when_other_machines_can_reach_it():
    with running("--host", "0.0.0.0") as process:  # noqa: S104 - what the warning is about
        address(process)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate()
    assert "warning: other machines can reach 0.0.0.0" in told


def test_a_port_in_use_is_a_usage_error():
    with running() as process:
        port = address(process).split(":")[2].split("/")[0]
        result = CliRunner().invoke(simulate, ["--port", port])
    assert isinstance(result.exception, UsageError)
    assert f"port {port}" in str(result.exception)
    assert result.stdout == ""


@pytest.mark.parametrize("host", ["192.0.2.1", "a..b"])
def test_a_host_that_does_not_exist_is_a_usage_error(host):
    result = CliRunner().invoke(simulate, ["--host", host])
    assert isinstance(result.exception, UsageError)


@pytest.fixture
def served(monkeypatch):
    """Runs the command and hands back what would be served."""
    seen = []

    async def serve(behaviour, host, port):
        seen.append((behaviour, host, port))

    monkeypatch.setattr(module, "_serve", serve)

    def run(*arguments):
        seen.clear()
        result = CliRunner().invoke(simulate, arguments)
        assert result.exit_code == 0, result.output
        return seen[0]

    return run


def test_without_options_it_is_calm_on_a_free_port_of_this_machine(served):
    assert served() == (PROFILES["calm"], "127.0.0.1", 0)


def test_the_names_are_those_of_the_profiles():
    assert tuple(PROFILES) == PROFILE_NAMES


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_is_taken_as_it_is(served, name):
    assert served("--profile", name)[0] == PROFILES[name]


@pytest.mark.parametrize(
    ("arguments", "changes"),
    [
        (["--seed", "3"], {"seed": 3}),
        (["--latency", "20ms"], {"latency": 0.02}),
        (["--latency", "0"], {"latency": 0.0}),
        (["--spread", "2"], {"latency_spread": 2.0}),
        (
            ["--fault", "503=10%", "--fault", "reset=1/5"],
            {"faults": (FaultRule("503", share=0.1), FaultRule("reset", every=5))},
        ),
        (["--faulty-attempts", "2"], {"first_attempts": 2}),
        (["--retry-after", "date:2"], {"retry_after": "date:2"}),
        (["--allow-rate", "0.5"], {"allow_rate": 0.5}),
        (
            ["--allow-rate-change", "10s=20", "--allow-rate-change", "1m=2.5"],
            {"allow_rate_changes": ((10.0, 20.0), (60.0, 2.5))},
        ),
        (["--allow-concurrent", "4"], {"allow_concurrent": 4}),
        (["--outage", "500ms-6s", "--outage", "10-20"], {"outages": ((0.5, 6.0), (10.0, 20.0))}),
        (["--status", "402"], {"status_for_all": 402}),
        (["--api-key-prefix", "Token"], {"api_key_prefix": "Token"}),
        (["--any-account"], {"any_account": True}),
    ],
)
def test_an_option_changes_its_part_of_the_behaviour(served, arguments, changes):
    assert served(*arguments)[0] == Behaviour(**{"latency": 0.005, **changes})


def test_options_change_the_named_profile(served):
    behaviour = served("--profile", "throttled", "--retry-after", "9")[0]
    assert (behaviour.allow_rate, behaviour.retry_after) == (50.0, "9")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--latency", "soon"], "write 500ms, 30s"),
        (["--fault", "crash=1"], "one of reset"),
        (["--fault", "503"], "write KIND=SHARE"),
        (["--outage", "5"], "write FROM-TO"),
        (["--outage", "5-x"], "write 500ms, 30s"),
        (["--allow-rate-change", "5"], "write AT=RATE"),
        (["--allow-rate-change", "5=fast"], "write AT=RATE"),
        (["--status", "99"], "200<=x<=599"),
        (["--port", "70000"], "0<=x<=65535"),
        (["--profile", "wild"], "flaky"),
    ],
)
def test_what_it_does_not_understand_is_refused_with_a_way_out(arguments, words):
    result = CliRunner().invoke(simulate, arguments)
    assert result.exit_code == 2
    assert words in " ".join(result.output.split())
    assert result.stdout == ""


@pytest.mark.parametrize(
    "arguments", [["--outage", "6-5"], ["--fault", "500=60%", "--fault", "503=60%"]]
)
def test_options_that_contradict_each_other_are_a_usage_error(arguments):
    result = CliRunner().invoke(simulate, arguments)
    assert isinstance(result.exception, UsageError)


def test_the_command_line_loads_no_http_library():
    code = "import sys, batchconv.cli.simulate; sys.exit('aiohttp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
