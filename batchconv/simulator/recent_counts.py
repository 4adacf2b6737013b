"""How often each id came, for the most recent ones: a simulator may run for weeks."""

from __future__ import annotations

from collections import OrderedDict

MOST_IDS = 1_000_000
"""Ids that are remembered; one that comes again after so many others counts as new."""


class RecentCounts(OrderedDict[str, int]):
    """Id → how often it came, in the order in which they came first."""

    def __missing__(self, message_id: str) -> int:
        return 0

    def add(self, message_id: str, *, most: int = MOST_IDS) -> int:
        """Count an id, and tell how often it has come now."""
        count = self[message_id] = self.get(message_id, 0) + 1
        if len(self) > most:
            self.popitem(last=False)
        return count
