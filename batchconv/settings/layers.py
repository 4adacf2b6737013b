"""Where a setting's value comes from when the command line does not say it.

    flag > profile named by a flag > environment > file, its chosen profile first > default

All of it is read and checked at once, whatever the command at hand will use: a mistake is found
when it is made, not in the night when another command comes upon it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from batchconv.errors import UsageError
from batchconv.settings.config_file import (
    SECRETS,
    ConfigFile,
    Table,
    default_path,
    read_config,
)
from batchconv.settings.credentials import in_environment, method_in_environment
from batchconv.settings.option_types import Option, nearest
from batchconv.vonage.authentication import Secret

PREFIX = "BATCHCONV_"
_ACCOUNT = ("api_key", "api_secret_file", "signature_secret_file")
# A setting counts for nothing where one that excludes it is set in a higher place. A rehearsal
# keeps its hands off the files that a lower place names for the real runs.
_RIVALS = {"failed": "no_failed", "no_failed": "failed"} | dict.fromkeys(
    ("results", "summary", "ledger", "metrics_file", "log_file"), "simulate"
)
_NO = ("false", "none")
# What Kubernetes adds to the environment when a service is called batchconv.
_SERVICE = r"(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_\w+)?)?)"
_CLOSE = 0.75  # as difflib counts it: a slip of the fingers, and not another word
_BETWEEN_VALUES = r"\s*,\s*(?=[\w-]+\s*=)"


class Value(NamedTuple):
    """A setting's value: the texts, of which there are several only where it takes several.

    Attributes:
        origin: who says it, for people: a flag, a profile, a variable, a file.
    """

    texts: tuple[str, ...]
    origin: str


class Account(NamedTuple):
    """Secrets, and the place that they and the rest of the account come from."""

    place: str
    secrets: Mapping[str, Secret]


class _Layer(NamedTuple):
    origin: str
    table: Table
    variables: bool = False

    def value(self, name: str) -> Value | None:
        texts = self.table.values.get(name)
        if texts is None:
            return None
        return Value(texts, self.origin + (f" {PREFIX}{name.upper()}" if self.variables else ""))


class Layers:
    """All that is set outside the command line, in order of rank.

    Attributes:
        config: the file that was read, and who named it, or None.
        profile: the profile that holds, and who named it, or None.
        notices: sentences about what should be fixed.
    """

    def __init__(
        self, layers: list[_Layer], environment: Mapping[str, str], notices: list[str],
        config: Value | None = None, profile: Value | None = None,
    ) -> None:  # fmt: skip
        self._layers = layers
        # The vendor's own variables have the rank of this program's; `credentials` reads them.
        self._account_elsewhere = in_environment(environment)
        self._method_elsewhere = method_in_environment(environment) is not None
        self.config = config
        self.profile = profile
        self.notices = notices

    def find(self, name: str, given: Mapping[str, Any]) -> Value | None:
        """The value of a setting that the command line does not tell, or None for its default.

        Args:
            name: of the setting.
            given: what the command line does tell.
        """
        if name in _ACCOUNT:
            layer = self._account(given)
            return None if layer is None else layer.value(name)
        rival = _RIVALS.get(name, "")
        if rival in given and str(given[rival]) not in _NO:
            return None
        for layer in self._layers:
            value = layer.value(name)
            if value is not None:
                return value
            if layer.table.values.get(rival, _NO)[-1] not in _NO:
                return None
            if name == "signature_method" and layer.variables and self._method_elsewhere:
                return None
        return None

    def account(self, given: Collection[str]) -> Account | None:
        """The secrets, when the account comes from the file."""
        layer = self._account(given)
        if layer is None:
            return None
        place = f"the environment ({PREFIX}…)" if layer.variables else layer.origin
        return Account(place, layer.table.secrets)

    def _account(self, given: Collection[str]) -> _Layer | None:
        """The one place of all that the account consists of; None for unknown ones."""
        if any(name in given for name in _ACCOUNT):
            return None
        for layer in self._layers:
            if layer.table.secrets or any(name in layer.table.values for name in _ACCOUNT):
                return layer
            if layer.variables and self._account_elsewhere:
                return None
        return None


def load(
    known: Mapping[str, Option],
    environment: Mapping[str, str],
    *,
    config: str | None,
    profile: str | None,
) -> Layers:
    """Read and check all that is set outside the command line.

    Args:
        known: the settings there are, by name.
        environment: of the process.
        config: the file that the command line names, or None.
        profile: the profile that it names, or None.

    Raises:
        UsageError: something there is wrong.
    """
    variables, notices = _from_environment(environment, known)
    file = open_config(known, environment, config)
    layers = [_Layer("environment", variables, variables=True)]
    chosen = _chosen_profile(environment, profile, file)
    if file is None:
        if chosen is not None:
            raise UsageError(
                f"profile {chosen.texts[0]}, chosen by {chosen.origin}: there is no file of "
                "settings to hold it",
                hint="write one with `batchconv config init`, or name it with --config",
            )
        return Layers(layers, environment, notices)
    if chosen is not None:
        # One that a flag names comes first; any other is but a part of the file.
        layers.insert(0 if profile else 1, _profile(file, chosen))
    layers.append(_Layer(file.path, file.top))
    return Layers(
        layers,
        environment,
        notices + file.notices,
        Value((file.path,), _who(config, environment, "CONFIG", "default")),
        chosen,
    )


def _chosen_profile(
    environment: Mapping[str, str], profile: str | None, file: ConfigFile | None
) -> Value | None:
    default = file.default_profile if file else None
    name = profile or environment.get(f"{PREFIX}PROFILE") or default
    if not name:
        return None
    return Value((name,), _who(profile, environment, "PROFILE", file.path if file else ""))


def _who(flag: str | None, environment: Mapping[str, str], variable: str, otherwise: str) -> str:
    if flag:
        return "flag"
    return f"environment {PREFIX}{variable}" if environment.get(PREFIX + variable) else otherwise


def open_config(
    known: Mapping[str, Option], environment: Mapping[str, str], config: str | None
) -> ConfigFile | None:
    """The file of settings that a flag, the environment or its usual place names, if any.

    Raises:
        UsageError: it is wrong, or one that was named is not there.
    """
    named = config or environment.get(f"{PREFIX}CONFIG") or None
    path = named or default_path(environment)
    try:
        return None if path is None else read_config(path, known)
    except (FileNotFoundError, PermissionError) as error:
        # A service often sees no home (systemd's ProtectHome=yes): then there is nothing to read.
        if named is None:
            return None
        why = error
    if isinstance(why, PermissionError):
        raise UsageError(f"{named} cannot be read: {why}", hint="correct its permissions")
    raise UsageError(
        f"{named}: there is no such settings file", hint=f"`batchconv config init {named}`"
    )


def _profile(file: ConfigFile, chosen: Value) -> _Layer:
    name = chosen.texts[0]
    if name in file.profiles:
        return _Layer(f"profile {name}", file.profiles[name])
    near = nearest(name, file.profiles)
    names = ", ".join(file.profiles)
    raise UsageError(
        f"{file.path} holds no profile {name}, chosen by {chosen.origin}"
        + (f"; did you mean {near}?" if near else ""),
        hint=f"its profiles are: {names}" if names else "a profile is a table: [profile.NAME]",
    )


def _from_environment(
    environment: Mapping[str, str], known: Mapping[str, Option]
) -> tuple[Table, list[str]]:
    table = Table({}, {})
    notices = []
    for variable in sorted(environment):
        text = environment[variable]
        suffix = variable.removeprefix(PREFIX)
        if suffix == variable or not text or suffix in ("CONFIG", "PROFILE"):
            continue
        name = suffix.lower()
        option = known.get(name) if name.upper() == suffix else None
        if option is not None:
            table.values[name] = _checked(variable, text, option)
        elif not re.fullmatch(_SERVICE, suffix):
            notices.append(_unknown(variable, suffix, known))
    return table, notices


def _checked(variable: str, text: str, option: Option) -> tuple[str, ...]:
    flag = option.flags[-1]
    if option.flag_only:
        raise UsageError(f"{variable}: {flag} is about one run: give it to that run")
    texts = [text]
    if option.many:
        texts = re.split(_BETWEEN_VALUES, text) if option.is_pairs else text.split(",")
    try:
        for one in texts:
            option.read(one)
    except ValueError as error:
        raise UsageError(f"{variable}: {error}", hint=f"see {flag} in --help") from None
    return tuple(texts)


def _unknown(variable: str, suffix: str, known: Mapping[str, Option]) -> str:
    """A notice, or an error when a setting was meant: the run would go on without it."""
    if suffix.lower() in SECRETS:
        raise UsageError(
            f"{variable} is not read", hint=f"the account's variable is VONAGE_{suffix}"
        )
    near = nearest(suffix.lower(), [*known, "config", "profile"], cutoff=_CLOSE)
    if near is not None:
        raise UsageError(f"{variable} is not a setting; did you mean {PREFIX}{near.upper()}?")
    return f"{variable} is not a setting, and changes nothing"
