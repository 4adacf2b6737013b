"""Settings → click options: their names, defaults and meanings stand in `config` alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from batchconv.options import GROUPS, Option, options_of

C = TypeVar("C", bound=Callable[..., Any])
S = TypeVar("S")
_LAST = "Setting"


class GroupedOption(click.Option):
    """An option that knows under which heading of the help it stands."""

    def __init__(self, *args: Any, group: str = _LAST, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.group = group


class GroupedCommand(click.Command):
    """A command whose help has a section for each group of options."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the sections in the order in which the groups first appear."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None and isinstance(param, click.Option):
                sections.setdefault(getattr(param, "group", _LAST), []).append(record)
        sections[_LAST] = sections.pop(_LAST)
        for name, records in sections.items():
            with formatter.section(name):
                formatter.write_dl(records)


class _Parsed(click.ParamType):  # type: ignore[type-arg]  # click before 8.4 takes no argument here
    def __init__(self, option: Option) -> None:
        self.name = option.metavar or "TEXT"
        self._option = option

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value  # a default
        try:
            return self._option.parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class _Choice(_Parsed):
    """One of a few texts."""

    def __init__(self, option: Option) -> None:
        super().__init__(option)
        self._texts = click.Choice(option.choices)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        return super().convert(self._texts.convert(value, param, ctx), param, ctx)


def settings_options(settings: type[Any], *, only: Iterable[str] | None = None) -> Callable[[C], C]:
    """A decorator that gives a command an option for each setting, under the setting's name."""
    chosen = options_of(settings)
    names = sorted(
        chosen if only is None else only, key=lambda name: GROUPS.index(chosen[name].group)
    )

    def decorate(command: C) -> C:
        for name in reversed(names):
            command = _click_option(name, chosen[name])(command)
        return command

    return decorate


def _click_option(name: str, option: Option) -> Callable[[C], C]:
    text = option.help + (f" [{option.shown}]" if option.shown else "")
    kind: dict[str, Any]
    if option.metavar is None and not option.choices:
        kind = {"is_flag": True}
    else:
        kind = {
            "type": _Choice(option) if option.choices else _Parsed(option),
            "metavar": "|".join(option.choices) or option.metavar,
            "multiple": option.many,
        }
    return click.option(
        name, *option.flags, help=text, cls=GroupedOption, group=option.group, **kind
    )


def make_settings(settings: type[S], values: dict[str, Any]) -> S:
    """The settings that were given; those that were not keep their defaults."""
    context = click.get_current_context()
    return settings(
        **{
            name: value
            for name, value in values.items()
            if context.get_parameter_source(name) is not ParameterSource.DEFAULT
        }
    )
