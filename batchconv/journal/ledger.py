"""What was ever accepted, in an SQLite file: exports of two nights that overlap send a row once."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import stat
from collections.abc import Iterable
from contextlib import closing
from itertools import islice
from typing import Any
from urllib.parse import quote, urlsplit

from batchconv.errors import BatchconvError, HeldError, OutputError, UsageError
from batchconv.journal.append_only_file import PRIVATE, unopened
from batchconv.journal.deduplication import Accepted, Origin
from batchconv.journal.locks import holder_of
from batchconv.model import Reason

_APPLICATION_ID = 0x62636C67  # "bclg": how SQLite keeps whose file it is
_SCHEMA = f"""
BEGIN EXCLUSIVE;
CREATE TABLE IF NOT EXISTS names (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS targets (id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS complete (target INTEGER NOT NULL, run INTEGER NOT NULL,
    PRIMARY KEY (target, run)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS accepted (target INTEGER NOT NULL, key BLOB NOT NULL,
    run INTEGER NOT NULL, source INTEGER NOT NULL, row INTEGER NOT NULL,
    PRIMARY KEY (target, key)) WITHOUT ROWID;
PRAGMA application_id = {_APPLICATION_ID};
COMMIT;
"""
_PRAGMAS = (
    "PRAGMA locking_mode = EXCLUSIVE",
    "PRAGMA cache_size = -65536",  # KiB: keys come in no order, and each touches another page
    "PRAGMA synchronous = NORMAL",
    "PRAGMA wal_autocheckpoint = 16384",  # pages, 64 MiB: each one waits for the disk
)
_AT_A_TIME = 50_000  # rows that are sorted and committed together
_INSERT = "INSERT OR IGNORE INTO accepted VALUES (?, ?, ?, ?, ?)"
_HELD = ("SQLITE_BUSY", "SQLITE_LOCKED")


class Ledger:
    """The memory of all runs on one file, for one target.

    One run at a time: SQLite's own lock is held until `close`, and dies with the process. A row
    is committed before its line is written to the results, so that a killed process loses none.

    Args:
        path: the file; made when it is not there.
        address: the base URL.
        api_key: of the account; neither is stored but as one hash.
        run: this run's id; its own rows are duplicates, those of other runs are in the ledger.
        named: what messages call the file, where it is a copy.

    Raises:
        HeldError: another run holds it.
        UsageError: the file is not a ledger; nothing in it was changed.
        OutputError: it is damaged, or cannot be written.
    """

    def __init__(
        self, path: str, address: str, api_key: str, run: str, *, named: str | None = None
    ) -> None:
        self._path = path
        self._named = named or path
        self._run = run
        self._names: dict[str, int] = {}
        self._check_ours()
        self._db = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            for pragma in _PRAGMAS:
                self._execute(pragma)
            self._execute("BEGIN EXCLUSIVE")  # nothing of another run's is touched before
            self._execute("COMMIT")
            self._make()
            self._target = self._id_of_target(_hash(address, api_key))
            self._complete = {
                name
                for (name,) in self._execute(
                    "SELECT name FROM complete JOIN names ON id = run WHERE target = ?",
                    (self._target,),
                )
            }
        except BaseException:
            self._db.close()
            raise

    def _check_ours(self) -> None:
        """Make the file, or see that it is a ledger before anything is written to it."""
        path = self._path
        try:
            found = os.stat(path) if os.path.exists(path) else None  # noqa: PTH110, PTH116 - any text
            if found is None:
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE))
        except (OSError, ValueError) as error:
            raise unopened(path, error, "--ledger") from None
        if found is None or (stat.S_ISREG(found.st_mode) and not found.st_size):
            return
        if not stat.S_ISREG(found.st_mode) or _application_of(path) != _APPLICATION_ID:
            raise UsageError(
                f"--ledger {self._named} is not a ledger of this program's",
                hint="name another file",
            )

    def _make(self) -> None:
        """The tables, in the file itself before there is a log beside it."""
        try:
            if not self._db.execute("PRAGMA application_id").fetchone()[0]:
                self._db.executescript(_SCHEMA)
            self._db.execute("PRAGMA journal_mode = WAL")
        except sqlite3.Error as error:
            raise self._problem(error) from None

    def _id_of_target(self, hashed: bytes) -> int:
        self._execute("INSERT OR IGNORE INTO targets (hash) VALUES (?)", (hashed,))
        return int(self._one("SELECT id FROM targets WHERE hash = ?", (hashed,))[0])

    def find(self, identity: bytes) -> Origin | None:
        """The run that had it accepted, or None; raises OutputError when that is unknown."""
        found = self._one(
            "SELECT runs.name, sources.name, row FROM accepted "
            "JOIN names AS runs ON runs.id = run JOIN names AS sources ON sources.id = source "
            "WHERE target = ? AND key = ?",
            (self._target, identity),
        )
        if found is None:
            return None
        run, source, row = found
        if run == self._run:
            return Origin(Reason.DUPLICATE, f"equal to row {row} of {source}, which was accepted")
        return Origin(Reason.IN_LEDGER, f"accepted in run {run} as row {row} of {source}")

    def add(self, accepted: Accepted) -> None:
        """Commit it; raises OutputError when that fails."""
        self._execute(_INSERT, self._values(accepted))

    def knows(self, run: str) -> bool:
        """Whether all that this run had accepted is in here: nothing of it need be added again."""
        return run in self._complete

    def add_all(self, accepted: Iterable[Accepted]) -> None:
        """Commit what earlier runs had accepted, but for runs that are in here already.

        Raises:
            OutputError: that fails.
        """
        runs: set[str] = set()
        left = (one for one in accepted if one.run not in self._complete)
        while some := list(islice(left, _AT_A_TIME)):
            runs.update(one.run for one in some)
            # In the order of the table: neighbours share a page.
            self._commit(_INSERT, sorted(map(self._values, some)))
        self._settle(runs)

    def _settle(self, runs: Iterable[str]) -> None:
        """Note that all which these runs had accepted is in here."""
        pairs = [(self._target, self._name(run)) for run in runs]
        self._commit("INSERT OR IGNORE INTO complete VALUES (?, ?)", pairs)
        self._complete.update(runs)

    def close(self) -> None:
        """Close the file; raises OutputError when not all of it got there."""
        try:
            if self._db.in_transaction:  # a signal came while earlier runs' rows were added
                self._execute("ROLLBACK")
            # After a crash of the machine the last commits may be gone: only now it is certain.
            self._execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._settle([self._run])
        finally:
            try:
                self._db.close()
            except sqlite3.Error as error:
                raise self._problem(error) from None

    def _values(self, accepted: Accepted) -> tuple[int, bytes, int, int, int]:
        key, run, source, row = accepted
        return self._target, key, self._name(run), self._name(source), row

    def _name(self, name: str) -> int:
        """The number that stands for a run or a source."""
        if name not in self._names:
            # Names of files need not be Unicode, and a text in SQLite must be.
            text = name.encode(errors="backslashreplace").decode()
            self._execute("INSERT OR IGNORE INTO names (name) VALUES (?)", (text,))
            self._names[name] = int(self._one("SELECT id FROM names WHERE name = ?", (text,))[0])
        return self._names[name]

    def _commit(self, sql: str, values: Iterable[tuple[object, ...]]) -> None:
        self._execute("BEGIN")
        try:
            self._db.executemany(sql, values)
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            raise self._problem(error) from None

    def _one(self, sql: str, values: tuple[object, ...]) -> Any:
        try:
            return self._db.execute(sql, values).fetchone()
        except sqlite3.Error as error:
            raise self._problem(error) from None

    def _execute(self, sql: str, values: tuple[object, ...] = ()) -> sqlite3.Cursor:
        try:
            return self._db.execute(sql, values)
        except sqlite3.Error as error:
            raise self._problem(error) from None

    def _problem(self, error: sqlite3.Error) -> BatchconvError:
        name = getattr(error, "sqlite_errorname", type(error).__name__)
        if name.startswith(_HELD):
            return HeldError(
                f"--ledger {self._named} is in use by {holder_of(self._path)}",
                hint="wait until that run has ended",
            )
        if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
            return OutputError(
                f"--ledger {self._named} is damaged",
                hint="put a copy of it in its place, or name a new file",
            )
        return OutputError(
            f"--ledger {self._named} cannot be read or written: {name}",
            hint="free some space or correct the permissions; what was written so far is good",
        )


def _application_of(path: str) -> int | None:
    """Whose SQLite file that is; None when it is none.

    Only SQLite itself may open it: to close it otherwise would end the locks that this process
    has on it (https://sqlite.org/howtocorrupt.html, 2.2).
    """
    name = f"file:{quote(os.fsencode(path))}?mode=ro&immutable=1"  # immutable: nothing is written
    try:
        with closing(sqlite3.connect(name, uri=True)) as db:
            return int(db.execute("PRAGMA application_id").fetchone()[0])
    except sqlite3.Error:
        return None


def _hash(address: str, api_key: str) -> bytes:
    """What a target is known by: the whole key and the whole address, however that is written."""
    parts = urlsplit(address.strip())
    port = parts.port if parts.port != {"https": 443, "http": 80}.get(parts.scheme) else None
    text = f"{parts.scheme}://{parts.hostname}:{port}{parts.path.rstrip('/')}\n{api_key}"
    return hashlib.sha256(text.encode(errors="surrogateescape")).digest()
