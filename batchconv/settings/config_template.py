"""The file of settings to begin with: every setting explained, and none of them set."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Mapping
from itertools import groupby

from batchconv.settings.option_types import AUTHENTICATION, Option

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
_WIDTH = 92
_EXAMPLES = {
    "encoding": "latin-1",
    "max_errors": "100",
    "delimiter": ";",
    "escape": "\\",
    "map": "message_id=ref",
    "true": "ja",
    "false": "nein",
    "null": "-",
    "timestamp_format": "%d/%m/%Y %H:%M:%S",
    "max_row_bytes": "1048576",
    "results": "nightly.results.jsonl",
    "failed": "failed-rows",
    "summary": "summary.json",
    "ledger": "accepted.ledger",
    "log_file": "batchconv.log",
    "api_key": "abcd1234",
    "api_key_prefix": "Token",
    "api_secret_file": "~/.config/batchconv/api-secret",
    "signature_secret_file": "~/.config/batchconv/signature-secret",
    "ca_file": "~/.config/batchconv/ca.pem",
    "simulate": "calm",
    "engine_address": "auto",
}


def starter(settings: Mapping[str, Option]) -> str:
    """The text of the file.

    Args:
        settings: all of them by name, those of a group together.
    """
    parts = [_HEAD]
    lasting = [(name, option) for name, option in settings.items() if not option.flag_only]
    for group, members in groupby(lasting, key=lambda item: item[1].group):
        parts.append(f"\n# == {group}\n")
        parts += [_explained(*setting) for setting in members]
        parts += [_SECRETS] * (group == AUTHENTICATION)
    return "".join([*parts, _TAIL])


def _explained(name: str, option: Option) -> str:
    said = option.help + (f" Default: {option.shown}." if option.shown else "")
    prose = textwrap.fill(said, _WIDTH, initial_indent="# ", subsequent_indent="# ")
    return f"\n{prose}\n#{name} = {_toml(_sample(name, option), option)}\n"


def _sample(name: str, option: Option) -> str:
    if option.default_text is not None:
        return option.default_text
    if name in _EXAMPLES:
        return _EXAMPLES[name]
    values = option.value_name
    if values is None:
        return "false"
    return {"N": "1000", "DURATION": "1h", "TEXT": "text"}.get(values, values.split("|")[0])


def _toml(text: str, option: Option) -> str:
    """The value that stands for that text."""
    if option.booleans is not None and text in ("true", "false"):
        return text
    if option.is_number and re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
        return text
    if option.is_pairs:
        name, _, value = text.partition("=")
        return f"{{ {name} = {json.dumps(value)} }}"
    return json.dumps(text, ensure_ascii=False)
