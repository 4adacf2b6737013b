"""Row → Conversion, or the reason why not; and the key by which a row is known again."""

import sys
import unicodedata
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchconv.errors import UsageError
from batchconv.model import NO_FIELDS, Conversion, Fault, Fields, Outcome, Raw, Reason, Result, Row
from batchconv.reading.mapper import Mapper
from batchconv.reading.unsendable import NULL_MARKERS

PLAIN = Mapper()


def row(
    message_id: Raw = "a",
    delivered: Raw = "true",
    timestamp: Raw = None,
    channel: Raw = None,
    *,
    raw: str | None = None,
    fault: Fault | None = None,
) -> Row:
    fields = NO_FIELDS if fault else Fields(message_id, delivered, timestamp, channel)
    return Row("in.csv", 1, 2, fields, None, raw, fault)


def sent(row: Row, mapper: Mapper = PLAIN) -> Conversion:
    found = mapper(row)
    assert isinstance(found, Conversion), found
    assert found.row is row
    return found


def refused(row: Row, mapper: Mapper = PLAIN) -> str:
    found = mapper(row)
    assert isinstance(found, Outcome), found
    assert (found.row, found.result, found.conversion) == (row, Result.INVALID, None)
    assert (found.attempts, found.status, found.elapsed) == (0, None, None)
    assert found.detail
    assert found.reason is not None
    return found.reason.value


# -- message_id ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "message_id",
    [
        "00000123",
        "0A0000000123ABCD1",
        "aaaaaaaa-bbbb-cccc-dddd-0123456789ab",
        "a+b%20c&d#e=f/?",
        "😀",
        "é",
        "e\u0301",
        "a\u2028b",
        "1" * 100_000,
        # what looks like a damaged id and is none
        "0E12345678901234",
        "1E15",
        "1.23E+15a",
        "1.23E+",
        "E+15",
        "1.2.3E+15",
        "1.234",
        "1,234",
        "1.5",
        "192.168.0.20",
        "a1.0",
        "#1",
        "#a!",
        "O'Neill",
        '="a',
        "nulls",
        "NaN-1",
        "\N{MAN}\u200d\N{WOMAN}",
        "e\ufe0f",
        "\N{ARABIC-INDIC DIGIT SIX}E+15",
        "123456789012345680",
    ],
)
def test_a_text_id_is_kept_byte_for_byte(message_id):
    assert sent(row(message_id)).message_id == message_id


@pytest.mark.parametrize("message_id", [0, 7, -1, 2**53])
def test_an_integer_id_keeps_every_digit(message_id):
    assert sent(row(message_id)).message_id == str(message_id)


