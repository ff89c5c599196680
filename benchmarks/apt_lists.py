"""How many real `apt.txt` lists install on plain Debian, and how many as r2i reads them.

    python benchmarks/apt_lists.py [IMAGE]
    python benchmarks/apt_lists.py --install [--only FIRST-LAST] [IMAGE]

Every list of `tests/fixtures/apt_lists.toml` goes through `apt-get install --simulate` in the image (default: r2i's
base image): once as repo2docker would pass it on, once as r2i does, with contrib and non-free.

A simulation does not run the scripts of packages, which may fail in a slim image. With `--install`, each list as r2i reads it
is installed in a container of its own, on the system of every image, by `apt-install`, the script of a build. Needs Docker.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

from jinja2 import Template

from r2i import process
from r2i.buildpacks.apt import Apt
from r2i.checkout import Checkout
from r2i.errors import R2iError
from r2i.image import SYSTEM_PACKAGES
from r2i.model import Layer, Options

LISTS = Path(__file__).parents[1] / "tests" / "fixtures" / "apt_lists.toml"

PLAIN = "rm -rf /etc/apt/sources.list.d/more.list; apt-get update -qq"
MORE = (
    'name=$(. /etc/os-release; echo "$VERSION_CODENAME"); '
    r"sed -E 's/^(deb .*) main$/\1 contrib non-free/' /etc/apt/sources.list > /etc/apt/sources.list.d/more.list; "
    "sed -i -E 's/^(Components: main)$/\\1 contrib non-free/' /etc/apt/sources.list.d/*.sources 2>/dev/null; "
    "apt-get update -qq"
)
#: What `apt-install`, apt, dpkg and scripts of packages write of a failure.
CAUSE = re.compile(r"r2i: |E: |dpkg: error|update-alternatives: error|dpkg-\w+: error")
SIMULATE = "apt-get install --simulate -qq --yes --no-install-recommends"


def as_written(lines: list[str]) -> list[str]:
    return [word for line in lines for word in line.split()]


def layer_of(lines: list[str], image: str) -> Layer | str | None:
    """What r2i makes of a list, or its error; None where nothing is to be installed."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, "apt.txt").write_text("\n".join(lines), encoding="utf-8")
        try:
            found = Apt().detect(Checkout.open(Path(directory)), Options(base_image=image))
        except R2iError as error:
            return error.message
    return found.layers[0] if found and found.layers else None


def words_of(layer: Layer, variable: str) -> list[str]:
    words = layer.variables[variable]
    return [str(word) for word in words] if isinstance(words, tuple) else []


def as_r2i_reads(lines: list[str], image: str) -> list[str] | str:
    """The packages, or the error."""
    layer = layer_of(lines, image)
    return words_of(layer, "packages") if isinstance(layer, Layer) else layer or []


def simulate(lists: list[list[str]], image: str, *, prepare: str) -> list[str]:
    """What apt complains about, for each list; an empty string where it would install it."""
    script = [prepare]
    for index, packages in enumerate(lists):
        words = " ".join(shlex.quote(package) for package in packages)
        script.append(f"echo '##{index}'; {SIMULATE} {words} 2>&1 >/dev/null || echo 'E: failed'")
    done = process.run(
        ["docker", "run", "--rm", "-i", "--network", "host", image, "sh", "-s"], stdin="\n".join(script)
    )
    if done.returncode != 0 and not done.stdout:
        raise SystemExit(done.stderr)
    answers = done.stdout.split("##")[1:]
    return [
        "; ".join(
            line[3:] for line in answer.splitlines()[1:] if line.startswith("E: ") and "failed" not in line
        )
        if "E: failed" in answer
        else ""
        for answer in answers
    ]


@contextmanager
def system_of(image: str, name: str) -> Iterator[str]:
    """An image that has what the `system` layer adds, and the caches that the containers share, as the steps of builds do."""
    template = files("r2i.image").joinpath("system.Dockerfile.j2").read_text(encoding="utf-8")
    commands = Template(template.partition("private_settings() }}; \\\n")[2]).render(packages=SYSTEM_PACKAGES)
    try:
        docker("run", "--name", name, *mounts(name), image, "sh", "-c", commands)
        docker("commit", name, name)
        yield name
    finally:
        process.run(["docker", "rm", "--force", name])
        process.run(["docker", "image", "rm", name])
        process.run(["docker", "volume", "rm", "--force", name, f"{name}-lists"])


