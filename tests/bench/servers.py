"""What is posted to: nginx where it is installed, the simulator in a process of its own otherwise.

nginx takes a tenth of the cores that the simulator takes, so that what is measured is the client.
For latency it needs its echo module (Debian: libnginx-mod-http-echo).
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.processes import ProcessError, StandIn, stand_in

_MODULES = (Path("/usr/lib/nginx/modules"), Path("/usr/local/lib/nginx/modules"))
_CONFIG = """
{load}
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 600s;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{ {delay} }}
    location @ok {{ return 200 "OK"; }}
  }}
}}
"""


@contextmanager
def server(folder: Path, *, latency: float = 0.0) -> Iterator[StandIn]:
    """Something that takes everything after *latency* seconds.

    Args:
        folder: for nginx' files.
        latency: seconds.
    """
    module = _echo_module()
    if shutil.which("nginx") and (module or not latency):
        with _nginx(folder, latency, module) as found:
            yield found
    else:
        with stand_in(f"{latency * 1000:g}ms") as found:
            yield found


def _echo_module() -> Path | None:
    paths = (folder / "ngx_http_echo_module.so" for folder in _MODULES)
    return next((path for path in paths if path.exists()), None)


@contextmanager
def _nginx(folder: Path, latency: float, module: Path | None) -> Iterator[StandIn]:
    port = _free_port()
    config = folder / f"nginx-{port}.conf"
    config.write_text(
        _CONFIG.format(
            load=f"load_module {module};" if latency else "",
            folder=folder,
            port=port,
            delay=f"echo_sleep {latency:g}; echo_exec @ok;" if latency else 'return 200 "OK";',
        ),
        encoding="utf-8",
    )
    command = ["nginx", "-c", str(config), "-e", str(folder / "nginx.log")]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ)
    ) as process:
        try:
            _wait_for(port)
            yield StandIn(f"http://127.0.0.1:{port}/conversions", process.pid)
        finally:
            process.terminate()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _wait_for(port: int) -> None:
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise ProcessError("nginx does not answer")
