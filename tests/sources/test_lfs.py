"""Repositories whose large files are kept by git LFS."""

from __future__ import annotations

import json
import shutil
import subprocess
from contextlib import suppress
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from r2i.errors import FetchError
from r2i.sources import fetched, parse
from tests.sources.serving import Repository, id_of, serve, with_submodule

CONTENT = "x,y\n" * 1000

needs_lfs = pytest.mark.skipif(
    shutil.which("git-lfs") is None, reason="git-lfs is not installed: `apt-get install git-lfs`"
)


def pointer(content: str) -> str:
    digest = sha256(content.encode()).hexdigest()
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {len(content)}\n"


def keep(repository: Repository, content: str) -> None:
    """Put a large file where a server of git LFS has it."""
    digest = sha256(content.encode()).hexdigest()
    path = repository.served / "lfs/objects" / digest[:2] / digest[2:4] / digest
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


@pytest.fixture
def large(tmp_path: Path) -> Repository:
    """Four large files, by their pointers; small ones that only look like it."""
    repository = Repository.make(tmp_path, "large")
    repository.commit(
        **{
            ".gitattributes": "*.csv filter=lfs diff=lfs merge=lfs -text\n",
            "d__.gitattributes": "*.bin filter=lfs\n",
            "a.csv": pointer(CONTENT),
            "b.csv": pointer(CONTENT),
            "d__c.bin": pointer(CONTENT),
            "d__é.csv": pointer(CONTENT),
            "plain.csv": "1,2\n",
            "pointer.txt": pointer(CONTENT),
        }
    )
    return repository.publish()


