"""A repository in the archive of Software Heritage, by its SWHID: what is fetched is hashed, and is what the SWHID names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from r2i.errors import FetchError, TemporaryError
from r2i.model import Source
from r2i.sources.protocol import Typed
from r2i.sources.swhid import HOST, IDENTIFIER, SITE, Swhid, read_swhid
from r2i.sources.tree_id import TreeId
from r2i.sources.typed import shown
from r2i.sources.web.documents import at, moment_of, needed, text_at, unexpected

if TYPE_CHECKING:
    from r2i.sources.web.client import HostToken, HttpClient
    from r2i.sources.web.records import PublishedRecord

API = f"{SITE}/api/1"
#: What `r2i doctor --network` asks.
SERVERS = (("Software Heritage", f"{API}/ping/"),)

#: From an origin to a directory there are four steps; a release can be of a release, and a branch the name of another.
MOST_STEPS = 12
KINDS = {"revision": "rev", "release": "rel", "directory": "dir", "snapshot": "snp"}
#: What the archive writes into a file whose content it has not, or does not show.
MISSING = (
    b"This content is missing from the",
    b"This content has not been retrieved",
    b"This content is hidden",
)
LONGEST_NOTE = 200
#: Seconds until it is asked whether a directory is packed, twice as many each time, and for how long that goes on. Without
#: a token, an address may ask the archive 120 times an hour.
FIRST, LONGEST, PATIENCE = 5, 60, 1800
#: Directories whose submodules are looked up.
MOST_LISTED = 100


class SoftwareHeritage:
    name = "software_heritage"

    def read(self, typed: Typed) -> Source | None:
        swhid = read_swhid(typed.text)
        if swhid is None:
            return None
        subdirectory = "/".join(filter(None, (swhid.subdirectory, typed.subdirectory)))
        return Source(provider=self.name, location=swhid.location, subdirectory=subdirectory)

    def record(self, source: Source, client: HttpClient, *, environ: Mapping[str, str]) -> PublishedRecord:
        from r2i.sources.web.files import RemoteFile
        from r2i.sources.web.records import PublishedRecord
        from r2i.sources.web.tokens import access_token

        archive = _Archive(client=client, token=access_token("SWH_TOKEN", host=HOST, environ=environ))
        asked = read_swhid(source.location)
        assert asked is not None  # noqa: S101 - `read` made the location of one
        found = archive.followed(asked)
        directory, date = found, None
        if found.kind == "rev":
            revision = archive.asked("revision", found.id)
            directory = Swhid(
                kind="dir", id=_identifier(revision, "directory", f"{API}/revision/{found.id}/")
            )
            date = moment_of(text_at(revision, "committer_date") or text_at(revision, "date"))
        # Whoever names a release or the newest visit is told what that is today.
        says = "" if found == asked else f"`{asked.location}` is `{found}`"
        vault = _Vault(archive=archive, directory=directory)
        return PublishedRecord(
            source=replace(source, location=found.location),
            content_id=found.id,
            files=(
                RemoteFile(
                    url=f"{vault.url}raw/", path=f"{directory}.tar.gz".replace(":", "_"), token=archive.token
                ),
            ),
            published=date,
            date_of="the last commit",
            says=says,
            prepare=vault.prepare,
            verify=partial(_verify, archive=archive, directory=directory),
        )


@dataclass(frozen=True, kw_only=True)
class _Archive:
    client: HttpClient
    token: HostToken | None

    def asked(self, kind: str, identifier: str, rest: str = "", **query: str) -> dict[str, Any]:
        url = f"{API}/{kind}/{identifier}/{rest}"
        answer = self.client.json(url, query=query, token=self.token)
        if not isinstance(answer, dict):
            raise unexpected(url, "with something else than an object")
        return answer

    def followed(self, swhid: Swhid) -> Swhid:
        """The revision or the directory that an object leads to."""
        found = swhid
        branch = "HEAD"
        for _ in range(MOST_STEPS):
            if found.kind in {"rev", "dir"}:
                return found
            if found.kind == "ori":
                visit = self.asked(
                    "origin", quote(found.origin, safe=":/"), "visit/latest/", require_snapshot="true"
                )
                found = Swhid(kind="snp", id=_identifier(visit, "snapshot", swhid.location))
                continue
            if found.kind == "snp":
                target = self._branch(found, branch)
                if text_at(target, "target_type") == "alias":
                    branch = needed(target, "target", url=found.location)
                    if not branch.isprintable():
                        raise unexpected(found.location, "with the name of a branch that is none")
                    continue
            else:
                target = self.asked("release", found.id)
            kind = KINDS.get(text_at(target, "target_type"))
            if kind is None:
                raise FetchError(
                    f"`{found.location}` leads to no directory",
                    hint="Pass the SWHID of a revision or a directory",
                )
            branch = "HEAD"
            found = Swhid(kind=kind, id=_identifier(target, "target", found.location))
        raise FetchError(
            f"`{swhid.location}` leads to no directory", hint="Pass the SWHID of a revision or a directory"
        )

    def _branch(self, snapshot: Swhid, name: str) -> dict[str, Any]:
        """What a branch of a snapshot is. Of all of them, which can be many thousands, only this one is asked for."""
        answer = self.asked("snapshot", snapshot.id, branches_from=name, branches_count="1")
        target = at(answer, "branches", name)
        if not isinstance(target, dict):
            raise FetchError(
                f"`{snapshot.location}` has no branch `{shown(name)}`",
                hint="Choose a revision or a release on that page, and pass its SWHID",
            )
        return target


def _identifier(answer: dict[str, Any], key: str, place: str) -> str:
    found = needed(answer, key, url=place)
    if not IDENTIFIER.fullmatch(found):
        raise unexpected(place, f"without a hash as `{key}`")
    return found


@dataclass(frozen=True, kw_only=True)
class _Vault:
    """Where a directory is packed on demand: nothing can be downloaded before."""

    archive: _Archive
    directory: Swhid

    @property
    def url(self) -> str:
        return f"{API}/vault/flat/{self.directory}/"

    def prepare(self, client: HttpClient) -> None:
        """Ask for the package and wait for it; what is said on the way is passed on."""
        answer = client.posted(self.url, token=self.archive.token)
        waited, pause, said = 0, FIRST, ""
        while (status := needed(answer, "status", url=self.url)) != "done":
            progress = shown(text_at(answer, "progress_message"))
            if status == "failed":
                raise FetchError(
                    f"Software Heritage could not pack `{self.directory}`"
                    + (f": {progress}" if progress else ""),
                    hint="Try again later, or pass the address of the repository itself",
                )
            if waited >= PATIENCE:
                raise TemporaryError(
                    f"Software Heritage has not packed `{self.directory}` after {PATIENCE // 60} minutes",
                    hint="Try again later: the archive goes on, and keeps what it has packed",
                )
            told = progress or "waiting for its turn"
            if told != said:
                client.report(f"Software Heritage packs `{self.directory}`: {told}")
                said = told
            client.patience.pause(pause)
            waited, pause = waited + pause, min(LONGEST, 2 * pause)
            answer = client.json(self.url, token=self.archive.token)


def _verify(top: Path, *, archive: _Archive, directory: Swhid) -> bool:
    """Whether these are the files that the SWHID names; false where the archive lacks the content of some.

    Raise `FetchError` where they are others.
    """
    tree = TreeId(top)
    found = tree.hexdigest()
    if found == directory.id:
        return True
    if tree.empty:
        submodules = _submodules(tree.empty, archive, directory)
        found = TreeId(top, submodules).hexdigest()
        if submodules:
            _say(
                archive,
                "the submodules",
                list(submodules),
                "are left empty: the archive has them as repositories of their own",
            )
        if found == directory.id:
            return True
    if missing := _missing(top):
        _say(archive, "the archive lacks the content of", missing, "so the files could not be verified")
        return False
    raise FetchError(
        f"What Software Heritage sent for `{directory}` is `swh:1:dir:{found}`",
        hint="Try again later, or pass the address of the repository itself",
    )


def _submodules(empty: list[str], archive: _Archive, directory: Swhid) -> dict[str, str]:
    """The commits of the empty directories that are submodules, as the archive lists them."""
    found = {}
    for parent in sorted({str(Path(path).parent) for path in empty})[:MOST_LISTED]:
        rest = "" if parent == "." else f"{quote(parent, errors='surrogateescape')}/"
        url = f"{API}/directory/{directory.id}/{rest}"
        answer = archive.client.json(url, token=archive.token)
        for entry in answer if isinstance(answer, list) else []:
            if text_at(entry, "type") == "rev":
                path = str(Path(parent, needed(entry, "name", url=url)))
                if path in empty:
                    found[path] = _identifier(entry, "target", url)
    return found


def _missing(top: Path) -> list[str]:
    """The files that hold a note of the archive instead of their content."""
    found = []
    for path in top.rglob("*"):
        if path.is_symlink() or not path.is_file() or path.stat().st_size > LONGEST_NOTE:
            continue
        if path.read_bytes().startswith(MISSING):
            found.append(str(path.relative_to(top)))
    return sorted(found)


def _say(archive: _Archive, before: str, paths: list[str], after: str) -> None:
    named = ", ".join(f"`{shown(path)}`" for path in paths[:3])
    more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
    archive.client.report(f"Warning: {before} {named}{more}{',' if after.startswith('so') else ''} {after}")
