"""Through an HTTP proxy, with the program as people run it and the API behind TLS."""

import json
import traceback
from contextlib import asynccontextmanager

import pytest

from batchconv import ConversionClient, ConversionRefused, QueryAuth, Secret, UsageError
from batchconv.model import Reason, Reply
from batchconv.sending.proxy import Proxy, find_proxy, read_proxy
from batchconv.simulator import API_KEY, API_SECRET, Behaviour, Simulator
from batchconv.vonage.verdicts import outcome_unknown
from tests.shells import Ended, Shell, ids
from tests.tunnels import HOST, Authority, HttpProxy, behind_tls

PAIR = "user:p%40ss"  # as a URL has it; the password is p@ss
KNOWN = "user:p@ss"
QUICK = ("--max-attempts", "2", "--backoff-base", "1ms", "--timeout", "5s")


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


class Setting:
    """A simulator behind TLS, a proxy before it, and a shell that knows how to get there."""

    def __init__(self, shell: Shell, simulator: Simulator, proxy: HttpProxy, port: int) -> None:
        self.shell = shell
        self.simulator = simulator
        self.seen = proxy.seen
        self.address = f"127.0.0.1:{port}"

    async def upload(self, *arguments: str) -> Ended:
        return await self.shell.uploaded("in.csv", *QUICK, *arguments)


@pytest.fixture
def setting(tmp_path, authority):
    @asynccontextmanager
    async def make(proxy: HttpProxy = HttpProxy(), rows: int = 3):  # noqa: B008 - filled in below
        proxy = HttpProxy(proxy.credentials, proxy.status, proxy.tls)
        async with (
            Simulator(Behaviour(latency=0.001)) as simulator,
            behind_tls(simulator, authority.certificate(HOST)) as front,
            proxy.running() as port,
        ):
            base_url = f"https://{HOST}:{front}/conversions"
            shell = Shell(tmp_path, base_url, "--ca-file", authority.file)
            shell.write("in.csv", ids(rows))
            yield Setting(shell, simulator, proxy, port)
            shell.close()

    return make


# -- the tunnel ------------------------------------------------------------------------------------


@pytest.mark.parametrize("auth", ["query", "basic"])
async def test_rows_go_through_a_tunnel_and_the_proxy_sees_no_credentials(setting, auth):
    async with setting() as here:
        ended = await here.upload("--proxy", f"http://{here.address}", "--auth", auth)
        assert ended.code == 0, ended.err
        assert here.simulator.stats.accepted == 3
    assert here.seen.tunnels
    for head in here.seen.requests:
        assert head.startswith(f"CONNECT {HOST}:")
        for secret in (API_KEY, API_SECRET, "uthorization", "message-id"):
            assert secret not in head


async def test_a_proxy_is_used_only_when_it_is_asked_for(setting):
    """The variables alone do nothing."""
    async with setting() as here:
        here.shell.env |= {"HTTPS_PROXY": f"http://{here.address}", "ALL_PROXY": "x"}
        ended = await here.upload()
        assert ended.books.failed == 3
        assert "unknown-host" in ended.err
        assert here.seen.requests == []
        ended = await here.upload("--resume", "--proxy", "none")
        assert here.seen.requests == []


@pytest.mark.parametrize(
    "place", ["BATCHCONV_PROXY", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "file"]
)
async def test_user_and_password_come_from_a_variable_or_the_file(setting, place, tmp_path):
    async with setting(HttpProxy(KNOWN)) as here:
        url = f"http://{PAIR}@{here.address}"
        arguments = []
        if place == "file":
            (tmp_path / "mine.toml").write_text(f'proxy = "{url}"\n')
            arguments = ["--config", "mine.toml"]
        else:
            here.shell.env[place] = url
            arguments = [] if place == "BATCHCONV_PROXY" else ["--proxy", "env"]
        ended = await here.upload(*arguments, "-v", "--summary", "summary.json")
        assert ended.code == 0, ended.err
        assert here.seen.tunnels
        assert "p@ss" not in ended.err
    summary = (tmp_path / "summary.json").read_text()
    assert "p%40ss" not in summary
    told = json.loads(summary)["options"]["proxy"]
    assert told == ("env" if "--proxy" in arguments else f"http://{here.address}")