@pytest.fixture
def without_lfs(environ: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """The programs of this machine, but for git-lfs, of which git's own directory may hold another."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("git", "sh", "sed", "cat"):
        (programs / name).symlink_to(str(shutil.which(name)))
    environ["PATH"] = str(programs)
    done = subprocess.run(["git", "lfs", "version"], env=environ, check=False, capture_output=True)
    if done.returncode == 0:
        pytest.skip("git finds git-lfs in a directory of its own")
    return environ


def test_without_git_lfs_the_pointer_files_are_named(large: Repository, without_lfs: dict[str, str]) -> None:
    said: list[str] = []
    with fetched(parse(large.url, cwd=Path("/")), environ=without_lfs, report=said.append) as checkout:
        assert checkout.read("a.csv") == pointer(CONTENT)
        assert not checkout.complete

    assert said[-1] == (
        "Warning: 4 files (`a.csv`, `b.csv`, `d/c.bin` and 1 more) are only pointers to content in Git LFS; "
        "install `git-lfs` to fetch the content"
    )


def test_a_configured_filter_without_git_lfs_does_no_harm(
    large: Repository, without_lfs: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "home/.gitconfig").write_text(
        '[filter "lfs"]\nprocess = git-lfs filter-process\nsmudge = git-lfs smudge -- %f\nrequired = true\n'
    )

    with fetched(parse(large.url, cwd=Path("/")), environ=without_lfs, report=print) as checkout:
        assert checkout.read("plain.csv") == "1,2\n"


def test_a_repository_without_large_files_says_nothing(project: Repository, environ: dict[str, str]) -> None:
    said: list[str] = []
    with fetched(parse(project.url, cwd=Path("/")), environ=environ, report=said.append):
        pass

    assert len(said) == 1


@needs_lfs
def test_with_git_lfs_the_content_is_fetched(large: Repository, environ: dict[str, str]) -> None:
    keep(large, CONTENT)
    with fetched(parse(large.url, cwd=Path("/")), environ=environ, report=print) as checkout:
        assert checkout.complete
        texts = {checkout.read(name) for name in ("a.csv", "b.csv", "d/c.bin", "d/é.csv")}

    assert texts == {CONTENT}


@needs_lfs
def test_content_comes_over_http_with_the_credentials_of_the_url(
    large: Repository, environ: dict[str, str]
) -> None:
    keep(large, CONTENT)
    with serve(large.served.parent, login="ada:s3cret") as server:
        url = f"{server.url.replace('http://', 'http://ada:s3cret@')}/large.git"
        with fetched(parse(url, cwd=Path("/")), environ=environ, report=print) as checkout:
            assert checkout.read("a.csv") == CONTENT


def test_pointers_in_a_submodule_are_known(
    large: Repository, tmp_path: Path, without_lfs: dict[str, str]
) -> None:
    outer = Repository.make(tmp_path, "outer")
    with_submodule(outer, "../large.git", commit=id_of(large, "main"))

    with fetched(parse(outer.url, cwd=Path("/")), environ=without_lfs, report=print) as checkout:
        assert not checkout.complete


@needs_lfs
def test_content_of_a_submodule_is_fetched(
    large: Repository, tmp_path: Path, environ: dict[str, str]
) -> None:
    keep(large, CONTENT)
    outer = Repository.make(tmp_path, "outer")
    with_submodule(outer, "../large.git", commit=id_of(large, "main"))

    with fetched(parse(outer.url, cwd=Path("/")), environ=environ, report=print) as checkout:
        assert checkout.read("sub/a.csv") == CONTENT


@needs_lfs
def test_content_that_is_gone_is_an_error_that_names_the_files(
    large: Repository, environ: dict[str, str]
) -> None:
    with serve(large.served.parent) as server:
        for url in (large.url, f"{server.url}/large.git"):
            with pytest.raises(
                FetchError,
                match=r"git LFS did not deliver `a.csv`, `b.csv`, `d/c.bin` and 1 more: .*3d5126bc1e",
            ):
                fetch(url, environ)


@needs_lfs
@pytest.mark.parametrize("key", ["lfs.url", "remote.origin.lfsurl", "lfs.https://x.pushurl"])
def test_a_repository_of_the_network_gets_no_large_file_of_this_machine(
    key: str, large: Repository, environ: dict[str, str]
) -> None:
    keep(large, CONTENT)
    section, _, name = key.rpartition(".")
    head, _, sub = section.partition(".")
    header = f'[{head} "{sub}"]' if sub else f"[{head}]"
    large.commit(**{".lfsconfig": f"{header}\n\t{name} = file://{large.served}\n"})
    large.publish()
    with serve(large.served.parent) as server, pytest.raises(FetchError, match="not on the network"):
        fetch(f"{server.url}/large.git", environ)


@needs_lfs
def test_nothing_of_the_repository_is_run_by_git_lfs(
    large: Repository, environ: dict[str, str], tmp_path: Path
) -> None:
    keep(large, CONTENT)
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/touched\n")
    program.chmod(0o755)
    large.commit(
        **{
            ".lfsconfig": f'[lfs]\n\tstandalonetransferagent = evil\n[lfs "customtransfer.evil"]\n\tpath = {program}\n'
            f"[core]\n\tsshCommand = {program}\n[credential]\n\thelper = {program}\n"
            f'[lfs "extension.evil"]\n\tsmudge = {program}\n\tpriority = 0\n'
        }
    )
    large.publish()

    fetch(large.url, environ)

    assert not (tmp_path / "touched").exists()


@needs_lfs
def test_a_configuration_that_is_checked_out_as_another_is_refused(
    large: Repository, environ: dict[str, str]
) -> None:
    """In the commit it is letters without sense; in the work tree the same bytes name the host's disk."""
    keep(large, CONTENT)
    wanted = f"[lfs]\n\turl = file://{large.served}\n".encode()
    large.commit(
        **{
            ".gitattributes": "*.csv filter=lfs\n.lfsconfig working-tree-encoding=IBM037\n",
            ".lfsconfig": "",
        }
    )
    (large.work / ".lfsconfig").write_bytes(wanted)
    large.commit()
    large.publish()
    with (
        serve(large.served.parent) as server,
        pytest.raises(FetchError, match="differs between the checkout"),
    ):
        fetch(f"{server.url}/large.git", environ)


@needs_lfs
def test_a_configuration_that_is_a_link_is_refused(
    large: Repository, environ: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "outside").write_text(f"[lfs]\n\turl = file://{large.served}\n")
    (large.work / ".lfsconfig").symlink_to(tmp_path / "outside")
    large.commit()
    large.publish()
    with (
        serve(large.served.parent) as server,
        pytest.raises(FetchError, match="differs between the checkout"),
    ):
        fetch(f"{server.url}/large.git", environ)


@needs_lfs
@pytest.mark.parametrize(
    "url",
    [
        "https://example.org%0ahost=github.com/x",
        "https://user%0d@example.org/x",
        "ext::sh -c x",
        "/etc",
        "file:///etc",
        "ssh://-oProxyCommand=x/y",
        "https://",
    ],
)
def test_a_server_of_large_files_is_a_server(url: str, large: Repository, environ: dict[str, str]) -> None:
    """CVE-2024-53263: a line end in a URL became one in what git-lfs asks a credential helper."""
    large.commit(**{".lfsconfig": f'[lfs]\n\turl = "{url}"\n'})
    large.publish()
    with serve(large.served.parent) as server, pytest.raises(FetchError, match="not on the network"):
        fetch(f"{server.url}/large.git", environ)


@needs_lfs
@pytest.mark.parametrize("attributes", ["", ".lfsconfig text eol=crlf\n"])
def test_another_server_that_the_repository_names_is_asked(
    attributes: str, large: Repository, environ: dict[str, str], tmp_path: Path
) -> None:
    other = Repository.make(tmp_path, "other")
    other.commit()
    other.publish()
    keep(other, CONTENT)
    with serve(large.served.parent) as server:
        large.commit(
            **{
                ".gitattributes": f"*.csv filter=lfs\n{attributes}",
                ".lfsconfig": f"[lfs]\n\turl = {server.url}/other.git/info/lfs\n",
            }
        )
        large.publish()
        source = parse(f"{server.url}/large.git", cwd=Path("/"))
        with fetched(source, environ=environ, report=print) as checkout:
            assert checkout.read("a.csv") == CONTENT


@needs_lfs
def test_large_files_count_with_the_repository(large: Repository, environ: dict[str, str]) -> None:
    text = pointer(CONTENT).replace(f"size {len(CONTENT)}", f"size {10**15}")
    large.commit(**{"a.csv": text})
    large.publish()
    with pytest.raises(FetchError, match="more data than r2i or the disk can hold"):
        fetch(large.url, environ)


@needs_lfs
def test_a_server_that_sends_more_than_it_said_is_left(large: Repository, environ: dict[str, str]) -> None:
    sent: list[int] = []

    class Endless(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            action = {"download": {"href": f"http://{self.headers['Host']}/endless"}}
            objects = [{**each, "authenticated": True, "actions": action} for each in asked["objects"]]
            answer = json.dumps({"transfer": "basic", "objects": objects}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/vnd.git-lfs+json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            with suppress(OSError):
                sent.extend(self.wfile.write(bytes(1 << 20)) for _ in range(300))

        def log_message(self, *_: object) -> None:
            pass

    with (
        ThreadingHTTPServer(("127.0.0.1", 0), Endless) as server,
        serve(large.served.parent) as repositories,
    ):
        Thread(target=server.serve_forever, daemon=True).start()
        large.commit(**{".lfsconfig": f"[lfs]\n\turl = http://127.0.0.1:{server.server_port}/x\n"})
        large.publish()
        with pytest.raises(FetchError, match="git LFS did not deliver"):
            fetch(f"{repositories.url}/large.git", environ)
        server.shutdown()

    assert 0 < sum(sent) < 100 << 20


def fetch(url: str, environ: dict[str, str]) -> None:
    with fetched(parse(url, cwd=Path("/")), environ=environ, report=print):
        pass
