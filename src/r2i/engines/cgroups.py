"""Control groups of a build's steps, of versions 1 and 2: what the kernel lets a step take, and what it refused."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MOUNT = Path("/sys/fs/cgroup")

#: The time in which the processors are shared out, in microseconds.
PERIOD = 100_000


@dataclass(frozen=True, kw_only=True)
class ControlGroup:
    """The directories of a group, by controller; of version 2 it is one directory for all."""

    memory: Path | None
    pids: Path | None
    cpu: Path | None
    unified: bool

    def limit_memory(self, amount: int) -> None:
        if self.memory is None:
            raise FileNotFoundError("memory")
        if self.unified:
            (self.memory / "memory.max").write_text(str(amount))
            with suppress(OSError):
                (self.memory / "memory.swap.max").write_text("0")
        else:
            (self.memory / "memory.limit_in_bytes").write_text(str(amount))
            with suppress(OSError):  # not every kernel counts what is swapped out
                (self.memory / "memory.memsw.limit_in_bytes").write_text(str(amount))

    def limit_processes(self, number: int) -> None:
        if self.pids is None:
            raise FileNotFoundError("pids")
        (self.pids / "pids.max").write_text(str(number))

    def limit_cpus(self, cpus: float) -> None:
        if self.cpu is None:
            raise FileNotFoundError("cpu")
        quota = max(1000, int(cpus * PERIOD))
        if self.unified:
            (self.cpu / "cpu.max").write_text(f"{quota} {PERIOD}")
        else:
            (self.cpu / "cpu.cfs_period_us").write_text(str(PERIOD))
            (self.cpu / "cpu.cfs_quota_us").write_text(str(quota))

    @property
    def refused_processes(self) -> bool:
        """Whether a process could not be started for the limit."""
        return self.pids is not None and _count(self.pids / "pids.events", "max") > 0

    @property
    def killed_for_memory(self) -> bool:
        if self.memory is None:
            return False
        file = "memory.events" if self.unified else "memory.oom_control"
        return _count(self.memory / file, "oom_kill") > 0


def group_of(process: int) -> ControlGroup | None:
    """The group of a process; None where it is gone, or in our own group: that is not for us to limit."""
    try:
        theirs, ours = _paths(process), _paths(os.getpid())
    except OSError:
        return None
    unified = (MOUNT / "cgroup.controllers").exists()
    if unified:
        path = theirs.get("")
        if path is None or path == ours.get(""):
            return None
        directory = MOUNT / path.lstrip("/")
        _delegate(directory)
        return ControlGroup(memory=directory, pids=directory, cpu=directory, unified=True)

    def directory_of(controller: str) -> Path | None:
        path = theirs.get(controller)
        return None if path is None or path == ours.get(controller) else MOUNT / controller / path.lstrip("/")

    return ControlGroup(
        memory=directory_of("memory"), pids=directory_of("pids"), cpu=directory_of("cpu"), unified=False
    )


def a_process_of(group: str) -> int | None:
    """A process in the group of that name, as an engine names it: a path, or `SLICE:PREFIX:NAME` for systemd.

    None while a process that is being started has joined the group with some controllers only: `group_of` would miss the others.
    """
    path = group.lstrip("/")
    slice_, _, rest = path.partition(":")
    names = [path, f"{slice_}/{rest.replace(':', '-')}.scope"] if rest else [path]
    roots = [MOUNT / name for name in ("pids", "memory", "cpu") if (MOUNT / name).is_dir()] or [MOUNT]
    for name in names:
        with suppress(OSError, ValueError):
            first, *others = [(root / name / "cgroup.procs").read_text().split() for root in roots]
            joined = (int(each) for each in first if all(each in there for there in others))
            return next(joined, None)
    return None


def _paths(process: int) -> dict[str, str]:
    """The path by controller; version 2 has the empty name."""
    rows = (line.split(":", 2) for line in Path(f"/proc/{process}/cgroup").read_text().splitlines())
    return {name: path for _, names, path in rows for name in names.split(",")}


def _delegate(directory: Path) -> None:
    """Of version 2, a group has the controllers that the groups above it hand down."""
    for above in reversed([*_between(directory.parent)]):
        for controller in ("memory", "pids", "cpu"):
            with suppress(OSError):
                (above / "cgroup.subtree_control").write_text(f"+{controller}")


def _between(directory: Path) -> Iterator[Path]:
    while directory.is_relative_to(MOUNT):
        yield directory
        directory = directory.parent


def _count(file: Path, name: str) -> int:
    with suppress(OSError, ValueError):
        for line in file.read_text().splitlines():
            key, _, value = line.partition(" ")
            if key == name:
                return int(value)
    return 0
