"""Repositories of Mercurial, fetched by the real one from directories and from its own server on the loopback address."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from r2i.errors import FetchError, R2iError, TemporaryError, UsageError
from r2i.sources import LastChange, Revision, Unknown, fetched, last_change, parse, resolve
from tests.sources.hg_server import HG, commit, hg, serving


@pytest.fixture
def environ(environ: dict[str, str]) -> dict[str, str]:
    return environ | {"PATH": f"{Path(HG).parent}:{environ['PATH']}"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A default branch with two changesets, a tag, a branch and a bookmark."""
    work = tmp_path_factory.mktemp("made") / "project"
    work.mkdir()
    hg("init", cwd=work)
    commit(work, "first", 1, README="first\n", docs__intro="intro\n", **{"requirements.txt": "six\n"})
    hg("tag", "v1", "-d", "2021-05-02 12:00 +0000", cwd=work)
    commit(work, "second", 3, README="second\n")
    hg("branch", "-q", "feature", cwd=work)
    commit(work, "feature", 4, README="feature\n")
    hg("bookmark", "mark", cwd=work)
    hg("update", "-q", "default", cwd=work)
    return work


@pytest.fixture
def work(made: Path, tmp_path: Path) -> Path:
    """A copy of it: each test may change its own."""
    return Path(shutil.copytree(made, tmp_path / "work" / "project"))


def node(work: Path, name: str) -> str:
    return hg("identify", "--debug", "-i", "-r", name, cwd=work)


def asked(text: str, environ: dict[str, str], *, ref: str | None = None) -> Revision:
    return resolve(parse(text, ref=ref, cwd=Path("/")), environ=environ)


@pytest.mark.parametrize(
    ("text", "location"),
    [
        ("hg+https://hg.example.org/a/project", "https://hg.example.org/a/project"),
        ("HG+HTTPS://hg.example.org/project/", "https://hg.example.org/project"),
        ("hg::https://hg.example.org/project", "https://hg.example.org/project"),
        ("hg+ssh://ada@hg.example.org/project", "ssh://ada@hg.example.org/project"),
        ("https://hg.example.org/project.hg", "https://hg.example.org/project.hg"),
        ("hg+file:///srv/project", "file:///srv/project"),
    ],
)
def test_an_address_of_mercurial(text: str, location: str) -> None:
    source = parse(text, ref="default", cwd=Path("/"))
    assert (source.provider, source.location, source.ref) == ("mercurial", location, "default")


@pytest.mark.parametrize(
    "text", ["hg::", "hg::ext::sh -c id", "hg+git://a/b", "hg+https://a/b?c=d", "hg::-oProxy=x"]
)
def test_an_address_that_is_none(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text, cwd=Path("/"))
    assert caught.value.hint


def test_a_password_is_no_part_of_the_location() -> None:
    source = parse("hg+https://ada:secret@hg.example.org/project", cwd=Path("/"))
    assert "secret" not in repr(source)
    assert source.credentials is not None
    assert source.credentials.password == "secret"


def test_a_name_is_found_at_a_server_and_in_a_directory(work: Path, environ: dict[str, str]) -> None:
    texts = {None: "second\n", "v1": "first\n", "feature": "feature\n", "mark": "feature\n"}
    with serving(work) as url:
        for ref, text in texts.items():
            wanted = node(work, ref or "default")
            assert asked(url, environ, ref=ref).content_id == wanted
            assert asked(str(work), environ, ref=ref or "default").content_id == wanted
            with fetched(parse(url, ref=ref, cwd=Path("/")), environ=environ, report=print) as checkout:
                assert (checkout.root / "README").read_text() == text
                assert checkout.content_id == wanted
                assert not (checkout.root / ".hg").exists()


def test_the_bookmark_that_a_clone_checks_out_comes_first(work: Path, environ: dict[str, str]) -> None:
    hg("bookmark", "-r", "v1", "@", cwd=work)
    assert asked(f"hg+file://{work}", environ).content_id == node(work, "v1")


