"""What keeps this machine from building: small checks that look and change nothing, each with its remedy."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from r2i.engines.protocol import EngineName
from r2i.machine import Machine, last_line, version
from r2i.pins import base_image, is_distribution
from r2i.process import Completed

Status: TypeAlias = Literal["ok", "warning", "error"]
Problem: TypeAlias = Literal[
    "not-installed",
    "not-running",
    "unreachable",
    "permission",
    "too-old",
    "imitation",
    "no-buildx",
    "other-builder",
    "subordinate-ids",
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
]

#: The oldest versions that build: BuildKit is the builder from Docker 23 on, secret mounts work from Podman 4 on.
OLDEST: dict[EngineName, tuple[int, ...]] = {"docker": (23,), "podman": (4,)}
OLDEST_BUILDX = (0, 13)
OLDEST_GIT = (2, 25)

#: Free space that an image of medium size and its build cache need, in bytes.
ENOUGH_SPACE = 5 * 10**9

#: How long a registry may take to answer, in seconds.
REGISTRY_PATIENCE = 20

#: Where the daemon listens when nobody says otherwise.
DEFAULT_SOCKET = "unix:///var/run/docker.sock"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one check found. `problem` names the kind of trouble for programs, `fix` is a command that mends it."""

    check: str
    status: Status
    message: str
    fix: str | None = None
    problem: Problem | None = None


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """All findings about one engine and what lies around it; `ready` where nothing prevents a build."""

    engine: EngineName
    findings: tuple[Finding, ...]

    @property
    def ready(self) -> bool:
        return all(finding.status != "error" for finding in self.findings)

    def problems(self) -> dict[Problem, Finding]:
        return {finding.problem: finding for finding in self.findings if finding.problem}


#: Called with a word or two before each thing that may take a while.
Report: TypeAlias = Callable[[str], None]


def check_engine(machine: Machine, wanted: EngineName | None = None) -> Diagnosis:
    """Look at the wanted engine; at Docker and then Podman where none is, as a build would choose."""
    docker = check_docker(machine) if wanted != "podman" else None
    if docker is not None and (wanted == "docker" or docker.ready):
        return docker
    podman = check_podman(machine)
    if docker is None or podman.ready:
        return podman
    installed = not {"not-installed", "imitation"} & docker.problems().keys()
    return docker if installed or "not-installed" in podman.problems() else podman


def check_docker(machine: Machine) -> Diagnosis:
    daemon = docker_daemon(machine)
    findings = [daemon]
    if daemon.status == "ok" or daemon.problem == "too-old":
        findings += [docker_buildx(machine), docker_storage(machine)]
    return Diagnosis(engine="docker", findings=tuple(findings))


