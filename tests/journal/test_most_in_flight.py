"""What a crash may cost is written down before it can happen, at every moment of a run."""

import json

import pytest

from batchconv.journal.runs_file import RunEnd, RunsFile, RunStart
from batchconv.model import Reply
from batchconv.sending.stops import signal_stop
from tests.harness import OK, Job

ALIKE = {"zone": "ü", "most_in_flight": 0, "null": '"most_in_flight": 0}'}
START = RunStart("a", "2026-11-25T12:00:00.000Z", "upload", ["in.csv"], "target", ALIKE)


def test_the_number_is_raised_in_its_place_and_every_other_byte_stays(tmp_path):
    path = tmp_path / "in.runs.jsonl"
    earlier = RunsFile(str(path))
    earlier.begin(START._replace(run="0"))
    runs = RunsFile(str(path))
    runs.begin(START)
    before = path.read_bytes()
    for most in (7, 1_234_567):
        runs.note_most_in_flight(most)
        assert len(path.read_bytes()) == len(before)
        assert path.read_bytes().replace(str(most).encode(), b"0".rjust(len(str(most)))) == before
        assert [run.start.most_in_flight for run in runs.read()] == [0, most]
    runs.end(RunEnd("a", {"run": "a", "finished": "2026-11-25T12:00:01.000Z"}))
    assert runs.read()[1].start == START._replace(most_in_flight=1_234_567)


def test_the_number_has_its_place_whatever_field_of_a_start_is_the_last(tmp_path, monkeypatch):
    """And however great it is, it takes the place of nothing else."""
    told = RunStart._asdict
    monkeypatch.setattr(RunStart, "_asdict", lambda run: {"most_in_flight": 0} | told(run))
    runs = RunsFile(str(tmp_path / "in.runs.jsonl"))
    runs.begin(START)
    for most, found in (7, 7), (10**12, 10**9 - 1):
        runs.note_most_in_flight(most)
        assert [run.start for run in runs.read()] == [START._replace(most_in_flight=found)]


@pytest.mark.parametrize("concurrency", [3, None])
def test_the_runs_file_bounds_what_was_sent_and_has_no_line_whenever_the_process_is_killed(
    tmp_path, concurrency
):
    """Rows that wait for a retry are among them: 504 leaves open whether the API took them."""
    runs = tmp_path / "in.runs.jsonl"

    def answer(_message_id: str, _now: float) -> Reply:
        written = job.results.read_text(encoding="utf-8").count("\n")
        unknown = len({one for _, one in job.sent}) - written
        bound = json.loads(runs.read_text(encoding="utf-8"))["most_in_flight"]
        assert unknown <= bound
        seen.append((unknown, bound))
        return Reply(504, 0.01) if len(job.sent) % 3 == 1 else OK

    job, seen = Job(tmp_path, answer).write(f"id{n}" for n in range(150)), []
    job.upload(concurrency=concurrency)
    unknown, bounds = zip(*seen, strict=True)
    assert 3 < max(unknown) <= max(bounds) < 2 * max(unknown)


def test_what_a_crash_left_open_is_still_counted_when_a_resume_was_stopped_before(tmp_path):
    job = Job(tmp_path, latency=1.0).write(f"id{n}" for n in range(30))
    job.upload(concurrency=10, limit=10)
    runs = tmp_path / "in.runs.jsonl"
    start, _ = runs.read_text(encoding="utf-8").splitlines()
    runs.write_text(start + "\n", encoding="utf-8")  # as a process leaves it that was killed
    job.results.write_text("", encoding="utf-8")
    stop = (1.5, lambda run: run.stop(signal_stop(15)))
    first = job.upload(resume=True, concurrency=2, events=[stop])
    second = job.upload(resume=True)
    assert first.traffic.unknown_repeats == 4
    assert first.traffic.unknown_repeats + second.traffic.unknown_repeats == 10
