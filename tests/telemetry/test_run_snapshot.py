"""What can be seen of a run, and what is made of it: estimates, speed, and lines that fit."""

import asyncio
import gzip
import io
import os
import random
import threading

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet
from rich.console import Console

from batchconv.errors import ExitCode
from batchconv.journal.books import Books
from batchconv.model import Result
from batchconv.operations.upload import prepare_upload
from batchconv.reading.formats import ReadOptions
from batchconv.reading.reader import Reader
from batchconv.sending.stops import Stop
from batchconv.sending.traffic import Pause, Traffic, WorkerCounts
from batchconv.settings.options import Settings
from batchconv.telemetry import wording as words
from batchconv.telemetry.background_thread import InThread
from batchconv.telemetry.latency_histogram import LatencyHistogram
from batchconv.telemetry.observers import observed
from batchconv.telemetry.progress_bar import Size, draw
from batchconv.telemetry.progress_lines import line
from batchconv.telemetry.run_snapshot import RunSnapshot
from batchconv.telemetry.speed import Speed
from tests.shells import Wire

HEAD = "message_id,delivered\n"


def snapshot(done=0, *, at=0.0, expected=None, **more) -> RunSnapshot:
    books = Books(read=done)
    books.results[Result.ACCEPTED] = done
    return RunSnapshot(
        "run", 0.0, at, books, Traffic(), LatencyHistogram(), {}, expected=expected, **more
    )


def expected_along(paths) -> list[tuple[int, float | None]]:
    """Rows read so far and what was expected then, row by row."""
    reader = Reader([str(path) for path in paths], ReadOptions())
    reader.check()
    return [(number, reader.expect(number)) for number, _ in enumerate(reader, 1)]


