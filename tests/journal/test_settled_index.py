"""What the journal of a job says of its rows: held against a model that knows each row by name."""

import os
from collections import Counter
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from batchconv.errors import InputError
from batchconv.journal.quick_blocks import Keys
from batchconv.journal.reader import ResultsReader
from batchconv.journal.results import CSV_HEADER, ResultLine, csv_text, json_text
from batchconv.journal.settled_index import Journal, Settled
from batchconv.model import (
    Conversion,
    Earlier,
    Fields,
    Outcome,
    Reason,
    Result,
    Row,
    read_key,
    show_key,
)

RETRY = frozenset({Result.FAILED})
ENDS = ("accepted", "rejected", "failed", "skipped", "too-old")


def conversion(number: int, identity: str) -> Conversion:
    row = Row("a.csv", number, number + 1, Fields(identity, "1", None, None), None, None, None)
    return Conversion(row, identity, True, None, "sms")


def invalid(number: int, identity: str) -> Outcome:
    row = Row("a.csv", number, number + 1, Fields(identity, "?", None, None), None, None, None)
    return Outcome(row, None, Result.INVALID, reason=Reason.BAD_DELIVERED, detail="?")


def line_of(item: Conversion | Outcome, end: str) -> ResultLine:
    row = item.row
    earlier = row.earlier
    outcome = "skipped" if end == "too-old" else end
    reasons = {"accepted": None, "skipped": "duplicate", "too-old": "too-old"}
    return ResultLine(
        source=row.source, row=row.number, line=row.line, key=show_key(item.key()),
        replaces=earlier.outcome.value if earlier else None,
        corrects=show_key(earlier.corrects) if earlier and earlier.corrects else None,
        message_id="x", delivered=True, timestamp=None, channel="sms", outcome=outcome,
        status=None, attempts=1, elapsed_ms=None, reason=reasons.get(end, "refused"),
        detail=None, at="2026-11-28T00:00:00.000Z", run="r", target="t",
    )  # fmt: skip


@dataclass
class Known:
    """A row that the job knows, and what became of it last."""

    key: bytes
    end: str

    @property
    def final(self) -> bool:
        return self.end in ("accepted", "skipped", "closed")


