"""What a user may type."""

from __future__ import annotations

from pathlib import Path
from unicodedata import category

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from r2i.errors import FetchError, R2iError, UsageError
from r2i.model import Source
from r2i.sources import parse
from r2i.sources.providers import PROVIDERS
from tests.sources.serving import git

NOWHERE = Path("/nonexistent")
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def remote(location: str, **fields: object) -> Source:
    return Source(provider="git", location=location, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("owner/name", remote("https://github.com/owner/name")),
        ("https://github.com/owner/name", remote("https://github.com/owner/name")),
        ("https://GitHub.com/owner/name.git/", remote("https://github.com/owner/name")),
        ("https://www.github.com/owner/name", remote("https://www.github.com/owner/name")),
        ("github.com/owner/name", remote("https://github.com/owner/name")),
        ("https://github.com/owner/name?tab=readme-ov-file#top", remote("https://github.com/owner/name")),
        ("git+https://github.com/owner/name", remote("https://github.com/owner/name")),
        ("git@github.com:owner/name.git", remote("git@github.com:owner/name.git")),
        ("example.org:name.git", remote("example.org:name.git")),
        ("ssh://git@Example.org:2222/~ada/name", remote("ssh://git@example.org:2222/~ada/name")),
        ("git://example.org/name", remote("git://example.org/name")),
        ("http://[::1]:8080/name", remote("http://[::1]:8080/name")),
        ("file:///srv/name.git", remote("file:///srv/name.git")),
        ("file://localhost/srv/name.git", remote("file:///srv/name.git")),
        ("https://gitlab.com/group/sub/name", remote("https://gitlab.com/group/sub/name.git")),
        (
            "https://github.com/o/n/tree/feature/fix/docs",
            remote("https://github.com/o/n", ref_path="feature/fix/docs"),
        ),
        (
            "https://github.com/o/n/tree/main/my%20dir",
            remote("https://github.com/o/n", ref_path="main/my dir"),
        ),
        (
            "https://github.com/o/n/blob/main/a/b.ipynb",
            remote("https://github.com/o/n", ref_path="main/a/b.ipynb", ref_path_is_file=True),
        ),
        (f"https://github.com/o/n/commit/{COMMIT}", remote("https://github.com/o/n", ref=COMMIT)),
        ("https://github.com/o/n/releases/tag/v1", remote("https://github.com/o/n", ref="refs/tags/v1")),
        ("https://github.com/o/n/pull/12/files", remote("https://github.com/o/n", ref="refs/pull/12/head")),
        (
            "https://git.example.org/g/s/n/-/tree/main/sub?ref_type=heads",
            remote("https://git.example.org/g/s/n.git", ref_path="main/sub"),
        ),
        (
            "https://gitlab.com/g/n/-/merge_requests/3/diffs",
            remote("https://gitlab.com/g/n.git", ref="refs/merge-requests/3/head"),
        ),
        ("https://gitlab.com/g/n/-/tags/v1", remote("https://gitlab.com/g/n.git", ref="refs/tags/v1")),
        ("https://codeberg.org/o/n/src/branch/a/b", remote("https://codeberg.org/o/n", ref_path="a/b")),
        ("https://codeberg.org/o/n/pulls/4", remote("https://codeberg.org/o/n", ref="refs/pull/4/head")),
        ("https://bitbucket.org/o/n/src/main/a/", remote("https://bitbucket.org/o/n.git", ref_path="main/a")),
        (
            "https://gist.github.com/ada/0123abcd0123abcd0123",
            remote("https://gist.github.com/0123abcd0123abcd0123.git"),
        ),
        (
            "https://gist.github.com/0123abcd0123abcd0123.git",
            remote("https://gist.github.com/0123abcd0123abcd0123.git"),
        ),
        (
            f"https://gist.github.com/ada/0123abcd0123abcd0123/{COMMIT}",
            remote("https://gist.github.com/0123abcd0123abcd0123.git", ref=COMMIT),
        ),
    ],
)
def test_understands(text: str, expected: Source) -> None:
    assert parse(text, cwd=NOWHERE) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "-x",
        "--upload-pack=touch x",
        "ext::sh -c touch% x",
        "fd::17",
        "https://example.org",
        "https://github.com/owner",
        "https://github.com/owner/name/issues/3",
        "https://github.com/owner/name/tree/main/../../x",
        "https://example.org/name?ref=main",
        "https://example.org/a b",
        "https://exa mple.org/a",
        "ssh://-oProxyCommand=x/name",
        "ssh://-oProxyCommand=x@example.org/name",
        "ssh://git:secret@example.org/name",
        "git@-example.org:name",
        "git@example.org:-name",
        "file://example.org/srv/name",
        "ftp://example.org/name",
        "http://[::1/name",
        "owner/name\n--upload-pack=x",
        "owner/\x1b[31mname",
        "a\0b",
        "\udcff",
        "arxiv:2101.00001",
    ],
)
def test_refuses(text: str) -> None:
    with pytest.raises(UsageError):
        parse(text, cwd=NOWHERE)


