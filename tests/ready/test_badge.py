"""`r2i badge`: links of every kind of address, and what git knows of what others see."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r2i.cli.app import run
from r2i.cli.badge import launch_of
from r2i.cli.common import TypedSource
from r2i.errors import UsageError
from r2i.ready.badge import FORMATS, HUB, Launch, hub_address, opened
from tests.check.cases import GIT
from tests.writing import write

Git = Callable[..., None]
RESOURCE = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Git:
    """Git in a directory of this test, which is no work tree before `git("init")`."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    (tmp_path / "repo").mkdir()

    def call(*arguments: str) -> None:
        subprocess.run([*GIT, *arguments], cwd=tmp_path / "repo", check=True, capture_output=True)

    return call


def committed(git: Git, remote: str = "https://github.com/me/course.git") -> None:
    git("init", "--quiet", "--initial-branch=main")
    git("add", "--all")
    git("commit", "--quiet", "--allow-empty", "--message=x")
    git("remote", "add", "origin", remote)
    git("update-ref", "refs/remotes/origin/main", "HEAD")


def url_of(typed: str, *, ref: str | None = None, urlpath: str = "", hub: str = HUB) -> str:
    return launch_of(TypedSource(source=typed, ref=ref, subdir=""), urlpath=urlpath, hub=hub)[0].url


@pytest.mark.parametrize(
    ("typed", "path"),
    [
        ("me/course", "gh/me/course/HEAD"),
        ("https://github.com/me/course.git", "gh/me/course/HEAD"),
        ("https://name:secret@github.com/me/course", "gh/me/course/HEAD"),
        ("git@github.com:me/course.git", "gh/me/course/HEAD"),
        ("ssh://git@github.com:22/me/course.git", "gh/me/course/HEAD"),
        ("https://gitlab.com/group/sub/course.git", "gl/group%2Fsub%2Fcourse/HEAD"),
        ("git@gitlab.com:group/course.git", "gl/group%2Fcourse/HEAD"),
        ("https://gist.github.com/me/0123456789abcdef", "gist/me/0123456789abcdef/HEAD"),
        ("https://gist.github.com/me/0123456789abcdef.git", "gist/me/0123456789abcdef/HEAD"),
        (
            "git@gist.github.com:0123456789abcdef.git",
            "git/https%3A%2F%2Fgist.github.com%2F0123456789abcdef.git/HEAD",
        ),
        ("https://codeberg.org/me/course", "git/https%3A%2F%2Fcodeberg.org%2Fme%2Fcourse/HEAD"),
        (
            "git@git.example.edu:lab/course.git",
            "git/https%3A%2F%2Fgit.example.edu%2Flab%2Fcourse.git/HEAD",
        ),
        ("https://gitlab.example.edu/a/b", "git/https%3A%2F%2Fgitlab.example.edu%2Fa%2Fb.git/HEAD"),
        ("10.5281/zenodo.3242074", "zenodo/10.5281/zenodo.3242074/"),
        ("doi:10.6084/m9.figshare.9782777.v1", "figshare/10.6084/m9.figshare.9782777.v1/"),
        ("https://doi.org/10.7910/DVN/TJCLKP", "dataverse/10.7910/DVN/TJCLKP/"),
        ("10.1234/unknown.56", "dataverse/10.1234/unknown.56/"),
        ("https://zenodo.org/records/3242074/files/a.zip", "zenodo/10.5281/zenodo.3242074/"),
        ("https://data.caltech.edu/records/ev9cx-kzs61", "zenodo/10.22002/ev9cx-kzs61/"),
        (
            "https://figshare.com/articles/code/title/9782777/3",
            "figshare/10.6084/m9.figshare.9782777.v3/",
        ),
        (
            "https://dataverse.harvard.edu/dataset.xhtml?persistentId=doi:10.7910/DVN/TJCLKP",
            "dataverse/10.7910/DVN/TJCLKP/",
        ),
        (f"10.4211/hs.{RESOURCE}", f"hydroshare/{RESOURCE}"),
        (f"https://www.hydroshare.org/resource/{RESOURCE}/", f"hydroshare/{RESOURCE}"),
        ("https://demo.ckan.org/dataset/a-1", "ckan/https%3A%2F%2Fdemo.ckan.org%2Fdataset%2Fa-1"),
        ("https://hub.example.org/binder/v2/gh/me/course/main", "gh/me/course/main"),
        ("https://mybinder.org/v2/gl/group%2Fsub%2Fcourse/v1", "gl/group%2Fsub%2Fcourse/v1"),
        ("https://mybinder.org/v2/gist/me/0123456789abcdef/HEAD", "gist/me/0123456789abcdef/HEAD"),
        (
            "[![Binder](https://mybinder.org/badge.svg)](https://mybinder.org/v2/gh/me/course/HEAD?filepath=a%20b.ipynb)",
            "gh/me/course/HEAD?urlpath=tree%2Fa%2520b.ipynb",
        ),
        (
            "https://mybinder.org/v2/zenodo/10.5281/zenodo.3242074/?labpath=a.ipynb",
            "zenodo/10.5281/zenodo.3242074/?urlpath=doc%2Ftree%2Fa.ipynb",
        ),
    ],
)
def test_every_kind_of_address_has_its_link(typed: str, path: str) -> None:
    assert url_of(typed) == f"https://mybinder.org/v2/{path}"


