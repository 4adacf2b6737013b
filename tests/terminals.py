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

PROGRAM = (sys.executable, "-m", "batchconv")


class Terminal:
    """`batchconv ARGUMENTS`, started at a terminal of its own.

    Args:
        arguments: behind the program's name.
        folder: where it runs.
        env: its environment.
        columns, lines: of the terminal.
        streams: which of the program's streams are the terminal.
        program: what is started.
        others: streams that are no terminal, as `subprocess.Popen` takes them.

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
        program: tuple[str, ...] = PROGRAM,
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
            [*program, *arguments],
            cwd=folder,
            env={"TERM": "xterm-256color", **env},
            start_new_session=True,
            preexec_fn=lambda: _take(slave),  # noqa: PLW1509 - makes it the process's own terminal
            **{"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, **others, **wired},
        )
        os.close(slave)
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()
        self._ended = False
        self._loop.add_reader(self._master, self._read)

    async def __aenter__(self) -> "Terminal":
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

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

    def hang_up(self) -> None:
        """Be gone, as when a window is closed."""
        if self._master >= 0:
            self._loop.remove_reader(self._master)
            os.close(self._master)
            self._master = -1

    def close(self) -> None:
        """Hang up, and end the program if it is still there."""
        self.hang_up()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def _take(slave: int) -> None:
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
