"""What a journal knows of a results file, whoever wrote it."""

import csv
import io
import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchconv.errors import InputError, UsageError
from batchconv.journal import entries as module
from batchconv.journal import settled_index as journal_module
from batchconv.journal.entries import find_tail, opened, read_entries, read_up_to
from batchconv.journal.quick_entries import OWN_LINE, RESULTS, Keys, QuickCsv, QuickJson
from batchconv.journal.result_lines import read_lines
from batchconv.journal.results import CSV_HEADER, ResultLine, Stamp
from batchconv.journal.settled_index import Journal, Settled
from batchconv.model import Conversion, Fields, Outcome, Reason, Result, Row
from tests.result_lines import to_csv, to_json

TARGET = "https://example.com ab"

# Everything that a JSON text escapes, and what the CSV module has ways with.
text = st.text(st.sampled_from('ab"\\\n\r\t\0,{}:;\u2028é😀\ud800\x7f\x85\x0b') | st.characters())


def row(source="in.csv", number=1, message_id="a", raw=None) -> Row:
    return Row(source, number, number + 1, Fields(message_id, "1", None, None), [], raw, None)


STAMP = Stamp("run", TARGET, lambda: 1e9)


def line_of(row: Row, result: Result = Result.ACCEPTED, **more) -> ResultLine:
    outcome = Outcome(row, None, result, **more)
    return STAMP.line(outcome)


rows = st.builds(row, source=text, number=st.integers(1, 10**12), message_id=text)
lines = st.builds(
    line_of,
    rows,
    st.sampled_from(Result),
    status=st.none() | st.integers(200, 599),
    attempts=st.integers(0, 99),
    elapsed=st.none() | st.floats(0, 1e6),
    reason=st.none() | st.sampled_from(Reason),
    detail=st.none() | text,
)


conversions = st.builds(
    Conversion,
    rows,
    text.filter(lambda text: text.isprintable()),
    st.booleans(),
    st.none() | st.just("2026-11-20 06:08:15"),
    st.sampled_from(["sms", "voice"]),
)


@given(
    conversions,
    st.booleans(),
    st.sampled_from(Result),
    st.none() | st.integers(200, 599),
    st.integers(0, 99),
    st.none() | st.floats(0, 1e6),
    st.none() | st.sampled_from(Reason),
    st.none() | text,
)
@settings(deadline=None)
def test_a_line_is_written_as_the_json_and_csv_modules_would(
    conversion, sent, result, status, attempts, elapsed, reason, detail
):
    outcome = Outcome(
        conversion.row, conversion if sent else None, result,
        status, attempts, elapsed, reason, detail,
    )  # fmt: skip
    line = STAMP.line(outcome)
    assert STAMP.json(outcome).encode("ascii") == to_json(line)
    assert STAMP.csv(outcome).encode("utf-8", "backslashreplace") == to_csv(line)


def entries_of(path, data: bytes):
    path.write_bytes(data)
    return list(read_entries(str(path)))


@given(st.lists(lines, min_size=1, max_size=5))
@settings(deadline=None)
def test_the_fast_way_reads_what_the_json_module_reads(tmp_path_factory, found):
    path = tmp_path_factory.mktemp("j") / "r.jsonl"
    data = b"".join(map(to_json, found))
    assert len(OWN_LINE.findall(data)) == len(found), "none of them is left to the slower way"
    slow = [module._entry(json.loads(line)) for line in data.splitlines()]  # noqa: SLF001 - the same
    assert entries_of(path, data) == slow
    assert entries_of(path, data.replace(b"\n", b"\r\n")) == slow
    # Keys in another order, spaces, other characters escaped, blank lines: another tool's work.
    other = [json.dumps(dict(sorted(json.loads(line).items()))) for line in data.splitlines()]
    assert entries_of(path, ("\n\n" + "\n".join(other) + "\n").encode()) == slow
    mixed = data + other[0].encode() + b"\n"
    assert entries_of(path, mixed) == [*slow, slow[0]]
    assert entries_of(path, data[:-1]) == slow, "a whole entry without the end of its line"