@pytest.mark.parametrize(
    "typed",
    [
        (
            "https://mybinder.org/v2/gh/me/env/main?urlpath=git-pull%3Frepo%3Dhttps%253A%252F%252Fgithub.com%252Fada%252Fx%26branch%3Dmain"
            "%26urlpath%3Dlab%252Ftree%252Fx%252Fa%252520b.ipynb%26targetPath%3Dx"
        ),
        "https://mybinder.org/v2/gist/me/0123456789abcdef/HEAD?urlpath=lab%2Ftree%2Fa.ipynb",
        "https://mybinder.org/v2/git/https%3A%2F%2Fcodeberg.org%2Fme%2Fcourse/feature/fix?urlpath=rstudio",
        "https://mybinder.org/v2/ckan/https%3A%2F%2Fdemo.ckan.org%2Fdataset%2Fa-1?urlpath=lab",
    ],
)
def test_a_binder_link_is_written_as_it_was(typed: str) -> None:
    assert url_of(typed) == typed


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("https://osf.io/ab3cd", "which is a project of the OSF"),
        (f"swh:1:rev:{'0' * 40}", "which is an object of Software Heritage"),
        ("hg+https://hg.example.org/a", "which is a Mercurial repository"),
        ("https://example.org/course.zip", "which is an archive file"),
        ("https://sandbox.zenodo.org/records/12", "by their DOI"),
        ("https://zenodo.org/records/12/latest", "by their DOI"),
        ("https://dataverse.example.edu/dataset.xhtml?persistentId=hdl:1902.1/1", "by their DOI"),
    ],
)
def test_what_no_hub_opens_is_said(typed: str, why: str) -> None:
    with pytest.raises(UsageError, match=why) as caught:
        url_of(typed)
    assert "r2i badge" in str(caught.value.hint)


def test_a_doi_that_may_be_of_no_dataverse_is_warned_about() -> None:
    def warned(typed: str) -> tuple[str, ...]:
        return launch_of(TypedSource(source=typed, ref=None, subdir=""), urlpath="", hub=HUB)[1]

    assert warned("10.1234/unknown.56") == ("the badge works only if a Dataverse has `10.1234/unknown.56`",)
    assert warned("10.7910/DVN/TJCLKP") == ()


