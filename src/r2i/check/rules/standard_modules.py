"""D307: modules of the standard library that the Python of the image does not have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from r2i.check.apt_txt import adding, apt_txt, not_listed
from r2i.check.facts.distributions import closure
from r2i.check.facts.provided import OF_CONDA
from r2i.check.facts.standard import backport, is_gone, kept_apart, last_python
from r2i.check.findings import Finding, Rule
from r2i.check.imports import Use, found_at, uses
from r2i.check.on_binder import python_of_binder
from r2i.check.requirement_edits import added, where
from r2i.check.subject import Subject
from r2i.check.targets import R2I_ONLY, Target
from r2i.edits.fixes import Fix
from r2i.facts.pins import is_default
from r2i.formats.language_versions import minor_of
from r2i.model import Python
from r2i.planning.imported import undeclared

#: The last setuptools with `pkg_resources`, which many take for a part of Python.
RESOURCES, WITH_RESOURCES = "pkg_resources", "setuptools<81"


def _missing(subject: Subject) -> Iterator[Finding]:
    plan, environment = subject.plan, subject.environment
    if plan is None or plan.python is None or environment is None or not is_default(plan.base):
        return
    found = subject.once(uses)
    seen: set[str] = set()
    for use in (*found.standard, *found.needed):
        module = use.module.partition(".")[0]
        if module in seen or found.uncalled(use):
            continue
        seen.add(module)
        if module == RESOURCES:
            yield from _resources(subject, use)
        elif pythons := _without(subject, plan.python, module):
            yield from _gone(subject, pythons, use, module)
        elif (package := kept_apart(module, plan.python)) and not_listed(subject, [package]):
            title = f"Add `{package}` to `{apt_txt(subject)}`"
            fix = Fix(title=title, edits=(adding(subject, [package]),))
            message = f"`{module}` is imported, but Debian keeps it apart from Python, in `{package}`"
            found_one = found_at(subject, use, message=message, hint=title, fix=fix)
            yield replace(found_one, targets=R2I_ONLY)  # Binder has the Python of conda


def _without(subject: Subject, python: Python, module: str) -> dict[Target, str]:
    """Whose Python no longer has the module, and which one that is."""
    versions: dict[Target, str | None] = {"binder": python_of_binder(subject), "r2i": python.version}
    return {target: version for target, version in versions.items() if version and is_gone(module, version)}


def _gone(subject: Subject, pythons: Mapping[Target, str], use: Use, module: str) -> Iterator[Finding]:
    package, last = backport(module), last_python(module)
    if package is not None and package in _names(subject):
        return
    version = minor_of(pythons.get("r2i") or pythons["binder"])
    others = f"Add `{package}` to the requirements, or use" if package else "Use its replacement, or use"
    found = found_at(
        subject,
        use,
        message=f"`{module}` is imported, but Python {version} no longer has it",
        hint=f"{others} Python {last} (`python-{last}` in `runtime.txt`, `python={last}` in `environment.yml`)",
    )
    yield replace(found, targets=frozenset(pythons))


def _resources(subject: Subject, use: Use) -> Iterator[Finding]:
    """Where nobody asks for setuptools; what is declared may be of a release that still has it."""
    environment = subject.environment
    if environment is None or "setuptools" in _names(subject):
        return
    fix = added(subject, WITH_RESOURCES)
    found = found_at(
        subject,
        use,
        message=f"`{RESOURCES}` is imported, but no file requires `{WITH_RESOURCES}`, which has it",
        hint=fix.title if fix else f"Add `{WITH_RESOURCES}` {where(subject)}",
        fix=fix,
    )
    # Binder has it, and r2i installs what Binder has.
    found = replace(found, targets=R2I_ONLY)  # the environment of Binder has an older setuptools
    installed = WITH_RESOURCES in undeclared(environment, subject.detections.packs)
    yield replace(found, severity="info") if installed else found


def _names(subject: Subject) -> set[str]:
    """Of all distributions that the environment is known to have."""
    environment = subject.environment
    if environment is None:
        return set()
    names = set(environment.names)
    return names | closure(names).keys() | set(OF_CONDA if environment.manager == "conda" else ())


RULES = (
    Rule(
        code="D307",
        name="missing-standard-module",
        severity="error",
        why="The import fails: newer Python versions no longer have the module, or Debian keeps it in a package of its own.",
        find=_missing,
        varying=True,
    ),
)