async def test_user_and_password_in_an_argument_are_refused_and_not_shown(setting):
    """Everyone on the machine can see arguments."""
    async with setting(HttpProxy("CANARY:CANARY")) as here:
        ended = await here.upload("--proxy", f"http://CANARY:CANARY@{here.address}")
        assert ended.code == 2
        assert "user or a password" in ended.err
        assert "CANARY" not in ended.err
        assert here.seen.requests == []


@pytest.mark.parametrize("url", ["http://{}", "http://user:CANARY@{}"])
async def test_a_proxy_that_wants_credentials_stops_the_run_with_4(setting, url):
    """With 407, that is, or with 401, which some send to those who gave wrong ones."""
    async with setting(HttpProxy(status=401)) as here:
        ended = await here.upload("--proxy", here.address)
        assert ended.code == 4
        assert "the proxy answered 401: it needs a user and a password" in ended.err
    async with setting(HttpProxy(KNOWN)) as here:
        here.shell.env["BATCHCONV_PROXY"] = url.format(here.address)
        ended = await here.upload("--overwrite")
        assert ended.code == 4
        assert "the proxy answered 407: it needs a user and a password" in ended.err
        assert "BATCHCONV_PROXY" in ended.err
        assert "CANARY" not in ended.err
        assert ended.books.unsent == 3
        here.shell.env["BATCHCONV_PROXY"] = f"http://{PAIR}@{here.address}"
        resumed = await here.upload("--resume")
        assert resumed.books.accepted == 3


async def test_the_file_netrc_is_not_read(setting, tmp_path):
    """A library that reads proxy variables likes to read it, too; for either host."""
    async with setting(HttpProxy(KNOWN)) as here:
        netrc = tmp_path / ".netrc"
        netrc.write_text(f"machine 127.0.0.1 login user password p@ss\nmachine {HOST} login a\n")
        netrc.chmod(0o600)
        here.shell.env |= {"HOME": str(tmp_path), "NETRC": str(netrc)}
        here.shell.env["HTTPS_PROXY"] = f"http://{here.address}"
        ended = await here.upload("--proxy", "env")
        assert ended.code == 4
        assert "uthorization" not in here.seen.requests[0]
        # What is sent to the API itself can be read where it is sent in plain http.
        looking = HttpProxy()
        async with looking.running() as port:
            plain = ("--base-url", here.simulator.base_url, "--proxy", f"127.0.0.1:{port}")
            ended = await here.upload(*plain, "--overwrite")
        assert ended.code == 0, ended.err
        assert looking.seen.requests[0].startswith("POST http://127.0.0.1:")
        assert "uthorization" not in looking.seen.requests[0]


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_can_itself_be_spoken_to_in_tls(setting, authority, scheme):
    """And `https` says so: a proxy that speaks TLS is not spoken to without."""
    proxy = HttpProxy(KNOWN, tls=authority.server("127.0.0.1"))
    async with setting(proxy) as here:
        here.shell.env["BATCHCONV_PROXY"] = f"{scheme}://{PAIR}@{here.address}"
        ended = await here.upload()
        assert ended.books.accepted == (3 if scheme == "https" else 0), ended.err


# -- trouble ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [302, 403, 404])
async def test_a_proxy_that_says_no_is_not_taken_for_the_api(setting, status):
    async with setting(HttpProxy(status=status)) as here:
        ended = await here.upload("--proxy", here.address)
        assert ended.code == 4
        assert f"the proxy answered {status}: it does not allow connections" in ended.err
        assert ended.books.unsent == 3


@pytest.mark.parametrize("status", [502, 503, 408])
async def test_a_proxy_in_trouble_is_tried_again_and_named(setting, status):
    async with setting(HttpProxy(status=status)) as here:
        ended = await here.upload("--proxy", here.address)
        assert ended.code == 1
        assert f"the proxy answered {status}, after 2 attempts" in ended.err
        assert ended.books.failed == 3


@pytest.mark.parametrize(
    ("proxy", "said"),
    [
        ("127.0.0.1:1", "the proxy refused the connection, after 2 attempts; check --proxy"),
        (
            "proxy.batchconv.invalid",
            "the proxy's name could not be found, after 2 attempts; check --proxy",
        ),
    ],
)
async def test_a_proxy_that_cannot_be_reached_is_told_from_the_api(setting, proxy, said):
    async with setting() as here:
        ended = await here.upload("--proxy", proxy)
        assert ended.code == 1
        assert said in ended.err
        assert "result unknown" not in ended.err


