"""How many requests are best in flight, found out while they are (`--concurrency auto`)."""

from __future__ import annotations

from math import inf, sqrt

from batchconv.sending.limits.latency_sample import Latency, LatencySample

START, START_AGAIN = 20, 4
"""What it begins with, and what with when those were too many."""

_TROUBLE_AT_LEAST = 3  # replies in trouble before they are believed
_TROUBLE = 0.1  # more of them than usual, as a share
_HOLD = 5.0  # seconds
_COST = 20.0
_DOUBLING, _CAREFUL, _FASTER = 1.0, 0.05, 1.5  # growth, as a share of the limit; then its own
_NEAR, _SLOWER = 1.15, 1.4  # times the latency without a queue
_GRAIN = 0.002  # seconds; what one turn of a busy event loop of our own may take
_TRUSTED = 30.0  # seconds for which the latency without a queue is believed
_DOUBTED = 2.0  # seconds for which it is when shrinking was in vain
_IN_VAIN = 0.75  # the share of the limit to which it shrinks before that is doubted
_LOOK = 4  # the part of the limit, as a divisor, at which it is measured anew
_ROUNDS = 3
_FEW, _SOME, _MANY = 15, 30, 30  # requests of a sample: doubling, otherwise, in a look


class AdaptiveConcurrency:
    """An adaptive limit, in the manner of Vector's controller and Netflix' limits.

    It begins with twenty, and begins again with four when some of the first are refused or fail.
    The limit grows only when it was reached without pressure: it doubles until latency rises,
    and goes up by a twentieth from then on, by more and more while that does no harm. It shrinks
    when more replies than usual are refusals or errors, or when latency has risen. A size that
    was tried and refused is left, and tried again only after a while.

    What latency is without a queue is measured again now and then, as TCP BBR does it: for a
    while only a quarter of the limit is let out, so that queues run empty. Without that the
    queue that a limit makes would be taken for the server's own time, and let the limit grow;
    and a server that has become slower would be taken for one with a queue.

    Pure except for its recorded state.

    Args:
        most: the limit never exceeds it.

    Attributes:
        limit: requests that may be in flight now.
        new: it has just begun, and nothing has proved right yet.
    """

    def __init__(self, most: int) -> None:
        self.limit = min(START, most)
        self._most = most
        self._growth = _DOUBLING
        self.new = True
        self._good = 0  # the limit before it grew the last time; 0 when that has proved right
        self._kept = 0  # the limit that is to be again after a look; 0 when this is none
        self._peak = 0  # the largest limit since the last look
        self._looked = False  # since the limit grew the last time
        self._hold_until = -inf
        self._usual_trouble = 0.0
        self._quiet = Latency()  # without a queue
        self._quiet_at = -inf  # when it was measured
        self._recent = Latency()
        self._changed = -inf
        self._begin(skip=self.limit)

    @property
    def lasting(self) -> int:
        """The limit, but for a look's."""
        return self._kept or self.limit

    @property
    def on_trial(self) -> bool:
        """The limit has grown, and that has not proved right yet."""
        return self._good > 0

    def _begin(self, skip: int = 0) -> None:
        """Open a window."""
        self._replies = 0
        self._in_trouble = 0
        self._reached = False
        if self._kept:
            size = _MANY
        elif self._growth == _DOUBLING:
            size = max(_FEW, self.limit // 2)
        else:
            size = max(_SOME, _ROUNDS * self.limit)
        self._sample = LatencySample(skip, size)

    def entered(self, moment: float, in_flight: int) -> None:
        """One more left at *moment*, monotonic seconds, and so many are in flight now."""
        if in_flight >= self.limit:
            self._reached = True
        self._sample.left(moment)

    def reply(self, left: float, now: float, *, trouble: bool) -> bool:
        """A reply came; True when the limit has changed by it.

        Args:
            left: when its request left.
            now: monotonic seconds.
            trouble: it is waiting for a retry.
        """
        if left < self._changed:
            return False  # it shows another limit
        self._replies += 1
        if trouble:
            self._in_trouble += 1
            if self._too_much_trouble():
                self._step_back(now, 0.0, least=START_AGAIN)
                return True
        return self._sample.answered(left, now, trouble=trouble) and self._judge(now)

    def overlook(self, left: float, now: float) -> None:
        """A 429 came, which tells nothing of latency; the others need not wait for it."""
        self._sample.answered(left, now, trouble=True)

    def refused(self, left: float, now: float, pause: float) -> bool:
        """A 429 came; True when the limit's last growth explains it."""
        if left < self._changed:
            return False
        explained = self._good > 0
        self._step_back(now, pause)
        return explained

    def _too_much_trouble(self) -> bool:
        if self._in_trouble < _TROUBLE_AT_LEAST:
            return False
        # A limit that has just grown is the likely cause; otherwise it may be mere chance.
        chance = (1 if self._good else 2) * (1 + 2 * self._usual_trouble) / sqrt(self._replies)
        return self._in_trouble / self._replies > self._usual_trouble + _TROUBLE + chance

    def _note_trouble(self) -> None:
        if self._replies:
            share = self._in_trouble / self._replies
            self._usual_trouble += 0.5 * (share - self._usual_trouble)

    def _step_back(self, now: float, pause: float, least: int = 1) -> None:
        self._note_trouble()
        if self.new:
            self.new = False
            self._set(min(START_AGAIN, self.limit), now)
            return
        self._growth = _CAREFUL
        self._hold_until = now + pause + max(_HOLD, _COST * pause)
        before = self.lasting
        self._set(self._good or max(int(before * 0.9), min(least, before)), now)
        self._peak = self.limit

    def _set(self, limit: int, now: float, *, kept: int = 0, good: int = 0) -> None:
        # What leaves at once when there is more space opens connections, and their handshakes
        # are not the server's slowness.
        skip = max(0, limit - self.limit)
        self.limit = max(1, min(limit, self._most))
        self._peak = max(self._peak, self.limit)
        self._kept = kept
        self._good = good
        self._looked = self._looked and not good
        self._changed = now
        self._begin(skip)

    def _judge(self, now: float) -> bool:
        """Close the window; True when the limit has changed by it."""
        self.new = False
        self._note_trouble()
        sample, reached, before = self._sample, self._reached, self.limit
        self._good = 0
        self._begin()
        if not sample.usable:
            return False
        if self._kept:
            self._end_look(sample, now)
            return True
        self._take_in(sample, now)
        quiet, recent = self._quiet.seconds, self._recent.seconds
        near, slower = _NEAR * quiet + _GRAIN, _SLOWER * quiet + _GRAIN
        if recent <= near:
            self._quiet_at = now  # there is no queue now
        if self._is_doubtful(now, slow=recent > slower):
            self._set(min(before, max(START_AGAIN, before // _LOOK)), now, kept=before)
        elif recent > slower:
            self._shrink(near / recent, now)
        elif recent > near:
            self._growth = _CAREFUL
        elif reached and before < self._most and now >= self._hold_until:
            self._set(before + max(1, int(before * self._growth)), now, good=before)
            self._growth = min(_DOUBLING, self._growth * _FASTER)
        return self.limit != before

    def _take_in(self, sample: LatencySample, now: float) -> None:
        doubling = self._growth == _DOUBLING
        if doubling:
            self._recent = Latency()  # what was true of half the limit
        self._recent.add(sample)
        lower = self._recent.seconds < self._quiet.seconds * (1 if doubling else 0.8)
        if self.limit <= START_AGAIN or lower:
            self._quiet.add(sample)
            self._quiet_at = now

    def _is_doubtful(self, now: float, *, slow: bool) -> bool:
        """Whether what is known of the latency without a queue is worth a look."""
        if slow and self._growth == _DOUBLING:
            return not self._looked
        shrunk_in_vain = slow and self.limit <= _IN_VAIN * self._peak
        return now - self._quiet_at > (_DOUBTED if shrunk_in_vain else _TRUSTED)

    def _end_look(self, sample: LatencySample, now: float) -> None:
        if sample.latency() > _SLOWER * self._quiet.seconds:
            self._quiet = Latency()  # the server has become slower: it was not a queue
            self._growth = _DOUBLING
        self._quiet.add(sample, most=1.0)
        self._quiet_at = now
        self._recent = Latency()
        self._peak = 0
        self._looked = True
        self._set(self._kept, now)

    def _shrink(self, share: float, now: float) -> None:
        """Shrink to a *share*, by Little's law the one where latency would be as it should.

        Once it has stopped doubling it takes small steps, and none that go on after shrinking
        was in vain: then a look is due first.
        """
        before, doubling = self.limit, self._growth == _DOUBLING
        self._growth = _CAREFUL
        if doubling:
            self._set(int(before * max(0.5, share)), now)
            self._peak = self.limit
        else:
            least = min(before, int(_IN_VAIN * self._peak))
            self._set(max(int(before * max(0.9, share)), least), now)
        self._recent.scale(self.limit / before)
