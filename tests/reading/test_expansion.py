"""Folders and patterns → files: which, in what order, and under which names."""

import gzip
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from batchconv.errors import InputError, UsageError
from batchconv.operations.audit import audit
from batchconv.operations.validate import validate
from batchconv.reading.sources import expand, run_stem
from batchconv.settings.read_options import ReadSettings
from batchconv.simulator import Behaviour, Simulator
from tests.shells import Shell, ids, upload_here

ROWS = "message_id,delivered\n{},true\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def fill(*names: str) -> None:
    """Files with a row each."""
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(ROWS.format(Path(name).name))


def write(name: str, text: str) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(text)


def found(*names: str) -> list[str]:
    return [*map(str, expand(names).inputs)]


# -- which files -----------------------------------------------------------------------------------

EXPORT = [
    "exports/part-1.csv",
    "exports/part-2.csv.gz",
    "exports/part-9.jsonl.zst",
    "exports/part-10.parquet",
    "exports/dt=2026-11-20/part-0.csv",
    "exports/part-00000",
]


@pytest.mark.parametrize("name", ["exports", "exports/", "./exports"])
def test_a_folder_is_its_data_files_and_those_below_in_natural_order(name):
    fill(*EXPORT)
    assert found(name) == [
        "exports/dt=2026-11-20/part-0.csv",
        "exports/part-00000",
        "exports/part-1.csv",
        "exports/part-2.csv.gz",
        "exports/part-9.jsonl.zst",
        "exports/part-10.parquet",
    ]


def test_the_current_folder_can_be_named():
    fill("b.csv", "a.csv")
    assert found(".") == ["a.csv", "b.csv"]


@pytest.mark.parametrize(
    "name",
    ["_SUCCESS", "_temporary/0/part-0.csv", ".part-0.csv.crc", ".git/a.csv", "_delta_log/a.json"],
)
def test_what_is_put_aside_by_its_name_is_passed_over(name):
    """Spark, Hadoop and Delta write such files; everyone who reads their folders does so."""
    fill("exports/part-1.csv", f"exports/{name}")
    assert expand(["exports"]) == (["exports/part-1.csv"], [])
    assert found("exports/*") == ["exports/part-1.csv"]
    assert found("exports/**") == ["exports/part-1.csv"]


@pytest.mark.parametrize(
    "name",
    ["notes.docx", "a.csv.md5", "run.sql", "a.results.jsonl", "a.simulated.results.csv",
     "a.failed.csv", "a.failed.2.jsonl", "a.failed.raw", "a.runs.jsonl", "a.simulated.runs.jsonl",
     "a.20261128T060815Z.results.jsonl", "a.results.20261128T060815Z.csv", "a.results.jsonl.gz",
     "a.failed/b.csv", "a.failed.2/b/c.csv"],
)  # fmt: skip
def test_what_is_no_data_or_was_written_here_is_left_out_of_a_folder_and_told(name):
    """Results of an earlier run have all the columns of conversions: they would be sent."""
    fill("exports/part-1.csv", f"exports/{name}")
    expanded = expand(["exports"])
    assert expanded == (["exports/part-1.csv"], [f"exports/{name}"])
    assert expanded.note() == (f"found and not read: exports/{name}")


def test_a_long_list_of_what_is_left_out_is_cut_short():
    fill("exports/part-1.csv", *(f"exports/{number}.md5" for number in range(8)))
    note = expand(["exports"]).note()
    assert note is not None
    assert note.endswith("and 3 more")


def test_an_empty_file_of_a_folder_is_passed_over_unless_it_should_be_parquet():
    """A job that died may leave an empty .parquet, which no whole one is."""
    fill("exports/part-1.csv")
    for name in ("part-2.csv", "part-3.parquet"):
        Path("exports", name).touch()
    assert expand(["exports"]) == (["exports/part-1.csv", "exports/part-3.parquet"], [])
    assert found("exports/part-*") == ["exports/part-1.csv", "exports/part-3.parquet"]