def docker_daemon(machine: Machine) -> Finding:
    """The client is there, a daemon answers it, and it is new enough."""
    if machine.which("docker") is None:
        return _missing("docker")
    done = machine.ask_engine("docker", "version", "--format", "{{json .}}")
    answer = _json(done)
    if "podman" in done.stderr.lower() or "podman" in str(answer.get("Client", {})).lower():
        return Finding(
            check="docker",
            status="error",
            message="the program `docker` is Podman in disguise",
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
    return _of_version("docker", found, at=f" at `{endpoint}`" if endpoint else "")


def _missing(engine: EngineName) -> Finding:
    return Finding(
        check=engine,
        status="error",
        message=f"{engine.capitalize()} is not installed",
        fix=f"r2i setup --engine {engine}",
        problem="not-installed",
    )


def _of_version(engine: EngineName, found: str, *, at: str = "") -> Finding:
    oldest = OLDEST[engine]
    if version(found) >= oldest:
        return Finding(check=engine, status="ok", message=f"{engine.capitalize()} {found} answers{at}")
    return Finding(
        check=engine,
        status="error",
        message=f"{engine.capitalize()} {found} is too old: r2i needs version {oldest[0]} or newer",
        fix="r2i setup --engine docker",
        problem="too-old",
    )


def _docker_silent(machine: Machine, done: Completed) -> Finding:
    """Why the daemon does not answer."""
    reason = last_line(done)
    endpoint = _docker_endpoint(machine)
    if "permission denied" in reason.lower() and not endpoint.startswith(("tcp://", "ssh://")):
        # What the system's list of groups says, which this login need not have seen yet.
        member = "docker" in machine.ask("id", "-nG", machine.user).stdout.split()
        return Finding(
            check="docker",
            status="error",
            message=f"the user `{machine.user}` may not use Docker's socket"
            + (" before the next login" if member else ""),
            fix="newgrp docker" if member else f"sudo usermod -aG docker {machine.user} && newgrp docker",
            problem="permission",
        )
    starter = _starter(machine, endpoint)
    if starter is not None:
        return Finding(
            check="docker",
            status="error",
            message="Docker is installed, but not running",
            fix=starter,
            problem="not-running",
        )
    if endpoint:
        return Finding(
            check="docker",
            status="error",
            message=f"no Docker answers at `{endpoint}`: {reason}",
            fix="unset DOCKER_HOST" if machine.environ.get("DOCKER_HOST") else "docker context use default",
            problem="unreachable",
        )
    return Finding(
        check="docker",
        status="error",
        message="there is a Docker client, but no engine that it could talk to",
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


def docker_buildx(machine: Machine) -> Finding:
    """The plugin that drives BuildKit."""
    done = machine.ask_engine("docker", "buildx", "version")
    numbers = version(done.stdout)
    if done.returncode == 0 and (not numbers or numbers >= OLDEST_BUILDX):
        return _builder(machine, ".".join(map(str, numbers)) or "of unknown version")
    trouble = f"{'.'.join(map(str, numbers))} is too old" if numbers else "is missing"
    return Finding(
        check="buildx",
        status="error",
        message=f"Docker's plugin buildx {trouble}: r2i needs {'.'.join(map(str, OLDEST_BUILDX))} or newer",
        fix="r2i setup --engine docker"
        if machine.distribution.family != "other"
        else machine.install_command("docker-buildx"),
        problem="no-buildx",
    )


def _builder(machine: Machine, numbers: str) -> Finding:
    """A builder apart from the daemon works, but has its own store: it does not see the images that are here."""
    found = re.search(
        r"^Driver:\s*(\S+)", machine.ask_engine("docker", "buildx", "inspect").stdout, re.MULTILINE
    )
    if found is None or found[1] == "docker":
        return Finding(check="buildx", status="ok", message=f"buildx {numbers}")
    return Finding(
        check="buildx",
        status="warning",
        message=f"buildx {numbers} uses a builder of kind `{found[1]}`, which does not see the images that are here",
        fix="docker buildx use default",
        problem="other-builder",
    )


def docker_storage(machine: Machine) -> Finding:
    """The driver that keeps the layers."""
    done = machine.ask_engine("docker", "info", "--format", "{{.Driver}}")
    driver = done.stdout.strip()
    if done.returncode != 0 or not driver:
        return Finding(
            check="storage", status="warning", message=f"unknown storage driver: {last_line(done)}"
        )
    return _storage(driver, "https://docs.docker.com/engine/storage/drivers/select-storage-driver/")


def _storage(driver: str, guide: str) -> Finding:
    # They write every layer as a whole copy, or have been given up by the engines themselves.
    if driver in ("vfs", "devicemapper", "aufs"):
        return Finding(
            check="storage",
            status="warning",
            message=f"the storage driver `{driver}` is slow and wastes space: see {guide}",
            problem="slow-storage",
        )
    return Finding(check="storage", status="ok", message=f"storage driver {driver}")


def check_podman(machine: Machine) -> Diagnosis:
    installed = podman_client(machine)
    if installed.status == "error":
        return Diagnosis(engine="podman", findings=(installed,))
    done = machine.ask_engine("podman", "info", "--format", "json")
    info = _json(done)
    if done.returncode != 0 or not info:
        return Diagnosis(engine="podman", findings=(_podman_silent(done),))
    findings = [installed, podman_users(machine, info), podman_runtime(machine, info), podman_storage(info)]
    return Diagnosis(engine="podman", findings=tuple(finding for finding in findings if finding))


def podman_client(machine: Machine) -> Finding:
    if machine.which("podman") is None:
        return _missing("podman")
    said = machine.ask_engine("podman", "--version").stdout.strip()
    return _of_version("podman", said.rpartition(" ")[2])


def _podman_silent(done: Completed) -> Finding:
    reason = last_line(done)
    remote = "connect" in reason.lower() and "podman" in reason.lower()
    return Finding(
        check="podman",
        status="error",
        message=f"Podman does not answer: {reason}",
        fix="podman machine start" if remote else "podman system migrate",
        problem="not-running" if remote else "does-not-run",
    )


def podman_users(machine: Machine, info: dict[str, Any]) -> Finding | None:
    """Rootless containers need ids beyond the user's own: the user of the image is one."""
    host = info.get("host") or {}
    if not (host.get("security") or {}).get("rootless"):
        return None
    sizes = [row.get("size", 0) for row in (host.get("idMappings") or {}).get("uidmap") or ()]
    if sum(sizes) > OLDEST_RANGE:
        return Finding(check="users", status="ok", message=f"rootless, with {sum(sizes)} user ids")
    return Finding(
        check="users",
        status="error",
        message=f"the user `{machine.user}` has no subordinate ids, so an image can have no user",
        fix=f"sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {machine.user} "
        "&& podman system migrate",
        problem="subordinate-ids",
    )


#: The image's user has id 1000 by default.
OLDEST_RANGE = 1000


def podman_runtime(machine: Machine, info: dict[str, Any]) -> Finding:
    runtime = str(((info.get("host") or {}).get("ociRuntime") or {}).get("name", ""))
    if runtime == "crun" and machine.hybrid_cgroups:
        return Finding(
            check="runtime",
            status="error",
            message="crun starts no container here, because the machine's cgroups are hybrid",
            fix="r2i setup --engine podman",
            problem="runtime",
        )
    return Finding(check="runtime", status="ok", message=f"runtime {runtime or 'of the machine'}")


def podman_storage(info: dict[str, Any]) -> Finding:
    driver = str((info.get("store") or {}).get("graphDriverName", "unknown"))
    return _storage(driver, "https://docs.podman.io/en/latest/markdown/podman.1.html")


def check_image(machine: Machine, engine: EngineName, reference: str | None = None) -> Finding:
    """The base image is in the engine's store, or a registry has it."""
    image = base_image(reference)
    reference = image.reference
    found = machine.ask_engine(engine, "image", "inspect", "--format", "{{.Size}}", reference)
    if found.returncode == 0:
        size = int(found.stdout.strip() or 0) / 10**6
        return Finding(check="base image", status="ok", message=f"`{reference}` is here, {size:.0f} MB")
    done = _ask_registry(machine, engine, reference)
    if done.returncode == 0:
        return Finding(check="base image", status="ok", message=f"`{reference}` can be pulled")
    return Finding(
        check="base image",
        status="error",
        message=f"`{reference}` is not here and cannot be pulled: {_reason(done)}",
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


def check_container(machine: Machine, engine: EngineName, reference: str | None = None) -> Finding | None:
    """A container really starts, which nothing else tells; None where the image would have to be pulled first."""
    reference = base_image(reference).reference
    if machine.ask_engine(engine, "image", "inspect", "--format", "{{.Id}}", reference).returncode != 0:
        return None
    argv = (engine, "run", "--rm", "--pull=never", "--network=none", reference, "true")
    done = machine.ask_engine(*argv, timeout=60)
    if done.returncode == 0:
        return Finding(check="container", status="ok", message="a container starts")
    reason = last_line(done)
    return does_not_run("container", f"no container starts: {reason}", engine=engine, said=reason)


def does_not_run(check: str, message: str, *, engine: EngineName, said: str) -> Finding:
    """What the engine said tells which trouble of Podman it is, where that is one that `r2i setup` mends."""
    problem: Problem = "does-not-run"
    if engine == "podman" and "rlimit" in said:
        problem = "limits"
    elif engine == "podman" and "hybrid" in said:
        problem = "runtime"
    return Finding(
        check=check,
        status="error",
        message=message,
        fix=None if problem == "does-not-run" else "r2i setup --engine podman",
        problem=problem,
    )


def check_space(machine: Machine, engine: EngineName, free: int | None) -> Finding:
    """`free` is what a build step saw, in bytes; the disk is asked where there was none."""
    if free is None:
        form = "{{.DockerRootDir}}" if engine == "docker" else "{{.Store.GraphRoot}}"
        directory = machine.ask_engine(engine, "info", "--format", form).stdout.strip()
        try:
            free = shutil.disk_usage(directory).free
        except OSError:
            return Finding(check="disk", status="warning", message="the free space could not be determined")
    message = f"{free / 10**9:.1f} GB are free where {engine} keeps its images"
    if free >= ENOUGH_SPACE:
        return Finding(check="disk", status="ok", message=message)
    return Finding(
        check="disk",
        status="warning",
        message=f"only {message}: a build may need {ENOUGH_SPACE // 10**9} GB",
        fix=f"{engine} system prune",
        problem="disk",
    )


def check_git(machine: Machine) -> tuple[Finding, ...]:
    """git fetches repositories, git-lfs the large files in some of them; a local directory needs neither."""
    done = machine.ask("git", "--version")
    if done.returncode != 0:
        return (
            Finding(
                check="git",
                status="warning",
                message="git is not installed: only local directories can be built",
                fix=machine.install_command("git"),
                problem="no-git",
            ),
        )
    return (_git_version(machine, version(done.stdout)), _git_lfs(machine))


def _git_version(machine: Machine, found: tuple[int, ...]) -> Finding:
    text = ".".join(map(str, found))
    if found >= OLDEST_GIT:
        return Finding(check="git", status="ok", message=f"git {text}")
    return Finding(
        check="git",
        status="warning",
        message=f"git {text} is older than {'.'.join(map(str, OLDEST_GIT))}: some repositories may not be fetched",
        fix=machine.install_command("git"),
        problem="old-git",
    )


def _git_lfs(machine: Machine) -> Finding:
    done = machine.ask("git", "lfs", "version")
    if done.returncode == 0:
        return Finding(
            check="git-lfs", status="ok", message=f"git-lfs {'.'.join(map(str, version(done.stdout)))}"
        )
    return Finding(
        check="git-lfs",
        status="warning",
        message="git-lfs is not installed: large files of repositories stay pointers",
        fix=machine.install_command("git-lfs"),
        problem="no-git-lfs",
    )


def as_json(diagnosis: Diagnosis) -> dict[str, Any]:
    """The report for programs, as `docs/doctor.md` describes it."""
    return {
        "version": 1,
        "engine": diagnosis.engine,
        "ready": diagnosis.ready,
        "findings": [_row(finding) for finding in diagnosis.findings],
    }


def _row(finding: Finding) -> dict[str, str | None]:
    return {
        "check": finding.check,
        "status": finding.status,
        "message": finding.message,
        "problem": finding.problem,
        "fix": finding.fix,
    }


def worst(findings: Iterable[Finding]) -> Status:
    statuses = {finding.status for finding in findings}
    return "error" if "error" in statuses else "warning" if "warning" in statuses else "ok"


def _reason(done: Completed) -> str:
    """The line of an engine's output that says why, without what only its developers need."""
    lines = [line.strip() for line in done.stderr.splitlines() if "error" in line.lower()]
    line = lines[-1] if lines else last_line(done)
    return line.rpartition(": failed to do request: ")[2].removeprefix("ERROR: ").removeprefix("Error: ")


def _json(done: Completed) -> dict[str, Any]:
    """What a program printed, as far as it is a JSON object."""
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}
