"""D1: what the file that defines the Python environment asks for, and whether that can be had, today and next year."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from r2i.check.declared import EXACT, Declared, is_exact, moving, of_conda
from r2i.check.distributions import distributions
from r2i.check.findings import Edit, Finding, Fix, Rule
from r2i.check.provided import is_no_python, names
from r2i.check.requirement_edits import altered, removed
from r2i.check.subject import Subject
from r2i.check.wording import named
from r2i.errors import R2iError
from r2i.requirements.lines import quoted
from r2i.requirements.specifiers import normalised

if TYPE_CHECKING:
    from r2i.conda.environment_yml import Dependency

#: How each kind of file is pinned, by the buildpack that reads it, and a package by who makes it. `{file}` is its path.
TO_PIN = {
    "requirements": "Run `uv pip compile --universal {file} -o {file}`, which writes the versions into it",
    "conda": "Run `conda env export --no-builds --file {file}` in the environment in which it works",
    "pixi": "Run `pixi lock`, and commit `pixi.lock`",
    "pipfile": "Run `pipenv lock`, and commit `Pipfile.lock`",
    "project": "Run `uv lock`, and commit `uv.lock`",
    "poetry": "Run `poetry lock`, and commit `poetry.lock`",
    "pdm": "Run `pdm lock`, and commit `pdm.lock`",
    "setuptools": "Write `-e .` into `requirements.in`, and run `uv pip compile --universal requirements.in -o requirements.txt`",
}

#: Which are chosen elsewhere, by whoever builds the environment.
NOT_TO_PIN = {"python", "pip", "nodefaults"}

#: What the scikit-learn developers published below the name of the module.
PLACEHOLDER = re.compile(r"==0(?:\.0)+(?:\.post\d+)?")


def _unpinned(subject: Subject) -> Iterator[Finding]:
    """One finding for all, at the first: pinning is done for a file at once."""
    environment = subject.environment
    if environment is None or subject.options.as_of:
        return
    exact = {pin.name for pin in environment.pins if EXACT.fullmatch(pin.specifier)}
    wrong = {*NOT_TO_PIN, *names()["replaced"], *names()["standard"]} - names()["of-pypi"].keys()
    asked = [
        one
        for one in subject.declared
        if one.name not in wrong
        and not one.url
        and not is_no_python(one.name, conda=one.installer == "conda")
    ]
    hint = TO_PIN.get(_made_by(subject) if environment.buildpack == "package" else environment.buildpack)
    loose = (one for one in asked if one.name not in exact and not is_exact(one))
    for some in subject.said_at_once("D101", loose):
        yield Finding(
            message=f"{named(one.name for one in some)}: no exact version, of {len(asked)} requirement{'s' if len(asked) > 1 else ''}",
            file=some[0].file,
            line=some[0].line,
            hint=hint.format(file=environment.defined_by) if hint else None,
        )


def _made_by(subject: Subject) -> str:
    """What manages the requirements of the repository's package."""
    path = subject.config("pyproject.toml")
    try:
        manifest = subject.checkout.read_toml(path) if path else {}
    except R2iError:
        manifest = {}
    tools = manifest.get("tool", {})
    if "pdm" in tools:
        return "pdm"
    if "project" in manifest:
        return "project"
    return "poetry" if "poetry" in tools else "setuptools"


def _not_the_distribution(subject: Subject) -> Iterator[Finding]:
    for one in subject.declared:
        table = names()["of-conda" if one.installer == "conda" else "replaced"]
        meant = table.get(normalised(one.name)) if not one.url else None
        if meant is None:
            continue
        known = {other.name for other in subject.declared}
        text = PLACEHOLDER.sub("", re.sub(r"^[\w.-]+", meant, one.text))
        edit = removed(subject, one) if meant in known else altered(subject, one, text)
        doing = f"Remove `{one.name}`: `{meant}` is there" if meant in known else f"Write {quoted(text)}"
        message = f"`{one.name}` is not the name of a distribution: that is `{meant}`"
        yield _wrong(one, message, doing, edit)


def _standard_library(subject: Subject) -> Iterator[Finding]:
    for one in subject.declared:
        # Some old copies are real distributions, which others need.
        if (
            one.installer == "pip"
            and one.name in names()["standard"]
            and one.name not in distributions()
            and not one.marker
        ):
            message = f"`{one.name}` is a module of Python itself: there is nothing to install"
            yield _wrong(one, message, f"Remove `{one.name}`", removed(subject, one))


def _other_operating_system(subject: Subject) -> Iterator[Finding]:
    for one in subject.declared:
        system = names()["elsewhere"].get(one.name) if one.installer == "pip" and not one.marker else None
        if system is None:
            continue
        marker = 'sys_platform == "darwin"' if system == "macOS" else 'sys_platform == "win32"'
        in_toml = one.file.endswith(".toml")  # there, it stands in quotes
        text = f"{one.text} ; {marker}" if not in_toml else f"{one.text} ; {marker.replace(chr(34), chr(39))}"
        doing = f"Write {quoted(text)}, or remove it"
        title = f"Ask for `{one.name}` on {system} only"
        yield _wrong(one, f"`{one.name}` is for {system} only", doing, altered(subject, one, text), title)
    if subject.environment is not None and subject.environment.buildpack == "conda":
        yield from _exported_elsewhere(subject, subject.environment.defined_by)


