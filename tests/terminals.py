"""The program at a terminal: a pseudo-terminal, and what a person would see on it."""

import asyncio
import contextlib
import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyte


class Terminal:
    """`batchconv ARGUMENTS`, started at a terminal of its own.

    Args:
        arguments: behind the program's name.
        folder: where it runs.
        env: its environment.
        columns, lines: of the terminal.
        streams: which of the program's streams are the terminal; the others are pipes or given.

    Attributes:
        written: every byte that came out of the terminal.
        screens: what was to be seen, after each piece that came.
    """

    def __init__(
        self,
        *arguments: str,
        folder: Path,
        env: dict[str, str],
        columns: int = 80,
        lines: int = 24,
        streams: tuple[str, ...] = ("stdin", "stdout", "stderr"),
        **others: Any,
    ) -> None:
        self._screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self._screen)
        self.written = b""
        self.screens: list[list[str]] = []
        self._master, slave = pty.openpty()
        self._size(columns, lines)
        wired = dict.fromkeys(streams, slave)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "batchconv", *arguments],
            cwd=folder,
            env=env,
            start_new_session=True,
            preexec_fn=lambda: _take(slave),  # noqa: PLW1509 - makes it the process's own terminal
            **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, **others, **wired},
        )
        os.close(slave)
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()
        self._ended = False
        self._loop.add_reader(self._master, self._read)

    def _size(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def _read(self) -> None:
        try:
            data = os.read(self._master, 1 << 16)
        except OSError:  # EIO: the program has let go of it
            data = b""
        if data:
            self.written += data
            self._stream.feed(data)
            self.screens.append(self.display)
        else:
            self._ended = True
            self._loop.remove_reader(self._master)
        self._changed.set()

    @property
    def display(self) -> list[str]:
        """The lines that hold something, without the blanks at their ends."""
        lines = [line.rstrip() for line in self._screen.display]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    @property
    def text(self) -> str:
        """The whole screen."""
        return "\n".join(self.display)

    def resize(self, columns: int, lines: int) -> None:
        """Have another size from now on."""
        self._screen.resize(lines, columns)
        self._size(columns, lines)

    def type(self, text: bytes) -> None:
        """Press keys."""
        os.write(self._master, text)

    async def shows(self, seen: Callable[["Terminal"], Any]) -> None:
        """Wait until *seen* is true of the terminal; fail when the program ends before."""
        while not seen(self):
            assert not self._ended, self.text
            self._changed.clear()
            await self._changed.wait()

    async def end(self) -> int:
        """Wait until the program has ended; its exit code."""
        while not self._ended:
            self._changed.clear()
            await self._changed.wait()
        return await asyncio.to_thread(self.process.wait)

    def close(self) -> None:
        """Hang up, and end the program if it is still there."""
        if self._master >= 0:
            self._loop.remove_reader(self._master)
            os.close(self._master)
            self._master = -1
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def _take(slave: int) -> None:
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
