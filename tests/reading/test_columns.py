"""Which column holds which field, and the errors that say how to settle it."""

import pytest

from batchconv.errors import UsageError
from batchconv.reading.columns import (
    ADDED_COLUMNS,
    FIELDS,
    ColumnError,
    find_columns,
    require_columns,
)
from batchconv.settings.read_options import ReadSettings, columns_named


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("message-id", "message_id"),
        ("message_id", "message_id"),
        ("messageId", "message_id"),
        ("MESSAGE_ID", "message_id"),
        ("MessageID", "message_id"),
        ("messageid", "message_id"),
        (" Message ID ", "message_id"),
        ("event_id", "message_id"),
        ("event-id", "message_id"),
        ("eventId", "message_id"),
        ("call-id", "message_id"),
        ("Call_Id", "message_id"),
        ("callId", "message_id"),
        ("delivered", "delivered"),
        ("Delivered", "delivered"),
        ("timestamp", "timestamp"),
        ("TimeStamp", "timestamp"),
        ("time_stamp", "timestamp"),
        ("channel", "channel"),
        ("id", None),
        ("message", None),
        ("messageids", None),
        ("message.id", None),
        ("status", None),
        ("", None),
        *((name, None) for name in ADDED_COLUMNS),
    ],
)
def test_a_column_is_taken_by_its_name(name, field):
    found = find_columns(["first", name], {})._asdict()
    assert found == {**dict.fromkeys(FIELDS), **({field: 1} if field else {})}


@pytest.mark.parametrize(
    ("names", "mapped", "place"),
    [
        (["a", "b"], {"message_id": "b"}, 1),
        (["message_id", "b"], {"message_id": "b"}, 1),
        (["Ref No", "ref_no"], {"message_id": "ref_no"}, 1),
        (["x", "Ref-No"], {"message_id": "ref_no"}, 1),
        (["event_id", "message_id"], {"message_id": "event_id"}, 0),
        (["1", "2", "3"], {"message_id": "3"}, 2),
        (["a", "b"], {"message_id": "c"}, None),
        (["message_id", "b"], {"message_id": "c"}, None),
    ],
)
def test_a_mapped_column_beats_the_usual_names(names, mapped, place):
    assert find_columns(names, mapped).message_id == place


def test_one_column_may_hold_two_fields():
    found = find_columns(["message_id", "delivered"], {"timestamp": "message_id"})
    assert (found.message_id, found.timestamp) == (0, 0)


@pytest.mark.parametrize(
    ("names", "mapped", "message", "hint"),
    [
        (
            ["message_id", "event_id"],
            {},
            "columns 'message_id' and 'event_id' could both hold message_id",
            "choose one with --map message_id=message_id",
        ),
        (
            ["Delivered", "delivered"],
            {},
            "columns 'Delivered' and 'delivered' could both hold delivered",
            "choose one with --map delivered=Delivered",
        ),
        (
            ["delivered", "x", "delivered"],
            {},
            "column 'delivered' exists 2 times, and it is not clear which one holds delivered",
            "rename one of them, or name another column with --map delivered=COLUMN",
        ),
        (
            ["ref", "ref", "delivered"],
            {"message_id": "ref"},
            "column 'ref' exists 2 times, and it is not clear which one holds message_id",
            "rename one of them, or name another column with --map message_id=COLUMN",
        ),
        (
            ["Ref-No", "ref_no"],
            {"message_id": "refno"},
            "columns 'Ref-No' and 'ref_no' could both hold message_id",
            "choose one with --map message_id=Ref-No",
        ),
    ],
)
def test_two_candidates_are_an_error_that_names_both_and_what_settles_it(
    names, mapped, message, hint
):
    with pytest.raises(ColumnError) as caught:
        find_columns(names, mapped)
    assert (str(caught.value), caught.value.hint) == (message, hint)


@pytest.mark.parametrize("names", [["Ref-No", "ref_no"], ["message_id", "event_id"]])
def test_the_map_that_an_error_names_settles_it(names):
    mapped = {} if "event_id" in names else {"message_id": "refno"}
    with pytest.raises(ColumnError) as caught:
        find_columns(names, mapped)
    field, column = str(caught.value.hint).rpartition("--map ")[2].split("=")
    assert find_columns(names, {field: column}).message_id == 0


def test_columns_that_are_there_twice_and_hold_nothing_are_fine():
    assert find_columns(["note", "note", "message_id"], {}).message_id == 2


