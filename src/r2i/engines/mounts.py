"""What build steps mount, where Podman needs help: it forgets their content in its cache, and follows them anywhere.

Seen with buildah 1.28: the cache compares the text of a `RUN` and not what it mounts; a `source=` that is a symbolic
link is resolved on the host; `id=../../etc` of a cache is a directory of the host, writable; so is a bind with `rw`.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

from r2i.engines.instructions import Instruction, Stage
from r2i.errors import BuildFailedError

Mount: TypeAlias = Mapping[str, str]

#: The variable that carries the digest of what the next step mounts into Podman's cache key.
DIGEST_ARG = "R2I_MOUNTED"

FLAG = re.compile(r"\s*(--[a-z-]+(?:=\S*)?)")

CACHE_ID = re.compile(r"(?!.*\.\.)[\w./@:+-]+")


def mounts(instruction: Instruction) -> Iterator[Mount]:
    """The options of each `--mount` of a `RUN`."""
    keyword, rest = instruction.keyword, instruction.value
    if keyword == "ONBUILD":
        keyword, _, rest = rest.lstrip().partition(" ")
    if keyword.upper() != "RUN":
        return
    while match := FLAG.match(rest):
        rest = rest[match.end() :]
        name, _, value = match[1].partition("=")
        if name == "--mount":
            options = (option.partition("=") for option in value.split(","))
            yield {"type": "bind"} | {key.strip().lower(): content for key, _, content in options}


def check_mounts(stages: tuple[Stage, ...], *, context: Path, support: Path) -> None:
    """Raise `BuildFailedError` for a mount by which a repository could reach the machine that builds it."""
    names = {stage.name for stage in stages if stage.name}
    for stage in stages:
        for instruction in stage.instructions:
            for mount in mounts(instruction):
                if reason := _danger(mount, names=names, context=context, support=support):
                    raise BuildFailedError(
                        f"A mount of this step is not allowed with Podman: {reason}",
                        dockerfile_line=instruction.line,
                        hint="Use `COPY`, or build with Docker",
                    )


def _danger(mount: Mount, *, names: set[str], context: Path, support: Path) -> str | None:
    """Why a mount is refused, None where it is not."""
    plain = {key: value for key, value in mount.items() if key not in {"target", "dst", "destination"}}
    if any(c in key + value for key, value in plain.items() for c in "$\"'\\"):
        return "its source is not written out"
    here = _is_here(mount, names=names)
    if mount["type"] == "cache":
        return _danger_of_cache(mount, here=here)
    if mount["type"] == "bind" and here:
        return _danger_of_bind(mount, support if mount.get("from") else context)
    return None


def _danger_of_cache(mount: Mount, *, here: bool) -> str | None:
    cache_id = mount.get("id", "")
    if here and "from" in mount:
        return "a cache cannot begin with files of this machine"
    return f"the cache `{cache_id}`" if cache_id and not CACHE_ID.fullmatch(cache_id) else None


def _danger_of_bind(mount: Mount, root: Path) -> str | None:
    if any(mount.get(key, "false").lower() not in {"false", "0"} for key in ("rw", "readwrite")):
        return "it could write to this machine"
    if (source := resolved(mount, root)) is None:
        return f"`{_source(mount)}` leads out of the repository"
    return None if source.exists() else f"`{_source(mount)}` does not exist"


def _is_here(mount: Mount, *, names: set[str]) -> bool:
    """Whether it is of this machine: no `from`, or our own named context. Else it is of a stage or an image."""
    origin = mount.get("from", "").lower()
    return not origin or (origin == "r2i" and origin not in names)


def _source(mount: Mount) -> str:
    return mount.get("source", mount.get("src", ""))


def resolved(mount: Mount, root: Path) -> Path | None:
    """What is mounted, None where it is not below `root`."""
    real = Path(os.path.realpath(root))
    source = Path(os.path.realpath(real / _source(mount).lstrip("/")))
    return source if source.is_relative_to(real) else None


def with_help(
    text: str, stages: tuple[Stage, ...], *, context: Path, support: Path
) -> tuple[str, dict[int, int]]:
    """Insert what Podman needs to build it right, and give the line in `text` of each line of the result that was there.

    Before each step that mounts something, an `ARG` names the digest of all that, so that the cache sees it. A stage
    that is mounted ends with an `ARG`, too: where its last step comes from the cache, buildah mounts what that step
    began with.
    """
    inserted = {
        line: f"ARG {DIGEST_ARG}={digest}"
        for line, digest in _digests(stages, context=context, support=support).items()
    }
    mounted = {
        mount["from"].lower()
        for stage in stages
        for step in stage.instructions
        for mount in mounts(step)
        if "from" in mount
    }
    for index, (stage, following) in enumerate(pairwise(stages)):
        if mounted & {stage.name, str(index)}:
            inserted[following.instructions[0].line] = f"ARG {DIGEST_ARG}"
    result: list[str] = []
    origin: dict[int, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if number in inserted:
            result.append(inserted[number])
        result.append(line)
        origin[len(result)] = number
    return "\n".join(result) + "\n", origin


def _digests(stages: tuple[Stage, ...], *, context: Path, support: Path) -> dict[int, str]:
    """For the line of each step that mounts something: the digest of all that."""
    names = {stage.name for stage in stages if stage.name}
    of_stages: dict[str, str] = {}
    result: dict[int, str] = {}
    for index, stage in enumerate(stages):
        whole = hashlib.sha256(of_stages.get(stage.base.lower(), "").encode())
        for instruction in stage.instructions:
            step = hashlib.sha256()
            mounted = [mount for mount in mounts(instruction) if mount["type"] == "bind"]
            for mount in mounted:
                origin = mount.get("from", "").lower()
                if not _is_here(mount, names=names):
                    step.update(of_stages.get(origin, origin).encode())
                elif source := resolved(mount, support if origin else context):
                    _digest_tree(step, source)
            if mounted and instruction.keyword == "RUN":
                result[instruction.line] = step.hexdigest()[:32]
            whole.update(f"{instruction.keyword} {instruction.value}\0{step.hexdigest()}".encode())
        of_stages[str(index)] = whole.hexdigest()
        if stage.name:
            of_stages[stage.name] = whole.hexdigest()
    return result


def _digest_tree(digest: hashlib._Hash, path: Path, name: str = "") -> None:
    """Names, modes and contents; links as they are, `.git` not at all: each commit changes it."""
    if path.is_symlink():
        digest.update(f"l{name}\0{path.readlink()}\0".encode(errors="surrogateescape"))
    elif path.is_dir():
        for child in sorted(path.iterdir()):
            if child.name != ".git":
                _digest_tree(digest, child, f"{name}/{child.name}")
    elif path.is_file():
        status = path.stat()
        digest.update(
            f"f{name}\0{status.st_mode & 0o111:o}\0{status.st_size}\0".encode(errors="surrogateescape")
        )
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