class Jobs(RuleBasedStateMachine):
    """Runs over rows that are often equal, with whatever outcomes; each run reads the journal."""

    @initialize()
    def begin(self) -> None:
        self.lines: list[ResultLine] = []
        self.known: list[Known] = []

    def journal(self) -> Journal:
        journal = Journal()
        for line in self.lines:
            journal.add(line)
        return journal

    @rule(
        rows=st.lists(st.sampled_from("abc"), max_size=6),
        ends=st.lists(st.sampled_from(ENDS), min_size=6, max_size=6),
        retry=st.sampled_from([RETRY, RETRY | {Result.REJECTED}, frozenset()]),
        sent=st.integers(0, 6),
    )
    def resume(self, rows, ends, retry, sent):
        """A run that may be cut short: what it has not written, the next one knows nothing of."""
        items = [conversion(number, row) for number, row in enumerate(rows, 1)]
        found = list(self.journal().settle(items, retry))
        settled = sum(one.rows for one in found if isinstance(one, Settled))
        left = [one for one in found if not isinstance(one, Settled)]
        free = list(self.known)
        again: list[Known | None] = []
        for item in items:
            match = self.match(free, item.key(), retry)
            if match is None:
                again.append(None)
            else:
                free = [one for one in free if one is not match]
                if not match.final and (match.end in retry or match.end == "too-old"):
                    again.append(match)
        assert settled == len(items) - len(again)
        assert Counter(
            (one.key(), one.row.earlier and one.row.earlier.outcome.value) for one in left
        ) == Counter(self.expected(items, retry))
        for item, end in list(zip(left, ends, strict=False))[:sent]:
            self.write(item, end)

    def match(self, free: list[Known], key: bytes, retry) -> Known | None:
        """Final outcomes first, then those that are taken up again, those outstanding first."""

        def rank(one: Known) -> tuple[bool, bool, int]:
            again = one.end in retry or one.end == "too-old"
            return not one.final, not again, ("rejected", "failed", "too-old").index(one.end)

        same = [one for one in free if one.key == key]
        return next((one for one in same if one.final), None) or min(same, key=rank, default=None)

    def expected(self, items, retry):
        free = list(self.known)
        for item in items:
            match = self.match(free, item.key(), retry)
            if match is None:
                yield item.key(), None
                continue
            free = [one for one in free if one is not match]
            if not match.final and (match.end in retry or match.end == "too-old"):
                yield item.key(), "skipped" if match.end == "too-old" else match.end

    def write(self, item: Conversion | Outcome, end: str) -> None:
        self.lines.append(line_of(item, end))
        earlier = item.row.earlier
        if earlier is not None:
            was = "too-old" if earlier.outcome is Result.SKIPPED else earlier.outcome.value
            key = earlier.corrects or item.key()
            old = next(one for one in self.known if one.key == key and one.end == was)
            if earlier.corrects is None:
                old.end = end
                return
            old.end = "closed"
        self.known.append(Known(item.key(), end))

    @rule(rows=st.lists(st.sampled_from("xy"), min_size=1, max_size=3))
    def read_invalid(self, rows):
        """Invalid rows are told once, and again only when there are more of them."""
        items = [invalid(number, row) for number, row in enumerate(rows, 1)]
        left = [one for one in self.journal().settle(items, RETRY) if isinstance(one, Outcome)]
        free = Counter(one.key for one in self.known)
        wanted = Counter(item.key() for item in items) - free
        assert Counter(one.key() for one in left) == wanted
        for one in left:
            self.write(one, "invalid")

    @rule(rows=st.lists(st.sampled_from("xy"), min_size=1, max_size=3),
          end=st.sampled_from(["accepted", "failed"]))  # fmt: skip
    def read_as_valid(self, rows, end):
        """The same cells under other options: what was invalid is sent, and says so."""
        items = [conversion(number, row) for number, row in enumerate(rows, 1)]
        items = [one._replace(row=invalid(one.row.number, one.message_id).row) for one in items]
        for one in self.journal().settle(items, RETRY):
            if isinstance(one, Conversion):
                self.write(one, end)
        bad = Counter(one.key for one in self.known if one.end == "invalid")
        left = bad - Counter(item.row.invalid_key() for item in items)
        assert left == bad & left  # no row that was read is invalid still, unless there are more

    @rule(data=st.data(), new=st.sampled_from("abcd"), end=st.sampled_from(["accepted", "failed"]))
    def correct(self, data, new, end):
        """A row that is bad is corrected, to what may be equal to another row."""
        bad = [one for one in self.known if one.end in ("failed", "rejected", "invalid")]
        if not bad:
            return
        old = data.draw(st.sampled_from(bad))
        found = self.journal().take_up(old.key, 1)
        assert found is not None
        item = conversion(1, new)
        if item.key() != old.key:
            earlier = (found[0], old.key)
            row = item.row._replace(earlier=_earlier(*earlier))
            self.write(item._replace(row=row), end)

    @invariant()
    def outstanding_is_counted(self):
        if not hasattr(self, "known"):
            return
        journal = self.journal()
        bad = Counter(one.end for one in self.known)
        for outcome in (Result.REJECTED, Result.FAILED, Result.INVALID):
            assert journal.outstanding[outcome] == bad[outcome.value]


def _earlier(outcome, key):
    return Earlier(outcome, corrects=key)


def test_a_job_counts_as_a_model_does_that_knows_each_row():
    case = Jobs.TestCase
    case.settings = settings(
        max_examples=int(os.environ.get("TORTURE", "100")), stateful_step_count=12, deadline=None
    )
    case("runTest").debug()


# -- the reader ------------------------------------------------------------------------------------

