"""Files for a container that is there and does not run yet, and files of it."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable

from r2i.engines.protocol import File

#: How large a file of an image may be that is read, in bytes; its archive is somewhat larger.
LARGEST_TEXT = 1_000_000


def archive(files: Iterable[File]) -> bytes:
    """A tar archive to unpack at the container's root: readable for all, of root, and of no time; all of it is UTF-8."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for file in files:
            content = file.text.encode()
            member = tarfile.TarInfo(file.path.lstrip("/"))
            member.size, member.mode = len(content), 0o444
            tar.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def text_in(packed: bytes) -> str:
    """The text of the one file of an archive; empty for anything else."""
    try:
        with tarfile.open(fileobj=io.BytesIO(packed), mode="r:") as tar:
            member = tar.next()
            stream = tar.extractfile(member) if member is not None and member.isreg() else None
            return "" if stream is None else stream.read().decode(errors="replace")
    except tarfile.TarError:
        return ""
