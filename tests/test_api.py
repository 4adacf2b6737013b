"""batchconv as a library: single conversions, whole files, outcomes as they come."""

import asyncio
import csv
import gc
import json
import logging
import signal
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

import batchconv
from batchconv import (
    BasicAuth,
    ConversionClient,
    ConversionRefused,
    OpenUpload,
    QueryAuth,
    Reason,
    Result,
    Secret,
    Settings,
    SignatureAuth,
    UsageError,
    upload,
)
from batchconv.operations import dry_run
from batchconv.operations import upload as operations_upload
from batchconv.simulator import API_KEY, API_SECRET, Behaviour, FaultRule, Received, Simulator

ACCOUNT = {"VONAGE_API_KEY": API_KEY, "VONAGE_API_SECRET": API_SECRET}
AUTH = QueryAuth(API_KEY, Secret(API_SECRET))


def client_of(api: Simulator, auth=AUTH, **options) -> ConversionClient:
    return ConversionClient(auth, base_url=api.base_url, **options)


@pytest.fixture
def rows(tmp_path):
    """A file of so many good rows, and where results go."""

    def make(count: int, name: str = "export.csv") -> str:
        path = tmp_path / name
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["message_id", "delivered"])
            writer.writerows([f"id-{number}", "true"] for number in range(1, count + 1))
        return str(path)

    return make


@pytest.fixture
def settings(tmp_path):
    def make(api: Simulator | None = None, **values) -> Settings:
        base_url = {"base_url": api.base_url} if api else {}
        given = {"results": str(tmp_path / "out.jsonl"), "rate": None, "backoff_base": 0.01}
        return Settings(**(base_url | given | values))

    return make


@pytest.fixture
def results(tmp_path):
    """The lines of the results file, each of which must be whole."""

    def read() -> list[dict]:
        text = (tmp_path / "out.jsonl").read_text("utf-8")
        assert not text or text.endswith("\n")
        return [json.loads(line) for line in text.splitlines()]

    return read


# An input is left open when the run stops early, until it is collected as garbage: so that no other
# test is blamed, it is collected here. `test_an_upload_that_stops_early_closes_its_input` tells
# when these two lines and the fixture can go.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning"),
    pytest.mark.usefixtures("let_go"),
]


@pytest.fixture
def let_go():
    yield
    for thread in readers():
        thread.join(5)
    gc.collect()


# -- single conversions ----------------------------------------------------------------------------

BERLIN = ZoneInfo("Europe/Berlin")
NAIVE = datetime(2020, 1, 1, 12)  # noqa: DTZ001 - what it means to the library is tested


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (None, None),
        ("2020-01-01 12:00:00", "2020-01-01 12:00:00"),
        ("2020-01-01T12:00:00+02:00", "2020-01-01 10:00:00"),
        ("1577880000", "2020-01-01 12:00:00"),
        (NAIVE.replace(microsecond=999_999), "2020-01-01 12:00:00"),
        (datetime(2020, 1, 1, 12, 0, tzinfo=UTC), "2020-01-01 12:00:00"),
        (datetime(2020, 1, 1, 12, 0, tzinfo=BERLIN), "2020-01-01 11:00:00"),
        (datetime(2020, 10, 25, 2, 30, tzinfo=BERLIN), "2020-10-25 00:30:00"),
        (datetime(2020, 10, 25, 2, 30, fold=1, tzinfo=BERLIN), "2020-10-25 01:30:00"),
        (
            datetime(2020, 1, 1, 0, 30, tzinfo=timezone(timedelta(hours=5, minutes=45))),
            "2019-12-31 18:45:00",
        ),
        (NAIVE.replace(year=987), "0987-01-01 12:00:00"),
    ],
)
async def test_a_conversion_is_sent_with_its_time_in_utc(given, sent):
    async with (
        Simulator(Behaviour(record_requests=True)) as api,
        client_of(api) as client,
    ):
        reply = await client.sms_conversion("00A0+B0", True, given)
        assert reply.status == 200
        reply = await client.voice_conversion("call/1", delivered=False, timestamp=given)
        assert reply.status == 200
        assert api.stats.received == [
            Received("sms", "00A0+B0", "true", sent, 200),
            Received("voice", "call/1", "false", sent, 200),
        ]


