"""Outcome → one line of the results file, which is the journal of a run."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from json.encoder import encode_basestring_ascii
from typing import NamedTuple

from batchconv.errors import InputError
from batchconv.journal.append_only_file import LineSink
from batchconv.model import Earlier, Outcome, Reason, Result, show_key

Value = str | int | float | bool | None
_FINAL = frozenset({Result.ACCEPTED.value, Result.SKIPPED.value})


class ResultLine(NamedTuple):
    """One line of a results file: its fields, which are also the columns of a CSV, in order.

    Attributes:
        source, row, line: which input, the record's number in it, the line it starts on.
        key: how a resume knows the row again.
        replaces: the outcome whose place this one takes; None for a row's first.
        corrects: the key of the row whose outcome that was, where it is another one: that row
            is closed for good. None where it is the same row.
        message_id, delivered, timestamp, channel: as sent; null where the row had none.
        elapsed_ms: of the last exchange.
        at: when the row was settled, RFC 3339 in UTC with milliseconds.
        run, target: the run's id, and where it went.
    """

    source: str
    row: int
    line: int | None
    key: str
    replaces: str | None
    corrects: str | None
    message_id: str | None
    delivered: bool | None
    timestamp: str | None
    channel: str | None
    outcome: str
    status: int | None
    attempts: int
    elapsed_ms: float | None
    reason: str | None
    detail: str | None
    at: str
    run: str
    target: str


def is_final(line: ResultLine) -> bool:
    """Whether no later run has anything to do with the row; `too-old` is judged anew."""
    return line.outcome in _FINAL and line.reason != Reason.TOO_OLD


class Stamp:
    """What a run adds to every line: its id, its target, and the time."""

    def __init__(self, run: str, target: str, wall: Callable[[], float]) -> None:
        self._run = run
        self._target = target
        self._wall = wall
        self._second = self._millisecond = -1
        self._shown = self._shown_second = ""
        self._last_fields = f'"run":{_text(run)},"target":{_text(target)}}}\n'
        self._begins: dict[str, str] = {}  # of the lines of each source

    def line(self, outcome: Outcome) -> ResultLine:
        """The line for *outcome*, settled now."""
        row, sent = outcome.row, outcome.conversion
        raw_id = row.fields.message_id
        before = row.earlier
        return ResultLine(
            row.source,
            row.number,
            row.line,
            show_key(outcome.key()),
            before.outcome.value if before else None,
            show_key(before.corrects) if before and before.corrects else None,
            sent.message_id if sent else raw_id if isinstance(raw_id, str) else None,
            sent.delivered if sent else None,
            sent.timestamp if sent else None,
            sent.channel if sent else None,
            outcome.result.value,
            outcome.status,
            outcome.attempts,
            None if outcome.elapsed is None else round(outcome.elapsed * 1000, 1),
            None if outcome.reason is None else outcome.reason.value,
            outcome.detail,
            self.now(),
            self._run,
            self._target,
        )

    def json(self, outcome: Outcome) -> str:
        """The same line as a JSON object, in ASCII: no character in an id can tear it in two.

        Written out field by field, which takes a third of the time of any way that is shorter to
        write; every row comes past here.
        """
        row, sent, result, status, attempts, elapsed, reason, detail = outcome
        source, number, line, fields, _, _, _, earlier = row
        begin = self._begins.get(source) or self._begin(source)
        before = '"replaces":null,"corrects":null' if earlier is None else _json(earlier)
        if sent is not None:
            _, message_id, delivered, timestamp, channel = sent
            key = sent.key()
            what = (
                f'"message_id":{_text(message_id)},"delivered":{"true" if delivered else "false"},'
                f'"timestamp":{"null" if timestamp is None else _text(timestamp)},'
                f'"channel":"{channel}"'
            )
        else:
            raw_id = fields.message_id
            key = row.invalid_key()
            what = (
                f'"message_id":{_text(raw_id) if isinstance(raw_id, str) else "null"},'
                '"delivered":null,"timestamp":null,"channel":null'
            )
        took = "null" if elapsed is None else f"{elapsed * 1000:.1f}"
        why = '"reason":null,"detail":null' if reason is None else _why(reason, detail)
        return (
            f'{begin}{number},"line":{"null" if line is None else line},"key":"k{key.hex()}",'
            f'{before},{what},"outcome":{_RESULTS[result]},'
            f'"status":{"null" if status is None else status},"attempts":{attempts},'
            f'"elapsed_ms":{took},{why},"at":"{self.now()}",{self._last_fields}'
        )

    def csv(self, outcome: Outcome) -> str:
        """The same line as cells; null is empty, booleans are `true` and `false`."""
        return csv_text(self.line(outcome))

    def _begin(self, source: str) -> str:
        self._begins[source] = f'{{"source":{_text(source)},"row":'
        return self._begins[source]

    def now(self) -> str:
        """The time of a line that is written now."""
        millisecond = int(self._wall() * 1000)
        if millisecond != self._millisecond:
            self._millisecond = millisecond
            second, behind = divmod(millisecond, 1000)
            if second != self._second:
                self._second = second
                moment = datetime.fromtimestamp(second, UTC)
                self._shown_second = moment.strftime("%Y-%m-%dT%H:%M:%S")
            self._shown = f"{self._shown_second}.{behind:03d}Z"
        return self._shown


def json_text(line: ResultLine) -> str:
    """A line as a JSON object: what `Stamp.json` writes faster."""
    return json.dumps(line._asdict(), separators=(",", ":")) + "\n"


def csv_text(line: ResultLine) -> str:
    """A line as cells."""
    return _csv_line([_csv(value) for value in line])


_text = encode_basestring_ascii
_RESULTS = {result: f'"{result.value}"' for result in Result}


def _json(earlier: Earlier) -> str:
    corrects = "null" if earlier.corrects is None else f'"{show_key(earlier.corrects)}"'
    return f'"replaces":{_RESULTS[earlier.outcome]},"corrects":{corrects}'


def _why(reason: Reason, detail: str | None) -> str:
    shown = "null" if detail is None else _text(detail)
    return f'"reason":{_text(reason.value)},"detail":{shown}'


def _csv(value: Value) -> Value:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        # A line of the file is a line of text: a crash can then tear the last one only.
        return value.replace("\r", "\\r").replace("\n", "\\n")
    return value


def _csv_line(cells: Sequence[Value]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()


def is_csv(path: str) -> bool:
    """Whether a results file of that name is a CSV; otherwise it is JSON Lines."""
    return path.lower().endswith(".csv")


def no_result(path: str, number: int) -> InputError:
    """The error for a line that this program did not write."""
    if number == 1:
        return InputError(
            f"{path} is not a results file",
            hint="name the results file of the job, such as export.results.jsonl",
        )
    return InputError(
        f"{path}, line {number} is not a line of a results file",
        hint="name a results file, or fix or remove the line",
    )


CSV_HEADER = _csv_line(list(ResultLine._fields)).encode()


class Results:
    """Writes outcomes as lines; a row is in flight until its line is written.

    Args:
        sink: where lines go.
        stamp: what the run adds to each.
        as_csv: CSV instead of JSON Lines.
        begin: nothing has been written to the sink before: a CSV needs its header.
    """

    def __init__(self, sink: LineSink, stamp: Stamp, *, as_csv: bool, begin: bool = True) -> None:
        self._sink = sink
        self._as_csv = as_csv
        self._notation = stamp.csv if as_csv else stamp.json
        if as_csv and begin:
            sink.write(CSV_HEADER)

    def write(self, outcome: Outcome) -> None:
        """Write an outcome's line.

        Raises:
            OutputError: it could not be written; the file holds whole lines all the same.
        """
        # Only the id of an invalid row can hold a lone surrogate, and only in a CSV.
        self._sink.write(self._notation(outcome).encode("utf-8", "backslashreplace"))

    def write_lines(self, lines: Iterable[ResultLine]) -> None:
        """The same for lines that were made elsewhere, all or none."""
        text = "".join(map(csv_text if self._as_csv else json_text, lines))
        self._sink.write(text.encode("utf-8", "backslashreplace"))
