"""What is told of a run as it goes: log records with names that stay.

A record of the logger `batchconv` has two attributes of its own: `event`, one of `EVENTS`, and
`fields`, values by name. Neither holds a secret. Nothing is configured here: a program that uses
batchconv as a library sees of it what it asks the standard library's logging for.
"""

from __future__ import annotations

import logging
from typing import Any

log = logging.getLogger("batchconv")

EVENTS = {
    "run-started": "the first request may leave",
    "progress": "how far it is, every minute",
    "paused": "nothing leaves: `why` is `throttled` or `outage`",
    "resumed": "requests leave again, after `seconds`",
    "stopping": "the run ends before its time: `message` says why, `exit_code` how",
    "attempt": "an exchange that was not accepted, and its `verdict` (`-v`)",
    "row": "a row that was settled and not accepted (`-v`)",
    "notice": "something that may be good to know",
    "error": "what is wrong, and in `hint` what to do",
    "run-ended": "the books and all else that the summary has, `results`, `failed_rows` and "
    "`next`, the commands that go on",
    "library": "a warning of a library, without its text: `logger` and `where`",
}
"""Every event and what it tells."""


def tell(level: int, event: str, message: str, **fields: Any) -> None:
    """Log an event: a sentence for people, and values for programs."""
    if log.isEnabledFor(level):
        log.log(level, "%s", message, extra={"event": event, "fields": fields})


def notice(message: str, **fields: Any) -> None:
    """Tell of something that may be good to know and ends nothing."""
    tell(logging.WARNING, "notice", message, **fields)
