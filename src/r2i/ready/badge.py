"""The link with which a BinderHub opens a repository, and the badge around it.

The forms of the link: https://binderhub.readthedocs.io/en/latest/developer/repoproviders.html
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

from r2i.errors import UsageError
from r2i.model import Source
from r2i.sources.opens import below_server
from r2i.sources.typed import shown

HUB = "https://mybinder.org"

#: The branch that one sees first on the repository's page, as it is when somebody clicks.
NEWEST = "HEAD"

#: Where servers and their extensions open a file, whose path from the repository's top follows.
VIEW = re.compile(
    r"(?:lab(?:/workspaces/[^/]+)?/tree|(?:nbclassic/|retro/)?(?:tree|notebooks|edit)|doc/tree|voila/render|apps|view|files)"
    r"/(?P<file>[^?#]+\.ipynb)(?:[?#].*)?"
)

#: What a path of the server's own begins with; everything else that ends like a notebook is a file.
INTERFACES = frozenset(
    {
        "lab",
        "tree",
        "notebooks",
        "doc",
        "edit",
        "nbclassic",
        "retro",
        "voila",
        "apps",
        "view",
        "files",
        "proxy",
        "git-pull",
    }
)

SCP = re.compile(r"(?:[^@/]+@)?(?P<host>[^:/]+):/*(?P<path>.+)")
#: The address of a gist with its user, or a Binder link to it.
GIST = re.compile(
    r"https?://(?:(?:[^@/]*@)?gist\.github\.com|[^?#]*/v2/gist)/([\w-]+/[0-9a-f]{5,39})(?:\.git)?(?:[/?].*)?",
    re.ASCII,
)


@dataclass(frozen=True, kw_only=True)
class Launch:
    """What a hub is to open: `address` is a URL that it can clone, `record` how it calls a published record instead."""

    address: str = ""
    record: str = ""
    ref: str = NEWEST
    urlpath: str = ""
    hub: str = HUB

    @property
    def url(self) -> str:
        query = f"?urlpath={quote(self.urlpath, safe='')}" if self.urlpath else ""
        spec = self.record or _spec(self.address, quote(self.ref, safe="/"))
        return f"{self.hub}/v2/{spec}{query}"


def markdown(launch: Launch) -> str:
    return f"[![Binder]({launch.hub}/badge_logo.svg)]({launch.url})"


def restructured(launch: Launch) -> str:
    return f".. image:: {launch.hub}/badge_logo.svg\n   :target: {launch.url}\n   :alt: Binder"


def html(launch: Launch) -> str:
    # Nothing in it has to be escaped: `quote` leaves no `&`, `<` or `"`.
    return f'<a href="{launch.url}"><img src="{launch.hub}/badge_logo.svg" alt="Binder"></a>'


FORMATS: Mapping[str, Callable[[Launch], str]] = {"markdown": markdown, "rst": restructured, "html": html}


def hub_address(text: str) -> str:
    """The address of a BinderHub as one types it; raise `UsageError` where it is none."""
    parts = urlsplit(text if "://" in text else f"https://{text}")
    if parts.scheme not in {"http", "https"} or not re.fullmatch(r"[\w.-]+(?::\d+)?", parts.netloc, re.ASCII):
        raise UsageError(
            f"`--hub {shown(text)}` is not the URL of a BinderHub",
            hint="Write it like `https://mybinder.org`",
        )
    if parts.query or parts.fragment:
        raise UsageError(
            f"`--hub {shown(text)}` contains more than the hub address",
            hint=f"Write `{parts.scheme}://{parts.netloc}`",
        )
    return f"{parts.scheme}://{parts.netloc}{quote(parts.path.rstrip('/'))}"


def public_address(source: Source, typed: str) -> str:
    """The URL by which a hub clones a repository; raise `UsageError` where only this machine reaches it."""
    if gist := GIST.fullmatch(typed):
        return f"https://gist.github.com/{gist[1]}"  # a hub wants the user, whom git needs not
    location = source.location
    if source.provider == "local" or location.startswith("file:"):
        raise UsageError(
            f"A hub cannot fetch `{shown(location)}`, which is a directory on this machine",
            hint="Push the repository to a server, and pass its URL: `r2i badge https://…`",
        )
    if "://" not in location and (scp := SCP.fullmatch(location)):
        location = f"ssh://{scp['host'].lower()}/{quote(scp['path'], safe='/~%')}"
    parts = urlsplit(location)
    host = parts.hostname or ""
    _check_reachable(host)
    return f"https://{host}{parts.path}" if parts.scheme in {"ssh", "git"} else location


def opened(
    urlpath: str, *, has: Callable[[str], bool] | None, prefix: str = "", complete: bool = True
) -> str:
    """The path of the server for what `--urlpath` says: that of JupyterLab for a file of the repository.

    `has` says whether there is such a file, None where nobody knows; `prefix` is how its directory is called from the
    top. Raise `UsageError` for a path that a link could not open, and for a notebook that is not there, which a script
    may still make where the files are not `complete`.
    """
    path = urlpath.lstrip("/")
    if has is None or not has(path):  # the name of a file may look like an address
        below_server(urlpath, what="`--urlpath`")
    if has is None:
        is_file = path.endswith(".ipynb") and path.partition("/")[0] not in INTERFACES
    else:
        is_file = has(path)
        if not is_file and (missing := _missing(path, has, prefix, complete=complete)):
            raise UsageError(
                f"The repository has no notebook `{shown(missing)}`",
                hint="Use a notebook of the repository, such as `index.ipynb` or `lab/tree/index.ipynb`",
            )
    # The hub takes one layer of escapes away, the server the other.
    return f"lab/tree/{quote(prefix + path.removeprefix('./'))}" if is_file else path


def _missing(path: str, has: Callable[[str], bool], prefix: str, *, complete: bool) -> str:
    """The notebook that a path names and the repository does not have; empty for any other path."""
    if viewed := VIEW.fullmatch(path):
        file = unquote(viewed["file"])
        below = file.startswith(prefix) and complete
        return file if below and not has(file.removeprefix(prefix)) else ""
    return path if path.endswith(".ipynb") and path.partition("/")[0] not in INTERFACES else ""


def _spec(address: str, ref: str) -> str:
    """How a hub calls the repository: who has it, what it is called there, the ref."""
    parts = urlsplit(address)
    path = unquote(parts.path).strip("/").removesuffix(".git")
    words = [quote(word, safe="") for word in path.split("/")]
    match parts.hostname, words:
        case "github.com" | "www.github.com", [owner, name]:
            return f"gh/{owner}/{name}/{ref}"
        case "gitlab.com" | "www.gitlab.com", [_, _, *_]:
            return f"gl/{'%2F'.join(words)}/{ref}"
        case "gist.github.com", [user, gist]:
            return f"gist/{user}/{gist}/{ref}"
        case _:
            return f"git/{quote(address, safe='')}/{ref}"


def _check_reachable(host: str) -> None:
    """Names without a dot are those of a private network, or of this machine's `~/.ssh/config`."""
    try:
        private = not ipaddress.ip_address(host).is_global
    except ValueError:
        private = "." not in host or host.endswith((".local", ".localhost", ".internal"))
    if private:
        raise UsageError(
            f"A hub cannot reach `{shown(host)}`, which is a name in this network only",
            hint="Pass the public URL of the repository: `r2i badge https://…`",
        )
