"""What the server's refusals (429) mean: the one place where each of them is judged.

A refusal tells that the pace was too high, or that too many were in flight at once, or nothing
at all: some servers refuse at random. Each is taken for one of the three.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from batchconv.sending.limits.adaptive_concurrency import START_AGAIN, AdaptiveConcurrency
from batchconv.sending.limits.chance import NONE_YET, Chance, Finding, Strays
from batchconv.sending.limits.counts import LONG, LONGEST, Refusal
from batchconv.sending.limits.pace_search import PaceSearch
from batchconv.sending.limits.recent import Recent

# The constants were chosen by the bench of limiters.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 30.0  # seconds
_WINDOW_SHARE = 16  # the first pause is at least this part of a window
_SHARE = 0.2  # of the silence before: the next pause
_DRIP = 1.35  # intervals of the pace after which the next request gets through
_IDLE = 5.0  # seconds of holding nobody back after which what was learned is forgotten
_KNOWN = 20  # accepted requests from which on their number in flight is evidence
_LATELY = 10  # replies that make up the time of a trip
_NOT_YET = -inf


class Throttling:
    """Judges refusals; pure except for its recorded state.

    It is open, or paused after a refusal, or it lets a single request out to find out whether it
    may open again. How fast requests leave while it is open is `PaceSearch`'s.

    Args:
        uniform: a random number between two.

    Attributes:
        since: when the first refusal came after which no other reply did, or None.
    """

    def __init__(self, uniform: Callable[[float, float], float]) -> None:
        self.since: float | None = None
        self.search = PaceSearch()
        self._uniform = uniform
        self._chance = Chance()
        self._strays = Strays()
        self._recent = Recent(LONGEST)
        # The pause, and what ends it.
        self._until = -inf
        self._times = 0  # refusals in a row, those in flight together counted once
        self._heard = 0.0  # when the last of them was heard of
        self._cost = 0  # all of them
        self._pause = 0.0
        self._probe: float | None = None  # when the request left that finds out
        self._refused = 0.0  # when the first that was refused had left
        self._silent = self._still_silent = 0.0  # when the last left before the pause; a probe
        # What was let through since the last opening.
        self._opened = self._reopened = self._written = _NOT_YET
        self._accepted = 0
        self._stepped, self._sent = 0.0, 0  # when the pace changed, and what left since
        self._trip = 0.0  # seconds from a request to its reply
        self._bound_at = 0.0  # when somebody was held back last
        # What is known of numbers in flight.
        self._most_beside = self._known = 0

    @property
    def quiet(self) -> bool:
        """Nothing that was learned holds anybody back."""
        return self.search.pace is None and not self._times

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
        if self._opened == _NOT_YET:
            self._opened = now
        self._written = now
        self._sent += 1
        if self._times:
            self._probe, self._until = now, -inf

    def never_written(self, left: float) -> None:
        """A proxy refused a connection, and so a request that began to leave at that moment.

        It finds out no less than one that was written; a refusal follows.
        """
        if self._times and left >= self._heard:
            self._probe = left

    def pace(self, now: float) -> float | None:
        """Requests a second; None when nothing is known to be too much."""
        if self.search.pace is None or self._times or not self._chance.heeding:
            return self.search.pace
        if now - self._bound_at > _IDLE:
            self._forget()
        elif self._search_on(now):
            self._chance.proven()
        return self.search.pace

    def _search_on(self, now: float) -> bool:
        if self.search.stepped != self._stepped:
            self._stepped, self._sent = self.search.stepped, 0
        return self.search.kept(now, self._sent, self._trip)

    def _forget(self) -> None:
        self.search, self._chance, self._strays = PaceSearch(), Chance(), Strays()
        self._opened, self._accepted = _NOT_YET, 0

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
        self._known += 1
        self._trip += (now - left - self._trip) / min(self._known, _LATELY)
        if beside > self._most_beside:  # noqa: PLR1730 - every row comes past here; max() is a call
            self._most_beside = beside
        if self._probe is not None and left >= self._probe:
            self._open(left, now)
        elif left >= self._opened:
            self._accepted += 1
        self._recent.add(left)
        if self._strays.many:
            self._strays.passed()
        finding = self._chance.passed(left, now)
        if finding is not NONE_YET:
            self._note(finding, now)

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
        if concurrency is not None:
            concurrency.overlook(left, now)
        if self._times == 0:
            if left < self._reopened:
                return 0.0, False  # it left before the last refusal was heard of
            if concurrency is not None and self._too_many_at_once(beside, concurrency):
                if not concurrency.new:
                    self._opened, self._accepted = now, 0
                concurrency.refused(left, now, asked or 0.0)
                self._reopened = now
                self._until = now + (asked or 0.0)
                return asked or 0.0, False
            if self._is_stray(left, asked) or self._is_chance(left, now, asked):
                return 0.0, True
            self._refused = self._strays.first or left
            self._silent, self._still_silent = self._written, 0.0
            self._cost = 1
        elif self._probe is None or left < self._probe:
            self._cost += 1
            self._until = max(self._until, now + (asked or 0.0))
            return 0.0, False
        else:
            self._still_silent = left
            self._cost += 1
        self._times += 1
        self._heard = now
        self._probe = None
        self._pause = self._next_pause(asked)
        self._until = now + self._pause
        return self._pause, False

    def _is_chance(self, left: float, now: float, asked: float | None) -> bool:
        """Whether a refusal is left unheeded: it is by chance, or that is not decided yet."""
        if asked is not None and asked > LONG and not self._chance.heeding:
            self._chance.heed()  # a server that asks for so much means it
        if self._chance.heeding and (not self.search.held or not self._chance.suspected()):
            return False
        self._note(self._chance.refused(left, now), now)
        return not self._chance.heeding

    def _is_stray(self, left: float, asked: float | None) -> bool:
        """Whether a refusal says nothing against the pace."""
        means_it = asked is not None and asked > LONG
        known = self.search.held or self._strays.known
        pace = self.search.pace if known and self._chance.heeding and not means_it else None
        return self._strays.refused(left, pace or 0.0)

    def _note(self, finding: Finding, now: float) -> None:
        match finding:
            case Finding.FEW:
                self.search.start(now, self._chance.lower)
            case Finding.CURED:
                self._strays = Strays()
                self._opened, self._accepted, self._bound_at = now, 0, now
                self.search.hold(now, self._chance.counted)
            case Finding.CHANCE:
                self._strays.expect(self._chance.share)
                self.search = PaceSearch()
            case Finding.LIMITER:
                self.search = PaceSearch()

    def _too_many_at_once(self, beside: int, concurrency: AdaptiveConcurrency) -> bool:
        """Whether the limit is new, or has just grown, or more are in flight than ever got through.

        And there is no pace that explains it.
        """
        if concurrency.new:
            return beside > START_AGAIN
        if self.search.pace is not None or self._known < _KNOWN:
            return False
        return concurrency.on_trial or beside > self._most_beside

    def _next_pause(self, asked: float | None) -> float:
        surely, window = self.search.surely, self.search.window
        first = max(_FIRST_PAUSE, _DRIP / surely if surely else 0.0, window.seconds / _WINDOW_SHARE)
        high = min(_LONGEST_PAUSE, max(first, _SHARE * (self._still_silent - self._silent)))
        return max(asked or 0.0, self._uniform(0.75 * high, high))

    def _open(self, left: float, now: float) -> None:
        """The probe, which *left* at that moment, got through."""
        if self._still_silent - self._silent > LONGEST:
            self.search.begin_again(now)  # no window is as long: it was an outage
            anew = True
        else:
            anew = self.search.refused(self._counted(left), now)
        self._times, self._probe, self._bound_at, self._reopened = 0, None, now, left
        if anew:
            self._opened, self._accepted = left, 0
        self._accepted += 1

    def _counted(self, left: float) -> Refusal:
        """What was let through until the probe, which *left* at that moment, got through."""
        # Of the last pause half was too long, if there was one before it that was too short.
        late = self._pause / 2 if self._times > 1 else 0.0
        lasted = max(left - self._opened - late, 1e-3)
        silence = left - self._silent - late
        long = max(LONG, self.search.window.seconds / _WINDOW_SHARE) + self._trip
        window = silence + late > long
        return Refusal(
            self._refused, lasted, silence, self._accepted, window=window, cost=self._cost,
            until=left - late, recent=self._recent.pace,
        )  # fmt: skip
