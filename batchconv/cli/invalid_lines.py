"""Why rows are invalid that nobody sent, as `validate` and `upload --dry-run` print it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from batchconv.operations.findings import RowsLookedAt


def invalid_lines(found: RowsLookedAt) -> Iterator[str]:
    """Each reason with the option that may take its rows, and the first few of them."""
    for reason, count in found.reasons.most_common():
        yield f"{count:,} invalid: {reason}"
        proposal = found.proposals.get(reason)
        if proposal is not None:
            yield f"  try {proposal}"
        for example in found.examples[reason]:
            yield f"  {example if proposal is None else example.without_remedy()}"
