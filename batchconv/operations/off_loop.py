"""An upload is prepared in a thread of its own, and can be cancelled meanwhile."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Mapping, Sequence
from contextvars import copy_context

from batchconv.errors import BatchconvError
from batchconv.journal.outcome_writer import Watch
from batchconv.operations.upload import prepare_upload
from batchconv.pipeline import Run
from batchconv.settings.options import Settings


async def prepare_off_loop(
    inputs: Sequence[str],
    settings: Settings,
    environment: Mapping[str, str] | None,
    watch: Watch | None = None,
) -> Run:
    """Prepare off the loop; when that is cancelled, it ends soon, and the files are closed."""
    cancelled = threading.Event()
    environment = os.environ if environment is None else environment

    def heed() -> None:
        if cancelled.is_set():
            raise BatchconvError("cancelled")

    def prepare() -> Run:
        run = prepare_upload(inputs, settings, environment, watch, heed=heed)
        if cancelled.is_set():
            run.discard()  # the loop may be closing, and run nothing more
            heed()
        return run

    # No task: those are cancelled when the loop closes, and the run would be nobody's.
    preparing = asyncio.get_running_loop().run_in_executor(None, copy_context().run, prepare)
    try:
        return await asyncio.shield(preparing)
    except asyncio.CancelledError:
        cancelled.set()
        preparing.add_done_callback(_discard)
        raise


def _discard(prepared: asyncio.Future[Run]) -> None:
    if not prepared.cancelled() and prepared.exception() is None:
        prepared.result().discard()
