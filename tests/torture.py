"""Kills and cuts by the hundred: nothing may be lost, and repeats stay within what was in flight.

    python -m tests.torture --runs 30 --seed 1

A run is one to three inputs, uploaded and resumed until all is done while it is killed,
interrupted, and its results file is cut in the middle; with duplicates sent or skipped, with a
ledger, through outages and 429s, and through workers that are killed and stopped one by one or
together. A seed gives the same inputs, faults and plan every time; the
moment at which a process is hit is as exact as the system lets it be.
"""

import argparse
import asyncio
import contextlib
import csv
import gzip
import json
import os
import random
import signal
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from batchconv.journal.reader import ResultsReader
from batchconv.journal.results import ResultLine
from batchconv.sending.limits.adaptive_concurrency import START
from batchconv.simulator import Behaviour, FaultRule, Simulator
from tests.shells import Ended, Running, Shell, children

_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
_FAULTS = (
    FaultRule("500", share=0.05, first_attempts=3),
    FaultRule("reset", share=0.05, first_attempts=3),
    FaultRule("garbage", share=0.03, first_attempts=3),
    FaultRule("reset-after", share=0.03, first_attempts=3),
    FaultRule("420", share=0.05),
)


_OUTAGES = ((0.2, 0.9), (2.0, 2.4), (4.0, 5.5))  # seconds since the first request


@dataclass
class Plan:
    """What is done to one run, all of it from the seed.

    Attributes:
        concurrency: 0 draws it; None finds it out (`--concurrency auto`).
        skip: "", "duplicates" or "ledger".
        workers: with more than one they are hit, too.
    """

    seed: int
    rows: int = 0
    concurrency: int | None = 0
    suffix: str = ""
    faulty: bool = False
    cuts: bool = True
    hits: list[str] = field(default_factory=list)
    inputs: tuple[str, ...] = ("in.csv",)
    skip: str = ""
    outages: bool = False
    throttled: bool = False
    workers: int = 1

    @classmethod
    def harsh(cls, seed: int) -> "Plan":
        """Anything that there is."""
        draw = random.Random(-seed)
        return cls(
            seed,
            concurrency=draw.choice([0, 0, 0, None]),
            inputs=draw.choice([("in.csv",), ("in.csv.gz",), ("a.csv", "b/a.csv.gz", "a.jsonl")]),
            skip=draw.choice(["", "", "duplicates", "ledger"]),
            outages=draw.random() < 0.25,
            throttled=draw.random() < 0.2,
            workers=draw.choice([1, 1, 2, 3]),
        )

    def __post_init__(self) -> None:
        self.draw = random.Random(self.seed)
        self.rows = self.rows or self.draw.randint(60, 300)
        if self.concurrency == 0:
            self.concurrency = self.draw.choice([1, 5, 20])
        self.suffix = self.suffix or self.draw.choice(["jsonl", "csv"])
        self.faulty = self.faulty or self.draw.random() < 0.5
        kinds = ["kill"] * 4 + ["kill when written"] * 2 + ["signal", "two signals"]
        kinds += ["kill at once"] * (self.inputs != ("in.csv",))
        kinds += ["cut"] * self.cuts
        if self.workers > 1:
            kinds += ["kill a worker"] * 4 + ["kill all workers"] * 3 + ["stop a worker"]
        self.hits = self.hits or self.draw.choices(kinds, k=self.draw.randint(4, 10))

    @property
    def behaviour(self) -> Behaviour:
        return Behaviour(
            latency=0.001,
            latency_spread=0.008,
            seed=self.seed,
            faults=_FAULTS if self.faulty else (),
            outages=_OUTAGES if self.outages else (),
            allow_rate=150.0 if self.throttled else None,
        )

    @property
    def options(self) -> list[str]:
        """Of every upload."""
        options = ["--concurrency", str(self.concurrency or "auto"), "--backoff-base", "20ms"]
        options += {"duplicates": ["--duplicates", "skip"], "ledger": ["--ledger", "l.db"]}.get(
            self.skip, []
        )
        options += ["--workers", str(self.workers)] * (self.workers > 1)
        # A row must not use up its attempts before an outage is seen to be one.
        return options + ["--max-attempts", "99", "--backoff-max", "100ms"] * self.outages


@dataclass
class Score:
    """What came of it; `bound` is the most repeats that can be explained."""

    runs: int = 0
    processes: int = 0
    kills: int = 0
    workers: int = 0
    signals: int = 0
    cuts: int = 0
    torn: int = 0
    rows: int = 0
    missing: int = 0
    repeated: int = 0
    bound: int = 0
    breaches: list[str] = field(default_factory=list)

    def add(self, other: "Score") -> None:
        for one in fields(self):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))

    def __str__(self) -> str:
        return ", ".join(
            f"{one.name} {getattr(self, one.name)}" for one in fields(self) if one.type is int
        )