@pytest.mark.parametrize(
    ("message_id", "reason"),
    [
        (None, "missing-id"),
        ("", "blank-id"),
        ("   ", "blank-id"),
        ("\t\n", "blank-id"),
        ("\u00a0\u3000", "blank-id"),
        ("a\ud800", "lone-surrogate"),
        ("\udfffa", "lone-surrogate"),
        ("\ude00\ud83d", "lone-surrogate"),
        ("1.23E+15", "damaged-id"),
        ("1E+15", "damaged-id"),
        ("1,23E+15", "damaged-id"),
        ("0E+0", "damaged-id"),
        ("123456.789E+009", "damaged-id"),
        ("1.23e+15", "damaged-id"),
        ("1.234568e+15", "damaged-id"),
        ("4.47700900123E11", "damaged-id"),
        ("-1.23E+15", "damaged-id"),
        (" 1.23E+15 ", "damaged-id"),
        ('="1.23E+15"', "damaged-id"),
        ("447700900123.0", "damaged-id"),
        ("447700900123,00", "damaged-id"),
        ("447,700,900,123", "damaged-id"),
        ("447.700.900.123", "damaged-id"),
        ("447 700 900 123", "damaged-id"),
        ("447\u202f700\u202f900\u202f123", "damaged-id"),
        ("447'700'900'123", "damaged-id"),
        ("447,700,900,123.00", "damaged-id"),
        ("#REF!", "damaged-id"),
        ("#NAME?", "damaged-id"),
        ("#DIV/0!", "damaged-id"),
        ("#BEZUG!", "damaged-id"),
        ("########", "damaged-id"),
        ("'00123", "damaged-id"),
        (1.5, "damaged-id"),
        (1.0, "damaged-id"),
        (447700900001.0, "damaged-id"),
        (float("inf"), "damaged-id"),
        (2**53 + 1, "damaged-id"),
        (-(2**53) - 1, "damaged-id"),
        ("message_id", "bad-id"),
        ("Message-ID", "bad-id"),
        ("messageId", "bad-id"),
        ("EVENT_ID", "bad-id"),
        ("call-id", "bad-id"),
        ("\ufeffa", "invisible-character"),
        ("a\ufeff", "invisible-character"),
        ("a\u200bb", "invisible-character"),
        ("\u202a447", "invisible-character"),
        ('=""', "blank-id"),
        ("\\N", "blank-id"),
        ("NULL", "blank-id"),
        ("null", "blank-id"),
        (" NULL ", "blank-id"),
        ('="#N/A"', "blank-id"),
        ("NaT", "blank-id"),
        ("undefined", "blank-id"),
        (True, "bad-id"),
        (False, "bad-id"),
        ([], "bad-id"),
        (["a"], "bad-id"),
        ({"id": "a"}, "bad-id"),
    ],
)
def test_an_id_that_cannot_be_sent_has_a_reason(message_id, reason):
    assert refused(row(message_id)) == reason


CONTROLS = [
    chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) == "Cc"
]


def test_every_control_character_is_refused():
    assert len(CONTROLS) == 65
    for control in CONTROLS:
        assert refused(row(f"a{control}b")) == "control-character"
        if control not in "\t\r\n":  # blanks, at an end
            assert refused(row(f"{control}ab")) == "control-character"
            assert refused(row(f"ab{control}")) == "control-character"


SEEN = "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\u200d"


def test_of_all_other_characters_only_the_invisible_are_refused():
    for code in range(0x10000):
        char = chr(code)
        category = unicodedata.category(char)
        if category in ("Cc", "Cs"):
            continue
        if category == "Cf" and char not in SEEN:
            assert refused(row(f"a{char}b")) == "invisible-character", hex(code)
        else:
            assert sent(row(f"a{char}b")).message_id == f"a{char}b", hex(code)


@pytest.mark.parametrize(
    ("raw", "message_id"),
    [
        (" a ", "a"),
        ("\u00a0a\u3000", "a"),
        ("A1         ", "A1"),
        ("A1\r\n", "A1"),
        ("\t00123", "00123"),
        ('="00123"', "00123"),
        (' =" 00123 " ', "00123"),
        ('="a""b"', 'a"b'),
        (" a b ", "a b"),
    ],
)
def test_blanks_and_the_guard_of_spreadsheets_are_taken_off_an_id(raw, message_id):
    assert sent(row(raw)).message_id == message_id


@pytest.mark.parametrize(
    "text",
    [" a ", '="00123"', "1.23E+15", "447700900123.0", "'a", "#REF!", "message_id", "a\ufeff"],
)
def test_any_id_is_sent_as_it_stands(text):
    assert sent(row(text), Mapper(any_id=True)).message_id == text


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("a\x00b", "control-character"),
        ("ab\n", "control-character"),
        ("a\ud800", "lone-surrogate"),
        (" ", "blank-id"),
        ("NULL", "blank-id"),
        (447700900001.0, "damaged-id"),  # nobody knows how it stood in the file
    ],
)
def test_any_id_is_no_id_that_cannot_be_sent(raw, reason):
    assert refused(row(raw), Mapper(any_id=True)) == reason


