"""The README tells the truth: its commands run, and what it lists is complete.

`python -m tests.test_readme` writes outputs and option tables anew. Two marks before a block of
commands tell of commands that do not end by themselves:

    <!-- interrupt: FILE has N lines -->      Ctrl-C as soon as that is so
    <!-- keep running after: TEXT -->         until the end of the page; its port is made to fit
"""

import ast
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import click
import pytest

from batchconv import errors
from batchconv.cli.options import GroupedOption
from batchconv.journal.results import ResultLine
from batchconv.model import Reason
from batchconv.settings.option_types import GROUPS
from batchconv.simulator import FAULT_WORDS, PROFILES
from batchconv.telemetry.summary import Summary
from tests.bench.processes import undisturbed
from tests.commands import COMMANDS, command

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PAGE = README.read_text(encoding="utf-8")

_BLOCK = re.compile(r"(?:<!-- ([^\n]*) -->\n)?```console\n(.*?)```\n", re.DOTALL)
_OPTIONS = re.compile(r"(<!-- options: ([\w ]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_SEPARATOR = "\x1e\n"
_SHOWN_PORT = "127.0.0.1:8080"
_PATIENCE = 60  # seconds

# What is never twice the same, and what stands for it.
_DURATION = r"(?:[0-9.]+ (?:ms|s|min|h)(?: [0-9]+ s)?)"
_VARYING = [
    (re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{6}"), "RUN"),
    (re.compile(r'"at":"[^"]*"'), '"at":"NOW"'),
    (re.compile(r'"elapsed_ms":[0-9.]+'), '"elapsed_ms":N'),
    (re.compile(rf"in {_DURATION}, [0-9.]+ a second"), "in T, N a second"),
    (re.compile(rf"p50 {_DURATION}, p95 {_DURATION}"), "p50 T, p95 T"),
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


def with_option_tables(page: str) -> str:
    """The page with its tables of options made from the commands."""
    return _OPTIONS.sub(lambda match: match[1] + _tables(match[2]) + match[3], page)


def _tables(name: str) -> str:
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


def test_every_command_prints_what_the_page_says(tmp_path):
    assert normalised(with_outputs(PAGE, tmp_path)) == normalised(PAGE)


def test_the_option_tables_are_those_of_the_commands():
    assert with_option_tables(PAGE) == PAGE


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_on_the_page(name):
    """A name that starts with two dashes in backticks, with or without a value behind it."""
    for _, option, _ in options_of(name):
        for flag in option.opts:
            assert re.search(rf"`[^`|]*{flag}(?![\w-])", PAGE), flag


def test_every_command_is_on_the_page():
    for name in COMMANDS:
        assert re.search(rf"`(batchconv )?{name}[` ]", PAGE), name


def section(heading: str) -> str:
    return PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def first_cells(text: str) -> list[str]:
    """The words in backticks in the first cells of the tables of *text*."""
    cells = [line.split(" | ")[0] for line in text.splitlines() if line.startswith("| `")]
    return [word for cell in cells for word in re.findall("`([^`]+)`", cell)]


def test_every_reason_is_on_the_page_and_no_other():
    assert first_cells(section("Every reason")) == [reason.value for reason in Reason]


def test_every_module_is_in_the_map_and_no_other():
    folder = ROOT / "batchconv"
    modules = {path.relative_to(folder).as_posix() for path in folder.rglob("*.py")}
    assert sorted(first_cells(section("The rooms of the house"))) == sorted(modules)


def test_every_field_of_a_result_and_of_the_summary_is_on_the_page():
    assert first_cells(section("What comes out")) == list(ResultLine._fields)
    counts = set(re.findall(r"\w+", section("The books and the summary")))
    assert set(Summary("", 0.0).as_dict()) <= counts


def test_every_exit_code_is_on_the_page():
    told = set(map(int, re.findall(r"\b\d+\b", " ".join(re.findall(
        r"^\| ([\d, ]+) \|", section("Exit codes"), re.MULTILINE)))))  # fmt: skip
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    raised = {kind.exit_code for kind in kinds if issubclass(kind, errors.BatchconvError)}
    assert raised | {0, 1, 3, 129, 130, 143} == told


def test_every_profile_and_fault_of_the_stand_in_is_on_the_page():
    text = section("simulate")
    assert first_cells(text) == [*PROFILES, *FAULT_WORDS]
    for kind, meaning in FAULT_WORDS.items():
        assert f"| `{kind}` | {meaning} |" in text


def test_every_make_target_that_the_page_names_is_there():
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    named = set(re.findall(r"^make (\w+)|`make (\w+)`", PAGE, re.MULTILINE))
    assert {one or other for one, other in named} <= set(targets)


def test_links_lead_somewhere():
    headings = re.findall(r"^#+ (.*)$", PAGE, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
    for target in re.findall(r"\]\(([^)]*)\)", PAGE):
        assert target[1:] in anchors if target.startswith("#") else (ROOT / target).exists(), target


def test_the_python_on_the_page_is_python():
    for code in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        compile(code, "README", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def test_the_demo_runs_to_its_end(tmp_path):
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    program = Path(sys.executable).parent / "batchconv"
    done = subprocess.run(
        ["sh", "examples/demo.sh", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "accepted 53 + rejected 1 + failed 0 + invalid 12" in done.stderr


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        README.write_text(with_outputs(with_option_tables(PAGE), Path(scratch)), encoding="utf-8")
