"""`python -m batchconv`, and what the installed command calls."""

from __future__ import annotations

from batchconv.cli import main

if __name__ == "__main__":
    main()
