"""Send conversion records to the Vonage (Nexmo) Conversion API: all of them, none lost."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from batchconv.auth import BasicAuth as BasicAuth
    from batchconv.auth import QueryAuth as QueryAuth
    from batchconv.auth import Secret as Secret
    from batchconv.auth import SignatureAuth as SignatureAuth
    from batchconv.config import Settings as Settings
    from batchconv.errors import AccountError as AccountError
    from batchconv.errors import BatchconvError as BatchconvError
    from batchconv.errors import ConversionRefused as ConversionRefused
    from batchconv.errors import InputError as InputError
    from batchconv.errors import OutputError as OutputError
    from batchconv.errors import UsageError as UsageError
    from batchconv.library import ConversionClient as ConversionClient
    from batchconv.library import OpenUpload as OpenUpload
    from batchconv.library import upload as upload
    from batchconv.model import Outcome as Outcome
    from batchconv.model import Reason as Reason
    from batchconv.model import Reply as Reply
    from batchconv.model import Result as Result
    from batchconv.proxy import Proxy as Proxy
    from batchconv.summary import Summary as Summary

__version__ = "0.1.0"

# Imported when first used: `batchconv --help` must not wait for aiohttp.
_ROOMS = {
    "auth": ("BasicAuth", "QueryAuth", "Secret", "SignatureAuth"),
    "config": ("Settings",),
    "errors": (
        "AccountError",
        "BatchconvError",
        "ConversionRefused",
        "InputError",
        "OutputError",
        "UsageError",
    ),
    "library": ("ConversionClient", "OpenUpload", "upload"),
    "model": ("Outcome", "Reason", "Reply", "Result"),
    "proxy": ("Proxy",),
    "summary": ("Summary",),
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = ["__version__", *sorted(_ROOM_OF)]  # noqa: PLE0604 - strings, all of them


def __getattr__(name: str) -> Any:
    if name not in _ROOM_OF:
        raise AttributeError(f"module 'batchconv' has no attribute {name!r}")
    return getattr(import_module(f"batchconv.{_ROOM_OF[name]}"), name)


def __dir__() -> list[str]:
    return __all__
