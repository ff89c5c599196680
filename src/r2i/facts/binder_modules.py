"""Modules that repo2docker's environment has, whatever a repository asks for."""

from __future__ import annotations

from collections.abc import Mapping

from r2i.facts.tables import read_table


def binder_modules() -> Mapping[str, str]:
    """By module the requirement that brings it: `yaml` → `pyyaml`."""
    modules: dict[str, str] = read_table("r2i.facts", "binder_modules.toml")["modules"]
    return modules
