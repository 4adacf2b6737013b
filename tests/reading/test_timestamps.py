"""Any accepted notation → UTC in the API's notation; everything else is invalid, never guessed."""

import time
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchconv.errors import UsageError
from batchconv.model import Raw
from batchconv.reading.timestamp_formats import moment_of
from batchconv.reading.timestamps import TimestampRules
from batchconv.reading.unsendable import UnsendableError

BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")  # puts its clocks by half an hour
NOON = "2026-01-02 12:00:00"


def to_api(raw: Raw, zone: tzinfo = UTC, notation: str | None = None) -> str | None:
    return TimestampRules(zone, notation).one(raw)


def reason(raw: Raw, zone: tzinfo = UTC, notation: str | None = None) -> str:
    with pytest.raises(UnsendableError) as caught:
        to_api(raw, zone, notation)
    return caught.value.fault.reason.value


@pytest.mark.parametrize(
    ("raw", "sent"),
    [
        # the API's own notation
        ("2026-01-02 12:00:00", NOON),
        (" 2026-01-02 12:00:00\n", NOON),
        ("2024-02-29 23:59:59", "2024-02-29 23:59:59"),
        ("0001-01-01 00:00:00", "0001-01-01 00:00:00"),
        ("9999-12-31 23:59:59", "9999-12-31 23:59:59"),
        # ISO 8601
        ("2026-01-02T12:00:00", NOON),
        ("2026-01-02t12:00:00z", NOON),
        ("2026-01-02T12:00:00Z", NOON),
        ("2026-01-02T12:00Z", NOON),
        ("2026-01-02 12:00", NOON),
        ("20260102T120000Z", NOON),
        ("20260102T1200", NOON),
        ("20260102T12:00:00", NOON),
        ("2026-01-02T120000", NOON),
        # offsets
        ("2026-01-02T14:00:00+02:00", NOON),
        ("2026-01-02T14:00:00+0200", NOON),
        ("2026-01-02T14:00:00+02", NOON),
        ("2026-01-02 14:00:00 +02:00", NOON),
        ("2026-01-02 12:00:00 Z", NOON),
        ("2026-01-02T06:30:00-05:30", NOON),
        ("2026-01-02T12:00:00-00:00", NOON),
        ("2026-01-03T02:00:00+14:00", NOON),
        ("2026-01-02T00:00:00-12:00", NOON),
        ("2026-01-03T11:59:00+23:59", NOON),
        ("2024-03-01T00:30:00+01:00", "2024-02-29 23:30:00"),
        ("9999-12-31T23:00:00+00:30", "9999-12-31 22:30:00"),
        # fractions are cut off
        ("2026-01-02T12:00:00.999999Z", NOON),
        ("2026-01-02 12:00:00.9", NOON),
        ("2026-01-02T12:00:00,999", NOON),
        ("2026-01-02T12:00:00.999999999999+00:00", NOON),
        ("2026-12-31T23:59:59.9999", "2026-12-31 23:59:59"),
        # a zone that says what it is
        ("2026-01-02 12:00:00 UTC", NOON),
        ("2026-01-02 12:00:00.5 UTC", NOON),
        ("2026-01-02T12:00:00GMT", NOON),
        ("2026-01-02 12:00:00 +0000 UTC", NOON),
        ("2026-01-02T13:00:00+01:00[Europe/Berlin]", NOON),
        ("2026-01-02T12:00:00Z[UTC]", NOON),
        ("2026-01-02T13:00:00[Europe/Berlin]", NOON),
        ("2026-01-02T13:00:00.123[!Europe/Berlin]", NOON),
        ("2026-01-02 04:00:00 America/Los_Angeles", NOON),
        ("2026-07-02 05:00:00 America/Los_Angeles", "2026-07-02 12:00:00"),
        ("2026-10-25T02:30:00+01:00[Europe/Berlin]", "2026-10-25 01:30:00"),
        # RFC 5322
        ("Fri, 02 Jan 2026 12:00:00 GMT", NOON),
        ("Fri, 2 Jan 2026 14:00:00 +0200", NOON),
        ("2 jan 2026 12:00 UT", NOON),
        ("Fri, 02 Jan 2026 07:00:00 EST", NOON),
        ("Fri, 02 Jan 2026 12:00:00 -0000 (UTC)", NOON),
        # epochs
        ("1767355200.999", NOON),
        ("1767355200,5", NOON),
        ("1767355200000.0", NOON),
        (1767355200.999, NOON),
        (1767355200999.0, NOON),
        ("1767355200", NOON),
        ("1767355200999", NOON),
        ("1767355200999999", NOON),
        ("0000000000", "1970-01-01 00:00:00"),
        ("0000000000999", "1970-01-01 00:00:00"),
        ("9999999999", "2286-11-20 17:46:39"),
        ("9999999999999999", "2286-11-20 17:46:39"),
        (1767355200, NOON),
        (1767355200999, NOON),
        (1767355200999999, NOON),
        # no time at all
        (None, None),
        ("", None),
        (" \t\u00a0", None),
    ],
)
def test_an_accepted_time_is_sent_in_utc(raw, sent):
    assert to_api(raw) == sent


