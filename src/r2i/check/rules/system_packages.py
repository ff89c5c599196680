"""D11: libraries and programs that lie beside Python, and that an image has where `apt.txt` asks for them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from r2i.buildpacks.apt_names import TIME64
from r2i.check.apt_txt import adding, apt_txt
from r2i.check.facts.system_packages import libraries, of_modules, of_programs
from r2i.check.findings import Finding, Rule
from r2i.check.imports import Use, line_of, uses
from r2i.check.scripts import scripts
from r2i.check.size import with_debian_packages
from r2i.check.subject import Subject
from r2i.check.wording import named
from r2i.edits.fixes import Fix
from r2i.facts.pins import is_default
from r2i.model import Evidence


def _libraries(subject: Subject) -> Iterator[Finding]:
    there, environment = _there(subject), subject.environment
    if there is None or environment is None:
        return
    for name, packages in libraries().items():
        lacking = [package for package in packages if package not in there]
        if lacking and name in environment.names:
            yield _finding(
                subject,
                lacking,
                environment.names[name],
                message=f"`{name}` requires {named(lacking)}, which no file lists",
                hint=f"Add {named(lacking)} to `{apt_txt(subject)}`, or use `{name}-headless` instead",
            )


def _programs(subject: Subject) -> Iterator[Finding]:
    there = _there(subject)
    seen = set(there or ())
    for package, evidence, cell in _called(subject) if there is not None else ():
        if package not in seen:
            seen.add(package)
            yield _finding(
                subject,
                [package],
                evidence,
                cell=cell,
                message=f"{evidence.why} requires the Debian package `{package}`, which no file lists",
                hint=f"Add `{package}` to `{apt_txt(subject)}`",
            )


def _there(subject: Subject) -> frozenset[str] | None:
    """The Debian packages that files ask for; None where others decide, or bring nobody knows what."""
    environment, plan = subject.environment, subject.plan
    if environment is None or plan is None or environment.manager == "conda" or not is_default(plan.base):
        return None
    layers = [layer for layer in plan.layers if layer.template in ("apt", "toolchain")]
    packages = [layer.variables.get("packages", ()) for layer in layers]
    specs = [str(spec) for some in packages if isinstance(some, tuple) for spec in some]
    known = with_debian_packages(re.split("[:=/]", spec)[0] for spec in specs)
    return known and known | {name.removesuffix(TIME64) for name in known}


def _called(subject: Subject) -> Iterator[tuple[str, Evidence, int | None]]:
    """Packages with the line that needs them, and the number of the cell that it is in."""
    for use in subject.once(uses).needed:
        module = use.module.partition(".")[0]
        for package in of_modules().get(module, ()):
            yield package, _evidence(subject, use, module), use.cell.number if use.cell else None
    programs = of_programs()
    for notebook, cell, facts in subject.code:
        for command in facts.commands:
            program = command.text.partition(" ")[0]
            for package in programs.get(program, ()) if command.sign == "!" else ():
                place = subject.line_of(notebook, cell, command.line)
                yield package, Evidence(why=f"`{program}`", file=notebook.path, line=place), cell.number
    for script in subject.once(scripts):
        for line in script.lines:
            for program, *_ in line.commands:
                for package in programs.get(program, ()):
                    yield package, Evidence(why=f"`{program}`", file=script.path, line=line.first), None


def _evidence(subject: Subject, use: Use, module: str) -> Evidence:
    return Evidence(why=f"`{module}`", file=use.path, line=line_of(subject, use))


def _finding(
    subject: Subject,
    packages: list[str],
    evidence: Evidence,
    *,
    message: str,
    hint: str,
    cell: int | None = None,
) -> Finding:
    return Finding(
        message=message,
        file=evidence.file,
        line=evidence.line,
        cell=cell,
        hint=hint,
        fix=Fix(title=f"Add {named(packages)} to `{apt_txt(subject)}`", edits=(adding(subject, packages),)),
    )


RULES = (
    Rule(
        code="D111",
        name="system-library",
        severity="error",
        why="The import fails, because a wheel does not contain all libraries that it loads.",
        find=_libraries,
    ),
    Rule(
        code="D112",
        name="system-program",
        severity="warning",
        why="The call fails without the program, and no Python package installs it.",
        find=_programs,
    ),
)
