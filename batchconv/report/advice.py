"""What to do next, as commands that can be pasted."""

from __future__ import annotations

import os
from collections.abc import Container, Iterator, Sequence
from pathlib import Path

from batchconv.errors import UsageError, count_of
from batchconv.errors import command as command_of
from batchconv.journal.append_only_file import STDOUT
from batchconv.journal.job_files import name_job, tells_job
from batchconv.model import Result
from batchconv.reading.sources import is_stdin, is_url, without_query
from batchconv.report.model import JobReport, RunReport, RunTold, Step
from batchconv.settings.option_types import Option, options_of
from batchconv.settings.options import Settings
from batchconv.settings.read_options import ReadSettings

_OPTIONS = options_of(Settings)
_ABOUT_ROWS = {*options_of(ReadSettings), "max_age", "duplicates"}
# About one run's files, words and rows. A masked key cannot be given, and its secret's file is of
# no use without it.
_NEVER = {
    "results", "failed", "no_failed", "summary", "resume", "retry", "overwrite", "dry_run", "limit",
    "strict", "progress", "log_format", "log_file", "quiet", "verbose", "metrics_file",
    "api_key", "api_secret_file", "signature_secret_file", "simulate",
}  # fmt: skip
_FIRST = {4: "correct the account or the address first", 5: "correct the file first"}
_CALM = "calm"
_TO_CORRECT = (Result.REJECTED.value, Result.INVALID.value)
_FAILED = Result.FAILED.value


def steps(jobs: Sequence[JobReport], runs: Sequence[RunReport]) -> tuple[Step, ...]:
    """What to do about the rows that are outstanding or were not sent.

    Args:
        jobs: in order.
        runs: of all of them, in order.
    """
    found: list[Step] = []
    for job in jobs:
        own = [run for run in runs if run.path == job.path]
        if job.writer is not None:
            found.append(Step(f"{job.writer} is still writing to {job.path}: wait for it", None))
            continue
        resume = list(_resume(job))
        found += resume
        if not any(step.command for step in resume):
            found += _resend(job, own)
        found += _correct(job, own)
    return tuple(found)


def _resume(job: JobReport) -> Iterator[Step]:
    run = job.unfinished
    if run is None or run.told is None:
        return
    told = run.told
    why = (
        f"the last {run.what} did not end, and may have left rows unsent"
        if run.crashed
        else f"the last {run.what} ended with exit code {told.exit_code}"
    )
    if not told.all_read:
        rows = count_of(told.unsent or 0, "row was", "rows were")
        why += f" before the end of the input: {rows} read and not sent, the rest was not read"
    elif told.unsent:
        why = f"{count_of(told.unsent, 'row')} not sent: {why}"
    if told.exit_code in _FIRST:
        why += f"; {_FIRST[told.exit_code or 0]}"
    if any(is_url(name) and without_query(name) != name for name in told.inputs):
        yield Step(f"{why}; give the same command again, with --resume", None)
        return
    if any(map(is_stdin, told.inputs)):
        why += "; pipe the same input in again"
    elif not all(map(_is_there, told.inputs)):
        why += "; from the folder in which it was started, continue with"
    else:
        why += "; continue with"
    results = [] if _finds_itself(job, told) else ["-o", job.path]
    yield Step(why, _command(["upload", "--resume", *results], run, told.inputs))


def _is_there(name: str) -> bool:
    return is_url(name) or os.path.exists(name) or "*" in name  # noqa: PTH110 - any text


def _finds_itself(job: JobReport, told: RunTold) -> bool:
    """Whether a resume finds the job by the names of its inputs alone."""
    if len(told.inputs) != 1:
        return False
    try:
        files = name_job(told.inputs, None, simulated=told.options.get("simulate") is not None)
        return Path(files.results).samefile(job.path)
    except (UsageError, OSError, ValueError):
        return False


def _resend(job: JobReport, runs: Sequence[RunReport]) -> Iterator[Step]:
    failed = job.outcomes[_FAILED]
    if not failed:
        return
    command = None
    if job.path != STDOUT:
        command = _command(["resend"], _sender(runs), [job.path], skip=_ABOUT_ROWS)
    yield Step(
        f"{count_of(failed, 'row')} failed, their attempts used up: send them again", command
    )


def _correct(job: JobReport, runs: Sequence[RunReport]) -> Iterator[Step]:
    rows = sum(job.outcomes[outcome] for outcome in _TO_CORRECT)
    if not rows or job.path == STDOUT:
        return
    outcomes = [name for name in _TO_CORRECT if job.outcomes[name]]
    why = f"{count_of(rows, 'row')} {' or '.join(outcomes)}"
    found = all(tells_job(name, job.path) for name in job.to_correct)
    results = [] if found else ["-o", job.path]
    if job.to_correct:
        files = "the failed-rows file" if len(job.to_correct) == 1 else "the failed-rows files"
        yield Step(
            f"{why}: correct the values in {files}, and upload what you have corrected",
            _command(["upload", *results], _sender(runs), job.to_correct, skip=_ABOUT_ROWS),
        )
        if len(runs) > 1 and job.inputs and not any(map(is_stdin, job.inputs)):
            yield Step(
                "these files hold the rows of the last run; to write all that are outstanding",
                command_of(["failed"], [job.path, *job.inputs]),
            )
    elif job.inputs and not any(map(is_stdin, job.inputs)):
        yield Step(
            f"{why}: write them to a file to be corrected",
            command_of(["failed"], [job.path, *job.inputs]),
        )
    else:
        yield Step(f"{why}: correct the values in the input, and upload it with --resume", None)
    words = ["dismiss", *(word for name in outcomes for word in ("--outcome", name))]
    yield Step("or dismiss those that you do not want to correct", command_of(words, [job.path]))


def _sender(runs: Sequence[RunReport]) -> RunReport | None:
    """The run whose way to the API is the one to go again."""
    senders = [run for run in runs if run.what != "dismiss"]
    return senders[-1] if senders else None


def _command(
    words: Sequence[str],
    run: RunReport | None,
    names: Sequence[str],
    *,
    skip: Container[str] = (),
) -> str | None:
    """A command with the options that *run* was given, as far as the runs file tells."""
    options = list(words)
    if run is not None:
        options += [word for name, given in _given(run) if name not in skip for word in given]
        if run.simulated or _simulated(run):
            profile = None if run.told is None else run.told.options.get("simulate")
            usual = profile in (None, _CALM)
            options.append("--simulate" if usual else f"--simulate={profile}")
    return command_of(options, names)


def _simulated(run: RunReport) -> bool:
    return run.told is not None and run.told.options.get("simulate") not in (None, "none")


def _given(run: RunReport) -> Iterator[tuple[str, list[str]]]:
    """The options that differ from their defaults, each with its name."""
    if run.told is None:
        return
    default = Settings().shown()
    if run.simulated or _simulated(run):
        default["rate"] = None
    for name, option in _OPTIONS.items():
        value = run.told.options.get(name, default[name])
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
