"""What shared layers are worth to a cluster: 1,000 launches in a day of 200 repositories, on 1, 4 and 16 nodes.

    python benchmarks/cluster.py                # simulate, from the measured figures in cluster.json
    python benchmarks/cluster.py --measure      # measure them anew: needs Docker, Podman and docker-registry

Measured, with ten small repositories on a base image without any layer in the cache: the layers of each image as a registry keeps them, the
seconds of each build and push, the bytes that a node pulls for the second image when it has the first, and what the registry stores.

Assumed: repository number k is launched in proportion to 1/k (Zipf); it is like one of the ten, in turn, with an environment of its own; one
launch in twenty is of a new commit, which changes no environment; a launch comes to any node; nodes, builder and registry begin empty and
have room for everything; the network carries 1 Gbit/s; builds do not wait for one another. Compared is one environment for each repository,
without layers in common but for the base image: the same bytes and the same steps, made for each repository.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

R2I = str(Path(sys.executable).with_name("r2i"))
FIGURES = HERE / "cluster.json"
BASE = "docker.io/library/debian:trixie-slim"

REPOSITORIES, LAUNCHES, NODES = 200, 1000, (1, 4, 16)
NEW_COMMIT = 1 / 20
NETWORK = 125e6  # bytes a second
TARGET_STORED = 0.35

#: What the ten repositories ask for, by file.
TEN: dict[str, dict[str, str]] = {
    "tables": {"requirements.txt": "tabulate\nsix\n"},
    "arrays": {"requirements.txt": "numpy\n"},
    "plots": {"requirements.txt": "matplotlib\n"},
    "frames": {"requirements.txt": "pandas\n"},
    "web": {"requirements.txt": "requests\nbeautifulsoup4\n"},
    "algebra": {"requirements.txt": "sympy\n"},
    "graphs": {"requirements.txt": "networkx\n", "apt.txt": "graphviz\n"},
    "text": {"requirements.txt": "nltk\n"},
    "units": {"requirements.txt": "pint\nuncertainties\n"},
    "notes": {"README.md": "Nothing but notebooks\n", "runtime.txt": "python-3.13\n"},
}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--measure", action="store_true", help="measure before, and write cluster.json")
    if parser.parse_args().measure:
        FIGURES.write_text(json.dumps(measured(), indent=1) + "\n")
    figures = json.loads(FIGURES.read_text())
    for line in (*told(figures), *simulated(figures)):
        print(line)
    return 0


def told(figures: Mapping[str, Any]) -> Iterator[str]:
    stored, total = figures["registry"]["stored"], figures["registry"]["sum"]
    first, second = figures["pulled"]
    yield f"a node pulls {first / 1e6:.1f} MB for its first image, and {second / 1e6:.1f} MB for its second"
    yield (
        f"ten repositories of {total / 1e6:.0f} MB together take {stored / 1e6:.0f} MB in the registry:"
        f" {stored / total:.2f} × (target ≤ {TARGET_STORED} ×)"
    )


# Measuring


@dataclass(frozen=True, kw_only=True)
class Measuring:
    """Builds as a user who has built nothing, on a base image that nobody else has, and pushes to a registry."""

    folder: Path
    base: str
    registry: Any

    def name(self, repository: str) -> str:
        return f"{self.registry.host}/ten/{repository}:1"

    def build(self, repository: str) -> dict[str, float]:
        """The seconds of the build, of the steps of layers that all images have, and of the push."""
        argv = [R2I, "build", str(self.folder / repository), "--engine=docker", "--progress=json"]
        environ = {**os.environ, "XDG_CACHE_HOME": str(self.folder / "cache")}
        began = time.monotonic()
        done = subprocess.run(
            [*argv, f"--base-image={self.base}", f"--tag={self.name(repository)}"],
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = time.monotonic() - began
        if done.returncode:
            sys.exit(done.stderr)
        steps = [json.loads(line) for line in done.stderr.splitlines()]
        common = [
            step["seconds"]
            for step in steps
            if step.get("state") == "done" and str(step.get("layer")).startswith(COMMON)
        ]
        began = time.monotonic()
        command("docker", "push", "--quiet", self.name(repository))
        return {"build": seconds, "common": sum(common), "push": time.monotonic() - began}

    def layers(self, repository: str) -> list[tuple[str, int]]:
        manifest = self.registry.manifest(f"ten/{repository}", "1")
        return [(layer["digest"], layer["size"]) for layer in manifest["layers"]]


#: How the titles of layers begin that all images have.
COMMON = ("System packages on ", "Installer", "Jupyter server ", "User account")


def measured() -> dict[str, Any]:
    from tests.registries import registry

    word = secrets.token_hex(4)
    base = f"localhost/r2i-cluster-{word}/debian:trixie"
    with tempfile.TemporaryDirectory(prefix="cluster-") as top:
        folder = Path(top)
        (folder / "Dockerfile").write_text(f"FROM {BASE}\nRUN echo {word} >/etc/r2i-cluster\n")
        command("docker", "build", "--quiet", "--tag", base, "--file", str(folder / "Dockerfile"), str(HERE))
        for name, files in TEN.items():
            (folder / name).mkdir()
            for file, text in {"analysis.ipynb": "{}", **files}.items():
                (folder / name / file).write_text(text)
        with registry(folder / "registry") as running:
            at = Measuring(folder=folder, base=base, registry=running)
            try:
                return _measured(at)
            finally:
                ours = f"label=org.opencontainers.image.base.name={base}"
                images = command("docker", "images", "--quiet", "--no-trunc", f"--filter={ours}").split()
                command("docker", "image", "rm", "--force", base, *set(images), check=False)


def _measured(at: Measuring) -> dict[str, Any]:
    times = {name: at.build(name) for name in TEN}
    images = {name: at.layers(name) for name in TEN}
    stored = at.registry.stored()
    first, second = list(TEN)[:2]
    (at.folder / first / "analysis.ipynb").write_text('{"cells": []}')
    edited = at.build(first)
    below = json.loads(command("docker", "image", "inspect", at.base))[0]["RootFS"]["Layers"]
    return {
        "images": [{"name": name, "layers": images[name], "seconds": times[name]["build"]} for name in TEN],
        "base_layers": len(below),
        "first": times[first],
        "edited": edited["build"],
        "push_rate": sum(size for _, size in images[first]) / times[first]["push"],
        **pulled(at, first, second, images),
        "registry": {"stored": stored, "sum": sum(size for layers in images.values() for _, size in layers)},
    }


def pulled(
    at: Measuring, first: str, second: str, images: Mapping[str, Sequence[tuple[str, int]]]
) -> dict[str, Any]:
    """The bytes that Podman, with an empty store, pulls for an image and then for another one, and bytes a second."""
    from tests.registries import front

    sizes = {digest: size for layers in images.values() for digest, size in layers}
    store = [f"--root={at.folder}/root", f"--runroot={at.folder}/runroot"]
    amounts = []
    began = time.monotonic()
    with front(at.registry, lambda _method, _path: None) as server:
        for name in (first, second):
            before = len(server.asked)
            command("podman", *store, "pull", "--quiet", "--tls-verify=false", f"{server.host}/ten/{name}:1")
            asked = {path.rpartition("/")[2] for path in server.asked[before:] if path.startswith("GET ")}
            amounts.append(sum(sizes.get(digest, 0) for digest in asked))
    seconds = time.monotonic() - began
    command("podman", *store, "image", "rm", "--all", "--force")
    return {"pulled": amounts, "pull_rate": sum(amounts) / seconds}


def command(*words: str, check: bool = True) -> str:
    return subprocess.run(words, check=check, capture_output=True, text=True).stdout


# Simulating


@dataclass
class Cluster:
    """Nodes with the layers that they have; `keys` says which layers are the same."""

    figures: Mapping[str, Any]
    shared: bool
    nodes: list[set[object]]
    built: set[object] = field(default_factory=set)
    pulled: float = 0.0
    present: float = 0.0
    whole: int = 0
    seconds: list[float] = field(default_factory=list)

    def launch(self, repository: int, commit: int, node: int) -> None:
        image = self.figures["images"][repository % len(TEN)]
        layers = self.layers(image["layers"], repository, commit)
        missing = {key: size for key, size in layers.items() if key not in self.nodes[node]}
        total, pull = sum(layers.values()), sum(missing.values())
        seconds = self.build(layers, image["seconds"], repository, commit)
        self.nodes[node] |= missing.keys()
        self.pulled += pull
        self.present += (total - pull) / total
        self.whole += not pull
        self.seconds.append(seconds + pull / NETWORK + pull / self.figures["pull_rate"] + START)

    def layers(self, layers: Sequence[tuple[str, int]], repository: int, commit: int) -> dict[object, int]:
        common = set.intersection(
            *({digest for digest, _ in each["layers"]} for each in self.figures["images"])
        )
        keys: dict[object, int] = {}
        for place, (digest, size) in enumerate(layers):
            if place < self.figures["base_layers"] or (self.shared and digest in common):
                keys[digest] = size
            elif place == len(layers) - 1:  # the files of the repository
                keys[digest, repository, commit] = size
            else:
                keys[digest, repository] = size
        return keys

    def build(self, layers: Mapping[object, int], usual: float, repository: int, commit: int) -> float:
        """The seconds until the image is in the registry; none where it is there."""
        if (repository, commit) in self.built:
            return 0.0
        known = any(key[0] == repository for key in self.built if isinstance(key, tuple))
        first, common = self.figures["first"], self.figures["first"]["common"]
        if known:
            seconds = self.figures["edited"]
        elif self.shared:
            seconds = usual if self.built else first["build"]
        else:
            seconds = first["build"] if repository % len(TEN) == 0 else usual + common
        new = sum(size for key, size in layers.items() if key not in self.built)
        self.built |= {(repository, commit), *layers}
        return float(seconds + new / NETWORK + new / self.figures["push_rate"])


#: Until a server answers, in seconds (`r2i run` of a built image, README.md).
START = 1.0


def simulated(figures: Mapping[str, Any]) -> Iterator[str]:
    yield ""
    yield "| nodes | layers | pulled | launches without a pull | bytes present | median | 95 % | mean |"
    yield "|---|---|---|---|---|---|---|---|"
    for nodes in NODES:
        for shared in (True, False):
            cluster = Cluster(figures=figures, shared=shared, nodes=[set() for _ in range(nodes)])
            for repository, commit, node in launches(nodes):
                cluster.launch(repository, commit, node)
            yield row(cluster)


def launches(nodes: int) -> Iterator[tuple[int, int, int]]:
    """The same ones, in the same order, whatever they cost."""
    chance = random.Random(14)
    weights = [1 / (number + 1) for number in range(REPOSITORIES)]
    commits = [0] * REPOSITORIES
    for repository in chance.choices(range(REPOSITORIES), weights, k=LAUNCHES):
        commits[repository] += chance.random() < NEW_COMMIT
        yield repository, commits[repository], int(chance.random() * nodes)


def row(cluster: Cluster) -> str:
    seconds = sorted(cluster.seconds)
    return (
        f"| {len(cluster.nodes)} | {'shared' if cluster.shared else 'apart'} | {cluster.pulled / 1e9:.1f} GB"
        f" | {cluster.whole / LAUNCHES:.0%} | {cluster.present / LAUNCHES:.0%}"
        f" | {statistics.median(seconds):.1f} s | {seconds[int(0.95 * LAUNCHES)]:.1f} s | {statistics.mean(seconds):.1f} s |"
    )


if __name__ == "__main__":
    sys.exit(main())
