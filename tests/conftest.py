"""No test sees the settings of whoever runs it: neither the environment's nor a file's."""

import os
import signal

from tests.bench.processes import undisturbed

_SURROUNDINGS = undisturbed(os.environ)
for _name in set(os.environ) - set(_SURROUNDINGS):
    del os.environ[_name]
os.environ.update(_SURROUNDINGS)

# Importing aiohttp parses every certificate that the system trusts, twice: a quarter of what a
# short upload takes. No test speaks to a server that one of them vouches for.
os.environ |= {"SSL_CERT_FILE": os.devnull, "SSL_CERT_DIR": os.devnull}

# A shell that starts the tests in its background has their processes ignore Ctrl-C, and `nohup` has
# them ignore a hang-up; and with them every program that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: a test that waits for a program leaves its core to another."""
    return (os.cpu_count() or 1) + 1
