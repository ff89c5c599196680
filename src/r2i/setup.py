"""Make a machine ready to build: from what the doctor found to steps, from steps to commands, shown before they run.

Nothing that works is touched. Every step is a command that a user could type, or a file written whole.
"""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from r2i.doctor import Diagnosis, Finding, check_container, check_engine, check_image
from r2i.engines.protocol import EngineName
from r2i.errors import EngineError
from r2i.interrupts import uninterrupted
from r2i.machine import Machine, last_line
from r2i.pins import base_image, is_distribution
from r2i.process import Completed

#: Where a daemon that no init system looks after writes its log.
DOCKER_LOG = "/var/log/dockerd.log"

#: How long an engine may take to answer after its start, in seconds.
START_PATIENCE = 60

#: How long a package manager or a download may take, in seconds.
INSTALL_PATIENCE = 1200

#: Releases whose own Docker builds, and the one that takes its Docker from the release after it: the packages of
#: trixie install on bookworm as they are, its own are too old.
TOO_OLD = ("stretch", "buster", "bullseye", "xenial", "bionic")
BORROWING = {"bookworm": "trixie"}

#: Files of the distribution that no image needs; what Debian's own slim images leave out.
LEFT_OUT = ("/usr/share/doc/*", "/usr/share/info/*", "/usr/share/locale/*", "/usr/share/man/*")
KEPT = ("/usr/share/doc/*/copyright",)

KEYRINGS = {"debian": "debian-archive-keyring", "ubuntu": "ubuntu-keyring"}

#: Files made today must not differ from those made tomorrow: the first day of Debian 13.
IMAGE_TIME = 1754697600

#: What makes Podman work where cgroups are hybrid and limits may not be raised.
CONTAINERS_CONF_PATH = "/etc/containers/containers.conf.d/50-r2i.conf"
CONTAINERS_CONF = """\
# Written by `r2i setup`: crun refuses hybrid cgroups, and containers may not have higher limits than the machine.
[engine]
runtime = "runc"

[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
"""


@dataclass(frozen=True, kw_only=True)
class Run:
    """A command. One that `may_fail` helps the next, which says what is missing."""

    argv: tuple[str, ...]
    may_fail: bool = False


@dataclass(frozen=True, kw_only=True)
class Write:
    """A file of the system, written whole or not at all."""

    path: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Await:
    """Wait until the engine answers; `log` says why where it does not."""

    engine: EngineName
    log: str | None = None


Action: TypeAlias = Run | Write | Await


@dataclass(frozen=True, kw_only=True)
class Step:
    """Some actions with one purpose; `only_without` names an image that makes the step superfluous."""

    title: str
    actions: tuple[Action, ...]
    only_without: str | None = None
    gives_access: bool = False


#: Called with a title before each step, and with each command before it runs.
Report: TypeAlias = Callable[[str], None]


def examine(machine: Machine, wanted: EngineName | None = None, *, base: str | None = None) -> Diagnosis:
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
    diagnosis: Diagnosis, machine: Machine, *, scratch: Path, base: str | None = None
) -> tuple[Step, ...]:
    """The steps that mend what was found; none where nothing is wrong. `scratch` is for temporary files.

    Raise `EngineError` for what only the user can mend.
    """
    if diagnosis.ready:
        return ()
    problems = diagnosis.problems()
    _refuse(diagnosis.engine, problems=tuple(problems.values()), machine=machine, base=base)
    engine = (
        _plan_docker(diagnosis, machine) if diagnosis.engine == "docker" else _plan_podman(diagnosis, machine)
    )
    image: tuple[Step, ...] = ()
    known = {finding.status for finding in diagnosis.findings if finding.check == "base image"}
    if "ok" not in known:
        later = (
            replace(machine, engine_prefix=machine.sudo) if any(s.gives_access for s in engine) else machine
        )
        known_missing = "error" in known
        image = (
            _plan_image(diagnosis.engine, later, base=base, scratch=scratch, known_missing=known_missing),
        )
    steps = (*engine, *image)
    _check_rights(steps, machine)
    return steps