@given(st.lists(lines, min_size=1, max_size=5))
@settings(deadline=None)
def test_a_csv_tells_the_same_as_json_lines(tmp_path_factory, found):
    folder = tmp_path_factory.mktemp("j")
    as_json = entries_of(folder / "r.jsonl", b"".join(map(to_json, found)))
    data = b"".join(map(to_csv, found))
    assert data.count(b"\n") == len(found), "a line of the file is a line of text"
    as_csv = entries_of(folder / "r.csv", CSV_HEADER + data)
    assert [entry._replace(source="") for entry in as_csv] == [
        entry._replace(source="") for entry in as_json
    ]
    quoted = io.StringIO()
    writer = csv.writer(quoted, quoting=csv.QUOTE_ALL)
    for line in data.decode().split("\n")[:-1]:
        writer.writerow(next(csv.reader([line])))
    rewritten = CSV_HEADER + quoted.getvalue().encode() + b"\r\n"
    assert entries_of(folder / "r.csv", rewritten) == as_csv


def told_of(path, keys_only=frozenset()):
    """Everything that a results file tells, or the error; what comes as keys alone as such."""
    told: Counter[tuple[object, ...]] = Counter()
    try:
        with opened(str(path)) as file:
            for one in read_up_to(str(path), file, find_tail(str(path), file), keys_only=keys_only):
                if isinstance(one, Keys):
                    assert one.outcome in keys_only
                    for at in range(0, len(one.keys), 16):
                        told[one.source, one.outcome, one.target, one.keys[at : at + 16]] += 1
                elif one.outcome in keys_only:
                    told[one.source, one.outcome, one.target, one.key] += 1
                else:
                    told[one] += 1
    except InputError as error:
        return str(error)
    return told


def only_keys(told, keys_only):
    if isinstance(told, str):
        return told
    return Counter(
        (one.source, one.outcome, one.target, one.key) if one.outcome in keys_only else one
        for one in told.elements()
    )


_alike = st.builds(
    line_of,
    st.builds(row, source=st.sampled_from(["in.csv", "b.csv"]), message_id=text),
    st.sampled_from([Result.ACCEPTED] * 8 + [Result.SKIPPED, Result.REJECTED]),
    status=st.sampled_from([200, 420]),
)


@pytest.mark.parametrize("suffix", ["jsonl", "csv"])
@pytest.mark.parametrize("keys_only", [{"accepted", "skipped"}, RESULTS], ids=len)
@given(data=st.data())
@settings(deadline=None)
def test_keys_alone_are_told_of_the_same_lines(tmp_path_factory, suffix, keys_only, data):
    """And a file that is damaged is refused as it is line by line, naming the same line."""
    found = data.draw(st.lists(_alike, min_size=1, max_size=12))
    path = tmp_path_factory.mktemp("j") / f"r.{suffix}"
    whole = bytearray(b"".join(map(to_csv if suffix == "csv" else to_json, found)))
    for _ in range(data.draw(st.integers(0, 2))):
        at = data.draw(st.integers(0, len(whole) - 1))
        gone = data.draw(st.integers(0, 40))
        whole[at : at + gone] = data.draw(st.binary(max_size=3) | st.sampled_from([b'"', b"\n"]))
    path.write_bytes((CSV_HEADER if suffix == "csv" else b"") + whole)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BLOCK", data.draw(st.sampled_from([300, 1000, 1 << 20])))
        quick = told_of(path, frozenset(keys_only))
        patch.setattr(QuickJson, "read", lambda *_: None)
        patch.setattr(QuickCsv, "read", lambda *_: None)
        assert quick == only_keys(told_of(path), keys_only)


@pytest.mark.parametrize("suffix", ["jsonl", "csv"])
@given(data=st.data())
@settings(deadline=None)
def test_whole_lines_are_read_back_where_they_are_wanted(tmp_path_factory, suffix, data):
    """And the others are looked at as strictly."""
    found = data.draw(st.lists(lines, min_size=1, max_size=8))
    if suffix == "csv":  # which holds no line breaks, and says null and empty alike
        found = [
            line._replace(source="in.csv", message_id="x" if line.message_id else None, detail=None)
            for line in found
        ]
    wanted = frozenset(data.draw(st.sets(st.sampled_from(sorted(RESULTS)))))
    path = tmp_path_factory.mktemp("j") / f"r.{suffix}"
    head, notation = (CSV_HEADER, to_csv) if suffix == "csv" else (b"", to_json)
    path.write_bytes(head + b"".join(map(notation, found)))
    assert list(read_lines(str(path), wanted)) == [line for line in found if line.outcome in wanted]
    at = data.draw(st.integers(0, len(found)))
    broken = [
        *map(notation, found[:at]),
        b'{"source":"in.csv","row":1\n',
        *map(notation, found[at:]),
    ]
    path.write_bytes(head + b"".join(broken))
    with pytest.raises(InputError, match=f"line {at + 1 + (suffix == 'csv')} is no line"):
        list(read_lines(str(path), wanted))


