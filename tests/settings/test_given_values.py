"""What a program gives to `Settings` is checked like the text of a command line."""

import math
from datetime import UTC
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from batchconv import Settings, UsageError
from batchconv.sending.traffic import ErrorLimit
from batchconv.settings.options import options_of


@pytest.mark.parametrize(
    "wrong",
    [
        {"rate": -1},
        {"rate": 0},
        {"rate": "fast"},
        {"rate": True},
        {"rate": math.inf},
        {"concurrency": 0},
        {"concurrency": 2.5},
        {"max_attempts": 0},
        {"max_attempts": None},
        {"timeout": None},
        {"timeout": 0},
        {"timeout": -1.0},
        {"give_up_after": "soon"},
        {"auth": "nope"},
        {"duplicates": "maybe"},
        {"overwrite": None},
        {"limit": 0},
        {"true": "ja"},
        {"map": {"id": "x"}},
        {"map": [("message_id",)]},
        {"delimiter": ";;"},
        {"delimiter": "\0"},
        {"timezone": "Nowhere/Town"},
        {"results": ""},
        {"ledger": True},
    ],
)
def test_what_an_option_cannot_have_is_refused_at_once_and_named(wrong):
    with pytest.raises(UsageError, match=f"^Settings: {next(iter(wrong))}: "):
        Settings(**wrong)


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("rate", 10, 10),
        ("rate", 1 / 3, 1 / 3),
        ("rate", None, None),
        ("rate", "none", None),
        ("concurrency", "auto", None),
        ("concurrency", None, None),
        ("timeout", "30s", 30.0),
        ("timeout", 0.001, 0.001),
        ("max_errors", 5, ErrorLimit(5)),
        ("max_errors", "5%", ErrorLimit(5, percent=True)),
        ("max_errors", ErrorLimit(7), ErrorLimit(7)),
        ("results", Path("out.jsonl"), "out.jsonl"),
        ("map", {"message_id": "id"}, (("message_id", "id"),)),
        ("map", ["message_id=id"], (("message_id", "id"),)),
        ("true", ["ja", "si"], ("ja", "si")),
        ("timezone", "Europe/Berlin", ZoneInfo("Europe/Berlin")),
        ("timezone", UTC, UTC),
        ("delivered", True, True),
        ("delimiter", "tab", "\t"),
        ("delimiter", "\\001", "\x01"),
        ("delimiter", "\\x01", "\x01"),
        ("delimiter", "\t", "\t"),
        ("proxy", "env", "env"),
        ("overwrite", 1, True),
        ("simulate", True, "calm"),
    ],
)
def test_a_value_and_its_text_are_the_same(name, value, kept):
    assert getattr(Settings(**{name: value}), name) == kept


def test_every_default_is_a_value():
    defaults = {name: option.default for name, option in options_of(Settings).items()}
    assert Settings(**defaults) == Settings()
