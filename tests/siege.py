"""A siege of the books: everything that people and accidents do to files between two runs.

    python -m tests.siege --runs 300 --seed 1

A run is a folder with inputs that are edited, sorted, prepended to, renamed and packed, uploaded
by one or two campaigns with a results file each, which are cut at any byte, resumed and resent.
Each step is held against a model that knows nothing but lines and counting. A "kill" sets all
files back to what they were when one of the requests was sent.
"""

import argparse
import asyncio
import csv
import gzip
import io
import json
import random
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from batchconv.model import Conversion, Reply
from batchconv.operations.audit import audit
from batchconv.operations.resend import prepare_resend
from batchconv.operations.upload import prepare_upload
from batchconv.pipeline import Run
from batchconv.sending.stops import signal_stop
from batchconv.sending.transport import Turn, at_once
from batchconv.settings.options import Settings
from batchconv.settings.read_options import ReadSettings
from tests.shells import Wire

COLUMNS = ("message_id", "delivered", "timestamp", "note")
_ADDED = ("_outcome", "_reason", "_status", "_attempts", "_row")
_TORN = '{"torn'  # begins a record that no format can make a row of


class Record(NamedTuple):
    """A row as the model sees it; only the first three columns are sent."""

    message_id: str
    delivered: str
    timestamp: str
    note: str

    @property
    def torn(self) -> bool:
        return self.message_id.startswith(_TORN)

    @property
    def key(self) -> str:
        """What the results call it."""
        return hashed(f"\x05{self.message_id}\n" if self.torn else "\0".join([*self[:3], "\x01"]))


def hashed(text: str) -> str:
    return blake2b(text.encode(), digest_size=16).hexdigest()


@dataclass
class Input:
    """A file of records, in one of the forms that are read."""

    name: str
    records: list[Record]
    columns: tuple[str, ...] = COLUMNS

    def write(self) -> None:
        Path(self.name).parent.mkdir(exist_ok=True)
        text = "".join(self.lines())
        data = text.encode()
        Path(self.name).write_bytes(gzip.compress(data) if self.name.endswith(".gz") else data)

    def lines(self) -> Iterator[str]:
        if ".jsonl" in self.name:
            for record in self.records:
                text = record.message_id if record.torn else json.dumps(self.cells(record))
                yield f"{text}\n"
            return
        table = io.StringIO()
        writer = csv.DictWriter(
            table, self.columns, delimiter="\t" if ".tsv" in self.name else ",", lineterminator="\n"
        )
        writer.writeheader()
        for record in self.records:
            if record.torn:
                table.write(f"{record.message_id}\n")
            else:
                writer.writerow(self.cells(record))
        yield table.getvalue()

    def cells(self, record: Record) -> dict[str, str]:
        return {name: getattr(record, name, "x") for name in self.columns}


@dataclass
class Accident:
    """What befalls a run when so many requests have been sent."""

    kind: str  # "kill", "stop" or "none"
    after: int = 0
    files: dict[str, bytes] = field(default_factory=dict)  # as they were at a kill
    stop: Callable[[], object] = lambda: None

    def befall(self) -> None:
        if self.kind == "kill":
            self.files.update(books())
        elif self.kind == "stop":
            self.stop()


class Server(Wire):
    """Answers by the id's first letter: n rejects, f fails; the others are accepted."""

    def __init__(self) -> None:
        super().__init__()
        self.accident = Accident("none")
        self.keys: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.mended = False  # what failed is accepted now

    async def exchange(self, conversion: Conversion, turn: Turn = at_once) -> Reply:
        await asyncio.sleep(0)
        await turn(lambda: True)
        if self.keys.total() == self.accident.after:
            self.accident.befall()
        self.keys[conversion.key().hex()] += 1
        letter = conversion.message_id[0]
        status = 200 if self.mended else {"n": 420, "f": 500}.get(letter, 200)
        self.failed[conversion.key().hex()] += status == 500
        return Reply(status, 0.001)


def books() -> dict[str, bytes]:
    """The results and failed rows that are there."""
    return {str(path): path.read_bytes() for path in Path().rglob("*") if is_book(path)}


