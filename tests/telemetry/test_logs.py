"""Events: one a line as JSON, with names that stay, and nothing else on standard error."""

import asyncio
import json
import logging
import re
import subprocess
import sys
from datetime import datetime

import pytest

from batchconv import Reply, Settings, upload
from batchconv.cli.logs import JsonFormatter
from batchconv.simulator import API_SECRET, Behaviour, FaultRule, Simulator
from batchconv.telemetry.events import EVENTS, log
from batchconv.telemetry.run_events import Turns
from batchconv.telemetry.summary import Summary
from tests.harness import OK, Job
from tests.shells import ROOT, Ended, Shell, ids

HEAD = ["at", "level", "event", "run", "message"]
SECRET_ID = "0C0000C1-the-id"
_PAGE = (ROOT / "batchconv" / "manual" / "events.md").read_text(encoding="utf-8")
_ROWS = [line.split(" | ") for line in _PAGE.split("\n## ")[0].splitlines() if line[:3] == "| `"]
FIELDS = {row[0].strip("| `"): set(re.findall("`([a-z_0-9]+)`", row[-1])) for row in _ROWS}
"""Event → its fields, as the manual's table has them."""
FIELDS["run-ended"] |= set(Summary("", 0.0).as_dict())


def events(ended: Ended) -> list[dict]:
    """The events on standard error, which holds nothing else."""
    told = [json.loads(line) for line in ended.err.splitlines()]
    for one in told:
        assert list(one)[: len(HEAD)] == HEAD
        assert one["event"] in EVENTS
        assert one["level"] in ("debug", "info", "warning", "error")
        assert set(one) - set(HEAD) <= FIELDS[one["event"]]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", one["at"])
        assert datetime.fromisoformat(one["at"])
        assert one["message"].isprintable()
    assert ended.err.isascii()
    return told


def test_every_event_is_on_the_page_and_no_other():
    assert list(FIELDS) == list(EVENTS)


def named(told: list[dict], *names: str) -> list[dict]:
    return [one for one in told if one["event"] in names]


async def run(folder, *arguments, behaviour=None, rows=30, extra=(), **how) -> Ended:
    async with Simulator(behaviour or Behaviour()) as simulator:
        shell = Shell(folder, simulator.base_url, "--log-format", "json")
        shell.write("in.csv", [*ids(rows), *extra])
        return await shell.uploaded("in.csv", *arguments, **how)


async def test_a_run_that_is_all_well_is_told_from_start_to_end(tmp_path):
    ended = await run(tmp_path, "--summary", "s.json")
    assert ended.code == 0
    columns, started, over = events(ended)
    assert (started["event"], over["event"]) == ("run-started", "run-ended")
    assert columns["event"] == "columns"
    assert columns["fields"] == {"message_id": "message_id", "delivered": "delivered"}
    assert columns["missing"] == ["timestamp", "channel"]
    assert (
        "; timestamp: none of the columns (message_id, delivered); the API uses the "
        in (columns["message"])
    )
    assert started["run"] == over["run"]
    assert started["options"]["log_format"] == "json"
    assert started["results"] == over["results"] == "in.results.jsonl"
    summary = json.loads((tmp_path / "s.json").read_text())
    assert {name: over[name] for name in summary if name not in ("options", "run")} == {
        name: value for name, value in summary.items() if name not in ("options", "run")
    }
    assert over["message"].startswith("read 30 = settled 0 + accepted 30")
    assert over["level"] == "info"
    assert over["next"] == over["stops"] == over["failed_rows"] == []


async def test_rows_and_attempts_are_told_only_to_those_who_ask(tmp_path):
    behaviour = Behaviour(
        faults=(FaultRule("420", every=10), FaultRule("503", every=7, first_attempts=1))
    )
    quick = ("--backoff-base", "1ms", "--concurrency", "1")
    plain = events(await run(tmp_path, *quick, behaviour=behaviour))
    assert not named(plain, "row", "attempt")
    ended = await run(tmp_path, *quick, "-v", "--overwrite", behaviour=behaviour)
    assert ended.code == 1
    told = events(ended)
    rows, attempts = named(told, "row"), named(told, "attempt")
    assert [(one["source"], one["row"], one["line"]) for one in rows] == [
        ("in.csv", n, n + 1) for n in (10, 20, 30)
    ]
    assert {(one["outcome"], one["reason"], one["status"]) for one in rows} == {
        ("rejected", "invalid-parameters", 420)
    }
    assert sorted((one["row"], one["attempt"], one["verdict"]) for one in attempts) == [
        (7, 1, "again"), (10, 1, "reject"), (14, 1, "again"), (20, 1, "reject"),
        (21, 1, "again"), (28, 1, "again"), (30, 1, "reject"),
    ]  # fmt: skip
    assert {one["level"] for one in rows + attempts} == {"debug"}


