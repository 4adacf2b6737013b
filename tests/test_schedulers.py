"""The examples for schedulers: what they run goes on by itself, and each exit code has its answer.

`make schedulers` runs the DAG in a real Airflow; here small simulators take its place.
"""

import asyncio
import configparser
import importlib.util
import logging
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import kubernetes_validate
import pytest
import yaml

from batchconv.simulator import API_KEY, API_SECRET, Behaviour, FaultRule, Simulator
from tests.shells import ROOT, behave, ids

EXAMPLES = ROOT / "examples"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
BIN = Path(sys.executable).parent
PATH = f"{BIN}:/usr/local/bin:/usr/bin:/bin"

# What a scheduler should do with each exit code: nothing, nothing but tell it, try again, give up.
DONE, LOOK, LATER, MEND = "DONE", "LOOK", "LATER", "MEND"
ANSWERS = {
    0: DONE, 1: LOOK, 2: MEND, 3: LATER, 4: MEND, 5: MEND, 70: MEND, 75: LATER,
    129: LATER, 130: LATER, 143: LATER, 137: LATER,
}  # fmt: skip


def test_every_exit_code_of_the_page_has_an_answer():
    page = (ROOT / "batchconv" / "manual" / "exit-codes.md").read_text(encoding="utf-8")
    codes = re.findall(r"^\| ([\d, ]+) \|", page, re.MULTILINE)
    killed = {137}
    assert {int(code) for cell in codes for code in cell.split(",")} | killed == set(ANSWERS)


# -- five nights -----------------------------------------------------------------------------------