def is_book(path: Path) -> bool:
    return path.is_file() and (".failed." in path.name or ".results." in path.name)


def set_back(files: dict[str, bytes]) -> None:
    for path in Path().rglob("*"):
        if is_book(path) and str(path) not in files:
            path.unlink()
    for name, data in files.items():
        Path(name).write_bytes(data)


def told(path: str) -> list[dict[str, Any]]:
    """The lines of a results file, read as naively as can be; a torn one is none."""
    if not Path(path).exists():
        return []
    lines = Path(path).read_bytes().split(b"\n")
    if path.endswith(".csv"):
        text = io.StringIO(b"\n".join(lines[:-1]).decode())
        return [line for line in csv.DictReader(text) if line["target"]]
    found = []
    for line in lines:
        try:
            found.append(json.loads(line))
        except ValueError:
            assert line is lines[-1], line
    return found


def count_off(
    lines: Sequence[dict[str, Any]], rows: Sequence[tuple[str, str]], sources: Collection[str]
) -> list[bool]:
    """For each (source, key), whether one of *lines* settles it."""
    own = Counter((line["source"], line["key"]) for line in lines)
    others = Counter(line["key"] for line in lines if line["source"] not in sources)
    settled = []
    for source, key in rows:
        bag: Counter[Any] = own if own[source, key] else others
        place = (source, key) if bag is own else key
        settled.append(bag[place] > 0)
        bag[place] -= bag[place] > 0
    return settled


@dataclass
class Campaign:
    """Inputs and the results of sending them, with what is known of accidents."""

    results: str
    inputs: list[Input]
    resends: list[str] = field(default_factory=list)
    edited: bool = False  # since the first run
    cut: bool = False  # lines of the books were lost

    @property
    def names(self) -> list[str]:
        return [one.name for one in self.inputs]

    @property
    def rows(self) -> list[tuple[str, str]]:
        return [(one.name, record.key) for one in self.inputs for record in one.records]

    @property
    def records(self) -> list[Record]:
        return [record for one in self.inputs for record in one.records]


class Breach(Exception):  # noqa: N818 - what it is
    """The program did not do what the model says."""


def check(sound: object, what: str, *shown: object) -> None:
    if not sound:
        raise Breach(f"{what}: {shown}")


