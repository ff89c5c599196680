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
    hub_files,
    imports,
    install_cells,
    kernels,
    names,
    notebook_files,
    other_languages,
    own_dockerfile,
    paths,
    read_files,
    removed_names,
    requirements,
    runtime,
    scripts,
    size,
    standard_modules,
    system_packages,
    unattended,
    unread_settings,
)

#: In the order of their codes: D dependencies, F files, N notebooks, S size.
RULES: tuple[Rule, ...] = (
    *chain(
        requirements.RULES,
        system_packages.RULES,
        apt_names.RULES,
        install_cells.RULES,
        imports.RULES,
        standard_modules.RULES,
        other_languages.RULES,
        removed_names.RULES,
        config.RULES,
        runtime.RULES,
        names.RULES,
        (hub_files.NOT_READ,),
        committed.RULES,
        (hub_files.BY_SSH,),
        scripts.RULES,
        commands.RULES,
        dead_commands.RULES,
        unread_settings.RULES,
        binder.RULES,
        own_dockerfile.RULES,
        (hub_files.NOT_IN_CONTEXT,),
        notebook_files.RULES,
        kernels.RULES,
        paths.RULES,
        read_files.RULES,
        unattended.RULES,
        credentials.RULES,
        size.RULES,
    ),
)

CODES = frozenset(rule.code for rule in RULES)
