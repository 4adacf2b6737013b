"""On a terminal a page of the manual is laid out and goes through the reader's own pager."""

from tests.shells import Shell
from tests.terminals import Terminal


async def test_a_page_is_laid_out_to_fit_and_goes_through_the_pager(tmp_path):
    env = Shell(tmp_path, "").env | {"PAGER": "cat", "TERM": "xterm"}
    async with Terminal(
        "manual", "at-least-once", folder=tmp_path, env=env, columns=60
    ) as terminal:
        assert await terminal.end() == 0
        shown = "\n".join(terminal.display)
    assert "What a crash costs" in shown
    assert "##" not in shown, "Markdown's marks are for those who read it through a pipe"
    assert "`" not in shown
