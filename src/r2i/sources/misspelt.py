"""What somebody may have meant who typed an address that nothing understands, or a host that nobody has. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches

from r2i.sources.doi_text import read_doi
from r2i.sources.typed import FORMS, LONGEST, shown

WINDOWS = re.compile(r"(?P<drive>[A-Za-z]):[\\/](?P<path>.*)", re.DOTALL)
SCHEME = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)(?P<marks>:?/*|;/+)(?P<rest>.*)", re.DOTALL)
SCHEMES = ("https", "http", "ssh", "git", "file", "git+https", "hg+https")
PREFIX = re.compile(r"(?P<prefix>[A-Za-z.]+)[:.\s]\s*(?P<rest>\S+)")
SWHID = re.compile(r"swh:[^:]*:[^:]*:.*", re.IGNORECASE)

#: Among other words, such as those of `git clone`.
ADDRESS = re.compile(r"(?:https?|ssh)://[^\s/]+/\S+", re.IGNORECASE)

OWNED = re.compile(r"[\w-]+/[\w.-]+", re.ASCII)
#: A repository with its ref behind, as other programs have it.
AT_REF = re.compile(r"(?P<name>[A-Za-z0-9][\w-]{0,38}/[\w.-]{1,100})@(?P<ref>[\w./-]{1,100})", re.ASCII)
NUMBER = re.compile(r"[0-9]+")

#: Hosts whose repositories and records people type most, for a name that nobody has.
HOSTS = (
    *("github.com", "gist.github.com", "gitlab.com", "bitbucket.org", "codeberg.org", "mybinder.org"),
    *("zenodo.org", "sandbox.zenodo.org", "doi.org", "figshare.com", "osf.io", "dataverse.harvard.edu"),
    *("hydroshare.org", "archive.softwareheritage.org", "data.caltech.edu", "raw.githubusercontent.com"),
)

#: How people shorten the names of sites, and what r2i reads.
SHORT: Mapping[str, Callable[[str], str | None]] = {
    "gh": lambda rest: rest if OWNED.fullmatch(rest) else None,
    "github": lambda rest: rest if OWNED.fullmatch(rest) else None,
    "gl": lambda rest: f"https://gitlab.com/{rest}" if OWNED.match(rest) else None,
    "gitlab": lambda rest: f"https://gitlab.com/{rest}" if OWNED.match(rest) else None,
    "gist": lambda rest: f"https://gist.github.com/{rest}",
    "zenodo": lambda rest: f"10.5281/zenodo.{rest}" if NUMBER.fullmatch(rest) else None,
    "figshare": lambda rest: f"10.6084/m9.figshare.{rest}" if re.match(r"[0-9]", rest) else None,
    "osf": lambda rest: f"https://osf.io/{rest}",
}
PREFIXES = ("doi", "swh", *SHORT)


def meant(text: str) -> str:
    """An imperative: what to type instead, or else all that there is to type."""
    if len(text) > LONGEST:
        return FORMS
    if windows := WINDOWS.fullmatch(text):
        path = windows["path"].replace("\\", "/")
        return f"Run r2i in WSL, and write `/mnt/{windows['drive'].lower()}/{shown(path)}`"
    if "\\" in text and "://" not in text:
        slashed = text.replace("\\", "/")
        return f"Separate directories with `/`: `{shown(slashed)}`"
    if len(words := text.split()) > 1 and (addresses := [word for word in words if ADDRESS.fullmatch(word)]):
        return f"Pass the address alone: `{shown(addresses[0])}`"
    if at := AT_REF.fullmatch(text):
        return f"Did you mean `{at['name']} --ref {at['ref']}`?"
    found = _address(text) or _prefixed(text)
    return f"Did you mean `{shown(found)}`?" if found else FORMS


def near_host(host: str) -> str | None:
    """A host that r2i knows whose name is nearly this one, of which no address was found."""
    near = get_close_matches(host.lower().removeprefix("www."), HOSTS, n=1, cutoff=0.87)
    return near[0] if near and near[0] != host.lower().removeprefix("www.") else None


def _address(text: str) -> str | None:
    """An address whose scheme, or the marks behind it, are wrong."""
    match = SCHEME.fullmatch(text)
    if match is None or not match["rest"] or "/" not in match["marks"] or "/" not in match["rest"]:
        return None
    near = get_close_matches(match["scheme"].lower(), SCHEMES, n=1, cutoff=0.7)
    if not near or (near[0] == match["scheme"].lower() and match["marks"] == "://"):
        return None
    if near[0] == "file":  # its path begins with the slash that belongs to no mark
        return f"file:///{match['rest']}" if ":" in match["marks"] else None
    lost = match["marks"] == "//" and near[0] in {"https", "http"}
    return f"{near[0]}://{match['rest']}" if lost or ":" in match["marks"] or ";" in match["marks"] else None


def _prefixed(text: str) -> str | None:
    """A name before a colon: of a site, or a misspelt one."""
    match = PREFIX.fullmatch(text)
    if match is None:
        return None
    near = get_close_matches(match["prefix"].lower(), PREFIXES, n=1, cutoff=0.6)
    if not near:
        return None
    prefix, rest = near[0], match["rest"]
    if prefix in SHORT:
        return SHORT[prefix](rest)
    misspelt = prefix != match["prefix"].lower()
    if prefix == "doi":
        return f"doi:{doi}" if (doi := read_doi(rest)) and misspelt else _prefixed(rest)
    return f"swh:{rest}" if SWHID.fullmatch(f"swh:{rest}") and misspelt else None