class Siege:
    """One folder from the first upload until everything is settled and audited."""

    def __init__(self, seed: int, server: Server) -> None:
        self.draw = random.Random(seed)
        self.server = server
        self.serial = self.failing = 0
        self.log: list[str] = []
        draw = self.draw
        first = Campaign(
            draw.choice(["one.results.jsonl", "one.results.csv"]), self.new_inputs("x")
        )
        self.campaigns = [first]
        if draw.random() < 0.5:
            name = draw.choice(["two.results.jsonl", "two.results.csv"])
            same = draw.random() < 0.3
            self.campaigns.append(Campaign(name, first.inputs if same else self.new_inputs("y")))

    # -- inputs ------------------------------------------------------------------------------------

    def new_inputs(self, folder: str) -> list[Input]:
        draw = self.draw
        names = ["a.csv", "a.jsonl", "a.tsv", "b.csv", "a.csv.gz", "b.jsonl.gz"]
        return [
            Input(
                f"{folder}/{name}",
                [self.new_record(folder) for _ in range(draw.randint(0, 25))],
                tuple(draw.sample(COLUMNS, 4)),
            )
            for name in draw.sample(names, draw.choice([1, 1, 1, 2, 3]))
        ]

    def new_record(self, folder: str) -> Record:
        draw = self.draw
        self.serial += 1
        kind = draw.choice("a" * 14 + "nnn" + "f" + "  _!")
        if kind == "f":
            self.failing += 1
            kind = "f" if self.failing < 3 else "a"  # ten in a row would be an outage
        if kind == "!":
            return Record(_TORN + folder, "", "", folder)
        few = draw.random() < 0.3  # some rows are equal
        message_id = "" if kind == " " else f"{kind}{draw.randrange(3) if few else self.serial}"
        return Record(
            message_id.replace("_", 'a,"é') if kind == "_" else message_id,
            draw.choice(["true", "false", "true", "maybe"] if kind == " " else ["true", "1"]),
            "" if few else f"2026-11-20 10:00:{draw.randrange(60):02}",
            f"{folder}{self.serial}",
        )

    def edit(self, campaign: Campaign) -> None:
        draw = self.draw
        one = draw.choice(campaign.inputs)
        records = one.records
        folder = one.name[0]
        at = draw.randint(0, len(records))
        new = [self.new_record(folder) for _ in range(draw.randint(1, 4))]
        edits: dict[str, Callable[[], object]] = {
            "sort": records.sort,
            "reverse": records.reverse,
            "shuffle": lambda: draw.shuffle(records),
            "prepend": lambda: records.__setitem__(slice(0, 0), new),
            "append": lambda: records.extend(new),
            "insert": lambda: records.__setitem__(slice(at, at), new),
            "delete": lambda: records.__delitem__(slice(at, at + 2)),
            "repeat": lambda: records.extend(records[:2]),
            "change": lambda: records.__setitem__(slice(at, at + 1), new[:1]),
            "rename": lambda: self.rename(one, campaign),
            "columns": lambda: self.more_columns(one),
            "order": lambda: draw.shuffle(campaign.inputs),
        }
        name = draw.choice(list(edits))
        self.log.append(f"{name} {one.name}")
        edits[name]()
        for touched in self.campaigns:
            if touched.inputs is campaign.inputs:
                touched.edited = True

    def rename(self, one: Input, campaign: Campaign) -> None:
        path = Path(one.name)
        form = self.draw.choice(["csv", "csv.gz", "jsonl", "jsonl.gz", "tsv"])
        name = f"{path.parent}/{self.draw.choice('abc')}.{form}"
        if name not in campaign.names:
            path.unlink(missing_ok=True)
            one.name = name
            self.log.append(f"  to {name}")

    def more_columns(self, one: Input) -> None:
        self.serial += 1
        one.columns = (f"more{self.serial}", *one.columns)

    # -- runs --------------------------------------------------------------------------------------

    def run(self) -> None:
        for campaign in self.campaigns:
            for one in campaign.inputs:
                one.write()
        for _ in range(self.draw.randint(2, 7)):
            campaign = self.draw.choice(self.campaigns)
            for _ in range(self.draw.choice([0, 0, 1, 3])):
                self.edit(campaign)
            for one in campaign.inputs:
                one.write()
            self.draw.choice([self.upload, self.upload, self.upload, self.resend])(campaign)
        for campaign in self.campaigns:
            self.upload(campaign, accidents=False)
            self.check_audit(campaign)

    def upload(self, campaign: Campaign, *, accidents: bool = True) -> None:
        limit = self.draw.choice([None, None, 0, 7, 30]) if accidents else None
        lines = told(campaign.results)
        settled = count_off(lines, campaign.rows[:limit], campaign.names)
        rows = zip(campaign.rows, campaign.records, settled, strict=False)
        wanted = Counter(key for (_, key), record, known in rows if not known and sendable(record))
        accident = self.accident(accidents, wanted)
        self.log.append(f"upload {campaign.names} -o {campaign.results} {limit=} {accident.kind}")
        run = prepare_upload(
            campaign.names, self.settings(results=campaign.results, resume=True, limit=limit), {}
        )
        self.carry_out(run, wanted, accident, len(settled), sum(settled))
        campaign.cut |= accident.kind == "kill"
        if accident.kind == "none" and limit is None:
            check(
                all(count_off(told(campaign.results), campaign.rows, campaign.names)),
                "rows without an outcome",
            )
            self.check_failed(campaign)
        if self.draw.random() < 0.3:
            self.check_audit(campaign)
        if accidents:
            self.damage(campaign)

    def resend(self, campaign: Campaign) -> None:
        draw = self.draw
        again = campaign.resends and draw.random() < 0.4  # go on with the last one
        sources = [campaign.results, *campaign.resends]
        path = sources[-2] if again else draw.choice(sources)
        if not told(path):
            return
        if not again:
            self.serial += 1
            campaign.resends.append(f"re{self.serial}.results.{draw.choice(['jsonl', 'csv'])}")
        results = campaign.resends[-1]
        rejected = draw.random() < 0.5
        outcomes = {"failed", "rejected"} if rejected else {"failed"}
        rows = [(line["source"], line["key"]) for line in told(path) if line["outcome"] in outcomes]
        settled = count_off(told(results), rows, {source for source, _ in rows})
        wanted = Counter(key for (_, key), known in zip(rows, settled, strict=True) if not known)
        accident = self.accident(True, wanted)
        self.server.mended = draw.random() < 0.5
        self.log.append(f"resend {path} -o {results} {rejected=}")
        run = prepare_resend(
            path, self.settings(results=results, resume=True), {}, include_rejected=rejected
        )
        self.carry_out(run, wanted, accident, len(settled), sum(settled))
        self.server.mended = False

    def settings(self, **more: Any) -> Settings:
        return Settings(
            simulate="calm",
            rate=None,
            concurrency=self.draw.choice([1, 3, 8]),
            max_attempts=1,
            give_up_after=0.0,
            **more,
        )

    def accident(self, accidents: bool, wanted: Counter[str]) -> Accident:
        if accidents and wanted:
            kind = self.draw.choice(["none", "kill", "kill", "stop"])
            return Accident(kind, self.draw.randrange(wanted.total()))
        return Accident("none")

    def carry_out(
        self, run: Run, wanted: Counter[str], accident: Accident, read: int, settled: int
    ) -> None:
        server, before = self.server, told(run.summary.results)
        server.accident = accident
        accident.stop = lambda: run.stop(signal_stop(15))
        server.keys.clear()
        server.failed.clear()
        summary = asyncio.run(run.run())
        summary.books.check()
        server.accident = Accident("none")
        if accident.kind == "stop":
            check(server.keys <= wanted, "sent", server.keys - wanted)
            check([stop.exit_code for stop in summary.stops] == [143], "stopped", summary.stops)
        else:
            check(not summary.stops, "stopped", summary.stops)
            check(server.keys == wanted, "sent", server.keys - wanted, wanted - server.keys)
            check(summary.books.read == read, "read", summary.books, read)
            check(summary.books.settled == settled, "settled", summary.books, settled)
        lines = Counter(line["key"] for line in told(run.summary.results) if line["status"])
        lines.subtract(line["key"] for line in before if line["status"])
        # A failed row whose run is being stopped is left to the next one.
        left = server.failed if accident.kind == "stop" else Counter()
        check(+lines <= server.keys <= +lines + left, "written", lines, server.keys)
        if accident.kind == "kill":
            self.log.append(f"  killed after {accident.after}")
            set_back(accident.files)

    def damage(self, campaign: Campaign) -> None:
        """Tear the last lines of a book, at any byte."""
        draw = self.draw
        for name in [campaign.results, *(name for name in books() if ".failed." in name)]:
            if draw.random() < 0.3 and Path(name).exists():
                data = Path(name).read_bytes()
                last = b"".join(data.splitlines(keepends=True)[-3:])
                gone = draw.randint(0, len(last))
                self.log.append(f"  cut {gone} bytes off {name}")
                Path(name).write_bytes(data[: len(data) - gone])
                for touched in self.campaigns:
                    touched.cut |= gone > 0

    # -- books -------------------------------------------------------------------------------------

    def check_failed(self, campaign: Campaign) -> None:
        """Each row that was not accepted and is still an input's stands in a file of its kind."""
        found: Counter[Any] = Counter()
        for name in books():
            if ".failed." in name:
                found.update(self.read_failed(Path(name)))
        lines = Counter(line["key"] for line in told(campaign.results) if bad(line))
        wanted: Counter[Any] = Counter()
        for one in campaign.inputs:
            for record in one.records:
                if lines[record.key]:
                    lines[record.key] -= 1
                    wanted[one.name[0], record.key] += 1
        check(not wanted - found, "failed rows lack", wanted - found, found)
        mine = Counter(line["key"] for line in told(campaign.results) if bad(line))
        alone = len({id(other.inputs) for other in self.campaigns}) == len(self.campaigns)
        if alone and not campaign.cut and not campaign.edited:
            folder = campaign.inputs[0].name[0]
            there = Counter({key: count for (one, key), count in found.items() if one == folder})
            check(there == mine, "failed rows differ", there - mine, mine - there)

    def read_failed(self, path: Path) -> Iterator[tuple[str, str]]:
        """Folder of the input, and key of each row; rows of two folders are never in one file."""
        text = path.read_bytes().decode()
        text = text[: text.rfind("\n") + 1]  # another campaign's may still be torn
        if not text:
            return
        if path.suffix == ".raw":
            for line in text.splitlines(keepends=True):
                yield line[-2], hashed(f"\x05{line}")
            return
        if path.suffix == ".jsonl":
            rows = [json.loads(line) for line in text.splitlines()]
        else:
            reader = csv.DictReader(
                io.StringIO(text), delimiter="\t" if path.suffix == ".tsv" else ",", strict=True
            )
            rows = list(reader)
            names = reader.fieldnames or []
            check(tuple(names[-5:]) == _ADDED, "header", path, names)
        folders = set()
        for row in rows:
            check(None not in row and None not in [row[name] for name in COLUMNS], "cells", row)
            folders.add(row["note"][0])
            yield row["note"][0], Record(*(row[name] for name in COLUMNS)).key
        check(len(folders) < 2, "rows of two inputs are mixed", path)

    def check_audit(self, campaign: Campaign) -> None:
        missing: list[Any] = []
        orphans: list[Any] = []
        chain = [campaign.results, *campaign.resends]
        chain = [path for path in chain if Path(path).exists()]
        found = audit(
            campaign.names, chain, ReadSettings(),
            tell_missing=missing.append, tell_orphan=lambda *orphan: orphans.append(orphan),
        )  # fmt: skip
        lines, rows = chained(chain), campaign.rows
        settled = count_off(lines, rows, campaign.names)
        check(found.rows == len(rows), "audited", found, len(rows))
        check(found.missing == len(missing) == settled.count(False), "missing", found, missing)
        orphaned = len(lines) - sum(settled)
        check(found.orphans == len(orphans) == orphaned, "orphans", found, orphans, orphaned)
        check(found.exit_code == (1 if orphaned or missing else 0), "exit code", found)
        if not orphaned:
            told_of = Counter({one.value: count for one, count in found.outcomes.items()})
            check(told_of == Counter(line["outcome"] for line in lines), "outcomes", told_of)