def test_refs_and_hubs_stand_in_the_link() -> None:
    url = url_of("me/course", ref="feature/a#b", hub=hub_address("hub.example.edu/binder/"))

    assert url == "https://hub.example.edu/binder/v2/gh/me/course/feature/a%23b"


@pytest.mark.parametrize(
    "typed",
    ["/tmp", "file:///srv/repo", "git@work:me/course", "http://10.0.0.3/a/b", "ssh://git@nas.local/a"],
)
def test_what_no_hub_reaches_has_no_link(typed: str) -> None:
    with pytest.raises(UsageError, match="hub cannot"):
        url_of(typed)


@pytest.mark.parametrize(
    "hub", ["", "not a host", "ftp://x.org", "https://a.org/?b", "https://u:p@a.org", '"']
)
def test_a_hub_has_an_address(hub: str) -> None:
    with pytest.raises(UsageError, match="--hub"):
        hub_address(hub)


@given(st.text(min_size=1), st.text())
def test_whatever_it_opens_the_markup_holds_and_the_hub_reads_it(ref: str, urlpath: str) -> None:
    ref, urlpath = (text.encode(errors="ignore").decode() for text in (ref, urlpath))
    launch = Launch(address="https://github.com/me/course", ref=ref, urlpath=urlpath)
    parts = urlsplit(launch.url)

    assert unquote(parts.path.removeprefix("/v2/gh/me/course/")) == ref
    assert parse_qs(parts.query, keep_blank_values=True).get("urlpath", [""]) == [urlpath]
    assert not set(launch.url) & set("()<>\"' \n&")
    assert all(launch.url in markup(launch) for markup in FORMATS.values())


def test_a_file_is_opened_in_jupyterlab_and_a_path_of_the_server_as_it_is() -> None:
    files = {"first steps.ipynb", "data"}

    def path(given: str) -> str:
        return opened(given, has=files.__contains__, prefix="docs/")

    assert path("first steps.ipynb") == "lab/tree/docs/first%20steps.ipynb"
    assert path("/data") == "lab/tree/docs/data"
    assert path("rstudio") == "rstudio"
    assert path("lab/tree/x.ipynb") == "lab/tree/x.ipynb"
    assert path("") == ""
    assert opened("x.ipynb", has=None) == "lab/tree/x.ipynb"
    with pytest.raises(UsageError, match="no notebook"):
        path("x.ipynb")


@pytest.mark.parametrize("path", ["../../x", "https://evil.example", "//evil.example", "lab/tree/%2e%2e/x"])
def test_a_path_that_leads_out_of_the_server_has_no_badge(path: str) -> None:
    with pytest.raises(UsageError, match="which is not a path of the Jupyter server"):
        url_of("me/course", urlpath=path)
    with pytest.raises(UsageError, match="which is not a path of the Jupyter server"):
        opened(path, has={"a: b.ipynb"}.__contains__)
    assert opened("a: b.ipynb", has={"a: b.ipynb"}.__contains__) == "lab/tree/a%3A%20b.ipynb"


@pytest.mark.parametrize("typed", ["10.5281/zenodo", "10.5281/zenodo.", "10.6084/m9.figshare"])
def test_half_a_doi_has_no_badge(typed: str) -> None:
    with pytest.raises(UsageError, match="without its number"):
        url_of(typed)


@pytest.mark.parametrize(
    "view",
    [
        "lab/tree",
        "lab/workspaces/a/tree",
        "tree",
        "notebooks",
        "nbclassic/notebooks",
        "doc/tree",
        "voila/render",
        "apps",
    ],
)
def test_a_view_of_the_server_opens_a_notebook_that_is_there(view: str) -> None:
    def path(given: str, *, complete: bool = True) -> str:
        return opened(given, has={"first steps.ipynb"}.__contains__, prefix="docs/", complete=complete)

    there, missing = f"{view}/docs/first%20steps.ipynb?x=1#a", f"{view}/docs/nope.ipynb"

    assert path(there) == there
    assert path(missing, complete=False) == missing
    with pytest.raises(UsageError, match=r"no notebook `docs/nope.ipynb`"):
        path(missing)


