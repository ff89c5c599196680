"""Where a build leaves its image: `--output`.

https://docs.docker.com/build/exporters/
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from r2i.engines.attributes import attributes, written
from r2i.engines.layer_cache import LayerCache
from r2i.errors import R2iError, UsageError

OutputKind: TypeAlias = Literal["store", "registry", "oci", "docker", "none"]

#: How the names of drafts begin.
DRAFT = ".r2i-"

FORMS = "`type=oci,dest=FILE`, `type=docker,dest=FILE`, `type=docker`, `type=registry` or `none`"


@dataclass(frozen=True, kw_only=True)
class Output:
    """The local store, a registry under the tags of the image, an archive at `destination`, or only the builder's cache."""

    kind: OutputKind
    destination: Path | None = None


def output_from(text: str) -> Output:
    """Read what was typed; raise `UsageError` where no image is written so."""
    values = attributes("--output", text)
    if values == {"": "none"}:
        return Output(kind="none")
    if "" in values:
        raise UsageError(f"`--output {text}` is not a kind of output", hint=f"Use {FORMS}")
    kind, destination = values.pop("type", ""), values.pop("dest", None)
    pushed = values.pop("push", None) == "true"
    if values:
        raise UsageError(f"`--output` has the unknown field `{min(values)}`", hint=f"Use {FORMS}")
    match kind:
        case "none" | "cacheonly" if destination is None:
            return Output(kind="none")
        case "docker" if destination is None:
            return Output(kind="store")
        case "registry" if destination is None:
            return Output(kind="registry")
        case "image" if destination is None and pushed:
            return Output(kind="registry")
        case "oci" | "docker" if destination not in {None, "-"}:
            return Output(kind=kind, destination=Path(str(destination)))
    if kind == "oci" or destination == "-":
        raise UsageError(
            f"`--output type={kind}` needs a file", hint=f"Write `--output type={kind},dest=FILE`"
        )
    raise UsageError(f"`--output {text}` is not a kind of output", hint=f"Use {FORMS}")


def checked_outputs(
    outputs: Sequence[Output], *, tags: Sequence[str], platforms: Sequence[str]
) -> tuple[Output, ...]:
    """All outputs of one build, empty where it is the local store alone; raise `UsageError` for what does not go together."""
    kinds = [output.kind for output in outputs]
    places = [output.destination.resolve() for output in outputs if output.destination is not None]
    if len(set(outputs)) < len(outputs) or len(set(places)) < len(places):
        raise UsageError("Two `--output` are the same", hint="Remove one of them")
    if "none" in kinds and len(kinds) > 1:
        raise UsageError("`--output none` conflicts with the other `--output`", hint="Remove one of them")
    if "registry" in kinds and not tags:
        raise UsageError(
            "`--output type=registry` needs to know the name of the image there",
            hint="Add `--tag HOST/NAME:TAG`",
        )
    if "docker" in kinds and len(platforms) > 1:
        raise UsageError(
            "An archive of `type=docker` has one platform only", hint="Use `--output type=oci,dest=FILE`"
        )
    return () if kinds == ["store"] else tuple(outputs)


def in_store(outputs: Sequence[Output]) -> bool:
    return not outputs or any(output.kind == "store" for output in outputs)


def output_words(outputs: Sequence[Output], archives: Mapping[Output, Path]) -> tuple[str, ...]:
    """The options for buildx; it writes the archives that have a draft, of the others the store makes them."""
    words: list[str] = []
    # Of several digests, buildx tells the last one.
    for output in sorted(outputs or (Output(kind="store"),), key=lambda each: each.kind == "registry"):
        match output.kind:
            case "registry":
                words.append("--push")
            case "none":
                words.append("--output=type=cacheonly")
            case _ if output in archives:
                words.append(f"--output={written({'type': output.kind, 'dest': str(archives[output])})}")
            case _:
                words.append("--load")
    return tuple(dict.fromkeys(words))


def excluded(outputs: Iterable[Output], caches: Iterable[LayerCache], context: Path) -> str:
    """Lines of a `.dockerignore`: no archive or cache that a build writes, and no draft of one, is part of what is built."""
    lines = []
    for output in outputs:
        if output.destination is not None and (path := _pattern(output.destination, context)):
            lines += [f"\n{path}", f"\n{path.rpartition('/')[0]}/{DRAFT}*".replace("\n/", "\n")]
    for cache in caches:
        if cache.kind == "local" and (path := _pattern(Path(cache.values["dest"]), context)):
            lines.append(f"\n{path}")
    return "".join([*lines, "\n"]) if lines else ""


def _pattern(place: Path, context: Path) -> str | None:
    """That of a file or directory below the context."""
    context = context.resolve()
    if place == context or not place.is_relative_to(context):
        return None
    return re.sub(r"^[#!]|[\\*?\[]", r"\\\g<0>", place.relative_to(context).as_posix())


@contextmanager
def drafts(outputs: Iterable[Output]) -> Iterator[Mapping[Output, Path]]:
    """Where to write the archives first: each in a directory of its own beside its destination, which goes at the end."""
    found: dict[Output, Path] = {}
    made: list[tempfile.TemporaryDirectory[str]] = []
    try:
        for output in outputs:
            if output.destination is None:
                continue
            try:
                directory = tempfile.TemporaryDirectory(
                    prefix=DRAFT, dir=output.destination.parent, ignore_cleanup_errors=True
                )
            except OSError as error:
                raise _refusal(output.destination, error) from error
            made.append(directory)
            found[output] = Path(directory.name) / "image.tar"
        yield found
    finally:
        for directory in made:
            directory.cleanup()


def put(archives: Mapping[Output, Path]) -> None:
    """Give the finished archives their names."""
    mask = os.umask(0)
    os.umask(mask)
    for output, draft in archives.items():
        assert output.destination is not None  # noqa: S101 - drafts are of archives
        try:
            draft.chmod(0o666 & ~mask)
            draft.replace(output.destination)
        except OSError as error:
            raise _refusal(output.destination, error) from error


def _refusal(destination: Path, error: OSError) -> R2iError:
    return UsageError(
        f"`--output` cannot write `{destination}`: {error.strerror}", hint="Choose another file"
    )
