"""Bytes → lines: the same lines however the chunks fall, and none of them lost."""

import io
import time
from collections.abc import Iterable

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from batchconv.errors import UsageError
from batchconv.reading.formats.decoding import check_encoding, to_bytes
from batchconv.reading.formats.lines import Lines, TooLong, WouldWait

NO_LIMIT = 1 << 20
texts = st.text(alphabet='ab,"\r\n\0é€😀\u2028\x0b\x1c\x85', max_size=60)
newlines = st.sampled_from(["", "\n"])


def read(
    chunks: Iterable[bytes],
    *,
    max_bytes: int = NO_LIMIT,
    encoding: str | None = None,
    newline: str = "",
) -> list[tuple[int, str, bool]]:
    """Each line as (number, text, whether it was too long), every line a record by itself."""
    lines = Lines(chunks, max_bytes=max_bytes, encoding=encoding, newline=newline)
    found = []
    while True:
        try:
            for line in lines:
                found.append((lines.number, line, False))
                lines.mark()
        except TooLong:
            found.append((lines.number, lines.first(), True))
            lines.mark()
        else:
            return found


def in_pieces(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


@settings(deadline=None)
@given(texts, newlines, st.integers(1, 7), st.sampled_from(["utf-8", "utf-16", "utf-32-be"]))
@example("a\r\nb\rc\n", "", 1, "utf-8")
@example("a\r", "", 1, "utf-8")
def test_lines_are_what_the_standard_library_makes_of_the_whole_text(text, newline, size, encoding):
    data = text.encode(encoding)
    found = read(in_pieces(data, size), encoding=encoding, newline=newline)
    assert [line for _, line, _ in found] == list(io.StringIO(text, newline=newline))
    assert [number for number, _, _ in found] == list(range(1, len(found) + 1))


@settings(deadline=None)
@given(texts, newlines, st.integers(1, 7), st.integers(1, 12))
@example("aaaaaaa\rb\rc", "", 1, 3)
@example("aaaaaaa\r\nb", "", 1, 3)
@example("aaaaaaa\rb", "\n", 1, 3)
@example("a\0a\0\ra", "", 1, 1)
def test_lines_that_are_too_long_are_the_same_however_the_chunks_fall(text, newline, size, limit):
    """Their text goes into the key by which a resume knows them again."""
    data = text.encode()
    how = {"max_bytes": limit, "encoding": "utf-8", "newline": newline}
    whole = read([data], **how)
    assert read(in_pieces(data, size), **how) == whole
    assert len(whole) == len(list(io.StringIO(text, newline=newline)))


@pytest.mark.parametrize("size", [1, 2, 1000, 1 << 16])
def test_a_line_that_is_too_long_costs_only_itself(size):
    data = b"a\n" + b"x" * 200_000 + b"\nb\n"
    assert read(in_pieces(data, size), max_bytes=1000) == [
        (1, "a\n", False),
        (2, "x" * 1000, True),
        (3, "b\n", False),
    ]


@pytest.mark.parametrize("size", range(1, 9))
def test_a_cr_at_a_chunks_end_ends_a_line_that_is_too_long(size):
    data = b"aaaaaaa\rb\rc\r"
    assert [line for _, line, _ in read(in_pieces(data, size), max_bytes=3)] == [
        "aaa",
        "b\r",
        "c\r",
    ]


@pytest.mark.parametrize(
    ("line", "too_long"),
    [("x" * 10, False), ("x" * 11, True), ("é" * 5, False), ("é" * 6, True), ("😀" * 3, True)],
)
def test_length_is_measured_in_bytes(line, too_long):
    assert [found[2] for found in read([line.encode()], max_bytes=10)] == [too_long]


def test_a_line_without_end_takes_no_memory_beyond_the_limit():
    """The chunks of 300 megabytes without a line's end come from a generator, and go."""
    chunk = b"x" * (1 << 20)
    assert read((chunk for _ in range(300)), max_bytes=100) == [(1, "x" * 100, True)]


def test_a_record_of_very_many_lines_is_refused_within_seconds():
    """Measuring the whole record anew for each line took minutes for one unclosed quote."""
    lines = Lines([b"x\n" * 600_000], max_bytes=NO_LIMIT)
    began = time.process_time()
    with pytest.raises(TooLong):
        for _ in lines:
            pass
    assert time.process_time() - began < 10
    assert lines.number == NO_LIMIT // 2 + 1


def test_going_back_hands_out_all_lines_but_the_first_again():
    lines = Lines([b"a\nb\nc\nd\n"], max_bytes=NO_LIMIT)
    handed = iter(lines)
    assert [next(handed), next(handed), next(handed)] == ["a\n", "b\n", "c\n"]
    assert (lines.taken, lines.count) == (["a\n", "b\n", "c\n"], 3)
    lines.rewind(keep=1)
    assert (lines.number, lines.first()) == (1, "a\n")
    assert list(handed) == ["b\n", "c\n", "d\n"]
    assert lines.number == 4


def test_going_back_measures_the_record_anew():
    lines = Lines([b"aaaa\nbbbb\ncccc\n"], max_bytes=10)
    for _ in range(3):
        with pytest.raises(TooLong):
            list(lines)
        lines.rewind(keep=1)
    lines.mark()
    assert list(lines) == ["bbbb\n", "cccc\n"]


def test_looking_ahead_takes_nothing():
    lines = Lines([b"a\nb\n"], max_bytes=NO_LIMIT)
    assert (lines.peek(), lines.peek(5), lines.number) == (["a\n"], ["a\n", "b\n"], 0)
    assert list(lines) == ["a\n", "b\n"]
    assert lines.peek() == []


def test_a_line_that_has_not_come_is_not_waited_for_unasked():
    lines = Lines([b"aaa\nb", b"\nc\n"], max_bytes=NO_LIMIT)
    with pytest.raises(WouldWait):
        next(lines.lines(wait=False))
    assert next(lines.lines()) == "aaa\n"
    with pytest.raises(WouldWait):
        next(lines.lines(wait=False))
    assert list(lines) == ["b\n", "c\n"]


@pytest.mark.parametrize("size", [1, 2, 5, 100])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_byte_order_mark_at_the_beginning_of_a_line_is_no_part_of_it(size, encoding):
    """Files that were joined by cat have them in the middle."""
    data = "a\n\ufeffb\n\ufeff\nc\ufeffd\n".encode(encoding)
    lines = Lines(in_pieces(data, size), max_bytes=NO_LIMIT, encoding=encoding)
    assert list(lines) == ["a\n", "b\n", "\n", "c\ufeffd\n"]


@pytest.mark.parametrize("size", [1, 3, 100])
def test_lines_at_the_beginning_are_passed_over_and_counted(size):
    data = b"x" * 50 + b"\n\na\nb\n"
    lines = Lines(in_pieces(data, size), max_bytes=10, skip=2)
    assert list(lines) == ["a\n", "b\n"]
    assert lines.number == 4
    assert list(Lines([b"a\n"], max_bytes=10, skip=5)) == []


# -- encodings -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encoding", "data", "used"),
    [
        (None, "é\n".encode(), "utf-8"),
        (None, "é\n".encode("utf-8-sig"), "utf-8"),
        (None, b"\xff\xfe" + "é\n".encode("utf-16-le"), "utf-16-le"),
        (None, b"\xfe\xff" + "é\n".encode("utf-16-be"), "utf-16-be"),
        (None, b"\xff\xfe\0\0" + "é\n".encode("utf-32-le"), "utf-32-le"),
        ("utf-8", "é\n".encode("utf-8-sig"), "utf-8"),
        ("utf-8-sig", "é\n".encode(), "utf-8"),
        ("utf-16", "é\n".encode("utf-16-be"), "utf-16-le"),
        ("UTF_16", b"\xfe\xff" + "é\n".encode("utf-16-be"), "utf-16-be"),
        ("utf-16", "é\n".encode("utf-16-le"), "utf-16-le"),
        ("utf-16-be", b"\xfe\xff" + "é\n".encode("utf-16-be"), "utf-16-be"),
        ("cp1252", "é\n".encode("cp1252"), "cp1252"),
        ("cp1252", "é\n".encode("utf-8-sig"), "cp1252"),
    ],
)
@pytest.mark.parametrize("size", [1, 3, 100])
def test_a_byte_order_mark_is_no_part_of_the_text(encoding, data, used, size):
    lines = Lines(in_pieces(data, size), max_bytes=NO_LIMIT, encoding=encoding)
    found = "".join(lines)
    assert lines.encoding == used
    if encoding == "utf-16" and used == "utf-16-le" and b"\0\xe9" in data:
        assert found != "é\n"  # nothing says that it is big-endian
    elif encoding == "cp1252" and data.startswith(b"\xef"):
        assert found == "ï»¿Ã©\n"  # the user said what it is
    else:
        assert found == "é\n"