def sendable(record: Record) -> bool:
    return bool(record.message_id) and not record.torn


def bad(line: dict[str, Any]) -> bool:
    return line["outcome"] in ("failed", "rejected", "invalid")


def chained(paths: Sequence[str]) -> list[dict[str, Any]]:
    """What holds after a chain: each line takes the place of one of the same row before it."""
    known: list[dict[str, Any]] = []
    for path in paths:
        later = told(path)
        for line in later:
            same = [
                one for one in known if (one["source"], one["key"]) == (line["source"], line["key"])
            ]
            resent = [one for one in same if one["outcome"] in ("failed", "rejected")]
            if same:
                same.sort(key=lambda one: ("failed", "rejected").index(one["outcome"])
                          if one in resent else 2)  # fmt: skip
                known.remove(same[0])
        known += later
    return known


def endure(seed: int) -> tuple[str | None, list[str]]:
    """One siege in a folder of its own; what was breached, and what had been done."""
    server = Server()
    siege = Siege(seed, server)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        server.plug_in(patch)
        patch.chdir(folder)
        try:
            siege.run()
        except Exception as problem:  # noqa: BLE001 - whatever it is, it is a breach
            where = traceback.extract_tb(problem.__traceback__)[-1]
            return f"{type(problem).__name__}: {problem} ({where.name}, {where.lineno})", siege.log
    return None, siege.log


def main(arguments: list[str] | None = None) -> None:
    """Run it, and exit with 1 if anything was breached."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    breaches = 0
    for seed in range(given.seed, given.seed + given.runs):
        breach, log = endure(seed)
        if breach is not None:
            breaches += 1
            print(f"seed {seed}: {breach}", *log, sep="\n  ")  # noqa: T201 - a program
    print(f"{given.runs} sieges, {breaches} breaches")  # noqa: T201 - the same
    sys.exit(1 if breaches else 0)


if __name__ == "__main__":
    main()
