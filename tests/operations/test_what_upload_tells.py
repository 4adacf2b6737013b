"""What an upload says of its inputs besides what became of their rows."""

from pathlib import Path

import pytest

from batchconv.operations.dry_run import dry_run
from batchconv.settings.options import Settings
from tests.shells import Wire, upload_here

HEAD = "message_id,delivered,timestamp\n"


@pytest.fixture(autouse=True)
def wire(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    wire = Wire()
    wire.plug_in(monkeypatch)
    return wire


def write(*times: str) -> str:
    rows = "".join(f"id{number},true,{time}\n" for number, time in enumerate(times))
    Path("in.csv").write_text(HEAD + rows)
    return "in.csv"


def test_what_is_no_row_is_told_at_the_end():
    Path("in.csv").write_text(f"{HEAD}a,true,\n\n,,\n{HEAD}b,true,\n")
    summary = upload_here("in.csv")
    assert summary.books.read == 2
    assert "no rows: 2 blank records, 1 repeated header" in summary.lines()
    assert summary.as_dict()["no_rows"] == {"blank": 2, "headers": 1}
    found = dry_run(["in.csv"], Settings(simulate="calm", overwrite=True), {})
    assert found.as_dict(None)["no_rows"] == {"blank": 2, "headers": 1}


def test_where_every_line_is_a_row_nothing_is_told():
    assert not any("no rows" in line for line in upload_here(write("")).lines())


@pytest.mark.parametrize(
    ("time", "remedy"),
    [
        ("20.11.2026 06:08:15", "give --timestamp-format '%d.%m.%Y %H:%M:%S'"),
        ("yesterday", "name their --timestamp-format"),
    ],
)
def test_a_column_of_times_that_nobody_recognises_is_told_with_what_reads_it(time, remedy):
    name = write("", *[time] * 120)
    notice = f"no timestamp in the first 100 rows of in.csv is recognised; {remedy}"
    assert notice in upload_here(name).notes
    found = dry_run([name], Settings(simulate="calm", overwrite=True), {})
    assert notice in found.notes


@pytest.mark.parametrize(
    "times",
    [
        ("20.11.2026 06:08:15", "2026-11-20 06:08:15"),  # one that is recognised
        ("2026-02-30 00:00:00",),  # recognised, and impossible
        ("", "NULL"),
    ],
)
def test_no_format_is_proposed_for_other_columns(times):
    assert not any("--timestamp-format" in note for note in upload_here(write(*times)).notes)


def test_no_format_is_proposed_beside_one_that_is_named():
    summary = upload_here(write("20.11.2026 06:08:15"), timestamp_format="%d/%m/%Y")
    assert not any("is recognised" in note for note in summary.notes)


def test_columns_of_json_lines_are_looked_at_as_well():
    Path("in.jsonl").write_text('{"message_id": 1, "delivered": 1, "timestamp": "11/20/2026"}\n')
    (notice,) = upload_here("in.jsonl").notes
    assert notice.endswith("give --timestamp-format '%m/%d/%Y'")
