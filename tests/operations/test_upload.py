"""`batchconv upload` through the real path: real files, the real program, the real simulator."""

import asyncio
import csv
import gzip
import json
import os
import signal
import sys
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from batchconv.cli import main
from batchconv.operations.audit import audit
from batchconv.operations.target import Target
from batchconv.operations.upload import prepare_upload
from batchconv.sending.event_loop import new_event_loop
from batchconv.sending.stops import signal_stop
from batchconv.settings.options import Settings
from batchconv.settings.read_options import ReadSettings
from batchconv.simulator import API_KEY, API_SECRET, Behaviour, FaultRule, Simulator
from tests.shells import behave

ACCOUNT = {"VONAGE_API_KEY": API_KEY, "VONAGE_API_SECRET": API_SECRET}
BOOKS = ("read", "settled", "accepted", "rejected", "failed", "invalid", "skipped", "unsent")


async def batchconv(*arguments, cwd, given=b"", account=True):
    """Run the program; its exit code, standard output and standard error."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("VONAGE", "NEXMO"))}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "batchconv", *map(str, arguments),
        cwd=cwd, env=environment | (ACCOUNT if account else {}),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate(given)
    return process.returncode, out.decode(), err.decode()


def write_rows(path, count, *, prefix="id"):
    lines = ["message-id,delivered,timestamp,note\n"]
    lines += [f"{prefix}{n},true,2026-01-01 12:00:00,n{n}\n" for n in range(count)]
    path.write_text("".join(lines))
    return path


def results(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def outcomes_in(summary):
    """What a run has written, by its own books, checked."""
    summary.books.check()
    return Counter({one.value: count for one, count in summary.books.results.items() if count})


def books(summary):
    counted = [summary[name] for name in BOOKS]
    assert counted[0] == sum(counted[1:])
    return {name: count for name, count in zip(BOOKS, counted, strict=True) if count}


async def test_every_row_is_posted_and_every_outcome_written(tmp_path):
    write_rows(tmp_path / "export.csv", 50)
    async with Simulator(Behaviour(record_requests=True)) as simulator:
        code, out, err = await batchconv(
            "upload", "export.csv", "--base-url", simulator.base_url, "--rate", "none",
            "--summary", "s.json", cwd=tmp_path,
        )  # fmt: skip
    assert (code, out) == (0, "")
    assert "read 50 = settled 0 + accepted 50" in err
    assert simulator.stats.accepted_ids == {f"id{n}": 1 for n in range(50)}
    assert {r.timestamp for r in simulator.stats.received} == {"2026-01-01 12:00:00"}
    lines = results(tmp_path / "export.results.jsonl")
    assert sorted(line["row"] for line in lines) == list(range(1, 51))
    assert {line["line"] - line["row"] for line in lines} == {1}
    first = next(line for line in lines if line["row"] == 1)
    assert list(first) == [
        "source", "row", "line", "key", "replaces", "corrects", "message_id", "delivered",
        "timestamp", "channel", "outcome", "status", "attempts", "elapsed_ms", "reason", "detail",
        "at", "run", "target",
    ]  # fmt: skip
    assert first["target"].startswith(f"{simulator.base_url} si-")
    summary = json.loads((tmp_path / "s.json").read_text())
    assert books(summary) == {"read": 50, "accepted": 50}
    assert summary["exit_code"] == 0
    assert not list(tmp_path.glob("*.failed*"))


async def test_bad_rows_are_named_and_the_run_goes_on(tmp_path):
    (tmp_path / "dirty.csv").write_text(
        'message-id,delivered,note\nok1,1,"two\nlines"\n"open,1,x\nok2,0,y\nshort,1\n'
        "1.2E+15,1,z\nok3,perhaps,z\n   ,1,z\nok4,1,z\n"
    )
    code, _, err = await batchconv("upload", "dirty.csv", "--simulate", cwd=tmp_path)
    assert code == 1
    lines = {line["row"]: line for line in results(tmp_path / "dirty.simulated.results.jsonl")}
    assert [
        (n, lines[n]["line"], lines[n]["outcome"], lines[n]["reason"]) for n in range(1, 9)
    ] == [
        (1, 2, "accepted", None),
        (2, 4, "invalid", "unreadable-record"),
        (3, 5, "accepted", None),
        (4, 6, "invalid", "cell-count"),
        (5, 7, "invalid", "damaged-id"),
        (6, 8, "invalid", "bad-delivered"),
        (7, 9, "invalid", "blank-id"),
        (8, 10, "accepted", None),
    ]
    assert "dirty.csv row 2 (line 4)" in err
    with (tmp_path / "dirty.simulated.failed.csv").open(newline="") as file:
        names, *failed = [row[:8] + row[9:10] + row[-1:] for row in csv.reader(file)]
    assert names == [
        "message-id", "delivered", "note", "_outcome", "_reason", "_status", "_attempts",
        "_source", "_key", "_raw",
    ]  # fmt: skip
    told = ["dirty.csv"]
    assert sorted([[*row[:3], row[4], row[7], row[9]] for row in failed]) == sorted(
        [
            ["", "", "", "unreadable-record", *told, '"open,1,x'],
            ["", "", "", "cell-count", *told, "short,1"],
            ["1.2E+15", "1", "z", "damaged-id", *told, ""],
            ["ok3", "perhaps", "z", "bad-delivered", *told, ""],
            ["   ", "1", "z", "blank-id", *told, ""],
        ]
    )


async def test_results_as_csv_hold_the_same(tmp_path):
    write_rows(tmp_path / "a.csv", 3)
    code, _, _ = await batchconv("upload", "a.csv", "--simulate", "-o", "r.csv", cwd=tmp_path)
    assert code == 0
    with (tmp_path / "r.simulated.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(r["message_id"], r["delivered"], r["outcome"], r["reason"]) for r in rows} == {
        (f"id{n}", "true", "accepted", "") for n in range(3)
    }


async def test_standard_input_and_output(tmp_path):
    """Results on stdout are data, everything for people is on stderr."""
    given = b'{"event_id":"a","delivered":true}\n{"event_id":"b","delivered":0}\n'
    code, out, err = await batchconv(
        "upload", "-", "--simulate", "-o", "-", cwd=tmp_path, given=given
    )
    assert code == 0
    assert {json.loads(line)["message_id"] for line in out.splitlines()} == {"a", "b"}
    assert {json.loads(line)["source"] for line in out.splitlines()} == {"-"}
    assert "read 2 =" in err
    assert list(tmp_path.iterdir()) == []


async def test_a_row_from_a_pipe_leaves_before_the_next_one_comes(tmp_path):
    async with Simulator(Behaviour()) as simulator:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "batchconv", "upload", "-", "--base-url", simulator.base_url,
            cwd=tmp_path, env=os.environ | ACCOUNT, stdin=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdin is not None
        process.stdin.write(b"message_id,delivered\n")
        for number in range(3):
            process.stdin.write(f"row{number},1\n".encode())
            await process.stdin.drain()
            await simulator.wait_for_requests(number + 1)
        await process.communicate(b"")
    assert process.returncode == 0
    assert len(simulator.stats.accepted_ids) == 3


async def test_the_first_request_leaves_before_the_input_has_been_read(tmp_path):
    """The input never ends: only a lazy reader gets anywhere with it."""
    async with Simulator(Behaviour()) as simulator:
        process = await asyncio.create_subprocess_exec(
            "sh", "-c", f"yes 'same,1' | {sys.executable} -m batchconv upload - --no-header "
            f"--map message_id=1 --map delivered=2 --rate none --base-url {simulator.base_url}",
            cwd=tmp_path, env=os.environ | ACCOUNT, stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        await simulator.wait_for_requests(100)
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["missing.csv"], 5, "missing.csv does not exist"),
        (["empty"], 5, "holds no data files"),
        (["part-*.csv"], 5, "matches no file"),
        (["https://u:p@example.com/a.csv"], 2, "user-info"),
        (["export.csv", "-o", "s3://bucket/r.jsonl"], 2, "--results s3://... is a URL"),
        (["export.csv", "--failed", "s3://bucket/f"], 2, "--failed s3://... is a URL"),
        (["export.csv", "--summary", "https://u:p@h/"], 2, "--summary https://... is a URL"),
        (["export.csv", "--ledger", "gs://bucket/l"], 2, "--ledger gs://... is a URL"),
        (["export.csv", "missing.csv"], 5, "missing.csv does not exist"),
        (["export.csv", "--map", "message_id=mesage-id"], 2, "message-id"),
        (["export.csv", "--map", "wrong"], 2, "FIELD=COLUMN"),
        (["export.csv", "--rate", "fast"], 2, "write 20, 0.5 or none"),
        (["export.csv", "--timezone", "Mars"], 2, "not a timezone"),
        (["export.csv", "--timeout", "0"], 2, "longer than 0"),
        (["export.csv", "--concurency", "5"], 2, "--concurrency"),
        (["export.csv", "--base-url", "http://example.com/c"], 2, "use https"),
        (["export.csv", "--base-url", "https://u:p@example.com/c"], 2, "user"),
        (["export.csv", "--base-url", "nonsense"], 2, "not an http or https URL"),
        (["export.csv", "-o", "export.csv"], 2, "would be overwritten"),
        (["export.csv", "-o", "there.jsonl"], 2, "--overwrite"),
        (["export.csv", "--summary", "./export.csv"], 2, "would be overwritten"),
        (["export.csv", "-o", "no/such/folder.jsonl"], 2, "name another file with -o"),
        (["export.csv", "--ca-file", "export.csv"], 2, "no certificates"),
        (["export.csv", "--api-secret-file", "missing"], 2, "cannot be read"),
        (["nocolumns.csv"], 2, "--map message_id=COLUMN"),
        (["nodelivered.csv"], 2, "--delivered true"),
        (["twice.csv"], 2, "--map message_id=message-id"),
        (["export.csv", "nocolumns.csv"], 2, "--map message_id=COLUMN"),
        (["sheet.csv"], 2, "an old Excel workbook"),
        (["export.csv", "--resume", "--overwrite"], 2, "cannot be used together"),
        (["export.csv", "--simulate", "--ledger", "l.db"], 2, "used together"),
        (["export.csv", "--simulate=wild"], 2, "flaky"),
        ([], 2, "INPUT"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_sent(
    tmp_path, monkeypatch, capfd, arguments, code, words
):
    """One sentence, what to do, no traceback, no request, no file left behind."""

    def connect(_target):
        pytest.fail("it would have sent something")

    monkeypatch.setattr(Target, "client", connect)
    for name, value in ACCOUNT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    write_rows(tmp_path / "export.csv", 3)
    (tmp_path / "there.jsonl").write_text("something\n")
    (tmp_path / "nocolumns.csv").write_text("a,b\n1,2\n")
    (tmp_path / "nodelivered.csv").write_text("message_id\n1\n")
    (tmp_path / "twice.csv").write_text("message-id,event_id,delivered\n1,2,1\n")
    (tmp_path / "sheet.csv").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
    (tmp_path / "empty").mkdir()
    before = {path.name for path in tmp_path.iterdir()}
    monkeypatch.setattr(sys, "argv", ["batchconv", "upload", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capfd.readouterr()
    assert (ended.value.code, out) == (code, "")
    assert words in err
    assert "Traceback" not in err
    assert {path.name for path in tmp_path.iterdir()} == before


async def test_without_credentials_the_error_names_what_to_set(tmp_path):
    write_rows(tmp_path / "export.csv", 1)
    code, _, err = await batchconv("upload", "export.csv", cwd=tmp_path, account=False)
    assert code == 2
    assert "VONAGE_API_KEY" in err


@pytest.mark.parametrize("status", [401, 402, 403, 302, 404, 407])
async def test_a_wrong_account_stops_with_4_and_sends_no_more_than_was_in_flight(tmp_path, status):
    write_rows(tmp_path / "export.csv", 500)
    async with Simulator(Behaviour(status_for_all=status)) as simulator:
        code, _, err = await batchconv(
            "upload", "export.csv", "--base-url", simulator.base_url, "--rate", "none",
            "--concurrency", "7", "--summary", "s.json", cwd=tmp_path,
        )  # fmt: skip
    assert code == 4
    assert simulator.stats.requests <= 7
    assert simulator.stats.redirects_followed == 0
    counted = books(json.loads((tmp_path / "s.json").read_text()))
    assert set(counted) == {"read", "unsent"}
    assert "resume with: batchconv upload --resume" in err
    assert (tmp_path / "export.results.jsonl").read_text() == ""


async def test_rejected_rows_and_exhausted_rows_are_told_apart(tmp_path):
    write_rows(tmp_path / "export.csv", 40)
    faults = (FaultRule("420", every=10), FaultRule("500", every=7))
    async with Simulator(Behaviour(faults=faults)) as simulator:
        code, _, _ = await batchconv(
            "upload", "export.csv", "--base-url", simulator.base_url, "--rate", "none",
            "--max-attempts", "2", "--backoff-base", "10ms", "--summary", "s.json", cwd=tmp_path,
        )  # fmt: skip
    assert code == 1
    assert books(json.loads((tmp_path / "s.json").read_text())) == {
        "read": 40, "accepted": 31, "rejected": 4, "failed": 5,
    }  # fmt: skip
    lines = results(tmp_path / "export.results.jsonl")
    assert {line["attempts"] for line in lines if line["outcome"] == "failed"} == {2}
    assert {line["reason"] for line in lines if line["outcome"] == "rejected"} == {
        "invalid-parameters"
    }


async def test_corrected_rows_are_of_the_first_job_and_what_fails_again_has_its_columns_once(
    tmp_path,
):
    ids = ["0001", "a+b", "50%", "x&y=z", "#1", "ünï", "😀", "a\u2028b", " lead", '"q"', "a,b"]
    with (tmp_path / "nasty.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerows([["message_id", "delivered"], *([text, "1"] for text in ids)])
    async with Simulator(Behaviour(status_for_all=420)) as simulator:
        where = ["--base-url", simulator.base_url, "--rate", "none"]
        await batchconv("upload", "nasty.csv", *where, cwd=tmp_path)
        behave(simulator, FaultRule("420", every=5))
        failed = tmp_path / "nasty.failed.csv"
        failed.write_text(failed.read_text().replace(",1,rejected,", ",0,rejected,"))
        code, _, _ = await batchconv("upload", "nasty.failed.csv", *where, cwd=tmp_path)
    assert code == 1
    wanted = sorted(text.strip() for text in ids)
    first, corrected = [], []
    for line in results(tmp_path / "nasty.results.jsonl"):
        (first if line["corrects"] is None else corrected).append(line)
    assert sorted(line["message_id"] for line in first) == wanted
    assert sorted(line["message_id"] for line in corrected) == wanted
    assert {line["corrects"] for line in corrected} == {line["key"] for line in first}
    assert {line["replaces"] for line in corrected} == {"rejected"}
    assert sorted(simulator.stats.accepted_ids) == sorted(
        line["message_id"] for line in corrected if line["outcome"] == "accepted"
    )
    with (tmp_path / "nasty.failed.2.csv").open(newline="", encoding="utf-8") as file:
        header, *again = csv.reader(file)
    assert header == [
        "message_id", "delivered", "_outcome", "_reason", "_status", "_attempts", "_source",
        "_row", "_key", "_run", "_raw",
    ]  # fmt: skip
    assert [row[1:3] for row in again] == [["0", "rejected"]] * 2


async def test_a_damaged_input_settles_its_rows_and_the_next_is_still_read(tmp_path):
    write_rows(tmp_path / "whole.csv", 2000, prefix="a")
    packed = gzip.compress((tmp_path / "whole.csv").read_bytes())
    (tmp_path / "cut.csv.gz").write_bytes(packed[: len(packed) // 2])
    write_rows(tmp_path / "next.csv", 5, prefix="b")
    async with Simulator(Behaviour()) as simulator:
        code, _, err = await batchconv(
            "upload", "cut.csv.gz", "next.csv", "--base-url", simulator.base_url, "--rate", "none",
            cwd=tmp_path,
        )  # fmt: skip
    assert code == 5
    assert "cut.csv.gz is damaged" in err
    assert {f"b{n}" for n in range(5)} <= set(simulator.stats.accepted_ids)
    assert len([one for one in simulator.stats.accepted_ids if one.startswith("a")]) > 100


async def test_quiet_says_nothing_when_all_went_well(tmp_path):
    write_rows(tmp_path / "a.csv", 2)
    assert await batchconv("upload", "a.csv", "--simulate", "-q", cwd=tmp_path) == (0, "", "")
    (tmp_path / "b.csv").write_text("message_id,delivered\n,1\n")
    code, _, err = await batchconv("upload", "b.csv", "--simulate", "-q", cwd=tmp_path)
    assert code == 1
    assert "invalid 1" in err


async def test_no_header_with_numbers_and_a_limit(tmp_path):
    (tmp_path / "a.csv").write_text("x,id1,yes\ny,id2,no\nz,id3,yes\n")
    code, _, _ = await batchconv(
        "upload", "a.csv", "--simulate", "--no-header", "--map", "message_id=2", "--map",
        "delivered=3", "--limit", "2", cwd=tmp_path,
    )  # fmt: skip
    assert code == 0
    lines = results(tmp_path / "a.simulated.results.jsonl")
    assert {(line["row"], line["line"], line["message_id"]) for line in lines} == {
        (1, 1, "id1"),
        (2, 2, "id2"),
    }


async def test_overwrite_begins_a_new_job_and_sets_the_old_one_aside(tmp_path):
    (tmp_path / "a.csv").write_text("message_id,delivered\n,1\nb,1\n")
    for _ in range(2):
        code, _, err = await batchconv("upload", "a.csv", "--simulate", "--overwrite", cwd=tmp_path)
        assert code == 1
    for kind, lines in (("results.jsonl", 2), ("failed.csv", 2), ("runs.jsonl", 2)):
        new = tmp_path / f"a.simulated.{kind}"
        (old,) = set(tmp_path.glob(f"a.simulated.*.{kind}"))
        assert f"{new.name} is renamed as {old.name}" in err
        assert [len(one.read_text().splitlines()) for one in (old, new)] == [lines, lines]


IDS = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=8)
rows = st.lists(st.tuples(IDS | st.sampled_from(["", "1E+5", "a", "b"]), st.sampled_from("10x")))


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=rows,
    faults=st.lists(
        st.builds(
            FaultRule,
            st.sampled_from(["500", "420", "reset", "garbage", "cut", "reset-after"]),
            share=st.floats(0.05, 0.4),
        ),
        max_size=2,
    ),
    concurrency=st.integers(1, 9),
    stop_after=st.none() | st.integers(0, 30),
    skip=st.booleans(),
)
def test_the_books_balance_over_random_rows_faults_and_interruptions(
    tmp_path_factory, rows, faults, concurrency, stop_after, skip
):
    """Every row read gets one outcome or is unsent; a resume leaves none unsent.

    A line more is written for each failed row that a resume takes up, and takes the place of it.
    """
    folder = tmp_path_factory.mktemp("random")
    path = folder / "rows.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["message_id", "delivered"], *rows])

    async def run(simulator, *, resume, stop):
        run = prepare_upload(
            [str(path)],
            Settings(
                results=str(folder / "r.jsonl"), base_url=simulator.base_url, rate=None,
                concurrency=concurrency, max_attempts=2, backoff_base=0.001, resume=resume,
                duplicates="skip" if skip else "send",
            ),
            ACCOUNT,
        )  # fmt: skip
        task = asyncio.create_task(run.run())
        if stop is not None:
            waiting = asyncio.create_task(simulator.wait_for_requests(stop))
            await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            if not task.done():
                run.stop(signal_stop(2))
        return await task

    async def check():
        async with Simulator(Behaviour(faults=tuple(faults), latency=0.001)) as simulator:
            first = await run(simulator, resume=False, stop=stop_after)
            before = results(folder / "r.jsonl")
            assert Counter(line["outcome"] for line in before) == outcomes_in(first)
            second = await run(simulator, resume=True, stop=None)
            new = results(folder / "r.jsonl")[len(before) :]
            assert Counter(line["outcome"] for line in new) == outcomes_in(second)
            assert (second.books.read, second.books.unsent) == (len(rows), 0)
            return before, new, simulator.stats.accepted_ids

    before, new, accepted = asyncio.run(check())
    failed = Counter(line["key"] for line in before if line["outcome"] == "failed")
    taken_up = Counter(line["key"] for line in new if line["replaces"] == "failed")
    assert taken_up == failed
    assert {line["replaces"] for line in before} <= {None}
    assert {line["replaces"] for line in new} <= {None, "failed"}
    assert len(before) + len(new) == len(rows) + failed.total()
    if rows:
        proved = audit([str(path)], str(folder / "r.jsonl"), ReadSettings())
        assert (proved.exit_code, proved.rows) == (0, len(rows))
    good = [line for line in before + new if line["outcome"] == "accepted"]
    assert Counter(line["message_id"] for line in good) <= Counter(dict(accepted))
    if skip:
        assert len({line["key"] for line in good}) == len(good)


async def test_a_summary_is_private_and_a_device_is_not_replaced(tmp_path):
    write_rows(tmp_path / "a.csv", 1)
    code, out, _ = await batchconv(
        "upload", "a.csv", "--simulate", "--summary", "s.json", cwd=tmp_path
    )
    assert (code, out) == (0, "")
    assert (tmp_path / "s.json").stat().st_mode & 0o777 == 0o600
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    await batchconv(
        "upload", "a.csv", "--simulate", "--overwrite", "--summary", "pipe", cwd=tmp_path
    )
    assert json.loads(os.read(reader, 1 << 16))["read"] == 1
    os.close(reader)
    assert (tmp_path / "pipe").is_fifo()


def test_a_defect_outside_the_run_is_70_and_shows_no_text_of_its_own(tmp_path, monkeypatch, capsys):
    def broken(*_arguments):
        raise ZeroDivisionError("with a secret in its text")

    write_rows(tmp_path / "a.csv", 1)
    monkeypatch.setattr("batchconv.operations.upload.new_run_id", broken)
    monkeypatch.setattr(sys, "argv", ["batchconv", "upload", str(tmp_path / "a.csv"), "--simulate"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 70
    told = capsys.readouterr().err
    assert "ZeroDivisionError" in told
    assert "secret" not in told
    assert "Traceback" not in told


def test_without_uvloop_the_standard_event_loop_does(monkeypatch):
    monkeypatch.setitem(sys.modules, "uvloop", None)
    monkeypatch.setattr(asyncio, "new_event_loop", lambda: "the standard one")
    assert new_event_loop() == "the standard one"
