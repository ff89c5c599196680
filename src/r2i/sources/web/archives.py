"""Archives, unpacked: nothing leaves the directory, and nothing grows without end."""

from __future__ import annotations

from pathlib import Path

#: How the name of an archive ends that r2i unpacks.
ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".7z")


def is_archive(name: str) -> bool:
    """Whether a file of this name is unpacked."""
    return name.lower().endswith(ENDINGS)


def unpack(archive: Path, directory: Path, *, name: str) -> None:
    """Unpack into an empty directory; a single directory at its top is lifted.

    `name` is what messages call it. Raises `FetchError` for a damaged or hostile archive, with the limit or the member.
    """
    raise NotImplementedError
