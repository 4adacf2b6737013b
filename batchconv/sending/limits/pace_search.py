"""The pace that a server allows, found out by what it refuses and by what it let through.

Between two moments at which a limiter was empty it has let through what it allows. One that saves
up what is not used (token buckets, windows) tells its allowance by that count at once, if little
was lost meanwhile. One that saves nothing up (a leaky bucket) tells only whether a pace is too
high: then it is searched for between one that was kept and one that was refused, as in BIC (Xu,
Harfoush and Rhee, "Binary Increase Congestion Control for Fast Long-Distance Networks", 2004). So
are small buckets at much more than a few a second, for what was lost in the silence hides what
they allow: a count bounds it from below, and the count without the lost time from above. At less
than that a few requests are all that can be counted in good time: the first count is believed.
What was found is held for long; then a little more is tried, in steps that double. A limiter of
windows is held to for whole windows, tried above for one, and then doubled.
"""

from __future__ import annotations

from math import inf, sqrt

from batchconv.sending.limits.counts import LONG, Refusal, Window

ENOUGH = 10
"""Requests that are worth counting, and a second's at a pace that is worth more than one try."""

# The constants were chosen by the bench of limiters.
_LOWEST, _FIRST = 0.2, 1.0  # requests a second: of all; of a first pace of which nothing is known
_MARGIN = 0.98  # of what was counted
_CLOSE = 1.1  # two paces nearer than this are taken for the same
_SAME = 1.01  # what lies between two paces that differ by rounding only
_FEW = 2.5  # requests after a step; a limiter that refuses those saves nothing up
_SURE = 6  # requests of a count that is believed
_BRIEF = 0.05  # of the time that was counted: a silence that hides little
_LOOK, _MOST, _FAST = 0.09, 0.25, 2.0  # growth above what was found, its most; of the first search
_DOUBLE = 1.0  # growth once a whole window held more
_LOOK_REQUESTS = 3  # more in a window than were found, for a count is off by one or two
_FAR = 1.7  # times what was found: what is refused from there on says that it may have changed
_USED = 0.8  # the share of a pace from which on it counts as kept
_STEP, _STEP_REQUESTS = 1.0, 4  # how long a pace is tried: seconds, requests; of the first search
_QUICK_STEP, _QUICK_REQUESTS = 0.5, 1.5
_HOLD, _HOLD_REQUESTS, _HOLD_LOSSES = 8.0, 65, 24  # what was found: seconds; requests for each
# refusal of the last try above; times what that lost
_HOLD_WINDOWS = 4  # the same in whole windows, at most
_DEAR = 3  # refusals that a try above is taken to cost at most