async def test_no_message_id_is_told_unless_it_is_asked_for(tmp_path):
    """Not even one that is at fault itself."""
    bad = [f"{SECRET_ID}\x07", "1.23457E+15", f"{SECRET_ID}-420"]
    behaviour = Behaviour(faults=(FaultRule("420", share=1.0),))
    for arguments in ((), ("--log-format", "text")):
        ended = await run(
            tmp_path, *arguments, "--overwrite", behaviour=behaviour, rows=0, extra=bad
        )
        assert ended.code == 1
        assert "control-character" in ended.err
        assert "in.csv row 1 (line 2): its id holds a control character" in ended.err
        assert SECRET_ID not in ended.err
        assert "1.23457E" not in ended.err
    ended = await run(tmp_path, "-v", "--overwrite", behaviour=behaviour, rows=0, extra=bad)
    assert [one["message_id"] for one in named(events(ended), "row")][-1] == f"{SECRET_ID}-420"


@pytest.mark.parametrize(
    ("reply", "why", "level"),
    [(Reply(503, 0.01), "outage", "warning"), (Reply(429, 0.01, "1"), "throttled", "info")],
)
def test_an_outage_and_throttling_are_told_as_they_come_and_go(tmp_path, caplog, reply, why, level):
    caplog.set_level(logging.INFO, logger="batchconv")
    job = Job(tmp_path, lambda _, now: reply if now < 5 else OK).write(ids(30))
    assert job.upload(Turns(), concurrency=12).exit_code == 0
    lines = map(JsonFormatter().format, caplog.records)
    turns = named(events(Ended(0, "", "".join(f"{one}\n" for one in lines))), "paused", "resumed")
    assert [(one["event"], one["why"], one["level"]) for one in turns] == [
        ("paused", why, level),
        ("resumed", why, level),
    ]
    assert turns[1]["seconds"] > 0


async def test_why_it_stops_and_what_to_do_is_told(tmp_path):
    ended = await run(tmp_path, behaviour=Behaviour(account_enabled=False))
    assert ended.code == 4
    told = events(ended)
    (stopping,) = named(told, "stopping")
    assert stopping["exit_code"] == 4
    assert "402" in stopping["message"]
    over = told[-1]
    assert over["level"] == "error"
    assert over["stops"][0]["why"] in stopping["message"]
    assert over["stops"][0]["hint"]
    (resume,) = over["next"]
    assert resume.startswith("batchconv upload --resume --base-url ")
    assert resume.endswith(" in.csv")