@pytest.mark.parametrize(
    "text", ["Total", "SUMME", "grand total", "---------", "(12 rows affected)", "12 rows", "1 row"]
)
def test_what_stands_around_a_table_is_refused_alone_and_among_others(text):
    assert refused(row(text)) == "bad-id"
    found = PLAIN.all([*[row("0A00000001")] * 20, row(text)])
    assert [one.reason for one in found if isinstance(one, Outcome)] == ["bad-id"]
    assert sent(row(text), Mapper(any_id=True)).message_id == text


def test_a_big_integer_is_sent_once_its_digits_are_said_to_be_right():
    found = sent(row(12345678901234567890123), Mapper(any_id=True))
    assert found.message_id == "12345678901234567890123"


def test_the_name_that_map_gives_is_no_id_in_its_own_column():
    assert refused(row("Ref"), Mapper(id_column="Ref")) == "bad-id"
    assert sent(row("2"), Mapper(id_column="2")).message_id == "2"


# -- null markers ----------------------------------------------------------------------------------


@pytest.mark.parametrize("marker", sorted(NULL_MARKERS))
def test_a_null_marker_is_a_blank_cell_in_every_column(marker):
    blank = row("a", marker, f" {marker} ", marker)
    assert refused(blank) == "missing-delivered"
    assert sent(blank, Mapper(delivered=False, channel="voice"))[1:] == ("a", False, None, "voice")
    assert refused(row(marker)) == "blank-id"


def test_more_null_markers_can_be_named():
    mapper = Mapper(delivered=True, nulls=[" - "])
    assert sent(row("a", "-", "-", "-"), mapper)[1:] == ("a", True, None, "sms")
    assert sent(row("a", "NULL"), mapper).delivered is True
    assert refused(row("-"), mapper) == "blank-id"


# -- delivered -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "delivered"),
    [
        (["true", "TRUE", "tRuE", " true ", "1", "yes", "YES", "y", "Y", "t", "T", "y\n"], True),
        (["false", "FALSE", "False", " false", "0", "no", "No", "n", "N", "f", "F"], False),
        ([True, 1, 1.0, "1.0", " 1.0"], True),
        ([False, 0, 0.0, "0.0"], False),
    ],
)  # fmt: skip
def test_delivered_is_understood(texts, delivered):
    for text in texts:
        for mapper in (PLAIN, Mapper(delivered=not delivered)):
            assert sent(row(delivered=text), mapper).delivered is delivered


@pytest.mark.parametrize(
    "raw",
    ["2", "-1", "00", "01", "1.00", "ja", "on", "off", "ok", "delivered", "tru", "true,",
     "none", "\N{FULLWIDTH DIGIT ONE}", "\x00", 2, -1, 1.5, 0.5, [], {}, [True], "true false"],
)  # fmt: skip
def test_any_other_value_is_a_bad_delivered(raw):
    for mapper in (PLAIN, Mapper(delivered=True)):
        assert refused(row(delivered=raw), mapper) == "bad-delivered"


def test_more_words_can_be_named_and_beat_the_usual_ones():
    mapper = Mapper(true=["ja", "2"], false=["nein", "1", "n/a"])
    texts = ["JA", "2", 2, "nein", "1", 1, 1.0, "yes", "n/a", " Ja "]
    found = [sent(row(delivered=text), mapper).delivered for text in texts]
    assert found == [True, True, True, False, False, False, True, True, False, True]


def test_a_word_cannot_mean_both():
    with pytest.raises(UsageError, match="--true and --false both name 'ja'"):
        Mapper(true=["ja"], false=["Ja "])


@pytest.mark.parametrize("state", ["DELIVRD", "UNDELIV", "delivered", "Failed", "expired", "sent"])
def test_a_delivery_state_is_told_from_what_the_api_asks(state):
    for mapper in (PLAIN, Mapper(delivered=True)):
        found = mapper(row(delivered=state))
        assert isinstance(found, Outcome)
        assert found.detail is not None
        assert "is a delivery state" in found.detail
        assert "--true and --false" in found.detail
        assert "--delivered" not in found.detail


