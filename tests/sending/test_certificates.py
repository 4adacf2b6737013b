"""Certificates: a private authority's is good when it is named; what is wrong with one is told."""

import subprocess

import pytest
import trustme

from batchconv.simulator import Behaviour, Simulator
from tests.shells import Ended, Shell, ids
from tests.tunnels import Authority, behind_tls


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


@pytest.fixture
def upload(tmp_path):
    """Uploads two rows to a server with that certificate."""

    async def upload(
        certificate: trustme.LeafCert, *arguments: str, host="127.0.0.1", **environment: str
    ) -> Ended:
        async with Simulator(Behaviour()) as simulator, behind_tls(simulator, certificate) as port:
            shell = Shell(tmp_path, f"https://{host}:{port}/conversions")
            shell.env |= environment
            shell.write("in.csv", ids(2))
            ended = await shell.uploaded("in.csv", "--overwrite", *arguments)
            assert simulator.stats.requests == (2 if ended.code == 0 else 0)
        return ended

    return upload


@pytest.fixture
def self_signed(tmp_path):
    key = tmp_path / "own.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command += ["-keyout", str(key), "-out", "-"]
    try:
        made = subprocess.run(command, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("there is no openssl that makes certificates")
    return trustme.LeafCert(key.read_bytes(), made.stdout, [])


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_private_authority_is_trusted_when_its_file_is_named(upload, authority, host):
    certificate = authority.certificate("127.0.0.1", "localhost")
    ended = await upload(certificate, "--ca-file", authority.file, host=host)
    assert ended.code == 0, ended.err
    assert ended.books.accepted == 2


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_what_the_system_trusts_is_trusted(upload, authority, workers):
    """That of `SSL_CERT_FILE`, where it is set: the system's own is not for tests to change."""
    certificate = authority.certificate("127.0.0.1")
    ended = await upload(certificate, "--workers", workers, SSL_CERT_FILE=authority.file)
    assert ended.code == 0, ended.err
    assert ended.books.accepted == 2


async def test_a_certificate_of_an_unknown_authority_is_refused(upload, authority):
    await refused(upload(authority.certificate("127.0.0.1")), "its issuer is not trusted")


async def test_another_authoritys_certificate_is_refused(upload, authority, tmp_path):
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other")
    sent = upload(authority.certificate("127.0.0.1"), "--ca-file", other.file)
    await refused(sent, "its issuer is not trusted")


async def test_a_certificate_that_has_expired_is_refused(upload, authority):
    certificate = authority.certificate("127.0.0.1", expired=True)
    await refused(upload(certificate, "--ca-file", authority.file), "it has expired")


@pytest.mark.parametrize(
    ("named", "host"),
    [("localhost", "127.0.0.1"), ("127.0.0.1", "localhost"), ("api.nexmo.com", "localhost")],
)
async def test_a_certificate_for_another_host_is_refused(upload, authority, named, host):
    sent = upload(authority.certificate(named), "--ca-file", authority.file, host=host)
    await refused(sent, "it is for another host")


async def test_a_certificate_that_is_not_valid_yet_is_refused(upload, authority):
    certificate = authority.certificate("127.0.0.1", days=30)
    await refused(upload(certificate, "--ca-file", authority.file), "it is not valid yet")


async def test_a_certificate_that_vouches_for_itself_is_refused(upload, self_signed):
    await refused(upload(self_signed), "it is self-signed")


async def refused(sent, why: str) -> None:
    """The run stops with 4 and says why, in one word and without the URL; nothing was sent."""
    ended = await sent
    assert ended.code == 4
    assert f"the server's certificate was refused: {why}" in ended.err
    assert "--ca-file" in ended.err
    assert ended.books.unsent == 2
    assert "api_secret" not in ended.err
