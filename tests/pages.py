"""README and the manual's pages: their commands are run, their tables are made from the code.

`python -m tests.pages [NAME...]` writes outputs and tables anew. Each page's commands run one after
the other in a copy of `examples/`. Marks before a block of commands:

    <!-- interrupt: FILE has N lines -->      Ctrl-C as soon as that is so
    <!-- keep running after: TEXT -->         until the end of the page; its port is made to fit

And between `<!-- NAME: WORDS -->` and `<!-- end -->` stands a table that is made anew.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import click

from batchconv.cli.options import GroupedOption
from batchconv.journal.reasons import MEANINGS
from batchconv.settings.option_types import GROUPS
from batchconv.simulator import FAULT_WORDS
from tests.bench.processes import undisturbed
from tests.commands import command

ROOT = Path(__file__).parent.parent
PAGES = {path.stem: path for path in (ROOT / "batchconv" / "manual").glob("*.md")} | {
    "README": ROOT / "README.md"
}

_BLOCK = re.compile(r"(?:<!-- ([^\n]*) -->\n)?```console\n(.*?)```\n", re.DOTALL)
_TABLE = re.compile(r"(<!-- (options|reasons|faults): ?([\w ]*) -->\n).*?(<!-- end -->)", re.DOTALL)
_SEPARATOR = "\x1e\n"
_SHOWN_PORT = "127.0.0.1:8080"
_PATIENCE = 60  # seconds

# What is never twice the same, and what stands for it.
_DURATION = r"(?:[0-9.]+ (?:ms|s|min|h)(?: [0-9]+ s)?)"
_VARYING = [
    (re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{6}"), "RUN"),
    (re.compile(r'"at":"[^"]*"'), '"at":"NOW"'),
    (re.compile(r'"elapsed_ms":[0-9.]+'), '"elapsed_ms":N'),
    (re.compile(rf"in {_DURATION}, [0-9.,]+ a second"), "in T, N a second"),
    (re.compile(rf"latency p50 {_DURATION}, p95 {_DURATION}"), "latency p50 T, p95 T"),
    # The lines of a report that tell of time.
    (
        re.compile(
            r"^(took|rows a second|p50|p95|p99|slowest|latency|upload, rows/s|resend, rows/s) .*$",
            re.MULTILINE,
        ),
        r"\1 N",
    ),
    (re.compile(r"^ +[0-9]{4}-[0-9]{2}-[0-9]{2}\n +[0-9:]{8}$", re.MULTILINE), "NOW"),
]


def normalised(text: str) -> str:
    for varying, stands_for in _VARYING:
        text = varying.sub(stands_for, text)
    return text


class Shell:
    """Runs the commands of a page one block after the other, in a copy of the examples."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self._port = _SHOWN_PORT
        bin_folder = str(Path(sys.executable).parent)
        self._environment = undisturbed(os.environ) | {
            "PATH": bin_folder + os.pathsep + os.environ["PATH"]
        }

    def run(self, mark: str, commands: list[str]) -> list[str]:
        """What each of the commands prints, both streams in one."""
        kind, _, detail = mark.partition(": ")
        if kind == "interrupt":
            outputs = [self._interrupted(commands[0], detail)]
        elif kind == "keep running after":
            outputs = [self._left_running(commands[0], detail)]
        else:
            outputs = self._together(commands)
        return [output.replace(self._port, _SHOWN_PORT) for output in outputs]

    def _start(self, script: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            ["sh", "-c", script.replace(_SHOWN_PORT, self._port)],
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        self._stack.callback(self._end, process)
        return process

    def _together(self, commands: list[str]) -> list[str]:
        told = "\ncode=$?; printf '\\036\\n'; (exit $code)\n"
        process = self._start(told.join(commands))
        return process.communicate(timeout=_PATIENCE)[0].split(_SEPARATOR)

    def _interrupted(self, command: str, condition: str) -> str:
        name, _, lines = condition.removesuffix(" lines").partition(" has ")
        path = self._folder / name
        process = self._start(command)
        for _ in range(_PATIENCE * 50):
            if path.exists() and path.read_bytes().count(b"\n") >= int(lines):
                break
            try:
                process.wait(0.02)
            except subprocess.TimeoutExpired:
                continue
            break
        os.killpg(process.pid, signal.SIGINT)
        return "^C\n" + process.communicate(timeout=_PATIENCE)[0]

    def _left_running(self, command: str, last: str) -> str:
        # A free port: the one on the page may be taken here.
        process = self._start("exec " + re.sub("--port [0-9]+", "--port 0", command))
        assert process.stdout is not None
        told = ""
        while last not in told:
            line = process.stdout.readline()
            assert line, f"{command} ended: {told}"
            told += line
        found = re.search(r"127\.0\.0\.1:[0-9]+", told)
        assert found is not None, told
        self._port = found[0]
        return told

    @staticmethod
    def _end(process: subprocess.Popen[str]) -> None:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def with_outputs(page: str, folder: Path) -> str:
    """The page with what its commands print now; where only what varies differs, as it was."""
    shutil.copytree(ROOT / "examples", folder, dirs_exist_ok=True)
    with ExitStack() as stack:
        shell = Shell(folder, stack)

        def rerun(match: re.Match[str]) -> str:
            commands = [line[2:] for line in match[2].splitlines() if line.startswith("$ ")]
            outputs = shell.run(match[1] or "", commands)
            pairs = zip(commands, outputs, strict=True)
            block = "".join(f"$ {command}\n{output}" for command, output in pairs)
            old = match[0]
            new = old[: match.start(2) - match.start()] + block + "```\n"
            return old if normalised(old) == normalised(new) else new

        return _BLOCK.sub(rerun, page)


def options_of(name: str) -> Iterator[tuple[str, click.Option, click.Context]]:
    """The options of a command with the groups in which they stand, but for `--help`."""
    found = command(name)
    context = click.Context(found, info_name=name)
    options = [param for param in found.params if isinstance(param, click.Option)]
    order = ["", *GROUPS]
    for option in sorted(options, key=lambda option: order.index(getattr(option, "group", ""))):
        yield getattr(option, "group", ""), option, context


def with_tables(page: str) -> str:
    """The page with its tables made anew from the code."""
    return _TABLE.sub(lambda match: match[1] + TABLES[match[2]](match[3]) + match[4], page)


def _option_tables(name: str) -> str:
    """By group for `upload`; for the others what differs, and the names of what does not."""
    head = "| option | default | |\n|---|---|---|\n"
    rows = list(_rows(name))
    if name == "upload":
        groups = dict.fromkeys(group for group, _, _ in rows)
        return "".join(
            f"**{group}**\n\n{head}" + "".join(row for of, _, row in rows if of == group) + "\n"
            for group in groups
        )
    known = {row for _, _, row in _rows("upload")}
    own = "".join(row for _, _, row in rows if row not in known)
    same = ", ".join(f"`{flag}`" for _, flag, row in rows if row in known)
    return (head + own + "\n" if own else "") + (f"As for `upload`: {same}.\n\n" if same else "")


def _rows(name: str) -> Iterator[tuple[str, str, str]]:
    for group, option, context in options_of(name):
        record = option.get_help_record(context)
        if record is not None:
            written, text = record
            text, default = _split_default(option, text)
            cells = [cell.replace("|", "\\|") for cell in (f"`{written}`", default, text)]
            yield group, option.opts[-1], f"| {' | '.join(cells)} |\n"


def _split_default(option: click.Option, text: str) -> tuple[str, str]:
    found = re.fullmatch(r"(.*?)\s*\[(.*)\]", text, re.DOTALL)
    if found is None:
        return text, ""
    if isinstance(option, GroupedOption):
        return found[1], found[2]
    default = re.search("default: ([^;]*)", found[2])
    return found[1], default[1] if default else ""


def _reasons(_: str) -> str:
    """Every reason, with the page that tells what to do."""
    head = "| reason | outcome | meaning | what to do |\n|---|---|---|---|\n"
    return head + "".join(
        f"| `{reason.value}` | {outcome} | {text} | [{page}]({page}.md) |\n"
        for reason, (outcome, text, page) in MEANINGS.items()
    )


def _faults(_: str) -> str:
    """The simulator's faults that are not statuses."""
    head = "| kind | |\n|---|---|\n"
    return head + "".join(f"| `{kind}` | {meaning} |\n" for kind, meaning in FAULT_WORDS.items())


TABLES: dict[str, Callable[[str], str]] = {
    "options": _option_tables,
    "reasons": _reasons,
    "faults": _faults,
}
"""The kinds of tables; each is made from the words behind its name."""


def main(names: list[str]) -> None:
    """Write the outputs and tables of these pages anew; without names, of all."""
    for name in names or PAGES:
        text = PAGES[name].read_text(encoding="utf-8")
        with tempfile.TemporaryDirectory() as scratch:
            PAGES[name].write_text(with_outputs(with_tables(text), Path(scratch)), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