@pytest.mark.parametrize(
    "raw",
    [
        # impossible
        "2026-02-29 12:00:00",
        "2100-02-29T12:00:00Z",
        "2026-13-01 12:00:00",
        "2026-00-01 12:00:00",
        "2026-01-00 12:00:00",
        "2026-04-31 12:00:00",
        "2026-01-02 24:00:00",
        "2026-01-02T24:00:00Z",
        "2026-01-02 23:60:00",
        "2026-06-30 23:59:60",
        "2026-06-30T23:59:60Z",
        "0000-01-01 00:00:00",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "2026-01-02T12:00:00+24:00",
        "2026-01-02T12:00:00+02:60",
        # no time of day
        "2026-01-02",
        "20260102",
        "2026-01-02T",
        "2026-01-02T12",
        # other notations
        "2026-1-2 12:00:00",
        "2026-01-02  12:00:00",
        "2026-01-02 1:00:00",
        "2026/01/02 12:00:00",
        "02.01.2026 12:00",
        "2026-0102T12:00:00",
        "202601-02T12:00:00",
        "2026-01-02T12:0000",
        "2026-01-02T1200:00",
        "2026-W01-5T12:00:00",
        "2026-002T12:00:00",
        "+2026-01-02T12:00:00",
        "26-01-02 12:00:00",
        "2026-01-02 12:00:00 PM",
        "2026-01-02 12:00:00 +2",
        "2026-01-02 12:00:00 +02:0",
        "2026-01-02 12:00:00 \u221202:00",
        "2026-01-02 12:00:00.",
        "2026-01-02T12:00.5",
        "2026-01-02 12:00:00\n2026-01-02 12:00:00",
        "2026-01-02\n12:00:00",
        "now",
        # digits of other scripts
        "202\N{ARABIC-INDIC DIGIT SIX}-01-02 12:00:00",
        "\N{FULLWIDTH DIGIT TWO}026-01-02 12:00:00",
        "2026-01-02T12:00:0\N{DEVANAGARI DIGIT ZERO}Z",
        "176735520\N{ARABIC-INDIC DIGIT SIX}",
        "2026-01-02 12:00:00.\N{ARABIC-INDIC DIGIT SIX}",
        # numbers that are no epoch
        "176735520",
        "17673552000",
        "176735520000",
        "17673552000000",
        "20260102120000",
        "17673552000000000",
        "-1767355200",
        "+1767355200",
        "1_767_355_200",
        "1.7673552E+9",
        0,
        -1767355200,
        17673552000,
        10**40,
        # other types
        True,
        False,
        ["2026-01-02 12:00:00"],
        {"$date": "2026-01-02T12:00:00Z"},
    ],
)
@pytest.mark.parametrize("zone", [UTC, BERLIN], ids=str)
def test_anything_else_is_a_bad_timestamp(raw, zone):
    assert reason(raw, zone) == "bad-timestamp"