COUNT = 40_000
IDS = [f"{random.Random(n).getrandbits(64):016x}" for n in range(COUNT)]
ROWS = {
    "plain": [f"{one},true\n" for one in IDS],
    "several lines each": [f'{one},"true\n\n\n"\n' for one in IDS],
    "blank lines between": [f"{one},true\n\n" for one in IDS],
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", ROWS)
def test_how_many_rows_there_are_is_known_long_before_the_end(kind, packed, tmp_path):
    """By lines and bytes: also packed; roughly also where a row is more or less than a line."""
    text = (HEAD + "".join(ROWS[kind])).encode()
    path = tmp_path / ("in.csv.gz" if packed else "in.csv")
    path.write_bytes(gzip.compress(text) if packed else text)
    along = expected_along([path])
    assert len(along) == COUNT
    close = 1.02 if kind == "plain" else 1.35
    for number, expected in along[COUNT // 2 :]:
        assert expected is not None
        assert COUNT / close <= expected <= COUNT * close, number


def test_of_an_input_that_tells_it_is_known_at_once(tmp_path):
    table = pa.table({"message_id": IDS[:3000], "delivered": [True] * 3000})
    parquet.write_table(table, tmp_path / "in.parquet")
    assert {expected for _, expected in expected_along([tmp_path / "in.parquet"])} == {3000}


def test_a_damaged_input_does_not_make_the_others_longer(tmp_path):
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv.gz"
    text = (HEAD + "".join(ROWS["plain"][:5000])).encode()
    good.write_bytes(text)
    bad.write_bytes(gzip.compress(text)[:-20])
    along = expected_along([bad, good])
    assert len(along) < 10_000
    assert along[-1][1] == pytest.approx(len(along), rel=0.05)


def test_of_several_inputs_those_not_yet_opened_count_too(tmp_path):
    paths = [tmp_path / f"{n}.csv" for n in range(4)]
    for path in paths:
        path.write_text(HEAD + "".join(f"id{n},true\n" for n in range(1000)))
    along = expected_along(paths)
    assert along[0][1] == pytest.approx(4000, rel=0.01)
    assert along[-1] == (4000, pytest.approx(4000, rel=0.01))


def test_of_an_input_with_a_pipe_among_them_nobody_knows(tmp_path):
    path = tmp_path / "in.csv"
    path.write_text(HEAD + "id,true\n")
    reading, writing = os.pipe()
    os.write(writing, b"message_id,delivered\nid,true\n")
    os.close(writing)
    pipe = f"/dev/fd/{reading}"
    assert {expected for _, expected in expected_along([path, pipe])} == {None}
    os.close(reading)


def test_a_limit_is_the_most_that_is_expected(tmp_path, monkeypatch):
    Wire().plug_in(monkeypatch)
    path = tmp_path / "in.csv"
    path.write_text(HEAD + "".join(f"id{n},true\n" for n in range(1000)))
    results = str(tmp_path / "r.jsonl")
    run = prepare_upload([str(path)], Settings(simulate="calm", limit=7, results=results), {})
    assert run._expect is not None  # noqa: SLF001 - it is asked nowhere else before the end is known
    asyncio.run(run.run())
    assert run._expect(7) == 7  # noqa: SLF001 - the same


def test_a_run_that_is_over_is_seen_whole_and_looking_at_it_changed_nothing(tmp_path, monkeypatch):
    Wire().plug_in(monkeypatch)
    path = tmp_path / "in.csv"
    path.write_text(HEAD + "".join(f"id{n},true\n" for n in range(3000)))
    seen = []

    class Everything:
        every = 0.0

        def see(self, snapshot):
            seen.append(snapshot)

        end = see

    settings = Settings(simulate="calm", rate=None, results=str(tmp_path / "r.jsonl"))
    run = prepare_upload([str(path)], settings, {})
    before = run.snapshot()
    summary = asyncio.run(observed(run, [Everything()]))
    assert (before.done, before.exit_code, before.in_flight) == (0, None, 0)
    last = seen[-1]
    assert last.exit_code == summary.exit_code == 0
    assert last.done == last.expected == 3000
    assert last.books.counts() == summary.books.counts()
    assert (last.in_flight, last.starved, last.pause) == (0, False, None)
    assert [one.done for one in seen] == sorted(one.done for one in seen)


async def test_an_observer_that_fails_is_told_of_and_the_run_is_what_it_is(
    tmp_path, monkeypatch, caplog
):
    wire = Wire()
    wire.plug_in(monkeypatch)
    path = tmp_path / "in.csv"
    path.write_text(HEAD + "".join(f"id{n},true\n" for n in range(100)))

    class Broken:
        every = 0.0

        def see(self, snapshot):
            raise LookupError("a secret")

        end = see

    settings = Settings(simulate="calm", rate=None, results=str(tmp_path / "r.jsonl"))
    run = prepare_upload([str(path)], settings, {})
    summary = await observed(run, [Broken()])
    assert (summary.exit_code, wire.sent.total()) == (0, 100)
    assert [record.event for record in caplog.records] == ["notice", "notice"]
    assert "a defect in batchconv: LookupError at " in caplog.text
    assert "a secret" not in caplog.text


def test_speed_is_that_of_the_last_while():
    speed = Speed(20.0)
    speed.add(snapshot(0))
    assert speed.rate is None
    for second in range(1, 101):
        speed.add(snapshot(second * 10, at=second, expected=2000))
    assert speed.rate == pytest.approx(10)
    assert speed.left(snapshot(1000, at=100, expected=2000)) == pytest.approx(100)
    for second in range(101, 121):
        speed.add(snapshot(1000, at=second, expected=2000))
    assert speed.rate == 0
    assert speed.left(snapshot(1000, at=120, expected=2000)) is None


def test_no_time_left_is_told_while_nothing_leaves_or_the_end_is_unknown():
    speed = Speed(20.0)
    speed.add(snapshot(0))
    speed.add(snapshot(10, at=1))
    assert speed.left(snapshot(10, at=1)) is None
    assert speed.left(snapshot(10, at=1, expected=20, pause=Pause("outage", 1, 1))) is None


@pytest.mark.parametrize(
    ("seen", "text", "percent"),
    [
        (snapshot(5), "5 rows", ""),
        (snapshot(22_800, expected=40_123.4), "22,800 of about 40,100 rows", "56%"),
        (snapshot(22_800, expected=40_123), "22,800 of 40,123 rows", "56%"),
        (snapshot(39_999, expected=40_000), "39,999 of 40,000 rows", "99%"),
        (snapshot(40_000, expected=40_000), "40,000 of 40,000 rows", "100%"),
        (snapshot(0, expected=0), "0 of 0 rows", "0%"),
        (snapshot(1_004, expected=1_003.2), "1,004 of about 1,004 rows", "100%"),
    ],
)
def test_how_far_it_is_in_words(seen, text, percent):
    assert words.rows(seen) == text
    assert words.percent(seen) == percent


@pytest.mark.parametrize(
    ("seen", "text"),
    [
        (snapshot(), None),
        (snapshot(pause=Pause("throttled", 12, 3)), "throttled for 12.0 s; next request in 3.0 s"),
        (snapshot(pause=Pause("outage", 125, 8)), "outage for 2 min 5 s; next probe in 8.0 s"),
        (snapshot(pause=Pause("outage", 125, 0)), "outage for 2 min 5 s; next probe is under way"),
        (snapshot(starved=True), "waiting for input"),
        (snapshot(workers=WorkerCounts(2, 0)), "workers are starting"),
        (
            snapshot(workers=WorkerCounts(2, 0, why="process 7: it was killed")),
            "no worker is running: process 7: it was killed",
        ),
        (
            snapshot(stops=[Stop(ExitCode.SIGINT, "interrupted by SIGINT")]),
            "stopping: interrupted by SIGINT",
        ),
        (
            snapshot(
                stops=[Stop(ExitCode.LIMIT, "enough")], in_flight=2, pause=Pause("outage", 1, 1)
            ),
            "stopping: enough; 2 still in flight",
        ),
    ],
)
def test_what_it_waits_for_in_words(seen, text):
    assert words.state(seen) == text
    assert text is None or line(seen, None, None).endswith(f"; {text}")


@given(
    st.integers(1, 250), st.integers(1, 60), st.integers(0, 10**12),
    st.one_of(st.none(), st.integers(0, 10**12), st.floats(0, 1e12)),
    st.one_of(st.none(), st.floats(0, 1e9)), st.one_of(st.none(), st.floats(0, 1e9)),
    st.booleans(),
)  # fmt: skip
def test_a_bar_is_never_wider_nor_higher_than_the_terminal(
    columns, lines, done, expected, rate, left, waiting
):
    seen = snapshot(done, expected=expected, starved=waiting, in_flight=17)
    written = io.StringIO()
    console = Console(file=written, width=columns, height=lines, force_terminal=True, no_color=True)
    console.print(draw(seen, rate, left, Size(columns, lines)), end="")
    told = written.getvalue().rstrip("\n").split("\n")
    assert len(told) <= max(1, lines - 1)
    assert max(len(_bare(one).rstrip()) for one in told) <= max(1, columns - 1)
    if columns >= 30 and lines >= 4:
        assert f"{done:,}" in "".join(told)


def test_a_terminal_does_not_obey_what_a_file_is_named():
    seen = snapshot(stops=[Stop(ExitCode.FILE, "a\x1b]0;title\x07\n.csv cannot be written")])
    written = io.StringIO()
    Console(file=written, width=80, color_system=None).print(draw(seen, None, None, Size(80, 24)))
    assert "a\\x1b]0;title\\x07\\x0a.csv cannot be written" in written.getvalue()
    assert "\x1b" not in written.getvalue()


def _bare(text: str) -> str:
    return "".join(
        piece.partition("m")[2] if index else piece
        for index, piece in enumerate(text.split("\x1b["))
    )


def test_latencies_are_counted_up_to_bounds_and_copied_as_they_are():
    latencies = LatencyHistogram()
    for milliseconds in range(1, 1001):
        latencies.add(milliseconds / 1000)
    copied = latencies.copy()
    latencies.add(5.0)
    assert copied.count == 1000
    assert copied.quantile(0.5) == pytest.approx(0.5, rel=0.02)
    assert copied.total == pytest.approx(500.5, rel=0.01)
    up_to = copied.up_to([0.0001, 0.1, 0.5, 1.1])
    assert up_to == [0, pytest.approx(100, abs=3), pytest.approx(500, abs=10), 1000]


def test_what_is_given_to_a_thread_that_is_stuck_is_bounded_and_the_latest_is_kept():

    go, done = threading.Event(), []
    started = threading.Event()

    def work(items):
        started.set()
        go.wait()
        done.append(items)

    thread = InThread(work, most=3, name="test")
    thread.give(0)
    started.wait()
    for item in range(1, 11):
        thread.give(item)
    thread.close(patience=0.01)
    assert thread.lost == 7
    go.set()
    thread.close()
    assert done == [[0], [8, 9, 10]]
