"""Imports that the environment most likely has nothing for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from packaging.version import Version

from r2i.check.code.cell_installs import VARIABLE, Install, installs
from r2i.check.code.notebooks import Notebook
from r2i.check.declared import Declared
from r2i.check.facts.distributions import distributions, is_often_needed
from r2i.check.facts.provided import Provided, brought_by_conda, optional, provided, providers
from r2i.check.imports import COMPILED, Use, Uses, uses
from r2i.check.optional_uses import distributions_of, is_older, optional_uses
from r2i.check.script_installs import brought_by_scripts
from r2i.check.subject import Subject
from r2i.errors import R2iError
from r2i.formats.projects.project import distribution
from r2i.formats.projects.reading import read_project
from r2i.formats.requirements.specifiers import NAME, normalised
from r2i.model import Plan, PythonEnvironment
from r2i.planning.imported import name_of
from r2i.planning.imported import undeclared as undeclared_modules

#: Of more packages that nobody knows, one may well need what code imports.
FEW = 3

#: An export names the builds of its packages, and so many of them; what is written by hand has a few.
FEWEST_BUILDS = 10

#: `surely`: all that is declared is known, and does not bring it. `probably`: what is declared may be of another release
#: than that which is known. `unknown`: nobody knows which distribution it is of.
MissingKind: TypeAlias = Literal["surely", "probably", "unknown"]


#: Behind more unknown distributions anything may be.
MOST_UNKNOWN = 3


@dataclass(frozen=True, kw_only=True)
class Missing:
    """A module by the first part of its name, or the distributions that have it, the likeliest first; `others` counts the
    further files that import it. `unless` says in words what may bring it after all, `binder` that it is installed because Binder has it, `uncalled`
    which function alone needs it, where nothing calls that. `doubtful` says that it may well be there, or may not be needed."""

    kind: MissingKind
    module: str
    distributions: tuple[str, ...]
    first: Use
    others: int
    unless: str = ""
    binder: bool = False
    uncalled: str = ""
    doubtful: bool = False


def missing_imports(subject: Subject) -> tuple[Missing, ...]:
    """Imports that nothing in the environment is known to have."""
    return tuple(missing(subject))


def missing(subject: Subject, *, kernel: bool = True) -> Iterator[Missing]:
    """One for each distribution, at its first import, or at the first call that needs it; nothing where something is declared that may bring anything.

    Without `kernel`, also what only comes with IPython's kernel, which is there until its next release needs it no more.
    """
    environment = subject.environment
    if environment is None:
        return
    there = _there(subject, environment, kernel=kernel)
    if there is None:
        return
    found = subject.once(uses)
    installed = {name_of(one) for one in undeclared_modules(environment, subject.detections.packs)}
    grouped: dict[tuple[str, ...], list[Use]] = {}
    for use in found.needed:
        if not there.has(use.module):
            grouped.setdefault(providers(use.module) or ("", use.module.partition(".")[0]), []).append(use)
    # What is imported and missing is said to be, and brings its own.
    for use in optional_uses(subject, there.with_distributions(names[0] for names in grouped)):
        grouped.setdefault(distributions_of(use.module), []).append(use)
    for names, group in grouped.items():
        anywhere = found.elsewhere or subject.once(brought_by_scripts).fetched
        if names[0] == "" and (anywhere or _compiles(subject, environment)):
            continue
        if _may_be_elsewhere(there, names, group[0]):
            continue
        one = _missing(names, group, there, environment, found)
        yield replace(one, kind="probably", binder=True) if names[0] in installed else one


def is_made_for(name: str, other: str) -> bool:
    """Whether the name of a distribution says that it extends another one: `streamlit-folium` needs `streamlit`."""
    return f"-{name}-" in f"-{other}-"


def unknown_and_needed(subject: Subject) -> tuple[str, ...]:
    """The distributions that are asked for and of which nothing is known, where an import may come with one of them."""
    environment = subject.environment
    there = _there(subject, environment, kernel=True) if environment else None
    if there is None or all(there.has(use.module) for use in subject.once(uses).needed):
        return ()
    return there.unknown


def _may_be_elsewhere(there: Provided, names: tuple[str, ...], use: Use) -> bool:
    """Whether an unknown distribution is likely to have a module itself, or to need what does."""
    if there.of_its_own(use.module.partition(".")[0], filter(None, names)):
        return True
    if names[0] == "":
        return len(there.unknown) > MOST_UNKNOWN
    return bool(there.unknown) and (
        names[0] not in distributions()
        or is_often_needed(names[0])
        or any(is_made_for(names[0], one) for one in there.unknown)
    )


def _missing(
    names: tuple[str, ...], group: list[Use], there: Provided, environment: PythonEnvironment, found: Uses
) -> Missing:
    first = next((use for use in group if not found.uncalled(use)), group[0])
    uncalled = found.uncalled(first)
    unless = _any_of(there.unknown) or _may(
        there.vague or next(_once_needed(environment, names[0], first), "")
    )
    # Not all of a module is called.
    surely = not (unless or uncalled) and not (first.by and first.notebook is None)
    kind: MissingKind = "unknown" if names[0] == "" else "surely" if surely else "probably"
    return Missing(
        kind=kind,
        module=first.module.partition(".")[0],
        distributions=names if names[0] else (),
        first=first,
        others=len({use.path for use in group} - {first.path}),
        unless=unless,
        uncalled=uncalled,
        # A module imports in a function what only some of its users need.
        doubtful=len(there.unknown) > FEW
        or (not surely and all(use.functions and not use.notebook for use in group)),
    )


def _any_of(unknown: tuple[str, ...]) -> str:
    """What is said of them; empty where there are none."""
    if not unknown:
        return ""
    listed = [f"`{name}`" for name in unknown[:2]]
    who = " and ".join(listed) if len(unknown) == len(listed) else f"{len(unknown)} of the required packages"
    return f"r2i does not know what {who} need{'' if len(unknown) > 1 else 's'}"


def _may(who: str) -> str:
    return f"{who} may install it" if who else ""


def _there(subject: Subject, environment: PythonEnvironment, *, kernel: bool) -> Provided | None:
    """None where something is installed of which nobody can know what it brings."""
    found = [(book, one) for book, cell, facts in subject.code for one in installs(cell.source, facts)]
    own = _of_own_release(subject, environment)
    if (
        own is None
        or _anything(subject, environment)
        or any(undeclared(subject, book, one) for book, one in found)
    ):
        return None
    commands = [one for _, one in found]
    conda = environment.manager == "conda"
    plan = subject.plan
    joined = plan is not None and plan.jupyter is not None and plan.jupyter.mode == "joined"
    return provided(
        [*environment.names, *_installed(commands), *subject.once(brought_by_scripts).names, *own],
        conda=conda,
        kernel=kernel,
        server=joined or _has_old_widgets(environment, plan),
        complete=environment.exact,
        extras=[one.name for one in subject.declared if one.extras],
        brought=[
            other
            for one in subject.declared
            if one.installer == "conda"
            for other in brought_by_conda(one.name)
        ]
        + [
            extra
            for one in subject.declared
            if one.extras
            for extra in _extras(one)
            if extra in distributions()
        ],
        vague=_vague(subject, environment),
        answers=subject.online.answers,
    )


def _of_own_release(subject: Subject, environment: PythonEnvironment) -> list[str] | None:
    """What the package of the repository needs, where the environment has a published release of it; None where only its code can tell."""
    try:
        found = read_project(subject.checkout)
    except R2iError:
        return []  # what is not used need not be right
    if found is None or normalised(found[0].name or "") not in environment.names:
        return []
    lines = found[0].dependencies
    return None if lines is None else [name for line in lines if (name := distribution(line))]


def _extras(one: Declared) -> Iterator[str]:
    """The extras of a requirement, which are often named after what they bring: `cameo[plotly]`."""
    if found := re.search(r"\[([^\]]*)\]", one.text):
        yield from (normalised(extra.strip()) for extra in found[1].split(","))


def _has_old_widgets(environment: PythonEnvironment, plan: Plan | None) -> bool:
    """Before release 8, and on a Python that has no newer one, `ipywidgets` needed the server."""
    python = Version(plan.python.version) if plan and plan.python else None
    return is_older(environment, "ipywidgets", "8") or (python is not None and python < Version("3.7"))


def _installed(commands: list[Install]) -> Iterator[str]:
    for command in commands:
        if command.installer != "apt":
            yield from command.names


def _anything(subject: Subject, environment: PythonEnvironment) -> bool:
    """Whether packages of the repository, repositories or scripts bring what no table can tell."""
    if environment.install.local and "--no-deps" not in environment.install.local_options:
        return True
    if any("-r http" in text for text in environment.install.support.values()):
        return True
    if any(one.url and one.name not in distributions() for one in subject.declared):
        return True
    return subject.once(brought_by_scripts).anything


def _compiles(subject: Subject, environment: PythonEnvironment) -> bool:
    """Whether a project of the repository has modules whose names only its build tells."""
    return bool(environment.install.local) and any(path.endswith(COMPILED) for path in subject.files)


def undeclared(subject: Subject, notebook: Notebook, command: Install) -> list[str]:
    """The files, directories and URLs that a cell installs and the environment has not, as requirements."""
    environment = subject.environment
    files = {evidence.file for evidence in environment.evidence} if environment else set()
    local = bool(environment and environment.install.local)
    found = []
    for word in command.others:
        if "://" in word:
            there = any(one.url.startswith(word) for one in subject.declared)
            found += [] if there else [word]
            continue
        if VARIABLE.search(word):
            named = re.match(NAME, word, re.ASCII)
            there = (
                named is not None and environment is not None and normalised(named[0]) in environment.names
            )
            found += [] if there else [word]
            continue
        # A cell may have gone to the root before.
        paths = {subject.checkout.inside(word, relative_to=file) for file in (notebook.path, "")}
        if any(path and subject.checkout.is_dir(path) for path in paths):
            found += [] if local else [f"-e {word}"]
        elif paths.isdisjoint(files):
            found.append(f"-r {word}" if word.endswith(".txt") else word)
    return found


def _vague(subject: Subject, environment: PythonEnvironment) -> str:
    """Why the newest releases, of which the table is, may need less than those that are installed."""
    if environment.exact:
        return ""
    if environment.manager == "conda":
        return "" if exported(subject) else "a conda package"
    if subject.options.as_of:
        return "a release of that date"
    return ""


def exported(subject: Subject) -> int:
    """How many packages an export of a conda environment names, which are all that it has; 0 where the file is none."""
    asked = [one for one in subject.declared if one.installer == "conda"]
    built = [one for one in asked if one.text.count("=") == 2 and "==" not in one.text]
    return len(subject.declared) if len(built) >= FEWEST_BUILDS and 10 * len(built) >= 9 * len(asked) else 0


def _once_needed(environment: PythonEnvironment, name: str, use: Use) -> Iterator[str]:
    """Pins of old releases that may have needed a distribution: what needs nothing itself is needed by many for a time, and
    requirements become optional ones. Of what a library calls for it is known that this library never needed it."""
    if environment.exact:
        return
    row = distributions().get(name)
    is_leaf = not use.by and (row is None or not row.requires)
    for pin in environment.pins:
        known = distributions().get(pin.name)
        version = re.fullmatch(r"={2,3} ?(\d[\w.]*)", pin.specifier)
        if (
            pin.name == use.library
            or known is None
            or version is None
            or _series(version[1]) == _series(known.version)
        ):
            continue
        if (is_leaf and known.requires) or name in optional().get(pin.name, ()):
            yield f"`{pin.name}` {version[1]}"


def _series(version: str) -> list[str]:
    """The part of a version that changes when requirements do."""
    parts = version.split(".")
    return parts[:2] if parts[0] == "0" else parts[:1]
