"""URLs through fsspec, read from real servers on this machine."""

import bz2
import gzip
import io
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from batchconv.errors import InputError
from batchconv.reading.formats import ReadOptions
from batchconv.reading.reader import Reader
from batchconv.reading.sources import ByteStream, expand, remote, run_stem
from batchconv.simulator import Behaviour, Simulator
from tests.shells import Shell
from tests.stores import S3_ACCOUNT, Shelf, put, s3, served, write_authority

HEAD = b"message_id,delivered\n"
ROWS = HEAD + b"".join(b"id%d,true\n" % number for number in range(500))
NOTE = b"." * 200  # many bytes in few rows: it is bytes that these tests are about
LONG = b"message_id,delivered,note\n" + b"".join(  # two blocks
    b"id%d,true,%s\n" % (number, NOTE) for number in range(35_000)
)


def parquet(count: int, **how: Any) -> bytes:
    buffer = io.BytesIO()
    ids = [f"id{number}" for number in range(count)]
    pq.write_table(pa.table({"message_id": ids, "delivered": [True] * count}), buffer, **how)
    return buffer.getvalue()


FORMS = {
    "/export.csv": ROWS,
    "/export.csv.gz": gzip.compress(ROWS),
    "/export.bz2": bz2.compress(ROWS),
    "/export.parquet": parquet(500, row_group_size=120),
    "/export": parquet(500),
    "/export.parquet.gz": gzip.compress(parquet(500)),
}


def read(*urls: str, waited: list[float] | None = None) -> tuple[list[str], list[str]]:
    """The ids of all rows, and the damages; waits before asking again are noted, not waited."""
    sleep = (waited if waited is not None else []).append
    reader = Reader(expand(urls).inputs, ReadOptions(), sleep=sleep)
    reader.check()
    found = [str(row.fields.message_id) for row in reader]
    return found, [f"{damage} | {damage.hint}" for damage in reader.damages]


IDS = [f"id{number}" for number in range(500)]

# -- HTTP ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("parts", [True, False], ids=["in parts", "in one go"])
@pytest.mark.parametrize("path", FORMS)
def test_a_url_is_read_as_a_file_is_whatever_is_there(path, parts):
    with served(Shelf(FORMS, parts=parts)) as url:
        assert read(url + path) == (IDS, [])


def test_no_more_than_a_block_is_asked_for_at_once():
    shelf = Shelf({"/export.csv": LONG})
    with served(shelf) as url, ByteStream(url + "/export.csv") as stream:
        pieces = iter(stream)
        first = next(pieces)
        asked = [part for _, _, part in shelf.asked]
        assert asked == ["bytes=0-0", f"bytes=0-{(4 << 20) - 1}"]
        assert len(first) <= 1 << 16
        assert first + b"".join(pieces) == LONG
    assert len(shelf.asked) == 3


@pytest.mark.parametrize("parts", [True, False])
@pytest.mark.parametrize("content", [b"", HEAD])
def test_an_empty_file_is_empty(parts, content):
    with (
        served(Shelf({"/a.csv": content}, parts=parts)) as url,
        ByteStream(url + "/a.csv") as stream,
    ):
        assert b"".join(stream) == content


@pytest.mark.parametrize("parts", [True, False])
def test_what_a_server_says_to_be_packed_is_unpacked_once(parts):
    """Stores often have such a mark on packed files, and a browser would unpack them."""
    shelf = Shelf({"/a.csv": gzip.compress(ROWS)}, parts, {"Content-Encoding": "gzip"})
    with served(shelf) as url:
        assert read(url + "/a.csv") == (IDS, [])


def test_the_query_is_sent_and_is_in_no_name():
    shelf = Shelf({"/a.csv": ROWS})
    with served(shelf) as url:
        reader = Reader(
            expand([f"{url}/a.csv?X-Signature=a%2Fb%2B&x#secret"]).inputs, ReadOptions()
        )
        reader.check()
        assert {row.source for row in reader} == {f"{url}/a.csv"}