class Nights:
    """A folder with exports and a simulator of the API, for a job that runs night for night.

    Attributes:
        folder: holds `exports/`; also the home of the user that the job runs as.
        base_url: where the job has to send to.
    """

    def __init__(self, folder: Path, simulator: Simulator) -> None:
        self.folder = folder
        self.base_url = simulator.base_url
        self.simulator = simulator
        self._sent: list[str] = []
        (folder / "exports").mkdir()

    def export(self, name: str, count: int, *, bad: str = "") -> None:
        """Let the day's export arrive, with a row that says *bad* where it should say a boolean."""
        rows = ids(count, name)
        self._sent += rows
        text = "message_id,delivered\n" + "".join(f"{row},true\n" for row in rows)
        if bad:
            text += f"{name}-bad,{bad}\n"
        (self.folder / "exports" / f"{name}.csv").write_text(text, encoding="utf-8")

    def corrected(self, name: str) -> None:
        """Expect the row that was bad to have been sent, too."""
        self._sent.append(f"{name}-bad")

    def all_arrived_once(self) -> bool:
        return self.simulator.stats.accepted_ids == Counter(self._sent)

    def files(self) -> set[str]:
        return {path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*")}


@pytest.fixture
async def nights(tmp_path):
    async with Simulator(Behaviour()) as simulator:
        yield Nights(tmp_path, simulator)


async def run(command: list[str], folder: Path, **environment: str) -> tuple[int, str]:
    """Exit code and output of a command that has no environment but this."""
    done = await asyncio.to_thread(
        subprocess.run,
        command,
        cwd=folder,
        env={"PATH": PATH, "HOME": str(folder), **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        text=True,
    )
    return done.returncode, done.stdout


async def five_nights(nights: Nights, job: Any, *, account: dict[str, str]) -> list[str]:
    """A bad row, an outage, a correction, and at last nothing to do; what each night told.

    No file is moved by anybody, and the command is the same every night.

    Args:
        nights: where.
        job: takes what to put for the time limit, or None; gives exit code and words.
        account: variables under which the person who corrects the row works.
    """
    told = []

    async def night(*wanted: int, limit: str | None = None) -> None:
        code, words = await job(limit)
        assert code in wanted, words
        told.append(words)

    nights.export("monday", 30)
    await night(0)
    assert nights.all_arrived_once()

    nights.export("tuesday", 10, bad="maybe")
    await night(1)
    (failed,) = [name for name in nights.files() if name.endswith("tuesday.csv")
                 and ".failed/" in name]  # fmt: skip

    nights.export("wednesday", 10)
    behave(nights.simulator, FaultRule("503", share=1.0))
    await night(3, limit="500ms")
    behave(nights.simulator)

    # The next day somebody sees to the row; the night then sends what the outage has left.
    path = nights.folder / failed
    path.write_text(path.read_text(encoding="utf-8").replace("maybe", "true"), encoding="utf-8")
    code, words = await run([str(BIN / "batchconv"), "upload", failed], nights.folder,
                            BATCHCONV_BASE_URL=nights.base_url, BATCHCONV_AUTH="basic",
                            **account)  # fmt: skip
    assert code == 0, words
    nights.corrected("tuesday")
    await night(0)
    assert nights.all_arrived_once()

    before = nights.files()
    await night(0)
    assert nights.all_arrived_once()
    assert {name for name in nights.files() ^ before if not name.endswith("summary.json")} == set()
    (results,) = [name for name in nights.files() if name.endswith(".results.jsonl")]
    code, words = await run(
        [str(BIN / "batchconv"), "audit", "exports/", "--results", results], nights.folder
    )
    assert code == 0, words
    return told


def limited(command: str, limit: str | None) -> str:
    """A command with another time limit than its own."""
    changed, count = re.subn(r"(--max-duration[ =])\w+", rf"\g<1>{limit}", command)
    assert count == 1, command
    return changed if limit else command


# -- cron ------------------------------------------------------------------------------------------


def crontab() -> tuple[dict[str, str], list[list[str]]]:
    """The variables, and the lines cut into five fields and a command."""
    lines = (EXAMPLES / "batchconv.crontab").read_text(encoding="utf-8").splitlines()
    told = [line for line in lines if line and not line.startswith("#")]
    variables = dict(line.split("=", 1) for line in told if re.match(r"[A-Z]+=", line))
    return variables, [line.split(None, 5) for line in told if not re.match(r"[A-Z]+=", line)]


def test_the_crontab_has_five_fields_and_a_command_in_each_line():
    _, lines = crontab()
    assert lines
    for *fields, command in lines:
        for field, (low, high) in zip(
            fields, [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)], strict=True
        ):
            assert field == "*" or low <= int(field) <= high, fields
        assert "%" not in command, "cron makes line ends of it"


def test_installing_the_crontab_keeps_the_lines_that_are_there(tmp_path):
    """The command in its first lines, with a `crontab` that has a table already."""
    text = (EXAMPLES / "batchconv.crontab").read_text(encoding="utf-8")
    (command,) = re.findall(r"^# {4,}(.*crontab -)$", text, re.MULTILINE)
    table, program = tmp_path / "table", tmp_path / "crontab"
    program.write_text(f'#!/bin/sh\n[ "$1" = -l ] && exec cat {table}\ncat > {table}.new\n')
    program.chmod(0o755)
    for before in ("", "5 4 * * *  somebody else\n"):
        table.write_text(before)
        subprocess.run(
            ["sh", "-c", command], cwd=ROOT, check=True, env={"PATH": f"{tmp_path}:{PATH}"}
        )
        assert Path(f"{table}.new").read_text(encoding="utf-8") == before + text


async def test_the_line_of_the_crontab_is_silent_when_all_is_well(nights):
    variables, [[*_, command]] = crontab()
    settings = nights.folder / ".config" / "batchconv" / "config.toml"
    settings.parent.mkdir(parents=True)
    settings.touch(mode=0o600)
    settings.write_text(
        f'api_key = "{API_KEY}"\napi_secret = "{API_SECRET}"\n'
        f'base_url = "{nights.base_url}"\nrate = "none"\n'
    )
    command = command.replace("/srv/conversions", shlex.quote(str(nights.folder)))

    async def job(limit):
        return await run([variables["SHELL"], "-c", limited(command, limit)], Path("/"),
                         HOME=str(nights.folder))  # fmt: skip

    told = await five_nights(nights, job, account={})
    assert (told[0], told[3], told[4]) == ("", "", "")
    assert "failed rows: exports.failed/tuesday.csv" in told[1]
    assert "resume with: " in told[2]


# -- systemd ---------------------------------------------------------------------------------------


class Unit(configparser.RawConfigParser):
    """A unit file; a name that stands in it twice has its last value, which no test asks for."""

    def __init__(self, name: str) -> None:
        super().__init__(strict=False, delimiters=("=",), interpolation=None)
        self.read(EXAMPLES / name, encoding="utf-8")

    def optionxform(self, optionstr: str) -> str:
        return optionstr

    def codes(self, name: str) -> set[int]:
        return {int(word) for word in self["Service"][name].split()}


@pytest.fixture
def units(tmp_path):
    """Copies of the units in which the program is one that is here."""
    for name in ("batchconv.service", "batchconv.timer"):
        text = (EXAMPLES / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(text.replace("/usr/local/bin/batchconv", "/bin/true"))
    return tmp_path


def systemd_analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *arguments], capture_output=True, text=True, check=False
    )


has_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd is not installed"
)


