"""Whether a file is what git has of it. Without git, which might run a filter."""

from __future__ import annotations

from hashlib import sha1, sha256


def is_blob(data: bytes, blob: str) -> bool:
    """Compare with the id of a content, whatever the line ends."""
    digest = sha1 if len(blob) == 40 else sha256
    return any(
        digest(b"blob %d\0" % len(text) + text).hexdigest() == blob
        for text in (data, data.replace(b"\r\n", b"\n"))
    )