async def test_an_outage_of_the_proxy_is_told_as_one(setting):
    async with setting(HttpProxy(status=503), rows=20) as here:
        ended = await here.upload("--proxy", here.address, "--give-up-after", "100ms")
        assert ended.code == 3
        assert "no row got a final answer for 100 ms; at last, the proxy answered 503" in ended.err
        assert ended.books.unsent > 0


async def test_a_proxys_bad_certificate_is_told_from_the_apis(setting, authority):
    async with setting(HttpProxy(tls=authority.server("proxy.elsewhere.test"))) as here:
        ended = await here.upload("--proxy", f"https://{here.address}")
        assert ended.code == 4
        assert "the proxy's certificate was refused: it is for another host" in ended.err


def test_what_never_got_past_the_proxy_was_not_sent():
    assert not outcome_unknown(Reply(None, 0.1, trouble=Reason.CONNECTION_LOST, proxy=True))
    assert outcome_unknown(Reply(None, 0.1, trouble=Reason.CONNECTION_LOST))


# -- plain http, which is for this machine ---------------------------------------------------------


async def test_a_proxy_elsewhere_does_not_get_to_read_what_is_sent_in_plain_http(tmp_path):
    async with Simulator(Behaviour()) as simulator, HttpProxy().running() as port:
        shell = Shell(tmp_path, simulator.base_url)
        shell.write("in.csv", ids(2))
        ended = await shell.uploaded("in.csv", "--proxy", "http://proxy.batchconv.invalid:3128")
        assert ended.code == 2
        assert "could read the credentials" in ended.err
        with pytest.raises(UsageError, match="could read the credentials"):
            ConversionClient(
                QueryAuth("k", Secret("s")),
                base_url=simulator.base_url,
                proxy=Proxy.parse("http://proxy.batchconv.invalid"),
            )
        # One on this machine may: it is how somebody looks at what is sent.
        ended = await shell.uploaded("in.csv", "--proxy", f"http://127.0.0.1:{port}")
        assert ended.books.accepted == 2
        # And the one of the environment is not for this machine.
        shell.env |= {"HTTPS_PROXY": "http://127.0.0.1:1", "HTTP_PROXY": "http://127.0.0.1:1"}
        ended = await shell.uploaded("in.csv", "--proxy", "env", "--overwrite")
        assert ended.books.accepted == 2


async def test_a_simulation_needs_no_proxy(tmp_path):
    shell = Shell(tmp_path, "unused")
    shell.write("in.csv", ids(2))
    shell.env["BATCHCONV_PROXY"] = "http://127.0.0.1:1"
    assert (await shell.start("upload", "--simulate", "in.csv").end()).books.accepted == 2


async def test_a_client_of_the_library_goes_through_a_proxy(authority):
    proxy = HttpProxy(KNOWN)
    auth = QueryAuth(API_KEY, Secret(API_SECRET))
    async with (
        Simulator(Behaviour()) as simulator,
        behind_tls(simulator, authority.certificate(HOST)) as front,
        proxy.running() as port,
    ):
        address = {"base_url": f"https://{HOST}:{front}/conversions", "ca_file": authority.file}
        right = Proxy.parse(f"http://{PAIR}@127.0.0.1:{port}")
        async with ConversionClient(auth, proxy=right, **address) as client:
            assert (await client.sms_conversion("a", True)).status == 200
            assert "p%40ss" not in f"{client} {vars(client)}"
        wrong = Proxy.parse(f"http://127.0.0.1:{port}")
        async with ConversionClient(auth, proxy=wrong, **address) as client:
            with pytest.raises(ConversionRefused, match="the proxy answered 407"):
                await client.sms_conversion("b", True)


