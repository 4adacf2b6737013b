"""`batchconv manual`: the pages of the manual, to read in a terminal or through a pipe."""

from __future__ import annotations

import os
import re
import sys
from difflib import get_close_matches
from importlib.resources import files

import click
from click.shell_completion import CompletionItem

from batchconv.cli.say import columns_of, say
from batchconv.errors import UsageError

_PAGES = files("batchconv") / "manual"
_START = "index"
_WIDEST = 100  # columns; longer lines of prose are hard to read
_COMMENT = re.compile(r"<!--.*?-->\n?", re.DOTALL)


def topics() -> list[str]:
    """The names of all pages but the first, in order of the alphabet."""
    names = (page.name for page in _PAGES.iterdir())
    return sorted(name[:-3] for name in names if name.endswith(".md") and name != f"{_START}.md")


def page(topic: str) -> str:
    """A page as Markdown, without the comments that are meant for the tests.

    Raises:
        UsageError: there is no such page.
    """
    known = [_START, *topics()]
    if topic not in known:
        near = get_close_matches(topic, known, n=1)
        hint = f"batchconv manual {near[0]}" if near else "batchconv manual"
        raise UsageError(f"the manual has no page {topic!r}", hint=f"see: {hint}")
    return _COMMENT.sub("", (_PAGES / f"{topic}.md").read_text(encoding="utf-8"))


def _completed(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in topics() if name.startswith(incomplete)]


@click.command("manual")
@click.argument("topic", default=_START, shell_complete=_completed)
def manual(topic: str) -> None:
    """Read a page of the manual; without TOPIC, the list of all pages.

    On a terminal the page is laid out and shown in a pager. Through a pipe it is plain Markdown.

    \b
      batchconv manual
      batchconv manual correcting
      batchconv manual exit-codes | less
    """
    text = page(topic)
    if not sys.stdout.isatty():
        say(text.rstrip("\n"))
        return
    click.echo_via_pager(_laid_out(text))


def _laid_out(text: str) -> str:
    """Markdown as a terminal shows it best."""
    from rich.console import Console  # noqa: PLC0415 - start-up: only a terminal needs it
    from rich.markdown import Markdown  # noqa: PLC0415 - start-up

    plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM", "dumb") == "dumb"
    console = Console(
        width=min(columns_of(1) or 80, _WIDEST), force_terminal=not plain, no_color=plain
    )
    with console.capture() as capture:
        console.print(Markdown(text, hyperlinks=False))
    return capture.get()
