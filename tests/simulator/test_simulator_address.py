"""The simulator without its sockets: its address, its sliding second, what importing it costs."""

import subprocess
import sys

import pytest

from batchconv.simulator import Behaviour, Simulator, Stats


def test_the_fullest_second_slides():
    stats = Stats()
    for at in (0.0, 0.6, 0.9, 1.5, 1.61, 5.0):
        stats.arrived(at, 1)
    assert stats.fullest_second == 3


@pytest.mark.parametrize(
    ("host", "url", "loopback"),
    [
        ("127.0.0.1", "http://127.0.0.1:80/conversions", True),
        ("localhost", "http://localhost:80/conversions", True),
        ("::1", "http://[::1]:80/conversions", True),
        ("0.0.0.0", "http://127.0.0.1:80/conversions", False),  # noqa: S104 - nothing listens here
        ("::", "http://[::1]:80/conversions", False),
        ("example.org", "http://example.org:80/conversions", False),
    ],
)
def test_the_address_is_one_that_a_client_can_use(host, url, loopback):
    simulator = Simulator(Behaviour(), host=host, port=80)
    assert (simulator.base_url, simulator.is_loopback) == (url, loopback)


def test_naming_the_profiles_does_not_load_the_servers_library():
    code = "import sys, batchconv.simulator; sys.exit('aiohttp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
