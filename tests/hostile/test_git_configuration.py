"""Configurations of git that come with a directory: r2i asks git about it, and nothing of them runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from r2i import process
from r2i.check.git_facts import GitFacts, git_facts
from r2i.checkout import Checkout
from r2i.errors import R2iError
from r2i.machine import Machine
from r2i.machine.git import check_git
from r2i.ready.badge import NEWEST
from r2i.ready.published import Published, published
from r2i.sources import LastChange, fetched, last_change, parse, resolve
from r2i.sources.commit_date import date_here
from r2i.sources.git_program import looking_git
from r2i.sources.history import last_change_here
from tests.building import R2I
from tests.sources.serving import Server, git, serve

NAME = "origin"

#: Every setting that makes git start a program, contact a server or read another file; `{run}` is the program.
CONFIGURATION = """
[core]
	fsmonitor = {run}
	hooksPath = {hooks}
	sshCommand = {run}
	pager = {run}
	editor = {run}
	askPass = {run}
	gitProxy = {run}
	alternateRefsCommand = {run}
	attributesFile = {hooks}/attributes
	logAllRefUpdates = true
[sequence]
	editor = {run}
[pager]
	status = {run}
	rev-list = {run}
	rev-parse = {run}
	ls-files = {run}
	ls-tree = {run}
	cat-file = {run}
	config = {run}
	remote = {run}
[alias]
	status = !{run}
	rev-list = !{run}
	rev-parse = !{run}
	ls-files = !{run}
	cat-file = !{run}
	upload-pack = !{run}
	lfs = !{run}
[filter "x"]
	clean = {run}
	smudge = {run}
	process = {run}
	required = true
[filter "x.Y=z"]
	clean = {run}
	smudge = {run}
	process = {run}
	required = true
[diff]
	external = {run}
[diff "x"]
	textconv = {run}
	command = {run}
[merge "x"]
	driver = {run}
[gpg]
	program = {run}
[gpg "ssh"]
	program = {run}
	defaultKeyCommand = {run}
[log]
	showSignature = true
[format]
	pretty = "%G? %<(2147483647)%s"
[credential]
	helper = {run}
	interactive = always
[protocol]
	allow = always
[protocol "ext"]
	allow = always
[protocol "file"]
	allow = always
[url "ext::{run}"]
	insteadOf = https://example.org/
[extensions]
	partialClone = evil
