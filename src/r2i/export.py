"""A folder that plain `docker build` turns into the image: the Dockerfile, its support files and the repository."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from r2i.checkout import Checkout
from r2i.errors import UsageError
from r2i.model import Dockerfile, Plan
from r2i.render import render

#: Makes of a directory in the folder what a build by r2i gives as a second build context.
SUPPORT_STAGE = "# What comes from r2i and not from the repository\nFROM scratch AS r2i\nCOPY r2i /\n\n"


def export(plan: Plan, checkout: Checkout, output: Path) -> None:
    """Write the folder at once or not at all; raise `UsageError` where something is in the way."""
    if output.exists() and any(output.iterdir()):
        raise UsageError(f"`{output}` is not empty", hint="Name a directory that does not exist yet")
    paths = _paths(checkout, plan.dockerignore)
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".r2i-") as scratch:
        folder = Path(scratch, "folder")
        if plan.dockerfile is not None:
            _copy(checkout.root, paths, folder)
            _write(folder / "Dockerfile", render(plan, checkout).text)
        else:
            _copy(checkout.root, paths, folder / "repo")
            _write_support(render(plan, checkout, files_in="repo"), folder)
        folder.chmod(0o755)
        if output.exists():
            output.rmdir()
        folder.replace(output)


def _paths(checkout: Checkout, ignore: str) -> list[str]:
    from docker.utils.build import exclude_paths

    return sorted(exclude_paths(str(checkout.root), ignore.splitlines()))


def _copy(root: Path, paths: list[str], target: Path) -> None:
    target.mkdir(parents=True)
    for path in paths:
        source, copy = root / path, target / path
        if source.is_dir() and not source.is_symlink():
            copy.mkdir(parents=True, exist_ok=True)
        else:
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, copy, follow_symlinks=False)


def _write_support(dockerfile: Dockerfile, folder: Path) -> None:
    comment, blank, rest = dockerfile.text.partition("\n\n")
    _write(folder / "Dockerfile", comment + blank + SUPPORT_STAGE + rest)
    for path, text in dockerfile.support.items():
        _write(folder / "r2i" / path, text)
        (folder / "r2i" / path).chmod(0o755)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
