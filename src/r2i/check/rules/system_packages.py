"""D11: libraries and programs that lie beside Python, and that an image has where `apt.txt` asks for them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from r2i.buildpacks.apt_names import TIME64
from r2i.check.apt_txt import adding, apt_txt
from r2i.check.facts.system_packages import (
    brought_by_conda_packages,
    libraries,
    of_distributions,
    of_modules,
    of_programs,
    of_setting,
)
from r2i.check.findings import Finding, Rule
from r2i.check.imports import Use, line_of, uses
from r2i.check.programs import started
from r2i.check.size import with_debian_packages
from r2i.check.subject import Subject
from r2i.check.targets import R2I_ONLY
from r2i.check.wording import named
from r2i.edits.fixes import Fix
from r2i.facts.pins import is_default
from r2i.model import Evidence

#: What Binder's base image has, of the packages that these rules know.
ON_BINDER = frozenset({"libglib2.0-0", "libgomp1"})

#: How Matplotlib is told to use LaTeX: `rcParams["text.usetex"] = True`, `{"text.usetex": True}`.
SETTING = "text.usetex"
USETEX = re.compile(r"text\.usetex[\"']\s*\]?\s*[:=,]\s*True")


def _libraries(subject: Subject) -> Iterator[Finding]:
    there, environment = _there(subject), subject.environment
    if there is None or environment is None or environment.manager == "conda":
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
    for packages, evidence, cell in _called(subject) if there is not None else ():
        if lacking := [package for package in packages if package not in seen]:
            seen.update(lacking)
            what = "the Debian package" if len(lacking) == 1 else "the Debian packages"
            yield _finding(
                subject,
                lacking,
                evidence,
                cell=cell,
                message=f"{evidence.why} requires {what} {named(lacking)}, which no file lists",
                hint=f"Add {_all(lacking)} to `{apt_txt(subject)}`",
            )


def _there(subject: Subject) -> frozenset[str] | None:
    """The Debian packages that files ask for; None where others decide, or bring nobody knows what."""
    environment, plan = subject.environment, subject.plan
    if environment is None or plan is None or not is_default(plan.base):
        return None
    layers = [layer for layer in plan.layers if layer.template in ("apt", "toolchain")]
    packages = [layer.variables.get("packages", ()) for layer in layers]
    specs = [str(spec) for some in packages if isinstance(some, tuple) for spec in some]
    known = with_debian_packages(re.split("[:=/]", spec)[0] for spec in specs)
    return known and known | {name.removesuffix(TIME64) for name in known}


def _called(subject: Subject) -> Iterator[tuple[Iterable[str], Evidence, int | None]]:
    """Packages with the line that needs them, and the number of the cell that it is in."""
    environment = subject.environment
    conda = environment is not None and environment.manager == "conda"
    if not conda:
        yield from _of_modules(subject)
    programs = of_programs()
    for one in started(subject):
        if one.program in programs and not (conda and _may_have(subject, one.program)):
            evidence = Evidence(why=f"`{one.program}`", file=one.path, line=one.line_of_file(subject))
            yield programs[one.program], evidence, one.cell.number if one.cell else None


def _of_modules(subject: Subject) -> Iterator[tuple[Iterable[str], Evidence, int | None]]:
    languages = subject.plan.languages if subject.plan else ()
    has_r = any(language.name == "R" for language in languages)
    for use in subject.once(uses).needed:
        module = use.module.partition(".")[0]
        if (found := of_modules().get(module)) and not (has_r and module == "rpy2"):
            yield found, _evidence(subject, use, module), use.cell.number if use.cell else None
    for name, packages in of_distributions().items():
        if subject.environment and name in subject.environment.names:
            evidence = subject.environment.names[name]
            yield packages, Evidence(why=f"`{name}`", file=evidence.file, line=evidence.line), None
    yield from _of_settings(subject)


def _of_settings(subject: Subject) -> Iterator[tuple[Iterable[str], Evidence, int | None]]:
    """Where Matplotlib is told to have LaTeX set its texts."""
    for notebook, cell, facts in subject.code:
        if "usetex" not in cell.source or cell.fails_on_purpose:
            continue
        lines = cell.source.split("\n")
        said = {one.line for one in facts.literals if one.value == "text.usetex" and not one.optional}
        found = [n for n in said if n <= len(lines) and USETEX.search(lines[n - 1])]
        found += [c.line for c in facts.calls if not c.optional and dict(c.keywords).get("usetex") is True]
        for number in sorted(found)[:1]:
            place = subject.line_of(notebook, cell, number)
            yield (
                of_setting(SETTING),
                Evidence(why=f"`{SETTING}`", file=notebook.path, line=place),
                cell.number,
            )


def _may_have(subject: Subject, program: str) -> bool:
    """Whether an environment of conda may have a program."""
    bring = brought_by_conda_packages().get(program)
    environment = subject.environment
    return bring is None or environment is None or not environment.names.keys().isdisjoint(bring)


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
        targets=R2I_ONLY if ON_BINDER.issuperset(packages) else None,
        fix=Fix(title=f"Add {_all(packages)} to `{apt_txt(subject)}`", edits=(adding(subject, packages),)),
    )


def _all(packages: Iterable[str]) -> str:
    """Not in short: somebody types them."""
    return ", ".join(f"`{package}`" for package in packages)


RULES = (
    Rule(
        code="D111",
        name="system-library",
        severity="error",
        why="The import fails, because a wheel does not contain all libraries that it loads.",
        find=_libraries,
        varying=True,
    ),
    Rule(
        code="D112",
        name="system-program",
        severity="warning",
        why="The call fails without the program, and no Python package installs it.",
        find=_programs,
        varying=True,
    ),
)