@pytest.mark.parametrize("parts", [True, False])
def test_rows_before_the_connection_broke_off_are_read_and_the_next_input_too(parts):
    waited: list[float] = []
    shelf = Shelf({"/1.csv": LONG, "/2.csv": ROWS}, parts=parts, broken_at=5_000_000)
    with served(shelf) as url:
        found, damages = read(f"{url}/1.csv?secret", f"{url}/2.csv", waited=waited)
        count = len(found) - 500
        assert found[:count] == [f"id{number}" for number in range(count)]
        assert count > 19_000
        assert found[count:] == IDS
        assert damages == [
            f"{url}/1.csv cannot be read further: the connection broke off | the rows before that "
            "were read; --resume sends the others"
        ]
    assert waited == ([0.5, 1.0, 2.0] if parts else [])


def test_a_part_that_does_not_come_is_asked_for_again():
    shelf = Shelf({"/1.csv": LONG}, broken_at=5_000_000, breaks=3)
    waited: list[float] = []
    with served(shelf) as url:
        found, damages = read(f"{url}/1.csv", waited=waited)
    assert (len(found), damages, waited) == (35_000, [], [0.5, 1.0, 2.0])


@pytest.mark.parametrize("parts", [True, False])
@pytest.mark.parametrize("status", [503, 500, 429])
@pytest.mark.parametrize(("headers", "waits"), [({}, [0.5, 1.0]), ({"Retry-After": "7"}, [7, 7]),
                                                ({"Retry-After": "soon"}, [0.5, 1.0]),
                                                ({"Retry-After": "9999"}, [120, 120]),
                                                ({"Retry-After": "9" * 5_000}, [120, 120]),
                                                ({"Retry-After": "Tue, 01 Jan 2999 00:00:00 GMT"},
                                                 [120, 120]),
                                                ({"Retry-After": "Fri, 20 Nov 2020 06:08:15 GMT"},
                                                 [0.5, 1.0])])  # fmt: skip
def test_opening_is_tried_again_as_parts_are(parts, status, headers, waits):
    """A scheduler takes 5 for "fix it", and the night is lost."""
    waited: list[float] = []
    shelf = Shelf({"/1.csv": ROWS}, parts=parts, first=[status, status], headers=headers)
    with served(shelf) as url:
        assert read(f"{url}/1.csv", waited=waited) == (IDS, [])
    assert waited == waits


def test_opening_is_given_up_after_three_more_times():
    waited: list[float] = []
    shelf = Shelf({"/1.csv": ROWS}, first=[503] * 9)
    with served(shelf) as url, pytest.raises(InputError, match="its server answered 503"):
        read(f"{url}/1.csv", waited=waited)
    assert (waited, len(shelf.first)) == ([0.5, 1.0, 2.0], 5)


@pytest.mark.parametrize("validators", ["strong", "weak", "modified"])
@pytest.mark.parametrize("other", [LONG + ROWS, LONG[: 5 << 20], LONG.replace(b"id", b"ID")])
def test_a_file_that_is_replaced_half_way_is_damage(other, validators):
    """Parts of two versions would make rows that stand in neither."""
    shelf = Shelf({"/1.csv": LONG}, validators=validators)
    with served(shelf) as url, ByteStream(url + "/1.csv") as stream:
        pieces = iter(stream)
        next(pieces)
        shelf.files["/1.csv"] = other
        with pytest.raises(InputError, match="it was replaced during the read"):
            list(pieces)


