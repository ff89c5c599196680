"""What the doctor finds on a machine, as values."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from r2i.engines import EngineName
from r2i.facts.minimums import DOCKER, PODMAN
from r2i.machine import last_line, version
from r2i.process import Completed

SymptomStatus: TypeAlias = Literal["ok", "warning", "error"]
MachineProblem: TypeAlias = Literal[
    "not-installed",
    "not-running",
    "unreachable",
    "permission",
    "too-old",
    "imitation",
    "no-buildx",
    "other-builder",
    "subordinate-ids",
    "no-tun",
    "runtime",
    "limits",
    "does-not-run",
    "no-base-image",
    "slow-storage",
    "disk",
    "name-resolution",
    "packages",
    "certificates",
    "index",
    "no-git",
    "old-git",
    "no-git-lfs",
    "server",
]
OLDEST: dict[EngineName, tuple[int, ...]] = {"docker": DOCKER, "podman": PODMAN}


@dataclass(frozen=True, kw_only=True)
class Symptom:
    """What one check found. `problem` names the kind of trouble for programs, `fix` is a command that mends it."""

    check: str
    status: SymptomStatus
    message: str
    fix: str | None = None
    problem: MachineProblem | None = None


@dataclass(frozen=True, kw_only=True)
class Examination:
    """All findings about one engine and what lies around it; `ready` where nothing prevents a build."""

    engine: EngineName
    findings: tuple[Symptom, ...]

    @property
    def ready(self) -> bool:
        return all(finding.status != "error" for finding in self.findings)

    def problems(self) -> dict[MachineProblem, Symptom]:
        return {finding.problem: finding for finding in self.findings if finding.problem}


def missing(engine: EngineName) -> Symptom:
    return Symptom(
        check=engine,
        status="error",
        message=f"{engine.capitalize()} is not installed",
        fix=f"r2i setup --engine {engine}",
        problem="not-installed",
    )


def of_version(engine: EngineName, found: str, *, at: str = "") -> Symptom:
    oldest = OLDEST[engine]
    if version(found) >= oldest:
        return Symptom(check=engine, status="ok", message=f"{engine.capitalize()} {found} answers{at}")
    return Symptom(
        check=engine,
        status="error",
        message=f"{engine.capitalize()} {found} is too old: r2i needs version {oldest[0]} or newer",
        fix="r2i setup --engine docker",
        problem="too-old",
    )


def storage(driver: str, guide: str) -> Symptom:
    # They write every layer as a whole copy, or have been given up by the engines themselves.
    if driver in ("vfs", "devicemapper", "aufs"):
        return Symptom(
            check="storage",
            status="warning",
            message=f"the storage driver `{driver}` is slow and wastes disk space: see {guide}",
            problem="slow-storage",
        )
    return Symptom(check="storage", status="ok", message=f"storage driver {driver}")


def does_not_run(check: str, message: str, *, engine: EngineName, said: str) -> Symptom:
    """What the engine said tells which trouble of Podman it is, where that is one that `r2i setup` mends."""
    problem: MachineProblem = "does-not-run"
    if engine == "podman" and "rlimit" in said:
        problem = "limits"
    elif engine == "podman" and "hybrid" in said:
        problem = "runtime"
    return Symptom(
        check=check,
        status="error",
        message=message,
        fix=None if problem == "does-not-run" else "r2i setup --engine podman",
        problem=problem,
    )


def as_json(diagnosis: Examination) -> dict[str, Any]:
    """The report for programs, as `docs/doctor.md` describes it."""
    return {
        "version": 1,
        "engine": diagnosis.engine,
        "ready": diagnosis.ready,
        "findings": [_row(finding) for finding in diagnosis.findings],
    }


def _row(finding: Symptom) -> dict[str, str | None]:
    return {
        "check": finding.check,
        "status": finding.status,
        "message": finding.message,
        "problem": finding.problem,
        "fix": finding.fix,
    }


def worst(findings: Iterable[Symptom]) -> SymptomStatus:
    statuses = {finding.status for finding in findings}
    return "error" if "error" in statuses else "warning" if "warning" in statuses else "ok"


def reason_of(done: Completed) -> str:
    """The line of an engine's output that says why, without what only its developers need."""
    lines = [line.strip() for line in done.stderr.splitlines() if "error" in line.lower()]
    line = lines[-1] if lines else last_line(done)
    return line.rpartition(": failed to do request: ")[2].removeprefix("ERROR: ").removeprefix("Error: ")


def json_of(done: Completed) -> dict[str, Any]:
    """What a program printed, as far as it is a JSON object."""
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}
