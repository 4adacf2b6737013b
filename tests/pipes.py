"""Named pipes for tests: what is written comes piece by piece, and when it should."""

import fcntl
import os
import struct
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def taken(pipe: int) -> bool:
    """Whether the other end has read everything."""
    return struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0\0\0\0")) == (0,)


@contextmanager
def piped(tmp_path: Path, *pieces: bytes | threading.Event) -> Iterator[str]:
    """A named pipe that gives each piece by itself, and nothing more until an event is set."""
    name = tmp_path / "fifo"
    os.mkfifo(name)
    given_up = threading.Event()

    def write() -> None:
        with name.open("wb", buffering=0) as pipe:
            for piece in pieces:
                if isinstance(piece, threading.Event):
                    while not piece.wait(0.01) and not given_up.is_set():
                        pass
                    continue
                pipe.write(piece)
                while not taken(pipe.fileno()) and not given_up.is_set():
                    os.sched_yield()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield str(name)
    finally:
        given_up.set()
        writer.join()