@pytest.mark.parametrize("raw", [None, "", " \t"])
def test_a_blank_delivered_is_filled_or_missing(raw):
    assert refused(row(delivered=raw)) == "missing-delivered"
    for given_value in (True, False):
        found = sent(row(delivered=raw), Mapper(delivered=given_value))
        assert found.delivered is given_value


# -- timestamp and channel -------------------------------------------------------------------------


def test_a_timestamp_is_sent_in_utc_and_left_out_when_blank():
    berlin = Mapper(zone=ZoneInfo("Europe/Berlin"))
    assert sent(row(timestamp="2026-01-02 12:00:00")).timestamp == "2026-01-02 12:00:00"
    assert sent(row(timestamp="2026-01-02 13:00:00"), berlin).timestamp == "2026-01-02 12:00:00"
    assert [sent(row(timestamp=raw)).timestamp for raw in (None, "", " ")] == [None, None, None]
    british = Mapper(notation="%d/%m/%Y %H:%M")
    assert sent(row(timestamp="02/01/2026 12:00"), british).timestamp == "2026-01-02 12:00:00"


def test_a_time_that_cannot_be_sent_has_a_reason():
    assert refused(row(timestamp="yesterday")) == "bad-timestamp"
    berlin = Mapper(zone=ZoneInfo("Europe/Berlin"))
    assert refused(row(timestamp="2026-03-29 02:30:00"), berlin) == "time-in-gap"


def test_where_times_cannot_be_sent_only_rows_with_one_are_refused():
    mapper = Mapper(timestamps=False)
    assert refused(row(timestamp="2026-01-02 12:00:00"), mapper) == "timestamp-not-sendable"
    assert refused(row(timestamp="yesterday"), mapper) == "bad-timestamp"
    assert sent(row(timestamp=" "), mapper).timestamp is None


def test_a_format_that_no_time_can_have_makes_no_mapper():
    with pytest.raises(UsageError, match="--timestamp-format"):
        Mapper(notation="%Q")


@pytest.mark.parametrize(
    ("raw", "default", "channel"),
    [
        (None, "sms", "sms"),
        (None, "voice", "voice"),
        ("", "voice", "voice"),
        (" \t", "voice", "voice"),
        ("sms", "voice", "sms"),
        ("SMS", "voice", "sms"),
        (" Voice ", "sms", "voice"),
    ],
)
def test_a_channel_is_taken_or_filled(raw, default, channel):
    assert sent(row(channel=raw), Mapper(channel=default)).channel == channel


@pytest.mark.parametrize("raw", ["text", "sms,voice", "../sms", "mms", 1, True, [], {"a": 1}])
def test_any_other_channel_is_refused(raw):
    assert refused(row(channel=raw)) == "bad-channel"


def test_a_record_that_could_not_be_read_keeps_its_reason():
    fault = Fault(Reason.CELL_COUNT, "the record has 3 cells")
    found = PLAIN(row(raw="a,b,c\n", fault=fault))
    assert isinstance(found, Outcome)
    assert (found.result, found.reason, found.detail) == (Result.INVALID, *fault)


@pytest.mark.parametrize("value", ["x" * 10_000 + "\n", ["x" * 10_000], 10**100, "\ud800😀\n"])
def test_a_detail_is_short_and_printable(value):
    for bad in (row(value), row(delivered=value), row(timestamp=value), row(channel=value)):
        found = PLAIN(bad)
        if isinstance(found, Outcome):
            assert found.detail is not None
            assert len(found.detail) < 300
            assert found.detail.isprintable()
            found.detail.encode()


def test_a_detail_shows_letters_of_all_languages():
    found = PLAIN(row(delivered="нет\u202f\ud800"))
    assert isinstance(found, Outcome)
    assert "delivered 'нет\\u202f\\ud800' is neither" in str(found.detail)


values: st.SearchStrategy[Raw] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters() | st.sampled_from(["\ud800", "\0", "\x04"]), max_size=5)
    | st.sampled_from(["true", "2026-01-02 12:00:00", "sms", "1.2E+3"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2)
    ),
    max_leaves=3,
)
all_fields = st.builds(Fields, values, values, values, values)


