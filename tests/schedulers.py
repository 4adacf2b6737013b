"""`make schedulers`: the example DAG in a real Airflow, against the simulator of the API.

    python -m tests.schedulers PYTHON

PYTHON is that of an environment with apache-airflow. The first night the API is down until the task
is up for another try, which sends what is left; the second night the key is refused, and nobody
tries again.
"""

import asyncio
import json
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

from batchconv.simulator import API_KEY, API_SECRET, Behaviour, FaultRule, Simulator
from tests.bench.processes import undisturbed
from tests.shells import ROOT, behave, ids

_PATIENCE = 300  # seconds for a night, most of which are Airflow's own


class Airflow:
    """An Airflow with nothing in it but the example, and a folder with exports for it."""

    def __init__(self, python: str, folder: Path, simulator: Simulator) -> None:
        self._python = python
        self._simulator = simulator
        self._dag = folder / "dags" / "conversions.py"
        self._dag.parent.mkdir()
        text = (ROOT / "examples" / "airflow_dag.py").read_text(encoding="utf-8")
        # Nobody waits for another try here.
        self._dag.write_text(text.replace("retry_delay=timedelta(minutes=15)",
                                          "retry_delay=timedelta(seconds=1)"))  # fmt: skip
        self._exports = folder / "exports"
        self._exports.mkdir()
        account = {"conn_type": "generic", "login": API_KEY, "password": API_SECRET}
        self._environment = undisturbed(os.environ) | {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "AIRFLOW_HOME": str(folder / "airflow"),
            "AIRFLOW__CORE__DAGS_FOLDER": str(self._dag.parent),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW_CONN_VONAGE": json.dumps(account),
            "CONVERSIONS_FOLDER": str(folder),
            "BATCHCONV_BASE_URL": simulator.base_url,
            "BATCHCONV_RATE": "none",
            "BATCHCONV_GIVE_UP_AFTER": "1s",
        }

    def export(self, name: str) -> None:
        """Let the day's export arrive."""
        text = "message_id,delivered\n" + "".join(f"{row},true\n" for row in ids(40, name))
        (self._exports / f"{name}.csv").write_text(text, encoding="utf-8")

    async def migrate(self) -> None:
        """Make its database."""
        await self._lines("-m", "airflow", "db", "migrate")

    async def night(self) -> tuple[str, list[int]]:
        """Run the DAG: what became of it, and the exit code of each try.

        The API is well again as soon as one of them was 3.
        """
        lines = await self._lines(str(ROOT / "tests" / "airflow_side.py"), str(self._dag))
        codes = re.findall(r"Command exited with return code (-?\d+)", "".join(lines))
        return json.loads(lines[-1])["run"], [int(code) for code in codes]

    async def _lines(self, *arguments: str) -> list[str]:
        process = await asyncio.create_subprocess_exec(
            self._python,
            *arguments,
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=2**20,
        )
        assert process.stdout is not None
        lines = []
        try:
            async with asyncio.timeout(_PATIENCE):
                async for line in process.stdout:
                    lines.append(line.decode(errors="replace"))
                    if b"exit code 3: " in line:
                        behave(self._simulator)
                code = await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
        assert code == 0, "".join(lines)
        return lines


async def main(python: str) -> None:
    """Two nights."""
    with tempfile.TemporaryDirectory() as scratch:
        async with Simulator(Behaviour()) as simulator:
            airflow = Airflow(python, Path(scratch), simulator)
            await airflow.migrate()

            airflow.export("monday")
            behave(simulator, FaultRule("503", share=1.0))
            first = await airflow.night()
            assert first == ("success", [3, 0]), first
            assert sorted(simulator.stats.accepted_ids) == sorted(ids(40, "monday"))

            airflow.export("tuesday")
            behave(simulator, status_for_all=401)
            second = await airflow.night()
            assert second == ("failed", [4]), second
            assert len(simulator.stats.accepted_ids) == 40
    sys.stdout.write(
        f"an outage: {first[0]} after {first[1]}; a refused key: {second[0]} after {second[1]}\n"
    )


if __name__ == "__main__":
    asyncio.run(main(shutil.which(sys.argv[1]) or sys.argv[1]))
