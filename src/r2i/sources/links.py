"""What the web addresses of repositories show: a branch, a commit, a directory or a file of GitHub, GitLab and others."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from r2i.errors import UsageError
from r2i.sources.typed import FULL_ID, checked_ref, refuse_unprintable, shown

#: Pages of a repository that show a directory or a file at some ref.
TREES, FILES = {"tree", "commits"}, {"blob", "raw", "blame", "edit"}


#: Sites that show a notebook of a repository, or its bytes: https://nbviewer.org/faq.
NBVIEWER, COLAB = (
    {"nbviewer.org", "nbviewer.jupyter.org", "nbviewer.ipython.org"},
    "colab.research.google.com",
)
RAW, RAW_GIST = "raw.githubusercontent.com", "gist.githubusercontent.com"
SHOWN = re.compile(r"https?://(?P<host>[\w.-]+)(?P<path>/[^?#]*)(?:[?#].*)?", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Link:
    """What the path of a web address says: the repository's own path, and what it shows of it."""

    path: str
    ref: str | None = None
    ref_path: str = ""
    is_file: bool = False


def repository_behind(url: str) -> str:  # noqa: PLR0911 - one a kind of address
    """The address on GitHub of what nbviewer, Colab or GitHub's server of raw files shows; any other URL as it is."""
    match = SHOWN.fullmatch(url)
    if match is None:
        return url
    host = match["host"].lower()
    # Encoded as they are: whatever reads the address decodes them.
    match [part for part in match["path"].split("/") if part]:
        case ["github", *rest] if len(rest) > 1 and (host in NBVIEWER or host == COLAB):
            return f"https://github.com/{'/'.join(rest)}"
        case ["gist", user, gist, *_] if host in NBVIEWER or host == COLAB:
            return f"https://gist.github.com/{user}/{gist}"
        case ["urls" | "url", *rest] if len(rest) > 1 and host in NBVIEWER:
            return repository_behind(f"https://{'/'.join(rest)}")
        case [owner, name, "refs", "heads" | "tags", *rest] if rest and host == RAW:
            return f"https://github.com/{owner}/{name}/blob/{'/'.join(rest)}"
        case [owner, name, *rest] if rest and host == RAW:
            return f"https://github.com/{owner}/{name}/blob/{'/'.join(rest)}"
        case [user, gist, "raw", *_] if host == RAW_GIST:
            return f"https://gist.github.com/{user}/{gist}"
        case _ if host in NBVIEWER | {COLAB}:
            raise UsageError(
                f"`{shown(url)}` shows a notebook that is in no repository on GitHub",
                hint="Download the notebook, and pass its directory",
            )
        case _:
            return url


def read_link(match: re.Match[str]) -> Link | None:
    """Understand the web addresses of the big sites and of those that run the same software."""
    host, path = match["host"].lower().removeprefix("www."), match["path"] or ""
    link: Link | None = None
    if host.startswith("gist.github."):
        link = _gist(path)
    elif host.startswith("github."):
        link = _github(path)
    elif "/-/" in path or host.startswith("gitlab."):
        link = _gitlab(path)
    elif host == "bitbucket.org":
        link = _bitbucket(path)
    else:
        link = _forgejo(path)
    if link is None:
        return None
    if link.ref is not None:
        checked_ref(link.ref)
    if ".." in link.ref_path.split("/") or link.ref_path.startswith("-"):
        raise UsageError(
            f"The link shows `{shown(link.ref_path)}`, which is not a valid ref", hint="Check the link"
        )
    refuse_unprintable(link.ref_path, "the link")
    return link


def _gist(path: str) -> Link:
    """`/ID` or `/USER/ID`, perhaps with a revision behind."""
    parts = _parts(path)
    # A user may be called `cafe1`, so the second part is asked first; a revision is longer than the id of a gist.
    for position in (1, 0):
        if len(parts) > position and re.fullmatch(r"[0-9a-f]{5,39}(\.git)?", parts[position]):
            rest = parts[position + 1 : position + 2]
            commit = rest[0] if rest and FULL_ID.fullmatch(rest[0]) else None
            return Link(path=f"/{parts[position].removesuffix('.git')}.git", ref=commit)
    raise _not_a_repository(path, "gist.github.com")


def _github(path: str) -> Link:
    return _page(_top(path, "GitHub"), _parts(path)[2:], "GitHub")


def _gitlab(path: str) -> Link:
    top, separator, rest = path.partition("/-/")
    top = f"{top.rstrip('/').removesuffix('.git')}.git"
    if top.count("/") < 2:
        raise _not_a_repository(path, "GitLab")
    return _page(top, _parts(rest) if separator else [], "GitLab")


def _bitbucket(path: str) -> Link:
    top = f"{_top(path, 'Bitbucket')}.git"
    match _parts(path)[2:]:
        case []:
            return Link(path=top)
        case ["src" | "commits", *rest] if rest:
            return Link(path=top, ref_path="/".join(rest))
        case ["branch", *ref] if ref:
            return Link(path=top, ref="/".join(ref))
        case _:
            raise _not_a_repository(path, "Bitbucket")


def _forgejo(path: str) -> Link | None:
    """Forgejo and Gitea (Codeberg); any other address is a plain URL."""
    match _parts(path)[2:]:
        case ["src", "branch" | "tag" | "commit", *rest] if rest:
            return Link(path=_top(path, "Forgejo"), ref_path="/".join(rest))
        case ["pulls", number, *_] if number.isdecimal():
            return Link(path=_top(path, "Forgejo"), ref=f"refs/pull/{number}/head")
        case _:
            return None


def _page(top: str, parts: list[str], site: str) -> Link:  # noqa: PLR0911 - one a kind of page
    """What a page of GitHub or GitLab shows, named by what follows the repository in its address."""
    match parts:
        case []:
            return Link(path=top)
        case [kind, ref] if kind in TREES | FILES:
            return Link(path=top, ref_path=ref)
        case [kind, *rest] if rest and kind in TREES:
            return Link(path=top, ref_path="/".join(rest))
        case [kind, *rest] if rest and kind in FILES:
            return Link(path=top, ref_path="/".join(rest), is_file=True)
        case ["commit", commit, *_]:
            return Link(path=top, ref=commit)
        case ["releases", "tag", *tag] | ["tags", *tag] if tag:
            return Link(path=top, ref=f"refs/tags/{'/'.join(tag)}")
        case ["pull", number, *_] if number.isdecimal():
            return Link(path=top, ref=f"refs/pull/{number}/head")
        case ["merge_requests", number, *_] if number.isdecimal():
            return Link(path=top, ref=f"refs/merge-requests/{number}/head")
        case _:
            raise _not_a_repository(f"{top}/{'/'.join(parts)}", site)


def _top(path: str, site: str) -> str:
    """The owner and the name, encoded as they are in the address."""
    raw = [part for part in path.split("/") if part][:2]
    if len(raw) < 2:
        raise _not_a_repository(path, site)
    return f"/{raw[0]}/{raw[1].removesuffix('.git')}"


def _parts(path: str) -> list[str]:
    return [part for part in unquote(path).split("/") if part]


def _not_a_repository(path: str, site: str) -> UsageError:
    return UsageError(
        f"`{shown(path)}` is not a repository on {site}, or a directory, commit or pull request in one",
        hint="Pass the URL of the main page of the repository",
    )