# -- timezones -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "zone", "sent"),
    [
        ("2026-01-02 13:00:00", BERLIN, NOON),
        ("2026-01-02T13:00:00", BERLIN, NOON),
        ("20260102T1300", BERLIN, NOON),
        ("2026-07-02 14:00:00", BERLIN, "2026-07-02 12:00:00"),
        ("2026-01-02 07:00:00.999", NEW_YORK, NOON),
        ("2026-01-02 23:00:00", LORD_HOWE, NOON),
        ("2026-07-02 22:30:00", LORD_HOWE, "2026-07-02 12:00:00"),
        ("2026-01-02 12:00:00", ZoneInfo("UTC"), NOON),
        # a time that says its offset, and an epoch, are nobody's local time
        ("2026-01-02 12:00:00Z", BERLIN, NOON),
        ("2026-01-02T07:00:00-05:00", BERLIN, NOON),
        ("1767355200", BERLIN, NOON),
        (1767355200999, BERLIN, NOON),
        # on both sides of a gap
        ("2026-03-29 01:59:59", BERLIN, "2026-03-29 00:59:59"),
        ("2026-03-29 03:00:00", BERLIN, "2026-03-29 01:00:00"),
        ("2026-03-08 01:59:59", NEW_YORK, "2026-03-08 06:59:59"),
        ("2026-03-08 03:00:00", NEW_YORK, "2026-03-08 07:00:00"),
        ("2026-10-04 01:59:59", LORD_HOWE, "2026-10-03 15:29:59"),
        ("2026-10-04 02:30:00", LORD_HOWE, "2026-10-03 15:30:00"),
        # the earlier one of a fold, and what surrounds it
        ("2026-10-25 01:59:59", BERLIN, "2026-10-24 23:59:59"),
        ("2026-10-25 02:00:00", BERLIN, "2026-10-25 00:00:00"),
        ("2026-10-25 02:59:59.9", BERLIN, "2026-10-25 00:59:59"),
        ("2026-10-25 03:00:00", BERLIN, "2026-10-25 02:00:00"),
        ("2026-11-01 01:30:00", NEW_YORK, "2026-11-01 05:30:00"),
        ("2026-11-01 02:00:00", NEW_YORK, "2026-11-01 07:00:00"),
        ("2026-04-05 01:45:00", LORD_HOWE, "2026-04-04 14:45:00"),
        ("2026-04-05 02:00:00", LORD_HOWE, "2026-04-04 15:30:00"),
        # inside a fold an offset says which one is meant
        ("2026-10-25T02:30:00+01:00", BERLIN, "2026-10-25 01:30:00"),
        # local mean time, whose offset has seconds
        ("1890-01-01 00:53:28", BERLIN, "1890-01-01 00:00:00"),
    ],
)
def test_a_time_without_an_offset_is_in_the_zone(raw, zone, sent):
    assert to_api(raw, zone) == sent


@pytest.mark.parametrize(
    ("raw", "zone"),
    [
        ("2026-03-29 02:00:00", BERLIN),
        ("2026-03-29 02:30:00", BERLIN),
        ("2026-03-29T02:59:59.999", BERLIN),
        ("2026-03-08 02:00:00", NEW_YORK),
        ("2026-03-08T02:59:59", NEW_YORK),
        ("2026-10-04 02:00:00", LORD_HOWE),
        ("2026-10-04 02:29:59", LORD_HOWE),
        ("2011-12-30 12:00:00", ZoneInfo("Pacific/Apia")),  # the day that Samoa left out
    ],
)
def test_a_time_in_a_gap_is_invalid(raw, zone):
    assert reason(raw, zone) == "time-in-gap"


@pytest.mark.parametrize("raw", ["0001-01-01 00:00:00", "9999-12-31 23:59:59"])
@pytest.mark.parametrize("hours", [-14, 14])
def test_the_ends_of_the_calendar_are_a_time_or_invalid(raw, hours):
    """One of the two zones leads out of the calendar; neither leads to a traceback."""
    out = (hours > 0) == raw.startswith("0001")
    zone = timezone(timedelta(hours=hours))
    if out:
        assert reason(raw, zone) == "bad-timestamp"
    else:
        assert to_api(raw, zone) is not None


