"""Why a run ends before its time, what code it exits with, and what to do then."""

from __future__ import annotations

import signal
import traceback
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from batchconv.errors import BatchconvError, ExitCode, count_of
from batchconv.model import Reply
from batchconv.sending.durations import show_duration


class Stop(NamedTuple):
    """Why the run stops.

    Attributes:
        exit_code: of the contract.
        why: a sentence for people.
        hint: what to do before resuming, or None.
        at_once: a second signal: it beats every other reason.
    """

    exit_code: ExitCode
    why: str
    hint: str | None = None
    at_once: bool = False


def account_stop(reply: Reply) -> Stop:
    """The account or the address refused with *reply*."""
    if reply.certificate:
        whose = "proxy" if reply.proxy else "server"
        return Stop(
            ExitCode.ACCOUNT,
            f"the {whose}'s certificate was refused: {reply.certificate}; nothing was sent to it",
            f"check the address; a {whose} with a private certificate needs --ca-file",
        )
    status = reply.status
    if reply.proxy:
        return Stop(
            ExitCode.ACCOUNT,
            f"the proxy answered {status}: {_PROXY.get(status or 0, _NO_WAY)}",
            _ASK,
        )
    why, hint = _ACCOUNT.get(status or 0, _ADDRESS)
    return Stop(ExitCode.ACCOUNT, f"the server answered {status}: {why}", hint)


_ACCOUNT = {
    401: (
        "the credentials are wrong",
        "check the API key and the secret (VONAGE_API_KEY, VONAGE_API_SECRET) and --auth",
    ),
    402: (
        "the Conversion API is not enabled for this account, or the key is another account's",
        "ask the vendor's support to enable it, and check the API key",
    ),
    403: (
        "this account may not report conversions",
        "ask the vendor's support to enable the Conversion API for it",
    ),
    407: ("a proxy needs credentials", "check the proxy"),
}
_WANTS_OTHERS = "it needs a user and a password, or the given ones are wrong"
_PROXY = {401: _WANTS_OTHERS, 407: _WANTS_OTHERS}
_NO_WAY = "it does not allow connections to the API"
_ASK = (
    "check --proxy with its operator; user and password belong in the URL of BATCHCONV_PROXY "
    "or of `proxy` in a settings file"
)
_ADDRESS = ("this is not the Conversion API's address", "check --base-url")


def throttled_stop(seconds: float, *, proxy: bool = False) -> Stop:
    """Nothing but 429 for so long."""
    who = "proxy" if proxy else "server"
    return Stop(
        ExitCode.LIMIT,
        f"the {who} answered only 429 (too many requests) for {show_duration(seconds)}",
        "wait, or lower --rate",
    )


def outage_stop(seconds: float, replies: Iterable[str]) -> Stop:
    """No probe got a final answer for so long.

    Args:
        seconds: how long.
        replies: the last ones, in words.
    """
    counts = Counter(replies)
    told = [
        text if len(counts) == 1 else f"{text} ({count_of(n, 'time')})"
        for text, n in counts.most_common()
    ]
    return Stop(
        ExitCode.LIMIT,
        f"no row got a final answer for {show_duration(seconds)}; at last, {', '.join(told)}",
        "check the service, then resume; --give-up-after sets how long a run waits",
    )


def errors_stop(bad: int, limit: str) -> Stop:
    """More rows were not accepted than the user allows."""
    return Stop(
        ExitCode.LIMIT,
        f"{bad} rows were rejected, failed or invalid, more than --max-errors {limit}",
        "look at the reasons above and fix the input or the limit",
    )


def all_rejected_stop(rows: int) -> Stop:
    """Nothing but rejections since the run began."""
    return Stop(
        ExitCode.LIMIT,
        f"all of the first {rows} rows were rejected",
        "check --base-url and the column of message ids; --max-errors none continues anyway",
    )


def duration_stop(seconds: float) -> Stop:
    """The run's time is over."""
    return Stop(ExitCode.LIMIT, f"--max-duration of {show_duration(seconds)} is over")


def file_stop(error: BatchconvError) -> Stop:
    """A file or another thing that the user can fix broke under the run."""
    return Stop(error.exit_code, str(error), error.hint)


def error_stop(error: BaseException) -> Stop:
    """What a part of the run raised."""
    return file_stop(error) if isinstance(error, BatchconvError) else defect_stop(error)


def cancelled_stop() -> Stop:
    """The program that uses this as a library cancelled the run, or Ctrl-C did."""
    return Stop(ExitCode.LIMIT, "the upload was cancelled")


def signal_stop(number: int, *, again: bool = False) -> Stop:
    """SIGHUP, SIGINT or SIGTERM; *again* for the second one."""
    name = signal.Signals(number).name
    return Stop(ExitCode(128 + number), f"interrupted by {name}", at_once=again)


def defect_stop(error: BaseException) -> Stop:
    """A defect of this program: where it happened, without values: one may be a secret."""
    frames = traceback.extract_tb(error.__traceback__)[-5:]
    where = "; ".join(f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in frames)
    return Stop(
        ExitCode.DEFECT,
        f"a defect in batchconv: {type(error).__name__} at {where}",
        "please report it with this line; the results file is good",
    )
