"""The bag of keys, against a plain Counter."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from batchconv.keys import KeyBag

# Few bytes in many places: keys share buckets, and matches straddle their neighbours.
keys = st.tuples(
    st.sampled_from([b"\0\0", b"ab"]), st.lists(st.sampled_from([b"\0", b"a", b"b"]), min_size=14,
                                               max_size=14)
).map(lambda parts: parts[0] + b"".join(parts[1]))  # fmt: skip
tags = st.sampled_from([0, 1, 2, 97, 255])


class _Machine(RuleBasedStateMachine):
    most = 12_000_000

    def __init__(self) -> None:
        super().__init__()
        self.bag = KeyBag(self.most)
        self.model: Counter[tuple[bytes, int]] = Counter()
        self.known: list[bytes] = []

    def there(self, key: bytes) -> set[int]:
        return {tag for (one, tag), count in self.model.items() if one == key and count > 0}

    @rule(key=keys, tag=tags)
    def add(self, key, tag):
        self.bag.add(key, tag)
        self.model[key, tag] += 1
        self.known.append(key)

    @precondition(lambda self: self.known)
    @rule(data=st.data(), tag=tags)
    def add_again(self, data, tag):
        self.add(data.draw(st.sampled_from(self.known)), tag)

    @rule(key=keys, data=st.data(), prefer=st.frozensets(tags))
    def take(self, key, data, prefer):
        if self.known and data.draw(st.integers(0, 4)):
            key = data.draw(st.sampled_from(self.known))
        there = self.there(key)
        assert (key in self.bag) == bool(there)
        tag = self.bag.take(key, prefer)
        if tag is None:
            assert not there
        else:
            assert tag in (there & prefer or there)
            self.model[key, tag] -= 1

    @rule(pairs=st.lists(st.tuples(keys, tags), max_size=8), most=st.sampled_from([2, 5, 1000]))
    def absorb(self, pairs, most):
        other = KeyBag(most)
        for key, tag in pairs:
            other.add(key, tag)
        self.bag.absorb(other)
        self.model.update(pairs)
        self.known += [key for key, _ in pairs]
        assert len(other) == 0
        assert all(key not in other for key, _ in pairs)

    @rule()
    def drain(self):
        assert Counter(self.bag.drain()) == +self.model
        self.model.clear()

    @invariant()
    def as_many(self):
        assert len(self.bag) == self.model.total()


class _Spilling(_Machine):
    most = 3


class _SpillingAtOnce(_Machine):
    most = 1


@pytest.mark.parametrize("machine", [_Machine, _Spilling, _SpillingAtOnce])
def test_it_counts_as_a_counter_does(machine: Any):
    case = machine.TestCase
    case.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
    case("runTest").debug()


def test_ten_thousand_keys_are_found_again_on_disk():
    bag = KeyBag(1_000)
    many = [number.to_bytes(16, "little") for number in range(0, 40_000, 4)]
    for key in many:
        bag.add(key)
    assert len(bag) == 10_000
    assert all(bag.take(key) == 0 for key in many)
    assert not any(bag.take(key) is not None for key in many)
    assert len(bag) == 0


def test_a_match_that_straddles_two_keys_is_none():
    bag = KeyBag()
    bag.add(b"ab" + b"a" * 14, tag=ord("a"))
    bag.add(b"ab" + b"b" * 14)
    straddling = b"ab" + b"a" * 13 + b"b"
    assert straddling not in bag
    assert bag.take(straddling) is None
    bag.add(straddling, tag=7)
    assert bag.take(straddling) == 7
    assert len(bag) == 2
