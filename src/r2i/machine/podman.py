"""Podman, its users, runtime and storage."""

from __future__ import annotations

import os
import posixpath
import shlex
from typing import Any

from r2i.engines.environment import steps_in_chroot
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
    findings = [
        installed,
        podman_users(machine, info),
        podman_network(machine, info),
        podman_runtime(machine, info),
        podman_storage(machine, info),
    ]
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
    if not _rootless(info):
        return None
    host = info.get("host") or {}
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


def podman_network(machine: Machine, info: dict[str, Any]) -> Symptom | None:
    """Without root, a program of ours makes the network of a container, through a device. Steps in a chroot have ours."""
    if not _rootless(info) or steps_in_chroot(machine.environ):
        return None
    device = machine.root / "dev/net/tun"
    if os.access(device, os.R_OK | os.W_OK):
        return None
    there = device.exists()
    return Symptom(
        check="network",
        status="error",
        message=f"`{machine.user}` cannot open `/dev/net/tun`, so containers have no network"
        if there
        else "there is no `/dev/net/tun`, so containers have no network",
        fix=" ".join((*machine.sudo, "chmod 0666 /dev/net/tun" if there else "modprobe tun")),
        problem="no-tun",
    )


def podman_storage(machine: Machine, info: dict[str, Any]) -> Symptom:
    """Without any configuration, Podman 4 takes `vfs` for a user who is not root, wherever `overlay` would work, too."""
    store = info.get("store") or {}
    driver = str(store.get("graphDriverName", "unknown"))
    if driver != "vfs" or not _rootless(info):
        return storage(driver, "https://docs.podman.io/en/latest/markdown/podman.1.html")
    return Symptom(
        check="storage",
        status="warning",
        message="the storage driver `vfs` copies the whole image for each layer, which is slow and wastes disk space; "
        "the commands below change it to `overlay`, and remove all images and containers of Podman",
        fix=_to_overlay(machine, str(store.get("configFile") or "~/.config/containers/storage.conf")),
        problem="slow-storage",
    )


def _to_overlay(machine: Machine, file: str) -> str:
    """Kernels before 5.11 need the program, and so does a storage that is itself on an overlay."""
    install = () if machine.which("fuse-overlayfs") else (machine.install_command("fuse-overlayfs"),)
    reset = "podman system reset --force"
    if machine.environ.get("STORAGE_DRIVER") == "vfs":
        return " && ".join((*install, reset, "unset STORAGE_DRIVER"))
    if os.path.exists(file):  # noqa: PTH110 - it is a text of Podman's
        return f'Set `driver = "overlay"` in {file}, then run: {" && ".join((*install, reset))}'
    path = shlex.quote(file)
    write = f"printf '[storage]\\ndriver = \"overlay\"\\n' > {path}"
    return " && ".join((*install, reset, f"mkdir -p {shlex.quote(posixpath.dirname(file))}", write))


def _rootless(info: dict[str, Any]) -> bool:
    return bool(((info.get("host") or {}).get("security") or {}).get("rootless"))
