"""A TOML file of settings → texts, each as it would stand on the command line."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from batchconv.errors import UsageError
from batchconv.settings.option_types import Option, nearest
from batchconv.vonage.authentication import Secret

SECRETS = ("api_secret", "signature_secret")
"""What a file may hold beside the options; they are never arguments and never shown."""

_MOST_BYTES = 1 << 20
_HEADER = r"\s*\[\s*([^\[\]]+?)\s*\]"
_KEY = r"""\s*["']?([\w-]+)["']?\s*="""
_POSITION = r"\(at (line \d+, column \d+|end of document)\)"
_DEFAULT_PROFILE = "default_profile"


class Table(NamedTuple):
    """The settings of the file itself, or of one of its profiles."""

    values: dict[str, tuple[str, ...]]
    secrets: dict[str, Secret]


class ConfigFile(NamedTuple):
    """A file of settings that holds no mistake.

    Attributes:
        profiles: by name, in the order of writing.
        default_profile: the profile that holds when none is named elsewhere, or None.
        notices: sentences about what should be fixed.
    """

    path: str
    top: Table
    profiles: dict[str, Table]
    default_profile: str | None
    notices: list[str]


def default_path(environment: Mapping[str, str]) -> str | None:
    """The file that is read when none is named: in `$XDG_CONFIG_HOME`, else in `~/.config`.

    As its specification has it, a relative path there counts for nothing: it would make settings
    of whatever lies in the current folder.
    """
    folder = Path(environment.get("XDG_CONFIG_HOME", ""))
    if not folder.is_absolute():
        folder = Path(environment.get("HOME", "")) / ".config"
    return str(folder / "batchconv" / "config.toml") if folder.is_absolute() else None


def read_config(path: str, known: Mapping[str, Option]) -> ConfigFile:
    """Read a file of settings and find everything that is wrong with it.

    Args:
        path: the file.
        known: the settings there are, by name.

    Raises:
        FileNotFoundError, PermissionError: there is none, or it cannot be reached.
        UsageError: it cannot be read, or something in it is wrong; no value of a secret is shown.
    """
    data, mode = _read(path)
    text, tables = _parsed(path, data)
    return _Reading(path, text, known).file(tables, mode)


def _read(path: str) -> tuple[bytes, int]:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - a path may be any text here
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(_MOST_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(path) from None
    except PermissionError as error:
        raise PermissionError(error.strerror) from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "this is not a valid file name"
        raise UsageError(
            f"{path} cannot be read: {why}", hint="fix it, or name another file with --config"
        ) from None
    if len(data) > _MOST_BYTES:
        raise UsageError(f"{path} is too large for a settings file", hint="check --config")
    return data, mode


def _parsed(path: str, data: bytes) -> tuple[str, dict[str, Any]]:
    import tomllib  # noqa: PLC0415 - start-up: mostly there is no file

    where = ""
    try:
        text = data.decode("utf-8-sig")
        return text, tomllib.loads(text)
    except UnicodeDecodeError:
        where = "it is not UTF-8 text"
    except (ValueError, RecursionError) as error:
        # Not the error's own words: they quote the file, and a secret may stand there.
        found = re.search(_POSITION, str(error))
        where = found[1] if found else "a value in it is too large"
    # Raised out here, so that the error and what it quotes do not hang on this one either.
    hint = 'write texts in quotes: timezone = "UTC"; `batchconv config init -` shows a whole file'
    if re.search(rb"^\s*profile\s*=", data, re.MULTILINE):
        hint = f'a profile is chosen by {_DEFAULT_PROFILE} = "…"; its settings are [profile.…]'
    raise UsageError(f"{path} is not valid TOML: {where}", hint=hint)


class _Reading:
    """One file, while it is parsed."""

    def __init__(self, path: str, text: str, known: Mapping[str, Option]) -> None:
        self._path = path
        self._known = known
        self._lines = _lines(text)

    def file(self, tables: dict[str, Any], mode: int) -> ConfigFile:
        chosen = tables.pop(_DEFAULT_PROFILE, None)
        if not isinstance(chosen, str | None):
            raise self._wrong("", _DEFAULT_PROFILE, "should be a text in quotes")
        profiles = tables.pop("profile", {})
        if not isinstance(profiles, dict):
            raise self._wrong(
                "", "profile", f'is for tables, [profile.…]; write {_DEFAULT_PROFILE} = "…"'
            )
        top = self._table("", tables)
        named = {}
        for name, table in profiles.items():
            if not isinstance(table, dict):
                raise self._wrong("profile", name, f"should be a table: [profile.{name}]")
            named[name] = self._table(f"profile.{name}", table)
        secret = any(table.secrets for table in (top, *named.values()))
        return ConfigFile(
            self._path, top, named, chosen, list(_notices(self._path, mode, secret=secret))
        )

    def _table(self, where: str, table: dict[str, Any]) -> Table:
        found = Table({}, {})
        for written, value in table.items():
            name = written.replace("-", "_")
            if name in found.values or name in found.secrets:
                raise self._wrong(where, written, f"is the same as {name}, which is also there")
            if name in SECRETS:
                found.secrets[name] = self._secret(where, written, value)
            else:
                found.values[name] = self._texts(where, written, value)
        return found

    def _secret(self, where: str, written: str, value: object) -> Secret:
        if not isinstance(value, str) or not value.strip():
            raise self._wrong(where, written, "should be a text in quotes")
        return Secret(value.strip("\r\n"))

    def _texts(self, where: str, written: str, value: object) -> tuple[str, ...]:
        option = self._known.get(written.replace("-", "_"))
        if option is None:
            raise self._unknown(where, written, value)
        if option.flag_only:
            raise self._wrong(
                where, written, f"is about one run: give --{written.replace('_', '-')} to it"
            )
        texts = _as_texts(value, option)
        if texts is None:
            raise self._wrong(where, written, f"is {_name(value)}, and should be {_wanted(option)}")
        if option.is_path:
            texts = tuple(os.path.expanduser(t) if t.startswith("~/") else t for t in texts)  # noqa: PTH111 - text, to be shown as it is
        try:
            for text in texts:
                option.read(text)
        except ValueError as error:
            raise self._wrong(where, written, str(error)) from None
        return texts

    def _unknown(self, where: str, written: str, value: object) -> UsageError:
        names = [*self._known, *SECRETS, *([] if where else [_DEFAULT_PROFILE, "profile"])]
        near = nearest(written.replace("-", "_"), names)
        if near is not None:
            return self._wrong(where, written, f"is not a setting; did you mean {near}?")
        if isinstance(value, dict):
            return self._wrong(where, written, "is not a profile; write [profile.NAME]")
        return self._wrong(where, written, "is not a setting")

    def _wrong(self, where: str, name: str, what: str) -> UsageError:
        line = self._lines.get((where, name)) or self._lines.get((f"{where}.{name}".strip("."), ""))
        named = f"{name} in [{where}]" if where else name
        named = named if named.isprintable() else ascii(named)
        return UsageError(
            f"{self._path}{f', line {line}' if line else ''}: {named}: {what}",
            hint="`batchconv config init -` shows every setting",
        )


def _lines(text: str) -> dict[tuple[str, str], int]:
    """(table, key) → line: good enough to point at, and silent where it does not know."""
    found: dict[tuple[str, str], int] = {}
    table = ""
    for number, line in enumerate(text.split("\n"), 1):
        if header := re.match(_HEADER, line):
            table = re.sub(r"""["'\s]""", "", header[1])
            found.setdefault((table, ""), number)
        elif key := re.match(_KEY, line):
            found.setdefault((table, key[1]), number)
    return found


def _as_texts(value: object, option: Option) -> tuple[str, ...] | None:
    """A TOML value as on the command line; None when it is of a wrong type."""
    if isinstance(value, str):
        return (value,)
    if isinstance(value, bool):
        return (option.booleans[value],) if option.booleans else None
    if isinstance(value, int | float):
        return (str(value),) if option.is_number else None
    if isinstance(value, list) and option.many:
        return tuple(value) if all(isinstance(each, str) for each in value) else None
    if isinstance(value, dict) and option.is_pairs:
        # A column without a header is a number.
        right = all(type(each) in (str, int) for each in value.values())
        return tuple(f"{name}={each}" for name, each in value.items()) if right else None
    return None


def _name(value: object) -> str:
    names = {bool: "true or false", int: "a number", float: "a number", list: "a list"}
    return names.get(type(value), "a table" if isinstance(value, dict) else "a time")


def _wanted(option: Option) -> str:
    if option.many:
        return "a list of texts" + (", or a table of them" if option.is_pairs else "")
    words = ["true or false"] * bool(option.booleans) + ["a number"] * option.is_number
    return " or ".join([*words, "a text in quotes"])


def _notices(path: str, mode: int, *, secret: bool) -> Iterable[str]:
    if not stat.S_ISREG(mode):
        return
    if secret and mode & stat.S_IROTH:
        yield f"{path} holds a secret and everyone on this machine can read it: chmod 600 {path}"
    if mode & stat.S_IWOTH:
        yield f"{path} can be changed by everyone on this machine: chmod 600 {path}"
