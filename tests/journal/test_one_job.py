"""One job, one journal: whatever went wrong can be put right until the books say zero."""

import asyncio
import csv
import json
import os
import time
from pathlib import Path

import pytest

from batchconv.errors import UsageError
from batchconv.journal.runs_file import RunsFile
from batchconv.operations.audit import audit
from batchconv.operations.dismiss import Choice, dismiss
from batchconv.operations.resend import prepare_resend
from batchconv.settings.options import Settings
from batchconv.settings.read_options import ReadSettings
from tests.shells import Wire, results, upload_here

HEAD = "message_id,delivered,note\n"
FAILED = Path("in.simulated.failed.csv")
RESULTS = Path("in.simulated.results.jsonl")


@pytest.fixture(autouse=True)
def wire(tmp_path, monkeypatch):
    """Uploads of this process run in an empty folder and go nowhere."""
    monkeypatch.chdir(tmp_path)
    wire = Wire()
    wire.plug_in(monkeypatch)
    return wire


def write(*rows: str, head: str = HEAD, name: str = "in.csv") -> str:
    Path(name).write_text(head + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    return name


def failed_rows(path: Path = FAILED) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def correct(path: Path, **by_row: dict[str, str]) -> None:
    """Change cells of the failed rows, by the number of the row that they are of."""
    rows = failed_rows(path)
    for row in rows:
        row.update(by_row.get(f"row{row['_row']}", {}))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


def proved(*inputs: str) -> int:
    return int(audit(inputs or ["in.csv"], str(RESULTS), ReadSettings()).exit_code)


# -- corrected rows --------------------------------------------------------------------------------


def test_failed_rows_that_are_corrected_and_fed_back_bring_the_books_to_zero(wire):
    write("a,true,1", ",true,2", "c,maybe,3", '"d,true,4', "e,true,5")
    assert upload_here("in.csv").exit_code == 1
    correct(FAILED, row2={"message_id": "b"}, row3={"delivered": "TRUE"},
            row4={"message_id": "d", "delivered": "1"})  # fmt: skip
    fed = upload_here(str(FAILED))
    assert (fed.exit_code, fed.outstanding_rows) == (0, 0)
    assert wire.sent == dict.fromkeys("abcde", 1)
    assert proved() == 0
    lines = results(RESULTS)[-3:]
    assert {(line["source"], line["row"], line["line"]) for line in lines} == {
        ("in.csv", 2, 3), ("in.csv", 3, 4), ("in.csv", 4, 5),
    }  # fmt: skip
    assert {line["replaces"] for line in lines} == {"invalid"}
    again = upload_here(str(FAILED))
    assert (again.books.settled, again.exit_code) == (3, 0)
    assert upload_here("in.csv", resume=True).books.settled == 5
    assert wire.sent == dict.fromkeys("abcde", 1)


def as_a_spreadsheet_saves_it(path: Path) -> None:
    rows = failed_rows(path)
    names = list(rows[0])
    names = [*names[5:], *names[:5]]  # columns moved
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, names, delimiter=";", quoting=csv.QUOTE_ALL)
        writer.writeheader()
        writer.writerows(rows)


def test_a_spreadsheet_in_between_does_no_harm(wire):
    write("a,true,1", ",true,2")
    upload_here("in.csv")
    correct(FAILED, row2={"message_id": "b"})
    as_a_spreadsheet_saves_it(FAILED)
    assert FAILED.read_bytes().startswith(b"\xef\xbb\xbf")
    assert upload_here(str(FAILED)).outstanding_rows == 0
    assert wire.sent == {"a": 1, "b": 1}


@pytest.mark.parametrize("first", ["the export", "the failed rows"])
def test_a_row_that_is_corrected_in_the_export_as_well_is_sent_once(wire, first):
    write("a,true,1", ",true,2")
    upload_here("in.csv")
    correct(FAILED, row2={"message_id": "b"})
    write("a,true,1", "b,true,2")
    steps = {
        "the export": lambda: upload_here("in.csv", resume=True),
        "the failed rows": lambda: upload_here(str(FAILED)),
    }
    for step in sorted(steps, key=lambda one: one != first):
        assert steps[step]().exit_code == 0
    assert wire.sent == {"a": 1, "b": 1}
    assert upload_here("in.csv", resume=True).outstanding_rows == 0
    assert proved() == 0


