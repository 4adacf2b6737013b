"""What a report says is what stands in the files: numbers against a naive count of them."""

import json
import os
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchconv.errors import InputError, UsageError
from batchconv.journal.results import ResultLine
from batchconv.model import Result
from batchconv.report.as_json import to_json as report_as_json
from batchconv.report.fold import MOST_RUNS
from batchconv.report.making import make_report
from batchconv.report.model import Pause
from batchconv.report.timeline import Timeline, even
from tests.nights import BEGIN, HOSTILE, at, line, write, write_summary
from tests.result_lines import to_json

BAD = {"rejected", "failed", "invalid"}
SOURCES = ["a.csv", 'b"\\<é>.csv']

outcomes = st.sampled_from(Result).map(lambda result: result.value)
reasons = st.sampled_from(["server-error", "timeout", "bad-timestamp"])


@st.composite
def results(draw, run):
    """The lines of a run: of a few rows, some of them equal."""
    found = []
    for number in draw(st.lists(st.integers(1, 8), max_size=12)):
        outcome = draw(outcomes)
        found.append(
            line(
                number,
                outcome,
                source=draw(st.sampled_from(SOURCES)),
                message_id=draw(st.sampled_from(HOSTILE) | st.none()),
                status=draw(st.none() | st.integers(200, 599)),
                attempts=draw(st.integers(0, 12)),
                elapsed_ms=draw(st.none() | st.floats(0.1, 60_000).map(lambda ms: round(ms, 1))),
                reason=None if outcome == "accepted" else draw(reasons),
                detail=None if outcome == "accepted" else draw(st.sampled_from(HOSTILE)),
                at=at(BEGIN + draw(st.floats(0, 100_000))),
                run=run,
            )
        )
    return found


@st.composite
def files(draw):
    """Results files of a chain, each with the lines of two runs; the oldest first."""
    return [
        [
            one._replace(at=at(BEGIN + 200_000 * number + at_in_file))
            for at_in_file, one in enumerate(
                [
                    *draw(results(f"run <{number}>")),
                    *draw(results(f"run <{number}>, resumed")),
                ]
            )
        ]
        for number in range(draw(st.integers(1, 3)))
    ]


def naive(chain: list[list[ResultLine]]) -> tuple[Counter[tuple[str, str | None]], int]:
    """Outcome and reason → rows, by the last outcome of each row; and how many were replaced."""
    standing: list[list[ResultLine]] = []
    replaced = 0
    for lines in chain:
        for one in lines:
            for earlier in reversed(standing):
                equal = [
                    other
                    for other in earlier
                    if (other.source, other.key) == (one.source, one.key) and other.outcome in BAD
                ]
                if equal:
                    # Of equal rows any may be the one: what is left is told apart by nothing else.
                    earlier.remove(next((x for x in equal if x.reason == one.reason), equal[0]))
                    replaced += 1
                    break
        standing.append(list(lines))
    return Counter((one.outcome, one.reason) for lines in standing for one in lines), replaced


@given(files())
@settings(deadline=None, max_examples=80)
def test_rows_are_counted_once_by_their_last_outcome(tmp_path_factory, chain):
    folder = tmp_path_factory.mktemp("r")
    paths = [write(folder / f"{n}.jsonl", lines) for n, lines in enumerate(chain)]
    report = make_report(paths)
    counted, replaced = naive(chain)
    assert report.rows == counted.total()
    assert report.replaced == replaced
    by_outcome = Counter({name: rows for name, rows in report.outcomes.items() if rows})
    told = Counter({(one.outcome, one.reason): one.rows for one in report.reasons})
    if not any(has_equal_bad_rows(lines) for lines in chain):
        wanted = Counter()
        for (outcome, _), rows in counted.items():
            wanted[outcome] += rows
        assert by_outcome == wanted
        assert told == Counter({kind: rows for kind, rows in counted.items() if kind[1]})
    assert by_outcome.total() == report.rows
    for reason in report.reasons:
        assert 0 < len(reason.examples) <= 3


def has_equal_bad_rows(lines):
    bad = Counter((one.source, one.key) for one in lines if one.outcome in BAD)
    return any(rows > 1 for rows in bad.values())


