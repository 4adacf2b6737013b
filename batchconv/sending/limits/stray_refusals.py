"""Refusals that have nothing to do with the pace: found out by not heeding them for a while."""

from __future__ import annotations

_SUSPECT = 6  # refusals, however low the pace, from which on chance is thought of
_ENOUGH = 30  # replies that a step is judged by
_FASTER = 2.5
_LEAST, _SHARE = 5, 0.45  # so many refusals, and such a share: it was the pace after all


class StrayRefusals:
    """Tells refusals by chance from those of a limiter, by an experiment.

    A limiter refuses all that is beyond its allowance: at 2.5 times the pace more than half. What
    refuses by chance refuses the same share at every pace. So when a pace has been lowered again
    and again and is refused all the same, refusals are ignored and the pace is raised by steps,
    for as long as their share stays small. An experiment that fails makes the next one rarer.

    Attributes:
        ignored: refusals are not heeded now.
    """

    def __init__(self) -> None:
        self.ignored = False
        self._suspect_at = _SUSPECT
        self._refusals = 0  # since a pace was held for long
        self._highest = self._before = 0.0
        self._replies = self._bad = 0

    @property
    def enough(self) -> bool:
        """The step can be judged."""
        return self._replies >= _ENOUGH

    def proven(self) -> None:
        """A pace was held for long."""
        self._refusals = 0

    def suspect(self, pace: float | None) -> bool:
        """A refusal came at that pace; True when it is time for the experiment."""
        self._refusals += 1
        if self._refusals == 1:
            self._highest = 0.0
        self._highest = max(self._highest, pace or 0.0)
        self._before = pace or 0.0
        return pace is not None and self._refusals >= self._suspect_at

    def begin(self) -> float:
        """Ignore refusals from now on, at the pace that is given back."""
        self.ignored = True
        self._replies = self._bad = 0
        return self._highest

    def end(self) -> float:
        """It was the pace; give back the one from before the experiment."""
        self.ignored = False
        self._suspect_at *= 2
        self._refusals = 0
        return self._before

    def passed(self) -> None:
        """A reply came that was not a refusal."""
        self._replies += 1

    def too_many(self) -> bool:
        """A refusal came; True when they are too many for mere chance."""
        self._replies += 1
        self._bad += 1
        return self._bad >= _LEAST and self._bad >= _SHARE * self._replies

    def next_pace(self, pace: float | None, lasted: float) -> float | None:
        """The pace of the next step; None when it holds nobody back any more."""
        held_back = pace is not None and self._replies > 0.7 * pace * lasted
        self._replies = self._bad = 0
        return pace * _FASTER if pace is not None and held_back else None
