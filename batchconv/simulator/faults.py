"""The fault or reply of a request: pure functions of the behaviour and of what is known about it.

Draws come from a hash of seed, message id and attempt, not from a stream of random numbers:
the same file meets the same faults in whatever order its requests arrive.
"""

from __future__ import annotations

from email.utils import formatdate
from hashlib import blake2b
from typing import NamedTuple

from batchconv.simulator.behaviour import Behaviour, FaultRule
from batchconv.simulator.checks import Check

_BURST_SECONDS = 0.2
_DELIVERING_WORDS = frozenset({"reset-after", "cut", "huge", "drip"})


class Visit(NamedTuple):
    """What is known when a request has arrived.

    Attributes:
        since_first: seconds since the first request.
        in_flight: requests now being answered, this one included.
        tokens: how many requests the rate still allows now.
        attempt: this is the id's nth request, from 1; only those that got past credentials,
            allowance and checks are counted, so that throttling does not shift the faults.
        ordinal: the id was the nth distinct one to arrive, from 1.
    """

    check: Check
    since_first: float = 0.0
    in_flight: int = 1
    tokens: float = float("inf")
    attempt: int = 1
    ordinal: int = 1


class Action(NamedTuple):
    """What the server shall do.

    Attributes:
        status: what is replied; 0 when no HTTP reply is made.
        text: the reply's body.
        delay: seconds to wait before.
        word: one of `FAULT_WORDS` in place of a plain reply, else None.
        faulty: a fault rule was the cause.
        admitted: the request counts against the allowed rate.
        accepted: the conversion is taken, whatever the client gets to hear.
    """

    status: int
    text: str = ""
    delay: float = 0.0
    word: str | None = None
    faulty: bool = False
    admitted: bool = False
    accepted: bool = False


def decide(behaviour: Behaviour, visit: Visit) -> Action:
    """How to answer the request."""
    check = visit.check
    delay = latency_of(behaviour, check.message_id, visit.attempt)
    if behaviour.status_for_all is not None:
        status = behaviour.status_for_all
        return Action(status, f"every reply is {status}", delay, accepted=_is_2xx(status))
    if any(start <= visit.since_first < end for start, end in behaviour.outages):
        return Action(503, "the service is down", delay)
    refusal = check.route or check.account
    admitted = refusal is None
    if admitted and _beyond_allowance(behaviour, visit):
        return Action(429, "more requests than this account may make")
    refusal = refusal or check.parameters
    if refusal is not None:
        return Action(refusal.status, refusal.text, delay, admitted=admitted)
    rule = fault_of(behaviour, check.message_id or "", visit.attempt, visit.ordinal)
    if rule is None:
        return Action(200, "OK", delay, admitted=True, accepted=True)
    return _faulty(rule, delay)


def _faulty(rule: FaultRule, delay: float) -> Action:
    status = rule.status
    if status is not None:
        accepted = _is_2xx(status)
        text = "OK" if accepted else "an injected fault"
        return Action(status, text, delay, faulty=True, admitted=True, accepted=accepted)
    accepted = rule.kind in _DELIVERING_WORDS
    heard = 200 if accepted and rule.kind != "reset-after" else 0
    return Action(heard, "OK", delay, rule.kind, faulty=True, admitted=True, accepted=accepted)


def _is_2xx(status: int) -> bool:
    return 200 <= status < 300


def _beyond_allowance(behaviour: Behaviour, visit: Visit) -> bool:
    concurrent = behaviour.allow_concurrent
    # Adding up fractions of a token must not cost a whole one.
    return visit.tokens < 1 - 1e-9 or (concurrent is not None and visit.in_flight > concurrent)


def _draws(seed: int, message_id: str, attempt: int) -> tuple[float, float]:
    """Two numbers from 0 to below 1, always the same for the same arguments."""
    text = f"{seed}:{attempt}:{message_id}".encode()
    number = int.from_bytes(blake2b(text, digest_size=12).digest())
    return (number >> 48) / 2**48, (number & 2**48 - 1) / 2**48


def latency_of(behaviour: Behaviour, message_id: str | None, attempt: int) -> float:
    """Seconds that the reply takes."""
    if not behaviour.latency_spread:
        return behaviour.latency
    drawn, _ = _draws(behaviour.seed, message_id or "", attempt)
    return behaviour.latency + drawn * behaviour.latency_spread


def fault_of(behaviour: Behaviour, message_id: str, attempt: int, ordinal: int) -> FaultRule | None:
    """The rule that hits the id's nth request, or None.

    A rule that no longer applies to the attempt keeps its stretch of the draw: what the other
    rules hit does not depend on it.
    """
    if not behaviour.faults:
        return None
    _, of_request = _draws(behaviour.seed, message_id, attempt)
    _, of_id = _draws(behaviour.seed, message_id, 0)
    start = {True: 0.0, False: 0.0}
    for rule in behaviour.faults:
        if rule.every:
            hit = ordinal % rule.every == 0
        else:
            by_id = rule.belongs_to_id
            low = start[by_id]
            start[by_id] = low + rule.share
            hit = low <= (of_id if by_id else of_request) < low + rule.share
        limits = (rule.first_attempts, behaviour.first_attempts)
        if hit and all(limit is None or attempt <= limit for limit in limits):
            return rule
    return None


def allowed_rate(behaviour: Behaviour, since_first: float) -> float | None:
    """Requests a second allowed so many seconds after the first; None for no limit."""
    rate = behaviour.allow_rate
    for at, changed in behaviour.allow_rate_changes:
        if since_first >= at:
            rate = changed
    return rate


def burst(rate: float) -> float:
    """How many requests may come at once after a quiet spell."""
    return max(1.0, rate * _BURST_SECONDS) if rate > 0 else 0.0


def retry_after_header(behaviour: Behaviour, status: int, clock: float) -> str | None:
    """The Retry-After header to send with *status*; *clock* is Unix seconds now."""
    if behaviour.retry_after is None or status not in (429, 503):
        return None
    ahead = behaviour.retry_after_date
    # An HTTP date has whole seconds: cut off, "1 s ahead" could already be over.
    return (
        behaviour.retry_after if ahead is None else formatdate(-(-clock // 1) + ahead, usegmt=True)
    )
