"""Bytes → text: which encoding it is, and how bytes that are not in it are treated.

The standard library's decoders stop at the first byte that makes no sense, or lose it. Here such
bytes stay in the text as lone surrogates: they cost the record that they stand in, no other, and
the record can still be written as it was.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from itertools import chain

from batchconv.errors import UsageError

# Byte order mark, the encoding that it tells, and that encoding's name where a mark may follow.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8", "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32-le", "utf-32"),  # begins with UTF-16's
    (codecs.BOM_UTF32_BE, "utf-32-be", "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16-le", "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16-be", "utf-16"),
)
_HEAD = 4  # bytes from which the encoding is recognised
# No text begins so that is not UTF-16 without a mark: every other byte of it is NUL.
_WITHOUT = (
    (re.compile(rb"([^\0]\0){2}"), "utf-16-le"),
    (re.compile(rb"(\0[^\0]){2}"), "utf-16-be"),
)
_WITHOUT_MARK = {"utf-8-sig": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}
# In these a lone surrogate can be written, and decodes.
_SURROGATES = {
    codecs.lookup(name).name for name in ("utf-7", "unicode_escape", "raw_unicode_escape")
}
_NO_TEXT = {"idna", "punycode", "undefined"}  # text encodings by name that read no text


def _escape(error: UnicodeError) -> tuple[str, int]:
    """Bytes that do not decode become lone surrogates U+DC00 + byte."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    bad = error.object[error.start : error.end]
    if not error.encoding.startswith(("utf-16", "utf-32", "utf_16", "utf_32")):
        # The end of a line after half a character is an end of line all the same.
        bad = bad[:1] + bad[1:].partition(b"\n")[0].partition(b"\r")[0]
    return "".join(chr(0xDC00 + byte) for byte in bad), error.start + len(bad)


_ESCAPE = "batchconv-escape"
ESCAPED = re.compile("([\udc00-\udcff]+)")
"""Bytes that did not decode, in the text of a `Decoder`."""
UNDECODED = re.compile("[\ud800-\udfff]")
"""What no text can hold: such bytes, and surrogates that decoded and are half of nothing."""
codecs.register_error(_ESCAPE, _escape)


def likely_encoding(text: str) -> str:
    """Which of Windows' encodings it may be, where bytes did not decode: by whole words of them."""
    return "windows-1251" if re.search("[\udcc0-\udcff]{4}", text) else "windows-1252"


def to_bytes(text: str, encoding: str) -> bytes:
    """The bytes that *text* was decoded from, those that did not decode included."""
    # An error handler of the codec cannot do it: UTF-16's takes no odd number of bytes.
    return b"".join(
        bytes(ord(char) & 0xFF for char in piece)
        if index % 2
        else piece.encode(encoding, "replace")
        for index, piece in enumerate(ESCAPED.split(text))
    )


class Decoder:
    """The text of a byte stream, piece by piece as the bytes come.

    Args:
        chunks: the bytes.
        encoding: None to tell it from the first bytes: UTF-8 when they do not say.

    Attributes:
        encoding: what the bytes are decoded with; one that puts no mark in front.
        dirty: lone surrogates may stand in the text. Mostly these are bytes that did not decode.
    """

    def __init__(self, chunks: Iterable[bytes], encoding: str | None) -> None:
        self.encoding = encoding or "utf-8"
        self.dirty = codecs.lookup(self.encoding).name in _SURROGATES
        self._guess = encoding is None
        self._chunks = iter(chunks)

    def __iter__(self) -> Iterator[str]:
        head = b""
        for chunk in self._chunks:
            head += chunk
            if len(head) >= _HEAD:
                break
        head = self._tell(head)
        decoder = codecs.getincrementaldecoder(self.encoding)("strict")
        for chunk in chain([head], self._chunks):
            yield self._decode(decoder, chunk, final=False)
        yield self._decode(decoder, b"", final=True)

    def _tell(self, head: bytes) -> bytes:
        """Settle the encoding; the first bytes without a byte order mark."""
        named = codecs.lookup(self.encoding).name
        for mark, encoding, with_mark in _MARKS:
            if head.startswith(mark) and (self._guess or named in (encoding, with_mark)):
                self.encoding = encoding
                return head[len(mark) :]
        for pattern, encoding in _WITHOUT:
            if self._guess and pattern.match(head):
                self.encoding = encoding
                return head
        self.encoding = _WITHOUT_MARK.get(named, self.encoding)
        return head

    def _decode(self, decoder: codecs.IncrementalDecoder, chunk: bytes, *, final: bool) -> str:
        before = decoder.getstate()
        try:
            return decoder.decode(chunk, final)
        except UnicodeDecodeError:
            # The same bytes again, now forgivingly; some decoders have lost what was pending.
            decoder.setstate(before)
            decoder.errors = _ESCAPE
            self.dirty = True
            return decoder.decode(chunk, final)


def check_encoding(encoding: str) -> str:
    """The name of a text encoding that Python knows.

    Raises:
        UsageError: it does not.
    """
    try:
        found = codecs.lookup(encoding)
        if found._is_text_encoding and found.name not in _NO_TEXT:  # noqa: SLF001 - the only way to tell; bytes.decode() asks it too
            return encoding
    except (LookupError, ValueError):
        pass
    raise UsageError(
        f"--encoding {encoding}: there is no such text encoding",
        hint="usual ones are utf-8, utf-16, latin-1 and cp1252",
    )
