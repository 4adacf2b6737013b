"""The pace that a server allows, found out by what it refuses and by what it let through.

Between two moments at which a limiter was empty it has let through what it allows. One that saves
up what is not used (token buckets, windows) tells its allowance by that count at once, if little
was lost meanwhile. One that saves nothing up (a leaky bucket) tells only whether a pace is too
high: then it is searched for between one that was kept and one that was refused, as in BIC (Xu,
Harfoush and Rhee, "Binary Increase Congestion Control for Fast Long-Distance Networks", 2004).
What was found is held for long; then a little more is tried, in steps that double.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, sqrt

LONG = 2.0
"""Seconds of silence from which on a limiter is taken for one that counts in windows."""
ENOUGH = 10
"""Requests that are worth counting, and a second's at a pace that is worth more than one try."""
LONGEST = 60.0
"""Seconds of a window, at most."""

# The constants were chosen by the bench of limiters.
_LOWEST, _FIRST = 0.2, 1.0  # requests a second: of all; of a first pace of which nothing is known
_MARGIN = 0.98  # of what was counted
_CLOSE = 1.1  # two paces nearer than this are taken for the same
_FEW = 2.5  # requests after a step; a limiter that refuses those saves nothing up
_SURE = 6  # requests of a count that is believed
_BRIEF, _HALF = 0.05, 0.4  # of the time that was counted: a silence that hides little, and one
# that hides so much that a second count, of another length, has to agree
_OTHER = 1.5  # times the length
_LOOK, _MOST, _FAST = 0.09, 0.25, 2.0  # growth above what was found, its most; of the first search
_USED = 0.8  # the share of a pace from which on it counts as kept
_STEP, _STEP_REQUESTS, _STEP_WINDOWS = 1.0, 4, 0.2  # how long a step is kept: seconds and so on
_HOLD, _HOLD_REQUESTS, _HOLD_SILENCES = 8.0, 65, 24  # what was found: seconds; for each refusal of
# the last try above; for its silence
_DEAR = 3  # refusals that a try above is taken to cost at most


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal and the silence after it, once a request got through again.

    Attributes:
        refused: when the first request that was refused had left.
        lasted: seconds that are counted, to when the limiter let one through again.
        silence: seconds at their end in which nothing could get through.
        accepted: requests that got through in that time.
        window: the limiter gives back what it allows all at once.
        cost: how many requests were refused.
        recent: requests a second that got through in so many seconds at the end.
    """

    refused: float
    lasted: float
    silence: float
    accepted: int
    window: bool
    cost: int
    recent: Callable[[float], float]


class PaceSearch:
    """Finds a pace; pure except for its recorded state.

    While there is a pace it is *rising* (nothing was refused above it: `high` is infinite),
    *bisecting* (between `low` and `high`), or *settled* (held for long, then rising again).

    Attributes:
        pace: requests a second; None while nothing is known to be too much.
        stepped: when the pace changed last.
        window: seconds for which the limiter counts, if it counts in windows.
    """

    def __init__(self) -> None:
        self.pace: float | None = None
        self.stepped = 0.0
        self.window = 0.0
        self._low, self._high = 0.0, inf
        self._growth = _FAST
        self._settled = False
        self._proven = 0.0  # what was held for long
        self._judge_at = inf
        # What is known of the limiter.
        self._saves = False  # it saves up what is not used
        self._steady = True  # the pace has not changed since the last refusal
        self._trip = 0.0  # seconds from a request to its reply
        self._silence, self._cost = 0.0, 1  # of the last refusal: seconds, and requests
        # What is counted.
        self._slowest = 0.0  # the lowest pace meanwhile
        self._lost = 0.0  # seconds in which nothing could get through
        self._before: Refusal | None = None  # the last count

    @property
    def surely(self) -> float:
        """Requests a second that are known best to be allowed."""
        return self._proven or self._low

    @property
    def _in_windows(self) -> bool:
        return self.window > LONG

    def kept(self, now: float, sent: int, trip: float) -> bool:
        """Go on to the next pace when this was kept for long enough; True if it was settled.

        Args:
            now: monotonic seconds.
            sent: requests that left at this pace.
            trip: seconds from a request to its reply.
        """
        pace = self.pace
        if pace is None or now < self._judge_at:
            return False
        if sent + 1 < _USED * pace * (now - self.stepped):
            self._set(pace, now)  # it was not used: nothing is known of it
            return False
        self._trip, self._steady = trip, False
        if sent > _FEW:
            self._low = pace
        settled = self._settled
        if settled:
            self._proven, self._high = pace, inf
            self._settled, self._growth = False, _LOOK
        if self._high == inf:
            self._set(pace * (1 + self._growth), now)
            most = _MOST if self._proven else _FAST
            self._growth = max(self._growth, min(most, 2 * self._growth))
        else:
            self._halve(now)
        return settled

    def start(self, now: float, pace: float, *, low: float = 0.0, growth: float = _MOST) -> None:
        """Begin at a pace, of which *low* is known to be allowed."""
        self._low, self._high, self._growth = low, inf, growth
        self._settled, self._proven, self._steady = False, 0.0, True
        self._slowest, self._lost = pace, 0.0
        self._set(pace, now)

    def refused(self, refusal: Refusal, now: float) -> bool:
        """The pace was refused, or a free run: choose a lower one. True: count anew from now."""
        self._silence = refusal.silence
        self._lost += refusal.silence + self._trip
        if self.pace is None:
            self._begin(refusal, now)
            return True
        if refusal.window:
            self._saw_window(refusal)
        self._learn_kind(refusal, self.pace)
        pace, counted, exact = self.pace, _MARGIN * self._count(refusal), self._is_exact(refusal)
        if pace <= 1.01 * self._proven or (exact and counted < 0.9 * self._proven):
            self._proven = 0.0  # less is allowed than was
        self._cost = min(_DEAR, refusal.cost) if self._proven else 1
        self._high, self._growth, self._steady = pace, _LOOK, True
        # What was kept for a while may have been saved up before.
        kept = self._proven if self._saves else max(self._low, self._proven)
        self._low = min(max(kept, counted), 0.97 * pace)
        if exact:
            self._settle(now)
        else:
            self._halve(now)
        anew = exact or refusal.accepted >= ENOUGH
        self._slowest = self.pace if anew else min(self._slowest, self.pace)
        self._lost = 0.0 if anew else self._lost
        return anew

    def _begin(self, refusal: Refusal, now: float) -> None:
        """The first pace: what a free run was let through."""
        pace = refusal.accepted / max(refusal.lasted, 1.0)
        busy, many = refusal.lasted - refusal.silence, refusal.accepted >= ENOUGH
        if not refusal.accepted or (refusal.silence > LONG and not many):
            pace = max(pace, _FIRST)  # nothing was counted: no window, but a spell of refusals
        self.start(now, pace, growth=_MOST if many and busy >= _STEP / 2 else _FAST)
        if refusal.silence > LONG and many:
            self._low, self.window = pace, min(max(self.window, refusal.lasted), LONGEST)
            self._settle(now)

    def _learn_kind(self, refusal: Refusal, pace: float) -> None:
        """Whether the limiter saves up: it refuses late, or what it had let through."""
        at_once = refusal.refused - self.stepped <= _FEW / pace
        if refusal.window or (self._steady and not at_once) or pace <= 1.01 * self._low:
            self._saves = True
        elif self._steady:
            self._saves = False

    def _count(self, refusal: Refusal) -> float:
        """Requests a second that were let through: of one that saves up, what it allows."""
        since = refusal.accepted / refusal.lasted
        if not self._in_windows:
            return since
        recent = refusal.recent(self.window)
        return max(recent, since) if refusal.lasted < 2 * self.window else recent

    def _is_exact(self, refusal: Refusal) -> bool:
        """Whether what was counted is what is allowed: nothing of it was left unused."""
        counted, lost = self._count(refusal), self._lost / refusal.lasted
        before, self._before = self._before, refusal if lost <= _HALF else None
        if self._in_windows:
            return counted * self.window >= _SURE
        if not self._saves or counted > _CLOSE * self._slowest:
            return False
        if lost <= _BRIEF:
            return refusal.accepted >= _SURE
        if before is None or self._before is None or refusal.accepted <= _FEW:
            return False
        longer = before.lasted / refusal.lasted
        agrees = 1 / _CLOSE < self._count(before) / counted < _CLOSE
        return agrees and not 1 / _OTHER < longer < _OTHER

    def _saw_window(self, refusal: Refusal) -> None:
        self.window = max(refusal.silence, self.window)
        if self._steady and refusal.lasted <= 2 * self.window:
            self.window = max(self.window, refusal.lasted)
        self.window = min(self.window, LONGEST)

    def _halve(self, now: float) -> None:
        if self._high <= self._low * _CLOSE:
            self._settle(now)
        else:
            self._settled = False
            self._set(sqrt(max(self._low, self._high / 16) * self._high), now)

    def _settle(self, now: float) -> None:
        self._settled = True
        self._set(self._low, now)

    def _set(self, pace: float, now: float) -> None:
        self.pace = pace = max(pace, _LOWEST)
        self.stepped = now
        self._judge_at = now + (self._hold(pace) if self._settled else self._step(pace))

    def _hold(self, pace: float) -> float:
        """Seconds for which what was found is held: so long that a try above costs little."""
        silence = self.window or _HOLD_SILENCES * self._silence
        return max(_HOLD, _HOLD_REQUESTS * self._cost / pace, silence)

    def _step(self, pace: float) -> float:
        """Seconds for which a pace is tried."""
        quick = self._growth == _FAST
        return max(
            _STEP / 2 if quick else _STEP,
            2 * self._trip,
            2 * self._silence if self._saves and not self._in_windows else 0.0,
            (1.5 if quick else _STEP_REQUESTS) / pace,
            _STEP_WINDOWS * self.window,
        )