def shown(action: Action) -> str:
    """An action as the user reads it before it happens."""
    match action:
        case Run(argv=argv):
            return shlex.join(argv)
        case Write(path=path, text=text):
            return f"write {path}:\n" + "".join(f"    {line}".rstrip() + "\n" for line in text.splitlines())
        case Await(engine=engine):
            return f"wait until {engine} answers"


def carry_out(
    steps: tuple[Step, ...], machine: Machine, *, engine: EngineName, scratch: Path, report: Report
) -> Machine:
    """Do it, and give the machine as it is then. Raise `EngineError` with the output's end where a command fails."""
    for step in steps:
        # Only an engine can tell whether a registry has the image, and there may have been none before.
        if step.only_without and check_image(machine, engine, step.only_without).status == "ok":
            continue
        report(step.title)
        for action in step.actions:
            _perform(action, machine, scratch=scratch)
        if step.gives_access:
            # A group counts from the next login on; until then root speaks for the user.
            machine = replace(machine, engine_prefix=machine.sudo)
    return machine


def _perform(action: Action, machine: Machine, *, scratch: Path) -> None:
    match action:
        case Run(argv=argv, may_fail=may_fail):
            done = _run(machine, argv)
            if done.returncode != 0 and not may_fail:
                raise EngineError(
                    f"`{shlex.join(argv)}` failed: {_tail(done)}",
                    hint="Mend that, then run `r2i setup` again",
                )
        case Write(path=path, text=text):
            draft = scratch / Path(path).name
            draft.write_text(text, encoding="utf-8")
            # Apt and Podman read files of other suffixes not at all: what they see is the whole file or none.
            new = f"{path}.new"
            for argv in (("install", "-D", "-m", "0644", str(draft), new), ("mv", "-f", new, path)):
                _perform(Run(argv=(*machine.sudo, *argv)), machine, scratch=scratch)
        case Await(engine=engine, log=log):
            _await(machine, engine, log)


def _await(machine: Machine, engine: EngineName, log: str | None) -> None:
    end = time.monotonic() + START_PATIENCE
    while True:
        found = check_engine(machine, engine)
        silent = {"not-running", "not-installed", "unreachable"} & found.problems().keys()
        if not silent or "permission" in found.problems():
            return
        if time.monotonic() > end:
            break
        time.sleep(0.5)
    said = machine.ask(*machine.sudo, "tail", "-n", "5", log).stdout.strip() if log else ""
    raise EngineError(
        f"{engine} does not answer after {START_PATIENCE} s" + (f"; it says:\n{said}" if said else ""),
        hint=f"See `{log}`" if log else f"Run `r2i doctor --engine {engine}`",
    )


def _run(machine: Machine, argv: tuple[str, ...]) -> Completed:
    # The terminal sends Ctrl-C to the program, too. A package manager that were killed would leave packages half
    # installed; by itself it ends where that does no harm.
    with uninterrupted():
        return machine.run(argv, env=machine.environ, timeout=INSTALL_PATIENCE)


def _refuse(engine: EngineName, *, problems: tuple[Finding, ...], machine: Machine, base: str | None) -> None:
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
    needed = {"docker": "Docker with buildx", "podman": "Podman 4 or newer"}[engine]
    if kinds == {"no-base-image"}:
        needed = f"`{base_image(base).reference}`"
    raise EngineError(
        f"`r2i setup` knows the packages of Debian and Ubuntu, and this is {here.name}",
        hint=f"Install {needed} as your system's documentation says, then run `r2i doctor`",
    )


def _check_rights(steps: tuple[Step, ...], machine: Machine) -> None:
    """Not root and no sudo: say what somebody with the rights has to do."""
    commands = [shown(action) for step in steps for action in step.actions if not isinstance(action, Await)]
    if (
        machine.uid != 0
        and machine.which("sudo") is None
        and any(line.startswith(("sudo ", "write ")) for line in commands)
    ):
        listed = "\n".join(f"  {line.removeprefix('sudo ')}" for line in commands)
        raise EngineError(
            "This needs root, and there is no `sudo`", hint=f"Ask somebody who is root to run\n{listed}"
        )


