"""Exports of many programs: each reads as it is, or with options that the messages name.

Those of pandas 3.1.1 and DuckDB 2.0.1 were written by the programs themselves; all others are as
their programs document them.
"""

import pytest

from batchconv.errors import UsageError
from batchconv.model import Conversion
from batchconv.operations.read_inputs import read
from batchconv.operations.validate import validate
from batchconv.settings.read_options import ReadSettings

SEEN = "2026-11-20 06:08:15"
BOTH = [("0A00000001", True, SEEN, "sms"), ("0A00000002", False, None, "sms")]

# Program → name of the file, its bytes, the options it needs.
ZOO: dict[str, tuple[str, bytes, dict[str, object]]] = {
    "pandas to_csv": (
        "pandas.csv",
        b"message_id,delivered,timestamp\n0A00000001,True,2026-11-20 06:08:15+00:00\n"
        b"0A00000002,False,\n",
        {},
    ),
    "pandas to_csv, with its index and a gap in every column": (
        "pandas.csv",
        b",message_id,delivered,timestamp\n0,0A00000001,1.0,2026-11-20 06:08:15+00:00\n"
        b"1,0A00000002,0.0,\n",
        {},
    ),
    "pandas to_json, lines": (
        "pandas.json",
        b'{"message_id":"0A00000001","delivered":true,"timestamp":1795154895000}\n'
        b'{"message_id":"0A00000002","delivered":false,"timestamp":null}\n',
        {},
    ),
    "pandas to_json, records": (
        "pandas.json",
        b'[{"message_id":"0A00000001","delivered":true,"timestamp":1795154895000},'
        b'{"message_id":"0A00000002","delivered":false,"timestamp":null}]',
        {},
    ),
    "pandas to_json, records, indented, ISO times": (
        "pandas.json",
        b'[\n  {\n    "message_id":"0A00000001",\n    "delivered":true,\n'
        b'    "timestamp":"2026-11-20T06:08:15.000Z"\n  },\n  {\n    "message_id":"0A00000002",\n'
        b'    "delivered":false,\n    "timestamp":null\n  }\n]',
        {},
    ),
    "pandas to_json, table": (
        "pandas.json",
        b'{"schema":{"fields":[{"name":"message_id","type":"string","extDtype":"str"}],'
        b'"pandas_version":"1.4.0"},"data":[{"message_id":"0A00000001","delivered":true,'
        b'"timestamp":"2026-11-20T06:08:15.000Z"},'
        b'{"message_id":"0A00000002","delivered":false,"timestamp":null}]}',
        {"map": (("message_id", "data.message_id"),)},
    ),
    "DuckDB COPY": (
        "duck.csv",
        b"message_id,delivered,timestamp\n0A00000001,true,2026-11-20 06:08:15+00\n"
        b"0A00000002,false,\n",
        {},
    ),
    "DuckDB COPY, JSON": (
        "duck.json",
        b'{"message_id":"0A00000001","delivered":true,"timestamp":"2026-11-20 06:08:15+00"}\n'
        b'{"message_id":"0A00000002","delivered":false,"timestamp":null}\n',
        {},
    ),
    "DuckDB COPY, a JSON array": (
        "duck.json",
        b'[\n\t{"message_id":"0A00000001","delivered":true,"timestamp":"2026-11-20 06:08:15+00"},\n'
        b'\t{"message_id":"0A00000002","delivered":false,"timestamp":null}\n]\n',
        {},
    ),
    "Excel, English": (
        "excel.csv",
        b"\xef\xbb\xbfmessage_id,delivered,timestamp\r\n"
        b"0A00000001,TRUE,11/20/2026 6:08:15 AM\r\n0A00000002,FALSE,\r\n",
        {"timestamp_format": "%m/%d/%Y %I:%M:%S %p"},
    ),
    "Excel, German": (
        "excel.csv",
        b"message_id;delivered;timestamp\r\n0A00000001;WAHR;20.11.2026 06:08:15\r\n"
        b"0A00000002;FALSCH;\r\n",
        {"true": ("WAHR",), "false": ("FALSCH",), "timestamp_format": "%d.%m.%Y %H:%M:%S"},
    ),
    "Excel, French, Unicode text": (
        "excel.tsv",
        "message_id\tdelivered\ttimestamp\r\n0A00000001\tVRAI\t20/11/2026 06:08:15\r\n"
        "0A00000002\tFAUX\t\r\n".encode("utf-16"),
        {"true": ("vrai",), "false": ("faux",), "timestamp_format": "%d/%m/%Y %H:%M:%S"},
    ),
    "Google Sheets": (
        "sheets.csv",
        b'message_id,delivered,timestamp\r\n"=""0A00000001""",TRUE,2026-11-20 6:08:15\r\n'
        b"0A00000002,FALSE,",
        {"timestamp_format": "%Y-%m-%d %H:%M:%S"},
    ),
    "BigQuery": (
        "bigquery.csv",
        b"message_id,delivered,timestamp\n0A00000001,true,2026-11-20 06:08:15 UTC\n"
        b"0A00000002,false,\n",
        {},
    ),
    "Snowflake": (
        "snowflake.csv",
        b"MESSAGE_ID,DELIVERED,TIMESTAMP\n0A00000001,TRUE,2026-11-19 22:08:15.000 -0800\n"
        b"0A00000002,FALSE,\\N\n",
        {},
    ),
    "Redshift UNLOAD": (
        "0000_part_00",
        b"message_id|delivered|timestamp\n0A00000001|t|2026-11-20 06:08:15\n0A00000002|f|\n",
        {},
    ),
    "Athena": (
        "athena.csv",
        b'"message_id","delivered","timestamp"\n'
        b'"0A00000001","true","2026-11-20 06:08:15.000 UTC"\n"0A00000002","false",\n',
        {},
    ),
    "Postgres COPY": (
        "copy.tsv",
        b"message_id\tdelivered\ttimestamp\n0A00000001\tt\t2026-11-20 07:08:15.5+01\n"
        b"0A00000002\tf\t\\N\n",
        {},
    ),
    "MySQL": (
        "mysql.tsv",
        b"0A00000001\t1\t2026-11-20 06:08:15\n0A00000002\t0\t\\N\n",
        {
            "no_header": True,
            "map": (("message_id", "1"), ("delivered", "2"), ("timestamp", "3")),
        },
    ),
    "Spark CSV": (
        "part-00000.csv",
        b"message_id,delivered,timestamp\n0A00000001,true,2026-11-20T06:08:15.000Z\n"
        b'0A00000002,false,""\n',
        {},
    ),
    "Spark JSON": (
        "part-00000.json",
        b'{"message_id":"0A00000001","delivered":true,"timestamp":"2026-11-20T06:08:15.000Z"}\n'
        b'{"message_id":"0A00000002","delivered":false}\n',
        {},
    ),
    "mongoexport": (
        "mongo.json",
        b'{"_id":{"$oid":"0A00000001"},"delivered":true,'
        b'"timestamp":{"$date":"2026-11-20T06:08:15Z"}}\n'
        b'{"_id":{"$oid":"0A00000002"},"delivered":false}\n',
        {"map": (("message_id", "_id.$oid"), ("timestamp", "timestamp.$date"))},
    ),
    "DynamoDB export": (
        "dynamo.json",
        b'{"Item":{"id":{"S":"0A00000001"},"ok":{"BOOL":true},"at":{"N":"1795154895"}}}\n'
        b'{"Item":{"id":{"S":"0A00000002"},"ok":{"BOOL":false}}}\n',
        {
            "map": (
                ("message_id", "Item.id.S"), ("delivered", "Item.ok.BOOL"),
                ("timestamp", "Item.at.N"),
            ),
        },
    ),
    "Firehose, nothing between the objects": (
        "firehose.json",
        b'{"message_id":"0A00000001","delivered":1,"timestamp":1795154895}'
        b'{"message_id":"0A00000002","delivered":0,"timestamp":null}',
        {},
    ),
    "Kafka Connect, with schemas": (
        "topic.json",
        b'{"schema":{"type":"struct"},"payload":'
        b'{"id":"0A00000001","delivered":true,"at":1795154895000}}\n'
        b'{"schema":{"type":"struct"},"payload":{"id":"0A00000002","delivered":false,"at":null}}\n',
        {
            "map": (
                ("message_id", "payload.id"), ("delivered", "payload.delivered"),
                ("timestamp", "payload.at"),
            ),
        },
    ),
    "Salesforce": (
        "salesforce.csv",
        b'"MESSAGE_ID__C","DELIVERED","TIMESTAMP"\n'
        b'"0A00000001","true","2026-11-20T06:08:15.000+0000"\n"0A00000002","false",""\n',
        {"map": (("message_id", "MESSAGE_ID__C"),)},
    ),
}  # fmt: skip


