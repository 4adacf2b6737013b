"""Workers in other processes do the exchanges; this process hands out rows and takes the replies.

`relay` is the transport that the pool sees, `crew` keeps its workers running. A `launcher` starts
a worker somewhere; `worker` is what runs there. `local` starts processes on this machine.
"""