def docker(*words: str) -> None:
    done = process.run(["docker", *words])
    if done.returncode != 0:
        raise SystemExit(done.stderr)


def mounts(name: str) -> tuple[str, ...]:
    caches = ("--volume", f"{name}:/var/cache/apt", "--volume", f"{name}-lists:/var/lib/apt/lists")
    return ("--network", "host", *caches)


def install(layer: Layer, image: str, *, name: str, seconds: float) -> str:
    """Why a list cannot be installed; empty where it is."""
    locales = [word for locale in words_of(layer, "locales") for word in ("--locale", locale)]
    script = files("r2i.buildpacks").joinpath("apt-install")
    try:
        done = process.run(
            [
                *("docker", "run", "--rm", "--name", name, *mounts(image)),
                *("--env", "LANG=C.UTF-8", "--volume", f"{script}:/usr/local/bin/apt-install:ro", image),
                *("sh", "/usr/local/bin/apt-install", *locales, *words_of(layer, "packages")),
            ],
            timeout=seconds,
        )
    finally:
        process.run(["docker", "rm", "--force", name])
    if done.returncode == 0:
        return ""
    lines = f"{done.stdout}\n{done.stderr}".splitlines()
    said = [line.strip() for line in lines if CAUSE.match(line)]
    return "; ".join(dict.fromkeys(said[:3])) or f"status {done.returncode}: {lines[-1]}"


def install_all(image: str, *, first: int, last: int, seconds: float) -> None:
    """The lists from the first to the last, counted from the one with the fewest packages."""
    lists = [lines for some in tomllib.loads(LISTS.read_text(encoding="utf-8")).values() for lines in some]
    some = sorted(lists, key=lambda lines: len(as_written(lines)))[first - 1 : last]
    good = 0
    with system_of(image, f"r2i-apt-lists-{os.getpid()}") as system:
        for number, lines in enumerate(some, first):
            started, layer = time.monotonic(), layer_of(lines, image)
            answer = "it lists no packages" if layer is None else layer
            if isinstance(answer, Layer):
                answer = install(answer, system, name=f"{system}-{number}", seconds=seconds)
            good += not answer
            took = time.monotonic() - started
            print(f"{number:3} {took:4.0f} s  {' '.join(lines)[:60]}: {answer or 'installed'}", flush=True)
    print(f"lists as r2i reads them: {good} of {len(some)} installed")


def simulate_all(image: str) -> None:
    for group, lists in tomllib.loads(LISTS.read_text(encoding="utf-8")).items():
        plain = simulate([as_written(lines) for lines in lists], image, prepare=PLAIN)
        read = [as_r2i_reads(lines, image) for lines in lists]
        wanted = [packages for packages in read if isinstance(packages, list) and packages]
        answers = iter(simulate(wanted, image, prepare=MORE))
        ours = [
            packages if isinstance(packages, str) else next(answers) if packages else "" for packages in read
        ]
        for name, result in (("as written", plain), ("as r2i reads it", ours)):
            good = sum(not answer for answer in result)
            share = 48 * good / len(lists)
            print(f"{group} lists, {name}: {good} of {len(lists)} install (of 48: {share:.1f})")
        for lines, answer in zip(lists, ours, strict=True):
            if answer:
                print(f"  fails: {' '.join(lines)[:60]}: {answer}")
    sys.stdout.flush()


def numbers(text: str) -> tuple[int, int]:
    """`1-25`."""
    match = re.fullmatch(r"(\d+)-(\d+)", text)
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise argparse.ArgumentTypeError("write it as `1-25`")
    return int(match[1]), int(match[2])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("image", nargs="?", default="debian:trixie-slim")
    parser.add_argument("--install", action="store_true", help="install each list in a container")
    parser.add_argument(
        "--only",
        type=numbers,
        metavar="FIRST-LAST",
        help="with --install: only these lists, counted from the one with the fewest packages",
    )
    parser.add_argument("--seconds", type=float, default=1800, help="with --install: time limit of a list")
    options = parser.parse_args()
    if options.install:
        first, last = options.only or (1, sys.maxsize)
        install_all(options.image, first=first, last=last, seconds=options.seconds)
    else:
        simulate_all(options.image)


if __name__ == "__main__":
    main()
