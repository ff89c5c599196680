"""Write `src/r2i/facts/r_packages.toml` anew: what packages of R need, as Debian's packages of them say.

Run it on Debian after `apt-get update`: `python tools/refresh_r_packages.py`.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

TARGET = Path(__file__).parents[1] / "src" / "r2i" / "facts" / "r_packages.toml"

HEADER = """\
# What packages of R need, in lower case. A line is `NAME: OTHERS`. Made by `tools/refresh_r_packages.py`; not to be edited.
# `base` is what R itself brings.

"""

#: The packages of R's own sources (https://cran.r-project.org/doc/manuals/r-release/R-admin.html).
BASE = (
    "base compiler datasets graphics grdevices grid methods parallel splines stats stats4 tcltk tools utils"
)

PACKAGE = re.compile(r"\br-(?:cran|bioc)-([a-z0-9.]+)")


def main() -> None:
    listed = subprocess.run(["apt-cache", "dumpavail"], check=True, capture_output=True, text=True).stdout
    needs: dict[str, set[str]] = {}
    for paragraph in listed.split("\n\n"):
        fields = dict(re.findall(r"(?m)^(Package|Depends): (.*)$", paragraph))
        name = fields.get("Package", "")
        if found := PACKAGE.fullmatch(name):
            needs.setdefault(found[1], set()).update(PACKAGE.findall(fields.get("Depends", "")))
        elif name == "r-recommended":
            needs.setdefault("r", set()).update(PACKAGE.findall(fields["Depends"]))
    base = " ".join(sorted({*BASE.split(), *needs.pop("r")}))
    rows = "\n".join(f"{name}: {' '.join(sorted(others))}".rstrip() for name, others in sorted(needs.items()))
    TARGET.write_text(f"{HEADER}base = '{base}'\nneeds = '''\n{rows}\n'''\n", encoding="utf-8")


if __name__ == "__main__":
    main()
