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
from batchconv.model import Result
from batchconv.report.as_json import to_json as report_as_json
from batchconv.report.facts import verdict
from batchconv.report.fold import MOST_RUNS
from batchconv.report.making import make_report
from batchconv.report.model import Pause
from batchconv.report.page import to_html
from batchconv.report.text import to_text
from batchconv.report.timeline import Timeline, even
from tests.nights import BEGIN, HOSTILE, again, at, line, run_of, write, write_runs
from tests.result_lines import to_json

BAD = {"rejected", "failed", "invalid"}
SOURCES = ["a.csv", 'b"\\<é>.csv']

outcomes = st.sampled_from(Result).map(lambda result: result.value)
reasons = st.sampled_from(["server-error", "timeout", "bad-timestamp"])


@st.composite
def results(draw, run):
    """The lines of a run: of rows that are new to the job."""
    numbers = draw(st.lists(st.integers(1, 1_000), max_size=12, unique=True))
    return [a_line(draw, number, run, draw(st.floats(0, 100_000))) for number in numbers]


def a_line(draw, number, run, moment, **fields):
    outcome = draw(outcomes)
    plain = {
        "source": draw(st.sampled_from(SOURCES)),
        "message_id": draw(st.sampled_from(HOSTILE) | st.none()),
        "status": draw(st.none() | st.integers(200, 599)),
        "attempts": draw(st.integers(0, 12)),
        "elapsed_ms": draw(st.none() | st.floats(0, 60_000).map(lambda ms: round(ms, 1))),
        "reason": None if outcome == "accepted" else draw(reasons),
        "detail": None if outcome == "accepted" else draw(st.sampled_from(HOSTILE)),
        "at": at(BEGIN + moment),
        "run": run,
    }
    return line(number, outcome, **plain | fields)


@st.composite
def jobs(draw):
    """A journal of some runs: each settles new rows, equal ones too, and takes up bad ones again.

    Clocks may be set back between runs. Beside the lines: what a naive reader makes of them.
    """
    lines, standing = [], []
    for run in range(draw(st.integers(1, 4))):
        moment = draw(st.integers(-5, 5)) * 200_000
        for row in draw(st.lists(st.integers(1, 8), max_size=8)):
            bad = [one for one in standing if one.outcome in BAD]
            number, fields = row, {}
            if bad and draw(st.booleans()):
                before = draw(st.sampled_from(bad))
                standing.remove(before)
                number = before.row
                fields = {"source": before.source, "key": before.key, "replaces": before.outcome}
                if draw(st.booleans()):
                    fields |= {"corrects": before.key, "key": f"k{run:016x}{len(lines):016x}"}
            lines.append(a_line(draw, number, f"run <{run}>", moment, **fields))
            standing.append(lines[-1])
    return lines, standing


def has_equal_bad_rows(lines):
    """Equal rows that cannot be distinguished by their number, but by their reason."""
    bad = Counter((one.key, one.row, one.outcome) for one in lines if one.outcome in BAD)
    return any(rows > 1 for rows in bad.values())


@given(jobs())
@settings(deadline=None, max_examples=40)
def test_rows_are_counted_once_by_their_last_outcome(tmp_path_factory, job):
    lines, standing = job
    report = make_report([write(tmp_path_factory.mktemp("r") / "a.jsonl", lines)])
    assert report.rows == len(standing)
    assert report.replaced == len(lines) - len(standing)
    by_outcome = Counter({name: rows for name, rows in report.outcomes.items() if rows})
    assert by_outcome == Counter(one.outcome for one in standing)
    told = Counter({(one.outcome, one.reason): one.rows for one in report.reasons})
    assert told.total() == sum(one.reason is not None for one in standing)
    if not has_equal_bad_rows(lines):
        assert told == Counter((one.outcome, one.reason) for one in standing if one.reason)
        where = {(one.source, one.row, one.run, one.reason) for one in standing}
        for reason in report.reasons:
            assert 0 < len(reason.examples) <= 3
            for one in reason.examples:
                assert (one.source, one.row, one.run, reason.reason) in where


