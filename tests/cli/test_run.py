"""`r2i run` on real engines, also on one that is reached over a network."""

from __future__ import annotations

import json
import os
import socket
import socketserver
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from tests.engines.conftest import BASE
from tests.writing import write

from r2i.engines import choose
from r2i.engines.protocol import EngineName
from r2i.errors import EngineError
from r2i.process import Completed, run

pytestmark = pytest.mark.engine

R2I = str(Path(sys.executable).with_name("r2i"))


class _Forward(socketserver.BaseRequestHandler):
    """Everything to a socket of this machine, and back."""

    target = ""

    def handle(self) -> None:
        with socket.socket(socket.AF_UNIX) as engine:
            engine.connect(self.target)
            back = threading.Thread(target=_pump, args=(engine, self.request))
            back.start()
            _pump(self.request, engine)
            back.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@contextmanager
def over_a_network() -> Iterator[dict[str, str]]:
    """The variables with which Docker is one of another machine."""
    asked = run(["docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"])
    path = asked.stdout.strip().removeprefix("unix://")
    if not Path(path).is_socket():
        pytest.skip("Docker is one of another machine already")
    handler = type("Forward", (_Forward,), {"target": path})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield {"DOCKER_HOST": f"tcp://127.0.0.1:{server.server_address[1]}"}
        server.shutdown()


@pytest.fixture(params=["docker", "docker over a network", "podman"])
def engine(request: pytest.FixtureRequest) -> Iterator[tuple[EngineName, dict[str, str]]]:
    name: EngineName = "podman" if request.param == "podman" else "docker"
    try:
        found = choose(name, os.environ)
    except EngineError as error:
        pytest.skip(f"{name}: {error}")
    if found.find(BASE) is None:
        pytest.skip(f"{name} has no {BASE}")
    if request.param in {"docker", "podman"}:
        yield name, {}
    else:
        with over_a_network() as variables:
            yield name, variables


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    write(tmp_path / "repo", {"Dockerfile": f"FROM {BASE}\nUSER 1000\n"})
    return tmp_path / "repo"


def r2i_run(
    engine: tuple[EngineName, dict[str, str]], repository: Path, *words: str, **environ: str
) -> Completed:
    name, variables = engine
    tag = "r2i-test/cli-run"
    argv = [R2I, "run", str(repository), "--engine", name, "--tag", tag, *words]
    try:
        return run(argv, env={**os.environ, "NO_COLOR": "1", **variables, **environ}, timeout=120)
    finally:
        run([name, "image", "rm", "--force", tag])


def test_the_command_has_the_settings_of_the_host_and_they_hold_no_credentials(
    engine: tuple[EngineName, dict[str, str]], repository: Path
) -> None:
    script = "id -u; echo $PIP_INDEX_URL; cat /proc/1/environ /proc/self/environ /.r2i-host | grep -ac s3cret"
    index = "https://ada:s3cret@pypi.example.org/simple"

    done = r2i_run(engine, repository, "--", "sh", "-c", script, PIP_INDEX_URL=index)

    assert done.stdout.splitlines() == ["1000", "https://pypi.example.org/simple", "0"], done.stderr
    assert done.returncode == 1, "grep found nothing, and its status is ours"


def test_more_processors_than_there_are_cost_no_build(
    engine: tuple[EngineName, dict[str, str]], repository: Path
) -> None:
    done = r2i_run(engine, repository, "--cpus", "1000", "--progress", "json", "--", "true")

    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert json.loads(done.stderr)["message"].startswith("Error: `--cpus 1000` cannot be had")