def test_links_to_files_are_followed_and_links_to_folders_are_left_out(folder):
    """A link to a folder may lead round in a circle."""
    fill("exports/part-1.csv", "elsewhere/part-2.csv")
    Path("exports/link.csv").symlink_to(folder / "elsewhere/part-2.csv")
    Path("exports/round").symlink_to(folder / "exports")
    os.mkfifo("exports/pipe.csv")
    assert expand(["exports"]) == (
        ["exports/link.csv", "exports/part-1.csv"],
        ["exports/round", "exports/pipe.csv"],
    )


def test_links_that_lead_round_in_a_circle_do_not_hold_up_a_pattern():
    """Two of them in one folder are two to the power of forty paths."""
    fill("loop/y.csv")
    for name in ("l1", "l2"):
        Path("loop", name).symlink_to(".")
    expanded = expand(["loop/**/*.csv"])
    assert expanded.inputs == ["loop/y.csv"]
    assert sorted(expand(["loop/*"]).left_out) == ["loop/l1", "loop/l2"]


def test_the_part_of_a_pattern_that_is_named_may_be_a_link():
    """A nightly export is often reached by a link called current."""
    fill("2026-11-20/a.csv")
    Path("current").symlink_to("2026-11-20")
    assert found("current/*.csv") == found("current") == ["current/a.csv"]


ORDINARY = (
    ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all", sys.executable, "-m", "batchconv"]
    if os.geteuid() == 0
    else [sys.executable, "-m", "batchconv"]
)


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="root may all")
@pytest.mark.parametrize("mode", [0o000, 0o644])
@pytest.mark.parametrize(
    "name", ["ex", "ex/*/*.csv", "ex/**/*.csv", "ex/b/x.csv", "ex/b", "ex/b/*"]
)
def test_what_may_not_be_looked_at_is_told_with_its_name(name, mode):
    """Else a night's rows are missing, and everything is green."""
    fill("ex/a/x.csv", "ex/b/x.csv")
    Path("ex/b").chmod(mode)
    try:
        done = subprocess.run(
            [*ORDINARY, "validate", name], capture_output=True, text=True, check=False
        )
    finally:
        Path("ex/b").chmod(0o755)
    assert done.returncode == 5, done.stderr
    assert "ex/b" in done.stderr
    assert "Permission denied" in done.stderr


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="root may all")
def test_a_folder_in_which_nothing_can_match_is_not_looked_into():
    fill("ex/a/x.csv", "ex/b/x.csv")
    Path("ex/b").chmod(0)
    try:
        done = subprocess.run([*ORDINARY, "validate", "ex/a*/*.csv"], check=False)
    finally:
        Path("ex/b").chmod(0o755)
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("exports/part-*", ["part-00000", "part-1.csv", "part-2.csv.gz", "part-9.jsonl.zst",
                            "part-10.parquet"]),
        ("exports/part-?.*", ["part-1.csv", "part-2.csv.gz", "part-9.jsonl.zst"]),
        ("exports/part-[12].*", ["part-1.csv", "part-2.csv.gz"]),
        ("exports/**/*.csv", ["dt=2026-11-20/part-0.csv", "part-1.csv"]),
        ("exports/dt=*", ["dt=2026-11-20/part-0.csv"]),
        ("e*/dt=*/*", ["dt=2026-11-20/part-0.csv"]),
        ("e*/**/part-0.csv", ["dt=2026-11-20/part-0.csv"]),
        ("**/dt=*/**/part-0.csv", ["dt=2026-11-20/part-0.csv"]),
        ("./exports/dt=*/", ["dt=2026-11-20/part-0.csv"]),
        ("exports/p*[!0].csv", ["part-1.csv"]),
    ],
)  # fmt: skip
def test_a_pattern_is_what_it_matches_in_natural_order(pattern, expected):
    fill(*EXPORT)
    assert found(pattern) == [f"exports/{name}" for name in expected]


