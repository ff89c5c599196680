"""Pins of releases with a local version (`torch==2.6.0+cpu`), which only an index of their own has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from r2i.facts.local_versions import LocalIndex, index_of
from r2i.model import Notice, PythonEnvironment

LOCAL = re.compile(r"={2,3} ?(?P<version>[\w.!]+)\+(?P<local>[A-Za-z0-9.]+)", re.ASCII)

#: By these an environment is told further places to look for releases.
PLACES = ("--index-url=", "--extra-index-url=", "--find-links=", "--config-file=")


def without_index(environment: PythonEnvironment) -> Iterator[Notice]:
    """A warning for each that the named indexes do not have; a lock names the places itself."""
    if environment.exact and environment.buildpack != "requirements":
        return
    texts = "\n".join(environment.install.support.values()).replace(" ", "=")
    given = [*environment.install.options, *texts.split("\n")]
    places = [word.partition("=")[2] for word in given if word.startswith(PLACES)]
    for pin in environment.pins:
        found = LOCAL.fullmatch(pin.specifier)
        if found is None:
            continue
        index = index_of(pin.name, found["local"])
        if any(_may_have(place, index) for place in places):
            continue
        what = f"`{pin.name}{pin.specifier}`"
        message = (
            f"{what} is not on the package index but on `{index.address}`: it needs `{index.option} {index.address}`"
            if index
            else f"{what} has a local version (`+{found['local']}`), which the package index does not have: add"
            " `--extra-index-url` with the index that has it, or remove the local version"
        )
        yield Notice(level="warning", message=message, file=pin.evidence.file, line=pin.evidence.line)


def _may_have(place: str, index: LocalIndex | None) -> bool:
    """Any place may be a mirror; of the known one it is known what its directories have."""
    if index is None:
        return True
    known, given = urlsplit(index.address), urlsplit(place)
    if known.hostname != given.hostname:
        return True
    above = given.path.rstrip("/")
    return known.path == above or known.path.startswith(f"{above}/") or "stable" in above
