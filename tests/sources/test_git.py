"""Repositories fetched from real servers."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from r2i.checkout import Checkout
from r2i.errors import FetchError, R2iError, TemporaryError, UsageError
from r2i.model import Source
from r2i.process import Completed
from r2i.sources import Revision, fetched, parse, resolve
from r2i.sources.git_program import GitProgram, git_program
from tests.children import started
from tests.sources.serving import Repository, Server, git, id_of, serve, with_submodule
from tests.waiting import until

pytestmark = pytest.mark.slow


@contextmanager
def fetching(
    url: str, environ: dict[str, str], *, ref: str | None = None, subdirectory: str = ""
) -> Iterator[tuple[Checkout, list[str]]]:
    said: list[str] = []
    source = parse(url, ref=ref, subdirectory=subdirectory, cwd=Path("/"))
    with fetched(source, environ=environ, report=said.append) as checkout:
        yield checkout, said


def resolving(url: str, environ: dict[str, str], *, ref: str | None = None) -> Revision:
    return resolve(parse(url, ref=ref, cwd=Path("/")), environ=environ)


def link(url: str, ref_path: str, *, file: bool = False) -> Source:
    return Source(provider="git", location=url, ref_path=ref_path, ref_path_is_file=file)


@pytest.fixture
def smart(project: Repository) -> Iterator[Server]:
    with serve(project.served.parent) as server:
        yield server


REFS = [
    (None, "main", "refs/heads/main"),
    ("HEAD", "main", "refs/heads/main"),
    ("main", "main", "refs/heads/main"),
    ("v1", "v1", "refs/tags/v1"),
    ("v2", "v2", "refs/tags/v2"),
    ("tags/v2", "v2", "refs/tags/v2"),
    ("refs/tags/v1", "v1", "refs/tags/v1"),
    ("fix", "refs/heads/fix", "refs/heads/fix"),
    ("feature/fix", "feature/fix", "refs/heads/feature/fix"),
    ("pull/12", "refs/pull/12/head", "refs/pull/12/head"),
    ("pr/12", "refs/pull/12/head", "refs/pull/12/head"),
    ("pull/12/head", "refs/pull/12/head", "refs/pull/12/head"),
    ("mr/3", "refs/merge-requests/3/head", "refs/merge-requests/3/head"),
]


@pytest.mark.parametrize(("ref", "name", "full"), REFS)
def test_a_ref_is_resolved_and_fetched(
    ref: str | None, name: str, full: str, *, project: Repository, smart: Server, environ: dict[str, str]
) -> None:
    commit = id_of(project, name)
    url = f"{smart.url}/project.git"

    revision = resolving(url, environ, ref=ref)
    with fetching(url, environ, ref=ref) as (checkout, _):
        head = git("rev-parse", "HEAD", cwd=checkout.root)
        commits = git("rev-list", "--all", "--count", cwd=checkout.root)
        text = checkout.read("README")

    assert (revision.content_id, revision.ref) == (commit, full)
    assert (checkout.content_id, head) == (commit, commit)
    assert text == git("show", f"{commit}:README", cwd=project.work) + "\n"
    assert commits == "1" if ref in {None, "main"} else int(commits) <= 1


def test_resolving_fetches_nothing(smart: Server, environ: dict[str, str]) -> None:
    resolving(f"{smart.url}/project.git", environ, ref="feature/fix")

    assert len(smart.requests) <= 2
    assert not any("pack" in path and "info/refs" not in path for path in smart.requests[2:])


def test_a_full_id_is_resolved_without_asking(environ: dict[str, str]) -> None:
    revision = resolving("https://nowhere.invalid/o/n", environ, ref="A" * 40)

    assert (revision.content_id, revision.ref) == ("a" * 40, "a" * 40)


def test_a_ref_with_a_slash_is_never_its_last_part(project: Repository, environ: dict[str, str]) -> None:
    git("branch", "-q", "-D", "feature/fix", cwd=project.work)
    git("tag", "fixed", "main", cwd=project.work)
    project.publish()

    with pytest.raises(FetchError, match="no branch, tag or commit `feature/fix`") as caught:
        resolving(project.url, environ, ref="feature/fix")

    assert "`fix`" in str(caught.value.hint)
    assert resolving(project.url, environ, ref="fix").content_id == id_of(project, "refs/heads/fix")


def test_a_branch_wins_over_a_tag_of_its_name(project: Repository, environ: dict[str, str]) -> None:
    git("tag", "fix", "v1", cwd=project.work)
    project.publish()

    assert resolving(project.url, environ, ref="fix").content_id == id_of(project, "refs/heads/fix")
    assert resolving(project.url, environ, ref="tags/fix").content_id == id_of(project, "v1")


@pytest.mark.parametrize(
    ("wrong", "near"),
    [
        ("mian", "main"),
        ("MAIN", "main"),
        ("origin/main", "main"),
        ("featur/fix", "feature/fix"),
        ("v3", "v1"),
    ],
)
def test_a_wrong_ref_names_the_closest(
    wrong: str, near: str, project: Repository, environ: dict[str, str]
) -> None:
    with pytest.raises(FetchError, match=f"no branch, tag or commit `{wrong}`") as caught:
        resolving(project.url, environ, ref=wrong)

    assert f"`{near}`" in str(caught.value.hint)


def test_an_entirely_wrong_ref_names_some(project: Repository, environ: dict[str, str]) -> None:
    with pytest.raises(FetchError) as caught:
        resolving(project.url, environ, ref="zzzzzzzz")

    assert caught.value.hint == "Choose one of `main`, `feature/fix`, `fix`, `v1` or `v2`"


@pytest.mark.parametrize(
    ("path", "file", "ref", "subdirectory"),
    [
        ("main", False, "main", ""),
        ("main/docs/intro", False, "main", "docs/intro"),
        ("feature/fix/docs", False, "feature/fix", "docs"),
        ("fix/docs", False, "fix", "docs"),
        ("v2/docs", False, "v2", "docs"),
        ("HEAD/docs", False, "HEAD", "docs"),
        ("feature/fix/docs/intro/index", True, "feature/fix", ""),
    ],
)
def test_a_link_is_split_where_its_ref_ends(
    path: str, *, file: bool, ref: str, subdirectory: str, project: Repository, environ: dict[str, str]
) -> None:
    revision = resolve(link(project.url, path, file=file), environ=environ)

    assert (revision.source.ref, revision.source.subdirectory) == (ref, subdirectory)
    assert revision.source.ref_path == ""
    assert revision.content_id == id_of(project, "main" if ref == "HEAD" else f"{ref}")


def test_a_link_with_a_commit_is_split_behind_it(project: Repository, environ: dict[str, str]) -> None:
    commit = id_of(project, "v1")
    whole = resolve(link(project.url, f"{commit}/docs"), environ=environ)
    short = resolve(link(project.url, f"{commit[:8]}/docs"), environ=environ)

    assert (whole.content_id, whole.source.subdirectory) == (commit, "docs")
    assert (short.content_id, short.source.subdirectory) == (commit, "docs")


def test_the_longest_ref_of_a_link_wins(project: Repository, environ: dict[str, str]) -> None:
    git("tag", "fix/docs", "v2", cwd=project.work)
    project.publish()

    revision = resolve(link(project.url, "fix/docs/intro"), environ=environ)

    assert (revision.ref, revision.source.subdirectory) == ("refs/tags/fix/docs", "intro")


def test_the_directory_of_a_link_is_what_is_opened(project: Repository, environ: dict[str, str]) -> None:
    with fetched(link(project.url, "feature/fix/docs/intro"), environ=environ, report=print) as checkout:
        assert checkout.read("index") == "feature/fix\n"
        assert checkout.root == checkout.boundary / "docs/intro"


def test_a_link_to_no_ref_is_an_error(project: Repository, environ: dict[str, str]) -> None:
    with pytest.raises(FetchError, match="no branch, tag or commit `mian/docs`"):
        resolve(link(project.url, "mian/docs"), environ=environ)


@pytest.mark.parametrize("allowed", ["true", "false"])
@pytest.mark.parametrize("protocol", ["0", "2"])
@pytest.mark.parametrize("length", [40, 12, 4])
def test_any_commit_of_the_history_is_fetched(
    allowed: str, protocol: str, length: int, project: Repository, environ: dict[str, str]
) -> None:
    project.options = {"uploadpack.allowAnySHA1InWant": allowed, "uploadpack.allowFilter": allowed}
    second = id_of(project.publish(), "v2")
    git("tag", "-d", "v2", cwd=project.work)
    project.publish()
    environ |= {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "protocol.version",
        "GIT_CONFIG_VALUE_0": protocol,
    }

    with fetching(project.url, environ, ref=second[:length]) as (checkout, _):
        assert checkout.content_id == second
        assert checkout.read("README") == "second\n"


def test_only_the_wanted_commit_is_fetched_where_the_server_gives_it(
    project: Repository, smart: Server, environ: dict[str, str]
) -> None:
    commit = id_of(project, "v2")
    with fetching(f"{smart.url}/project.git", environ, ref=commit) as (checkout, _):
        assert git("rev-list", "--count", "HEAD", cwd=checkout.root) == "1"
        assert git("cat-file", "--batch-all-objects", "--batch-check", cwd=checkout.root).count("commit") == 1


def test_a_commit_that_is_not_there_is_an_error(
    project: Repository, smart: Server, environ: dict[str, str]
) -> None:
    for url in (project.url, f"{smart.url}/project.git"):
        with pytest.raises(FetchError, match=r"has no commit `a{40}`"), fetching(url, environ, ref="a" * 40):
            pass


def test_a_short_id_of_nothing_is_an_error(project: Repository, environ: dict[str, str]) -> None:
    with pytest.raises(FetchError, match="no branch, tag or commit `abcdef0123`"):
        resolving(project.url, environ, ref="abcdef0123")


def test_an_ambiguous_short_id_names_the_commits(tmp_path: Path, environ: dict[str, str]) -> None:
    repository = Repository.make(tmp_path)
    # Enough commits that two of them begin alike: by the birthday paradox 1,500 in 65,536 are.
    lines = []
    for number in range(1500):
        lines.append(
            f"commit refs/heads/main\nmark :{number + 1}\ncommitter A <a@b> {number} +0000\ndata 1\nx"
        )
        lines.append(f"from :{number}" if number else "")
    subprocess.run(
        ["git", "fast-import", "--quiet"], cwd=repository.work, input="\n".join(lines).encode(), check=True
    )
    ids = git("rev-list", "main", cwd=repository.work).split()
    starts = [commit[:4] for commit in ids]
    prefix = next(start for start in starts if starts.count(start) > 1)
    repository.publish()

    with pytest.raises(FetchError, match=f"`{prefix}` is the start of [23456] commits") as caught:
        resolving(repository.url, environ, ref=prefix)

    assert next(commit for commit in ids if commit.startswith(prefix))[:4] in str(caught.value.hint)


def test_an_annotated_tag_of_no_commit_is_an_error(project: Repository, environ: dict[str, str]) -> None:
    blob = git("rev-parse", "main:README", cwd=project.work)
    git("tag", "-a", "-m", "blob", "blob", blob, cwd=project.work)
    project.publish()

    with pytest.raises(FetchError, match="has no commit"), fetching(project.url, environ, ref="blob"):
        pass


def test_an_empty_repository_is_an_error(tmp_path: Path, environ: dict[str, str]) -> None:
    git("init", "-q", "--bare", "empty.git", cwd=tmp_path)

    with pytest.raises(FetchError, match="is empty"):
        resolving(f"file://{tmp_path}/empty.git", environ)


def test_a_repository_without_its_default_branch_names_others(
    project: Repository, environ: dict[str, str]
) -> None:
    git("symbolic-ref", "HEAD", "refs/heads/gone", cwd=project.served)

    with pytest.raises(FetchError, match="no default branch") as caught:
        resolving(project.url, environ)

    assert "`main`" in str(caught.value.hint)


def test_a_repository_of_sha256_is_fetched(tmp_path: Path, environ: dict[str, str]) -> None:
    repository = Repository.make(tmp_path, object_format="sha256")
    commit = repository.commit(README="text\n")

    with fetching(f"file://{repository.work}", environ) as (checkout, _):
        assert checkout.content_id == commit
        assert len(commit) == 64


def test_the_image_stands_on_the_branch(project: Repository, environ: dict[str, str]) -> None:
    with fetching(project.url, environ, ref="feature/fix") as (checkout, _):
        status = git("status", "--short", "--branch", cwd=checkout.root)

    assert status == "## feature/fix...origin/feature/fix"


def test_a_subdirectory_is_opened_below_the_repository(project: Repository, environ: dict[str, str]) -> None:
    with fetching(project.url, environ, subdirectory="docs/intro") as (checkout, _):
        assert checkout.read("index") == "intro\n"
    with (
        pytest.raises(UsageError, match="no directory `dosc`"),
        fetching(project.url, environ, subdirectory="dosc"),
    ):
        pass


def test_a_server_of_plain_files_is_enough(project: Repository, environ: dict[str, str]) -> None:
    commit = id_of(project, "v2")
    with serve(project.served.parent, mode="dumb") as server:
        url = f"{server.url}/project.git"
        for ref in (None, "feature/fix", "v2", commit, commit[:10]):
            with fetching(url, environ, ref=ref) as (checkout, _):
                assert checkout.content_id == id_of(project, ref or "main")


def test_resolving_before_saves_asking_again(
    project: Repository, smart: Server, environ: dict[str, str]
) -> None:
    source = parse(f"{smart.url}/project.git", ref="v1", cwd=Path("/"))
    revision = resolve(source, environ=environ)
    before = len(smart.requests)
    git("tag", "-f", "v1", "main", cwd=project.work)
    project.publish()

    with fetched(source, environ=environ, report=print, revision=revision) as checkout:
        assert checkout.content_id == revision.content_id
    assert len(smart.requests) - before <= 4


# Servers that say no


def test_an_unavailable_server_is_worth_another_try(project: Repository, environ: dict[str, str]) -> None:
    with (
        serve(project.served.parent, mode="unavailable") as server,
        pytest.raises(TemporaryError, match="503"),
    ):
        resolving(f"{server.url}/project.git", environ)


def test_an_unreachable_server_is_worth_another_try(environ: dict[str, str]) -> None:
    with serve(Path("/nonexistent")) as server:
        url = f"{server.url}/project.git"
    with pytest.raises(TemporaryError, match="cannot be reached"):
        resolving(url, environ)
    with pytest.raises(TemporaryError, match="cannot be reached"):
        resolving("https://nowhere.invalid/o/n", environ)


def test_a_directory_that_is_not_there_needs_no_login(tmp_path: Path, environ: dict[str, str]) -> None:
    with pytest.raises(FetchError, match="The directory `/nonexistent/other` does not exist") as caught:
        resolving("file:///nonexistent/other", environ)
    assert caught.value.hint == "Check the path"
    with pytest.raises(FetchError, match="not appear to be a git repository") as caught:
        resolving(f"file://{tmp_path}", environ)
    assert "log in" not in str(caught.value.hint)


@pytest.mark.parametrize(
    ("location", "meant"),
    [
        ("https://githb.com/o/n", "Did you mean `https://github.com/o/n`?"),
        ("git@gitlb.com:o/n.git", "Did you mean `git@gitlab.com:o/n.git`?"),
        ("https://git.example.org/o/n", "Check the network, and try again later"),
    ],
)
def test_a_host_that_nobody_has_may_be_a_misspelt_one(
    location: str, meant: str, environ: dict[str, str]
) -> None:
    said = "fatal: unable to access: Could not resolve host: x"
    done = Completed(argv=(), returncode=128, stdout="", stderr=said)
    assert git_program(environ, file_allowed=False).failure(done, location).hint == meant


def test_a_server_that_breaks_off_a_fetch_is_worth_another_try(
    project: Repository, environ: dict[str, str]
) -> None:
    with serve(project.served.parent, mode="unavailable") as server:
        source = parse(f"{server.url}/project.git", ref="a" * 40, cwd=Path("/"))
        with pytest.raises(TemporaryError), fetched(source, environ=environ, report=print):
            pass


def test_a_missing_repository_hints_at_credentials(smart: Server, environ: dict[str, str]) -> None:
    with pytest.raises(FetchError, match="cannot be fetched") as caught:
        resolving(f"{smart.url}/other.git", environ)
    assert "private" in str(caught.value.hint)


def test_a_private_repository_hints_at_credentials_and_asks_nobody(
    project: Repository, environ: dict[str, str], tmp_path: Path
) -> None:
    asked = tmp_path / "asked"
    askpass = tmp_path / "askpass"
    askpass.write_text(f"#!/bin/sh\ntouch {asked}\necho x\n")
    askpass.chmod(0o755)
    environ |= {"GIT_ASKPASS": str(askpass), "SSH_ASKPASS": str(askpass), "DISPLAY": ":0"}
    with serve(project.served.parent, login="ada:s3cret") as server:
        for url in (server.url, server.url.replace("http://", "http://ada:wrong@")):
            with pytest.raises(FetchError) as caught:
                resolving(f"{url}/project.git", environ)

            assert "credential" in str(caught.value.hint)
            assert "wrong" not in caught.value.message
    assert not asked.exists()


def test_credentials_of_the_url_reach_the_server_and_nothing_else(
    project: Repository, environ: dict[str, str], tmp_path: Path
) -> None:
    """Not git's arguments, not the checkout, not the messages, not the user's own store of passwords."""
    store = tmp_path / "store"
    argv = tmp_path / "argv"
    (tmp_path / "home/.gitconfig").write_text(f"[credential]\nhelper = store --file {store}\n")
    wrapper = tmp_path / "bin/git"
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\necho "$@" >>{argv}\nexec {shutil.which("git")} "$@"\n')
    wrapper.chmod(0o755)
    environ["PATH"] = f"{wrapper.parent}:{environ['PATH']}"
    with serve(project.served.parent, login="ada:s3cr/t'$(x)") as server:
        url = f"{server.url.replace('http://', 'http://ada:s3cr%2Ft%27$(x)@')}/project.git"
        with fetching(url, environ, ref="feature/fix") as (checkout, said):
            written = "".join(
                path.read_text(errors="replace") for path in checkout.root.rglob("*") if path.is_file()
            )

    assert "s3cr" not in argv.read_text() + written + "".join(said)
    assert "ls-remote" in argv.read_text()
    assert not store.exists()


def test_the_users_credential_helper_works(
    project: Repository, environ: dict[str, str], tmp_path: Path
) -> None:
    with serve(project.served.parent, login="ada:s3cret") as server:
        store = tmp_path / "store"
        store.write_text(f"{server.url.replace('http://', 'http://ada:s3cret@')}\n")
        (tmp_path / "home/.gitconfig").write_text(f"[credential]\nhelper = store --file {store}\n")
        for url in (server.url, server.url.replace("http://", "http://ada@")):
            with fetching(f"{url}/project.git", environ) as (checkout, _):
                assert checkout.read("README") == "third\n"


def test_credentials_do_not_follow_a_redirect(project: Repository, environ: dict[str, str]) -> None:
    with (
        serve(project.served.parent, login="eve:other") as other,
        serve(project.served.parent, redirect=other.url) as server,
        pytest.raises(FetchError),
    ):
        resolving(f"{server.url.replace('http://', 'http://ada:s3cret@')}/project.git", environ)

    assert other.requests
    assert set(other.authorizations) == {""}


def test_git_that_is_missing_or_old_is_said(tmp_path: Path, environ: dict[str, str]) -> None:
    environ["PATH"] = str(tmp_path)
    with pytest.raises(FetchError, match="`git` is not installed"):
        resolving("owner/name", environ)
    (tmp_path / "git").write_text("#!/bin/sh\necho git version 2.30.2\n")
    (tmp_path / "git").chmod(0o755)
    with pytest.raises(FetchError, match="too old"):
        resolving("owner/name", environ)


# Nothing runs on the host


def test_no_hook_filter_or_template_of_the_host_runs(
    project: Repository, environ: dict[str, str], tmp_path: Path
) -> None:
    touched = tmp_path / "touched"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {touched}\ncat\n")
    program.chmod(0o755)
    templates = tmp_path / "templates/hooks"
    templates.mkdir(parents=True)
    for name in ("post-checkout", "reference-transaction", "post-merge"):
        shutil.copy(program, templates / name)
    (tmp_path / "home/.gitconfig").write_text(
        f"[core]\nhooksPath = {templates}\nfsmonitor = {program}\nsshCommand = {program}\n"
        f"[init]\ntemplateDir = {templates.parent}\n"
        f'[filter "Evil.two"]\nsmudge = {program}\nrequired = true\n'
    )
    environ["GIT_TEMPLATE_DIR"] = str(templates.parent)
    project.commit("filtered", a="text\n", **{".gitattributes": "* filter=Evil.two\n"})
    project.publish()

    with fetching(project.url, environ) as (checkout, _):
        assert checkout.read("a") == "text\n"
        assert not (checkout.root / ".git/hooks").exists()
    assert not touched.exists()


def test_the_variables_of_a_hook_around_us_do_not_count(project: Repository, environ: dict[str, str]) -> None:
    environ |= {
        "GIT_DIR": str(project.work / ".git"),
        "GIT_WORK_TREE": "/nonexistent",
        "GIT_INDEX_FILE": "/x/y",
    }
    before = git("for-each-ref", cwd=project.work)

    with fetching(project.url, environ, ref="v1") as (checkout, _):
        assert checkout.read("README") == "first\n"
    assert git("for-each-ref", cwd=project.work) == before


@pytest.mark.parametrize("scheme", ["ext", "fd"])
def test_helpers_that_run_programs_are_switched_off_in_git_itself(
    scheme: str, environ: dict[str, str], tmp_path: Path
) -> None:
    environ |= {"GIT_ALLOW_PROTOCOL": "ext:fd:file:https"}
    source = Source(provider="git", location=f"{scheme}::sh -c touch% {tmp_path}/touched")

    with pytest.raises(FetchError, match="not allowed"):
        resolve(source, environ=environ)

    assert not (tmp_path / "touched").exists()


def test_symbolic_links_are_checked_out_and_not_followed(
    project: Repository, environ: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("secret")
    (project.work / "apt.txt").symlink_to(tmp_path / "secret")
    project.commit("link")
    project.publish()

    with fetching(project.url, environ) as (checkout, _), pytest.raises(R2iError, match="leads out"):
        checkout.read("apt.txt")


# Submodules


@pytest.mark.parametrize("allowed", ["true", "false"])
def test_submodules_are_fetched_recursively(
    allowed: str, tmp_path: Path, project: Repository, environ: dict[str, str]
) -> None:
    """Relative to where the parent was found; not at the tip of their branch; from any server."""
    inner, outer = Repository.make(tmp_path, "inner"), Repository.make(tmp_path, "outer")
    for repository in (inner, outer):
        repository.options = {"uploadpack.allowAnySHA1InWant": allowed}
    deep = inner.commit(text="deep\n")
    inner.commit(text="later\n")
    inner.publish()
    with_submodule(outer, "./../inner.git", path="a/inner", commit=deep)
    with_submodule(project, "../outer.git", commit=id_of(outer, "main"))

    with serve(project.served.parent) as server:
        for url in (f"{server.url}/project.git", project.url):
            with fetching(url, environ) as (checkout, said):
                assert checkout.read("sub/a/inner/text") == "deep\n"
                assert git("status", "--short", cwd=checkout.root) == ""
            assert any("`sub/a/inner`" in line for line in said)


def test_a_submodule_that_cannot_be_fetched_is_named(project: Repository, environ: dict[str, str]) -> None:
    with_submodule(project, "../gone.git", path="library", commit="a" * 40)

    with (
        pytest.raises(FetchError, match=r"submodule `library` cannot be fetched: .*gone.git") as caught,
        fetching(project.url, environ),
    ):
        pass

    assert caught.value.file == ".gitmodules"


def test_a_submodule_on_an_unavailable_server_is_worth_another_try(
    project: Repository, environ: dict[str, str]
) -> None:
    with serve(project.served.parent, mode="unavailable") as server:
        with_submodule(project, f"{server.url}/x.git", commit="a" * 40)
        with pytest.raises(TemporaryError, match="submodule `sub`"), fetching(project.url, environ):
            pass


@pytest.mark.parametrize("scheme", ["file://", ""])
def test_a_repository_of_the_network_gets_no_submodule_of_this_machine(
    scheme: str, tmp_path: Path, project: Repository, environ: dict[str, str]
) -> None:
    private = Repository.make(tmp_path, "private")
    commit = private.commit(text="secret\n")
    private.publish()
    with_submodule(project, f"{scheme}{private.served}", commit=commit)

    with (
        serve(project.served.parent) as server,
        pytest.raises(FetchError, match="directories on this machine"),
        fetching(f"{server.url}/project.git", environ),
    ):
        pass
    with fetching(project.url, environ) as (checkout, _):
        assert checkout.read("sub/text") == "secret\n"


@pytest.mark.parametrize(
    "url",
    [
        "ext::sh -c touch% /tmp/r2i-touched",
        "--upload-pack=touch /tmp/r2i-touched",
        "-x",
        "ssh://-oProxyCommand=x/y",
        "ftp://h/x",
    ],
)
def test_a_hostile_url_of_a_submodule_is_refused(
    url: str, project: Repository, environ: dict[str, str]
) -> None:
    with_submodule(project, f'"{url}"', commit="a" * 40)

    with pytest.raises(FetchError, match="submodule `sub` cannot be fetched"), fetching(project.url, environ):
        pass
    assert not Path("/tmp/r2i-touched").exists()


def test_a_submodule_without_an_address_stays_empty(project: Repository, environ: dict[str, str]) -> None:
    git("update-index", "--add", "--cacheinfo", f"160000,{'a' * 40},stray", cwd=project.work)
    with_submodule(project, "../gone.git", path="unwanted", commit="a" * 40, update="none")

    with fetching(project.url, environ) as (checkout, said):
        assert list((checkout.root / "stray").iterdir()) == []
        assert list((checkout.root / "unwanted").iterdir()) == []
    assert sum("left empty" in line for line in said) == 2


@pytest.mark.parametrize("name", [".gitmodules", ".git", ".GIT", "..", "git~1"])
def test_a_tree_that_no_honest_git_would_write_is_refused(
    name: str, project: Repository, environ: dict[str, str], tmp_path: Path
) -> None:
    """A link `.gitmodules` that leads out; a file that would lie in git's own directory."""
    (tmp_path / "target").write_text(str(tmp_path / "outside"))
    blob = git("hash-object", "-w", str(tmp_path / "target"), cwd=project.work)
    inner = git("mktree", cwd=project.work, stdin=f"100755 blob {blob}\tconfig\n")
    entry = f"120000 blob {blob}" if name == ".gitmodules" else f"040000 tree {inner}"
    tree = git("mktree", cwd=project.work, stdin=f"{entry}\t{name}\n")
    hostile = git("commit-tree", "-m", "hostile", tree, cwd=project.work)
    git("update-ref", "refs/heads/hostile", hostile, cwd=project.work)
    project.publish()

    with pytest.raises(FetchError, match="cannot be fetched"), fetching(project.url, environ, ref="hostile"):
        pass