def _exported_elsewhere(subject: Subject, path: str) -> Iterator[Finding]:
    """What r2i leaves out of an `environment.yml`, and Binder does not."""
    from r2i.conda.environment_yml import read_environment_yml

    found = read_environment_yml(subject.checkout, path)
    for dependency, system in found.foreign:
        one = of_conda(dependency)
        message = f"`{one.name}` is for {system} only: Binder does not find it for Linux"
        yield _wrong(one, message, f"Remove {quoted(one.text)}", removed(subject, one))
    without = {of_conda(dependency): _without_build(dependency) for dependency in found.builds}
    for some in subject.said_at_once("D104", without):
        changed = (one for one in some if without[one] != one.text)
        edits = [edit for one in changed if (edit := altered(subject, one, without[one]))]
        names = named(one.name for one in some)
        yield Finding(
            message=f"{names}: the environment was exported on {found.exported_on}, and Linux has no such builds",
            file=path,
            line=some[0].line,
            hint="Write versions without builds, as `conda env export --no-builds` does",
            fix=Fix(title=f"Leave the builds of {found.exported_on} away", edits=tuple(edits))
            if edits
            else None,
        )


def _without_build(dependency: Dependency) -> str:
    """The text of a requirement, but for the build at its end."""
    return dependency.line.text.removesuffix(dependency.spec.build).rstrip("= ")


def _wrong(one: Declared, message: str, doing: str, edit: Edit | None, title: str = "") -> Finding:
    """What is wrong with a requirement, and what to do; done by the edit, where there is one."""
    fix = Fix(title=title or doing, edits=(edit,)) if edit else None
    return Finding(message=message, file=one.file, line=one.line, hint=doing, fix=fix)


def _pairs(subject: Subject) -> Iterator[tuple[Declared, Declared]]:
    """What is asked for twice under the same conditions, each with its first mention."""
    first: dict[tuple[str, str, bool], Declared] = {}
    for one in subject.declared:
        if one.name and one.name not in NOT_TO_PIN:
            before = first.setdefault((one.name, one.marker, one.extras), one)
            if before is not one:
                yield before, one


def _declared_twice(subject: Subject) -> Iterator[Finding]:
    for before, one in _pairs(subject):
        if _contradict(before, one):
            continue
        spare = before if one.specifier and not before.specifier else one
        same = not spare.specifier or before.specifier == one.specifier
        edit = removed(subject, spare) if same and before.installer == one.installer else None
        doing = f"Remove line {spare.line} of `{spare.file}`" if same else "Keep one of the two"
        message = f"`{one.name}` is asked for twice: {_place(before, one)} says `{before.text}`"
        yield _wrong(one, message, doing, edit)


def _contradicting(subject: Subject) -> Iterator[Finding]:
    for before, one in _pairs(subject):
        if _contradict(before, one):
            message = f"`{one.text}` contradicts {_place(before, one)}, which says `{before.text}`"
            yield _wrong(one, message, "Keep the one that is meant", None)


def _contradict(before: Declared, one: Declared) -> bool:
    """Whether one is exact, and the other does not allow it; both of the same installer."""
    if before.installer != one.installer or one.installer == "conda" or before.url or one.url:
        return False
    for exact, other in ((before, one), (one, before)):
        if EXACT.fullmatch(exact.specifier) and other.specifier:
            from packaging.specifiers import InvalidSpecifier, SpecifierSet

            try:
                allowed = SpecifierSet(other.specifier, prereleases=True)
                return not allowed.contains(exact.specifier.lstrip("= "))
            except (InvalidSpecifier, ValueError):
                return False
    return False


def _place(before: Declared, one: Declared) -> str:
    return f"line {before.line}" + ("" if before.file == one.file else f" of `{before.file}`")


def _git_without_commit(subject: Subject) -> Iterator[Finding]:
    for one in subject.declared:
        address = one.url.partition("#")[0]
        if not address or not (what := moving(address)):
            continue
        doing = "Name a commit: `git+https://…@` and its 40 digits, as `git ls-remote` shows them"
        yield _wrong(one, f"{quoted(address)} is {what}, which moves on", doing, None)


RULES = (
    Rule(
        code="D101",
        name="unpinned",
        severity="warning",
        why="The next build takes what is newest then, with which the notebooks may not run.",
        find=_unpinned,
    ),
    Rule(
        code="D102",
        name="not-the-distribution",
        severity="error",
        why="What one imports is not always what one installs: there is nothing below that name, or something else.",
        find=_not_the_distribution,
    ),
    Rule(
        code="D103",
        name="standard-library",
        severity="error",
        why="Below the names of Python's own modules an index has nothing, or an old copy that breaks others.",
        find=_standard_library,
    ),
    Rule(
        code="D104",
        name="other-operating-system",
        severity="error",
        why="Images are Linux: the installation fails there.",
        find=_other_operating_system,
    ),
    Rule(
        code="D105",
        name="declared-twice",
        severity="warning",
        why="Whoever changes one of the two will be surprised by the other.",
        find=_declared_twice,
    ),
    Rule(
        code="D106",
        name="contradicting",
        severity="error",
        why="No release is both, so that nothing can be installed.",
        find=_contradicting,
    ),
    Rule(
        code="D107",
        name="git-without-commit",
        severity="warning",
        why="A branch is something else tomorrow, and an image of it cannot be built again.",
        find=_git_without_commit,
    ),
)
