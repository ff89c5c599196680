"""The releases of Julia that ship with r2i, and how the table is made."""

from __future__ import annotations

import gzip
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.cases import ROOT
from tests.serving import served

from r2i.facts.julia import MACHINES, SERVER, archives, cpu_targets, package_uuid, releases
from r2i.facts.tables import read_table
from r2i.process import run


def test_every_minor_release_since_1_0_is_known() -> None:
    minors = list(dict.fromkeys(version.rpartition(".")[0] for version in releases()))

    assert minors == [f"1.{minor}" for minor in range(len(minors))]
    assert len(minors) >= 13


def test_every_release_has_a_checksum_for_each_machine() -> None:
    for version in releases():
        found = archives(version)

        assert all(re.fullmatch("[0-9a-f]{64}", archive.sha256) for archive in found)
        # The first three were not built for 64-bit Arm.
        machines = ["x86_64"] if version in ("1.0.0", "1.0.1", "1.0.2") else [*MACHINES]
        assert [archive.machine for archive in found] == machines


def test_an_archive_is_where_the_official_server_has_it() -> None:
    paths = [archive.path for archive in archives("1.10.12")]

    assert SERVER == "https://julialang-s3.julialang.org"
    assert paths == [
        "bin/linux/x64/1.10/julia-1.10.12-linux-x86_64.tar.gz",
        "bin/linux/aarch64/1.10/julia-1.10.12-linux-aarch64.tar.gz",
    ]


@pytest.mark.parametrize(
    ("version", "words"),
    [("1.12.7", ["x86-64-v4", "neoverse"]), ("1.9.4", ["haswell", "carmel"]), ("1.8.5", None)],
)
def test_machine_code_is_for_the_processors_of_the_official_builds(
    version: str, words: list[str] | None
) -> None:
    targets = cpu_targets(version)

    assert sorted(targets) == (sorted(MACHINES) if words else [])
    for target, word in zip(targets.values(), words or [], strict=True):
        assert target.startswith("generic;")
        assert word in target


def official(version: str, *, stable: bool = True) -> dict[str, Any]:
    """A row of the official list, with the archives that r2i does not take, too."""
    names = {
        f"linux/x64/{version[:-2]}/julia-{version}-linux-x86_64.tar.gz": "1",
        f"linux/aarch64/{version[:-2]}/julia-{version}-linux-aarch64.tar.gz": "2",
        f"musl/x64/{version[:-2]}/julia-{version}-musl-x86_64.tar.gz": "3",
        f"winnt/x64/{version[:-2]}/julia-{version}-win64.exe": "4",
    }
    files = [{"url": f"{SERVER}/bin/{name}", "sha256": digit * 64} for name, digit in names.items()]
    return {"stable": stable, "files": files}


def test_the_table_is_made_from_the_official_list(tmp_path: Path) -> None:
    directory, made = tmp_path / "served" / "bin", tmp_path / "julia.toml"
    directory.mkdir(parents=True)
    versions = {
        "1.10.2": official("1.10.2"),
        "1.9.4": official("1.9.4"),
        "0.6.4": official("0.6.4"),
        "1.13.0-rc3": official("1.13.0-rc3", stable=False),
    }
    (directory / "versions.json").write_text(json.dumps(versions))

    with served(directory.parent, host="127.0.0.1") as address:
        environment = {**os.environ, "JULIAUP_SERVER": address}
        done = run([sys.executable, str(ROOT / "tools" / "refresh_julia.py"), str(made)], env=environment)

    assert done.returncode == 0, done.stderr
    expected = "".join(
        f'\n[[releases]]\nversion = "{version}"\nx86_64 = "{"1" * 64}"\naarch64 = "{"2" * 64}"\n'
        for version in ("1.9.4", "1.10.2")
    )
    assert made.read_text().partition("\n")[2] == expected


def test_the_table_has_the_form_that_it_is_made_in() -> None:
    text = (ROOT / "src" / "r2i" / "facts" / "julia.toml").read_text()
    rows = read_table("r2i.facts", "julia.toml")["releases"]
    parts = [
        "\n[[releases]]\n" + "".join(f'{key} = "{value}"\n' for key, value in row.items()) for row in rows
    ]

    assert text.partition("\n")[2] == "".join(parts)
    assert [row["version"] for row in rows] == [*releases()]


def test_packages_are_known_by_the_uuids_of_the_registry() -> None:
    # As the `Project.toml` of any user of these has them.
    assert package_uuid("IJulia") == "7073ff75-c697-5162-941a-fcdaad2a7d2a"
    assert package_uuid("DataFrames") == "a93c6f00-e57d-5684-b7b6-d8193f3e46c0"
    assert package_uuid("OpenSSL_jll") is None
    assert package_uuid("Printf") is None


def test_the_table_of_packages_is_made_of_the_registry(tmp_path: Path) -> None:
    registry = tmp_path / "Registry.toml"
    registry.write_text(
        'name = "General"\n\n[packages]\n'
        '7073ff75-c697-5162-941a-fcdaad2a7d2a = { name = "IJulia", path = "I/IJulia" }\n'
        '458c3c95-2e84-50aa-8efc-19380b2a3a95 = { name = "OpenSSL_jll", path = "jll/O/OpenSSL_jll" }\n'
        'a93c6f00-e57d-5684-b7b6-d8193f3e46c0 = { name = "DataFrames", path = "D/DataFrames" }\n'
    )
    target = tmp_path / "julia_packages.txt.gz"
    done = run([sys.executable, "tools/refresh_julia_packages.py", str(registry), str(target)], cwd=ROOT)

    assert done.returncode == 0, done.stderr
    assert gzip.decompress(target.read_bytes()).decode().splitlines() == [
        "DataFrames a93c6f00e57d5684b7b6d8193f3e46c0",
        "IJulia 7073ff75c6975162941afcdaad2a7d2a",
    ]
