"""How many real `apt.txt` lists install on plain Debian, and how many as r2i reads them.

    python benchmarks/apt_lists.py [IMAGE]

Every list of `tests/fixtures/apt_lists.toml` goes through `apt-get install --simulate` in the image (default: r2i's
base image): once as repo2docker would pass it on, once as r2i does, with contrib and non-free. Needs Docker.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile
import tomllib
from pathlib import Path

from r2i import process
from r2i.buildpacks.apt import Apt
from r2i.checkout import Checkout
from r2i.errors import R2iError
from r2i.facts.pins import base_image

LISTS = Path(__file__).parents[1] / "tests" / "fixtures" / "apt_lists.toml"

PLAIN = "rm -rf /etc/apt/sources.list.d/more.list; apt-get update -qq"
MORE = (
    'name=$(. /etc/os-release; echo "$VERSION_CODENAME"); '
    r"sed -E 's/^(deb .*) main$/\1 contrib non-free/' /etc/apt/sources.list > /etc/apt/sources.list.d/more.list; "
    "sed -i -E 's/^(Components: main)$/\\1 contrib non-free/' /etc/apt/sources.list.d/*.sources 2>/dev/null; "
    "apt-get update -qq"
)
SIMULATE = "apt-get install --simulate -qq --yes --no-install-recommends"


def as_written(lines: list[str]) -> list[str]:
    return [word for line in lines for word in line.split()]


def as_r2i_reads(lines: list[str], image: str) -> list[str] | str:
    """The packages, or the error."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, "apt.txt").write_text("\n".join(lines), encoding="utf-8")
        try:
            found = Apt().detect(Checkout.open(Path(directory)), base_image(image))
        except R2iError as error:
            return error.message
    packages = found.layers[0].variables["packages"] if found and found.layers else ()
    return [str(package) for package in packages] if isinstance(packages, tuple) else []


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("image", nargs="?", default="debian:trixie-slim")
    image = parser.parse_args().image
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


if __name__ == "__main__":
    main()