@has_systemd
def test_systemd_finds_nothing_wrong_with_the_units(units):
    done = systemd_analyze("verify", units / "batchconv.service", units / "batchconv.timer")
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@has_systemd
def test_the_service_can_do_little_but_its_work(units):
    """As systemd rates it, from 0 for nothing to 100 for everything."""
    done = systemd_analyze(
        "security", "--offline=yes", "--threshold=20", "--no-pager", units / "batchconv.service"
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("code", "answer"), ANSWERS.items())
def test_the_service_starts_again_only_what_can_go_on(code, answer):
    unit = Unit("batchconv.service")
    assert unit["Service"]["Restart"] == "on-failure"
    if code == 0 or code in unit.codes("SuccessExitStatus"):
        assert answer in (DONE, LOOK) or code == 143, "a stop that was asked for"
    elif code in unit.codes("RestartPreventExitStatus"):
        assert answer == MEND
    else:
        assert answer == LATER


async def test_the_service_goes_through_five_nights(nights):
    service = Unit("batchconv.service")["Service"]
    assert service["Environment"] == "BATCHCONV_API_SECRET_FILE=%d/api-secret"
    assert service["LoadCredential"].startswith("api-secret:")
    (nights.folder / "api-secret").write_text(f"{API_SECRET}\n")
    program, _, arguments = service["ExecStart"].partition(" ")
    assert program == "/usr/local/bin/batchconv"
    command = arguments.replace("/srv/conversions", str(nights.folder))

    async def job(limit):
        return await run(
            [str(BIN / "batchconv"), *shlex.split(limited(command, limit))],
            nights.folder,
            HOME=str(nights.folder / "api-secret" / "home"),  # ProtectHome: it cannot be reached
            BATCHCONV_API_KEY=API_KEY,
            BATCHCONV_API_SECRET_FILE=str(nights.folder / "api-secret"),
            BATCHCONV_BASE_URL=nights.base_url,
            BATCHCONV_RATE="none",
        )

    await five_nights(
        nights, job, account={"VONAGE_API_KEY": API_KEY, "VONAGE_API_SECRET": API_SECRET}
    )


# -- Kubernetes ------------------------------------------------------------------------------------


def manifests() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((EXAMPLES / "cronjob.yaml").read_text(encoding="utf-8")))


def cron_job() -> dict[str, Any]:
    (found,) = [one["spec"] for one in manifests() if one["kind"] == "CronJob"]
    return found


def pod() -> dict[str, Any]:
    return cron_job()["jobTemplate"]["spec"]["template"]["spec"]


def dockerfile() -> list[tuple[str, str]]:
    """Instructions with their arguments, lines that go on joined."""
    text = (EXAMPLES / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in lines]


@pytest.mark.parametrize("version", ["1.31", "1.34", "1.37"])
def test_kubernetes_knows_every_word_of_the_manifests(version):
    for manifest in manifests():
        kubernetes_validate.validate(manifest, version, strict=True)


@pytest.mark.parametrize(("code", "answer"), ANSWERS.items())
def test_the_job_starts_again_only_what_can_go_on(code, answer):
    job = cron_job()["jobTemplate"]["spec"]
    assert pod()["restartPolicy"] == "Never", "a policy by exit codes needs it"
    assert job["backoffLimit"] > 0
    (rule,) = [rule for rule in job["podFailurePolicy"]["rules"] if "onExitCodes" in rule]
    asked = rule["onExitCodes"]
    assert (rule["action"], asked["operator"]) == ("FailJob", "In")
    assert asked["containerName"] == pod()["containers"][0]["name"]
    assert (code in asked["values"]) == (answer in (LOOK, MEND))


