"""Running git: with nothing of the caller's repository around it, no hook, no prompt, and credentials out of sight.

Git is run as a program, through `r2i.process`, and not through GitPython, for three reasons: a fetch must die with us,
children included; the environment must be ours, and GitPython begins with that of the process; and GitPython
reads `.gitmodules` with a parser of its own that follows `include.path` out of the repository.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from r2i import process
from r2i.errors import FetchError, R2iError, TemporaryError
from r2i.model import Credentials
from r2i.process import Completed, Runner

#: `GIT_CONFIG_COUNT`, on which all of our safety rests, is of 2.31 (2021).
OLDEST_GIT = (2, 31)
#: How long a server may take to list its refs, in seconds.
LIST_TIMEOUT = 120.0
#: How many of the last lines of a fetch are kept to explain a failure.
KEPT_LINES = 40

#: Settings of the caller's own repository, if r2i is run in a hook or an alias; traces, which would show
#: credentials; and everything that asks somebody for a password.
UNWANTED = re.compile(
    r"GIT_(DIR|WORK_TREE|INDEX_FILE|PREFIX|NAMESPACE|COMMON_DIR|OBJECT_DIRECTORY|ALTERNATE_OBJECT_DIRECTORIES|"
    r"CEILING_DIRECTORIES|TEMPLATE_DIR|EXTERNAL_DIFF|EXEC_PATH|ASKPASS|CONFIG_PARAMETERS|ATTR_SOURCE|GRAFT_FILE|"
    r"SHALLOW_FILE|REPLACE_REF_BASE|DEFAULT_HASH|CURL_VERBOSE|REDACT_COOKIES|PROTOCOL_FROM_USER|QUARANTINE_PATH|"
    r"(LITERAL|GLOB|NOGLOB|ICASE)_PATHSPECS|TRACE\w*|TRANSFER_TRACE)|SSH_ASKPASS|LANG|LANGUAGE|LC_\w+"
)

VARIABLES = {
    "GIT_ASKPASS": "",
    "GIT_LFS_SKIP_SMUDGE": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GCM_INTERACTIVE": "never",
    "LC_ALL": "C",
    "SSH_ASKPASS_REQUIRE": "never",
}

SETTINGS = {
    "advice.detachedHead": "false",
    "core.askPass": "",
    "core.attributesFile": "/dev/null",
    "core.autocrlf": "false",
    "core.eol": "lf",
    "core.fsmonitor": "false",
    "core.hooksPath": "/dev/null",
    "core.logAllRefUpdates": "false",
    "credential.interactive": "false",
    "fetch.recurseSubmodules": "false",
    "gc.auto": "0",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "60",
    "init.defaultBranch": "main",
    "maintenance.auto": "false",
    "protocol.ext.allow": "never",
    "submodule.recurse": "false",
}

#: A configuration in a directory may be anybody's: nothing is fetched for it, and so nothing started.
CLOSED = {"GIT_ALLOW_PROTOCOL": "none", "GIT_NO_LAZY_FETCH": "1", "GIT_OPTIONAL_LOCKS": "0"}

#: A credential helper that says what it finds in the environment. Unlike a header it answers to one server only, and
#: only when that server asks: git does not take it along when it is redirected.
HELPER = (
    "!f() { test \"$1\" = get && printf 'username=%s\\npassword=%s\\n'"
    ' "$R2I_GIT_USERNAME_{n}" "$R2I_GIT_PASSWORD_{n}"; }; f'
)


class Fetcher(Protocol):
    """The seam for what may take long: anything that is called like `run_alone`."""

    def __call__(self, argv: list[str], *, env: Mapping[str, str], cwd: Path) -> Completed: ...


def run_alone(argv: list[str], *, env: Mapping[str, str], cwd: Path) -> Completed:
    """Run a program in a session of its own, without a terminal, and end it when we are interrupted."""
    kept: deque[str] = deque(maxlen=KEPT_LINES)
    try:
        # Git ends on a signal without its helper, which would go on talking to the server: the helper comes first.
        with process.streaming(argv, env=env, cwd=cwd, guard="children") as (lines, wait):
            kept.extend(lines)
            code = wait()
    except FileNotFoundError:
        return Completed(argv=(*argv,), returncode=127, stdout="", stderr=f"{argv[0]}: not found")
    return Completed(argv=(*argv,), returncode=code, stdout="", stderr="\n".join(kept))


@dataclass(frozen=True, kw_only=True)
class GitProgram:
    """Git with a checked environment. `secrets` are what no message may show."""

    environment: Mapping[str, str] = field(repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    runner: Runner = process.run
    fetcher: Fetcher = run_alone

    def ask(self, *arguments: str, cwd: Path | None = None, stdin: str = "") -> Completed:
        """Run git for its answer, where no network is involved."""
        return self.runner(["git", *arguments], env=self.environment, cwd=cwd, stdin=stdin)

    def read(self, *arguments: str, cwd: Path, stdin: str = "") -> str:
        """What git answers; raise `FetchError` where it fails."""
        done = self.ask(*arguments, cwd=cwd, stdin=stdin)
        if done.returncode:
            raise FetchError(
                f"`git {arguments[0]}` failed: {self._plain(_gist_of(done.stderr))}",
                hint="Check the free space of the disk, and that the repository is sound",
            )
        return done.stdout

    def list(self, location: str, *patterns: str) -> str:
        """`git ls-remote`; outside of any repository, whose configuration could lead it elsewhere."""
        environment = {**self.environment, "GIT_DIR": "/dev/null"}
        argv = ["git", "ls-remote", "--symref", "--", location, *patterns]
        done = self.runner(argv, env=environment, timeout=LIST_TIMEOUT)
        if done.returncode:
            raise self.failure(done, location)
        return done.stdout

    def fetch(self, *arguments: str, cwd: Path) -> Completed:
        """Run git where it may take long: it ends with us."""
        return self.fetcher(["git", *arguments], env=self.environment, cwd=cwd)

    def failure(self, done: Completed, location: str) -> R2iError:
        """Explain why a repository could not be reached."""
        output = self._plain(done.stderr)
        line = _gist_of(output)
        if done.returncode == 127:
            return FetchError("`git` is not installed", hint="Install git: `apt-get install git`")
        for pattern, hint in REFUSALS:
            if pattern.search(output):
                return FetchError(f"`{location}` cannot be fetched: {line}", hint=hint)
        if done.returncode == 124 or TEMPORARY.search(output):
            return TemporaryError(
                f"`{location}` cannot be reached: {line}", hint="Check the network, and try again later"
            )
        return FetchError(
            f"`{location}` cannot be fetched: {line}", hint="Check that `git clone` can fetch it"
        )

    def first_reason(self, done: Completed, *, skip: re.Pattern[str]) -> str:
        """The first line of a failure that says something."""
        lines = [line.strip() for line in self._plain(done.stderr).splitlines() if not skip.match(line)]
        return lines[0].rstrip(".") if lines else "it gave no reason"

    def _plain(self, text: str) -> str:
        for secret in self.secrets:
            text = text.replace(secret, "…")
        text = re.sub(r"(?<=://)[^/\s'\"]*@", "", text)
        return "".join(c if c.isprintable() or c == "\n" else " " for c in text)


TEMPORARY = re.compile(
    r"could not resolve|name resolution|name or service not known|connection (refused|timed out|reset|closed)|"
    r"operation (timed out|too slow)|timed? ?out|failed to connect|couldn't connect|network is unreachable|"
    r"no route to host|no answer in|returned error: (5\d\d|429|408)|early eof|rpc failed|unexpected disconnect|"
    r"hung up unexpectedly|empty reply|transfer closed|gnutls_handshake|ssl_error_syscall|kex_exchange_identification",
    re.IGNORECASE,
)

_LOGIN = (
    "Check the spelling; for a private repository, log in with git's credential helper, an SSH key, "
    "or `https://USER:TOKEN@…`"
)
REFUSALS = (
    (
        re.compile(r"certificate|server verification failed", re.IGNORECASE),
        "Name the network's certificates with `GIT_SSL_CAINFO` or `SSL_CERT_FILE`",
    ),
    (
        re.compile(r"host key verification failed", re.IGNORECASE),
        "Connect once with `ssh`, to see and accept the key of the server",
    ),
    (
        re.compile(
            r"authentication failed|could not read (username|password)|prompts disabled|permission denied|"
            r"access denied|returned error: 40[13]|unable to get password|not authorized",
            re.IGNORECASE,
        ),
        _LOGIN,
    ),
    (
        re.compile(
            r"not found|does not exist|not appear to be a git repository|returned error: (404|410)",
            re.IGNORECASE,
        ),
        _LOGIN,
    ),
    (
        re.compile(r"transport '.*' not allowed", re.IGNORECASE),
        "Use `https://` or SSH, which are the ways that r2i fetches by",
    ),
    (
        re.compile(r"dubious ownership", re.IGNORECASE),
        "Let git trust it: `git config --global --add safe.directory PATH`",
    ),
    (re.compile(r"no space left", re.IGNORECASE), "Make room on the disk, or point `TMPDIR` to a larger one"),
)


def git_program(
    environ: Mapping[str, str],
    *,
    file_allowed: bool,
    credentials: Iterable[tuple[str, Credentials]] = (),
    runner: Runner = process.run,
) -> GitProgram:
    """Prepare git. `credentials` are for the servers before them (`https://host:port`)."""
    outside = {**environ, "GIT_DIR": "/dev/null", "LC_ALL": "C"}
    _check_version(runner(["git", "version"], env=outside))
    configured = _configured(runner(["git", "config", "--list", "-z"], env=outside).stdout)
    credentials = tuple(credentials)
    return GitProgram(
        environment=git_environment(
            environ, configured=configured, file_allowed=file_allowed, credentials=credentials
        ),
        # A token may stand where the name does. Longest first: one may be part of another.
        secrets=tuple(
            sorted({s for _, c in credentials if (s := c.password or c.username)}, key=len, reverse=True)
        ),
        runner=runner,
    )


def looking_git(environ: Mapping[str, str]) -> GitProgram:
    """Git for a directory of this machine, whose configuration may be anybody's: nothing is fetched for it or written."""
    git = git_program(environ, file_allowed=False)
    return replace(git, environment={**git.environment, **CLOSED})


