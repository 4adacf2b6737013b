"""The metrics file: what stands in it, when it is written, and what it never harms."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from batchconv.errors import install_command
from batchconv.model import Reason, Result
from batchconv.simulator import Behaviour, FaultRule, Simulator
from batchconv.telemetry.metrics import BUCKETS
from tests.shells import ROOT, Shell, behave, ids

EXAMPLES = ROOT / "examples"


def samples(path: Path) -> dict[tuple[str, ...], float]:
    """Name and label values → value, as Prometheus reads the file."""
    found = {}
    for family in text_string_to_metric_families(path.read_text(encoding="utf-8")):
        assert family.documentation, family.name
        assert family.type != "unknown", family.name
        for sample in family.samples:
            key = (sample.name, *sample.labels.values())
            assert key not in found
            found[key] = sample.value
    return found


class Job:
    """A nightly job that writes metrics."""

    def __init__(self, folder: Path, simulator: Simulator) -> None:
        self.shell = Shell(
            folder, simulator.base_url, "--metrics-file", "job.prom", "--concurrency", "3"
        )
        self.shell.write("in.csv", ids(40))
        self.file = folder / "job.prom"

    async def run(self, *arguments, **how):
        ended = await self.shell.uploaded("in.csv", *arguments, **how)
        return ended, samples(self.file)


@pytest.fixture
async def simulator():
    async with Simulator(Behaviour()) as running:
        yield running


async def test_at_the_end_the_file_says_what_the_summary_says(tmp_path, simulator):
    behave(simulator, FaultRule("420", every=10), FaultRule("503", every=7, first_attempts=1))
    job = Job(tmp_path, simulator)
    with (tmp_path / "in.csv").open("a") as file:
        file.write(",true\n,true\n")
    begun = time.time()
    ended, told = await job.run("--backoff-base", "1ms", "--summary", "s.json")
    assert ended.code == 1
    summary = json.loads((tmp_path / "s.json").read_text())
    for result in Result:
        assert told["batchconv_rows_total", result.value] == summary[result.value]
    for reason in Reason:
        expected = summary["reasons"].get(reason.value, 0)
        assert told["batchconv_rows_not_accepted_total", reason.value] == expected
    assert told["batchconv_rows_read_total",] == summary["read"] == 42
    assert told["batchconv_rows_expected",] == 42
    assert told["batchconv_rows_unsent",] == told["batchconv_rows_settled_total",] == 0
    for name in ("requests", "retries", "throttled", "unknown_repeats"):
        assert told[f"batchconv_{name}_total",] == summary[name]
    assert told["batchconv_exit_code",] == 1
    assert told["batchconv_running",] == told["batchconv_in_flight",] == 0
    assert begun - 1 <= told["batchconv_run_start_timestamp_seconds",] <= time.time()
    assert begun <= told["batchconv_last_run_timestamp_seconds",] <= time.time()
    assert ("batchconv_last_success_timestamp_seconds",) not in told


async def test_the_histogram_holds_each_rows_last_request(tmp_path, simulator):
    behave(simulator, latency=0.03)
    _, told = await Job(tmp_path, simulator).run()
    name = "batchconv_request_duration_seconds"
    counts = [told[f"{name}_bucket", str(bound)] for bound in (*BUCKETS, "+Inf")]
    assert counts == sorted(counts)
    assert told[f"{name}_bucket", "0.025"] == 0
    assert counts[-1] == told[f"{name}_count",] == 40
    assert told[f"{name}_sum",] * 1.02 >= 40 * 0.03


async def test_it_is_written_while_the_run_lasts_and_whole_each_time(tmp_path, simulator):
    behave(simulator, FaultRule("hang", every=20))
    job = Job(tmp_path, simulator)
    script = (
        "import batchconv.telemetry.metrics as metrics\nmetrics.EVERY = 0.1\n"
        "from batchconv.cli import main\nmain()"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, "upload", *job.shell.options, "in.csv", "--timeout", "1s",
        cwd=tmp_path, env=job.shell.env, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    inodes, seen = set(), []
    while process.returncode is None:
        if job.file.exists():
            inodes.add(job.file.stat().st_ino)
            seen.append(samples(job.file))
            if len(inodes) > 2:
                behave(simulator)
        await asyncio.sleep(0.02)
    during = [one for one in seen if one["batchconv_running",]]
    assert len(inodes) > 2
    assert any(one["batchconv_in_flight",] > 0 for one in during)
    assert all(("batchconv_exit_code",) not in one for one in during)
    read = [one["batchconv_rows_read_total",] for one in seen]
    assert read == sorted(read)
    assert samples(job.file)["batchconv_exit_code",] == 0
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".job")] == []


async def test_others_may_read_it_whatever_the_umask(tmp_path, simulator):
    """node_exporter runs as another user; results stay private all the same."""
    job = Job(tmp_path, simulator)
    await job.run(before=lambda: os.umask(0o077))
    assert job.file.stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "in.results.jsonl").stat().st_mode & 0o777 == 0o600


async def test_the_last_success_is_remembered_over_a_run_that_is_none(tmp_path, simulator):
    job = Job(tmp_path, simulator)
    _, good = await job.run()
    behave(simulator, FaultRule("420", share=1.0))
    ended, bad = await job.run("--overwrite")
    assert (ended.code, bad["batchconv_exit_code",]) == (1, 1)
    name = "batchconv_last_success_timestamp_seconds"
    assert bad[name,] == good[name,] > 0
    assert bad["batchconv_last_run_timestamp_seconds",] > bad[name,]


async def test_a_run_that_cannot_begin_counts_as_one_that_ended(tmp_path, simulator):
    job = Job(tmp_path, simulator)
    _, good = await job.run()
    ended, told = await job.run()
    assert ended.code == told["batchconv_exit_code",] == 2  # the results exist
    name = "batchconv_last_success_timestamp_seconds"
    assert told[name,] == good[name,]
    (tmp_path / "in.csv").unlink()
    ended, told = await job.run("--resume")
    assert ended.code == told["batchconv_exit_code",] == 5


async def test_a_run_that_finds_another_at_work_leaves_its_metrics_alone(tmp_path, simulator):
    behave(simulator, FaultRule("hang", share=1.0))
    job = Job(tmp_path, simulator)
    running = job.shell.upload("in.csv", "--timeout", "60s")
    await running.reached(simulator, 3)
    ended, told = await job.run("--resume")
    assert ended.code == 75
    assert told["batchconv_running",] == 1
    running.process.kill()
    await running.end()


async def test_a_run_that_was_stopped_says_what_is_left(tmp_path, simulator):
    behave(simulator, account_enabled=False)
    ended, told = await Job(tmp_path, simulator).run()
    assert ended.code == told["batchconv_exit_code",] == 4
    assert told["batchconv_rows_unsent",] == ended.books.unsent > 0


async def test_pauses_are_told_by_why(tmp_path, simulator):
    behave(simulator, status_for_all=503)
    ended, told = await Job(tmp_path, simulator).run(
        "--backoff-base", "1ms", "--give-up-after", "500ms", "--concurrency", "12"
    )
    assert ended.code == told["batchconv_exit_code",] == 3
    assert told["batchconv_paused_seconds_total", "outage"] >= 0.4
    assert told["batchconv_paused_seconds_total", "throttled"] == 0
    assert told["batchconv_paused", "outage"] == 0


async def test_a_resend_writes_them_too(tmp_path, simulator):
    behave(simulator, FaultRule("503", every=10))
    job = Job(tmp_path, simulator)
    await job.run("--max-attempts", "1")
    behave(simulator)
    ended = await job.shell.start("resend", *job.shell.options, "in.results.jsonl").end()
    told = samples(job.file)
    assert ended.code == told["batchconv_exit_code",] == 0
    assert told["batchconv_rows_total", "accepted"] == told["batchconv_rows_expected",] == 4


@pytest.mark.parametrize("name", ["in.csv", "link.csv", "other.csv", "in.results.jsonl", "s.json"])
async def test_no_other_file_is_ever_replaced_by_it(name, tmp_path, simulator):
    job = Job(tmp_path, simulator)
    (tmp_path / "link.csv").hardlink_to(tmp_path / "in.csv")
    (tmp_path / "other.csv").write_text("somebody's\n")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    ended = await job.shell.uploaded("in.csv", "--metrics-file", name, "--summary", "s.json")
    assert ended.code == 2
    assert "Traceback" not in ended.err
    after = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert after == before
    assert simulator.stats.requests == 0


@pytest.mark.parametrize("name", ["no/such/folder/job.prom", "folder"])
async def test_where_it_cannot_be_written_nothing_is_sent(name, tmp_path, simulator):
    (tmp_path / "folder").mkdir()
    job = Job(tmp_path, simulator)
    ended = await job.shell.uploaded("in.csv", "--metrics-file", name)
    assert ended.code == 2
    assert f"{name} cannot be written" in ended.err
    assert "name another file with --metrics-file" in ended.err
    assert simulator.stats.requests == 0
    assert not (tmp_path / "in.results.jsonl").exists()


async def test_a_file_that_cannot_be_written_any_more_harms_no_row(tmp_path, simulator):
    behave(simulator, FaultRule("hang", every=40))
    job = Job(tmp_path, simulator)
    (tmp_path / "gone").mkdir()
    running = job.shell.upload("in.csv", "--metrics-file", "gone/job.prom", "--timeout", "1s")
    await running.reached(simulator, 40)
    shutil.rmtree(tmp_path / "gone")
    behave(simulator)
    ended = await running.end()
    assert ended.code == 0
    assert ended.books.accepted == 40
    assert "batchconv: gone/job.prom cannot be written" in ended.err


@pytest.mark.parametrize(
    "content",
    [
        b"# HELP batchconv_ no more",
        b"# HELP batchconv_exit_code x\nbatchconv_exit_code nan\n",
        b"# HELP batchconv_\n" + b"{" * 10_000,
        b"# HELP batchconv_\n\xff\xfe\x00",
        b"",
    ],
)  # fmt: skip
async def test_a_damaged_file_is_written_anew(content, tmp_path, simulator):
    job = Job(tmp_path, simulator)
    job.file.write_bytes(content)
    ended, told = await job.run()
    assert ended.code == told["batchconv_exit_code",] == 0


async def test_names_of_files_and_ids_are_in_no_label(tmp_path, simulator):
    """Whatever they hold, it cannot break the format, and makes no new series."""
    job = Job(tmp_path, simulator)
    hostile = 'x"} 1\nbatchconv_exit_code 7\n#.csv'
    (tmp_path / hostile).write_text('message_id,delivered\n"y""} 1",true\n')
    ended = await job.shell.uploaded(hostile, "-o", "out.jsonl")
    assert ended.code == 0, ended.err
    plain = Job(tmp_path, simulator)
    told = samples(job.file)
    _, others = await plain.run()
    assert told.keys() == others.keys()
    assert told["batchconv_exit_code",] == 0


def without_the_library(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    script = (
        "import sys\nsys.modules['prometheus_client'] = None\n"
        "from batchconv.cli import main\nmain()"
    )
    return subprocess.run(
        [sys.executable, "-c", script, "upload", "--simulate", "in.csv", *arguments],
        capture_output=True, text=True, cwd=folder, check=False,
    )  # fmt: skip


def test_without_the_extra_it_says_how_to_install_it(tmp_path):
    (tmp_path / "in.csv").write_text("message_id,delivered\nid,true\n")
    done = without_the_library(tmp_path, "--metrics-file", "job.prom")
    assert done.returncode == 2
    assert f"  {install_command('metrics')}\n" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv"]
    assert without_the_library(tmp_path).returncode == 0


@pytest.mark.skipif(shutil.which("promtool") is None, reason="Prometheus brings it")
async def test_prometheus_own_tool_finds_nothing_wrong(tmp_path, simulator):
    job = Job(tmp_path, simulator)
    await job.run()
    checked = await asyncio.create_subprocess_exec(
        "promtool", "check", "metrics",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    told, _ = await checked.communicate(job.file.read_bytes())
    assert (checked.returncode, told) == (0, b"")


ALERTS = EXAMPLES / "prometheus-alerts.yml"
DASHBOARD = EXAMPLES / "grafana-dashboard.json"


def alert_rules() -> list[dict]:
    (group,) = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    return group["rules"]


def dashboard() -> dict:
    return json.loads(DASHBOARD.read_text(encoding="utf-8"))


async def test_what_the_examples_ask_for_is_in_a_real_file(tmp_path, simulator):
    """Every metric that an alert or a panel names, and every value of a label that it picks."""
    _, told = await Job(tmp_path, simulator).run()
    names, values = {key[0] for key in told}, {value for key in told for value in key[1:]}
    asked = [rule["expr"] for rule in alert_rules()]
    asked += [target["expr"] for panel in dashboard()["panels"] for target in panel["targets"]]
    for expression in asked:
        found = re.findall(r"batchconv_\w+", expression)
        assert found, expression
        assert set(found) <= names, expression
        for picked in re.findall(r'(?:why|outcome|reason)=~?"([^"]+)"', expression):
            assert set(picked.split("|")) <= values, expression
    variables = [one["query"] for one in dashboard()["templating"]["list"]]
    assert {name for text in variables for name in re.findall(r"batchconv_\w+", text)} <= names


def test_the_dashboard_is_whole():
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken = set()
    for panel in panels:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not taken & cells, panel["title"]
        taken |= cells
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])


def test_every_alert_says_what_is_the_matter():
    rules = alert_rules()
    assert len({rule["alert"] for rule in rules}) == len(rules)
    for rule in rules:
        assert rule["labels"]["severity"] in ("page", "warning", "info")
        assert rule["annotations"]["summary"].startswith("{{ $labels.instance }}: ")


def test_every_metric_is_on_the_page(tmp_path):
    """And no other: the manual's table is made of what a real file holds."""
    table = (ROOT / "batchconv" / "manual" / "metrics.md").read_text(encoding="utf-8")
    on_page = set(re.findall(r"`(batchconv_\w+)", table))
    (tmp_path / "in.csv").write_text("message_id,delivered\nid,true\n")
    subprocess.run(
        [sys.executable, "-m", "batchconv", "upload", "--simulate", "in.csv", "--workers", "2",
         "--metrics-file", "job.prom"],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    text = (tmp_path / "job.prom").read_text()
    types = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE))
    assert on_page == set(types)
    for name, kind in types.items():
        row = next(line for line in table.splitlines() if f"`{name}" in line)
        assert f"| {kind} |" in row


@pytest.mark.skipif(shutil.which("promtool") is None, reason="Prometheus brings it")
def test_prometheus_own_tool_reads_the_alerts():
    checked = subprocess.run(
        ["promtool", "check", "rules", str(ALERTS)], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
