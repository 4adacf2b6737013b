"""Pictures of a report, drawn with matplotlib as SVG that takes its colours from the page's CSS.

Every picture comes in two sizes with letters of the same size: for a page and for a telephone.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from batchconv.journal.books import BAD_RESULTS
from batchconv.report.model import OUTCOMES, Pause, RunReport
from batchconv.report.scales import round_moments, round_values
from batchconv.report.svg import colour_of, styled
from batchconv.report.timeline import Slice, even
from batchconv.report.wording import duration, rate, short_duration
from batchconv.telemetry.latency_histogram import LatencyHistogram

_DOT = 72.0  # CSS pixels in what matplotlib calls an inch
_BAD = tuple(name for name in OUTCOMES if name in BAD_RESULTS)
_ABOVE, _BETWEEN, _BELOW, _RIGHT = 30, 46, 44, 30  # CSS pixels around the panels
_LEFT = 56  # for the labels of an axis
_LABEL_WIDTH, _LABEL_HEIGHT = 90, 16  # of `p95 1 min 23 s`
_MEDIAN = 0.5


class Size(NamedTuple):
    """How large a picture is.

    Attributes:
        name: its class in the page's CSS.
        width: CSS pixels at which its letters have their natural size.
        ticks: labels along an axis, at most.
        detail: stretches of time that it shows, at most.
        names: CSS pixels for the names of runs.
    """

    name: str
    width: int
    ticks: int
    detail: int
    names: int


SIZES = (Size("wide", 800, 9, 160, 170), Size("narrow", 350, 4, 80, 136))

_LOOK: dict[Any, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "svg.hashsalt": "batchconv",  # the same numbers give the same picture
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib; wider than what a page shows
    "font.size": 11.5,
    "text.color": colour_of("ink"),
    "axes.edgecolor": colour_of("axis"),
    "axes.facecolor": "none",
    "axes.labelcolor": colour_of("quiet"),
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlepad": 9,
    "axes.titlesize": 12,
    "grid.color": colour_of("grid"),
    "grid.linewidth": 1,
    "figure.facecolor": "none",
    "xtick.color": colour_of("axis"),
    "xtick.labelcolor": colour_of("quiet"),
    "ytick.color": colour_of("axis"),
    "ytick.labelcolor": colour_of("quiet"),
    "ytick.left": False,
}


def over_time(run: RunReport, key: str, title: str) -> str:
    """A run's rows a second by outcome, its bad rows once more, and its latencies.

    Args:
        run: one with slices.
        key: tells the picture from others in the page.
        title: for those who do not see it.
    """
    return _in_both_sizes(lambda size: _draw_over_time(run, size), key, title)


def distribution(latencies: LatencyHistogram, key: str, title: str) -> str:
    """How long the last requests took, with p50, p95 and p99; there is at least one."""
    return _in_both_sizes(lambda size: _draw_distribution(latencies, size), key, title)


def quantiles(runs: Sequence[tuple[str, LatencyHistogram]], key: str, title: str) -> str:
    """The p50, p95 and p99 of runs, each under its name; each has at least one latency."""
    return _in_both_sizes(lambda size: _draw_quantiles(runs, size), key, title)


def _in_both_sizes(draw: Callable[[Size], Figure], key: str, title: str) -> str:
    pictures = []
    for size in SIZES:
        told = io.StringIO()
        with mpl.rc_context(_LOOK):
            draw(size).savefig(told, format="svg", metadata={"Date": None})
        pictures.append(styled(told.getvalue(), size.name, key=f"{key}-{size.name}", title=title))
    return "".join(pictures)


def _figure(
    size: Size, heights: Sequence[int], *, above: int = _ABOVE, left: int = _LEFT
) -> tuple[Figure, list[Axes]]:
    """A figure with panels of these heights under each other, which share the axis at the foot."""
    height = above + sum(heights) + _BETWEEN * (len(heights) - 1) + _BELOW
    figure = Figure(figsize=(size.width / _DOT, height / _DOT), dpi=_DOT)
    FigureCanvasSVG(figure)
    across = (size.width - left - _RIGHT) / size.width
    panels: list[Axes] = []
    top = float(height - above)
    for tall in heights:
        box = (left / size.width, (top - tall) / height, across, tall / height)
        panels.append(figure.add_axes(box, sharex=panels[0] if panels else None))
        top -= tall + _BETWEEN
    for panel in panels[:-1]:
        panel.tick_params(axis="x", labelbottom=False, bottom=False)
    return figure, panels


def _title(panel: Axes, size: Size, words: str) -> None:
    """A title that begins at the left of the picture, above the labels of the axis."""
    panel.set_title(words, x=-(_LEFT - 2) / (size.width - _LEFT - _RIGHT))


def _from_zero(panel: Axes, most: float) -> None:
    panel.set_ylim(0, most * 1.08 or 1)
    panel.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))


def _log_axis(axis: Any, low: float, high: float, most: int) -> None:
    axis.set_major_locator(FixedLocator(round_values(low, high, most)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: short_duration(value)))


def _draw_over_time(run: RunReport, size: Size) -> Figure:
    slices = even(run.slices, size.detail)
    edges = [one.begin for one in slices]
    edges.append(slices[-1].begin + slices[-1].seconds)
    bad = any(run.outcomes[name] for name in _BAD)
    figure, panels = _figure(size, [150, 80, 130] if bad else [150, 130])
    _draw_rates(panels[0], edges, slices, OUTCOMES)
    _title(panels[0], size, "rows a second")
    if bad:
        _draw_rates(panels[1], edges, slices, _BAD)
        _title(panels[1], size, "of these rejected, failed or invalid")
    _draw_latencies(panels[-1], edges, slices, size)
    pauses = () if run.told is None else run.told.pauses
    for panel in panels:
        for begin, end in _stretches(pauses, edges, (edges[-1] - edges[0]) / size.width):
            panel.axvspan(begin, end, color=colour_of("pause"), linewidth=0, zorder=0)
        panel.set_xlim(edges[0], max(edges[-1], edges[0] + 1.0))
    moments = round_moments(*panels[-1].get_xlim(), size.ticks)
    panels[-1].set_xticks([at for at, _ in moments], [label for _, label in moments])
    return figure


def _draw_rates(
    panel: Axes, edges: list[float], slices: Sequence[Slice], names: Sequence[str]
) -> None:
    below = [0.0] * len(edges)
    for name in names:
        if any(one.outcomes[name] for one in slices):
            heights = [one.outcomes[name] / one.seconds for one in slices]
            top = [low + high for low, high in zip(below, [*heights, heights[-1]], strict=True)]
            panel.fill_between(edges, below, top, step="post", color=colour_of(name), linewidth=0)
            below = top
    _from_zero(panel, max(below))
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: rate(value)))


def _draw_latencies(panel: Axes, edges: list[float], slices: Sequence[Slice], size: Size) -> None:
    curves = []
    for share in (_MEDIAN, 0.95):
        found = [one.latencies.quantile(share) for one in slices]
        values = [math.nan if value is None else value for value in found]
        curves.append([*values, values[-1]])
    median, high = curves
    panel.fill_between(edges, median, high, step="post", color=colour_of("spread"), linewidth=0)
    panel.step(edges, high, where="post", color=colour_of("latency"), linewidth=1.25)
    panel.step(edges, median, where="post", color=colour_of("ink"), linewidth=1.75)
    seen = [value for value in (*median, *high) if not math.isnan(value)] or [1.0]
    if max(seen) > 50 * min(seen):
        _title(panel, size, "latency, p50 and p95, logarithmic")
        panel.set_yscale("log")
        _log_axis(panel.yaxis, min(seen), max(seen), 4)
    else:
        _title(panel, size, "latency, p50 and p95")
        _from_zero(panel, max(seen))
        panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: short_duration(value)))


def _stretches(
    pauses: Sequence[Pause], edges: list[float], least: float
) -> Iterator[tuple[float, float]]:
    """Pauses as stretches of the axis, each *least* wide; those together that are that near."""
    current: tuple[float, float] | None = None
    for pause in sorted(pauses, key=lambda one: one.begin):
        begin = max(pause.begin, edges[0])
        end = min(max(pause.end, begin + least), edges[-1])
        if end <= begin:
            continue
        if current is not None and begin - current[1] < least:
            current = current[0], max(current[1], end)
            continue
        if current is not None:
            yield current
        current = begin, end
    if current is not None:
        yield current


def _draw_distribution(latencies: LatencyHistogram, size: Size) -> Figure:
    height, above = 170, _ABOVE + 2 * _LABEL_HEIGHT
    figure, (panel,) = _figure(size, [height], above=above)
    edges, rows = _bins(latencies, size.detail // 2)
    shares = [100 * count / latencies.count for count in rows]
    panel.stairs(shares, edges, fill=True, color=colour_of("latency"))
    panel.set_xscale("log")
    _from_zero(panel, max(shares))
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} %"))
    _title(panel, size, "share of rows")
    marks = [(share, latencies.quantile(share) or edges[0]) for share in (_MEDIAN, 0.95, 0.99)]
    # Space at the right for the label of the last one.
    room = 1 - _LABEL_WIDTH / (size.width - _LEFT - _RIGHT)
    right = max(edges[-1], edges[0] * (marks[-1][1] / edges[0]) ** (1 / room))
    panel.set_xlim(edges[0], right)
    _log_axis(panel.xaxis, edges[0], right, size.ticks)
    for level, (share, value) in enumerate(reversed(marks)):
        # Each a step above the next, so that no label meets a line.
        top = level * _LABEL_HEIGHT + 4
        panel.axvline(
            value, ymax=1 + top / height, color=colour_of("ink"), linewidth=1.25, clip_on=False
        )
        panel.annotate(
            f"p{100 * share:.0f} {duration(value)}",
            (value, 1),
            xycoords=("data", "axes fraction"),
            xytext=(5, top - 8),
            textcoords="offset points",
        )
    return figure


def _bins(latencies: LatencyHistogram, most: int) -> tuple[list[float], list[int]]:
    """Edges and rows of at most so many bins, all of one width on a logarithmic axis."""
    buckets = latencies.buckets()
    low, high = buckets[0][0], buckets[-1][1]
    fine = math.log(buckets[0][1] / low)
    count = round(math.log(high / low) / fine)
    # Of few rows a fine picture shows nothing but chance.
    together = -(-count // max(1, min(most, round(3 * math.sqrt(latencies.count)))))
    rows = [0] * -(-count // together)
    for begin, _, times in buckets:
        rows[round(math.log(begin / low) / fine) // together] += times
    return [low * math.exp(fine * together * number) for number in range(len(rows) + 1)], rows


def _draw_quantiles(runs: Sequence[tuple[str, LatencyHistogram]], size: Size) -> Figure:
    figure, (panel,) = _figure(size, [28 * len(runs) + 8], above=8, left=size.names)
    found = [[all_.quantile(share) or 1e-6 for share in (_MEDIAN, 0.95, 0.99)] for _, all_ in runs]
    ink, quiet, blue = map(colour_of, ("ink", "axis", "latency"))
    for place, (median, high, highest) in enumerate(found):
        panel.plot([median, highest], [place, place], color=quiet, linewidth=2)
        panel.plot([median, high], [place, place], color=blue, linewidth=8, solid_capstyle="butt")
        panel.plot([median], [place], "o", color=ink, markersize=7)
        panel.plot([highest], [place], "|", color=ink, markersize=12, markeredgewidth=1.5)
    left, right = min(map(min, found)) / 1.25, max(map(max, found)) * 1.25
    panel.set_xscale("log")
    panel.set_xlim(left, right)
    _log_axis(panel.xaxis, left, right, size.ticks)
    panel.set_ylim(len(runs) - 0.5, -0.5)
    panel.yaxis.set_major_locator(FixedLocator(list(range(len(runs)))))
    panel.set_yticklabels([name for name, _ in runs], color=ink)
    return figure
