"""Which column probably holds a field that no column was found for: by its name and its values.

Nothing is read by it. It is proposed, and a person decides.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from typing import NamedTuple

_LONGEST_NAME = 60  # characters; what is longer is a line and not a name
_MOST_NAMES = 1000  # a file may have more columns
# Patterns that hardly any run needs are texts: `re` compiles them when they are used.
# An id has four digits; a time has a date, or is an epoch.
IS_DELIVERED = r"(?i)\s*(?:true|false|yes|no|[tfyn01])\s*"
IS_TIME = r"\s*(?:\d{4}-\d\d-\d\d.*|\d{1,2}[./]\d{1,2}[./]\d{2,4}.*|\d{10}|\d{13})\s*"
IS_ID = r"(?a)\s*(?=(?:[^0-9]*[0-9]){4})[\w.:+-]{6,}\s*"

_LIKE_IDS = r"(?:message|msg|sms|call|event|uu)\w*id|\w*messageid|uuid|(?:^|\.)_?id\b"
_ENDS_IN_ID = r"id$"
_LIKE_STATES = r"status|state$|^dlr|^stat$|receipt|deliveryre"
_LIKE_DELIVERED = (
    r"deliver|convert|conversion|success|acted|clicked|responded|verified|zugestellt|livr[eé]|"
    r"entreg|consegnat"
)
_LIKE_TIMES = r"time|date|zeit|datum|heure|horodat|fecha|hora$|data$|at$|created|sent"
_CALLED_TIMES = r"time|stamp|(?:^|[^p])date|zeit|datum|heure|horodat|fecha"
# Yes and no as spreadsheets and people write them, beside those that are known.
_WORDS = {
    *("wahr", "falsch", "vrai", "faux", "verdadero", "falso", "vero", "verdadeiro", "waar"),
    *("onwaar", "ja", "nein", "nee", "oui", "non", "si", "sí", "sim", "não"),
}


class Candidates(NamedTuple):
    """The columns of an input, and what stands in them.

    Attributes:
        names: of the columns.
        records: the values of a few records, each as many as there are names; may be empty.
    """

    names: Sequence[str]
    records: Sequence[Sequence[object]] = ()

    def message_id(self) -> str | None:
        """The column that is called like an id; of several, the one that holds ids alone."""
        return self._one(_LIKE_IDS, IS_ID) or self._one(_ENDS_IN_ID, IS_ID)

    def delivered(self) -> str | None:
        """The column that is called like it, or the only one that holds yes and no."""
        return self._one(_LIKE_DELIVERED, IS_DELIVERED) or self._by_values(IS_DELIVERED)

    def timestamp(self) -> str | None:
        """The column that is called like a time, or the only one that holds times."""
        return self._one(_LIKE_TIMES, IS_TIME) or self._by_values(IS_TIME)

    def state(self) -> str | None:
        """A column that is called like the status of a message."""
        return next((self.names[at] for at in self._called(_LIKE_STATES)), None)

    def _called(self, like: str) -> list[int]:
        names = self.names[:_MOST_NAMES]
        # Of a change of a row, `before` is how it was.
        earlier = {
            name for name in names if name.replace("before.", "after.", 1) in set(names) - {name}
        }
        return [
            at
            for at, name in enumerate(names)
            if len(name) <= _LONGEST_NAME and name not in earlier and re.search(like, plain(name))
        ]

    def _one(self, like: str, look: str) -> str | None:
        places = self._called(like)
        if look != IS_TIME:
            places = [at for at in places if not self._holds(at, IS_TIME)]
        if len(places) > 1 or look == IS_TIME:
            places = [at for at in places if self._holds(at, look)]
        return self.names[places[0]] if len(places) == 1 else None

    def _by_values(self, look: str) -> str | None:
        places = range(min(len(self.names), _MOST_NAMES))
        found = [at for at in places if self._holds(at, look)]
        return self.names[found[0]] if len(found) == 1 else None

    def _holds(self, at: int, look: str) -> bool:
        """Whether all values of a column look so; of blanks alone nobody can say it."""
        values = [text for record in self.records if (text := _text(record[at]))]
        return bool(values) and all(
            re.fullmatch(look, text) or (look == IS_DELIVERED and text.lower() in _WORDS)
            for text in values
        )


def map_option(field: str, column: str | None) -> str:
    """`--map FIELD=COLUMN`, to be pasted where the column is known and can be shown."""
    known = column is not None and column.isprintable()
    return f"--map {field}={shlex.quote(column) if known and column else 'COLUMN'}"


def time_column(names: Sequence[str]) -> str | None:
    """The one column that is called like a time, where none is called `timestamp`."""
    found = [name for name in names[:_MOST_NAMES] if re.search(_CALLED_TIMES, name.lower())]
    return found[0] if len(found) == 1 else None


def _text(value: object) -> str:
    return "" if value is None else str(value).strip()


def plain(name: str) -> str:
    """A column's name as names are compared: case, `-`, `_`, blanks and camelCase are one."""
    return name.strip().lower().replace("-", "").replace("_", "").replace(" ", "")
