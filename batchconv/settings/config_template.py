"""The file of settings to begin with: every setting explained, and none of them set."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterable
from itertools import groupby
from typing import NamedTuple

from batchconv.settings.config_file import Kind

_HEAD = """\
# Settings of batchconv, in TOML. A setting holds once the "#" before it is taken away. Each
# stands here with its default, or with an example where no text gives the default.
#
# A flag beats a profile that is named by a flag (--profile NAME), which beats the environment
# (BATCHCONV_RATE=50), which beats this file. `batchconv config show` tells what holds, and why.
# Once a secret stands here, nobody else should be able to read it: chmod 600.

# The profile that holds when none is named elsewhere; profiles stand at the end.
#default_profile = "staging"
"""
_SECRETS = """
# The secrets themselves. Key and secret have to come from the same place.
#api_secret = "..."
#signature_secret = "..."
"""
_TAIL = """
# == Profiles: for `batchconv upload --profile staging`

#[profile.staging]
#base_url = "https://staging.example/conversions"
#rate = 5
"""
_ACCOUNT = "Account"
_WIDTH = 92
_EXAMPLES = {
    "encoding": "latin-1",
    "delimiter": ";",
    "map": "message_id=ref",
    "timestamp_format": "%d/%m/%Y %H:%M:%S",
    "max_row_bytes": "1048576",
    "results": "nightly.results.jsonl",
    "failed": "failed-rows",
    "summary": "summary.json",
    "ledger": "accepted.ledger",
    "api_key": "abcd1234",
    "api_key_prefix": "Token",
    "api_secret_file": "~/.config/batchconv/api-secret",
    "signature_secret_file": "~/.config/batchconv/signature-secret",
    "ca_file": "~/.config/batchconv/ca.pem",
    "simulate": "calm",
}


class Explained(NamedTuple):
    """A setting for people.

    Attributes:
        default: in words.
        text: what gives the default, or None where no text does.
        values: what its value is called, or its choices with bars between them.
    """

    name: str
    group: str
    help: str
    default: str
    text: str | None
    values: str
    kind: Kind


def starter(settings: Iterable[Explained]) -> str:
    """The text of the file.

    Args:
        settings: all of them, those of a group together.
    """
    parts = [_HEAD]
    for group, members in groupby(settings, key=lambda setting: setting.group):
        parts.append(f"\n# == {group}\n")
        parts += [_explained(setting) for setting in members]
        parts += [_SECRETS] * (group == _ACCOUNT)
    return "".join([*parts, _TAIL])


def _explained(setting: Explained) -> str:
    said = setting.help + (f" Default: {setting.default}." if setting.default else "")
    prose = textwrap.fill(said, _WIDTH, initial_indent="# ", subsequent_indent="# ")
    return f"\n{prose}\n#{setting.name} = {_toml(_sample(setting), setting.kind)}\n"


def _sample(setting: Explained) -> str:
    if setting.text is not None:
        return setting.text
    if setting.name in _EXAMPLES:
        return _EXAMPLES[setting.name]
    if not setting.values:
        return "false"
    return {"N": "1000", "DURATION": "1h"}.get(setting.values, setting.values.split("|")[0])


def _toml(text: str, kind: Kind) -> str:
    """The value that stands for that text."""
    if kind.booleans is not None and text in ("true", "false"):
        return text
    if kind.numbers and re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
        return text
    if kind.pairs:
        name, _, value = text.partition("=")
        return f"{{ {name} = {json.dumps(value)} }}"
    return json.dumps(text, ensure_ascii=False)