@pytest.mark.parametrize("other", [LONG + ROWS, LONG[: 5 << 20], ROWS])
def test_another_size_is_damage_where_versions_have_no_names(other):
    shelf = Shelf({"/1.csv": LONG}, validators="none")
    with served(shelf) as url, ByteStream(url + "/1.csv") as stream:
        pieces = iter(stream)
        next(pieces)
        shelf.files["/1.csv"] = other
        with pytest.raises(InputError, match="it was replaced during the read"):
            list(pieces)


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (404, "does not exist"),
        (410, "does not exist"),
        (401, r"cannot be read: access is denied \(401\)"),
        (403, r"cannot be read: access is denied \(403\)"),
        (500, "cannot be read: its server answered 500"),
    ],
)
def test_a_refusal_is_told_without_what_the_server_said(status, why):
    with served(Shelf(status=status)) as url, pytest.raises(InputError, match=why) as caught:
        read(url + "/a.csv?secret=1")
    assert "secret" not in f"{caught.value} {caught.value.hint}"


def test_a_server_that_is_not_there_is_told():
    with served(Shelf()) as url:
        pass
    with pytest.raises(InputError, match="its server cannot be reached"):
        read(url + "/a.csv")


def test_a_redirect_is_followed_but_not_into_the_clear():
    shelf = Shelf(
        {"/a.csv": ROWS}, redirects={"/1": "/a.csv", "/2": "http://export.batchconv.invalid/a.csv"}
    )
    with served(shelf) as url:
        assert read(url + "/1") == (IDS, [])
        with pytest.raises(InputError, match="access is denied"):
            read(url + "/2")


# -- HTTPS, as a command ---------------------------------------------------------------------------


async def test_an_export_is_uploaded_from_https_and_resumed(tmp_path):
    """With a query that is secret: it is in no file, and in nothing that is told."""
    authority, trusted = write_authority(tmp_path)
    shelf = Shelf(FORMS)
    async with Simulator(Behaviour()) as simulator:
        with served(shelf, authority) as url:
            shell = Shell(tmp_path, simulator.base_url)
            shell.env["SSL_CERT_FILE"] = trusted
            signed = f"{url}/export.csv.gz?X-Amz-Signature=CANARY#CANARY"
            first = await shell.uploaded(signed, "-v", "--limit", "200")
            shelf.status = 403
            refused = await shell.uploaded(signed, "-v", "--resume")
            # Of one that gives parts, those would be asked for again, seconds later.
            shelf.status, shelf.broken_at, shelf.parts = None, 50, False
            broken = await shell.uploaded(signed, "-v", "--resume")
            shelf.broken_at, shelf.parts = None, True
            again = await shell.uploaded(signed, "-v", "--resume")
        assert sorted(simulator.stats.accepted_ids) == sorted(IDS)
    told = [first, refused, broken, again]
    assert [ended.code for ended in told] == [0, 5, 5, 0]
    assert (first.books.accepted, again.books.settled, again.books.accepted) == (200, 200, 300)
    for ended in told:
        assert "CANARY" not in ended.out + ended.err
        assert "Unclosed" not in ended.err
    assert {line["source"] for line in shell.results("export.results.jsonl")} == {
        f"{url}/export.csv.gz"
    }
    for path in tmp_path.iterdir():
        assert b"CANARY" not in path.read_bytes()


async def test_a_certificate_that_nobody_trusts_is_refused(tmp_path):
    authority, _ = write_authority(tmp_path)
    async with Simulator(Behaviour()) as simulator:
        with served(Shelf(FORMS), authority) as url:
            ended = await Shell(tmp_path, simulator.base_url).uploaded(url + "/export.csv")
    assert ended.code == 5
    assert f"{url}/export.csv cannot be read: the certificate of its server" in ended.err


# -- S3 --------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")  # fsspec keeps what it knows of a store for the whole process
def store() -> Iterator[str]:
    with s3() as address:
        put(address, "bucket")
        yield address


