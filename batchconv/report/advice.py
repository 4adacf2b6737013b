"""What to do next, as commands that can be pasted."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from contextlib import suppress

from batchconv.journal.append_only_file import STDOUT
from batchconv.model import Result
from batchconv.reading.sources import stem
from batchconv.report.fold import MOST_SOURCES
from batchconv.report.model import FileReport, RunReport, Step
from batchconv.report.wording import many
from batchconv.settings.option_types import Option, options_of
from batchconv.settings.options import Settings, same_folder
from batchconv.settings.read_options import ReadSettings

_OPTIONS = options_of(Settings)
_FILES = {"results", "failed", "no_failed", "summary", "resume", "overwrite"}
_ABOUT_ROWS = {*options_of(ReadSettings), "failed", "no_failed"}
# A masked key cannot be given, and its secret's file is of no use without it.
_NEVER = {"api_key", "api_secret_file", "signature_secret_file", "resume", "overwrite", "summary"}
_MEND_FIRST = {4: "mend the account or the address first", 5: "mend the file first"}
_FAILED_END = re.compile(r"(\.[0-9]+)?\.(csv|tsv|jsonl)")
MENDED = (Result.REJECTED.value, Result.INVALID.value)
"""Outcomes of rows that come to nothing again unless they are mended."""


def steps(files: Sequence[FileReport], runs: Sequence[RunReport]) -> tuple[Step, ...]:
    """What to do about the rows that came to nothing or were not sent.

    Args:
        files: in order.
        runs: of all of them, the newest last.
    """
    found: list[Step] = []
    for file in files:
        own = [run for run in runs if run.path == file.path]
        if file.writer is not None:
            found.append(Step(f"{file.writer} is still writing to {file.path}: wait for it", None))
        elif own:
            found.extend(_resume(file, own))
            found.extend(_resend(file, own[-1]))
        if own:
            found.extend(_mend(file, own))
    return tuple(found)


def _resume(file: FileReport, runs: Sequence[RunReport]) -> Iterator[Step]:
    if not file.unsent and (file.exit_code or 0) <= 1:
        return
    sources = list(dict.fromkeys(source for run in runs for source in run.sources))
    why = f"the last run ended with exit code {file.exit_code}"
    if file.unsent:
        why = f"{many(file.unsent, 'row')} not sent: {why}"
    if file.exit_code in _MEND_FIRST:
        why += f"; {_MEND_FIRST[file.exit_code]}"
    if not sources or len(sources) >= MOST_SOURCES or "resend" in {run.what for run in runs}:
        yield Step(f"{why}; give the same command again, with --resume", None)
        return
    if STDOUT in sources:
        why += "; pipe the same input in again"
    command = _command(
        "upload", runs[-1], ["-o", file.path], sources, skip={"results"}, last="--resume"
    )
    # The results know nothing of inputs that the run had not come to.
    yield Step(f"{why}; go on, and name the inputs, too, that it had not come to", command)


def _resend(file: FileReport, run: RunReport) -> Iterator[Step]:
    failed = file.outcomes[Result.FAILED.value]
    if not failed:
        return
    command = None
    if file.path != STDOUT:
        skip = _FILES | _ABOUT_ROWS
        command = _command("resend", run, [], [file.path], skip=skip)
    yield Step(f"{many(failed, 'row')} failed, their attempts used up: send them again", command)


def _mend(file: FileReport, runs: Sequence[RunReport]) -> Iterator[Step]:
    rows = sum(file.outcomes[outcome] for outcome in MENDED)
    if not rows:
        return
    sources = {source for run in runs for source in run.sources}
    if "" not in file.to_mend:
        sources &= set(file.to_mend)
    paths = sorted({path for source in sources for path in _failed_paths(file.path, source)})
    words = " or ".join(name for name in MENDED if file.outcomes[name])
    why = f"{many(rows, 'row')} {words}: mend the values"
    if not paths:
        yield Step(f"{why} in the failed-rows file or the input, and upload the rows anew", None)
        return
    if file.outcomes[Result.FAILED.value]:
        why += ", drop the rows marked failed"
    yield Step(
        f"{why} and upload what is left",
        _command("upload", runs[-1], [], paths, skip=_FILES | {"limit", "ledger"}),
    )


def _failed_paths(results: str, source: str) -> Iterator[str]:
    """The failed-rows files of an input that lie beside the results."""
    begin = f"{stem(source)}.failed"
    with suppress(OSError):
        for path in same_folder(results).iterdir():
            if path.name.startswith(begin) and _FAILED_END.fullmatch(path.name[len(begin) :]):
                yield str(path)


def _command(
    name: str,
    run: RunReport,
    first: Sequence[str],
    paths: Sequence[str],
    *,
    skip: set[str],
    last: str = "",
) -> str | None:
    """A command with the options that *run* was given, as far as its summary tells."""
    words = [name, *first]
    words += [word for given in _given(run) if given[0] not in skip for word in given[1]]
    if run.simulated:
        profile = None if run.summary is None else run.summary.options.get("simulate")
        words.append(f"--simulate={profile}" if isinstance(profile, str) else "--simulate")
    words += [path if path == STDOUT or path[:1] != "-" else f"./{path}" for path in paths]
    words += [last] * bool(last)
    # What cannot be seen must not be pasted into a shell.
    return shlex.join(["batchconv", *words]) if all(map(str.isprintable, words)) else None


def _given(run: RunReport) -> Iterator[tuple[str, list[str]]]:
    """The options that differ from their defaults, each with its name."""
    if run.summary is None:
        return
    default = Settings().shown()
    if run.simulated:
        default["rate"] = None
    for name, option in _OPTIONS.items():
        value = run.summary.options.get(name, default[name])
        if name not in _NEVER and value != default[name]:
            yield name, _flag(option, value)


def _flag(option: Option, value: object) -> list[str]:
    flag = option.flags[-1]
    if isinstance(value, list):
        return [word for one in value for word in (flag, str(one))]
    if option.metavar is None and not option.choices:
        return [flag] * bool(value)
    if isinstance(value, bool):
        return [flag, str(value).lower()]
    if value is None:
        return [flag, "none"]
    return [flag, str(value).removesuffix(".0") if isinstance(value, float) else str(value)]