# -- --timestamp-format ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "notation", "zone", "sent"),
    [
        ("02/01/2026 12:00:00", "%d/%m/%Y %H:%M:%S", UTC, NOON),
        ("02/01/2026 13:00:00", "%d/%m/%Y %H:%M:%S", BERLIN, NOON),
        ("02.01.26 01:00 PM", "%d.%m.%y %I:%M %p", BERLIN, NOON),
        ("20260102120000", "%Y%m%d%H%M%S", UTC, NOON),
        (20260102120000, "%Y%m%d%H%M%S", UTC, NOON),
        ("2026-01-02", "%Y-%m-%d", UTC, "2026-01-02 00:00:00"),
        ("2026-01-02 12:00:00.999999", "%Y-%m-%d %H:%M:%S.%f", UTC, NOON),
        ("Fri, 02 Jan 2026 14:00:00 +0200", "%a, %d %b %Y %H:%M:%S %z", BERLIN, NOON),
        ("2026-01-02 12:00:00 Z", "%Y-%m-%d %H:%M:%S %z", BERLIN, NOON),
        ("2026-01-02 12:00:00 UTC", "%Y-%m-%d %H:%M:%S %Z", BERLIN, NOON),
        ("2026-01-02 12:00:00 gmt", "%Y-%m-%d %H:%M:%S %Z", NEW_YORK, NOON),
        ("2026-10-25 02:30", "%Y-%m-%d %H:%M", BERLIN, "2026-10-25 00:30:00"),
        (" 02/01/2026 ", "%d/%m/%Y", UTC, "2026-01-02 00:00:00"),
        ("", "%d/%m/%Y", UTC, None),
    ],
)
def test_a_time_in_the_named_format_is_sent_in_utc(raw, notation, zone, sent):
    assert to_api(raw, zone, notation) == sent


@pytest.mark.parametrize(
    ("raw", "notation", "zone", "why"),
    [
        ("2026-01-02 12:00:00", "%d/%m/%Y %H:%M:%S", UTC, "bad-timestamp"),
        ("31/02/2026", "%d/%m/%Y", UTC, "bad-timestamp"),
        ("02/01/2026 12:00", "%d/%m/%Y", UTC, "bad-timestamp"),
        ("1767355200", "%d/%m/%Y", UTC, "bad-timestamp"),
        (1767355200, "%d/%m/%Y", UTC, "bad-timestamp"),
        ("29/03/2026 02:30", "%d/%m/%Y %H:%M", BERLIN, "time-in-gap"),
        ("01/01/0001 +0100", "%d/%m/%Y %z", UTC, "bad-timestamp"),
        (1.5, "%Y-%m-%d", UTC, "bad-timestamp"),
        (True, "%Y-%m-%d", UTC, "bad-timestamp"),
    ],
)
def test_a_time_that_does_not_have_the_named_format_is_invalid(raw, notation, zone, why):
    assert reason(raw, zone, notation) == why


@pytest.mark.parametrize(
    ("notation", "why"),
    [
        ("", "does not give year, month and day"),
        ("abc", "does not give year, month and day"),
        ("%H:%M:%S", "does not give year, month and day"),
        ("%Y-%m", "does not give year, month and day"),
        ("%d/%m %H:%M", "does not give year, month and day"),
        ("%Y-%m-%j", "does not give year, month and day"),
        ("%G-%m-%d", "does not give year, month and day"),
        ("%Y-%V-%u", "does not give year, month and day"),
        ("%", "% is not a strptime directive"),
        ("%Q", "%Q is not a strptime directive"),
        ("%s", "epochs are recognised without a format"),
        ("%c", "depends on the machine's language"),
        ("%Y-%U", "leaves the day open"),
        ("%Y %Y", "%Y and %Y both give the year"),
        ("%d/%m/%Y %b", "%m and %b both give the month"),
        ("%d/%m/%Y %I:%M", "%I needs %p"),
        ("%d/%m/%Y %H:%M %p", "%p has an effect with %I only"),
        ("%d/%m/%Y %H:%I %p", "%H and %I both give the hour"),
        ("%d/%m/%Y :%M", "the minutes without the hour"),
        ("%d/%m/%Y %H:%S", "the seconds without the minutes"),
        ("%f%Y-%m-%d %H:%M:%S", "where the fraction ends"),
    ],
)
def test_a_format_that_leaves_the_time_open_is_a_usage_error(notation, why):
    with pytest.raises(UsageError, match="--timestamp-format") as refused:
        TimestampRules(UTC, notation)
    assert why in str(refused.value)


