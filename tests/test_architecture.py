"""The house checks itself: who knows whom, which library lives where, and how files look."""

import ast
import json
import re
import subprocess
import sys
import tokenize
from functools import cache
from graphlib import TopologicalSorter
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "batchconv"
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in PACKAGE.rglob("*.py")
}
TEXTS = [
    path
    for folder in (PACKAGE, ROOT / "tests", ROOT / "examples", ROOT / ".ci")
    for path in folder.rglob("*")
    if path.is_file() and "__pycache__" not in path.parts
] + [ROOT / name for name in ("README.md", "Makefile", "pyproject.toml", ".gitignore")]
CODE = [path for path in TEXTS if path.suffix == ".py"]

# Who may import whom: each folder those before it, and none in its own line.
LEVELS = (
    ("model",),
    ("errors", "retry_after"),
    ("vonage",),
    ("reading", "sending", "simulator"),
    ("settings",),
    ("journal",),
    ("telemetry",),
    ("pipeline",),
    ("operations",),
    ("report",),
    ("api",),
    ("manual",),
    ("cli",),
)
ROOMS = {
    "aiohttp": {
        "batchconv.sending.certificates",
        "batchconv.sending.client",
        "batchconv.sending.exchange",
        "batchconv.sending.troubles",
        "batchconv.simulator",
        "batchconv.reading.sources.filesystems",
    },
    "yarl": {"batchconv.vonage.endpoint"},
    "click": {"batchconv.cli"},
    "fsspec": {"batchconv.reading.sources.filesystems"},
    "pyarrow": {
        "batchconv.reading.formats.parquet",
        "batchconv.reading.formats.parquet_pages",
        "batchconv.reading.formats.arrow",
    },
    "backports": {"batchconv.reading.sources.compression"},
    "tenacity": {"batchconv.sending.retry"},
    "rich": {"batchconv.cli.manual", "batchconv.report.text", "batchconv.telemetry.progress_bar"},
    "prometheus_client": {"batchconv.telemetry.metrics"},
    "jinja2": {"batchconv.report.page"},
    "matplotlib": {"batchconv.report.charts"},
    "ray": {"batchconv.sending.relay.ray_bridge"},
}


