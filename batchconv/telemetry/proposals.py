"""For each reason why rows are invalid: the option that may take them, to be pasted."""

from __future__ import annotations

from collections import Counter

from batchconv.model import Outcome, Reason
from batchconv.reading.spreadsheets import DateNotations
from batchconv.reading.unsendable import NULL_MARKERS

_FIXED = {
    Reason.MISSING_DELIVERED: "--delivered true, or --delivered false, for rows without a value",
    Reason.DAMAGED_ID: "an export with the ids as text; or --any-id, if ids really look like that",
    Reason.INVISIBLE_CHARACTER: "--any-id, if the character belongs to the ids",
    Reason.TIME_IN_GAP: "--timezone UTC, if the times are in UTC",
    Reason.TOO_LONG: "--max-row-bytes N, if records are meant to be so long",
    Reason.UNDECODABLE: "--encoding windows-1252, if the file comes from a Windows program",
    Reason.BAD_CHANNEL: "--map channel=COLUMN, if another column holds it",
}
# As spreadsheets write booleans in several languages, and as people answer a question.
_WORDS = (
    ("wahr", "falsch"), ("vrai", "faux"), ("verdadero", "falso"), ("vero", "falso"),
    ("verdadeiro", "falso"), ("waar", "onwaar"), ("ja", "nein"), ("ja", "nee"), ("oui", "non"),
    ("si", "no"), ("sí", "no"), ("sim", "não"), ("tak", "nie"), ("да", "нет"),
    ("evet", "hay\u0131r"), ("истина", "ложь"), ("prawda", "fałsz"), ("on", "off"), ("x", "-"),
)  # fmt: skip
_BLANK = {"", *NULL_MARKERS}
_MOST_WORDS = 20  # different ones that are looked at


class Proposals:
    """Takes in invalid outcomes, and knows which option may take their rows.

    Args:
        timestamp_format: that the rows were read with, where it is known.

    Attributes:
        other_times: rows that are not invalid have times; a format would make them invalid.
    """

    def __init__(self, timestamp_format: str | None = None) -> None:
        self.dates = DateNotations(timestamp_format)
        self._words: set[str] = set()
        self._reasons: Counter[Reason] = Counter()
        self.other_times = False
        self._rows = 0
        self._odd_times = 0  # rows that are invalid for their time, which has another notation
        self._usual_times = False  # of rows that are invalid for something else

    def add(self, outcome: Outcome) -> None:
        """Take in one row that is invalid."""
        self._rows += 1
        if outcome.reason is None or isinstance(outcome.row.fields.message_id, float):
            return  # no option makes an id of a float: nobody knows how it stood in the file
        self._reasons[outcome.reason] += 1
        word = outcome.row.fields.delivered
        if outcome.reason is Reason.BAD_DELIVERED and len(self._words) < _MOST_WORDS:
            self._words.add(str(word).strip().lower())
        time = outcome.row.fields.timestamp
        # A row is invalid for one thing, and the next one may stand behind it.
        looked_at = outcome.reason in (Reason.BAD_DELIVERED, Reason.BAD_TIMESTAMP)
        if not looked_at or not isinstance(time, str) or time.strip() in _BLANK:
            return
        odd = self.dates.add(time)
        if outcome.reason is Reason.BAD_TIMESTAMP:
            self._odd_times += odd
        elif not odd:
            self._usual_times = True

    def all(self) -> dict[str, str]:
        """Reason → option; reasons for which no option helps are left out."""
        found = {reason.value: _FIXED[reason] for reason in self._reasons if reason in _FIXED}
        pair = self._pair()
        if pair is not None:
            words = f"--true {pair[0]} --false {pair[1]}"
            behind = self.dates.only is not None and not (self.other_times or self._usual_times)
            found[Reason.BAD_DELIVERED.value] = f"{words} {self.dates.option}" if behind else words
        if self.dates.option is not None and Reason.BAD_TIMESTAMP in self._reasons:
            found[Reason.BAD_TIMESTAMP.value] = self.dates.option
        if self.other_times:
            found.pop(Reason.BAD_TIMESTAMP.value, None)
        return found

    def options(self) -> dict[str, str]:
        """Option → value that take every row that came; empty where a person has to judge."""
        taken = 0
        options: dict[str, str] = {}
        pair = self._pair()
        notation = None if self._usual_times else self.dates.only
        if pair is not None:
            taken += self._reasons[Reason.BAD_DELIVERED]
            options |= {"--true": pair[0], "--false": pair[1]}
        if notation is not None:
            taken += self._odd_times
            options["--timestamp-format"] = notation
        return options if taken == self._rows else {}

    def _pair(self) -> tuple[str, str] | None:
        """The words for true and false, where all that are not known are one of them."""
        return next((pair for pair in _WORDS if self._words and self._words <= set(pair)), None)