def require(
    names: list[str], mapped: dict[str, str] | None = None, *, delivered_given: bool = False
) -> None:
    mapped = mapped or {}
    require_columns(find_columns(names, mapped), names, mapped, delivered_given=delivered_given)


@pytest.mark.parametrize(
    ("names", "mapped", "message", "hint"),
    [
        (
            ["id", "delivered"],
            {},
            "no column holds the message id; the columns are: id, delivered",
            "add --map message_id=id",
        ),
        (
            ["message_id", "ok"],
            {},
            "no column holds the delivered value; the columns are: message_id, ok",
            "add --map delivered=COLUMN; or say delivered for all rows with --delivered true or "
            "false",
        ),
        (
            ["reference", "delivered"],
            {"message_id": "refrence"},
            "--map message_id=refrence: there is no column 'refrence'",
            "did you mean --map message_id=reference?",
        ),
        (
            ["message_id", "delivered"],
            {"timestamp": "zzz"},
            "--map timestamp=zzz: there is no column 'zzz'",
            "the columns are: message_id, delivered",
        ),
    ],
)
def test_a_missing_column_is_an_error_that_says_what_to_do(names, mapped, message, hint):
    with pytest.raises(ColumnError) as caught:
        require(names, mapped)
    assert (str(caught.value), caught.value.hint, caught.value.exit_code) == (message, hint, 2)


def test_delivered_may_be_given_for_all_rows():
    require(["message_id"], delivered_given=True)


def test_timestamp_and_channel_may_be_missing():
    require(["delivered", "message_id"])


def _hint(names, mapped=None):
    with pytest.raises(ColumnError) as caught:
        require_columns(find_columns(names, {}), names, mapped or {}, delivered_given=False)
    return caught.value.hint


@pytest.mark.parametrize(
    ("names", "option"),
    [
        (["SMS Message Id", "delivered"], "--map message_id='SMS Message Id'"),
        (["uuid", "name", "delivered"], "--map message_id=uuid"),
        (["sms_id", "call_uid", "uuid", "delivered"], "--map message_id=COLUMN"),
        (["message_id", "converted"], "--map delivered=converted"),
        (["message_id", "is delivered"], "--map delivered='is delivered'"),
    ],
)
def test_the_probable_column_is_proposed(names, option):
    assert option in _hint(names)


@pytest.mark.parametrize("name", ["status", "delivery_status", "DLR", "state", "MessageStatus"])
def test_a_column_of_delivery_states_is_never_answered_with_delivered_true(name):
    hint = _hint(["message_id", name])
    assert "--delivered" not in hint
    assert "--true and --false" in hint
    assert "whether the user did" in hint


@pytest.mark.parametrize(
    ("names", "record", "maps"),
    [
        (
            ["Nachrichten-ID", "Zugestellt", "Zeitpunkt", "Preis"],
            ["0A00000001", "WAHR", "20.11.2026 06:08", "1,5"],
            "message_id=Nachrichten-ID delivered=Zugestellt timestamp=Zeitpunkt",
        ),
        (
            ["event.id", "conversion.done", "conversion.delivered_at"],
            ["0A00000001", False, "2026-11-20T06:08:15Z"],
            "message_id=event.id delivered=conversion.done timestamp=conversion.delivered_at",
        ),
        # Of two that may be meant, none is proposed; nor is a phone number for an id.
        (["msg_id", "call_uid", "ok", "paid"], ["a1b2c3d4", "f1f2f3f4", "1", "0"], ""),
        (["phone", "delivered"], ["447700900123", "1"], ""),
        (["msg_id", "uuid", "delivered"], ["SMS", "0A00000001", "1"], "message_id=uuid"),
        (["message_id", "sent_at", "seen_at", "ok"], ["A1", "2026-11-20", "2026-11-20", "x"], ""),
    ],
)
def test_of_several_columns_the_values_tell_which_one_is_meant(names, record, maps):
    with pytest.raises(ColumnError) as caught:
        require_columns(find_columns(names, {}), names, {}, delivered_given=False, records=[record])
    told = (caught.value.hint or "").partition(";")[0].split()
    assert [one for one in told if "=" in one and not one.endswith("=COLUMN")] == maps.split()


def test_one_field_mapped_twice_is_an_error_that_names_both():
    settings = ReadSettings(map=(("message_id", "a"), ("delivered", "b"), ("message_id", "c")))
    with pytest.raises(UsageError, match="--map message_id=a and --map message_id=c"):
        columns_named(settings)
