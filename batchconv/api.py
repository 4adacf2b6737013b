"""batchconv as a library: single conversions, whole files, and outcomes as they come."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from batchconv.errors import ConversionRefused, ExitCode, UsageError
from batchconv.model import Channel, Fields, Outcome, Reply, Row
from batchconv.operations.off_loop import prepare_off_loop
from batchconv.reading.mapper import Mapper
from batchconv.reading.sources.memory import UploadInput, check_inputs, opened_inputs
from batchconv.sending.client import HttpClient
from batchconv.sending.stops import Stop, account_stop
from batchconv.settings.options import Settings, settings_given
from batchconv.telemetry.observers import metrics_of, observed
from batchconv.telemetry.summary import Summary
from batchconv.vonage.verdicts import RESEND_HINT, Verdict, explain, judge

_MOST_WAITING = 1_000  # outcomes for a consumer that is slow


class ConversionClient(HttpClient):
    """Reports single conversions over one shared session.

    An async context manager. It does not retry: a call is one exchange.

        async with ConversionClient(BasicAuth(key, Secret(secret))) as client:
            await client.sms_conversion("00A0B0C0", True, "2020-01-01 12:00:00")
    """

    async def sms_conversion(
        self, message_id: str, delivered: bool, timestamp: str | datetime | None = None
    ) -> Reply:
        """Tell the API whether the user did what an SMS asked for.

        Args:
            message_id: from the reply to the message; from Verify, the `event_id`.
            delivered: True if the user replied or otherwise acted, else False.
            timestamp: when the user acted: text in any notation that a file may have (UTC unless
                it has an offset), or a datetime (naive ones are UTC). When left out, the API
                takes the time at which it receives the request.

        Returns:
            The reply, whose status is 2xx.

        Raises:
            UsageError: the values cannot be sent; the text says why.
            ConversionRefused: anything but 2xx came back, or nothing; see its `reply`.
        """
        return await self._report("sms", message_id, delivered, timestamp)

    async def voice_conversion(
        self, message_id: str, delivered: bool, timestamp: str | datetime | None = None
    ) -> Reply:
        """The same for a call; the message id is its `call-id`. See `sms_conversion`."""
        return await self._report("voice", message_id, delivered, timestamp)

    async def _report(
        self, channel: Channel, message_id: str, delivered: bool, timestamp: str | datetime | None
    ) -> Reply:
        when = timestamp.isoformat() if isinstance(timestamp, datetime) else timestamp
        fields = Fields(message_id, delivered, when, channel)
        conversion = Mapper()(Row("", 1, None, fields, None, None, None))
        if isinstance(conversion, Outcome):
            raise UsageError(conversion.detail or "the conversion cannot be sent")
        reply = await self.exchange(conversion)
        verdict = judge(reply, accepted_before=False)
        if verdict is Verdict.ACCEPT:
            return reply
        raise ConversionRefused(_why(reply, verdict), reply)


def _why(reply: Reply, verdict: Verdict) -> str:
    if verdict is Verdict.STOP:
        return account_stop(reply).why
    if verdict is Verdict.SLOW_DOWN:
        return f"the API answered {reply.status}: too many requests; wait before the next"
    return explain(reply, 1)[1].removesuffix(RESEND_HINT)


def upload(
    *inputs: UploadInput,
    settings: Settings | None = None,
    environment: Mapping[str, str] | None = None,
) -> Coroutine[Any, Any, Summary]:
    """Send every row of *inputs*, as `batchconv upload` does, and return the books.

    Works inside a running loop, can be cancelled, configures no logging and installs no signal
    handlers.

        summary = await upload("export.csv", settings=Settings(rate=10))
        summary = await upload([{"message_id": "00A0B0C0", "delivered": True}])

    Args:
        inputs: paths, or rows in memory, which are read once, as they come. Their results stand
            beside a path that comes first, else in the current folder, in `rows.results.jsonl`.
        settings: the command's options by name; its defaults when left out.
        environment: where credentials are looked for; the process's own when left out.

    Raises:
        UsageError: at once, for what is not an input or no `Settings`.
        BatchconvError: something is wrong before the first request. What goes wrong after it
            stands in the summary's `stops` and `exit_code`.
    """
    check_inputs(inputs)
    return _upload(inputs, settings_given(settings), environment)


def upload_sync(
    *inputs: UploadInput,
    settings: Settings | None = None,
    environment: Mapping[str, str] | None = None,
) -> Summary:
    """The same for a script without an event loop: it returns when all is done.

        print(upload_sync("export.csv", settings=Settings(rate=10)))

    Raises:
        UsageError: what is not an input, or an event loop is running in this thread.
        BatchconvError: as `upload`.
        KeyboardInterrupt: on Ctrl-C, with every outcome written that there was.
    """
    check_inputs(inputs)
    given = settings_given(settings)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(_upload(inputs, given, environment))
    raise UsageError(
        "upload_sync was called inside a running event loop", hint="await upload(...) there"
    )


async def _upload(
    inputs: Sequence[UploadInput], settings: Settings, environment: Mapping[str, str] | None
) -> Summary:
    with opened_inputs(inputs) as names:
        run = await prepare_off_loop(names, settings, environment)
        observers = metrics_of(settings, run)
        return await _to_its_end(asyncio.create_task(observed(run, observers)))


async def _to_its_end(running: asyncio.Task[Summary]) -> Summary:
    """Wait for a run; when that is cancelled, however often, the run is, once, and waited for."""
    cancelled = False
    while not running.done():
        try:
            await asyncio.shield(running)
        except asyncio.CancelledError:
            if running.cancelled():
                break
            if not cancelled:
                running.cancel()
            cancelled = True
        except Exception:  # noqa: BLE001 - it is raised below, by its owner
            break
    if cancelled:
        raise asyncio.CancelledError
    return running.result()


class OpenUpload:
    """An upload whose outcomes can be watched as they come.

        async with OpenUpload("export.csv", settings=Settings(rate=10)) as run:
            async for outcome in run:
                print(outcome.row.number, outcome.result)
        print(run.summary.exit_code)

    Each outcome has been written to the results file before it is handed out. A consumer that is
    slow slows the upload down; one that leaves early stops it in good order.

    Args: as for `upload`.

    Attributes:
        summary: the books; complete when the context has been left.
    """

    def __init__(
        self,
        *inputs: UploadInput,
        settings: Settings | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        check_inputs(inputs)
        self._inputs = inputs
        self._settings = settings_given(settings)
        self._task: asyncio.Task[Summary] | None = None
        self._environment = environment
        self._waiting: deque[Outcome] = deque()
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._left = False

    async def __aenter__(self) -> Self:
        self._opened = ExitStack()
        names = self._opened.enter_context(opened_inputs(self._inputs))
        try:
            self._upload = await prepare_off_loop(names, self._settings, self._environment, self)
            observers = metrics_of(self._settings, self._upload)
        except BaseException:
            self._opened.close()
            raise
        self.summary = self._upload.summary
        self._task = asyncio.create_task(observed(self._upload, observers))
        self._task.add_done_callback(lambda _: self._changed.set())
        return self

    @property
    def _running(self) -> asyncio.Task[Summary]:
        if self._task is None:
            raise UsageError(
                "the upload is not open", hint="async with OpenUpload(...) as run: ..."
            )
        return self._task

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._left = True
        self._waiting.clear()
        self._room.set()
        if not self._running.done():
            self._upload.stop(Stop(ExitCode.LIMIT, "the program stopped reading the outcomes"))
        with self._opened:
            await _to_its_end(self._running)

    async def __aiter__(self) -> AsyncIterator[Outcome]:
        running = self._running
        while True:
            while self._waiting:
                yield self._waiting.popleft()
                self._room.set()
            if running.done():
                await running
                return
            self._changed.clear()
            await self._changed.wait()

    def observe(self, outcome: Outcome) -> None:
        """Called by the run, for each outcome that was written."""
        if not self._left:
            self._waiting.append(outcome)
            if len(self._waiting) >= _MOST_WAITING:
                self._room.clear()
            self._changed.set()

    async def hold(self) -> None:
        """Waited for by the run: a consumer that is slow slows the upload down."""
        await self._room.wait()
