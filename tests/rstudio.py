"""A stand-in for Posit's package of RStudio Server, which takes the options that its proxy gives and says which they were."""

from __future__ import annotations

import io
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from r2i.facts.pins import base_image
from r2i.facts.r import rstudio_build
from r2i.model import Plan
from tests.serving import served

CONTROL = """\
Package: rstudio-server
Version: 0-stand-in-of-the-tests
Architecture: amd64
Maintainer: r2i <r2i@example.org>
Depends: psmisc
Description: Stand-in for RStudio Server, which these tests cannot download.
"""

SERVER = """\
#!/usr/bin/python3
import socketserver, sys
from http.server import BaseHTTPRequestHandler

if "--help" in sys.argv:
    sys.exit(print("--www-root-path --server-data-dir --database-config-file --www-socket --rsession-which-r"))

class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(("stand-in for RStudio\\n" + "\\n".join(sys.argv[1:]) + "\\n").encode())

    def address_string(self):
        return "socket"

[socket] = [word.partition("=")[2] for word in sys.argv if word.startswith("--www-socket=")]
socketserver.ThreadingUnixStreamServer(socket, Answer).serve_forever()
"""


@contextmanager
def rstudio_mirror() -> Iterator[str]:
    """Serve the stand-in where the real one lies; gives what `R2I_RSTUDIO` is set to."""
    with tempfile.TemporaryDirectory() as top, served(Path(top)) as server:
        file = Path(top, rstudio_build(base_image(None)).path)
        file.parent.mkdir(parents=True)
        file.write_bytes(package())
        yield server


def with_stand_in(plan: Plan) -> Plan:
    """The plan with the checksum of the stand-in."""
    digest = sha256(package()).hexdigest()
    layers = (
        replace(layer, variables={**layer.variables, "sha256": digest})
        if layer.template == "rstudio"
        else layer
        for layer in plan.layers
    )
    return replace(plan, layers=tuple(layers))


def package() -> bytes:
    """A Debian package, the same bytes each time."""
    members = {
        "debian-binary": b"2.0\n",
        "control.tar": _tar("./control", CONTROL, 0o644),
        "data.tar": _tar("./usr/lib/rstudio-server/bin/rserver", SERVER, 0o755),
    }
    whole = b"!<arch>\n"
    for name, data in members.items():
        whole += f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(data):<10}`\n".encode() + data
        whole += b"\n" * (len(data) % 2)
    return whole


def _tar(name: str, text: str, mode: int) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for directory in reversed(Path(name).parents[:-1]):
            above = tarfile.TarInfo(f"./{directory}")
            above.type, above.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(above)
        member = tarfile.TarInfo(name)
        member.size, member.mode = len(text.encode()), mode
        archive.addfile(member, io.BytesIO(text.encode()))
    return stream.getvalue()
