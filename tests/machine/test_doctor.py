"""The doctor's checks against machines that answer as real ones did."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from r2i.machine import version
from r2i.machine.docker import check_docker, docker_daemon
from r2i.machine.doctor import check_container, check_engine, check_image, check_space
from r2i.machine.git import check_git
from r2i.machine.podman import check_podman
from r2i.machine.symptoms import Examination, Symptom, as_json
from r2i.process import Completed
from tests.machine.machines import (
    DENIED,
    DOCKER_20,
    FEDORA,
    NO_BUILDX,
    NO_REGISTRY,
    NO_SERVER,
    RLIMITS,
    SILENT,
    WORKING,
    failed,
    machine,
    ok,
    podman_info,
)

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/doctor.schema.json").read_text(encoding="utf-8"))

DOCKER_DOWN = {
    "docker version": failed(SILENT, stdout=NO_SERVER),
    "docker context": ok("unix:///var/run/docker.sock\n"),
}


def problems(diagnosis: Examination) -> set[str]:
    return set(diagnosis.problems())


def test_docker_that_answers_is_ready(tmp_path: Path) -> None:
    diagnosis = check_docker(machine(tmp_path, WORKING, programs=["docker"]))

    assert diagnosis.ready
    assert [finding.message for finding in diagnosis.findings] == [
        "Docker 26.1.5+dfsg1 answers",
        "buildx 0.13.1",
        "storage driver overlay2",
    ]


def test_no_program_docker_means_not_installed(tmp_path: Path) -> None:
    finding = docker_daemon(machine(tmp_path, {}))

    assert (finding.problem, finding.fix) == ("not-installed", "r2i setup --engine docker")


def test_client_without_an_engine_is_not_taken_for_one_that_is_stopped(tmp_path: Path) -> None:
    finding = docker_daemon(machine(tmp_path, DOCKER_DOWN, programs=["docker"]))

    assert finding.problem == "not-installed"


def test_installed_engine_that_is_silent_is_not_running(tmp_path: Path) -> None:
    here = machine(tmp_path, DOCKER_DOWN, programs=["docker", "usr/sbin/dockerd"])

    assert docker_daemon(here).problem == "not-running"
    assert docker_daemon(here).fix == "r2i setup --engine docker"


def test_systemd_starts_docker_where_it_runs(tmp_path: Path) -> None:
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    here = machine(tmp_path, DOCKER_DOWN, programs=["docker", "usr/sbin/dockerd"], uid=1000)

    assert docker_daemon(here).fix == "sudo systemctl start docker"


def test_docker_desktop_that_is_closed_is_opened(tmp_path: Path) -> None:
    (tmp_path / "Applications/Docker.app").mkdir(parents=True)
    answers = {**DOCKER_DOWN, "docker context": ok("unix:///Users/ada/.docker/run/docker.sock\n")}

    finding = docker_daemon(machine(tmp_path, answers, programs=["docker"]))

    assert (finding.problem, finding.fix) == ("not-running", "open -a Docker")


def test_rootless_docker_is_started_by_its_user(tmp_path: Path) -> None:
    answers = {**DOCKER_DOWN, "docker context": ok("unix:///run/user/1000/docker.sock\n")}

    finding = docker_daemon(machine(tmp_path, answers, programs=["docker"], uid=1000))

    assert (finding.problem, finding.fix) == ("not-running", "systemctl --user start docker")


def test_permission_denied_names_the_user(tmp_path: Path) -> None:
    answers: dict[str, Completed | list[Completed]] = {
        **DOCKER_DOWN,
        "docker version": failed(DENIED, stdout=NO_SERVER),
        "id -nG ada": [ok("ada sudo\n"), ok("ada sudo docker\n")],
    }
    here = machine(tmp_path, answers, programs=["docker"], uid=1000)

    assert docker_daemon(here).fix == "sudo usermod -aG docker ada && newgrp docker"
    assert (docker_daemon(here).problem, docker_daemon(here).fix) == ("permission", "newgrp docker")


def test_docker_host_that_does_not_answer_is_named(tmp_path: Path) -> None:
    here = machine(tmp_path, DOCKER_DOWN, programs=["docker"], DOCKER_HOST="tcp://192.0.2.1:2375")

    finding = docker_daemon(here)

    assert (finding.problem, finding.fix) == ("unreachable", "unset DOCKER_HOST")
    assert "`tcp://192.0.2.1:2375`" in finding.message


def test_context_that_does_not_answer_is_named(tmp_path: Path) -> None:
    answers = {**DOCKER_DOWN, "docker context": ok("ssh://build@example.org\n")}

    finding = docker_daemon(machine(tmp_path, answers, programs=["docker"]))

    assert (finding.problem, finding.fix) == ("unreachable", "docker context use default")
    assert "`ssh://build@example.org`" in finding.message


def test_old_docker_is_too_old(tmp_path: Path) -> None:
    answers = {**WORKING, "docker version": ok(DOCKER_20)}

    diagnosis = check_docker(machine(tmp_path, answers, programs=["docker"]))

    assert problems(diagnosis) == {"too-old"}
    assert "20.10.24+dfsg1" in diagnosis.findings[0].message


def test_podman_that_calls_itself_docker_is_seen_through(tmp_path: Path) -> None:
    imitation = ok('{"Client": {"Version": "4.3.1", "Built": 0}}', "Emulate Docker CLI using podman.\n")

    assert docker_daemon(machine(tmp_path, {"docker version": imitation}, programs=["docker"])).problem == (
        "imitation"
    )


def test_missing_buildx_prevents_building(tmp_path: Path) -> None:
    answers = {**WORKING, "docker buildx version": failed(NO_BUILDX)}

    diagnosis = check_docker(machine(tmp_path, answers, programs=["docker"]))

    assert problems(diagnosis) == {"no-buildx"}
    assert not diagnosis.ready


def test_old_buildx_prevents_building(tmp_path: Path) -> None:
    answers = {**WORKING, "docker buildx version": ok("github.com/docker/buildx v0.11.2 9872040\n")}

    assert problems(check_docker(machine(tmp_path, answers, programs=["docker"]))) == {"no-buildx"}


def test_builder_with_a_store_of_its_own_is_a_warning(tmp_path: Path) -> None:
    answers = {**WORKING, "docker buildx inspect": ok("Name: ci\nDriver:        docker-container\n")}

    diagnosis = check_docker(machine(tmp_path, answers, programs=["docker"]))

    assert problems(diagnosis) == {"other-builder"}
    assert diagnosis.ready


def test_vfs_storage_is_only_a_warning(tmp_path: Path) -> None:
    diagnosis = check_docker(machine(tmp_path, {**WORKING, "docker info": ok("vfs\n")}, programs=["docker"]))

    assert problems(diagnosis) == {"slow-storage"}
    assert diagnosis.ready


@pytest.mark.parametrize(
    "answer", ["", "null", "[]", "{", '{"Server": "x"}', '{"Server": {"Components": null}}']
)
def test_whatever_docker_prints_is_a_finding(tmp_path: Path, answer: str) -> None:
    here = machine(tmp_path, {**WORKING, "docker version": ok(answer)}, programs=["docker"])

    assert docker_daemon(here).status == "error"


def podman(
    tmp_path: Path,
    info: str,
    *,
    version: str = "podman version 4.3.1\n",
    tun: int | None = 0o666,
    **environ: str,
) -> Examination:
    answers = {"podman --version": ok(version), "podman info": ok(info)}
    if tun is not None:
        (tmp_path / "dev/net").mkdir(parents=True, exist_ok=True)
        (tmp_path / "dev/net/tun").touch()
        (tmp_path / "dev/net/tun").chmod(tun)
    return check_podman(machine(tmp_path, answers, programs=["podman", "apt-get"], uid=1000, **environ))


def test_podman_that_answers_is_ready(tmp_path: Path) -> None:
    assert podman(tmp_path, podman_info()).ready


def test_podman_3_is_too_old(tmp_path: Path) -> None:
    assert problems(podman(tmp_path, podman_info(), version="podman version 3.4.4\n")) == {"too-old"}


def test_crun_on_hybrid_cgroups_is_recognised(tmp_path: Path) -> None:
    (tmp_path / "sys/fs/cgroup/unified").mkdir(parents=True)

    assert problems(podman(tmp_path, podman_info(runtime="crun"))) == {"runtime"}
    assert podman(tmp_path, podman_info(runtime="runc")).ready


def test_crun_on_unified_cgroups_is_fine(tmp_path: Path) -> None:
    (tmp_path / "sys/fs/cgroup").mkdir(parents=True)
    (tmp_path / "sys/fs/cgroup/cgroup.controllers").touch()

    assert podman(tmp_path, podman_info(runtime="crun")).ready


def test_rootless_podman_needs_ids(tmp_path: Path) -> None:
    assert podman(tmp_path, podman_info(rootless=True, ids=65537)).ready
    assert problems(podman(tmp_path, podman_info(rootless=True, ids=1))) == {"subordinate-ids"}


def test_rootless_podman_needs_the_device_of_its_network(tmp_path: Path) -> None:
    rootless = podman_info(rootless=True)

    assert podman(tmp_path, rootless, tun=None).problems()["no-tun"].fix == "sudo modprobe tun"
    assert podman(tmp_path, rootless, tun=None, BUILDAH_ISOLATION="Chroot").ready
    assert podman(tmp_path, podman_info(), tun=None).ready
    if os.getuid() != 0:
        assert (
            podman(tmp_path, rootless, tun=0o000).problems()["no-tun"].fix == "sudo chmod 0666 /dev/net/tun"
        )


def test_rootless_podman_on_vfs_is_told_how_to_use_overlay(tmp_path: Path) -> None:
    file = tmp_path / "storage.conf"
    info = json.loads(podman_info(rootless=True))
    info["store"] |= {"graphDriverName": "vfs", "configFile": str(file)}

    fix = podman(tmp_path, json.dumps(info)).problems()["slow-storage"].fix
    assert fix is not None
    assert fix.startswith(
        "sudo apt-get install -y fuse-overlayfs && podman system reset --force && mkdir -p "
    )
    assert podman(tmp_path, json.dumps(info), STORAGE_DRIVER="vfs").problems()["slow-storage"].fix == (
        "sudo apt-get install -y fuse-overlayfs && podman system reset --force && unset STORAGE_DRIVER"
    )
    file.write_text('[storage]\ndriver = "vfs"\n')
    fix = podman(tmp_path, json.dumps(info)).problems()["slow-storage"].fix
    assert fix is not None
    assert fix.startswith(f'Set `driver = "overlay"` in {file}, then run: sudo apt-get')


def test_auto_takes_podman_where_docker_does_not_answer(tmp_path: Path) -> None:
    answers = {
        **DOCKER_DOWN,
        "podman --version": ok("podman version 5.4.2\n"),
        "podman info": ok(podman_info()),
    }

    assert check_engine(machine(tmp_path, answers, programs=["docker", "podman"])).engine == "podman"


def test_auto_prefers_to_mend_what_is_installed(tmp_path: Path) -> None:
    answers = {"podman --version": ok("podman version 5.4.2\n"), "podman info": failed("Error: it broke")}

    assert check_engine(machine(tmp_path, answers, programs=["podman"])).engine == "podman"
    assert check_engine(machine(tmp_path / "usr", {})).engine == "docker"


def test_image_in_the_store_needs_no_registry(tmp_path: Path) -> None:
    here = machine(tmp_path, {"docker image inspect": ok("80600000\n")})

    assert (
        check_image(here, "docker").message
        == "`docker.io/library/debian:trixie-slim` is available locally, 81 MB"
    )


def test_registry_out_of_reach_is_an_error_with_the_reason(tmp_path: Path) -> None:
    here = machine(
        tmp_path,
        {"docker image inspect": failed("Error: No such image"), "docker buildx": failed(NO_REGISTRY)},
    )

    finding = check_image(here, "docker")

    assert finding.problem == "no-base-image"
    assert finding.message.endswith("lookup registry-1.docker.io on 192.0.2.53:53: no such host")


def test_silent_registry_is_an_error_too(tmp_path: Path) -> None:
    late = failed("podman: no answer in 20 s", returncode=124)
    here = machine(tmp_path, {"podman image inspect": failed("no such image"), "podman manifest": late})

    assert check_image(here, "podman").message.endswith("no answer in 20 s")


def test_limits_that_no_container_may_have_are_recognised(tmp_path: Path) -> None:
    here = machine(tmp_path, {"podman image inspect": ok("x"), "podman run": failed(RLIMITS, returncode=126)})

    finding = check_container(here, "podman")

    assert finding is not None
    assert (finding.problem, finding.fix) == ("limits", "r2i setup --engine podman")


def test_container_is_not_asked_of_an_image_that_is_not_here(tmp_path: Path) -> None:
    assert check_container(machine(tmp_path, {"docker image inspect": failed("no")}), "docker") is None


def test_little_space_is_a_warning_with_the_figure(tmp_path: Path) -> None:
    finding = check_space(machine(tmp_path, {}), "docker", 3_210_000_000)

    assert (finding.status, finding.fix) == ("warning", "docker system prune")
    assert "3.2 GB" in finding.message


def test_space_is_asked_of_the_disk_where_no_step_ran(tmp_path: Path) -> None:
    finding = check_space(machine(tmp_path, {"docker info": ok(f"{tmp_path}\n")}), "docker", None)

    said = float(finding.message.removeprefix("only ").partition(" GB")[0])

    # Others write to the disk meanwhile.
    assert said == pytest.approx(shutil.disk_usage(tmp_path).free / 10**9, rel=0.2)
    assert check_space(machine(tmp_path, {"docker info": ok("/nowhere\n")}), "docker", None).problem is None


def test_missing_git_and_git_lfs_are_warnings(tmp_path: Path) -> None:
    (nothing,) = check_git(
        machine(tmp_path, {"git": failed("git: not found")}, programs=["apt-get"], uid=1000)
    )
    answers = {
        "git --version": ok("git version 2.39.5\n"),
        "git lfs": failed("git: 'lfs' is not a git command"),
    }
    git, lfs = check_git(machine(tmp_path, answers, programs=["dnf"], os_release=FEDORA))

    assert (nothing.status, nothing.fix) == ("warning", "sudo apt-get install -y git")
    assert (git.status, lfs.status, lfs.problem) == ("ok", "warning", "no-git-lfs")


@pytest.mark.parametrize("text", ["1.8.3.1", "2.30.9"])
def test_old_git_is_a_warning(text: str, tmp_path: Path) -> None:
    answers = {"git --version": ok(f"git version {text}\n"), "git lfs": ok("git-lfs/3.3.0\n")}

    assert check_git(machine(tmp_path, answers))[0].problem == "old-git"


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("26.1.5+dfsg1", (26, 1, 5)),
        ("git version 2.39.5 (Apple Git-154)", (2, 39, 5)),
        ("none", ()),
        ("", ()),
    ],
)
def test_version_is_read_from_what_programs_print(text: str, numbers: tuple[int, ...]) -> None:
    assert version(text) == numbers


def test_report_for_programs_follows_its_schema() -> None:
    findings = (
        Symptom(check="docker", status="ok", message="Docker 26.1.5 answers"),
        Symptom(check="buildx", status="error", message="missing", fix="r2i setup", problem="no-buildx"),
    )
    document: dict[str, Any] = as_json(Examination(engine="docker", findings=findings))

    jsonschema.validate(document, SCHEMA)
    assert document["ready"] is False


def test_schema_knows_every_problem() -> None:
    from typing import get_args

    from r2i.machine.symptoms import MachineProblem

    listed = SCHEMA["$defs"]["finding"]["properties"]["problem"]["enum"]

    assert listed == [*get_args(MachineProblem), None]