def test_the_pod_may_do_nothing_but_its_work():
    assert cron_job()["concurrencyPolicy"] == "Forbid"
    (container,) = pod()["containers"]
    assert pod()["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod()["automountServiceAccountToken"] is False
    assert all("secretKeyRef" in variable["valueFrom"] for variable in container["env"])
    mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
    assert {mount["name"] for mount in mounts.values()} == {one["name"] for one in pod()["volumes"]}
    assert mounts["/exports"]["readOnly"] is True


def test_the_image_fits_the_pod_and_the_project():
    told = dockerfile()
    words = dict(told)
    (container,) = pod()["containers"]
    assert container["image"] == f"{PROJECT['name']}:{PROJECT['version']}"
    context = pod()["securityContext"]
    assert words["USER"] == f"{context['runAsUser']}:{context['runAsGroup']}"
    assert words["WORKDIR"] in [mount["mountPath"] for mount in container["volumeMounts"]]
    assert words["ENTRYPOINT"] == '["batchconv"]', "no shell that would keep SIGTERM to itself"
    assert [word for word, _ in told].index("USER") > [word for word, _ in told].index("RUN")
    copied = [name for word, rest in told if word == "COPY" for name in rest.split()[:-1]]
    assert {"pyproject.toml", PROJECT["readme"], "batchconv"} == set(copied)
    assert all((ROOT / name).exists() for name in copied)
    (extras,) = re.findall(r"\[([\w,]+)\]", words["RUN"])
    assert set(extras.split(",")) <= set(PROJECT["optional-dependencies"])
    assert "://" not in "".join(rest for _, rest in told)


async def test_the_job_goes_through_five_nights(nights):
    (container,) = pod()["containers"]
    secrets = {"api-key": API_KEY, "api-secret": API_SECRET}
    account = {
        variable["name"]: secrets[variable["valueFrom"]["secretKeyRef"]["key"]]
        for variable in container["env"]
    }
    command = shlex.join(container["args"]).replace("/exports/", f"{nights.folder}/exports/")

    async def job(limit):
        return await run(
            [str(BIN / "batchconv"), *shlex.split(limited(command, limit))],
            nights.folder,
            BATCHCONV_BASE_URL=nights.base_url,
            BATCHCONV_RATE="none",
            **account,
        )

    told = await five_nights(nights, job, account=account)
    assert all(line.startswith("{") for night in told for line in night.splitlines())


# -- Airflow ---------------------------------------------------------------------------------------


class AirflowError(Exception):
    """Stands in for AirflowException: the task is tried again."""


class AirflowFailError(AirflowError):
    """Stands in for AirflowFailException: it is not."""


class _Operator:
    log = logging.getLogger("airflow.task")

    def __init__(self, **given: Any) -> None:
        self.given = given


class _Dag:
    given: dict[str, Any] = {}  # noqa: RUF012 - the last one's, for the one test that reads it

    def __init__(self, name: str, **given: Any) -> None:
        _Dag.given = given

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


class _Process:
    def run_command(self, command: list[str], *, env: dict[str, str], cwd: str) -> SimpleNamespace:
        done = subprocess.run(command, env=env, cwd=cwd, capture_output=True, check=False)
        return SimpleNamespace(exit_code=done.returncode)


class _Connections:
    @staticmethod
    def get_connection(name: str) -> SimpleNamespace:
        assert name == "vonage"
        return SimpleNamespace(login=API_KEY, password=API_SECRET)


@pytest.fixture
def dag(monkeypatch):
    """The module of the example, on simulators for what it takes from Airflow."""
    stands_for = {
        "airflow.sdk": {"DAG": _Dag, "BaseHook": _Connections, "BaseOperator": _Operator},
        "airflow.sdk.exceptions": {
            "AirflowException": AirflowError, "AirflowFailException": AirflowFailError
        },
        "airflow.providers.standard.hooks.subprocess": {"SubprocessHook": _Process},
    }  # fmt: skip
    parents = ["airflow", "airflow.providers", "airflow.providers.standard"]
    for name, values in [*stands_for.items(), *((parent, {}) for parent in parents)]:
        module = ModuleType(name)
        vars(module).update(values)
        monkeypatch.setitem(sys.modules, name, module)
    spec = importlib.util.spec_from_file_location("airflow_dag", EXAMPLES / "airflow_dag.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("code", "answer"), [*ANSWERS.items(), (-9, LATER)])
def test_the_dag_tries_again_only_what_can_go_on(dag, monkeypatch, caplog, code, answer):
    monkeypatch.setattr(_Process, "run_command", lambda *_, **__: SimpleNamespace(exit_code=code))
    assert dag.verdict(code).name == answer
    task = dag.ConversionUpload(task_id="upload", folder=".")
    if answer == MEND:
        with pytest.raises(AirflowFailError, match=f"exit code {code}: "):
            task.execute({})
    elif answer == LATER:
        with pytest.raises(AirflowError, match=f"exit code {code}: ") as raised:
            task.execute({})
        assert not isinstance(raised.value, AirflowFailError)
    else:
        assert task.execute({}) == code
        assert bool(caplog.records) == (answer == LOOK)


@pytest.mark.usefixtures("dag")
def test_the_dag_has_one_run_at_a_time_and_none_for_nights_gone_by():
    assert _Dag.given["max_active_runs"] == 1
    assert _Dag.given["catchup"] is False


async def test_the_dags_task_goes_through_five_nights(dag, nights, monkeypatch):
    monkeypatch.setenv("PATH", PATH)
    monkeypatch.setenv("BATCHCONV_BASE_URL", nights.base_url)
    monkeypatch.setenv("BATCHCONV_RATE", "none")
    task = dag.ConversionUpload(task_id="upload", folder=str(nights.folder))
    command = shlex.join(dag.COMMAND)

    async def job(limit):
        monkeypatch.setattr(dag, "COMMAND", shlex.split(limited(command, limit)))
        try:
            return await asyncio.to_thread(task.execute, {}), ""
        except AirflowError as error:
            return int(re.findall(r"\d+", str(error))[0]), str(error)

    await five_nights(
        nights, job, account={"VONAGE_API_KEY": API_KEY, "VONAGE_API_SECRET": API_SECRET}
    )
