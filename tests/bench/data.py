"""Inputs: the same rows at every run, in the two shapes that message ids have."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID


def rows(count: int) -> Iterator[tuple[str, str, str]]:
    """Message id (by turns 16 hexadecimal digits and a UUID), delivered, timestamp."""
    lot = random.Random(20240229)
    for number in range(count):
        bits = lot.getrandbits(128)
        message_id = str(UUID(int=bits)) if number % 2 else f"{bits:032X}"[:16]
        minute, second = divmod(number, 60)
        hour, minute = divmod(minute, 60)
        day, hour = divmod(hour, 24)
        time = f"2024-03-{day % 28 + 1:02} {hour:02}:{minute:02}:{second:02}"
        yield message_id, "false" if bits & 3 == 0 else "true", time


def write_csv(folder: Path, count: int) -> Path:
    """A CSV of so many rows."""
    path = folder / f"{count}.csv"
    with path.open("w", encoding="utf-8") as file:
        file.write("message_id,delivered,timestamp\n")
        file.writelines(",".join(row) + "\n" for row in rows(count))
    return path


def write_jsonl(folder: Path, count: int) -> Path:
    """The same rows as JSON Lines."""
    path = folder / f"{count}.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for message_id, delivered, timestamp in rows(count):
            record = {
                "message_id": message_id,
                "delivered": delivered == "true",
                "timestamp": timestamp,
            }
            file.write(json.dumps(record) + "\n")
    return path
