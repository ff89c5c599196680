"""The attacks of git's own advisories of the last years (github.com/git/git/security/advisories), tried on r2i."""

from __future__ import annotations

import ast
import importlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import r2i
from r2i.errors import FetchError, R2iError
from r2i.sources import fetched, parse, resolve
from tests.sources.serving import Repository, git, id_of, serve, with_submodule

SECRET = "a secret of the host"

#: What is attacked by commands that r2i does not use, or on systems where it does not run.
NOT_RUN = {
    "CVE-2022-24975": "clone",
    "CVE-2022-31012": "the installer of Git for Windows",
    "CVE-2022-39260": "shell",
    "CVE-2022-41953": "gui",
    "CVE-2023-22743": "the installer of Git for Windows",
    "CVE-2023-23618": "gitk",
    "CVE-2023-23946": "apply",
    "CVE-2023-25652": "apply",
    "CVE-2023-25815": "git for Windows, with messages in another language",
    "CVE-2025-27613": "gitk",
    "CVE-2025-27614": "gitk",
    "CVE-2025-46334": "gui",
    "CVE-2025-46835": "gui",
    "CVE-2025-48386": "the credential helper wincred",
}
#: What is tried where its kind is.
ELSEWHERE = {
    "CVE-2022-24765": "tests.hostile.test_git_configuration::test_a_repository_of_another_user_is_not_asked",
    "CVE-2022-29187": "tests.hostile.test_git_configuration::test_a_repository_of_another_user_is_not_asked",
    "CVE-2024-32004": "tests.hostile.test_git_configuration::test_git_is_asked_and_nothing_of_a_configuration_runs",
    "CVE-2024-32465": "tests.hostile.test_git_configuration::test_git_is_asked_and_nothing_of_a_configuration_runs",
    "CVE-2024-53263": "tests.sources.test_lfs::test_a_server_of_large_files_is_a_server",
}
#: Every command of git that r2i runs; a new one is to be thought about, and tried in `test_git_configuration.py`.
COMMANDS = {
    *("branch", "cat-file", "checkout", "config", "fetch", "for-each-ref", "init", "lfs", "ls-files"),
    *(
        "ls-remote",
        "ls-tree",
        "remote",
        "rev-list",
        "rev-parse",
        "status",
        "symbolic-ref",
        "update-ref",
        "version",
    ),
}


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


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository.make(tmp_path)
    made.commit(README="text\n")
    return made


def program(tmp_path: Path) -> str:
    """A script that leaves a trace, as the text of a hook."""
    return f"#!/bin/sh\ntouch {tmp_path}/ran\n"


def blob(repository: Repository, text: str) -> str:
    return git("hash-object", "-w", "--stdin", cwd=repository.work, stdin=text)


def staged(repository: Repository, *entries: tuple[str, str, str]) -> None:
    """Commit entries (mode, id, path) that git itself might not add."""
    lines = "".join(f"{mode} {id_}\t{path}\0" for mode, id_, path in entries)
    git("update-index", "-z", "--index-info", cwd=repository.work, stdin=lines)
    git("commit", "-q", "-m", "attack", cwd=repository.work)
    repository.publish()


def tree_of(repository: Repository, *entries: tuple[str, str, str]) -> None:
    """Commit a tree that not even the index would take."""
    lines = "".join(
        f"{mode} {'tree' if mode == '040000' else 'blob'} {id_}\t{path}\0" for mode, id_, path in entries
    )
    tree = git("mktree", "-z", cwd=repository.work, stdin=lines)
    commit = git("commit-tree", "-m", "attack", tree, cwd=repository.work)
    git("update-ref", "refs/heads/main", commit, cwd=repository.work)
    repository.publish()


def gitmodules(repository: Repository, text: str) -> tuple[str, str, str]:
    return ("100644", blob(repository, text), ".gitmodules")


def inner(tmp_path: Path) -> Repository:
    """A repository to be a submodule: where it lands wrongly, it is a directory of git with hooks."""
    made = Repository.make(tmp_path, "inner")
    for name in ("hooks/post-checkout", "y/hooks/post-checkout", "post-checkout"):
        path = made.work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(program(tmp_path))
        path.chmod(0o755)
    made.commit()
    return made.publish()


