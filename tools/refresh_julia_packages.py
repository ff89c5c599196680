"""Write `src/r2i/facts/julia_packages.txt.gz` anew: the packages of the General registry of Julia, with their UUIDs.

`python tools/refresh_julia_packages.py [REGISTRY [TARGET]]`: REGISTRY is a `Registry.toml`, by default that of the registry's main branch.
"""

from __future__ import annotations

import gzip
import re
import sys
import urllib.request
from pathlib import Path

TARGET = Path(__file__).parents[1] / "src" / "r2i" / "facts" / "julia_packages.txt.gz"
REGISTRY = "https://raw.githubusercontent.com/JuliaRegistries/General/master/Registry.toml"

#: A row of the registry; what ends with `_jll` are programs that other packages bring.
PACKAGE = re.compile(r'^([0-9a-f-]{36}) = \{ name = "(\w+)(?<!_jll)"', re.MULTILINE | re.ASCII)


def table(registry: str) -> bytes:
    """A line is a name and a UUID without its dashes."""
    rows = sorted((name, uuid.replace("-", "")) for uuid, name in PACKAGE.findall(registry))
    return gzip.compress("".join(f"{name} {uuid}\n" for name, uuid in rows).encode(), mtime=0)


def main() -> None:
    if len(sys.argv) > 1:
        registry = Path(sys.argv[1]).read_text(encoding="utf-8")
    else:
        with urllib.request.urlopen(REGISTRY) as answer:
            registry = answer.read().decode()
    target = Path(sys.argv[2]) if len(sys.argv) > 2 else TARGET
    target.write_bytes(table(registry))


if __name__ == "__main__":
    main()