@pytest.fixture
def account(store: str, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in {**S3_ACCOUNT, "AWS_ENDPOINT_URL": store}.items():
        monkeypatch.setenv(name, value)
    return store


@pytest.mark.parametrize("path", FORMS)
def test_an_object_is_read_as_a_file_is_whatever_is_there(account, path):
    put(account, f"bucket/forms{path}", FORMS[path])
    assert read(f"s3://bucket/forms{path}") == (IDS, [])


def test_a_large_object_is_read_in_parts_and_told_when_it_is_replaced(account):
    put(account, "bucket/long.csv", LONG)
    found, damages = read("s3://bucket/long.csv")
    assert (len(found), damages) == (LONG.count(b"\n") - 1, [])
    with ByteStream("s3://bucket/long.csv") as stream:
        pieces = iter(stream)
        next(pieces)
        put(account, "bucket/long.csv", LONG + ROWS)
        with pytest.raises(InputError, match="it was replaced during the read"):
            list(pieces)


def test_a_folder_of_a_store_and_a_pattern_are_the_files_in_it(account):
    names = ["part-10.csv", "part-9.csv", "dt=1/part-0.csv", "_SUCCESS", "notes.docx", "empty.csv",
             ".part-9.csv.crc", "a.results.jsonl"]  # fmt: skip
    for name in names:
        put(account, f"bucket/exports/{name}", b"" if name == "empty.csv" else ROWS)
    expected = [f"s3://bucket/exports/{name}" for name in ("dt=1/part-0.csv", "part-9.csv",
                "part-10.csv")]  # fmt: skip
    inputs, left_out = expand(["s3://bucket/exports/"])
    assert (inputs, sorted(left_out)) == (
        expected, ["s3://bucket/exports/a.results.jsonl", "s3://bucket/exports/notes.docx"]
    )  # fmt: skip
    assert expand(["s3://bucket/exports/part-*"]).inputs == expected[1:]
    assert expand(["s3://bucket/exports/**/*.csv"]).inputs == expected
    assert len(read("s3://bucket/exports/part-*.csv", "s3://bucket/exports/")[0]) == 1500


def test_an_object_that_has_the_very_name_of_a_pattern_is_meant(account):
    put(account, "bucket/odd/part-%5B1%5D.csv", ROWS)
    put(account, "bucket/odd/part-1.csv", ROWS)
    assert expand(["s3://bucket/odd/part-[1].csv"]).inputs == ["s3://bucket/odd/part-[1].csv"]


def test_keys_with_signs_of_urls_are_keys(account):
    for name in ("a%231.csv", "a%232.csv", "b%3Fc.csv"):
        put(account, f"bucket/signs/{name}", ROWS)
    names = [f"s3://bucket/signs/{name}" for name in ("a#1.csv", "a#2.csv", "b?c.csv")]
    assert expand(["s3://bucket/signs/"]).inputs == names
    for name in names:
        assert read(name) == (IDS, [])
    assert len(read("s3://bucket/signs/")[0]) == 1500


def test_a_folder_without_its_slash_is_told_and_is_no_empty_file(account):
    """A nightly job that sends nothing would be green for ever."""
    put(account, "bucket/nightly-csv/a.csv", ROWS)
    with pytest.raises(InputError, match="s3://bucket/nightly-csv is a folder") as caught:
        read("s3://bucket/nightly-csv")
    assert "write s3://bucket/nightly-csv/ with a slash" in str(caught.value.hint)


def test_a_whole_bucket_is_a_folder(account):
    put(account, "small-bucket")
    put(account, "small-bucket/channel=voice/a.csv", ROWS)
    inputs = expand(["s3://small-bucket"]).inputs
    assert inputs == ["s3://small-bucket/channel=voice/a.csv"]
    reader = Reader(inputs, ReadOptions())
    reader.check()
    assert {row.fields.channel for row in reader} == {"voice"}
    assert run_stem("s3://small-bucket") == "small-bucket"


def test_a_file_of_unknown_size_is_no_empty_one(monkeypatch):
    with fsspec.open("memory://unknown/a.csv", "wb") as file:
        file.write(ROWS)
    there = [("memory://unknown/a.csv", None), ("memory://unknown/b.csv", 0)]
    monkeypatch.setattr(remote, "find_files", lambda _: there)
    assert expand(["memory://unknown/"]).inputs == ["memory://unknown/a.csv"]


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("s3://bucket/no.csv", "s3://bucket/no.csv does not exist"),
        ("s3://no-bucket/a.csv", "s3://no-bucket/a.csv does not exist"),
        ("s3://bucket/none/", "s3://bucket/none/ holds no data files"),
        ("s3://bucket/none-*.csv", "matches no file"),
    ],
)
@pytest.mark.usefixtures("account")
def test_what_is_not_in_the_store_is_missing(url, why):
    with pytest.raises(InputError, match=why.replace("*", r"\*")):
        read(url)


