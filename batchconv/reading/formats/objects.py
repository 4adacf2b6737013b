"""JSON text → one object, judged strictly; a block of lines at once where all are sound."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Sequence
from typing import cast

from batchconv.model import Raw

_BRACKETS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|([\[{])|([\]}])')
_BETWEEN = object()


class BadObjectError(ValueError):
    """The text is not an object that a record may be; the error's text says why."""


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadObjectError("a key is repeated in one object")
    return found


# What is not JSON, and what Python's own `json` writes by itself: NaN is a missing value.
_numbers = {"NaN": None, "Infinity": math.inf, "-Infinity": -math.inf}.__getitem__
_decode = json.JSONDecoder(parse_constant=_numbers, object_pairs_hook=_object).raw_decode
_constants = {"NaN": _BETWEEN}.__getitem__
_decode_flat = json.JSONDecoder(parse_constant=_constants).raw_decode
_decode_all = json.JSONDecoder(parse_constant=_constants, object_pairs_hook=_object).raw_decode


def decode_object(text: str, *, max_nesting: int) -> dict[str, Raw]:
    """The object that *text*, which is not empty, consists of.

    Raises:
        BadObjectError: it is none, or one with doubled keys, or nested too deeply.
    """
    if text[0] != "{":
        raise BadObjectError("it is not an object")
    try:
        found, end = _decode(text)
    except json.JSONDecodeError as error:
        raise BadObjectError(f"{error.msg} at character {error.pos + 1}") from None
    except RecursionError:
        raise _too_deep(max_nesting) from None
    except BadObjectError:
        raise
    except ValueError:  # from int(), which takes no longer ones
        digits = sys.get_int_max_str_digits()
        raise BadObjectError(f"a number has more than {digits} digits") from None
    if end != len(text):
        raise BadObjectError("there is more text after the object")
    if text.count("[") + text.count("{") > max_nesting and _is_deeper(text, max_nesting):
        raise _too_deep(max_nesting)
    return cast("dict[str, Raw]", found)


def _too_deep(most: int) -> BadObjectError:
    return BadObjectError(f"it is nested too deeply, --max-nesting allows {most} levels")


def _is_deeper(text: str, most: int) -> bool:
    """Whether sound JSON text has more levels than that, for those who handle it later."""
    depth = 0
    for match in _BRACKETS.finditer(text):
        depth += 1 if match[1] else -1 if match[2] else 0
        if depth > most:
            return True
    return False


def decode_block(lines: Sequence[str], *, max_nesting: int) -> list[dict[str, Raw]] | None:
    """What `decode_object` gives for each line, decoded at once; None where that cannot be said.

    All lines are decoded as one array, with the word NaN between them, which no JSON text can
    stand for; where a line holds it, nothing can be said. When the array is one object and one
    such mark by turns, no line has run into another, and each object is what its line would give
    by itself.
    """
    count = len(lines)
    text = f"[{',NaN,'.join(lines)}]"
    if text.count("NaN") != count - 1:
        return None
    nested = text.count("{") + text.count("[") > count + 1
    if nested and any(line.count("{") + line.count("[") > max_nesting for line in lines):
        return None
    try:
        found, end = (_decode_all if nested else _decode_flat)(text)
        # In flat objects a comma stands before every member but the first. So where there are
        # just as many as that, no key was there twice, and no text holds one.
        if not nested and sum(map(len, found[::2])) != text.count(",") - count + 2:
            found, end = _decode_all(text)
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    objects: list[dict[str, Raw]] = found[::2]
    by_turns = set(map(type, objects)) == {dict} and found[1::2] == [_BETWEEN] * (count - 1)
    return objects if by_turns and end == len(text) else None