async def test_progress_is_an_event_a_minute(tmp_path):
    async with Simulator(Behaviour(latency=0.05)) as simulator:
        shell = Shell(tmp_path, simulator.base_url, "--log-format", "json", "--concurrency", "2")
        shell.write("in.csv", ids(40))
        script = (
            "import batchconv.telemetry.progress_lines as plain\nplain.EVERY = 0.2\n"
            "from batchconv.cli import main\nmain()"
        )
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", script, "upload", *shell.options, "in.csv",
            cwd=tmp_path, env=shell.env, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        _, err = await process.communicate()
    progress = named(events(Ended(0, "", err.decode())), "progress")
    assert progress
    for one in progress:
        assert 0 <= one["accepted"] <= one["read"] <= one["expected"] == 40
        assert one["rows_per_second"] > 0
        assert one["in_flight"] <= 2
        assert one["p95_ms"] >= one["p50_ms"] >= 50
        assert one["waiting_for"] is None
    assert [one["accepted"] for one in progress] == sorted(one["accepted"] for one in progress)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["upload", "--log-format", "json", "--nonsense", "in.csv"], 2, "--nonsense"),
        (["upload", "--log-format=json", "in.csv", "--rate", "fast"], 2, "fast"),
        (["upload", "--rate", "fast", "in.csv", "--log-format=json"], 2, "fast"),
        (["upload", "--log-format", "json"], 2, "INPUT"),
        (["upload", "--log-format", "json", "no.csv"], 5, "no.csv does not exist"),
        (["upload", "--log-format", "json", "in.csv", "--base-url", "ftp://x"], 2, "--base-url"),
        (["upload", "--log-format", "json", "in.csv", "--map", "message_id=no"], 2, "no"),
        (["resend", "--log-format", "json", "no.jsonl"], 5, "no.jsonl"),
        (["uplaod", "in.csv", "--log-format", "json"], 2, "upload"),
    ],
)
async def test_what_is_wrong_before_the_start_is_an_event_too(arguments, code, words, tmp_path):
    shell = Shell(tmp_path, "http://127.0.0.1:9")
    shell.write("in.csv", ids(1))
    ended = await shell.start(*arguments).end()
    assert ended.code == code
    (error,) = events(ended)
    assert (error["event"], error["level"], error["exit_code"]) == ("error", "error", code)
    assert words in error["message"]
    assert "hint" in error


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        (["upload", "--log-format", "text", "no.csv"], {"BATCHCONV_LOG_FORMAT": "json"}),
        (["upload", "--log-format", "json", "--log-format", "text", "no.csv"], {}),
        (["upload", "no.csv"], {"BATCHCONV_LOG_FORMAT": "text"}),
    ],
)
async def test_the_last_word_about_the_format_counts(arguments, environment, tmp_path):
    shell = Shell(tmp_path, "http://127.0.0.1:9")
    shell.env |= environment
    ended = await shell.start(*arguments).end()
    assert ended.err.startswith("batchconv: no.csv does not exist\n  ")


async def test_strict_names_the_invalid_rows_for_programs_and_for_people(tmp_path):
    (tmp_path / "in.csv").write_text("message_id,delivered\nA1,maybe\nA2,true\nA3,maybe\n")
    shell = Shell(tmp_path, "")
    run = ("upload", "--simulate", "--strict", "--log-file", "log", "in.csv")
    told = events(await shell.start(*run, "--log-format", "json").end())
    assert [event["event"] for event in told] == ["error"]
    reason = told[0]["reasons"]["bad-delivered"]
    assert [(one["source"], one["row"], one["line"]) for one in reason["examples"]] == [
        ("in.csv", 1, 2),
        ("in.csv", 3, 4),
    ]
    dry = await shell.start("upload", "--dry-run", "--log-format", "json", "in.csv").end()
    assert told[0]["reasons"] == json.loads(dry.out)["reasons"]
    (tmp_path / "log").unlink()
    text = await shell.start(*run).end()
    for kept in (text.err, (tmp_path / "log").read_text()):
        assert "2 invalid: bad-delivered" in kept
        assert "in.csv row 3, line 4: " in kept


async def test_quiet_is_quiet_until_the_exit_code_is_not_0(tmp_path):
    assert (await run(tmp_path, "-q")).err == ""
    behaviour = Behaviour(faults=(FaultRule("420", every=3),))
    ended = await run(tmp_path, "-q", "--overwrite", behaviour=behaviour)
    assert ended.code == 1
    (over,) = events(ended)
    assert (over["event"], over["level"], over["rejected"]) == ("run-ended", "warning", 10)
    assert re.fullmatch(r"in.csv row \d+ \(line \d+\): .*", over["examples"]["invalid-parameters"])


async def test_a_torn_line_is_a_warning_and_a_resume_that_was_asked_for_is_none(tmp_path):
    shell = Shell(tmp_path, "")
    shell.write("in.csv", ids(3))
    arguments = ("upload", "--simulate", "in.csv", "--log-format", "json", "-o", "out.jsonl")
    await shell.start(*arguments).end()
    with (tmp_path / "out.simulated.jsonl").open("ab") as file:
        file.write(b'{"source":')
    ended = await shell.start(*arguments, "--resume").end()
    notices = named(events(ended), "notice")
    (resumed, torn) = [(one["level"], one["message"]) for one in notices]
    assert resumed[0] == "info"
    assert resumed[1].startswith("--resume: continuing out.simulated.jsonl: 3 outcomes")
    assert torn[0] == "warning"
    assert "out.simulated.jsonl: an incomplete last line of 10 bytes was removed" in torn[1]