def test_of_two_rows_corrected_to_the_same_the_export_takes_one(wire):
    """Both are rows of their own: one equal row of the inputs stands for one of them."""
    write("a,true,1", "a?,maybe,2", "a!,maybe,3")
    upload_here("in.csv")
    correct(FAILED, row2={"message_id": "a", "delivered": "1"},
            row3={"message_id": "a", "delivered": "1"})  # fmt: skip
    fed = upload_here(str(FAILED))
    assert (fed.books.counts()["skipped"], fed.books.counts()["accepted"]) == (1, 1)
    assert wire.sent == {"a": 2}
    assert upload_here(str(FAILED)).books.settled == 2


def test_an_unchanged_row_that_was_accepted_meanwhile_is_not_sent_again(wire):
    wire.status = {"b": 420}
    write("a,true,1", "b,true,2")
    upload_here("in.csv")
    wire.status = {}
    assert upload_here("in.csv", resume=True, retry="rejected").outstanding_rows == 0
    assert upload_here(str(FAILED)).books.settled == 1
    assert wire.sent == {"a": 1, "b": 2}


def test_what_is_still_bad_goes_to_the_next_free_name_and_no_row_is_written_twice(wire):
    wire.status = {"b": 420, "c": 420, "x": 420}
    write("a,true,1", "b,true,2", "c,true,3")
    upload_here("in.csv")
    correct(FAILED, row2={"message_id": "x"})
    fed = upload_here(str(FAILED))
    assert fed.outstanding_rows == 2
    assert fed.failed == ["in.simulated.failed.2.csv"]
    assert [row["message_id"] for row in failed_rows(Path(fed.failed[0]))] == ["x"]
    wire.status = {}
    for path in (FAILED, Path(fed.failed[0])):
        correct(path, row2={"message_id": "b2"}, row3={"message_id": "c2"})
        last = upload_here(str(path))
    assert last.outstanding_rows == 0
    assert wire.sent == {"a": 1, "b": 1, "c": 2, "x": 1, "b2": 1, "c2": 1}
    assert proved() == 0


def test_corrected_rows_are_read_with_the_options_of_the_run_that_wrote_them():
    Path("in.csv").write_text("id;yes?;at\nä,1;maybe;20.11.2026 06:08\n", encoding="latin-1")
    options = {
        "encoding": "latin-1", "delimiter": ";", "timestamp_format": "%d.%m.%Y %H:%M",
        "map": (("message_id", "id"), ("delivered", "yes?"), ("timestamp", "at")),
    }  # fmt: skip
    assert upload_here("in.csv", **options).exit_code == 1
    path = Path("in.simulated.failed.csv")
    path.write_text(path.read_text(encoding="utf-8").replace("maybe", "true"), encoding="utf-8")
    assert upload_here(str(path)).exit_code == 0
    line = results(RESULTS)[-1]
    assert (line["message_id"], line["timestamp"]) == ("ä,1", "2026-11-20 06:08:00")


def test_rows_of_an_input_without_a_header_can_be_corrected(wire):
    write("a,true", ",true", head="")
    options = {"no_header": True, "map": (("message_id", "1"), ("delivered", "2"))}
    upload_here("in.csv", **options)
    correct(FAILED, row2={"1": "b"})
    assert upload_here(str(FAILED)).outstanding_rows == 0
    assert wire.sent == {"a": 1, "b": 1}


def test_rows_without_a_key_or_of_an_unknown_run_are_not_sent_and_told(wire):
    write("a,true,1", ",true,2", ",true,3", ",true,4")
    upload_here("in.csv")
    correct(FAILED, row2={"message_id": "b"}, row3={"message_id": "c", "_key": ""},
            row4={"message_id": "d", "_run": "other"})  # fmt: skip
    fed = upload_here(str(FAILED))
    assert wire.sent == {"a": 1, "b": 1}
    assert fed.outstanding_rows == 2
    assert any("not sent: " in note and "row 2" in note and "other" in note for note in fed.notes)
    correct(FAILED, row2={"_key": ""})
    with pytest.raises(UsageError, match="none of the 3 rows can be sent"):
        upload_here(str(FAILED))


