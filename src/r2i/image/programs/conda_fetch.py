#!/usr/bin/python3
"""Solve for conda packages, or take exactly what is listed, and link them into /srv/env, as the fetcher: nothing of them is run.

Runs on the base image's Python, which may be as old as 3.8, with py-rattler from a throw-away stage.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import sys
import tempfile
import threading
import time
from hashlib import sha256
from pathlib import Path
from typing import Sequence
from urllib.parse import unquote

from environment import CONDA_CACHE
from separation import ENVIRONMENT

sys.path.insert(0, "/opt/rattler")  # and not PYTHONPATH, which scripts of packages would inherit

import rattler
from rattler.exceptions import GatewayError, SolverError

from conda_cache import NotInstalledError, PackagePlaces, forget_doubtful, hash_of, proof_of
from conda_channels import channels_of, client_of, mirrors, unreachable
from conda_solver import Document, Solver, current_platform

PREFIX = ENVIRONMENT
CACHE = CONDA_CACHE

#: What a lock does not tell of a package, and the package itself does.
INDEX_KEYS = (
    "build_number",
    "constrains",
    "depends",
    "features",
    "license",
    "noarch",
    "timestamp",
    "track_features",
)

#: Seconds between two lines that say how far it is.
PATIENCE = 3


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("environment", type=Path)
    parser.add_argument("packages", nargs="*", help="packages to add if the channels have them")
    parser.add_argument("--python", help="preferred version if the environment leaves a choice")
    arguments = parser.parse_args()
    environment = json.loads(arguments.environment.read_text(encoding="utf-8"))
    try:
        asyncio.run(make(environment, arguments.packages, arguments.python))
    except NotInstalledError as failure:
        print(f"r2i: {failure}", flush=True)
        return 1
    return 0


async def make(environment: Document, packages: Sequence[str], python: str | None) -> None:
    named = environment.get("channels") or [package["url"] for package in environment["packages"]]
    client = client_of(mirrors(), named)
    if "packages" in environment:
        await make_listed(environment["packages"], client)
        return
    channels = [channel for name in environment["channels"] for channel in channels_of(name)]
    gateway = rattler.Gateway(cache_dir=CACHE / "repodata", client=client)
    solver = Solver(environment, channels, gateway)
    try:
        started = time.monotonic()
        records = await solver.solve(packages, python)
        print(f"Solved in {time.monotonic() - started:.1f} s", flush=True)
        await install(records, client, CACHE / "pkgs")
    except SolverError as error:
        raise NotInstalledError(await solver.explained(error)) from None
    except (GatewayError, rattler.exceptions.InstallerError) as error:
        raise NotInstalledError(unreachable(error)) from None


async def make_listed(listed: Sequence[Document], client: rattler.Client) -> None:
    """Install exactly what a lock lists for this kind of machine, by the hashes that it has."""
    here = current_platform()
    wanted = [package for package in listed if package["platform"] == here]
    if not wanted:
        others = ", ".join(sorted({package["platform"] for package in listed}))
        raise NotInstalledError(f"packages are locked only for {others}, and this machine is {here}")
    records = [listed_record(package) for package in wanted]
    try:
        await install(records, client, cache_of(wanted))
    except rattler.exceptions.InstallerError as error:
        raise NotInstalledError(mismatch(str(error)) or unreachable(error)) from None
    complete_records()


def listed_record(package: Document) -> rattler.RepoDataRecord:
    """All that an address and its hashes tell of a package."""
    channel, subdir, file = package["url"].rsplit("/", 2)
    name, version, build = re.sub(r"\.(conda|tar\.bz2)$", "", unquote(file)).rsplit("-", 2)
    known = {
        "name": name,
        "version": version,
        "build": build,
        "build_number": 0,
        "subdir": subdir,
        "depends": [],
    }
    with tempfile.NamedTemporaryFile("w", suffix=".json") as index:
        json.dump(known, index)
        index.flush()
        record = rattler.PackageRecord.from_index_json(
            Path(index.name), None, package["sha256"], package["md5"]
        )
    return rattler.RepoDataRecord(record, file, package["url"], channel)


def cache_of(packages: Sequence[Document]) -> Path:
    """Where packages lie that were checked by SHA-256; others must not be taken for these, nor for each other."""
    if all(package["sha256"] for package in packages):
        return CACHE / "checked"
    return CACHE / "unchecked" / sha256(json.dumps(packages).encode()).hexdigest()[:16]


def complete_records() -> None:
    """Write what the packages say of themselves into the prefix, where later installations look for it."""
    for file in (PREFIX / "conda-meta").glob("*.json"):
        record = json.loads(file.read_text(encoding="utf-8"))
        index = Path(record["extracted_package_dir"], "info/index.json")
        said = json.loads(index.read_text(encoding="utf-8"))
        own = {key: said[key] for key in INDEX_KEYS if key in said}
        file.write_text(json.dumps({**record, **own}, indent=2), encoding="utf-8")


def mismatch(message: str) -> str | None:
    """Name the package whose hash is not the one that was locked."""
    found = re.search(r"hash mismatch when extracting (\S+) to .*: expected (\w+), got (\w+)", message)
    if found is None:
        return None
    url, expected, got = found.groups()
    file = url.rsplit("/", 1)[-1]
    return f"`{file}` does not match the lock file: its hash is {got} instead of {expected} ({url})"


async def install(records: list[rattler.RepoDataRecord], client: rattler.Client, cache: Path) -> None:
    size = sum(record.size or 0 for record in records)
    packed = f" ({size / 1e6:,.0f} MB packed)" if size else ""
    print(f"Installing {len(records)} packages{packed}", flush=True)
    forget_doubtful(records, cache)
    started = time.monotonic()
    places = PackagePlaces(records, cache)
    await rattler.install(
        records,
        PREFIX,
        cache_dir=cache,
        installed_packages=[],
        execute_link_scripts=False,
        show_progress=False,
        client=client,
        reporter=Progress(len(records), places),  # type: ignore[abstract]  # what it leaves out says nothing
    )
    for record in records:
        proof_of(record, cache).write_text(hash_of(record), encoding="utf-8")
    for record in sorted(records, key=lambda record: record.name.normalized):
        print(f" + {record.name.normalized} {record.version} {record.build}", flush=True)
    print(f"Installed {len(records)} packages in {time.monotonic() - started:.1f} s", flush=True)


class Progress(rattler.InstallerReporter):
    """A line now and then: the log of a build is no place for bars."""

    def __init__(self, total: int, places: PackagePlaces) -> None:
        self.total = total
        self.places = places
        self.downloaded = self.linked = 0
        self.spoken = time.monotonic()
        self.lock = threading.Lock()

    def on_download_completed(self, download_idx: int) -> None:
        self.downloaded += 1
        self.say(f"  {self.downloaded} packages downloaded")

    def on_link_start(self, operation: int, package_name: str) -> int:
        try:
            self.places.add(package_name)
        except BaseException as failure:  # noqa: BLE001 - rattler would go on, with this package and with others
            known = isinstance(failure, NotInstalledError)
            print(
                f"r2i: {failure if known else f'the package `{package_name}` cannot be read: {failure}'}",
                flush=True,
            )
            os._exit(1)
        return operation

    def on_link_complete(self, index: int) -> None:
        self.linked += 1
        self.say(f"  {self.linked} of {self.total} packages installed")

    def say(self, text: str) -> None:
        with self.lock:
            if time.monotonic() - self.spoken > PATIENCE:
                self.spoken = time.monotonic()
                print(text, flush=True)


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(
        status
    )  # threads of rattler may still hold on to the interpreter, whose end they would not survive