@settings(deadline=None, max_examples=150)
@given(all_fields, st.sampled_from([None, True]), st.sampled_from([None, "%d/%m/%Y"]))
def test_whatever_a_row_holds_it_becomes_a_conversion_or_has_a_reason(fields, delivered, notation):
    found = Mapper(delivered, notation=notation)(row(*fields))
    if isinstance(found, Conversion):
        found.message_id.encode()
        assert not any(unicodedata.category(char) == "Cc" for char in found.message_id)
    else:
        assert found.reason


# -- key -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_row", "key"),
    [
        (row("a", "true"), "90621d20332e93acffef9c5f08d99e7f"),
        (row("😀", "", "2026-01-02 12:00:00", "voice"), "d3ed8aa84a0f9566d51da30ed85eb24d"),
        (row(12345678901234567890, True, None, None), "d23726773e302bcbc1eb8a7a87418eff"),
        (row(7, False, 1.5, ["x", {"é": None}]), "48c681f4c705cffc2cbfbf34ad0b413b"),
        (row("\ud800", "1", "", "sms"), "9614d0b0fcbb97e8f059d070f17aa2bd"),
        (
            row(raw='"a,\udcff\n', fault=Fault(Reason.UNREADABLE_RECORD, "why")),
            "fc258a2b46a6d05acbd83a83536f18f2",
        ),
    ],
)
def test_a_key_never_changes(given_row, key):
    """Results files on users' disks hold these: a resume must know its rows again."""
    assert given_row.invalid_key().hex() == key


@pytest.mark.parametrize(
    "other",
    [
        row("a", "TRUE", "2026-01-02T12:00:00Z", "SMS"),
        row("a", True, "1767355200", "sms"),
        row(" a ", 1, 1767355200, None),
        row("a", "yes", "2026-01-02T13:00:00+01:00", ""),
    ],
)
def test_a_row_that_is_sent_is_known_by_what_is_sent_and_not_by_its_notation(other):
    assert sent(other).key() == sent(row("a", "true", "2026-01-02 12:00:00", "sms")).key()


def test_whatever_is_sent_otherwise_has_another_key():
    rows = [row("a", "true"), row("b", "true"), row("a", "false"), row("a", "true", "1767355200"),
            row("a", "true", None, "voice")]  # fmt: skip
    assert len({sent(one).key() for one in rows}) == len(rows)


def test_no_invalid_row_shares_a_key_with_one_that_is_sent_or_with_one_of_other_values():
    rows = [row("\x02", "true"), row(True, "true"), row("true", "maybe"), row("\x04true", "true")]
    keys = {PLAIN(one).key() for one in rows}
    assert len(keys | {sent(row("true", "true")).key()}) == 5


@pytest.mark.parametrize("field", Fields._fields)
def test_a_difference_in_any_field_makes_another_key(field):
    one = row("1", "1", "1", "1")
    other = one._replace(fields=one.fields._replace(**{field: "2"}))
    blank = one._replace(fields=one.fields._replace(**{field: ""}))
    missing = one._replace(fields=one.fields._replace(**{field: None}))
    assert len({each.invalid_key() for each in (one, other, blank)}) == 3
    assert blank.invalid_key() == missing.invalid_key()


def test_a_key_is_of_the_values_and_not_of_the_place():
    """A file may be split, joined or renamed between two runs."""
    one = row("a", "true", raw="x")
    other = one._replace(source="other.jsonl", number=7, line=None, cells=["a"], raw=None)
    assert one.invalid_key() == other.invalid_key()


def test_a_record_that_could_not_be_read_is_known_by_its_text():
    why = Fault(Reason.UNREADABLE_RECORD, "why")
    texts = ['"a\n', '"b\n', "\udc80\n", "\udc81\n", ""]
    assert len({row(raw=text, fault=why).invalid_key() for text in texts}) == len(texts)
    other = Fault(Reason.TOO_LONG, "else")
    assert row(raw="x", fault=why).invalid_key() == row(raw="x", fault=other).invalid_key()
