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

    def most(self, lost: float) -> float:
        """Requests a second that are allowed at most, if all was used but in *lost* seconds."""
        used = self.lasted - lost
        return (self.accepted + 1) / used if used > 0 else inf


class Window:
    """The window in which a limiter counts; pure except for its recorded state.

    Attributes:
        seconds: how long it is.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._held = 0  # requests in the first, of which perhaps only a part was seen

    @property
    def known(self) -> bool:
        """The limiter counts in windows that are long enough not to be taken for a bucket."""
        return self.seconds > LONG

    def began(self, refusal: Refusal) -> None:
        """The first refusal of all came: a window had begun at some time before."""
        self._held = refusal.accepted

    def refused(self, refusal: Refusal) -> None:
        """A refusal came."""
        if refusal.window:
            least = max(refusal.silence, self.seconds)
            windows = round(refusal.lasted / least)
            if self._held:
                windows = min(windows, round(refusal.accepted / self._held))
            self.see(max(least, refusal.lasted / max(1, windows)))
        self._held = 0

    def see(self, seconds: float) -> None:
        """It lasts so many seconds, or more."""
        if seconds > _SAME * self.seconds:
            near = (one for one in _ROUND if one / _NEAR <= seconds <= one * _NEAR)
            self.seconds = min(next(near, seconds), LONGEST)

    def count(self, refusal: Refusal) -> float:
        """Requests a second that were let through: no less is allowed."""
        if self.known:
            return refusal.recent(refusal.until, self.seconds)
        return refusal.accepted / refusal.lasted
