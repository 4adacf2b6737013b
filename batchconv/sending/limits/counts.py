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
        recent: requests a second that got through in so many seconds at the end.
    """

    refused: float
    lasted: float
    silence: float
    accepted: int
    window: bool
    cost: int
    recent: Callable[[float], float]


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
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._slides = False

    @property
    def known(self) -> bool:
        """The limiter counts in windows that are long enough not to be taken for a bucket."""
        return self.seconds > LONG

    @property
    def tells(self) -> float:
        """Seconds after which a pace that is a little too high has been refused.

        A window of the clock does so near its end, one that slides once it has moved a little.
        """
        return self.seconds * (_SLIDES if self._slides else 1)

    def refused(self, refusal: Refusal, tried: float | None) -> None:
        """A refusal came, to a pace that was *tried* from that moment on; None if it was held."""
        if self.known and tried is not None:
            early = refusal.refused - tried < self.seconds / 2
            self._slides = early and not refusal.window
        if refusal.window:
            least = max(refusal.silence, self.seconds)
            self.see(max(least, refusal.lasted / max(1, round(refusal.lasted / least))))

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
        recent, windows = refusal.recent(self.seconds), refusal.lasted / self.seconds
        if refusal.window and windows < _ONE:
            return max(recent, refusal.accepted / min(refusal.lasted, self.seconds))
        return max(recent, since) if windows < 2 else recent
