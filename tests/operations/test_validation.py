"""`validate` as a report: what it recognises, suspects, writes and tells."""

import csv
import json
import random
import shlex
import time

import pytest

from batchconv.errors import UsageError
from batchconv.operations.validate import validate
from batchconv.reading.spreadsheets import DateNotations, IdLengths
from batchconv.sending.age_limit import moment_text
from batchconv.settings.read_options import ReadSettings
from batchconv.simulator import Behaviour, Simulator
from tests.shells import Shell

NOON = 1_795_608_000  # 2026-11-25 12:00:00 UTC


@pytest.fixture
def shell(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shell = Shell(tmp_path, "http://127.0.0.1:1")
    yield shell
    shell.close()


def found(shell, text, name="in.csv", **how):
    (shell.folder / name).write_text(text)
    settings = how.pop("settings", ReadSettings())
    return validate([name], settings, clock=lambda: NOON, **how)


# Which ids look as if a spreadsheet had eaten their leading zeros.

dice = random.Random(7)
RANDOM = [f"{dice.randrange(10**15):015}" for _ in range(1000)]
EATEN = [one.lstrip("0") for one in RANDOM]


@pytest.mark.parametrize(
    ("ids", "warned"),
    [
        (EATEN, True),
        ([*EATEN, "test-1"], True),  # one odd id hides nothing
        (RANDOM, False),
        ([*EATEN, "000000000000001"], False),  # zeros survive in this file
        ([str(n) for n in range(1000)], False),  # counted up, and short
        ([str(n) for n in range(9_900_000, 10_400_000, 100)], False),  # past a power of ten
        ([f"{dice.randrange(16**16):016X}" for _ in range(1000)], False),
        ([f"{dice.randrange(16**4):X}" for _ in range(1000)], False),  # some have digits alone
        ([*EATEN[:500], *(f"0C{one}" for one in RANDOM[:500])], False),  # of two kinds
        ([str(dice.randrange(10 ** dice.randrange(1, 16))) for _ in range(1000)], False),
        (["1" * 15, "2" * 14], False),  # too few to tell
        (["4" * 5000, *["5" * 4999] * 20], False),  # longer than int() reads
        (["٣" * 15] * 20, False),
        ([], False),
    ],
    ids=range(14),
)
def test_ids_whose_leading_zeros_are_gone_are_suspected_and_no_others(ids, warned):
    lengths = IdLengths()
    for at in range(0, len(ids), 300):
        lengths.add(ids[at : at + 300])
    assert (lengths.warning is not None) == warned


def test_the_warning_is_about_its_input_and_no_error(shell):
    for name, ids in (("good.csv", RANDOM), ("bad.csv", EATEN)):
        shell.write(name, ids)
    findings = validate(["good.csv", "bad.csv"], ReadSettings())
    assert [(one.kind, one.source) for one in findings.suspicions] == [("leading-zeros", "bad.csv")]
    shorter = sum(len(one) < 15 for one in EATEN)
    assert f"{shorter} of 1000 ids have fewer than 15 digits" in findings.suspicions[0].text
    assert findings.exit_code == 0


# Which notation times have that are not understood.


@pytest.mark.parametrize(
    ("times", "formats"),
    [
        (["20/11/2026 10:03", "01/02/2026 11:00"], ["%d/%m/%Y %H:%M"]),
        (["11/20/2026 10:03:20", "01/02/2026 11:00:00"], ["%m/%d/%Y %H:%M:%S"]),
        (["01/02/2026 11:00", "3/4/2026 9:05"], ["%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M"]),
        (["20.11.2026 10:03"], ["%d.%m.%Y %H:%M"]),
        (["11/20/26 1:03 PM"], ["%m/%d/%y %I:%M %p"]),
        (["20-Nov-2026 10:03:20"], ["%d-%b-%Y %H:%M:%S"]),
        (["2026-11-20"], ["%Y-%m-%d"]),
        (["20/11/2026 10:03", "2026-02-30 10:00:00"], ["%d/%m/%Y %H:%M"]),  # another mistake
        (["20/11/2026 10:03", "11/20/2026 10:03"], []),
        (["20/11/2026 10:03", "yesterday"], []),
        (["2026-02-30 10:00:00"], []),
        ([], []),
    ],
)
def test_the_notation_of_times_is_guessed_where_all_have_one(times, formats):
    dates = DateNotations()
    for text in times:
        dates.add(text)
    told = dates.option or ""
    assert [one for one in told.split("'") if one.startswith("%")] == formats


def test_a_format_that_was_given_is_not_proposed_again():
    given = "%a %b %d %H:%M:%S %Z %Y"
    dates = DateNotations(given)
    dates.add("Wed Jul 01 12:00:00 CEST 2026")
    assert dates.option is None


async def test_the_guess_is_one_that_works(shell):
    (shell.folder / "in.csv").write_text("message_id,delivered,timestamp\na,1,20/11/2026 10:03\n")
    first = await shell.start("validate", "in.csv", "--json").end()
    guess = json.loads(first.out)["reasons"]["bad-timestamp"]["proposal"].split("'")[1]
    second = await shell.start("validate", "in.csv", "--timestamp-format", guess).end()
    assert (first.code, second.code) == (1, 0)


def test_where_only_some_times_were_rewritten_the_format_is_not_for_the_whole_file(shell):
    findings = found(
        shell,
        "message_id,delivered,timestamp\na,1,20/11/2026 10:03\nb,1,2026-11-20 10:03:00\n",
    )
    assert "for that file alone" in findings.suspicions[0].text


# Times.


def test_the_span_of_times_and_what_lies_outside_are_counted(shell):
    times = [
        "2026-11-25 11:00:00",
        "2026-11-25T13:59:30+02:00",
        "",
        "2026-11-25 12:01:00",
        "2026-11-25 12:01:01",
        "2020-01-01 00:00:00",
        *["2026-11-25 12:00:00"] * 20,
    ]
    rows = "".join(f"id{number},1,{text}\n" for number, text in enumerate(times))
    findings = found(shell, "message_id,delivered,timestamp\n" + rows, max_age=900.0)
    assert (findings.earliest, findings.latest) == ("2020-01-01 00:00:00", "2026-11-25 12:01:01")
    assert (findings.without_time, findings.future, findings.too_old) == (1, 1, 2)
    assert (findings.read, findings.sendable, findings.duplicates) == (26, 24, 0)
    assert [one.kind for one in findings.suspicions] == ["future-times"]


def test_rows_that_are_too_old_are_no_duplicates_of_what_is_sent(shell):
    findings = found(
        shell,
        "message_id,delivered,timestamp\n" + "a,1,2020-01-01 00:00:00\n" * 2 + "b,1,\n" * 2,
        max_age=900.0,
    )
    assert (findings.sendable, findings.too_old, findings.duplicates) == (2, 2, 1)


async def test_it_skips_what_an_upload_skips(shell):
    (shell.folder / "in.csv").write_text(
        f"message_id,delivered,timestamp\na,1,{moment_text(time.time())}\nb,1,2020-01-01 00:00:00\n"
    )
    shell.env["BATCHCONV_MAX_AGE"] = "1h"
    told = await shell.start("validate", "in.csv").end()
    assert "2 rows read, 1 can be sent\n1 row is older than --max-age 1 h, and skipped" in told.out
    sent = await shell.start("upload", "in.csv", "--simulate").end()
    assert (told.code, sent.books.accepted, sent.books.skipped) == (0, 1, 1)


# Columns.


@pytest.mark.parametrize(
    ("name", "text", "settings", "fields", "ignored"),
    [
        ("in.csv", "Message-ID,delivered,note\na,1,x\n", {},
         {"message_id": "Message-ID", "delivered": "delivered"}, ["note"]),
        ("in.csv", "a;1;x\n", {"no_header": True, "map": (("message_id", "1"), ("delivered", "2"))},
         {"message_id": "1", "delivered": "2"}, ["3"]),
        ("in.jsonl", '{"call_id":"a","delivered":1,"x":1}\n{"call_id":"b","delivered":1,"y":2}\n',
         {}, {"message_id": "call_id", "delivered": "delivered"}, ["x", "y"]),
        ("in.jsonl", '{"sms":{"id":"a"},"delivered":true,"x":{"id":1}}\n',
         {"map": (("message_id", "sms.id"),)},
         {"message_id": "sms.id", "delivered": "delivered"}, ["x"]),
        ("in.csv", "", {}, {}, []),
    ],
)  # fmt: skip
def test_it_tells_which_column_holds_which_field(shell, name, text, settings, fields, ignored):
    findings = found(shell, text, name, settings=ReadSettings(**settings))
    assert findings.columns[name] == (fields, ignored)
    assert findings.exit_code == 0


async def test_inputs_with_the_same_columns_are_told_of_together(shell):
    for name in ("a.csv", "b.csv"):
        shell.write(name, ["x"])
    (shell.folder / "c.csv").write_text("event_id,delivered\ny,1\n")
    told = await shell.start("validate", "a.csv", "b.csv", "c.csv").end()
    assert "columns of a.csv and 1 more: message_id in message_id, delivered in" in told.out
    assert "columns of c.csv: message_id in event_id" in told.out


# Invalid rows in a file.


async def test_invalid_rows_can_be_mended_in_their_file_and_fed_back(shell):
    (shell.folder / "in.csv").write_text(
        'message_id;delivered;note\na;yes;"x;y"\nb;maybe;"p;q"\nc;perhaps;r\n;1;s\nd;1\n'
    )
    told = await shell.start("validate", "in.csv", "--invalid", "bad.csv", "--json").end()
    assert (told.code, json.loads(told.out)["invalid_files"]) == (1, ["bad.csv"])
    bad = shell.folder / "bad.csv"
    rows = list(csv.DictReader(bad.read_text().splitlines(), delimiter=";"))
    assert [(row["message_id"], row["note"], row["_reason"], row["_row"]) for row in rows] == [
        ("b", "p;q", "bad-delivered", "2"),
        ("c", "r", "bad-delivered", "3"),
        ("", "s", "blank-id", "4"),
        ("", "", "cell-count", "5"),
    ]
    assert rows[-1]["_raw"] == "d;1"
    bad.write_text(bad.read_text().replace("maybe", "yes").replace("perhaps", "no"))
    async with Simulator(Behaviour()) as simulator:
        sending = Shell(shell.folder, simulator.base_url)
        sent = await sending.uploaded("bad.csv")
    assert (sent.books.accepted, sent.books.invalid) == (2, 2)


async def test_no_file_is_made_where_all_is_well_and_a_folder_serves_several_inputs(shell):
    (shell.folder / "bad").mkdir()
    for name, ids in (("a.csv", ["x"]), ("b.csv", ["", "y"])):
        shell.write(name, ids)
    told = await shell.start("validate", "a.csv", "b.csv", "--invalid", "bad").end()
    assert told.out.endswith("invalid rows: bad/b.csv\n")
    assert [path.name for path in (shell.folder / "bad").iterdir()] == ["b.csv"]


@pytest.mark.parametrize(
    ("named", "why"),
    [
        ("in.csv", "is the input in.csv"),
        ("link.csv", "is the input in.csv"),
        ("-", "--invalid needs a file"),
        ("s3://bucket/bad.csv", "is a URL"),
    ],
)
def test_what_may_not_be_written_to_is_refused_and_left_as_it_is(shell, named, why):
    (shell.folder / "link.csv").symlink_to("in.csv")
    text = "message_id,delivered\n,1\n"
    with pytest.raises(UsageError, match=why) as refused:
        found(shell, text, invalid=named)
    assert "--failed" not in str(refused.value) + (refused.value.hint or "")
    assert (shell.folder / "in.csv").read_text() == text


def test_what_is_there_is_left_as_it_is_and_the_next_free_name_is_taken(shell):
    (shell.folder / "bad.csv").write_text("mine")
    looked = found(shell, "message_id,delivered\n,1\n", invalid="bad.csv")
    assert looked.invalid_files == ["bad.2.csv"]
    assert (shell.folder / "bad.csv").read_text() == "mine"


def test_several_inputs_have_a_folder_of_files(shell):
    for name in ("a.csv", "b.csv"):
        shell.write(name, [""])
    looked = validate(["a.csv", "b.csv"], ReadSettings(), invalid="bad")
    assert looked.invalid_files == ["bad/a.csv", "bad/b.csv"]


# The whole report as JSON.


async def test_json_holds_all_that_the_report_says_and_nothing_else_is_printed(shell):
    rows = "a,1,x\na,1,x\n" + ",1,x\n" * 7
    (shell.folder / "in.csv").write_text(f"message_id,delivered,note\n{rows}")
    told = await shell.start("validate", "in.csv", "--json", "--rate", "4").end()
    report = json.loads(told.out)
    examples = report["reasons"]["blank-id"].pop("examples")
    assert report == {
        "read": 9, "sendable": 2, "duplicates": 1, "invalid": 7, "too_old": 0, "max_age": None,
        "trimmed_ids": 0, "no_rows": {"blank": 0, "headers": 0},
        "reasons": {"blank-id": {"rows": 7, "proposal": None}},
        "columns": [{
            "sources": ["in.csv"],
            "fields": {"message_id": "message_id", "delivered": "delivered"},
            "ignored": ["note"],
        }],
        "times": {"earliest": None, "latest": None, "without": 2, "future": 0},
        "rate": 4.0, "seconds": 0.5, "warnings": [], "invalid_files": [], "damages": [],
        "note": None, "exit_code": 1,
    }  # fmt: skip
    assert [one["row"] for one in examples] == [3, 4, 5, 6, 7]
    assert examples[0]["line"] == 4
    assert (told.code, told.err) == (1, "")
    unlimited = await shell.start("validate", "in.csv", "--json", "--rate", "none").end()
    assert (json.loads(unlimited.out)["rate"], json.loads(unlimited.out)["seconds"]) == (None, None)


# What would help.


@pytest.mark.parametrize(
    ("cells", "proposal"),
    [
        ("a,WAHR,\nb,FALSCH,", "--true wahr --false falsch"),
        ("a,ja,\nb,Nein,", "--true ja --false nein"),
        ("a,ja,2026-11-20 10:03:00\nb,Nein,NULL", "--true ja --false nein"),
        (  # each row is invalid for one thing, and the other is looked at all the same
            "a,ja,20/11/2026 10:03\nb,Nein,NULL",
            "--true ja --false nein --timestamp-format '%d/%m/%Y %H:%M'",
        ),
        ("a,1,20/11/2026 10:03\nb,1,20/12/2026 11:00", "--timestamp-format '%d/%m/%Y %H:%M'"),
    ],
)
async def test_the_option_that_is_proposed_takes_the_rows(shell, cells, proposal):
    (shell.folder / "in.csv").write_text(f"message_id,delivered,timestamp\n{cells}\n")
    first = await shell.start("validate", "in.csv").end()
    assert first.code == 1
    assert f"  try {proposal}\n" in first.out
    rehearsed = await shell.start("upload", "--dry-run", "in.csv").end()
    assert (rehearsed.code, f"  try {proposal}\n" in rehearsed.out) == (1, True)
    second = await shell.start("validate", "in.csv", *shlex.split(proposal)).end()
    assert (second.code, "2 rows read, 2 can be sent" in second.out) == (0, True)


@pytest.mark.parametrize("state", ["DELIVRD", "failed"])
def test_no_option_is_proposed_for_delivery_states(shell, state):
    findings = found(shell, f"message_id,delivered\na,{state}\n")
    assert "bad-delivered" not in findings.proposals


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("message_id,delivered,Horodatage", "try --map timestamp=Horodatage, if"),
        ("message_id,delivered,updated", ""),
    ],
)
async def test_a_column_that_is_called_like_a_time_is_pointed_at(shell, header, told):
    (shell.folder / "in.csv").write_text(f"{header}\na,1,20/11/2026 10:03\n")
    looked = await shell.start("validate", "in.csv").end()
    assert ("--map timestamp" in looked.out, told in looked.out) == (bool(told), True)
    sent = await shell.start("upload", "in.csv", "--simulate").end()
    assert ("add --map timestamp=Horodatage if" in sent.err) == bool(told)


async def test_what_was_cut_off_is_counted_and_one_row_is_a_row(shell):
    (shell.folder / "in.csv").write_text('delivered,message_id\ntrue, A1\ntrue,="002"\ntrue,B\n')
    told = await shell.start("validate", "in.csv").end()
    assert 'ids will be sent without the blanks or the ="…" around them' in told.out
    assert "\n2 ids" in told.out
    (shell.folder / "one.csv").write_text("delivered,message_id\ntrue,B\n")
    told = await shell.start("validate", "one.csv").end()
    assert told.out.startswith("1 row read, 1 can be sent\n")


async def test_an_example_names_its_file_and_row_where_what_to_do_is_said_once(shell):
    (shell.folder / "a; b.csv").write_text("message_id,delivered\n5f0a11,ja\n5f0a12,nein\n")
    told = await shell.start("validate", "a; b.csv").end()
    assert "  try --true ja --false nein\n" in told.out
    assert "  a; b.csv row 1, line 2: delivered 'ja' is neither true nor false\n" in told.out