@pytest.mark.parametrize(
    ("message_id", "delivered", "timestamp"),
    [
        ("", True, None),
        (" \t", True, None),
        ("a\nb", True, None),
        ("a\x85b", True, None),
        ("a\ud800b", True, None),
        ("1.23E+15", True, None),
        (None, True, None),
        (1.5, True, None),
        ("id", None, None),
        ("id", "perhaps", None),
        ("id", True, "yesterday"),
        ("id", True, "2020-02-30 12:00:00"),
        ("id", True, datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=2)))),
        ("id", True, datetime.max.replace(tzinfo=timezone(timedelta(hours=-2)))),
    ],
)
async def test_what_cannot_be_sent_is_refused_with_a_reason_and_not_sent(
    message_id, delivered, timestamp
):
    async with Simulator(Behaviour()) as api, client_of(api) as client:
        with pytest.raises(UsageError) as caught:
            await client.sms_conversion(message_id, delivered, timestamp)
        assert len(str(caught.value)) > 10
        assert api.stats.requests == 0


async def test_request_time_refuses_a_time_of_the_conversions_own():
    auth = SignatureAuth(API_KEY, Secret("s"), lambda: 1.7e9, request_time=True)
    async with Simulator(Behaviour()) as api, client_of(api, auth) as client:
        with pytest.raises(UsageError, match="--signature-timestamp"):
            await client.sms_conversion("id", True, "2020-01-01 12:00:00")
        assert api.stats.requests == 0


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (302, "not the Conversion API's address"),
        (400, "does not accept the row's values"),
        (401, "the credentials are wrong"),
        (402, "not enabled for this account"),
        (403, "may not report conversions"),
        (404, "not the Conversion API's address"),
        (420, "does not accept the row's values"),
        (429, "too many requests"),
        (500, "the server answered 500"),
    ],
)
async def test_whatever_is_not_2xx_is_raised_with_its_reply(status, why):
    async with (
        Simulator(Behaviour(status_for_all=status, retry_after="7")) as api,
        client_of(api) as client,
    ):
        with pytest.raises(ConversionRefused, match=why) as caught:
            await client.sms_conversion("id", True)
        assert caught.value.reply.status == status
        assert caught.value.reply.retry_after == ("7" if status == 429 else None)
        assert caught.value.__context__ is None
        assert api.stats.requests == 1


@pytest.mark.parametrize(
    ("kind", "trouble"),
    [
        ("hang", Reason.TIMEOUT),
        ("reset", Reason.CONNECTION_LOST),
        ("garbage", Reason.BAD_REPLY),
    ],
)
async def test_no_answer_is_raised_with_its_reply(kind, trouble):
    behaviour = Behaviour(faults=(FaultRule(kind, share=1.0),))
    async with Simulator(behaviour) as api, client_of(api, timeout=0.2) as client:
        with pytest.raises(ConversionRefused) as caught:
            await client.sms_conversion("id", True)
        assert (caught.value.reply.status, caught.value.reply.trouble) == (None, trouble)


async def test_many_conversions_share_the_session():
    async with (
        Simulator(Behaviour()) as api,
        client_of(api, BasicAuth(API_KEY, Secret(API_SECRET)), connections=5) as client,
    ):
        calls = (client.sms_conversion(f"id-{number}", True) for number in range(100))
        assert {reply.status for reply in await asyncio.gather(*calls)} == {200}
        assert api.stats.connections <= 5


def test_every_public_name_is_there():
    for name in batchconv.__all__:
        assert getattr(batchconv, name) is not None
    assert set(batchconv.__all__) == set(dir(batchconv))
    with pytest.raises(AttributeError, match="no_such"):
        batchconv.no_such  # noqa: B018 - the look-up is what is tested


# -- whole files -----------------------------------------------------------------------------------


async def test_upload_sends_every_row_and_returns_the_books(rows, settings, results):
    async with Simulator(Behaviour()) as api:
        summary = await upload(rows(250), settings=settings(api), environment=ACCOUNT)
        assert api.stats.accepted_ids == {f"id-{number}": 1 for number in range(1, 251)}
    assert summary.exit_code == 0
    assert summary.books.counts() == {
        "read": 250, "settled": 0, "accepted": 250, "rejected": 0, "failed": 0, "invalid": 0,
        "skipped": 0, "unsent": 0,
    }  # fmt: skip
    assert sorted(line["row"] for line in results()) == list(range(1, 251))


async def test_upload_takes_credentials_from_the_process_by_default(rows, settings, monkeypatch):
    for name, value in ACCOUNT.items():
        monkeypatch.setenv(name, value)
    async with Simulator(Behaviour()) as api:
        assert (await upload(rows(1), settings=settings(api))).exit_code == 0
    with pytest.raises(UsageError, match="no API key"):
        await upload(rows(1), settings=settings(results="other.jsonl"), environment={})


