"""Which release of a distribution an image would have, as far as pins, the Python and the tables tell."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from r2i.check.code.cell_installs import FILES, INSTALL, VALUED, installs
from r2i.check.code.shell_script import without_sudo
from r2i.check.declared import Declared
from r2i.check.facts.distributions import closure, distributions
from r2i.check.facts.provided import is_no_python, of_pypi
from r2i.check.facts.removed import PYTHON, Removed, takes_newest
from r2i.check.on_binder import python_of_binder
from r2i.check.scripts import scripts
from r2i.check.subject import Subject
from r2i.check.targets import NEITHER, Targets, those
from r2i.facts.python_wheels import CLAUSE, below, is_from, is_listed, newest
from r2i.formats.language_versions import minor_of
from r2i.formats.requirements.specifiers import NAME, normalised
from r2i.image import KERNEL_PACKAGES, version_tuple

#: On older ones the newest releases of distributions that no table of wheels has may be old, too.
OLDEST_PYTHON = (3, 9)

CONDA_EXACT = re.compile(r"(={0,2})(\d+(?:\.\d+)*)(\.\*)?(?:=\S*)?")
BOUNDED = re.compile(r"(?<![<>!])=|<|~=")
#: Installers of which not every argument is a requirement, and what they do to an environment.
OTHER_INSTALLERS = frozenset({"conda", "mamba", "micromamba", "pipenv", "poetry", "pdm"})
CHANGES = frozenset({"install", "update", "sync", "create"})
EXACT = re.compile(r"={2,3} ?\d[^*]*")


def without(subject: Subject, removed: Removed) -> Targets:
    """The targets whose images surely have a release without the name."""
    if subject.environment is None or subject.plan is None or subject.options.as_of:
        return NEITHER
    binder, own = python_of_binder(subject), subject.plan.python
    return those(
        binder=binder is not None and _lacks(subject, removed, binder),
        r2i=own is not None and _lacks(subject, removed, minor_of(own.version)),
    )


def _lacks(subject: Subject, removed: Removed, minor: str) -> bool:
    if removed.distribution == PYTHON:
        return version_tuple(minor) > version_tuple(removed.before)
    specifier = _specifier(subject, removed)
    if specifier is None:
        return False
    if not is_listed(removed.distribution):
        return not below(specifier, removed.before) and version_tuple(minor) >= OLDEST_PYTHON
    version = newest(removed.distribution, minor, specifier)
    return version is not None and is_from(version, removed.before)


def _specifier(subject: Subject, removed: Removed) -> str | None:
    """What is asked for of the distribution, empty where any release will do; None where it may not be there, or
    something else may decide."""
    environment = subject.environment
    assert environment is not None  # noqa: S101 - the caller has looked
    name = removed.distribution
    asked = [*_asked_for(subject, name)]
    if None in asked or any(pin.marker for pin in environment.pins if pin.name == name):
        return None
    specifier = ",".join(one for one in asked if one)
    if EXACT.fullmatch(specifier):
        return specifier
    if environment.exact or name not in closure({*map(of_pypi, environment.names), *KERNEL_PACKAGES}):
        return None
    besides = subject.once(_installed_besides)
    if besides is None or any(_may_hold(other, name, removed) for other in besides - {name}):
        return None
    return None if _constrained(subject, name, removed) else specifier


def _asked_for(subject: Subject, name: str) -> Iterator[str | None]:
    """The specifiers of a distribution; None for one that is not understood."""
    environment = subject.environment
    pins = environment.pins if environment else ()
    yield from (pin.specifier for pin in pins if pin.name == name)
    for one in subject.declared:
        if one.installer == "conda" and of_pypi(one.name) == name:
            yield _of_conda(one.specifier)
        elif one.name == name and one.url:
            yield None


def _of_conda(specifier: str) -> str | None:
    match = CONDA_EXACT.fullmatch(specifier)
    if match is None:
        parts = specifier.split(",")
        return specifier if not specifier or all(CLAUSE.fullmatch(part) for part in parts) else None
    exact = match[1] == "==" and not match[3]
    return f"=={match[2]}" if exact else f"=={match[2]}.*"


def _constrained(subject: Subject, name: str, removed: Removed) -> bool:
    """Whether what else is asked for may hold an older release of it."""
    for one in subject.declared:
        other = of_pypi(one.name) if one.installer == "conda" else one.name
        if other in (name, "", PYTHON) or is_no_python(one.name, conda=one.installer == "conda"):
            if other == "":
                return True
            continue
        depends = other not in distributions() or name in closure({other})
        if (depends and _is_bounded(one)) or _may_hold(other, name, removed):
            return True
    return bool(subject.environment and subject.environment.install.local)


def _may_hold(other: str, name: str, removed: Removed) -> bool:
    """Whether the newest release of another distribution may ask for an old one of this."""
    depends = other not in distributions() or name in closure({other})
    return depends and removed.is_recent and not takes_newest(other)


def _is_bounded(one: Declared) -> bool:
    if one.installer == "conda":
        return bool(one.specifier) and not one.specifier.startswith(">")
    return bool(one.url or BOUNDED.search(one.specifier.replace(">=", "")))


def _installed_besides(subject: Subject) -> frozenset[str] | None:
    """What cells and scripts install in any release; None where they install anything else."""
    names: set[str] = set()
    for _, cell, facts in subject.code:
        commands = INSTALL.findall(cell.source) if "install" in cell.source else []
        found = [*installs(cell.source, facts)] if commands else []
        if len(found) < len(commands):
            return None  # under a condition, or in a text
        for one in found:
            if (
                one.installer == "conda"
                or one.others
                or (one.installer == "pip" and {*one.wanted} - {*one.names})
            ):
                return None
            names.update(one.names if one.installer == "pip" else ())
    for script in subject.once(scripts):
        for line in script.lines:
            for command in line.commands:
                words = _installed_by(command)
                if words is None:
                    return None
                names |= words
    return frozenset(names)


def _installed_by(command: Sequence[str]) -> set[str] | None:
    """The names that pip gets; None where it gets, or another installer does, what is more than a name."""
    words = [*without_sudo(command)]
    if not OTHER_INSTALLERS.isdisjoint(words) and not CHANGES.isdisjoint(words):
        return None
    if "install" not in words or not any(re.fullmatch(r"(?:\S*/)?pip[\d.]*|uv", word) for word in words):
        return set()
    asked = words[words.index("install") + 1 :]
    if any(word in FILES or word in VALUED for word in asked):
        return None
    names = [word for word in asked if not word.startswith("-")]
    return {*map(normalised, names)} if all(re.fullmatch(NAME, word) for word in names) else None
