"""What a container is started with, and waiting for its server."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from r2i.building.launch import (
    SETTINGS,
    check_processors,
    editable_mount,
    editable_start,
    environment_from,
    hidden_by_editing,
    is_of_use,
    memory_from,
    mount_from,
    port_from,
    server_command,
    wait_for_server,
    with_settings,
)
from r2i.building.page import page, page_path
from r2i.checkout import Checkout
from r2i.engines.protocol import File, Mount, Port, RunRequest
from r2i.errors import NotReadyError, UsageError
from r2i.model import Source
from tests.writing import write


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("8888", Port(container_port=8888, host_port=8888)),
        ("8000:8888", Port(container_port=8888, host_port=8000)),
        (":8888", Port(container_port=8888)),
        ("8000:53/udp", Port(container_port=53, host_port=8000, protocol="udp")),
        ("80/tcp", Port(container_port=80, host_port=80)),
        ("0.0.0.0:8000:8888", Port(container_port=8888, host_port=8000, host="0.0.0.0")),
        ("127.0.0.1::8888", Port(container_port=8888)),
        ("localhost:8000:8888", Port(container_port=8888, host_port=8000)),
        ("[::1]:8000:8888", Port(container_port=8888, host_port=8000, host="::1")),
        ("[::]::8888", Port(container_port=8888, host="::")),
        ("[2001:DB8::0:1]:1:65535", Port(container_port=65535, host_port=1, host="2001:db8::1")),
    ],
)
def test_a_port_is_read_as_people_write_it(text: str, port: Port) -> None:
    assert port_from(text) == port


@pytest.mark.parametrize(
    "text",
    [
        "",
        "http",
        "0",
        "65536",
        "0:8888",
        "8888:0",
        "8000:",
        "-1",
        "8888/sctp",
        "8888/",
        "8000:8888\n",
        "::1:8000:8888",
        "[::1]:8888",
        "[nonsense]:1:2",
        "[1:2]:1:2",
        "1.2.3:1:2",
        "256.0.0.1:1:2",
        "example.org:1:2",
        "８８８８",
        "9" * 5000,
    ],
)
def test_what_is_no_port_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match="--publish") as caught:
        port_from(text)

    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "target", "read_only"),
    [
        ("data:/data", "/data", False),
        ("data:/data:ro", "/data", True),
        ("data:/data:rw", "/data", False),
        ("data:input/data", "/home/jovyan/input/data", False),
        ("./data/../data:x", "/home/jovyan/x", False),
    ],
)
def test_a_mount_is_read_as_people_write_it(
    tmp_path: Path, text: str, target: str, *, read_only: bool
) -> None:
    (tmp_path / "data").mkdir()

    mount = mount_from(text, cwd=tmp_path, repo_dir="/home/jovyan")

    assert mount == Mount(source=(tmp_path / "data").resolve(), target=target, read_only=read_only)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "data",
        "data:",
        ":/data",
        "data:/x:rx",
        "data:/x:ro:rw",
        "missing:/x",
        "~nobody-here/x:/x",
        "x" * 5000 + ":/x",
    ],
)
def test_what_is_no_mount_is_a_usage_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "data").mkdir()

    with pytest.raises(UsageError, match="--volume") as caught:
        mount_from(text, cwd=tmp_path, repo_dir="/home/jovyan")

    assert caught.value.hint


def test_an_editable_mount_is_the_local_directory_itself() -> None:
    source = Source(provider="local", location="/work/course", subdirectory="week1")

    mount = editable_mount(source, repo_dir="/home/jovyan")

    assert mount == Mount(source=Path("/work/course/week1"), target="/home/jovyan")


@pytest.mark.parametrize(
    ("written", "mode", "runs"),
    [
        (b'#!/bin/bash\r\nexec "$@"\r\n', 0o755, b'#!/bin/bash\nexec "$@"\n'),
        (b'\xef\xbb\xbfexec "$@"', 0o755, b'#!/bin/bash\nexec "$@"'),
        (b'#!/bin/sh\nexec "$@"\n', 0o644, b'#!/bin/sh\nexec "$@"\n'),
    ],
)
def test_an_editable_directory_gets_a_start_that_runs(
    tmp_path: Path, written: bytes, mode: int, runs: bytes
) -> None:
    start = tmp_path / "repo/binder/start"
    start.parent.mkdir(parents=True)
    start.write_bytes(written)
    start.chmod(mode)

    mount = editable_start(Checkout.open(tmp_path / "repo"), tmp_path, repo_dir="/srv/repo")

    assert mount == Mount(source=tmp_path / "start", target="/srv/repo/binder/start", read_only=True)
    assert mount.source.read_bytes() == runs
    assert os.access(mount.source, os.X_OK)
    assert start.read_bytes() == written


@pytest.mark.parametrize("files", [{}, {"start": "#!/bin/sh\n"}, {"start": "x", "Dockerfile": "FROM x"}])
def test_no_other_start_is_needed_where_it_runs_as_it_is(tmp_path: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755 if text.startswith("#!") else 0o644)

    assert editable_start(Checkout.open(tmp_path), tmp_path, repo_dir="/srv/repo") is None


def test_nothing_but_a_local_directory_is_editable() -> None:
    with pytest.raises(UsageError, match="local directory"):
        editable_mount(Source(provider="git", location="https://example.org/a"), repo_dir="/home/jovyan")


def test_variables_come_from_the_file_then_the_command_line_then_the_host(tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_text('# comment\nA=1\nB="two words"\nexport C=3\nHOST\nABSENT\nD=$A\n', encoding="utf-8")

    variables = environment_from(
        ("A=4", "E=x=y", "EMPTY=", "TERM", "MISSING"), file, environ={"HOST": "h", "TERM": "vt100"}
    )

    assert variables == {
        "A": "4",
        "B": "two words",
        "C": "3",
        "HOST": "h",
        "D": "$A",
        "E": "x=y",
        "EMPTY": "",
        "TERM": "vt100",
    }


@pytest.mark.parametrize("text", ["", "=x", "1A=x", "A B=x", "A\nB=x", "-e"])
def test_what_names_no_variable_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match="--env"):
        environment_from((text,), None, environ={})


def test_a_file_of_variables_that_cannot_be_read_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"A=caf\xe9\n")
    (tmp_path / "words").write_bytes(b"A=1\nnot a variable\n")

    for path in (tmp_path / "missing", tmp_path, tmp_path / "latin", tmp_path / "words"):
        with pytest.raises(UsageError, match="--env-file"):
            environment_from((), path, environ={})


@pytest.mark.parametrize("files", [{"postBuild": ""}, {"binder/postBuild": "", "postBuild": ""}])
def test_what_an_editable_directory_hides_is_named(tmp_path: Path, files: dict[str, str]) -> None:
    said = hidden_by_editing(write(tmp_path, files), repo_dir="/srv/repo")

    assert said is not None
    assert f"`{next(iter(files))}`" in said
    assert "`/srv/repo`" in said


@pytest.mark.parametrize(
    "files", [{}, {"postBuild": "", "Dockerfile": ""}, {"binder/start": "", "postBuild": ""}]
)
def test_an_editable_directory_hides_nothing_that_was_not_made(tmp_path: Path, files: dict[str, str]) -> None:
    assert hidden_by_editing(write(tmp_path, files), repo_dir="/srv/repo") is None


@pytest.mark.parametrize("cpus", [2.01, 1000, float("inf"), float("nan")])
def test_more_processors_than_there_are_is_a_usage_error(cpus: float) -> None:
    with pytest.raises(UsageError, match=f"`--cpus {cpus:g}` .* has 2 CPUs$") as caught:
        check_processors(cpus, 2)

    assert caught.value.hint == "Use at most 2"


def test_all_processors_may_be_used() -> None:
    check_processors(2.0, 2)


def test_a_command_begins_with_the_settings_of_the_host() -> None:
    request = RunRequest(image="an-image", command=("jupyter", "lab"))

    after = with_settings(request, "export A=1\n")

    assert after.files == (File(path=SETTINGS, text='export A=1\nexec "$@"\n'),)
    assert after.command == ("sh", SETTINGS, "jupyter", "lab")
    assert with_settings(request, "") == request


def test_the_interface_is_the_program() -> None:
    assert server_command("notebook")[:2] == ("jupyter", "notebook")
    assert server_command("lab")[:2] == ("jupyter", "lab")


class Api(BaseHTTPRequestHandler):
    """Answers 503 to the first two requests, as a server behind a proxy does while it comes up."""

    asked = 0

    def do_GET(self) -> None:
        type(self).asked += 1
        self.send_response(503 if type(self).asked < 3 else 200)
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        pass


@dataclass
class Reached:
    """A container whose server is in this process. It ends after it was asked `lives` times whether it runs."""

    where: tuple[str, int] | None
    lives: int = 10**9
    id: str = "0"

    def address(self, port: int) -> tuple[str, int] | None:
        assert port == 8888
        return self.where

    def output(self) -> Iterator[bytes]:
        yield from ()

    def logs(self) -> Iterator[str]:
        yield from ()

    def running(self) -> bool:
        self.lives -= 1
        return self.lives >= 0

    def wait(self) -> int:
        return 3

    def out_of_memory(self) -> bool:
        return False

    def stop(self) -> None:
        self.lives = 0


@contextmanager
def serving() -> Iterator[int]:
    handler = Api
    handler.asked = 0
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.timeout(30)
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_server_is_ready_when_its_api_answers(host: str) -> None:
    with serving() as port:
        url = wait_for_server(Reached(where=(host, port)), 8888)

    assert url == f"http://127.0.0.1:{port}"
    assert Api.asked == 3, "an error of the server is no answer"


@pytest.mark.timeout(30)
def test_a_server_that_ends_is_reported_with_its_status() -> None:
    with pytest.raises(NotReadyError, match="ended with status 3"):
        wait_for_server(Reached(where=None, lives=2), 8888)


@pytest.mark.timeout(30)
def test_patience_ends() -> None:
    with serving() as port:
        free = port
    with pytest.raises(NotReadyError, match="does not answer"):
        wait_for_server(Reached(where=("127.0.0.1", free)), 8888, patience=0.2)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("[I 2026-01-01 10:00:00.000 ServerApp] Jupyter Server 2.21.1 is running at:", False),
        ("[I 2026-01-01 10:00:00.000 ServerApp] http://0.0.0.0:8888/lab?token=...", False),
        ("[I 10:00:00.000 NotebookApp]  or http://127.0.0.1:8888/?token=...", False),
        ("[I 10:00:00.000 NotebookApp] Use Control-C to stop this server and shut down all kernels", False),
        ("[I 10:00:00.000 ServerApp] jupyterlab | extension was successfully loaded.", True),
        ("[W 10:00:00.000 ServerApp] 404 GET /x?token=[secret] (172.17.0.1)", True),
        ("my service is running at: http://127.0.0.1:9000/", True),
    ],
)
def test_addresses_that_hold_only_in_the_container_are_not_shown(line: str, *, shown: bool) -> None:
    assert is_of_use(line) is shown


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("512m", 512 << 20),
        ("4g", 4 << 30),
        ("1.5 GB", 3 << 29),
        ("9000000", 9_000_000),
        ("9000K", 9000 << 10),
    ],
)
def test_amounts_of_memory(text: str, size: int) -> None:
    assert memory_from(text) == size


@pytest.mark.parametrize("text", ["", "x", "-1g", "1 e", "4gg", "١g", "1" * 99])
def test_what_is_no_amount_of_memory(text: str) -> None:
    with pytest.raises(UsageError, match="is not a size"):
        memory_from(text)


@pytest.mark.parametrize("text", ["0", "0g", "1k", "100b", "5.9m"])
def test_so_little_is_no_limit_or_refused_by_engines(text: str) -> None:
    with pytest.raises(UsageError, match="is too small"):
        memory_from(text)


def test_the_option_wins_over_the_link_and_the_link_over_the_interface() -> None:
    assert page_path("/rstudio", "tree/a.ipynb", "lab") == "rstudio"
    assert page_path(None, "tree/a.ipynb", "lab") == "tree/a.ipynb"
    assert page_path("", "", "lab") == "lab"
    assert page_path("lab/tree/my notes.ipynb", "", "lab") == "lab/tree/my%20notes.ipynb"


@pytest.mark.parametrize("path", ["https://example.org/x", "lab/../../x", "lab\\x", "a\nb", "lab/%2E%2E/x"])
def test_what_is_opened_is_of_the_server(path: str) -> None:
    with pytest.raises(UsageError):
        page_path(path, "", "lab")


def test_the_token_stands_where_the_server_reads_it() -> None:
    server = "http://127.0.0.1:8000"

    assert page(server, "lab", token="a+b") == f"{server}/lab?token=a%2Bb"
    assert page(server, "lab/tree/a.ipynb?x=1#top", token="t") == f"{server}/lab/tree/a.ipynb?x=1&token=t#top"