# The attacks


def cve_2021_21300(repository: Repository, tmp_path: Path) -> None:
    """A directory and a link to git's own whose names differ by case, with a filter that delays the file."""
    hook = blob(repository, program(tmp_path))
    attributes = blob(repository, "A/post-checkout filter=lfs diff=lfs merge=lfs\n")
    link = blob(repository, ".git/hooks")
    staged(
        repository,
        ("100644", attributes, ".gitattributes"),
        ("100755", hook, "A/post-checkout"),
        ("120000", link, "a"),
    )


def cve_2022_23521(repository: Repository, tmp_path: Path) -> None:
    """Attributes with very long names, very many of them, in very many lines."""
    del tmp_path
    many = "* " + " ".join(f"a{number}" for number in range(100_000)) + "\n"
    repository.commit(**{".gitattributes": many + "* " + "b" * 5_000_000 + "\n" + "c d\n" * 100_000})
    repository.publish()


def cve_2022_41903(repository: Repository, tmp_path: Path) -> None:
    """A format whose padding overflows, for `git archive` and for `git log`."""
    del tmp_path
    repository.commit(
        "%<(2147483647)%s", **{".gitattributes": "* export-subst\n", "f": "$Format:%<(2147483647)%s$\n"}
    )
    repository.publish()


def cve_2022_39253(repository: Repository, tmp_path: Path) -> None:
    """Links among the objects of a repository of this machine, which a local clone would copy."""
    repository.publish()
    (repository.served / "objects/leak").symlink_to(tmp_path / "outside")
    (repository.served / "objects/pack/leak").symlink_to(tmp_path / "outside/secret")


def cve_2023_22490(repository: Repository, tmp_path: Path) -> None:
    """All of the objects are a link."""
    repository.publish()
    elsewhere = tmp_path / "elsewhere"
    (repository.served / "objects").rename(elsewhere)
    (elsewhere / "leak").symlink_to(tmp_path / "outside")
    (repository.served / "objects").symlink_to(elsewhere)


def cve_2023_29007(repository: Repository, tmp_path: Path) -> None:
    """A line of `.gitmodules` that is longer than git's buffer was, with settings in its rest."""
    text = f'"{"a" * 1024}[core]\\n\\tsshCommand = {tmp_path}/x #"'
    with_submodule(repository, text, commit="a" * 40)


def cve_2024_32002(repository: Repository, tmp_path: Path) -> None:
    """A submodule below a link to `.git` that differs by case."""
    module = inner(tmp_path)
    staged(
        repository,
        gitmodules(repository, '[submodule "x/y"]\n\tpath = A/modules/x\n\turl = ../inner.git\n'),
        ("160000", id_of(module, "main"), "A/modules/x"),
        ("120000", blob(repository, ".git"), "a"),
    )


def link_and_submodule(repository: Repository, tmp_path: Path) -> None:
    """A submodule below a link of just that name."""
    module = inner(tmp_path)
    lines = [
        gitmodules(repository, '[submodule "x"]\n\tpath = a/hooks\n\turl = ../inner.git\n'),
        ("120000", blob(repository, ".git"), "a"),
    ]
    hooks = git("mktree", cwd=repository.work, stdin=f"160000 commit {id_of(module, 'main')}\thooks\n")
    tree_of(repository, *lines, ("040000", hooks, "a"))


def cve_2024_32020(repository: Repository, tmp_path: Path) -> None:
    """Objects of a repository of this machine, which a local clone would share by hard links (and CVE-2024-32021)."""
    del tmp_path
    repository.publish()


def cve_2025_48384(repository: Repository, tmp_path: Path) -> None:
    """A path with a carriage return at its end, which git lost when it wrote it down."""
    module = inner(tmp_path)
    staged(
        repository,
        gitmodules(repository, '[submodule "x"]\n\tpath = "sub\r"\n\turl = ../inner.git\n'),
        ("160000", id_of(module, "main"), "sub\r"),
        ("120000", blob(repository, ".git/modules/x/hooks"), "sub"),
    )


