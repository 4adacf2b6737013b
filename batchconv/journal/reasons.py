"""What each reason in a results file means, and the page of the manual that tells what to do."""

from __future__ import annotations

from typing import NamedTuple

from batchconv.model import Reason, Result


class Meaning(NamedTuple):
    """A reason, explained.

    Attributes:
        outcome: the outcome that it stands beside.
        text: half a sentence for people.
        page: of the manual, about what to do.
    """

    outcome: Result
    text: str
    page: str


_REJECTED = {
    Reason.INVALID_PARAMETERS: "400, 420, 422 or 423: the API does not accept the row's values, "
    "mostly the message id",
    Reason.FORBIDDEN: "403: this account may not report this message",
    Reason.REDIRECTED: "3xx: redirects are not followed",
    Reason.REFUSED: "any other final refusal by the API",
}
_FAILED = {
    Reason.TIMEOUT: "no reply within `--timeout`, or 408",
    Reason.UNKNOWN_HOST: "the server's name could not be found",
    Reason.CONNECTION_REFUSED: "the server refused the connection",
    Reason.NO_ROUTE: "there is no route to the server",
    Reason.TLS_FAILED: "TLS could not be set up with the server",
    Reason.CONNECTION_LOST: "the connection was lost",
    Reason.BAD_REPLY: "the reply was not HTTP",
    Reason.WORKER_LOST: "the worker that was sending the row ended: killed, or out of memory",
    Reason.SERVER_ERROR: "5xx or 425",
}
_RECORD = {
    Reason.UNREADABLE_RECORD: "not well-formed: a quote that is never closed, a line that is not a "
    "JSON object",
    Reason.TOO_LONG: "longer than `--max-row-bytes`",
    Reason.UNDECODABLE: "bytes that are not in the file's encoding",
    Reason.CELL_COUNT: "more or fewer cells than the header",
    Reason.AMBIGUOUS_COLUMNS: "a JSON object with two keys for one field",
}
_VALUE = {
    Reason.MISSING_ID: "no message id",
    Reason.BLANK_ID: "a blank message id, or a null marker such as `NULL`",
    Reason.INVISIBLE_CHARACTER: "a message id with a character that cannot be seen, such as U+FEFF",
    Reason.BAD_ID: "a JSON value that is neither text nor an integer",
    Reason.CONTROL_CHARACTER: "a control character in the message id",
    Reason.LONE_SURROGATE: "half of a surrogate pair in the message id",
    Reason.DAMAGED_ID: "a message id that a spreadsheet or a float has damaged: `1.23E+15`",
    Reason.MISSING_DELIVERED: "`delivered` is blank, and there is no `--delivered`",
    Reason.BAD_DELIVERED: "`delivered` is neither true nor false",
    Reason.BAD_TIMESTAMP: "an impossible time, or an unrecognised timestamp format",
    Reason.TIME_IN_GAP: "a time that the clocks of `--timezone` jumped over",
    Reason.TIMESTAMP_NOT_SENDABLE: "a time of its own, with `--signature-timestamp request`",
    Reason.BAD_CHANNEL: "neither `sms` nor `voice`",
}
_SKIPPED = {
    Reason.DUPLICATE: "equal to a row that was accepted",
    Reason.IN_LEDGER: "accepted before, according to the `--ledger`",
    Reason.DISMISSED: "settled as it is, by `batchconv dismiss`",
    Reason.TOO_OLD: "its timestamp is older than `--max-age`",
}
MEANINGS: dict[Reason, Meaning] = {
    reason: Meaning(outcome, text, page)
    for outcome, page, texts in (
        (Result.REJECTED, "correcting", _REJECTED),
        (Result.FAILED, "outages", _FAILED),
        (Result.INVALID, "inputs", _RECORD),
        (Result.INVALID, "inputs", _VALUE),
        (Result.SKIPPED, "jobs", _SKIPPED),
    )
    for reason, text in texts.items()
}
"""Every reason; a test holds that none is missing and that each page is there."""