class PaceSearch:
    """Finds a pace; pure except for its recorded state.

    While there is a pace it is *rising* (nothing was refused above it: `high` is infinite),
    *bisecting* (between `low` and `high`), or *settled* (held for long, then rising again).

    Attributes:
        pace: requests a second; None while nothing is known to be too much.
        stepped: when the pace changed last.
        window: what is known of the windows in which the limiter counts, if it does.
    """

    def __init__(self) -> None:
        self.pace: float | None = None
        self.stepped = 0.0
        self.window = Window()
        self._low, self._high = 0.0, inf
        self._growth = _FAST
        self._settled = False
        self._proven = 0.0  # what was held for long
        self._judge_at = inf
        # What is known of the limiter.
        self._saves = False  # it saves up what is not used
        self._steady = True  # the pace has not changed since the last refusal
        self._last: tuple[float, float] | None = None  # before it rose: pace, and what was allowed
        self._trip = 0.0  # seconds from a request to its reply
        self._silence, self._cost = 0.0, 1.0  # of the last refusal: seconds, and requests
        # What is counted.
        self._resumed = 0.0  # the pace after the last refusal
        self._lost = 0.0  # seconds in which nothing could get through

    @property
    def surely(self) -> float:
        """Requests a second that are known best to be allowed."""
        return self._proven or self._low

    @property
    def held(self) -> bool:
        """A pace was found, and is held or was."""
        return self._settled or self._proven > 0

    @property
    def _lost_by_one(self) -> float:
        """Seconds that a refusal costs: those in flight, the silence, and the request after it."""
        return self._silence + 2 * self._trip

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
        self._last = (pace, self._low) if self._high == inf and not self._proven else None
        self._trip, self._steady = trip, False
        if sent > _FEW:
            self._low = pace
        settled = self._settled
        if settled:
            self._proven, self._high = pace, inf
            self._settled, self._growth = False, self._look(pace)
        if self._high == inf:
            self._rise(pace, now)
        else:
            self._halve(now)
        return settled

    def _rise(self, pace: float, now: float) -> None:
        """Try more than was ever refused."""
        self._set(pace * (1 + self._growth), now)
        if self.window.known:
            # A whole window held more than before.
            self._growth = _DOUBLE if self._growth < _MOST else _MOST
            return
        most = _MOST if self._proven else _FAST
        self._growth = max(self._growth, min(most, 2 * self._growth))

    def start(self, now: float, pace: float, *, low: float = 0.0, growth: float = _MOST) -> None:
        """Begin at a pace, of which *low* is known to be allowed."""
        self._low, self._high, self._growth = low, inf, growth
        self._settled, self._proven, self._steady, self._last = False, 0.0, True, None
        self._resumed, self._lost = pace, 0.0
        self._set(pace, now)

    def hold(self, now: float, counted: float) -> None:
        """Hold what was counted, in requests a second."""
        self.start(now, counted, low=_MARGIN * counted)
        self._settle(now)

    def begin_again(self, now: float) -> None:
        """It refused everything for so long that nothing follows from it."""
        found = self.surely
        self.start(now, max(found, _FIRST), growth=_MOST if found else _FAST)

    def refused(self, refusal: Refusal, now: float) -> bool:
        """The pace was refused, or a free run: choose a lower one. True: count anew from now."""
        self._silence = refusal.silence
        self._lost += refusal.silence + self._trip
        if self.pace is None:
            self._begin(refusal, now)
            return True
        pace = self._refused_pace(refusal, self.pace)
        looked = self._proven * (1 + self._look(self._proven)) if self._proven else 0.0
        first = pace <= _SAME * looked  # above what was found
        self.window.refused(refusal)
        self._learn_kind(refusal, pace)
        count = self.window.count(refusal)
        exact = self._is_exact(refusal, count)
        if self._saves and count < ENOUGH and not self.window.known:
            count += 1 / refusal.lasted  # of so few, the one that is nearly saved up matters
        counted = _MARGIN * count
        if pace <= _SAME * self._proven or (exact and counted < self._proven / _CLOSE):
            self._proven, first = 0.0, False  # less is allowed than was
        self._cost = min(_DEAR, refusal.cost) if first else 1
        # What was kept for a while may have been saved up before.
        doubtful = self._saves or pace <= _SAME * self._low
        kept = self._proven if doubtful else max(self._low, self._proven)
        if doubtful and self._low > self._proven > ENOUGH and not self.window.known:
            kept = sqrt(self._proven * self._low)  # half of it, or nothing would ever be gained
        self._growth, self._steady, self._last = _LOOK, True, None
        self._low = min(max(kept, counted), pace / _SAME)
        self._high = min(pace, self._most(refusal))
        if exact or first or self._is_as_before(pace, counted):
            self._settle(now)
        else:
            self._halve(now)
        anew = self._settled or refusal.accepted >= ENOUGH
        self._resumed = self.pace
        self._lost = 0.0 if anew else self._lost
        return anew

    def _begin(self, refusal: Refusal, now: float) -> None:
        """The first pace: what a free run was let through."""
        pace = refusal.accepted / max(refusal.lasted, 1.0)
        busy, many = refusal.lasted - refusal.silence, refusal.accepted >= ENOUGH
        if not refusal.accepted or (refusal.silence > LONG and not many):
            pace = max(pace, _FIRST)  # nothing was counted: no window, but a spell of refusals
        self.start(now, pace, growth=_MOST if many and busy >= _QUICK_STEP else _FAST)
        if many:
            self.window.began(refusal)
        if refusal.silence > LONG and many:
            self.window.see(refusal.lasted)
            # What lasted a little longer than a usual window was such a one, and its last pause.
            seconds = max(self.window.seconds, refusal.lasted / _CLOSE)
            self._low = _MARGIN * refusal.accepted / seconds
            self._settle(now)

    def _learn_kind(self, refusal: Refusal, pace: float) -> None:
        """Whether the limiter saves up: it refuses late, or what it had let through."""
        at_once = refusal.refused - self.stepped <= _FEW / pace
        if refusal.window:
            self._saves = True
        elif self._steady:
            self._saves = not at_once
        elif pace <= _SAME * self._low:
            self._saves = True

    def _refused_pace(self, refusal: Refusal, pace: float) -> float:
        """The pace that was refused: replies may come when the next has just begun."""
        if self._last is not None and refusal.refused < self.stepped:
            pace, self._low = self._last
        return pace

    def _most(self, refusal: Refusal) -> float:
        """Requests a second that are allowed at most."""
        most = refusal.most(self._lost)
        sure = self._saves and refusal.accepted >= _SURE and most <= self._resumed
        return most if sure else inf

    def _is_exact(self, refusal: Refusal, count: float) -> bool:
        """Whether what was counted is what is allowed: nothing of it was left unused."""
        if self.window.known:
            return count * self.window.seconds >= _SURE
        if not self._saves or refusal.accepted < _SURE or count > _SAME * self._resumed:
            return False
        first_of_few = count < ENOUGH and not self._proven
        return first_of_few or self._lost <= _BRIEF * refusal.lasted

    def _is_as_before(self, pace: float, counted: float) -> bool:
        """Whether one that saves up refused what may have been saved up."""
        found = self._proven
        return self._saves and counted <= _CLOSE * found and pace <= _FAR * found

    def _look(self, pace: float) -> float:
        """Growth above what was found."""
        many = pace * self.window.seconds
        return max(_LOOK, _LOOK_REQUESTS / many) if self.window.known else _LOOK

    def _halve(self, now: float) -> None:
        if self._high <= self._low * _CLOSE:
            self._settle(now)
        else:
            self._settled = False
            self._set(sqrt(max(self._low, _LOWEST) * self._high), now)

    def _settle(self, now: float) -> None:
        self._settled = True
        self._set(self._low, now)

    def _set(self, pace: float, now: float) -> None:
        self.pace = pace = max(pace, _LOWEST)
        self.stepped = now
        self._judge_at = now + (self._hold(pace) if self._settled else self._step(pace))

    def _hold(self, pace: float) -> float:
        """Seconds for which what was found is held: so long that a try above costs little."""
        least = _HOLD_REQUESTS * self._cost / pace
        lost = _HOLD_LOSSES * self._lost_by_one
        if not self.window.known:
            return max(_HOLD, least, lost)
        windows = least / self.window.seconds
        return min(max(1, round(windows)), _HOLD_WINDOWS) * self.window.seconds

    def _step(self, pace: float) -> float:
        """Seconds for which a pace is tried."""
        if self.window.known:
            return self.window.seconds
        quick = self._growth == _FAST
        return max(
            _QUICK_STEP if quick else _STEP,
            2 * self._silence if self._saves else 0.0,
            (_QUICK_REQUESTS if quick else _STEP_REQUESTS) / pace,
        )
