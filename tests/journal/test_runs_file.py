"""The runs file: a run that does not take place leaves no start behind."""

from batchconv.journal.runs_file import RunEnd, RunsFile, RunStart


def start(run: str) -> RunStart:
    return RunStart(run, "2026-11-25T12:00:00.000Z", "upload", ["in.csv"], "target", {})


def test_the_start_of_a_first_run_is_taken_back_with_its_file(tmp_path):
    path = tmp_path / "in.runs.jsonl"
    runs = RunsFile(str(path))
    runs.begin(start("a"))
    runs.take_back()
    assert not path.exists()


def test_what_earlier_runs_wrote_stays(tmp_path):
    path = tmp_path / "in.runs.jsonl"
    earlier = RunsFile(str(path))
    earlier.begin(start("a"))
    earlier.end(RunEnd("a", {"run": "a", "finished": "2026-11-25T12:00:01.000Z"}))
    before = path.read_bytes()
    runs = RunsFile(str(path))
    runs.begin(start("b"))
    runs.take_back()
    assert path.read_bytes() == before


def test_a_run_that_never_began_takes_nothing_back(tmp_path):
    path = tmp_path / "in.runs.jsonl"
    RunsFile(str(path)).begin(start("a"))
    before = path.read_bytes()
    RunsFile(str(path)).take_back()
    assert path.read_bytes() == before
