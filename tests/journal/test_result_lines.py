"""A line of the results: what is written quickly is what the plain notation says."""

from hypothesis import given
from hypothesis import strategies as st

from batchconv.journal.results import Stamp, json_text
from batchconv.model import Conversion, Earlier, Fields, Outcome, Reason, Result, Row

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
keys = st.binary(min_size=16, max_size=16)
rows = st.builds(
    Row,
    source=texts,
    number=st.integers(1, 10**12),
    line=st.none() | st.integers(1, 10**12),
    fields=st.builds(Fields, st.none() | texts | st.floats(), *[st.none() | texts] * 3),
    cells=st.none(),
    raw=st.none(),
    fault=st.none(),
    earlier=st.none() | st.builds(Earlier, st.sampled_from(Result), st.none() | keys),
)


@given(
    rows,
    st.none()
    | st.tuples(texts, st.booleans(), st.none() | texts, st.sampled_from(["sms", "voice"])),
    st.sampled_from(Result),
    st.none() | st.integers(200, 599),
    st.integers(0, 100),
    st.none() | st.floats(0, 1e6),
    st.none() | st.tuples(st.sampled_from(Reason), st.none() | texts),
    st.integers(0, 4_000_000_000_000),
)
def test_a_line_is_the_same_in_both_ways_of_writing_it(
    row, sent, result, status, attempts, elapsed, why, millisecond
):
    conversion = None if sent is None else Conversion(row, *sent)
    outcome = Outcome(row, conversion, result, status, attempts, elapsed, *(why or (None, None)))
    stamp = Stamp("run", "target", lambda: millisecond / 1000)
    assert stamp.json(outcome) == json_text(stamp.line(outcome))


def test_the_time_of_a_line_moves_by_milliseconds():
    moments = [1_800_000_000.0, 1_800_000_000.0625, 1_800_000_000.0625, 1_800_000_059.9995]
    stamp = Stamp("run", "target", iter(moments).__next__)
    assert [stamp.now() for _ in moments] == [
        "2027-01-15T08:00:00.000Z",
        "2027-01-15T08:00:00.062Z",
        "2027-01-15T08:00:00.062Z",
        "2027-01-15T08:00:59.999Z",
    ]
