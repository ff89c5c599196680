"""Make a repository of 500 notebooks of realistic size and check it with `r2i check`.

    python benchmarks/check.py      # needs no engine and no network

What the start of Python and of r2i takes is that of an empty repository with the same files to build; it is subtracted.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

R2I = str(Path(sys.executable).with_name("r2i"))
NOTEBOOKS, CODE_CELLS = 500, 20
SECONDS, MEGABYTES = 1.0, 150.0

#: Exit 8 says that something was found.
READY, NOT_READY = 0, 8

IMPORTS = """\
%matplotlib inline
import os
from pathlib import Path

import numpy as np
import pandas as pd
import matplotlib.pyplot as plt
from scipy import stats
from sklearn.model_selection import train_test_split
"""

CELLS = (
    """\
data = pd.read_csv("../data/table-{n}.csv", index_col=0)
data.head()
""",
    """\
# Outliers are those beyond three standard deviations.
clean = data.dropna(subset=["mass", "length"])
scores = np.abs(stats.zscore(clean[["mass", "length"]]))
clean = clean[(scores < 3).all(axis=1)]
print(f"{{len(data) - len(clean)}} of {{len(data)}} rows were removed")
clean.describe()
""",
    """\
fig, axes = plt.subplots(1, 2, figsize=(12, 5), sharey=True)
for axis, (name, group) in zip(axes, clean.groupby("species")):
    axis.scatter(group["mass"], group["length"], s=12, alpha=0.6, label=name)
    slope, intercept, r, p, error = stats.linregress(group["mass"], group["length"])
    grid = np.linspace(group["mass"].min(), group["mass"].max(), 100)
    axis.plot(grid, intercept + slope * grid, color="k", lw=1)
    axis.set_title(f"{{name}}: r = {{r:.2f}}, p = {{p:.3g}}")
    axis.set_xlabel("Mass [g]")
axes[0].set_ylabel("Length [mm]")
fig.tight_layout()
fig.savefig("figure-{n}.png", dpi=150)
""",
    """\
def bootstrap(values, repeat=1000, seed={n}):
    \"\"\"Means of samples with replacement.\"\"\"
    rng = np.random.default_rng(seed)
    return np.array([rng.choice(values, size=len(values)).mean() for _ in range(repeat)])


means = bootstrap(clean["mass"].to_numpy())
low, high = np.percentile(means, [2.5, 97.5])
print("95% interval:", round(low, 3), round(high, 3))
""",
    """\
x_train, x_test, y_train, y_test = train_test_split(
    clean[["mass", "length", "depth"]], clean["species"], test_size=0.25, random_state={n}
)
model = {{"scale": x_train.std(), "mean": x_train.mean()}}
normed = (x_test - model["mean"]) / model["scale"]
normed.to_csv("normed-{n}.csv")
normed.shape
""",
    """\
%time counts = data.groupby(["species", "year"]).size().unstack(fill_value=0)
!ls data
counts.plot.bar(stacked=True);
""",
)

PROSE = """\
## Section {n}

