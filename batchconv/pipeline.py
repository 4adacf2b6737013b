"""READ THIS FIRST: a reader yields conversions, a pool posts them, a journal keeps all outcomes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

from batchconv.errors import BatchconvError, OutputError
from batchconv.journal.deduplication import Deduplicator
from batchconv.journal.outcome_writer import OutcomeWriter, Watch
from batchconv.journal.outputs import Outputs
from batchconv.journal.runs_file import RunEnd
from batchconv.journal.settled_index import Item, Settled
from batchconv.model import Conversion, Outcome, Reply
from batchconv.reading.prefetch import Prefetcher
from batchconv.reading.row_memory import RowMemory
from batchconv.sending.age_limit import age_limit, was_too_old
from batchconv.sending.retry import Backoff
from batchconv.sending.stops import Stop, cancelled_stop, duration_stop, file_stop, signal_stop
from batchconv.sending.transport import SYSTEM_CLOCK, Clock, OpenTransport, Transport
from batchconv.sending.worker_pool import Pool
from batchconv.settings.options import Settings
from batchconv.telemetry.events import tell_attempt
from batchconv.telemetry.run_snapshot import Expectation, RunSnapshot, take_snapshot
from batchconv.telemetry.summary import Summary
from batchconv.vonage.verdicts import Judged, ReplyJudge

_MOST_HELD = 1_000  # duplicates that wait for an equal row before reading pauses


class Run:
    """One run: conversions in, outcomes written, books balanced. `run` it once; it prints nothing.

    Args:
        settings: every option.
        connect: opens what conversions are sent through.
        outputs: where outcomes go.
        batches: what `read` gives, less what earlier runs settled; iterated in a thread.
        damages: filled by the iteration: inputs that broke off half-way.
        run_id: what the outputs are stamped with.
        deduplicator: keeps equal rows from being sent again; None to send them.
        watch: called with every outcome, and awaited.
        expect: tells how many rows there are.
        result_unknown: rows that earlier runs may have sent with an unknown result.
        judge: what to do about a reply; by default the API's verdict table.

    Attributes:
        summary: what has happened so far.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        connect: OpenTransport,
        outputs: Outputs,
        batches: Iterable[Sequence[Item]],
        damages: list[BatchconvError],
        run_id: str,
        deduplicator: Deduplicator | None = None,
        watch: Watch | None = None,
        expect: Expectation | None = None,
        result_unknown: int = 0,
        judge: Callable[[Reply], Judged] | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._settings = settings
        self._connect = connect
        self._judge = judge
        self._clock = clock
        self._outputs = outputs
        self._batches = batches
        self._damages = damages
        self._deduplicator = deduplicator
        self._turn_away = age_limit(settings.max_age, clock.wall)
        self._watch = watch
        self._expect = expect
        self._result_unknown = result_unknown
        self.summary = Summary(run_id, clock.wall(), settings.shown(), results=outputs.path)
        self.summary.has_job = outputs.files.runs is not None
        self._prefetcher: Prefetcher[Item]
        self._memory: RowMemory
        self._writer: OutcomeWriter
        self._pool: Pool | None = None
        self._client: Transport | None = None
        self._early: list[Stop] = []
        # Somebody may have to catch up before more is taken.
        self._may_wait = outputs.is_stream or deduplicator is not None or watch is not None

    async def run(self) -> Summary:
        """Send everything and balance the books; what went wrong stands in the summary."""
        settings, clock = self._settings, self._clock
        async with self._connect() as client:
            self._client = client
            self._memory = RowMemory()
            self._prefetcher = Prefetcher(self._batches, self._memory)
            self._batches = ()  # the reader's thread closes the inputs
            writer = self._writer = OutcomeWriter(
                self._outputs,
                self.summary.books,
                self._count,
                deduplicator=self._deduplicator,
                max_errors=settings.max_errors,
                watch=self._watch,
                stop=self.stop,
                send_also=self._send_also,
            )
            pool = self._pool = Pool(
                client.exchange,
                writer.settle,
                keep=client.keep,
                tell_attempt=tell_attempt,
                note_most=self._outputs.note_most_in_flight,
                limits=settings.limits,
                rate=settings.rate,
                backoff=Backoff(settings.backoff_base, settings.backoff_max, clock.wall),
                judge=self._judge or ReplyJudge(accepted_before=self.summary.accepted_before),
                turn_away=self._turn_away,
                clock=clock.monotonic,
                wall=clock.wall,
            )
            self.summary.traffic = pool.traffic
            for stop in self._early:
                pool.stop(stop)
            syncing = asyncio.create_task(self._keep_synced())
            ending = self._end_in_time()
            try:
                await pool.run(self._take, self._take_at_once)
            except asyncio.CancelledError:
                pool.stops.append(cancelled_stop())
                raise
            finally:
                syncing.cancel()
                if ending is not None:
                    ending.cancel()
                self.summary.all_read = self._prefetcher.ended and not self._prefetcher.ahead
                self._prefetcher.close()
                await self._finish(pool)
        return self.summary

    def _end_in_time(self) -> asyncio.TimerHandle | None:
        longest = self._settings.max_duration
        if longest is None:
            return None
        return asyncio.get_running_loop().call_later(longest, self.stop, duration_stop(longest))

    def stop(self, stop: Stop) -> None:
        """Stop reading, give the requests in flight a little time, write, balance."""
        if self._pool is None:
            self._early.append(stop)  # heeded as soon as there is something to stop
        else:
            self._pool.stop(stop)

    def interrupt(self, number: int) -> None:
        """Stop as a signal asks: the first time in good order, the second time at once."""
        stops = self._early if self._pool is None else self._pool.stops
        again = any(stop.exit_code.is_signal for stop in stops)
        self.stop(signal_stop(number, again=again))
        if again:
            self._outputs.abandon()
            if self._pool is not None:
                self._pool.abort()

    def snapshot(self) -> RunSnapshot:
        """What can be seen of the run now; asking costs its rows nothing."""
        workers = self._client.workers if self._client is not None else None
        if self._pool is None:
            return take_snapshot(self.summary, None, None, self._early, self._expect)
        gate, feed, stops = self._pool.gate, self._prefetcher, self._pool.stops
        return take_snapshot(self.summary, gate, feed, stops, self._expect, workers=workers)

    def discard(self) -> None:
        """Close the files of a run that does not take place."""
        self._outputs.discard()
        if self._deduplicator is not None:
            self._deduplicator.close()

    def _take_at_once(self) -> Conversion | None:
        """The next row to send, where neither it nor anything else is to be waited for."""
        if self._may_wait or (item := self._prefetcher.take_at_once()) is None:
            return None
        return self._admit(item)

    async def _take(self) -> Conversion | None:
        """The next row to send; rows that are not to be sent are dealt with on the way."""
        while not self._stopping:
            if self._may_wait:
                await self._catch_up()
            item = await self._prefetcher.take()
            if item is None:
                return None
            conversion = self._admit(item)
            if conversion is not None:
                return conversion
            del item  # twenty workers wait here, and none of them keeps a record
        return None

    def _admit(self, item: Item) -> Conversion | None:
        """The row if it is to be sent now; else it is dealt with."""
        books = self.summary.books
        if isinstance(item, Settled):
            books.read += item.rows
            books.settled += item.rows
            self.summary.unchanged += item.rows * item.unchanged
            return None
        books.read += 1
        admitted: Conversion | Outcome | None = item
        if self._turn_away is not None and isinstance(item, Conversion):
            turned_away = self._turn_away(item)
            if turned_away is not None and was_too_old(turned_away.row):
                self._memory.remove(turned_away.row)
                books.settled += 1
                return None
            admitted = turned_away or item
        if self._deduplicator is not None and isinstance(admitted, Conversion):
            admitted = self._deduplicator.admit(admitted)
        if isinstance(admitted, Outcome):
            self._writer.note(admitted)
            return None
        if admitted is not None and self._result_unknown:
            self._result_unknown -= 1
            self.summary.traffic.unknown_repeats += 1
        return admitted

    def _count(self, outcome: Outcome) -> None:
        self.summary.add(outcome)
        self._memory.remove(outcome.row)

    def _send_also(self, conversion: Conversion) -> None:
        if self._pool is not None:
            self._pool.send_also(conversion)

    @property
    def _stopping(self) -> bool:
        return self._pool is not None and bool(self._pool.stops)

    async def _catch_up(self) -> None:
        await self._outputs.catch_up()
        while (
            self._deduplicator is not None
            and self._deduplicator.held >= _MOST_HELD
            and not self._stopping
        ):
            self._writer.changed.clear()
            await self._writer.changed.wait()
        if self._watch is not None:
            await self._watch.hold()

    async def _keep_synced(self) -> None:
        try:
            await self._outputs.keep_synced()
        except OutputError as error:
            self.stop(file_stop(error))

    async def _finish(self, pool: Pool) -> None:
        """Close the files and prove the books; whatever fails becomes part of the summary."""
        summary = self.summary
        for finish in [
            self._outputs.finish,
            *([self._deduplicator.close] if self._deduplicator else []),
        ]:
            try:
                await asyncio.to_thread(finish)
            except OutputError as error:
                pool.stop(file_stop(error))
        summary.books.unsent += 0 if self._deduplicator is None else self._deduplicator.held
        summary.finish(self._clock.wall(), pool.traffic, pool.stops, self._damages)
        summary.workers = self._client.workers if self._client is not None else None
        summary.failed = self._outputs.failed_paths
        summary.failed_rows = self._outputs.failed_rows
        summary.failed_of_job = self._outputs.files.all_failed_files(
            [*summary.failed_of_job, *summary.failed]
        )
        try:
            if self._settings.summary is not None:
                summary.write(self._settings.summary)
        except OutputError as error:
            summary.stops.append(file_stop(error))
        try:
            not_reached = 0 if summary.all_read else self._result_unknown
            end = RunEnd(
                summary.run,
                summary.as_dict(),
                pool.traffic.result_unknown + not_reached,
                summary.all_read,
                summary.failed,
            )
            await asyncio.to_thread(self._outputs.end, end)
        except OutputError as error:
            summary.stops.append(file_stop(error))
