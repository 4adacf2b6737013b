"""What is counted between two moments at which a limiter was empty, and what it tells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

LONG = 2.0
"""Seconds of silence from which on a limiter is taken for one that counts in windows."""
LONGEST = 60.0
"""Seconds of a window, at most."""

_ROUND = (5.0, 10.0, 15.0, 20.0, 30.0, LONGEST)  # seconds of a window: people choose such numbers
_NEAR = 1.1  # times one of them, or the other way round, is taken for it
_SAME = 1.01  # times what is known are taken for it
_ONE = 1.5  # windows that are taken for one
_SOON = 0.25  # of a window: it is full no earlier for a pace that is a little too high
_EARLY = 0.5  # of a window: only one that slides has refused by then what is a little too much
_SLIDES = 0.4  # of a sliding window: it has refused by then what is too much


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
        until: when the limiter had let one through again.
        recent: requests a second that got through before that moment, in so many seconds.
    """

    refused: float
    lasted: float
    silence: float
    accepted: int
    window: bool
    cost: int
    until: float
    recent: Callable[[float, float], float]


@dataclass(frozen=True, slots=True)
class Count:
    """What got through between two moments at which the limiter was empty.

    Attributes:
        accepted: requests.
        lasted: seconds.
        lost: seconds of them in which nothing could get through.
    """

    accepted: int
    lasted: float
    lost: float

    @property
    def pace(self) -> float:
        """Requests a second: no less is allowed."""
        return self.accepted / self.lasted

    @property
    def most(self) -> float:
        """Requests a second that are allowed at most, if all was used but in the lost time."""
        used = self.lasted - self.lost
        return (self.accepted + 1) / used if used > 0 else inf


class Window:
    """The window in which a limiter counts; pure except for its recorded state.

    Attributes:
        seconds: how long it is.
        slides: one ends at any moment, and what is not used of it is lost.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self.slides = False
        self._ended = -inf  # when one ended
        self._held = 0  # requests in the first, of which perhaps only a part was seen

    @property
    def known(self) -> bool:
        """The limiter counts in windows that are long enough not to be taken for a bucket."""
        return self.seconds > LONG

    @property
    def tells(self) -> float:
        """Seconds after which a pace that is a little too high has been refused.

        A window of the clock does so near its end, one that slides once it has moved a little.
        """
        return self.seconds * (_SLIDES if self.slides else 1)

    def began(self, refusal: Refusal) -> None:
        """The first refusal of all came: a window had begun at some time before."""
        self._held = refusal.accepted

    def refused(self, refusal: Refusal, tried: float | None) -> None:
        """A refusal came, to a pace that was *tried* from that moment on; None if it was held."""
        if self.known and tried is not None:
            early = refusal.refused - tried < _EARLY * self.seconds
            self.slides = early and not refusal.window
            if self.slides:
                self._ended = -inf
        if refusal.window:
            if refusal.silence <= _SOON * self.seconds:
                self._ended = refusal.until
            least = max(refusal.silence, self.seconds)
            windows = round(refusal.lasted / least)
            if self._held:
                windows = min(windows, round(refusal.accepted / self._held))
            self.see(max(least, refusal.lasted / max(1, windows)))
        self._held = 0

    def until_end(self, now: float) -> float:
        """Seconds until a window of the clock ends, if it does soon; else 0."""
        if not self.known or self._ended == -inf:
            return 0.0
        end = self.seconds - (now - self._ended) % self.seconds
        return end if end <= _SOON * self.seconds else 0.0

    def see(self, seconds: float) -> None:
        """It lasts so many seconds, or more."""
        if seconds > _SAME * self.seconds:
            near = (one for one in _ROUND if one / _NEAR <= seconds <= one * _NEAR)
            self.seconds = min(next(near, seconds), LONGEST)

    def count(self, refusal: Refusal) -> float:
        """Requests a second that were let through: no less is allowed."""
        since = refusal.accepted / refusal.lasted
        if not self.known:
            return since
        end = refusal.refused if self.slides else refusal.until
        recent, windows = refusal.recent(end, self.seconds), refusal.lasted / self.seconds
        if refusal.window and windows < _ONE:
            return max(recent, refusal.accepted / min(refusal.lasted, self.seconds))
        return max(recent, since) if windows < 2 else recent
