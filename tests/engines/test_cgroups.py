"""Control groups of steps, on a machine whose groups we may make."""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from r2i.engines.cgroups import MOUNT, a_process_of, group_of

CONTROLLERS = ("memory", "cpu", "pids")


@contextmanager
def member(name: str, directory: Path, process: int) -> Iterator[None]:
    """The process is in a new group of that name, as long as the block runs."""
    group, before = directory / name, directory / "cgroup.procs"
    group.mkdir()
    try:
        (group / "cgroup.procs").write_text(str(process))
        yield
    finally:
        before.write_text(str(process))
        group.rmdir()


def test_a_step_is_known_when_it_has_joined_the_group_with_every_controller() -> None:
    if os.getuid() or not all((MOUNT / name).is_dir() for name in CONTROLLERS):
        pytest.skip("needs root and control groups of version 1")
    name = f"r2i-test-{secrets.token_hex(4)}"
    with subprocess.Popen(("sleep", "60")) as step, ExitStack() as stack:
        stack.callback(step.kill)
        seen = []
        for controller in CONTROLLERS:
            stack.enter_context(member(name, MOUNT / controller, step.pid))
            seen.append(a_process_of(f"/{name}"))

        group = group_of(step.pid)

        assert seen == [None, None, step.pid]
        assert group is not None
        assert {group.memory, group.cpu, group.pids} == {MOUNT / each / name for each in CONTROLLERS}
