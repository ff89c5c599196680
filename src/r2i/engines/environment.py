"""The environment that an engine's program gets: what it needs to find itself, and nothing that is only ours."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping
from pathlib import Path

from r2i.host.logins import WITHHELD

NAMES = frozenset(
    {
        "DBUS_SESSION_BUS_ADDRESS",
        "HOME",
        "PATH",
        "SSH_AUTH_SOCK",
        "STORAGE_DRIVER",
        "STORAGE_OPTS",
        "TMPDIR",
        "XDG_CACHE_HOME",
        "XDG_CONFIG_HOME",
        "XDG_DATA_HOME",
        "XDG_RUNTIME_DIR",
    }
)

PREFIXES = ("BUILDAH_", "BUILDX_", "CONTAINER_", "CONTAINERS_", "DOCKER_", "PODMAN_", "REGISTRY_")

#: Podman pulls by itself, Docker's daemon has settings of its own.
PULLING = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"})


def child_environment(environ: Mapping[str, str], *, pulls: bool = False) -> dict[str, str]:
    """A BinderHub starts us without `HOME`, and with its own secrets: those must not go on. `pulls` is for Podman."""
    child = {
        name: value
        for name, value in environ.items()
        if name not in WITHHELD
        and (name in NAMES or name.startswith(PREFIXES) or (pulls and name.upper() in PULLING))
    }
    if pulls and not Path(child.get("DOCKER_CONFIG", ""), "config.json").exists():
        child.pop("DOCKER_CONFIG", None)  # Podman then pulls nothing, where Docker does not mind
    child.setdefault("PATH", os.defpath)
    if "HOME" not in child:
        # Without it, the programs would write their settings into the working directory.
        try:
            child["HOME"] = pwd.getpwuid(os.getuid()).pw_dir
        except KeyError:
            child["HOME"] = "/"
    return child


def steps_in_chroot(environ: Mapping[str, str]) -> bool:
    """Whether Podman separates the steps of a build from us by a chroot only. It reads the word in any case."""
    return environ.get("BUILDAH_ISOLATION", "").strip().lower() == "chroot"


def passed_by_name(
    variables: Mapping[str, str], child: Mapping[str, str]
) -> tuple[list[str], dict[str, str]]:
    """What to write after `--env` or `--build-arg`, and what to add to the child's environment.

    Every user of the machine can read a command line, and a value may be a token. Only a variable that the
    program itself reads must be spelled out.
    """
    words = [f"{name}={value}" if _is_read(name, child) else name for name, value in variables.items()]
    return words, {name: value for name, value in variables.items() if not _is_read(name, child)}


def _is_read(name: str, child: Mapping[str, str]) -> bool:
    return (
        name in child
        or name in NAMES
        or name.startswith(PREFIXES)
        or name.startswith("LD_")
        or name.upper() in PULLING
    )