@given(jobs())
@settings(deadline=None, max_examples=25)
def test_each_run_is_what_its_lines_say(tmp_path_factory, job):
    report = make_report([write(tmp_path_factory.mktemp("r") / "a.jsonl", job[0])])
    runs = defaultdict(list)
    for one in job[0]:
        runs[one.run].append(one)
    assert [run.run for run in report.runs] == list(runs), "in the order in which they wrote"
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
        assert (at(run.begin), at(run.end)) == (
            min(one.at for one in lines), max(one.at for one in lines)
        )  # fmt: skip
        elapsed = sorted(one.elapsed_ms for one in lines if one.elapsed_ms is not None)
        assert run.latencies.count == len(elapsed)
        if elapsed:
            assert run.latencies.quantile(1) * 1000 == pytest.approx(elapsed[-1], rel=0.021)
            middle = elapsed[(len(elapsed) - 1) // 2]
            assert run.latencies.quantile(0.5) * 1000 == pytest.approx(middle, rel=0.021, abs=2e-3)


def without_paths(report):
    told = json.loads(report_as_json(report))
    for one in (told, *told["jobs"], *told["runs"], *told["next"]):
        for name in ("path", "made", "command"):
            one.pop(name, None)
    return told


@given(results("run"))
@settings(deadline=None, max_examples=25)
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


def test_the_order_in_which_jobs_are_named_does_not_matter(tmp_path):
    first = write(tmp_path / "z.jsonl", [line(1, "failed"), line(2)])
    second = write(tmp_path / "a.jsonl", [line(1, at=at(BEGIN + 900), run="later")])
    for paths in ([first, second], [second, first]):
        report = make_report(paths)
        assert report.rows == 3, "rows of two jobs are different rows"
        assert [job.path for job in report.jobs] == [first, second]


def test_a_rows_example_is_one_whose_outcome_stands(tmp_path):
    """Also where the first rows of a reason were all sent again, and the rest was not."""
    lines = [line(n, "failed") for n in range(1, 101)]
    lines += [again(n, "failed") for n in range(1, 91)]
    (reason,) = make_report([write(tmp_path / "1.jsonl", lines)]).reasons
    assert reason.rows == 10
    assert [example.row for example in reason.examples] == [91, 92, 93]


def test_a_row_that_failed_twice_is_one_row(tmp_path):
    lines = [line(1, "failed"), again(1, "failed", "failed", reason="timeout")]
    report = make_report([write(tmp_path / "a.jsonl", lines)])
    assert (report.rows, report.attention, report.replaced) == (1, 1, 1)
    assert [(one.reason, one.rows) for one in report.reasons] == [("timeout", 1)]


def test_a_clock_that_was_set_back_changes_no_order(tmp_path):
    path = tmp_path / "a.results.jsonl"
    write(path, [line(1, "failed", run="one"), again(1, "failed", run="two", at=at(BEGIN - 9e6))])
    write_runs(path, run_of("one"), run_of("two", started=BEGIN - 9e6, options={"resume": True}))
    report = make_report([str(path)])
    assert [run.what for run in report.runs] == ["upload", "resume"]
    assert report.outcomes["accepted"] == report.rows == 1
    assert all(run.seconds is not None and run.seconds >= 0 for run in report.runs)


@pytest.mark.parametrize("elapsed", [0.0, 1e999, -5.0, "soon", True, [1]])
def test_latencies_that_cannot_be_do_no_harm(tmp_path, elapsed):
    lines = [line(n, elapsed_ms=elapsed) for n in range(1, 40)]
    report = make_report([write(tmp_path / "a.jsonl", lines)])
    assert report.rows == 39
    assert to_text(report, width=80, colour=False)
    assert "<!doctype html>" in to_html(report)
    json.loads(report_as_json(report), parse_constant=pytest.fail)


# -- files that are not as they should be --------------------------------------------------------


def test_a_torn_last_line_is_left_out_and_told(tmp_path):
    for name, whole in (("a.jsonl", [line(1), line(2)]), ("a.csv", [line(1), line(2)])):
        path = Path(write(tmp_path / name, whole))
        path.write_bytes(path.read_bytes()[:-20])
        report = make_report([str(path)])
        assert report.rows == 1
        assert report.jobs[0].torn


def test_a_last_line_that_lacks_only_its_end_counts(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(to_json(line(1)) + to_json(line(2)).rstrip())
    report = make_report([str(path)])
    assert report.rows == 2
    assert not report.jobs[0].torn


@pytest.mark.parametrize("begin", [b"", b'{"source":"exp'])
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
                "status": "fine",
                "attempts": "many",
                "run": ["a"],
            }.items()
        ),
    ],
)
def test_a_line_that_is_no_result_is_named(tmp_path, bad):
    path = tmp_path / "a.jsonl"
    path.write_bytes(to_json(line(1)) + b"\n" + bad)
    with pytest.raises(InputError, match="line 3 is not a line of a results file"):
        make_report([str(path)])


def test_a_file_is_named_once(tmp_path):
    path = write(tmp_path / "a.jsonl", [line(1)])
    (tmp_path / "link.jsonl").symlink_to(path)
    (tmp_path / "hard.jsonl").hardlink_to(path)
    for other in (path, str(tmp_path / "link.jsonl"), str(tmp_path / "hard.jsonl")):
        with pytest.raises(UsageError, match="would count twice"):
            make_report([path, other])


