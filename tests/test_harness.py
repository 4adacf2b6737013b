"""The whole pipeline in virtual time: through faults and an outage, row by row accounted for."""

import time

from batchconv.model import Reason, Reply
from tests.harness import OK, Job

FAULTS = [Reply(503, 0.01), Reply(None, 0.01, trouble=Reason.CONNECTION_LOST)]


def test_a_thousand_rows_go_through_faults_and_an_outage_in_less_than_a_second(tmp_path):
    """The figure is processor time, of which a busy machine takes nothing away."""
    seen: dict[str, int] = {}

    def answer(message_id: str, now: float) -> Reply:
        if 2 < now < 600:
            return Reply(503, 0.01)
        seen[message_id] = seen.get(message_id, 0) + 1
        faulty = int(message_id[1:]) % 7 == 0 and seen[message_id] < 3
        return FAULTS[int(message_id[1:]) % 2] if faulty else OK

    job = Job(tmp_path, answer, latency=0.1).write(f"m{n}" for n in range(1000))
    began = time.process_time()
    summary = job.upload(concurrency=20)
    took = time.process_time() - began
    assert job.counts() == {"accepted": 1000}
    assert summary.exit_code == 0
    assert summary.books.read == 1000
    assert 600 < job.seconds < 640
    assert took < 3.0  # a fifth of a second where nothing else is at work


def test_a_run_in_virtual_time_is_the_same_every_time(tmp_path):
    def answer(message_id: str, now: float) -> Reply:
        return OK if int(message_id[1:]) % 3 or now > 5 else Reply(503, 0.01, "2")

    runs = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        job = Job(tmp_path / name, answer).write(f"m{n}" for n in range(3000))
        job.upload(concurrency=7)
        runs.append(job.sent)
    assert runs[0] == runs[1]
