"""Whatever people and accidents do to files between two runs, the books balance."""

import pytest

from tests.siege import endure


@pytest.mark.parametrize("tens", range(8))
def test_inputs_and_books_may_be_edited_cut_and_renamed_between_runs(tens):
    """Each seed is a story of its own: `python -m tests.siege --runs 1 --seed N` tells it."""
    for seed in range(tens * 10, tens * 10 + 10):
        breach, story = endure(seed)
        assert breach is None, (seed, story)