@pytest.mark.parametrize(
    "ref",
    [
        "",
        "-x",
        "--upload-pack=x",
        "a b",
        "a..b",
        "a\nb",
        "HEAD~1",
        "v1^{}",
        "a:b",
        "/a",
        "a/",
        "@",
        "a.lock",
        "*",
    ],
)
def test_refuses_what_no_ref_is_called(ref: str) -> None:
    with pytest.raises(UsageError, match="is not a valid branch"):
        parse("owner/name", ref=ref, cwd=NOWHERE)


@pytest.mark.parametrize("subdirectory", ["/etc", "..", "a/../../b", "-x", "a\nb"])
def test_refuses_a_subdirectory_that_leads_out(subdirectory: str) -> None:
    with pytest.raises(UsageError):
        parse("owner/name", subdirectory=subdirectory, cwd=NOWHERE)


def test_normalises_a_subdirectory() -> None:
    assert parse("owner/name", subdirectory="./docs//intro/", cwd=NOWHERE).subdirectory == "docs/intro"
    assert parse("owner/name", subdirectory=".", cwd=NOWHERE).subdirectory == ""


def test_a_ref_tells_where_that_of_a_link_ends() -> None:
    source = parse("https://github.com/o/n/tree/feature/fix/docs", ref="feature/fix", cwd=NOWHERE)

    assert source == remote("https://github.com/o/n", ref="feature/fix", subdirectory="docs")


def test_a_ref_that_contradicts_a_link_is_refused() -> None:
    with pytest.raises(UsageError, match="`--ref` is `dev`"):
        parse("https://github.com/o/n/tree/main/docs", ref="dev", cwd=NOWHERE)


def test_a_link_to_a_file_leaves_the_repository_whole() -> None:
    source = parse("https://github.com/o/n/blob/main/docs/a.ipynb", ref="main", cwd=NOWHERE)

    assert source == remote("https://github.com/o/n", ref="main")


@pytest.mark.parametrize(
    ("text", "username", "password"),
    [
        ("https://ada:s3cr%40t@example.org/n", "ada", "s3cr@t"),
        ("https://ghp_0123456789abcdef0123@github.com/o/n", "ghp_0123456789abcdef0123", ""),
        ("https://ada@example.org/n", "ada", None),
        ("https://ada:s3cret@github.com/o/n/tree/main", "ada", "s3cret"),
    ],
)
def test_credentials_are_kept_apart(text: str, username: str, password: str | None) -> None:
    source = parse(text, cwd=NOWHERE)

    assert source.credentials is not None
    assert (source.credentials.username, source.credentials.password) == (username, password)
    assert "@" not in source.location
    assert username not in repr(source)
    assert username not in repr(source.credentials)


