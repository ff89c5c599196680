"""What a container is started with, from how people write it, and waiting for its server."""

from __future__ import annotations

import html
import ipaddress
import os
import re
import socket
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal

from r2i.checkout import Checkout
from r2i.checkout.scripts import repaired
from r2i.engines.bounds import size_from
from r2i.engines.image_user import ACCOUNTS, ContainerUser, user_of
from r2i.engines.protocol import Container, Engine, File, Mount, Port, RunRequest
from r2i.errors import NotReadyError, UsageError
from r2i.model import Image, Source

#: Where Jupyter listens in the container.
SERVER_PORT = 8888

#: Where the settings of this machine lie in a container: where nobody mounts anything, for that would be written to.
SETTINGS = "/.r2i-host"

#: How long a server may take to answer, in seconds: a `start` script may do a lot before it.
PATIENCE = 180.0

#: What one question of whether it answers may take, in seconds and bytes.
PROBE_SECONDS = 2.0
LONGEST_STATUS_LINE = 1_000

#: Of an answer that is no error of the server's and not only the beginning of one (`100 Continue`).
STATUS_LINE = re.compile(rb"HTTP/1\.[01] [234]\d\d[ \r\n]")

#: How Jupyter says where it can be reached, which it cannot know, and how to stop it.
OWN_ADDRESS = re.compile(
    r"Jupyter (?:Server|Notebook) \S+ is running at:$|https?://\S+/\S*\?token=\.\.\.$|Use Control-C to stop this server"
)

PORT = re.compile(
    r"(?:(?:(?P<host>\[[0-9a-fA-F:.]+\]|localhost|[0-9.]+):)?(?P<published>\d{0,9}):)?"
    r"(?P<port>\d{1,9})(?:/(?P<protocol>tcp|udp))?",
    re.ASCII,
)


#: Docker refuses less, and takes 0 for no limit at all, in bytes.
LEAST_MEMORY = 6 * 1024**2


def port_from(text: str) -> Port:
    """Read `[[HOST:]PORT:]PORT[/udp]`, an IPv6 host in brackets; a port alone is the same on both sides.

    Raises `UsageError`.
    """
    match = PORT.fullmatch(text)
    if match is None:
        raise UsageError(
            f"`--publish {text}` is not a port mapping",
            hint="Write `8000`, `8000:8888`, `0.0.0.0:8000:8888` or `[::1]:8000:8888`",
        )
    protocol: Literal["tcp", "udp"] = "udp" if match["protocol"] == "udp" else "tcp"
    port = _port_number(match["port"], text)
    published = match["published"]
    if published is None:
        return Port(container_port=port, host_port=port, protocol=protocol)
    return Port(
        container_port=port,
        host_port=_port_number(published, text) if published else None,
        host=_host(match["host"] or "localhost", text),
        protocol=protocol,
    )


def _host(written: str, text: str) -> str:
    """The address to bind to: engines take no names."""
    host = "127.0.0.1" if written == "localhost" else written.strip("[]")
    try:
        return str(ipaddress.ip_address(host))
    except ValueError as error:
        raise UsageError(
            f"`--publish {text}`: `{host}` is not an IP address",
            hint="Write `127.0.0.1`, `0.0.0.0` or `[::1]`",
        ) from error


def _port_number(digits: str, text: str) -> int:
    if not 0 < int(digits) < 65536:
        raise UsageError(
            f"`--publish {text}`: there is no port {digits}", hint="Choose a port from 1 to 65535"
        )
    return int(digits)


def mount_from(text: str, *, cwd: Path, repo_dir: str) -> Mount:
    """Read `SRC:DST[:ro|rw]`: SRC relative to the working directory, DST to the repository's. Raises `UsageError`."""
    source, _, rest = text.partition(":")
    target, _, mode = rest.partition(":")
    if not source or not target or mode not in {"", "ro", "rw"}:
        raise UsageError(
            f"`--volume {text}` is not a mount", hint="Write `SOURCE:TARGET` or `SOURCE:TARGET:ro`"
        )
    # `os.path` has an answer for names that are too long and for the homes of users who do not exist.
    path = Path(os.path.realpath(cwd / os.path.expanduser(source)))  # noqa: PTH111
    if not os.path.exists(path):  # noqa: PTH110
        raise UsageError(f"`--volume {text}`: there is no `{path}`", hint="Create it first")
    return Mount(
        source=path,
        target=target if target.startswith("/") else f"{repo_dir}/{target}",
        read_only=mode == "ro",
    )


