"""What becomes of a request at the simulator, as tables: no sockets, no clock."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest

from batchconv.simulator import FAULT_WORDS, PROFILES, Behaviour, FaultRule
from batchconv.simulator.checks import Check, Refusal
from batchconv.simulator.faults import (
    Action,
    Visit,
    allowed_rate,
    burst,
    decide,
    fault_of,
    latency_of,
    retry_after_header,
)
from batchconv.simulator.judge import Judge

GOOD = Check("sms", "id-1", "true", None)
IDS = [f"{n:016x}" for n in range(5000)]


def always(kind: str) -> tuple[FaultRule, ...]:
    return (FaultRule(kind, share=1.0),)


@pytest.mark.parametrize(
    ("behaviour", "visit", "status", "accepted"),
    [
        (Behaviour(), Visit(GOOD), 200, True),
        (Behaviour(status_for_all=407), Visit(GOOD), 407, False),
        (Behaviour(status_for_all=204), Visit(Check(route=Refusal(404, ""))), 204, True),
        (Behaviour(outages=((1, 2),)), Visit(GOOD, since_first=0.999), 200, True),
        (Behaviour(outages=((1, 2),)), Visit(GOOD, since_first=1), 503, False),
        (Behaviour(outages=((1, 2),)), Visit(GOOD, since_first=2), 200, True),
        (Behaviour(outages=((1, 2), (3, 4))), Visit(GOOD, since_first=3.5), 503, False),
        (Behaviour(), Visit(Check(route=Refusal(405, ""))), 405, False),
        (Behaviour(), Visit(GOOD._replace(account=Refusal(401, ""))), 401, False),
        (Behaviour(), Visit(GOOD._replace(parameters=Refusal(422, ""))), 422, False),
        (Behaviour(allow_concurrent=2), Visit(GOOD, in_flight=2), 200, True),
        (Behaviour(allow_concurrent=2), Visit(GOOD, in_flight=3), 429, False),
        (Behaviour(), Visit(GOOD, tokens=0.5), 429, False),
        (Behaviour(), Visit(GOOD, tokens=0.9999999999), 200, True),
        (Behaviour(faults=always("503")), Visit(GOOD), 503, False),
        (Behaviour(faults=always("202")), Visit(GOOD), 202, True),
        (Behaviour(faults=always("reset")), Visit(GOOD), 0, False),
        (Behaviour(faults=always("reset-after")), Visit(GOOD), 0, True),
        (Behaviour(faults=always("hang")), Visit(GOOD), 0, False),
        (Behaviour(faults=always("garbage")), Visit(GOOD), 0, False),
        (Behaviour(faults=always("cut")), Visit(GOOD), 200, True),
        (Behaviour(faults=always("huge")), Visit(GOOD), 200, True),
        (Behaviour(faults=always("drip")), Visit(GOOD), 200, True),
    ],
)
def test_a_request_gets_what_the_behaviour_says(behaviour, visit, status, accepted):
    action = decide(behaviour, visit)
    assert (action.status, action.accepted) == (status, accepted)


@pytest.mark.parametrize(
    ("check", "status"),
    [
        (GOOD._replace(account=Refusal(401, "")), 401),
        (GOOD, 429),
        (GOOD._replace(parameters=Refusal(420, "")), 429),
    ],
)
def test_a_strange_key_is_refused_before_the_allowance_and_a_bad_row_after_it(check, status):
    """A 401 must not hide behind a 429, nor a throttled account spend time on parameters."""
    assert decide(Behaviour(faults=always("500")), Visit(check, tokens=0)).status == status


def test_a_refusal_by_the_allowance_comes_at_once_and_all_else_takes_the_latency():
    slow = Behaviour(latency=3, allow_concurrent=1)
    assert decide(slow, Visit(GOOD)).delay == 3
    assert decide(slow, Visit(GOOD, in_flight=2)).delay == 0


@pytest.mark.parametrize("word", FAULT_WORDS)
def test_a_word_reaches_the_server_as_itself(word):
    action = decide(Behaviour(faults=always(word)), Visit(GOOD))
    assert (action.word, action.faulty) == (word, True)


def hit_ids(behaviour: Behaviour, attempt: int = 1) -> set[str]:
    return {one for one in IDS if fault_of(behaviour, one, attempt, 1)}


def test_a_share_hits_about_that_share_of_the_ids():
    """Fixed by the seed, so the bounds cannot fail by chance."""
    hit = hit_ids(Behaviour(faults=(FaultRule("503", share=0.1),)))
    assert 400 < len(hit) < 600


def test_another_seed_hits_other_ids():
    rules = (FaultRule("503", share=0.1),)
    assert hit_ids(Behaviour(faults=rules)) != hit_ids(Behaviour(faults=rules, seed=1))


def test_a_fault_to_be_tried_again_is_drawn_anew_for_each_request_of_an_id():
    behaviour = Behaviour(faults=(FaultRule("503", share=0.1),))
    both = hit_ids(behaviour, 1) & hit_ids(behaviour, 2)
    assert 0 < len(both) < 150


def test_a_final_no_is_drawn_once_for_an_id():
    behaviour = Behaviour(faults=(FaultRule("420", share=0.1),))
    assert hit_ids(behaviour, 1) == hit_ids(behaviour, 7) != set()


def test_shares_add_up_instead_of_hiding_each_other():
    behaviour = Behaviour(faults=(FaultRule("500", share=0.5), FaultRule("reset", share=0.5)))
    kinds = Counter(rule.kind for one in IDS if (rule := fault_of(behaviour, one, 1, 1)))
    assert kinds.total() == len(IDS)
    assert set(kinds) == {"500", "reset"}


def test_a_rule_that_has_run_out_leaves_the_others_where_they_are():
    first = FaultRule("500", share=0.3)
    second = FaultRule("reset", share=0.3)
    both = Behaviour(faults=(first, second))
    spent = Behaviour(faults=(replace(first, first_attempts=0), second))
    for one in IDS[:200]:
        rule = fault_of(both, one, 1, 1)
        assert fault_of(spent, one, 1, 1) == (None if rule == first else rule)


@pytest.mark.parametrize(("ordinal", "hit"), [(1, False), (9, False), (10, True), (20, True)])
def test_one_in_ten_is_every_tenth_distinct_id(ordinal, hit):
    behaviour = Behaviour(faults=(FaultRule("503", every=10),))
    assert (fault_of(behaviour, "any", 1, ordinal) is not None) is hit


@pytest.mark.parametrize(
    ("of_all", "of_rule", "last_hit"), [(2, None, 2), (None, 3, 3), (2, 3, 2), (0, None, 0)]
)
def test_faults_end_after_the_first_attempts(of_all, of_rule, last_hit):
    rule = FaultRule("503", share=1.0, first_attempts=of_rule)
    behaviour = Behaviour(faults=(rule,), first_attempts=of_all)
    hits = [attempt for attempt in range(1, 6) if fault_of(behaviour, "x", attempt, 1)]
    assert hits == list(range(1, last_hit + 1))


def test_the_latency_is_spread_by_seed_and_id_and_stays_within_its_bounds():
    behaviour = Behaviour(latency=1, latency_spread=2)
    drawn = [latency_of(behaviour, one, 1) for one in IDS[:500]]
    assert 1 <= min(drawn) < 1.1
    assert 2.9 < max(drawn) < 3
    assert drawn == [latency_of(behaviour, one, 1) for one in IDS[:500]]


@pytest.mark.parametrize(
    ("since_first", "rate"), [(0, None), (4.9, None), (5, 10.0), (9.9, 10.0), (10, 50.0)]
)
def test_the_allowed_rate_changes_at_its_times(since_first, rate):
    changing = Behaviour(allow_rate_changes=((5, 10.0), (10, 50.0)))
    assert allowed_rate(changing, since_first) == rate


@pytest.mark.parametrize(("rate", "at_once"), [(0, 0), (1, 1), (50, 10)])
def test_a_fifth_of_a_second_may_come_at_once(rate, at_once):
    assert burst(rate) == at_once


@pytest.mark.parametrize(
    ("value", "status", "header"),
    [
        ("1", 429, "1"),
        ("1", 503, "1"),
        ("1", 500, None),
        ("soon", 503, "soon"),
        (None, 503, None),
        ("date:2", 503, "Thu, 01 Jan 1970 00:00:12 GMT"),
    ],
)
def test_retry_after_goes_with_429_and_503(value, status, header):
    assert retry_after_header(Behaviour(retry_after=value), status, 10.0) == header


def test_a_retry_after_date_is_never_nearer_than_asked_for():
    header = retry_after_header(Behaviour(retry_after="date:2"), 503, 10.4)
    assert header == "Thu, 01 Jan 1970 00:00:13 GMT"


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("503=10%", FaultRule("503", share=0.1)),
        ("reset=0.25", FaultRule("reset", share=0.25)),
        ("hang=.5", FaultRule("hang", share=0.5)),
        ("420 = 1/10", FaultRule("420", every=10)),
        ("cut=1", FaultRule("cut", share=1.0)),
        ("huge=100%", FaultRule("huge", share=1.0)),
    ],
)
def test_a_fault_is_read_as_people_write_it(text, rule):
    assert FaultRule.parse(text) == rule


@pytest.mark.parametrize(
    "text", ["503", "=1", "503=", "503=x", "503=101%", "503=2", "crash=1", "199=1", "503=1/0", ""]
)
def test_what_is_no_fault_is_refused_with_a_sentence(text):
    with pytest.raises(ValueError, match=r"write|between"):
        FaultRule.parse(text)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"faults": (FaultRule("500", share=0.6), FaultRule("503", share=0.5))}, "add up to 110%"),
        ({"status_for_all": 100}, "from 200 to 599"),
        ({"outages": ((2, 2),)}, "must end later"),
        ({"retry_after": "1\r\nX: y"}, "printable ASCII"),
    ],
)
def test_a_behaviour_that_contradicts_itself_is_refused(values, words):
    with pytest.raises(ValueError, match=words):
        Behaviour(**values)


def test_a_behaviour_does_not_show_its_secrets():
    shown = repr(Behaviour(api_secret="hush-1", signature_secret="hush-2"))
    assert "hush" not in shown


def last_statuses(behaviour: Behaviour) -> Iterator[Action]:
    """What each id ends with when it is sent up to five times."""
    judge = Judge(behaviour)
    for one in IDS:
        for _ in range(5):
            action = judge.judge(GOOD._replace(message_id=one), 0.0, 1)
            if action.accepted or action.status == 420:
                break
        yield action


def test_under_flaky_everything_is_accepted_within_five_attempts_but_a_few_refused_for_good():
    ends = Counter(action.status for action in last_statuses(PROFILES["flaky"]))
    assert set(ends) == {200, 420}
    assert 10 < ends[420] < 50


def test_the_judge_decides_the_same_in_whatever_order_ids_arrive():
    def decisions(ids: list[str]) -> dict[tuple[str, int], Action]:
        judge = Judge(PROFILES["flaky"])
        return {
            (one, n): judge.judge(GOOD._replace(message_id=one), 0.0, 1)
            for n in range(3)
            for one in ids
        }

    assert decisions(IDS[:300]) == decisions(IDS[299::-1])


def test_the_judge_lets_the_burst_through_and_then_the_rate():
    judge = Judge(Behaviour(allow_rate=10))
    at_once = [judge.judge(GOOD, 100.0, 1).status for _ in range(4)]
    assert at_once == [200, 200, 429, 429]
    later = [judge.judge(GOOD, 100.0 + n / 20, 1).status for n in range(1, 9)]
    assert later == [429, 200] * 4


def test_the_judge_follows_a_change_of_the_rate():
    judge = Judge(Behaviour(allow_rate=0, allow_rate_changes=((1, 5),)))
    assert judge.judge(GOOD, 7.0, 1).status == 429
    assert [judge.judge(GOOD, 8.0, 1).status for _ in range(2)] == [200, 429]


def test_throttled_requests_do_not_use_up_the_faulty_attempts():
    judge = Judge(Behaviour(faults=always("500"), first_attempts=1, allow_concurrent=1))
    statuses = [judge.judge(GOOD, 0.0, in_flight).status for in_flight in (2, 2, 1, 1)]
    assert statuses == [429, 429, 500, 200]


def test_the_judge_numbers_ids_by_first_arrival():
    judge = Judge(Behaviour(faults=(FaultRule("503", every=2),), first_attempts=1))
    asked = ["a", "a", "b", "b", "c", "d"]
    statuses = [judge.judge(GOOD._replace(message_id=one), 0.0, 1).status for one in asked]
    assert statuses == [200, 200, 503, 200, 200, 503]


def test_an_outage_is_counted_from_the_first_request_not_from_the_start():
    judge = Judge(Behaviour(outages=((1, 2),)))
    assert [judge.judge(GOOD, at, 1).status for at in (50, 51, 52)] == [200, 503, 200]


def test_an_action_is_plain_unless_told_otherwise():
    assert Action(200) == (200, "", 0.0, None, False, False, False)
