"""The hosts of the Dataverse installations that are known (`dataverse.toml`)."""

from __future__ import annotations

from functools import cache

from r2i.facts.tables import read_table


@cache
def installations() -> frozenset[str]:
    return frozenset(read_table("r2i.facts", "dataverse.toml")["hosts"])
