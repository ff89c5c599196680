"""Build the same repository with r2i and with two Dockerfiles written by hand, and print the ratios of one run.

    python benchmarks/bench.py --yes      # empties the engine's build cache: every cold build needs it empty

Needs Docker, and r2i in the environment that runs it.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
R2I = str(Path(sys.executable).with_name("r2i"))
MADE: set[str] = set()


def timed(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def call(*argv: str, **more: str) -> str:
    done = subprocess.run([*argv], check=False, capture_output=True, text=True, env={**os.environ, **more})
    if done.returncode:
        sys.exit(f"{' '.join(argv)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout.strip()


def prune() -> None:
    call("docker", "builder", "prune", "--all", "--force")


def r2i(repo: Path) -> str:
    image = call(R2I, "build", str(repo), "--progress", "plain")
    MADE.add(image)
    return image


def by_hand(name: str, repo: Path, secret: Path) -> str:
    tag = f"r2i-benchmark-{name}"
    call(
        *(
            "docker",
            "buildx",
            "build",
            "--provenance=false",
            "--load",
            "--file",
            str(HERE / f"{name}.Dockerfile"),
        ),
        *("--secret", f"id=host,src={secret}", "--tag", tag, str(repo)),
    )
    MADE.add(tag)
    return tag


def host_settings(scratch: Path) -> Path:
    """What r2i gives its build steps: the Dockerfiles by hand need the same to reach a package index."""
    from r2i.host.settings import host_script

    file = scratch / "host"
    file.write_text(host_script(os.environ, ca_bundle=None, home=Path.home()).script)
    return file


def repository(scratch: Path, name: str, requirements: str) -> Path:
    repo = scratch / name
    shutil.copytree(HERE / "repo", repo)
    (repo / "requirements.txt").write_text(requirements)
    return repo


def size(image: str) -> int:
    return int(json.loads(call("docker", "image", "inspect", image))[0]["Size"])


def median_of(runs: int, action: Callable[[], object]) -> float:
    return statistics.median(timed(action) for _ in range(runs))


class Table:
    """Rows of what was measured against what was to be reached."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str, str, bool]] = []

    def add(self, what: str, target: float, value: float, unit: str = "×") -> None:
        row = (what, f"≤ {target:g} {unit}", f"{value:.2f} {unit}", value <= target)
        self.rows.append(row)
        print(" · ".join((row[0], row[1], row[2], "met" if row[3] else "NOT MET")), flush=True)

    def show(self) -> None:
        print("\n| what | target | measured | met |\n|---|---|---|---|")
        for what, target, value, met in self.rows:
            print(f"| {what} | {target} | {value} | {'yes' if met else '**no**'} |")


def cold(table: Table, scratch: Path, secret: Path, runs: int) -> dict[str, float]:
    """Every kind of build with an empty build cache, in turn, so that a slow minute hits all of them."""
    repo = scratch / "repo"
    builders: dict[str, Callable[[], object]] = {
        "expert": lambda: by_hand("expert", repo, secret),
        "plain": lambda: by_hand("plain", repo, secret),
        "r2i": lambda: r2i(repo),
    }
    times: dict[str, list[float]] = {name: [] for name in builders}
    for turn in range(runs):
        # What comes after `plain`, which downloads everything anew, waits for the network: each in its turn.
        order = ("plain", "expert", "r2i") if turn % 2 else ("plain", "r2i", "expert")
        for name in order:
            build = builders[name]
            prune()
            remove_images()
            os.sync()  # what the last build wrote is not the next one's to wait for
            times[name].append(timed(build))
            print(f"  cold {name}: {times[name][-1]:.1f} s", flush=True)
    result = {name: statistics.median(values) for name, values in times.items()}
    ratios = {n: statistics.median(a / b for a, b in zip(times["r2i"], times[n], strict=True)) for n in times}
    table.add("cold build, of expert's", 1.15, ratios["expert"])
    table.add("cold build, of plain's", 0.8, ratios["plain"])
    return result


def remove_images() -> None:
    if MADE:
        subprocess.run(["docker", "image", "rm", "--force", *MADE], check=False, capture_output=True)
        MADE.clear()


def warm(table: Table, scratch: Path, secret: Path, plain: float) -> None:
    repo = scratch / "repo"
    other = repository(scratch, "other", "requests\n")
    r2i(repo)  # the last of the cold builds may have been another's
    table.add(
        "another repository (`requests`) afterwards, of plain's", 0.3, timed(lambda: r2i(other)) / plain
    )
    edits(table, scratch, secret)
    r2i(repo)
    table.add("nothing changed", 0.5, median_of(5, lambda: r2i(repo)), "s")
    requirements = repo / "requirements.txt"
    requirements.write_text(requirements.read_text() + "networkx\n")
    ours = timed(lambda: r2i(repo))
    theirs = timed(lambda: by_hand("plain", repo, secret))
    table.add("one package added, of plain's", 0.6, ours / theirs)
    table.add("image size, of expert's", 1.05, size(r2i(repo)) / size(by_hand("expert", repo, secret)))


