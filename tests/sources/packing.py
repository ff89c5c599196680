"""Archives as people and attackers make them."""

from __future__ import annotations

import io
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from r2i.process import run


def zipped(path: Path, files: Mapping[str, bytes | str]) -> Path:
    """A zip of these files; a name that ends with a slash is a directory."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in files.items():
            file.writestr(name, content)
    return path


def zip_entry(name: str, *, mode: int = stat.S_IFREG | 0o644, system: int = 3) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, (2020, 5, 17, 12, 30, 10))
    info.create_system, info.external_attr = system, mode << 16
    return info


def raw_named_zip(path: Path, names: Iterable[bytes]) -> Path:
    """A zip whose names are in some encoding that it does not say."""
    names = list(names)
    plain = [f"{number:x}" * len(name) for number, name in enumerate(names)]
    with zipfile.ZipFile(path, "w") as file:
        for name in plain:
            file.writestr(zip_entry(name), "")
    content = path.read_bytes()
    for name, raw in zip(plain, names, strict=True):
        content = content.replace(name.encode(), raw, 2)
    path.write_bytes(content)
    return path


def tar_entry(
    name: str, *, kind: bytes = tarfile.REGTYPE, target: str = "", mode: int = 0o644, size: int = 0
) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode, info.size, info.mtime = kind, target, mode, size, 1_500_000_000
    return info


def tarred(path: Path, entries: Iterable[tarfile.TarInfo | tuple[str, bytes]], *, mode: str = "w:gz") -> Path:
    """A tar of these headers, and of files by name and content."""
    with tarfile.open(path, mode) as file:  # type: ignore[call-overload]
        for entry in entries:
            if isinstance(entry, tuple):
                file.addfile(tar_entry(entry[0], size=len(entry[1])), io.BytesIO(entry[1]))
            else:
                file.addfile(entry)
    return path


def installed(*names: str) -> str | None:
    return next((name for name in names if shutil.which(name)), None)


def seven_zipped(path: Path, directory: Path, *, password: str = "") -> Path:
    """A 7z of what is in a directory."""
    if program := installed("7zz", "7z"):
        argv = [
            program,
            "a",
            "-bd",
            *([f"-p{password}", "-mhe=on"] if password else []),
            str(path),
            f"{directory}/.",
        ]
    else:
        argv = ["bsdtar", "-cf", str(path), "--format=7zip", "-C", str(directory), "."]
    done = run(argv)
    assert done.returncode == 0, done.stderr
    return path