def _plan_docker(diagnosis: Diagnosis, machine: Machine) -> tuple[Step, ...]:
    problems = diagnosis.problems()
    steps: tuple[Step, ...] = ()
    if {"not-installed", "too-old", "no-buildx"} & problems.keys():
        steps = (_install_docker(machine, upgrade="too-old" in problems),)
    if {"not-installed", "not-running", "too-old"} & problems.keys():
        steps = (*steps, _start_docker(machine))
    if machine.uid != 0 and {"not-installed", "not-running", "permission"} & problems.keys():
        argv = (*machine.sudo, "usermod", "-aG", "docker", machine.user)
        title = f"Let `{machine.user}` use Docker, from the next login on"
        steps = (*steps, Step(title=title, actions=(Run(argv=argv),), gives_access=True))
    return steps


def _install_docker(machine: Machine, *, upgrade: bool) -> Step:
    """The packages of Docker: those of its own makers where they are in use, else the distribution's."""
    here = machine.distribution
    if _is_installed(machine, "docker-ce"):
        return Step(title="Install buildx", actions=_apt(machine, "docker-buildx-plugin"))
    if here.codename in TOO_OLD:
        raise EngineError(
            f"The Docker of {here.name} is too old",
            hint="Install Docker from its makers' packages, as their documentation says",
        )
    packages = [
        "docker.io",
        "docker-buildx",
        *(["docker-cli", "iptables"] if here.family == "debian" else []),
    ]
    title = (
        f"{'Replace Docker by a newer one' if upgrade else 'Install Docker'} from the packages of {here.name}"
    )
    donor = BORROWING.get(here.codename)
    if donor is None:
        return Step(title=title, actions=_apt(machine, *packages))
    packages = [f"{name}/{donor}" if name.startswith("docker") else name for name in packages]
    return Step(title=f"{title} and {donor}", actions=(*_borrow(machine, donor), *_apt(machine, *packages)))


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


def find_mirror(root: Path, codename: str) -> tuple[str, str]:
    """The address that the machine's apt takes a release from, and the keyring that it trusts it by."""
    directory = root / "etc/apt"
    files = [*sorted((directory / "sources.list.d").glob("*.sources")), directory / "sources.list"]
    for path in (*files, *sorted((directory / "sources.list.d").glob("*.list"))):
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        for uri, suites, keyring in _stanzas(text) if path.suffix == ".sources" else _lines(text):
            if codename in suites:
                return uri, keyring
    raise EngineError(
        f"No apt source of this machine names `{codename}`",
        hint="Correct `/etc/apt/sources.list.d`, then run `r2i setup` again",
    )


def _stanzas(text: str) -> Iterator[tuple[str, list[str], str]]:
    """The sources of a file in deb822 format."""
    text = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("#"))
    for stanza in re.split(r"\n\s*\n", text):
        fields = {
            name.lower(): " ".join(value.split())
            for name, value in re.findall(r"^([\w-]+):((?:.*)(?:\n[ \t].*)*)", stanza, re.MULTILINE)
        }
        if "deb" in fields.get("types", "").split() and fields.get("enabled", "yes").lower() != "no":
            keyring = fields.get("signed-by", "")
            uris = fields.get("uris", "").split()
            if uris:
                # A key may be written into the file itself: then apt's own keyrings have to do.
                yield uris[0], fields.get("suites", "").split(), keyring if keyring.startswith("/") else ""


def _lines(text: str) -> Iterator[tuple[str, list[str], str]]:
    """The sources of a file in the one-line format."""
    for line in text.splitlines():
        found = re.match(r"deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)", line.strip())
        if found:
            keyring = re.search(r"signed-by=(/\S+)", found[1] or "")
            yield found[2], [found[3]], keyring[1] if keyring else ""


def _start_docker(machine: Machine) -> Step:
    title = "Start Docker"
    if machine.systemd:
        start = Run(argv=(*machine.sudo, "systemctl", "start", "docker"))
        return Step(title=title, actions=(start, Await(engine="docker")))
    # Installed services start themselves where an init system runs; nothing would start them here. A session of its
    # own and no open file of ours: the daemon outlives the terminal, and nobody waits for it.
    daemon = shlex.quote(machine.which_daemon("dockerd") or "dockerd")
    start = Run(argv=(*machine.sudo, "sh", "-c", f"setsid {daemon} >{DOCKER_LOG} 2>&1 </dev/null &"))
    return Step(title=title, actions=(start, Await(engine="docker", log=DOCKER_LOG)))


