"""Docker's daemon, its plugin buildx and its storage."""

from __future__ import annotations

import re

from r2i.facts.minimums import BUILDX, written
from r2i.machine import Machine, last_line, version
from r2i.machine.symptoms import Examination, Symptom, json_of, missing, of_version, storage
from r2i.process import Completed

#: Where the daemon listens when nobody says otherwise.
DEFAULT_SOCKET = "unix:///var/run/docker.sock"


def check_docker(machine: Machine) -> Examination:
    daemon = docker_daemon(machine)
    findings = [daemon]
    if daemon.status == "ok" or daemon.problem == "too-old":
        findings += [docker_buildx(machine), docker_storage(machine)]
    return Examination(engine="docker", findings=tuple(findings))


def docker_daemon(machine: Machine) -> Symptom:
    """The client is there, a daemon answers it, and it is new enough."""
    if machine.which("docker") is None:
        return missing("docker")
    done = machine.ask_engine("docker", "version", "--format", "{{json .}}")
    answer = json_of(done)
    if "podman" in done.stderr.lower() or "podman" in str(answer.get("Client", {})).lower():
        return Symptom(
            check="docker",
            status="error",
            message="the `docker` command is Podman",
            fix="r2i doctor --engine podman",
            problem="imitation",
        )
    server = answer.get("Server")
    if done.returncode != 0 or not isinstance(server, dict):
        return _docker_silent(machine, done)
    # Not every client knows `.Server.Version`: the components are there since API 1.35.
    found = server.get("Version") or next(
        (part.get("Version", "") for part in server.get("Components") or () if part.get("Name") == "Engine"),
        "",
    )
    endpoint = _docker_endpoint(machine)
    return of_version("docker", found, at=f" at `{endpoint}`" if endpoint else "")


def _docker_silent(machine: Machine, done: Completed) -> Symptom:
    """Why the daemon does not answer."""
    reason = last_line(done)
    endpoint = _docker_endpoint(machine)
    if "permission denied" in reason.lower() and not endpoint.startswith(("tcp://", "ssh://")):
        # What the system's list of groups says, which this login need not have seen yet.
        member = "docker" in machine.ask("id", "-nG", machine.user).stdout.split()
        return Symptom(
            check="docker",
            status="error",
            message=f"the user `{machine.user}` may not use the Docker socket"
            + (" before the next login" if member else ""),
            fix="newgrp docker" if member else f"sudo usermod -aG docker {machine.user} && newgrp docker",
            problem="permission",
        )
    starter = _starter(machine, endpoint)
    if starter is not None:
        return Symptom(
            check="docker",
            status="error",
            message="Docker is installed, but not running",
            fix=starter,
            problem="not-running",
        )
    if endpoint:
        return Symptom(
            check="docker",
            status="error",
            message=f"no Docker answers at `{endpoint}`: {reason}",
            fix="unset DOCKER_HOST" if machine.environ.get("DOCKER_HOST") else "docker context use default",
            problem="unreachable",
        )
    return Symptom(
        check="docker",
        status="error",
        message="a Docker client is installed, but no Docker engine",
        fix="r2i setup --engine docker",
        problem="not-installed",
    )


def _starter(machine: Machine, endpoint: str) -> str | None:
    """The command that starts the engine behind an endpoint of this machine; None where there is none to start."""
    if "/.docker/" in endpoint or not endpoint:
        if (machine.root / "Applications/Docker.app").is_dir():
            return "open -a Docker"
        if (machine.root / "opt/docker-desktop").is_dir() and endpoint:
            return "systemctl --user start docker-desktop"
    if endpoint.startswith("unix:///run/user/"):
        return "systemctl --user start docker"
    if endpoint or machine.which_daemon("dockerd") is None:
        return None
    if machine.systemd:
        return " ".join((*machine.sudo, "systemctl start docker"))
    return "r2i setup --engine docker"


def _docker_endpoint(machine: Machine) -> str:
    """Where the user says that Docker is; empty where it is in its usual place."""
    host = machine.environ.get("DOCKER_HOST", "")
    if host:
        return "" if host == DEFAULT_SOCKET else host
    done = machine.ask("docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}")
    host = done.stdout.strip() if done.returncode == 0 else ""
    return "" if host == DEFAULT_SOCKET else host


def docker_buildx(machine: Machine) -> Symptom:
    """The plugin that drives BuildKit."""
    done = machine.ask_engine("docker", "buildx", "version")
    numbers = version(done.stdout)
    if done.returncode == 0 and (not numbers or numbers >= BUILDX):
        return _builder(machine, ".".join(map(str, numbers)) or "of unknown version")
    trouble = f"{'.'.join(map(str, numbers))} is too old" if numbers else "is missing"
    return Symptom(
        check="buildx",
        status="error",
        message=f"the Docker plugin buildx {trouble}: r2i needs {written(BUILDX)} or newer",
        fix="r2i setup --engine docker"
        if machine.distribution.family != "other"
        else machine.install_command("docker-buildx"),
        problem="no-buildx",
    )


def _builder(machine: Machine, numbers: str) -> Symptom:
    """A builder apart from the daemon works, but has its own store: it does not see the images that are here."""
    found = re.search(
        r"^Driver:\s*(\S+)", machine.ask_engine("docker", "buildx", "inspect").stdout, re.MULTILINE
    )
    if found is None or found[1] == "docker":
        return Symptom(check="buildx", status="ok", message=f"buildx {numbers}")
    return Symptom(
        check="buildx",
        status="warning",
        message=f"buildx {numbers} uses a builder of kind `{found[1]}`, which cannot use local images",
        fix="docker buildx use default",
        problem="other-builder",
    )


def docker_storage(machine: Machine) -> Symptom:
    """The driver that keeps the layers."""
    done = machine.ask_engine("docker", "info", "--format", "{{.Driver}}")
    driver = done.stdout.strip()
    if done.returncode != 0 or not driver:
        return Symptom(
            check="storage", status="warning", message=f"unknown storage driver: {last_line(done)}"
        )
    return storage(driver, "https://docs.docker.com/engine/storage/drivers/select-storage-driver/")
