"""The rows of a job that are bad, written anew from its inputs: as the upload itself wrote them."""

from pathlib import Path

import pytest

from batchconv.errors import InputError, UsageError
from batchconv.operations.dismiss import Choice, dismiss
from batchconv.operations.failed import write_failed
from batchconv.settings.read_options import ReadSettings
from tests.shells import Wire, upload_here

RESULTS = "in.simulated.results.jsonl"
ROWS = (
    'message_id;delivered;note\na;true;"x; y"\nb;maybe;\n;true;"two\nlines"\nc;true;\nd;true;\n'
    'e;true;too;many\n'
)  # fmt: skip


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("in.csv").write_text(ROWS)


@pytest.fixture
def wire(monkeypatch):
    """Says no to two of the rows, in two ways."""
    wire = Wire()
    wire.plug_in(monkeypatch)
    wire.status |= {"c": 420, "d": 503}
    return wire


def write(*inputs: str, results: str = RESULTS, given=(), named=None, **settings):
    return write_failed(results, inputs, ReadSettings(**settings), set(given), named=named)


@pytest.mark.usefixtures("wire")
def test_the_rows_are_those_that_the_upload_wrote():
    upload_here("in.csv", max_attempts=1)
    own = Path("in.simulated.failed.csv")
    written = write("in.csv")
    assert (written.rows, written.missing) == (5, 0)
    assert written.files == ["in.simulated.failed.2.csv"], "the first free name"
    assert sorted(Path(written.files[0]).read_text().split("\n")) == sorted(
        own.read_text().split("\n")
    )


def test_the_rows_are_read_with_the_options_of_the_job(wire):
    Path("odd").write_bytes("ref\tok\nid1\tja\nid2\tnein\n".encode("utf-16"))
    options = {"map": (("message_id", "ref"), ("delivered", "ok")), "encoding": "utf-16",
               "format": "tsv"}  # fmt: skip
    upload_here("odd", **options)
    written = write("odd", results="odd.simulated.results.jsonl")
    assert written.rows == 2
    (path,) = written.files
    assert Path(path).read_text().splitlines()[1].startswith("id1\tja\tinvalid\tbad-delivered")
    assert not wire.sent


@pytest.mark.usefixtures("wire")
def test_what_was_settled_since_is_left_out():
    upload_here("in.csv", max_attempts=1)
    dismiss(RESULTS, Choice(outcomes=frozenset({"invalid"})))
    assert write("in.csv", named="left.csv").rows == 2
    assert [line[:2] for line in Path("left.csv").read_text().splitlines()[1:]] == ["c;", "d;"]


@pytest.mark.usefixtures("wire")
def test_a_file_that_was_fed_back_settles_the_rows_whatever_wrote_it(wire):
    upload_here("in.csv", max_attempts=1, no_failed=True)
    (path,) = write("in.csv").files
    wire.status.clear()
    text = Path(path).read_text().replace("maybe", "false")
    Path(path).write_text(text)
    summary = upload_here(path, retry=None)
    assert summary.books.counts()["accepted"] == 3
    assert wire.sent["b"] == wire.sent["c"] - 1 == wire.sent["d"] - 1 == 1
    assert write("in.csv").rows == 2


@pytest.mark.usefixtures("wire")
def test_rows_that_are_not_in_the_inputs_are_counted():
    upload_here("in.csv", max_attempts=1)
    Path("in.csv").write_text("message_id;delivered;note\nb;maybe;\n")
    written = write("in.csv")
    assert (written.rows, written.missing) == (1, 4)


@pytest.mark.usefixtures("wire")
def test_several_inputs_have_a_folder_under_their_own_paths():
    for name in ("x/one.csv", "x/y/two.csv"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text("message_id,delivered\nc,true\n")
    upload_here("x", max_attempts=1, no_failed=True)
    written = write("x", results="x.simulated.results.jsonl")
    assert sorted(written.files) == [
        "x.simulated.failed/one.csv", "x.simulated.failed/y/two.csv",
    ]  # fmt: skip


@pytest.mark.usefixtures("wire")
def test_one_input_can_go_to_standard_output():
    upload_here("in.csv", max_attempts=1)
    told: list[bytes] = []
    written = write_failed(RESULTS, ["in.csv"], ReadSettings(), set(), named="-", write=told.append)
    assert (written.rows, written.files) == (5, [])
    assert sorted(b"".join(told).split(b"\n")) == sorted(
        Path("in.simulated.failed.csv").read_bytes().split(b"\n")
    )
    Path("other.csv").write_text(ROWS)
    with pytest.raises(UsageError, match="would go to standard output"):
        write_failed(
            RESULTS, ["in.csv", "other.csv"], ReadSettings(), set(), named="-",
            write=told.append,
        )  # fmt: skip


@pytest.mark.usefixtures("wire")
def test_what_is_no_input_of_the_job_is_refused():
    upload_here("in.csv", max_attempts=1)
    with pytest.raises(UsageError, match="is none of its inputs"):
        write("in.simulated.failed.csv")
    with pytest.raises(InputError):
        write("in.csv", results="in.csv")
    with pytest.raises(UsageError, match=r"in\.csv"):
        write("in.csv", named="in.csv")
    assert Path("in.csv").read_text() == ROWS
