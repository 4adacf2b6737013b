"""An upload loads what it needs, in an order that keeps its start short: `make bench` times it."""

import pytest

from batchconv.simulator import Behaviour, Simulator
from tests.shells import Shell, ids

# What belongs to other commands, other inputs, other options, or to the first row that is odd.
NEEDLESS = (
    *("batchconv.api", "batchconv.report", "batchconv.manual", "batchconv.sending.relay.local"),
    *("batchconv.simulator.behaviour", "batchconv.simulator.server", "batchconv.simulator.stats"),
    *("batchconv.cli.dry_run", "batchconv.cli.completion", "batchconv.operations.dry_run"),
    *("batchconv.operations.validate", "batchconv.operations.findings"),
    *("batchconv.operations.corrections", "batchconv.operations.row_options"),
    *("batchconv.operations.ray_relay", "batchconv.sending.relay.relay"),
    *("batchconv.reading.sources.remote", "batchconv.reading.sources.filesystems"),
    *("batchconv.reading.sources.zips", "batchconv.reading.sources.memory"),
    *("batchconv.reading.formats.jsonl", "batchconv.reading.formats.json_values"),
    *("batchconv.reading.formats.parquet", "batchconv.reading.damaged_ids"),
    *("batchconv.journal.ledger", "batchconv.journal.key_multiset_on_disk"),
    *("batchconv.telemetry.metrics", "batchconv.telemetry.progress_bar"),
    *("aiohttp.web", "fsspec", "pyarrow", "numpy", "pandas", "prometheus_client", "ray", "rich"),
    *("sqlite3", "tomllib", "zipfile", "zoneinfo", "multiprocessing", "unittest"),
)


@pytest.fixture
async def loaded(tmp_path) -> list[str]:
    """The modules that an upload of plain rows loads, indented below those that load them."""
    async with Simulator(Behaviour()) as simulator:
        shell = Shell(tmp_path, simulator.base_url)
        shell.env["PYTHONPROFILEIMPORTTIME"] = "1"
        shell.write("in.csv", ids(20))
        ended = await shell.uploaded("in.csv", "-q")
        assert simulator.stats.distinct_ids == 20
    told = (line for line in ended.err.splitlines() if line.startswith("import time:"))
    return [line.rpartition("| ")[2] for line in told]


async def test_an_upload_loads_nothing_that_it_does_not_need(loaded):
    names = [line.strip() for line in loaded]
    assert "batchconv.pipeline" in names
    needless = tuple(f"{name}." for name in NEEDLESS)
    assert [name for name in names if f"{name}.".startswith(needless)] == []


async def test_aiohttp_is_loaded_by_itself_so_that_it_can_be_kept_from_loading_certificates(loaded):
    """It loads them twice, which takes as long as two hundred modules."""
    assert "aiohttp" in loaded, "another module loads it"
