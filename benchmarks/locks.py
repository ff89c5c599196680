"""Build a lock of a hundred distributions with r2i and with `uv sync` in a Dockerfile written by hand, in turn.

    python benchmarks/locks.py

Both find what they install in the same cache, so that no network is measured, and both export the image. Needs Docker, and r2i in the
environment that runs it.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
R2I = str(Path(sys.executable).with_name("r2i"))
UV = str(Path(sys.executable).with_name("uv"))
TARGET = 1.1

#: With what they need, a hundred distributions; r2i's kernel is among them, so that it adds nothing.
NAMES = [
    "pip",
    "ipykernel",
    "ipywidgets",
    "numpy",
    "pandas",
    "matplotlib",
    "scipy",
    "scikit-learn",
    "seaborn",
    "statsmodels",
    "networkx",
    "sympy",
    "requests",
    "httpx",
    "beautifulsoup4",
    "lxml",
    "sqlalchemy",
    "openpyxl",
    "pyyaml",
    "tqdm",
    "rich",
    "click",
    "typer",
    "jinja2",
    "pydantic",
    "altair",
    "plotly",
    "tabulate",
    "xarray",
    "dask",
    "bokeh",
    "pillow",
    "nltk",
    "patsy",
    "numba",
    "h5py",
    "pyarrow",
]

PROJECT = """\
[project]
name = "locked"
version = "1"
requires-python = ">=3.11"
dependencies = {names!r}
"""


def call(*argv: str, cwd: Path | None = None) -> None:
    done = subprocess.run(argv, check=False, capture_output=True, text=True, cwd=cwd)
    if done.returncode:
        sys.exit(f"{' '.join(argv)}: exit {done.returncode}\n{done.stdout}{done.stderr}")


def by_hand(repo: Path, secret: Path) -> None:
    command = ("docker", "buildx", "build", "--provenance=false", "--load", "--tag", "r2i-benchmark-locked")
    more = ("--file", str(HERE / "locked.Dockerfile"), "--secret", f"id=host,src={secret}")
    call(*command, *more, str(repo))


def by_r2i(repo: Path) -> None:
    call(R2I, "build", str(repo), "--progress", "plain", "--tag", "r2i-benchmark-r2i")


def changed(repo: Path) -> None:
    """Another lock that installs the same, as none was before: its layer is built anew."""
    lock = repo / "uv.lock"
    moment = f'upload-time = "2026-01-01T00:00:00.{time.time_ns() % 10**9:09}Z"'
    lock.write_text(re.sub(r'upload-time = "[^"]*"', moment, lock.read_text(), count=1))


def timed(action: object, *arguments: Path) -> float:
    os.sync()  # what the last build wrote is not the next one's to wait for
    started = time.perf_counter()
    assert callable(action)
    action(*arguments)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="pairs of builds")
    runs = parser.parse_args().runs
    from r2i.host.settings import host_script

    with tempfile.TemporaryDirectory() as directory:
        repo = Path(directory) / "repo"
        repo.mkdir()
        secret = Path(directory) / "host"
        secret.write_text(host_script(os.environ, ca_bundle=None, home=Path.home()).script)
        (repo / "pyproject.toml").write_text(PROJECT.format(names=NAMES))
        call(UV, "lock", "-q", "--no-python-downloads", cwd=repo)
        print(f"{(repo / 'uv.lock').read_text().count('[[package]]') - 1} distributions", flush=True)
        by_hand(repo, secret)
        by_r2i(repo)
        ratios = []
        for number in range(runs):
            changed(repo)
            order = (0, 1) if number % 2 else (1, 0)
            seconds = {}
            for one in order:
                seconds[one] = timed(by_r2i, repo) if one else timed(by_hand, repo, secret)
            ratios.append(seconds[1] / seconds[0])
            print(f"  uv sync {seconds[0]:.1f} s, r2i {seconds[1]:.1f} s: {ratios[-1]:.2f} ×", flush=True)
    call("docker", "image", "rm", "--force", "r2i-benchmark-locked", "r2i-benchmark-r2i")
    ratio = statistics.median(ratios)
    print(
        f"a lock of a hundred distributions, of uv sync's · ≤ {TARGET:g} × · {ratio:.2f} × · {'met' if ratio <= TARGET else 'NOT MET'}"
    )


if __name__ == "__main__":
    main()
