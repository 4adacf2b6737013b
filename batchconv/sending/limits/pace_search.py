"""The pace that a server allows, searched for between one that was kept and one that was refused.

It is the search of BIC (Xu, Harfoush and Rhee, "Binary Increase Congestion Control for Fast
Long-Distance Networks", 2004), of requests a second where BIC has a congestion window: halve the
distance between the two bounds until they are close; then, after a while, look above in steps
that double. BIC loses packets all the time and here a refusal is to be rare, hence the two
differences: what was found is held for long, and the lower bound is counted where it can be.
Between two moments at which a limiter was empty it has let through what it allows: those who
save up what is not used (token buckets, windows) tell their allowance by that at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, sqrt

LONG = 2.0
"""Seconds of silence from which on a limiter is taken for one that counts in windows."""
ENOUGH = 10
"""Requests that are worth counting, and a second's at a pace that is worth more than one try."""

# The constants were chosen by the bench of limiters.
_LOWEST = 0.2  # requests a second
_MARGIN = 0.98  # of what was counted
_CLOSE = 1.08  # bounds nearer than this are not searched between
_LONGEST = 60.0  # seconds of a window
_BRIEF = 0.1  # the share of a time that may be silent without being a loss
_SAVED = 1.0  # seconds' worth of requests that a limiter may have saved up
_LOOK, _MOST, _FAST = 0.06, 0.25, 2.0  # growth above what was found, its most; else
_USED = 0.8  # the share of a pace from which on it counts as kept
_SHARP = 2.5  # requests after a step or a silence; a limiter that refuses those saves nothing up
_DOUBT = 0.85  # what remains of a lower bound that was kept briefly, with each refusal in a row
_STEP, _STEP_REQUESTS, _STEP_WINDOWS = 1.0, 4, 0.2  # how long a step is kept: seconds and so on
_HOLD, _HOLD_REQUESTS, _HOLD_WINDOWS, _HOLD_COSTS = 8.0, 100, 1.25, 24  # what was found


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal and the silence after it, once a request got through again.

    Attributes:
        refused: when the first request that was refused had left.
        lasted: seconds from when the limiter let one through again the time before, to now.
        silence: seconds of those in which nothing could get through.
        accepted: requests that got through in that time.
        window: the limiter gives back what it allows all at once.
    """

    refused: float
    lasted: float
    silence: float
    accepted: int
    window: bool

    @property
    def counted(self) -> float:
        """Requests a second that were let through: at most what is allowed."""
        return self.accepted / self.lasted


class PaceSearch:
    """Finds a pace; pure except for its recorded state.

    While there is a pace it is *rising* (nothing was refused above it: `high` is infinite),
    *bisecting* (between `low` and `high`), or *settled* (held for long, then rising again).

    Attributes:
        pace: requests a second; None while nothing is known to be too much.
        in_a_row: refusals since a pace was kept.
        stepped: when the pace changed last.
        window: seconds for which the limiter counts, if it counts in windows.
    """

    def __init__(self) -> None:
        self.pace: float | None = None
        self.window = 0.0
        self._low, self._high = 0.0, inf
        self._growth = _FAST
        self._settled = False
        self._proven = 0.0  # what was held for long
        self.stepped = 0.0
        self.in_a_row = 0
        self._stores = False  # the limiter saves up what is not used
        self._steady = True  # the pace has not changed since then
        self._cost = 0.0  # seconds of silence of the last refusal
        self._trip = 0.0  # seconds from a request to its reply
        self._judge_at = inf

    @property
    def surely(self) -> float:
        """Requests a second that are known best to be allowed."""
        return self._proven or self._low

    def kept(self, now: float, sent: int, trip: float) -> bool:
        """Go on to the next pace when this was kept for long enough; True if it was settled.

        Args:
            now: monotonic seconds.
            sent: requests that left at this pace.
            trip: seconds from a request to its reply.
        """
        pace, settled = self.pace, self._settled
        if pace is None or now < self._judge_at:
            return False
        if sent + 1 < _USED * pace * (now - self.stepped):
            self._set(pace, now)  # it was not used: nothing is known of it
            return False
        self._low, self._trip = pace, trip
        self._steady, self.in_a_row = False, 0
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
        self._settled, self._proven, self.in_a_row, self._steady = False, 0.0, 0, True
        self._set(pace, now)

    def refused(self, refusal: Refusal, now: float) -> None:
        """The pace was refused, or a free run: choose a lower one."""
        self._cost = refusal.silence
        if self.pace is None:
            self._begin(refusal, now)
            return
        if refusal.window:
            self._saw_window(refusal)
        pace, counted, exact = self.pace, _MARGIN * refusal.counted, self._is_exact(refusal)
        if pace <= 1.01 * self._proven or (exact and counted < 0.9 * self._proven):
            self._proven = 0.0  # less is allowed than was
        if self._steady:
            self._stores = refusal.refused - self.stepped > _SHARP / pace
        looked = self._proven > 0 and self._high == inf
        self.in_a_row += 1
        self._high, self._growth, self._steady = pace, _LOOK, True
        if looked and self._was_saved_up(refusal, pace):
            self._low = max(self._proven, counted if exact else 0.0)
            self._settle(now)
            return
        believed = 0.0 if exact else self._believed(refusal, pace)
        self._low = min(max(believed, self._proven, counted), 0.97 * pace)
        if exact:
            self._settle(now)
        else:
            self._halve(now)

    def _begin(self, refusal: Refusal, now: float) -> None:
        """The first pace: what a free run was let through."""
        pace = refusal.accepted / max(refusal.lasted, 1.0)
        busy = refusal.lasted - refusal.silence
        sure = refusal.accepted >= ENOUGH and busy >= _STEP / 2
        self.start(now, pace, growth=_MOST if sure else _FAST)
        if refusal.silence > LONG:
            self._low, self.window = pace, min(max(self.window, refusal.lasted), _LONGEST)
            self._settle(now)

    def _is_exact(self, refusal: Refusal) -> bool:
        """Whether what was counted is what is allowed: nothing of it was left unused."""
        brief = refusal.silence + self._trip <= _BRIEF * refusal.lasted
        return refusal.accepted >= ENOUGH and (refusal.window or (self._steady and brief))

    def _was_saved_up(self, refusal: Refusal, pace: float) -> bool:
        """Whether what went beyond the proven pace for a while was only what had been saved up."""
        if refusal.window and self.window > LONG:
            return True
        saved = refusal.accepted / self._proven - (refusal.lasted - refusal.silence)
        return saved < _SAVED and pace < ENOUGH

    def _believed(self, refusal: Refusal, pace: float) -> float:
        """What remains of a lower bound that was kept only briefly."""
        if self._stores and refusal.accepted >= ENOUGH:
            return 0.0
        if self.in_a_row > 1:
            return _DOUBT * self._low if pace > ENOUGH else 0.0
        return self._low

    def _saw_window(self, refusal: Refusal) -> None:
        self.window = max(refusal.silence, self.window)
        if self._steady and refusal.lasted <= 2 * self.window:
            self.window = max(self.window, refusal.lasted)
        self.window = min(self.window, _LONGEST)

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
        if self._settled:
            hold = max(
                _HOLD,
                _HOLD_REQUESTS / pace,
                _HOLD_WINDOWS * self.window,
                _HOLD_COSTS * self._cost if not self.window else 0.0,
            )
        else:
            quick = self._growth == _FAST
            hold = max(
                _STEP / 2 if quick else _STEP,
                2 * self._trip,
                2 * self._cost if self._stores else 0.0,
                (1.5 if quick else _STEP_REQUESTS) / pace,
                _STEP_WINDOWS * self.window,
            )
        self._judge_at = now + hold
