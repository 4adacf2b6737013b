"""Exports of many programs: each reads as it is, or with options that the messages name.

Most were written by the programs themselves: pandas 3.1.1, DuckDB 2.0.1, PostgreSQL 15.18, MariaDB
10.11.19, SQLite 3.40.1, Spark 4.3.0, LibreOffice 7.4.7 in three locales, Polars 2.1.0, Arrow 26.0.1
and MongoDB's Extended JSON by pymongo's `bson`. Those of BigQuery, Snowflake, Redshift, Athena,
Hive, Oracle, Elasticsearch, Salesforce, DynamoDB, Firehose, Kafka Connect, Google Sheets and Excel
are as their programs document them.
"""

import pytest

from batchconv.errors import UsageError
from batchconv.model import Conversion
from batchconv.operations.read_inputs import read
from batchconv.operations.validate import validate
from batchconv.settings.read_options import ReadSettings

SEEN = "2026-11-20 06:08:15"
BOTH = [("0A00000001", True, SEEN, "sms"), ("0A00000002", False, None, "sms")]

# Calc writes what it shows, and it shows none.
NO_SECONDS = {f"LibreOffice, {name}" for name in ("English", "German", "French")}

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
    "LibreOffice, English": (
        "calc.csv",
        b"message_id,delivered,timestamp,price\n"
        b"0A00000001,TRUE,11/20/2026 6:08,1234.5\n"
        b"0A00000002,FALSE,,0.25\n",
        {"timestamp_format": "%m/%d/%Y %H:%M"},
    ),
    "LibreOffice, German": (
        "calc.csv",
        b"message_id;delivered;timestamp;price\n"
        b"0A00000001;WAHR;20.11.2026 06:08;1234,5\n"
        b"0A00000002;FALSCH;;0,25\n",
        {"true": ("WAHR",), "false": ("FALSCH",), "timestamp_format": "%d.%m.%Y %H:%M"},
    ),
    "LibreOffice, French": (
        "calc.csv",
        b"message_id;delivered;timestamp;price\n"
        b"0A00000001;VRAI;20/11/2026 06:08;1234,5\n"
        b"0A00000002;FAUX;;0,25\n",
        {"true": ("vrai",), "false": ("faux",), "timestamp_format": "%d/%m/%Y %H:%M"},
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
    "PostgreSQL COPY, text": (
        "pg.tsv",
        b"0A00000001\tt\t2026-11-20 06:08:15+00\n"
        b"0A00000002\tf\t\\N\n",
        {
            "no_header": True,
            "map": (("message_id", "1"), ("delivered", "2"), ("timestamp", "3")),
        },
    ),
    "PostgreSQL COPY, text with a header": (
        "pg.tsv",
        b"message_id\tdelivered\ttimestamp\n"
        b"0A00000001\tt\t2026-11-20 06:08:15+00\n"
        b"0A00000002\tf\t\\N\n",
        {},
    ),
    "PostgreSQL COPY, CSV": (
        "pg.csv",
        b"message_id,delivered,timestamp\n"
        b"0A00000001,t,2026-11-20 06:08:15+00\n"
        b"0A00000002,f,\n",
        {},
    ),
    "PostgreSQL COPY, CSV without a header": (
        "pg.csv",
        b"0A00000001,t,2026-11-20 06:08:15+00\n"
        b"0A00000002,f,\n",
        {
            "no_header": True,
            "map": (("message_id", "1"), ("delivered", "2"), ("timestamp", "3")),
        },
    ),
    "PostgreSQL, row_to_json": (
        "pg.jsonl",
        b'{"message_id":"0A00000001","delivered":true,"timestamp":"2026-11-20T06:08:15+00:00"}\n'
        b'{"message_id":"0A00000002","delivered":false,"timestamp":null}\n',
        {},
    ),
    "psql --csv in Berlin": (
        "psql.csv",
        b"message_id,delivered,timestamp\n"
        b"0A00000001,t,2026-11-20 07:08:15+01\n"
        b"0A00000002,f,\n",
        {},
    ),
    "MariaDB INTO OUTFILE": (
        "maria.tsv",
        b"0A00000001\t1\t2026-11-20 06:08:15\n"
        b"0A00000002\t0\t\\N\n",
        {
            "no_header": True,
            "map": (("message_id", "1"), ("delivered", "2"), ("timestamp", "3")),
        },
    ),
    "MariaDB INTO OUTFILE, CSV": (
        "maria.csv",
        b'"0A00000001",1,"2026-11-20 06:08:15"\n'
        b'"0A00000002",0,\\N\n',
        {
            "no_header": True,
            "map": (("message_id", "1"), ("delivered", "2"), ("timestamp", "3")),
        },
    ),
    "MariaDB INTO OUTFILE, CSV with a header": (
        "maria.csv",
        b'"message_id","delivered","timestamp"\r\n'
        b'"0A00000001","1","2026-11-20 06:08:15"\r\n'
        b'"0A00000002","0",\\N\r\n',
        {},
    ),
    "mysql -B": (
        "mysql.tsv",
        b"message_id\tdelivered\ttimestamp\n"
        b"0A00000001\t1\t2026-11-20 06:08:15\n"
        b"0A00000002\t0\tNULL\n",
        {},
    ),
    "SQLite, .mode csv": (
        "lite.csv",
        b"message_id,delivered,timestamp\r\n"
        b'0A00000001,1,"2026-11-20 06:08:15"\r\n'
        b"0A00000002,0,\r\n",
        {},
    ),
    "SQLite, .mode tabs": (
        "lite.tsv",
        b"message_id\tdelivered\ttimestamp\r\n"
        b"0A00000001\t1\t2026-11-20 06:08:15\r\n"
        b"0A00000002\t0\t\r\n",
        {},
    ),
    "SQLite, .mode json": (
        "lite.json",
        b'[{"message_id":"0A00000001","delivered":1,"timestamp":"2026-11-20 06:08:15"},\n'
        b'{"message_id":"0A00000002","delivered":0,"timestamp":null}]\n',
        {},
    ),
    "SQLite, .mode list": (
        "lite.txt",
        b"message_id|delivered|timestamp\n"
        b"0A00000001|1|2026-11-20 06:08:15\n"
        b"0A00000002|0|\n",
        {},
    ),
    "Spark CSV": (
        "part-00000.csv",
        b"message_id,delivered,timestamp\n"
        b"0A00000001,true,2026-11-20T06:08:15.000Z\n"
        b"0A00000002,false,\n",
        {},
    ),
    "Spark CSV, tabs and no header": (
        "part-00000.csv",
        b"0A00000001\ttrue\t2026-11-20T06:08:15.000Z\n"
        b"0A00000002\tfalse\t\n",
        {
            "no_header": True,
            "map": (("message_id", "1"), ("delivered", "2"), ("timestamp", "3")),
        },
    ),
    "Spark JSON": (
        "part-00000.json",
        b'{"message_id":"0A00000001","delivered":true,"timestamp":"2026-11-20T06:08:15.000Z"}\n'
        b'{"message_id":"0A00000002","delivered":false}\n',
        {},
    ),
    "Spark JSON, with nulls": (
        "part-00000.json",
        b'{"message_id":"0A00000001","delivered":true,"timestamp":"2026-11-20T06:08:15.000Z"}\n'
        b'{"message_id":"0A00000002","delivered":false,"timestamp":null}\n',
        {},
    ),
    "Polars write_csv": (
        "polars.csv",
        b"message_id,delivered,timestamp\n"
        b"0A00000001,true,2026-11-20T06:08:15.000000+0000\n"
        b"0A00000002,false,\n",
        {},
    ),
    "Polars write_ndjson": (
        "polars.ndjson",
        b'{"message_id":"0A00000001","delivered":true,"timestamp":"2026-11-20T06:08:15+00:00"}\n'
        b'{"message_id":"0A00000002","delivered":false,"timestamp":null}\n',
        {},
    ),
    "Polars write_json": (
        "polars.json",
        b'[{"message_id":"0A00000001","delivered":true,'
        b'"timestamp":"2026-11-20T06:08:15+00:00"},{"message_id":"0A00000002","delivered":false,"timestamp":null}]',
        {},
    ),
    "Arrow write_csv": (
        "arrow.csv",
        b'"message_id","delivered","timestamp"\n'
        b'"0A00000001",true,2026-11-20 06:08:15.000000Z\n'
        b'"0A00000002",false,\n',
        {},
    ),
    "mongoexport": (
        "mongo.json",
        b'{"_id": {"$oid": "0A00000001"}, "delivered": true, '
        b'"timestamp": {"$date": "2026-11-20T06:08:15Z"}}\n'
        b'{"_id": {"$oid": "0A00000002"}, "delivered": false, "timestamp": null}\n',
        {"map": (("message_id", "_id.$oid"), ("timestamp", "timestamp.$date"))},
    ),
    "mongoexport, canonical": (
        "mongo.json",
        b'{"_id": {"$oid": "0A00000001"}, "delivered": true, '
        b'"timestamp": {"$date": {"$numberLong": "1795154895000"}}}\n'
        b'{"_id": {"$oid": "0A00000002"}, "delivered": false, "timestamp": null}\n',
        {
            "map": (
                ("message_id", "_id.$oid"), ("timestamp", "timestamp.$date.$numberLong"),
            ),
        },
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
    "Hive, text": (
        "000000_0",
        b"0A00000001\x01447700900001\x01true\x012026-11-20 06:08:15.0\n"
        b"0A00000002\x01447700900002\x01false\x01\\N\n",
        {
            "no_header": True,
            "map": (("message_id", "1"), ("delivered", "3"), ("timestamp", "4")),
        },
    ),
    "Oracle SQL Developer": (
        "oracle.csv",
        b'"MESSAGE_ID","DELIVERED","TIMESTAMP"\n'
        b'"0A00000001","Y",20-NOV-26 06.08.15.000000000 AM\n"0A00000002","N",\n',
        {"timestamp_format": "%d-%b-%y %I.%M.%S.%f %p"},
    ),
    "Excel, German, a report with a title": (
        "bericht.csv",
        "Zustellbericht für Müller;;;\r\n;;;\r\n"
        "Nachrichten-ID;Zugestellt;Zeitpunkt;Preis (€)\r\n"
        "0A00000001;WAHR;20.11.2026 06:08:15;0,0333\r\n"
        "0A00000002;FALSCH;;0,0333\r\n".encode("windows-1252"),
        {
            "encoding": "windows-1252",
            "skip_lines": 2,
            "map": (
                ("message_id", "Nachrichten-ID"), ("delivered", "Zugestellt"),
                ("timestamp", "Zeitpunkt"),
            ),
            "true": ("wahr",), "false": ("falsch",), "timestamp_format": "%d.%m.%Y %H:%M:%S",
        },
    ),
    "Python's json, of a DataFrame's records": (
        "records.json",
        b'[{"message_id": "0A00000001", "delivered": true, "timestamp": "2026-11-20T06:08:15",'
        b' "price": NaN}, {"message_id": "0A00000002", "delivered": false, "timestamp": NaN,'
        b' "price": Infinity}]',
        {},
    ),
    "Elasticsearch, elasticdump": (
        "elastic.json",
        b'{"_index":"a","_id":"0A00000001","_source":{"delivered":true,'
        b'"@timestamp":"2026-11-20T06:08:15.000Z"}}\n'
        b'{"_index":"a","_id":"0A00000002","_source":{"delivered":false,"@timestamp":null}}\n',
        {
            "map": (
                ("message_id", "_id"), ("delivered", "_source.delivered"),
                ("timestamp", "_source.@timestamp"),
            ),
        },
    ),
    "Elasticsearch, the answer to a search": (
        "answer.json",
        b'{"took":3,"hits":{"total":{"value":2},"hits":[{"_id":"a1b2c3d4","_source":{"message_id":'
        b'"0A00000001","delivered":true,"timestamp":"2026-11-20T06:08:15Z"}},{"_id":"a1b2c3d5",'
        b'"_source":{"message_id":"0A00000002","delivered":false,"timestamp":null}}]}}',
        {
            "map": (
                ("message_id", "hits.hits._source.message_id"),
                ("delivered", "hits.hits._source.delivered"),
                ("timestamp", "hits.hits._source.timestamp"),
            ),
        },
    ),
    "JavaScript's Date, as text": (
        "node.csv",
        b"message_id,delivered,timestamp\n0A00000001,true,"
        b"Fri Nov 20 2026 07:08:15 GMT+0100 (Central European Standard Time)\n0A00000002,false,\n",
        {"timestamp_format": "%a %b %d %Y %H:%M:%S %Z"},
    ),
    "by hand, with a blank behind each comma": (
        "hand.csv",
        b'message_id, delivered, timestamp, note\n0A00000001, yes, 2026-11-20 06:08:15, "a, b"\n'
        b"0A00000002, no, , x\n",
        {},
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
    told = f"{SEEN[:-2]}00" if program in NO_SECONDS else SEEN
    assert [tuple(one[1:]) for one in found] == [(*BOTH[0][:2], told, "sms"), BOTH[1]]


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


@pytest.mark.parametrize(
    "text",
    [
        '{"0":{"message_id":"a","delivered":true}}',
        '{"columns":["message_id","delivered"],"index":[0],"data":[["a",true]]}',
    ],
    ids=["index", "split"],
)
def test_other_shapes_of_pandas_are_named_as_well(tmp_path, text):
    path = tmp_path / "pandas.json"
    path.write_text(text)
    assert "orient='records', lines=True" in told(str(path), ReadSettings())


def test_the_columns_of_rows_within_objects_are_named_from_the_outermost_on(tmp_path):
    """Each command that is named leads to the next one, and the last one reads it."""
    name, data, needed = ZOO["Elasticsearch, the answer to a search"]
    (tmp_path / name).write_bytes(data)
    maps: dict[str, str] = {}
    while "no column holds" in (said := told(str(tmp_path / name), ReadSettings(map=maps))) or (
        "name a column" in said
    ):
        new = dict(word.split("=") for word in said.split() if word.count("=") == 1)
        assert new
        maps |= new
    assert tuple(maps.items()) == needed["map"]


def test_the_place_of_an_id_within_objects_is_filled_in(tmp_path):
    path = tmp_path / "mongo.json"
    path.write_text('{"_id":{"$oid":"a"},"delivered":true}\n')
    assert "--map message_id='_id.$oid'" in told(str(path), ReadSettings())