class Ordeal:
    """One input from its first upload until it is done."""

    def __init__(self, folder: Path, simulator: Simulator, plan: Plan) -> None:
        self.plan = plan
        self.simulator = simulator
        self.score = Score(runs=1, rows=plan.rows)
        self.results = folder / f"r.{plan.suffix}"
        self.folder = folder
        self.shell = Shell(
            folder, simulator.base_url, *plan.options, "-o", self.results.name, "--resume"
        )
        # Some ids stand there twice, and some rows are invalid.
        draw = plan.draw
        self.ids = [f"{plan.seed}-{draw.randrange(plan.rows * 4)}" for _ in range(plan.rows)]
        for number in draw.sample(range(plan.rows), plan.rows // 20):
            self.ids[number] = ""
        self.places: dict[tuple[str, int], str] = {}
        share = -(-plan.rows // len(plan.inputs))
        for number, name in enumerate(plan.inputs):
            self.write(name, self.ids[number * share : (number + 1) * share])

    def write(self, name: str, ids: list[str]) -> None:
        self.places |= {(name, number): one for number, one in enumerate(ids, 1)}
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        text = "message_id,delivered\n" + "".join(f"{one},true\n" for one in ids)
        if ".jsonl" in name:
            records = [{"message_id": one, "delivered": "true"} for one in ids]
            text = "".join(json.dumps(record) + "\n" for record in records)
        data = text.encode()
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)

    def of(self, entry: ResultLine) -> str:
        """The id of the row that an entry tells of."""
        return self.places[entry.source, entry.row]

    def breach(self, what: str) -> None:
        self.score.breaches.append(f"seed {self.plan.seed}: {what}")

    async def run(self) -> Score:
        try:
            for hit in self.plan.hits:
                if hit == "cut":
                    self.cut()
                else:
                    self.check_ended(hit, await self.hit(hit))
                    self.check_lines()
            ended = await self.start().end()
            if ended.code not in (0, 1):
                self.breach(f"the last run ended with {ended.code}: {ended.err}")
            else:
                self.check_books(ended)
                await self.check_audit()
        finally:
            self.shell.close()
        return self.score

    def start(self) -> Running:
        self.score.processes += 1
        return self.shell.upload(*self.plan.inputs)

    @property
    def most_lost(self) -> int:
        """Rows that one kill may cost.

        A row that was answered is in flight until its line is written, and the simulator does
        not see that: `auto` has at least as many as it begins with.
        """
        return self.plan.concurrency or max(START, self.simulator.stats.most_in_flight)

    async def hit(self, hit: str) -> tuple[Ended, signal.Signals | None]:
        draw = self.plan.draw
        requests = draw.randint(1, max(2, self.plan.rows // 4))
        running = self.start()
        if hit == "kill at once":
            await asyncio.sleep(draw.random() * 0.7)  # while it starts, and loads what was settled
            running.process.kill()
            ended = await running.end()
        elif hit == "kill":
            ended = await running.kill_after(self.simulator, requests)
        elif "worker" in hit:
            await self.hit_workers(hit, running, requests)
            if hit != "stop a worker" and draw.random() < 0.7:
                ended = await running.kill_after(self.simulator, requests)
            else:
                ended = await running.end()
        elif hit == "kill when written":
            size = self.size() + draw.randint(1, 6_000)
            while running.process.poll() is None and self.size() < size:
                await asyncio.sleep(0.001)
            running.process.kill()
            ended = await running.end()
        else:
            number = draw.choice(list(_CODES))
            ended = await running.signal_after(
                self.simulator, requests, number, times=2 if hit == "two signals" else 1
            )
            self.score.signals += 1
            if hit == "two signals" and ended.code == _CODES[number]:
                self.score.bound += self.most_lost
            return ended, number
        if ended.code == -signal.SIGKILL:
            self.score.kills += 1
            self.score.bound += self.most_lost
        return ended, None

    async def hit_workers(self, hit: str, running: Running, requests: int) -> None:
        """Hit workers up to three times; the run is to go on and end by itself."""
        number = signal.SIGSTOP if hit == "stop a worker" else signal.SIGKILL
        for _ in range(1 if hit == "stop a worker" else self.plan.draw.randint(1, 3)):
            if not await running.reached(self.simulator, requests):
                return
            workers = children(running.process.pid)
            if workers and hit != "kill all workers":
                workers = [self.plan.draw.choice(workers)]
            for worker in workers:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker, number)
                self.score.workers += 1
            self.score.bound += self.most_lost

    def size(self) -> int:
        return self.results.stat().st_size if self.results.exists() else 0

    def cut(self) -> None:
        """Take away up to three lines of the results, or parts of them."""
        data = self.results.read_bytes() if self.results.exists() else b""
        lines = data.splitlines(keepends=True)
        last = b"".join(lines[-3:])
        gone = self.plan.draw.randint(0, len(last))
        if gone:
            self.results.write_bytes(data[:-gone])
            self.score.cuts += 1
            self.score.bound += data[-gone:].count(b"\n")

    def check_ended(self, hit: str, how: tuple[Ended, signal.Signals | None]) -> None:
        ended, number = how
        allowed = {0, 1} | ({-signal.SIGKILL} if number is None else {_CODES[number], -number})
        if ended.code not in allowed:
            self.breach(f"after {hit}: {ended.code}: {ended.err}")
        elif "Traceback" in ended.err:
            self.breach(f"after {hit}: {ended.err}")
        elif ended.code >= 0 and "read " in ended.err:
            _ = ended.books

    def check_lines(self) -> None:
        """Whole lines, and a torn one only at the end."""
        if self.results.exists() and self.size():
            data = self.results.read_bytes()
            self.score.torn += not data.endswith(b"\n")
            self.entries()

    def entries(self) -> list[ResultLine]:
        try:
            return list(ResultsReader(str(self.results)).lines())
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a breach
            self.breach(f"the results cannot be read: {error!r}")
            return []

    def check_books(self, ended: Ended) -> None:
        books, entries, score = ended.books, self.entries(), self.score
        if books.read != self.plan.rows or books.unsent:
            self.breach(f"the last run left rows: {books}")
        if Counter((entry.source, entry.row) for entry in entries) != Counter(self.places):
            self.check_keys(entries)
        self.check_ids(entries)
        self.check_failed(entries)
        # With duplicates skipped each id is wanted once.
        wanted = Counter(filter(None, set(self.ids) if self.plan.skip else self.ids))
        score.repeated = self.simulator.stats.accepted - sum(
            min(count, self.simulator.stats.accepted_ids[one]) for one, count in wanted.items()
        )
        # Accepted, and the reply lost on the way: the row is sent again by the same run.
        score.bound += self.simulator.stats.by_fault["reset-after"]
        if score.repeated > score.bound:
            self.breach(f"{score.repeated} repeated, {score.bound} can be explained")

    def check_keys(self, entries: list[ResultLine]) -> None:
        """Of equal rows one may be settled by the other's outcome."""
        wanted = Counter(self.ids)
        told = Counter(map(self.of, entries))
        if told != wanted:
            self.breach(f"rows {dict(wanted - told)} lack an outcome, {dict(told - wanted)} a row")

    def check_ids(self, entries: list[ResultLine]) -> None:
        """Each row was accepted by the server, if the results say so and only then."""
        accepted = self.simulator.stats.accepted_ids
        told = Counter(self.of(entry) for entry in entries if entry.outcome == "accepted")
        # What was skipped had been accepted, for whatever row.
        told.update(
            {self.of(entry) for entry in entries if entry.outcome == "skipped"} - told.keys()
        )
        for one, count in told.items():
            self.score.missing += max(0, count - accepted[one])
        sent = {"accepted", "rejected", *(["skipped"] if self.plan.skip else [])}
        bad = [entry for entry in entries if entry.outcome not in sent]
        if any(entry.outcome != "invalid" or self.of(entry) for entry in bad):
            self.breach("a row failed or was skipped")
        if self.score.missing:
            self.breach(f"{self.score.missing} rows are called accepted, and are not")
        # An attempt that was accepted and whose reply was lost may be followed by a refused one.
        if accepted.keys() - set(map(self.of, entries)):
            self.breach("a row was accepted, and nothing tells of it")

    def check_failed(self, entries: list[ResultLine]) -> None:
        """Each row that came to nothing stands among the failed rows; a crash may repeat it."""
        wanted = Counter(
            self.of(entry) for entry in entries if entry.outcome not in ("accepted", "skipped")
        )
        found: Counter[str] = Counter()
        for path in (*self.folder.glob("r.failed*.*"), *self.folder.glob("r.failed/**/*.*")):
            with path.open(newline="", encoding="utf-8") as file:
                rows = map(json.loads, file) if path.suffix == ".jsonl" else csv.DictReader(file)
                found.update(row["message_id"] for row in rows)
        if wanted - found:
            self.breach(f"failed rows: {dict(wanted - found)} lack")

    async def check_audit(self) -> None:
        """The books are proved from the files alone."""
        audit = self.shell.start("audit", *self.plan.inputs, "--results", self.results.name)
        ended = await audit.end()
        if ended.code != 0:
            self.breach(f"audit: {ended.code}: {ended.out} {ended.err}")


async def endure(folder: Path, plan: Plan) -> Score:
    """Carry out one plan."""
    async with Simulator(plan.behaviour) as simulator:
        return await Ordeal(folder, simulator, plan).run()


async def _main(runs: int, seed: int, jobs: int) -> Score:
    total = Score()
    free = asyncio.Semaphore(jobs)

    async def one(number: int) -> None:
        async with free:
            with tempfile.TemporaryDirectory() as folder:
                score = await endure(Path(folder), Plan.harsh(number))
            total.add(score)
            print(f"seed {number}: {score}", *score.breaches, sep="\n  ")  # noqa: T201 - a program

    await asyncio.gather(*(one(number) for number in range(seed, seed + runs)))
    return total


def main(arguments: list[str] | None = None) -> Any:
    """Run it, print a summary, and exit with 1 if anything was breached."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args(arguments)
    total = asyncio.run(_main(given.runs, given.seed, given.jobs))
    print(f"all: {total}; breaches {len(total.breaches)}")  # noqa: T201 - a program
    for breach in total.breaches:
        print(f"  {breach}")  # noqa: T201 - the same
    sys.exit(1 if total.breaches else 0)


if __name__ == "__main__":
    main()
