"""No test sees the settings of whoever runs it: neither the environment's nor a file's."""

import os
import signal

from tests.bench.processes import undisturbed

_SURROUNDINGS = undisturbed(os.environ)
for _name in set(os.environ) - set(_SURROUNDINGS):
    del os.environ[_name]
os.environ.update(_SURROUNDINGS)

# A shell that starts the tests in its background has their processes ignore Ctrl-C, and `nohup` has
# them ignore a hang-up; and with them every program that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
