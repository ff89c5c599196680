"""All rules of the static check. A rule is a function in the module of its theme, and an entry in that module's `RULES`."""

from __future__ import annotations

from itertools import chain

from r2i.check.findings import Rule
from r2i.check.rules import (
    binder,
    commands,
    committed,
    config,
    credentials,
    downloads,
    imports,
    install_cells,
    installers,
    kernels,
    names,
    not_python,
    notebook_files,
    other_languages,
    own_dockerfile,
    paths,
    read_files,
    requirements,
    runtime,
    screens,
    scripts,
    size,
    standard_modules,
    system_packages,
    unattended,
    windows_paths,
)

#: In the order of their codes: D dependencies, F files, N notebooks, S size.
RULES: tuple[Rule, ...] = (
    *chain(
        requirements.RULES,
        system_packages.RULES,
        downloads.RULES,
        install_cells.RULES,
        imports.RULES,
        standard_modules.RULES,
        other_languages.RULES,
        config.RULES,
        runtime.RULES,
        names.RULES,
        committed.RULES,
        scripts.RULES,
        commands.RULES,
        installers.RULES,
        binder.RULES,
        own_dockerfile.RULES,
        notebook_files.RULES,
        kernels.RULES,
        not_python.RULES,
        paths.RULES,
        read_files.RULES,
        windows_paths.RULES,
        unattended.RULES,
        credentials.RULES,
        screens.RULES,
        size.RULES,
    ),
)

CODES = frozenset(rule.code for rule in RULES)
