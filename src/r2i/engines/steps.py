"""The steps of a build that run on this machine, found from outside: by what only this build gives to its own."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import IPv6Address
from pathlib import Path
from typing import Any, TypeAlias

from r2i.engines.cgroups import a_process_of
from r2i.engines.watch import RunningStep, upper_directory
from r2i.process import Completed
from r2i.process.guard import all_processes, below

#: Asks the daemon that a build would use.
Ask: TypeAlias = Callable[..., Completed]

INFO = "{{.ID}}\t{{.DockerRootDir}}\t{{json .DriverStatus}}"


def fresh_address() -> str:
    """An address of the block for documentation that no other build has."""
    return str(IPv6Address((0x2001_0DB8 << 96) | secrets.randbits(96)))


@dataclass
class DockerSteps:
    """What runc was told of each step lies in BuildKit's directory, which only root can read.

    `address` stands in the hosts file of the steps of one build.
    """

    ask: Ask
    address: str
    _known: dict[Path, dict[str, Any]] = field(default_factory=dict)

    def __call__(self, _client: int) -> Iterator[RunningStep]:
        if self._directory is None:
            return
        for file, spec in self._specs(self._directory):
            yield from _running(file.parent.name, spec)

    def begun_since(self, moment: float) -> bool:
        if self._directory is None:
            return False
        files = [file for file, _ in self._specs(self._directory)]
        with suppress(FileNotFoundError):  # one that ends at this moment is asked for again
            return any(file.stat().st_mtime >= moment for file in files)
        return True

    def _specs(self, directory: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
        """What runc was told of the steps of this build."""
        for file in directory.glob("buildkit/executor/*/config.json"):
            with suppress(OSError, ValueError, KeyError):
                if file not in self._known:
                    self._known[file] = self._ours(json.loads(file.read_text()))
                if spec := self._known[file]:
                    yield file, spec

    @cached_property
    def _directory(self) -> Path | None:
        return directory_of_this_machine(self.ask)

    def _ours(self, spec: dict[str, Any]) -> dict[str, Any]:
        """The settings of a step of this build, nothing for one of another."""
        sources = [mount["source"] for mount in spec["mounts"] if mount["destination"] == "/etc/hosts"]
        return spec if any(self.address in Path(source).read_text().split() for source in sources) else {}


def _running(id_: str, spec: dict[str, Any]) -> Iterator[RunningStep]:
    process = a_process_of(spec["linux"]["cgroupsPath"])
    if process is not None:
        root = spec["root"]["path"]
        written = upper_directory(Path("/proc/self/mountinfo"), root)
        yield RunningStep(id=id_, process=process, written=written)


def directory_of_this_machine(ask: Ask) -> Path | None:
    """Docker's directory, where the daemon is of this machine and its steps can be seen in it; else None."""
    id_, _, rest = ask("info", f"--format={INFO}").stdout.strip().partition("\t")
    directory, _, status = rest.partition("\t")
    if not directory or "io.containerd.snapshotter" in status:  # containerd starts these steps, elsewhere
        return None
    with suppress(OSError):
        if (Path(directory) / "engine-id").read_text().strip() == id_:
            return Path(directory)
    return None


class PodmanSteps:
    """A step is a descendant of `podman build` with a root of its own."""

    def __call__(self, client: int) -> Iterator[RunningStep]:
        ours = upper_directory(Path("/proc/self/mountinfo"), "/")
        for process in below(client, all_processes()):
            written = upper_directory(Path(f"/proc/{process}/mountinfo"), "/")
            if written is not None and written != ours:
                yield RunningStep(id=str(written), process=process, written=written)

    def begun_since(self, _moment: float) -> bool:
        return False  # the guard has ended them all
