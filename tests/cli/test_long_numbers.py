"""Numbers for people have a comma after each three digits; the books, for programs, have none."""

import re

from tests.shells import Shell

NO_QUANTITY = re.compile(r"^read \d+ = .*$| 20\d\d-\d\d-\d\d|\b(row|line) \d+", re.MULTILINE)
RESULTS = "in.simulated.results.jsonl"


async def test_long_numbers_are_shown_in_groups_by_all_commands(tmp_path):
    shell = Shell(tmp_path, "")
    rows = [*(f"v{n},true" for n in range(1100)), *(f"w{n},so" for n in range(1050))]
    again = [f"v{n},true" for n in range(1001)]
    (tmp_path / "in.csv").write_text("\n".join(["message_id,delivered", *rows, *again]))
    (tmp_path / "one.csv").write_text("message_id,delivered\nx,true\n")
    told = ""
    for command in (
        "validate in.csv",
        "upload --simulate --duplicates skip --dry-run in.csv",
        "upload --simulate --duplicates skip in.csv",
        "upload --simulate --resume in.csv",
        f"audit in.csv --results {RESULTS}",
        f"audit one.csv --results {RESULTS}",
        f"report {RESULTS}",
        f"failed {RESULTS} in.csv",
        f"dismiss {RESULTS} --all",
    ):
        ended = await shell.start(*command.split()).end()
        told += f"$ {command}\n{ended.out}{ended.err}"
    told = NO_QUANTITY.sub("", told)
    assert re.findall(r"^.*\b\d{4,}\b.*$", told, re.MULTILINE) == []
