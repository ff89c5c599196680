"""The steps that install and start Docker."""

from __future__ import annotations

import shlex

from r2i.errors import EngineError
from r2i.machine import Machine
from r2i.machine.setup.apt_sources import find_mirror
from r2i.machine.setup.steps import Action, Await, Run, SetupStep, Write, apt
from r2i.machine.symptoms import Examination

#: Where a daemon that no init system looks after writes its log.
DOCKER_LOG = "/var/log/dockerd.log"

#: Releases whose own Docker builds, and the one that takes its Docker from the release after it: the packages of
#: trixie install on bookworm as they are, its own are too old.
TOO_OLD = ("stretch", "buster", "bullseye", "xenial", "bionic")
BORROWING = {"bookworm": "trixie"}


def plan_docker(diagnosis: Examination, machine: Machine) -> tuple[SetupStep, ...]:
    problems = diagnosis.problems()
    steps: tuple[SetupStep, ...] = ()
    if {"not-installed", "too-old", "no-buildx"} & problems.keys():
        steps = (_install_docker(machine, upgrade="too-old" in problems),)
    if {"not-installed", "not-running", "too-old"} & problems.keys():
        steps = (*steps, _start_docker(machine))
    if machine.uid != 0 and {"not-installed", "not-running", "permission"} & problems.keys():
        argv = (*machine.sudo, "usermod", "-aG", "docker", machine.user)
        title = f"Allow `{machine.user}` to use Docker after the next login"
        steps = (*steps, SetupStep(title=title, actions=(Run(argv=argv),), gives_access=True))
    return steps


def _install_docker(machine: Machine, *, upgrade: bool) -> SetupStep:
    """The packages of Docker: those of its own makers where they are in use, else the distribution's."""
    here = machine.distribution
    if _is_installed(machine, "docker-ce"):
        return SetupStep(title="Install buildx", actions=apt(machine, "docker-buildx-plugin"))
    if here.codename in TOO_OLD:
        raise EngineError(
            f"The Docker of {here.name} is too old",
            hint="Install Docker from the official Docker package repository, as described in the Docker documentation",
        )
    packages = [
        "docker.io",
        "docker-buildx",
        *(["docker-cli", "iptables"] if here.family == "debian" else []),
    ]
    title = f"{'Replace Docker with a newer version' if upgrade else 'Install Docker'} from the packages of {here.name}"
    donor = BORROWING.get(here.codename)
    if donor is None:
        return SetupStep(title=title, actions=apt(machine, *packages))
    packages = [f"{name}/{donor}" if name.startswith("docker") else name for name in packages]
    return SetupStep(
        title=f"{title} and {donor}", actions=(*_borrow(machine, donor), *apt(machine, *packages))
    )


def _borrow(machine: Machine, donor: str) -> tuple[Action, ...]:
    """Add a release beside the machine's own, with a priority so low that nothing comes from it unasked."""
    stanza, options = find_mirror(machine.root, machine.distribution.codename)
    signed = f"Signed-By: {options}\n" if options else ""
    source = f"Types: deb\nURIs: {stanza}\nSuites: {donor}\nComponents: main\n{signed}"
    pin = f"Package: *\nPin: release n={donor}\nPin-Priority: 50\n"
    return (
        Write(path=f"/etc/apt/preferences.d/r2i-{donor}", text=pin),
        Write(path=f"/etc/apt/sources.list.d/r2i-{donor}.sources", text=source),
    )


def _start_docker(machine: Machine) -> SetupStep:
    title = "Start Docker"
    if machine.systemd:
        start = Run(argv=(*machine.sudo, "systemctl", "start", "docker"))
        return SetupStep(title=title, actions=(start, Await(engine="docker")))
    # Installed services start themselves where an init system runs; nothing would start them here. A session of its
    # own and no open file of ours: the daemon outlives the terminal, and nobody waits for it.
    daemon = shlex.quote(machine.which_daemon("dockerd") or "dockerd")
    start = Run(argv=(*machine.sudo, "sh", "-c", f"setsid {daemon} >{DOCKER_LOG} 2>&1 </dev/null &"))
    return SetupStep(title=title, actions=(start, Await(engine="docker", log=DOCKER_LOG)))


def _is_installed(machine: Machine, package: str) -> bool:
    done = machine.ask("dpkg-query", "--show", "--showformat=${db:Status-Status}", package)
    return done.stdout.strip() == "installed"