async def test_without_credentials_it_is_told_where_they_are_looked_for(account, tmp_path):
    put(account, "bucket/a.csv", ROWS)
    shell = Shell(tmp_path, account)
    for name in S3_ACCOUNT:
        del shell.env[name]
    nowhere = str(tmp_path / "none")
    shell.env |= {
        "AWS_SHARED_CREDENTIALS_FILE": nowhere,
        "AWS_CONFIG_FILE": nowhere,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    ended = await shell.uploaded("s3://bucket/a.csv")
    assert ended.code == 5
    assert "there are no credentials for it in the environment" in ended.err


async def test_a_folder_of_a_store_is_uploaded(account, tmp_path):
    """Credentials are the environment's, and so would proxies be, which nobody asked for."""
    for number in (1, 2):
        put(account, f"bucket/nightly/part-{number}.parquet", parquet(20))
    async with Simulator(Behaviour()) as simulator:
        shell = Shell(tmp_path, simulator.base_url, "--resume", "-v")
        shell.env |= {"HTTP_PROXY": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9"}
        first = await shell.uploaded("s3://bucket/nightly/")
        put(account, "bucket/nightly/part-3.parquet", parquet(30))
        second = await shell.uploaded("s3://bucket/nightly/")
    assert (first.code, first.books.accepted) == (0, 40)
    assert (second.code, second.books.settled, second.books.accepted) == (0, 40, 30)
    for ended in (first, second):
        assert "made-up-secret-key" not in ended.err
        assert "Unclosed" not in ended.err
    assert {line["source"] for line in shell.results("nightly.results.jsonl")} == {
        f"s3://bucket/nightly/part-{number}.parquet" for number in (1, 2, 3)
    }


# -- others ----------------------------------------------------------------------------------------


def test_any_other_url_is_read_as_fsspec_reads_it(tmp_path):
    with fsspec.open("memory://exports/a.csv.gz", "wb") as file:
        file.write(gzip.compress(ROWS))
    assert read("memory://exports/a.csv.gz") == (IDS, [])
    assert read("memory://exports/*.gz") == (IDS, [])
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        packed.writestr("inner/a.csv", ROWS)
    with served(Shelf({"/a.zip": (tmp_path / "a.zip").read_bytes()})) as url:
        assert read(f"zip://inner/a.csv::{url}/a.zip") == (IDS, [])


@pytest.mark.parametrize(
    ("missing", "url", "code", "words"),
    [
        ("fsspec", "s3://bucket/a.csv", 2, "pip install 'batchconv[remote]'"),
        ("s3fs", "s3://bucket/a.csv", 2, "Install s3fs to access S3"),
        ("gcsfs", "gs://bucket/a.csv", 2, "gcsfs"),
        ("nothing", "nonsense://secret", 2, "a kind of URL that is unknown to fsspec"),
    ],
)
def test_what_is_not_installed_is_told_with_what_to_install(missing, url, code, words):
    script = (
        f"import sys\nsys.modules[{missing!r}] = None\nsys.argv[1:] = ['validate', {url!r}]\n"
        "from batchconv.__main__ import main\nmain()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert (done.returncode, words in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr
    assert "secret" not in done.stderr
