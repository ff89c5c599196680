"""Build 40 times at once what is 21 different things, 8 at a time, and see that nothing is done twice or left behind.

    python benchmarks/load.py

There are 8 repositories. Half of the builds are of one commit of the first; the others are of three commits of each of the other seven, less
one; both in turn. Before, each different thing is built once, one after another. Both begin without any layer, on a base image of their own. Needs Docker,
and r2i in the environment that runs it.
"""

from __future__ import annotations

import argparse
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

R2I = str(Path(sys.executable).with_name("r2i"))
BASE = "docker.io/library/debian:trixie-slim"
BUILDS, AT_ONCE = 40, 8
TARGET_TIME, TARGET_MEMORY = 1.3, 100 * 10**6

#: What the repositories install: small packages, so that the builds are about r2i and Docker and not about downloads.
PACKAGES = ("six", "tabulate", "attrs", "toolz", "idna", "click", "more-itertools", "packaging")
COMMITS = 3

#: How often the memory of a process is looked at, in seconds; the system keeps its peak.
PACE = 0.02


@dataclass(frozen=True, kw_only=True)
class Commit:
    repository: Path
    id: str

    @property
    def words(self) -> tuple[str, ...]:
        return (f"file://{self.repository}", "--ref", self.id)


@dataclass(frozen=True, kw_only=True)
class Build:
    """One r2i that has ended; `own` and `children` are peaks of memory in bytes, `steps` whether it built anything itself."""

    commit: Commit
    seconds: float
    status: int
    image: str
    own: int
    children: int
    steps: bool
    waited: bool
    said: str


def main() -> int:
    options = arguments()
    with tempfile.TemporaryDirectory(prefix="load-") as top:
        folder = Path(top)
        commits = [
            commit
            for number, name in enumerate(PACKAGES)
            for commit in repository(folder / str(number), name)
        ]
        different = [commits[0], *commits[COMMITS:][: BUILDS // 2]]
        # In turn: many want the first commit while it is built.
        wanted = [each for other in different[1:] for each in (commits[0], other)]
        ratios = [pair(folder / f"run{run}", different, wanted) for run in range(options.runs)]
    return 0 if all(ratios) else 1


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=1, help="how often all of it is done")
    return parser.parse_args()


def repository(folder: Path, package: str) -> list[Commit]:
    """A repository whose commits differ by a notebook only."""
    folder.mkdir()
    git(folder, "init", "--quiet")
    (folder / "requirements.txt").write_text(f"{package}\n")
    commits = []
    for number in range(COMMITS):
        (folder / "notes.md").write_text(f"{package}, version {number}\n")
        git(folder, "add", "--all")
        git(
            folder, "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "--quiet", "-m", "change"
        )
        commits.append(Commit(repository=folder, id=git(folder, "rev-parse", "HEAD").strip()))
    return commits


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True).stdout


def pair(folder: Path, different: Sequence[Commit], wanted: Sequence[Commit]) -> bool:
    """One after another, then at once; whether all that is promised was kept."""
    one = measured(folder / "one", different, at_once=1)
    several = measured(folder / "several", wanted, at_once=AT_ONCE)
    ratio = several.seconds / one.seconds
    own = max(build.own for build in several.builds)
    children = max(build.children for build in several.builds)
    print(f"{len(different)} builds one after another: {one.seconds:.1f} s")
    print(
        f"{len(wanted)} builds, {AT_ONCE} at a time: {several.seconds:.1f} s,"
        f" {ratio:.2f} × (target ≤ {TARGET_TIME:.1f} ×)"
    )
    print(
        f"peak memory of an r2i: {own / 1e6:.0f} MB (target ≤ {TARGET_MEMORY / 1e6:.0f} MB), of its largest child: {children / 1e6:.0f} MB"
    )
    print(f"waited for another build: {sum(build.waited for build in several.builds)}")
    faults = [*one.faults, *several.faults]
    for fault in faults:
        print(f"FAULT: {fault}")
    return not faults and ratio <= TARGET_TIME and own <= TARGET_MEMORY


@dataclass(frozen=True, kw_only=True)
class Measured:
    seconds: float
    builds: Sequence[Build]
    faults: Sequence[str]


def measured(folder: Path, commits: Sequence[Commit], *, at_once: int) -> Measured:
    """Build on a base image that nobody else has, as a user who has built nothing before."""
    base = f"localhost/r2i-load-{secrets.token_hex(4)}/debian:trixie"
    (folder / "tmp").mkdir(parents=True)
    (folder / "Dockerfile").write_text(f"FROM {BASE}\nRUN echo {secrets.token_hex(8)} >/etc/r2i-load\n")
    docker("build", "--quiet", "--tag", base, str(folder))
    environ = {
        **os.environ,
        "TMPDIR": str(folder / "tmp"),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "NO_COLOR": "1",
    }
    try:
        began = time.monotonic()
        with ThreadPoolExecutor(at_once) as pool:
            builds = list(pool.map(lambda commit: build(commit, base, environ), commits))
        seconds = time.monotonic() - began
        return Measured(seconds=seconds, builds=builds, faults=[*wrong(builds), *left_behind(folder, base)])
    finally:
        images = docker(
            "images", "--quiet", "--no-trunc", "--filter", f"label=org.opencontainers.image.base.name={base}"
        )
        docker("image", "rm", "--force", base, *set(images.split()))


def build(commit: Commit, base: str, environ: dict[str, str]) -> Build:
    argv = [R2I, "build", *commit.words, "--base-image", base, "--engine", "docker", "--progress", "json"]
    began = time.monotonic()
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(argv, env=environ, stdout=out, stderr=said)
        own, ended = 0, 0
        while not ended:
            own = max(own, peak(process.pid))
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
            time.sleep(PACE)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        said.seek(0)
        text = said.read()
        return Build(
            commit=commit,
            seconds=time.monotonic() - began,
            status=process.returncode,
            image=out.read().strip(),
            own=own,
            # Of the process and all that it waited for, the largest one.
            children=usage.ru_maxrss * 1024,
            steps='"state": "done"' in text,
            waited="Waiting for another build" in text,
            said=text,
        )


def peak(pid: int) -> int:
    """The most memory that a process has had so far, in bytes."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def wrong(builds: Sequence[Build]) -> list[str]:
    """Builds that failed, and contents that were not built exactly once."""
    failed = [f"exit code {each.status}: {each.said[-2000:]}" for each in builds if each.status]
    built = Counter(each.commit.id for each in builds if each.steps)
    images: dict[str, set[str]] = {}
    for each in builds:
        images.setdefault(each.commit.id, set()).add(each.image)
    return [
        *failed,
        *(f"{id_} was built {built[id_]} times" for id_ in images if built[id_] != 1),
        *(f"{id_} has {len(names)} images" for id_, names in images.items() if len(names) != 1),
    ]


def left_behind(folder: Path, base: str) -> list[str]:
    ours = ("--filter", f"label=org.opencontainers.image.base.name={base}")
    containers = docker("ps", "--all", "--quiet", *ours).split()
    images = docker("images", "--quiet", "--filter", "dangling=true", *ours).split()
    files = [*(folder / "tmp").iterdir(), *(folder / "cache" / "r2i" / "turns").iterdir()]
    return [f"left behind: {each}" for each in (*containers, *images, *files)]


def docker(*words: str) -> str:
    return subprocess.run(["docker", *words], check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    sys.exit(main())