def test_a_second_line_for_the_same_row_is_ignored_and_told(wire):
    write(",true,2")
    upload_here("in.csv")
    correct(FAILED, row1={"message_id": "b"})
    lines = FAILED.read_text(encoding="utf-8").splitlines(keepends=True)
    FAILED.write_text("".join([*lines, lines[-1].replace("b,true", "x,true")]), encoding="utf-8")
    fed = upload_here(str(FAILED))
    assert wire.sent == {"b": 1}
    assert any(note.startswith("ignored: ") for note in fed.notes)


def test_failed_rows_and_ordinary_inputs_do_not_mix(wire):
    write(",true,2")
    upload_here("in.csv")
    with pytest.raises(UsageError, match="cannot be uploaded together"):
        upload_here(str(FAILED), "in.csv")
    assert not wire.sent


def test_several_inputs_have_their_failed_rows_in_a_folder_that_can_be_fed_back(wire):
    for name in ("ex/one/a.csv", "ex/two/a.csv"):
        Path(name).parent.mkdir(parents=True)
        write("a,true,1", ",true,2", name=name)
    assert upload_here("ex").exit_code == 1
    folder = Path("ex.simulated.failed")
    found = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.csv"))
    assert found == ["one/a.csv", "two/a.csv"]
    for number, name in enumerate(found):
        correct(folder / name, row2={"message_id": f"b{number}"})
    assert upload_here(str(folder)).outstanding_rows == 0
    assert wire.sent == {"a": 2, "b0": 1, "b1": 1}


# -- a row is known by what is sent ----------------------------------------------------------------


@pytest.mark.parametrize(
    "after",
    [
        "message_id,delivered,timestamp\nA1,TRUE,2026-11-20T06:08:11Z\n",
        "message_id;delivered;timestamp;empty\r\nA1;1;1795154891;\r\n",
        '{"message_id":"A1","delivered":true,"timestamp":1795154891}\n',
    ],
)
def test_another_notation_or_name_of_the_input_sends_nothing_again(wire, after):
    write("A1,true,2026-11-20 06:08:11", head="message_id,delivered,timestamp\n")
    upload_here("in.csv", results="job.results.jsonl")
    name = "other.jsonl" if after.startswith("{") else "other.csv"
    Path(name).write_text(after, encoding="utf-8")
    again = upload_here(name, results="job.results.jsonl", resume=True)
    assert (again.books.settled, wire.sent) == (1, {"A1": 1})


def test_a_reused_name_with_other_rows_sends_the_new_ones(wire):
    write("a,true,1", "b,true,2")
    upload_here("in.csv")
    write("b,true,2", "c,true,1")
    assert upload_here("in.csv", resume=True).books.settled == 1
    assert wire.sent == {"a": 1, "b": 1, "c": 1}


def test_options_under_which_no_row_is_known_are_refused_before_anything_is_sent(wire):
    write("a,true,2026-11-20 06:08:11", head="message_id,delivered,timestamp\n")
    upload_here("in.csv")
    with pytest.raises(UsageError, match="--channel was sms and is voice"):
        upload_here("in.csv", resume=True, channel="voice")
    assert wire.sent == {"a": 1}


# -- runs ------------------------------------------------------------------------------------------


def test_the_exit_code_speaks_of_the_run_and_what_is_outstanding_is_told(wire):
    wire.status = {"b": 420}
    write("a,true,1", "b,true,2")
    assert upload_here("in.csv").exit_code == 1
    again = upload_here("in.csv", resume=True)
    assert (again.exit_code, again.outstanding_rows) == (0, 1)
    assert again.failed_of_job == [str(FAILED)]
    assert "outstanding in the job: 1 row (1 rejected)" in again.lines()


def test_a_runs_file_tells_of_each_run():
    write("a,true,1")
    first = upload_here("in.csv")
    upload_here("in.csv", resume=True)
    runs = RunsFile("in.simulated.runs.jsonl").read()
    assert runs[0].start.run == first.run
    assert [run.end and run.end.summary["read"] for run in runs] == [1, 1]
    assert runs[1].start.options["resume"] is True
    assert "secret" not in Path("in.simulated.runs.jsonl").read_text(
        encoding="utf-8"
    ).lower().replace("secret_file", "")


