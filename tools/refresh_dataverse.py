"""List the installations of Dataverse anew: rewrites `src/r2i/facts/dataverse.toml`.

    python tools/refresh_dataverse.py [OUTPUT]

Only the names of the hosts are kept. Where the list cannot be read, or is shorter than half of what is known, the table stays as it is.
"""

from __future__ import annotations

import json
import re
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from r2i.facts.dataverse import installations

#: The list that the developers of Dataverse keep for their map of the world.
LIST = "https://iqss.github.io/dataverse-installations/data/data.json"
TABLE = Path(__file__).parents[1] / "src" / "r2i" / "facts" / "dataverse.toml"
HEADER = """\
# Hosts of Dataverse installations. Refreshed by `make pins` (tools/refresh_dataverse.py).

"""
HOST = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")


def hosts(document: Any) -> list[str]:
    """The names of the hosts, without the path that one of them has."""
    found = {str(each["hostname"]).lower().partition("/")[0].strip() for each in document["installations"]}
    return sorted(host for host in found if HOST.fullmatch(host))


def main() -> None:
    try:
        with urllib.request.urlopen(LIST, timeout=60) as answer:
            found = hosts(json.load(answer))
    except (urllib.error.URLError, TimeoutError, ValueError, KeyError, TypeError) as error:
        sys.exit(f"The list of Dataverse installations cannot be read: {error}")
    if len(found) < len(installations()) / 2:
        sys.exit(f"The list of Dataverse installations has only {len(found)} hosts: the table stays as it is")
    table = Path(sys.argv[1]) if len(sys.argv) > 1 else TABLE
    lines = "".join(f'  "{host}",\n' for host in found)
    table.write_text(f"{HEADER}hosts = [\n{lines}]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