[remote "origin"]
	url = {server}/origin.git
	fetch = +refs/heads/*:refs/remotes/origin/*
	promisor = true
	uploadpack = {run}
	vcs = ext
	proxy = {server}
[remote "evil"]
	url = {top}
	promisor = true
	uploadpack = {run}
[http]
	proxy = {server}
	sslVerify = false
	extraHeader = "Authorization: x"
[fetch]
	bundleURI = {server}/bundle
[transfer]
	bundleURI = true
[trailer "x"]
	command = {run}
	cmd = {run}
[submodule "nested"]
	update = !{run}
	active = true
[submodule]
	recurse = true
[diff]
	submodule = log
	ignoreSubmodules = none
[status]
	submoduleSummary = true
[uploadpack]
	packObjectsHook = {run}
	advertiseBundleURIs = true
[bundle]
	version = 1
	mode = all
[bundle "x"]
	uri = {server}/bundle
[hook "x"]
	command = {run}
	event = post-index-change
	event = reference-transaction
[maintenance]
	auto = true
[gc]
	auto = 1
[mailmap]
	file = {hooks}/mailmap
[interactive]
	diffFilter = {run}
[include]
	path = {hooks}/included
[includeIf "gitdir:/"]
	path = {hooks}/included
"""

INCLUDED = """
[filter "included"]
	clean = {run}
	process = {run}
	required = true
[core]
	fsmonitor = {run}
"""


@dataclass
class Trap:
    """A directory whose git would do harm; `ran` lists what was started, `server` what was contacted."""

    directory: Path
    ran: Path
    program: Path
    server: Server
    environ: dict[str, str]

    @property
    def checkout(self) -> Checkout:
        return Checkout.open(self.directory)

    def assert_untouched(self) -> None:
        assert not self.ran.exists(), self.ran.read_text()
        assert self.server.requests == []


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    home = tmp_path / "home"
    home.mkdir()
    return {"HOME": str(home), "PATH": os.environ["PATH"], "GIT_CONFIG_SYSTEM": "/dev/null", "NO_PROXY": ""}


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))


def settings(tmp_path: Path, server: Server, *, top: Path) -> str:
    """Write the program that tells of itself, hooks, and what is included; give the configuration."""
    program = tmp_path / "program"
    program.write_text(f'#!/bin/sh\\necho "$0 $*" >>{tmp_path}/ran\\nexit 1\\n'.replace("\\n", "\n"))
    program.chmod(0o755)
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("post-index-change", "reference-transaction", "post-checkout", "pre-auto-gc"):
        shutil.copy(program, hooks / name)
    words = {"run": program, "hooks": hooks, "server": server.url, "top": top}
    (hooks / "included").write_text(INCLUDED.format(**words))
    (hooks / "attributes").write_text("* filter=x\n")
    (hooks / "mailmap").write_text("")
    return CONFIGURATION.format(**words)


def repository(directory: Path) -> None:
    """Two commits, with attributes for every driver, and files that git has to compare."""
    git("init", "-q", "-b", "main", str(directory), cwd=directory.parent)
    (directory / ".gitattributes").write_text(
        "* filter=x diff=x merge=x\n*.csv filter=x.Y=z\n*.ipynb filter=included\n"
    )
    for name in ("requirements.txt", "a.csv", "a.ipynb"):
        (directory / name).write_text("six\n")
    git("add", "-A", cwd=directory)
    git("commit", "-q", "-m", "first", cwd=directory)
    (directory / "requirements.txt").write_text("attrs\n")
    git("commit", "-q", "-am", "second", cwd=directory)
    for name in ("requirements.txt", "a.csv", "a.ipynb"):
        os.utime(directory / name, (0, 0))


def add(configuration: str, file: Path) -> None:
    """In front: a repository's own settings come after what they are to be compared with."""
    own = file.read_text().replace("repositoryformatversion = 0", "repositoryformatversion = 1")
    file.write_text(own + configuration)


def plain(top: Path, configuration: str) -> Path:
    """As an archive may hold it."""
    repository(top)
    add(configuration, top / ".git/config")
    return top


def promised(top: Path, configuration: str) -> Path:
    """Objects are missing, which git would fetch from who promised them."""
    repository(top)
    tree = git("rev-parse", "HEAD^{tree}", cwd=top)
    first = git("rev-parse", "HEAD~^{tree}", cwd=top)
    for missing in (tree, first, git("rev-parse", "HEAD~", cwd=top)):
        (top / ".git/objects" / missing[:2] / missing[2:]).unlink()
    add(configuration, top / ".git/config")
    return top


def below(top: Path, configuration: str) -> Path:
    """A directory in the work tree."""
    plain(top, configuration)
    shutil.copytree(top, top / "below", ignore=lambda *_: [".git", "below"])
    return top / "below"


def linked(top: Path, configuration: str) -> Path:
    """A file that leads to a repository, and a configuration of this work tree alone."""
    repository(top)
    (top / ".git").rename(top / "hidden")
    (top / ".git").write_text("gitdir: hidden\n")
    add("\n[extensions]\n\tworktreeConfig = true\n", top / "hidden/config")
    (top / "hidden/config.worktree").write_text(f"[core]\n\tworktree = {top}\n{configuration}")
    return top


def submodule(top: Path, configuration: str) -> Path:
    """An honest repository with another one in it."""
    repository(top)
    repository(top / "nested")
    add(configuration, top / "nested/.git/config")
    commit = git("rev-parse", "main", cwd=top)
    (top / ".gitmodules").write_text('[submodule "nested"]\n\tpath = nested\n\turl = ./x\n\tignore = none\n')
    git("update-index", "--add", "--cacheinfo", f"160000,{commit},nested", cwd=top)
    git("commit", "-q", "-m", "submodule", cwd=top)
    return top


def embedded(top: Path, configuration: str) -> Path:
    """As a plain clone brings it: the files of a repository, committed."""
    repository(top)
    repository(top / "made")
    inner = top / "sub"
    (top / "made/.git").rename(inner)
    shutil.rmtree(top / "made")
    for name in (".gitattributes", "requirements.txt", "a.csv"):
        shutil.copy(top / name, inner / name)
    add(configuration + "\n[core]\n\tbare = false\n\tworktree = .\n", inner / "config")
    git("add", "-A", "-f", cwd=top)
    git("commit", "-q", "-m", "sub", cwd=top)
    clone = top.with_name("clone")
    git("clone", "-q", "--no-local", str(top), str(clone), cwd=top)
    for name in ("refs/heads", "objects/info", "objects/pack"):
        (clone / "sub" / name).mkdir(parents=True, exist_ok=True)
    return clone / "sub"


def embedded_elsewhere(top: Path, configuration: str) -> Path:
    """An embedded repository whose objects lie in another directory."""
    inner = embedded(top, configuration)
    common = inner.parent / "common"
    common.mkdir()
    for name in ("objects", "refs", "config"):
        (inner / name).rename(common / name)
    (inner / "commondir").write_text("../common\n")
    return inner


Maker = Callable[[Path, str], Path]
EMBEDDED: tuple[Maker, ...] = (embedded, embedded_elsewhere)
MAKERS: tuple[Maker, ...] = (plain, promised, below, linked, submodule, *EMBEDDED)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serve(tmp_path / "nothing", mode="unavailable") as running:
        yield running


def trapped(maker: Maker, tmp_path: Path, server: Server, environ: dict[str, str]) -> Trap:
    top = tmp_path / "work/top"
    top.mkdir(parents=True)
    directory = maker(top, settings(tmp_path, server, top=top))
    ran = tmp_path / "ran"
    ran.unlink(missing_ok=True)
    server.requests.clear()
    return Trap(directory=directory, ran=ran, program=tmp_path / "program", server=server, environ=environ)


def date(trap: Trap) -> str | None:
    return date_here(trap.directory, environ=trap.environ, report=print)


def facts(trap: Trap) -> GitFacts | None:
    return git_facts(trap.checkout, looking_git(trap.environ, trap.directory))


def state(trap: Trap, ref: str = NEWEST) -> Published | None:
    return published(trap.checkout, looking_git(trap.environ, trap.directory), ref)


def state_of_branch(trap: Trap) -> Published | None:
    return state(trap, "main")


def history(trap: Trap) -> object:
    return last_change_here(trap.checkout, ["requirements.txt"], environ=trap.environ)


def fetching(trap: Trap) -> None:
    """What is committed in a directory, fetched from it, with its history."""
    source = parse(str(trap.directory), ref="main", cwd=Path("/"))
    with fetched(source, environ=trap.environ, report=print) as checkout:
        last_change(source, checkout, ["requirements.txt"], environ=trap.environ, report=print)


def resolving(trap: Trap) -> None:
    """The start of an id, for which all of the history is fetched."""
    resolve(parse(str(trap.directory), ref="abcd", cwd=Path("/")), environ=trap.environ)


ASKED: tuple[Callable[[Trap], object], ...] = (
    date,
    facts,
    state,
    state_of_branch,
    history,
    fetching,
    resolving,
)


@pytest.mark.parametrize("asking", ASKED, ids=lambda function: function.__name__)
@pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: maker.__name__)
def test_git_is_asked_and_nothing_of_a_configuration_runs(
    maker: Maker, asking: Callable[[Trap], object], *, tmp_path: Path, server: Server, environ: dict[str, str]
) -> None:
    trap = trapped(maker, tmp_path, server, environ)
    try:
        asking(trap)
    except R2iError as error:
        print(error.message)

    trap.assert_untouched()


@pytest.mark.parametrize("maker", [plain, below, linked, submodule, embedded], ids=lambda m: m.__name__)
def test_the_traps_are_set(maker: Maker, tmp_path: Path, server: Server, environ: dict[str, str]) -> None:
    """Git itself falls into them: otherwise the tests above would say nothing."""
    trap = trapped(maker, tmp_path, server, environ)
    subprocess.run(["git", "status"], cwd=trap.directory, env=environ, check=False, capture_output=True)

    assert trap.ran.exists()


def test_the_promised_objects_would_be_fetched(
    tmp_path: Path, server: Server, environ: dict[str, str]
) -> None:
    trap = trapped(promised, tmp_path, server, environ)
    command = ["git", "log", "--", "requirements.txt"]
    subprocess.run(command, cwd=trap.directory, env=environ, check=False, capture_output=True)

    assert trap.ran.exists() or server.requests


def test_facts_are_told_all_the_same(tmp_path: Path, server: Server, environ: dict[str, str]) -> None:
    trap = trapped(plain, tmp_path, server, environ)
    found, told, change = state(trap), facts(trap), history(trap)

    assert found is not None
    assert (found.branch, found.remote) == ("main", f"{server.url}/origin.git")
    assert told is not None
    assert set(told.modes) == {".gitattributes", "requirements.txt", "a.csv", "a.ipynb"}
    assert isinstance(change, LastChange)
    assert change.edited == ()


@pytest.mark.parametrize("maker", EMBEDDED, ids=lambda maker: maker.__name__)
def test_a_repository_among_the_files_of_another_is_none(
    maker: Maker, tmp_path: Path, server: Server, environ: dict[str, str]
) -> None:
    trap = trapped(maker, tmp_path, server, environ)
    (trap.directory / "objects").mkdir(exist_ok=True)

    for directory in (trap.directory, trap.directory / "objects"):
        assert looking_git(environ, directory).environment["GIT_DIR"] == "/dev/null"
    assert facts(trap) is None
    assert state(trap) is None


COMMANDS = (
    ("badge", ".", "--hub", "https://hub.example"),
    ("init", ".", "--yes", "--no-build"),
    ("check", "."),
    ("plan", "."),
    ("dockerfile", "."),
    ("plan", ".", "--as-of", "commit"),
    ("plan", ".", "--ref", "main"),
)


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("maker", [plain, submodule, embedded], ids=lambda maker: maker.__name__)
def test_no_command_of_r2i_runs_it(
    maker: Maker, arguments: tuple[str, ...], *, tmp_path: Path, server: Server, environ: dict[str, str]
) -> None:
    trap = trapped(maker, tmp_path, server, environ)
    inside = trap.directory
    below_the_top = maker is embedded and "--ref" not in arguments
    more = ("--subdir", inside.name) if below_the_top else ()
    place = inside.parent if below_the_top else inside
    done = process.run([R2I, *arguments, *more], env=environ, cwd=place, timeout=120)

    assert "Traceback" not in done.stderr, done.stderr
    assert "Error: No such" not in done.stderr, done.stderr
    trap.assert_untouched()


@pytest.mark.parametrize("maker", [plain, embedded], ids=lambda maker: maker.__name__)
def test_what_doctor_asks_is_no_alias_of_where_it_stands(
    maker: Maker, tmp_path: Path, server: Server, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`git lfs` is an alias of the repository where git-lfs is not installed."""
    trap = trapped(maker, tmp_path, server, environ)
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("git", "sh"):
        (programs / name).symlink_to(str(shutil.which(name)))
    monkeypatch.chdir(trap.directory)
    machine = Machine(environ=environ | {"PATH": str(programs)}, run=process.run, user="ada", uid=1000)

    assert check_git(machine)
    trap.assert_untouched()


@pytest.mark.parametrize("outside", ["work tree", "excludes"])
def test_nothing_outside_is_looked_at(
    outside: str, tmp_path: Path, server: Server, environ: dict[str, str]
) -> None:
    trap = trapped(plain, tmp_path, server, environ)
    private = tmp_path / "private"
    private.mkdir()
    (private / "secret").write_text("requirements.txt\nnew.txt\n")
    (trap.directory / "new.txt").write_text("")
    key, value = ("worktree", private) if outside == "work tree" else ("excludesFile", private / "secret")
    with (trap.directory / ".git/config").open("a") as file:
        file.write(f"[core]\n\t{key} = {value}\n")
    told = facts(trap)

    assert told is not None
    assert told.prefix == ""
    assert (set(told.untracked), set(told.ignored)) == ({"new.txt"}, set())


def test_what_the_user_ignores_everywhere_stays_ignored(
    tmp_path: Path, server: Server, environ: dict[str, str]
) -> None:
    trap = trapped(plain, tmp_path, server, environ)
    (trap.directory / "one.txt").write_text("")
    (trap.directory / "two.txt").write_text("")
    default = Path(environ["HOME"]) / ".config/git/ignore"
    default.parent.mkdir(parents=True)
    default.write_text("one.txt\n")
    first = facts(trap)
    (tmp_path / "mine").write_text("two.txt\n")
    (Path(environ["HOME"]) / ".gitconfig").write_text(f"[core]\n\texcludesFile = {tmp_path}/mine\n")
    second = facts(trap)

    assert first is not None
    assert first.ignored == {"one.txt"}
    assert second is not None
    assert second.ignored == {"two.txt"}


def test_a_configuration_of_very_many_filters_is_not_asked(
    tmp_path: Path, server: Server, environ: dict[str, str]
) -> None:
    trap = trapped(plain, tmp_path, server, environ)
    many = "".join(f'[filter "{number}"]\n\tclean = {trap.program}\n' for number in range(50_000))
    with (trap.directory / ".git/config").open("a") as file:
        file.write(many)

    assert facts(trap) is None
    trap.assert_untouched()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("file", [".git/shallow", ".git/info/exclude", ".git/info/attributes", ".gitignore"])
def test_a_link_to_an_endless_file_is_not_followed_into_memory(
    file: str, tmp_path: Path, server: Server, environ: Mapping[str, str]
) -> None:
    trap = trapped(plain, tmp_path, server, dict(environ))
    place = trap.directory / file
    place.unlink(missing_ok=True)
    place.parent.mkdir(exist_ok=True)
    place.symlink_to("/dev/zero")

    for asking in (facts, state, history):
        asking(trap)


def test_a_repository_of_another_user_is_not_asked(
    tmp_path: Path, server: Server, environ: dict[str, str]
) -> None:
    """CVE-2022-24765 and CVE-2022-29187: anybody could have put `.git` above."""
    if os.getuid() != 0:
        pytest.skip("only root can give a directory to another user")
    trap = trapped(below, tmp_path, server, environ)
    for path in (
        trap.directory.parent,
        trap.directory.parent / ".git",
        trap.directory.parent / ".git/config",
    ):
        os.chown(path, 12345, 12345)

    assert facts(trap) is None
    trap.assert_untouched()