def cve_2025_26625(repository: Repository, tmp_path: Path) -> None:
    """git-lfs wrote the content of a pointer through a link."""
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'a' * 64}\nsize 1\n"
    staged(
        repository,
        ("100644", blob(repository, "*.bin filter=lfs\n"), ".gitattributes"),
        ("100644", blob(repository, pointer), "A/x.bin"),
        ("120000", blob(repository, str(tmp_path / "outside")), "a"),
    )


def symbolic_git(repository: Repository, tmp_path: Path) -> None:
    tree_of(repository, ("120000", blob(repository, str(tmp_path / "outside")), ".git"))


def symbolic_gitattributes(repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "outside/attributes").write_text("* filter=x text eol=crlf\n")
    staged(repository, ("120000", blob(repository, str(tmp_path / "outside/attributes")), ".gitattributes"))


def named(name: str) -> Callable[[Repository, Path], None]:
    """A directory that some file system takes for `.git`, with a hook in it."""

    def attack(repository: Repository, tmp_path: Path) -> None:
        hook = blob(repository, program(tmp_path))
        hooks = git("mktree", cwd=repository.work, stdin=f"100755 blob {hook}\tpost-checkout\n")
        inside = git("mktree", cwd=repository.work, stdin=f"040000 tree {hooks}\thooks\n")
        tree_of(repository, ("040000", inside, name))

    return attack


Attack = Callable[[Repository, Path], None]
ATTACKS: dict[str, Attack] = {
    "CVE-2021-21300": cve_2021_21300,
    "CVE-2022-23521": cve_2022_23521,
    "CVE-2022-41903": cve_2022_41903,
    "CVE-2022-39253": cve_2022_39253,
    "CVE-2023-22490": cve_2023_22490,
    "CVE-2023-29007": cve_2023_29007,
    "CVE-2024-32002": cve_2024_32002,
    "CVE-2024-32020": cve_2024_32020,
    "CVE-2025-26625": cve_2025_26625,
    "CVE-2025-48384": cve_2025_48384,
    "a submodule below a link": link_and_submodule,
    "a symbolic .git": symbolic_git,
    "a symbolic .gitattributes": symbolic_gitattributes,
}
#: The names that macOS and Windows take for `.git`, too.
GIT_NAMES = (
    ".git",
    ".GIT",
    ".gIt",
    "git~1",
    "GIT~1",
    ".git.",
    ".git ",
    ".git::$INDEX_ALLOCATION",
    ".g\u200cit",
)


def outcome(url: str, environ: dict[str, str], tmp_path: Path) -> str:
    """Fetch; give what the checkout has of git, or the message. Nothing may have run."""
    try:
        with fetched(parse(url, cwd=Path("/")), environ=environ, report=print) as checkout:
            files = [
                path for path in checkout.boundary.rglob("*") if path.is_file() and not path.is_symlink()
            ]
            assert not any(SECRET.encode() in path.read_bytes() for path in files)
            assert all(path.stat().st_nlink == 1 for path in files)
            assert not (checkout.boundary / ".git/hooks").exists()
            assert not (checkout.boundary / ".git/modules").exists()
            return git("config", "--local", "--list", "--name-only", cwd=checkout.boundary)
    except FetchError as error:
        return error.message
    finally:
        assert not (tmp_path / "ran").exists()


def outside(tmp_path: Path) -> list[str]:
    return sorted(str(path) for path in (tmp_path / "outside").rglob("*"))


