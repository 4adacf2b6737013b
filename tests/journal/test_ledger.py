"""The ledger when it is damaged, full or somebody else's: told in a sentence, books balanced."""

import os
import signal
import sqlite3

import pytest

from batchconv.errors import HeldError, Interrupted, OutputError, UsageError
from batchconv.journal.deduplication import Accepted
from batchconv.journal.ledger import Ledger
from batchconv.simulator import Behaviour, Simulator
from tests.shells import Shell, ids

KEY = bytes(range(16))


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def opened(run: str = "run1", address: str = "https://one/conversions", key: str = "key") -> Ledger:
    return Ledger("l.db", address, key, run)


@pytest.mark.parametrize(
    "address",
    ["https://ONE/conversions", "https://one:443/conversions", "HTTPS://one/conversions/"],
)
def test_a_target_is_known_however_its_address_is_written(address):
    ledger = opened()
    ledger.add(Accepted(KEY, "run1", "a.csv", 1))
    ledger.close()
    ledger = opened("run2", address)
    assert ledger.find(KEY)
    ledger.close()


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("https://one/other", "key"),
        ("https://one:8443/conversions", "key"),
        ("http://one/conversions", "key"),
        ("https://one/conversions", "kez"),
    ],
)
def test_another_path_port_scheme_or_key_is_another_target(address, key):
    ledger = opened()
    ledger.add(Accepted(KEY, "run1", "a.csv", 1))
    ledger.close()
    ledger = opened("run2", address, key)
    assert ledger.find(KEY) is None
    ledger.close()


def sqlite_file(path: str) -> None:
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE accepted (key TEXT)")
        db.execute("INSERT INTO accepted VALUES ('theirs')")
    db.close()


@pytest.mark.parametrize("kind", ["database", "wal database", "text", "pipe", "folder"])
def test_what_is_no_ledger_is_refused_and_left_untouched(tmp_path, kind):
    path = tmp_path / "l.db"
    if "database" in kind:
        sqlite_file("l.db")
    if kind == "wal database":
        sqlite3.connect("l.db").execute("PRAGMA journal_mode = WAL").connection.close()
    elif kind == "text":
        path.write_text("message_id,delivered\n" * 1000)
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(UsageError, match="is not a ledger") as told:
        opened()
    assert told.value.exit_code == 2
    assert (path.read_bytes() if path.is_file() else None) == before
    assert [each.name for each in tmp_path.iterdir()] == ["l.db"]


def test_two_runs_of_one_process_do_not_share_a_ledger():
    ledger = opened()
    for _ in range(2):
        with pytest.raises(HeldError, match=r"in use by process \d+"):
            opened("run2")
    ledger.close()
    opened("run2").close()


def test_a_run_that_ended_well_is_not_inserted_again():
    ledger = opened()
    ledger.add(Accepted(KEY, "run1", "a.csv", 1))
    ledger.close()
    ledger = opened("run2")
    assert ledger.knows("run1")
    ledger.add_all([Accepted(bytes(16), "run1", "a.csv", 2)])
    assert ledger.find(bytes(16)) is None, "its rows were not even looked at"
    ledger.close()


def test_what_a_run_without_the_ledger_had_accepted_is_added_once():
    ledger = opened()
    ledger.add_all(Accepted(n.to_bytes(16, "big"), "old", "a.csv", n) for n in range(10))
    ledger.close()
    ledger = opened("run2")
    assert ledger.knows("old")
    found = ledger.find((7).to_bytes(16, "big"))
    assert found
    assert found.detail == "accepted in run old as row 7 of a.csv"
    ledger.close()


def test_a_run_that_crashed_is_looked_through_again():
    ledger = opened()
    ledger.add(Accepted(KEY, "run1", "a.csv", 1))
    ledger._db.close()  # noqa: SLF001 - as a killed process leaves it
    ledger = opened("run2")
    assert not ledger.knows("run1")
    assert ledger.find(KEY), "and it is in there all the same"
    ledger.close()


