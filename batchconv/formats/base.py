"""What every format is: a header that was checked, and then rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

from batchconv.model import Row
from batchconv.source import ByteStream

FormatName = Literal["csv", "tsv", "jsonl", "parquet"]
FORMATS: tuple[FormatName, ...] = ("csv", "tsv", "jsonl", "parquet")


class Layout(NamedTuple):
    """What a failed-rows file needs to know to look like its input.

    Attributes:
        format: of the input.
        header: the input's column names, None where it has no header.
        delimiter: what stands between cells; empty where they are not text.
        encoding: what a raw record is turned back into bytes with.
    """

    format: FormatName
    header: list[str] | None
    delimiter: str
    encoding: str

    @property
    def failed_format(self) -> FormatName:
        """The format of the failed-rows file; of Parquet, rows are written as JSON Lines."""
        return "jsonl" if self.format == "parquet" else self.format


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How to read the inputs; the same for all of them.

    Attributes:
        mapped: field → column, as named with `--map`.
        delivered_given: rows without `delivered` are fine.
        max_row_bytes: a longer record is one invalid row.
        encoding: None to tell it from the file's first bytes, UTF-8 when they do not say.
        notation: how times in text are written, where the user says it.
    """

    mapped: dict[str, str] = field(default_factory=dict)
    header: bool = True
    delimiter: str | None = None
    delivered_given: bool = False
    max_row_bytes: int = 1 << 20
    encoding: str | None = None
    notation: str | None = None


class RowStream(Protocol):
    """The rows of one input, whose header has been read and checked.

    Attributes:
        layout: what its failed-rows file should look like.
        count: how many rows there are, where the file tells.
    """

    layout: Layout
    count: int | None

    def __iter__(self) -> Iterator[Row]: ...


class Format(Protocol):
    """Opens a byte stream as rows."""

    def __call__(self, stream: ByteStream, options: ReadOptions) -> RowStream:
        """Read and check the header.

        Raises:
            ColumnError: the columns do not say what is what.
            InputError: the stream is damaged before its first record.
        """
        ...
