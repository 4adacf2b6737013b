"""Files that nobody would write: a few of them here, as many as you like with `make fuzz`."""

import random
from itertools import islice

import pytest

from tests.fuzz import cases, check
from tests.oracles import check_delimited, check_json
from tests.shells import Wire


@pytest.mark.parametrize("seed", [1_000_000, 2_000_000, 3_000_000, 4_000_000])
def test_no_file_ends_in_a_traceback_a_hang_or_a_row_unaccounted_for(tmp_path, monkeypatch, seed):
    monkeypatch.chdir(tmp_path)
    wire = Wire()
    wire.plug_in(monkeypatch)
    rows = sum(
        check(case, wire, sending=number % 10 == 0)
        for number, case in enumerate(islice(cases(seed), 200))
    )
    assert rows > 1_000


@pytest.mark.parametrize("check", [check_delimited, check_json])
def test_values_are_those_that_the_standard_library_reads(check):
    assert sum(check(random.Random(seed)) for seed in range(300)) > 5_000
