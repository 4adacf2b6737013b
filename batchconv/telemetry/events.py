"""The events of a run: log records with names that stay.

A record of the logger `batchconv` has two attributes of its own: `event`, one of `EVENTS`, and
`fields`, values by name. Neither holds a secret. Nothing is configured here: a program that uses
batchconv as a library sees of it what it asks the standard library's logging for.
"""

from __future__ import annotations

import logging
from typing import Any

from batchconv.model import Reply, Row

log = logging.getLogger("batchconv")

EVENTS = (
    "run-started",
    "columns",
    "progress",
    "paused",
    "resumed",
    "worker-lost",
    "worker-restarted",
    "stopping",
    "attempt",
    "row",
    "notice",
    "error",
    "run-ended",
    "library",
)
"""Every event; README tells what each is and which fields it has."""


def tell(level: int, event: str, message: str, **fields: Any) -> None:
    """Log an event: a sentence for people, and values for programs."""
    if log.isEnabledFor(level):
        log.log(level, "%s", message, extra={"event": event, "fields": fields})


class AsAsked(str):
    """A sentence about something that is as the user asked for: it is not a warning."""

    __slots__ = ()


def notice(message: str, **fields: Any) -> None:
    """Report something that may be good to know and ends nothing."""
    level = logging.INFO if isinstance(message, AsAsked) else logging.WARNING
    tell(level, "notice", message, **fields)


def tell_attempt(row: Row, attempt: int, reply: Reply, verdict: str) -> None:
    """Report an exchange that was not accepted."""
    if log.isEnabledFor(logging.DEBUG):  # an outage has very many, and mostly nobody asks
        got = reply.status or reply.trouble
        tell(
            logging.DEBUG,
            "attempt",
            f"{row.source} row {row.number}, attempt {attempt}: {got}, {verdict}",
            source=row.source,
            row=row.number,
            attempt=attempt,
            status=reply.status,
            trouble=reply.trouble,
            elapsed_ms=round(reply.elapsed * 1000, 1),
            verdict=verdict.replace(" ", "-"),
        )
