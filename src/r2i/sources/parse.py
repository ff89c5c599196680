"""Understanding what the user typed. Pure, but for looking whether a directory is there."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from urllib.parse import quote, unquote

from r2i.errors import FetchError, R2iError, UsageError
from r2i.model import Credentials, Source
from r2i.sources.doi_text import read_doi
from r2i.sources.links import Link, read_link, repository_behind
from r2i.sources.protocol import Typed
from r2i.sources.typed import FORMS, LONGEST, shown
from r2i.sources.web.archives import is_archive

URL = re.compile(
    r"(?:git\+)?(?P<scheme>https?|ssh|git|file)://"
    r"(?:(?P<userinfo>[^/?#]*)@)?(?P<host>\w[\w.-]*|\[[0-9A-Fa-f:.]+\]|)(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>/[^?#]*)?(?:\?(?P<query>[^#]*))?(?:#.*)?",
    re.IGNORECASE,
)
#: `git@host:path`, or `host.domain:path`. A host without a dot and a user could be anything (`doi:…`, `C:…`).
SCP = re.compile(r"(?P<host>\w[\w.+-]*@\w[\w.-]*|\w[\w-]*(?:\.[\w-]+)+):(?P<path>[^\s:]+)")
SHORTHAND = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}")
#: A link whose scheme was lost, as address bars show it.
BARE_LINK = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,}/[^/].*", re.IGNORECASE)
#: How files end that are packed, and not as an archive that r2i unpacks.
PACKED = {
    ".rar",
    ".gz",
    ".bz2",
    ".xz",
    ".zst",
    ".z",
    ".lz",
    ".lzma",
    ".cab",
    ".iso",
    ".dmg",
    ".arj",
    ".lha",
    ".ace",
}
HELPER = re.compile(r"[\w.+-]+::")
SSH_USER = re.compile(r"\w[\w.+-]*")
#: A lone user name this long is a token: `https://ghp_…@github.com/…`.
TOKEN_LENGTH = 20


def local_source(typed: Typed) -> Source | None:
    """A directory of this machine; raise `FetchError` for a path to nothing."""
    try:
        path = typed.cwd / Path(typed.text).expanduser()
    except RuntimeError:  # the home directory of nobody
        path = typed.cwd / typed.text
    if not _is_directory(path):
        if _is_archive_file(path):
            return None
        if _exists(path) or _looks_like_path(typed.text):
            raise _no_directory(typed, path)
        return None
    path = path.resolve()
    bare = all(_exists(path / name) for name in ("HEAD", "objects", "refs")) and not _exists(path / ".git")
    if typed.ref is None and not bare:
        return Source(provider="local", location=str(path), subdirectory=typed.subdirectory)
    if not bare and not _exists(path / ".git"):
        if _exists(path / ".hg"):
            return None
        raise UsageError(
            f"`--ref {typed.ref}` needs a git repository, and `{shown(typed.text)}` is not the top of one",
            hint="Remove `--ref` to use the directory as it is",
        )
    # A commit, and not what lies there: the directory is a remote like any other.
    return Source(
        provider="git", location=f"file://{quote(str(path))}", ref=typed.ref, subdirectory=typed.subdirectory
    )


def holds(typed: Typed, name: str) -> bool:
    """Whether a directory of this machine was typed that has an entry of this name."""
    try:
        path = typed.cwd / Path(typed.text).expanduser()
    except RuntimeError:
        return False
    return _exists(path / name) and not _exists(path / ".git")


def existing_file(typed: Typed) -> Path | None:
    """A file of this machine; None where there is none, and for a directory."""
    try:
        path = (typed.cwd / Path(typed.text).expanduser()).resolve()
        return path if path.is_file() else None
    except (OSError, RuntimeError, ValueError):
        return None


def git_source(typed: Typed) -> Source | None:
    """A URL, a link into a repository, or `owner/name`."""
    text = typed.text
    if HELPER.match(text):
        raise UsageError(f"`{shown(text)}` uses a git remote helper, which could run any program", hint=FORMS)
    if SHORTHAND.fullmatch(text):
        text = f"https://github.com/{text}"
    elif BARE_LINK.fullmatch(text) and "@" not in text:
        text = f"https://{text}"
    text = repository_behind(text)
    if match := URL.fullmatch(text):
        return _url_source(match, typed)
    if "://" not in text and (scp := SCP.fullmatch(text)):
        return _scp_source(scp, typed)
    return None


def remote_location(url: str, *, parent: str) -> tuple[str, Credentials | None]:
    """The URL of a submodule, which may be relative to its parent's, and the credentials in it."""
    if len(url) > LONGEST or not url.isprintable() or HELPER.match(url) or url.startswith("-"):
        raise FetchError(f"`{shown(url)}` is not a supported URL")
    if url.startswith(("./", "../")):
        url = _joined(parent, url)
    elif url.startswith("/"):
        url = f"file://{quote(url)}"
    if match := URL.fullmatch(url):
        return location_of(match), credentials_of(match)
    if "://" not in url and (scp := SCP.fullmatch(url)) and not scp["path"].startswith("-"):
        return url, None
    raise FetchError(f"`{shown(url)}` is not a supported URL")


