"""Archives, unpacked: nothing leaves the directory, and nothing grows without end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from r2i.errors import FetchError
from r2i.sources.typed import shown

#: How the name of an archive ends that r2i unpacks.
ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".7z")

AGAIN = "Download it again; if that does not help, ask its authors"
AGAIN_HERE = "Use another copy of the file, or pack the files again"


def is_archive(name: str) -> bool:
    """Whether a file of this name is unpacked."""
    return name.lower().endswith(ENDINGS)


def unpack(
    archive: Path,
    directory: Path,
    *,
    name: str,
    report: Callable[[str], None] = lambda _: None,
    environ: Mapping[str, str] | None = None,
    exact: bool = False,
    is_here: bool = False,
) -> None:
    """Unpack into an empty directory; a single directory at its top is lifted.

    `name` is what messages call it; `environ` finds the programs that unpack what Python does not. Raises `FetchError` for a
    damaged or hostile archive, with the limit or the member, and leaves the directory empty then. With `exact`, what other systems leave
    behind and links that lead out stay, for whoever compares the whole with a hash: nothing is written through them here, and only
    `Checkout` may read what is there. `is_here` is that the archive is a file of the user, who was not given it by r2i.
    """
    from r2i.sources.private import private_directory
    from r2i.sources.web.archive_formats import failures, members_of
    from r2i.sources.web.members import DamagedError
    from r2i.sources.web.unpacked import unpacking

    called, again = shown(name), AGAIN_HERE if is_here else AGAIN
    with private_directory() as scratch:
        try:
            with unpacking(
                directory, name=called, size=archive.stat().st_size, exact=exact, report=report
            ) as unpacked:
                for member in members_of(archive, scratch, environ or {}):
                    unpacked.add(member)
        except DamagedError as error:
            raise FetchError(f"`{called}` {error.message}", hint=error.hint or again) from error
        except failures() as error:
            raise FetchError(
                f"`{called}` is damaged: it cannot be unpacked",
                hint=again,
            ) from error