def git_environment(
    environ: Mapping[str, str],
    *,
    configured: frozenset[str],
    file_allowed: bool,
    credentials: tuple[tuple[str, Credentials], ...] = (),
) -> dict[str, str]:
    """The environment of git: the user's own configuration counts, and what must not happen is switched off above it.

    `configured` are the keys that the user's configuration has.
    """
    result = {name: value for name, value in environ.items() if not UNWANTED.fullmatch(name)}
    result |= VARIABLES
    result["GIT_ALLOW_PROTOCOL"] = _allowed(environ, file_allowed=file_allowed)
    result |= _connecting(environ, configured)
    settings = [
        (key, value)
        for key, value in SETTINGS.items()
        if not (key.startswith("http.") and key.lower() in configured)
    ]
    settings += _without_filters(configured)
    for number, (server, credential) in enumerate(credentials):
        settings += _with_credentials(server, credential, number=number)
        result[f"R2I_GIT_USERNAME_{number}"] = credential.username
        result[f"R2I_GIT_PASSWORD_{number}"] = credential.password or ""
    return result | _as_variables(settings, environ)


def _allowed(environ: Mapping[str, str], *, file_allowed: bool) -> str:
    """The protocols of ours, without those that the user does not allow either."""
    ours = ["https", "http", "ssh", "git", *(["file"] if file_allowed else [])]
    users = environ.get("GIT_ALLOW_PROTOCOL")
    return ":".join(ours if users is None else [scheme for scheme in ours if scheme in users.split(":")])


