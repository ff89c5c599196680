"""Requirements that are URLs: archives and Git repositories, written so that uv and a build without keys take them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from r2i.formats.requirements.lines import CREDENTIALS, Line, quoted
from r2i.model import Notice

ARCHIVES = (".whl", ".zip", ".tar.gz", ".tgz", ".tar.bz2", ".tbz", ".tar.xz", ".txz", ".tar.zst", ".tar")

#: Where a public repository is read over https without a key.
PUBLIC_HOSTS = ("github.com", "gitlab.com", "bitbucket.org", "codeberg.org")

URL = re.compile(r"(?:(?:git|hg|svn|bzr)\+|https?:|ssh:|git:|ftp:|file:|git@[\w.-]+:)", re.IGNORECASE)
GIT_OVER_SSH = re.compile(r"(?:git\+)?(?:ssh://)?git@([\w.-]+)(?::(?=\D)|:\d+/|/)(.+)")
TARBALL = re.compile(r"(https?://github\.com/[^/]+/[^/]+)/(?:tar|zip)ball/([^?#]+)")
FRAGMENT = re.compile(r"(?:subdirectory|sha256|sha384|sha512|md5)=[\w./%+-]+", re.ASCII)
EGG = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:(\[[A-Za-z0-9._, -]+\]))?")


@dataclass(frozen=True, kw_only=True)
class DirectUrl:
    """`url` without `#egg=`; `name` and `extras` (`[a,b]`) as far as the URL tells them."""

    url: str
    name: str | None
    extras: str
    notices: tuple[Notice, ...]


def is_url(text: str) -> bool:
    return URL.match(text) is not None


def is_archive(path: str) -> bool:
    return path.lower().endswith(ARCHIVES)


def archive_name(path: str) -> str | None:
    """The distribution in `dir/numpy-1.26.4-py3-none-any.whl` or `numpy-1.26.4.tar.gz`."""
    file = unquote(path).rpartition("/")[2]
    if file.lower().endswith(".whl"):
        name = file.split("-")[0]
    else:
        name, dash, version = file.rpartition("-")
        if not dash or not version[:1].isdigit():
            return None
    return name if EGG.fullmatch(name) else None


def direct_url(text: str, line: Line) -> DirectUrl:
    """Understand an URL without its marker; raise where no build could use it."""
    if not (text.isascii() and text.isprintable()) or " " in text or set(text) & set("\"'`<>\\{}|^"):
        raise line.error(f"{quoted(text)} is not a valid URL", hint="Percent-encode its special characters")
    address, _, fragment = text.partition("#")
    notices = []
    changed = _reachable(address, line)
    if changed != address:
        notices.append(line.info(f"{quoted(address)} is read as {quoted(changed)}"))
    if has_credentials(changed):
        notices.append(line.warning(f"{quoted(changed)} contains a password that everybody can read"))
    egg, parts = _fragment(fragment, line)
    _check(changed, line)
    found = EGG.fullmatch(egg) if egg else None
    path = changed.partition("?")[0]
    return DirectUrl(
        url=changed + ("#" + "&".join(parts) if parts else ""),
        name=found[1] if found else archive_name(path) if is_archive(path) else None,
        extras=(found[2] or "").replace(" ", "") if found else "",
        notices=tuple(notices),
    )


def has_credentials(url: str) -> bool:
    """Whether an URL carries a user or a password; `git@` of ssh is none."""
    return CREDENTIALS.search(url) is not None and "ssh://git@" not in url


def _reachable(address: str, line: Line) -> str:
    """Another spelling of the same address where this one cannot work: no key, no `git://`, no file extension."""
    if ssh := GIT_OVER_SSH.fullmatch(address):
        host, path = ssh[1], ssh[2]
        if host.lower() in PUBLIC_HOSTS:
            return f"git+https://{host.lower()}/{path}"
        if "ssh://" not in address:
            return f"git+ssh://git@{host}/{path}"
        return address if address.startswith("git+") else f"git+{address}"
    if address.startswith(("hg+", "svn+", "bzr+")):
        raise line.error(
            f"{quoted(address)} is not a Git repository; r2i can install only from Git repositories",
            hint="Use the URL of an archive of it (`.zip`, `.tar.gz`)",
        )
    address = re.sub(r"^(?:git\+)?git://", "git+https://", address)
    address = re.sub(r"^git\+http://", "git+https://", address)
    return TARBALL.sub(r"\1/archive/\2.tar.gz", address)


def _fragment(fragment: str, line: Line) -> tuple[str, list[str]]:
    """The value of `egg=`, and the parts that matter."""
    egg, parts = "", []
    for part in filter(None, fragment.split("&")):
        if part.startswith("egg="):
            egg = unquote(part.removeprefix("egg="))
        elif FRAGMENT.fullmatch(part):
            parts.append(part)
        elif part.startswith(("subdirectory=", "sha", "md5=")):
            raise line.error(f"{quoted(part)} is not valid in a URL fragment", hint="Correct or remove it")
    return egg, parts


def _check(address: str, line: Line) -> None:
    if re.match(r"git\+(?:https|ssh)://[^/]+/.", address):
        return
    if not re.match(r"https?://[^/]+/.", address):
        raise line.error(
            f"{quoted(address)} cannot be reached from a build step",
            hint="Use an `https://` or `git+https://` URL, or a path inside the repository",
        )
    path = address.partition("?")[0].rstrip("/")
    if is_archive(path):
        return
    hint = "Use a URL that ends with `.whl`, `.tar.gz` or `.zip`"
    if path.endswith(".git") or re.fullmatch(
        r"https?://(?:github|gitlab|bitbucket)\.[a-z]+/[^/]+/[^/]+", path
    ):
        hint = f"Write {quoted('git+' + path)} to install from a Git repository"
    raise line.error(f"{quoted(address)} does not name an archive", hint=hint)
