"""A job through all that people and crashes do to it, held against a model that knows each row."""

from __future__ import annotations

import asyncio
import copy
import json
import os
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from batchconv.errors import UsageError
from batchconv.journal.results import ResultLine
from batchconv.operations.audit import audit
from batchconv.operations.dismiss import Choice, dismiss
from batchconv.operations.dry_run import dry_run
from batchconv.operations.failed import write_failed
from batchconv.operations.resend import prepare_resend
from batchconv.operations.upload import prepare_upload
from batchconv.report.making import make_report
from batchconv.settings.options import Settings
from batchconv.settings.read_options import ReadSettings
from tests.job_model import BAD, Cells, Correction, JobModel, Row, Run, replayed
from tests.notations import Notation, load, notations, save, write
from tests.shells import ACCOUNT, Wire

RESULTS, RUNS = Path("job.results.jsonl"), Path("job.runs.jsonl")
IN_FLIGHT = 1  # so that outcomes come in the order of the rows, every time
MOST_ROWS = 9  # ten that fail in a row are an outage
OPTIONS: dict[str, Any] = {"rate": None, "max_attempts": 1, "concurrency": IN_FLIGHT}
STATUS = {"accepted": 200, "rejected": 420, "failed": 500}
RETRIES: dict[str | None, tuple[str, ...]] = {
    None: ("failed",), "failed": ("failed",), "none": (), "rejected": ("failed", "rejected"),
}  # fmt: skip