def test_a_directory_has_the_badge_of_its_remote(
    git: Git, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "repo", {"docs/first.ipynb": "{}"})
    committed(git, "https://me:secret@github.com/me/course.git")

    assert run(["badge", str(tmp_path / "repo" / "docs"), "--urlpath", "first.ipynb"]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert said.out == (
        "[![Binder](https://mybinder.org/badge_logo.svg)]"
        "(https://mybinder.org/v2/gh/me/course/HEAD?urlpath=lab%2Ftree%2Fdocs%2Ffirst.ipynb)\n"
    )


def test_what_others_do_not_see_is_said(git: Git, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    committed(git)
    git("commit", "--quiet", "--allow-empty", "--message=y")
    git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
    git("switch", "--quiet", "--create", "try")
    write(tmp_path / "repo", {"new.ipynb": "{}"})

    assert run(["badge", str(tmp_path / "repo")]) == 0
    said = capsys.readouterr().err
    assert "1 file is changed and not committed" in said
    assert "1 commit is not pushed" in said
    assert "opens the main branch `main`, and this is `try`: `--ref try` opens it" in said


def test_a_ref_that_nobody_knows_is_said(
    git: Git, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    committed(git)
    git("tag", "v1")

    run(["badge", str(tmp_path / "repo"), "--ref", "v1"])
    assert capsys.readouterr().err == ""
    run(["badge", str(tmp_path / "repo"), "--ref", "v2"])
    assert "the local git repository has no `v2`" in capsys.readouterr().err


def test_before_the_first_push_that_is_said(
    git: Git, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    git("init", "--quiet")
    git("remote", "add", "upstream", "git@git.example.edu:lab/course.git")

    assert run(["badge", str(tmp_path / "repo"), "--format", "html"]) == 0
    said = capsys.readouterr()
    assert "nothing was pushed" in said.err
    assert "is also public over HTTPS" in said.err
    assert said.out.startswith('<a href="https://mybinder.org/v2/git/https%3A%2F%2Fgit.example.edu%2Flab')


@pytest.mark.parametrize(
    ("commands", "words"),
    [
        ([], "not part of a git repository"),
        ([["init", "--quiet"]], "has no remote"),
        ([["init", "--quiet"], ["remote", "add", "origin", "../course"]], "`../course` is a directory"),
        ([["init", "--quiet"], ["remote", "add", "origin", "/no/where"]], "`/no/where` is a directory"),
        ([["init", "--quiet"], ["remote", "add", "origin", "me/course"]], "`me/course` is a directory"),
        (
            [["init", "--quiet"], ["remote", "add", "origin", "file:///srv/x"]],
            "x` is a directory on this machine",
        ),
        ([["init", "--quiet"], ["remote", "add", "origin", "C:\\course"]], "is a directory on this machine"),
        ([["init", "--quiet"], ["remote", "add", "up", "git@nas:course"]], "a name in this network only"),
        ([["init", "--quiet"], ["remote", "add", "origin", "ext::sh -c x"]], "remote helper"),
    ],
)
def test_without_an_address_there_is_no_badge(
    git: Git, tmp_path: Path, capsys: pytest.CaptureFixture[str], commands: list[list[str]], words: str
) -> None:
    (tmp_path / "course").mkdir()
    for command in commands:
        git(*command)

    assert run(["badge", str(tmp_path / "repo")]) == 2
    said = capsys.readouterr()
    assert words in said.err
    assert said.out == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["10.5281/zenodo.1", "--ref", "v1"],
        ["me/course", "--ref", "a b"],
        ["https://github.com/me/course/tree/a/b"],
    ],
)
def test_what_cannot_be_meant_is_a_mistake(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["badge", *arguments]) == 2
    assert "Hint:" in capsys.readouterr().err
