"""The verdict table: what to do about each reply of the API, and how it is explained."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from batchconv.errors import count_of
from batchconv.model import Reason, Reply, make

RESEND_HINT = "; `resend` tries again"
"""What the command line's users should do about a failed row."""

DOUBTFUL_STOPS = 20
"""So many replies in a row that put account or address in doubt stop even a run that went well."""

_DOUBTFUL = (403, 404, 405)  # and every 3xx
_NEVER_ARRIVED = (
    Reason.UNKNOWN_HOST,
    Reason.CONNECTION_REFUSED,
    Reason.NO_ROUTE,
    Reason.TLS_FAILED,
)
_GATEWAY_STATUSES = (502, 504)  # a gateway may have passed the request on before it gave up


class Verdict(Enum):
    """What to do about one reply."""

    ACCEPT = "accept"
    REJECT = "reject"
    AGAIN = "again"
    SLOW_DOWN = "slow down"
    STOP = "stop"


_ACCEPT = Verdict.ACCEPT  # every row comes past it, and a member of an enum costs a call


class Judged(NamedTuple):
    """A reply and what to do about it."""

    reply: Reply
    verdict: Verdict


def puts_address_in_doubt(status: int | None) -> bool:
    """Whether a reply may mean that account or address are wrong, or only its row."""
    return status is not None and (300 <= status < 400 or status in _DOUBTFUL)


def judge(reply: Reply, *, accepted_before: bool, doubtful_in_a_row: int = 1) -> Verdict:
    """What to do about *reply*: the verdict table.

    Args:
        reply: what came back.
        accepted_before: a row of this job has been accepted, so account and address are right.
        doubtful_in_a_row: how many replies in a row, this one included, put them in doubt.
    """
    status = reply.status
    if status is None:
        return Verdict.STOP if reply.certificate else Verdict.AGAIN
    if status == 429:
        return Verdict.SLOW_DOWN
    if status in (408, 425) or status >= 500:
        return Verdict.AGAIN
    if status in (401, 402, 407) or reply.proxy:
        return Verdict.STOP  # a proxy that says no, or that answers in the API's place
    if 200 <= status < 300:
        return Verdict.ACCEPT
    if puts_address_in_doubt(status):
        stops = not accepted_before or doubtful_in_a_row >= DOUBTFUL_STOPS
        return Verdict.STOP if stops else Verdict.REJECT
    return Verdict.REJECT


class ReplyJudge:
    """The verdict table with what it needs to know of earlier replies of the job.

    Args:
        accepted_before: an earlier run of the job had a row accepted.
    """

    def __init__(self, *, accepted_before: bool = False) -> None:
        self._accepted_before = accepted_before
        self._doubtful_in_a_row = 0

    def __call__(self, reply: Reply) -> Judged:
        """The reply with its verdict."""
        if reply.status == 200 and not reply.proxy:  # all that a good run meets
            self._accepted_before, self._doubtful_in_a_row = True, 0
            return make(Judged, (reply, _ACCEPT))
        doubtful = puts_address_in_doubt(reply.status)
        self._doubtful_in_a_row += doubtful
        verdict = judge(
            reply,
            accepted_before=self._accepted_before,
            doubtful_in_a_row=self._doubtful_in_a_row,
        )
        if verdict is Verdict.ACCEPT:
            self._accepted_before = True
        if not doubtful and verdict in (Verdict.ACCEPT, Verdict.REJECT):
            self._doubtful_in_a_row = 0
        return Judged(reply, verdict)


def outcome_unknown(reply: Reply) -> bool:
    """Whether the API may have taken the row although no answer says so."""
    if reply.proxy or not reply.written:
        return False
    if reply.status is None:
        return reply.trouble not in _NEVER_ARRIVED
    return reply.status in _GATEWAY_STATUSES


def says_nothing(reply: Reply) -> bool:
    """Whether the reply is missing because of this program: it says nothing about the server."""
    return reply.trouble is Reason.WORKER_LOST


def describe(reply: Reply) -> str:
    """What came back, as the beginning of a sentence.

    Nothing that the server or an exception said is in it: both may repeat a secret.
    """
    who = "proxy" if reply.proxy else "server"
    if reply.status is not None:
        return f"the {who} answered {reply.status}"
    if reply.too_early:
        return f"the {who} sent something, or closed the connection, before it got a request"
    trouble = reply.trouble or Reason.CONNECTION_LOST
    texts = _TROUBLES if reply.written else {**_TROUBLES, **_BEFORE_IT_WAS_WRITTEN}
    return texts[trouble].format(who=who)


def explain(reply: Reply, attempts: int) -> tuple[Reason, str]:
    """Reason and sentence for a row that was rejected or failed with *reply*."""
    times = f"after {count_of(attempts, 'attempt')}"
    status = reply.status
    if status is None or status in (408, 425) or status >= 500:
        if status is None:
            reason = reply.trouble or Reason.CONNECTION_LOST
        else:
            reason = Reason.TIMEOUT if status == 408 else Reason.SERVER_ERROR
        check = "; check --proxy" if reply.proxy and status is None else ""
        return reason, f"{describe(reply)}, {times}{check}{RESEND_HINT}"
    if status == 403:
        return Reason.FORBIDDEN, "the API answered 403: this account may not report this message"
    if status < 400:
        return Reason.REDIRECTED, f"the server answered {status}, a redirect, which is not followed"
    if status in (400, 420, 422, 423):
        return (
            Reason.INVALID_PARAMETERS,
            f"the API answered {status}: it does not accept the row's values; check the message id",
        )
    return Reason.REFUSED, f"the API answered {status}, a final refusal"


_TROUBLES = {
    Reason.TIMEOUT: "the {who} did not answer in time",
    Reason.UNKNOWN_HOST: "the {who}'s name could not be found",
    Reason.CONNECTION_REFUSED: "the {who} refused the connection",
    Reason.NO_ROUTE: "there is no route to the {who}",
    Reason.TLS_FAILED: "TLS could not be set up with the {who}",
    Reason.CONNECTION_LOST: "the connection to the {who} was lost",
    Reason.BAD_REPLY: "the answer of the {who} was not HTTP",
    Reason.WORKER_LOST: "the worker that was sending it ended",
}
_BEFORE_IT_WAS_WRITTEN = {
    Reason.TIMEOUT: "no connection to the {who} could be opened in time",
    Reason.CONNECTION_LOST: "no connection to the {who} could be opened",
}