def test_a_crash_leaves_a_start_without_an_end_and_bounds_what_may_be_repeated():
    write("a,true,1", "b,true,2", "c,true,3")
    upload_here("in.csv", limit=1)  # so that one was in flight at most
    runs = Path("in.simulated.runs.jsonl")
    lines = runs.read_text(encoding="utf-8").splitlines(keepends=True)
    runs.write_text(lines[0] + lines[1][:40], encoding="utf-8")  # torn as well
    again = upload_here("in.csv", resume=True)
    assert again.traffic.unknown_repeats == 1
    assert [run.end is None for run in RunsFile(str(runs)).read()] == [True, False]


def test_overwrite_sets_the_old_job_aside_and_deletes_nothing():
    write("a,true,1", ",true,2")
    upload_here("in.csv")
    before = {path.read_bytes() for path in Path().iterdir()}
    with pytest.raises(UsageError, match="exists: a job with this name exists"):
        upload_here("in.csv")
    with pytest.raises(UsageError):
        upload_here("in.csv", overwrite=True, delimiter="|")
    assert {path.read_bytes() for path in Path().iterdir()} == before, "only when all is well"
    again = upload_here("in.csv", overwrite=True)
    assert again.books.counts()["accepted"] == 1
    assert before <= {path.read_bytes() for path in Path().iterdir()}
    aside = sorted(path.name for path in Path().glob("in.simulated.2*"))
    assert [name.split("Z.")[1] for name in aside] == ["failed.csv", "results.jsonl", "runs.jsonl"]


def test_what_is_no_job_is_never_set_aside():
    write("a,true,1")
    Path("r.simulated.jsonl").write_text("somebody's\n", encoding="utf-8")
    with pytest.raises(UsageError, match="is not a results file"):
        upload_here("in.csv", results="r.simulated.jsonl", overwrite=True)
    assert Path("r.simulated.jsonl").read_text(encoding="utf-8") == "somebody's\n"


def test_a_job_stands_beside_its_input_and_is_found_from_wherever_it_is_run(monkeypatch):
    Path("data").mkdir()
    write("a,true,1", name="data/in.csv")
    upload_here("data/in.csv")
    assert {path.name for path in Path("data").iterdir()} == {
        "in.csv", "in.simulated.results.jsonl", "in.simulated.runs.jsonl",
    }  # fmt: skip
    monkeypatch.chdir("data")
    assert upload_here("in.csv", resume=True).books.settled == 1


def test_two_jobs_of_one_name_are_refused():
    write("a,true,1")
    upload_here("in.csv")
    Path("in.simulated.results.csv").write_text("x", encoding="utf-8")
    with pytest.raises(UsageError, match="it is not clear which is meant"):
        upload_here("in.csv", resume=True)


@pytest.mark.parametrize("how", ["delete", "move", "replace"])
def test_results_that_are_gone_while_the_run_writes_to_them_end_it_with_5(wire, how):
    write("a,true,1")
    status = wire.exchange

    async def and_then_it_is_gone(*arguments, **more):
        os.rename(RESULTS, "elsewhere")  # noqa: PTH104 - it takes no time
        if how == "delete":
            os.unlink("elsewhere")  # noqa: PTH108 - the same
        if how == "replace":
            open(RESULTS, "wb").close()
        return await status(*arguments, **more)

    wire.exchange = and_then_it_is_gone
    summary = upload_here("in.csv")
    assert summary.exit_code == 5
    assert "was deleted, moved or replaced" in summary.stops[0].why


def test_a_resend_adds_to_the_job_and_takes_the_place_of_what_failed(wire):
    wire.status = {"b": 500, "c": 420}
    write("a,true,1", "b,true,2", "c,true,3")
    upload_here("in.csv", max_attempts=1)
    Path("in.csv").unlink()
    wire.status = {}
    for rejected, left in ((False, 1), (True, 0)):
        run = prepare_resend(
            str(RESULTS), Settings(simulate="calm", rate=None), {}, include_rejected=rejected
        )
        assert asyncio.run(run.run()).outstanding_rows == left
    assert wire.sent == {"a": 1, "b": 2, "c": 2}
    assert [line["replaces"] for line in results(RESULTS)[-2:]] == ["failed", "rejected"]


