"""Rows in memory, paths of all kinds, scripts without a loop: what a program can hand to upload."""

import asyncio
import json
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from batchconv import (
    Conversion,
    InputError,
    OpenUpload,
    Result,
    Settings,
    UsageError,
    upload,
    upload_sync,
)
from batchconv.model import NO_FIELDS, Row
from batchconv.simulator import API_KEY, API_SECRET, Behaviour, FaultRule, Simulator

ACCOUNT = {"VONAGE_API_KEY": API_KEY, "VONAGE_API_SECRET": API_SECRET}


def row(number: int) -> dict[str, object]:
    return {"message_id": f"m{number}", "delivered": True}


def write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
async def api():
    async with Simulator(Behaviour(record_requests=True)) as simulator:
        yield simulator


def settings(api, **more) -> Settings:
    return Settings(base_url=api.base_url, rate=None, **more)


def outcomes(path="rows.results.jsonl"):
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]


async def test_a_list_of_mappings_is_sent_and_its_results_are_written(api):
    rows = [row(n) for n in range(1200)]
    summary = await upload(rows, settings=settings(api), environment=ACCOUNT)
    assert summary.exit_code == 0
    assert len(api.stats.accepted_ids) == 1200
    told = outcomes()
    assert {line["source"] for line in told} == {"rows"}
    assert sorted(line["row"] for line in told) == list(range(1, 1201))


async def test_conversions_and_datetimes_are_sent_as_they_say(api):
    conversion = Conversion(
        Row("x", 1, None, NO_FIELDS, None, None, None),
        "0012",
        False,
        "2020-01-01 12:00:00",
        "voice",
    )
    mapping = {
        "message-id": "é+%",
        "delivered": 1,
        "timestamp": datetime(2020, 1, 1, 12, tzinfo=UTC),
        "channel": None,
        "note": float("nan"),
    }
    await upload([conversion, mapping], settings=settings(api), environment=ACCOUNT)
    assert {request[:4] for request in api.stats.received} == {
        ("voice", "0012", "false", "2020-01-01 12:00:00"),
        ("sms", "é+%", "true", "2020-01-01 12:00:00"),
    }


async def test_each_row_of_an_iterable_is_sent_before_the_next_one_is_waited_for(api):
    sent = threading.Event()

    def rows():
        yield row(1)
        assert sent.wait(10), "the first row was not sent while the second was waited for"
        yield row(2)

    async with OpenUpload(rows(), settings=settings(api), environment=ACCOUNT) as run:
        async for outcome in run:
            assert outcome.result is Result.ACCEPTED
            sent.set()
    assert run.summary.exit_code == 0
    assert api.stats.accepted == 2


async def test_an_asynchronous_iterable_is_read_in_its_own_loop(api):
    loop = asyncio.get_running_loop()

    async def rows():
        for number in range(50):
            await asyncio.sleep(0)
            assert asyncio.get_running_loop() is loop
            yield row(number)

    summary = await upload(rows(), settings=settings(api), environment=ACCOUNT)
    assert (summary.exit_code, api.stats.accepted) == (0, 50)


async def test_leaving_early_lets_go_of_an_asynchronous_iterable_that_never_ends(api):
    async def rows():
        yield row(1)
        await asyncio.get_running_loop().create_future()

    async with OpenUpload(rows(), settings=settings(api), environment=ACCOUNT) as run:
        async for _ in run:
            break
    assert run.summary.exit_code == 3
    waiting = [task for task in asyncio.all_tasks() if "_next" in repr(task)]
    await asyncio.gather(*waiting, return_exceptions=True)
    assert all(task.cancelled() for task in waiting)


async def test_rows_in_memory_go_beside_files(api):
    write(Path("a.csv"), "message_id,delivered\nfile,1\n")
    summary = await upload(
        Path("a.csv"), [row(1)], iter([row(2)]), settings=settings(api), environment=ACCOUNT
    )
    assert summary.exit_code == 0
    assert {line["source"] for line in outcomes("a.results.jsonl")} == {"a.csv", "rows", "rows-2"}


async def test_what_raises_behind_some_rows_costs_none_of_them(api):
    def rows():
        yield row(1)
        yield row(2)
        raise ZeroDivisionError("with a secret in its text")

    summary = await upload(rows(), settings=settings(api), environment=ACCOUNT)
    assert (summary.exit_code, api.stats.accepted) == (5, 2)
    (damage,) = summary.damages
    assert damage == (
        "rows: what gives the rows raised ZeroDivisionError after row 2; "
        "the rows before it were read"
    )


@pytest.mark.parametrize("wrong", [[row(1), 3], [row(1), {**row(2), "delivered": object()}]])
async def test_what_is_no_row_is_told_and_where(api, wrong):
    summary = await upload(iter(wrong), settings=settings(api), environment=ACCOUNT)
    assert (summary.exit_code, api.stats.accepted) == (5, 1)
    assert summary.damages[0].startswith("rows: what gives the rows gave ")
    assert summary.damages[0].endswith("after row 1; the rows before it were read")


async def test_nothing_is_sent_when_the_first_row_is_none(api):
    with pytest.raises(
        InputError,
        match=r"gave something of type int, which is not a row \(a mapping .* after row 0",
    ):
        await upload(iter([3]), settings=settings(api), environment=ACCOUNT)
    assert api.stats.requests == 0


@pytest.mark.parametrize(
    "wrong", [(), (3,), (None,), (b"a.csv",), (row(1),), (["a.csv"],), ([row(1), 3],)]
)
@pytest.mark.parametrize("function", [upload, upload_sync, OpenUpload])
def test_misuse_raises_at_once(function, wrong):
    """Also where nobody awaits anything yet."""
    with pytest.raises(UsageError):
        function(*wrong)


@pytest.mark.parametrize("function", [upload, upload_sync, OpenUpload])
def test_what_is_no_settings_is_refused_at_once(function):
    with pytest.raises(UsageError, match="settings is of type dict"):
        function("a.csv", settings={"rate": 1})


async def test_an_upload_that_was_not_entered_says_so():
    with pytest.raises(UsageError, match="the upload is not open"):
        await anext(aiter(OpenUpload("a.csv")))


async def test_an_upload_for_scripts_does_not_run_inside_a_loop(api):
    with pytest.raises(UsageError, match="inside a running event loop"):
        upload_sync([row(1)], settings=settings(api), environment=ACCOUNT)


async def test_a_script_uploads_without_a_loop_and_prints_what_became_of_it(api):
    api_settings = settings(api)
    summary = await asyncio.to_thread(
        upload_sync, [row(1), {"message_id": " "}], settings=api_settings, environment=ACCOUNT
    )
    assert summary.exit_code == 1
    shown = str(summary)
    assert shown.startswith("read 2 = settled 0 + accepted 1 ")
    assert "results: rows.results.jsonl" in shown
    assert "made-up" not in shown


async def test_a_summary_that_was_stopped_says_why():
    async with Simulator(Behaviour(faults=(FaultRule("401", share=1.0),))) as api:
        summary = await upload([row(1)], settings=settings(api), environment=ACCOUNT)
    assert "stopped: the server answered 401: the credentials are wrong" in str(summary)
