"""What the server's refusals (429) mean: the one place where each of them is judged.

A refusal tells that the pace was too high, or that too many were in flight at once, or nothing
at all: some servers refuse at random. Each is taken for one of the three.

The pace is found by bisection, the same for every limiter. Too high is the pace that was refused;
a pace that was held for a while without a refusal was not. How far below the refused one the
allowance lies, the accepted requests tell: between two refusals a limiter has let through at
most what it allows in that time. They tell it well where a limiter has a memory (token buckets,
windows) and badly where it has none (a leaky bucket refuses at once, however few came before);
there the refusal itself is sharp. Growing until the next refusal, as TCP does (CUBIC, RFC 9438),
would be refused again and again by design; it was not tried beside this.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf, sqrt

from batchconv.sending.limits.adaptive_concurrency import AdaptiveConcurrency
from batchconv.sending.limits.stray_refusals import StrayRefusals

# The constants were chosen by the bench of limiters.
_FIRST_PAUSE, _LONGEST_PAUSE, _PAUSE_GROWTH = 0.1, 30.0, 1.6  # seconds, and from one to the next
_LOWEST = 0.2  # requests a second
_MARGIN = 0.98  # of what was counted
_CLOSE = 1.08  # bounds nearer than this are not searched between
_DOUBLING, _UNSURE, _SURE = 1.0, 0.1, 0.02  # first growth, as a share of the pace; it doubles
_SLOW_GROWTH = 0.08  # the most where a refusal may cost a whole window
_LONG_WINDOW = 2.0  # seconds
_QUICK_STEP, _STEP = 0.5, 1.0  # seconds; many servers count by the second
_SHARP = 1.5  # requests after a step; a refusal of those is the step's doing
_HOLD = 8.0  # seconds for which a pace that was found is kept before more is tried,
_HOLD_REQUESTS, _HOLD_PAUSES = 100, 24  # at least so many requests, and times a refusal's cost
_IDLE = 5.0  # seconds of holding nobody back after which what was learned is forgotten
_KNOWN = 20  # accepted requests from which on their number in flight is evidence
_NO_PACE_YET = -inf


class Throttling:
    """Judges refusals; pure except for its recorded state.

    It is open, or paused after a refusal, or it lets a single request out to find out whether it
    may open again. While it is open and there is a pace, that is `rising` until a first refusal
    bounds it, then searched for between two bounds, then held, and tried a little higher.

    Args:
        uniform: a random number between two.

    Attributes:
        since: when the first refusal came after which no other reply did, or None.
    """

    def __init__(self, uniform: Callable[[float, float], float]) -> None:
        self.since: float | None = None
        self._uniform = uniform
        self._stray = StrayRefusals()
        # The pause, and what ends it.
        self._until = -inf
        self._times = 0  # refusals in a row, those in flight together counted once
        self._pause = 0.0
        self._probe: float | None = None  # when the request left that finds out
        self._refused_at = self._refused_left = 0.0
        self._cost = 0.0  # seconds of silence of the last refusal
        self._memory = 0.0  # seconds for which the server was silent at most
        # What was let through since the last opening.
        self._opened = _NO_PACE_YET
        self._accepted = 0
        self._trip = 0.0  # seconds from a request to its reply
        # The pace and its bounds.
        self._pace: float | None = None
        self._low, self._high = 0.0, inf
        self._growth = _DOUBLING
        self._settled = False  # the search is over
        self._proven = 0.0  # a pace that was held for long
        self._stepped = 0.0  # when the pace changed
        self._judge_at = inf  # when it will have been held for long enough
        self._refused_at_once = 0  # how often in a row before the first step
        self._bound_at = 0.0  # when somebody was held back last
        # What is known of numbers in flight.
        self._most_beside = self._known = 0

    @property
    def quiet(self) -> bool:
        """Nothing that was learned holds anybody back."""
        return self._pace is None and not self._times

    def wait(self, now: float) -> float:
        """Seconds until a request may leave for all that is known; infinite until a reply tells."""
        if now < self._until:
            return self._until - now
        return inf if self._probe is not None else 0.0

    def held_back(self, now: float) -> None:
        """A request had to wait for its turn at this pace."""
        self._bound_at = now

    def written(self, now: float) -> None:
        """A request leaves."""
        if self._opened == _NO_PACE_YET:
            self._opened = now
        if self._times:
            self._probe, self._until = now, -inf

    def pace(self, now: float) -> float | None:
        """Requests a second; None when nothing is known to be too much."""
        if self._pace is None or self._times or self._stray.ignored or now < self._judge_at:
            return self._pace
        if now - self._bound_at > _IDLE:
            self._forget()
            return None
        return self._held(self._pace, now)

    def _forget(self) -> None:
        self._pace, self._low, self._high = None, 0.0, inf
        self._growth, self._settled, self._proven, self._memory = _DOUBLING, False, 0.0, 0.0

    def _held(self, pace: float, now: float) -> float:
        """A pace has been held for long enough: the next one."""
        self._low, self._refused_at_once = pace, 0
        if self._settled:
            self._proven = pace
            self._stray.proven()
        if self._high == inf or self._settled:
            self._high = inf
            if self._settled:
                self._settled, self._growth = False, _SURE
            new = pace * (1 + self._growth)
            most = _DOUBLING if self._memory < _LONG_WINDOW else _SLOW_GROWTH
            self._growth = max(self._growth, min(most, 2 * self._growth))
        elif self._high > pace * _CLOSE:
            new = sqrt(pace * self._high)
            if self._memory > _LONG_WINDOW:
                new = min(new, 1.1 * pace)
        else:
            new, self._settled = pace, True
        self._set(new, now)
        return new

    def _set(self, pace: float, now: float) -> None:
        self._pace = pace = max(pace, _LOWEST)
        self._stepped = now
        quick = self._growth == _DOUBLING and self._high == inf
        if self._settled:
            hold = max(_HOLD, _HOLD_PAUSES * self._cost, _HOLD_REQUESTS / pace, 2 * self._memory)
        else:
            least = _QUICK_STEP if quick else _STEP + self._trip
            hold = max(least, 2 * self._trip, (1.5 if quick else 4) / pace, self._memory / 8)
        self._judge_at = now + hold

    def ended(self, left: float) -> None:
        """A request is over, also when nothing is known of it: it finds out nothing more."""
        if self._probe == left:
            self._probe = None

    def passed(self, left: float, now: float, beside: int) -> None:
        """A reply other than 429 came.

        Args:
            left: when its request left.
            now: monotonic seconds.
            beside: how many were in flight when it left, itself included.
        """
        self.since = None
        self._trip += 0.1 * (now - left - self._trip)
        self._known += 1
        self._most_beside = max(self._most_beside, beside)
        if self._probe is not None and left >= self._probe:
            self._open(left, now)
        elif left >= self._opened:
            self._accepted += 1
        if self._stray.ignored and left >= self._stepped:
            self._stray.passed()
            self._go_on_ignoring(now)

    def refused(
        self,
        left: float,
        now: float,
        asked: float | None,
        beside: int,
        concurrency: AdaptiveConcurrency | None,
    ) -> tuple[float, bool]:
        """A 429 came.

        Args:
            left: when its request left.
            now: monotonic seconds.
            asked: seconds of its `Retry-After`, if it had any.
            beside: how many were in flight when it left, itself included.
            concurrency: what can be blamed for too many.

        Returns:
            Seconds for which it silences the run, and whether it is about its row alone.
        """
        if self.since is None:
            self.since = now
        if self._stray.ignored:
            if left < self._stepped or not self._stray.too_many():
                self._go_on_ignoring(now)
                return 0.0, True
            self._high, self._low = inf, self._stray.end()
            self._pace = self._low
        if self._times == 0:
            if left < self._opened:
                return 0.0, False  # it left before the last refusal was heard of
            if concurrency is not None and self._too_many_at_once(beside, concurrency):
                concurrency.refused(left, now, asked or 0.0)
                self._opened, self._accepted = now, 0
                self._until = now + (asked or 0.0)
                return asked or 0.0, False
            if self._stray.suspect(self._pace):
                self._set(self._stray.begin(), now)
                return 0.0, True
            self._refused_at, self._refused_left = now, left
        elif self._probe is None or left < self._probe:
            self._until = max(self._until, now + (asked or 0.0))
            return 0.0, False
        self._times += 1
        self._probe = None
        self._pause = self._next_pause(asked)
        self._until = now + self._pause
        return self._pause, False

    def _too_many_at_once(self, beside: int, concurrency: AdaptiveConcurrency) -> bool:
        """Whether the limit has just grown, or more are in flight than ever got through.

        And there is no pace that explains it.
        """
        if self._pace is not None or self._known < _KNOWN:
            return False
        return concurrency.on_trial or beside > self._most_beside

    def _next_pause(self, asked: float | None) -> float:
        first = max(_FIRST_PAUSE, 0.5 / self._pace if self._pace else 0.0, self._memory / 32)
        high = min(_LONGEST_PAUSE, first * _PAUSE_GROWTH ** min(self._times - 1, 50))
        return max(asked or 0.0, self._uniform(0.75 * high, high))

    def _go_on_ignoring(self, now: float) -> None:
        lasted = now - self._stepped
        if lasted >= max(_QUICK_STEP, self._trip) and self._stray.enough:
            self._pace = self._stray.next_pace(self._pace, lasted)
            self._stepped = now

    def _open(self, left: float, now: float) -> None:
        """The probe, which *left* at that moment, got through."""
        silence = left - self._refused_at
        long = self._times > 1 or silence > _LONG_WINDOW + self._trip
        if long:
            self._memory = max(silence, 0.9 * self._memory)
        else:
            self._cost = silence
        # Of the last pause half was too long, if there was one before it that was too short.
        late = self._pause / 2 if self._times > 1 else 0.0
        self._learn(max(left - self._opened - late, 1e-3), silence - late, long=long)
        self._set(self._pace or _LOWEST, now)
        self._times, self._probe = 0, None
        self._opened, self._accepted, self._bound_at = left, 1, now

    def _learn(self, lasted: float, silence: float, *, long: bool) -> None:
        """Choose a pace, after so many seconds of which the last ones were silent.

        Args:
            lasted: from the last opening to this one.
            silence: of that, from the refusal on.
            long: the silence was longer than one pause: a window was used up.
        """
        pace = self._pace
        if pace is None:
            self._growth = _UNSURE if long else _DOUBLING
            self._pace, self._high = self._accepted / max(lasted, 1.0), inf
            return
        self._high, self._growth = pace, _UNSURE
        if pace <= self._proven:
            self._proven = 0.0
        counted = self._accepted / lasted * _MARGIN
        self._settled = False
        if long:
            # A whole window was counted; a few requests may have been refused by chance.
            least = pace / 2 if self._accepted < 10 else 0.0
            self._pace = max(min(counted, 0.97 * pace), least)
            return
        sharp = self._refused_left - self._stepped <= _SHARP / pace
        low = self._low
        if not sharp:
            active = self._accepted / max(lasted - silence, 1e-3) * _MARGIN
            low = min(max(sqrt(counted * active), self._proven), max(low, self._proven))
        self._refused_at_once += 1
        if self._refused_at_once > 1:
            low = min(low, pace * (1 - 0.1 * self._refused_at_once))
        self._low = low = max(min(low, 0.97 * pace), pace / 4)
        self._settled = pace <= low * _CLOSE or (self._proven > 0 and pace <= 1.12 * low)
        self._pace = low if self._settled else low * (pace / low) ** (0.5 if sharp else 0.33)
