"""Ids that are not letters and digits: is it damage, or an id all the same?

Imported with the first of them: most inputs have none.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from batchconv.model import Reason, show
from batchconv.reading.unsendable import UnsendableError

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")  # Unicode category Cc, all of it
_SURROGATE = re.compile(r"[\ud800-\udfff]")
# Unicode category Cf without the joiner and the tags that emoji are made of, and without the
# signs of Arabic, Syriac and Kaithi that can be seen.
_INVISIBLE = re.compile(
    "[\u00ad\u061c\u180e\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff"
    "\ufff9-\ufffb]"
)
GUARDED = re.compile(r'="(.*)"', re.DOTALL)
"""An id within a spreadsheet's guard, which keeps it text."""
# A plus or a decimal point is required: 0E12345678901234 is a good id.
_ROUNDED = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]*[eE][+-]?|[eE]\+)[0-9]+")
_FLOAT = re.compile(r"[+-]?[0-9]+[.,]0+")
# At least two groups: ids have eight characters and more.
_THOUSANDS = re.compile(
    r"[+-]?[1-9][0-9]{0,2}([.,'\u2019 \u00a0\u202f])[0-9]{3}(?:\1[0-9]{3})+(?:[.,][0-9]{1,2})?"
)
# #REF!, #NAME?, in German #BEZUG!, in French #NOM?; a row of ### is a column that was too narrow.
_SHEET_ERROR = re.compile(r"#[^\s#a-z]{1,20}[!?]|#GETTING_DATA|#{2,}")
# What `sqlcmd`, `psql` and `sqlplus` add below a table.
_AROUND_TABLE = re.compile(r"-{2,}|\(?[0-9]+ (?:rows?|lignes?|Zeilen?)\b.*", re.IGNORECASE)


def refuse_unsendable(text: str) -> None:
    """Refuse what cannot be sent; raises UnsendableError."""
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


def refuse_damaged(text: str, *, headers: Collection[str], totals: Collection[str]) -> None:
    """Refuse what looks like damage.

    Args:
        text: an id.
        headers: names of columns that hold ids.
        totals: words that stand below a table.

    Raises:
        UnsendableError: something has damaged it, or it never was an id.
    """
    mark = _INVISIBLE.search(text)
    if mark:
        raise UnsendableError(
            Reason.INVISIBLE_CHARACTER,
            f"message id {show(text)} holds an invisible character (U+{ord(mark[0]):04X}); "
            "remove it from the input, or give --any-id if it belongs to the id",
        )
    if text in headers:
        raise UnsendableError(
            Reason.BAD_ID,
            f"message id {show(text)} is the name of a column: the header may be there twice; "
            "remove the row",
        )
    if text in totals or _AROUND_TABLE.fullmatch(text):
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
