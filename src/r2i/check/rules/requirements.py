"""D1: what the file that defines the Python environment asks for, and whether that can be had, today and next year."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from r2i.check.declared import EXACT, Declared, is_exact, moving, of_conda
from r2i.check.facts.distributions import distributions
from r2i.check.facts.provided import is_misnamed, is_no_python, names
from r2i.check.findings import Finding, Rule
from r2i.check.on_binder import is_read, python_of_binder
from r2i.check.requirement_edits import altered, removed
from r2i.check.subject import Subject
from r2i.check.targets import BINDER_ONLY
from r2i.check.wording import named
from r2i.edits.fixes import Edit, Fix
from r2i.errors import R2iError
from r2i.formats.language_versions import minor_of
from r2i.formats.requirements.corrections import correction
from r2i.formats.requirements.lines import quoted
from r2i.formats.requirements.specifiers import normalised

if TYPE_CHECKING:
    from r2i.formats.conda.environment_yml import Dependency

#: How each kind of file is pinned, by the buildpack that reads it, and a package by who makes it. `{file}` is its path.
TO_PIN = {
    "requirements": "Run `uv pip compile --universal{python} {file} -o {file}`, which pins the versions in this file",
    "conda": "Run `conda env export --from-history` in a working environment, and add the versions that `conda list` shows",
    "pixi": "Run `pixi lock`, and commit `pixi.lock`",
    "pipfile": "Run `pipenv lock`, and commit `Pipfile.lock`",
    "project": "Run `uv lock`, and commit `uv.lock`",
    "poetry": "Run `poetry lock`, and commit `poetry.lock`",
    "pdm": "Run `pdm lock`, and commit `pdm.lock`",
    "setuptools": "Write `-e .` into `requirements.in`, and run `uv pip compile --universal{python} requirements.in -o requirements.txt`",
}

#: Their wheels are for all systems, and do nothing on others.
INSTALLED_EVERYWHERE = frozenset({"appnope", "py2app"})

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
    asked = [
        one
        for one in subject.declared
        if one.name not in NOT_TO_PIN
        and not is_misnamed(one.name)
        and not one.url
        and not is_no_python(one.name, conda=one.installer == "conda")
    ]
    hint = TO_PIN.get(_made_by(subject) if environment.buildpack == "package" else environment.buildpack)
    loose = (one for one in asked if one.name not in exact and not is_exact(one))
    for some in subject.said_at_once("D101", loose):
        python = _python_to_pin_for(subject, some[0].file)
        option = f" --python-version {python}" if python else ""
        yield Finding(
            message=f"{_unpinned_of(len(some), len(asked))} no exact version: {named(one.name for one in some)}",
            file=some[0].file,
            line=some[0].line,
            hint=hint.format(file=environment.defined_by, python=option) if hint else None,
        )


def _python_to_pin_for(subject: Subject, path: str) -> str:
    """That of Binder, which is the older one as a rule, if its image counts and it reads the file with the pins; empty where it is
    not known. `path` is the file that asks for packages: the pins of a package are in a `requirements.txt` that is new."""
    package = subject.environment is not None and subject.environment.buildpack == "package"
    written = "requirements.txt" if package else path
    of_binder = "binder" in subject.settings.targets and is_read(subject, written)
    own = subject.plan.python if subject.plan else None
    return (of_binder and python_of_binder(subject)) or (minor_of(own.version) if own else "")


def _unpinned_of(loose: int, asked: int) -> str:
    if asked == 1:
        return "The only requirement has"
    return f"{loose} of {asked} requirements {'has' if loose == 1 else 'have'}"


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
        doing = (
            f"Remove `{one.name}`: `{meant}` is already required"
            if meant in known
            else f"Write {quoted(text)}"
        )
        message = f"The package is named `{meant}`, not `{one.name}`"
        found = _wrong(one, message, doing, edit)
        # This release is empty but for what it requires, the real distribution.
        yield replace(found, severity="info") if one.specifier == "==0.0" else found


def _standard_library(subject: Subject) -> Iterator[Finding]:
    for one in subject.declared:
        # Some old copies are real distributions, which others need.
        if (
            one.installer == "pip"
            and one.name in names()["standard"]
            and one.name not in distributions()
            and not one.marker
        ):
            message = f"`{one.name}` is part of Python and needs no installation"
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
        title = f"Require `{one.name}` only on {system}"
        found = _wrong(one, f"`{one.name}` is only for {system}", doing, altered(subject, one, text), title)
        yield replace(found, severity="info") if one.name in INSTALLED_EVERYWHERE else found
    if subject.environment is not None and subject.environment.buildpack == "conda":
        yield from _exported_elsewhere(subject, subject.environment.defined_by)


def _exported_elsewhere(subject: Subject, path: str) -> Iterator[Finding]:
    """What r2i leaves out of an `environment.yml`, and Binder does not."""
    from r2i.formats.conda.environment_yml import read_environment_yml

    found = read_environment_yml(subject.checkout, path)
    for dependency, system in found.foreign:
        one = of_conda(dependency)
        message = f"`{one.name}` exists only for {system}, so Binder does not find it"
        found_one = _wrong(one, message, f"Remove {quoted(one.text)}", removed(subject, one))
        yield replace(found_one, targets=BINDER_ONLY)
    without = {of_conda(dependency): _without_build(dependency) for dependency in found.builds}
    for some in subject.said_at_once("D104", without):
        changed = (one for one in some if without[one] != one.text)
        edits = [edit for one in changed if (edit := altered(subject, one, without[one]))]
        names = named(one.name for one in some)
        yield Finding(
            message=f"The environment was exported on {found.exported_on}, and Linux does not have these builds of {names}",
            file=path,
            line=some[0].line,
            hint="Write versions without builds, as `conda env export --no-builds` does",
            fix=Fix(title=f"Remove the builds of {found.exported_on}", edits=tuple(edits)) if edits else None,
            targets=BINDER_ONLY,
        )


def _without_build(dependency: Dependency) -> str:
    """The text of a requirement, but for the build at its end."""
    return dependency.line.text.removesuffix(dependency.spec.build).rstrip("= ")


def _wrong(one: Declared, message: str, doing: str, edit: Edit | None, title: str = "") -> Finding:
    """What is wrong with a requirement, and what to do; done by the edit, where there is one."""
    fix = Fix(title=title or doing, edits=(edit,)) if edit else None
    return Finding(message=message, file=one.file, line=one.line, hint=doing, fix=fix)


def _pairs(subject: Subject) -> Iterator[tuple[Declared, Declared]]:
    """What is asked for twice under the same conditions, each with its first mention; the first hundred, each of which may be mended."""
    return islice(_all_pairs(subject), 100)


def _all_pairs(subject: Subject) -> Iterator[tuple[Declared, Declared]]:
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
        doing = f"Remove line {spare.line} of `{spare.file}`" if same else "Keep only one of them"
        message = f"`{one.name}` is required twice: {_place(before, one)} requires `{before.text}`"
        yield _wrong(one, message, doing, edit)


def _contradicting(subject: Subject) -> Iterator[Finding]:
    for before, one in _pairs(subject):
        if _contradict(before, one):
            message = f"`{one.text}` contradicts {_place(before, one)}, which requires `{before.text}`"
            yield _wrong(one, message, "Keep the right one", None)


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
        doing = "Pin a commit: `git+https://…@COMMIT`, with the id that `git ls-remote` prints"
        yield _wrong(one, f"{quoted(address)} is {what}, whose content changes", doing, None)


def _of_old_pip(subject: Subject) -> Iterator[Finding]:
    for one in subject.declared:
        if not one.read:
            continue
        meant = correction(one.text)
        text = meant.meant if meant and meant.meant else one.read
        message = f"Only pip before 24.1 accepts {quoted(one.text)}, which it read as {quoted(one.read)}"
        yield _wrong(one, message, f"Write {quoted(text)}", altered(subject, one, text))


RULES = (
    Rule(
        code="D101",
        name="unpinned",
        severity="warning",
        why="A later build installs newer releases, with which the notebooks may not run.",
        find=_unpinned,
        follows_file=True,
    ),
    Rule(
        code="D102",
        name="not-the-distribution",
        severity="error",
        why="A package may have another name than its module: under this name, the index has nothing or another package.",
        find=_not_the_distribution,
        follows_file=True,
    ),
    Rule(
        code="D103",
        name="standard-library",
        severity="error",
        why="Under the name of a standard module, the index has nothing, or an old copy that breaks other packages.",
        find=_standard_library,
        follows_file=True,
    ),
    Rule(
        code="D104",
        name="other-operating-system",
        severity="error",
        why="Images run Linux, where the installation fails.",
        find=_other_operating_system,
        follows_file=True,
    ),
    Rule(
        code="D105",
        name="declared-twice",
        severity="info",
        why="A change to one of the two lines may have no effect because of the other.",
        find=_declared_twice,
        follows_file=True,
    ),
    Rule(
        code="D106",
        name="contradicting",
        severity="error",
        why="No release satisfies both, so the installation fails.",
        find=_contradicting,
        follows_file=True,
    ),
    Rule(
        code="D107",
        name="git-without-commit",
        severity="info",
        why="A branch changes, so the same image cannot be built again.",
        find=_git_without_commit,
        follows_file=True,
    ),
    Rule(
        code="D108",
        name="old-specifier",
        severity="error",
        why="Binder installs with a newer pip, which refuses the file.",
        find=_of_old_pip,
        targets=BINDER_ONLY,
    ),
)
