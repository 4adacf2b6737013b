"""Packed inputs: every compression, in pieces as they arrive, and everything before the damage."""

import bz2
import gzip
import lzma
import random
import shutil
import subprocess
import threading
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from backports import zstd
from hypothesis import given, settings
from hypothesis import strategies as st

from batchconv.errors import InputError
from batchconv.reading.formats import ReadOptions, open_rows
from batchconv.reading.sources import COMPRESSIONS, ByteStream
from tests.pipes import piped

Pack = Callable[[bytes], bytes]


def pack_zst(data: bytes) -> bytes:
    return zstd.compress(data, options={zstd.CompressionParameter.checksum_flag: 1})


PACK: dict[str, Pack] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": pack_zst,
}
each_packing = pytest.mark.parametrize("kind", PACK)
HEAD = b"message_id,delivered\n"
TEXT = HEAD + b"".join(b"id%d,true\n" % number for number in range(50_000))
SMALL = HEAD + b"".join(b"id%d,true\n" % number for number in range(20))
# What does not pack well: the compressed data are nearly as long, and several blocks.
NOISE = random.Random(5).randbytes(400_000).hex().encode()


def test_every_compression_that_can_be_named_is_tested():
    assert ["none", *PACK, "zip"] == list(COMPRESSIONS)  # zip has a test file of its own


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "in.csv"


def read(path, compression=None) -> bytes:
    with ByteStream(str(path), compression) as stream:
        return b"".join(stream)


def read_until_damage(path) -> tuple[bytes, str]:
    found: list[bytes] = []
    with ByteStream(str(path)) as stream, pytest.raises(InputError) as caught:
        found.extend(stream)
    assert caught.value.exit_code == 5
    assert str(path) in str(caught.value)
    return b"".join(found), str(caught.value)


# -- told by the first bytes, by name, outright ----------------------------------------------------


@each_packing
@pytest.mark.parametrize("name", ["in.csv", "in.csv.gz", "in.csv.zst", "in"])
def test_magic_bytes_beat_the_name(tmp_path, name, kind):
    path = tmp_path / name
    path.write_bytes(PACK[kind](TEXT))
    assert read(path) == TEXT
    path.write_bytes(TEXT)
    assert read(path) == TEXT


@each_packing
def test_a_named_compression_beats_the_magic_bytes(path, kind):
    packed = PACK[kind](TEXT)
    path.write_bytes(packed)
    assert read(path, "none") == packed
    assert read(path, kind) == TEXT
    other = "gz" if kind != "gz" else "bz2"
    with pytest.raises(InputError, match=r"in\.csv is damaged"):
        read(path, other)


@pytest.mark.parametrize("name", ["in.gz", "in.bz2", "in.xz", "in.zst", "in.zstd"])
def test_what_is_neither_packed_nor_text_is_damaged_if_its_name_says_that_it_is_packed(
    tmp_path, name
):
    """The first byte of a packed file is lost: ten thousand unreadable rows would not say so."""
    path = tmp_path / name
    path.write_bytes(b"\x00\x01\x02" * 100)
    assert "is damaged" in read_until_damage(path)[1]
    path.write_bytes("a,b\n".encode("utf-16"))
    assert read(path) == "a,b\n".encode("utf-16")


@pytest.mark.parametrize("kind", [0x50, 0x5F])
def test_zstd_may_begin_with_a_frame_that_is_to_be_skipped(path, kind):
    """`pzstd` writes such frames before each of its own."""
    skipped = bytes([kind]) + b"\x2a\x4d\x18\x04\0\0\0abcd"
    path.write_bytes(skipped + pack_zst(b"one\n") + skipped + pack_zst(b"two\n") + skipped)
    assert read(path) == b"one\ntwo\n"


# -- members ---------------------------------------------------------------------------------------


@each_packing
def test_an_empty_packed_file_is_empty(path, kind):
    path.write_bytes(PACK[kind](b""))
    assert read(path) == b""
    path.write_bytes(b"")
    assert read(path, kind) == b""


@each_packing
def test_several_members_are_one_text(path, kind):
    """`cat a.gz b.gz` makes such files, and so do log rotations."""
    pack = PACK[kind]
    path.write_bytes(pack(TEXT) + pack(b"more\n") + pack(b"") + pack(b"and more\n"))
    assert read(path) == TEXT + b"more\nand more\n"


