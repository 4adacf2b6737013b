"""`python -m batchconv`, and what the installed command calls."""

from __future__ import annotations

from batchconv.sending.signals import SIGNALS


def main() -> None:
    """Run the command line and exit with the contract's code."""
    SIGNALS.install()
    from batchconv.cli import main as run  # noqa: PLC0415 - start-up: signals are heeded before it

    run()


if __name__ == "__main__":
    main()
