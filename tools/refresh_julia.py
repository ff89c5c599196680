"""List the releases of Julia anew: rewrites `src/r2i/facts/julia.toml` from the official list of versions."""

from __future__ import annotations

import json
import os
import re
import sys
import urllib.request
from pathlib import Path
from typing import Any

from r2i.facts.julia import MACHINES, SERVER, archive_path, release_number

TABLE = Path(__file__).parents[1] / "src" / "r2i" / "facts" / "julia.toml"
HEADER = "# Releases of Julia for Linux, with the SHA-256 of their archives. Refreshed by `make pins`.\n"

#: The first release that r2i installs is 1.0.
STABLE = re.compile(r"[1-9]\d*\.\d+\.\d+")
SHA256 = re.compile(r"[0-9a-f]{64}")


def checksums(version: str, files: list[dict[str, Any]]) -> dict[str, str]:
    """By machine, of the archives with the usual names: there are others for musl."""
    found = {}
    for machine in MACHINES:
        path = archive_path(version, machine)
        for file in files:
            if file["url"].endswith(f"/{path}") and SHA256.fullmatch(file.get("sha256", "")):
                found[machine] = file["sha256"]
    return found


def table(versions: dict[str, dict[str, Any]]) -> str:
    parts = [HEADER]
    stable = [version for version, row in versions.items() if row["stable"] and STABLE.fullmatch(version)]
    for version in sorted(stable, key=release_number):
        found = checksums(version, versions[version]["files"])
        if "x86_64" in found:
            rows = "".join(f'{machine} = "{sha256}"\n' for machine, sha256 in found.items())
            parts.append(f'\n[[releases]]\nversion = "{version}"\n{rows}')
    return "".join(parts)


def main() -> None:
    server = os.environ.get("JULIAUP_SERVER", SERVER).rstrip("/")
    with urllib.request.urlopen(f"{server}/bin/versions.json") as answer:
        versions = json.load(answer)
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else TABLE
    path.write_text(table(versions), encoding="utf-8")


if __name__ == "__main__":
    main()
