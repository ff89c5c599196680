"""Podman, its users, runtime and storage."""

from __future__ import annotations

from typing import Any

from r2i.machine import Machine, last_line
from r2i.machine.symptoms import Examination, Symptom, json_of, missing, of_version, storage
from r2i.process import Completed


def check_podman(machine: Machine) -> Examination:
    installed = podman_client(machine)
    if installed.status == "error":
        return Examination(engine="podman", findings=(installed,))
    done = machine.ask_engine("podman", "info", "--format", "json")
    info = json_of(done)
    if done.returncode != 0 or not info:
        return Examination(engine="podman", findings=(_podman_silent(done),))
    findings = [installed, podman_users(machine, info), podman_runtime(machine, info), podman_storage(info)]
    return Examination(engine="podman", findings=tuple(finding for finding in findings if finding))


def podman_client(machine: Machine) -> Symptom:
    if machine.which("podman") is None:
        return missing("podman")
    said = machine.ask_engine("podman", "--version").stdout.strip()
    return of_version("podman", said.rpartition(" ")[2])


def _podman_silent(done: Completed) -> Symptom:
    reason = last_line(done)
    remote = "connect" in reason.lower() and "podman" in reason.lower()
    return Symptom(
        check="podman",
        status="error",
        message=f"Podman does not answer: {reason}",
        fix="podman machine start" if remote else "podman system migrate",
        problem="not-running" if remote else "does-not-run",
    )


def podman_users(machine: Machine, info: dict[str, Any]) -> Symptom | None:
    """Rootless containers need ids beyond the user's own: the user of the image is one."""
    host = info.get("host") or {}
    if not (host.get("security") or {}).get("rootless"):
        return None
    sizes = [row.get("size", 0) for row in (host.get("idMappings") or {}).get("uidmap") or ()]
    if sum(sizes) > OLDEST_RANGE:
        return Symptom(check="users", status="ok", message=f"rootless, with {sum(sizes)} user ids")
    return Symptom(
        check="users",
        status="error",
        message=f"the user `{machine.user}` has no subordinate ids, so images cannot have users",
        fix=f"sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {machine.user} "
        "&& podman system migrate",
        problem="subordinate-ids",
    )


#: The image's user has id 1000 by default.
OLDEST_RANGE = 1000


def podman_runtime(machine: Machine, info: dict[str, Any]) -> Symptom:
    runtime = str(((info.get("host") or {}).get("ociRuntime") or {}).get("name", ""))
    if runtime == "crun" and machine.hybrid_cgroups:
        return Symptom(
            check="runtime",
            status="error",
            message="crun starts no container here, because the machine uses hybrid cgroups",
            fix="r2i setup --engine podman",
            problem="runtime",
        )
    return Symptom(check="runtime", status="ok", message=f"runtime {runtime or 'of the machine'}")


def podman_storage(info: dict[str, Any]) -> Symptom:
    driver = str((info.get("store") or {}).get("graphDriverName", "unknown"))
    return storage(driver, "https://docs.podman.io/en/latest/markdown/podman.1.html")