def told_by_a_library(script: str, *arguments: str, folder) -> Ended:
    """The program, in which *script* runs when the first row is on its way."""
    wrapped = (
        "import sys\nfrom batchconv.sending.client import HttpClient\n"
        "exchange = HttpClient.exchange\n"
        "async def broken(self, conversion, turn):\n"
        f"    {script}\n"
        "    return await exchange(self, conversion, turn)\n"
        "HttpClient.exchange = broken\n"
        "from batchconv.cli import main\nmain()"
    )
    done = subprocess.run(
        [sys.executable, "-c", wrapped, "upload", "--simulate", "in.csv", *arguments],
        capture_output=True, text=True, cwd=folder, check=False,
        env={"PATH": "", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    return Ended(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize(
    "script",
    [
        f"import logging; logging.getLogger('aiohttp').error('https://x/?sig={API_SECRET}')",
        f"import warnings; warnings.warn('https://x/?api_secret={API_SECRET}')",
        f"import logging; logging.error('{API_SECRET}', exc_info=ValueError('{API_SECRET}'))",
    ],
    ids=["log", "warning", "traceback"],
)  # fmt: skip
@pytest.mark.parametrize("verbose", [(), ("-v",)])
def test_what_libraries_say_is_an_event_without_their_words(script, verbose, tmp_path):
    (tmp_path / "in.csv").write_text("message_id,delivered\nid,true\n")
    ended = told_by_a_library(script, "--log-format", "json", *verbose, folder=tmp_path)
    assert ended.code == 0, ended.err
    (library,) = named(events(ended), "library")
    assert library["logger"]
    assert library["where"]
    assert API_SECRET not in ended.err
    text = told_by_a_library(script, "--overwrite", *verbose, folder=tmp_path)
    assert text.code == 0
    assert API_SECRET not in text.err
    # That something was said, and not what, helps nobody who did not ask for all.
    assert ("logged a message" in text.err) == bool(verbose)


@pytest.mark.parametrize(
    "script",
    [
        "import asyncio; asyncio.ensure_future(exchange(None, 'A-SECRET')); await asyncio.sleep(0)",
        "import asyncio; from batchconv.sending.stops import signal_stop; "
        "asyncio.get_running_loop().call_soon(signal_stop, 'A-SECRET'); await asyncio.sleep(0)",
    ],
    ids=["task", "callback"],
)
def test_a_defect_that_nobody_waits_for_is_told_to_those_who_did_not_ask(script, tmp_path):
    (tmp_path / "in.csv").write_text("message_id,delivered\nid,true\n")
    text = told_by_a_library(script, folder=tmp_path)
    assert text.code == 0, text.err
    assert text.err.count("batchconv: a defect in batchconv: ") == 1
    assert "please report it" in text.err
    json = told_by_a_library(script, "--overwrite", "--log-format", "json", folder=tmp_path)
    defects = [
        one["message"] for one in named(events(json), "notice") if "defect" in one["message"]
    ]
    assert len(defects) == 1
    assert "A-SECRET" not in text.err + json.err


async def test_the_library_configures_no_logging_and_prints_nothing(tmp_path, capfd, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.csv").write_text("message_id,delivered\nid,true\n ,true\n")
    root = logging.getLogger()
    before = (list(root.handlers), root.level, list(log.handlers), log.level)
    settings = Settings(
        simulate="calm", rate=None, log_format="json", progress="bar", metrics_file="m.prom"
    )
    summary = await upload("in.csv", settings=settings)
    assert summary.exit_code == 1
    assert (list(root.handlers), root.level, list(log.handlers), log.level) == before
    assert capfd.readouterr() == ("", "")
    assert "batchconv_exit_code 1.0" in (tmp_path / "m.prom").read_text()


async def test_a_program_that_wants_to_know_gets_records_with_names(tmp_path, caplog, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.csv").write_text("message_id,delivered\nid,true\n")
    caplog.set_level(logging.DEBUG, "batchconv")
    async with Simulator(Behaviour(status_for_all=420)) as simulator:
        settings = Settings(base_url=simulator.base_url, no_failed=True)
        account = {"VONAGE_API_KEY": "simulate", "VONAGE_API_SECRET": API_SECRET}
        await upload("in.csv", settings=settings, environment=account)
    (record,) = [one for one in caplog.records if one.name == "batchconv"]
    assert record.event == "attempt"
    assert record.fields["verdict"] == "reject"
    assert record.getMessage() == "in.csv row 1, attempt 1: 420, reject"
