"""What all commands have in common."""

from __future__ import annotations

from typing import Any

import click

from batchconv.cli.say import say


def _show_help(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        say(ctx.get_help())
        ctx.exit()


PARSED = f"{__name__}.parsed"
"""Under this name a context keeps what stands on its command line, by the parameters' names."""


class Command(click.Command):
    """Refuses empty values, and fails properly when its help cannot be printed."""

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """The option that prints the help."""
        option = super().get_help_option(ctx)
        if option is not None:
            option.callback = _show_help
        return option

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Refuse an empty value: mostly it is a shell's variable that was never set."""
        if not ctx.resilient_parsing:
            given, _, _ = self.make_parser(ctx).parse_args(list(args))
            ctx.meta[PARSED] = given
            for param in self.get_params(ctx):
                if "" in _listed(given.get(param.name or "")):
                    raise click.BadParameter("the value is empty", ctx, param)
        return super().parse_args(ctx, args)


def _listed(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, list | tuple) else (value,)


class SuggestingGroup(Command, click.Group):
    """Refuses an unknown command with the nearest one that there is."""

    command_class = Command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that *args* name, and what is left of them."""
        names = self.list_commands(ctx)
        if args[0] not in names:
            import difflib  # noqa: PLC0415 - start-up

            near = difflib.get_close_matches(args[0], names, n=1)
            if near:
                ctx.fail(f"No such command {args[0]!r}. Did you mean {near[0]!r}?")
        return super().resolve_command(ctx, args)
