"""Files for a container that is there and does not run yet."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable

from r2i.engines.protocol import File


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
