"""A worker in a process of its own: `python -m batchconv.sending.relay.process`.

Its standard input is one end of a socket pair, over which everything travels, secrets too: they
stand in no argument, no variable and no file. It ends when the other end is closed, however that
happened. Signals are blocked from its first moment on: they are the business of the process that
started it. It prints nothing.
"""

from __future__ import annotations

import asyncio
import gc
import os
import pickle
import socket
from typing import TYPE_CHECKING, Any

from batchconv.errors import BatchconvError
from batchconv.sending.certificates import import_aiohttp_without_certificates
from batchconv.sending.event_loop import new_event_loop
from batchconv.sending.relay.frames import FrameProtocol
from batchconv.sending.relay.launcher import WorkerTerms
from batchconv.sending.stops import defect_stop

if TYPE_CHECKING:
    from batchconv.sending.relay.worker import Worker


def main() -> None:
    """Serve the socket at standard input until it is closed."""
    import_aiohttp_without_certificates()
    from batchconv.sending.relay.worker import Worker  # noqa: PLC0415 - start-up: brings aiohttp

    gc.freeze()  # as in the process that reads: what was loaded until now is not looked at again
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(serve(socket.socket(fileno=0), Worker))
    os._exit(0)  # nothing is left to be put away


async def serve(line: socket.socket, make: type[Worker]) -> None:
    """Be the worker that *make* makes at the end of *line*, until the other end is closed."""
    loop = asyncio.get_running_loop()
    terms: asyncio.Future[WorkerTerms | None] = loop.create_future()
    gone = asyncio.Event()
    worker: Worker

    def heard(value: Any) -> None:
        """The terms at first, then requests, and now and then a number of connections."""
        if isinstance(value, list):
            worker.take(value)
        elif isinstance(value, int):
            worker.keep(value)
        else:
            terms.set_result(pickle.loads(value))  # noqa: S301 - made by the run that began it

    def closed() -> None:
        gone.set()
        if not terms.done():
            terms.set_result(None)

    _, protocol = await loop.create_unix_connection(lambda: FrameProtocol(heard, closed), sock=line)
    try:
        if (given := await terms) is not None:
            async with make(given.worker_settings(), protocol.send) as worker:
                await gone.wait()
    except BatchconvError as error:
        protocol.send(f"{error}; {error.hint}" if error.hint else str(error))
    except Exception as error:  # noqa: BLE001 - the outermost edge: the other end reports it
        protocol.send(defect_stop(error).why)
    protocol.transport.close()
    await gone.wait()


if __name__ == "__main__":
    main()
