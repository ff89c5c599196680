"""Links with which a BinderHub launches a repository, of any hub. Pure.

Their forms: https://binderhub.readthedocs.io/en/latest/developer/repoproviders.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote, unquote

from r2i.errors import UsageError
from r2i.model import Source
from r2i.sources.doi_text import read_doi
from r2i.sources.opens import below_server, tree_path
from r2i.sources.parse import git_source
from r2i.sources.protocol import Typed
from r2i.sources.pull_links import Pull, content_alone, content_of, fields_of, pull_of_link, pull_of_path
from r2i.sources.typed import checked_ref, shown

LINK = re.compile(
    r"(?:(?P<scheme>https?)://)?(?:[^/?#@\s]*@)?(?P<host>\[[0-9a-f:.]+\]|\w[\w.-]*)(?P<port>:[0-9]*)?"
    r"(?P<path>/[^?#]*)?(?:\?(?P<query>[^#]*))?(?:#.*)?",
    re.IGNORECASE | re.DOTALL,
)
LAUNCH = re.compile(r"(?P<base>(?:/[^/]+)*?)/v2/(?P<prefix>[^/]+)(?:/(?P<spec>.*))?", re.DOTALL)
#: The first Binder, until 2017; it wrote `mybinder.org:/repo/…`, too.
OLD = re.compile(r"/repo/(?P<owner>[^/]+)/(?P<name>[^/]+)(?:/(?P<opens>.*))?", re.DOTALL)
IMAGE = re.compile(r"/(?:[^?#]*/)?badge(?:_logo)?(?:\.svg|\.png)", re.IGNORECASE)
#: Where somebody is already working: gone in an hour, and of nobody else.
SESSION = re.compile(r"/(?:[^/]+/)*user/")
RESOURCE = re.compile(r"[0-9a-f]{32}", re.IGNORECASE)

#: Sites with repositories, whose owners may be called `v2`.
SITES = re.compile(
    r"(?:www\.)?(?:gist\.)?(?:github\.|gitlab\.|bitbucket\.org$|codeberg\.org$)", re.IGNORECASE
)

#: What a hub takes for the newest revision of a gist, whatever its branch is called.
NEWEST = frozenset({"", "HEAD", "master", "main"})


@dataclass(frozen=True, kw_only=True)
class LaunchLink:
    """What a hub would build: `address` is for git, or else for the provider that understands it."""

    address: str
    is_git: bool = True
    ref: str | None = None
    opens: str = ""


def is_launch_link(text: str) -> bool:
    """Whether a web address launches something: of a BinderHub, or with nbgitpuller."""
    match = LINK.fullmatch(text)
    if match is None or match["scheme"] is None:
        return False
    if SITES.match(match["host"]):
        return False
    path = match["path"] or ""
    of_hub, launch = _is_hub(match, path), LAUNCH.fullmatch(path)
    if launch and launch["spec"] and (of_hub or launch["prefix"] in FORMS):
        return True
    return bool((of_hub and OLD.fullmatch(path)) or _pull(match))


def is_badge_image(text: str) -> bool:
    """Whether a web address is the picture of a badge, which says nothing about the repository."""
    match = LINK.fullmatch(text)
    if match is None or not match["path"]:
        return False
    of_hub = _is_hub(match, match["path"]) and IMAGE.fullmatch(match["path"])
    return bool(of_hub or (match["host"].lower() == "img.shields.io" and "binder" in match["path"].lower()))


def launched(typed: Typed, published: Callable[[Typed], Source]) -> Source | None:
    """The source that a link launches, None where it is no such link.

    `published` reads what is not for git, and raises where nobody understands it. Raises `UsageError` for a link that
    no hub would understand, and where the link and `--ref` disagree.
    """
    if is_badge_image(typed.text):
        raise badge_image()
    match = LINK.fullmatch(typed.text)
    if match is None or SITES.match(match["host"]):
        return None
    if match["scheme"] is None and not _is_hub(match, match["path"] or ""):
        return None
    if (link := _launch_link(match)) is not None:
        return _source(link, typed, published)
    if (pull := _pull(match)) is not None:
        return content_alone(pull, typed, _agreed(pull.ref, typed))
    return None


def badge_image() -> UsageError:
    return UsageError(
        "This is the image of a badge, which names no repository",
        hint="Pass the link behind the badge: `https://mybinder.org/v2/gh/OWNER/NAME/HEAD`",
    )


def _is_hub(match: re.Match[str], path: str) -> bool:
    """Whether the address is of a BinderHub, as far as names tell."""
    return "binder" in match["host"].lower() or "/binder/v2/" in path


def _pull(match: re.Match[str]) -> Pull | None:
    """What a link to a JupyterHub pulls; most links have no `git-` in them, and their parameters are not looked at."""
    return pull_of_link(match.group()) if "git-" in match.group() and match["query"] else None


def _launch_link(match: re.Match[str]) -> LaunchLink | None:
    path = match["path"] or ""
    if launch := LAUNCH.fullmatch(path):
        prefix, spec = launch["prefix"].lower(), launch["spec"] or ""
        if form := FORMS.get(prefix):
            if not spec.strip("/"):
                raise _names_nothing(match)
            return replace(form(spec), opens=_opens(match["query"] or ""))
        if _is_hub(match, path):
            raise _unknown(prefix)
        return None
    if not _is_hub(match, path):
        return None
    if old := OLD.fullmatch(path):
        address = f"https://github.com/{old['owner']}/{old['name']}"
        return LaunchLink(address=address, opens=_checked(unquote(old["opens"] or "")))
    if SESSION.match(path):
        raise UsageError(
            "This is the address of a running session, which names no repository",
            hint="Pass the link that started it: `https://mybinder.org/v2/gh/OWNER/NAME/HEAD`",
        )
    if "mybinder.org" in match["host"].lower():
        raise _names_nothing(match)
    return None


def _source(link: LaunchLink, typed: Typed, published: Callable[[Typed], Source]) -> Source:
    if not link.is_git:
        source = published(replace(typed, text=link.address))
    else:
        asked = replace(typed, text=link.address, ref=_agreed(link.ref, typed))
        found = git_source(asked)
        # A link comes from others: it names no directory of this machine.
        if found is None or found.location.startswith("file:"):
            raise UsageError(
                f"The Binder link names `{shown(link.address)}`, which is not the URL of a repository",
                hint=f"Write the URL for `git clone` percent-encoded, and the ref: `{_encoded_git('https://example.org/name')}`",
            )
        source = found
    pull = pull_of_path(link.opens)
    if pull is None:
        return replace(source, opens=_checked(link.opens))
    content = content_of(pull, typed)
    return replace(source, opens=pull.opens, content=content)


def _agreed(ref: str | None, typed: Typed) -> str | None:
    """The ref of the link or of `--ref`, where they do not contradict each other."""
    if ref is not None and typed.ref is not None and ref != typed.ref:
        raise UsageError(
            f"The link names `{shown(ref)}`, but `--ref` is `{typed.ref}`",
            hint="Pass the repository URL with `--ref`, or the link without `--ref`",
        )
    return typed.ref if ref is None else checked_ref(ref)


def _opens(query: str) -> str:
    """The path of the server that a link opens, from three parameters of which the older ones win, as in a hub."""
    fields = fields_of(query)
    if "labpath" in fields:
        return tree_path("doc/tree", fields["labpath"])
    if "filepath" in fields:
        return tree_path("tree", fields["filepath"])
    return fields.get("urlpath", "")


def _checked(opens: str) -> str:
    return below_server(opens, what="The link") if opens else ""


def _github(spec: str) -> LaunchLink:
    owner, _, rest = spec.strip("/").partition("/")
    name, _, ref = rest.partition("/")
    if not name or not ref:
        raise _without_ref(f"gh/{owner}/{name or 'NAME'}")
    return LaunchLink(address=f"https://github.com/{owner}/{name}", ref=_ref(ref))


def _gitlab(spec: str) -> LaunchLink:
    quoted, _, ref = spec.strip("/").partition("/")
    namespace = unquote(quoted).strip("/")
    if "/" not in namespace:
        *words, last = spec.strip("/").split("/")
        if len(words) < 2:
            raise _without_ref("gl/GROUP%2FNAME" if not words else f"gl/{quoted}%2F{last}")
        raise UsageError(
            "The Binder link does not show where the path of the GitLab project ends",
            hint=f"Write its slashes as `%2F`: `gl/{'%2F'.join(words)}/{last}`",
        )
    if not ref:
        raise _without_ref(f"gl/{quoted}")
    return LaunchLink(address=f"https://gitlab.com/{quote(namespace, safe='/')}", ref=_ref(ref))


def _gist(spec: str) -> LaunchLink:
    words = [unquote(word) for word in spec.strip("/").split("/")]
    if len(words) < 2:
        raise UsageError("The Binder link names no gist", hint="Write `gist/USER/ID/HEAD`")
    ref = "/".join(words[2:])
    return LaunchLink(
        address=f"https://gist.github.com/{words[0]}/{words[1]}", ref=None if ref in NEWEST else ref
    )


def _git(spec: str) -> LaunchLink:
    quoted, _, ref = spec.strip("/").partition("/")
    address = unquote(quoted)
    if ":" not in address or re.fullmatch(r"[a-z+]+:/*", address):
        raise UsageError(
            "The Binder link has a repository URL that is not percent-encoded",
            hint=f"Write `{_encoded_git('https://example.org/name')}`",
        )
    if not ref:
        raise _without_ref("git/URL" if "@" in address else f"git/{quoted}")
    return LaunchLink(address=address, ref=_ref(ref))


def _doi(spec: str) -> LaunchLink:
    doi = read_doi(unquote(spec).strip("/"))
    if doi is None:
        raise UsageError(
            f"The Binder link names `{shown(unquote(spec))}`, which is not a DOI",
            hint="Write the DOI behind the provider: `zenodo/10.5281/zenodo.1234`",
        )
    return LaunchLink(address=doi, is_git=False)


def _hydroshare(spec: str) -> LaunchLink:
    """A hub looks for the id alone; a resource need not have a DOI."""
    found = RESOURCE.search(unquote(spec))
    if found is None:
        raise UsageError(
            f"The Binder link names `{shown(unquote(spec))}`, which is not the id of a HydroShare resource",
            hint="Write its 32 hexadecimal digits: `hydroshare/0123…`",
        )
    return LaunchLink(address=f"https://www.hydroshare.org/resource/{found.group().lower()}", is_git=False)


def _ckan(spec: str) -> LaunchLink:
    address = unquote(spec).strip("/")
    if not re.match(r"https?://[^/]+/.*dataset/", address, re.IGNORECASE):
        raise UsageError(
            f"The Binder link names `{shown(address)}`, which is not the URL of a CKAN dataset",
            hint="Write it percent-encoded: `ckan/https%3A%2F%2Fexample.org%2Fdataset%2FNAME`",
        )
    return LaunchLink(address=address, is_git=False)


#: By what follows `/v2/`.
FORMS: Mapping[str, Callable[[str], LaunchLink]] = {
    "gh": _github,
    "gl": _gitlab,
    "gist": _gist,
    "git": _git,
    "zenodo": _doi,
    "figshare": _doi,
    "dataverse": _doi,
    "hydroshare": _hydroshare,
    "ckan": _ckan,
}

#: What people write instead.
MEANT = {"github": "gh", "gitlab": "gl", "gists": "gist", "doi": "zenodo"}


def _ref(text: str) -> str | None:
    ref = unquote(text).strip("/")
    return None if ref == "HEAD" else ref


def _encoded_git(url: str) -> str:
    return f"git/{quote(url, safe='')}/HEAD"


def _without_ref(spec: str) -> UsageError:
    return UsageError(
        "The Binder link names no branch, tag or commit",
        hint=f"Add it, or `HEAD` for the default branch: `{shown(spec)}/HEAD`",
    )


def _names_nothing(match: re.Match[str]) -> UsageError:
    return UsageError(
        f"`{shown(match.group())}` names no repository",
        hint="Pass a link such as `https://mybinder.org/v2/gh/OWNER/NAME/HEAD`",
    )


def _unknown(prefix: str) -> UsageError:
    from difflib import get_close_matches

    near = [MEANT[prefix]] if prefix in MEANT else get_close_matches(prefix, FORMS, n=1)
    known = ", ".join(f"`{name}`" for name in FORMS)
    return UsageError(
        f"`{shown(prefix)}` in the Binder link is not a provider of a BinderHub",
        hint=f"Did you mean `{near[0]}`?" if near else f"Use one of {known}",
    )
