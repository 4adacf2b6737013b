"""No secret is shown, whatever goes wrong: a canary over the whole matrix of faults.

Every secret holds the word CANARY, and so does the API key behind its first two characters. The
word, what Basic makes of the pair, and anything that looks like a signature must be found nowhere.
"""

import asyncio
import base64
import json
import logging
import os
import re
import sys
import traceback
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from io import StringIO
from pathlib import Path

import pytest

from batchconv import ConversionClient, ConversionRefused, OpenUpload, Settings, upload
from batchconv.errors import BatchconvError
from batchconv.sending.client import HttpClient
from batchconv.settings.credentials import find_auth
from batchconv.simulator import FAULT_WORDS, Behaviour, FaultRule, Simulator
from tests.bench.processes import undisturbed

KEY, SECRET, SIGNATURE_SECRET = "KyCANARYkey", "CANARY/secret+%", "CANARY-signature"
AUTHS = ("query", "basic", "signature")
ACCOUNT = {
    "VONAGE_API_KEY": KEY,
    "VONAGE_API_SECRET": SECRET,
    "VONAGE_SIGNATURE_SECRET": SIGNATURE_SECRET,
    "VONAGE_SIGNATURE_METHOD": "sha256",  # of 64 digits, as nothing else that is written here
}
FORBIDDEN = re.compile(
    "CANARY"
    + f"|{re.escape(base64.b64encode(f'{KEY}:{SECRET}'.encode()).decode())}"
    + "|api_secret=|sig=|[?&]api_key=|[Aa]uthorization|(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])"
)
STATUSES = (202, 302, 307, 400, 401, 402, 403, 404, 405, 407, 408, 420, 429, 500, 503)
KINDS = [*FAULT_WORDS, *map(str, STATUSES), "refused", "unknown host", "echo"]


def assert_clean(told: str, where: str) -> None:
    found = FORBIDDEN.search(told)
    if found is not None:
        around = told[max(0, found.start() - 200) : found.end() + 100]
        raise AssertionError(f"{where} shows {found[0]!r}: …{around}…")


