"""JupyterLab extensions as npm packages: what JupyterLab 4 has built in, and what is in packages for Python."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence

from r2i.facts.tables import read_table

VERSIONED = re.compile(r"(@?[^@]+)@\^?v?(\d+)(?:\.\d+)*", re.ASCII)


def extensions_of(command: Sequence[str]) -> list[str]:
    """The npm packages that `jupyter labextension install` is told to install, with their versions."""
    program, *words = [*command] or [""]
    program = posixpath.basename(program)
    words = words if program == "jupyter" else [program.removeprefix("jupyter-"), *words]
    if words[:2] != ["labextension", "install"]:
        return []
    return [word for word in words[2:] if not word.startswith("-")]


def is_for_older_lab(extension: str) -> bool:
    """Whether JupyterLab 4 refuses the version that is named: `@jupyter-widgets/jupyterlab-manager@0.38`."""
    match = VERSIONED.fullmatch(extension)
    first = read_table("r2i.facts", "labextensions.toml")["first_for_lab_4"]
    return match is not None and int(match[2]) < first.get(match[1], 0)


def instead_of(name: str) -> str | None:
    """The package for Python, empty where JupyterLab has the extension built in; None where it is not known."""
    table = read_table("r2i.facts", "labextensions.toml")
    if name in table["built_in"]:
        return ""
    found: str | None = table["wheels"].get(name)
    return found
