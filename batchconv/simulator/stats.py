"""What the simulator has seen and done, counted as it happens."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from batchconv.simulator.checks import Check
from batchconv.simulator.faults import Action
from batchconv.simulator.recent_counts import RecentCounts


class Received(NamedTuple):
    """What one request asked, and the status decided on (0: no HTTP reply)."""

    channel: str | None
    message_id: str | None
    delivered: str | None
    timestamp: str | None
    status: int


@dataclass(slots=True)
class Stats:
    """Counters; all times are monotonic seconds of the server's event loop.

    A conversion counts as accepted when it is taken in, like at the real API, and so also
    when its reply is lost afterwards.

    Attributes:
        wall_offset: what to add to a monotonic time to get Unix seconds.
        accepted_ids: how often each id was accepted; of very many, the most recent ones.
        distinct_ids: how many different ids were accepted.
        repeated_ids: how many ids were accepted more than once.
        repeats: how many acceptances were of an id accepted before.
        by_status: replies sent.
        by_fault: faults that struck, by kind.
        lost_replies: conversions accepted without a reply to the client.
        fullest_second: the most requests that arrived within one second.
        redirects_followed: how often a client went where a 3xx pointed; it should not.
        arrivals: when each request came, if `Behaviour.record_arrivals`.
        received: what each request asked, if `Behaviour.record_requests`.
    """

    wall_offset: float = 0.0
    requests: int = 0
    accepted: int = 0
    accepted_ids: RecentCounts = field(default_factory=RecentCounts)
    distinct_ids: int = 0
    repeated_ids: int = 0
    repeats: int = 0
    by_status: Counter[int] = field(default_factory=Counter)
    by_fault: Counter[str] = field(default_factory=Counter)
    lost_replies: int = 0
    most_in_flight: int = 0
    connections: int = 0
    fullest_second: int = 0
    first_arrival: float | None = None
    last_arrival: float | None = None
    redirects_followed: int = 0
    arrivals: list[float] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    _last_second: deque[float] = field(default_factory=deque, repr=False)

    def arrived(self, now: float, in_flight: int) -> None:
        """Count a request that came at *now*; *in_flight* includes it."""
        self.requests += 1
        if self.first_arrival is None:
            self.first_arrival = now
        self.last_arrival = now
        self.most_in_flight = max(self.most_in_flight, in_flight)
        window = self._last_second
        window.append(now)
        while window[0] <= now - 1:
            window.popleft()
        self.fullest_second = max(self.fullest_second, len(window))

    def decided(self, check: Check, action: Action) -> None:
        """Count what was decided about a request."""
        if action.accepted:
            self.accepted += 1
            if check.message_id is not None:
                times = self.accepted_ids.add(check.message_id)
                self.distinct_ids += times == 1
                self.repeated_ids += times == 2
                self.repeats += times > 1
        if action.faulty:
            self.by_fault[action.word or str(action.status)] += 1

    def reset(self) -> None:
        """Start counting from nothing, in place."""
        fresh = Stats(self.wall_offset)
        for name in self.__slots__:
            setattr(self, name, getattr(fresh, name))

    def as_dict(self, *, ids: bool = False) -> dict[str, object]:
        """Everything as JSON can hold it; *ids* adds the accepted ids with their counts."""
        seconds = None
        if self.first_arrival is not None and self.last_arrival is not None:
            seconds = round(self.last_arrival - self.first_arrival, 3)
        shown: dict[str, object] = {
            "requests": self.requests,
            "accepted": self.accepted,
            "distinct_ids": self.distinct_ids,
            "repeated_ids": self.repeated_ids,
            "repeats": self.repeats,
            "lost_replies": self.lost_replies,
            "by_status": {str(status): self.by_status[status] for status in sorted(self.by_status)},
            "by_fault": {kind: self.by_fault[kind] for kind in sorted(self.by_fault)},
            "most_in_flight": self.most_in_flight,
            "connections": self.connections,
            "fullest_second": self.fullest_second,
            "redirects_followed": self.redirects_followed,
            "first_arrival": self._shown(self.first_arrival),
            "last_arrival": self._shown(self.last_arrival),
            "seconds": seconds,
        }
        if ids:
            shown["ids"] = dict(self.accepted_ids)
        return shown

    def _shown(self, at: float | None) -> str | None:
        if at is None:
            return None
        moment = datetime.fromtimestamp(at + self.wall_offset, UTC)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def sentence(self) -> str:
        """The counts in one line for people."""
        statuses = ", ".join(f"{n} x {status}" for status, n in sorted(self.by_status.items()))
        return (
            f"{self.requests} requests, {self.accepted} accepted "
            f"({self.distinct_ids} ids, {self.repeats} repeats)"
            f"{'; replies: ' + statuses if statuses else ''}"
        )
