"""Message ids: what is cut off, what is taken off, and what is refused as damaged.

An id is any text. What a spreadsheet, a float or a join of files made of one is recognised by its
looks: no id that the API is known to give out (hex digits, UUIDs) looks like it. Where an id
really does, `--any-id` sends it as it stands.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import cast

from batchconv.model import Fault, Raw, Reason, show
from batchconv.reading.unsendable import UnsendableError, each, number_text

# The blanks of Unicode (category Zs), and those that text editors and databases put at line ends.
_BLANKS = " \t\r\n\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
_BLANKS += "\u2028\u2029\u202f\u205f\u3000"
EXACT_INTEGER = 2**53
"""Beyond it a double, which most programs read a JSON number as, has gaps."""

# What stands below a table: its totals.
_TOTALS = frozenset(
    form(word)
    for word in ("total", "totals", "grand total", "sum", "summe", "gesamt", "somme", "suma")
    for form in (str.lower, str.capitalize, str.upper, str.title)
)
_HEADERS = frozenset(
    form(f"{word}{joint}{end}")
    for word in ("message", "event", "call")
    for joint in ("-", "_", " ", "")
    for end in ("id", "Id", "ID")
    for form in (str, str.title, str.upper, str.lower, lambda text: text[0].upper() + text[1:])
)


class IdRules:
    """How the ids of a run are understood.

    Args:
        nulls: texts that mean "no value".
        any_id: send ids as they are; only a control character and half a surrogate pair, which
            cannot be sent, are refused.
        column: the column that `--map` names, which is not an id in its own column.
    """

    def __init__(
        self, nulls: Collection[str], *, any_id: bool = False, column: str | None = None
    ) -> None:
        self._any = any_id
        self._nulls = frozenset(nulls)
        self._headers = _HEADERS if column is None or column.isdigit() else {*_HEADERS, column}
        self._not_ids = self._nulls | self._headers | _TOTALS

    def one(self, raw: Raw) -> str:
        """The id that *raw* is sent as.

        Raises:
            UnsendableError: it is missing, damaged, or holds what cannot be sent.
        """
        if isinstance(raw, str):
            # Nearly every id is letters and digits, and one look tells that all is well with it.
            if raw.isalnum() and raw not in self._not_ids:
                return raw
            return self._text(raw)
        if raw is None:
            raise UnsendableError(
                Reason.MISSING_ID, "the row has no message id; give it one or remove it"
            )
        return self._number(raw)

    def all(self, column: Sequence[Raw], refused: dict[int, Fault]) -> Sequence[str | None]:
        """The same for each of *column*, without leaving C where all is usual.

        What `one` refuses is None here, and its fault in *refused*.
        """
        if set(map(type, column)) == {str}:
            texts = cast("Sequence[str]", column)
            joined = "".join(texts)
            together = joined.replace("-", "").replace("_", "")
            sound = together.isalnum() and all(texts) and "--" not in joined
            if sound and self._not_ids.isdisjoint(texts):
                return texts
        return each(self.one, column, refused)

    def _number(self, raw: Raw) -> str:
        text = number_text(raw)
        if text is None:
            inside = ", or name what is in it with --map message_id=COLUMN.KEY"
            raise UnsendableError(
                Reason.BAD_ID,
                f"message id {show(raw)} is neither text nor an integer; put it in quotes"
                f"{inside if isinstance(raw, dict) else ''}",
            )
        if isinstance(raw, float):
            raise UnsendableError(
                Reason.DAMAGED_ID,
                f"message id {text} is a number with a fraction; export the ids again as text",
            )
        if abs(int(text)) > EXACT_INTEGER and not self._any:
            raise UnsendableError(
                Reason.DAMAGED_ID,
                f"message id {show(text)} is a number that many programs round; export the ids "
                "again as text, or give --any-id if every digit is right",
            )
        return text

    def _text(self, raw: str) -> str:
        from batchconv.reading import damaged_ids  # noqa: PLC0415 - start-up

        text = raw.strip(_BLANKS)
        guarded = None if self._any else damaged_ids.GUARDED.fullmatch(text)
        if guarded:
            text = guarded[1].replace('""', '"').strip(_BLANKS)
        if not text or text in self._nulls:
            raise UnsendableError(
                Reason.BLANK_ID, "the message id is blank; give it one or remove the row"
            )
        if self._any:
            text = raw
        damaged_ids.refuse_unsendable(text)
        if not self._any:
            damaged_ids.refuse_damaged(text, headers=self._headers, totals=_TOTALS)
        return text