ids = st.sampled_from("abcd")
ends = st.sampled_from(sorted(STATUS))
conversions = st.builds(
    Cells, ids, st.sampled_from(["true", "true", "false"]),
    st.sampled_from([None, None, "2026-11-20 06:08:11"]), st.sampled_from(["sms", "sms", "voice"]),
)  # fmt: skip
# An invalid row is known by its cells as they stand: theirs are alike in every notation.
invalid = st.builds(
    Cells, ids | st.just(""), st.sampled_from(["maybe", "perhaps"]), st.none(), st.just("sms")
)
broken = st.sampled_from(["p,1,,,,,,,", "q,1,,,,,,,"])
rows = st.one_of(conversions, conversions, conversions, invalid, broken)
# How much of a line was written: nothing, a half, all but its end.
torn_at = st.sampled_from([lambda _: 0, lambda size: size // 2, lambda size: max(size - 1, 0)])
tables = st.lists(rows, min_size=3, max_size=MOST_ROWS)


class Jobs(RuleBasedStateMachine):
    """Everything goes through the operations of the commands; only the network is made up."""

    _job = False
    _failed: list[str]

    @initialize(table=tables, how=notations, ends=st.lists(ends, min_size=4, max_size=4))
    def begin(self, table: list[Row], how: Notation, ends: list[str]) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._patch = pytest.MonkeyPatch()
        self._patch.chdir(self._folder.name)
        self._wire = Wire()
        self._wire.plug_in(self._patch)
        self._model = self._new()
        self._tables = {"in": table}
        self._how = {"in": how}
        self._names: dict[str, str] = {}
        self._write()
        self._rows: dict[str, Row] = {}  # by the key that the journal gave them
        self._failed: list[str] = []
        self._begun = 0  # bytes of the results before the last run; -1: it is not to be cut
        self._unknown = self._crashes = 0
        self._known: Counter[str] = Counter()  # accepted, and no line of the job tells of it
        self._wire.status = {one: STATUS[end] for one, end in zip("abcd", ends, strict=True)}
        self.resume(None, None)

    def teardown(self) -> None:
        if hasattr(self, "_patch"):
            self._patch.undo()
            self._folder.cleanup()

    def _new(self) -> JobModel:
        return JobModel(lambda row: {200: "accepted", 420: "rejected", 500: "failed"}[
            self._wire.status.get(row.id, 200) if isinstance(row, Cells) else 0])  # fmt: skip

    # -- the inputs --------------------------------------------------------------------------------

    def _write(self) -> None:
        for name in self._names.values():
            Path(name).unlink()
        self._names = {
            stem: write(Path(), stem, table, self._readable(table, self._how[stem]))
            for stem, table in self._tables.items()
        }

    def _readable(self, table: list[Row], how: Notation) -> Notation:
        """A file of JSON lines of which none is one is refused as a whole."""
        names_columns = not table or any(isinstance(row, Cells) for row in table)
        return how if names_columns else how._replace(suffix=".csv")

    @property
    def _inputs(self) -> list[str]:
        return list(self._names.values())

    @property
    def _all_rows(self) -> list[Row]:
        return [row for table in self._tables.values() for row in table]

    @rule(data=st.data(), row=rows)
    def edit(self, data, row):
        table = self._tables[data.draw(st.sampled_from(sorted(self._tables)))]
        kind = data.draw(st.sampled_from(["insert", "delete", "duplicate", "change", "sort"]))
        at = data.draw(st.integers(0, max(len(table) - 1, 0)))
        if kind == "sort":
            table.sort(key=str)
        elif kind in ("insert", "duplicate") and len(self._all_rows) < MOST_ROWS:
            table.insert(at, table[at] if kind == "duplicate" and table else row)
        elif kind in ("delete", "change") and table:
            table[at : at + 1] = [row] * (kind == "change")
        self._write()

    @rule(kind=st.sampled_from(["save", "rename", "split", "join"]), how=notations)
    def save_in_another_notation_and_other_files(self, kind, how):
        everything = self._all_rows
        half = len(everything) // 2
        stem = "other" if "in" in self._tables else "in"
        self._tables = {
            "save": self._tables,
            "rename": {stem: everything},
            "split": {"one": everything[:half], "two": everything[half:]},
            "join": {"in": everything},
        }[kind]
        self._how = dict.fromkeys(self._tables, how)
        self._write()

    @rule(one=ids, end=ends)
    def the_server_thinks_otherwise(self, one, end):
        self._wire.status[one] = STATUS[end]

    # -- runs --------------------------------------------------------------------------------------

    def _run(self, expected: Run, run: Any, places: dict[tuple[str, ...], Row]) -> None:
        before, size = self._wire.sent.copy(), _size()
        summary = asyncio.run(run.run())
        self._job = True
        counts = {"read": expected.read, "settled": expected.settled, "unsent": 0}
        outcomes = ("accepted", "rejected", "failed", "invalid", "skipped")
        assert summary.books.counts() == counts | {one: expected.ends[one] for one in outcomes}
        assert self._wire.sent - before == expected.sent
        assert (summary.exit_code, summary.failed_rows) == (expected.exit_code, expected.written)
        assert summary.outstanding_rows == self._model.count(*BAD)
        assert summary.traffic.unknown_repeats == min(self._unknown, expected.sent.total())
        self._unknown, self._begun = 0, size
        self._failed += summary.failed
        with RESULTS.open("rb") as file:
            file.seek(size)
            self._learn([ResultLine(**json.loads(line)) for line in file], places)

    def _learn(self, lines: list[ResultLine], places: dict[tuple[str, ...], Row]) -> None:
        """One key, one row, and the other way round."""
        for line in lines:
            place = (line.source, str(line.row))
            row = places.get(place) or places.get((line.corrects or line.key, *place))
            row = row or self._rows[line.key]
            assert self._rows.setdefault(line.key, row) == row
        assert len(set(self._rows.values())) == len(self._rows)

    def _places(self) -> dict[tuple[str, ...], Row]:
        return {
            (self._names[stem], str(number)): row
            for stem, table in self._tables.items()
            for number, row in enumerate(table, 1)
        }

    def _upload(self, inputs: list[str], **more: Any) -> Any:
        return prepare_upload(inputs, Settings(**OPTIONS, results=str(RESULTS), **more), ACCOUNT)

    def _try(self, retry: str | None, limit: int | None) -> None:
        """A dry run tells what the resume will do; without a word about the job nothing is done."""
        how = Settings(**OPTIONS, results=str(RESULTS), resume=True, retry=retry, limit=limit)
        found = dry_run(self._inputs, how, ACCOUNT)
        expected = copy.deepcopy(self._model).read(self._all_rows, RETRIES[retry], limit)
        assert (found.read, found.settled, found.to_send, found.invalid) == (
            expected.read, expected.settled, expected.sent.total(), expected.ends["invalid"]
        )  # fmt: skip
        assert found.outstanding == self._model.count(*BAD)
        if self._job:
            with pytest.raises(UsageError, match="a job with this name exists"):
                self._upload(self._inputs)

    @rule(retry=st.sampled_from(list(RETRIES)), limit=st.none() | st.integers(1, 5))
    def resume(self, retry, limit):
        self._try(retry, limit)
        run = self._upload(self._inputs, resume=True, retry=retry, limit=limit)
        self._run(self._model.read(self._all_rows, RETRIES[retry], limit), run, self._places())

    @precondition(lambda self: self._job)
    @rule()
    def overwrite(self):
        self._known += _accepted()
        run = self._upload(self._inputs, overwrite=True)
        self._model = self._new()
        self._unknown = self._crashes = 0
        self._failed.clear()
        self._run(self._model.read(self._all_rows, ()), run, self._places())
        for stale in Path().glob("job.2*.failed*.*"):
            with pytest.raises(UsageError, match="does not know them"):
                self._upload([str(stale)])

    @precondition(lambda self: self._job and self._failed)
    @rule(data=st.data(), how=notations)
    def correct_and_feed_back(self, data, how):
        path = Path(data.draw(st.sampled_from(self._failed)))
        table, fed = [], []
        for line in load(path):
            old = self._rows[line["_key"]]
            action = data.draw(st.sampled_from(["fix", "fix", "keep", "delete", "twice"]))
            if action == "fix":
                line["message_id"] = data.draw(st.sampled_from("abcdxy"))
                word = data.draw(st.sampled_from(["true", "false", "perhaps"]))
                if word == "perhaps" and isinstance(old, Cells) and old.time is not None:
                    word = "true"  # invalid rows have no time here
                line["delivered"] = word
                line["channel"] = line.get("channel") or "sms"
            new = _as_it_stands(line, old)
            times = {"delete": 0, "twice": 2}.get(action, 1)
            table += [line] * times
            fed += [Correction(old, (line["_source"], str(line["_row"])), new)] * times
        if not table:
            return
        save(path, table, how)
        places = {(self._key(one.old), *one.place): one.new for one in reversed(fed) if one.new}
        run = self._upload([str(path)])
        self._run(self._model.feed(fed), run, places)

    def _key(self, row: Row) -> str:
        return next(key for key, known in self._rows.items() if known == row)

    @precondition(lambda self: self._job)
    @rule(rejected=st.booleans())
    def resend(self, rejected):
        run = prepare_resend(str(RESULTS), Settings(**OPTIONS), ACCOUNT, include_rejected=rejected)
        self._run(self._model.resend(["failed", *["rejected"] * rejected]), run, {})

    @precondition(lambda self: self._job)
    @rule(outcomes=st.sets(st.sampled_from(BAD), min_size=1))
    def dismiss(self, outcomes):
        self._begun = -1
        choice = Choice(outcomes=frozenset(outcomes))
        if not self._model.count(*outcomes):
            with pytest.raises(UsageError, match="no outstanding row"):
                dismiss(str(RESULTS), choice)
            return
        done = dismiss(str(RESULTS), choice)
        assert done.rows.total() == self._model.dismiss(sorted(outcomes))
        assert done.outstanding == self._model.count(*BAD)

    @precondition(lambda self: self._job)
    @rule()
    def write_the_failed_rows_anew(self):
        written = write_failed(str(RESULTS), self._inputs, ReadSettings(), ())
        found = self._model.match(self._all_rows)
        assert written.rows == sum(found[end] for end in BAD)
        assert written.missing == self._model.count(*BAD) - written.rows
        self._failed += written.files

    @precondition(lambda self: self._job and self._begun >= 0)
    @rule(data=st.data())
    def crash(self, data):
        """The last run has not come as far as it did."""
        before = _accepted()
        lines = RESULTS.read_bytes()[self._begun :].splitlines(keepends=True)
        whole = data.draw(st.integers(0, len(lines)))
        torn = lines[whole] if whole < len(lines) else b""
        torn = torn[: data.draw(torn_at)(len(torn))]
        os.truncate(RESULTS, self._begun + len(b"".join(lines[:whole])) + len(torn))
        *runs, last = RUNS.read_bytes().splitlines(keepends=True)
        RUNS.write_bytes(b"".join(runs) + last[: len(last) // data.draw(st.integers(2, 1000))])
        self._known += before - _accepted()
        self._model = replayed(self._model.verdict, _lines(), self._rows)
        self._unknown += json.loads(runs[-1])["most_in_flight"]
        self._crashes += 1
        self._begun = -1

    # -- what holds after every step ---------------------------------------------------------------

    @invariant()
    def the_server_has_accepted_what_the_lines_tell_and_what_crashes_took(self):
        if self._job:
            assert self._wire.accepted == _accepted() + self._known

    @invariant()
    def the_journal_audit_and_report_tell_what_the_model_does(self):
        if not self._job:
            return
        model = self._model
        told = replayed(model.verdict, _lines(), self._rows)
        assert told.final_and_bad() == model.final_and_bad()
        found, expected = (
            audit(self._inputs, str(RESULTS), ReadSettings()),
            model.match(self._all_rows),
        )
        assert (found.rows, found.missing) == (len(self._all_rows), expected["missing"])
        shown = found.as_dict()
        assert {end: shown[end] for end in BAD} == {end: expected[end] for end in BAD}
        assert expected["least gone"] <= found.gone <= expected["most gone"]
        assert found.exit_code == int(bool(found.missing or found.gone))
        assert found.superseded == model.count(*BAD) - sum(expected[end] for end in BAD)
        report = make_report([str(RESULTS)])
        assert {end: report.outcomes[end] for end in BAD} == {end: model.count(end) for end in BAD}
        assert (report.rows, report.replaced) == (model.lines - model.replaced, model.replaced)
        assert report.attention == model.count(*BAD)
        assert sum(job.crashes for job in report.jobs) == self._crashes

    @precondition(lambda self: self._job)
    @rule()
    def put_everything_right(self):
        """Whatever was done, the books come back to zero."""
        self._wire.status.clear()
        self.resume("rejected", None)
        self.resend(rejected=True)
        self.dismiss(set(BAD))
        before = self._wire.sent.copy()
        self.resume(None, None)
        assert self._wire.sent == before
        assert not self._model.count(*BAD)
        assert audit(self._inputs, str(RESULTS), ReadSettings(), allow_gone=True).exit_code == 0


def _as_it_stands(line: dict[str, Any], old: Row) -> Cells | None:
    """What a line of a failed-rows file says now; its time and channel are never changed."""
    if not (line.get("message_id") or line.get("delivered")):
        return None
    words = {"1": "true", "yes": "true", "0": "false", "no": "false"}
    delivered = str(line["delivered"]).lower()
    plain = old if isinstance(old, Cells) else Cells("", "")
    return plain._replace(id=line["message_id"], delivered=words.get(delivered, delivered))


def _size() -> int:
    return RESULTS.stat().st_size if RESULTS.exists() else 0


def _lines() -> list[ResultLine]:
    """Whole lines, and a last one that lacks no more than its end."""
    found = []
    for text in RESULTS.read_bytes().split(b"\n") if RESULTS.exists() else ():
        try:
            found.append(ResultLine(**json.loads(text)))
        except ValueError:
            continue
    return found


def _accepted() -> Counter[str]:
    return Counter(str(line.message_id) for line in _lines() if line.outcome == "accepted")


def test_a_job_is_what_a_model_says_that_knows_each_row():
    case = Jobs.TestCase
    case.settings = settings(
        max_examples=int(os.environ.get("TORTURE", "12")), stateful_step_count=12, deadline=None
    )
    case("runTest").debug()
