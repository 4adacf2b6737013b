"""The rate on the wire: what a raw TCP server saw come in, whatever holds requests up."""

from __future__ import annotations

import json
import subprocess
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

from batchconv.sending.relay.staffing import RATE_OF_A_WORKER
from tests.bench.data import write_csv
from tests.bench.figures import Figure, Scale
from tests.bench.processes import PYTHON, ProcessError, environment, run

_RATES = (20, 100, 500)
_SECONDS = 10
_ON_THE_WAY = 0.0005  # seconds that a request may be held up between two system calls


@dataclass(frozen=True)
class Situation:
    """What holds requests up.

    Attributes:
        server: options of `wire_server`; `RATE/N` becomes a number.
        disturbed: what of the client's machine is disturbed.
        tls: requests go over TLS.
        options: of the upload.
    """

    server: str = ""
    disturbed: str = ""
    tls: bool = False
    options: tuple[str, ...] = ()


SITUATIONS = {
    "nothing": Situation(),
    "a name found after 1 s": Situation(disturbed="dns"),
    "TLS handshakes of 1 s": Situation("--handshake 1", tls=True),
    "the same, 10 requests each": Situation("--handshake 1 --requests 10", tls=True),
    "an outage of 4 s": Situation("--outage 2 6"),
    "429 beyond 70 %": Situation("--allow-rate {allowed}"),
    "every 5th first 503": Situation("--fail-first 5", options=("--backoff-base", "100ms")),
    "two workers": Situation(options=("--workers", "2")),
    "two workers, TLS handshakes of 1 s": Situation(
        "--handshake 1", tls=True, options=("--workers", "2")
    ),
    "a clock that jumps 1 h": Situation(disturbed="clock"),
}


def rate(folder: Path, scale: Scale) -> list[Figure]:
    """10 s at a rate, 100 in flight: the fullest second that a raw TCP server saw."""
    figures = []
    for wanted in _RATES:
        path = write_csv(folder, wanted * _SECONDS // min(scale.divisor, 2))
        most = wanted + 1 if wanted <= 100 else int(wanted * 1.01)
        for name, situation in SITUATIONS.items():
            if "--workers" in situation.options and wanted < 2 * RATE_OF_A_WORKER:
                continue  # it would be one process
            came = moments(folder, path, wanted, situation)
            figures.append(
                Figure(f"--rate {wanted}, {name}", fullest(came), "", most, "allowed", bar=1.0)
            )
            if situation == Situation():
                average = (len(came) - 1) / (came[-1] - came[0])
                figures.append(
                    Figure(
                        f"--rate {wanted}: average", average, "a second", wanted, "wanted",
                        bar=1.01, floor=0.99,
                    )
                )  # fmt: skip
    return figures


def fullest(came: list[float]) -> int:
    """The most requests that came within one second."""
    return max(bisect_left(came, begin + 1 - _ON_THE_WAY) - at for at, begin in enumerate(came))


def moments(folder: Path, path: Path, wanted: int, situation: Situation) -> list[float]:
    """When the requests of an upload came in."""
    program = (
        ["tests.bench.disturbed", situation.disturbed] if situation.disturbed else ["batchconv"]
    )
    options = situation.server.format(allowed=wanted * 0.7).split()
    if situation.tls:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(folder / "ca.pem"))
        authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(
            str(folder / "server.pem")
        )
        options += ["--tls", str(folder)]
    came: list[float] = []
    with _listening(options, came) as port:
        address = f"{'https' if situation.tls else 'http'}://localhost:{port}/conversions"
        run(
            [
                *PYTHON, *program, "upload", str(path), "--base-url", address,
                "--rate", str(wanted), "--concurrency", "100", "--overwrite", "-q",
                "-o", str(folder / "results.jsonl"), *situation.options,
                *(["--ca-file", str(folder / "ca.pem")] if situation.tls else []),
            ],
            folder=folder,
        )  # fmt: skip
    return came


@contextmanager
def _listening(options: list[str], came: list[float]) -> Iterator[int]:
    """The port of a server; *came* is filled with its moments when it has ended."""
    with subprocess.Popen(
        [*PYTHON, "tests.bench.wire_server", *options],
        stdout=subprocess.PIPE,
        env=environment(),
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            port = process.stdout.readline()
            if not port:
                raise ProcessError("the raw TCP server did not start")
            yield int(port)
        finally:
            process.terminate()
            came += json.loads(process.stdout.readline() or "[]")
