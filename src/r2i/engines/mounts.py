"""What build steps mount, where Podman needs help: it forgets their content in its cache, and follows them anywhere.

Seen with buildah 1.28: the cache compares the text of a `RUN` and not what it mounts; a `source=` that is a symbolic
link is resolved on the host, also one in a stage or an image (CVE-2024-1753); `id=../../etc` of a cache is a directory of the
host, writable, and so is `id=a/b` where a step has put a link into the cache `a`; so is a bind with `rw`.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

from r2i.errors import BuildFailedError
from r2i.formats.dockerfile import BuildStage, Instruction, instructions, stages

MountFields: TypeAlias = Mapping[str, str]

#: The variable that carries the digest of what the next step mounts into Podman's cache key.
DIGEST_ARG = "R2I_MOUNTED"

TARGETS = ("target", "dst", "destination")

SOURCES = ("source", "src")

#: What names a directory beside all other caches, and in none.
CACHE_ID = re.compile(r"r2i-[\w-]+", re.ASCII)

#: A mount as it stands in a line, if it does so without quotes and escapes.
FLAG = re.compile(r"--mount=([^\s\\`]+)")

#: What a mount may say: others would reach the machine, such as `bind-propagation` (CVE-2024-9407).
OPTIONS = frozenset(
    [
        *("type", "from", "id", "sharing", "mode", "uid", "gid", "required", "size", "env"),
        *("ro", "readonly", "rw", "readwrite"),
        *TARGETS,
        *SOURCES,
    ]
)


def mounts(instruction: Instruction) -> Iterator[MountFields]:
    """The options of each `--mount` of a `RUN`."""
    inner = instruction.trigger or instruction
    if inner.keyword != "RUN":
        return
    for value in inner.values_of("--mount"):
        options = (option.partition("=") for option in value.split(","))
        found = {"type": "bind"} | {key.strip().lower(): content for key, _, content in options}
        yield found | {"type": found["type"].lower()}


def with_cache_ids(text: str) -> str:
    """The Dockerfile, in which no cache leads into another one or elsewhere: Podman makes a path of the id, or of the target.

    What cannot be rewritten stays as it is, for `check_mounts` to refuse.
    """
    rows = text.split("\n")
    steps = list(instructions(text))
    for step, end in zip(steps, [*(after.line - 1 for after in steps[1:]), len(rows)], strict=True):
        values = (step.trigger or step).values_of("--mount")
        renamed = {value: _renamed(value, mount) for value, mount in zip(values, mounts(step), strict=False)}
        if any(renamed[value] != value for value in renamed):
            rows[step.line - 1 : end] = [
                FLAG.sub(partial(_replaced, renamed), row) for row in rows[step.line - 1 : end]
            ]
    return "\n".join(rows)


def _renamed(value: str, mount: MountFields) -> str:
    """The options of a mount with an id of ours, where it is a cache under another one."""
    name = mount.get("id") or next((mount[key] for key in TARGETS if key in mount), "")
    if mount["type"] != "cache" or CACHE_ID.fullmatch(name) or ".." in mount.get("id", ""):
        return value
    kept = [option for option in value.split(",") if option.partition("=")[0].strip().lower() != "id"]
    return ",".join([*kept, f"id=r2i-{hashlib.sha256(name.encode()).hexdigest()[:32]}"])


def _replaced(renamed: Mapping[str, str], found: re.Match[str]) -> str:
    return f"--mount={renamed.get(found[1], found[1])}"


def without_platforms(text: str) -> str:
    """The Dockerfile without `FROM --platform=`; raise `BuildFailedError` for one that is written in another way."""
    rows = text.split("\n")
    for stage in stages(text):
        line = stage.instructions[0].line
        rows[line - 1] = re.sub(r"(?<=\s)--platform=[^\s\\\"'`]*(?=\s)", "", rows[line - 1])
    found = "\n".join(rows)
    for stage in (*stages(found), *stages(found, legacy=True)):
        if stage.instructions[0].flags:
            raise BuildFailedError(
                "The options of this `FROM` cannot be read",
                dockerfile_line=stage.instructions[0].line,
                hint="Write `FROM --platform=NAME IMAGE` on one line",
            )
    return found


def check_mounts(text: str, *, context: Path, support: Path | None) -> None:
    """Raise `BuildFailedError` for a mount by which a repository could reach the machine that builds it."""
    read, read_before = _mounting(text, legacy=False), _mounting(text, legacy=True)
    if read != read_before:
        raise BuildFailedError(
            "Versions of Podman read the mounts in this Dockerfile differently",
            dockerfile_line=min(line for line, _ in read ^ read_before),
            hint="Avoid here-documents and comments inside an instruction, or build with Docker",
        )
    names = {stage.name for stage in stages(text) if stage.name}
    for instruction in instructions(text):
        for mount in mounts(instruction):
            if reason := _danger(mount, names=names, context=context, support=support):
                raise BuildFailedError(
                    f"A mount of this step is not allowed with Podman: {reason}",
                    dockerfile_line=instruction.line,
                    hint="Use `COPY`, or build with Docker",
                )


def _mounting(text: str, *, legacy: bool) -> set[tuple[int, str]]:
    """The lines of the steps that mount something, and all that these say."""
    return {(step.line, step.value) for step in instructions(text, legacy=legacy) if any(mounts(step))}


def _danger(mount: MountFields, *, names: set[str], context: Path, support: Path | None) -> str | None:
    """Why a mount is refused, None where it is not."""
    plain = {key: value for key, value in mount.items() if key not in TARGETS}
    if unclear := [key for key, value in plain.items() if any(c in key + value for c in "$\"'\\")]:
        return f"`{unclear[0]}` is not written out"
    if unknown := mount.keys() - OPTIONS:
        return f"`{min(unknown)}` is not a known option"
    if all(key in mount for key in SOURCES):
        return "it has two sources"
    here = _here(mount, names=names, context=context, support=support)
    if "from" in mount and here is None and support is None and _source(mount) not in {"", "/"}:
        return f"`{_source(mount)}` may be a link, which Podman would follow on this machine"
    if mount["type"] == "cache":
        return _danger_of_cache(mount, here=here is not None)
    return _danger_of_bind(mount, here) if mount["type"] == "bind" and here else None


def _danger_of_cache(mount: MountFields, *, here: bool) -> str | None:
    cache_id = mount.get("id", "")
    if here and "from" in mount:
        return "a cache cannot begin with files of this machine"
    return None if CACHE_ID.fullmatch(cache_id) else f"the cache `{cache_id}`"


def _danger_of_bind(mount: MountFields, root: Path) -> str | None:
    if any(mount.get(key, "false").lower() not in {"false", "0"} for key in ("rw", "readwrite")):
        return "it could write to this machine"
    if (source := resolved(mount, root)) is None:
        return f"`{_source(mount)}` leads out of the repository"
    return None if source.exists() else f"`{_source(mount)}` does not exist"


def _here(mount: MountFields, *, names: set[str], context: Path, support: Path | None) -> Path | None:
    """The directory of this machine that it is of: the repository, or our own named context. None: a stage or an image."""
    origin = mount.get("from", "").lower()
    if not origin:
        return context
    return support if origin == "r2i" and origin not in names else None


def _source(mount: MountFields) -> str:
    return mount.get("source", mount.get("src", ""))


def resolved(mount: MountFields, root: Path) -> Path | None:
    """What is mounted, None where it is not below `root`."""
    real = Path(os.path.realpath(root))
    source = Path(os.path.realpath(real / _source(mount).lstrip("/")))
    return source if source.is_relative_to(real) else None


def with_help(
    text: str, *, context: Path, support: Path | None, namespace: str = ""
) -> tuple[str, dict[int, int]]:
    """Insert what Podman needs to build it right, and give the line in `text` of each line of the result that was there.

    Before each step that mounts something, an `ARG` names the digest of all that, so that the cache sees it: with the
    namespace of its caches, so that no other repository's step with the same words is taken for it. A stage
    that is mounted ends with an `ARG`, too: where its last step comes from the cache, buildah mounts what that step
    began with.
    """
    parsed = stages(text)
    inserted = {
        line: f"ARG {DIGEST_ARG}={digest}"
        for line, digest in _digests(parsed, context=context, support=support, namespace=namespace).items()
    }
    mounted = {
        mount["from"].lower()
        for stage in parsed
        for step in stage.instructions
        for mount in mounts(step)
        if "from" in mount
    }
    for index, (stage, following) in enumerate(pairwise(parsed)):
        if mounted & {stage.name, str(index)}:
            inserted[following.instructions[0].line] = f"ARG {DIGEST_ARG}"
    result: list[str] = []
    origin: dict[int, int] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if number in inserted:
            result.append(inserted[number])
        result.append(line)
        origin[len(result)] = number
    return "\n".join(result), origin


def _digests(
    parsed: tuple[BuildStage, ...], *, context: Path, support: Path | None, namespace: str
) -> dict[int, str]:
    """For the line of each step that mounts something: the digest of all that."""
    names = {stage.name for stage in parsed if stage.name}
    of_stages: dict[str, str] = {}
    result: dict[int, str] = {}
    for index, stage in enumerate(parsed):
        whole = hashlib.sha256(of_stages.get(stage.base.lower(), "").encode())
        for instruction in stage.instructions:
            step = hashlib.sha256(namespace.encode())
            mounted = [mount for mount in mounts(instruction) if mount["type"] in {"bind", "cache"}]
            for mount in mounted:
                if mount["type"] == "cache" and "from" not in mount:
                    continue
                here = _here(mount, names=names, context=context, support=support)
                if here is None:
                    origin = mount["from"].lower()
                    step.update(of_stages.get(origin, origin).encode())
                elif source := resolved(mount, here):
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
