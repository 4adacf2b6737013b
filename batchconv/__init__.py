"""Send conversion records to the Vonage (Nexmo) Conversion API: all of them, none lost."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from batchconv.api import ConversionClient as ConversionClient
    from batchconv.api import OpenUpload as OpenUpload
    from batchconv.api import upload as upload
    from batchconv.api import upload_sync as upload_sync
    from batchconv.errors import AccountError as AccountError
    from batchconv.errors import BatchconvError as BatchconvError
    from batchconv.errors import ConversionRefused as ConversionRefused
    from batchconv.errors import ExitCode as ExitCode
    from batchconv.errors import InputError as InputError
    from batchconv.errors import OutputError as OutputError
    from batchconv.errors import UsageError as UsageError
    from batchconv.model import Conversion as Conversion
    from batchconv.model import Outcome as Outcome
    from batchconv.model import Reason as Reason
    from batchconv.model import Reply as Reply
    from batchconv.model import Result as Result
    from batchconv.sending.proxy import Proxy as Proxy
    from batchconv.settings.options import Settings as Settings
    from batchconv.telemetry.summary import Summary as Summary
    from batchconv.vonage.authentication import BasicAuth as BasicAuth
    from batchconv.vonage.authentication import QueryAuth as QueryAuth
    from batchconv.vonage.authentication import Secret as Secret
    from batchconv.vonage.authentication import SignatureAuth as SignatureAuth

__version__ = "0.1.0"

# Imported when first used: `batchconv --help` must not wait for aiohttp.
_MODULES = {
    "vonage.authentication": ("BasicAuth", "QueryAuth", "Secret", "SignatureAuth"),
    "settings.options": ("Settings",),
    "errors": (
        "AccountError",
        "BatchconvError",
        "ConversionRefused",
        "ExitCode",
        "InputError",
        "OutputError",
        "UsageError",
    ),
    "api": ("ConversionClient", "OpenUpload", "upload", "upload_sync"),
    "model": ("Conversion", "Outcome", "Reason", "Reply", "Result"),
    "sending.proxy": ("Proxy",),
    "telemetry.summary": ("Summary",),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

__all__ = ["__version__", *sorted(_MODULE_OF)]  # noqa: PLE0604 - strings, all of them


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'batchconv' has no attribute {name!r}")
    return getattr(import_module(f"batchconv.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return __all__