@pytest.mark.parametrize(
    ("raw", "notation", "sent"),
    [
        ("2/1/2026 9:05", "%d/%m/%Y %H:%M", "2026-01-02 09:05:00"),
        ("2012026", "%d%m%Y", None),  # a zero was eaten
        ("02012026", "%d%m%Y", "2026-01-02 00:00:00"),
        ("2026366", "%Y%j", None),
        ("2026-366", "%Y-%j", None),
        ("2024-366", "%Y-%j", "2024-12-31 00:00:00"),
        ("2026-2", "%Y-%j", None),
        ("2026-W01-5", "%G-W%V-%u", "2026-01-02 00:00:00"),
        ("2026-W54-5", "%G-W%V-%u", None),
        ("Fri 02/01/2026", "%a %d/%m/%Y", "2026-01-02 00:00:00"),
        ("Mon 02/01/2026", "%a %d/%m/%Y", None),
        ("02/01/2026 12:00 AM", "%d/%m/%Y %I:%M %p", "2026-01-02 00:00:00"),
        ("02/01/2026 12:00 pm", "%d/%m/%Y %I:%M %p", NOON),
        ("02/01/2026 13:00 PM", "%d/%m/%Y %I:%M %p", None),
        ("02/01/2026 00:00 AM", "%d/%m/%Y %I:%M %p", None),
        ("1/2/2026 1:03\u202fPM", "%m/%d/%Y %I:%M %p", "2026-01-02 13:03:00"),
        ("02/01/69", "%d/%m/%y", "1969-01-02 00:00:00"),
        ("02/01/68", "%d/%m/%y", "2068-01-02 00:00:00"),
        ("02/01/2026 12:5", "%d/%m/%Y %H:%M", None),
        ("02/01/2026 24:00", "%d/%m/%Y %H:%M", None),
        ("02/01/2026 23:59:60", "%d/%m/%Y %T", None),
        ("2026-01-02T12:00", "%FT%R", NOON),
        ("100% 2026-01-02", "100%% %F", "2026-01-02 00:00:00"),
        ("\uff12026-01-02", "%Y-%m-%d", None),
        ("Fri Jan  2 12:00:00 2026", "%a %b %d %H:%M:%S %Y", NOON),
        ("2 january 2026", "%d %B %Y", "2026-01-02 00:00:00"),
    ],
)
def test_a_value_must_be_what_the_format_writes(raw, notation, sent):
    if sent is None:
        assert reason(raw, UTC, notation) == "bad-timestamp"
    else:
        assert to_api(raw, UTC, notation) == sent


