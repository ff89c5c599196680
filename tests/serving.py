"""A web server of the test that build steps of Docker can reach."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from r2i.process import run


@contextmanager
def served(directory: Path) -> Iterator[str]:
    """Serve the files of a directory for as long as the block lasts; gives the address."""
    # The engine's end of its bridge: containers reach it, nobody outside of this machine does.
    with ThreadingHTTPServer((bridge(), 0), partial(_Quiet, directory=str(directory))) as server:
        server.daemon_threads = True
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://{server.server_address[0]!s}:{server.server_port}"
        finally:
            server.shutdown()


def bridge() -> str:
    template = "{{range .IPAM.Config}}{{println .Gateway}}{{end}}"
    found = run(["docker", "network", "inspect", "bridge", "-f", template])
    assert found.returncode == 0, found.stderr
    return next(gateway for gateway in found.stdout.split() if ":" not in gateway)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the standard library's
        pass
