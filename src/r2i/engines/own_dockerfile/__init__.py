"""What a repository's own Dockerfile may ask of the machine that builds it.

Its steps run in a build of their own; but images, addresses and frontends that it names are read by the engine, in the
network of the machine and from its store. Where it is in doubt what an engine would read, it is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from dataclasses import replace

from r2i.engines.mounts import mounts
from r2i.engines.own_dockerfile.reachable import (
    Found,
    World,
    check_address,
    check_reference,
    few,
    registry_of,
    repository_of,
)
from r2i.engines.own_dockerfile.readable import CONTROL, KEYWORDS, check_directives, check_readable
from r2i.engines.own_dockerfile.refusals import TRUST, RefusedError
from r2i.engines.own_dockerfile.variables import (
    DockerfileVariables,
    assigned,
    base_image,
    declared_arguments,
    plainly,
    platform_of,
)
from r2i.engines.protocol import Sources, StageBase
from r2i.errors import InvalidRepositoryError
from r2i.formats.dockerfile import (
    HEREDOC,
    Instruction,
    instructions,
    is_json,
    stages,
)
from r2i.model import Image

#: What may be in an `ONBUILD`.
TRIGGERS = KEYWORDS - {"FROM", "MAINTAINER", "ONBUILD"}

CHECKSUM = re.compile(r"sha256:[0-9a-f]{64}")

#: Build arguments that keep caches apart: where a stage declares them, its history would show them.
OF_ENGINES = re.compile("BUILDKIT_CACHE_MOUNT_NS|R2I_MOUNTED")


def check_own_dockerfile(
    text: str, *, file: str, build_args: Mapping[str, str], world: World, podman: bool
) -> Sources:
    """What the engine may fetch; raise `InvalidRepositoryError` for what would reach this machine, its images or its network."""
    world = World(find=few(world.find), addresses=few(world.addresses))
    found = Found()
    with _named(file):
        current = check_directives(text)
        check_readable(text)
        _check_stages(text, build_args, world, found, legacy=False)
        if podman or not current:
            _check_stages(text, build_args, world, found, legacy=True)

    def check(base: StageBase, image: Image) -> None:
        with _named(file):
            _check_triggers(base.reference, image, base.line, world)

    return Sources(
        bases=tuple(dict.fromkeys(found.bases)),
        images=frozenset(found.images),
        hosts=frozenset(found.hosts),
        check=check,
    )


@contextmanager
def _named(file: str) -> Iterator[None]:
    try:
        yield
    except RefusedError as refused:
        raise InvalidRepositoryError(
            refused.message, file=file, line=refused.line, hint=f"{refused.advice}, or {TRUST}"
        ) from refused


def _check_stages(
    text: str, build_args: Mapping[str, str], world: World, found: Found, *, legacy: bool
) -> None:
    declared = declared_arguments(text, build_args, legacy=legacy)
    names: set[str] = set()
    sources: set[str] = set()
    environments: dict[str, DockerfileVariables] = {}
    for index, stage in enumerate(stages(text, legacy=legacy)):
        base = base_image(stage.base, declared)
        if base is None or (base != "scratch" and base.lower() not in names):
            from_ = stage.instructions[0]
            _check_image(base, from_.line, world, found)
            if base != "scratch":
                platform = platform_of(from_, declared or {})
                found.bases.append(StageBase(reference=str(base), platform=platform, line=from_.line))
        # What an image sets is not known, and counts before an `ARG`: only an `ENV` of these stages tells.
        variables = copy(environments.get((base or "").lower(), {}))
        for instruction in stage.instructions[1:]:
            inner = instruction.trigger or instruction
            _check_instruction(inner, variables or {}, sources, world, found)
            if instruction.keyword == "ENV" and variables is not None:
                variables = assigned(instruction.value, variables)
        if stage.name:
            names.add(stage.name)
        sources |= {str(index), stage.name}
        environments[stage.name] = variables


def _check_instruction(
    instruction: Instruction, variables: Mapping[str, str], names: set[str], world: World, found: Found
) -> None:
    line = instruction.line
    if instruction.keyword == "RUN":
        _check_run(instruction, names, world, found)
    elif instruction.keyword in {"ADD", "COPY"}:
        for image in instruction.values_of("--from"):
            if image.lower() not in names:
                _check_image(image, line, world, found)
    if instruction.keyword == "ADD":
        checked = any(CHECKSUM.fullmatch(value) for value in instruction.values_of("--checksum"))
        for word in _sources(instruction.arguments):
            check_address(word, line, variables, world, found, checked=checked)
    elif instruction.keyword == "ARG" and OF_ENGINES.search(plainly(instruction.value)):
        raise RefusedError(line, "These build arguments are reserved for the engine", "Choose another name")


def _check_run(instruction: Instruction, names: set[str], world: World, found: Found) -> None:
    line = instruction.line
    for flag in instruction.flags:
        name, _, value = flag.partition("=")
        if name not in {"--mount", "--network", "--security", "--device"}:
            raise RefusedError(line, f"`RUN {name}` is not a known option", "Delete it")
        refused = name == "--device" or (name == "--security" and value != "sandbox")
        if refused or (name == "--network" and value not in {"none", "default"}):
            raise RefusedError(line, f"`RUN {flag}` gives access to the build machine", "Delete this option")
    for flag in instruction.values_of("--mount"):
        keys = [option.partition("=")[0].strip().lower() for option in flag.split(",")]
        if any(c in flag for c in "\"'\\`") or len(keys) != len(set(keys)):
            raise RefusedError(
                line, "A mount of this step cannot be read", "Write each option once, without quotes"
            )
    for mount in mounts(instruction):
        if mount["type"].lower() not in {"bind", "cache", "secret", "tmpfs"}:
            raise RefusedError(
                line,
                f"`RUN --mount=type={mount['type']}` gives access to the build machine",
                "Delete this mount",
            )
        if mount.get("from", "").lower() not in names | {""}:
            _check_image(mount["from"], line, world, found)


def _check_image(reference: str | None, line: int, world: World, found: Found) -> None:
    """Whether it comes from a registry that anybody could ask, and not out of this machine's store."""
    name = check_reference(reference, line, world)
    image = world.find(name)
    # `r2i setup` makes these where no registry has them.
    if image is not None and repository_of(name) not in {"debian", "ubuntu"}:
        _check_stored(name, image, line, world)
    found.images.add(name)