def editable_mount(source: Source, *, repo_dir: str) -> Mount:
    """The local directory itself in place of the image's copy; raises `UsageError` for anything else."""
    if source.provider != "local":
        raise UsageError(
            "`--editable` needs a local directory",
            hint="Clone or download the repository, and pass its directory",
        )
    return Mount(source=Path(source.location) / source.subdirectory, target=repo_dir)


def editable_start(checkout: Checkout, directory: Path, *, repo_dir: str) -> Mount | None:
    """A `start` that runs, in place of one that the image's copy had to be repaired of; written into `directory`.

    The user's own file stays as it is.
    """
    path = _config(checkout, "start")
    if path is None or checkout.is_dir(path):
        return None
    written = checkout.read_bytes(path)
    runs = repaired(written)
    if runs == written and checkout.is_executable(path):
        return None
    file = directory / "start"
    file.write_bytes(runs)
    file.chmod(0o755)
    return Mount(source=file, target=f"{repo_dir}/{path}", read_only=True)


def hidden_by_editing(checkout: Checkout, *, repo_dir: str) -> str | None:
    """What is in the image and cannot be seen where the directory itself is in its place; None where nothing is."""
    path = _config(checkout, "postBuild")
    if path is None:
        return None
    return f"`--editable` shows your directory in place of `{repo_dir}`, which hides files that `{path}` wrote there: run it again in a Jupyter terminal if you need them"


def _config(checkout: Checkout, name: str) -> str | None:
    """The path of a configuration file that counts; beside a `Dockerfile`, none does."""
    return None if checkout.config("Dockerfile") is not None else checkout.config(name)


def environment_from(
    variables: tuple[str, ...], file: Path | None, *, environ: Mapping[str, str]
) -> dict[str, str]:
    """The file's variables, then `NAME=VALUE`; a `NAME` alone takes the host's value where it has one."""
    result: dict[str, str] = {}
    if file is not None:
        for name, content in _read_variables(file).items():
            if content is not None:
                result[name] = content
            elif name in environ:
                result[name] = environ[name]
    for text in variables:
        name, equals, value = text.partition("=")
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]*", name):
            raise UsageError(f"`--env {text}` does not name a variable", hint="Write `--env NAME=VALUE`")
        if equals:
            result[name] = value
        elif name in environ:
            result[name] = environ[name]
    return result


def _read_variables(file: Path) -> dict[str, str | None]:
    from dotenv.parser import parse_stream

    try:
        with file.open(encoding="utf-8") as lines:
            bindings = tuple(parse_stream(lines))
    except OSError as error:
        raise UsageError(
            f"`--env-file {file}` cannot be read: {error.strerror}", hint="Check the path"
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"`--env-file {file}` is not UTF-8 text", hint="Save the file as UTF-8") from error
    for binding in bindings:
        if binding.error:
            raise UsageError(
                f"`--env-file {file}`: line {binding.original.line} does not set a variable",
                hint="Write `NAME=VALUE`",
            )
    return {binding.key: binding.value for binding in bindings if binding.key is not None}


def memory_from(text: str) -> int:
    """An amount of memory in bytes, as engines take it. Raises `UsageError`, also for what they take for no limit."""
    return size_from(text, option="--memory", least=LEAST_MEMORY)


def check_processors(cpus: float, there: int) -> None:
    """Raise `UsageError` where the engine's machine has fewer, and for `nan`, with which every comparison is false."""
    if not cpus <= there:
        raise UsageError(
            f"`--cpus {cpus:g}` is out of range: the engine has {there} CPUs",
            hint=f"Use at most {there}",
        )


