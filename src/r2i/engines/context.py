"""What a build needs beside the checkout, in temporary files: the one place of an engine that makes any."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from r2i import process
from r2i.engines.outputs import Output, drafts, excluded
from r2i.engines.protocol import BuildRequest
from r2i.errors import EngineError

#: BuildKit takes no larger secret.
MAX_SECRET_BYTES = 500 * 1024


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """Where the files of one build lie. `directories` are all that is to be deleted.

    `logins` is a directory with a `config.json`, None where the engine has its own. `support` becomes the build context `r2i`. It is None for a Dockerfile without support files, such as a repository's own: there,
    `r2i` is a stage or an image like any other. `metadata` is what buildx tells of the image, `archives` are the drafts of outputs.
    """

    dockerfile: Path
    ignore: Path
    support: Path | None
    image_id: Path
    secrets: Mapping[str, Path]
    logins: Path | None
    directories: tuple[Path, ...]
    metadata: Path = Path()
    archives: Mapping[Output, Path] = field(default_factory=dict)

    def run(
        self,
        argv: tuple[str, ...],
        feed: Callable[[str], None],
        *,
        env: Mapping[str, str],
        guard: Literal["program", "children"],
        during: process.During | None = None,
    ) -> str | None:
        """Run the engine's program to its end, and give the id of the image, None where the build failed.

        The id is empty where the builder keeps nothing but its cache.
        """
        with process.streaming(argv, env=env, guard=guard, remove=self.directories, during=during) as (
            lines,
            wait,
        ):
            for line in lines:
                feed(line)
            status = wait()
        if status or not self.image_id.is_file():
            return None
        return self.image_id.read_text(encoding="utf-8").strip()


@contextmanager
def workspace(request: BuildRequest, dockerfile: str) -> Iterator[Workspace]:
    """Write the files, readable only for us, the secrets in a directory of their own; they are always deleted."""
    # A build step that sends secrets to the engine can still hold a file open when we leave.
    with (
        tempfile.TemporaryDirectory(prefix="r2i-build-", ignore_cleanup_errors=True) as build,
        tempfile.TemporaryDirectory(prefix="r2i-secrets-", ignore_cleanup_errors=True) as secrets,
        drafts(request.outputs) as archives,
    ):
        root = Path(build)
        # BuildKit looks for the ignore file beside the Dockerfile, by this name, before it looks in the context.
        ignore = root / "Dockerfile.dockerignore"
        _write(root / "Dockerfile", dockerfile)
        _write(
            ignore, request.dockerfile.ignore + excluded(request.outputs, request.cache_to, request.context)
        )
        support = root / "support" if request.dockerfile.support else None
        if support is not None:
            support.mkdir()
            for path, text in request.dockerfile.support.items():
                _write_support(support, path, text)
        yield Workspace(
            dockerfile=root / "Dockerfile",
            ignore=ignore,
            support=support,
            image_id=root / "image-id",
            secrets={id_: _secret(Path(secrets), id_, text) for id_, text in request.secrets.items()},
            logins=_logins(Path(secrets), request.registry_settings),
            directories=(root, Path(secrets), *(path.parent for path in archives.values())),
            metadata=root / "metadata.json",
            archives=archives,
        )


def _write_support(support: Path, path: str, text: str) -> None:
    """Modes are part of what a layer is made of, so ours do not depend on the umask; some files are scripts."""
    for folder in reversed((support / path).parents[: len(Path(path).parents)]):
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)
    _write(support / path, text, mode=0o755)


def _logins(secrets: Path, text: str) -> Path | None:
    if not text:
        return None
    directory = secrets / ".registries"  # no secret has this name
    directory.mkdir(mode=0o700)
    _write(directory / "config.json", text)
    return directory


def _secret(directory: Path, id_: str, text: str) -> Path:
    if len(text.encode()) > MAX_SECRET_BYTES:
        raise EngineError(
            f"The build secret `{id_}` is {len(text.encode()) // 1024} kB large,"
            f" but engines accept at most {MAX_SECRET_BYTES // 1024} kB",
            hint="Use a smaller `--ca-bundle`",
        )
    path = directory / id_
    _write(path, text)
    return path


def _write(path: Path, text: str, *, mode: int = 0o600) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(file, "w", encoding="utf-8", newline="") as stream:
        stream.write(text)
    path.chmod(mode)