def test_a_pattern_takes_any_ending_and_no_results_unless_it_asks_for_them():
    fill("a.dat", "b.dat", "a.results.jsonl", "a.failed.csv")
    assert expand(["*.dat"]) == (["a.dat", "b.dat"], [])
    expanded = expand(["a.*"])
    assert (expanded.inputs, sorted(expanded.left_out)) == (
        ["a.dat"],
        ["a.failed.csv", "a.results.jsonl"],
    )
    assert expand(["*.failed.csv"]) == (["a.failed.csv"], [])


def test_a_file_that_has_the_very_name_of_a_pattern_is_meant():
    fill("part-[1].csv", "part-1.csv")
    assert found("part-[1].csv") == ["part-[1].csv"]


def test_a_folder_that_has_the_name_of_a_file_is_a_folder():
    """Spark calls its folders so."""
    fill("export.csv/part-1.csv")
    assert found("export.csv") == ["export.csv/part-1.csv"]


# -- once ------------------------------------------------------------------------------------------


def test_a_file_that_is_found_twice_is_read_once():
    fill("a.csv", "b.csv")
    Path("link.csv").symlink_to("a.csv")
    os.link("b.csv", "same.csv")
    assert found("*.csv", "[ab].csv", "./b*") == ["a.csv", "b.csv"]
    assert found("b.csv", "*.csv", "a.csv", ".") == ["b.csv", "a.csv"]


@pytest.mark.parametrize("again", ["a.csv", "./a.csv", ".//a.csv", "x/../a.csv", "link.csv"])
def test_a_file_that_is_named_twice_is_read_once_and_told(again):
    """Nobody wants each of its rows sent twice."""
    fill("a.csv", "x/b.csv")
    Path("link.csv").symlink_to("a.csv")
    expanded = expand(["./a.csv", again])
    assert expanded.inputs == ["a.csv"]
    assert expanded.note() is not None
    assert "(named twice)" in str(expanded.note())


def test_a_file_has_one_name_however_it_is_spelled():
    fill("a/b.csv")
    names = ["a/b.csv", "./a/b.csv", "a//b.csv", "a/./b.csv"]
    assert {str(expand([name]).inputs[0]) for name in names} == {"a/b.csv"}


def test_a_file_called_dash_is_a_file():
    fill("-", "-x.csv", "s3:/a.csv")
    assert found("./-") == ["./-"]
    assert found(".") == ["./-", "-x.csv", "s3:/a.csv"]
    assert found("./*") == ["./-", "-x.csv", "s3:/a.csv"]
    assert found("-") == ["-"]
    assert validate(["./-"], ReadSettings()).read == 1


def test_what_was_expanded_is_not_expanded_again():
    """The second time there may be other files."""
    fill("part-*.csv", "part-1.csv")
    once = expand(["part-*.csv"]).inputs
    Path("part-*.csv").unlink()
    assert expand(once).inputs == ["part-*.csv"]


# -- files that were found and cannot be read ------------------------------------------------------


@pytest.mark.parametrize("named", ["ex", "ex/*.csv"])
@pytest.mark.parametrize("content", ["name,delivered\nx,true\n", "%PDF-1.7", ""])
async def test_a_found_file_that_lacks_a_column_is_told_and_the_others_are_sent(
    tmp_path, named, content
):
    fill("ex/1.csv", "ex/3.csv")
    write("ex/2.csv", content or '"')
    async with Simulator(Behaviour()) as simulator:
        ended = await Shell(tmp_path, simulator.base_url).uploaded(named)
        assert sorted(simulator.stats.accepted_ids) == ["1.csv", "3.csv"]
    assert ended.code == 5
    assert ended.books.accepted == 2
    assert "ex/2.csv" in ended.err


async def test_a_named_file_that_lacks_a_column_stops_the_run_before_it_begins(tmp_path):
    fill("ex/1.csv")
    write("ex/2.csv", "name,delivered\nx,true\n")
    async with Simulator(Behaviour()) as simulator:
        ended = await Shell(tmp_path, simulator.base_url).uploaded("ex", "ex/2.csv")
        assert simulator.stats.requests == 0
    assert ended.code == 2