def user_for(engine: Engine, image: Image, user_id: int) -> ContainerUser:
    """Whom to run as: the image's user by number, and `user_id` where that would be root, which no hub would do."""
    passwd, group = engine.texts(image.reference, ACCOUNTS)
    return user_of(image.user, passwd, group, planned=user_id)


def with_settings(request: RunRequest, script: str) -> RunRequest:
    """Let the command begin with what lets it reach the network from here (`r2i.host.settings.container_script`)."""
    if not script:
        return request
    # No word has a space: a `start` script may run its arguments without quotes.
    file = File(path=SETTINGS, text=f'{script}exec "$@"\n')
    return replace(request, command=("sh", SETTINGS, *request.command), files=(*request.files, file))


def server_command(interface: Literal["lab", "notebook"]) -> tuple[str, ...]:
    """Start Jupyter so that it is reached through a published port; the token comes in `JUPYTER_TOKEN`."""
    return (
        "jupyter",
        interface,
        "--ip=0.0.0.0",
        f"--port={SERVER_PORT}",
        "--no-browser",
        "--ServerApp.port_retries=0",
    )


def is_of_use(line: str) -> bool:
    """Whether a line of the server's log holds outside the container, too: the addresses that it names do not."""
    return OWN_ADDRESS.search(line) is None


def wait_for_server(container: Container, port: int, *, patience: float = PATIENCE) -> str:
    """Wait until `/api` answers and give the server's URL; `NotReadyError` where it ends or stays silent."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if not container.running():
            raise NotReadyError(
                f"Jupyter ended with status {container.wait()} before it was ready",
                hint="Its output above says why",
            )
        if (address := container.address(port)) is not None and _answers(*address):
            host, published = _reachable(address[0]), address[1]
            return f"http://{f'[{host}]' if ':' in host else host}:{published}"
        time.sleep(0.05)
    raise NotReadyError(
        f"Jupyter does not answer after {patience:.0f} s",
        hint="Check its output above; a `start` script may hang",
    )


def runtime_directory(environ: Mapping[str, str], home: Path) -> Path:
    """Where Jupyter keeps such pages: in the home, for a browser in a sandbox does not see `/tmp`."""
    if own := environ.get("JUPYTER_RUNTIME_DIR"):
        return Path(own)
    if sys.platform == "darwin":
        return home / "Library" / "Jupyter" / "runtime"
    return Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share") / "jupyter" / "runtime"


@contextmanager
def redirecting(url: str, directory: Path) -> Iterator[Path]:
    """A page that leads to an address and that only we can read, for as long as the block lasts."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Both are made for us alone, under a name that nobody knows before.
    with tempfile.TemporaryDirectory(prefix="r2i-", dir=directory) as own:
        page = Path(own, "open.html")
        written = html.escape(url)
        with os.fdopen(
            os.open(page, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
        ) as file:
            file.write(
                '<!DOCTYPE html><meta charset="utf-8"><meta name="referrer" content="no-referrer">'
                f'<meta http-equiv="refresh" content="0;url={written}"><title>Jupyter</title>'
                f'<p><a href="{written}">Open Jupyter</a></p>'
            )
        yield page


def _answers(host: str, port: int) -> bool:
    """Whether the first line that comes back is that of an answer: what listens there is the repository's own program,
    and may send for ever."""
    request = f"GET /api HTTP/1.1\r\nHost: {_reachable(host)}:{port}\r\nConnection: close\r\n\r\n"
    deadline, answer = time.monotonic() + PROBE_SECONDS, b""
    try:
        with socket.create_connection((_reachable(host), port), timeout=PROBE_SECONDS) as connection:
            connection.sendall(request.encode())
            while b"\n" not in answer and len(answer) < LONGEST_STATUS_LINE:
                connection.settimeout(max(0.001, deadline - time.monotonic()))
                if not (part := connection.recv(LONGEST_STATUS_LINE)):
                    break
                answer += part
    except OSError:
        return False
    return STATUS_LINE.match(answer) is not None


def _reachable(host: str) -> str:
    """The address to call for one that a server is bound to."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - called, not bound
