"""Duplicates, the ledger, resend and audit: in one process, against the simulator."""

import asyncio
import json

import pytest
from click.testing import CliRunner

from batchconv.cli import cli
from batchconv.errors import HeldError, InputError, UsageError
from batchconv.journal.deduplication import Accepted
from batchconv.journal.ledger import Ledger
from batchconv.journal.settled_index import Standing
from batchconv.model import Reason, Result
from batchconv.operations.audit import audit
from batchconv.operations.resend import prepare_resend
from batchconv.operations.upload import prepare_upload
from batchconv.sending.stops import signal_stop
from batchconv.settings.options import Settings
from batchconv.settings.read_options import ReadSettings
from batchconv.simulator import API_KEY, API_SECRET, Behaviour, FaultRule, Simulator

ACCOUNT = {"VONAGE_API_KEY": API_KEY, "VONAGE_API_SECRET": API_SECRET}


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write(name, *ids, header="message_id,delivered"):
    with open(name, "w", encoding="utf-8") as file:
        file.write("\n".join([header, *[f"{one},1" for one in ids], ""]))
    return name


def lines(name):
    with open(name, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def make(simulator, **options):
    return Settings(
        base_url=simulator.base_url, rate=None, backoff_base=0.001, max_attempts=2, **options
    )


async def upload(simulator, *inputs, **options):
    return await prepare_upload(inputs, make(simulator, **options), ACCOUNT).run()


async def resend(simulator, path, *, include_rejected=False, **options):
    run = prepare_resend(
        path, make(simulator, **options), ACCOUNT, include_rejected=include_rejected
    )
    return await run.run()


def reconcile(inputs, results):
    found = audit(inputs, results, ReadSettings())
    places = [[place[:2] for place in some] for some in (found.missing_rows, found.gone_rows)]
    return found, *places


# -- duplicates ------------------------------------------------------------------------------------


async def test_duplicates_are_sent_unless_told_otherwise():
    write("a.csv", "x", "x", "y")
    async with Simulator(Behaviour()) as simulator:
        summary = await upload(simulator, "a.csv")
    assert simulator.stats.accepted_ids == {"x": 2, "y": 1}
    assert summary.books.results == {Result.ACCEPTED: 3}


async def test_a_duplicate_waits_for_the_first_and_is_skipped_once_it_is_accepted():
    write("a.csv", *["x"] * 30, "y")
    async with Simulator(Behaviour(latency=0.05)) as simulator:
        summary = await upload(simulator, "a.csv", duplicates="skip")
    assert simulator.stats.accepted_ids == {"x": 1, "y": 1}
    assert summary.books.results == {Result.ACCEPTED: 2, Result.SKIPPED: 29}
    assert summary.exit_code == 0
    skipped = [line for line in lines("a.results.jsonl") if line["outcome"] == "skipped"]
    assert {line["reason"] for line in skipped} == {"duplicate"}
    assert {line["detail"] for line in skipped} == {"equal to row 1 of a.csv, which was accepted"}


async def test_a_duplicate_takes_over_when_the_first_fails():
    """Of five equal rows the first two fail with all their attempts; the third is accepted."""
    write("a.csv", *["x"] * 5)
    faults = (FaultRule("500", share=1.0, first_attempts=4),)
    async with Simulator(Behaviour(faults=faults)) as simulator:
        summary = await upload(simulator, "a.csv", duplicates="skip")
    assert summary.books.results == {Result.FAILED: 2, Result.ACCEPTED: 1, Result.SKIPPED: 2}
    assert simulator.stats.accepted_ids == {"x": 1}


async def test_rows_that_differ_in_anything_sent_are_no_duplicates():
    with open("a.jsonl", "w", encoding="utf-8") as file:
        for delivered, time, channel in [
            (True, None, "sms"), (False, None, "sms"), (True, "2026-01-01 00:00:00", "sms"),
            (True, None, "voice"), (1, "", "SMS"),
        ]:  # fmt: skip
            row = {"message_id": "x", "delivered": delivered, "timestamp": time, "channel": channel}
            file.write(json.dumps(row) + "\n")
    async with Simulator(Behaviour()) as simulator:
        summary = await upload(simulator, "a.jsonl", duplicates="skip")
    assert summary.books.results == {Result.ACCEPTED: 4, Result.SKIPPED: 1}


async def test_held_duplicates_are_unsent_when_the_run_is_stopped():
    write("a.csv", *["x"] * 5)
    async with Simulator(Behaviour(faults=(FaultRule("hang", share=1.0),))) as simulator:
        run = prepare_upload(["a.csv"], make(simulator, duplicates="skip"), ACCOUNT)
        task = asyncio.create_task(run.run())
        await simulator.wait_for_requests(1)
        run.stop(signal_stop(2))
        run.interrupt(2)
        summary = await task
    assert summary.books.counts()["unsent"] == summary.books.read
    assert not summary.books.results


async def test_more_duplicates_than_may_wait_pause_the_reading():
    write("a.csv", *["x"] * 3000)
    async with Simulator(Behaviour(latency=0.3)) as simulator:
        run = prepare_upload(["a.csv"], make(simulator, duplicates="skip"), ACCOUNT)
        task = asyncio.create_task(run.run())
        await simulator.wait_for_requests(1)
        while run.summary.books.read < 1_000:
            await asyncio.sleep(0)
        for _ in range(100):
            await asyncio.sleep(0)
        assert run.summary.books.read <= 1_100
        summary = await task
    assert summary.books.results == {Result.ACCEPTED: 1, Result.SKIPPED: 2999}


async def test_a_resume_knows_what_was_accepted_before():
    write("a.csv", "x", "y")
    async with Simulator(Behaviour()) as simulator:
        await upload(simulator, "a.csv", duplicates="skip")
        write("a.csv", "x", "y", "x", "z")
        summary = await upload(simulator, "a.csv", duplicates="skip", resume=True)
    assert summary.books.counts() | {"settled": 2, "accepted": 1, "skipped": 1} == (
        summary.books.counts()
    )
    assert simulator.stats.accepted_ids == {"x": 1, "y": 1, "z": 1}


# -- the ledger ------------------------------------------------------------------------------------


async def test_exports_of_two_nights_that_overlap_send_a_row_once():
    async with Simulator(Behaviour()) as simulator:
        first = await upload(simulator, write("monday.csv", "a", "b", "b"), ledger="l.db")
        second = await upload(simulator, write("tuesday.csv", "b", "c"), ledger="l.db")
    assert first.books.results == {Result.ACCEPTED: 2, Result.SKIPPED: 1}
    assert second.books.results == {Result.ACCEPTED: 1, Result.SKIPPED: 1}
    (skipped,) = [line for line in lines("tuesday.results.jsonl") if line["outcome"] == "skipped"]
    assert skipped["reason"] == "in-ledger"
    assert skipped["detail"] == f"accepted in run {first.run} as row 2 of monday.csv"
    assert simulator.stats.accepted_ids == {"a": 1, "b": 1, "c": 1}


async def test_only_accepted_rows_are_remembered():
    write("a.csv", "a")
    async with Simulator(Behaviour(status_for_all=500)) as simulator:
        await upload(simulator, "a.csv", ledger="l.db")
    async with Simulator(Behaviour()) as simulator:
        await upload(simulator, "a.csv", ledger="l.db", results="again.jsonl")
    assert simulator.stats.accepted_ids == {"a": 1}


def test_a_row_accepted_for_one_target_is_not_accepted_for_another():
    key = bytes(16)
    ledger = Ledger("l.db", "https://one", "key", "run1")
    ledger.add(Accepted(key, "run1", "a.csv", 1))
    ledger.close()
    for address, api_key, reason in [
        ("https://one", "key", Reason.IN_LEDGER),
        ("https://two", "key", None),
        ("https://one", "kex", None),
    ]:
        ledger = Ledger("l.db", address, api_key, "run2")
        found = ledger.find(key)
        assert (found and found.reason) == reason
        ledger.close()


def test_a_second_run_on_the_ledger_is_told_so_at_once():
    ledger = Ledger("l.db", "https://one", "key", "run1")
    with pytest.raises(HeldError, match=r"l\.db is in use by process \d+"):
        Ledger("l.db", "https://one", "key", "run2")
    ledger.close()
    Ledger("l.db", "https://one", "key", "run3").close()


def test_a_file_that_is_no_ledger_is_left_alone():
    write("a.csv", "x" * 2000)
    with pytest.raises(UsageError, match="is not a ledger"):
        Ledger("a.csv", "https://one", "key", "run1")
    assert lines_of("a.csv")[0] == "message_id,delivered"


def lines_of(name):
    with open(name, encoding="utf-8") as file:
        return file.read().splitlines()


async def test_a_row_in_the_ledger_without_a_line_is_not_sent_again():
    """What a kill between the ledger's commit and the line leaves: the resume skips the row."""
    write("a.csv", "a", "b")
    async with Simulator(Behaviour()) as simulator:
        await upload(simulator, "a.csv", ledger="l.db")
        kept = lines_of("a.results.jsonl")[:1]
        with open("a.results.jsonl", "w", encoding="utf-8") as file:
            file.write(kept[0] + "\n")
        summary = await upload(simulator, "a.csv", ledger="l.db", resume=True)
    assert summary.books.results == {Result.SKIPPED: 1}
    assert simulator.stats.accepted_ids == {"a": 1, "b": 1}


# -- resend ----------------------------------------------------------------------------------------


async def test_resend_sends_what_failed_and_takes_the_place_of_it():
    write("a.csv", *[f"id{n}" for n in range(40)], "1E+5")
    faults = (
        FaultRule("500", every=5, first_attempts=4),
        FaultRule("420", every=10),
    )
    async with Simulator(Behaviour(faults=faults)) as simulator:
        first = await upload(simulator, "a.csv")
        assert first.outstanding[Result.FAILED] == 8
        again = await resend(simulator, "a.results.jsonl")
        assert again.books.results == {Result.FAILED: 8}
        last = await resend(simulator, "a.results.jsonl")
        assert last.books.read == 8
        assert last.outstanding[Result.FAILED] == 0
    found, missing, gone = reconcile(["a.csv"], "a.results.jsonl")
    assert (found.exit_code, missing, gone) == (0, [], [])
    assert found.rows == sum(found.standings.values()) == 41
    assert found.standings[Standing.FAILED] == 0
    assert found.standings[Standing.INVALID] == 1
    assert set(simulator.stats.accepted_ids.values()) == {1}


async def test_resend_keeps_source_row_line_and_key():
    write("a.csv", "x", "y")
    async with Simulator(Behaviour(status_for_all=500)) as simulator:
        await upload(simulator, "a.csv")
        await resend(simulator, "a.results.jsonl")
    wanted = ("source", "row", "line", "key", "message_id", "delivered", "timestamp", "channel")
    told = [tuple(line[name] for name in wanted) for line in lines("a.results.jsonl")]
    assert sorted(told[:2]) == sorted(told[2:])
    assert [line["replaces"] for line in lines("a.results.jsonl")] == [None] * 2 + ["failed"] * 2


async def test_rejected_rows_are_sent_again_only_when_asked_for():
    write("a.csv", "x", "y")
    async with Simulator(Behaviour(status_for_all=420)) as simulator:
        await upload(simulator, "a.csv")
        without = await resend(simulator, "a.results.jsonl")
        asked = await resend(simulator, "a.results.jsonl", include_rejected=True)
    assert (without.books.read, asked.books.read) == (0, 2)


async def test_a_resend_goes_to_the_target_that_accepted_rows_only():
    write("a.csv", "x", "y")
    faults = (FaultRule("500", every=2),)
    async with Simulator(Behaviour(faults=faults)) as simulator:
        await upload(simulator, "a.csv")
    async with Simulator(Behaviour()) as other:
        with pytest.raises(UsageError, match="has rows that were sent to"):
            await resend(other, "a.results.jsonl")
    assert other.stats.requests == 0


async def test_a_resend_that_was_stopped_is_gone_on_with():
    write("a.csv", *[f"id{n}" for n in range(30)])
    faults = (FaultRule("420", share=1.0, first_attempts=1),)
    async with Simulator(Behaviour(faults=faults, latency=0.01)) as simulator:
        await upload(simulator, "a.csv")
        run = prepare_resend(
            "a.results.jsonl", make(simulator, concurrency=2), ACCOUNT, include_rejected=True
        )
        task = asyncio.create_task(run.run())
        await simulator.wait_for_requests(30 + 10)
        run.stop(signal_stop(15))
        stopped = await task
        accepted = stopped.books.results[Result.ACCEPTED]
        assert 0 < accepted < 30
        again = await resend(simulator, "a.results.jsonl", include_rejected=True)
    assert again.books.read == 30 - accepted
    assert reconcile(["a.csv"], "a.results.jsonl")[0].standings == {Standing.ACCEPTED: 30}
    assert set(simulator.stats.accepted_ids.values()) == {1}


async def test_what_is_no_results_file_is_not_resent():
    write("a.csv", "x")
    async with Simulator(Behaviour()) as simulator:
        for path in ("a.csv", "missing.jsonl"):
            with pytest.raises((InputError, UsageError), match=path.partition(".")[0]):
                await resend(simulator, path)
    assert simulator.stats.requests == 0


# -- audit -----------------------------------------------------------------------------------------


async def test_audit_names_rows_without_an_outcome_and_outcomes_without_a_row():
    write("a.csv", "x", "y", "z")
    async with Simulator(Behaviour()) as simulator:
        await upload(simulator, "a.csv")
    write("a.csv", "x", "new", "z", "new")
    found, missing, gone = reconcile(["a.csv"], "a.results.jsonl")
    assert found.exit_code == 1
    assert missing == [("a.csv", 2), ("a.csv", 4)]
    assert gone == [("a.csv", 2)]


async def test_audit_counts_equal_rows_one_by_one():
    write("a.csv", "x", "x")
    async with Simulator(Behaviour()) as simulator:
        await upload(simulator, "a.csv")
    write("a.csv", "x", "x", "x")
    found, missing, _ = reconcile(["a.csv"], "a.results.jsonl")
    assert (found.exit_code, missing) == (1, [("a.csv", 3)])
    write("a.csv", "x")
    found, _, gone = reconcile(["a.csv"], "a.results.jsonl")
    assert (found.exit_code, len(gone)) == (1, 1)


async def test_audit_knows_a_renamed_input_and_several_inputs():
    write("a.csv", "x", "y")
    write("b.csv", "x", "z")
    async with Simulator(Behaviour()) as simulator:
        await upload(simulator, "a.csv", "b.csv")
    assert reconcile(["a.csv", "b.csv"], "a.results.jsonl")[0].exit_code == 0
    write("renamed.csv", "x", "y")
    assert reconcile(["renamed.csv", "b.csv"], "a.results.jsonl")[0].exit_code == 0
    assert reconcile(["a.csv"], "a.results.jsonl")[0].exit_code == 1


async def test_audit_at_the_command_line():
    write("a.csv", "x", "y")
    async with Simulator(Behaviour()) as simulator:
        await upload(simulator, "a.csv")
    write("a.csv", "x", "y", *[f"w{n}" for n in range(25)])
    told = CliRunner().invoke(cli, ["audit", "a.csv", "--results", "a.results.jsonl"])
    assert told.exit_code == 1
    said = told.output.splitlines()
    assert said[0] == "no outcome: a.csv row 3, line 4"
    assert said[20:] == [
        "no outcome: 5 more; --all names them",
        "27 rows: 2 accepted; 25 without an outcome; 0 accepted without a row",
        "see: batchconv manual correcting",
    ]
