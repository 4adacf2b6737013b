"""Lines of a results file as the standard library writes them."""

import csv
import io
import json

from batchconv.journal.results import ResultLine


def to_json(line: ResultLine) -> bytes:
    return json.dumps(line._asdict(), separators=(",", ":")).encode() + b"\n"


def to_csv(line: ResultLine) -> bytes:
    told = io.StringIO()
    text = {True: "true", False: "false"}
    csv.writer(told, lineterminator="\n").writerow(
        [
            text[value]
            if isinstance(value, bool)
            else value.replace("\r", "\\r").replace("\n", "\\n")
            if isinstance(value, str)
            else value
            for value in line
        ]
    )
    return told.getvalue().encode("utf-8", "backslashreplace")
