"""Build an `environment.yml` of 20 packages from a local channel: what of the time is r2i's own, and not the tools'.

    python benchmarks/conda.py

Solving, downloading, linking and compiling are what the tools say of themselves; all the rest, from the start of the command to the
exported image, is r2i's share. Each run asks for other packages, so that both steps of the environment run. Needs Docker, and r2i
with its development dependencies in the environment that runs it.
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

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.conda_channel import conda_channel

R2I = str(Path(sys.executable).with_name("r2i"))
TAG = "r2i-benchmark/conda"
TARGET = 1.0
PACKAGES = 20

#: What rattler's and uv's part of the log says: `Solved in 0.3 s`, `Resolved 36 packages in 12ms`.
TOOLS = re.compile(
    r"(?:Solved|Compiled bytecode|Installed .*|Resolved .*|Prepared .*|Bytecode compiled .*) in ([\d.]+) ?(ms|s)$",
    re.MULTILINE,
)


def environment(run: int) -> str:
    names = [f"tiny-{number:02}" for number in range(1, 21) if number != run + 1]
    return "".join(["dependencies:\n", *(f"- {name}\n" for name in ["python=3.9", *names])])


def build(repo: Path, alias: str) -> tuple[float, float]:
    """Seconds of the whole build, and of the tools in it."""
    started = time.perf_counter()
    done = subprocess.run(
        [R2I, "build", str(repo), "--engine", "docker", "--progress", "plain", "--tag", TAG],
        env={**os.environ, "CONDA_CHANNEL_ALIAS": alias, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    total = time.perf_counter() - started
    if done.returncode:
        sys.exit(done.stderr)
    tools = sum(float(value) / (1000 if unit == "ms" else 1) for value, unit in TOOLS.findall(done.stderr))
    return total, tools


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    shares = []
    with conda_channel() as alias, tempfile.TemporaryDirectory() as directory:
        for run in range(runs + 1):
            Path(directory, "environment.yml").write_text(environment(run), encoding="utf-8")
            total, tools = build(Path(directory), alias)
            if run:  # the first one fills the caches
                shares.append(total - tools)
                print(f"build {total:.2f} s, of which the tools {tools:.2f} s")
    subprocess.run(["docker", "image", "rm", "--force", TAG], capture_output=True, check=False)
    share = statistics.median(shares)
    print(f"r2i's share of {PACKAGES} packages: {share:.2f} s (target {TARGET} s)")


if __name__ == "__main__":
    main()
