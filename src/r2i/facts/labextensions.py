"""JupyterLab extensions as npm packages: what JupyterLab 4 has built in, and what is in packages for Python."""

from __future__ import annotations

from r2i.facts.tables import read_table


def instead_of(name: str) -> str | None:
    """The package for Python, empty where JupyterLab has the extension built in; None where it is not known."""
    table = read_table("r2i.facts", "labextensions.toml")
    if name in table["built_in"]:
        return ""
    found: str | None = table["wheels"].get(name)
    return found
