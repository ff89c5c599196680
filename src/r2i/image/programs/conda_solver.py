"""Finds the conda packages of an environment, or says why there are none.

A part of `conda_fetch.py`, which knows where py-rattler lies. Runs on the Python of the base image, which may be as old as 3.8.
"""

from __future__ import annotations

import difflib
import os
from datetime import datetime, timezone
from typing import Any, Iterable, Mapping, Sequence

import rattler
from rattler.exceptions import GatewayError, SolverError

from conda_channels import masked

#: How distributions are called that conda's channels have under another name.
NAMES = {"jupyterhub": "jupyterhub-base"}  # without its proxy and Node.js

#: A document of `r2i.image.conda`, or a package that it lists.
Document = Mapping[str, Any]


class Solver:
    """Finds the packages of an environment; what it does not name is added only where that is possible."""

    def __init__(
        self, environment: Document, channels: list[rattler.Channel], gateway: rattler.Gateway
    ) -> None:
        self.specs = environment["specs"]
        self.names = {rattler.MatchSpec(spec).name.normalized for spec in self.specs}
        self.cutoff = environment.get("exclude_newer")
        self.channels = channels
        self.gateway = gateway
        self.platforms: list[Any] = [current_platform(), "noarch"]
        self.virtual = virtual_packages(environment.get("cuda"))

    async def solve(self, packages: Sequence[str], python: str | None) -> list[rattler.RepoDataRecord]:
        """From what we would like best to what the environment itself says."""
        print(f"Solving for {self.platforms[0]}: {', '.join(self.specs) or 'nothing but Python'}", flush=True)
        print(f"  in {', '.join(masked(channel) for channel in self.channels)}", flush=True)
        if self.cutoff:
            print(f"  with packages published before {self.cutoff}", flush=True)
        if {"conda", "mamba"} & self.names:
            packages = [name for name in packages if name != "micromamba"]
        more = await self.available([NAMES.get(name, name) for name in packages])
        free = [] if "python" in self.names else ["python"]
        named = {f"python {python}.*", f"python =={python}"} & set(self.specs)
        preferred = [f"python {python}.*"] if python and not named else free
        attempts = [[*preferred, *more], preferred, [*free, *more], free]
        added, records = await self.first_solution(attempts)
        if preferred != free and added in (free, [*free, *more]):
            print(
                f"r2i: these packages cannot be installed with Python {python}; another version is chosen",
                flush=True,
            )
        return records

    async def first_solution(
        self, attempts: Sequence[list[str]]
    ) -> tuple[list[str], list[rattler.RepoDataRecord]]:
        """The first of these additions that can be made, and the packages; where none can, what the last one fails with."""
        added = attempts[0]
        others = [other for other in attempts if other != added]
        try:
            return added, await self.attempt(added)
        except SolverError:
            if not others:
                raise
        return await self.first_solution(others)

    async def attempt(self, added: Sequence[str], *, cutoff: bool = True) -> list[rattler.RepoDataRecord]:
        specs = [rattler.MatchSpec(spec, strict=True) for spec in (*self.specs, *added)]
        return await rattler.solve(
            self.channels,
            specs,
            gateway=self.gateway,
            platforms=self.platforms,
            virtual_packages=self.virtual,
            exclude_newer=moment(self.cutoff) if cutoff and self.cutoff else None,
        )

    async def available(self, names: Sequence[str]) -> list[str]:
        """Of these names, those that any of the channels has."""
        found = (
            await self.gateway.query(self.channels, self.platforms, names, recursive=False) if names else []
        )
        have = {record.name.normalized for records in found for record in records}
        return [name for name in names if name in have and name not in self.names]

    async def explained(self, error: SolverError) -> str:
        """What the solver says, and what it does not know: near names, other platforms, the date."""
        lines = ["the environment cannot be solved.", *str(error).splitlines()]
        missing = [name for name in sorted(self.names) if name not in await self.have(self.names)]
        missing = [name for name in missing if not name.startswith("__")]
        lines += [await self.nowhere(name) for name in missing]
        if self.cutoff and not missing:
            try:
                await self.attempt([], cutoff=False)
                lines.append(f"Without the date {self.cutoff}, there is a solution.")
            except SolverError:
                lines.append(f"Without the date {self.cutoff}, there is no solution either.")
        if any(len(spec.split()) == 3 for spec in self.specs) and not missing:
            lines.append(
                "Some packages name a build (`name=version=build`), and channels do not keep all builds: "
                "`conda env export --from-history` or `--no-builds` writes a file without them."
            )
        return "\n".join(lines)

    async def have(self, names: Iterable[str], platforms: list[Any] | None = None) -> set[str]:
        found = await self.gateway.query(
            self.channels, platforms or self.platforms, sorted(names), recursive=False
        )
        return {record.name.normalized for records in found for record in records}

    async def nowhere(self, name: str) -> str:
        where = ", ".join(masked(channel) for channel in self.channels)
        others = ("linux-64", "linux-aarch64", "osx-64", "osx-arm64", "win-64")
        for platform in others:
            try:
                if name in await self.have([name], [platform]):
                    return f"`{name}` is in {where} for {platform} only, and not for {self.platforms[0]}."
            except GatewayError:  # noqa: PERF203 - a channel need not have every platform
                continue
        names = await self.gateway.names(self.channels, self.platforms)
        near = difflib.get_close_matches(name, [known.normalized for known in names], n=3, cutoff=0.75)
        meant = f" Is it {' or '.join(f'`{known}`' for known in near)}?" if near else ""
        return f"`{name}` is not in {where}.{meant}"


def current_platform() -> str:
    return {"x86_64": "linux-64", "aarch64": "linux-aarch64", "ppc64le": "linux-ppc64le"}[os.uname().machine]


def virtual_packages(cuda: str | None) -> list[rattler.VirtualPackage]:
    """The image's, and not this machine's: it must run on others, so on any processor; a card only if asked for."""
    overrides = rattler.VirtualPackageOverrides()
    overrides.archspec = rattler.Override.string(os.uname().machine)
    if cuda:
        overrides.cuda = rattler.Override.string(cuda)
    found = rattler.VirtualPackage.detect(overrides)
    return [package for package in found if cuda or not str(package).startswith("__cuda")]


def moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
