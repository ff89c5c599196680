"""Images of archives, built with the real command line."""

from __future__ import annotations

import json
import os
import secrets
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from r2i.process import Completed, run
from tests.building import R2I, notebook
from tests.real_engines import remove_image
from tests.sources.packing import tar_entry, tarred
from tests.sources.web_servers import Answer, Asked, Handler, file_answer, one_after_another, web_servers

NOTEBOOK = notebook("print(6 * 7)").encode()


def packed(path: Path, data: bytes, *more: tarfile.TarInfo) -> Path:
    """A project of a notebook and some data, always of the same time."""
    return tarred(path, [("waves-1.0/index.ipynb", NOTEBOOK), ("waves-1.0/data.csv", data), *more])


def serving(content: bytes) -> Handler:
    """A server that knows what is kept, and breaks off the first time."""

    def whole(asked: Asked) -> Answer:
        if asked.headers.get("if-none-match") == '"v1"':
            return Answer(status=304, headers={"ETag": '"v1"'})
        return file_answer(asked, content)

    return one_after_another(lambda asked: file_answer(asked, content, cut=len(content) // 2), whole)


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Callable[[str], Completed]]:
    """`r2i build` with a cache of its own; the images are removed."""
    made: list[str] = []
    label = f"test={secrets.token_hex(4)}"

    def built(source: str) -> Completed:
        # A proxy of this machine is for its build steps, and not for what is on this machine.
        own = {
            "XDG_CACHE_HOME": str(tmp_path / "cache"),
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
            "NO_COLOR": "1",
        }
        argv = [R2I, "build", source, "--engine", "docker", "--progress", "plain", "--label", label]
        done = run(argv, env={**os.environ, **own}, timeout=850)
        assert done.returncode == 0, done.stderr
        made.append(done.stdout.strip())
        return done

    yield built
    for tag in set(made):
        remove_image("docker", tag)


def shell(tag: str, command: str) -> str:
    return run(["docker", "run", "--rm", tag, "sh", "-c", command], timeout=300).stdout


@pytest.mark.engine
def test_an_archive_becomes_an_image_that_is_found_again(
    tmp_path: Path, build: Callable[[str], Completed]
) -> None:
    data = os.urandom(100_000).hex().encode()
    link = tar_entry("waves-1.0/passwords", kind=tarfile.SYMTYPE, target="/etc/passwd")
    content = packed(tmp_path / "waves-1.0.tar.gz", data, link).read_bytes()
    with web_servers({"127.0.0.1": serving(content)}, tmp_path) as web:
        address = f"{web.url}/download/waves-1.0.tar.gz?signature=s1gned"
        first, again = build(address), build(address)
    tag = first.stdout.strip()
    shown = run(["docker", "image", "inspect", "--format", "{{json .Config.Labels}}", tag]).stdout
    labels = json.loads(shown)

    assert [asked.headers.get("range") for asked in web.asked] == [None, f"bytes={len(content) // 2}-", None]
    assert "The connection to `127.0.0.1` broke" in first.stderr
    assert (
        "Warning: r2i leaves out links that lead out of `waves-1.0.tar.gz`, and devices: `waves-1.0/passwords`"
        in first.stderr
    )
    assert again.stdout == first.stdout
    assert "is up to date" in again.stderr
    assert shell(tag, "cat data.csv") == data.decode()
    assert "passwords" not in shell(tag, "ls -A")
    assert labels["org.opencontainers.image.source"] == f"{web.url}/download/waves-1.0.tar.gz"
    assert len(labels["org.opencontainers.image.revision"]) == 64
    assert "s1gned" not in f"{first.stdout}{first.stderr}{shown}"


@pytest.mark.engine
def test_an_archive_gets_no_file_of_another_one(tmp_path: Path, build: Callable[[str], Completed]) -> None:
    """The engine knows a file that it was sent before by its path, its size and its time, which every archive can name."""
    contents = [secrets.token_hex(1000) for _ in range(2)]
    tags = []
    for number, content in enumerate(contents):
        archive = packed(tmp_path / f"{number}.tar.gz", content.encode())
        tags.append(build(str(archive)).stdout.strip())
    assert [shell(tag, "cat data.csv") for tag in tags] == contents
    assert str(tmp_path) not in run(["docker", "image", "inspect", tags[0]]).stdout