@pytest.mark.parametrize(
    "text",
    [
        "https://ada:s3cret@",
        "https://ada:s3/cret@example.org/n",
        "https://ada:s3cret@example.org/n?x=s3cret",
        "https://ada:s3cret@[::1/n",
        "https://ada:s3cret@github.com/o",
        "https://ada:s3cret@example.org/a b",
        "https://ada:s3cret%0A@example.org/n",
        "ftp://ada:s3cret@example.org/n",
        "ada:s3cret@example.org",
        "ext::https://ada:s3cret@example.org",
        "ssh://ada:s3cret@example.org/n",
        "file://ada:s3cret@localhost/n",
        "git://ada:s3cret@example.org/n",
    ],
)
def test_no_error_shows_credentials(text: str) -> None:
    with pytest.raises(R2iError) as caught:
        parse(text, cwd=NOWHERE)

    assert "cret" not in f"{caught.value.message} {caught.value.hint}"


def test_a_directory_wins_over_github(tmp_path: Path) -> None:
    (tmp_path / "owner" / "name").mkdir(parents=True)

    assert parse("owner/name", cwd=tmp_path) == Source(
        provider="local", location=str(tmp_path / "owner/name")
    )
    assert parse("owner/other", cwd=tmp_path).provider == "git"


def test_a_home_directory_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "notebooks").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))

    assert parse("~/notebooks", cwd=NOWHERE).location == str(tmp_path / "notebooks")


@pytest.mark.parametrize("text", ["./notbooks", "notbooks/", "notbooks", "./notbooks/deep/er"])
def test_a_path_to_nothing_names_the_closest(text: str, tmp_path: Path) -> None:
    (tmp_path / "notebooks").mkdir()

    with pytest.raises(FetchError, match=r"directory `.*does not exist") as caught:
        parse(text, cwd=tmp_path)

    assert caught.value.hint == "Did you mean `notebooks`?"


def test_a_file_is_no_repository(tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").touch()

    with pytest.raises(FetchError, match="is not a directory"):
        parse("a.ipynb", cwd=tmp_path)


def test_a_ref_of_a_directory_is_fetched_from_it(tmp_path: Path) -> None:
    work = tmp_path / "my project"
    work.mkdir()
    git("init", "-q", cwd=work)

    assert parse(str(work), ref="main", cwd=NOWHERE) == remote(f"file://{tmp_path}/my%20project", ref="main")
    with pytest.raises(UsageError, match="needs a git repository"):
        parse(str(tmp_path), ref="main", cwd=NOWHERE)


def test_a_bare_repository_is_fetched_from(tmp_path: Path) -> None:
    git("init", "-q", "--bare", ".", cwd=tmp_path)

    assert parse(str(tmp_path), cwd=NOWHERE) == remote(f"file://{tmp_path}")


def test_every_provider_has_a_name_of_its_own() -> None:
    assert len({provider.name for provider in PROVIDERS}) == len(PROVIDERS)


WORDS = (
    "https:// file:// ssh:// git@ github.com gitlab.com gist.github.com bitbucket.org codeberg.org [::1] owner tree blob src "
    "branch commit pull 12 abcdef0 / -/ - .. : :: @ ? # ~ %2F %00 é"
)
PIECES = st.lists(st.sampled_from([*WORDS.split(), " ", "\n"]), max_size=12).map("".join)


@example(text="..", ref=None, subdirectory="\U00018d09")
@given(
    text=PIECES | st.text(), ref=st.none() | PIECES | st.text(), subdirectory=st.just("") | PIECES | st.text()
)
def test_any_text_is_understood_or_refused(text: str, ref: str | None, subdirectory: str) -> None:
    try:
        source = parse(text, ref=ref, subdirectory=subdirectory, cwd=NOWHERE)
    except R2iError as error:
        said, understood = f"{error.message} {error.hint}", ""
    else:
        said = ""
        understood = f"{source.location} {source.ref} {source.subdirectory} {source.ref_path}"
    assert said.isprintable()
    assert not any(part.startswith("-") for part in understood.split(" ")[:2])
    # A directory may have a name of characters that are younger than this Python.
    assert {category(c) for c in understood}.isdisjoint({"Cc", "Cs", "Zl", "Zp"})