def assert_files_clean(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix != ".secret":
            assert_clean(path.name, "a file's name")
            assert_clean(path.read_text("utf-8", "replace"), path.name)


@pytest.mark.parametrize(
    "leak",
    [
        f"POST /sms?message-id=a&api_key={KEY}",
        "https://h/sms?api_key=other",
        base64.b64encode(f"{KEY}:{SECRET}".encode()).decode(),
        "x=1&sig=0123",
        "a3" * 32,
        repr({"Authorization": "Basic x"}),
    ],
)
def test_a_leak_would_be_found(leak):
    with pytest.raises(AssertionError, match="shows"):
        assert_clean(f"some text {leak} and more", "this test")


# -- servers ---------------------------------------------------------------------------------------


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A server that says back all it was told, in every place that a reply has."""
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            line, _, headers = head.decode().partition("\r\n")
            said = f"{line.split()[1]} {headers}".replace("\r\n", " ")
            body = said.encode()
            writer.write(
                f"HTTP/1.1 503 {said}\r\nRetry-After: {said}\r\nLocation: {said}\r\n"
                f"WWW-Authenticate: {said}\r\nSet-Cookie: {said}\r\n"
                f"Content-Length: {len(body)}\r\n\r\n".encode()
                + body
            )
    except (ConnectionError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.transport.abort()


@asynccontextmanager
async def server_of(kind: str) -> AsyncIterator[str]:
    """The base URL of something that behaves like *kind*."""
    if kind == "unknown host":
        yield "https://api.batchconv.invalid/conversions"
        return
    if kind == "echo":
        tasks = []
        server = await asyncio.start_server(
            lambda reader, writer: tasks.append(asyncio.create_task(_echo(reader, writer))),
            "127.0.0.1",
            0,
        )
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/conversions"
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()
        return
    account = {"api_key": KEY, "api_secret": SECRET, "signature_secret": SIGNATURE_SECRET}
    if kind == "all":
        # Nine kinds, a tenth of the requests each.
        faults = tuple(FaultRule(each, share=0.1) for each in (*FAULT_WORDS, "503"))
        behaviour = Behaviour(faults=(*faults, FaultRule("420", share=0.1)), **account)
    elif kind.isdigit():
        behaviour = Behaviour(status_for_all=int(kind), retry_after="0", **account)
    else:
        faults = () if kind == "refused" else (FaultRule(kind, share=1.0),)
        behaviour = Behaviour(faults=faults, **account)
    simulator = Simulator(behaviour)
    async with simulator:
        base_url = simulator.base_url
        if kind != "refused":
            yield base_url
    if kind == "refused":
        yield base_url


@contextmanager
def everything_logged(*, debug: bool = True) -> Iterator[StringIO]:
    """What any logger says at any level, asyncio's debug mode and warnings included."""
    told = StringIO()
    handler = logging.StreamHandler(told)
    root, loop = logging.getLogger(), asyncio.get_running_loop()
    names = ("asyncio", "aiohttp", "aiohttp.client", "aiohttp.internal", "batchconv", "tenacity")
    loggers = [root, *map(logging.getLogger, names)]
    levels = [logger.level for logger in loggers]
    root.addHandler(handler)
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    loop.set_debug(enabled=debug)
    loop.slow_callback_duration = 0.0  # so that every callback is reported
    loop.set_exception_handler(lambda _, context: told.write(f"{context}\n"))
    try:
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            yield told
        told.write("\n".join(str(warning.message) for warning in seen))
    finally:
        root.removeHandler(handler)
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        loop.set_debug(enabled=False)
        loop.set_exception_handler(None)


def told_by(error: BaseException) -> str:
    """Its traceback, and everything that hangs on it, also where `from None` hides it."""
    told = ["".join(traceback.format_exception(error))]
    chain: list[BaseException] = [error]
    for each in chain:
        told += [str(each), repr(each), repr(each.args), repr(vars(each))]
        told += [repr(getattr(each, "hint", None))]
        chain += [other for other in (each.__context__, each.__cause__) if other is not None]
    return "\n".join(told)


# -- the library -----------------------------------------------------------------------------------


@pytest.fixture
def rows(tmp_path) -> str:
    path = tmp_path / "export.csv"
    lines = ["message_id,delivered,note"] + [f"id+%&{n},true,kept" for n in range(3)]
    path.write_text("\n".join([*lines, ",true,invalid", ""]), "utf-8")
    return str(path)


@pytest.fixture
def settings(tmp_path):
    def make(base_url: str, auth: str, **values) -> Settings:
        return Settings(
            base_url=base_url,
            auth=auth,
            results=str(tmp_path / "out.jsonl"),
            summary=str(tmp_path / "summary.json"),
            rate=None,
            timeout=0.25,
            max_attempts=2,
            backoff_base=0.01,
            backoff_max=0.02,
            give_up_after=0.1,
            **values,
        )

    return make


@pytest.mark.parametrize("auth", AUTHS)
@pytest.mark.parametrize("kind", KINDS)
async def test_an_upload_shows_no_secret(kind, auth, rows, settings, tmp_path, capfd):
    with everything_logged() as told:
        async with server_of(kind) as base_url:
            summary = await upload(rows, settings=settings(base_url, auth), environment=ACCOUNT)
    # The fault has struck: else nothing would be proved.
    wanted = {"202", "cut", "huge", "drip"}
    assert (summary.exit_code == 1) == (kind in wanted or not summary.stops)
    assert json.loads((tmp_path / "summary.json").read_text())["read"] == 4
    shown = [told.getvalue(), *summary.lines(), repr(summary), repr(summary.as_dict())]
    assert len(told.getvalue()) > 100
    assert_clean("\n".join(shown), "the log or the summary")
    assert_clean("".join(capfd.readouterr()), "the terminal")
    assert_files_clean(tmp_path)


@pytest.mark.parametrize("auth", AUTHS)
@pytest.mark.parametrize("kind", KINDS)
async def test_a_single_conversion_shows_no_secret(kind, auth, capfd):
    way = find_auth(Settings(auth=auth), ACCOUNT, lambda: 1.7e9)
    shown = [repr(way), str(way)]
    with everything_logged() as told:
        async with (
            server_of(kind) as base_url,
            ConversionClient(way, base_url=base_url, timeout=0.25) as client,
        ):
            shown += [repr(client), str(client), repr(vars(client))]
            try:
                reply = await client.sms_conversion("id", True)
            except ConversionRefused as error:
                shown.append(told_by(error) if kind != "echo" else str(error))
                reply = error.reply
            shown.append(repr(reply) if kind != "echo" else "")
    shown.append(told.getvalue())
    assert_clean("\n".join(shown), "the client")
    assert_clean("".join(capfd.readouterr()), "the terminal")


@pytest.mark.parametrize("auth", AUTHS)
async def test_outcomes_and_a_failing_consumer_show_no_secret(auth, rows, settings):
    shown = []
    with everything_logged() as told:
        async with server_of("420") as base_url:
            try:
                async with OpenUpload(
                    rows, settings=settings(base_url, auth), environment=ACCOUNT
                ) as run:
                    shown += [repr(outcome) async for outcome in run]
                    raise ZeroDivisionError  # noqa: TRY301 - the consumer's own
            except ZeroDivisionError as error:
                shown.append(told_by(error))
    assert len(shown) == 5
    assert_clean("\n".join([*shown, told.getvalue()]), "the library")


@pytest.mark.parametrize("auth", AUTHS)
@pytest.mark.parametrize(
    "wrong",
    [
        {"base_url": f"https://{KEY}:{SECRET}@127.0.0.1/x"},
        {"base_url": f"http://127.0.0.1/x?api_secret={SECRET}"},
        {"base_url": f"http://{KEY}:1#{SECRET}@127.0.0.1/x"},
        {"base_url": f"https://127.0.0.1:{SECRET}/x"},
        {"results": "no/such/folder/out.jsonl"},
        {"results": "."},
        {"ca_file": "no-such.pem"},
        {"api_secret_file": SECRET},
        {"signature_secret_file": SIGNATURE_SECRET},
        {"api_key": KEY},
    ],
    ids="-".join,
)
async def test_what_is_wrong_before_the_first_request_shows_no_secret(
    wrong, auth, rows, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    with everything_logged() as told, pytest.raises(BatchconvError) as caught:
        await upload(rows, settings=Settings(**({"auth": auth} | wrong)), environment=ACCOUNT)
    assert_clean(told_by(caught.value) + told.getvalue(), "the error")
    assert_files_clean(tmp_path)


@pytest.mark.parametrize("auth", AUTHS)
async def test_a_defect_in_the_client_shows_no_secret(auth, rows, settings, tmp_path, monkeypatch):
    """Even an exception that holds the whole URL, raised where nobody expects one."""

    async def broken(self, conversion, _turn):
        raise RuntimeError(f"{self._request(conversion)!r} {self._auth.headers}")

    monkeypatch.setattr(HttpClient, "exchange", broken)
    # asyncio's own debug mode would tell of it: it shows the repr of what a task raised.
    with everything_logged(debug=False) as told:
        summary = await upload(
            rows, settings=settings("https://api.test", auth), environment=ACCOUNT
        )
    assert summary.exit_code == 70
    assert_clean("\n".join([told.getvalue(), *summary.lines(), repr(summary)]), "the defect")
    assert_files_clean(tmp_path)


# -- the command -----------------------------------------------------------------------------------


async def command(*arguments: str, folder: Path, **environment: str) -> tuple[int, str]:
    """Run the real thing; its exit code, and all that it says."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-X", "dev", "-m", "batchconv"),
        *arguments,
        cwd=folder,
        env=undisturbed(os.environ) | environment | {"PYTHONPATH": str(Path(__file__).parents[1])},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    told, _ = await process.communicate()
    return process.returncode or 0, told.decode()


QUICK = (
    *("--rate", "none", "--timeout", "250ms", "--max-attempts", "2"),
    *("--backoff-base", "10ms", "--backoff-max", "20ms", "--give-up-after", "100ms"),
)


@pytest.mark.parametrize("auth", AUTHS)
@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("all", 1), ("hang", 1), ("echo", 1), ("refused", 1),
        ("401", 4), ("402", 4), ("302", 4), ("429", 3),
    ],
)  # fmt: skip
async def test_the_command_shows_no_secret(kind, code, auth, tmp_path):
    lines = ["message_id,delivered", *(f"id{n},true" for n in range(60 if kind == "all" else 3))]
    (tmp_path / "export.csv").write_text("\n".join([*lines, ",true", ""]), "utf-8")
    async with server_of(kind) as base_url:
        arguments = ("upload", "export.csv", "-v", *QUICK, "--auth", auth, "--base-url", base_url)
        exit_code, told = await command(
            *arguments, "--summary", "summary.json", folder=tmp_path, **ACCOUNT
        )
    # Faults of all kinds at once may come to an outage, which is given a tenth of a second here.
    assert exit_code == code or (kind == "all" and exit_code == 3), told
    assert "attempt 1: " in told
    assert_clean(told, "the terminal")
    assert_files_clean(tmp_path)
    assert (tmp_path / "export.results.jsonl").exists()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--base-url", f"https://{KEY}:{SECRET}@127.0.0.1/x"), 2),
        (("--base-url", f"https://127.0.0.1/x?api_secret={SECRET}"), 2),
        (("-o", "no/such/folder/out.jsonl"), 2),
        pytest.param(
            ("-o", "/dev/full", "--base-url", "https://api.batchconv.invalid"),
            5,
            marks=pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has it"),
        ),
        (("--ca-file", "export.csv"), 2),
        (("--api-secret-file", SECRET), 2),
        (("--api-secret", SECRET), 2),
        ((f"--api-secret={SECRET}",), 2),
        ((f"--signature-secret={SIGNATURE_SECRET}",), 2),
        (("--api-key", KEY), 2),
        (("--api-key", KEY, "--api-secret-file", "two-lines.secret"), 2),
        (("--api-key", KEY, "--api-secret-file", "binary.secret"), 2),
        pytest.param(
            (f"https://user:{SECRET}@127.0.0.1/rows.csv",),
            2,
        ),
    ],
    ids=lambda value: "-" if isinstance(value, int) else value[0].partition("=")[0][:12],
)
async def test_the_command_shows_no_secret_when_it_is_called_wrongly(arguments, code, tmp_path):
    (tmp_path / "export.csv").write_text("message_id,delivered\nid,true\n,true\n", "utf-8")
    (tmp_path / "two-lines.secret").write_text(f"{SECRET}\n{SECRET}\n", "utf-8")
    (tmp_path / "binary.secret").write_bytes(SECRET.encode("utf-16"))
    exit_code, told = await command(
        "upload", "export.csv", "-v", *QUICK, *arguments, folder=tmp_path, **ACCOUNT
    )
    assert_clean(told, "the terminal")
    assert exit_code == code, told
    assert_files_clean(tmp_path)


async def test_the_command_that_resumes_is_printed_without_the_key(tmp_path):
    (tmp_path / "export.csv").write_text("message_id,delivered\nid,true\n", "utf-8")
    (tmp_path / "api.secret").write_text(SECRET, "utf-8")
    given = ("--api-key", KEY, "--api-secret-file", "api.secret")
    async with server_of("401") as base_url:
        exit_code, told = await command(
            "upload", "export.csv", *given, "--base-url", base_url, folder=tmp_path
        )
    assert exit_code == 4
    assert "--resume" in told
    assert_clean(told, "the terminal")