def test_lines_that_reach_over_blocks_are_read(tmp_path, monkeypatch):
    data = b"".join(to_json(line_of(row(number=number))) for number in range(1, 50))
    whole = entries_of(tmp_path / "r.jsonl", data)
    assert [entry.row for entry in whole] == list(range(1, 50))
    for size in (1, 7, 300, 301, 302, 1000):
        monkeypatch.setattr(module, "_BLOCK", size)
        assert entries_of(tmp_path / "r.jsonl", data) == whole
        assert entries_of(tmp_path / "r.jsonl", data[:-1]) == whole
        assert entries_of(tmp_path / "r.jsonl", data[:-2]) == whole[:-1]


def test_a_very_long_cell_is_read(tmp_path):
    line = line_of(row(message_id="x" * 300_000))
    assert len(entries_of(tmp_path / "r.csv", CSV_HEADER + to_csv(line))) == 1


@pytest.mark.parametrize(
    ("name", "data", "number"),
    [
        ("r.jsonl", b"hello\n", 1),
        ("r.jsonl", b"hello", 1),
        ("r.jsonl", b'{"a": 1}', 1),
        ("r.jsonl", b"\xff\xfe\x00", 1),
        ("r.jsonl", b"[]\n", 1),
        ("r.jsonl", b"7\n", 1),
        ("r.jsonl", b"GOOD{}\n", 2),
        ("r.jsonl", b"GOODGOOD\0\0\n", 3),
        ("r.jsonl", b"GOODHALF\nGOOD", 2),
        ("r.csv", b"message_id,delivered\na,true\n", 1),
        ("r.csv", b"hello", 1),
        ("r.csv", b"HEADERa,b\n", 2),
        ("r.csv", b'HEADER"\n', 2),
        ("r.csv", b"HEADER\xff\n", 2),
    ],
)
def test_what_is_no_results_file_is_refused_with_the_line(tmp_path, name, data, number):
    good = to_json(line_of(row()))
    data = data.replace(b"GOOD", good).replace(b"HALF", good[:100]).replace(b"HEADER", CSV_HEADER)
    with pytest.raises(InputError, match=f"line {number} is no line of a results file"):
        entries_of(tmp_path / name, data)


@pytest.mark.parametrize(
    "change",
    [
        {"source": 7},
        {"source": None},
        {"target": ["x"]},
        {"row": "one"},
        {"row": None},
        {"key": "00"},
        {"key": "zz" * 16},
        {"outcome": "lost"},
        {"outcome": ["accepted"]},
        {"status": "many"},
        {"attempts": None},
    ],
)
def test_a_field_that_makes_no_sense_is_refused_with_the_line(tmp_path, change):
    found = json.loads(to_json(line_of(row())))
    with pytest.raises(InputError, match="line 1 is no line"):
        entries_of(tmp_path / "r.jsonl", json.dumps(found | change).encode() + b"\n")


def journal_of(path, lines, sources=("a.csv", "b.csv"), has_failed=lambda *_: True):
    path.write_bytes(b"".join(map(to_json, lines)))
    journal = Journal(sources, TARGET)
    journal.load(str(path), has_failed)
    return journal


_sources = st.sampled_from(["a.csv", "b.csv", "old.csv"])
_few = st.builds(
    row, source=_sources, number=st.integers(1, 9), message_id=st.sampled_from(["x", "y", "z"])
)


@given(st.lists(_few, max_size=12), st.lists(_few, max_size=12))
@settings(deadline=None)
def test_rows_are_counted_off_by_source_and_key_and_then_by_key(tmp_path_factory, past, now):
    now = [one for one in now if one.source != "old.csv"]
    journal = journal_of(tmp_path_factory.mktemp("j") / "r", map(line_of, past))
    assert journal.outcomes == Counter({Result.ACCEPTED: len(past)} if past else {})
    own = Counter((one.source, one.key()) for one in past if one.source != "old.csv")
    others = Counter(one.key() for one in past if one.source == "old.csv")
    for one in now:
        settled = False
        if own[one.source, one.key()]:
            own[one.source, one.key()] -= 1
            settled = True
        elif others[one.key()]:
            others[one.key()] -= 1
            settled = True
        assert (journal.look_up(one) is not None) == settled


def test_another_target_is_refused(tmp_path):
    (tmp_path / "r").write_bytes(to_json(line_of(row())._replace(target="elsewhere cd")))
    with pytest.raises(UsageError, match="against 'elsewhere cd', and this one is against"):
        Journal(["in.csv"], TARGET).load(str(tmp_path / "r"), lambda *_: True)


