"""README and the manual tell the truth: their commands run, and what they list is complete."""

import ast
import re
import shutil
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from batchconv.cli import cli
from batchconv.cli.manual import page, topics
from batchconv.journal.reasons import MEANINGS
from batchconv.model import Reason
from tests.commands import COMMANDS
from tests.pages import PAGES, ROOT, normalised, options_of, with_outputs, with_tables
from tests.shells import upload_here

TEXTS = {name: path.read_text(encoding="utf-8") for name, path in PAGES.items()}
EVERY = pytest.mark.parametrize("name", TEXTS)


@EVERY
def test_every_command_prints_what_the_page_says(name, tmp_path):
    assert normalised(with_outputs(TEXTS[name], tmp_path)) == normalised(TEXTS[name])


@EVERY
def test_tables_are_those_of_the_code(name):
    assert with_tables(TEXTS[name]) == TEXTS[name]


@EVERY
def test_links_lead_somewhere(name):
    for target in re.findall(r"\]\(([^)]*)\)", TEXTS[name]):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        there = (PAGES[name].parent / path).resolve() if path else PAGES[name]
        assert there.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", there.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w -]", "", one).lower().replace(" ", "-") for one in headings}
            assert anchor in anchors, target


@EVERY
def test_the_python_on_the_page_is_python(name):
    for code in re.findall(r"```python\n(.*?)```", TEXTS[name], re.DOTALL):
        compile(code, name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


@EVERY
def test_every_page_of_the_manual_that_is_named_is_there(name):
    named = set(re.findall(r"batchconv manual ([a-z][a-z-]+)", TEXTS[name]))
    assert named <= set(topics()) | {"index"}


@EVERY
def test_every_make_target_that_is_named_is_there(name):
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    named = re.findall(r"^make ([a-z]+)|`make ([a-z]+)`", TEXTS[name], re.MULTILINE)
    assert {one or other for one, other in named} <= set(targets)


def test_readme_has_200_lines_at_most():
    assert len(TEXTS["README"].splitlines()) <= 200


def test_the_index_names_every_page_and_no_other():
    named = re.findall(r"^\| \[`([a-z-]+)`\]\(\1\.md\)", TEXTS["index"], re.MULTILINE)
    assert sorted(named) == topics()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_of_every_command_is_in_the_reference(name):
    for _, option, _ in options_of(name):
        for flag in option.opts:
            assert re.search(rf"`[^`|]*{flag}(?![\w-])", TEXTS["options"]), flag


def test_every_command_is_in_the_reference():
    for name in COMMANDS:
        assert re.search(rf"`batchconv {name}[` ]", TEXTS["options"]), name


@pytest.mark.parametrize("topic", ["index", *topics()])
def test_a_page_is_printed_plain_through_a_pipe(topic):
    result = CliRunner().invoke(cli, ["manual", topic])
    assert result.exit_code == 0
    assert result.stdout.startswith("# ")
    assert result.stdout.rstrip("\n") == page(topic).rstrip("\n")
    assert "<!--" not in result.stdout


def test_a_page_that_is_not_there_is_answered_with_the_nearest():
    result = CliRunner().invoke(cli, ["manual", "correctin"], standalone_mode=False)
    assert "batchconv manual correcting" in str(getattr(result.exception, "hint", ""))


def test_the_manual_is_shipped_with_the_package():
    assert "manual/*.md" in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_the_demo_runs_to_its_end(tmp_path):
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    done = subprocess.run(
        ["sh", "examples/demo.sh", f"{sys.prefix}/bin/batchconv"],
        cwd=tmp_path, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_reason_has_a_meaning_and_a_page():
    assert set(MEANINGS) == set(Reason)
    assert {meaning.page for meaning in MEANINGS.values()} <= set(topics())


def test_every_field_of_the_summary_has_a_meaning(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.csv").write_text("message_id,delivered\n1,true\n")
    table = TEXTS["results"].partition("## Summary")[2]
    listed = set(re.findall(r"`(\w+)`", " ".join(re.findall(r"(?m)^\| (`.*?) \|", table))))
    assert set(upload_here("in.csv").as_dict()) - listed == set()


def test_click_names_no_command_that_is_missing():
    assert isinstance(cli, click.Group)
