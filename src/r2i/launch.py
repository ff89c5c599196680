"""What a container is started with, from how people write it, and waiting for its server."""

from __future__ import annotations

import ipaddress
import os
import re
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

from r2i.checkout import Checkout
from r2i.engines.protocol import Container, File, Mount, Port, RunRequest
from r2i.errors import NotReadyError, UsageError
from r2i.model import Image, Source
from r2i.scripts import repaired

#: Where Jupyter listens in the container.
SERVER_PORT = 8888

#: Where the settings of this machine lie in a container: where nobody mounts anything, for that would be written to.
SETTINGS = "/.r2i-host"

#: How long a server may take to answer, in seconds: a `start` script may do a lot before it.
PATIENCE = 180.0

#: How Jupyter says where it can be reached, which it cannot know, and how to stop it.
OWN_ADDRESS = re.compile(
    r"Jupyter (?:Server|Notebook) \S+ is running at:$|https?://\S+/\S*\?token=\.\.\.$|Use Control-C to stop this server"
)

PORT = re.compile(
    r"(?:(?:(?P<host>\[[0-9a-fA-F:.]+\]|localhost|[0-9.]+):)?(?P<published>\d{0,9}):)?"
    r"(?P<port>\d{1,9})(?:/(?P<protocol>tcp|udp))?",
    re.ASCII,
)

MEMORY = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)\s*(?:([bkmgt])b?)?", re.IGNORECASE | re.ASCII)

#: Docker refuses less, and takes 0 for no limit at all, in bytes.
LEAST_MEMORY = 6 * 1024**2


def port_from(text: str) -> Port:
    """Read `[[HOST:]PORT:]PORT[/udp]`, an IPv6 host in brackets; a port alone is the same on both sides.

    Raises `UsageError`.
    """
    match = PORT.fullmatch(text)
    if match is None:
        raise UsageError(
            f"`--publish {text}` is not a port",
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
        raise UsageError(f"`--publish {text}`: there is no port {digits}", hint="Choose one from 1 to 65535")
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
            "`--editable` needs a local directory", hint="Clone the repository and name its directory"
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
    return f"`--editable` shows your directory in place of `{repo_dir}`, which hides what `{path}` wrote there: run it again in a terminal of Jupyter where you need that"


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
    match = MEMORY.fullmatch(text)
    if match is None:
        raise UsageError(f"`--memory {text}` is not an amount of memory", hint="Write it like `512m` or `4g`")
    amount = int(float(match[1]) * 1024 ** " kmgt".index((match[2] or "b").lower().replace("b", " ")))
    if amount < LEAST_MEMORY:
        raise UsageError(f"`--memory {text}` is less than a container needs", hint="Give it `6m` at least")
    return amount


def check_processors(cpus: float, there: int) -> None:
    """Raise `UsageError` where the engine's machine has fewer, and for `nan`, with which every comparison is false."""
    if not cpus <= there:
        raise UsageError(
            f"`--cpus {cpus:g}` cannot be had: the engine's machine has {there}",
            hint=f"Ask for at most {there}",
        )


def user_for(image: Image, user_id: int) -> str | None:
    """Whom to run as where the image says root, which no hub would; None where it says somebody else."""
    return str(user_id) if image.user.partition(":")[0] in {"", "0", "root"} else None


def with_settings(request: RunRequest, script: str) -> RunRequest:
    """Let the command begin with what lets it reach the network from here (`r2i.host.container_script`)."""
    if not script:
        return request
    sourced = ("sh", "-c", f'. {SETTINGS}; exec "$@"', "sh")
    file = File(path=SETTINGS, text=script)
    return replace(request, command=(*sourced, *request.command), files=(*request.files, file))


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
                f"Jupyter ended with status {container.wait()} before it could be reached",
                hint="Its output above says why",
            )
        if (address := container.address(port)) is not None and _answers(*address):
            host, published = _reachable(address[0]), address[1]
            return f"http://{f'[{host}]' if ':' in host else host}:{published}"
        time.sleep(0.05)
    raise NotReadyError(
        f"Jupyter does not answer after {patience:.0f} s",
        hint="Look at its output above: a `start` script may hang",
    )


def _answers(host: str, port: int) -> bool:
    import http.client

    connection = http.client.HTTPConnection(_reachable(host), port, timeout=2)
    try:
        connection.request("GET", "/api")
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _reachable(host: str) -> str:
    """The address to call for one that a server is bound to."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - called, not bound
