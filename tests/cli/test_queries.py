"""No message of any command shows the query of a URL: signed ones hold a secret there."""

import subprocess
import sys

import pytest

URL = "https://127.0.0.1:1/export.csv?sig=s3cret#s3cret"


@pytest.mark.parametrize("json", [[], ["--log-format", "json"]], ids=["text", "json"])
@pytest.mark.parametrize(
    "arguments",
    [
        ["validate", URL],
        ["validate", "in.csv", "--invalid", URL],
        ["upload", "--simulate", URL],
        ["upload", "--simulate", "in.csv", "-o", URL],
        ["upload", "--simulate", "in.csv", "--log-file", URL],
        ["upload", "--simulate", "in.csv", "--config", URL],
        ["upload", "--simulate", "in.csv", "--rate", URL],
        ["upload", "in.csv", "--base-url", URL],
        ["audit", URL, "--results", URL],
        ["report", URL],
        ["report", "in.csv", "--html", URL],
        ["resend", URL],
        ["config", "init", URL],
        [URL],
    ],
    ids=lambda words: " ".join(words).replace(URL, "URL"),
)
def test_a_query_is_never_shown(tmp_path, arguments, json):
    (tmp_path / "in.csv").write_text("message_id,delivered\nA1,true\n")
    flags = json if arguments[0] == "upload" else []
    done = subprocess.run(
        [sys.executable, "-m", "batchconv", *arguments, *flags],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode in (2, 5), done.stderr
    assert "s3cret" not in done.stdout + done.stderr
