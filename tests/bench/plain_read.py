"""The plainest loops that read a file record by record and do nothing with it.

python -m tests.bench.plain_read FILE.csv|FILE.jsonl
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path


def main() -> None:
    """Read the file to its end."""
    path = Path(sys.argv[1])
    with path.open(encoding="utf-8", newline="") as file:
        if path.suffix == ".csv":
            for _ in csv.reader(file):
                pass
        else:
            for line in file:
                json.loads(line)


if __name__ == "__main__":
    main()