@pytest.mark.parametrize("ref", ["nothing", "all()", "v1+feature", "file('x')"])
def test_an_unknown_name_is_no_expression(work: Path, environ: dict[str, str], ref: str) -> None:
    with pytest.raises(FetchError, match="has no changeset") as caught:
        asked(f"hg+file://{work}", environ, ref=ref)
    assert caught.value.hint


def test_the_date_is_that_of_the_changeset(work: Path, environ: dict[str, str]) -> None:
    with fetched(parse(f"hg+file://{work}", cwd=Path("/")), environ=environ, report=print) as checkout:
        assert checkout.date == "2021-05-03T12:00:00Z"
        source = parse(f"hg+file://{work}", cwd=Path("/"))
        found = last_change(source, checkout, ["requirements.txt"], environ=environ, report=print)
        assert isinstance(found, LastChange)
        assert str(found.moment) == "2021-05-01 12:00:00+00:00"
        assert isinstance(last_change(source, checkout, ["new"], environ=environ, report=print), Unknown)


def test_a_subdirectory(work: Path, environ: dict[str, str]) -> None:
    source = parse(f"hg+file://{work}", subdirectory="docs", cwd=Path("/"))
    with fetched(source, environ=environ, report=print) as checkout:
        assert [path.name for path in checkout.root.iterdir()] == ["intro"]


def test_nothing_that_a_directory_configures_runs(
    work: Path, environ: dict[str, str], tmp_path: Path
) -> None:
    """Promise 1: hooks, extensions and aliases of `.hg/hgrc` are code of the repository."""
    ran = tmp_path / "ran"
    (work / ".hg" / "hgrc").write_text(
        f"[hooks]\npre-identify = touch {ran}\noutgoing = touch {ran}\npreoutgoing = touch {ran}\n"
        f"[extensions]\nevil = {work}/evil.py\n[ui]\nssh = touch {ran}\n"
    )
    (work / "evil.py").write_text(f"open({str(ran)!r}, 'w')\n")
    with fetched(parse(str(work), ref="default", cwd=Path("/")), environ=environ, report=print) as checkout:
        assert (checkout.root / "README").read_text() == "second\n"
    assert not ran.exists()


def test_a_store_elsewhere_is_not_read(work: Path, environ: dict[str, str], tmp_path: Path) -> None:
    """Promise 2: a directory may say that its history lies in another one."""
    other = tmp_path / "other"
    other.mkdir()
    hg("--config", "extensions.share=", "share", "-q", str(work), str(other / "shared"), cwd=other)
    with pytest.raises(FetchError, match="another directory"):
        asked(f"hg+file://{other / 'shared'}", environ)


def test_subrepositories_are_left_out_and_said_to_be(work: Path, environ: dict[str, str]) -> None:
    inner = work / "inner"
    inner.mkdir()
    hg("init", cwd=inner)
    commit(inner, "inner", 5, a="a\n")
    commit(work, "outer", 6, **{".hgsub": "inner = inner\n"})
    told: list[str] = []
    with fetched(parse(f"hg+file://{work}", cwd=Path("/")), environ=environ, report=told.append) as checkout:
        assert not (checkout.root / "inner").exists()
    assert any(".hgsub" in line for line in told)


def test_a_server_that_is_not_there(environ: dict[str, str]) -> None:
    with pytest.raises(TemporaryError, match="cannot be reached"):
        asked("hg+http://127.0.0.1:9/project", environ)


def test_a_server_that_has_something_else(work: Path, environ: dict[str, str]) -> None:
    with serving(work) as url, pytest.raises(R2iError) as caught:
        asked(f"{url}/nothing/here", environ)
    assert caught.value.hint
    assert "Traceback" not in caught.value.message


def test_without_mercurial(environ: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="not installed") as caught:
        asked("hg+https://hg.example.org/project", environ | {"PATH": str(tmp_path)})
    assert "apt-get install mercurial" in (caught.value.hint or "")


def test_a_git_url_needs_no_mercurial(tmp_path: Path) -> None:
    assert parse("https://gitlab.example.org/a/b", cwd=tmp_path).provider == "git"
