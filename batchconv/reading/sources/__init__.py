"""A family: an input's name → one stream of plain bytes, wherever the input is."""

from __future__ import annotations

from batchconv.reading.sources.expansion import Expanded, expand, run_stem
from batchconv.reading.sources.files import can_reopen
from batchconv.reading.sources.names import (
    COMPRESSIONS,
    STDIN,
    Compression,
    Input,
    format_suffix,
    is_stdin,
    is_url,
    shown_input,
    stem,
    without_query,
)
from batchconv.reading.sources.signatures import (
    BLANK,
    is_parquet,
    refuse_binary,
    refuse_no_table,
)
from batchconv.reading.sources.stream import ByteStream, damaged

__all__ = [
    "BLANK",
    "COMPRESSIONS",
    "STDIN",
    "ByteStream",
    "Compression",
    "Expanded",
    "Input",
    "can_reopen",
    "damaged",
    "expand",
    "format_suffix",
    "is_parquet",
    "is_stdin",
    "is_url",
    "refuse_binary",
    "refuse_no_table",
    "run_stem",
    "shown_input",
    "stem",
    "without_query",
]
