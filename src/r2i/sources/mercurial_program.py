"""Running Mercurial: with no hook, no prompt, no subrepository, and with nothing that a repository configures."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from r2i.errors import FetchError, R2iError, TemporaryError
from r2i.facts.minimums import MERCURIAL, written
from r2i.host.logins import WITHHELD
from r2i.model import Source
from r2i.process import Completed
from r2i.sources.git_failures import BOUNDS
from r2i.sources.git_program import FETCHING, LIST_TIMEOUT, LISTER, LOOK_TIMEOUT, LOOKER, Fetcher, run_alone
from r2i.sources.private import private_directory

#: Where Mercurial looks for the user's configuration, if `HGRCPATH` does not say it (hgrc(5)).
CONFIGURATIONS = ("/etc/mercurial/hgrc", "~/.hgrc", "{config}/hg/hgrc")

#: Above the user's configuration. Code comes with hooks, extensions, aliases and merge tools: the user's extensions stay,
#: since logging in may need them, and nothing that a repository says is read (`HGRCSKIPREPO`).
SETTINGS = """
[ui]
interactive = no
[subrepos]
allowed = no
[extensions]
largefiles = !
lfs = !
"""

VARIABLES = {"HGPLAIN": "1", "HGRCSKIPREPO": "1", "HGENCODING": "utf-8", "LC_ALL": "C"}
#: Of the caller's own work, if r2i is run in a hook; and everything that asks or shows more.
UNWANTED = re.compile(r"HG(?!RCPATH|DEMANDIMPORT).*|SSH_ASKPASS|LANG|LANGUAGE|LC_\w+")

TEMPORARY = re.compile(
    r"name or service not known|name resolution|timed? ?out|connection (refused|reset|closed)|unreachable|"
    r"HTTP Error (5\d\d|429|408)|premature EOF|stream ended unexpectedly|No route to host",
    re.IGNORECASE,
)
LOGIN = "Check the spelling; for a private repository, log in with `[auth]` in `~/.hgrc`, an SSH key, or `https://USER:TOKEN@…`"
REFUSALS = (
    (
        re.compile(r"certificate|ssl", re.IGNORECASE),
        "Set `SSL_CERT_FILE` to the certificates of your network",
    ),
    (re.compile(r"authorization|HTTP Error 40[13]|permission denied|host key", re.IGNORECASE), LOGIN),
    (
        re.compile(
            r"HTTP Error (404|410)|not found|does not appear to be|no suitable response", re.IGNORECASE
        ),
        LOGIN,
    ),
    (re.compile(r"out of memory|MemoryError|file too large", re.IGNORECASE), BOUNDS),
)


@dataclass(frozen=True, kw_only=True)
class MercurialProgram:
    """Mercurial with a checked environment. `secret` is what no message may show."""

    environment: Mapping[str, str] = field(repr=False)
    secret: str = field(default="", repr=False)
    fetcher: Fetcher = run_alone

    def identify(self, location: str, revision: str) -> Completed:
        """Ask a repository for the full id of a revision, as a name and not as an expression."""
        argv = ["hg", "identify", "-T{id}", f"--rev={revision}", "--", location]
        return LISTER(argv, env=self.environment, timeout=LIST_TIMEOUT)

    def fetch(self, *arguments: str, cwd: Path) -> Completed:
        """Run Mercurial where it may take long: it ends with us."""
        return self.fetcher(["hg", *arguments], env=self.environment, cwd=cwd, limits=FETCHING)

    def read(self, *arguments: str, cwd: Path) -> str:
        """What Mercurial answers of a repository that we made; raise `FetchError` where it fails."""
        done = LOOKER(["hg", *arguments], env=self.environment, cwd=cwd, timeout=LOOK_TIMEOUT)
        if done.returncode:
            raise FetchError(
                f"`hg {arguments[0]}` failed: {self._gist(done)}", hint="Check the free disk space"
            )
        return done.stdout

    def failure(self, done: Completed, location: str) -> R2iError:
        """Explain why a repository could not be reached."""
        if done.returncode == 127:
            return _missing()
        gist = self._gist(done)
        if done.returncode == 124 or TEMPORARY.search(done.stderr):
            return TemporaryError(
                f"`{location}` cannot be reached: {gist}", hint="Check the network, and try again later"
            )
        hint = next((hint for pattern, hint in REFUSALS if pattern.search(done.stderr)), None)
        return FetchError(
            f"`{location}` cannot be fetched: {gist}", hint=hint or "Check that `hg clone` can fetch it"
        )

    def _gist(self, done: Completed) -> str:
        text = done.stderr.replace(self.secret, "…") if self.secret else done.stderr
        text = re.sub(r"(?<=://)[^/\s'\"]*@", "", text)
        plain = "".join(c if c.isprintable() or c == "\n" else " " for c in text)
        lines = [line.removeprefix("abort: ") for line in plain.splitlines() if line.startswith("abort: ")]
        lines += [line.strip() for line in plain.splitlines() if line.strip()] or ["it gave no reason"]
        return lines[0].rstrip(".!")


@contextmanager
def mercurial_program(source: Source, environ: Mapping[str, str]) -> Iterator[MercurialProgram]:
    """Mercurial for this source; its configuration, which may hold a password, is gone afterwards."""
    kept = {
        name: value
        for name, value in environ.items()
        if name not in WITHHELD and not UNWANTED.fullmatch(name)
    } | VARIABLES
    _check_version(LOOKER(["hg", "version", "--quiet"], env=kept | {"HGRCPATH": ""}))
    with private_directory() as directory:
        ours = directory / "hgrc"
        ours.touch(mode=0o600)
        ours.write_text(_configuration(source, environ), encoding="utf-8")
        paths = environ.get("HGRCPATH")
        kept["HGRCPATH"] = f"{paths}:{ours}" if paths else str(ours)
        if source.location.startswith("https:") and (proxy := _proxy(environ)):
            kept["http_proxy"] = proxy  # the one variable that it reads, also for https
        yield MercurialProgram(
            environment=kept, secret=source.credentials.password or "" if source.credentials else ""
        )


def _proxy(environ: Mapping[str, str]) -> str | None:
    return environ.get("https_proxy") or environ.get("HTTPS_PROXY")


def _configuration(source: Source, environ: Mapping[str, str]) -> str:
    lines = [f"%include {path}" for path in _user_files(environ)] if "HGRCPATH" not in environ else []
    lines += SETTINGS.splitlines()
    if not re.search(r"^\s*ssh\s*=", "\n".join(_texts(environ)), re.MULTILINE):
        lines += ["[ui]", "ssh = ssh -oBatchMode=yes -oConnectTimeout=30 -oServerAliveInterval=15"]
    if bundle := environ.get("SSL_CERT_FILE"):
        lines += ["[web]", f"cacerts = {bundle}"]
    if (credentials := source.credentials) and "\n" not in credentials.username + (
        credentials.password or ""
    ):
        lines += ["[auth]", f"r2i.prefix = {source.location}", f"r2i.username = {credentials.username}"]
        lines += [f"r2i.password = {credentials.password}"] if credentials.password is not None else []
    return "\n".join(lines) + "\n"


def _user_files(environ: Mapping[str, str]) -> list[str]:
    home = environ.get("HOME", "")
    config = environ.get("XDG_CONFIG_HOME") or f"{home}/.config"
    return [path.replace("~", home).format(config=config) for path in CONFIGURATIONS]


def _texts(environ: Mapping[str, str]) -> Iterator[str]:
    paths = environ.get("HGRCPATH", ":".join(_user_files(environ))).split(":")
    for path in filter(None, paths):
        try:
            yield Path(path).read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue


def _missing() -> FetchError:
    return FetchError(
        "Mercurial is not installed",
        hint="Install it: `apt-get install mercurial` or `pipx install mercurial`",
    )


def _check_version(done: Completed) -> None:
    if done.returncode == 127:
        raise _missing()
    found = re.search(r"(\d+)\.(\d+)", done.stdout)
    if found is None or (int(found[1]), int(found[2])) < MERCURIAL:
        raise FetchError(
            f"Mercurial is too old: `{done.stdout.strip()}`",
            hint=f"Install Mercurial {written(MERCURIAL)} or newer",
        )
