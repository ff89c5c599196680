"""What keeps this machine from building: small checks that look and change nothing, each with its remedy."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace

from r2i.engines import EngineName
from r2i.engines.bounds import OPTIONS, BoundName
from r2i.engines.environment import steps_in_chroot
from r2i.facts.pins import base_image, is_distribution
from r2i.machine import Machine, last_line
from r2i.machine.docker import check_docker
from r2i.machine.podman import check_podman
from r2i.machine.symptoms import Examination, Symptom, does_not_run, reason_of
from r2i.process import Completed

#: Free space that an image of medium size and its build cache need, in bytes.
ENOUGH_SPACE = 5 * 10**9

#: How long a registry may take to answer, in seconds.
REGISTRY_PATIENCE = 20

#: Called with a word or two before each thing that may take a while.


def check_engine(machine: Machine, wanted: EngineName | None = None) -> Examination:
    """Look at the wanted engine; at Docker and then Podman where none is, as a build would choose."""
    docker = check_docker(machine) if wanted != "podman" else None
    if docker is not None and (wanted == "docker" or docker.ready):
        return docker
    podman = check_podman(machine)
    if docker is None or podman.ready:
        return podman
    installed = not {"not-installed", "imitation"} & docker.problems().keys()
    return docker if installed or "not-installed" in podman.problems() else podman


def check_image(machine: Machine, engine: EngineName, reference: str | None = None) -> Symptom:
    """The base image is in the engine's store, or a registry has it."""
    image = base_image(reference)
    reference = image.reference
    found = machine.ask_engine(engine, "image", "inspect", "--format", "{{.Size}}", reference)
    if found.returncode == 0:
        size = int(found.stdout.strip() or 0) / 10**6
        return Symptom(
            check="base image", status="ok", message=f"`{reference}` is available locally, {size:.0f} MB"
        )
    done = _ask_registry(machine, engine, reference)
    if done.returncode == 0:
        return Symptom(check="base image", status="ok", message=f"`{reference}` can be pulled")
    return Symptom(
        check="base image",
        status="error",
        message=f"`{reference}` is not available locally and cannot be pulled: {reason_of(done)}",
        fix=f"r2i setup --engine {engine}" if is_distribution(image) else None,
        problem="no-base-image",
    )


def _ask_registry(machine: Machine, engine: EngineName, reference: str) -> Completed:
    """Whether the engine could pull an image. Docker's client may reach what its daemon cannot: the daemon is asked."""
    if engine == "docker":
        argv = ("docker", "buildx", "build", "--progress", "plain", "--output", "type=cacheonly", "-")
        return machine.run(
            (*machine.engine_prefix, *argv),
            env=machine.environ,
            timeout=REGISTRY_PATIENCE,
            stdin=f"FROM {reference}\n",
        )
    return machine.ask_engine("podman", "manifest", "inspect", reference, timeout=REGISTRY_PATIENCE)


def check_container(machine: Machine, engine: EngineName, reference: str | None = None) -> Symptom | None:
    """A container really starts, which nothing else tells; None where the image would have to be pulled first.

    Builds in a chroot need none.
    """
    reference = base_image(reference).reference
    if machine.ask_engine(engine, "image", "inspect", "--format", "{{.Id}}", reference).returncode != 0:
        return None
    argv = (engine, "run", "--rm", "--pull=never", "--network=none", reference, "true")
    done = machine.ask_engine(*argv, timeout=60)
    if done.returncode == 0:
        return Symptom(check="container", status="ok", message="a container starts")
    reason = last_line(done)
    symptom = does_not_run("container", f"no container starts: {reason}", engine=engine, said=reason)
    in_chroot = engine == "podman" and steps_in_chroot(machine.environ)
    return replace(symptom, status="warning") if in_chroot else symptom


def check_space(machine: Machine, engine: EngineName, free: int | None) -> Symptom:
    """`free` is what a build step saw, in bytes; the disk is asked where there was none."""
    if free is None:
        form = "{{.DockerRootDir}}" if engine == "docker" else "{{.Store.GraphRoot}}"
        directory = machine.ask_engine(engine, "info", "--format", form).stdout.strip()
        try:
            free = shutil.disk_usage(directory).free
        except OSError:
            return Symptom(check="disk", status="warning", message="the free space could not be determined")
    message = f"{free / 10**9:.1f} GB are free in the image storage of {engine}"
    if free >= ENOUGH_SPACE:
        return Symptom(check="disk", status="ok", message=message)
    return Symptom(
        check="disk",
        status="warning",
        message=f"only {message}: a build may need {ENOUGH_SPACE // 10**9} GB",
        fix=f"{engine} system prune",
        problem="disk",
    )


def check_bounds(unbounded: Mapping[BoundName, str]) -> Symptom:
    """What a build step may take without limit, whatever the options say."""
    if not unbounded:
        return Symptom(check="build limits", status="ok", message="all build limits are supported")
    reasons: dict[str, list[str]] = {}
    for name, reason in unbounded.items():
        reasons.setdefault(reason, []).append(f"`{OPTIONS[name]}`")
    said = "; ".join(f"{', '.join(options)}: {reason}" for reason, options in reasons.items())
    return Symptom(
        check="build limits", status="warning", message=f"some build limits are not supported: {said}"
    )
