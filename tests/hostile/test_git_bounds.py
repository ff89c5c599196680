"""Repositories and servers without end: what git fetches is bounded in bytes, files and time."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from r2i.errors import FetchError, TemporaryError
from r2i.process import Limits, run
from r2i.sources import fetched, git_fetch, git_program, parse, resolve
from r2i.sources.git_program import GitProgram
from r2i.sources.tree_size import Room
from tests.sources.serving import Repository, git, id_of, serve, with_submodule
from tests.waiting import until

#: Where an endless server of a test ends.
END = 3 << 30


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "home").mkdir()
    return {"HOME": str(tmp_path / "home"), "PATH": os.environ["PATH"], "NO_PROXY": "*"}


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    directory = tmp_path / "temporary"
    directory.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(directory))
    yield directory
    assert list(directory.iterdir()) == []


def fetch(url: str, environ: dict[str, str], *, ref: str | None = None) -> None:
    with fetched(parse(url, ref=ref, cwd=Path("/")), environ=environ, report=print):
        pass


def nested(repository: Repository, *, blob: str, levels: int) -> str:
    """A tree of ten trees of ten trees, all the same: ten to the power of `levels` files."""
    content = git("hash-object", "-w", "--stdin", cwd=repository.work, stdin=blob)
    entries = "".join(f"100644 blob {content}\tf{number}\n" for number in range(10))
    tree = git("mktree", cwd=repository.work, stdin=entries)
    return stacked(repository, tree, levels=levels - 1)


def hollow(repository: Repository, *, levels: int) -> str:
    """The same with not a single file in it."""
    return stacked(repository, git("mktree", cwd=repository.work, stdin=""), levels=levels)


def stacked(repository: Repository, tree: str, *, levels: int) -> str:
    for _ in range(levels):
        entries = "".join(f"040000 tree {tree}\td{number}\n" for number in range(10))
        tree = git("mktree", cwd=repository.work, stdin=entries)
    return tree


def different(repository: Repository) -> str:
    """1,000 files in a directory."""
    content = git("hash-object", "-w", "--stdin", cwd=repository.work, stdin="")
    entries = "".join(f"100644 blob {content}\t{number:06}\n" for number in range(1000))
    return git("mktree", cwd=repository.work, stdin=entries)


def committed(repository: Repository, tree: str) -> Repository:
    commit = git("commit-tree", "-m", "bomb", tree, cwd=repository.work)
    git("update-ref", "refs/heads/main", commit, cwd=repository.work)
    return repository.publish()


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository.make(tmp_path)


@pytest.mark.timeout(60)
def test_a_tree_without_end_is_not_checked_out(repository: Repository, environ: dict[str, str]) -> None:
    committed(repository, nested(repository, blob="", levels=12))

    with pytest.raises(FetchError, match="more files than r2i supports"):
        fetch(repository.url, environ)


@pytest.mark.timeout(60)
def test_directories_without_end_are_not_walked(repository: Repository, environ: dict[str, str]) -> None:
    committed(repository, hollow(repository, levels=12))

    with pytest.raises(FetchError, match="more files than r2i supports"):
        fetch(repository.url, environ)


def test_very_many_files_are_not_checked_out(
    repository: Repository, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    committed(repository, different(repository))
    fetch(repository.url, environ)
    monkeypatch.setattr(git_fetch, "Room", partial(Room, files=999))

    with pytest.raises(FetchError, match="more files than r2i supports"):
        fetch(repository.url, environ)


@pytest.mark.timeout(60)
def test_files_that_grow_are_not_checked_out(repository: Repository, environ: dict[str, str]) -> None:
    committed(repository, nested(repository, blob="0" * (8 << 20), levels=4))

    with pytest.raises(FetchError, match="more data than r2i or the disk can hold"):
        fetch(repository.url, environ)


@pytest.mark.timeout(60)
def test_submodules_count_with_the_repository(
    repository: Repository, tmp_path: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = Repository.make(tmp_path, "inner")
    committed(inner, different(inner))
    for number in range(3):
        with_submodule(repository, "../inner.git", path=f"s{number}", commit=id_of(inner, "main"))
    fetch(repository.url, environ)
    monkeypatch.setattr(git_fetch, "Room", partial(Room, files=2500))

    with pytest.raises(FetchError, match="more files than r2i supports"):
        fetch(repository.url, environ)


# Servers


class Endless(BaseHTTPRequestHandler):
    """Refs, as fast as they are taken."""

    protocol_version = "HTTP/1.0"
    sent = 0
    lock = threading.Lock()

    def do_GET(self) -> None:
        smart = "service" in self.path
        kind = "application/x-git-upload-pack-advertisement" if smart else "text/plain"
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.end_headers()
        line = b"%s refs/heads/%s\n" % (b"a" * 40, b"b" * 60)
        packet = b"%04x%s" % (len(line) + 4, line)
        try:
            self.wfile.write(b"001e# service=git-upload-pack\n0000")
            while type(self).sent < END:
                self.wfile.write(packet * 4096)
                with self.lock:
                    type(self).sent += len(packet) * 4096
        except OSError:
            pass

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
        del format, args


@contextmanager
def endless() -> Iterator[str]:
    Endless.sent = 0
    server = ThreadingHTTPServer(("127.0.0.1", 0), Endless)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/x.git"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.timeout(120)
def test_refs_without_end_take_bounded_memory(environ: dict[str, str]) -> None:
    with endless() as url:
        with pytest.raises(FetchError) as caught:
            resolve(parse(url, cwd=Path("/")), environ=environ)

        assert Endless.sent < END
        assert "limits the size of what it fetches" in str(caught.value.hint)


def test_very_many_refs_are_not_kept(repository: Repository, environ: dict[str, str]) -> None:
    commit = repository.commit(a="text\n")
    lines = "".join(f"create refs/tags/{number:060} {commit}\n" for number in range(2000))
    git("update-ref", "--stdin", cwd=repository.work, stdin=lines)
    repository.publish()
    few = Limits(memory=1 << 30, file=1 << 20, output=1 << 16)
    program = GitProgram(environment=environ, lister=partial(run, limits=few))

    with pytest.raises(FetchError, match="more than it may"):
        program.list(repository.url)


def test_a_server_that_lists_nothing_is_left(
    repository: Repository, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git_program, "LIST_TIMEOUT", 2.0)
    with serve(repository.served.parent, mode="slow") as server:
        with pytest.raises(TemporaryError, match="no answer in 2 s"):
            resolve(parse(f"{server.url}/project.git", cwd=Path("/")), environ=environ)
        until(lambda: f":{server.port}/" not in processes())


def test_a_server_that_sends_nothing_is_left(
    repository: Repository, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git_program, "FETCH_TIMEOUT", 2.0)
    with serve(repository.served.parent, mode="slow") as server:
        with pytest.raises(TemporaryError, match="no answer in 2 s"):
            fetch(f"{server.url}/project.git", environ, ref="a" * 40)
        until(lambda: f":{server.port}/" not in processes())


def test_a_pack_that_is_too_large_is_not_kept(
    repository: Repository, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (repository.work / "noise").write_bytes(os.urandom(8 << 20))
    for number in range(200):
        (repository.work / f"f{number}").write_text(f"{number}\n")
    repository.commit()
    repository.publish()
    monkeypatch.setattr(git_program, "FETCHING", Limits(memory=1 << 30, file=1 << 20))

    with pytest.raises(FetchError) as caught:
        fetch(repository.url, environ)

    assert "limits the size of what it fetches" in str(caught.value.hint)


def processes() -> str:
    """The arguments of all git processes."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"git" in words[0]:
            found.append(b" ".join(words).decode(errors="replace"))
    return "\n".join(found)
