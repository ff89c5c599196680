"""Programs of this machine that read what Python does not: each turns an archive into a tar or into files, within bounds."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import IO, Literal

from r2i.process import Limits, run
from r2i.sources.web.bounds import MOST_BYTES
from r2i.sources.web.members import DamagedError, Member

#: What a program may use of this machine, in bytes and seconds.
LIMITS = Limits(memory=2 << 30, file=MOST_BYTES, output=1 << 24)
PATIENCE = 3600

SEVEN_ZIP = ("7zz", "7z", "7za")


def as_tar(archive: Path, scratch: Path, *, environ: Mapping[str, str]) -> bool:
    """Write the members as an uncompressed tar with `bsdtar`, which touches no other file; false where it is not installed."""
    program = _found(("bsdtar",), environ)
    if program is None:
        return False
    _run((program, "-cf", str(scratch), "--format=pax", f"@{archive}"), environ)
    return True


def without_zstd(archive: Path, scratch: Path, *, environ: Mapping[str, str]) -> bool:
    """Decompress with `zstd`; false where it is not installed."""
    program = _found(("zstd",), environ)
    if program is None:
        return False
    _run(
        (program, "--decompress", "--quiet", "--no-progress", "-o", str(scratch), "--", str(archive)), environ
    )
    return True


def seven_zip_members(archive: Path, scratch: Path, *, environ: Mapping[str, str]) -> Iterator[Member] | None:
    """What 7-Zip unpacks into an empty directory of ours; None where it is not installed. It makes no links."""
    program = _found(SEVEN_ZIP, environ)
    if program is None:
        return None
    scratch.mkdir()
    # No password but the empty one, nothing is asked, links become files.
    _run((program, "x", "-y", "-p", "-snl-", "-bd", f"-o{scratch}", "--", str(archive)), environ)
    return _members(scratch)


def _members(directory: Path) -> Iterator[Member]:
    for path in sorted(directory.rglob("*")):
        status = path.lstat()
        kind: Literal["file", "directory", "other"] = "other"
        if stat.S_ISREG(status.st_mode):
            kind = "file"
        elif stat.S_ISDIR(status.st_mode):
            kind = "directory"
        yield Member(
            path=path.relative_to(directory).as_posix(),
            kind=kind,
            mode=status.st_mode & 0o777,
            moment=status.st_mtime,
            read=partial(_opened, path) if kind == "file" else None,
        )


def _opened(path: Path) -> IO[bytes]:
    return path.open("rb")


def _found(names: tuple[str, ...], environ: Mapping[str, str]) -> str | None:
    return next(
        (found for name in names if (found := shutil.which(name, path=environ.get("PATH", os.defpath)))), None
    )


def _run(argv: tuple[str, ...], environ: Mapping[str, str]) -> None:
    environment = {"PATH": environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "HOME": "/nonexistent"}
    done = run(argv, env=environment, timeout=PATIENCE, limits=LIMITS)
    if done.returncode == 0:
        return
    said = f"{done.stdout}\n{done.stderr}"
    for word in argv:  # names of files are no words of the program
        said = said.replace(word.removeprefix("@"), "")
    said = said.lower()
    if "passphrase" in said or "password" in said or "encrypted" in said:
        raise DamagedError("is encrypted", hint="Decrypt it yourself, and build the directory")
    raise DamagedError("is damaged, or larger than r2i supports")
