"""`batchconv completion`: what makes a shell complete commands, options and values.

Click does it. What is added here is `--option=value` in one word, without which no profile could
be completed: `--simulate` takes one in no other way.
"""

from __future__ import annotations

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
)

from batchconv.cli.commands import Command
from batchconv.cli.say import say


class _Values(ShellComplete):
    """Completes the value behind an equals sign."""

    _whole_words = True  # the shell wants the option back with its value

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem]:
        """The items that fit *incomplete*, which stands behind *args*."""
        # A word behind it is an input, and no profile.
        args = ["--simulate=calm" if arg == "--simulate" else arg for arg in args]
        items = super().get_completions(args, incomplete)
        option, equals, _ = incomplete.partition("=")
        if self._whole_words and equals and option.startswith("--"):
            return [CompletionItem(f"{option}={item.value}", item.type) for item in items]
        return items


class _Bash(_Values, BashComplete):
    _whole_words = False

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the cursor's, and that one; bash hands `--a=b` over as three."""
        args, incomplete = super().get_completion_args()
        if args and incomplete == "=":
            return args[:-1], f"{args[-1]}="
        if len(args) > 1 and args[-1] == "=":
            return args[:-2], f"{args[-2]}={incomplete}"
        return args, incomplete


class _Zsh(_Values, ZshComplete):
    pass


class _Fish(_Values, FishComplete):
    pass


_SHELLS: dict[str, type[ShellComplete]] = {"bash": _Bash, "zsh": _Zsh, "fish": _Fish}


def answer(instruction: str, program: click.Command) -> None:
    """Print what a shell asks for, such as `bash_complete`; nothing when it is not known."""
    shell, _, wanted = instruction.partition("_")
    if shell in _SHELLS and wanted == "complete":
        say(_of(shell, program).complete())


def _of(shell: str, program: click.Command) -> ShellComplete:
    return _SHELLS[shell](program, {}, "batchconv", "_BATCHCONV_COMPLETE")


@click.command("completion", cls=Command)
@click.argument("shell", type=click.Choice(list(_SHELLS)), metavar="bash|zsh|fish")
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print a script that makes the shell complete what is typed after batchconv.

    It completes commands, options, their choices, names of files and of profiles. In ~/.bashrc,
    in ~/.zshrc after compinit, or in ~/.config/fish/config.fish:

    \b
      eval "$(batchconv completion bash)"
      eval "$(batchconv completion zsh)"
      batchconv completion fish | source
    """
    say(_of(shell, ctx.find_root().command).source())