def _connecting(environ: Mapping[str, str], configured: frozenset[str]) -> dict[str, str]:
    """How servers are reached, where the user has not said it in git's own way."""
    result = {}
    if not {"GIT_SSH_COMMAND", "GIT_SSH"} & environ.keys() and "core.sshcommand" not in configured:
        result["GIT_SSH_COMMAND"] = "ssh -oBatchMode=yes -oConnectTimeout=30 -oServerAliveInterval=15"
    bundle = environ.get("SSL_CERT_FILE")
    if bundle and "GIT_SSL_CAINFO" not in environ and "http.sslcainfo" not in configured:
        result["GIT_SSL_CAINFO"] = bundle
    return result


def _without_filters(configured: frozenset[str]) -> list[tuple[str, str]]:
    """Nothing of the host runs over the files of a repository; LFS has its turn after the checkout."""
    names = {key.split(".", 1)[1].rsplit(".", 1)[0] for key in configured if re.match(r"filter\..+\.", key)}
    return [
        (f"filter.{name}.{key}", "false" if key == "required" else "")
        for name in sorted({"lfs", *names})
        for key in ("clean", "smudge", "process", "required")
    ]


def _with_credentials(server: str, credential: Credentials, *, number: int) -> list[tuple[str, str]]:
    if credential.password is None:
        return [(f"credential.{server}.username", credential.username)]
    # The empty value forgets the user's helpers: they would save what was typed for this once.
    return [
        (f"credential.{server}.helper", ""),
        (f"credential.{server}.helper", HELPER.replace("{n}", str(number))),
    ]


def _as_variables(settings: list[tuple[str, str]], environ: Mapping[str, str]) -> dict[str, str]:
    """Settings as `GIT_CONFIG_KEY_n`, behind those that the user has there: the last one counts."""
    count = environ.get("GIT_CONFIG_COUNT", "")
    start = int(count) if re.fullmatch(r"[0-9]{1,4}", count) else 0
    result = {"GIT_CONFIG_COUNT": str(start + len(settings))}
    for number, (key, value) in enumerate(settings, start):
        result |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return result


def _configured(listing: str) -> frozenset[str]:
    """Keys as git prints them: in lower case, but for the part between the dots."""
    return frozenset(entry.partition("\n")[0] for entry in listing.split("\0") if entry)


def _check_version(done: Completed) -> None:
    if done.returncode == 127:
        raise FetchError("`git` is not installed", hint="Install git: `apt-get install git`")
    found = re.search(r"(\d+)\.(\d+)", done.stdout)
    if found is None or (int(found[1]), int(found[2])) < OLDEST_GIT:
        wanted = ".".join(map(str, OLDEST_GIT))
        raise FetchError(f"git is too old: `{done.stdout.strip()}`", hint=f"Install git {wanted} or newer")


def _gist_of(output: str) -> str:
    """The line that says what went wrong: git's first, where the last is often advice."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    for prefix in ("fatal: ", "remote: error: ", "error: ", "ERROR: "):
        for line in lines:
            if line.startswith(prefix):
                return line.removeprefix(prefix).rstrip(".")
    return lines[-1].rstrip(".") if lines else "git gave no reason"
