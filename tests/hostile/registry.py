"""A registry of one image, which holds whatever `ONBUILD` instructions somebody put into it."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import io
import json
import os
import ssl
import tarfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


@contextmanager
def registry(
    triggers: Sequence[str], links: dict[str, str], *, certificate: Path, later: Sequence[str] = ()
) -> Iterator[str]:
    """Give the name of the image, new each time, for which `SELF` stands in what it asks for. Its files are `links`.

    After it was pulled once, it is another image, which asks for what `later` says. The certificate is one that nobody
    knows: engines do not look at it on this machine, but BuildKit insists on one.
    """
    files: dict[str, tuple[str, bytes]] = {}
    changed: dict[str, tuple[str, bytes]] = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, _, name = self.path.rpartition("/")
            media, content = files.get(
                "manifest" if kind.endswith("/manifests") else name, ("text/plain", b"{}")
            )
            self.send_response(200)
            self.send_header("Content-Type", media)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Docker-Content-Digest", _digest(content))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)
                if media == CONFIG:
                    files.update(changed)

        def do_HEAD(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    name = f"127.0.0.1:{server.server_port}/r2i-test-{os.urandom(4).hex()}:1"
    files.update(_content([trigger.replace("SELF", name) for trigger in triggers], links))
    if later:
        changed.update(_content([trigger.replace("SELF", name) for trigger in later], links))
    yield name
    server.shutdown()
    server.server_close()


def _content(triggers: Sequence[str], links: dict[str, str]) -> dict[str, tuple[str, bytes]]:
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        for name, target in links.items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            tar.addfile(member)
    packed = gzip.compress(layer.getvalue(), mtime=0)
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"OnBuild": list(triggers), "Env": ["PATH=/bin"], "Labels": {"made": os.urandom(8).hex()}},
        "rootfs": {"type": "layers", "diff_ids": [_digest(layer.getvalue())]},
        "history": [{"created_by": "test"}],
    }
    written = json.dumps(config).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "size": len(written), "digest": _digest(written)},
        "layers": [{"mediaType": LAYER, "size": len(packed), "digest": _digest(packed)}],
    }
    return {
        _digest(written): (CONFIG, written),
        _digest(packed): (LAYER, packed),
        "manifest": (MANIFEST, json.dumps(manifest).encode()),
    }


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