@each_packing
@pytest.mark.parametrize("padding", [1, 4, 1000, 200_000])
def test_zeros_behind_and_between_members_are_padding(path, kind, padding):
    """Tapes and `dd` fill up blocks with them."""
    zeros = b"\0" * padding
    path.write_bytes(PACK[kind](TEXT) + zeros)
    assert read(path) == TEXT
    path.write_bytes(PACK[kind](TEXT) + zeros + PACK[kind](b"more\n") + zeros)
    assert read(path) == TEXT + b"more\n"


@each_packing
@settings(max_examples=20, deadline=None)
@given(texts=st.lists(st.binary(max_size=2000), max_size=6), lot=st.randoms(use_true_random=False))
def test_what_was_packed_comes_out_however_it_was_split(tmp_path_factory, kind, texts, lot):
    path = tmp_path_factory.mktemp("packed") / "in"
    path.write_bytes(b"".join(PACK[kind](text) + b"\0" * lot.randrange(3) for text in texts))
    assert read(path, kind) == b"".join(texts)


@each_packing
def test_a_bomb_is_handed_out_in_small_pieces(path, kind):
    path.write_bytes(PACK[kind](b"\0" * 50_000_000))
    with ByteStream(str(path)) as stream:
        sizes = list(map(len, stream))
    assert sum(sizes) == 50_000_000
    assert max(sizes) <= 1 << 15


def test_data_that_ask_for_much_memory_are_refused_with_that_reason(path):
    """A few bytes can ask for gigabytes."""
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 30}]
    path.write_bytes(lzma.compress(b"a,b\n", filters=filters))
    assert "needs too much memory" in read_until_damage(path)[1]
    wide = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 30})
    path.write_bytes(wide.compress(b"a,b\n") + wide.flush())
    assert "needs too much memory" in read_until_damage(path)[1]


# -- damage ----------------------------------------------------------------------------------------


@each_packing
@pytest.mark.parametrize("kept", [0.4, 0.9])
def test_a_file_cut_short_gives_what_it_holds_and_then_names_itself(path, kind, kept):
    packed = PACK[kind](NOISE)
    path.write_bytes(packed[: int(len(packed) * kept)])
    found, why = read_until_damage(path)
    assert NOISE.startswith(found)
    # bzip2's blocks are 900,000 bytes, and half a block is nothing.
    assert len(found) > (kept - 0.2) * len(NOISE) or kind == "bz2"
    assert "is damaged: the compressed data end too early" in why


def test_a_bzip2_cut_short_gives_its_whole_blocks(path):
    text = NOISE * 3
    path.write_bytes(bz2.compress(text)[:-1000])
    found, _ = read_until_damage(path)
    assert text.startswith(found)
    assert len(found) >= 1_700_000


@each_packing
@pytest.mark.parametrize("missing", [1, 2, 4, 8, 9])
def test_a_file_that_lacks_its_end_gives_everything_but_the_last_block(path, kind, missing):
    path.write_bytes(PACK[kind](TEXT) + PACK[kind](SMALL)[:-missing])
    found, why = read_until_damage(path)
    assert (TEXT + SMALL).startswith(found)
    assert len(found) >= len(TEXT)
    assert "too early" in why or "other bytes follow" in why


def checksum(kind: str, packed: bytes | bytearray) -> int:
    """Where the last checksum of packed data is, from their end."""
    # xz's last check is before its index, whose size is in the footer; bzip2's is not at a byte.
    index = (int.from_bytes(packed[-8:-4], "little") + 1) * 4
    return {"gz": -8, "bz2": -3, "xz": -12 - index - 8, "zst": -4}[kind]


@each_packing
@pytest.mark.parametrize("text", [SMALL, TEXT, NOISE * 3], ids=["small", "rows", "noise"])
def test_a_bad_checksum_is_damage_and_costs_a_few_kilobytes_or_a_block_of_bzip2(path, kind, text):
    packed = bytearray(PACK[kind](text))
    packed[checksum(kind, packed)] ^= 0xFF
    path.write_bytes(bytes(packed))
    found, why = read_until_damage(path)
    assert text.startswith(found)
    assert len(found) >= len(text) - (900_000 if kind == "bz2" else 1 << 14)
    assert "are corrupt" in why


@pytest.mark.parametrize("at", [12, 300_000])
def test_of_bzip2_only_sound_blocks_are_handed_out(path, at):
    """Each has a checksum of its own: what a spoilt one gives is nobody's row."""
    text = NOISE * 3
    packed = bytearray(bz2.compress(text))
    packed[at] ^= 0xFF
    path.write_bytes(bytes(packed))
    found, _ = read_until_damage(path)
    assert found == text[: len(found)]
    assert not found


