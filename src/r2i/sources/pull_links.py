"""Links of nbgitpuller, which put a repository below the directory that Jupyter serves and open something of it. Pure.

Their parameters: https://nbgitpuller.readthedocs.io/en/latest/topic/url-options.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from r2i.checkout import CONFIG_DIRECTORIES
from r2i.errors import UsageError
from r2i.model import Content, Source
from r2i.sources.opens import below_server, tree_path
from r2i.sources.parse import git_source
from r2i.sources.protocol import Typed
from r2i.sources.typed import LONGEST, checked_ref, refuse_unprintable, shown

#: The names under which the server has had it.
NAMES = frozenset({"git-pull", "git-sync"})

#: The pages of a JupyterHub that lead to another one when somebody has logged in.
MOST_DETOURS = 3
MOST_FIELDS = 100

#: Where a server shows files, before a path from its directory.
VIEWS = re.compile(
    r"(?:lab(?:/workspaces/[^/]+)?/tree|doc/tree|(?:nbclassic/|retro/)?(?:tree|notebooks|edit))/"
)


@dataclass(frozen=True, kw_only=True)
class Pull:
    """What a link wants: `directory` is where the repository is put, from the server's own; `path` a path of the server."""

    repository: str
    ref: str | None
    directory: str
    path: str

    @property
    def opens(self) -> str:
        """The path, fit for an address. Raises `UsageError` where it is of another server."""
        return below_server(self.path, what="The link")


def fields_of(query: str) -> dict[str, str]:
    """The first value of every name in a query string, as servers read it."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise UsageError(
            "The link has too many parameters", hint="Pass the URL of the repository itself"
        ) from None
    fields: dict[str, str] = {}
    for name, value in pairs:
        fields.setdefault(name, value)
    return fields


def pull_of_path(path: str) -> Pull | None:
    """What a path of a server asks for (`git-pull?repo=…`), None where it is any other path."""
    before, mark, query = path.partition("?")
    if not mark or before.strip("/") not in NAMES:
        return None
    return _pull(fields_of(query.partition("#")[0]))


def pull_of_link(link: str) -> Pull | None:
    """What a link to a JupyterHub asks for (`https://hub/hub/user-redirect/git-pull?repo=…`)."""
    for _ in range(MOST_DETOURS):
        try:
            parts = urlsplit(link)
        except ValueError:
            return None
        fields = fields_of(parts.query) if parts.query else {}
        if parts.path.rstrip("/").rpartition("/")[2] in NAMES and "repo" in fields:
            return _pull(fields)
        if "git-" not in fields.get("next", ""):
            return None
        link = fields["next"]
    return None


def content_of(pull: Pull, typed: Typed) -> Content:
    """The repository that is put beside the files of another one."""
    return Content(source=_repository(pull, typed, pull.ref), directory=_inside(pull.directory))


def content_alone(pull: Pull, typed: Typed, ref: str | None) -> Source:
    """The repository of a link as the source itself, without the directory that it would be in."""
    source = _repository(pull, typed, ref)
    return replace(source, opens=_from_its_top(pull), subdirectory=typed.subdirectory)


def pull_path(content: Content, opens: str) -> str:
    """The path with which a server pulls the content, without escapes for the link around it."""
    fields = {
        "repo": content.source.location,
        "branch": content.source.ref or "",
        "urlpath": opens,
        "targetPath": content.directory,
    }
    return f"git-pull?{urlencode({name: value for name, value in fields.items() if value})}"


def _pull(fields: Mapping[str, str]) -> Pull:
    repository = fields.get("repo", "").strip()
    if not repository:
        raise UsageError(
            "The nbgitpuller link names no repository", hint="Add it to the link: `git-pull?repo=https://…`"
        )
    last = repository.partition("?")[0].rstrip("/").rpartition("/")[2]
    directory = fields.get("targetpath") or fields.get("targetPath") or last
    directory = str(PurePosixPath(directory)) if directory else ""
    ref = fields.get("branch") or None
    return Pull(
        repository=repository,
        ref=None if ref == "HEAD" else ref,
        directory=directory,
        path=fields.get("urlpath") or fields.get("urlPath") or _view(fields, directory),
    )


def _view(fields: Mapping[str, str], directory: str) -> str:
    """What is opened where the link does not say it, as nbgitpuller chooses it."""
    below = fields.get("subpath") or fields.get("subPath") or ""
    path = str(PurePosixPath(directory) / below)
    if fields.get("app", "").lower() == "lab":
        return tree_path("lab/tree", path)
    return tree_path("notebooks" if path.lower().endswith(".ipynb") else "tree", path)


def _from_its_top(pull: Pull) -> str:
    """What is opened, where the repository itself is the directory that the server shows."""
    opens = pull.opens
    view = VIEWS.match(opens)
    if view is None:
        return opens
    path, mark, query = opens[view.end() :].partition("?")
    words, above = path.split("/"), len(PurePosixPath(pull.directory).parts)
    if unquote("/".join(words[:above])) not in {pull.directory, pull.directory.removesuffix(".git")}:
        return opens
    below = "/".join(words[above:])
    return f"{view.group() if below else view.group().rstrip('/')}{below}{mark}{query}"


def _repository(pull: Pull, typed: Typed, ref: str | None) -> Source:
    """A link comes from others: it names no directory of this machine, and no program."""
    refuse_unprintable(pull.repository, "the link")
    ref = None if ref is None else checked_ref(ref)
    wanted = replace(typed, text=pull.repository, ref=ref, subdirectory="")
    remote = "://" in pull.repository or ":" in pull.repository
    source = git_source(wanted) if remote and len(pull.repository) <= LONGEST else None
    if source is None or source.ref_path or source.location.startswith("file:"):
        raise UsageError(
            f"The nbgitpuller link names `{shown(pull.repository)}`, which is not the URL of a repository",
            hint="Use the URL for `git clone`: `git-pull?repo=https://…`",
        )
    return source


def _inside(directory: str) -> str:
    """Where content is put, from the top of the checkout."""
    refuse_unprintable(directory, "the link")
    path = PurePosixPath(directory)
    # What is pulled on a hub says nothing about the image, which is there already.
    configures = path.parts[:1] in {(name,) for name in CONFIG_DIRECTORIES}
    hidden = configures or any(part.lower() in {".git", ".."} for part in path.parts)
    if not path.parts or path.is_absolute() or hidden or len(directory) > LONGEST or "\\" in directory:
        raise UsageError(
            f"The link puts its content into `{shown(directory)}`, which cannot be used for it",
            hint="Use another directory inside the repository as `targetPath`",
        )
    return str(path)
