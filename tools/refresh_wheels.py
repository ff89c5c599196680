# /// script
# requires-python = ">=3.11"
# dependencies = ["packaging", "pypi-simple"]
# ///
"""Write `src/r2i/facts/python_wheels.toml` anew: which releases have wheels for which Pythons, as the package index has it.

Run it with `uv run tools/refresh_wheels.py [NAME …]`; with names, only their rows are made anew.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.tags import Tag
from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import InvalidVersion, Version
from pypi_simple import DistributionPackage, PyPISimple

SOURCE = Path(__file__).parents[1] / "src" / "r2i" / "facts"

#: What research repositories pin most of what is compiled, or has dropped old Pythons early.
NAMES = """
astropy bokeh bottleneck cartopy cffi cvxpy cython dask fiona gensim geopandas h5py healpy ipython jax
jaxlib keras lightgbm llvmlite lxml matplotlib netcdf4 networkx numba numcodecs numexpr numpy opencv-python
pandas pillow psycopg2-binary pyarrow pygeos pyproj pyyaml pyzmq rasterio rtree scikit-image scikit-learn
scipy shapely spacy statsmodels tables tensorflow tensorflow-cpu tensorflow-gpu theano torch torchaudio
torchvision xarray xgboost zarr
"""

MINORS = [
    row["version"] for row in tomllib.loads((SOURCE / "pins.toml").read_text(encoding="utf-8"))["pythons"]
]

HEADER = """\
# Which releases have wheels for which Pythons (Linux, x86-64), or are allowed there by their `Requires-Python`.
# A line is `PYTHONS: RELEASES`. Made by `tools/refresh_wheels.py`; not to be edited.

[wheels]
"""


def main(names: list[str]) -> None:
    target = SOURCE / "python_wheels.toml"
    rows = tomllib.loads(target.read_text(encoding="utf-8"))["wheels"] if target.exists() else {}
    with PyPISimple() as index:
        for name in names or NAMES.split():
            rows[name] = "\n".join(lines(index.get_project_page(name).packages))
    text = "".join(f"{name} = '''\n{rows[name]}'''\n" for name in sorted(rows))
    target.write_text(HEADER + text, encoding="utf-8")


def lines(packages: Iterable[DistributionPackage]) -> Iterator[str]:
    files: dict[Version, list[DistributionPackage]] = {}
    for package in packages:
        version = version_of(package)
        if version and not version.is_prerelease and not package.is_yanked:
            files.setdefault(version, []).append(package)
    grouped: dict[str, list[str]] = {}
    for version in sorted(files):
        if spans := in_spans(minors_of(files[version])):
            grouped.setdefault(spans, []).append(canonical(str(version)))
    for spans, versions in grouped.items():
        yield f"{spans}: {' '.join(versions)}"


def version_of(package: DistributionPackage) -> Version | None:
    try:
        return Version(package.version or "")
    except InvalidVersion:
        return None


def minors_of(packages: list[DistributionPackage]) -> set[str]:
    """The Pythons of all wheels; of a release without any, those that it allows. None where that is no restriction."""
    wheels = [package for package in packages if package.package_type == "wheel"]
    found = {minor for package in wheels for minor in of_wheel(package)}
    if not found:
        found = {
            minor for package in packages if package.package_type == "sdist" for minor in allowed(package)
        }
    return set() if found >= set(MINORS) else found


def of_wheel(package: DistributionPackage) -> set[str]:
    try:
        tags = parse_wheel_filename(package.filename)[3]
    except InvalidWheelFilename:
        return set()
    return {minor for minor in allowed(package) if any(fits(tag, minor) for tag in tags)}


def fits(tag: Tag, minor: str) -> bool:
    if tag.platform != "any" and not re.fullmatch(r"(manylinux\w+|linux)_x86_64", tag.platform):
        return False
    major, number = minor.split(".")
    if tag.interpreter in (f"cp{major}{number}", f"py{major}{number}", f"py{major}", f"cp{major}"):
        return True
    since = re.fullmatch(rf"cp{major}(\d+)", tag.interpreter)
    return tag.abi == "abi3" and since is not None and int(since[1]) <= int(number)


def allowed(package: DistributionPackage) -> set[str]:
    try:
        specifier = SpecifierSet(package.requires_python or "")
    except InvalidSpecifier:
        return set(MINORS)
    # The newest patch release, whichever that is.
    return {minor for minor in MINORS if specifier.contains(f"{minor}.40")}


def in_spans(minors: set[str]) -> str:
    """`2.7 3.5-3.8`"""
    runs: list[list[str]] = []
    for number, minor in enumerate(MINORS):
        if minor not in minors:
            continue
        if runs and MINORS[number - 1] == runs[-1][-1] and minor != "3.5":
            runs[-1].append(minor)
        else:
            runs.append([minor])
    return " ".join(run[0] if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def canonical(version: str) -> str:
    return re.sub(r"(?:\.0)+(?=$|\.post)", "", version)


if __name__ == "__main__":
    main(sys.argv[1:])
