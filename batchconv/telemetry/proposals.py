"""For each reason why rows are invalid: the option that may take them, to be pasted."""

from __future__ import annotations

from collections import Counter

from batchconv.model import Outcome, Reason
from batchconv.reading.spreadsheets import DateNotations

_FIXED = {
    Reason.MISSING_DELIVERED: "--delivered true, or --delivered false, for rows without a value",
    Reason.DAMAGED_ID: "--any-id, if the ids are correct",
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
_MOST_WORDS = 20  # different ones that are looked at


class Proposals:
    """Takes in invalid outcomes, and knows which option may take their rows.

    Args:
        timestamp_format: that the rows were read with, where it is known.
    """

    def __init__(self, timestamp_format: str | None = None) -> None:
        self.dates = DateNotations(timestamp_format)
        self._words: set[str] = set()
        self._reasons: Counter[Reason] = Counter()
        self._rows = 0

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
        if outcome.reason is Reason.BAD_TIMESTAMP and isinstance(time, str):
            self.dates.add(time)

    def all(self) -> dict[str, str]:
        """Reason → option; reasons for which no option helps are left out."""
        found = {reason.value: _FIXED[reason] for reason in self._reasons if reason in _FIXED}
        pair = self._pair()
        if pair is not None:
            found[Reason.BAD_DELIVERED.value] = f"--true {pair[0]} --false {pair[1]}"
        if self.dates.option is not None and Reason.BAD_TIMESTAMP in self._reasons:
            found[Reason.BAD_TIMESTAMP.value] = self.dates.option
        return found

    def options(self) -> dict[str, str]:
        """Option → value that take every row that came; empty where a person has to judge."""
        taken = 0
        options: dict[str, str] = {}
        pair, notation = self._pair(), self.dates.only
        if pair is not None:
            taken += self._reasons[Reason.BAD_DELIVERED]
            options |= {"--true": pair[0], "--false": pair[1]}
        if notation is not None and self.dates.count == self._reasons[Reason.BAD_TIMESTAMP]:
            taken += self.dates.count
            options["--timestamp-format"] = notation
        return options if taken == self._rows else {}

    def _pair(self) -> tuple[str, str] | None:
        """The words for true and false, where all that are not known are one of them."""
        return next((pair for pair in _WORDS if self._words and self._words <= set(pair)), None)
