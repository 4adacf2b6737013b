"""Message ids: what is cut off, what is taken off, and what is refused as damaged.

An id is any text. What a spreadsheet, a float or a join of files made of one is recognised by its
looks: no id that the API is known to give out (hex digits, UUIDs) looks like it. Where an id
really does, `--any-id` sends it as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import cast

from batchconv.model import Fault, Raw, Reason, show
from batchconv.reading.unsendable import UnsendableError, each, number_text

# The blanks of Unicode (category Zs), and those that text editors and databases put at line ends.
_BLANKS = " \t\r\n\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
_BLANKS += "\u2028\u2029\u202f\u205f\u3000"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")  # Unicode category Cc, all of it
_SURROGATE = re.compile(r"[\ud800-\udfff]")
# Unicode category Cf without the joiner and the tags that emoji are made of, and without the
# signs of Arabic, Syriac and Kaithi that can be seen.
_INVISIBLE = re.compile(
    "[\u00ad\u061c\u180e\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff"
    "\ufff9-\ufffb]"
)
_GUARDED = re.compile(r'="(.*)"', re.DOTALL)
EXACT_INTEGER = 2**53
"""Beyond it a double, which most programs read a JSON number as, has gaps."""

# A plus or a decimal point is required: 0E12345678901234 is a good id.
_ROUNDED = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]*[eE][+-]?|[eE]\+)[0-9]+")
_FLOAT = re.compile(r"[+-]?[0-9]+[.,]0+")
# At least two groups: ids have eight characters and more.
_THOUSANDS = re.compile(
    r"[+-]?[1-9][0-9]{0,2}([.,'\u2019 \u00a0\u202f])[0-9]{3}(?:\1[0-9]{3})+(?:[.,][0-9]{1,2})?"
)
# #REF!, #NAME?, in German #BEZUG!, in French #NOM?; a row of ### is a column that was too narrow.
_SHEET_ERROR = re.compile(r"#[^\s#a-z]{1,20}[!?]|#GETTING_DATA|#{2,}")

# What stands below a table: its totals, and what `sqlcmd`, `psql` and `sqlplus` add.
_TOTALS = frozenset(
    form(word)
    for word in ("total", "totals", "grand total", "sum", "summe", "gesamt", "somme", "suma")
    for form in (str.lower, str.capitalize, str.upper, str.title)
)
_AROUND_TABLE = re.compile(r"-{2,}|\(?[0-9]+ (?:rows?|lignes?|Zeilen?)\b.*", re.IGNORECASE)

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
        text = raw.strip(_BLANKS)
        guarded = None if self._any else _GUARDED.fullmatch(text)
        if guarded:
            text = guarded[1].replace('""', '"').strip(_BLANKS)
        if not text or text in self._nulls:
            raise UnsendableError(
                Reason.BLANK_ID, "the message id is blank; give it one or remove the row"
            )
        if self._any:
            text = raw
        _refuse_unsendable(text)
        if not self._any:
            self._refuse_damaged(text)
        return text

    def _refuse_damaged(self, text: str) -> None:
        mark = _INVISIBLE.search(text)
        if mark:
            raise UnsendableError(
                Reason.INVISIBLE_CHARACTER,
                f"message id {show(text)} holds an invisible character (U+{ord(mark[0]):04X}); "
                "remove it from the input, or give --any-id if it belongs to the id",
            )
        if text in self._headers:
            raise UnsendableError(
                Reason.BAD_ID,
                f"message id {show(text)} is the name of a column: the header may be there twice; "
                "remove the row",
            )
        if text in _TOTALS or _AROUND_TABLE.fullmatch(text):
            raise UnsendableError(
                Reason.BAD_ID,
                f"message id {show(text)} looks like a line around a table, such as its totals; "
                "remove it, or give --any-id if it is right",
            )
        why = _damage(text)
        if why:
            raise UnsendableError(
                Reason.DAMAGED_ID,
                f"message id {show(text)} {why}; export the ids again as text, or give --any-id "
                "if they are right",
            )


def _refuse_unsendable(text: str) -> None:
    if _CONTROL.search(text):
        raise UnsendableError(
            Reason.CONTROL_CHARACTER,
            f"message id {show(text)} holds a control character; export the ids again",
        )
    if _SURROGATE.search(text):
        # yarl drops a lone surrogate silently, and another id would be sent.
        raise UnsendableError(
            Reason.LONE_SURROGATE,
            f"message id {show(text)} holds half of a surrogate pair; export the ids again",
        )


def _damage(text: str) -> str | None:
    """What a spreadsheet or a float did to an id, or None."""
    first = text[0]
    if first == "'":
        return "begins with an apostrophe, which spreadsheets put before text"
    if first == "#":
        return "is an error of a spreadsheet" if _SHEET_ERROR.fullmatch(text) else None
    if _ROUNDED.fullmatch(text):
        return "was turned into a rounded number"
    if _FLOAT.fullmatch(text):
        return "was turned into a number with a fraction"
    if _THOUSANDS.fullmatch(text):
        return "was turned into a number with thousands separators"
    return None