keys = st.integers(0, 5).map(lambda number: show_key(number.to_bytes(16)))
result_lines = st.builds(
    ResultLine,
    source=st.sampled_from(["a.csv", "ü,\"\n.csv", "-"]),
    row=st.integers(1, 10**12),
    line=st.none() | st.integers(1, 99),
    key=keys,
    replaces=st.sampled_from([None, None, None, "failed"]),
    corrects=st.none(),
    message_id=st.none() | st.text(max_size=5),
    delivered=st.none() | st.booleans(),
    timestamp=st.sampled_from([None, "2026-11-20 06:08:15"]),
    channel=st.sampled_from([None, "sms", "voice"]),
    outcome=st.sampled_from(["accepted"] * 5 + ["rejected", "failed", "invalid", "skipped"]),
    status=st.sampled_from([None, 200, 500]),
    attempts=st.integers(0, 99),
    elapsed_ms=st.sampled_from([None, 0.0, 12.5, 1e-05]),
    reason=st.sampled_from([None, "too-old", "duplicate", "timeout"]),
    detail=st.none() | st.text(max_size=9),
    at=st.just("2026-11-28T00:00:00.000Z"),
    run=st.sampled_from(["r1", "r2"]),
    target=st.sampled_from(["simulated", "https://api.example ab-1"]),
)  # fmt: skip


def folded(reader: ResultsReader) -> Counter[tuple[object, ...]]:
    """What a fold gives, line by line."""
    found: Counter[tuple[object, ...]] = Counter()
    for one in reader.fold():
        if isinstance(one, Keys):
            for at in range(0, len(one.keys), 16):
                found[(*one.kind, one.keys[at : at + 16], None, None)] += 1
        else:
            kind = (one.source, one.outcome, one.reason, one.target)
            found[(*kind, read_key(one.key), one.replaces, one.corrects)] += 1
    return found


@settings(deadline=None)
@given(st.lists(result_lines, max_size=30), st.sampled_from(["jsonl", "csv"]), st.data())
def test_a_fold_reads_what_reading_line_by_line_does(tmp_path_factory, lines, suffix, data):
    text = csv_text if suffix == "csv" else json_text
    written = b"".join(text(line).encode("utf-8", "backslashreplace") for line in lines)
    damage = data.draw(st.none() | st.integers(0, max(len(written) - 1, 0)))
    if damage is not None and written:
        # A byte is another one; whatever a line by line reading makes of it, a fold does, too.
        other = data.draw(st.sampled_from([b"0", b"}", b'"', b"\\", b"x", b"\n"]))
        written = written[:damage] + other + written[damage + 1 :]
    path = tmp_path_factory.mktemp("fold") / f"r.{suffix}"
    path.write_bytes((CSV_HEADER if suffix == "csv" else b"") + written)
    reader = ResultsReader(str(path))
    try:
        plain: Counter[tuple[object, ...]] | None = Counter(
            (one.source, one.outcome, one.reason, one.target, read_key(one.key), one.replaces,
             one.corrects)
            for one in reader.lines()
        )  # fmt: skip
    except InputError:
        plain = None
    try:
        quick: Counter[tuple[object, ...]] | None = folded(reader)
    except InputError:
        quick = None
    assert quick == plain


@pytest.mark.parametrize("size", range(0, 400, 7))
def test_a_torn_last_line_is_left_out_wherever_it_is_torn(tmp_path, size):
    line = json_text(line_of(conversion(1, "a"), "accepted")).encode()
    path = tmp_path / "r.jsonl"
    path.write_bytes(line + line[: min(size, len(line) - 2)])
    reader = ResultsReader(str(path))
    assert len(list(reader.lines())) == 1
    assert reader.tail().end == len(line)


def test_a_last_line_that_lacks_only_its_end_counts(tmp_path):
    line = json_text(line_of(conversion(1, "a"), "accepted")).encode()
    (tmp_path / "r.jsonl").write_bytes(line + line[:-1])
    reader = ResultsReader(str(tmp_path / "r.jsonl"))
    assert len(list(reader.lines())) == 2
    assert reader.tail().unended
