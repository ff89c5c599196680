"""All rules of the static check. A rule is a function in the module of its theme, and an entry in that module's `RULES`."""

from __future__ import annotations

from itertools import chain

from r2i.check.findings import Rule
from r2i.check.rules import (
    apt_names,
    binder,
    commands,
    committed,
    config,
    credentials,
    dead_commands,
    downloads,
    ended_releases,
    excluded_python,
    hidden_files,
    hub_files,
    imports,
    install_cells,
    installers,
    kernels,
    language_pins,
    names,
    new_syntax,
    not_python,
    notebook_files,
    other_languages,
    own_dockerfile,
    paths,
    r_servers,
    read_files,
    refused_by_binder,
    removed_arguments,
    removed_names,
    requirements,
    runtime,
    screens,
    script_files,
    scripts,
    size,
    standard_modules,
    system_packages,
    unattended,
    unread_settings,
    windows_paths,
)

MODULES = (
    apt_names,
    binder,
    commands,
    committed,
    config,
    credentials,
    dead_commands,
    downloads,
    ended_releases,
    excluded_python,
    hidden_files,
    hub_files,
    imports,
    install_cells,
    installers,
    kernels,
    language_pins,
    names,
    new_syntax,
    not_python,
    notebook_files,
    other_languages,
    own_dockerfile,
    paths,
    r_servers,
    read_files,
    refused_by_binder,
    removed_arguments,
    removed_names,
    requirements,
    runtime,
    screens,
    script_files,
    scripts,
    size,
    standard_modules,
    system_packages,
    unattended,
    unread_settings,
    windows_paths,
)

#: In the order of their codes: D dependencies, F files, N notebooks, S size.
RULES: tuple[Rule, ...] = tuple(
    sorted(chain.from_iterable(module.RULES for module in MODULES), key=lambda rule: rule.code)
)

CODES = frozenset(rule.code for rule in RULES)
