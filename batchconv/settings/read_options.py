"""How inputs are read and rows understood: the options of every command that reads inputs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, tzinfo

from batchconv.errors import UsageError
from batchconv.model import Channel
from batchconv.reading.formats import FORMATS, FormatName, ReadOptions
from batchconv.reading.formats.decoding import check_encoding
from batchconv.reading.mapper import Mapper
from batchconv.reading.sources import COMPRESSIONS, Compression
from batchconv.settings.given_values import given_value
from batchconv.settings.option_types import INPUT, option, options_of
from batchconv.settings.option_values import (
    at_least,
    between,
    read_boolean,
    read_delimiter,
    read_escape,
    read_mapping,
    read_text,
    read_zone,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadSettings:
    """How inputs are read and rows understood."""

    format: FormatName | None = option(
        None, "--format", group=INPUT, choices=FORMATS,
        help="The format of the inputs; by default found by name, then by content.",
    )  # fmt: skip
    compression: Compression | None = option(
        None, "--compression", group=INPUT, choices=COMPRESSIONS,
        help="The compression of the inputs; by default found by their first bytes.",
    )  # fmt: skip
    encoding: str | None = option(
        None, "--encoding", group=INPUT, metavar="NAME",
        help="The text encoding; by default UTF-8, or the one of the byte order mark.",
    )  # fmt: skip
    delimiter: str | None = option(
        None, "--delimiter", group=INPUT, parse=read_delimiter, metavar="CHAR",
        help="The field delimiter; by default found in the first lines: , ; tab | or \\x01.",
    )  # fmt: skip
    escape: str | None = option(
        None, "--escape", group=INPUT, parse=read_escape, metavar="CHAR",
        help="The character that escapes a quote, a delimiter or a line break in a cell, "
        "such as a backslash; \\N and \\t keep their meaning.",
    )  # fmt: skip
    no_header: bool = option(
        False, "--no-header", group=INPUT,
        help="The first record is a row, not a header; --map then takes column numbers from 1.",
    )  # fmt: skip
    skip_lines: int = option(
        0, "--skip-lines", group=INPUT, parse=at_least(0), metavar="N", shown="0",
        help="Skip the first N lines of each input, before the header.",
    )  # fmt: skip
    map: tuple[tuple[str, str], ...] = option(
        (), "--map", group=INPUT, parse=read_mapping, metavar="FIELD=COLUMN", many=True,
        help="Which column holds message_id, delivered, timestamp or channel. Repeatable.",
    )  # fmt: skip
    delivered: bool | None = option(
        None, "--delivered", group=INPUT, parse=read_boolean, choices=("true", "false"),
        help="The value for a missing column and for blank cells.",
    )  # fmt: skip
    channel: Channel = option(
        "sms", "--channel", group=INPUT, choices=("sms", "voice"), shown="sms",
        help="The value for a missing column and for blank cells.",
    )  # fmt: skip
    true: tuple[str, ...] = option(
        (), "--true", group=INPUT, parse=read_text, metavar="TEXT", many=True,
        help="A word in the delivered column that means true, in any case, beside true, 1, 1.0, "
        "yes, y and t. Repeatable.",
    )  # fmt: skip
    false: tuple[str, ...] = option(
        (), "--false", group=INPUT, parse=read_text, metavar="TEXT", many=True,
        help="A word that means false, beside false, 0, 0.0, no, n and f. Repeatable.",
    )  # fmt: skip
    null: tuple[str, ...] = option(
        (), "--null", group=INPUT, parse=read_text, metavar="TEXT", many=True,
        help="A text that means a blank cell in every column, spelled exactly so, beside "
        "NULL, \\N, None, NaN, NaT, N/A, #N/A, NA and undefined. Repeatable.",
    )  # fmt: skip
    any_id: bool = option(
        False, "--any-id", group=INPUT,
        help="Send ids as they are: with blanks around them, and also those that look as if a "
        "spreadsheet or a float had damaged them.",
    )  # fmt: skip
    timezone: tzinfo = option(
        UTC, "--timezone", group=INPUT, parse=read_zone, metavar="ZONE", shown="UTC",
        help="The timezone of timestamps without an offset, such as Europe/Berlin.",
    )  # fmt: skip
    timestamp_format: str | None = option(
        None, "--timestamp-format", group=INPUT, metavar="FORMAT",
        help="The timestamp format, in strptime directives: '%d/%m/%Y %H:%M:%S'. An ambiguous one, "
        "such as %I without %p, is refused.",
    )  # fmt: skip
    max_row_bytes: int = option(
        1 << 20, "--max-row-bytes", group=INPUT, parse=at_least(1), metavar="N", shown="1 MiB",
        help="The longest record; a longer one is invalid.",
    )  # fmt: skip
    max_columns: int = option(
        10_000, "--max-columns", group=INPUT, parse=at_least(1), metavar="N", shown="10,000",
        help="The most columns in a header, and the most keys in a JSON object.",
    )  # fmt: skip
    max_nesting: int = option(
        100, "--max-nesting", group=INPUT, parse=between(1, 500), metavar="N", shown="100",
        help="The most levels in a JSON object; one with more is invalid.",
    )  # fmt: skip
    limit: int | None = option(
        None, "--limit", group=INPUT, parse=at_least(1), metavar="N",
        help="Read no more than N rows; an upload does not count settled ones.",
    )  # fmt: skip

    def __post_init__(self) -> None:
        for name, told in options_of(type(self)).items():
            value = getattr(self, name)
            if value is not told.default:
                object.__setattr__(self, name, given_value(name, told, value))


def read_options_of(settings: ReadSettings) -> ReadOptions:
    """How readers have it; raises UsageError for an encoding that there is not."""
    return ReadOptions(
        mapped=columns_named(settings),
        header=not settings.no_header,
        delimiter=settings.delimiter,
        escape=settings.escape,
        skip_lines=settings.skip_lines,
        delivered_given=settings.delivered is not None,
        max_row_bytes=settings.max_row_bytes,
        max_columns=settings.max_columns,
        max_nesting=settings.max_nesting,
        encoding=settings.encoding and check_encoding(settings.encoding),
        notation=settings.timestamp_format,
        nulls=settings.null,
    )


def columns_named(settings: ReadSettings) -> dict[str, str]:
    """Field → the column that `--map` names; raises UsageError where it names two."""
    named: dict[str, str] = {}
    for field, column in settings.map:
        if named.setdefault(field, column) != column:
            raise UsageError(
                f"--map {field}={named[field]} and --map {field}={column} name two columns for "
                f"{field}",
                hint="leave one of them out",
            )
    return named


def mapper_of(settings: ReadSettings, *, timestamps: bool = True) -> Mapper:
    """What makes conversions of rows.

    Args:
        settings: how rows are understood.
        timestamps: False refuses rows with a time of their own.

    Raises:
        UsageError: a setting is wrong.
    """
    return Mapper(
        settings.delivered,
        settings.channel,
        settings.timezone,
        settings.timestamp_format,
        timestamps=timestamps,
        true=settings.true,
        false=settings.false,
        nulls=settings.null,
        any_id=settings.any_id,
        id_column=columns_named(settings).get("message_id"),
    )