def _check_stored(reference: str, image: Image, line: int, world: World) -> None:
    """Whether an image of this machine's store was pulled, and does nothing forbidden in the steps that it adds."""
    host, repository = registry_of(reference), repository_of(reference)
    pulled = repository in {repository_of(name) for name in image.repositories}
    ours = any(name.startswith("io.r2i.") for name in image.labels)
    if not pulled or (ours and host in {"", "docker.io", "index.docker.io"}):
        raise RefusedError(
            line,
            f"`{reference}` was built on this machine, and other repositories must not use its content",
            "Use an image from a registry",
        )
    _check_triggers(reference, image, line, world)


def _check_triggers(reference: str, image: Image, line: int, world: World) -> None:
    """An image holds any text, which engines join by lines: one that is not a plain instruction could hide others."""
    for trigger in image.triggers:
        inner = next(instructions(trigger), None)
        unclear = "\n" in trigger or CONTROL.search(trigger) or trigger.rstrip()[-1:] in {"\\", "`"}
        if inner is None or unclear or inner.keyword not in TRIGGERS:
            raise RefusedError(
                line, f"An `ONBUILD` instruction of `{reference}` cannot be read", "Use another image"
            )
        if "--mount" in plainly(trigger).lower():
            raise RefusedError(line, f"`{reference}` mounts something in an `ONBUILD`", "Use another image")
        try:
            check_readable(trigger)
        except RefusedError as refused:
            raise RefusedError(line, refused.message, "Use another image") from refused
        _check_instruction(replace(inner, line=line), {}, set(), world, Found())


def _sources(arguments: str) -> list[str]:
    if is_json(arguments):
        return [str(word) for word in json.loads(arguments)[:-1]]
    return [word for word in arguments.split()[:-1] if not HEREDOC.fullmatch(word)]
