"""Understanding what the user typed. Pure, but for looking whether a directory is there."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import quote, unquote

from r2i.errors import FetchError, R2iError, UsageError
from r2i.model import Credentials, Source
from r2i.sources.protocol import Typed

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
HELPER = re.compile(r"[\w.+-]+::")
SSH_USER = re.compile(r"\w[\w.+-]*")

FULL_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}", re.IGNORECASE)
#: What git forbids in the name of a ref (git-check-ref-format(1)), and a leading dash, which is an option's.
BAD_REF = re.compile(r"^-|^/|/$|//|\.\.|@\{|(^|/)\.|\.$|\.lock(/|$)|[\s~^:?*\[\\]|^@$")

#: Longer than any path or URL that works anywhere.
LONGEST = 4096
#: A lone user name this long is a token: `https://ghp_…@github.com/…`.
TOKEN_LENGTH = 20

#: Pages of a repository that show a directory or a file at some ref.
TREES, FILES = {"tree", "commits"}, {"blob", "raw", "blame", "edit"}

FORMS = "Name a directory, a URL that git understands, or `owner/name` on GitHub"


@dataclass(frozen=True, kw_only=True)
class Link:
    """What the path of a web address says: the repository's own path, and what it shows of it."""

    path: str
    ref: str | None = None
    ref_path: str = ""
    is_file: bool = False


def checked(text: str, *, ref: str | None, subdirectory: str, cwd: Path) -> Typed:
    """Refuse what no provider could make sense of."""
    _refuse_unprintable(text, "the repository")
    text = text.strip()
    if not text:
        raise UsageError("The repository is empty", hint=FORMS)
    if len(text) > LONGEST:
        raise UsageError(f"`{shown(text)}` is too long", hint=FORMS)
    if text.startswith("-"):
        raise UsageError(
            f"`{shown(text)}` looks like an option",
            hint="Write `./` before a directory that begins with a dash",
        )
    return Typed(
        text=text,
        ref=None if ref is None else checked_ref(ref),
        subdirectory=checked_subdirectory(subdirectory),
        cwd=cwd,
    )


def is_ref(name: str) -> bool:
    """Whether git would take it as the name of a branch or tag, and no program as an option."""
    return 0 < len(name) <= LONGEST and name.isprintable() and BAD_REF.search(name) is None


def checked_ref(ref: str) -> str:
    """Raise `UsageError` where `ref` cannot name a branch, a tag or a commit."""
    if not is_ref(ref):
        raise UsageError(
            f"`{shown(ref)}` cannot be the name of a branch, tag or commit",
            hint="Give a branch, a tag, a commit or `pull/NUMBER` to `--ref`",
        )
    return ref.lower() if FULL_ID.fullmatch(ref) else ref


def checked_subdirectory(path: str) -> str:
    """Normalise a path below the repository; raise `UsageError` where it is none."""
    _refuse_unprintable(path, "`--subdir`")
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or path.startswith("-") or len(path) > LONGEST:
        raise UsageError(
            f"`--subdir {shown(path)}` is not a path inside the repository",
            hint="Name a directory relative to the top of the repository, like `docs/notebooks`",
        )
    return "" if pure == PurePosixPath() else str(pure)


def shown(text: str) -> str:
    """What the user typed, fit for a message: without credentials and control characters, not too long."""
    text = text.partition("?")[0]
    before, at, after = text.rpartition("@")
    if at:
        scheme = re.match(r"[\w.+-]+://", before)
        text = f"{scheme.group() if scheme else ''}…@{after}"
    text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return text if len(text) <= 200 else f"{text[:200]}…"


def local_source(typed: Typed) -> Source | None:
    """A directory of this machine; raise `FetchError` for a path to nothing."""
    try:
        path = typed.cwd / Path(typed.text).expanduser()
    except RuntimeError:  # the home directory of nobody
        path = typed.cwd / typed.text
    if not _is_directory(path):
        if _exists(path) or _looks_like_path(typed.text):
            raise _no_directory(typed, path)
        return None
    path = path.resolve()
    bare = all(_exists(path / name) for name in ("HEAD", "objects", "refs")) and not _exists(path / ".git")
    if typed.ref is None and not bare:
        return Source(provider="local", location=str(path), subdirectory=typed.subdirectory)
    if not bare and not _exists(path / ".git"):
        raise UsageError(
            f"`--ref {typed.ref}` needs a git repository, and `{shown(typed.text)}` is not the top of one",
            hint="Leave `--ref` out to use the directory as it is",
        )
    # A commit, and not what lies there: the directory is a remote like any other.
    return Source(
        provider="git", location=f"file://{quote(str(path))}", ref=typed.ref, subdirectory=typed.subdirectory
    )


def git_source(typed: Typed) -> Source | None:
    """A URL, a link into a repository, or `owner/name`."""
    text = typed.text
    if HELPER.match(text):
        raise UsageError(
            f"`{shown(text)}` is a remote helper of git, which could run any program", hint=FORMS
        )
    if SHORTHAND.fullmatch(text):
        text = f"https://github.com/{text}"
    elif BARE_LINK.fullmatch(text) and "@" not in text:
        text = f"https://{text}"
    if match := URL.fullmatch(text):
        return _url_source(match, typed)
    if "://" not in text and (scp := SCP.fullmatch(text)):
        return _scp_source(scp, typed)
    return None