def test_of_equal_rows_that_one_is_restored_whose_copy_is_missing(tmp_path):
    """Their other columns may differ."""
    past = [
        line_of(row("a.csv", number), Result.REJECTED, status=420, attempts=number)
        for number in (3, 1, 4, 2)
    ]
    journal = journal_of(tmp_path / "r", past, has_failed=lambda _, number, _key: number in (1, 3))
    found = [journal.look_up(row("a.csv", number)) for number in (1, 2, 3, 4)]
    assert [
        None
        if one is None or one.restore is None
        else (one.restore.row.number, one.restore.attempts)
        for one in found
    ] == [None, (2, 2), None, (4, 4)]
    assert journal.look_up(row("a.csv", 5)) is None


def test_a_row_that_has_moved_is_restored_with_the_number_that_the_results_tell(tmp_path):
    past = [line_of(row("a.csv", 3), Result.FAILED, status=503, reason=Reason.SERVER_ERROR)]
    journal = journal_of(tmp_path / "r", past, has_failed=lambda *_: False)
    found = journal.look_up(row("a.csv", 7))
    assert found is not None
    assert found.restore is not None
    assert found.restore.row.number == 3
    assert found.restore.result is Result.FAILED
    assert found.restore.reason is Reason.SERVER_ERROR


def test_a_reason_of_a_later_version_does_not_keep_a_row_from_being_restored(tmp_path):
    past = [line_of(row("a.csv"), Result.FAILED)._replace(reason="moon-phase")]
    found = journal_of(tmp_path / "r", past, has_failed=lambda *_: False).look_up(row("a.csv"))
    assert found is not None
    assert found.restore is not None
    assert found.restore.reason is None


@pytest.mark.parametrize("most", [1, 7, 1_000_000])
def test_however_many_rows_are_restored_each_gets_its_own_numbers_back(tmp_path, monkeypatch, most):
    """Those for which there is no room in memory come back from disk; equal ones, too."""
    monkeypatch.setattr(journal_module, "_MOST_WANTED", most)
    past = [
        line_of(
            row("a.csv", number, f"id{number % 5}"),
            Result.REJECTED if number % 3 else Result.FAILED,
            status=400 + number if number % 4 else None,
            attempts=number * 2_000,
            reason=Reason.TIMEOUT if number % 3 else None,
        )
        for number in range(1, 41)
    ]
    journal = journal_of(tmp_path / "r", past, has_failed=lambda _, number, _key: number % 7 == 0)
    now = [row("a.csv", number, f"id{number % 5}") for number in range(40, 0, -1)]
    restored = [one.restore for one in journal.settle(now) if isinstance(one, Settled)]
    found = {outcome.row.number: outcome for outcome in restored if outcome is not None}
    assert sorted(found) == [number for number in range(1, 41) if number % 7]
    for number, outcome in found.items():
        assert outcome.row.fields.message_id == f"id{number % 5}"
        assert outcome.result is (Result.REJECTED if number % 3 else Result.FAILED)
        assert outcome.status == (400 + number if number % 4 else None)
        assert outcome.attempts == min(number * 2_000, 65_535)
        assert outcome.reason is (Reason.TIMEOUT if number % 3 else None)
    assert journal.look_up(row("a.csv", 1, "id1")) is None


def test_numbers_that_no_run_of_ours_writes_do_no_harm(tmp_path):
    line = json.loads(to_json(line_of(row("a.csv"), Result.FAILED)))
    line |= {"row": 10**30, "status": 70_000, "attempts": -5}
    (tmp_path / "r").write_text(json.dumps(line) + "\n", encoding="utf-8")
    journal = Journal(["a.csv"], TARGET)
    journal.load(str(tmp_path / "r"), lambda *_: False)
    found = journal.look_up(row("a.csv"))
    assert found is not None
    assert found.restore is not None
    assert found.restore.attempts == 0


def test_settled_rows_are_told_of_together_and_in_their_place(tmp_path, monkeypatch):
    monkeypatch.setattr(journal_module, "_MOST_TOGETHER", 4)
    past = [line_of(row("a.csv", number, f"id{number}")) for number in range(1, 12)]
    journal = journal_of(tmp_path / "r", past)
    new = [row("a.csv", number, f"new{number}") for number in (1, 2)]
    known = [row("a.csv", number, f"id{number}") for number in range(11, 0, -1)]
    now = [*known[:2], new[0], *known[2:], new[1]]
    assert list(journal.settle(now)) == [
        Settled(2), new[0], Settled(4), Settled(4), Settled(1), new[1],
    ]  # fmt: skip
