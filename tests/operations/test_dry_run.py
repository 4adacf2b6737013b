"""`--dry-run` tells what an upload would do and writes nothing; `--strict` sends all or nothing."""

import asyncio
import os
from pathlib import Path

import pytest

from batchconv.errors import OutputError, UsageError
from batchconv.journal.ledger import Ledger
from batchconv.operations.dry_run import dry_run
from batchconv.operations.findings import InvalidRowsError
from batchconv.operations.upload import prepare_upload
from batchconv.settings.options import Settings
from tests.shells import ACCOUNT, Wire, upload_here

ROWS = (
    "message_id,delivered,timestamp\n"
    "a,true,2026-11-01 10:00:00\nb,maybe,\na,true,2026-11-01 10:00:00\nc,true,\n"
    "old,true,2001-01-01 00:00:00\n"
)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("in.csv").write_text(ROWS)


@pytest.fixture
def wire(monkeypatch):
    wire = Wire()
    wire.plug_in(monkeypatch)
    return wire


def files() -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in Path().rglob("*") if path.is_file()}


def rehearse(*inputs: str, **settings):
    before = files()
    found = dry_run(inputs, Settings(**{"simulate": "calm", "rate": None, **settings}), {})
    assert files() == before, "it writes nothing"
    skipped = found.skipped.total()
    assert found.read == found.settled + found.to_send + found.invalid + skipped
    return found


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"duplicates": "skip"},
        {"max_age": 86_400.0 * 3650},
        {"limit": 2},
        {"duplicates": "skip", "max_age": 86_400.0 * 3650},
    ],
)
def test_it_tells_what_the_upload_then_does(wire, settings):
    found = rehearse("in.csv", **settings)
    assert not wire.sent
    books = upload_here("in.csv", **settings).books.counts()
    assert (found.read, found.to_send, found.invalid, found.skipped.total()) == (
        books["read"], books["accepted"], books["invalid"], books["skipped"],
    )  # fmt: skip
    assert found.exit_code == (1 if found.invalid else 0)


def test_of_a_job_it_tells_what_is_settled(wire):
    wire.status["c"] = 503
    upload_here("in.csv", max_attempts=1)
    with pytest.raises(UsageError, match="a job with this name exists"):
        rehearse("in.csv")
    found = rehearse("in.csv", resume=True)
    assert (found.settled, found.to_send, found.outstanding) == (4, 1, 2)
    assert found.exit_code == 0, "it speaks of this run alone"
    assert rehearse("in.csv", overwrite=True).to_send == 4
    Path("in.simulated.failed.csv").write_text(
        Path("in.simulated.failed.csv").read_text().replace("maybe", "false")
    )
    assert rehearse("in.simulated.failed.csv").to_send == 2


def test_a_ledger_is_asked_and_not_touched(wire):
    settings = {"simulate": None, "ledger": "l.ledger"}
    run = prepare_upload(["in.csv"], Settings(**settings, rate=None, results="1.jsonl"), ACCOUNT)
    asyncio.run(run.run())
    sent = wire.sent.total()
    Path("more.csv").write_text(ROWS + "new,true,\n")
    before = files()
    found = dry_run(["more.csv"], Settings(**settings), ACCOUNT)
    assert files() == before
    assert (found.to_send, found.skipped.total(), found.invalid) == (1, 4, 1)
    assert wire.sent.total() == sent
    assert (
        dry_run(["more.csv"], Settings(simulate=None, ledger="none.ledger"), ACCOUNT).to_send == 4
    )
    assert not Path("none.ledger").exists()


@pytest.mark.parametrize("data", [b"a,true\n", None])
def test_a_file_that_is_no_sound_ledger_is_named_as_it_was(data):
    Ledger("l.ledger", "https://example.com", "key", "run").close()
    whole = Path("l.ledger").read_bytes()
    Path("l.ledger").write_bytes(data or whole[:100] + b"?" * (len(whole) - 100))
    with pytest.raises((UsageError, OutputError), match=r"--ledger l\.ledger is "):
        dry_run(["in.csv"], Settings(ledger="l.ledger"), ACCOUNT)