@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_bytes_that_do_not_decode_stay_in_their_line(size):
    lines = Lines(in_pieces(b"a\nb\xff\xc3\nc\n\xe2\x82", size), max_bytes=NO_LIMIT)
    assert list(lines) == ["a\n", "b\udcff\udcc3\n", "c\n", "\udce2\udc82"]
    assert lines.dirty


def test_sound_bytes_are_not_taken_for_dirty():
    lines = Lines(in_pieces("é€😀\n".encode(), 1), max_bytes=NO_LIMIT)
    assert list(lines) == ["é€😀\n"]
    assert not lines.dirty


@settings(deadline=None)
@given(
    st.binary(max_size=40),
    st.integers(1, 9),
    st.sampled_from(["utf-8", "ascii", "cp1252", "latin-1", "utf-16-le", "utf-16-be", "utf-32-le"]),
)
@example(b"\x00\xd8", 9, "utf-16-le")
@example(b"a\0b", 9, "utf-16-le")
def test_every_byte_finds_its_way_back(data, size, encoding):
    """A record that could not be read is kept as it was; UTF-16 takes an odd byte badly."""
    # One that begins a later line is not part of it, and is not kept.
    assume("\ufeff" not in data.decode(encoding, "replace")[1:])
    lines = Lines(in_pieces(data, size), max_bytes=NO_LIMIT, encoding=encoding)
    text = "".join(lines)
    marks = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\xff\xfe\0\0", b"\0\0\xfe\xff")
    assert any(to_bytes(text, lines.encoding) == data.removeprefix(mark) for mark in (b"", *marks))


@pytest.mark.parametrize("name", ["utf-8", "UTF8", "latin-1", "cp1252", "utf-16", "shift_jis"])
def test_a_text_encoding_is_accepted(name):
    assert check_encoding(name) == name


@pytest.mark.parametrize(
    "name", ["", "utf-9", "base64", "rot13", "hex", "idna", "punycode", "undefined", "a\0b", "ü"]
)
def test_what_is_no_text_encoding_is_refused(name):
    with pytest.raises(UsageError, match="no such text encoding"):
        check_encoding(name)
