"""The `delivered` column: whether the user did what the message asked for."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import cast

from batchconv.errors import UsageError
from batchconv.model import Fault, Raw, Reason, show
from batchconv.reading.unsendable import UnsendableError, each, number_text

_TRUE = ("true", "1", "1.0", "yes", "y", "t")
_FALSE = ("false", "0", "0.0", "no", "n", "f")

# How SMPP 3.4 (appendix B), the SMS API's delivery receipts and other providers' word them.
DELIVERY_STATES = frozenset(
    {
        "delivrd", "undeliv", "expired", "deleted", "acceptd", "rejectd", "enroute", "unknown",
        "delivered", "undelivered", "undeliverable", "not delivered", "failed", "failure",
        "accepted", "rejected", "buffered", "submitted", "sent", "queued", "sending", "pending",
        "read", "received", "success", "successful", "ok", "error", "scheduled", "canceled",
        "answered", "completed", "busy", "timeout", "unanswered", "machine", "ringing", "started",
    }
)  # fmt: skip


class TruthRules:
    """How the `delivered` column of a run is understood.

    Args:
        default: for rows without a value; None makes them invalid.
        nulls: texts that mean "no value".
        true, false: more words, in any case; they beat the usual ones.

    Raises:
        UsageError: a word is to mean both.
    """

    def __init__(
        self,
        default: bool | None,
        nulls: Collection[str],
        true: Collection[str] = (),
        false: Collection[str] = (),
    ) -> None:
        self._default = default
        self._nulls = frozenset(nulls)
        mine, yours = (set(map(_plain, words)) for words in (true, false))
        for word in sorted(mine & yours):
            raise UsageError(f"--true and --false both name {word!r}", hint="name it with one")
        self._words = {
            **dict.fromkeys(_TRUE, True),
            **dict.fromkeys(_FALSE, False),
            **dict.fromkeys(mine, True),
            **dict.fromkeys(yours, False),
        }
        self._spelled: dict[Raw, bool] = {
            form(word): value
            for word, value in self._words.items()
            for form in (str.lower, str.title, str.upper)
        }

    def one(self, raw: Raw) -> bool:
        """What *raw* says.

        Raises:
            UnsendableError: nothing, or what nobody knows.
        """
        if isinstance(raw, bool):
            return raw
        text = raw if isinstance(raw, str) else number_text(raw)
        if text is None and raw is not None:
            raise _bad(raw)
        known = self._words.get(_plain(text or ""))
        if known is not None:
            return known
        if text is not None and text.strip() and text.strip() not in self._nulls:
            raise _bad(raw)
        if self._default is not None:
            return self._default
        raise UnsendableError(
            Reason.MISSING_DELIVERED,
            "delivered is blank; fill it in, or give --delivered true or false for such rows",
        )

    def all(self, column: Sequence[Raw], refused: dict[int, Fault]) -> Sequence[bool | None]:
        """The same for each of *column*, without leaving C where all is usual.

        What `one` refuses is None here, and its fault in *refused*.
        """
        kinds = set(map(type, column))
        if kinds == {bool}:
            return cast("Sequence[bool]", column)
        if kinds == {str}:
            found = list(map(self._spelled.get, column))
            if None not in found:
                return cast("list[bool]", found)
        return each(self.one, column, refused)


def _plain(text: str) -> str:
    return text.strip().lower()


def is_delivery_state(text: str) -> bool:
    """Whether a text is the status of a message, which is not what the API asks for."""
    return _plain(text) in DELIVERY_STATES


def _bad(raw: Raw) -> UnsendableError:
    if isinstance(raw, str) and is_delivery_state(raw):
        return UnsendableError(
            Reason.BAD_DELIVERED,
            f"delivered {show(raw)} is a delivery state; the API asks whether the user did what "
            "the message asked for: name the column that says so with --map delivered=COLUMN, or "
            "words that mean so with --true and --false",
        )
    return UnsendableError(
        Reason.BAD_DELIVERED,
        f"delivered {show(raw)} is neither true nor false; write true or false, or name the words "
        "that mean so with --true and --false",
    )
