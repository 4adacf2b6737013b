"""Refusals that have nothing to do with the pace: so few of them, or as many at another pace."""

from __future__ import annotations

from enum import Enum, auto
from math import inf

# The constants were chosen by the benches `limiters` and `strict`.
_BLOCK, _COMPARED = 40, 100  # replies that are judged together, and at the lower pace
_HEAVY = 0.3  # the share of them from which on no chance explains the refusals
_LOWER = 0.8  # the lower pace, as a share of what was accepted
_FEWER = 0.4  # the share of the refusals that may remain when the lower pace was the cure
_AT_ONCE, _SHARE = 1 / 30, 0.01  # refusals of a pace that is held which say nothing against it: so
# many seconds' worth of it, and that share of the others
_MORE = 1.5  # times the share that was found to be by chance
_SUSPECT, _FEW = 8, 0.1  # refusals of a kept pace from which on chance is thought of, and their
# share of the other replies at most


class Strays:
    """So few refusals of a pace that it is right all the same; pure except for its recorded state.

    A limiter that saves nothing up refuses each request that comes too soon after the one before,
    and on its way one is held up for longer than the next. Others refuse by chance beside a limit:
    several servers that count each for itself, or a limit that is shared with somebody. To send
    those few again costs less than a lower pace.

    Attributes:
        many: that were not made good by others.
        first: when the first of them had left.
        known: that some are by chance; they are left unheeded also while a pace is searched for.
    """

    def __init__(self) -> None:
        self.many = 0.0
        self.first = 0.0
        self.known = False
        self._share, self._more = _SHARE, 0.0

    def expect(self, share: float) -> None:
        """That share of all was found to be refused by chance."""
        self.known = True
        self._share = max(self._share, _MORE * share)
        self._more = self._share * _BLOCK

    def passed(self) -> None:
        """A reply came that was not a refusal."""
        self.many = max(0.0, self.many - self._share)

    def refused(self, left: float, pace: float) -> bool:
        """A refusal came; True when it says nothing against the pace.

        Args:
            left: when its request left.
            pace: requests a second; 0 when each refusal is to be heeded.
        """
        if not self.many:
            self.first = left
        self.many += 1
        few = pace > 0 and self.many <= _AT_ONCE * pace + self._more
        if not few:
            self.many = 0.0
        return few


class Finding(Enum):
    """What is thought of the refusals of late."""

    NONE_YET = auto()
    FEW = auto()  # to be compared with those at the lower pace
    CHANCE = auto()  # at the lower pace they are as many
    CURED = auto()  # at the lower pace they are gone: a limiter that was just exceeded
    LIMITER = auto()  # they are too many for mere chance


NONE_YET = Finding.NONE_YET  # every reply comes past it, and a member of an enum costs a call


class Chance:
    """Tells refusals by chance from those of a limiter; pure except for its recorded state.

    A limiter refuses all that is beyond its allowance: nearly everything of a free run, and
    nothing a fifth below what it accepts. What refuses by chance refuses the same share at
    every pace. So a few refusals are not heeded at first: they are counted, and compared with
    those at a lower pace.

    Attributes:
        heeding: each refusal is taken for a limiter's.
        counted: what was accepted before they were compared, in requests a second.
        lower: the pace to compare with.
        share: of the replies at the lower pace that were refusals.
    """

    def __init__(self) -> None:
        self.heeding = False
        self.counted = self.lower = self.share = 0.0
        self._comparing = False
        self._before = 0.0  # the share that is compared with
        self._known = False  # that it is chance
        self._suspect_at = _SUSPECT
        self._heeded = self._passed = 0  # refusals, and other replies, since a pace was held
        self._wait()

    def _wait(self) -> None:
        """The next block begins with a refusal."""
        self._begin(inf)

    def _begin(self, now: float) -> None:
        self._from = now
        self._replies = self._bad = 0

    def proven(self) -> None:
        """A pace was held for long."""
        self._heeded = self._passed = 0

    def heed(self) -> None:
        """Take each refusal for a limiter's from now on."""
        if self._known:
            self._suspect_at *= 2  # it was not chance, or not only
        self.heeding, self._comparing, self._known = True, False, False
        self.proven()
        self._wait()

    def suspected(self) -> bool:
        """A refusal is about to be heeded; True when it is time to think of chance."""
        self._heeded += 1
        if self._heeded < self._suspect_at:
            return False
        few = self._heeded <= _FEW * self._passed
        self.proven()
        self.heeding = not few
        return few

    def passed(self, left: float, now: float) -> Finding:
        """A reply came that was not a refusal, to a request that had *left* at that moment."""
        self._passed += 1
        return NONE_YET if left < self._from else self._judge(now)

    def refused(self, left: float, now: float) -> Finding:
        """A refusal came that is not heeded."""
        if self._from == inf:
            self._begin(left)
        if left < self._from:
            return Finding.NONE_YET
        self._bad += 1
        return self._judge(now)

    def _judge(self, now: float) -> Finding:
        self._replies += 1
        size = _COMPARED if self._comparing else _BLOCK
        if self._bad >= _HEAVY * size:
            self.heed()
            return Finding.LIMITER
        if self._replies < size:
            return Finding.NONE_YET
        share, lasted = self._bad / size, max(now - self._from, 1e-3)
        if self._comparing:
            return self._compare(share)
        if self._known:
            self._wait()
            return Finding.NONE_YET
        self._comparing, self._before = True, share
        self.counted = (size - self._bad) / lasted
        self.lower = _LOWER * self.counted
        self._begin(now)
        return Finding.FEW

    def _compare(self, share: float) -> Finding:
        self.share = share
        if share < _FEWER * self._before:
            self.heed()
            return Finding.CURED
        self._comparing, self._known = False, True
        self._wait()
        return Finding.CHANCE
