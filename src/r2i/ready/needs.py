"""What a repository's code needs and its files do not say: distributions, Debian packages, steps of `postBuild`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from r2i.check.code.cell_installs import Install, installs
from r2i.check.code.notebooks import Cell, Notebook
from r2i.check.downloads import undownloaded
from r2i.check.facts.provided import of_conda, providers
from r2i.check.facts.system_packages import of_modules, of_programs
from r2i.check.imports import Use, uses
from r2i.check.missing import Missing, missing
from r2i.check.programs import started
from r2i.check.scripts import NAMES
from r2i.check.subject import Subject
from r2i.facts.tables import read_table
from r2i.model import Evidence


@dataclass(frozen=True, kw_only=True)
class Needs:
    """Each need with the first line that has it.

    `requirements` are to be installed; `unknown` are modules of which nobody knows the distribution; `apt` are Debian
    packages, `commands` those of `postBuild`; `imports` is every module of others as it is imported, with what is
    imported from it.
    """

    requirements: Mapping[str, Evidence] = field(default_factory=dict)
    unknown: Mapping[str, Evidence] = field(default_factory=dict)
    apt: Mapping[str, Evidence] = field(default_factory=dict)
    commands: Mapping[str, Evidence] = field(default_factory=dict)
    imports: Mapping[str, Evidence] = field(default_factory=dict)


def needed(subject: Subject) -> Needs:
    """Look at all imports, calls and commands of notebooks, and of the modules that they import."""
    lacking = tuple(missing(subject, kernel=False))
    used: dict[str, Evidence] = {}
    for use in subject.once(uses).needed:
        used.setdefault(use.module, _at(subject, use, f"imports `{use.module}`"))
    return Needs(
        requirements=dict(sorted(_requirements(subject, lacking), key=lambda item: item[0].lower())),
        unknown={
            one.module: _at(subject, one.first, f"imports `{one.module}`")
            for one in lacking
            if not one.distributions
        },
        apt=dict(_packages(subject, used)),
        commands=dict(_commands(subject)),
        imports=used,
    )


def distribution_of(module: str) -> str | None:
    """What to install for a module as it is imported (`google.protobuf.message`); None where nobody knows."""
    return next(map(_without_screen, providers(module)), None)


def table() -> Mapping[str, Any]:
    return read_table("r2i.ready", "needs.toml")


def _without_screen(distribution: str) -> str:
    return str(table()["instead"].get(distribution, distribution))


def _requirements(subject: Subject, lacking: Iterable[Missing]) -> Iterator[tuple[str, Evidence]]:
    """What cells install, and what is imported that nothing has."""
    conda = subject.environment is not None and subject.environment.manager == "conda"
    declared = set(subject.environment.names) if subject.environment else set()
    for notebook, cell, command in _installs(subject):
        for text, name in zip(command.wanted, command.names, strict=True):
            if command.installer == "pip" and name not in declared and not conda:
                declared.add(name)
                yield text, _of_cell(subject, notebook, cell, command.line, "installed by the cell")
    for one in lacking:
        if one.distributions:
            name = one.distributions[0]
            text = of_conda(name) if conda else _without_screen(name)
            yield text, _at(subject, one.first, one.first.why)


def _installs(subject: Subject) -> Iterator[tuple[Notebook, Cell, Install]]:
    for notebook, cell, facts in subject.code:
        for command in installs(cell.source, facts):
            yield notebook, cell, command


def _packages(subject: Subject, imports: Mapping[str, Evidence]) -> Iterator[tuple[str, Evidence]]:
    """Debian packages by the modules and programs that call for them, and those that cells install."""
    modules, programs = of_modules(init=True), of_programs(init=True)
    found = [
        (package, why)
        for module, why in imports.items()
        for package in modules.get(module.partition(".")[0], ())
    ]
    for one in started(subject):
        if one.program in programs and one.path.rpartition("/")[2] not in NAMES:
            of_cell = f" (cell {one.cell.number})" if one.cell else ""
            why = Evidence(
                why=f"runs `{one.program}`{of_cell}", file=one.path, line=one.line_of_file(subject)
            )
            found += [(package, why) for package in programs[one.program]]
    for notebook, cell, install in _installs(subject):
        if install.installer == "apt":
            why = _of_cell(subject, notebook, cell, install.line, "installed by the cell")
            found += [(package, why) for package in install.names]
    seen = _apt(subject)
    for package, why in found:
        if package not in seen:
            seen.add(package)
            yield package, why


def _apt(subject: Subject) -> set[str]:
    path = subject.config("apt.txt")
    if path is None:
        return set()
    lines = subject.checkout.read(path).splitlines()
    return {word for line in lines for word in line.partition("#")[0].split()}


def _commands(subject: Subject) -> Iterator[tuple[str, Evidence]]:
    """Steps of `postBuild` that it does not have yet."""
    for one in subject.once(undownloaded):
        why = f"loads `{one.name}`"
        if one.notebook and one.cell:
            yield one.command, _of_cell(subject, one.notebook, one.cell, one.line, why)
        else:
            yield one.command, Evidence(why=why, file=one.path, line=one.line)


def _at(subject: Subject, use: Use, why: str) -> Evidence:
    if use.notebook and use.cell:
        return _of_cell(subject, use.notebook, use.cell, use.line, why)
    return Evidence(why=why, file=use.path, line=use.line)


def _of_cell(subject: Subject, notebook: Notebook, cell: Cell, line: int, why: str) -> Evidence:
    place = subject.line_of(notebook, cell, line)
    return Evidence(why=f"{why} (cell {cell.number})", file=notebook.path, line=place)