def test_when_no_found_file_can_be_read_the_column_is_what_is_wrong():
    write("ex/2.csv", "name,delivered\nx,true\n")
    with pytest.raises(UsageError, match=r"ex/2\.csv: no column holds the message id"):
        validate(["ex"], ReadSettings())


def test_results_of_ours_that_are_found_are_left_out_whatever_their_name_and_packing():
    """A compressed one was sent as an export the next night."""
    fill("ex/1.csv")
    upload_here("ex/1.csv", results="r.results.jsonl")
    for name in ("ex/archive.jsonl.gz", "ex/1.simulated.results.jsonl.gz"):
        Path(name).write_bytes(gzip.compress(Path("r.simulated.results.jsonl").read_bytes()))
    findings = validate(["ex"], ReadSettings())
    assert (findings.read, findings.exit_code) == (1, 0)
    assert findings.note == (
        "found and not read: ex/1.simulated.results.jsonl.gz, ex/archive.jsonl.gz"
    )


# -- nothing there ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("no.csv", "no.csv does not exist"),
        ("no/", "no/ does not exist"),
        ("no-*.csv", r"no-\*\.csv matches no file"),
        ("empty", "empty holds no data files"),
        ("empty/*", r"empty/\* matches no file"),
        ("a\0b", "cannot be read"),
    ],
)
def test_what_is_not_there_is_an_input_that_is_missing(name, why):
    Path("empty").mkdir()
    Path("empty/_SUCCESS").touch()
    with pytest.raises(InputError, match=why):
        expand([name])


# -- URLs, as far as nobody is asked ---------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "https://user:secret@host/export.csv",
        "https://secret@host/export.csv",
        "https://user:sec/ret@host/path?token=secret#secret",
        "https://user:secret/path",
        "s3://key:secret@bucket/export.csv",
        "sftp://user:secret@host/export.csv",
        "zip://a.csv::https://user:secret@host/a.zip",
    ],
)
def test_user_info_in_a_url_is_refused_and_not_shown(url):
    with pytest.raises(UsageError, match="has user-info") as caught:
        expand([url])
    told = f"{caught.value} {caught.value.hint}"
    assert not [word for word in ("sec", "host", "bucket", "key:") if word in told]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://host/export.csv?X-Amz-Signature=secret#secret", "https://host/export.csv"),
        ("https://host:8443/a%40b.csv", "https://host:8443/a%40b.csv"),
        ("https://[::1]:8443/a.csv", "https://[::1]:8443/a.csv"),
        ("http://127.0.0.1:8080/a.csv", "http://127.0.0.1:8080/a.csv"),
        ("http://localhost/a.csv?x", "http://localhost/a.csv"),
        ("s3://bucket/2026/a@b.csv?versionId=1", "s3://bucket/2026/a@b.csv"),
        ("s3://bucket/a#1?.csv", "s3://bucket/a#1?.csv"),
        ("zip://a.csv::https://host/a.zip?sig=1", "zip://a.csv::https://host/a.zip"),
    ],
)
def test_a_url_is_known_without_what_may_be_secret(url, shown):
    (name,) = expand([url]).inputs
    assert (name, name.address) == (shown, url)
    assert "secret" not in repr(name)


@pytest.mark.parametrize(
    "url", ["http://host/export.csv", "http://localhost.evil.net/a.csv", "HTTP://10.0.0.1/a.csv"]
)
def test_rows_are_not_read_in_the_clear_from_elsewhere(url):
    with pytest.raises(UsageError, match="is not encrypted"):
        expand([url])


def test_a_file_of_this_machine_is_named_by_its_path():
    """An output could be it, and nobody would notice."""
    with pytest.raises(UsageError, match="is a file of this machine"):
        expand(["file:///tmp/export.csv"])


