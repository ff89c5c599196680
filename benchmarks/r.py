"""Build a repository of five R packages with r2i and with the same commands in a Dockerfile written by hand, in turn; then a second one.

    python benchmarks/r.py

The packages are of the mirror of the tests, and are compiled. The first of a pair is built without the cache of layers, by both; what apt and
uv downloaded for the build before is there for both. The second repository has five other packages. Needs Docker, and r2i with its development
dependencies in the environment that runs it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.cran import CranPackage, cran_mirror

from r2i.host.settings import host_script

HERE = Path(__file__).parent
R2I = str(Path(sys.executable).with_name("r2i"))
TAGS = ("r2i-benchmark/r", "r2i-benchmark/r-by-hand")
FIRST, SECOND = 1.1, 0.5
PACKAGES = 5

#: Enough for a compiler to work on.
FUNCTIONS = 200
C = "#include <Rinternals.h>\n" + "".join(
    f"SEXP f{n}(SEXP x) {{ double sum = {n}; for (R_xlen_t i = 0; i < XLENGTH(x); i++) sum += REAL(x)[i] * i; return Rf_ScalarReal(sum); }}\n"
    for n in range(FUNCTIONS)
)


def packages(name: str) -> tuple[CranPackage, ...]:
    """Five that are compiled; every other one needs the one before."""
    code = "".join(f'f{n} <- function(x) .Call("f{n}", x, PACKAGE = "NAME")\n' for n in range(FUNCTIONS))
    return tuple(
        CranPackage(
            name=f"{name}{n}",
            imports=f"{name}{n - 1}" if n % 2 else "",
            code=code.replace("NAME", f"{name}{n}"),
            c=C,
        )
        for n in range(PACKAGES)
    )


def call(*argv: str, **environment: str) -> None:
    done = subprocess.run(
        argv, check=False, capture_output=True, text=True, env={**os.environ, **environment}
    )
    if done.returncode:
        sys.exit(f"{' '.join(argv)}: exit {done.returncode}\n{done.stdout}{done.stderr}")


def repository(directory: Path, name: str, asked: tuple[CranPackage, ...]) -> Path:
    repo = directory / name
    repo.mkdir()
    quoted = ", ".join(f'"{package.name}"' for package in asked)
    (repo / "install.R").write_text(f"install.packages(c({quoted}))\n")
    (repo / "runtime.txt").write_text("r-4.5-2024-10-31\n")
    return repo


def timed(action: Callable[[], None]) -> float:
    os.sync()  # what the last build wrote is not the next one's to wait for
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def measured(first: Path, second: Path, *, cran: str, secret: Path, runs: int) -> tuple[float, float]:
    """The ratios of the first repository to the one by hand, and of the second to the first."""

    def by_hand(*options: str) -> None:
        command = ("docker", "buildx", "build", "--provenance=false", "--load", "--tag", TAGS[1])
        more = ("--file", str(HERE / "r.Dockerfile"), "--secret", f"id=host,src={secret}")
        call(*command, *more, *options, str(first))

    def by_r2i(repo: Path, *options: str) -> None:
        call(
            *(R2I, "build", str(repo), "--engine=docker", "--progress=plain", f"--tag={TAGS[0]}", *options),
            R2I_CRAN=cran,
        )

    by_hand()
    by_r2i(first)
    ratios, seconds = [], []
    for number in range(runs):
        times: dict[bool, float] = {}
        for ours in (True, False) if number % 2 else (False, True):
            times[ours] = timed(
                lambda ours=ours: by_r2i(first, "--no-cache") if ours else by_hand("--no-cache")
            )
        # A comment makes the layer another one.
        with (second / "install.R").open("a") as script:
            script.write(f"message({number})\n")
        again = timed(lambda: by_r2i(second))
        ratios.append(times[True] / times[False])
        seconds.append(again / times[True])
        print(
            f"  by hand {times[False]:.1f} s, r2i {times[True]:.1f} s: {ratios[-1]:.2f} ×; the second {again:.1f} s: {seconds[-1]:.2f} ×",
            flush=True,
        )
    return statistics.median(ratios), statistics.median(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=3, help="pairs of builds")
    runs = parser.parse_args().runs
    groups = packages("one"), packages("two")
    with tempfile.TemporaryDirectory() as scratch, cran_mirror((*groups[0], *groups[1])) as cran:
        secret = Path(scratch, "host")
        secret.write_text(
            host_script({**os.environ, "R2I_CRAN": cran}, ca_bundle=None, home=Path.home()).script
        )
        repos = [repository(Path(scratch), f"repo{n}", group) for n, group in enumerate(groups)]
        ratios = measured(*repos, cran=cran, secret=secret, runs=runs)
    call("docker", "image", "rm", "--force", *TAGS)
    texts = ("five R packages, of by hand", "five others afterwards, of the first")
    for text, target, ratio in zip(texts, (FIRST, SECOND), ratios, strict=True):
        print(f"{text} · ≤ {target:g} × · {ratio:.2f} × · {'met' if ratio <= target else 'NOT MET'}")


if __name__ == "__main__":
    main()