def edits(table: Table, scratch: Path, secret: Path) -> None:
    """A notebook changes; what is r2i's own is what a plain build of the same Dockerfile takes less."""
    repo, folder = scratch / "repo", scratch / "exported"
    call(R2I, "dockerfile", str(repo), "-o", str(folder))
    plainly = ["docker", "buildx", "build", "--quiet", "--provenance=false", "--load"]
    plainly += [f"--secret=id=host,src={secret}", "-t", "r2i-benchmark-exported", str(folder)]
    builds = {repo: lambda: r2i(repo), folder / "repo": lambda: call(*plainly)}
    times: dict[Path, list[float]] = {where: [] for where in builds}
    for number in range(8, 13):
        for where, build in builds.items():
            notebook = where / "index.ipynb"
            notebook.write_text(re.sub(r"6 \* \d+", f"6 * {number}", notebook.read_text()))
            times[where].append(timed(build))
    MADE.add("r2i-benchmark-exported")
    whole, engine = (statistics.median(values) for values in times.values())
    table.add("one notebook edited", 1.5, whole, "s")
    table.add("of which r2i itself", 0.4, whole - engine, "s")


def own_package(table: Table, scratch: Path) -> None:
    """A module of the repository's own package changes: only its build backend runs, out of the cache."""
    repo = scratch / "package"
    shutil.copytree(HERE / "repo", repo)
    names = (repo / "requirements.txt").read_text().split()
    (repo / "requirements.txt").unlink()
    (repo / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
        f'[project]\nname = "own"\nversion = "1"\ndependencies = {json.dumps(names)}\n'
    )
    module = repo / "src" / "own" / "__init__.py"
    module.parent.mkdir(parents=True)

    def edited() -> None:
        module.write_text(f"EDITED = {time.time_ns()}\n")
        r2i(repo)

    edited()
    table.add("own package edited", 3.0, median_of(5, edited), "s")


def processes(table: Table, scratch: Path) -> None:
    repo = scratch / "repo"
    table.add("`r2i plan`", 0.15, median_of(9, lambda: call(R2I, "plan", str(repo))), "s")
    table.add("`r2i --version`", 0.07, median_of(9, lambda: call(R2I, "--version")), "s")
    large = scratch / "large"
    large.mkdir()
    fill(large)
    seconds, megabytes = measured([R2I, "plan", str(large)])
    table.add("`r2i plan` of 50,000 files, 2 GB", 1.0, seconds, "s")
    table.add("its memory", 100, megabytes, "MB")


def fill(large: Path, *, files: int = 50_000, total: int = 2_000_000_000) -> None:
    """Fifty thousand files; a few large ones make up the size, sparse, so that the disk is spared."""
    for number in range(files - 20):
        directory = large / f"{number // 500}"
        directory.mkdir(exist_ok=True)
        (directory / f"{number}.txt").write_text(str(number))
    for number in range(20):
        with (large / f"data-{number}.bin").open("wb") as file:
            file.truncate(total // 20)


def measured(argv: list[str]) -> tuple[float, float]:
    """Seconds and the largest resident size in MB of one process."""
    before = time.perf_counter()
    child = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        sys.exit(f"{argv}: status {status}")
    return time.perf_counter() - before, usage.ru_maxrss / 1024


def start(table: Table, scratch: Path) -> None:
    """From `r2i run` of a built image to the printed URL, which is printed when `/api` answers."""
    repo = scratch / "repo"
    r2i(repo)

    def until_ready() -> float:
        started = time.perf_counter()
        argv = [R2I, "run", str(repo), "--no-browser"]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as child:
            assert child.stdout is not None
            line = child.stdout.readline()
            seconds = time.perf_counter() - started
            child.send_signal(2)
        if not re.match(r"http://127\.0\.0\.1:\d+/lab\?token=", line):
            sys.exit(f"r2i run printed {line!r}")
        return seconds

    table.add("`r2i run` until `/api` answers", 3.0, statistics.median(until_ready() for _ in range(3)), "s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--yes", action="store_true", help="empty Docker's build cache")
    parser.add_argument("--runs", type=int, default=4, help="cold builds of each kind")
    parser.add_argument("--only", choices=["processes", "cold", "package"], help="measure one part")
    chosen = parser.parse_args()
    table = Table()
    with tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory)
        repository(scratch, "repo", (HERE / "repo" / "requirements.txt").read_text())
        if chosen.only in (None, "processes"):
            processes(table, scratch)
        if chosen.only in (None, "package"):
            own_package(table, scratch)
        if chosen.only in (None, "cold"):
            if not chosen.yes:
                sys.exit("The cold builds empty Docker's build cache: say `--yes`")
            secret = host_settings(scratch)
            times = cold(table, scratch, secret, chosen.runs)
            if chosen.only != "cold":
                warm(table, scratch, secret, times["plain"])
                start(table, scratch)
        remove_images()
    table.show()


if __name__ == "__main__":
    main()
