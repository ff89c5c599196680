"""Compare the model of Binder with repo2docker itself, on repositories and on small ones made at random.

    python benchmarks/binder.py [--states 5000] [--seed 1] [FOLDER …]

Each FOLDER is a repository, or holds repositories. Without any, those of the tests are taken. Makes an environment with the release of
repo2docker that the tables are of, needs no engine, and runs nothing of the repositories. Prints each difference, and exits with 1 if
there is one.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from binder_states import states, written

from r2i.binder.making import binder_of
from r2i.binder.values import Binder
from r2i.checkout import Checkout
from r2i.facts.binder import julia_releases, table

HERE = Path(__file__).parent
ROOT = HERE.parent
UV = str(Path(sys.executable).with_name("uv"))


def oracle(scratch: Path) -> subprocess.Popen[str]:
    environment = scratch / "environment"
    subprocess.run([UV, "venv", "--quiet", str(environment)], check=True)
    python = str(environment / "bin" / "python")
    wanted = f"jupyter-repo2docker=={table()['version']}"
    subprocess.run([UV, "pip", "install", "--quiet", "--python", python, wanted], check=True)
    julia = scratch / "julia.json"
    julia.write_text(json.dumps(julia_releases()))
    command = [python, "-X", "utf8", str(HERE / "binder_oracle.py"), str(julia)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def asked(repo2docker: subprocess.Popen[str], directory: Path) -> dict[str, Any]:
    assert repo2docker.stdin is not None
    assert repo2docker.stdout is not None
    repo2docker.stdin.write(f"{directory}\n")
    repo2docker.stdin.flush()
    said = json.loads(repo2docker.stdout.readline())
    assert isinstance(said, dict)
    return said


def differences(said: dict[str, Any], binder: Binder) -> Iterator[str]:
    """What is compared where repo2docker stops says where; R, Julia, and the rest only where it does not."""
    ours = binder.error or binder.build_error
    stage = ours.stage if ours is not None else None
    pairs = {"stage": (said["stage"], stage)}
    if said.get("buildpack") or binder.buildpack:
        pairs["buildpack"] = (said.get("buildpack"), binder.buildpack)
        pairs["python"] = (said.get("python"), binder.python)
    if said["stage"] in {None, "build"}:
        if said.get("python") is not None:
            pairs["separate kernel"] = (said["separate"], binder.server_python is not None)
            pairs["RStudio"] = (said["rstudio"], binder.rstudio)
        if "r" in said:
            pairs["R"] = (said["r"], binder.r.version if binder.r else None)
        if binder.buildpack not in {"DockerBuildPack", "NixBuildPack"}:
            pairs["steps"] = (said["steps"], steps(binder))
        pairs["Julia"] = (said["julia"], binder.julia.version if binder.julia else None)
    for what, (theirs, mine) in pairs.items():
        if theirs != mine:
            yield f"{what}: repo2docker {theirs!r}, model {mine!r}"


def leads_out(directory: Path) -> bool:
    """Whether a link of the configuration leads to a file of this machine, which another one may not have."""
    folders = [directory / name for name in ("", "binder", ".binder")]
    links = [file for folder in folders if folder.is_dir() for file in folder.iterdir() if file.is_symlink()]
    return any(link.exists() and not link.resolve().is_relative_to(directory) for link in links)


def steps(binder: Binder) -> list[str]:
    """What the Dockerfile of repo2docker has to do, by the model, in the words of the oracle."""
    reads = {Path(evidence.file or "").name: evidence.why for evidence in binder.reads}
    found = {"requirements.txt", "requirements3.txt", "install.R", "postBuild", "start"} & reads.keys()
    found |= {"environment.yml"} if {"environment.yml", "environment.yaml"} & reads.keys() else set()
    found |= {"Pipfile"} if {"Pipfile", "Pipfile.lock"} & reads.keys() else set()
    found |= {"an R package"} if "DESCRIPTION" in reads else set()
    if "setup.py" in reads or "as a package" in reads.get("pyproject.toml", ""):
        found.add("a Python package")
    kernels = {kernel.name.partition("-")[0] for kernel in binder.kernels}
    return sorted(found | kernels & {"ir", "julia"})


def repositories(folders: list[Path]) -> Iterator[Path]:
    """A folder that has only folders holds repositories, a `repo` in a case of the tests is one."""
    for folder in folders:
        children = [child for child in sorted(folder.iterdir()) if child.name != ".git"]
        if any(child.is_file() for child in children) or any(
            child.name in {"binder", ".binder"} for child in children
        ):
            yield folder
        else:
            yield from (child / "repo" if (child / "repo").is_dir() else child for child in children)


def compared(repo2docker: subprocess.Popen[str], directory: Path, counts: Counter[str]) -> bool:
    said = asked(repo2docker, directory)
    binder = binder_of(Checkout.open(directory))
    found = [
        line for line in differences(said, binder) if not (line.startswith("steps") and leads_out(directory))
    ]
    counts[
        f"{said.get('buildpack')}, {'builds' if said['stage'] is None else 'error in ' + said['stage']}"
    ] += 1
    if found:
        print(f"{directory}")
        for line in found:
            print(f"    {line}")
        error = binder.error or binder.build_error
        print(
            f"    repo2docker said {said.get('error')}, the model {error.message if error else None}",
            flush=True,
        )
    return not found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--states", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="keep states that differ there")
    given = parser.parse_args()
    folders = given.folders or [ROOT / "tests" / "fixtures" / "repos"]
    counts: Counter[str] = Counter()
    wrong = total = 0
    with tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory)
        repo2docker = oracle(scratch)
        for repository in repositories([folder.resolve() for folder in folders]):
            total += 1
            wrong += not compared(repo2docker, repository, counts)
        for number, files in enumerate(states(given.states, given.seed)):
            target = (given.keep or scratch / "states") / str(number)
            target.mkdir(parents=True)
            written(files, target)
            total += 1
            if compared(repo2docker, target, counts):
                subprocess.run(["rm", "-r", str(target)], check=True)
            else:
                wrong += 1
                print(f"    {files}")
        assert repo2docker.stdin is not None
        repo2docker.stdin.close()
        repo2docker.wait()
    for what, count in sorted(counts.items()):
        print(f"{count:>6} {what}")
    print(f"{total} repositories compared with repo2docker {table()['version']}: {wrong} differ")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
