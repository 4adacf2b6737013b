"""Text that a terminal only shows, whatever somebody has named a file."""

from __future__ import annotations

_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))}


def visible(text: str) -> str:
    """A line whose control characters, if any, are written out: `\\x1b`."""
    return text if text.isprintable() else text.translate(_CONTROLS)
