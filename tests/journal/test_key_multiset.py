"""The bag of keys, against a plain Counter."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from batchconv.journal import key_multiset as module
from batchconv.journal.key_multiset import KeyMultiset

# Few bytes in many places: keys share buckets, and matches straddle their neighbours.
keys = st.tuples(
    st.sampled_from([b"\0\0", b"ab"]), st.lists(st.sampled_from([b"\0", b"a", b"b"]), min_size=14,
                                               max_size=14)
).map(lambda parts: parts[0] + b"".join(parts[1]))  # fmt: skip
notes = st.sampled_from([b"\0\0", b"\0a", b"aa", b"ab", b"b\xff"])


class _Machine(RuleBasedStateMachine):
    most = 12_000_000

    def __init__(self) -> None:
        super().__init__()
        self.bag = KeyMultiset(2, self.most)
        self.model: Counter[tuple[bytes, bytes]] = Counter()
        self.known: list[bytes] = []

    def there(self, key: bytes) -> set[bytes]:
        return {note for (one, note), count in self.model.items() if one == key and count > 0}

    def counted(self, pairs):
        self.model.update(pairs)
        self.known += [key for key, _ in pairs]

    @rule(key=keys, note=notes)
    def add(self, key, note):
        self.bag.add(key, note)
        self.counted([(key, note)])

    @precondition(lambda self: self.known)
    @rule(data=st.data(), note=notes)
    def add_again(self, data, note):
        self.add(data.draw(st.sampled_from(self.known)), note)

    @rule(block=st.lists(keys, max_size=8), note=notes)
    def add_all(self, block, note):
        assert self.bag.add_all(b"".join(block), note) == len(block)
        self.counted([(key, note) for key in block])

    @rule(key=keys, data=st.data(), begin=st.sampled_from([b"", b"", b"a", b"ab", b"c"]))
    def take(self, key, data, begin):
        if self.known and data.draw(st.integers(0, 4)):
            key = data.draw(st.sampled_from(self.known))
        there = {note for note in self.there(key) if note.startswith(begin)}
        note = self.bag.take(key, begin)
        if note is None:
            assert not there
        else:
            assert note in there
            self.model[key, note] -= 1

    @rule(number=st.integers(0, 20))
    def take_in_order(self, number):
        """As they were added, but for one that is passed over."""
        for key in self.known[:number] + self.known[number + 1 :]:
            self.take_known(key)

    def take_known(self, key):
        there = self.there(key)
        note = self.bag.take(key)
        assert note in (there or {None})
        if note is not None:
            self.model[key, note] -= 1

    @rule(key=keys)
    def ask(self, key):
        assert (key in self.bag) == bool(self.there(key))

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


@pytest.mark.parametrize("ahead", [1, 3, 1 << 16])
@pytest.mark.parametrize("machine", [_Machine, _Spilling, _SpillingAtOnce])
def test_it_counts_as_a_counter_does(machine: Any, ahead, monkeypatch):
    """However few keys are kept at hand that were passed over, and however few fit in memory."""
    monkeypatch.setattr(module, "_MOST_AHEAD", ahead)
    monkeypatch.setattr(module, "_MOST_IN_BLOCK", 16 * ahead)
    monkeypatch.setattr(module, "_LONG", 16 * ahead)
    case = machine.TestCase
    case.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
    case("runTest").debug()


def test_ten_thousand_keys_are_found_again_on_disk():
    bag = KeyMultiset(most=1_000)
    many = [number.to_bytes(16, "little") for number in range(0, 40_000, 4)]
    for key in many:
        bag.add(key)
    assert len(bag) == 10_000
    assert all(bag.take(key) == b"\0" for key in many)
    assert not any(bag.take(key) for key in many)
    assert len(bag) == 0


@pytest.mark.parametrize("order", [1, 7, -1])
def test_keys_are_found_in_whatever_order_they_are_asked_for(order, monkeypatch):
    monkeypatch.setattr(module, "_MOST_AHEAD", 100)
    many = [number.to_bytes(16, "little") for number in range(10_007)]  # a prime
    bag = KeyMultiset()
    bag.add_all(b"".join(many[:5_000]))
    bag.add_all(b"".join(many[5_000:]), b"\1")
    found = [bag.take(many[number * order % len(many)]) for number in range(len(many))]
    assert Counter(found) == {b"\0": 5_000, b"\1": 5_007}
    assert len(bag) == 0


def test_very_many_equal_keys_are_no_harder_than_others():
    """Whatever is asked for before them, and whatever stands before them in their bucket."""
    bag = KeyMultiset()
    before, equal, after = b"ab" + bytes(14), b"ab" + b"x" * 14, b"cd" + b"y" * 14
    bag.add(before)
    bag.add_all(equal * 200_000 + after)
    assert bag.take(after)
    assert all(bag.take(equal) for _ in range(200_000))
    assert not bag.take(equal)
    assert bag.take(before)
    assert len(bag) == 0


def test_a_match_that_straddles_two_keys_is_none():
    bag = KeyMultiset()
    bag.add(b"ab" + b"a" * 14, b"a")
    bag.add(b"ab" + b"b" * 14)
    straddling = b"ab" + b"a" * 13 + b"b"
    assert straddling not in bag
    assert bag.take(straddling) is None
    bag.add(straddling, b"\7")
    assert bag.take(straddling) == b"\7"
    assert len(bag) == 2
