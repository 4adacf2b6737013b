"""What was ever accepted, in an SQLite file: exports of two nights that overlap send a row once."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from batchconv.errors import BatchconvError, HeldError, OutputError, UsageError
from batchconv.journal.append_only_file import PRIVATE
from batchconv.journal.deduplication import Accepted, Origin
from batchconv.journal.locks import holder_of
from batchconv.model import Reason

_SCHEMA = """
CREATE TABLE IF NOT EXISTS accepted (
    target BLOB NOT NULL,
    identity BLOB NOT NULL,
    run TEXT NOT NULL,
    source TEXT NOT NULL,
    row INTEGER NOT NULL,
    PRIMARY KEY (target, identity)
) WITHOUT ROWID
"""


_AT_A_TIME = 10_000  # rows that are committed together


class Ledger:
    """The memory of all runs on one file, for one target.

    One run at a time: SQLite's own lock is held until `close`, and dies with the process. A row
    is committed before its line is written to the results, so that a killed process loses none.

    Args:
        path: the file; made when it is not there.
        address: the base URL.
        api_key: of the account; neither is stored but as one hash.
        run: this run's id; its own rows are duplicates, those of other runs are in the ledger.

    Raises:
        HeldError: another run holds it.
        UsageError: the file is no ledger.
        OutputError: it cannot be opened.
    """

    def __init__(self, path: str, address: str, api_key: str, run: str) -> None:
        self._path = path
        self._run = run
        self._target = hashlib.sha256(f"{address}\n{api_key}".encode()).digest()[:16]
        try:
            Path(path).touch(PRIVATE)
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else "the name cannot be one"
            raise OutputError(f"--ledger {path} cannot be written: {why}") from None
        self._db = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.execute("BEGIN EXCLUSIVE")
            self._db.execute(_SCHEMA)
            self._db.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise self._problem(error) from None

    def find(self, identity: bytes) -> Origin | None:
        """The run that had it accepted, or None."""
        found = self._execute(
            "SELECT run, source, row FROM accepted WHERE target = ? AND identity = ?",
            (self._target, identity),
        ).fetchone()
        if found is None:
            return None
        run, source, row = found
        if run == self._run:
            return Origin(Reason.DUPLICATE, f"equal to row {row} of {source}, which was accepted")
        return Origin(Reason.IN_LEDGER, f"accepted in run {run} as row {row} of {source}")

    def add(self, accepted: Accepted) -> None:
        """Commit it; raises OutputError when that fails."""
        self._execute(
            "INSERT OR IGNORE INTO accepted VALUES (?, ?, ?, ?, ?)", (self._target, *accepted)
        )

    def add_all(self, accepted: Iterable[Accepted]) -> None:
        """Commit many, some thousands at a time; raises OutputError when that fails."""
        left = iter(accepted)
        while some := list(islice(left, _AT_A_TIME)):
            self._execute("BEGIN")
            for one in some:
                self.add(one)
            self._execute("COMMIT")

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def _execute(self, sql: str, values: tuple[object, ...] = ()) -> sqlite3.Cursor:
        try:
            return self._db.execute(sql, values)
        except sqlite3.DatabaseError as error:
            raise self._problem(error) from None

    def _problem(self, error: sqlite3.DatabaseError) -> BatchconvError:
        if error.sqlite_errorname.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return HeldError(
                f"--ledger {self._path} is in use by {holder_of(self._path)}",
                hint="wait until that run has ended",
            )
        if error.sqlite_errorname in ("SQLITE_NOTADB", "SQLITE_CORRUPT", "SQLITE_ERROR"):
            return UsageError(f"--ledger {self._path} is no ledger", hint="name another file")
        return OutputError(
            f"--ledger {self._path} cannot be written: {error.sqlite_errorname}",
            hint="make room or mend the permissions; what was written so far is good",
        )
