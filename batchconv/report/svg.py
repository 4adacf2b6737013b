"""What matplotlib draws → SVG that can stand in a page: its colours are names in the page's CSS."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

# Colours that nobody would choose stand for names until the picture is drawn.
_NAMES = (
    "ink", "quiet", "axis", "grid", "latency", "spread", "pause",
    "accepted", "rejected", "failed", "invalid", "skipped",
)  # fmt: skip
_FIRST = 0x0101A0
_SVG = "{http://www.w3.org/2000/svg}"
_HREF = "{http://www.w3.org/1999/xlink}href"
_COLOUR = re.compile("#0101([a-f][0-9a-f])")
_FONT = re.compile(r"(font-family:|font:[^;]*?[0-9.]+px) [^;]*")
_TOO_EXACT = re.compile(r"(\d\.\d)\d+")  # a tenth of a CSS pixel is exact enough
_NUMBERS = ("d", "x", "y", "transform", "width", "height")
_CURVE = re.compile("[CQ]")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")


def colour_of(name: str) -> str:
    """What stands for a colour of the page while a picture is drawn."""
    return f"#{_FIRST + _NAMES.index(name):06x}"


def styled(drawn: str, kind: str, *, key: str, title: str) -> str:
    """The picture as an element of a page.

    Args:
        drawn: an SVG document that matplotlib wrote, with text as text.
        kind: its class.
        key: what it refers to within itself bears that name: there are others in the page.
        title: what it shows, for those who do not see it.
    """
    root = ET.fromstring(drawn)  # noqa: S314 - reads nothing but what matplotlib drew
    unwanted = {*root.findall(f"{_SVG}metadata"), *root.iter(f"{_SVG}style")}
    used = set(_REFERENCE.findall(drawn)) | {
        element.attrib[_HREF][1:] for element in root.iter() if _HREF in element.attrib
    }
    for element in root.iter():
        for child in [child for child in element if child in unwanted]:
            element.remove(child)
        element.tag = element.tag.removeprefix(_SVG)
        if not (element.text or "").strip():
            element.text = None
        element.tail = None  # nothing but the document's line breaks
        _style(element, used, key)
    for attribute in ("width", "height", "version"):
        root.attrib.pop(attribute, None)
    root.attrib.update({"class": kind, "role": "img", "aria-label": title})
    return ET.tostring(root, encoding="unicode")


def _style(element: ET.Element, used: set[str], key: str) -> None:
    attributes = element.attrib
    identity = attributes.pop("id", None)
    if identity in used:
        attributes["id"] = f"{key}-{identity}"
    if _HREF in attributes:
        attributes["href"] = f"#{key}-{attributes.pop(_HREF)[1:]}"
    for name, value in attributes.items():
        text = _REFERENCE.sub(rf"url(#{key}-\1)", value)
        if name == "style":
            text = _FONT.sub(r"\1 var(--letters)", text)
            text = _COLOUR.sub(lambda match: f"var(--{_NAMES[int(match[1], 16) - 0xA0]})", text)
        elif name in _NUMBERS:
            text = " ".join(_TOO_EXACT.sub(r"\1", text).split())
            if name == "d" and not _CURVE.search(text):
                text = text.replace(" L ", " ")  # points after the first are lines by themselves
        attributes[name] = text