class Imports(ast.NodeVisitor):
    """The modules that a module imports: all of them, and those that are not for types alone."""

    def __init__(self, module: str) -> None:
        self.all: set[str] = set()
        self.when_run: set[str] = set()
        self._package = module if MODULES[module].stem == "__init__" else module.rpartition(".")[0]
        self._for_types = False
        self.visit(ast.parse(MODULES[module].read_text(encoding="utf-8")))

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._add(alias.name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        assert node.level == 0, "imports name the whole way"
        for alias in node.names:
            inner = f"{node.module}.{alias.name}"
            self._add(inner if inner in MODULES else str(node.module))

    def visit_If(self, node: ast.If) -> None:
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            self._for_types = True
            self.generic_visit(node)
            self._for_types = False
        else:
            self.generic_visit(node)

    def _add(self, name: str) -> None:
        self.all.add(name)
        if not self._for_types:
            self.when_run.add(name)


@cache
def imports_of(module: str) -> Imports:
    return Imports(module)


def shown(path):
    return path.relative_to(ROOT).as_posix()


def folder_of(module):
    """The folder, or the file beside the folders, that a module belongs to."""
    return [*module.split("."), ""][1]


def test_the_package_holds_its_folders_and_four_files_and_nothing_else():
    found = {path.stem if path.suffix == ".py" else path.name for path in PACKAGE.iterdir()}
    dunder = {"__init__", "__main__", "__pycache__", "py.typed"}
    assert found - dunder == set(chain(*LEVELS)), "LEVELS tells who may import whom"


@pytest.mark.parametrize("module", MODULES)
def test_no_folder_imports_one_that_stands_above_it(module):
    level = {folder: number for number, folders in enumerate(LEVELS) for folder in folders}
    mine = folder_of(module)
    for imported in imports_of(module).all & set(MODULES):
        theirs = folder_of(imported)
        if mine in level and theirs in level and mine != theirs:
            assert level[theirs] < level[mine], f"{module} imports {imported}"


@pytest.mark.parametrize("module", MODULES)
def test_what_is_private_to_a_folder_is_not_imported_from_outside(module):
    for imported in imports_of(module).all:
        if imported.startswith("batchconv.") and folder_of(imported) != folder_of(module):
            assert not any(
                part.startswith("_") and not part.startswith("__") for part in imported.split(".")
            ), f"{module} imports {imported}"


def test_what_sends_in_this_process_knows_nothing_about_workers():
    relay = "batchconv.sending.relay."
    for module in MODULES:
        if module.startswith("batchconv.sending.") and not f"{module}.".startswith(relay):
            assert not [name for name in imports_of(module).all if name.startswith(relay)], module


def test_no_module_imports_itself_by_way_of_others_not_even_from_within_functions():
    graph = {module: imports_of(module).when_run & set(MODULES) - {module} for module in MODULES}
    TopologicalSorter(graph).prepare()  # raises CycleError


@pytest.mark.parametrize("module", MODULES)
def test_an_import_within_a_function_is_for_start_up_time_or_an_extra(module):
    lines = MODULES[module].read_text(encoding="utf-8").splitlines()
    for line in lines:
        if "PLC0415" in line:
            assert re.search(r"PLC0415 - .*(start-up|extra)", line), f"{module}: {line}"


@pytest.mark.parametrize("library", ROOMS)
def test_a_library_lives_in_its_rooms(library):
    for module in MODULES:
        if any(name.split(".")[0] == library for name in imports_of(module).all):
            assert any(f"{module}.".startswith(f"{room}.") for room in ROOMS[library]), module


def test_the_core_neither_prints_nor_exits():
    for module, path in MODULES.items():
        if module.startswith("batchconv.cli"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                assert ast.unparse(node.func) not in ("print", "sys.exit", "exit"), module


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["validate", "--help"], ["report", "--help"], ["nonsense"]],
)
def test_help_and_version_wait_for_no_library_that_they_do_not_need(arguments):
    script = (
        "import sys, json\n"
        "from batchconv.__main__ import main\n"
        f"sys.argv[1:] = {arguments}\n"
        "try:\n    main()\n"
        "except SystemExit:\n    pass\n"
        "print('\\n' + json.dumps(sorted(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    modules = set(json.loads(done.stdout.splitlines()[-1]))
    heavy = {"aiohttp", "tenacity", "asyncio", "yarl", "ssl", "sqlite3", "concurrent.futures"}
    heavy |= {"backports", "pyarrow", "fsspec", "logging"}
    heavy |= {"rich", "jinja2", "matplotlib", "prometheus_client"}
    assert modules & heavy == set()


@pytest.mark.parametrize("path", MODULES.values(), ids=shown)
def test_a_module_has_300_lines_at_most(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300


@pytest.mark.parametrize("path", CODE, ids=shown)
def test_nothing_is_left_for_later(path):
    with path.open("rb") as file:
        for token in tokenize.tokenize(file.readline):
            if token.type == tokenize.COMMENT:
                assert not re.search(r"\b(TODO|FIXME|XXX|HACK)\b", token.string), token.line


@pytest.mark.parametrize("path", CODE, ids=shown)
def test_whatever_is_silenced_has_its_reason_beside_it(path):
    """Such as `noqa: S101 - why`; what silences everything is not allowed at all."""
    silencer = re.compile(
        r"#\s*((ruff: )?noqa|type: ignore|pragma: no cover|mypy:)(: [A-Z0-9, ]+|\[[\w-]+\])?(.*)"
    )
    with path.open("rb") as file:
        for token in tokenize.tokenize(file.readline):
            found = silencer.match(token.string) if token.type == tokenize.COMMENT else None
            if found:
                assert found[3] or found[1] == "pragma: no cover", token.line
                assert len(found[4].strip(" -#")) >= 8, token.line


@pytest.mark.parametrize("path", MODULES.values(), ids=shown)
def test_every_module_says_in_a_sentence_what_it_is(path):
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert docstring is not None
    assert docstring.splitlines()[0].endswith((".", ":", "?"))


@pytest.mark.parametrize("path", TEXTS, ids=shown)
def test_no_file_speaks_of_where_it_was_written(path):
    text = path.read_bytes().decode("utf-8", "replace")
    # Written in pieces, so that this file does not hold what it looks for.
    forbidden = ["shared" + "/", "/wo" + "rk/", "/ro" + "ot/", "/ho" + "me/"]
    assert [word for word in forbidden if word in text] == []


def test_there_is_no_drawer():
    drawers = {"utils", "util", "helpers", "common", "misc"}
    assert not [module for module in MODULES if module.rpartition(".")[2] in drawers]