def test_of_bzip2_the_blocks_before_a_spoilt_one_are_handed_out(path):
    text = NOISE * 3
    packed = bytearray(bz2.compress(text))
    packed[len(packed) * 9 // 10] ^= 0xFF
    path.write_bytes(bytes(packed))
    found, _ = read_until_damage(path)
    assert text.startswith(found)
    assert len(found) > 1_700_000


@each_packing
@pytest.mark.parametrize("garbage", [b"garbage", b"g", b"\0\0\0garbage", HEAD * 100])
def test_something_else_behind_the_data_is_damage_and_everything_before_it_is_read(
    path, kind, garbage
):
    """It may have been a member whose beginning is lost: nobody may take it for nothing."""
    path.write_bytes(PACK[kind](TEXT) + garbage)
    found, why = read_until_damage(path)
    assert found == TEXT
    assert f"other bytes follow the end of its {kind} data" in why


@each_packing
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_whatever_is_spoilt_it_is_told_or_nothing_is_lost(tmp_path_factory, kind, data):
    """Cut anywhere, with any byte changed, or with anything behind it."""
    path = tmp_path_factory.mktemp("packed") / "in"
    whole = SMALL + NOISE[:5000]
    packed = bytearray(PACK[kind](SMALL) + PACK[kind](NOISE[:5000]))
    how = data.draw(st.sampled_from(["cut", "flip", "add"]))
    at = data.draw(st.integers(0, len(packed) - 1))
    if how == "cut":
        del packed[at:]
    elif how == "flip":
        packed[at] ^= data.draw(st.integers(1, 255))
    else:
        packed += data.draw(st.binary(min_size=1, max_size=50))
    path.write_bytes(bytes(packed))
    found = b""
    with ByteStream(str(path), kind) as stream:
        try:
            for piece in stream:
                found += piece
        except InputError:
            pass
        else:  # cut between two members; a changed byte that means nothing; zeros behind
            assert found in (b"", SMALL, whole)
    if how != "flip":
        assert whole.startswith(found)


# -- as it arrives ---------------------------------------------------------------------------------


def flushed(kind: str) -> tuple[Callable[[bytes], bytes], Callable[[], bytes]]:
    """Packs a piece so that it can be unpacked before the next one; and the end."""
    if kind == "zst":
        compressor = zstd.ZstdCompressor()
        return (
            lambda data: compressor.compress(data, zstd.ZstdCompressor.FLUSH_BLOCK),
            compressor.flush,
        )
    if kind == "gz":
        inner = zlib.compressobj(wbits=31)
        return lambda data: inner.compress(data) + inner.flush(zlib.Z_SYNC_FLUSH), inner.flush
    return PACK[kind], lambda: b""  # these two have no flush but the end of a member


@each_packing
def test_a_packed_row_comes_before_the_writer_has_closed(tmp_path, kind):
    """A pipe with one packed row a second, flushed, gives one row a second."""
    got_row, got_second = threading.Event(), threading.Event()
    pack, end = flushed(kind)
    pieces = (
        pack(b"message_id,delivered\na,true\n"), got_row, pack(b"b,true\n"), got_second,
        pack(b"c,true\n") + end(),
    )  # fmt: skip
    with piped(tmp_path, *pieces) as name, ByteStream(name) as stream:
        rows = iter(open_rows(stream, ReadOptions()))
        assert next(rows).fields.message_id == "a"
        got_row.set()
        assert next(rows).fields.message_id == "b"
        got_second.set()
        assert [row.fields.message_id for row in rows] == ["c"]


@each_packing
def test_a_pipe_that_gives_a_byte_at_a_time_is_read(tmp_path, kind):
    packed = PACK[kind](SMALL) + PACK[kind](b"more\n")
    with piped(tmp_path, *(packed[at : at + 1] for at in range(len(packed)))) as name:
        assert read(name) == SMALL + b"more\n"


@pytest.mark.parametrize("command", [["gzip"], ["bzip2"], ["xz", "-T2"], ["zstd", "--long=27"]])
def test_what_the_usual_commands_pack_is_read(path, command):
    if shutil.which(command[0]) is None:
        pytest.skip(f"there is no {command[0]} on this machine")
    packed = subprocess.run([*command, "-c"], input=TEXT, stdout=subprocess.PIPE, check=True).stdout
    path.write_bytes(packed + packed)
    assert read(path) == TEXT + TEXT