@pytest.mark.parametrize(
    ("zone", "sent"),
    [
        ("UTC", NOON), ("gmt", NOON), ("Z", NOON), ("+01:00", "2026-01-02 11:00:00"),
        ("UTC+2", "2026-01-02 10:00:00"), ("GMT-0530", "2026-01-02 17:30:00"),
        ("Europe/Berlin", "2026-01-02 11:00:00"), ("America/New_York", "2026-01-02 17:00:00"),
        ("EST", None), ("EDT", None), ("CET", None), ("CEST", None), ("IST", None),
        ("Mars/Olympus", None), ("Nowhere", None), ("+99:00", None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("machine", ["America/New_York", "Europe/Berlin", "UTC"])
def test_a_zone_is_what_it_says_whatever_the_zone_of_the_machine(zone, sent, machine, monkeypatch):
    monkeypatch.setenv("TZ", machine)
    time.tzset()
    try:
        text, notation = f"Fri Jan 02 12:00:00 {zone} 2026", "%a %b %d %H:%M:%S %Z %Y"
        if sent is None:
            assert reason(text, BERLIN, notation) == "bad-timestamp"
        else:
            assert to_api(text, BERLIN, notation) == sent
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    "raw",
    ["2026-01-02T24:00:00", "2026-01-02T24:00:00Z", "20260102T2400", "2026-01-02 24:00:00 UTC"],
)
def test_there_is_no_hour_24_in_any_version_of_python(raw):
    assert reason(raw) == "bad-timestamp"
    refused = {}
    TimestampRules().all([raw] * 20, refused)
    assert list(refused) == list(range(20))


@pytest.mark.parametrize(
    ("raw", "formats"),
    [
        ("20/11/2026 10:03", ["%d/%m/%Y %H:%M"]),
        ("20.11.26 10:03:20", ["%d.%m.%y %H:%M:%S"]),
        ("01/02/2026 11:00", ["%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M"]),
        ("Fri Nov 20 06:08:15 UTC 2026", ["%a %b %d %H:%M:%S %Z %Y"]),
        ("Fri Nov 20 06:08:15 CET 2026", []),  # with that format it would be refused again
        ("20/Nov/2026:06:08:15 +0000", ["%d/%b/%Y:%H:%M:%S %z"]),
        ("soon", []),
    ],
)
def test_the_format_that_fits_is_named(raw, formats):
    with pytest.raises(UnsendableError) as caught:
        to_api(raw)
    told = caught.value.fault.detail
    assert [one for one in told.split("'") if one.startswith("%")] == formats


@pytest.mark.parametrize(
    ("raw", "notation", "told"),
    [
        ("Fri Nov 20 06:08:15 CET 2026", None, "'CET', which does not say its offset"),
        ("2026-11-20 06:08:15 EST", None, "'EST', which does not say its offset"),
        ("yesterday 06:08 PM", None, "write yyyy-MM-dd HH:mm:ss"),
        ("46346.2557", None, "a spreadsheet's number of a day"),
        (46346.5, None, "a spreadsheet's number of a day"),
        ("1.7951E+09", None, "a rounded number"),
        ("1795154895000000000", None, "in nanoseconds; cut off its last 3 digits"),
        ("2026-11-20 06:08:15.5 UTC", "%Y-%m-%d %H:%M:%S %Z", "it needs no such option"),
    ],
)
def test_it_is_told_what_is_wrong_with_a_time(raw, notation, told):
    with pytest.raises(UnsendableError) as caught:
        to_api(raw, UTC, notation)
    assert told in caught.value.fault.detail


numeric = st.sampled_from(
    ["%d/%m/%Y %H:%M:%S", "%Y%m%d%H%M%S", "%m/%d/%y %I:%M:%S %p", "%d-%b-%Y %T", "%Y-%j %H.%M.%S",
     "%A %d %B %Y %H:%M:%S", "%G-W%V-%u %H:%M:%S", "%Y-%m-%d %H:%M:%S.%f"]
)  # fmt: skip


@settings(deadline=None)
@given(st.datetimes(datetime(1970, 1, 1), datetime(2068, 1, 1)), numeric)  # noqa: DTZ001 - both are in UTC
def test_what_a_format_writes_it_reads(moment, notation):
    expected = moment.isoformat(" ", "seconds")
    assert to_api(moment.strftime(notation), UTC, notation) == expected


def each(zone, notation, column):
    """What becomes of each value, no other known: the time, or why it is refused."""

    def one(raw):
        try:
            return to_api(raw, zone, notation)
        except UnsendableError as error:
            return error.fault

    return list(map(one, column))


def together(rules, column):
    """The same, of the whole column."""
    refused = {}
    times = rules.all(column, refused)
    return [refused.get(at, time) for at, time in enumerate(times)]


@settings(deadline=None, max_examples=150)
@given(
    st.lists(
        st.datetimes(datetime(1970, 1, 1), datetime(2068, 1, 1))  # noqa: DTZ001 - of no zone
        | st.sampled_from(["", None, " ", "NULL", "2026-13-01 00:00:00", "31/02/2026 10:60:00"]),
        max_size=12,
    ),
    numeric | st.just("%d/%m/%Y") | st.just("%d %b %Y, %H:%M") | st.just("%Y-%m-%d %H:%M:%S %z"),
    st.sampled_from([UTC, BERLIN, NEW_YORK]),
    st.sampled_from(["", " ", "Z"]),
)
def test_a_column_in_a_named_format_is_read_as_each_value_by_itself(values, notation, zone, end):
    column = [
        value if value is None or isinstance(value, str) else value.strftime(notation) + end
        for value in values
    ]
    assert together(TimestampRules(zone, notation), column) == each(zone, notation, column)


hours = st.sampled_from(
    ["2026-03-29T02", "2026-03-29T03", "2026-10-25 02", "2026-11-20T10", "9999-12-31T23"]
)
sixty = st.sampled_from(["00", "01", "15", "29", "30", "45", "59", "60", "5", "+5", "\u0665\u0665"])
usual = st.builds(
    "{}{}{}{}{}{}{}".format,
    hours, st.sampled_from([":", ":", ""]), sixty, st.sampled_from([":", ":", "", "."]), sixty,
    st.sampled_from(["", ".5", ",25", ".123456", ".x", ".\u0665"]),
    st.sampled_from(["", "Z", "+01:00", "-05:30", "+05:45", "[Europe/Berlin]", "+00:00:30"]),
)  # fmt: skip
as_mail = st.builds(
    "{}, 20 Nov 2026 10:{}:{} {}".format,
    st.sampled_from(["Fri", "Mon"]), sixty, sixty, st.sampled_from(["EST", "+0530", "GMT"]),
)  # fmt: skip


@settings(deadline=None, max_examples=150)
@given(st.lists(usual | as_mail, max_size=40), st.sampled_from([UTC, BERLIN, LORD_HOWE]))
def test_a_time_is_the_same_whatever_hours_are_known_from_others(column, zone):
    assert together(TimestampRules(zone), column) == each(zone, None, column)


def test_a_column_of_one_hour_is_looked_at_closely_once(monkeypatch):
    looks = []
    monkeypatch.setattr(
        "batchconv.reading.timestamps.moment_of",
        lambda parts: looks.append(parts) or moment_of(parts),
    )
    for notation, form in (
        (None, "2026-11-20T10:{:02}:{:02}.{:03}+05:30"),
        (None, "Fri, 20 Nov 2026 10:{:02}:{:02} +0530"),
        ("%d/%b/%Y:%H:%M:%S %z", "20/Nov/2026:10:{:02}:{:02} +0530"),
        ("%a %b %d %I:%M:%S %p %Z %Y", "Fri Nov 20 10:{:02}:{:02} AM UTC 2026"),
    ):
        rules, column = (
            TimestampRules(UTC, notation),
            [form.format(n % 60, n // 60, n) for n in range(999)],
        )
        looks.clear()
        assert None not in together(rules, column)
        assert len(looks) == 1


@pytest.mark.parametrize(
    "bad", ["20/11/2026 10:60:00", "20/11/2026 10:00:60", "20/11/2026 24:00:00"]
)
def test_an_impossible_time_in_a_named_format_is_refused_and_no_other(bad):
    rules = TimestampRules(UTC, "%d/%m/%Y %H:%M:%S")
    refused = {}
    times = rules.all(["20/11/2026 10:00:00"] * 10 + [bad, "20/11/2026 10:00:00"], refused)
    assert list(refused) == [10]
    assert times == ["2026-11-20 10:00:00"] * 10 + [None, "2026-11-20 10:00:00"]


# -- property --------------------------------------------------------------------------------------

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(
    datetime(1970, 1, 2),  # noqa: DTZ001 - hypothesis adds the zone
    datetime(2286, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    timezones=offsets,
)
NOTATIONS = [
    lambda moment: moment.isoformat(),
    lambda moment: moment.isoformat(" "),
    lambda moment: moment.isoformat(timespec="milliseconds").replace(".", ","),
    lambda moment: moment.strftime("%Y%m%dT%H%M%S%z"),
    lambda moment: moment.strftime("%Y-%m-%d %H:%M:%S %z"),
    lambda moment: moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    lambda moment: moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S"),
    lambda moment: f"{int(moment.timestamp()):010}",
    lambda moment: f"{(moment - EPOCH) // timedelta(milliseconds=1):013}",
    lambda moment: f"{(moment - EPOCH) // timedelta(microseconds=1):016}",
]


@pytest.mark.parametrize("notation", NOTATIONS)
@settings(deadline=None)
@given(moments)
def test_every_notation_of_a_moment_is_the_same_moment(notation, moment):
    expected = moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    assert to_api(notation(moment)) == expected


@settings(deadline=None)
@given(moments, st.sampled_from([BERLIN, NEW_YORK, LORD_HOWE, ZoneInfo("Asia/Kathmandu")]))
def test_a_local_time_is_the_moment_or_the_earlier_one_of_a_fold(moment, zone):
    local = moment.astimezone(zone).replace(microsecond=0)
    sent = to_api(local.strftime("%Y-%m-%d %H:%M:%S"), zone)
    assert sent == local.replace(fold=0).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


@settings(deadline=None, max_examples=250)
@given(
    st.text("0123456789-+:.,TZ /\N{ARABIC-INDIC DIGIT SIX}", max_size=30),
    st.sampled_from([UTC, BERLIN]),
)
def test_whatever_stands_there_is_a_time_or_invalid(text, zone):
    try:
        sent = to_api(text, zone)
    except UnsendableError:
        return
    assert sent is None or time.strptime(sent, "%Y-%m-%d %H:%M:%S")
