"""What is set outside the command line, for the command at hand: it asks, `layers` answers."""

from __future__ import annotations

import os
from collections.abc import Iterable

import click
from click.core import ParameterSource

from batchconv.errors import UsageError
from batchconv.settings.layers import Account, Layers, Value, load, open_config
from batchconv.settings.option_types import options_of
from batchconv.settings.options import Settings

_OURS = "batchconv.cli.layers"  # in a context's `meta`

FLAG = "flag"


def told_of(ctx: click.Context) -> dict[str, Value]:
    """The settings that are not at their defaults; they are put in as they are met."""
    told: dict[str, Value] = ctx.meta.setdefault(f"{_OURS}.told", {})
    return told


def remember(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    """The callback of `--config` and `--profile`, which are read before all others."""
    if value == "":  # a shell's variable that was never set
        raise click.BadParameter("the value is empty", ctx, param)
    ctx.meta[f"{_OURS}.{param.name}"] = value


def layers_of(ctx: click.Context) -> Layers:
    """What is set outside this command line, read when it is first asked for."""
    if f"{_OURS}.layers" not in ctx.meta:
        ctx.meta[f"{_OURS}.layers"] = load(
            options_of(Settings),
            os.environ,
            config=ctx.meta.get(f"{_OURS}.config"),
            profile=ctx.meta.get(f"{_OURS}.profile"),
        )
    layers: Layers = ctx.meta[f"{_OURS}.layers"]
    return layers


def account_of(ctx: click.Context) -> Account | None:
    """The secrets that the file holds, when the account's place is the file."""
    flags = [
        name for name in ctx.params if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE
    ]
    return layers_of(ctx).account(flags)


def profiles_of(ctx: click.Context) -> Iterable[str]:
    """The profiles in the file; none while that is wrong, which the command itself will tell."""
    try:
        file = open_config(options_of(Settings), os.environ, ctx.meta.get(f"{_OURS}.config"))
    except UsageError:
        return ()
    return () if file is None else file.profiles
