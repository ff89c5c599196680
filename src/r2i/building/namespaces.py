"""What keeps the caches of builds apart: names that hold a secret of this machine, so that no repository can guess one."""

from __future__ import annotations

import hmac
import json
import re
import secrets
from functools import cache
from pathlib import Path

from r2i.building import private_files
from r2i.model import Source

SECRET_BYTES = 32

COMMIT = re.compile(r"[0-9a-fA-F]{7,64}")

#: A fork's commits are served under the address of its parent: by their ids, and as pull and merge requests.
OF_FORKS = re.compile(
    r"refs/(?!heads/|tags/)|(?:^|/)(?:pull|pulls|pull-requests|merge-requests|merge_requests|changes)/"
)


def machine_namespace() -> str:
    """Of the caches of r2i's own Dockerfiles on this machine."""
    return namespace(_machine_secret(), "machine")


def repository_namespace(source: Source) -> str:
    """Of the caches of one repository on this machine, which no other repository and no step of r2i's shares."""
    return namespace(_machine_secret(), "repository", *identity(source))


def own_namespace(source: Source) -> str:
    """Of the caches in which r2i's own steps keep what code of one repository built; empty where others than its owner can have written that
    code: then nothing is kept, and layers are for every commit, as a hub asks for one commit after another."""
    return "" if source.content or _of_others(source.ref or "") else repository_namespace(source)


def cache_namespace(source: Source, *, own_dockerfile: bool) -> str:
    """Of all caches that a Dockerfile names."""
    return repository_namespace(source) if own_dockerfile else machine_namespace()


def namespace(secret: bytes, *words: str) -> str:
    message = json.dumps(words).encode()
    return hmac.digest(secret, message, "sha256").hex()[:32]


def identity(source: Source) -> tuple[str, ...]:
    """Who wrote it, as far as an address tells: the ref counts where others than the owner can make it."""
    ref = source.ref or ""
    content = () if source.content is None else source.content.words
    return (source.provider, source.location, source.subdirectory, ref if _of_others(ref) else "", *content)


def _of_others(ref: str) -> bool:
    return bool(COMMIT.fullmatch(ref) or OF_FORKS.search(ref))


@cache
def _machine_secret() -> bytes:
    import platformdirs

    try:
        return stored_secret(platformdirs.user_data_path("r2i") / "cache-secret")
    except OSError:
        return secrets.token_bytes(SECRET_BYTES)  # nothing can be kept here: caches last as long as we do


def stored_secret(file: Path) -> bytes:
    """The secret in a file that only its owner can read; it is made where there is none. Raise `OSError`."""
    while True:
        try:
            found = private_files.read(file, limit=SECRET_BYTES + 1)
        except FileNotFoundError:
            private_files.write(file, secrets.token_bytes(SECRET_BYTES), keep=True)
            continue
        if found is not None and len(found) == SECRET_BYTES:
            return found
        file.unlink(missing_ok=True)  # who can read or write it knows it
