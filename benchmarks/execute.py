"""Run ten notebooks of five seconds each with `r2i check --execute`, and take the time of it without the build.

    python benchmarks/execute.py [--engine podman]

Half of the time a notebook of research waits, and half of it computes: one run sleeps, another one computes for five seconds
of processor time. The target is for two processors. Needs an engine, and r2i in the environment that runs it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

R2I = str(Path(sys.executable).with_name("r2i"))
TAG = "r2i-benchmark/execute"
NOTEBOOKS, SECONDS, TARGET = 10, 5, 30.0

CELLS = {
    "sleeping": ["import time", f"time.sleep({SECONDS})"],
    "computing": ["import time", f"while time.process_time() < {SECONDS}:\n    sum(range(10_000))"],
}


def notebook(cells: list[str]) -> str:
    code = [
        {
            "cell_type": "code",
            "id": f"c{n}",
            "execution_count": None,
            "metadata": {},
            "outputs": [],
            "source": source,
        }
        for n, source in enumerate(cells)
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return json.dumps({"cells": code, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5})


def check(directory: Path, engine: str, *options: str) -> float:
    began = time.monotonic()
    done = subprocess.run(
        [R2I, "check", str(directory), "--engine", engine, "--format", "json", *options],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(done.stderr + done.stdout)
    return time.monotonic() - began


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--engine", default="docker")
    parser.add_argument("--only", choices=CELLS)
    chosen = parser.parse_args()
    met = True
    for kind, cells in CELLS.items():
        if chosen.only not in (None, kind):
            continue
        with tempfile.TemporaryDirectory(prefix="r2i-benchmark-") as directory:
            for number in range(NOTEBOOKS):
                Path(directory, f"{number}.ipynb").write_text(notebook(cells), encoding="utf-8")
            check(Path(directory), chosen.engine, "--level", "L0", "--tag", TAG)
            seconds = check(Path(directory), chosen.engine, "--execute", "--tag", TAG)
            subprocess.run([chosen.engine, "image", "rm", "--force", TAG], capture_output=True, check=False)
        load = os.getloadavg()[0]
        print(
            f"{kind:>10}: {NOTEBOOKS} notebooks of {SECONDS} s in {seconds:.1f} s"
            f" ({os.cpu_count()} processors, load {load:.1f})"
        )
        met = met and (kind != "sleeping" or seconds <= TARGET)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
