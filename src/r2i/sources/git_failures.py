"""Why a repository cannot be fetched, by what git says."""

from __future__ import annotations

import re

TEMPORARY = re.compile(
    r"could not resolve|name resolution|name or service not known|connection (refused|timed out|reset|closed)|"
    r"operation (timed out|too slow)|timed? ?out|failed to connect|couldn't connect|network is unreachable|"
    r"no route to host|no answer in|returned error: (5\d\d|429|408)|early eof|rpc failed|unexpected disconnect|"
    r"hung up unexpectedly|empty reply|transfer closed|gnutls_handshake|ssl_error_syscall|kex_exchange_identification",
    re.IGNORECASE,
)

#: That there is no repository.
ABSENT = re.compile(
    r"not found|does not exist|not appear to be a git repository|returned error: (404|410)", re.IGNORECASE
)
#: That no server has the name.
UNRESOLVED = re.compile(r"could not resolve host|name or service not known", re.IGNORECASE)
#: The host in what git clones.
HOST = re.compile(r"(?:\w+://)?(?:[^/@]*@)?([^/:@]+)")

_LOGIN = (
    "Check the spelling; for a private repository, log in with a git credential helper, an SSH key, "
    "or `https://USER:TOKEN@…`"
)
BOUNDS = "Clone the repository yourself and build the directory: r2i limits the size of what it fetches"
#: All that git says of a pack that was larger than it might write, or that broke off.
BROKEN_PACK = re.compile(r"invalid index-pack output", re.IGNORECASE)

REFUSALS = (
    (
        re.compile(
            r"out of memory|malloc failed|cannot allocate memory|died of signal 25|file too large|more than it may",
            re.IGNORECASE,
        ),
        BOUNDS,
    ),
    (
        re.compile(r"certificate|server verification failed", re.IGNORECASE),
        "Set `GIT_SSL_CAINFO` or `SSL_CERT_FILE` to the certificates of your network",
    ),
    (
        re.compile(r"host key verification failed", re.IGNORECASE),
        "Connect once with `ssh` to check and accept the server key",
    ),
    (
        re.compile(
            r"authentication failed|could not read (username|password)|prompts disabled|permission denied|"
            r"access denied|returned error: 40[13]|unable to get password|not authorized",
            re.IGNORECASE,
        ),
        _LOGIN,
    ),
    (ABSENT, _LOGIN),
    (
        re.compile(r"transport '.*' not allowed", re.IGNORECASE),
        "Use an `https://` or SSH URL",
    ),
    (
        re.compile(r"dubious ownership", re.IGNORECASE),
        "Mark it as trusted: `git config --global --add safe.directory PATH`",
    ),
    (re.compile(r"no space left", re.IGNORECASE), "Free disk space, or set `TMPDIR` to a larger disk"),
)


def gist_of(output: str) -> str:
    """The line that says what went wrong: git's first, where the last is often advice."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    for prefix in ("fatal: ", "remote: error: ", "error: ", "ERROR: "):
        for line in lines:
            if line.startswith(prefix):
                return line.removeprefix(prefix).rstrip(".")
    return lines[-1].rstrip(".") if lines else "git gave no reason"
