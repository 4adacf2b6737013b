"""A length of time as people write it, and back."""

import pytest

from batchconv.sending.durations import parse_duration, show_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("500ms", 0.5),
        ("30s", 30),
        ("15m", 900),
        ("2h", 7200),
        ("1d", 86400),
        ("90", 90),
        ("0", 0),
        ("0.25", 0.25),
        ("1.5h", 5400),
        (" 30s ", 30),
        ("007s", 7),
    ],
)
def test_a_duration_is_a_number_and_a_unit(text, seconds):
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text",
    ["", " ", "s", "-5s", "+5", "1h30m", "5 s", "5S", "5min", "1e3", ".5s", "5.", "1,5h", "inf",
     "nan", "\N{ARABIC-INDIC DIGIT SIX}s", "5s\nx", "0x10", "1_000", "1w", "9" * 400],
)  # fmt: skip
def test_what_is_no_duration_is_refused_with_what_is(text):
    with pytest.raises(ValueError, match=r"is not a duration; write 500ms|too long"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0 ms"),
        (0.04, "40 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1.0 s"),
        (1, "1.0 s"),
        (12.34, "12.3 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min"),
        (60, "1 min"),
        (61.4, "1 min 1 s"),
        (3599.4, "59 min 59 s"),
        (3599.6, "1 h"),
        (3900, "1 h 5 min"),
        (47 * 3600, "47 h"),
        (48 * 3600, "2 d"),
        (50 * 3600 + 59, "2 d 2 h"),
        (10**6, "11 d 13 h"),
    ],
)
def test_a_duration_is_shown_in_two_units(seconds, shown):
    assert show_duration(seconds) == shown