@given(files())
@settings(deadline=None, max_examples=50)
def test_each_run_is_what_its_lines_say(tmp_path_factory, chain):
    folder = tmp_path_factory.mktemp("r")
    report = make_report([write(folder / f"{n}.jsonl", each) for n, each in enumerate(chain)])
    runs = defaultdict(list)
    for one in (one for lines in chain for one in lines):
        runs[one.run].append(one)
    assert {run.run for run in report.runs} == set(runs)
    for run in report.runs:
        lines = runs[run.run]
        assert run.rows == len(lines)
        assert Counter(run.outcomes) == Counter(one.outcome for one in lines) + Counter()
        assert run.attempts == Counter(one.attempts for one in lines)
        assert run.statuses == Counter(str(one.status or "") for one in lines)
        assert run.requests == sum(one.attempts for one in lines)
        assert set(run.sources) == {one.source for one in lines}
        assert sum((one.outcomes for one in run.slices), Counter()) == Counter(
            one.outcome for one in lines
        )
        assert at(run.begin)[:19] == min(one.at for one in lines)[:19]
        elapsed = sorted(one.elapsed_ms for one in lines if one.elapsed_ms is not None)
        assert run.latencies.count == len(elapsed)
        if elapsed:
            assert run.latencies.quantile(1) * 1000 == pytest.approx(elapsed[-1], rel=0.021)
            middle = elapsed[(len(elapsed) - 1) // 2]
            assert run.latencies.quantile(0.5) * 1000 == pytest.approx(middle, rel=0.021)


def without_paths(report):
    told = json.loads(report_as_json(report))
    for one in (told, *told["files"], *told["runs"], *told["next"]):
        for name in ("path", "made", "command"):
            one.pop(name, None)
    return told


@given(results("run"))
@settings(deadline=None, max_examples=50)
def test_the_same_lines_say_the_same_however_they_are_written(tmp_path_factory, lines):
    """By this program, by another one, with blank lines and Windows' line ends."""
    folder = tmp_path_factory.mktemp("r")
    own = b"".join(map(to_json, lines))
    foreign = "".join(
        json.dumps(dict(reversed(json.loads(one).items()))) + "\n\n" for one in own.splitlines()
    )
    wanted = without_paths(make_report([write(folder / "own.jsonl", lines)]))
    for number, data in enumerate((foreign.encode(), own.replace(b"\n", b"\r\n"))):
        path = folder / f"{number}.jsonl"
        path.write_bytes(data)
        assert without_paths(make_report([str(path)])) == wanted
    # A CSV writes some characters of ids and details otherwise, so examples differ.
    told = without_paths(make_report([write(folder / "own.csv", lines)]))
    for one in (*told["reasons"], *wanted["reasons"]):
        assert one.pop("examples")
    assert told == wanted


def test_the_order_of_the_files_does_not_matter(tmp_path):
    first = write(tmp_path / "z.jsonl", [line(1, "failed"), line(2)])
    second = write(tmp_path / "a.jsonl", [line(1, at=at(BEGIN + 900), run="later")])
    for paths in ([first, second], [second, first]):
        report = make_report(paths)
        assert report.outcomes["accepted"] == report.rows == 2
        assert report.replaced == 1
        assert [run.what for run in report.runs] == ["upload", "resend"]


def test_a_rows_example_is_one_that_no_later_file_tells_of(tmp_path):
    """Also where the first rows of a reason were all sent again, and the rest was not."""
    first = write(tmp_path / "1.jsonl", [line(n, "failed") for n in range(1, 101)])
    sent_again = [line(n, at=at(BEGIN + 900), run="later") for n in range(1, 91)]
    report = make_report([first, write(tmp_path / "2.jsonl", sent_again)])
    (reason,) = report.reasons
    assert reason.rows == 10
    assert [example.row for example in reason.examples] == [91, 92, 93]


# -- files that are not as they should be --------------------------------------------------------


def test_a_torn_last_line_is_left_out_and_told(tmp_path):
    for name, whole in (("a.jsonl", [line(1), line(2)]), ("a.csv", [line(1), line(2)])):
        path = Path(write(tmp_path / name, whole))
        path.write_bytes(path.read_bytes()[:-20])
        report = make_report([str(path)])
        assert report.rows == 1
        assert report.files[0].torn


def test_a_last_line_that_lacks_only_its_end_counts(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(to_json(line(1)) + to_json(line(2)).rstrip())
    report = make_report([str(path)])
    assert report.rows == 2
    assert not report.files[0].torn


@pytest.mark.parametrize("begin", [b"", b'{"source":"exp', b"source,row,li"])
def test_a_file_in_which_no_row_is_settled_yet_has_none(tmp_path, begin):
    path = tmp_path / "a.jsonl"
    path.write_bytes(begin)
    assert make_report([str(path)]).rows == 0


GOOD = json.loads(to_json(line(1)))


@pytest.mark.parametrize(
    "bad",
    [
        b"message_id,delivered\na,true\n",
        b"\x1f\x8b\x08 not text \xff\n",
        b"[1]\n",
        b"null\n",
        b"{}\n",
        b"[" * 100_000 + b"\n",
        *(
            json.dumps(GOOD | {name: value}).encode() + b"\n"
            for name, value in {
                "outcome": "lost",
                "source": 7,
                "key": "not hex",
                "at": "yesterday",
                "status": "fine",
                "elapsed_ms": 1e300,
                "attempts": 10**9,
                "run": ["a"],
            }.items()
        ),
        to_json(line(1, at="2026-02-30T00:00:00.000Z")),
    ],
)
def test_a_line_that_is_no_result_is_named(tmp_path, bad):
    path = tmp_path / "a.jsonl"
    path.write_bytes(to_json(line(1)) + b"\n" + bad)
    with pytest.raises(InputError, match="line 3 is no line of a results file"):
        make_report([str(path)])


def test_a_file_is_named_once(tmp_path):
    path = write(tmp_path / "a.jsonl", [line(1)])
    (tmp_path / "link.jsonl").symlink_to(path)
    (tmp_path / "hard.jsonl").hardlink_to(path)
    for other in (path, str(tmp_path / "link.jsonl"), str(tmp_path / "hard.jsonl")):
        with pytest.raises(UsageError, match="would count twice"):
            make_report([path, other])


def test_a_pipe_is_read_alone_or_not_at_all(tmp_path):
    """With other files, its begin would be looked at first, and be gone."""
    path = write(tmp_path / "a.jsonl", [line(1)])
    reading, writing = os.pipe()
    try:
        with pytest.raises(UsageError, match="can be read only once"):
            make_report([path, f"/dev/fd/{reading}"])
        os.write(writing, Path(path).read_bytes())
        os.close(writing)
        assert make_report([f"/dev/fd/{reading}"]).rows == 1
    finally:
        os.close(reading)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match="cannot be read: No such file"):
        make_report([str(tmp_path / "a.jsonl")])


# -- bounds --------------------------------------------------------------------------------------


def test_many_runs_are_added_up_and_no_row_is_lost(tmp_path):
    lines = [
        line(n, "failed" if n % 2 else "accepted", run=f"run {n // 3}", at=at(BEGIN + n * 4000))
        for n in range(3 * (MOST_RUNS + 50))
    ]
    report = make_report([write(tmp_path / "a.jsonl", lines)])
    assert len(report.runs) == MOST_RUNS + 1
    assert report.runs[0].what == "earlier"
    assert sum(run.rows for run in report.runs) == report.rows == len(lines)
    assert report.latencies.count == len(lines)
    assert report.runs[-1].slices
    assert not report.runs[1].slices


def test_many_inputs_do_not_make_reasons_less_exact(tmp_path):
    lines = [
        line(n, "invalid", source=f"{n}.csv", reason=("bad-timestamp", "blank-id")[n % 2])
        for n in range(1000)
    ]
    report = make_report([write(tmp_path / "a.jsonl", lines)])
    assert {one.reason: one.rows for one in report.reasons} == {
        "bad-timestamp": 500,
        "blank-id": 500,
    }


@given(
    st.lists(
        st.tuples(st.integers(-10_000, 10_000_000), st.sampled_from(["accepted", "failed"])),
        min_size=1,
    ),
    st.sampled_from([2, 8, 320]),
)
def test_a_timeline_loses_nothing_when_its_buckets_double(moments, most):
    timeline = Timeline(most)
    for tick, outcome in moments:
        timeline.add(tick, outcome, 0.08)
    slices = list(timeline.slices())
    assert len(slices) <= most
    assert sum((one.outcomes for one in slices), Counter()) == Counter(o for _, o in moments)
    ticks = [tick for tick, _ in moments]
    assert slices[0].begin == min(ticks) / 8
    assert sum(one.seconds for one in slices) == (max(ticks) + 1 - min(ticks)) / 8
    for one, following in pairwise(slices):
        assert one.begin + one.seconds == following.begin
    fewer = even(slices, 5, 1)
    assert len(fewer) <= 5
    assert sum((one.outcomes for one in fewer), Counter()) == Counter(o for _, o in moments)
    assert fewer[0].begin == slices[0].begin


# -- summaries -----------------------------------------------------------------------------------


def test_summaries_beside_the_results_are_found_by_their_run(tmp_path):
    path = write(tmp_path / "a.jsonl", [line(1, run="one"), line(2, run="two")])
    pause = {"from": at(BEGIN + 1), "to": at(BEGIN + 31), "why": "outage"}
    write_summary(tmp_path / "any name.json", "one", pauses=[pause], exit_code=3, unsent=5)
    write_summary(tmp_path / "other.json", "of another run")
    (tmp_path / "broken.json").write_text('{"run": "two", ')
    (tmp_path / "list.json").write_text("[]")
    report = make_report([path])
    told = {run.run: run.summary for run in report.runs}
    assert told["one"].pauses == (Pause(BEGIN + 1, BEGIN + 31, "outage"),)
    assert told["two"] is None
    # The newest run of the file has none: whether rows are unsent is not known.
    assert report.unsent == 0
    assert report.files[0].exit_code is None


def test_a_named_summary_counts_also_of_a_run_that_settled_nothing(tmp_path):
    path = write(tmp_path / "a.jsonl", [line(1)])
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    named = write_summary(
        elsewhere / "s.txt", "later", started=at(BEGIN + 50), exit_code=4, unsent=20
    )
    report = make_report([path], [named])
    assert report.unsent == 20
    assert report.files[0].exit_code == 4
    assert [run.rows for run in report.runs] == [1, 0]


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"run": 1}', "\xff", '{"run": "a", "pauses": 3}']
)
def test_a_named_file_that_is_no_summary_is_refused(tmp_path, text):
    path = write(tmp_path / "a.jsonl", [line(1)])
    (tmp_path / "s.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match="is no summary of a run"):
        make_report([path], [str(tmp_path / "s.json")])
