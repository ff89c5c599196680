"""SWHIDs, the identifiers of Software Heritage, and the pages of its archive that carry one. Pure.

What is standardised: https://www.swhid.org/specification/ (ISO/IEC 18670).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from hashlib import sha1
from urllib.parse import quote, unquote

from r2i.errors import UsageError
from r2i.sources.typed import checked_subdirectory, shown
from r2i.sources.web.pages import Page, read_page

HOST = "archive.softwareheritage.org"
SITE = f"https://{HOST}"

WRITTEN = re.compile(rf"(?:(?:https?://)?{re.escape(HOST)}/)?(?P<swhid>swh:.*)", re.IGNORECASE)
CORE = re.compile(r"swh:1:(?P<kind>cnt|dir|rev|rel|snp|ori):(?P<id>[0-9a-f]{40})")
#: Pages of the archive, and what is meant by the hash that follows.
PAGES = {"directory": "dir", "revision": "rev", "release": "rel", "snapshot": "snp"}
IDENTIFIER = re.compile(r"[0-9a-f]{40}")
FORMS = "Pass an identifier like `swh:1:rev:HASH`, `swh:1:dir:HASH` or `swh:1:snp:HASH` with the 40 digits of its hash"


@dataclass(frozen=True, kw_only=True)
class Swhid:
    """What is to be fetched: an object of the archive, or the newest visit of an origin; and a directory in it."""

    kind: str
    id: str = ""
    origin: str = ""
    subdirectory: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"swh:1:{self.kind}:{self.id}"

    @property
    def location(self) -> str:
        """A page of the archive that shows it."""
        if self.kind == "ori":
            return f"{SITE}/browse/origin/directory/?origin_url={quote(self.origin, safe=':/')}"
        return f"{SITE}/{self}"


def read_swhid(text: str) -> Swhid | None:
    """Understand an identifier or a page of the archive; None for anything else."""
    if match := WRITTEN.fullmatch(text):
        return _identifier(match["swhid"])
    page = read_page(text)
    return _page(page, text) if page is not None and page.host == HOST else None


def _identifier(text: str) -> Swhid:
    """An identifier, with what stands behind it to tell where the object was found.

    A path says where in its `anchor` a directory or a file is. A directory stands for itself; of a file, the repository
    around it is meant; and in a revision, a release or a snapshot it can only be a directory to build.
    """
    written, *qualifiers = text.rstrip("/").split(";")
    core = CORE.fullmatch(written.lower())
    if core is None:
        raise UsageError(f"`{shown(text)}` is not an identifier of Software Heritage", hint=FORMS)
    # Only `;` and `%` are escaped in an identifier, and more of it in an address.
    context = {key.lower(): unquote(value) for key, _, value in (each.partition("=") for each in qualifiers)}
    path = context.get("path", "")
    match core["kind"]:
        case "cnt":
            around = CORE.fullmatch(context.get("anchor") or context.get("visit") or "")
            if around is None or around["kind"] in {"cnt", "ori"}:
                raise UsageError(
                    f"`{shown(text)}` is a single file",
                    hint="Copy the identifier of its directory, its revision or its snapshot, or one with an `anchor`",
                )
            return Swhid(kind=around["kind"], id=around["id"])
        case "ori":
            return _origin(core["id"], context, text)
        case "dir":
            return Swhid(kind="dir", id=core["id"])
        case kind:
            return Swhid(kind=kind, id=core["id"], subdirectory=_inside(path))


def _origin(identifier: str, context: dict[str, str], text: str) -> Swhid:
    """The archive cannot be asked what an origin is called: its hash is that of its address."""
    origin = context.get("origin", "")
    if not origin or sha1(origin.encode(), usedforsecurity=False).hexdigest() != identifier:
        raise UsageError(
            f"`{shown(text)}` does not say which repository it is",
            hint="Add its address, as in `swh:1:ori:HASH;origin=https://example.org/owner/name`",
        )
    visit = CORE.fullmatch(context.get("visit", ""))
    if visit is not None and visit["kind"] == "snp":
        return Swhid(kind="snp", id=visit["id"], subdirectory=_inside(context.get("path", "")))
    return Swhid(kind="ori", origin=origin, subdirectory=_inside(context.get("path", "")))


def _page(page: Page, text: str) -> Swhid:
    """A page that somebody browses: what it shows stands in its path, or it is the newest visit of an origin."""
    query = page.query
    path = _inside(query.get("path", ""))
    match page.parts:
        case ["browse", "directory", identifier, *_] if IDENTIFIER.fullmatch(identifier):
            return Swhid(kind="dir", id=identifier, subdirectory=path)
        case ["browse", name, identifier, *_] if name in PAGES and IDENTIFIER.fullmatch(identifier):
            return Swhid(kind=PAGES[name], id=identifier, subdirectory=path if query.get("path") else "")
        case ["browse", ("origin" | "snapshot" | "revision"), *_] if IDENTIFIER.fullmatch(
            query.get("snapshot", "")
        ):
            return Swhid(kind="snp", id=query["snapshot"], subdirectory=path)
        case ["browse", "origin", *rest] if query.get("origin_url") and rest in (
            [],
            ["directory"],
            ["log"],
            ["branches"],
            ["releases"],
            ["visits"],
        ):
            return Swhid(kind="ori", origin=query["origin_url"], subdirectory=path)
        case ["browse", "content", *_]:
            raise UsageError(
                f"`{shown(text)}` shows a single file",
                hint=f"Copy the permalink of the directory or the revision there. {FORMS}",
            )
        case _:
            raise UsageError(f"`{shown(text)}` shows no repository", hint=FORMS)


def _inside(path: str) -> str:
    """A path from the top of a repository, as it stands in a qualifier, relative to it."""
    return checked_subdirectory(path.strip("/"))
