"""The pace that a server allows, learned from its refusals (429)."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

_SLOT = 0.05  # seconds
_SLOTS = 256
_LONGEST_LOOK = 12.0  # seconds
_WINDOW = 1.0  # seconds; many servers count by the second
_MOST_CUT = 0.6  # what is left at least of a rate that held for a while and is refused now
_SAVED_UP = 0.2  # seconds of its allowance that a server may let us make good later
_MARGIN = 0.98  # of what was measured: enough to stay out of the next refusal
_LOWEST = 0.1  # requests a second
_DOUBLING = 0.5  # seconds
_STEP = 0.02  # a trial begins with so much more, and each further step is twice as large
_STEP_SECONDS = 0.75
_NEAR = 1.2  # a refusal within this of a rate that held says that the rate was right
_ODD = 2.0  # requests that a server may let through beyond what was reckoned
_FIRST_HOLD = 2.0  # seconds without a refusal before a little more is tried
_LONGEST_HOLD = 5.0  # seconds
_COST = 10.0  # both are longer where a refusal costs a longer pause: so many times that pause,
_MOST_COST = 25.0  # and so many times at most
_IDLE = 5.0  # seconds of holding nobody back after which what was learned is forgotten


class LearnedRate:
    """Estimates the server's allowance; pure but for what it was told.

    The estimate is what the server let through until it refused. A first one, drawn from hardly
    any time, is doubled every half second until the next refusal. Later ones hold: a little more
    is tried only after a while without refusals, the more often an estimate proved right the
    less often, and what has held is gone back to when the trial fails. The pace grows only where
    it held somebody back.

    Args:
        now: monotonic seconds.
    """

    def __init__(self, now: float) -> None:
        self._rate: float | None = None
        self._rising = False
        self._confirmed = 0  # how often in a row trials have shown that the rate was right
        self._pause = 0.0
        self._most = math.inf
        self._lesson: Callable[[], float] | None = None
        self._trial: tuple[int, float] | None = None  # requests let through, and seconds
        self._saved_up: float | None = None  # let through beyond the allowance; not known yet
        self._refused_at = now
        self._opened = now  # when requests could leave again
        self._grow_at = now
        self._bound_at = now  # when somebody was held back last
        self._numbers = [-1] * _SLOTS
        self._counts = [0] * _SLOTS

    def left(self, now: float) -> None:
        """A request left; as long as nothing else is heard, it counts as let through."""
        number = int(now / _SLOT)
        slot = number % _SLOTS
        if self._numbers[slot] == number:
            self._counts[slot] += 1
        else:
            self._numbers[slot] = number
            self._counts[slot] = 1

    def not_taken(self, left: float) -> None:
        """The request that left at that moment was refused."""
        number = int(left / _SLOT)
        slot = number % _SLOTS
        if self._numbers[slot] == number:
            self._counts[slot] -= 1

    def held_back(self, now: float) -> None:
        """A request had to wait for its turn at this pace."""
        self._bound_at = now

    def at(self, now: float) -> float | None:
        """Requests a second; None when nothing is known to be too much."""
        if self._lesson is not None and now >= self._opened:
            self._learn()
        if self._rate is None or now <= self._grow_at:
            return self._rate
        if now - self._bound_at > _IDLE:
            self._rate = None
            return None
        return self._grown(self._rate, now)

    def _grown(self, rate: float, now: float) -> float:
        """What *rate* has grown to."""
        steps = min(int((now - self._grow_at) / self._step), 60)
        return rate * (2.0**steps if self._rising else 1 + _STEP * (2.0 ** (steps + 1) - 1))

    @property
    def _step(self) -> float:
        return _DOUBLING if self._rising else _STEP_SECONDS

    def refused(self, now: float, pause: float) -> None:
        """The server refused a request, and nothing leaves for *pause* seconds."""
        rate = self.at(now)
        grown = now > self._grow_at
        if rate is None:
            self._rate, self._rising, self._confirmed = _LOWEST, True, 0
            self._lesson = partial(self._let_through, now, _WINDOW, 1.0)
        elif self._rising and now - self._grow_at < _DOUBLING:
            # Refused at its first step, it has learned nothing but that it was far too fast.
            self._lesson = partial(self._let_through, now, _WINDOW)
        elif grown and not self._rising and self._was_too_much(now, rate):
            self._lesson = partial(self._let_through_growing, now, now - self._grow_at)
            self._confirmed += 1
        else:
            active = now - self._opened
            if self._rising:
                last = self._grown(self._rate or _LOWEST, now - _DOUBLING)  # was not too much
                self._lesson = partial(self._let_through, now, _WINDOW, last)
            elif grown:
                self._lesson = partial(self._let_through_growing, now, now - self._grow_at)
            else:
                look = max(active + min(self._pause, _SAVED_UP), _WINDOW)
                self._lesson = partial(self._let_through, now, look, (rate or 0) * _MOST_CUT)
            self._rising, self._confirmed = False, 0
        self._most = rate * 0.97 if rate is not None else math.inf
        self._pause = pause
        self._opened = self._bound_at = now + pause
        hold = max(_FIRST_HOLD, _COST * pause) * 2.0**self._confirmed
        longest = max(_LONGEST_HOLD, _MOST_COST * pause)
        self._grow_at = self._opened + (0.0 if self._rising else min(hold, longest))

    def _was_too_much(self, now: float, rate: float) -> bool:
        """Whether the refusal of a trial confirms the rate that it started from."""
        base, seconds = self._rate or _LOWEST, now - self._grow_at
        taken = self._taken(now, seconds)
        if rate <= base * _NEAR or taken <= base / _MARGIN * seconds + self._saved * 1.3 + _ODD:
            return True
        self._trial = (taken, seconds)
        return False

    def _learn(self) -> None:
        """Take in what was let through, now that the answers to what was in flight are known."""
        if self._lesson is not None:
            lesson, self._lesson = self._lesson, None
            self._rate = max(min(lesson(), self._most), _LOWEST)

    @property
    def _saved(self) -> float:
        return _SAVED_UP * (self._rate or 0) if self._saved_up is None else self._saved_up

    def _let_through(self, until: float, seconds: float, least: float = 0.0) -> float:
        """Requests a second that were let through, and that may be again."""
        rate = max(self._taken(until, seconds) / min(seconds, _LONGEST_LOOK), least)
        if self._trial is not None:
            taken, lasted = self._trial
            self._saved_up, self._trial = max(0.0, taken - rate * lasted), None
        return rate * _MARGIN

    def _let_through_growing(self, until: float, seconds: float) -> float:
        """The same for a rate that grew by steps.

        What was let through is the allowance of that time and what the server had saved up
        before. Nobody knows for which of the steps that is so; the best of them tells most.
        """
        best = self._rate or _LOWEST
        while seconds > _STEP_SECONDS / 2:
            taken = self._taken(until, seconds) - self._saved
            best = max(best, taken / seconds * _MARGIN)
            seconds -= _STEP_SECONDS
        return best

    def _taken(self, until: float, seconds: float) -> int:
        """Requests that were let through in that time."""
        last = int(until / _SLOT)
        first = int((until - min(seconds, _LONGEST_LOOK)) / _SLOT)
        return sum(
            count
            for number, count in zip(self._numbers, self._counts, strict=True)
            if first < number <= last
        )