def test_an_audit_refuses_a_file_in_which_lines_stand_twice():
    write("a,true,1")
    upload_here("in.csv")
    RESULTS.write_bytes(RESULTS.read_bytes() * 2)
    with pytest.raises(UsageError, match="line 2 is a duplicate"):
        proved()


def test_rows_that_have_had_one_place_one_after_the_other_are_no_duplicates_in_an_audit(
    monkeypatch,
):
    """Both are dismissed at once, and the lines are alike to the last byte."""
    monkeypatch.setattr(time, "time", lambda: 1_795_140_000.0)
    write(",true,1", "x,maybe,2")
    upload_here("in.csv")
    write("x,maybe,2", "x,maybe,2")
    upload_here("in.csv", resume=True)
    assert [(line["row"], line["reason"]) for line in results(RESULTS)[1:]] == [
        (2, "bad-delivered"), (2, "bad-delivered"),
    ]  # fmt: skip
    dismiss(str(RESULTS), Choice())
    assert results(RESULTS)[-1] in results(RESULTS)[:-1]
    assert proved() == 0


@pytest.mark.parametrize("size", [11, 100])
def test_a_job_of_which_a_crash_has_left_a_torn_first_line_is_gone_on_with(wire, size):
    write("a,true,1", "b,true,2")
    upload_here("in.csv")
    runs = Path("in.simulated.runs.jsonl")
    for path in (RESULTS, runs):
        path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(UsageError, match="a results file of batchconv"):
        upload_here(str(RESULTS))
    assert upload_here("in.csv", resume=True).books.results["accepted"] == 2
    assert proved() == 0
    assert wire.sent == {"a": 2, "b": 2}
    assert len(runs.read_bytes().splitlines()) == 2


def test_an_audit_tells_of_rows_without_an_outcome_and_of_accepted_ones_without_a_row():
    write("a,true,1", "b,maybe,2")
    upload_here("in.csv")
    write("c,true,1")
    found = audit(["in.csv"], str(RESULTS), ReadSettings())
    assert (found.missing, found.gone, found.superseded, found.exit_code) == (1, 1, 1, 1)
    assert json.dumps(found.as_dict())
    write("a,true,1")
    assert proved() == 0
    write("b,maybe,2")
    assert audit(["in.csv"], str(RESULTS), ReadSettings(), allow_gone=True).exit_code == 0


def test_failed_rows_are_known_as_such_whatever_characters_their_first_line_holds(wire):
    """A line separator of Unicode ends no line."""
    wire.status = {"a\u2028b": 420}
    Path("in.jsonl").write_text('{"message_id": "a\u2028b", "delivered": true}\n', "utf-8")
    upload_here("in.jsonl")
    wire.status = {}
    assert upload_here("in.simulated.failed.jsonl").books.results["accepted"] == 1


@pytest.mark.parametrize("how", [{}, {"map": (("message_id", "my.id"),)}])
def test_failed_rows_of_which_none_could_be_taken_apart_are_fed_back(wire, how):
    """They have no keys of their own until somebody fills them in."""
    Path("in.jsonl").write_text("{oops\n" * 2)
    upload_here("in.jsonl", **how)
    path = Path("in.simulated.failed.jsonl")
    again = upload_here(path.name)
    assert (again.books.read, again.books.settled, again.outstanding_rows) == (2, 2, 2)
    first, second = map(json.loads, path.read_text().splitlines())
    first |= {"my": {"id": "a"}, "message_id": "a", "delivered": True}
    path.write_text(f"{json.dumps(first)}\n{json.dumps(second)}\n")
    again = upload_here(path.name)
    assert (list(wire.sent), again.outstanding_rows) == (["a"], 1)


def test_failed_rows_may_have_all_the_columns_that_their_input_may_have(wire):
    wire.status = {"a": 420}
    upload_here(write("a,true,x"), max_columns=3)
    wire.status = {}
    assert upload_here(FAILED.name).books.results["accepted"] == 1
