"""What a relay and its workers say to each other: requests one way, answers the other.

Plain tuples, because they are made for every row and `marshal` knows nothing else. Only what is
needed to send travels, never a raw row.
"""

from __future__ import annotations

from batchconv.model import NO_FIELDS, Channel, Conversion, Reason, Reply, Row

_NO_ROW = Row("", 0, None, NO_FIELDS, None, None, None)

Request = tuple[int, bool, str, bool, str | None, Channel]
"""A number that its answer repeats, whether to open a connection for it, and the conversion:
message id, delivered, timestamp and channel."""

Answer = tuple[int, tuple[object, ...] | str]
"""The number of a request, and the values of its `Reply`; a text describes a defect."""


def make_request(number: int, conversion: Conversion, *, fresh: bool) -> Request:
    """What a worker is handed."""
    return (number, fresh, *conversion[1:])


def conversion_of(request: Request) -> Conversion:
    """What a transport sends; its row says nothing."""
    return Conversion(_NO_ROW, *request[2:])


def make_answer(number: int, reply: Reply) -> Answer:
    """The answer to a request; what has the usual values at its end is left out."""
    if reply[2:] == _USUAL:
        return number, reply[:2]
    trouble = None if reply.trouble is None else reply.trouble.value
    return number, (*reply[:3], trouble, *reply[4:])


def reply_of(values: tuple[object, ...]) -> Reply:
    """The reply that an answer carries."""
    reply = Reply(*values)  # type: ignore[arg-type]  # they are a reply's, as `make_answer` says
    return reply if reply.trouble is None else reply._replace(trouble=Reason(reply.trouble))


_USUAL = Reply(None, 0.0)[2:]
