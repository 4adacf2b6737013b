"""No test sees the settings of whoever runs it: neither the environment's nor a file's."""

import os

from tests.bench.processes import undisturbed

_SURROUNDINGS = undisturbed(os.environ)
for _name in set(os.environ) - set(_SURROUNDINGS):
    del os.environ[_name]
os.environ.update(_SURROUNDINGS)
