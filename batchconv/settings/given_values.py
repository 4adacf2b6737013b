"""Values that a program gives to `Settings`: checked like the text of a command line."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from batchconv.errors import UsageError
from batchconv.settings.option_types import Option


def given_value(name: str, option: Option, value: Any) -> Any:
    """The value of a setting, of the type that it has inside.

    A text stands for what it stands for on the command line: `timeout="30s"`.

    Raises:
        UsageError: the setting cannot have it.
    """
    try:
        return _all(option, value) if option.many else _one(option, value)
    except ValueError as error:
        raise UsageError(f"Settings: {name}: {error}") from None


def _all(option: Option, values: Any) -> tuple[Any, ...]:
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise ValueError(f"{values!r} should be a list")  # noqa: TRY004 - shown like the others
    pairs = values.items() if isinstance(values, Mapping) else values
    if option.is_pairs:
        pairs = [one if isinstance(one, str) else "=".join(map(str, one)) for one in pairs]
    return tuple(_one(option, one) for one in pairs)


def _one(option: Option, value: Any) -> Any:
    if value is None:
        if not _may_be_none(option):
            raise ValueError("None is not a value of it")
        return None
    if isinstance(value, bool):
        if option.booleans is None:
            raise ValueError(f"{value} is not a value of it")
        return option.read(option.booleans[value])
    if option.is_path and isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, int | float):
        read = option.read(f"{value:f}" if isinstance(value, float) else str(value))
        return value if type(read) in (int, float) else read
    return option.read(value) if isinstance(value, str) else value


def _may_be_none(option: Option) -> bool:
    if option.default is None:
        return True
    for word in ("none", "auto"):
        with suppress(ValueError):
            if option.read(word) is None:
                return True
    return False
