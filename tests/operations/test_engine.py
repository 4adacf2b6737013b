"""Which engines are refused, and before which request: before any."""

import pytest

from batchconv.errors import UsageError
from batchconv.operations.ray_relay import check_engine
from batchconv.sending.relay import ray_process
from batchconv.settings.option_values import read_engine_address
from batchconv.settings.options import Settings


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    """As if Ray were there."""
    monkeypatch.setattr(ray_process, "find_spec", lambda name: name)


def test_without_the_extra_the_message_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(ray_process, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match="--engine ray needs Ray") as error:
        check_engine(Settings(engine="ray"), None)
    assert error.value.hint.endswith("pip install 'batchconv[ray]'")
    check_engine(Settings(workers=2), None)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        (Settings(engine_address="auto"), "the address of a Ray cluster"),
        (Settings(engine="ray", engine_address="auto", simulate="calm"), "cannot be used together"),
    ],
)
def test_options_that_do_not_go_together_are_refused(settings, why):
    with pytest.raises(UsageError, match=why):
        check_engine(settings, None)


def test_an_address_is_that_of_a_head_or_auto():
    for good in ("auto", "ray-head:6379", "10.0.0.1:6379", "[::1]:6379"):
        assert read_engine_address(good) == good
    for bad in ("ray://head:10001", "head", "local", ":6379", "head:x", "http://head:8265"):
        with pytest.raises(ValueError, match="ray-head:6379, or auto"):
            read_engine_address(bad)
