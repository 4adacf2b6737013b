"""The commands of the program, also those within commands: `upload`, `config show` and so on."""

import click

from batchconv.cli import cli


def command(name: str) -> click.Command:
    """The command of that name."""
    found: click.Command = cli
    for word in name.split():
        assert isinstance(found, click.Group)
        inner = found.get_command(click.Context(found), word)
        assert inner is not None, name
        found = inner
    return found


def _names(group: click.Group, above: str = "") -> list[str]:
    names = []
    for word in group.list_commands(click.Context(group)):
        inner = command(above + word)
        names += (
            _names(inner, f"{above}{word} ") if isinstance(inner, click.Group) else [above + word]
        )
    return names


COMMANDS = _names(cli)
