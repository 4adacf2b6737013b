"""The words that a person can meet are plain: the field's terms, one name for one thing.

The table says what must not stand in a string, a docstring, a comment, a page of the manual, the
README or a template, and what to say instead.
"""

import ast
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "batchconv"
PAGES = [
    ROOT / "README.md",
    *sorted(PACKAGE.glob("manual/*.md")),
    *sorted(PACKAGE.rglob("*.j2")),
]
CODE = sorted(PACKAGE.rglob("*.py"))

INSTEAD = {
    r"stand-ins?": "simulator",
    r"houses?|rooms?": "folder, module; space",
    r"(come|comes|came|coming) to nothing": "was not sent, was not accepted",
    r"mend(s|ed|ing)?": "fix, correct",
    r"last words?": "final summary",
    r"settled before": "already settled",
    r"unsure": "result unknown",
    r"(un)?pack(s|ed|ing)?": "compressed, decompress",
    r"stands? between (the )?cells": "field delimiter",
    r"known here": "unrecognised",
    r"by lot": "at random, jitter",
    r"(tell|tells|told|telling) (of|about)": "report, reported",
    r"told(?![:)])": "reported, shown, named",
    r"grief": "trouble",
    r"doom(ed|s)?": "too long, given up",
    r"lets? go( of)?|letting go": "close, release",
    r"spoil(s|t|ed)?": "damaged",
    r"cohorts?": "latency sample",
    r"(become|becomes|became) of": "outcome",
    r"(?<!there )(is|are|was|were) no (?!longer\b)\w+": "is not a",
    r"who(so)?ever": "the one that, anything that",
    r"whence|lest|thereof|thereby|aught|nought": "why, so, in case",
    r"one and the same": "the same",
    r"of ours": "of this program",
    r"tak(e|es|en|ing) apart": "split, parse",
}
FORBIDDEN = re.compile(
    "|".join(rf"\b(?P<w{number}>{words})\b" for number, words in enumerate(INSTEAD)), re.IGNORECASE
)


def texts_of(path: Path) -> Iterator[tuple[int, str]]:
    """The strings, docstrings and comments of a module, with their lines."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        named = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if named and not node.value.strip(".").isidentifier():
            yield node.lineno, node.value
    comment: list[str] = []
    with path.open("rb") as file:
        for token in tokenize.tokenize(file.readline):
            if token.type == tokenize.COMMENT:
                comment.append(token.string.lstrip("# "))
            elif token.type != tokenize.NL and comment:
                yield token.start[0] - len(comment), " ".join(comment)
                comment = []


def private_words(text: str) -> list[str]:
    """What is to be said otherwise, and how."""
    flat = " ".join(text.split())
    return [
        f"{found[0]!r} in {flat[max(found.start() - 50, 0) : found.end() + 30]!r}: "
        f"say {list(INSTEAD.values())[int((found.lastgroup or 'w0')[1:])]}"
        for found in FORBIDDEN.finditer(flat)
    ]


@pytest.mark.parametrize("path", CODE, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_a_module_speaks_in_plain_words(path):
    found = [(line, each) for line, text in texts_of(path) for each in private_words(text)]
    assert found == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_page_speaks_in_plain_words(path):
    found = [
        (number, each)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        for each in private_words(line)
    ]
    assert found == []
