"""What of a run is on this machine: its processes, what they listen on, what they have written."""

import os
import signal
import socket
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

_LISTENS = "0A"  # a state in /proc/net/tcp


class Process(NamedTuple):
    """A process that has the mark of a run in its environment."""

    pid: int
    name: str

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)


def processes(mark: str) -> list[Process]:
    """Those that were started with this text in their environment, and are not over."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() not in (folder / "environ").read_bytes():
                continue
            name = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
            state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if state not in "ZX":
            found.append(Process(int(folder.name), name))
    return found


def actors(mark: str) -> list[Process]:
    """The workers of a run: Ray names their processes by what they run."""
    return [one for one in processes(mark) if one.name.startswith("ray::Actor")]


def named(mark: str, word: str) -> Process:
    """The one process of a run that has this word in its command."""
    (found,) = [one for one in processes(mark) if word in one.name.split("--")[0]]
    return found


def all_gone(mark: str, longest: float = 10.0) -> bool:
    """Whether every process of a run ends by itself in that time, in seconds."""
    return becomes(lambda: not processes(mark), longest)


def becomes(holds: Callable[[], object], longest: float) -> bool:
    """Whether it holds within so many seconds."""
    ends = time.monotonic() + longest
    while not holds():
        if time.monotonic() > ends:
            return False
        time.sleep(0.05)
    return True


def listened_on(mark: str) -> set[str]:
    """The addresses at which processes of a run wait for connections."""
    inodes = set()
    for process in processes(mark):
        for handle in Path(f"/proc/{process.pid}/fd").glob("*"):
            try:
                inodes.add(str(handle.readlink()))
            except OSError:
                continue
    return {address for address, inode in _listening() if f"socket:[{inode}]" in inodes}


def _listening() -> Iterator[tuple[str, str]]:
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            cells = line.split()
            if cells[3] == _LISTENS:
                yield _address(cells[1].partition(":")[0]), cells[9]


def _address(text: str) -> str:
    """An address of the table: 32 bits each, in this machine's order of bytes."""
    data = b"".join(struct.pack("=I", int(text[at : at + 8], 16)) for at in range(0, len(text), 8))
    if len(data) == 4:
        return socket.inet_ntop(socket.AF_INET, data)
    return socket.inet_ntop(socket.AF_INET6, data).removeprefix("::ffff:")


def holding(folder: Path, *texts: str) -> list[Path]:
    """The files below a folder that hold one of the texts."""
    wanted = [text.encode() for text in texts]
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if any(text in path.read_bytes() for text in wanted)]
