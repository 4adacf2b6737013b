"""Settings → click options: their names, defaults and meanings stand in `config` alone."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from batchconv.cli.commands import Command
from batchconv.cli.layers import FLAG, account_of, layers_of, profiles_of, remember, told_of
from batchconv.cli.say import say_notice, wants_json
from batchconv.errors import BatchconvError
from batchconv.settings.layers import Value
from batchconv.settings.option_types import CONFIGURATION, Option, by_group
from batchconv.settings.options import Settings

C = TypeVar("C", bound=Callable[..., Any])
S = TypeVar("S")
_USERINFO = (
    "it holds a user or a password, which everyone on this machine can see in an argument; they "
    "belong in the environment or in a settings file"
)


class GroupedOption(click.Option):
    """An option under one of the headings of the help, that other places than flags can set.

    Args:
        group: the heading.
        flag_only: it is about one run, and is set by a flag or not at all.
    """

    def __init__(
        self, *args: Any, group: str = CONFIGURATION, flag_only: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.group = group
        self.flag_only = flag_only

    def consume_value(
        self, ctx: click.Context, opts: Mapping[str, Any]
    ) -> tuple[Any, ParameterSource]:
        """The flag's value; without a flag, what the layers under the command line say."""
        value, source = super().consume_value(ctx, opts)
        if self.flag_only or ctx.resilient_parsing:
            return value, source
        told = told_of(ctx)
        if source is ParameterSource.COMMANDLINE:
            if (self.metavar or "").startswith("URL") and "@" in value:
                raise click.BadParameter(_USERINFO, ctx, self)
            texts = value if self.multiple else ("true" if value is True else value,)
            told[self.name] = Value(tuple(texts), FLAG)
            return value, source
        found = layers_of(ctx).find(self.name or "", opts)
        if found is None:
            return value, source
        told[self.name] = found
        return found.texts if self.multiple else found.texts[0], ParameterSource.DEFAULT_MAP


_OTHERS = "Options"  # those of the command itself, which stand under no other heading


class GroupedCommand(Command):
    """A command whose help has a section for each group of options."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Say of an option without its value what the value should be."""
        try:
            return super().parse_args(ctx, args)
        except click.BadOptionUsage as error:
            option = next((p for p in self.params if error.option_name in p.opts), None)
            wanted = ""
            if isinstance(option, click.Option):
                wanted = f" Write {error.option_name} {option.make_metavar(ctx)}: {option.help}"
            raise click.BadOptionUsage(error.option_name, error.message + wanted, ctx) from None

    def invoke(self, ctx: click.Context) -> Any:
        """Run it; a command that an error proposes has the options that were given here."""
        try:
            return super().invoke(ctx)
        except BatchconvError as error:
            from batchconv.cli.next_commands import Given  # noqa: PLC0415 - start-up

            Given(ctx).read_pipe(error)
            raise

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the sections in the order in which the groups first appear."""
        sections: dict[str, list[tuple[str, str]]] = {}
        groups = {getattr(param, "group", None) for param in self.params}
        last = CONFIGURATION if CONFIGURATION in groups else _OTHERS
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None and isinstance(param, click.Option):
                usual = last if param.name == "help" else _OTHERS
                sections.setdefault(getattr(param, "group", usual), []).append(record)
        sections[last] = sections.pop(last)
        for name, records in sections.items():
            with formatter.section(name):
                formatter.write_dl(records)


class FileName(click.ParamType):  # type: ignore[type-arg]  # click before 8.4 takes no argument here
    """Any text; shells complete it with the names of files."""

    name = "file"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Leave it to the shell, which knows files best."""
        return [CompletionItem(incomplete, type="file")]


class _Parsed(FileName):
    def __init__(self, option: Option) -> None:
        self.name = option.value_name or "TEXT"
        self._option = option

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value  # a default
        try:
            return self._option.read(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """The texts that are accepted, or names of files where one is wanted."""
        if self._option.is_path:
            return super().shell_complete(ctx, param, incomplete)
        return [
            CompletionItem(text) for text in self._option.choices if text.startswith(incomplete)
        ]


def settings_options(
    settings: type[Any], *, only: Collection[str] | None = None, flag_only: Collection[str] = ()
) -> Callable[[C], C]:
    """A decorator that gives a command an option for each setting, under the setting's name.

    `--config` and `--profile` come with them: they tell where else settings stand.

    Args:
        settings: the dataclass.
        only: the settings to take from it; all of them for None.
        flag_only: settings that mean something else to this command, and are set by flags alone.
    """
    chosen = by_group(settings)
    names = [name for name in chosen if only is None or name in only]

    def decorate(command: C) -> C:
        command = _config_option(_profile_option(command))
        for name in reversed(names):
            option = chosen[name]
            if name in flag_only:
                option = option._replace(flag_only=True)
            command = _click_option(name, option)(command)
        return command

    return decorate


def _click_option(name: str, option: Option) -> Callable[[C], C]:
    text = option.help + (f" [{option.shown}]" if option.shown else "")
    kind: dict[str, Any] = {"is_flag": True}
    if not option.is_switch:
        kind = {"type": _Parsed(option), "metavar": option.value_name, "multiple": option.many}
    return click.option(
        name, *option.flags, help=text, cls=GroupedOption, group=option.group,
        flag_only=option.flag_only, **kind,
    )  # fmt: skip


class _ProfileName(FileName):
    name = "NAME"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """The profiles of the file; none while that is wrong, which the command will tell."""
        return [CompletionItem(name) for name in profiles_of(ctx) if name.startswith(incomplete)]


_config_option = click.option(
    "--config", metavar="FILE", type=FileName(), cls=GroupedOption, flag_only=True,
    is_eager=True, expose_value=False, callback=remember,
    help="The settings file (TOML). [~/.config/batchconv/config.toml if it exists]",
)  # fmt: skip
_profile_option = click.option(
    "--profile", metavar="NAME", type=_ProfileName(), cls=GroupedOption, flag_only=True,
    is_eager=True, expose_value=False, callback=remember,
    help="Use the settings under [profile.NAME] in that file; only options override them.",
)  # fmt: skip


def make_settings(settings: type[S], values: dict[str, Any]) -> S:
    """The settings that were given; those that were not keep their defaults."""
    context = click.get_current_context()
    given = {
        name: value
        for name, value in values.items()
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT
    }
    layers, account = layers_of(context), account_of(context)
    if issubclass(settings, Settings):
        given |= {"config": _text(layers.config), "profile": _text(layers.profile)}
        if account is not None:
            given |= {"account_from": account.place, **account.secrets}
    made = settings(**given)
    if not context.params.get("quiet"):
        as_json = getattr(made, "log_format", "") == "json" or wants_json(sys.argv[1:], os.environ)
        for notice in layers.notices:
            say_notice(notice, json=as_json)
    return made


def _text(value: Value | None) -> str | None:
    return None if value is None else value.texts[0]
