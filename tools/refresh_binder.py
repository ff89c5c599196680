"""Read the tables of the builder behind Binder anew: rewrites `src/r2i/facts/binder.toml` and `binder_packages.toml` from the wheel of repo2docker.

    python tools/refresh_binder.py [VERSION]

Nothing of the wheel runs: its sources are parsed, and its locks are read. The releases of Julia before 1.0, which stand in no file of
the wheel, are kept as they are unless the list of the Julia server can be read.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from r2i.facts.julia import SERVER, release_number

FACTS = Path(__file__).parents[1] / "src" / "r2i" / "facts"
TABLE, PACKAGES = FACTS / "binder.toml", FACTS / "binder_packages.toml"
HEADER = """\
# What repo2docker, the builder behind Binder, decides by tables of its own. Refreshed by `make pins` (tools/refresh_binder.py).
"""

HEADER_OF_PACKAGES = """\
# The conda packages in the environments of repo2docker, by Python, before it adds those of a repository: names and versions of its locks.
# Refreshed by `make pins` (tools/refresh_binder.py).
"""

#: What its environments are judged by; the locks have some 170 packages each.
PARTS = (
    "ipykernel",
    "ipywidgets",
    "jupyterlab",
    "jupyter_server",
    "jupyterhub-singleuser",
    "nodejs",
    "notebook",
    "pip",
)

LOCK = re.compile(r"environment\.py-(?P<python>[\d.]+)-linux-64\.lock")
PACKAGE = re.compile(r".*/(?P<name>[^/]+)-(?P<version>[^-/]+)-[^-/]+\.(?:conda|tar\.bz2)(?:#.*)?")
FROZEN = re.compile(r"# Frozen on (\d{4}-\d\d-\d\d)")
BEFORE_1 = re.compile(r"0\.\d+\.\d+")


def unpacked(version: str | None, target: Path) -> Path:
    """The package as its wheel has it; the newest one where no version is asked for."""
    requirement = "jupyter-repo2docker" + (f"=={version}" if version else "")
    uv = str(Path(sys.executable).with_name("uv"))
    command = [uv, "pip", "install", "--quiet", "--no-deps", "--target", str(target), requirement]
    subprocess.run(command, check=True)
    return target / "repo2docker"


def assigned(file: Path, name: str) -> Iterator[Any]:
    """The literals that are given to a name anywhere in a module, or as the first argument of what is called for it."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Assign) and any(
            isinstance(t, ast.Name) and t.id == name for t in node.targets
        ):
            call = isinstance(node.value, ast.Call)
            values = node.value.args if isinstance(node.value, ast.Call) else [node.value]
            try:
                found = [ast.literal_eval(value) for value in values]
            except ValueError:
                continue
            yield found if call else found[0]


def default_r(file: Path, known: dict[str, str]) -> str:
    """`version_map["4.4"]` is what it starts with."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        value = node.value if isinstance(node, ast.Assign) else None
        if (
            isinstance(value, ast.Subscript)
            and isinstance(value.slice, ast.Constant)
            and ast.unparse(value.value) == "version_map"
        ):
            return known[str(value.slice.value)]
    sys.exit(f"{file.name} names no version of R that it takes by default")


def locks(folder: Path) -> Iterator[dict[str, Any]]:
    for file in sorted(folder.iterdir()):
        match = LOCK.fullmatch(file.name)
        if match:
            text = file.read_text(encoding="utf-8")
            versions = {
                p["name"]: p["version"] for line in text.splitlines() if (p := PACKAGE.fullmatch(line))
            }
            frozen = FROZEN.search(text)
            yield {
                "python": match["python"],
                "exact": versions["python"],
                "frozen": frozen[1] if frozen else "",
                "parts": {name: versions[name] for name in PARTS if name in versions},
                "packages": versions,
            }


def julia_before_1() -> list[str]:
    server = os.environ.get("JULIAUP_SERVER", SERVER).rstrip("/")
    try:
        with urllib.request.urlopen(f"{server}/bin/versions.json", timeout=60) as answer:
            found = [version for version in json.load(answer) if BEFORE_1.fullmatch(version)]
    except (urllib.error.URLError, TimeoutError) as error:
        print(
            f"The list of the Julia server cannot be read ({error}): the releases before 1.0 stay as they are",
            file=sys.stderr,
        )
        return list(tomllib.loads(TABLE.read_text(encoding="utf-8"))["julia"]["before_1"])
    return sorted(found, key=release_number)


def of_python(row: dict[str, Any]) -> list[int]:
    return [int(part) for part in row["python"].split(".")]


def packages_table(version: str, rows: list[dict[str, Any]]) -> str:
    parts = [HEADER_OF_PACKAGES, f"release = {json.dumps(version)}", "\n[packages]"]
    for row in rows:
        lines = (f"{name} {there}" for name, there in sorted(row["packages"].items()))
        parts += [f'"{row["python"]}" = """', *lines, '"""']
    return "\n".join(parts) + "\n"


def released(package: Path) -> str:
    return next(value for value in assigned(package / "_version.py", "version") if isinstance(value, str))


def table(package: Path, rows: list[dict[str, Any]]) -> str:
    packs = package / "buildpacks"
    (major,) = assigned(packs / "conda" / "__init__.py", "major_pythons")
    (cutoff,) = assigned(packs / "conda" / "__init__.py", "kernel_env_cutoff_version")
    (supported,) = assigned(packs / "conda" / "supported_python_version.py", "SUPPORTED_PYTHON_VERSION")
    (r_versions,) = assigned(packs / "r.py", "version_map")
    (first_day,) = assigned(packs / "r.py", "RSPM_CUTOFF_DATE")
    (compat,) = assigned(packs / "julia" / "julia_project.py", "compat")
    (base, *_) = next(assigned(package / "app.py", "base_image"))
    q = json.dumps
    head = [
        HEADER,
        f"version = {q(released(package))}",
        f"base_image = {q(base)}",
        "\n[python]",
        f"default = {q(major['3'])}",
        f"default_2 = {q(major['2'])}",
        "# Older ones are kernels beside a server with the default one.",
        f"server_since = {q(cutoff)}",
        "# Where `requires-python` excludes the default one, the last of these that it allows.",
        f"supported = {q(list(supported))}",
        "\n[r]",
        f"default = {q(default_r(packs / 'r.py', r_versions))}",
        "# There are no packages of days before.",
        f'first_day = "{first_day[0]}-{first_day[1]:02}-{first_day[2]:02}"',
        "\n[r.versions]",
        *(f"{q(key)} = {q(value)}" for key, value in r_versions.items()),
        "\n[julia]",
        f"default_compat = {q(compat)}",
        f"before_1 = {q(julia_before_1())}",
    ]
    parts = [line for line in head if line]
    for row in rows:
        parts += ["\n[[environments]]", *(f"{key} = {q(row[key])}" for key in ("python", "exact", "frozen"))]
        parts += [
            "parts = { " + ", ".join(f"{q(name)} = {q(value)}" for name, value in row["parts"].items()) + " }"
        ]
    return "\n".join(parts) + "\n"


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        package = unpacked(sys.argv[1] if len(sys.argv) > 1 else None, Path(scratch))
        rows = sorted(locks(package / "buildpacks" / "conda"), key=of_python)
        text, packages = table(package, rows), packages_table(released(package), rows)
    TABLE.write_text(text, encoding="utf-8")
    PACKAGES.write_text(packages, encoding="utf-8")


if __name__ == "__main__":
    main()