def test_urls_that_differ_only_in_what_is_not_shown_are_refused():
    urls = ["https://host/export?part=1", "https://host/export?part=2"]
    with pytest.raises(UsageError, match="two inputs are https://host/export when"):
        expand(urls)


# -- what files of the run are called --------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("exports/", "exports"),
        ("exports", "exports"),
        ("a/b/exports/", "exports"),
        ("export.csv/", "export"),
        ("exports/part-*.parquet", "part"),
        ("exports/part-?????.c000.csv.gz", "part-.c000"),
        ("exports/*.csv", "exports"),
        ("exports/**/*.csv.gz", "exports"),
        ("exports/[ab].csv", "exports"),
        ("exports/part-[1].csv", "part-[1]"),
        ("-", "stdin"),
        ("no.csv", "no"),
        ("s3://bucket/exports/", "exports"),
        ("s3://bucket/exports/*.parquet", "exports"),
        ("https://host/export.csv.gz?sig=secret", "export"),
    ],
)
def test_a_run_is_called_after_what_was_named_whatever_is_found(name, base):
    """With the name of the first file, the next night's run would not know the last one's."""
    fill("exports/part-[1].csv", "export.csv/part-1.csv", "a/b/exports/a.csv")
    assert run_stem(name) == base


def test_the_current_folder_gives_a_run_its_own_name(folder):
    assert run_stem(".") == run_stem("*.csv") == folder.name


# -- through the commands --------------------------------------------------------------------------


async def test_an_export_grows_from_night_to_night_and_only_its_new_parts_are_sent(tmp_path):
    """Results of the first night lie beside the export and are not taken for a part of it."""
    async with Simulator(Behaviour()) as simulator:
        shell = Shell(tmp_path, simulator.base_url, "-o", "exports/run.results.jsonl", "--resume")
        (tmp_path / "exports").mkdir()
        for number in (1, 2, 10):
            shell.write(f"exports/part-{number}.csv", ids(20, f"n{number}-"))
        first = await shell.uploaded("exports/")
        shell.write("exports/part-3.csv", ids(20, "n3-"))
        (tmp_path / "exports/_SUCCESS").touch()
        second = await shell.uploaded("exports/")
        third = await shell.uploaded("exports/part-*.csv")
        stats = simulator.stats
    assert [ended.code for ended in (first, second, third)] == [0, 0, 0]
    assert (first.books.accepted, second.books.accepted, third.books.accepted) == (60, 20, 0)
    assert (second.books.settled, third.books.settled) == (60, 80)
    assert stats.repeats == 0
    assert "found and not read: exports/run.results.jsonl" in second.err
    sources = [line["source"] for line in shell.results("exports/run.results.jsonl")]
    assert list(dict.fromkeys(sources)) == [f"exports/part-{n}.csv" for n in (1, 2, 10, 3)]


async def test_the_files_of_a_job_in_the_folder_of_its_inputs_are_none_of_them(tmp_path):
    async with Simulator(Behaviour()) as simulator:
        shell = Shell(tmp_path, simulator.base_url, "-o", "exports/out.jsonl", "--resume")
        (tmp_path / "exports").mkdir()
        shell.write("exports/part-1.csv", ids(2))
        assert (await shell.uploaded("exports")).code == 0
        again = await shell.uploaded("exports")
    assert (again.code, again.books.settled, again.books.read) == (0, 2, 2)
    assert "found and not read: exports/out.jsonl, exports/out.runs.jsonl" in again.err


def test_validate_and_audit_read_what_upload_reads():
    fill("exports/part-1.csv", "exports/part-2.csv", "exports/notes.docx")
    upload_here("exports", results="run.results.jsonl")
    findings = validate(["exports"], ReadSettings())
    assert (findings.read, findings.note) == (2, expand(["exports"]).note())
    proved = audit(["exports/*.csv"], "run.simulated.results.jsonl", ReadSettings())
    assert (proved.rows, proved.missing, proved.gone, proved.exit_code) == (2, 0, 0, 0)
