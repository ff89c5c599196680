"""The steps that install and configure Podman."""

from __future__ import annotations

from r2i.errors import EngineError
from r2i.machine import Machine
from r2i.machine.setup.steps import Await, Run, SetupStep, Write, apt
from r2i.machine.symptoms import Examination

#: What makes Podman work where cgroups are hybrid and limits may not be raised.
CONTAINERS_CONF_PATH = "/etc/containers/containers.conf.d/50-r2i.conf"
CONTAINERS_CONF = """\
# Written by `r2i setup`: crun refuses hybrid cgroups, and containers may not have higher limits than the machine.
[engine]
runtime = "runc"

[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
"""


def plan_podman(diagnosis: Examination, machine: Machine) -> tuple[SetupStep, ...]:
    problems = diagnosis.problems()
    missing = "not-installed" in problems
    if "too-old" in problems:
        raise EngineError(
            f"The Podman of {machine.distribution.name} is too old", hint="Run `r2i setup --engine docker`"
        )
    steps: tuple[SetupStep, ...] = ()
    if "subordinate-ids" in problems:
        ids = ("--add-subuids", "100000-165535", "--add-subgids", "100000-165535", machine.user)
        actions = (Run(argv=(*machine.sudo, "usermod", *ids)), Run(argv=("podman", "system", "migrate")))
        steps = (
            SetupStep(title=f"Give `{machine.user}` subordinate ids for users in images", actions=actions),
        )
    # runc is what starts containers on hybrid cgroups: see `CONTAINERS_CONF`.
    runc = ("runc",) if machine.hybrid_cgroups and not machine.which_daemon("runc") else ()
    if missing:
        packages = ("podman", "catatonit", "uidmap", "slirp4netns", "fuse-overlayfs", *runc)
        title = f"Install Podman from the packages of {machine.distribution.name}"
        steps = (SetupStep(title=title, actions=(*apt(machine, *packages), Await(engine="podman"))),)
    if {"runtime", "limits"} & problems.keys() or (missing and machine.hybrid_cgroups):
        needed = apt(machine, "runc") if runc and not missing else ()
        write = Write(path=CONTAINERS_CONF_PATH, text=CONTAINERS_CONF)
        steps = (
            *steps,
            SetupStep(title="Configure Podman to start containers on this machine", actions=(*needed, write)),
        )
    return steps