def test_submodules_without_end_are_refused(project: Repository, environ: dict[str, str]) -> None:
    commit = id_of(project, "main")
    for number in range(201):
        git("update-index", "--add", "--cacheinfo", f"160000,{commit},s{number:03}", cwd=project.work)
    with_submodule(project, "../project.git", commit=commit)

    with pytest.raises(FetchError, match="too many submodules"), fetching(project.url, environ):
        pass


def test_credentials_serve_the_submodules_of_the_same_server_only(
    tmp_path: Path, project: Repository, environ: dict[str, str]
) -> None:
    inner = Repository.make(tmp_path, "inner")
    commit = inner.commit(text="inner\n")
    inner.publish()
    with_submodule(project, "../inner.git", commit=commit)
    with (
        serve(project.served.parent, login="ada:s3cret") as server,
        serve(project.served.parent, login="eve:other") as other,
    ):
        url = f"{server.url.replace('http://', 'http://ada:s3cret@')}/project.git"
        with fetching(url, environ) as (checkout, _):
            assert checkout.read("sub/text") == "inner\n"
        with_submodule(project, f"{other.url}/inner.git", path="two", commit=commit)
        with pytest.raises(FetchError, match="submodule `two`"), fetching(url, environ):
            pass

    assert set(other.authorizations) == {""}