OURS = {
    *(
        "core.repositoryformatversion",
        "core.filemode",
        "core.bare",
        "remote.origin.url",
        "remote.origin.fetch",
    ),
    *("branch.main.remote", "branch.main.merge"),
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_an_advisory(
    attack: Attack, *, repository: Repository, tmp_path: Path, environ: dict[str, str]
) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret").write_text(SECRET)
    attack(repository, tmp_path)
    before = outside(tmp_path)
    with serve(repository.served.parent) as server:
        for url in (repository.url, f"{server.url}/project.git"):
            found = outcome(url, environ, tmp_path)

            assert " " in found or set(found.split()) <= OURS
            assert outside(tmp_path) == before


@pytest.mark.parametrize("name", GIT_NAMES)
def test_a_name_that_is_gits_on_some_system_is_refused(
    name: str, repository: Repository, tmp_path: Path, environ: dict[str, str]
) -> None:
    named(name)(repository, tmp_path)

    assert "cannot be fetched" in outcome(repository.url, environ, tmp_path)


URLS = (
    "https://example.org%0d/x",
    "https://user%0d:x@example.org/x",
    "https://user%0ahost=github.com@example.org/x",
    "https://%1b]0;title%07@example.org/x",
    "https://example.org/x%0ahost=github.com",
    "git://example.org/%0ahost=x%0a/x",
    "ssh://git%0d@example.org/x",
    "file:///x%00y",
)


@pytest.mark.parametrize("url", URLS)
def test_a_url_with_a_line_end_or_an_escape_is_refused(
    url: str, repository: Repository, tmp_path: Path, environ: dict[str, str]
) -> None:
    """CVE-2021-40330, CVE-2024-50349, CVE-2024-52006: typed, and as the address of a submodule."""
    with pytest.raises(R2iError) as caught:
        parse(url, cwd=tmp_path)
    with_submodule(repository, f'"{url}"', commit="a" * 40)

    assert caught.value.message.isprintable()
    assert "submodule `sub` cannot be fetched" in outcome(repository.url, environ, tmp_path)


def test_what_a_server_says_is_shown_without_escapes(tmp_path: Path, environ: dict[str, str]) -> None:
    """CVE-2024-52005: its messages went to the terminal as they were."""
    fake = tmp_path / "bin"
    fake.mkdir()
    words = r"\033]0;title\007\033[2J"
    (fake / "ssh").write_text(
        f"#!/bin/sh\nprintf '0025ERR {words} broken here........'\nprintf '{words}' >&2\n"
    )
    (fake / "ssh").chmod(0o755)
    environ["GIT_SSH_COMMAND"] = str(fake / "ssh")
    with pytest.raises(R2iError) as caught:
        resolve(parse("ssh://example.org/x", cwd=tmp_path), environ=environ)

    assert caught.value.message.isprintable()


def test_no_bundle_is_fetched_that_a_server_names(
    repository: Repository, tmp_path: Path, environ: dict[str, str]
) -> None:
    """CVE-2025-48385: not even where the user allows it."""
    (tmp_path / "home/.gitconfig").write_text("[transfer]\n\tbundleURI = true\n")
    with serve(repository.served.parent) as server:
        repository.options = {
            "uploadpack.advertiseBundleURIs": "true",
            "bundle.version": "1",
            "bundle.mode": "all",
            "bundle.x.uri": f"{server.url}/bundle",
        }
        repository.publish()
        outcome(f"{server.url}/project.git", environ, tmp_path)

        assert not any("bundle" in path.rpartition("/")[2] for path in server.requests)


@pytest.mark.parametrize("place", ELSEWHERE.values(), ids=ELSEWHERE)
def test_what_is_tried_elsewhere_is_there(place: str) -> None:
    module, _, name = place.partition("::")

    assert callable(getattr(importlib.import_module(module), name))


def commands() -> set[str]:
    """The commands of git that stand first in a call or a list, wherever r2i runs git."""
    known = set(git("--list-cmds=builtins", cwd=Path("/")).split())
    found: set[str] = set()
    for path in Path(r2i.__file__).parent.rglob("*.py"):
        text = path.read_text()
        if "git_program" not in text and path.name != "git_program.py":
            continue
        for node in ast.walk(ast.parse(text)):
            words = node.args if isinstance(node, ast.Call) else getattr(node, "elts", [])
            texts = [
                word.value for word in words if isinstance(word, ast.Constant) and isinstance(word.value, str)
            ]
            # GitPython's commands are methods.
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id == "git"
            ):
                texts = [node.attr.replace("_", "-")]
            found |= set([text for text in texts if text != "git" and not text.startswith("-")][:1]) & known
    return found


def test_every_command_of_git_is_known_here() -> None:
    # The two are a kind of object, and a setting of a filter.
    assert (commands() | {"lfs"}) - {"commit", "clean"} == COMMANDS
    assert not COMMANDS & set(NOT_RUN.values())
