"""Small files of r2i's own that only their owner can read, and that others cannot have put there."""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path


def read(file: Path, *, limit: int) -> bytes | None:
    """At most `limit` bytes; None for what others own, or can read or write. Raise `OSError` where there is none."""
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as stream:
        status = os.fstat(descriptor)
        private = stat.S_ISREG(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o077
        return stream.read(limit) if private else None


def write(file: Path, content: bytes, *, keep: bool = False) -> None:
    """All of it or nothing, in place of what is there, unless that is to be kept. Raise `OSError`."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    scratch = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(descriptor)
        if keep:
            # Unlike a rename, a link never replaces what another r2i has made in the meantime.
            with suppress(FileExistsError):
                os.link(scratch, file)
        else:
            scratch.replace(file)
    finally:
        scratch.unlink(missing_ok=True)