def not_understood(typed: Typed) -> R2iError:
    """What to say of something that no provider understands."""
    from r2i.sources.misspelt import AT_REF, meant

    if re.search(r"[:@]", typed.text) is None:
        return _no_directory(typed, typed.cwd / typed.text)
    # No login: nothing of it is secret.
    name = typed.text if AT_REF.fullmatch(typed.text) else shown(typed.text)
    return UsageError(f"`{name}` is not a directory, URL or repository name", hint=meant(typed.text))


def _url_source(match: re.Match[str], typed: Typed) -> Source:
    location = location_of(match)
    link = read_link(match) if match["scheme"].lower().startswith("http") else None
    if link is None:
        if match["query"]:
            raise UsageError(
                f"`{shown(typed.text)}` has a query string, which is not part of a repository URL",
                hint="Pass the URL for `git clone`, and the branch or tag with `--ref`",
            )
        link = Link(path=match["path"] or "")
    else:
        location = location_of(match, path=link.path)
    ref, ref_path, subdirectory = _settled(link, typed)
    return Source(
        provider="git",
        location=location,
        ref=ref,
        subdirectory=subdirectory,
        ref_path=ref_path,
        ref_path_is_file=bool(ref_path) and link.is_file,
        credentials=credentials_of(match),
    )


def _settled(link: Link, typed: Typed) -> tuple[str | None, str, str]:
    """The ref, the path of the link that is yet to be split, and the subdirectory."""
    if link.ref is None and not link.ref_path:
        return typed.ref, "", typed.subdirectory
    if typed.ref is None:
        return link.ref, link.ref_path, typed.subdirectory
    if typed.ref in {link.ref, link.ref_path}:
        return typed.ref, "", typed.subdirectory
    if link.ref_path.startswith(f"{typed.ref}/"):
        rest = "" if link.is_file else link.ref_path.removeprefix(f"{typed.ref}/")
        return typed.ref, "", "/".join(filter(None, (rest, typed.subdirectory)))
    raise UsageError(
        f"The link names `{link.ref or link.ref_path}`, but `--ref` is `{typed.ref}`",
        hint="Pass the repository URL with `--ref`, or the link without `--ref`",
    )


def _scp_source(match: re.Match[str], typed: Typed) -> Source:
    if match["path"].startswith("-"):
        raise UsageError(f"`{shown(typed.text)}` looks like an option of git", hint=FORMS)
    return Source(
        provider="git",
        location=f"{match['host']}:{match['path'].rstrip('/')}",
        ref=typed.ref,
        subdirectory=typed.subdirectory,
    )


def location_of(match: re.Match[str], *, path: str | None = None) -> str:
    """The URL without credentials, query and fragment."""
    scheme, host = match["scheme"].lower(), match["host"].lower()
    path = (match["path"] if path is None else path) or ""
    # Git decodes them: a line end in it began another request of `git://` (CVE-2021-40330).
    if any(unicodedata.category(c) == "Cc" for c in unquote(path)):
        raise UsageError(
            f"`{shown(match.group())}` contains a control character",
            hint="Remove control characters such as `%0A` from the URL",
        )
    if any(not c.isprintable() or c.isspace() for c in path):
        raise UsageError(f"`{shown(match.group())}` contains a space", hint="Write a space in a URL as `%20`")
    if scheme == "file":
        if host not in {"", "localhost"} or match["userinfo"] is not None or match["port"]:
            raise UsageError("A `file://` URL cannot name another machine", hint="Write `file:///path`")
        host = ""
    elif not host:
        raise UsageError(f"`{shown(match.group())}` names no host", hint=FORMS)
    if not path.strip("/"):
        raise UsageError(f"`{shown(match.group())}` names no repository", hint=FORMS)
    user = ""
    if scheme == "ssh" and match["userinfo"]:
        user = match["userinfo"]
        if not SSH_USER.fullmatch(user):
            raise UsageError(
                f"`{shown(match.group())}` has a user name that is invalid for SSH",
                hint="Remove the password: SSH uses keys",
            )
        user += "@"
    elif scheme == "git" and match["userinfo"] is not None:
        raise UsageError("A `git://` URL cannot have credentials", hint="Use `https://`")
    port = f":{match['port']}" if match["port"] else ""
    return f"{scheme}://{user}{host}{port}{path.rstrip('/')}"