def _plan_podman(diagnosis: Diagnosis, machine: Machine) -> tuple[Step, ...]:
    problems = diagnosis.problems()
    missing = "not-installed" in problems
    if "too-old" in problems:
        raise EngineError(
            f"The Podman of {machine.distribution.name} is too old", hint="Run `r2i setup --engine docker`"
        )
    steps: tuple[Step, ...] = ()
    if "subordinate-ids" in problems:
        ids = ("--add-subuids", "100000-165535", "--add-subgids", "100000-165535", machine.user)
        actions = (Run(argv=(*machine.sudo, "usermod", *ids)), Run(argv=("podman", "system", "migrate")))
        steps = (Step(title=f"Give `{machine.user}` ids for the users of images", actions=actions),)
    # runc is what starts containers on hybrid cgroups: see `CONTAINERS_CONF`.
    runc = ("runc",) if machine.hybrid_cgroups and not machine.which_daemon("runc") else ()
    if missing:
        packages = ("podman", "catatonit", "uidmap", "slirp4netns", "fuse-overlayfs", *runc)
        title = f"Install Podman from the packages of {machine.distribution.name}"
        steps = (Step(title=title, actions=(*_apt(machine, *packages), Await(engine="podman"))),)
    if {"runtime", "limits"} & problems.keys() or (missing and machine.hybrid_cgroups):
        needed = _apt(machine, "runc") if runc and not missing else ()
        write = Write(path=CONTAINERS_CONF_PATH, text=CONTAINERS_CONF)
        steps = (*steps, Step(title="Let Podman's containers start here", actions=(*needed, write)))
    return steps


def _plan_image(
    engine: EngineName, machine: Machine, *, base: str | None, scratch: Path, known_missing: bool
) -> Step:
    """Make the base image from the distribution's packages, under the name that a registry has it by."""
    image = base_image(base)
    release = image.release
    if release is None or not is_distribution(image):
        raise EngineError(
            f"`{image.reference}` cannot be made from packages", hint="Make it reachable for the engine"
        )
    prepare: tuple[Action, ...] = ()
    if machine.which("mmdebstrap") is None:
        prepare = _apt(machine, "mmdebstrap", KEYRINGS[release.distribution])
    rootfs = str(scratch / "rootfs.tar")
    excluded = [f"--dpkgopt=path-exclude={path}" for path in LEFT_OUT]
    included = [f"--dpkgopt=path-include={path}" for path in KEPT]
    make = (
        *machine.sudo,
        *("env", f"SOURCE_DATE_EPOCH={IMAGE_TIME}", "mmdebstrap", "--quiet", "--variant=minbase"),
        *("--include=ca-certificates", *excluded, *included, release.name, rootfs),
    )
    take = (*machine.engine_prefix, engine, "import", "--change", 'CMD ["bash"]', rootfs, image.reference)
    condition = "" if known_missing else ", unless a registry has it"
    return Step(
        title=f"Make the base image `{image.reference}` from packages{condition}",
        actions=(*prepare, Run(argv=make), Run(argv=take)),
        only_without=image.reference,
    )


def _apt(machine: Machine, *packages: str) -> tuple[Action, ...]:
    env = (*machine.sudo, "env", "DEBIAN_FRONTEND=noninteractive", "NEEDRESTART_SUSPEND=1")
    return (
        # A source that is none of our business may be broken.
        Run(argv=(*machine.sudo, "apt-get", "update", "-q"), may_fail=True),
        Run(argv=(*env, "apt-get", "install", "-y", "-q", *packages)),
    )


def _is_installed(machine: Machine, package: str) -> bool:
    done = machine.ask("dpkg-query", "--show", "--showformat=${db:Status-Status}", package)
    return done.stdout.strip() == "installed"


def _tail(done: Completed, lines: int = 12) -> str:
    text = [line for line in f"{done.stdout}\n{done.stderr}".splitlines() if line.strip()]
    return "\n".join(text[-lines:]) if len(text) > 1 else last_line(done)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
