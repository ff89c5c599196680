"""Fetching with Mercurial: the files of one changeset, without its history."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote

from r2i.checkout import Checkout
from r2i.errors import FetchError
from r2i.model import Source
from r2i.sources.history import NAME_A_DATE, with_targets
from r2i.sources.mercurial_program import MercurialProgram, mercurial_program
from r2i.sources.private import private_directory
from r2i.sources.protocol import LastChange, Revision, Unknown
from r2i.sources.tree_size import Room

#: What `hg clone` checks out: a bookmark of this name, else the default branch, else what came last.
DEFAULTS = ("@", "default", "tip")
NODE = re.compile(r"[0-9a-f]{40}", re.IGNORECASE)
NOBODY = "0" * 40
UNKNOWN = re.compile(r"unknown revision|ambiguous identifier", re.IGNORECASE)


def resolve(source: Source, *, environ: Mapping[str, str]) -> Revision:
    """Ask the repository which changeset is meant."""
    _refuse_shared(source)
    if source.ref and NODE.fullmatch(source.ref):
        return Revision(source=source, content_id=source.ref.lower(), ref=source.ref.lower())
    with mercurial_program(source, environ) as hg:
        return _resolved(source, hg)


def _refuse_shared(source: Source) -> None:
    """Refuse a directory whose history lies in another one, which its files choose: anybody's could be read so."""
    place = unquote(source.location.removeprefix("file://")) if source.location.startswith("file:") else ""
    if place and os.path.lexists(f"{place}/.hg/sharedpath"):
        raise FetchError(
            f"`{place}` has its history in another directory",
            hint="Pass the directory that it shares its history with",
        )


def _resolved(source: Source, hg: MercurialProgram) -> Revision:
    for name in (source.ref,) if source.ref else DEFAULTS:
        # A directory is asked with an expression, a server with a name.
        asked = f'"{name}"' if source.location.startswith("file:") else name
        done = hg.identify(source.location, asked)
        if found := NODE.match(done.stdout) if done.returncode == 0 else None:
            if found[0] == NOBODY:
                raise FetchError(f"`{source.location}` is empty", hint="Push a changeset to it")
            return Revision(source=source, content_id=found[0], ref=name)
        if not UNKNOWN.search(done.stderr):
            raise hg.failure(done, source.location)
    raise _unknown(source.location, source.ref or "tip")


@contextmanager
def fetched(
    source: Source, revision: Revision | None, *, environ: Mapping[str, str], report: Callable[[str], None]
) -> Iterator[Checkout]:
    with private_directory() as directory:
        with mercurial_program(source, environ) as hg:
            node = (revision or resolve(source, environ=environ)).content_id or ""
            report(f"Fetching `{source.location}` at `{node[:12]}`")
            clone, top = directory / "clone", directory / "repository"
            _clone(directory, hg, location=source.location, node=node)
            _count(clone, hg, node=node, location=source.location)
            _say_what_is_left_out(hg.read("files", f"--rev={node}", r"-T{path}\n", cwd=clone), report)
            hg.read(
                "archive", f"--rev={node}", "--type=files", "--config=ui.archivemeta=no", str(top), cwd=clone
            )
            date = _date(hg.read("log", f"--rev={node}", "-T{date|hgdate}", cwd=clone))
        top.mkdir(exist_ok=True)  # an empty changeset has no files
        yield Checkout.open(top, subdirectory=source.subdirectory, content_id=node, date=date)


def last_change(
    source: Source,
    checkout: Checkout,
    files: Iterable[str],
    *,
    environ: Mapping[str, str],
    report: Callable[[str], None],
) -> LastChange | Unknown:
    """Fetch the history once more, and ask it for the newest changeset with one of these files."""
    node = checkout.content_id or ""
    prefix = checkout.root.relative_to(checkout.boundary)
    paths = [os.path.normpath(prefix / path) for path in with_targets(checkout, files)]
    if any("'" in path or "\\" in path for path in paths):
        return Unknown(reason="the names of the files have quotes", hint=NAME_A_DATE)
    with private_directory() as directory, mercurial_program(source, environ) as hg:
        report(f"Fetching the history of `{source.location}`")
        _clone(directory, hg, location=source.location, node=node)
        changed = " or ".join(f"file('path:{path}')" for path in paths)
        words = ("log", f"--rev=last(sort(::{node} and ({changed}), date))", "-T{node} {date|hgdate}")
        found = hg.read(*words, cwd=directory / "clone").split()
    if not found:
        return Unknown(reason=f"`{paths[0]}` was never committed", hint=NAME_A_DATE)
    return LastChange(commit=found[0], moment=datetime.fromtimestamp(int(found[1]), UTC))


def _clone(directory: Path, hg: MercurialProgram, *, location: str, node: str) -> None:
    words = ("clone", "--quiet", "--noupdate", "--pull", f"--rev={node}", "--", location, "clone")
    done = hg.fetch(*words, cwd=directory)
    if done.returncode and UNKNOWN.search(done.stderr):
        raise _unknown(location, node)
    if done.returncode:
        raise hg.failure(done, location)


def _count(clone: Path, hg: MercurialProgram, *, node: str, location: str) -> None:
    listed = hg.read("files", f"--rev={node}", r"-T{size}\n", cwd=clone)
    room = Room()
    room.take_files((int(size) for size in listed.split()), clone, location=location)


def _say_what_is_left_out(files: str, report: Callable[[str], None]) -> None:
    names = files.splitlines()
    if ".hgsub" in names:
        report("Warning: the subrepositories in `.hgsub` are left out: r2i does not fetch them")
    if any(name.startswith(".hglf/") for name in names):
        report("Warning: files of the `largefiles` extension are left out: only their checksums are there")


def _date(written: str) -> str | None:
    """A Mercurial date (seconds since 1970 and the offset), in UTC (RFC 3339)."""
    try:
        return datetime.fromtimestamp(int(written.split(maxsplit=1)[0]), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, OSError, ValueError, IndexError):
        return None  # a date beyond the year 9999


def _unknown(location: str, ref: str) -> FetchError:
    return FetchError(
        f"`{location}` has no changeset, branch, tag or bookmark `{ref}`",
        hint="Check the name with `hg identify -r NAME URL`",
    )
