"""Progress as a bar at the foot of a terminal."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import IO, NamedTuple

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from batchconv.errors import printable
from batchconv.model import Result
from batchconv.telemetry import wording as words
from batchconv.telemetry.run_snapshot import RunSnapshot
from batchconv.telemetry.speed import Speed

_WINDOW = 20.0  # seconds over which the speed is measured
_MOST_LINES = 6
_LEAST_BAR = 8  # columns; a shorter one tells nothing
_GAP = "  "
_STYLES = {
    Result.ACCEPTED: "green",
    Result.REJECTED: "red",
    Result.FAILED: "red",
    Result.INVALID: "yellow",
    Result.SKIPPED: "cyan",
}


class Size(NamedTuple):
    """A terminal's columns and lines."""

    columns: int
    lines: int


class _CursorStays(Console):
    """A console whose cursor is never hidden: a run that is killed cannot show it again."""

    def show_cursor(self, show: bool = True) -> bool:
        return False


class Bar:
    """A few lines at the foot of a terminal that tell how far a run is.

    Args:
        terminal: written to; its errors are its own business.
        descriptor: of the same terminal, to ask for its size.
    """

    def __init__(self, terminal: IO[str], descriptor: int) -> None:
        self._descriptor = descriptor
        self._console = _CursorStays(
            file=terminal, force_terminal=True, highlight=False, markup=False, emoji=False
        )
        self._live = Live(
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._speed = Speed(_WINDOW)

    def show(self, what: RunSnapshot | str) -> None:
        """Draw it anew, unless the run is in the background, where it would be in the way.

        Args:
            what: the run, or words that stand in the bar's place.
        """
        if not isinstance(what, str):
            self._speed.add(what)
        if not self._in_foreground():
            return
        size = self._size()
        self._console.size = size
        if not self._live.is_started:
            self._live.start()
        drawn: RenderableType
        if isinstance(what, str):
            drawn = _waiting(what, size)
        else:
            drawn = draw(what, self._speed.rate, self._speed.left(what), size)
        self._live.update(drawn, refresh=True)

    def say(self, lines: str) -> None:
        """Print lines above the bar."""
        self._console.print(Text(lines), soft_wrap=True)

    def close(self) -> None:
        """Take the bar away."""
        self._live.stop()

    def _size(self) -> Size:
        try:
            columns, lines = os.get_terminal_size(self._descriptor)
        except OSError:
            columns = lines = 0
        return Size(columns or 80, lines or 25)  # a pseudo-terminal that nobody gave a size has 0

    def _in_foreground(self) -> bool:
        try:
            return os.tcgetpgrp(self._descriptor) == os.getpgrp()
        except OSError:
            return True  # it is not the terminal that this process is controlled from


def draw(
    snapshot: RunSnapshot, rate: float | None, left: float | None, size: Size
) -> RenderableType:
    """The bar with the texts beside and below it, never wider or higher than the terminal.

    Args:
        snapshot: the run.
        rate: rows a second, or None when that is not known yet.
        left: seconds, or None when nobody can tell.
        size: of the terminal.
    """
    width = max(1, size.columns - 1)  # in its last column some terminals begin a new line
    told = [words.percent(snapshot), words.rows(snapshot, about="~")]
    if rate is not None:
        told.append(f"{rate:,.1f}/s")
    if left is not None:
        told.append(words.left(left))
    head = [Text(text) for text in told if text]
    beside = sum(len(text) + len(_GAP) for text in head)
    lines: list[RenderableType] = []
    counts = [*_outcomes(snapshot), *map(Text, words.others(snapshot))]
    if width - beside >= _LEAST_BAR:
        lines.append(_bar_line(snapshot, head, width - beside))
    else:
        counts = head + counts
    waiting = words.state(snapshot)
    if waiting:
        lines.append(_waiting(waiting, size))
    lines += _flow(counts, width)
    return Group(*lines[: max(1, min(_MOST_LINES, size.lines - 1))])


def _waiting(text: str, size: Size) -> Text:
    return Text(printable(text)[: max(1, size.columns - 1)], style="bold yellow", no_wrap=True)


def _bar_line(snapshot: RunSnapshot, beside: list[Text], width: int) -> RenderableType:
    share = snapshot.share
    line = Table.grid(padding=(0, len(_GAP), 0, 0))
    line.add_row(
        # Without an end in snapshot it moves, to show that something happens.
        ProgressBar(total=None if share is None else 1.0, completed=share or 0.0, width=width,
                    pulse=share is None),
        *beside,
    )  # fmt: skip
    return line


def _outcomes(snapshot: RunSnapshot) -> Iterator[Text]:
    for result, text in words.outcomes(snapshot):
        yield Text(text, style=_STYLES[result] if snapshot.books.results[result] else "dim")


def _flow(pieces: Iterable[Text], width: int) -> Iterator[Text]:
    """Whole pieces, one behind the other, in lines of *width* columns; a longer one is cut."""
    line = Text(no_wrap=True)
    for piece in pieces:
        if line and len(line) + len(_GAP) + len(piece) > width:
            yield line
            line = Text(no_wrap=True)
        piece.truncate(width)
        line = Text(_GAP, no_wrap=True).join([line, piece]) if line else piece
    if line:
        yield line