@pytest.mark.parametrize(
    ("named", "option"), [({"results": "no/1.jsonl"}, "-o"), ({"ledger": "no/1"}, "--ledger")]
)
def test_a_file_in_a_folder_that_is_not_there_is_refused_as_by_an_upload(named, option):
    with pytest.raises(UsageError, match=r"^no/1.* cannot be written: No such file") as told:
        dry_run(["in.csv"], Settings(**named), ACCOUNT)
    assert option in (told.value.hint or "")


@pytest.mark.parametrize(
    ("named", "why"),
    [
        ({"results": "in.csv"}, "in.csv is the input in.csv, which would be overwritten"),
        ({"failed": "in.csv"}, "in.csv is the input in.csv, which would be overwritten"),
        ({"summary": "./in.csv"}, "./in.csv is the input in.csv, which would be overwritten"),
        ({"ledger": "in.csv"}, "in.csv is the input in.csv, which would be overwritten"),
        ({"metrics_file": "in.csv"}, "in.csv is the input in.csv, which would be overwritten"),
        ({"log_file": "in.csv"}, "in.csv is the input in.csv, which would be overwritten"),
        ({"summary": "s", "failed": "s"}, "s and s are the same file"),
        ({"summary": "in.runs.jsonl"}, "in.runs.jsonl and in.runs.jsonl are the same file"),
        ({"log_file": "no/log"}, "no/log cannot be written: No such file or directory"),
    ],
)
def test_outputs_that_an_upload_refuses_are_refused(named, why):
    before = files()
    with pytest.raises(UsageError) as told:
        dry_run(["in.csv"], Settings(**named), ACCOUNT)
    assert str(told.value) == why
    if "no/" not in why:  # that one is opened before the upload begins
        with pytest.raises(UsageError) as told:
            prepare_upload(["in.csv"], Settings(**named), ACCOUNT)
        assert str(told.value) == why
    assert files() == before


def test_it_needs_no_credentials_and_says_so_except_for_a_ledger():
    found = rehearse("in.csv", simulate=None, dry_run=True)
    assert (found.read, found.to_send, found.invalid) == (5, 4, 1)
    assert found.notes == [
        "no API key and secret are given: a dry run needs none, an upload does; the account of "
        "the job was not checked"
    ]
    with pytest.raises(UsageError, match="no API key and secret"):
        rehearse("in.csv", simulate=None, dry_run=True, ledger="sent.db")
    with pytest.raises(UsageError, match="gives half of what"):
        dry_run(["in.csv"], Settings(dry_run=True), {"VONAGE_API_KEY": "made-up"})


def test_a_program_that_asks_an_upload_for_a_dry_run_sends_nothing(wire):
    with pytest.raises(UsageError, match="a dry run sends nothing"):
        upload_here("in.csv", dry_run=True)
    assert not wire.sent


def test_it_tells_how_long_it_would_take():
    found = rehearse("in.csv")
    assert found.seconds(2.0) == 2.0
    assert found.seconds(None) is None


def test_with_strict_one_invalid_row_keeps_all_from_being_sent(wire):
    before = files()
    with pytest.raises(InvalidRowsError, match="1 row is invalid of 5") as told:
        upload_here("in.csv", strict=True)
    assert told.value.exit_code == 1
    assert told.value.found.reasons == {"bad-delivered": 1}
    assert files() == before
    assert not wire.sent
    Path("in.csv").write_text(ROWS.replace("maybe", "false"))
    assert upload_here("in.csv", strict=True).books.counts()["accepted"] == 5


def test_with_strict_what_can_be_read_only_once_is_refused():
    with pytest.raises(UsageError, match="standard input can be read only once"):
        upload_here("-", strict=True)
    os.mkfifo("pipe")
    with pytest.raises(UsageError, match="pipe can be read only once"):
        upload_here("pipe", strict=True)
