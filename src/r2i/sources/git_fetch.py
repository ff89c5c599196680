"""Fetching with git: only the wanted commit of a repository, its submodules, its large files."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from r2i.checkout import Checkout
from r2i.errors import FetchError, R2iError, TemporaryError
from r2i.model import Credentials, Source
from r2i.process import Completed
from r2i.sources import git_refs
from r2i.sources.commit_date import date_of
from r2i.sources.git_failures import BROKEN_PACK, REFUSALS, TEMPORARY
from r2i.sources.git_program import GitProgram, git_program, serving
from r2i.sources.lfs import fetch_large_files
from r2i.sources.parse import remote_location
from r2i.sources.private import private_directory
from r2i.sources.protocol import Revision
from r2i.sources.tree_size import Room
from r2i.sources.typed import shown

#: More than any real repository has; a hostile one could nest them without end.
MOST_SUBMODULES = 200
DEEPEST_SUBMODULE = 10

#: A server that cannot give a single commit, and not one that cannot be reached.
SHALLOW = ("--depth=1", "--no-tags")
EVERYTHING = ("+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*")


@contextmanager
def fetched(
    source: Source, revision: Revision | None, *, environ: Mapping[str, str], report: Callable[[str], None]
) -> Iterator[Checkout]:
    git = program(source, environ)
    revision = revision or git_refs.resolve(source, git)
    assert revision.content_id is not None  # noqa: S101 - git always has one
    with private_directory() as directory:
        top = directory / "repository"
        top.mkdir()
        complete = fetch_into(top, git, revision, environ=environ, report=report)
        yield Checkout.open(
            top,
            subdirectory=revision.source.subdirectory,
            content_id=revision.content_id,
            complete=complete,
            date=date_of(revision.content_id, top, git),
        )


def fetch_into(
    directory: Path,
    git: GitProgram,
    revision: Revision,
    *,
    environ: Mapping[str, str],
    report: Callable[[str], None],
) -> bool:
    """Fetch all of a revision into an empty directory; false where content that git LFS keeps is missing."""
    source, commit = revision.source, str(revision.content_id)
    report(f"Fetching `{source.location}` at `{commit[:12]}`")
    room = Room()
    fetch_commit(directory, git, location=source.location, commit=commit, ref=revision.ref, room=room)
    _stand_on(directory, git, revision)
    complete = fetch_large_files(
        directory, git, commit=commit, location=source.location, room=room, report=report
    )
    return complete & _Submodules(source=source, environ=environ, report=report, room=room).fetch(directory)


def fetch_commit(
    directory: Path, git: GitProgram, *, location: str, commit: str, ref: str | None, room: Room
) -> None:
    """Fetch one commit and check it out: alone, else as the tip of its ref, else with all the history."""
    sha256 = ["--object-format=sha256"] if len(commit) == 64 else []
    git.read("init", "--quiet", "--template=", *sha256, ".", cwd=directory)
    git.read("remote", "add", "--", "origin", location, cwd=directory)
    ways: list[tuple[str, ...]] = [(*SHALLOW, "origin", commit)]
    if ref is not None and ref.startswith("refs/"):
        ways += [(*SHALLOW, "origin", ref)]
    everything = (*EVERYTHING, f"+{ref}:refs/r2i/wanted") if ref and ref.startswith("refs/") else EVERYTHING
    ways += [("origin", *everything), ("origin", "+refs/*:refs/r2i/all/*")]
    for way in ways:
        done = git.fetch(
            "fetch", "--quiet", "--no-recurse-submodules", *serving(location), *way, cwd=directory
        )
        if done.returncode == 0 and _has(directory, git, commit):
            break
        if done.returncode and unreachable(done):
            raise git.failure(done, location)
    else:
        raise FetchError(
            f"`{location}` has no commit `{commit}`",
            hint="Check the id, and that the commit was pushed and not removed by a force-push",
        )
    room.take(directory, git, commit=commit, location=location)
    done = git.fetch("checkout", "--quiet", "--detach", commit, "--", cwd=directory)
    if done.returncode:
        raise git.failure(done, location)


def unreachable(done: Completed) -> bool:
    """Whether asking in another way is pointless."""
    # A server that closes the connection over a commit that it does not give away says so before.
    if re.search(r"not our ref|unadvertised|not advertised|shallow|couldn't find remote ref", done.stderr):
        return False
    patterns = (TEMPORARY, BROKEN_PACK, *(pattern for pattern, _ in REFUSALS))
    return any(pattern.search(done.stderr) for pattern in patterns)


def _has(directory: Path, git: GitProgram, commit: str) -> bool:
    return git.ask("cat-file", "-e", f"{commit}^{{commit}}", cwd=directory).returncode == 0


def _stand_on(directory: Path, git: GitProgram, revision: Revision) -> None:
    """Be on the branch that was asked for, so that `git pull` and `git push` work in the image."""
    branch = (revision.ref or "").removeprefix("refs/heads/")
    if not branch or branch == revision.ref:
        return
    # Full names throughout: nothing of them can be an option.
    for reference in (f"refs/remotes/origin/{branch}", f"refs/heads/{branch}"):
        git.read("update-ref", reference, str(revision.content_id), cwd=directory)
    git.read("symbolic-ref", "HEAD", f"refs/heads/{branch}", cwd=directory)
    git.read("branch", "--quiet", f"--set-upstream-to=refs/remotes/origin/{branch}", cwd=directory)


@dataclass(frozen=True, kw_only=True)
class _Submodule:
    path: str
    commit: str
    url: str | None
    skipped: bool


@dataclass(frozen=True, kw_only=True)
class _Submodules:
    """The submodules of a source, fetched by r2i itself and not by `git submodule`.

    So each one comes with the same care as the repository around it: one commit, any server, no surprising
    protocol, and an error that names it.
    """

    source: Source
    environ: Mapping[str, str] = field(repr=False)
    report: Callable[[str], None]
    room: Room

    def fetch(self, top: Path) -> bool:
        """Fetch them all; false where content that git LFS keeps is missing."""
        complete = True
        pending = deque([(top, self.source.location, 0)])
        git = program(self.source, self.environ)
        seen = 0
        while pending:
            directory, location, depth = pending.popleft()
            for submodule in _submodules(directory, git):
                name = str((directory / submodule.path).relative_to(top))
                seen += 1
                if seen > MOST_SUBMODULES or depth >= DEEPEST_SUBMODULE:
                    raise FetchError(
                        f"The repository has too many submodules: `{shown(name)}` exceeds the limit",
                        hint=f"Use at most {MOST_SUBMODULES}, nested at most {DEEPEST_SUBMODULE} deep",
                    )
                if submodule.url is None or submodule.skipped:
                    why = (
                        "`.gitmodules` has no URL for it"
                        if submodule.url is None
                        else "its setting is `update = none`"
                    )
                    self.report(f"Warning: the submodule `{shown(name)}` is left empty: {why}")
                    continue
                place = _empty_directory(directory, submodule.path, name=name, top=top)
                own, whole = self._fetch_one(place, submodule, name=name, parent=location)
                complete &= whole
                pending.append((place, own, depth + 1))
        return complete

    def _fetch_one(self, place: Path, submodule: _Submodule, *, name: str, parent: str) -> tuple[str, bool]:
        """Fetch a submodule; give its location, to which its own submodules may be relative, and whether it is whole."""
        location = shown(submodule.url or "")
        try:
            location, credentials = remote_location(submodule.url or "", parent=parent)
            if location.startswith("file:") and not self.source.location.startswith("file:"):
                raise FetchError("a remote repository must not refer to directories on this machine")
            git = program(self.source, self.environ, more=((location, credentials),) if credentials else ())
            self.report(f"Fetching the submodule `{shown(name)}` from `{location}`")
            fetch_commit(place, git, location=location, commit=submodule.commit, ref=None, room=self.room)
            whole = fetch_large_files(
                place, git, commit=submodule.commit, location=location, room=self.room, report=self.report
            )
        except R2iError as error:
            kind = TemporaryError if isinstance(error, TemporaryError) else FetchError
            message = error.message[:1].lower() + error.message[1:]
            raise kind(
                f"The submodule `{shown(name)}` cannot be fetched: {message}",
                hint=error.hint or "Correct its URL in `.gitmodules`",
                file=".gitmodules",
            ) from error
        return location, whole


def _submodules(directory: Path, git: GitProgram) -> list[_Submodule]:
    """What the index has as submodules, with what `.gitmodules` says of them. Read from the commit: no link is followed."""
    staged = git.read("ls-files", "--stage", "-z", cwd=directory)
    found = {
        path: mode_and_id.split()[1]
        for mode_and_id, tab, path in (entry.partition("\t") for entry in staged.split("\0"))
        if tab and mode_and_id.startswith("160000 ")
    }
    if not found:
        return []
    listed = git.ask("config", "-z", "--no-includes", "--blob=HEAD:.gitmodules", "--list", cwd=directory)
    settings = dict(entry.partition("\n")[::2] for entry in listed.stdout.split("\0") if entry)
    sections = {
        value: key.removesuffix(".path")
        for key, value in settings.items()
        if key.startswith("submodule.") and key.endswith(".path")
    }
    result = []
    for path, commit in sorted(found.items()):
        section = sections.get(path, "")
        skipped = settings.get(f"{section}.update") == "none"
        url = settings.get(f"{section}.url")
        result.append(_Submodule(path=path, commit=commit, url=url, skipped=skipped))
    return result


def _empty_directory(directory: Path, path: str, *, name: str, top: Path) -> Path:
    """The place of a submodule: inside, reached by no link, and nothing in it."""
    place = directory / path
    if place.resolve() != place or not place.is_relative_to(top) or ".git" in Path(path).parts:
        raise FetchError(f"The submodule `{shown(name)}` is outside the repository", file=".gitmodules")
    place.mkdir(parents=True, exist_ok=True)
    if any(place.iterdir()):
        raise FetchError(f"The path of the submodule `{shown(name)}` is already in use", file=".gitmodules")
    return place


def program(
    source: Source,
    environ: Mapping[str, str],
    *,
    more: tuple[tuple[str, Credentials], ...] = (),
) -> GitProgram:
    given = [*more, *([(source.location, source.credentials)] if source.credentials else [])]
    return git_program(
        environ,
        file_allowed=source.location.startswith("file:"),
        credentials=[(_server(location), credentials) for location, credentials in reversed(given)],
    )


def _server(location: str) -> str:
    """The part of a URL that names the server: credentials are for all of its repositories and for nobody else."""
    match = re.match(r"https?://[^/]+", location)
    return match.group() if match else location
