"""Build an `environment.yml` of 20 packages from a local channel: what of the time is r2i's own, and not the tools'.

    python benchmarks/conda.py

Solving, downloading, linking and compiling are what the tools say of themselves; all the rest, from the start of the command to the
exported image, is r2i's share. What of it Docker takes in any case is seen where `docker build` builds what `r2i dockerfile` wrote.
Each build asks for other packages, so that the environment is made anew. Needs Docker, and r2i with its development dependencies in
the environment that runs it.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.conda_channel import conda_channel

from r2i.host.settings import host_script

R2I = str(Path(sys.executable).with_name("r2i"))
TAG = "r2i-benchmark/conda"
BUILD = ("--engine=docker", "--progress=plain", f"--tag={TAG}")
TARGET = 1.0
PACKAGES = 20

#: What rattler's and uv's part of the log says: `Solved in 0.3 s`, `Resolved 36 packages in 12ms`.
TOOLS = re.compile(
    r"(?:Solved|Compiled bytecode|Installed .*|Resolved .*|Prepared .*|Bytecode compiled .*) in ([\d.]+) ?(ms|s)$",
    re.MULTILINE,
)


def environment() -> str:
    """Nearly all of the channel's packages: which ones, no build before has asked for."""
    names = sorted(random.sample([f"tiny-{number:02}" for number in range(1, PACKAGES + 1)], PACKAGES - 3))
    return "".join(["dependencies:\n", *(f"- {name}\n" for name in ["python=3.9", *names])])


def rest(*command: str, environ: dict[str, str]) -> float:
    """Seconds that a build takes without those of the tools in it."""
    started = time.perf_counter()
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    total = time.perf_counter() - started
    if done.returncode:
        sys.exit(done.stderr)
    tools = sum(float(value) / (1000 if unit == "ms" else 1) for value, unit in TOOLS.findall(done.stderr))
    print(f"{Path(command[0]).name}: {total:.2f} s, of which the tools {tools:.2f} s")
    return total - tools


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    shares: list[float] = []
    docker: list[float] = []
    with conda_channel() as alias, tempfile.TemporaryDirectory() as scratch:
        environ = {**os.environ, "CONDA_CHANNEL_ALIAS": alias, "NO_COLOR": "1"}
        repo, folder, secret = (Path(scratch, name) for name in ("repo", "folder", "host"))
        secret.write_text(host_script(environ, ca_bundle=None, home=Path.home()).script)
        repo.mkdir()
        for run in range(runs + 1):
            (repo / "environment.yml").write_text(environment())
            by_r2i = rest(R2I, "build", str(repo), *BUILD, environ=environ)
            (repo / "environment.yml").write_text(environment())
            subprocess.run(
                [R2I, "dockerfile", str(repo), "--output", str(folder)], capture_output=True, check=True
            )
            settings = f"--secret=id=host,src={secret}"
            by_docker = rest(
                "docker", "build", "--progress=plain", settings, f"--tag={TAG}", str(folder), environ=environ
            )
            shutil.rmtree(folder)
            if run:  # the first pair fills the caches
                shares.append(by_r2i)
                docker.append(by_docker)
    subprocess.run(["docker", "image", "rm", "--force", TAG], capture_output=True, check=False)
    share, alone = statistics.median(shares), statistics.median(docker)
    print(
        f"r2i's share of {PACKAGES} packages: {share:.2f} s (target {TARGET} s); `docker build` alone: {alone:.2f} s"
    )


if __name__ == "__main__":
    main()
