"""The package indexes of this machine, for r2i itself: what `pip` and `uv` would ask here, and how."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from r2i.host.addresses import mask, unnamed, with_logins
from r2i.host.certificates import read_bundle
from r2i.host.readers import read_pip, read_uv
from r2i.host.settings import picked
from r2i.model import Notice
from r2i.process import run

#: Variables with addresses of indexes: the main one comes first, for pip and uv alike.
MAIN = ("PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL")
MORE = ("PIP_EXTRA_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL")

#: How the help of pip and that of uv name it, and how long they may take to print that, in seconds.
DEFAULT = re.compile(r"default:?\s+<?(https?://[^\s<>)]+)")
PATIENCE = 10.0

#: With these, pip and uv ask no index at all.
WITHOUT, YES = ("PIP_NO_INDEX", "UV_NO_INDEX", "UV_OFFLINE"), ("1", "true", "yes", "on")


@dataclass(frozen=True, kw_only=True)
class Index:
    """`address` has no credentials and no slash at its end; `login` is a user name and a password, never shown."""

    address: str
    login: tuple[str, str] | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class Indexes:
    """In the order in which they are asked. `certificates` are PEM texts to trust besides, `proxies` by scheme."""

    indexes: tuple[Index, ...]
    certificates: str = ""
    proxies: Mapping[str, str] = field(default_factory=dict, repr=False)
    no_proxy: str = ""


def indexes(
    environ: Mapping[str, str], *, ca_bundle: Path | None, home: Path, system: Path = Path("/")
) -> Indexes:
    """Indexes that are directories of this machine are left out. Raise `UsageError` where a CA bundle cannot be read."""
    notices: list[Notice] = []  # those of the readers are about build steps
    if any(environ.get(name, "").lower() in YES for name in WITHOUT):
        return Indexes(indexes=())
    pip = read_pip(environ, home, system, notices)
    found = picked(environ, pip, read_uv(environ, home, system, notices))
    found = with_logins(found, environ, home, notices)
    main = next((found[name] for name in MAIN if found.get(name)), "") or default_index(environ)
    more = [part for name in MORE for part in found.get(name, "").split()]
    parsed = [_index(unnamed(part)) for part in (main, *more)]
    named = {"cert` of `pip.conf": pip.get("PIP_CERT")}
    return Indexes(
        indexes=tuple(dict.fromkeys(one for one in parsed if one)),
        certificates=read_bundle(environ, named, ca_bundle, system, notices),
        proxies={
            scheme: value
            for scheme in ("http", "https", "all")
            if (value := found.get(f"{scheme}_proxy") or found.get(f"{scheme.upper()}_PROXY"))
        },
        no_proxy=found.get("no_proxy", ""),
    )


def default_index(environ: Mapping[str, str]) -> str:
    """The index that pip or uv asks where nothing names one, as its own help says; empty where neither is there.

    It runs where no file of a repository lies, and Python in its isolated mode.
    """
    for program in (
        (sys.executable, "-I", "-m", "pip", "help", "install"),
        ("uv", "pip", "install", "--help"),
    ):
        done = run(program, env=environ, cwd=Path("/"), timeout=PATIENCE)
        if done.returncode == 0 and (match := DEFAULT.search(done.stdout)):
            return match[1]
    return ""


def _index(address: str) -> Index | None:
    try:
        split = urlsplit(address)
        host = split.hostname
    except ValueError:
        return None
    if split.scheme not in ("http", "https") or not host:
        return None
    login = (unquote(split.username or ""), unquote(split.password or "")) if "@" in split.netloc else None
    plain = split._replace(netloc=split.netloc.rpartition("@")[2], query="", fragment="").geturl()
    return Index(address=mask(plain).rstrip("/"), login=login)
