"""Corrected rows: failed-rows files that are fed back go on with the job that wrote them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from itertools import chain, islice
from typing import Any, NamedTuple

from batchconv.errors import BatchconvError, InputError, UsageError
from batchconv.journal.job_files import JobFiles, job_of_failed_rows, named_job
from batchconv.journal.key_multiset import KeyMultiset
from batchconv.journal.runs_file import JobRun
from batchconv.journal.settled_index import Item, Journal, Settled, taking_place
from batchconv.model import Conversion, Earlier, Outcome, Raw, Reason, Result, Row, read_key
from batchconv.operations.job import Source, limited
from batchconv.operations.read_inputs import read_rows
from batchconv.operations.row_options import as_earlier, differences, for_failed_rows, given_of
from batchconv.operations.target import Target
from batchconv.reading.columns import Recognised
from batchconv.reading.formats import FormatName, Layout
from batchconv.reading.mapper import Mapper
from batchconv.reading.sources import BLANK, ByteStream, Input
from batchconv.settings.options import Settings
from batchconv.settings.read_options import mapper_of

_BATCH = 200  # rows
_SHOWN = 5  # rows that are named in a sentence
# The columns that say whose row it is, read as if they were the fields of a conversion.
_TAGS = (("message_id", "_key"), ("delivered", "_source"), ("timestamp", "_row"),
         ("channel", "_run"))  # fmt: skip


class Tag(NamedTuple):
    """Which row of a job a line of a failed-rows file is to correct."""

    key: bytes
    source: str
    row: int
    run: str


class _Some:
    """Some rows, of which the first are named."""

    def __init__(self) -> None:
        self.count = 0
        self._names: list[str] = []

    def add(self, name: str) -> None:
        self.count += 1
        if self.count <= _SHOWN:
            self._names.append(name)

    def __str__(self) -> str:
        more = self.count - len(self._names)
        return ", ".join(self._names) + (f" and {more} more" if more else "")


class Corrections:
    """Failed-rows files, and the job that they belong to.

    Args:
        failed_rows: each with the name by which it was asked for.
        settings: every option of this run.
        given: names of those that were given for it.

    Attributes:
        files: of the job.
        layouts: how the rows of each file look.
        settings: those of this run, with the options about rows of the runs that wrote them.

    Raises:
        UsageError: the job is not there, or they belong to several.
    """

    def __init__(
        self,
        failed_rows: Sequence[tuple[Input, str]],
        settings: Settings,
        given: Collection[str] | None,
    ) -> None:
        self._names = [name for name, _ in failed_rows]
        self.settings = settings
        self._given = given_of(settings, given)
        self._known: frozenset[str] = frozenset()  # runs of the job
        self._damages: list[BatchconvError] = []
        self._writers: set[str] = set()  # runs that wrote the rows
        self.layouts: dict[str, Layout] = {}
        self.files = _find_job([asked for _, asked in failed_rows], settings)
        if settings.overwrite:
            raise UsageError(
                f"{self._names[0]} holds failed rows, which go on with their job: --overwrite "
                "would begin another",
                hint="leave it out",
            )

    def source(
        self, journal: Journal, runs: Sequence[JobRun], target: Target
    ) -> tuple[Source, list[str]]:
        """What is to be done with each row, and sentences about rows that are left out.

        Raises:
            UsageError: the job knows none of the rows, or a column is wrong.
            InputError: a file cannot be read.
        """
        shown = {run.start.run: run.start.options for run in runs}
        self._known = frozenset(shown)
        notes = self._look_through()
        self._read_as({run: shown[run] for run in sorted(self._writers)})
        convert = mapper_of(self.settings, timestamps=target.rows_may_have_times)
        columns: dict[str, Recognised] = {}
        for name in self._names:
            reader, _ = read_rows([name], self._for_reading(name))
            self.layouts |= reader.layouts
            columns |= reader.columns
        items = limited(self._items(journal, convert), self.settings.limit)
        return Source(items, self._damages, columns, lambda _: None), notes

    def _read_as(self, options: Mapping[str, Mapping[str, Any]]) -> None:
        """Read rows with the options of the runs that wrote them, if these are the same."""
        found = [as_earlier(shown, self.settings, self._given) for shown in options.values()]
        for run, other in zip(options, found, strict=True):
            if changed := differences(found[0].shown(), other):
                raise UsageError(
                    f"{self._names[0]}: the rows were written by runs with different options about "
                    f"rows, {next(iter(options))} and {run}: {', '.join(changed)}",
                    hint="upload the failed rows of each run by themselves, or give the option",
                )
        self.settings = found[0]

    def _for_reading(self, name: Input) -> Settings:
        settings = for_failed_rows(self.settings, self._given)
        return replace(settings, format=settings.format or _format_of(name))

    def _look_through(self) -> list[str]:
        """Look at whose rows they are, before anything is sent."""
        seen = KeyMultiset()
        twice, strangers = _Some(), _Some()
        unknown: set[str] = set()
        rows = 0
        for name in self._names:
            for row in self._tag_rows(name):
                rows += 1
                tag = tag_of(row)
                if tag is None or tag.run not in self._known:
                    strangers.add(f"{name} row {row.number}")
                    unknown |= {tag.run} if tag and len(unknown) < _SHOWN else set()
                    continue
                self._writers.add(tag.run)
                if _seen(seen, tag):
                    twice.add(f"{name} row {row.number}")
        why = f"the job {self.files.results} does not know them"
        if unknown:
            why += f" (of run {', '.join(sorted(unknown))}: renamed, or of another job)"
        else:
            why += " (their _key is blank)"
        if rows and strangers.count == rows:
            raise UsageError(
                f"{self._names[0]}: none of the {rows} rows can be sent: {why}",
                hint="name the results file of their job with -o",
            )
        notes = [f"not sent: {strangers}: {why}"] * bool(strangers.count)
        notes += [f"ignored: {twice}: a line above is about the same row"] * bool(twice.count)
        return notes

    def _tag_rows(self, name: Input) -> Iterator[Row]:
        """The rows of a file, in which the columns that say whose they are stand for fields."""
        plain = replace(
            self._for_reading(name), map=_TAGS, delivered=True, max_row_bytes=1 << 26,
            max_columns=1 << 20,
        )  # fmt: skip
        reader, batches = read_rows([name], plain)
        yield from chain.from_iterable(batches)
        self._damages += [one for one in reader.damages if str(one) not in map(str, self._damages)]

    def _items(self, journal: Journal, convert: Mapper) -> Iterator[list[Item]]:
        seen = KeyMultiset()
        for name in self._names:
            _, batches = read_rows([name], self._for_reading(name))
            pairs = zip(self._tag_rows(name), chain.from_iterable(batches), strict=False)
            while some := list(islice(pairs, _BATCH)):
                yield [self._item(journal, convert, name, pair, seen) for pair in some]

    def _item(
        self, journal: Journal, convert: Mapper, name: str, pair: tuple[Row, Row], seen: KeyMultiset
    ) -> Item:
        """What is to be done with a row that was fed back."""
        tags, row = pair
        tag = tag_of(tags)
        if tag is None or tag.run not in self._known or _seen(seen, tag):
            return Settled()
        if row.fault is None and all(map(_is_blank, row.fields)):
            return Settled(
                unchanged=True
            )  # a record that could not be parsed, and was not filled in
        found = journal.take_up(tag.key, tag.row)
        if found is None:
            return Settled()
        outcome, place = found
        item = convert(row._replace(source=tag.source, number=tag.row, line=place.line))
        key = item.key()
        if key == tag.key:
            if isinstance(item, Outcome):
                return Settled(unchanged=True)  # invalid as it was
            return taking_place(item, Earlier(outcome, fed_from=name))
        item = taking_place(item, Earlier(outcome, corrects=tag.key, fed_from=name))
        if isinstance(item, Conversion) and journal.take_equal(key):
            detail = "the row was corrected in the input as well, and is settled"
            return Outcome(item.row, item, Result.SKIPPED, reason=Reason.DUPLICATE, detail=detail)
        return item


def tag_of(row: Row) -> Tag | None:
    """Which row a line is to correct; None where it does not say it."""
    key, source, number, run = map(_text, row.fields)
    try:
        return Tag(read_key(key), source, int(number), run)
    except ValueError:
        return None


def _text(value: Raw) -> str:
    return "" if value is None else str(value).strip()


def _is_blank(value: Raw) -> bool:
    return not _text(value)


def _seen(seen: KeyMultiset, tag: Tag) -> bool:
    """Whether a line about the same row came before; this one is noted."""
    text = f"{tag.source}\0{tag.row}\0".encode("utf-8", "surrogatepass") + tag.key
    place = blake2b(text, digest_size=16).digest()
    if place in seen:
        return True
    seen.add(place)
    return False


def _format_of(name: Input) -> FormatName | None:
    """JSON Lines where the file begins like that, whatever it is called."""
    try:
        with ByteStream(name) as stream:
            return "jsonl" if stream.peek().lstrip(BLANK).startswith(b"{") else None
    except InputError:
        return None


def _find_job(asked: Sequence[str], settings: Settings) -> JobFiles:
    """The job of failed-rows files: as `-o` names it, or by their own names."""
    simulated = settings.simulate is not None
    if settings.results is not None:
        files = named_job(settings.results, simulated=simulated)
    else:
        found = [job_of_failed_rows(name, simulated=simulated) for name in asked]
        jobs = {one.results: one for one in found if one is not None}
        if None in found or len(jobs) > 1:
            raise UsageError(
                f"{asked[0]} holds failed rows of a job, and which one is not clear from its name"
                if None in found
                else f"{' and '.join(dict.fromkeys(asked))} are of different jobs",
                hint="name the results file of the job with -o",
            )
        files = next(iter(jobs.values()))
    if files.runs is None or not files.exists:
        looked = " and ".join(files.looked_for) or files.results
        raise UsageError(
            f"{asked[0]} holds failed rows of a job, and there is no job at {looked}",
            hint="name its results file with -o; add --simulate if it was a simulated run",
        )
    return files
