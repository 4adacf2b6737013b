"""What an option is, and how the text of its value is read."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

from batchconv.vonage.authentication import mask_key

T = TypeVar("T")

GROUPS = (
    "Files", "Input", "Authentication", "Rate and concurrency", "Retries and limits", "Output",
    "Configuration",
)  # fmt: skip
"""The headings of the help, in its order."""
FILES, INPUT, AUTHENTICATION, RATE, RETRIES, OUTPUT, CONFIGURATION = GROUPS

_PATHS = ("PATH", "FILE")
_NUMBERS = ("N", "DURATION")
_SWITCH = {"true": True, "1": True, "yes": True, "on": True} | {
    "false": False, "0": False, "no": False, "off": False
}  # fmt: skip


class Option(NamedTuple):
    """How a setting is given on the command line.

    Attributes:
        flags: `-o`, `--results`.
        parse: text → value; raises ValueError with a sentence that says what is accepted.
        metavar: what the value is called in the help; None for a switch.
        choices: the only texts accepted, when they are few.
        many: may be given several times.
        shown: the default as the help shows it; empty to show none.
        flag_only: it is about one run, and may not stand in a file or in the environment.
        default: the value when nobody says anything.
    """

    flags: tuple[str, ...]
    group: str
    help: str
    parse: Callable[[str], Any]
    metavar: str | None
    choices: Sequence[str]
    many: bool
    shown: str
    flag_only: bool
    default: Any

    @property
    def is_switch(self) -> bool:
        """Whether it stands alone on the command line, without a value."""
        return self.metavar is None and not self.choices

    @property
    def is_path(self) -> bool:
        """Whether its value is the name of a file or folder."""
        return self.metavar in _PATHS

    @property
    def value_name(self) -> str | None:
        """What its value is called in the help; None for a switch."""
        return self.metavar or "|".join(self.choices) or None

    @property
    def booleans(self) -> tuple[str, str] | None:
        """The texts that false and true in a settings file stand for, or None."""
        if self.is_switch or tuple(self.choices) == ("true", "false"):
            return ("false", "true")
        return ("none", self.choices[0]) if self.is_value_optional else None

    @property
    def is_value_optional(self) -> bool:
        """Whether a value follows only behind an equals sign."""
        return (self.metavar or "").startswith("[")

    @property
    def is_number(self) -> bool:
        """Whether a number in a settings file stands for its text, too."""
        return (self.metavar or "").split("|")[0] in _NUMBERS

    @property
    def is_pairs(self) -> bool:
        """Whether each of its values is `NAME=VALUE`, so that they may be a table."""
        return self.many and "=" in (self.metavar or "")

    def read(self, text: str) -> Any:
        """The value that *text* stands for; raises ValueError with a sentence."""
        if not text:
            raise ValueError("the value is empty")  # mostly a shell's variable that was never set
        if self.is_switch:
            return read_switch(text)
        if self.choices and text not in self.choices:
            near = nearest(text, self.choices)
            raise ValueError(
                f"{text!r} must be one of {', '.join(self.choices)}"
                + (f"; did you mean {near}?" if near else "")
            )
        return self.parse(text)

    @property
    def default_text(self) -> str | None:
        """The text that gives the default, or None where no text does."""
        with suppress(ValueError):
            if self.shown and self.parse(self.shown) == self.default:
                return self.shown
        return None


def option(
    default: Any,
    *flags: str,
    group: str,
    help: str,  # noqa: A002 - the word that everyone knows
    parse: Callable[[str], Any] = str,
    metavar: str | None = None,
    choices: Sequence[str] = (),
    many: bool = False,
    shown: str = "",
    flag_only: bool = False,
) -> Any:
    """A dataclass field that is an option; see `Option` for the arguments."""
    told = Option(flags, group, help, parse, metavar, choices, many, shown, flag_only, default)
    return dataclasses.field(default=default, metadata={"option": told})


def options_of(settings: type[Any]) -> dict[str, Option]:
    """Setting → its option, in the order of writing."""
    return {
        field.name: field.metadata["option"]
        for field in dataclasses.fields(settings)
        if "option" in field.metadata
    }


def by_group(settings: type[Any]) -> dict[str, Option]:
    """The same, in the order of the help."""
    found = options_of(settings)
    return dict(sorted(found.items(), key=lambda item: GROUPS.index(item[1].group)))


def read_switch(text: str) -> bool:
    """Whether a switch is on."""
    try:
        return _SWITCH[text.lower()]
    except KeyError:
        raise ValueError(f"{text!r} is neither true nor false") from None


def show(name: str, value: Any) -> Any:
    """The value of the setting *name* as JSON can hold it and everyone may see it."""
    if name == "api_key" and value:
        return mask_key(value)
    if name in ("concurrency", "workers") and value is None:
        return "auto"
    if name == "map":
        return [f"{field}={column}" for field, column in value]
    if name == "base_url":
        return show_url(value)
    if isinstance(value, tuple):
        return list(value)
    return value if value is None or isinstance(value, str | int | float) else str(value)


def show_url(text: str) -> str:
    """A URL without user, password, query and fragment; hidden where they cannot be found."""
    try:
        parts = urlsplit(text)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "***"
    if not parts.hostname or ("@" in text and parts.username is None):
        return "***"
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}{port}{parts.path}"


def nearest(name: str, names: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """The one of *names* that was most likely meant, or None."""
    import difflib  # noqa: PLC0415 - start-up: only who mistypes needs it

    return next(iter(difflib.get_close_matches(name, list(names), 1, cutoff)), None)