def test_a_run_that_is_interrupted_while_it_adds_lets_go_of_the_file_all_the_same():
    def interrupted():
        yield Accepted(KEY, "old", "a.csv", 1)
        raise Interrupted(signal.SIGTERM)

    ledger = opened()
    ledger._execute("BEGIN")  # noqa: SLF001 - where the signal may find it
    with pytest.raises(Interrupted):
        ledger.add_all(interrupted())
    ledger.close()
    ledger = opened("run2")
    assert not ledger.knows("old")
    ledger.close()


def test_a_name_that_is_no_unicode_is_remembered():
    ledger = opened()
    ledger.add(Accepted(KEY, "run1", os.fsdecode(b"caf\xe9.csv"), 1))
    assert ledger.find(KEY)
    ledger.close()


def test_a_damaged_page_is_told_as_such(tmp_path):
    ledger = opened()
    ledger.add_all(Accepted(os.urandom(16), "old", "a.csv", n) for n in range(5_000))
    ledger.close()
    path = tmp_path / "l.db"
    size = path.stat().st_size
    with path.open("r+b") as file:
        for at in range(4096 * 6, size, 4096):
            file.seek(at)
            file.write(b"\xff" * 4096)
    with pytest.raises(OutputError, match="is damaged") as told:  # noqa: PT012 - at whichever call
        ledger = opened("run2")
        for _ in range(1000):
            ledger.find(os.urandom(16))
    assert told.value.exit_code == 5


FAULTS = """
import os, sqlite3
class Fault(sqlite3.OperationalError):
    sqlite_errorname = os.environ["FAULT"]
class Connection(sqlite3.Connection):
    calls = 0
    def execute(self, sql, *values):
        if sql.startswith(os.environ["FAULT_AT"]):
            Connection.calls += 1
            if Connection.calls == int(os.environ["FAULT_CALL"]):
                raise Fault("no")
        return super().execute(sql, *values)
connect = sqlite3.connect
sqlite3.connect = lambda *a, **k: connect(*a, factory=Connection, **k)
"""


@pytest.mark.parametrize(
    ("at", "call", "fault", "told"),
    [
        ("COMMIT", 2, "SQLITE_IOERR_FSYNC", "cannot be read or written: SQLITE_IOERR_FSYNC"),
        ("SELECT runs.name", 3, "SQLITE_CORRUPT", "is damaged"),
        (
            "SELECT runs.name",
            3,
            "SQLITE_IOERR_READ",
            "cannot be read or written: SQLITE_IOERR_READ",
        ),
        (
            "INSERT OR IGNORE INTO accepted",
            3,
            "SQLITE_FULL",
            "cannot be read or written: SQLITE_FULL",
        ),
        ("PRAGMA wal_checkpoint", 1, "SQLITE_FULL", "cannot be read or written: SQLITE_FULL"),
    ],
    ids=["commit, unreadable", "find, damaged", "find, unreadable", "add, full", "close, full"],
)
async def test_a_fault_at_any_call_ends_the_run_with_5_and_balanced_books(
    tmp_path, at, call, fault, told
):
    (tmp_path / "shim").mkdir()
    (tmp_path / "shim" / "sitecustomize.py").write_text(FAULTS)
    async with Simulator(Behaviour()) as simulator:
        shell = Shell(tmp_path, simulator.base_url, "--ledger", "l.db", "--concurrency", "1")
        shell.write("in.csv", ids(9))
        good = shell.env["PYTHONPATH"]
        shell.env |= {"PYTHONPATH": f"shim:{good}", "FAULT": fault, "FAULT_AT": at}
        shell.env["FAULT_CALL"] = str(call)
        ended = await shell.uploaded("in.csv")
        assert ended.code == 5, ended.err
        assert f"--ledger l.db {told}" in ended.err
        assert ended.books.accepted == len(shell.results("in.results.jsonl"))
        shell.env["PYTHONPATH"] = good
        again = await shell.uploaded("in.csv", "--resume")
    assert again.code == 0, again.err
    # A row whose acceptance could not be remembered is sent once more: nobody knows of it.
    assert sum(simulator.stats.accepted_ids.values()) <= 10
    assert set(simulator.stats.accepted_ids) == set(ids(9))
