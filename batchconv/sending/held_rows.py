"""The rows that an outage keeps back, and which of them is the next probe."""

from __future__ import annotations

from bisect import insort
from itertools import count
from operator import attrgetter

from batchconv.sending.delivery import Delivery

_GOLDEN = (
    0.618034  # the golden ratio: each multiple of it falls into the widest gap of those before
)


class HeldRows:
    """Rows that wait for the end of an outage.

    Attributes:
        fresh: those that were read and not tried, in their order.
        tried: the others.
    """

    def __init__(self) -> None:
        self.fresh: list[Delivery] = []
        self.tried: list[Delivery] = []
        self._probes = count(1)

    def add(self, delivery: Delivery) -> None:
        """Keep a row back."""
        delivery.task = None
        insort(self.tried if delivery.exchanges else self.fresh, delivery, key=attrgetter("order"))

    def next_probe(self) -> Delivery | None:
        """Take out the row to probe with: a fresh one where there is one.

        They are taken from all over what has been read, so that a block of rows which the server
        cannot take is left behind at once. Those whose trouble is their own tell nothing.
        """
        for rows in (self.fresh, self.tried):
            telling = [row for row in rows if not row.alone]
            if telling:
                place = next(self._probes) * _GOLDEN % 1
                probe = telling[int(place * len(telling))]
                rows.remove(probe)
                return probe
        return None

    def release(self) -> list[Delivery]:
        """Take out all; the outage is over, so what was tried and fails now fails by itself."""
        for delivery in self.tried:
            delivery.alone = True
        return self.abandon()

    def abandon(self) -> list[Delivery]:
        """Take out all."""
        abandoned = [*self.tried, *self.fresh]
        self.fresh.clear()
        self.tried.clear()
        return abandoned