# Nothing is left behind


def test_nothing_is_left_when_the_build_fails(
    project: Repository, environ: dict[str, str], temporary: Path
) -> None:
    def build(checkout: Checkout) -> None:
        assert temporary in checkout.root.parents
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), fetching(project.url, environ) as (checkout, _):
        build(checkout)
    assert list(temporary.iterdir()) == []


PROGRAM = """
import os, sys
from pathlib import Path
from r2i.sources import fetched, parse
source = parse(sys.argv[1], ref=sys.argv[2] or None, cwd=Path("/"))
with fetched(source, environ=os.environ, report=lambda line: print(line, flush=True)):
    pass
"""


@pytest.mark.parametrize("ref", ["a" * 40, ""], ids=["fetch", "list"])
def test_nothing_is_left_when_it_is_interrupted(
    ref: str, project: Repository, environ: dict[str, str], tmp_path: Path
) -> None:
    """A real Ctrl-C, while a server does not answer: neither git nor a directory remains."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with serve(project.served.parent, mode="slow") as server:
        program = (sys.executable, "-c", PROGRAM, f"{server.url}/project.git", ref)
        environ = environ | {"TMPDIR": str(scratch)}
        with started(*program, env=environ, stderr=subprocess.PIPE, start_new_session=True) as child:
            until(lambda: server.requests)
            assert len(list(scratch.iterdir())) == (1 if ref else 0)
            os.killpg(child.pid, signal.SIGINT)  # as a terminal does
            _, errors = child.communicate(timeout=60)
        until(lambda: f":{server.port}/" not in _processes())

    assert "KeyboardInterrupt" in errors
    assert list(scratch.iterdir()) == []


def _processes() -> str:
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


def test_a_message_of_git_shows_no_credentials_of_a_url_whatever_is_in_them() -> None:
    said = "fatal: unable to access 'https://ada:s3@cret@example.org/x.git/': no\n"
    done = Completed(argv=(), returncode=128, stdout="", stderr=said)

    message = GitProgram(environment={}).failure(done, "x").message

    assert "https://example.org/x.git/" in message
    assert "cret" not in message