The **measurements** of the campaign are compared with those of the years before; see [the paper](https://doi.org/10.5281/zenodo.{n}).

$$\\bar{{x}} = \\frac{{1}}{{n}} \\sum_i x_i$$
"""


def fill(repo: Path, notebooks: int = NOTEBOOKS) -> int:
    """Write the repository, the same each time; give the number of bytes of its notebooks."""
    chance = random.Random(4)
    (repo / "requirements.txt").write_text(
        "numpy==2.3.4\npandas==2.3.3\nmatplotlib==3.10.7\nscipy==1.16.2\nscikit-learn==1.7.2\n"
    )
    (repo / "data").mkdir()
    for number in range(7 * CODE_CELLS):
        (repo / "data" / f"table-{number}.csv").write_text("species,year,mass,length,depth\n")
    pictures = [base64.encodebytes(chance.randbytes(size)).decode() for size in (9_000, 22_000, 41_000)]
    total = 0
    for number in range(notebooks):
        directory = repo / f"part-{number // 25:02}"
        directory.mkdir(exist_ok=True)
        text = json.dumps(notebook(number, chance, pictures), indent=1, ensure_ascii=False)
        total += (directory / f"analysis-{number:03}.ipynb").write_bytes(text.encode() + b"\n")
    return total


def notebook(number: int, chance: random.Random, pictures: list[str]) -> dict[str, object]:
    """One of ten has something to be found."""
    kernel = "python3" if number % 10 else "campaign"
    return {
        "cells": list(cells(chance, pictures)),
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": kernel},
            "language_info": {"name": "python", "version": "3.12.4", "file_extension": ".py"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def cells(chance: random.Random, pictures: list[str]) -> Iterator[dict[str, object]]:
    for number in range(CODE_CELLS):
        if number % 2 == 0:
            prose = PROSE.format(n=chance.randrange(10**6))
            yield {"cell_type": "markdown", "id": f"m{number}", "metadata": {}, "source": lines(prose)}
        text = (
            IMPORTS if number == 0 else CELLS[number % len(CELLS)].format(n=chance.randrange(7 * CODE_CELLS))
        )
        yield {
            "cell_type": "code",
            "execution_count": number + 1,
            "id": f"c{number}",
            "metadata": {},
            "outputs": outputs(number, chance, pictures),
            "source": lines(text),
        }


def outputs(number: int, chance: random.Random, pictures: list[str]) -> list[dict[str, object]]:
    if number % len(CELLS) == 2:
        data = {"image/png": chance.choice(pictures), "text/plain": ["<Figure size 1200x500 with 2 Axes>"]}
        return [{"data": data, "metadata": {}, "output_type": "display_data"}]
    if number % len(CELLS) == 0:
        return []
    rows = [[f"{chance.random():.6f}" for _ in range(6)] for _ in range(12)]
    html = lines("".join("<tr>" + "".join(f"<td>{cell}</td>\n" for cell in row) + "</tr>\n" for row in rows))
    data = {"text/html": html, "text/plain": [" ".join(row) + "\n" for row in rows]}
    return [{"data": data, "execution_count": number + 1, "metadata": {}, "output_type": "execute_result"}]


def lines(text: str) -> list[str]:
    return text.rstrip("\n").splitlines(keepends=True)


def measured(repo: Path) -> tuple[float, float, float]:
    """Seconds, those of the processor among them, and the largest resident size in MB of one check."""
    started = time.perf_counter()
    child = subprocess.Popen([R2I, "check", str(repo)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    if os.waitstatus_to_exitcode(status) not in (READY, NOT_READY):
        sys.exit(f"r2i check: status {status}")
    return time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument(
        "--keep", type=Path, metavar="DIRECTORY", help="make the repository there, and leave it"
    )
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        full, empty = chosen.keep or Path(scratch, "full"), Path(scratch, "empty")
        full.mkdir()
        empty.mkdir()
        size = fill(full)
        fill(empty, notebooks=0)
        print(f"{NOTEBOOKS} notebooks, {size / 1e6:.0f} MB")
        started = [measured(empty) for _ in range(chosen.runs)]
        checked = [measured(full) for _ in range(chosen.runs)]
    start, start_processor, _ = map(statistics.median, zip(*started, strict=True))
    seconds, processor, _ = map(statistics.median, zip(*checked, strict=True))
    report("`r2i check` of 500 notebooks, after start-up", SECONDS, seconds - start, "s")
    report("of which the processor's", SECONDS, processor - start_processor, "s")
    report("its memory", MEGABYTES, max(megabytes for *_, megabytes in checked), "MB")
    print(f"start-up: {start:.2f} s, of which the processor's {start_processor:.2f} s")


def report(what: str, target: float, value: float, unit: str) -> None:
    met = "met" if value <= target else "NOT MET"
    print(f"{what} · ≤ {target:g} {unit} · {value:.2f} {unit} · {met}", flush=True)


if __name__ == "__main__":
    main()
