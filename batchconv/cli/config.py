"""`batchconv config`: what is set and by whom, and a file to begin with."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click

from batchconv.cli.commands import SuggestingGroup
from batchconv.cli.layers import account_of, layers_of, told_of
from batchconv.cli.options import FileName, make_settings, settings_options
from batchconv.cli.running import SendingCommand
from batchconv.cli.say import say, say_aside
from batchconv.errors import UsageError
from batchconv.operations.config_file import write_config_file
from batchconv.sending.proxy import read_proxy
from batchconv.settings.config_file import SECRETS, default_path
from batchconv.settings.config_template import starter
from batchconv.settings.credentials import shown_in_environment
from batchconv.settings.layers import Value
from batchconv.settings.option_types import by_group, options_of, show_url
from batchconv.settings.options import Settings
from batchconv.vonage.authentication import mask_key

_NOBODY = Value(("none",), "")
_SECRET_FILES = tuple(f"{name}_file" for name in SECRETS)
_LASTING = [name for name, option in options_of(Settings).items() if not option.flag_only]


@click.group(
    "config", cls=SuggestingGroup, context_settings={"help_option_names": ["-h", "--help"]}
)
def config() -> None:
    """Tell what is set and by whom, or write a file of settings to begin with."""


class _Line(NamedTuple):
    name: str
    value: str
    origin: str


@config.command("show", cls=SendingCommand, short_help="Show every setting and its source.")
@settings_options(Settings, only=_LASTING)
@click.pass_context
def show(ctx: click.Context, /, **_: Any) -> None:
    """Tell every setting that an upload with these options would have, and who says so.

    Secrets are masked. What is about one run, such as --resume, is left out.

    \b
      batchconv config show
      batchconv config show --profile staging --rate 5
    """
    make_settings(Settings, {})  # raises for wrong values
    lines = [*_sources(ctx), *_settings(ctx)]
    names, shown = (max(len(line[column]) for line in lines) for column in (0, 1))
    for line in lines:
        say(f"{line.name:{names}}  {line.value:{shown}}  {line.origin}")


def _sources(ctx: click.Context) -> Iterator[_Line]:
    """Where settings are looked for."""
    layers = layers_of(ctx)
    for name, told in (("config", layers.config), ("profile", layers.profile)):
        if told is not None:
            yield _Line(name, _printable(told.texts[0]), told.origin)
    if layers.config is None:
        yield _Line("config", "-", f"default: there is no {default_path(os.environ)}")


def _settings(ctx: click.Context) -> Iterator[_Line]:
    told = _account(ctx) | told_of(ctx)
    if "rate" not in told and told.get("simulate", _NOBODY).texts != ("none",):
        told["rate"] = Value(("none",), "default of a simulated run")
    for name, option in by_group(Settings).items():
        if option.flag_only:
            continue
        if name in told:
            yield _Line(name, _value(name, told[name].texts), told[name].origin)
        else:
            words = f"default: {option.shown}" if option.default_text is None else "default"
            usual = "false" if option.is_switch else option.default_text or "-"
            yield _Line(name, usual, words if option.shown else "default")
        secret = name.removesuffix("_file")
        if secret in SECRETS and secret in told:
            yield _Line(secret, "***", told[secret].origin)


def _account(ctx: click.Context) -> dict[str, Value]:
    """What the account says elsewhere than in options."""
    account = account_of(ctx)
    if account is not None:
        return {name: Value(("***",), account.place) for name in account.secrets}
    by_flag = any(name in told_of(ctx) for name in ("api_key", *_SECRET_FILES))
    return {
        name: Value((text,), f"environment {variable}")
        for name, variable, text in shown_in_environment(os.environ)
        if name == "signature_method" or not by_flag
    }


def _value(name: str, texts: tuple[str, ...]) -> str:
    """The texts as everyone may see them."""
    text = ", ".join(texts)
    if name == "api_key":
        text = mask_key(text)
    elif name in _SECRET_FILES and not Path(text).is_file():
        text = "*** (no such file)"  # a user who took it for the secret's own place gave the secret
    elif name == "proxy":
        text = str(read_proxy(text) or "none")
    elif name == "base_url":
        text = show_url(text)
    return _printable(text)


def _printable(text: str) -> str:
    return text if text.isprintable() else ascii(text)


@config.command("init", short_help="Write a settings file that explains every setting.")
@click.argument("path", metavar="[FILE]", required=False, type=FileName())
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
def init(path: str | None, overwrite: bool) -> None:
    """Write a file of settings in which every setting is explained and none is set.

    FILE is by default the one that is read without --config; - is standard output.
    """
    text = starter(by_group(Settings))
    if path == "-":
        say(text.rstrip("\n"))
        return
    target = path or default_path(os.environ)
    if target is None:
        raise UsageError("there is no home folder to write to", hint="name a FILE")
    write_config_file(target, text, overwrite=overwrite, make_folder=path is None)
    say_aside(f"wrote {target}; `batchconv config show` shows what it sets")