async def test_upload_takes_no_settings_at_all(rows, tmp_path, monkeypatch):
    """Its defaults then; without credentials it ends before anything is sent or made."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="no API key"):
        await upload(rows(1), environment={})
    assert [path.name for path in tmp_path.iterdir()] == ["export.csv"]


async def test_two_uploads_run_in_one_loop(rows, settings, tmp_path):
    async with Simulator(Behaviour(latency=0.01)) as api:
        first, second = await asyncio.gather(
            upload(rows(50, "a.csv"), settings=settings(api), environment=ACCOUNT),
            upload(
                rows(50, "b.csv"),
                settings=settings(api, results=str(tmp_path / "b.jsonl")),
                environment=ACCOUNT,
            ),
        )
    assert (first.exit_code, second.exit_code) == (0, 0)


async def test_results_in_a_folder_that_is_none_are_a_usage_error(rows, settings, tmp_path):
    with pytest.raises(UsageError, match="cannot be written"):
        await upload(
            rows(1),
            settings=settings(results=str(tmp_path / "no" / "such" / "folder.jsonl")),
            environment=ACCOUNT,
        )


async def test_a_wrong_account_is_told_by_the_summary(rows, settings, results):
    async with Simulator(Behaviour(status_for_all=401)) as api:
        summary = await upload(rows(30), settings=settings(api), environment=ACCOUNT)
    assert summary.exit_code == 4
    assert "credentials are wrong" in summary.stops[0].why
    assert summary.books.unsent == summary.books.read
    assert results() == []


async def test_nothing_of_the_programs_own_is_touched(rows, settings, monkeypatch):
    """No logging is configured, no signal handler installed, nothing printed."""
    loop = asyncio.get_running_loop()

    def refuse(*_):
        raise AssertionError("a library installs no signal handlers")

    monkeypatch.setattr(loop, "add_signal_handler", refuse)
    signals = [signal.getsignal(number) for number in (2, 15, 1)]
    root, own = logging.getLogger(), logging.getLogger("batchconv")
    before = (list(root.handlers), root.level, list(own.handlers), own.level, own.propagate)
    async with Simulator(Behaviour(faults=(FaultRule("420", share=0.5),))) as api:
        await upload(rows(20), settings=settings(api), environment=ACCOUNT)
    assert (list(root.handlers), root.level, list(own.handlers), own.level, own.propagate) == before
    assert [signal.getsignal(number) for number in (2, 15, 1)] == signals


def readers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "batchconv-reader"]


async def test_a_cancelled_upload_leaves_no_tasks_and_whole_lines(rows, settings, results):
    before = asyncio.all_tasks()
    behaviour = Behaviour(latency=0.001, faults=(FaultRule("hang", share=0.02),))
    async with Simulator(behaviour) as api:
        task = asyncio.create_task(
            upload(rows(5000), settings=settings(api, timeout=60), environment=ACCOUNT)
        )
        await api.wait_for_requests(300)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        requests = api.stats.requests
        await asyncio.sleep(0.05)
        assert api.stats.requests == requests
    assert asyncio.all_tasks() == before
    for thread in readers():
        thread.join(5)
    assert readers() == []
    lines = results()
    assert 0 < len(lines) < 5000
    assert {line["outcome"] for line in lines} == {"accepted"}
    # Every accepted row was accepted there, too; the others can be resumed.
    assert {line["message_id"] for line in lines} <= set(api.stats.accepted_ids)


async def test_a_cancelled_upload_is_told_as_one_that_did_not_come_to_its_end(
    rows, settings, tmp_path
):
    async with Simulator(Behaviour(latency=0.001)) as api:
        task = asyncio.create_task(upload(rows(5000), settings=settings(api), environment=ACCOUNT))
        await api.wait_for_requests(100)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    (runs,) = tmp_path.rglob("*.runs.jsonl")
    end = json.loads(runs.read_text(encoding="utf-8").splitlines()[-1])
    assert end["accepted"] > 0
    assert end["exit_code"] == 3  # what is to be resumed, and not that all is well


@pytest.mark.parametrize("watched", [False, True])
async def test_an_upload_cancelled_again_and_again_leaves_no_lock_no_task_and_no_thread(
    rows, settings, watched
):
    before, path = asyncio.all_tasks(), rows(600)

    async def watch():
        async with OpenUpload(path, settings=settings(api), environment=ACCOUNT) as run:
            async for _ in run:
                pass

    async with Simulator(Behaviour(latency=0.001)) as api:
        started = watch() if watched else upload(path, settings=settings(api), environment=ACCOUNT)
        task = asyncio.create_task(started)
        await api.wait_for_requests(100)
        while not task.done():
            task.cancel()
            await asyncio.sleep(0)
        assert task.cancelled()
        assert asyncio.all_tasks() - before <= {asyncio.current_task()}
        for thread in readers():
            thread.join(5)
        assert readers() == []
        summary = await upload(path, settings=settings(api, resume=True), environment=ACCOUNT)
    assert summary.exit_code == 0
    assert summary.books.settled + summary.books.results[Result.ACCEPTED] == 600


@pytest.mark.parametrize("strict", [True, False])
def test_an_upload_that_is_cancelled_while_it_is_prepared_reads_no_further_and_begins_nothing(
    tmp_path, settings, monkeypatch, strict
):
    """`--strict` reads everything first, which takes minutes for a huge file."""
    path = tmp_path / "huge.csv"
    path.write_text("message_id,delivered\n" + "".join(f"id{n},true\n" for n in range(20_000)))
    looked, cancelled = threading.Event(), threading.Event()
    rows: list[object] = []

    def wait(*arguments, **how):
        rows.append(arguments)
        looked.set()
        assert cancelled.wait(10)
        return went_on(*arguments, **how)

    module, name = (dry_run, "_count") if strict else (operations_upload, "Job")
    went_on = getattr(module, name)
    monkeypatch.setattr(module, name, wait)

    async def main():
        task = asyncio.create_task(
            upload(str(path), settings=settings(strict=strict), environment=ACCOUNT)
        )
        assert await asyncio.to_thread(looked.wait, 10)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        cancelled.set()
        return task.cancelled()

    assert asyncio.run(main())  # which waits for the threads
    assert len(rows) < 20_000
    assert [each.name for each in tmp_path.iterdir()] == ["huge.csv"]


async def test_a_cancelled_upload_can_be_resumed(rows, settings, results):
    path = rows(600)
    async with Simulator(Behaviour(latency=0.001)) as api:
        task = asyncio.create_task(upload(path, settings=settings(api), environment=ACCOUNT))
        await api.wait_for_requests(200)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        summary = await upload(path, settings=settings(api, resume=True), environment=ACCOUNT)
    assert summary.exit_code == 0
    assert summary.books.settled > 0
    assert sorted(line["row"] for line in results()) == list(range(1, 601))


async def test_a_ca_file_that_holds_none_lets_go_of_the_results(rows, settings, tmp_path):
    wrong = tmp_path / "ca.pem"
    wrong.write_text("no certificate")
    path = rows(3)
    for _ in range(2):
        with pytest.raises(UsageError, match="--ca-file"):
            await upload(path, settings=settings(ca_file=str(wrong)), environment=ACCOUNT)
    async with Simulator(Behaviour()) as api:
        assert (await upload(path, settings=settings(api), environment=ACCOUNT)).exit_code == 0


# -- outcomes as they come -------------------------------------------------------------------------


async def test_outcomes_are_handed_out_one_for_one_after_they_were_written(
    rows, settings, results, tmp_path
):
    faults = (FaultRule("420", share=0.2), FaultRule("503", share=0.2, first_attempts=1))
    path = rows(300)
    with open(path, "a", encoding="utf-8") as file:
        file.write(",true\nid-302,perhaps\n")
    seen = []
    async with Simulator(Behaviour(faults=faults)) as api:
        async with OpenUpload(path, settings=settings(api), environment=ACCOUNT) as run:
            async for outcome in run:
                written = (tmp_path / "out.jsonl").read_bytes().count(b"\n")
                seen.append(outcome)
                assert written >= len(seen)
        assert run.summary.exit_code == 1
    assert sorted(outcome.row.number for outcome in seen) == list(range(1, 303))
    assert Counter(outcome.result for outcome in seen) == +run.summary.books.results
    assert {outcome.result for outcome in seen} == {
        Result.ACCEPTED,
        Result.REJECTED,
        Result.INVALID,
    }
    assert [line["row"] for line in results()] == [outcome.row.number for outcome in seen]


async def steady(api: Simulator) -> int:
    """How many requests the simulator has seen once no more come."""
    before = -1
    while before != api.stats.requests:
        before = api.stats.requests
        await asyncio.sleep(0.2)
    return before


async def test_a_slow_consumer_slows_the_upload_down(rows, settings):
    """It is not flooded: what waits for it is bounded, and nothing of it is lost."""
    async with Simulator(Behaviour()) as api:
        given = settings(api, concurrency=20)
        async with OpenUpload(rows(1500), settings=given, environment=ACCOUNT) as run:
            outcomes = aiter(run)
            seen = [await anext(outcomes)]
            assert 1000 <= await steady(api) <= 1000 + 2 * 20
            seen += [outcome async for outcome in outcomes]
        assert api.stats.requests == 1500
    assert sorted(outcome.row.number for outcome in seen) == list(range(1, 1501))
    assert run.summary.exit_code == 0


def balances(summary) -> bool:
    counts = summary.books.counts()
    return counts.pop("read") == sum(counts.values())


async def test_leaving_early_stops_in_good_order(rows, settings, results):
    before = asyncio.all_tasks()
    async with Simulator(Behaviour(latency=0.005)) as api:
        async with OpenUpload(rows(5000), settings=settings(api), environment=ACCOUNT) as run:
            async for _ in run:
                if len(results()) > 50:
                    break
        sent = api.stats.accepted
    summary = run.summary
    assert balances(summary)
    assert summary.exit_code == 3, "it says that not all was done"
    # What was in flight was waited for: everything that was accepted there is in the books.
    assert summary.books.results[Result.ACCEPTED] == sent == len(results())
    assert 50 < sent < 5000
    assert asyncio.all_tasks() == before


def opened() -> list[Path]:
    """What this process has open."""
    return [link.readlink() for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="Linux tells what is open")
async def test_an_upload_that_stops_early_closes_its_input(rows, settings):
    async with (
        Simulator(Behaviour(latency=0.005)) as api,
        OpenUpload(rows(5000), settings=settings(api), environment=ACCOUNT) as run,
    ):
        await anext(aiter(run))
    for thread in readers():
        thread.join(5)
    assert [path for path in opened() if path.name == "export.csv"] == []


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="Linux tells what is open")
async def test_a_cancelled_upload_leaves_no_file_open_and_no_thread_of_its_own(
    rows, settings, tmp_path
):
    path = rows(5000)
    async with Simulator(Behaviour(latency=0.005, faults=(FaultRule("420", share=0.5),))) as api:
        task = asyncio.create_task(upload(path, settings=settings(api), environment=ACCOUNT))
        await api.wait_for_requests(100)
        assert [one for one in opened() if one.is_relative_to(tmp_path)]
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    own = [one for one in threading.enumerate() if one.name.startswith("batchconv")]
    for thread in own:
        thread.join(5)
    assert not [thread for thread in own if thread.is_alive()]
    assert [one for one in opened() if one.is_relative_to(tmp_path)] == []


async def test_an_error_in_the_consumer_comes_through_and_the_books_balance(
    rows, settings, results
):
    async with Simulator(Behaviour(latency=0.005)) as api:
        with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the blocks are what is tested
            async with OpenUpload(rows(5000), settings=settings(api), environment=ACCOUNT) as run:
                async for _ in run:
                    raise ZeroDivisionError
    assert balances(run.summary)
    assert len(results()) == run.summary.books.results[Result.ACCEPTED] < 5000


async def test_leaving_without_looking_stops_in_good_order(rows, settings, results):
    async with (
        Simulator(Behaviour(latency=0.005)) as api,
        OpenUpload(rows(5000), settings=settings(api), environment=ACCOUNT) as run,
    ):
        pass
    assert balances(run.summary)
    assert len(results()) == run.summary.books.results[Result.ACCEPTED] < 5000


async def test_leaving_a_simulated_upload_without_looking_stops_in_good_order(rows, settings):
    async with OpenUpload(
        rows(5000), settings=settings(simulate="calm"), environment=ACCOUNT
    ) as run:
        pass
    assert balances(run.summary)


async def test_cancelling_a_consumer_stops_in_good_order(rows, settings, results):
    before = asyncio.all_tasks()

    async def consume(api):
        async with OpenUpload(rows(5000), settings=settings(api), environment=ACCOUNT) as run:
            summaries.append(run.summary)
            async for _ in run:
                pass

    summaries: list = []
    async with Simulator(Behaviour(latency=0.005)) as api:
        task = asyncio.create_task(consume(api))
        await api.wait_for_requests(100)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert balances(summaries[0])
    assert len(results()) == summaries[0].books.results[Result.ACCEPTED] < 5000
    assert asyncio.all_tasks() == before


async def test_a_stop_of_the_run_ends_the_outcomes(rows, settings):
    async with Simulator(Behaviour(status_for_all=402)) as api:
        async with OpenUpload(rows(30), settings=settings(api), environment=ACCOUNT) as run:
            assert [outcome async for outcome in run] == []
        assert run.summary.exit_code == 4


async def test_what_is_wrong_before_the_first_request_is_raised_on_entering(rows, settings):
    with pytest.raises(UsageError, match="no API key"):
        async with OpenUpload(rows(3), settings=settings(), environment={}):
            pass
