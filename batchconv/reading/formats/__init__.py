"""A family: an input's bytes → Rows, one module a format."""

from __future__ import annotations

from batchconv.errors import UsageError, install_command
from batchconv.reading.formats.base import (
    FORMATS,
    Aside,
    FormatName,
    Layout,
    ReadOptions,
    RowStream,
)
from batchconv.reading.formats.folder_values import open_with_folders
from batchconv.reading.formats.sniffing import tell_format
from batchconv.reading.own_files import refuse_results
from batchconv.reading.sources import ByteStream

__all__ = ["FORMATS", "Aside", "FormatName", "Layout", "ReadOptions", "RowStream", "open_rows"]


def open_rows(
    stream: ByteStream, options: ReadOptions, name: FormatName | None = None
) -> RowStream:
    """The rows of a byte stream, its header read and checked.

    The format is *name*, or what name and content tell: see `tell_format`. What is not a table is
    refused, unless *name* says that it is one.

    Raises:
        UsageError: the header or the columns are wrong, it is not a table, it is a results file,
            or Parquet's library is not installed.
        InputError: the stream is damaged before its first record.
    """
    chosen = name or tell_format(stream, options)
    if chosen != "parquet":
        refuse_results(stream.name, stream.compression, stream.peek())

    def opened(options: ReadOptions) -> RowStream:
        if chosen == "parquet":
            return _open_parquet(stream, options)
        if chosen in ("jsonl", "json"):
            from batchconv.reading.formats.jsonl import (  # noqa: PLC0415 - start-up
                JsonLinesRows,
                JsonRows,
            )

            return (JsonLinesRows if chosen == "jsonl" else JsonRows)(stream, options)
        from batchconv.reading.formats.delimited import DelimitedRows  # noqa: PLC0415 - start-up

        return DelimitedRows(chosen, stream, options)

    return open_with_folders(stream.folder_values, options, opened)


def _open_parquet(stream: ByteStream, options: ReadOptions) -> RowStream:
    # Imported when it is needed: it is an extra, and takes a while.
    try:
        from batchconv.reading.formats.parquet import ParquetRows  # noqa: PLC0415 - an extra
    except ImportError as error:
        if (error.name or "").partition(".")[0] != "pyarrow":
            raise
        raise UsageError(
            f"{stream.name} is Parquet, which needs pyarrow, and pyarrow is not installed",
            hint=install_command("parquet"),
        ) from None
    return ParquetRows(stream, options)
