"""Machines that answer as real ones did: what programs printed there, by the words of the command."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from r2i.machine import Machine
from r2i.process import Completed

#: `docker version --format '{{json .}}'` of Debian 13's Docker, without what nobody reads.
DOCKER_26 = json.dumps(
    {
        "Client": {"Version": "26.1.5+dfsg1", "ApiVersion": "1.45", "Os": "linux", "Context": "default"},
        "Server": {
            "Platform": {"Name": ""},
            "Components": [
                {"Name": "Engine", "Version": "26.1.5+dfsg1", "Details": {"ApiVersion": "1.45"}},
                {"Name": "containerd", "Version": "1.7.24~ds1", "Details": {}},
            ],
            "Version": "26.1.5+dfsg1",
            "ApiVersion": "1.45",
        },
    }
)
DOCKER_20 = DOCKER_26.replace("26.1.5+dfsg1", "20.10.24+dfsg1")
NO_SERVER = json.dumps({"Client": {"Version": "28.2.2", "Context": "default"}, "Server": None})
SILENT = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?\n"
DENIED = (
    "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: "
    'Get "http://%2Fvar%2Frun%2Fdocker.sock/v1.50/version": dial unix /var/run/docker.sock: connect: '
    "permission denied\n"
)
NO_REGISTRY = (
    "ERROR: failed to solve: docker.io/library/debian:trixie-slim: failed to resolve source metadata for "
    "docker.io/library/debian:trixie-slim: failed to do request: Head "
    '"https://registry-1.docker.io/v2/library/debian/manifests/trixie-slim": dial tcp: lookup '
    "registry-1.docker.io on 192.0.2.53:53: no such host\n"
)
RLIMITS = (
    "Error: runc: runc create failed: unable to start container process: error during container init: error "
    "setting rlimits for ready process: error setting rlimit type 7: operation not permitted: OCI permission denied\n"
)
NO_BUILDX = "docker: 'buildx' is not a docker command.\nSee 'docker --help'\n"


def podman_info(*, runtime: str = "crun", rootless: bool = False, ids: int = 65537) -> str:
    """`podman info --format json` of Podman 4.3, without what nobody reads."""
    uidmap = [
        {"container_id": 0, "host_id": 1000, "size": 1},
        {"container_id": 1, "host_id": 1, "size": ids - 1},
    ]
    return json.dumps(
        {
            "host": {
                "security": {"rootless": rootless},
                "idMappings": {"uidmap": uidmap if rootless else None},
                "ociRuntime": {"name": runtime},
            },
            "store": {"graphDriverName": "overlay", "graphRoot": "/var/lib/containers/storage"},
        }
    )


def ok(stdout: str = "", stderr: str = "") -> Completed:
    return Completed(argv=(), returncode=0, stdout=stdout, stderr=stderr)


def failed(stderr: str, *, stdout: str = "", returncode: int = 1) -> Completed:
    return Completed(argv=(), returncode=returncode, stdout=stdout, stderr=stderr)


class Answers:
    """A `Runner`: the answer whose words begin the command, the longest first; a list is used up answer by answer.

    `asked` is every command in order. Other commands are an error of the test.
    """

    def __init__(self, answers: Mapping[str, Completed | list[Completed]]) -> None:
        self.answers = dict(answers)
        self.asked: list[str] = []

    def __call__(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        timeout: float | None = None,
        stdin: str = "",
    ) -> Completed:
        command = " ".join(argv)
        self.asked.append(command)
        for words in sorted(self.answers, key=len, reverse=True):
            if command.startswith(words):
                answer = self.answers[words]
                if isinstance(answer, list):
                    return answer.pop(0) if len(answer) > 1 else answer[0]
                return answer
        raise AssertionError(f"nobody expected `{command}`")


BOOKWORM = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_CODENAME=bookworm\nID=debian\n'
TRIXIE = 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nVERSION_CODENAME=trixie\nID=debian\n'
BULLSEYE = 'PRETTY_NAME="Debian GNU/Linux 11 (bullseye)"\nVERSION_CODENAME=bullseye\nID=debian\n'
MINT = 'PRETTY_NAME="Linux Mint 22"\nVERSION_CODENAME=wilma\nUBUNTU_CODENAME=noble\nID=linuxmint\nID_LIKE="ubuntu debian"\n'
FEDORA = 'PRETTY_NAME="Fedora Linux 41"\nVERSION_CODENAME=""\nID=fedora\n'

#: Docker answers, with all that builds need.
WORKING = {
    "docker version": ok(DOCKER_26),
    "docker context": ok("unix:///var/run/docker.sock\n"),
    "docker buildx version": ok("github.com/docker/buildx 0.13.1 0.13.1+ds1-3\n"),
    "docker buildx inspect": ok("Name:          default\nDriver:        docker\n"),
    "docker info": ok("overlay2\n"),
}


def machine(
    root: Path,
    answers: Mapping[str, Completed | list[Completed]],
    *,
    programs: Sequence[str] = (),
    os_release: str = BOOKWORM,
    uid: int = 0,
    **environ: str,
) -> Machine:
    """A machine below `root` that has these programs; a name with a slash is a path below `root`."""
    for program in programs:
        path = root / (program if "/" in program else f"usr/bin/{program}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\n", encoding="utf-8")
        path.chmod(0o755)
    (root / "etc").mkdir(exist_ok=True)
    (root / "etc/os-release").write_text(os_release, encoding="utf-8")
    return Machine(
        environ={"PATH": str(root / "usr/bin"), **environ},
        run=Answers(answers),
        user="root" if uid == 0 else "ada",
        uid=uid,
        root=root,
    )
