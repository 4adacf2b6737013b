"""The turns of a run, told as events: an outage that the run ends in is not over."""

import logging

import pytest

from batchconv.model import Reason, Reply
from batchconv.sending.stops import duration_stop, signal_stop
from batchconv.telemetry.run_events import Turns
from tests.harness import OK, Job

DOWN = Reply(503, 0.01)
REFUSED = Reply(None, 0.01, trouble=Reason.CONNECTION_REFUSED)


@pytest.fixture
def told(caplog):
    caplog.set_level(logging.INFO, logger="batchconv")

    def events() -> list[tuple[str, str]]:
        return [
            (record.event, record.getMessage())  # type: ignore[attr-defined]  # ours has it
            for record in caplog.records
            if record.event in ("paused", "resumed", "stopping")  # type: ignore[attr-defined]  # the same
        ]

    return events


PAUSED = (
    "paused",
    "outage: the server answered 503; single rows are sent until one gets a final answer",
)


@pytest.mark.parametrize(
    ("events", "settings"),
    [
        ((), {"give_up_after": 30.0}),
        (((30.0, lambda run: run.stop(signal_stop(15))),), {}),
        (((30.0, lambda run: run.stop(duration_stop(30))),), {}),
    ],
)
def test_an_outage_that_the_run_ends_in_is_not_told_as_over(tmp_path, told, events, settings):
    job = Job(tmp_path, lambda *_: DOWN).write(f"m{n}" for n in range(100))
    job.upload(Turns(), events=events, **settings)
    assert [event for event, _ in told()] == ["paused", "stopping"]
    assert told()[0] == PAUSED


class Often(Turns):
    """Looks once more when the run has ended, and its files are not closed yet."""

    def end(self, snapshot):
        self.see(snapshot)
        super().end(snapshot)


def test_a_look_while_the_files_of_an_ended_run_are_closed_takes_no_outage_for_over(tmp_path, told):
    job = Job(tmp_path, lambda *_: DOWN).write(f"m{n}" for n in range(100))
    job.upload(Often(), give_up_after=30.0)
    assert [event for event, _ in told()] == ["paused", "stopping"]


def test_an_outage_that_is_over_is_told_as_over_also_when_the_run_ends_with_it(tmp_path, told):
    job = Job(tmp_path, lambda _, now: DOWN if now < 20 else OK).write(f"m{n}" for n in range(10))
    job.upload(Turns())
    assert [event for event, _ in told()] == ["paused", "resumed"]
    assert told()[1][1].startswith("outage: over after ")


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (REFUSED, "outage: the server refused the connection; "),
        (REFUSED._replace(proxy=True), "outage: the proxy refused the connection; "),
        (
            Reply(None, 0.01, trouble=Reason.UNKNOWN_HOST),
            "outage: the server's name could not be found; ",
        ),
        (
            Reply(None, 0.01, trouble=Reason.NO_ROUTE),
            "outage: there is no route to the server; ",
        ),
        (Reply(429, 0.0, "60", proxy=True), "throttled: the proxy answered 429; "),
    ],
)
def test_the_first_line_says_what_it_is_and_the_last_one_too(tmp_path, told, reply, said):
    job = Job(tmp_path, lambda *_: reply).write(f"m{n}" for n in range(100))
    summary = job.upload(Turns(), give_up_after=300.0)
    assert told()[0][1].startswith(said)
    (stop,) = summary.stops
    cause = said.partition(": ")[2].removesuffix("; ")
    assert cause in stop.why or stop.why.startswith("the proxy answered only 429")


class Broken:
    every = 0.0
    looks = 0

    def see(self, _snapshot):
        self.looks += 1
        raise ZeroDivisionError("with a secret in its text")

    def end(self, _snapshot):
        raise ZeroDivisionError("with a secret in its text")


def test_an_observer_that_raises_blinds_no_other_and_is_asked_no_more(tmp_path, told, caplog):
    job = Job(tmp_path, lambda _, now: DOWN if now < 20 else OK).write(f"m{n}" for n in range(50))
    broken = Broken()
    assert job.upload(broken, Turns()).exit_code == 0
    assert [event for event, _ in told()] == ["paused", "resumed"]
    assert broken.looks == 1
    assert caplog.text.count("ZeroDivisionError") == 2
    assert "secret" not in caplog.text
