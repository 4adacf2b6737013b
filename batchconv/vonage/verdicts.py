"""The verdict table: what to do about each reply of the API, and how it is explained."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from batchconv.model import Reason, Reply

RESEND_HINT = "; `resend` tries again"
"""What the command line's users are told to do about a failed row."""

_FORBIDDEN_STOPS = 3
_ADDRESS_STATUSES = (404, 405)
_REPEAT_IS_SAFE = (Reason.UNKNOWN_HOST, Reason.CONNECTION_REFUSED)


class Verdict(Enum):
    """What to do about one reply."""

    ACCEPT = "accept"
    REJECT = "reject"
    AGAIN = "again"
    SLOW_DOWN = "slow down"
    STOP = "stop"


class Judged(NamedTuple):
    """A reply and what to do about it."""

    reply: Reply
    verdict: Verdict


def judge(reply: Reply, *, accepted_before: bool, forbidden_in_a_row: int) -> Verdict:
    """What to do about *reply*: the verdict table.

    Args:
        reply: what came back.
        accepted_before: a row of this run has been accepted, so account and address are right.
        forbidden_in_a_row: how many 403 came in a row, this one included.
    """
    status = reply.status
    if status is None:
        return Verdict.STOP if reply.certificate else Verdict.AGAIN
    if 200 <= status < 300 and not reply.proxy:
        return Verdict.ACCEPT
    if status in (401, 402, 407):
        return Verdict.STOP
    if reply.proxy and status < 500 and status not in (408, 429):
        return Verdict.STOP
    if status == 403:
        stops = not accepted_before or forbidden_in_a_row >= _FORBIDDEN_STOPS
        return Verdict.STOP if stops else Verdict.REJECT
    if status == 429:
        return Verdict.SLOW_DOWN
    if status in (408, 425) or status >= 500:
        return Verdict.AGAIN
    if status < 400 or status in _ADDRESS_STATUSES:
        return Verdict.REJECT if accepted_before else Verdict.STOP
    return Verdict.REJECT


class ReplyJudge:
    """The verdict table with what it needs to know of earlier replies of the run."""

    def __init__(self) -> None:
        self._accepted_before = False
        self._forbidden_in_a_row = 0

    def __call__(self, reply: Reply) -> Judged:
        """The reply with its verdict."""
        if reply.status == 200:  # all that a good run meets
            self._accepted_before, self._forbidden_in_a_row = True, 0
            return Judged(reply, Verdict.ACCEPT)
        self._forbidden_in_a_row = self._forbidden_in_a_row + 1 if reply.status == 403 else 0
        verdict = judge(
            reply,
            accepted_before=self._accepted_before,
            forbidden_in_a_row=self._forbidden_in_a_row,
        )
        if verdict is Verdict.ACCEPT:
            self._accepted_before = True
        return Judged(reply, verdict)


def outcome_unknown(reply: Reply) -> bool:
    """Whether the API may have taken the row although no answer says so."""
    return reply.status is None and not reply.proxy and reply.trouble not in _REPEAT_IS_SAFE


def explain(reply: Reply, attempts: int) -> tuple[Reason, str]:
    """Reason and sentence for a row that was rejected or failed with *reply*.

    Neither holds anything that the server or an exception said: both may repeat a secret.
    """
    times = "after 1 attempt" if attempts == 1 else f"after {attempts} attempts"
    status = reply.status
    if status is None:
        trouble = reply.trouble or Reason.CONNECTION_LOST
        what = (_PROXY_TROUBLES if reply.proxy else _TROUBLES)[trouble]
        return trouble, f"{what}, {times}{RESEND_HINT}"
    if status in (408, 425) or status >= 500:
        reason = Reason.TIMEOUT if status == 408 else Reason.SERVER_ERROR
        who = "proxy" if reply.proxy else "server"
        return reason, f"the {who} answered {status}, {times}{RESEND_HINT}"
    if status == 403:
        return Reason.FORBIDDEN, "the API answered 403: this account may not report this message"
    if status < 400:
        return Reason.REDIRECTED, f"the server answered {status}, a redirect, which is not followed"
    if status in (400, 420, 422, 423):
        return (
            Reason.INVALID_PARAMETERS,
            f"the API answered {status}: it does not accept the row's values; check the message id",
        )
    return Reason.REFUSED, f"the API answered {status}, its final no"


_TROUBLES = {
    Reason.TIMEOUT: "no answer came in time",
    Reason.UNKNOWN_HOST: "the server's name could not be found",
    Reason.CONNECTION_REFUSED: "the server refused the connection",
    Reason.CONNECTION_LOST: "the connection was lost",
    Reason.BAD_REPLY: "the answer was not HTTP",
}
_PROXY_TROUBLES = {
    **_TROUBLES,
    Reason.UNKNOWN_HOST: "the proxy's name could not be found; check --proxy",
    Reason.CONNECTION_REFUSED: "the proxy refused the connection; check --proxy",
    Reason.CONNECTION_LOST: "the connection to the proxy was lost; check --proxy",
}
