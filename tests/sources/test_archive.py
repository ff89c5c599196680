"""Archives as a SOURCE: what is one, what names its content, and what is fetched of it."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from pathlib import Path

import pytest

from r2i.errors import FetchError, R2iError, UsageError
from r2i.model import Source
from r2i.sources import fetched, last_change, parse, resolve
from r2i.sources.protocol import LastChange, Unknown
from tests.sources.packing import tar_entry, tarred, zipped
from tests.sources.talking import Talking
from tests.sources.web_servers import (
    Answer,
    Asked,
    Handler,
    file_answer,
    html_answer,
    problem,
    redirect,
    routes,
)

FILES = {"project-1.0/requirements.txt": "six\n", "project-1.0/docs/index.ipynb": "{}"}
URL = "https://example.org/download/project-1.0.zip"


def understood(text: str, cwd: Path, **more: str) -> Source:
    return parse(text, cwd=cwd, **more)


@pytest.mark.parametrize(
    ("text", "location"),
    [
        (URL, URL),
        (f"{URL}#top", URL),
        ("example.org/download/project-1.0.zip", URL),
        ("HTTPS://Example.org/download/project-1.0.zip", URL),
        ("http://127.0.0.1:8000/a.tar.gz", "http://127.0.0.1:8000/a.tar.gz"),
        *(
            (url, url)
            for url in (
                "https://github.com/owner/name/archive/refs/tags/v1.zip",
                "https://github.com/owner/name/archive/main.tar.gz",
                "https://github.com/owner/name/releases/download/v1/name-1.tar.xz",
                "https://github.com/owner/name/raw/main/data.zip",
                "https://gitlab.com/owner/name/-/archive/v1/name-v1.tar.bz2",
                "https://gitlab.example.org/a/b/c/-/raw/main/x.tgz",
                "https://codeberg.org/owner/name/archive/v1.tar.gz",
                "https://bitbucket.org/owner/name/get/v1.zip",
                "https://ftp.example.org/src/project-1.0.tar.gz",
                "https://example.org/x.7z",
                "https://example.org/x.TAR.ZST",
                "https://example.org/ro-crate%20of%20me.zip",
            )
        ),
    ],
)
def test_a_url_that_ends_like_an_archive_is_one(tmp_path: Path, text: str, location: str) -> None:
    source = understood(text, tmp_path, subdirectory="sub")
    assert source == Source(provider="archive", location=location, subdirectory="sub")


@pytest.mark.parametrize(
    "text",
    [
        "https://github.com/owner/name.zip",
        "owner/name.zip",
        "https://gitlab.com/owner/name.7z",
        "https://github.com/owner/name/blob/main/data.zip",
        "https://github.com/owner/name/tree/v1.zip",
        "https://github.com/owner/name/releases/tag/v1.zip",
        "https://gitlab.com/owner/name/-/blob/main/data.zip",
        "https://codeberg.org/owner/name/src/branch/main/data.zip",
        "https://forge.example.org/owner/name/src/tag/v1.zip",
        "git@github.com:owner/name.zip",
        "ssh://git@example.org/owner/name.zip",
    ],
)
def test_what_only_looks_like_an_archive_is_a_repository(tmp_path: Path, text: str) -> None:
    assert understood(text, tmp_path).provider == "git"


def test_a_query_and_a_login_are_for_the_server_alone(tmp_path: Path) -> None:
    source = understood("https://ada:s3cret@example.org/a.zip?X-Signature=s1gned", tmp_path)
    assert source.location == "https://example.org/a.zip"
    assert "s3cret" not in repr(source)
    assert "s1gned" not in repr(source)


def test_a_password_is_not_sent_without_encryption(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="would send its password without encryption") as caught:
        understood("http://ada:s3cret@example.org/a.zip", tmp_path)
    assert "s3cret" not in caught.value.message
    assert understood("http://ada:s3cret@127.0.0.1/a.zip", tmp_path).credentials is not None


def test_a_file_is_an_archive(tmp_path: Path) -> None:
    zipped(tmp_path / "a.zip", FILES)
    (tmp_path / "directory.zip").mkdir()
    assert understood("a.zip", tmp_path) == Source(provider="archive", location=str(tmp_path / "a.zip"))
    assert understood(str(tmp_path / "a.zip"), tmp_path).provider == "archive"
    assert understood("directory.zip", tmp_path).provider == "local"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("b.zip", "The archive `b.zip` does not exist", "Did you mean `a.zip`?"),
        ("./b.zip", "The archive `./b.zip` does not exist", "Did you mean `a.zip`?"),
        ("/nonexistent/b.tar.gz", "The archive `/nonexistent/b.tar.gz` does not exist", "Pass"),
        ("notes.txt", "`notes.txt` is not a directory", "Pass"),
    ],
)
def test_a_file_that_is_not_there(tmp_path: Path, text: str, message: str, hint: str) -> None:
    zipped(tmp_path / "a.zip", FILES)
    (tmp_path / "notes.txt").touch()
    with pytest.raises(R2iError) as caught:
        understood(text, tmp_path)
    assert caught.value.message == message
    assert hint in (caught.value.hint or "")


def test_an_archive_has_no_refs(tmp_path: Path) -> None:
    zipped(tmp_path / "a.zip", FILES)
    for text in (URL, "a.zip"):
        with pytest.raises(UsageError, match="`--ref v1` names a version of a git repository"):
            understood(text, tmp_path, ref="v1")


def test_a_local_archive_is_named_by_its_content(tmp_path: Path, environ: Mapping[str, str]) -> None:
    archive = zipped(tmp_path / "a.zip", FILES)
    source = understood("a.zip", tmp_path)
    revision = resolve(source, environ=environ)
    assert revision.content_id == hashlib.sha256(archive.read_bytes()).hexdigest()
    said: list[str] = []
    with fetched(source, environ=environ, report=said.append, revision=revision) as checkout:
        assert checkout.read("requirements.txt") == "six\n"
        assert checkout.content_id == revision.content_id
        root = checkout.root
    assert not root.exists()
    assert said == ["Unpacking `a.zip`"]
    zipped(archive, {"other": "x"})
    with (
        pytest.raises(FetchError, match=r"`a.zip` has just changed"),
        fetched(source, environ=environ, report=said.append, revision=revision),
    ):
        pass


def test_a_directory_of_an_archive(tmp_path: Path, environ: Mapping[str, str]) -> None:
    zipped(tmp_path / "a.zip", FILES)
    source = understood("a.zip", tmp_path, subdirectory="docs")
    with fetched(source, environ=environ, report=lambda _: None) as checkout:
        assert checkout.has("index.ipynb")
    with (
        pytest.raises(UsageError, match="has no directory `dcos/x`") as caught,
        fetched(understood("a.zip", tmp_path, subdirectory="dcos/x"), environ=environ, report=lambda _: None),
    ):
        pass
    assert caught.value.hint == "Did you mean `--subdir docs`?"


def test_the_newest_file_tells_the_day(tmp_path: Path, environ: Mapping[str, str]) -> None:
    tarred(tmp_path / "a.tgz", [("a", b""), ("b", b"")])
    future = tar_entry("c")
    future.mtime = 2**33
    none = tar_entry("d")
    none.mtime = 0
    tarred(tmp_path / "b.tgz", [future, none])
    for name, expected in (("a.tgz", "2017-07-14T02:40:00Z"), ("b.tgz", None)):
        source = understood(name, tmp_path)
        with fetched(source, environ=environ, report=lambda _: None) as checkout:
            assert (checkout.date, checkout.date_of) == (expected, "the newest file")
            change = last_change(source, checkout, ["a"], environ=environ, report=lambda _: None)
        assert isinstance(change, LastChange if expected else Unknown)
        assert str(tmp_path) not in repr(change)


def served(content: bytes, etag: str = '"v1"') -> Handler:
    """A server that knows whether what is kept is still right."""

    def handler(asked: Asked) -> Answer:
        if asked.headers.get("if-none-match") == etag:
            return Answer(status=304, headers={"ETag": etag})
        return file_answer(asked, content, etag=etag)

    return handler


def test_a_url_is_downloaded_once(tmp_path: Path, talking: Talking) -> None:
    content = zipped(tmp_path / "a.zip", FILES).read_bytes()
    source = understood(URL, tmp_path)
    with talking({"example.org": served(content)}) as talk:
        environ = talk.client.environ
        revision = resolve(source, environ=environ)
        assert revision.content_id == hashlib.sha256(content).hexdigest()
        with fetched(source, environ=environ, report=talk.said.append, revision=revision) as checkout:
            assert checkout.read("requirements.txt") == "six\n"
        assert resolve(source, environ=environ) == revision
        with fetched(source, environ=environ, report=talk.said.append) as checkout:
            assert checkout.content_id == revision.content_id
    asked = [talked.headers.get("if-none-match") for talked in talk.web.asked]
    assert asked == [None, '"v1"', '"v1"']


def test_another_file_at_the_same_url_is_noticed(tmp_path: Path, talking: Talking) -> None:
    first = zipped(tmp_path / "a.zip", FILES).read_bytes()
    other = zipped(tmp_path / "b.zip", {"p/other": "x"}).read_bytes()
    source = understood(URL, tmp_path)
    with talking({"example.org": served(first)}) as talk:
        revision = resolve(source, environ=talk.client.environ)
    with talking({"example.org": served(other, '"v2"')}) as talk:
        environ = talk.client.environ
        assert resolve(source, environ=environ) != revision
        with fetched(source, environ=environ, report=lambda _: None) as checkout:
            assert checkout.read("other") == "x"


def test_what_a_login_gives_is_downloaded_each_time(tmp_path: Path, talking: Talking) -> None:
    content = zipped(tmp_path / "a.zip", FILES).read_bytes()

    def handler(asked: Asked) -> Answer:
        if asked.headers.get("authorization") != "Basic YWRhOnMzY3JldA==":
            return problem(401)
        return redirect("https://store.example.org/x?signature=1")

    hosts: dict[str, Handler] = {"example.org": handler, "store.example.org": served(content)}
    source = understood("https://ada:s3cret@example.org/a.zip", tmp_path)
    with talking(hosts) as talk:
        revision = resolve(source, environ=talk.client.environ)
        with fetched(
            source, environ=talk.client.environ, report=talk.said.append, revision=revision
        ) as checkout:
            assert checkout.has("requirements.txt")
        with pytest.raises(FetchError, match="HTTP 401"):
            resolve(understood("https://example.org/a.zip", tmp_path), environ=talk.client.environ)
        headers = [
            asked.headers.get("authorization")
            for asked in talk.web.asked
            if asked.host == "store.example.org"
        ]
    assert headers == [None, None]
    assert not [said for said in talk.said if "s3cret" in said or "signature" in said]
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_a_query_reaches_the_server(tmp_path: Path, talking: Talking) -> None:
    content = zipped(tmp_path / "a.zip", FILES).read_bytes()
    with talking({"example.org": served(content)}) as talk:
        resolve(understood(f"{URL}?download=1&sig=a%2Fb", tmp_path), environ=talk.client.environ)
        assert talk.web.asked[0].path == "/download/project-1.0.zip?download=1&sig=a%2Fb"


def test_a_page_instead_of_an_archive(tmp_path: Path, talking: Talking) -> None:
    hosts = {"example.org": routes({"/a.zip": html_answer(), "/b.zip": Answer(body=b"x" * 1000)})}
    with talking(hosts) as talk:
        for name, says in (
            ("a", "`a.zip` is a web page, and not an archive"),
            ("b", "`b.zip` is not an archive"),
        ):
            source = understood(f"https://example.org/{name}.zip", tmp_path)
            with (
                pytest.raises(FetchError, match=says),
                fetched(source, environ=talk.client.environ, report=lambda _: None),
            ):
                pass


def test_a_page_is_not_kept_for_the_next_time(tmp_path: Path, talking: Talking) -> None:
    source = understood(URL, tmp_path)
    with talking({"example.org": served(b"<html>" + b"x" * 1000)}) as talk:
        for _ in range(2):
            with (
                pytest.raises(FetchError, match="is a web page"),
                fetched(source, environ=talk.client.environ, report=lambda _: None),
            ):
                pass
        assert [asked.headers.get("if-none-match") for asked in talk.web.asked] == [None, None]
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("login", "status", "hint"),
    [
        ("", 401, "write `https://USER:PASSWORD@…` or add it to `~/.netrc`"),
        ("", 403, "write `https://USER:PASSWORD@…` or add it to `~/.netrc`"),
        ("ada:s3cret@", 403, "Check the user name and the password"),
        ("", 410, "Check whether the file has moved"),
    ],
)
def test_what_helps_where_an_archive_is_not_given_away(
    tmp_path: Path, talking: Talking, login: str, status: int, hint: str
) -> None:
    source = understood(f"https://{login}example.org/a.zip", tmp_path)
    with talking({"example.org": lambda _: problem(status)}) as talk, pytest.raises(FetchError) as caught:
        resolve(source, environ=talk.client.environ)
    assert hint in str(caught.value.hint)


def test_a_damaged_file_of_this_machine_was_not_downloaded(
    tmp_path: Path, environ: Mapping[str, str]
) -> None:
    archive = zipped(tmp_path / "a.zip", FILES)
    archive.write_bytes(archive.read_bytes()[:-30])
    with (
        pytest.raises(FetchError, match=r"`a.zip` is damaged") as caught,
        fetched(understood("a.zip", tmp_path), environ=environ, report=lambda _: None),
    ):
        pass
    assert caught.value.hint == "Use another copy of the file, or pack the files again"


def test_the_content_of_a_file_says_whether_it_is_an_archive(
    tmp_path: Path, environ: Mapping[str, str]
) -> None:
    zipped(tmp_path / "zip.bin", FILES)
    packed = [("p/requirements.txt", b"six\n")]
    tarred(tmp_path / "tar", packed, mode="w")
    tarred(tmp_path / "tar.gz", packed)
    (tmp_path / "tar.gz").rename(tmp_path / "course.gz")
    for name in ("zip.bin", "tar", "course.gz"):
        with fetched(understood(name, tmp_path), environ=environ, report=lambda _: None) as checkout:
            assert checkout.read("requirements.txt") == "six\n"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.rar", b"Rar!\x1a\x07\x01\x00" * 100, "`x.rar` is a file, and r2i does not unpack `.rar`"),
        ("x.gz", gzip.compress(b"x" * 1000, mtime=0), "`x.gz` is a file, and r2i does not unpack `.gz`"),
        ("x.txt", b"PK is how it begins" * 100, "`x.txt` is not a directory"),
        ("x.dat", bytes(2000), "`x.dat` is not a directory"),
    ],
)
def test_a_file_that_is_no_archive(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FetchError) as caught:
        understood(name, tmp_path)
    assert caught.value.message == message


def test_an_archive_without_files_is_an_error_in_every_format(
    tmp_path: Path, environ: Mapping[str, str]
) -> None:
    zipped(tmp_path / "a.zip", {})
    tarred(tmp_path / "a.tar", [], mode="w")
    tarred(tmp_path / "a.tar.gz", [])
    (tmp_path / "b.tar").touch()
    (tmp_path / "b.zip").touch()
    for name in ("a.zip", "a.tar", "a.tar.gz", "b.tar", "b.zip"):
        with (
            pytest.raises(FetchError, match=f"`{name}` has no files"),
            fetched(understood(name, tmp_path), environ=environ, report=lambda _: None),
        ):
            pass


def test_a_file_and_a_directory_of_one_name_are_named(tmp_path: Path, environ: Mapping[str, str]) -> None:
    for entries in ([("a", b""), ("a/b", b"")], [("a/b", b""), ("a", b"")]):
        tarred(tmp_path / "a.tar", entries, mode="w")
        with (
            pytest.raises(FetchError, match="has both a file and a directory `a`"),
            fetched(understood("a.tar", tmp_path), environ=environ, report=lambda _: None),
        ):
            pass
