"""`python -m tests.bench`: run the benches, print the table, write `bench.json`.

Exits with 1 when a bar is missed or a measured program fails.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import click

from tests.bench.bombs import bombs
from tests.bench.columnar import columnar
from tests.bench.figures import Figure, Scale, heading, write_json
from tests.bench.instructions import instructions
from tests.bench.last import keep, with_last
from tests.bench.limiters import limiters
from tests.bench.pacing import auto, outage, throttled
from tests.bench.peers import peers
from tests.bench.processes import ProcessError
from tests.bench.published import published
from tests.bench.reading import arrivals, first, reading
from tests.bench.resuming import resume
from tests.bench.scaling import scaling
from tests.bench.sending import cpu, hiding, latency, memory, retries
from tests.bench.strict import strict
from tests.bench.widths import widths
from tests.bench.wire import rate
from tests.bench.workers import workers

Bench = Callable[[Path, Scale], list[Figure]]

BENCHES: dict[str, Bench] = {
    "latency": latency,
    "retries": retries,
    "hiding": hiding,
    "cpu": cpu,
    "instructions": instructions,
    "reading": reading,
    "columnar": columnar,
    "first": first,
    "arrivals": arrivals,
    "memory": memory,
    "bombs": bombs,
    "resume": resume,
    "rate": rate,
    "throttled": throttled,
    "limiters": limiters,
    "published": published,
    "strict": strict,
    "widths": widths,
    "auto": auto,
    "outage": outage,
    "workers": workers,
    "scaling": scaling,
    "peers": peers,
}
_QUICK = Scale(samples=1, long_samples=1, divisor=5)
_REPORT = Path(__file__).parents[2] / "bench.json"


@click.command()
@click.option("--only", type=click.Choice(list(BENCHES)), multiple=True, help="Repeatable.")
@click.option("--quick", is_flag=True, help="One sample each, and fewer rows.")
@click.option("--samples", type=click.IntRange(min=1), help="Of each thing; more where it is busy.")
@click.option("--results", type=click.IntRange(min=1), help="To resume; ten million need 4.5 GB.")
@click.option("--keep", "kept", is_flag=True, help="Show these beside those of the next time.")
def main(
    only: Sequence[str], quick: bool, samples: int | None, results: int | None, kept: bool
) -> None:
    """Measure speed as ratios to something measured in the same run."""
    scale = _QUICK if quick else Scale()
    if samples is not None:
        scale = replace(scale, samples=samples, long_samples=samples)
    if results is not None:
        scale = replace(scale, results=results)
    began = time.perf_counter()
    broken = 0
    measured: dict[str, list[Figure]] = {}
    click.echo(
        f"least of {scale.samples} samples ({scale.long_samples} of long ones, 1 for memory); "
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )
    click.echo(heading())
    for name in only or BENCHES:
        with tempfile.TemporaryDirectory(prefix="batchconv-bench-") as folder:
            try:
                figures = with_last(name, BENCHES[name](Path(folder), scale))
            except ProcessError as error:
                click.echo(f"{name}: BROKEN: {error}")
                broken += 1
                continue
        click.echo(f"{name}: {_first_line(BENCHES[name])}")
        for figure in figures:
            click.echo(f"  {figure.line()}")
        measured[name] = figures
    seconds = time.perf_counter() - began
    write_json(_REPORT, measured, scale, seconds)
    if kept:
        keep(measured)
    every = [figure for figures in measured.values() for figure in figures]
    missed, worse = sum(one.missed for one in every), sum(one.regressed for one in every)
    click.echo(
        f"{missed} bars missed, {worse} of them kept last time, {broken} benches broken; "
        f"{seconds:.0f} s, all samples in {_REPORT.name}"
    )
    sys.exit(1 if missed or broken else 0)


def _first_line(bench: Bench) -> str:
    return (bench.__doc__ or "").partition("\n")[0]


if __name__ == "__main__":
    main()
