"""The simulator's memory: how often each id came, what the rate still allows, when it began.

Without clock and sockets: the caller passes the time.
"""

from __future__ import annotations

from collections import OrderedDict
from math import inf

from batchconv.simulator.behaviour import Behaviour
from batchconv.simulator.checks import Check
from batchconv.simulator.faults import Action, Visit, allowed_rate, burst, decide
from batchconv.simulator.recent_counts import MOST_IDS, RecentCounts


class Judge:
    """Decides request by request and remembers what the next decision needs."""

    __slots__ = (
        "_attempts",
        "_began",
        "_behaviour",
        "_distinct",
        "_ordinals",
        "_refilled",
        "_tokens",
    )

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self._began: float | None = None
        self._attempts = RecentCounts()
        self._ordinals: OrderedDict[str, int] = OrderedDict()
        self._distinct = 0
        self._tokens = inf
        self._refilled = 0.0

    def judge(self, check: Check, now: float, in_flight: int) -> Action:
        """What to do with a request that arrives at *now* (monotonic seconds)."""
        if self._began is None:
            self._began = self._refilled = now
        since_first = now - self._began
        self._refill(allowed_rate(self._behaviour, since_first), now)
        message_id = check.message_id or ""
        ordinal = self._ordinals.get(message_id, self._distinct + 1)
        attempt = self._attempts.get(message_id, 0) + 1
        visit = Visit(check, since_first, in_flight, self._tokens, attempt, ordinal)
        action = decide(self._behaviour, visit)
        if action.admitted:
            self._tokens -= 1
            if check.parameters is None:
                self._remember(message_id, ordinal)
        return action

    def _refill(self, rate: float | None, now: float) -> None:
        if rate is None:
            self._tokens = inf
        else:
            self._tokens = min(burst(rate), self._tokens + (now - self._refilled) * rate)
        self._refilled = now

    def _remember(self, message_id: str, ordinal: int) -> None:
        behaviour = self._behaviour
        # A bench's millions of ids need not be remembered where nothing depends on them.
        if behaviour.faults or behaviour.latency_spread:
            self._attempts.add(message_id)
        if any(rule.every for rule in behaviour.faults):
            self._ordinals[message_id] = ordinal
            self._distinct = max(self._distinct, ordinal)
            if len(self._ordinals) > MOST_IDS:
                self._ordinals.popitem(last=False)
