"""Cells that a spreadsheet would take for formulas stay as they are: files are fed back as data."""

import csv

from batchconv.simulator import Behaviour, Simulator
from tests.shells import Shell

FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("http://x","y")', "=cmd|' /C calc'!A0"]


async def test_formulas_go_through_results_and_failed_rows_unchanged(tmp_path):
    """A quote put in front of one would send another id the next time."""
    with (tmp_path / "in.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["message_id", "delivered", "note"])
        writer.writerows([each, "true", each] for each in FORMULAS)
    async with Simulator(Behaviour(status_for_all=420)) as refusing:
        shell = Shell(tmp_path, refusing.base_url)
        ended = await shell.uploaded("in.csv", "-o", "out.results.csv")
        assert ended.books.rejected == len(FORMULAS)
    files = {"out.results.csv": ["message_id"], "out.failed.csv": ["message_id", "note"]}
    for name, columns in files.items():
        with (tmp_path / name).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        for column in columns:
            assert sorted(row[column] for row in rows) == sorted(FORMULAS), name
    async with Simulator(Behaviour()) as simulator:
        shell = Shell(tmp_path, simulator.base_url)
        await shell.uploaded("out.failed.csv", "-o", "out.results.csv")
        assert sorted(simulator.stats.accepted_ids) == sorted(FORMULAS)