def credentials_of(match: re.Match[str]) -> Credentials | None:
    if not match["userinfo"] or not match["scheme"].lower().startswith("http"):
        return None
    name, colon, password = match["userinfo"].partition(":")
    username, secret = unquote(name), unquote(password)
    if any(unicodedata.category(c) in {"Cc", "Cs"} for c in username + secret):
        raise UsageError("The credentials in the URL have a control character", hint="Check the URL")
    if not colon:
        # With a name alone, the password is the business of the user's credential helper, unless it is a token.
        return Credentials(username=username, password="" if len(username) >= TOKEN_LENGTH else None)
    return Credentials(username=username, password=secret)


def _joined(parent: str, url: str) -> str:
    """Resolve `../name` as git does: against the parent's own URL, not the directory that it is in."""
    base = parent.rstrip("/")
    while True:
        if url.startswith("./"):
            url = url[2:]
        elif url.startswith("../"):
            url = url[3:]
            cut = max(base.rfind("/"), base.rfind(":"))
            if cut <= 0 or base[:cut].endswith(("/", ":")):
                raise FetchError("A relative URL leads above the top of the server")
            base = base[:cut] + ("" if base[cut] == "/" else ":")
        else:
            break
    return f"{base}{'' if base.endswith(':') else '/'}{url}"


def _looks_like_path(text: str) -> bool:
    if text in {".", "..", "~"} or text.startswith(("./", "../", "/", "~")):
        return True
    other = "://" in text or "@" in text or BARE_LINK.fullmatch(text) or read_doi(text)
    return text.endswith("/") and not other


def nothing_there(typed: Typed) -> FetchError:
    """What to say of a path to nothing, with names that are nearly the same."""
    error = _no_directory(typed, typed.cwd / typed.text)
    return error if error.hint != FORMS else FetchError(error.message, hint="Check the path")


def _no_directory(typed: Typed, path: Path) -> FetchError:
    if _exists(path):
        if path.suffix.lower() in PACKED:
            return FetchError(
                f"`{shown(typed.text)}` is a file, and r2i does not unpack `{path.suffix}`",
                hint="Unpack it yourself, and pass the directory",
            )
        return FetchError(
            f"`{shown(typed.text)}` is not a directory", hint="Pass the directory that contains it"
        )
    from difflib import get_close_matches

    from r2i.sources.misspelt import meant

    missing = path
    while not _is_directory(missing.parent) and missing.parent != missing:
        missing = missing.parent
    noun = "archive" if is_archive(typed.text) else "directory"
    near = get_close_matches(missing.name, _directories(missing.parent), n=3)
    shown_names = [f"`{shown(str(_relative(missing.parent / name, typed.cwd)))}`" for name in near]
    hint = f"Did you mean {' or '.join(shown_names)}?" if near else meant(typed.text)
    return FetchError(f"The {noun} `{shown(typed.text)}` does not exist", hint=hint)


def _relative(path: Path, cwd: Path) -> Path:
    return path.relative_to(cwd) if path.is_relative_to(cwd) else path


def _directories(parent: Path) -> list[str]:
    try:
        return [entry.name for entry in parent.iterdir() if is_archive(entry.name) or _is_directory(entry)]
    except OSError:
        return []


def _is_archive_file(path: Path) -> bool:
    """Whether a file is an archive by its name or else by its content, which decides how it is unpacked."""
    if not _exists(path) or is_archive(path.name) or not path.is_file():
        return _exists(path) and is_archive(path.name)
    from r2i.sources.web.archive_formats import holds_members

    return holds_members(path)


def _is_directory(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # a name too long for the system
        return False


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False
