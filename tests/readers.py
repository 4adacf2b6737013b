"""Reading in ways that no user asks for."""

import pytest

from batchconv.reading.formats.delimited import DelimitedRows
from batchconv.reading.formats.jsonl import JsonLinesRows


def read_one_by_one(patch: pytest.MonkeyPatch) -> None:
    """From now on rows are read the careful way, as if no line were ever plain."""
    patch.setattr(DelimitedRows, "_plain", lambda *_: [])
    patch.setattr(JsonLinesRows, "_plain", lambda *_: None)