def test_a_moment_that_is_none_is_passed_over(tmp_path):
    lines = [line(1, at="yesterday"), line(2, at="2026-02-30T00:00:00.000Z"), line(3)]
    report = make_report([write(tmp_path / "a.jsonl", lines)])
    assert report.rows == 3
    assert report.runs[0].begin == report.runs[0].end == BEGIN + 0.15


def test_a_pipe_is_read_too_and_beside_other_files(tmp_path):
    path = write(tmp_path / "a.jsonl", [line(1)])
    for name, text in (("b.jsonl", [line(1)]), ("b.csv", [line(1), line(2)])):
        reading, writing = os.pipe()
        try:
            os.write(writing, Path(write(tmp_path / name, text)).read_bytes())
            os.close(writing)
            assert make_report([path, f"/dev/fd/{reading}"]).rows == 1 + len(text)
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


# -- what the runs file tells --------------------------------------------------------------------


def test_runs_are_told_by_the_runs_file_and_by_no_other_file_that_lies_there(tmp_path):
    path = tmp_path / "a.results.jsonl"
    write(path, [line(1, run="one"), line(2, run="two")])
    pause = {"from": at(BEGIN + 1), "to": at(BEGIN + 31), "why": "outage"}
    write_runs(path, run_of("one", pauses=[pause], exit_code=3, unsent=5))
    for name in ("any name.json", "two.json", "b.runs.jsonl", "a.runs.json"):
        (tmp_path / name).write_text(json.dumps(run_of("two", unsent=9)["end"]))
    report = make_report([str(path)])
    told = {run.run: run.told for run in report.runs}
    assert told["one"].pauses == (Pause(BEGIN + 1, BEGIN + 31, "outage"),)
    assert told["two"] is None


def test_a_run_that_settled_nothing_is_told_of(tmp_path):
    path = tmp_path / "a.results.jsonl"
    write(path, [line(1, run="one")])
    later = run_of("later", started=BEGIN + 50, exit_code=4, unsent=20, options={"resume": True})
    write_runs(path, run_of("one", exit_code=0), later)
    report = make_report([str(path)])
    assert report.unsent == 20
    assert [(run.what, run.rows) for run in report.runs] == [("upload", 1), ("resume", 0)]


def test_requests_for_rows_without_an_outcome_count_as_well(tmp_path):
    path = tmp_path / "a.results.jsonl"
    write(path, [line(1, run="one"), line(2, run="two")])
    write_runs(path, run_of("one", unsent=27, requests=61), run_of("two", ended=False))
    report = make_report([str(path)])
    assert [run.requests for run in report.runs] == [61, 1], "the summary's, else the results'"


def test_a_run_without_an_end_has_crashed(tmp_path):
    path = tmp_path / "a.results.jsonl"
    write(path, [line(1, run="one")])
    write_runs(path, run_of("one", ended=False, options={"base_url": "https://example.com/c"}))
    report = make_report([str(path)])
    assert report.runs[0].crashed
    assert verdict(report).good is False
    assert "1 run of" in verdict(report).notes[0]
    (step,) = report.steps
    assert "--resume" in step.command
    assert "--base-url https://example.com/c" in step.command


def test_a_crash_that_was_resumed_is_told_and_asks_for_nothing(tmp_path):
    path = tmp_path / "a.results.jsonl"
    write(path, [line(1, run="one"), line(2, run="two")])
    write_runs(
        path, run_of("one", ended=False), run_of("two", exit_code=0, options={"resume": True})
    )
    report = make_report([str(path)])
    assert verdict(report).good
    assert any("did not end" in note for note in verdict(report).notes)
    assert report.steps == ()


def test_corrected_rows_do_not_settle_what_the_upload_left_unsent(tmp_path):
    path = tmp_path / "a.results.jsonl"
    write(path, [line(1, "invalid", run="one"), again(1, "invalid", run="two")])
    write_runs(
        path,
        run_of("one", exit_code=3, unsent=7),
        run_of("two", exit_code=0, inputs=["a.failed.csv"]),
        run_of("three", exit_code=0, command="dismiss"),
    )
    report = make_report([str(path)])
    assert [run.what for run in report.runs] == ["upload", "correct", "dismiss"]
    assert report.unsent == 7
    assert any("--resume" in (step.command or "") for step in report.steps)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"run": 1}', "\xff", '{"run": "a", "finished": 3}', "{" * 9000,
             '{"run":"one","at":7,"command":[],"inputs":"x","target":1,"options":[]}']
)  # fmt: skip
def test_a_runs_file_that_is_none_is_passed_over(tmp_path, text):
    path = tmp_path / "a.results.jsonl"
    write(path, [line(1, run="one")])
    (tmp_path / "a.runs.jsonl").write_bytes(text.encode("latin-1") + b"\n")
    report = make_report([str(path)])
    assert report.rows == 1
    assert to_text(report, width=80, colour=False)