@pytest.mark.parametrize("program", ZOO)
def test_the_export_of_a_program_is_read(tmp_path, program):
    name, data, options = ZOO[program]
    (tmp_path / name).write_bytes(data)
    _, batches = read([str(tmp_path / name)], ReadSettings(**options))  # type: ignore[arg-type]  # the table has any
    found = [one for batch in batches for one in batch]
    assert all(isinstance(one, Conversion) for one in found), found
    assert [tuple(one[1:]) for one in found] == BOTH


@pytest.mark.parametrize("program", [name for name, (_, _, options) in ZOO.items() if options])
def test_the_options_that_an_export_needs_are_named_one_after_the_other(tmp_path, program):
    name, data, needed = ZOO[program]
    (tmp_path / name).write_bytes(data)
    given: dict[str, object] = {}
    while len(given) < len(needed):
        said = told(str(tmp_path / name), ReadSettings(**given))  # type: ignore[arg-type]  # the table has any
        named = [one for one in needed if f"--{one.replace('_', '-')} " in said]
        assert set(named) - set(given), said
        given |= {one: needed[one] for one in named}


def told(name: str, settings: ReadSettings) -> str:
    """What is said of an input before anything is sent."""
    try:
        findings = validate([name], settings)
    except UsageError as error:
        return f"{error} {error.hint} "
    return " ".join(findings.proposals.values()) + " "


def test_columns_of_pandas_are_no_rows_and_it_is_said_how_rows_are_written(tmp_path):
    path = tmp_path / "pandas.json"
    path.write_text('{"message_id":{"0":"a","1":"b"},"delivered":{"0":true,"1":false}}')
    assert "orient='records', lines=True" in told(str(path), ReadSettings())
