"""Make a machine ready to build: from what the doctor found to steps, from steps to commands, shown before they run.

Nothing that works is touched. Every step is a command that a user could type, or a file written whole.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from r2i.engines import EngineName
from r2i.errors import EngineError
from r2i.facts.minimums import PODMAN, written
from r2i.facts.pins import base_image
from r2i.machine import Machine
from r2i.machine.doctor import check_container, check_engine, check_image
from r2i.machine.setup.docker import plan_docker
from r2i.machine.setup.image import plan_image
from r2i.machine.setup.podman import plan_podman
from r2i.machine.setup.steps import Await, SetupStep, shown
from r2i.machine.symptoms import Examination, Symptom


def examine(machine: Machine, wanted: EngineName | None = None, *, base: str | None = None) -> Examination:
    """What matters for `plan_setup`, and no more: on a machine that is ready this takes a moment.

    `base` is the image to build on, None for the default.
    """
    diagnosis = check_engine(machine, wanted)
    if not diagnosis.ready:
        return diagnosis
    image = check_image(machine, diagnosis.engine, base)
    container = check_container(machine, "podman", base) if diagnosis.engine == "podman" else None
    findings = (*diagnosis.findings, image, *([container] if container else []))
    return replace(diagnosis, findings=findings)


def plan_setup(
    diagnosis: Examination, machine: Machine, *, scratch: Path, base: str | None = None
) -> tuple[SetupStep, ...]:
    """The steps that mend what was found; none where nothing is wrong. `scratch` is for temporary files.

    Raise `EngineError` for what only the user can mend.
    """
    if diagnosis.ready:
        return ()
    problems = diagnosis.problems()
    _refuse(diagnosis.engine, problems=tuple(problems.values()), machine=machine, base=base)
    engine = (
        plan_docker(diagnosis, machine) if diagnosis.engine == "docker" else plan_podman(diagnosis, machine)
    )
    image: tuple[SetupStep, ...] = ()
    known = {finding.status for finding in diagnosis.findings if finding.check == "base image"}
    if "ok" not in known:
        later = (
            replace(machine, engine_prefix=machine.sudo) if any(s.gives_access for s in engine) else machine
        )
        known_missing = "error" in known
        image = (
            plan_image(diagnosis.engine, later, base=base, scratch=scratch, known_missing=known_missing),
        )
    steps = (*engine, *image)
    _check_rights(steps, machine)
    return steps


def _refuse(engine: EngineName, *, problems: tuple[Symptom, ...], machine: Machine, base: str | None) -> None:
    """Stop where a program should not decide, or cannot."""
    for finding in problems:
        if finding.problem in ("unreachable", "imitation", "does-not-run") or finding.fix == "newgrp docker":
            raise EngineError(
                _sentence(finding.message), hint=f"Run `{finding.fix}`" if finding.fix else None
            )
        desktop = (
            finding.fix and not finding.fix.startswith("r2i") and "systemctl start docker" not in finding.fix
        )
        if finding.problem == "not-running" and desktop:
            raise EngineError(_sentence(finding.message), hint=f"Run `{finding.fix}`")
    kinds = {finding.problem for finding in problems} - {"permission", "not-running", "subordinate-ids"}
    here = machine.distribution
    if not kinds or here.family != "other":
        return
    needed = {"docker": "Docker with buildx", "podman": f"Podman {written(PODMAN)} or newer"}[engine]
    if kinds == {"no-base-image"}:
        needed = f"`{base_image(base).reference}`"
    raise EngineError(
        f"`r2i setup` supports only Debian and Ubuntu, and this is {here.name}",
        hint=f"Install {needed} as described in the documentation of your system, then run `r2i doctor`",
    )


def _check_rights(steps: tuple[SetupStep, ...], machine: Machine) -> None:
    """Not root and no sudo: say what somebody with the rights has to do."""
    commands = [shown(action) for step in steps for action in step.actions if not isinstance(action, Await)]
    if (
        machine.uid != 0
        and machine.which("sudo") is None
        and any(line.startswith(("sudo ", "write ")) for line in commands)
    ):
        listed = "\n".join(f"  {line.removeprefix('sudo ')}" for line in commands)
        raise EngineError(
            "These steps need root, but `sudo` is not installed",
            hint=f"Ask an administrator to run\n{listed}",
        )


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
