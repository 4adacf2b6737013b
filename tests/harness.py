"""The whole pipeline, files and all, on a clock that jumps and through a transport of the tests'.

Only the network and the time are made up: rows are read from a real file in the reader's thread,
mapped, sent by the real pool through the real gates, and their outcomes written to a real journal.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from batchconv.model import Conversion, Reply
from batchconv.operations.upload import prepare_upload
from batchconv.pipeline import Run
from batchconv.sending.transport import Clock, Turn, at_once
from batchconv.settings.options import Settings
from batchconv.telemetry.observers import Observer, observed
from batchconv.telemetry.summary import Summary
from tests import warp

ACCOUNT = {"VONAGE_API_KEY": "made-up", "VONAGE_API_SECRET": "made-up"}
OK = Reply(200, 0.01)
NIGHT = 1_800_000_000.0  # Unix seconds at which every run begins

Answer = Callable[[str, float], Reply]
"""A message id and the seconds since the run began → what the server replies."""


@dataclass
class Job:
    """A file in a folder of its own, and all the runs over it.

    Attributes:
        answer: the server.
        latency: seconds that each reply takes; *delays* are those of some ids.
        sent: what reached the server in all runs: seconds since that run began, and message id.
        replies: by id, the statuses (or troubles) that it got.
    """

    folder: Path
    answer: Answer = lambda _id, _now: OK
    latency: float = 0.01
    delays: dict[str, float] = field(default_factory=dict)
    sent: list[tuple[float, str]] = field(default_factory=list)
    replies: dict[str, list[object]] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def file(self) -> Path:
        return self.folder / "in.csv"

    def write(self, ids: Iterable[str]) -> Job:
        rows = "".join(f"{one},true\n" for one in ids)
        self.file.write_text(f"message_id,delivered\n{rows}", encoding="utf-8")
        return self

    def upload(
        self,
        *observers: Observer,
        events: Iterable[tuple[float, Callable[[Run], None]]] = (),
        **settings: object,
    ) -> Summary:
        """One run; *events* are what is done to it, and when."""
        return warp.run(self._upload(observers, events, settings))

    async def _upload(self, observers, events, settings) -> Summary:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, warp.WarpLoop)
        run = prepare_upload(
            [str(self.file)],
            Settings(**{"rate": None, "results": str(self.results), **settings}),
            ACCOUNT,
            connect=self._connect,
            clock=Clock(loop.time, lambda: NIGHT + loop.time()),
        )
        loop.coming = lambda: _reader_is_coming(run)
        for at, event in events:
            loop.call_later(at, event, run)
        summary = await observed(run, observers)
        self.seconds = loop.time()
        return summary

    @asynccontextmanager
    async def _connect(self):
        yield self

    async def exchange(
        self, conversion: Conversion, turn: Turn = at_once, *, fresh: bool = False
    ) -> Reply:
        await turn(lambda: True)
        now = asyncio.get_running_loop().time()
        self.sent.append((now, conversion.message_id))
        reply = self.answer(conversion.message_id, now)
        await asyncio.sleep(self.delays.get(conversion.message_id, self.latency))
        self.replies.setdefault(conversion.message_id, []).append(reply.status or reply.trouble)
        return reply

    workers = None

    def keep(self, connections: int) -> None:
        """Connections cost nothing here."""

    @property
    def results(self) -> Path:
        return self.folder / "in.results.jsonl"

    def outcomes(self) -> dict[str, str]:
        """The last outcome of each id."""
        lines = map(json.loads, self.results.read_text(encoding="utf-8").splitlines())
        return {line["message_id"]: line["outcome"] for line in lines}

    def counts(self) -> Counter[str]:
        return Counter(self.outcomes().values())


def _reader_is_coming(run: Run) -> bool:
    feed = getattr(run, "_prefetcher", None)
    return feed is not None and feed.coming
