"""Where releases with a local version are (`torch==2.6.0+cpu`)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from r2i.facts.tables import read_table


@dataclass(frozen=True, kw_only=True)
class LocalIndex:
    """An option of pip and the address that goes with it."""

    option: str
    address: str


def index_of(name: str, local: str) -> LocalIndex | None:
    """None where the table does not know it."""
    for row in read_table("r2i.facts", "local_versions.toml")["indexes"]:
        if name not in row["names"]:
            continue
        found = re.fullmatch(row.get("pattern", ".*"), local)
        if found is None:
            return None
        values = {**found.groupdict(), "local": local}
        if "torch" in values:  # `26` is 2.6.0
            values["torch"] = f"{values['torch'][0]}.{values['torch'][1:]}.0"
        return LocalIndex(option=row["option"], address=row["address"].format(**values))
    return None