@pytest.mark.parametrize("tunnel", [True, False])
@pytest.mark.parametrize(
    ("pair", "known"),
    [("%C3%BCser:p%E2%82%ACss", "üser:p€ss"), ("üser:p€ss", "üser:p€ss"), ("user", "user:")],
)
async def test_user_and_password_are_sent_to_a_proxy_in_utf_8(authority, pair, known, tunnel):
    proxy = HttpProxy(known)
    async with (
        Simulator(Behaviour()) as simulator,
        behind_tls(simulator, authority.certificate(HOST)) as front,
        proxy.running() as port,
    ):
        base_url = f"https://{HOST}:{front}/conversions" if tunnel else simulator.base_url
        options = {
            "ca_file": authority.file,
            "proxy": Proxy.parse(f"http://{pair}@127.0.0.1:{port}"),
        }
        auth = QueryAuth(API_KEY, Secret(API_SECRET))
        async with ConversionClient(auth, base_url=base_url, **options) as client:
            assert (await client.sms_conversion("a", True)).status == 200


# -- tables ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://proxy:3128", "http://proxy:3128"),
        ("http://proxy:3128/", "http://proxy:3128"),
        ("proxy:3128", "http://proxy:3128"),
        ("http://proxy", "http://proxy:80"),
        ("https://proxy", "https://proxy:443"),
        ("http://10.0.0.1:8080", "http://10.0.0.1:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("http://u:p@proxy:1", "http://proxy:1"),
        ("u:p@proxy:1", "http://proxy:1"),
        ("http://u%40x:p%2F@proxy:1", "http://proxy:1"),
        ("http://u:p@ss@[::1]:1", "http://[::1]:1"),
    ],
)
def test_a_proxy_is_read_and_shown_without_its_credentials(text, url):
    proxy = Proxy.parse(text)
    assert str(proxy) == url
    assert bool(proxy.headers) == ("@" in text)
    shown = f"{proxy} {proxy!r}"
    for secret in ("p%2F", "p@ss", "u:p"):
        assert secret not in shown


@pytest.mark.parametrize(
    "text",
    [
        "", "http://", "http://:3128", "ftp://proxy", "http://proxy:CANARY", "http://proxy:99999",
        "http://proxy/CANARY", "http://proxy?CANARY", "http://proxy#CANARY", "http://a b:1",
        "http://[CANARY]:1", "socks5://u:CANARY@proxy:1080", "http://u:CA/NARY@proxy:1",
        "http://CANARY:1#x@proxy", "http://pröxy:1",
    ],
)  # fmt: skip
def test_what_is_no_proxy_is_refused_and_not_quoted(text):
    with pytest.raises(ValueError, match="prox") as caught:
        read_proxy(text)
    told = "".join(traceback.format_exception(caught.value, chain=True))
    assert "CANARY" not in str(caught.value)
    assert "CANARY" not in told.partition("ValueError: ")[2]
    with pytest.raises(UsageError, match="HTTPS_PROXY: ") as refused:
        find_proxy("env", "https://api.test", {"HTTPS_PROXY": text or "?"})
    assert refused.value.__context__ is None


@pytest.mark.parametrize(
    ("environment", "found"),
    [
        ({}, None),
        ({"HTTPS_PROXY": "http://a:1"}, "http://a:1"),
        ({"https_proxy": "http://b:1", "HTTPS_PROXY": "http://a:1"}, "http://b:1"),
        ({"ALL_PROXY": "http://a:1"}, "http://a:1"),
        ({"ALL_PROXY": "http://a:1", "HTTPS_PROXY": "http://b:1"}, "http://b:1"),
        ({"HTTP_PROXY": "http://a:1", "http_proxy": "http://a:1"}, None),
        ({"HTTPS_PROXY": ""}, None),
        ({"HTTPS_PROXY": "http://a:1", "NO_PROXY": "api.test"}, None),
        ({"HTTPS_PROXY": "http://a:1", "no_proxy": "x, .test"}, None),
        ({"HTTPS_PROXY": "http://a:1", "NO_PROXY": "*"}, None),
        ({"HTTPS_PROXY": "http://a:1", "NO_PROXY": "pi.test,other"}, "http://a:1"),
    ],
)
def test_the_environments_proxy_is_the_one_for_https(environment, found):
    proxy = find_proxy("env", "https://api.test/conversions", environment)
    assert (proxy and str(proxy)) == found
    given = Proxy.parse("http://given:1")
    assert find_proxy(given, "https://api.test", environment) is given
    assert find_proxy(None, "https://api.test", environment) is None


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_the_environments_proxy_is_not_for_this_machine(host):
    environment = {"HTTPS_PROXY": "http://a:1"}
    assert find_proxy("env", f"https://{host}:8443/conversions", environment) is None