def remote_location(url: str, *, parent: str) -> tuple[str, Credentials | None]:
    """The URL of a submodule, which may be relative to its parent's, and the credentials in it."""
    if len(url) > LONGEST or not url.isprintable() or HELPER.match(url) or url.startswith("-"):
        raise FetchError(f"`{shown(url)}` is not a URL that r2i fetches from")
    if url.startswith(("./", "../")):
        url = _joined(parent, url)
    elif url.startswith("/"):
        url = f"file://{quote(url)}"
    if match := URL.fullmatch(url):
        return _location(match), _credentials(match)
    if "://" not in url and (scp := SCP.fullmatch(url)) and not scp["path"].startswith("-"):
        return url, None
    raise FetchError(f"`{shown(url)}` is not a URL that r2i fetches from")


def not_understood(typed: Typed) -> R2iError:
    """What to say of something that no provider understands."""
    if re.search(r"[:@]", typed.text) is None:
        return _no_directory(typed, typed.cwd / typed.text)
    return UsageError(f"`{shown(typed.text)}` is nothing that r2i can fetch", hint=FORMS)


def _url_source(match: re.Match[str], typed: Typed) -> Source:
    location = _location(match)
    link = _read_link(match) if match["scheme"].lower().startswith("http") else None
    if link is None:
        if match["query"]:
            raise UsageError(
                f"`{shown(typed.text)}` has a query, which is no part of a repository's URL",
                hint="Give the URL that `git clone` takes, and the branch or tag with `--ref`",
            )
        link = Link(path=match["path"] or "")
    else:
        location = _location(match, path=link.path)
    ref, ref_path, subdirectory = _settled(link, typed)
    return Source(
        provider="git",
        location=location,
        ref=ref,
        subdirectory=subdirectory,
        ref_path=ref_path,
        ref_path_is_file=bool(ref_path) and link.is_file,
        credentials=_credentials(match),
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
        f"The link shows `{link.ref or link.ref_path}`, and `--ref` says `{typed.ref}`",
        hint="Give the URL of the repository itself with `--ref`, or the link without it",
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


def _location(match: re.Match[str], *, path: str | None = None) -> str:
    """The URL without credentials, query and fragment."""
    scheme, host = match["scheme"].lower(), match["host"].lower()
    path = (match["path"] if path is None else path) or ""
    if any(not c.isprintable() or c.isspace() for c in path):
        raise UsageError(
            f"`{shown(match.group())}` has a space in it", hint="Write a space in a URL as `%20`"
        )
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
                f"`{shown(match.group())}` has a user name that SSH does not take",
                hint="Leave a password out: SSH uses keys",
            )
        user += "@"
    elif scheme == "git" and match["userinfo"] is not None:
        raise UsageError("A `git://` URL cannot have credentials", hint="Use `https://`")
    port = f":{match['port']}" if match["port"] else ""
    return f"{scheme}://{user}{host}{port}{path.rstrip('/')}"


def _credentials(match: re.Match[str]) -> Credentials | None:
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


def _read_link(match: re.Match[str]) -> Link | None:
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
        raise UsageError(f"The link shows `{shown(link.ref_path)}`, which cannot be", hint="Check the link")
    _refuse_unprintable(link.ref_path, "the link")
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
        f"`{shown(path)}` is not a repository, or a directory, commit or pull request of one, on {site}",
        hint="Give the address of the repository's first page",
    )


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
    return text.endswith("/") and "://" not in text and not BARE_LINK.fullmatch(text) and "@" not in text


def _no_directory(typed: Typed, path: Path) -> FetchError:
    if _exists(path):
        return FetchError(
            f"`{shown(typed.text)}` is not a directory", hint="Name the directory that it is in"
        )
    from difflib import get_close_matches

    missing = path
    while not _is_directory(missing.parent) and missing.parent != missing:
        missing = missing.parent
    near = get_close_matches(missing.name, _directories(missing.parent), n=3)
    shown_names = [f"`{shown(str(_relative(missing.parent / name, typed.cwd)))}`" for name in near]
    hint = f"Did you mean {' or '.join(shown_names)}?" if near else FORMS
    return FetchError(f"There is no directory `{shown(typed.text)}`", hint=hint)


def _relative(path: Path, cwd: Path) -> Path:
    return path.relative_to(cwd) if path.is_relative_to(cwd) else path


def _directories(parent: Path) -> list[str]:
    try:
        return [entry.name for entry in parent.iterdir() if _is_directory(entry)]
    except OSError:
        return []


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


def _refuse_unprintable(text: str, what: str) -> None:
    if any(unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"} for c in text):
        raise UsageError(
            f"`{shown(text)}` has a control character in it",
            hint=f"Write {what} without line ends and the like",
        )
