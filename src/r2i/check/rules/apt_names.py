"""D121: packages in `apt.txt` that the Ubuntu of Binder's images does not have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from r2i.binder.ubuntu import UBUNTU, not_in_ubuntu
from r2i.buildpacks.apt import AptPackage, packages_in
from r2i.buildpacks.apt_names import Gone, Renamed
from r2i.check.apt_txt import apt_txt, not_listed
from r2i.check.findings import Finding, Rule
from r2i.check.subject import Subject
from r2i.check.targets import BINDER_ONLY
from r2i.check.wording import named
from r2i.edits.applying import line_edit, line_text
from r2i.edits.fixes import Fix
from r2i.errors import R2iError


@dataclass(frozen=True)
class Advice:
    """What to do about a package, and the packages to write in its place; None where that is not certain."""

    hint: str
    instead: tuple[str, ...] | None


def _not_in_ubuntu(subject: Subject) -> Iterator[Finding]:
    path = subject.config("apt.txt")
    if path is None or subject.config("Dockerfile"):
        return
    error = subject.planned if isinstance(subject.planned, R2iError) else None
    for package in _packages(subject, path):
        if error is not None and (error.file, error.line) == (path, package.line):
            continue  # r2i does not have it either, and says so
        advice = _advice(package)
        if advice is None and package.version:
            yield _pinned(subject, path, package)
        elif advice is not None:
            yield Finding(
                message=f"{UBUNTU}, on which mybinder.org builds, has no package `{package.name}`, so the build fails",
                file=path,
                line=package.line,
                hint=advice.hint,
                fix=_replaced(subject, path, package, advice),
            )


def _pinned(subject: Subject, path: str, package: AptPackage) -> Finding:
    """A release of Ubuntu has one version of a package, and another one a few weeks later."""
    raw = line_text(subject.checkout, path, package.line) or ""
    alone = raw.partition("#")[0].strip() == package.spec
    edit = line_edit(subject.checkout, path, package.line, raw.replace(package.spec, package.name, 1))
    return Finding(
        message=f"mybinder.org builds on {UBUNTU}, and fails unless that has exactly version `{package.version}` of `{package.name}`",
        file=path,
        line=package.line,
        hint=f"Write `{package.name}`",
        fix=Fix(title=f"Write `{package.name}` in `{path}`", edits=(edit,)) if alone else None,
    )


def _packages(subject: Subject, path: str) -> list[AptPackage]:
    text = subject.text(path)
    try:
        return [*packages_in(text, path)] if text else []
    except R2iError:
        return []  # another rule says so


def _advice(package: AptPackage) -> Advice | None:
    """None where Ubuntu has the package, where another one provides it there, or where that is not known."""
    if package.suite or package.qualifier:
        return None
    match not_in_ubuntu(package.name):
        case Renamed(to=to, guess=False) if to:
            return Advice(hint=f"Write {_listed(to)}", instead=to)
        case Renamed(to=to, why=why) if to:
            return Advice(hint=f"Write {_listed(to)}" + (f": {why}" if why else ""), instead=None)
        case Renamed(why=why):
            return Advice(hint="Remove it" + (f": {why}" if why else ""), instead=())
        case Gone(instead=instead):
            return Advice(
                hint=f"Replace it: {instead}" if instead else "Remove it, or use a `Dockerfile`", instead=None
            )
        case None:
            return None


def _listed(packages: tuple[str, ...]) -> str:
    return f"{named(packages)}, each on a line of its own" if len(packages) > 1 else named(packages)


def _replaced(subject: Subject, path: str, package: AptPackage, advice: Advice) -> Fix | None:
    """None where the line has more than the one name, or says more of it."""
    raw = line_text(subject.checkout, path, package.line)
    if advice.instead is None or raw is None or raw.partition("#")[0].strip() != package.name:
        return None
    new = not_listed(subject, advice.instead)
    text = "\n".join(new) + raw[raw.index(package.name) + len(package.name) :] if new else None
    title = f"Write {named(new)} in place of `{package.name}`" if new else f"Remove `{package.name}`"
    edit = line_edit(subject.checkout, path, package.line, text)
    return Fix(
        title=f"{title} in `{apt_txt(subject)}`" if new else f"{title} from `{apt_txt(subject)}`",
        edits=(edit,),
    )


RULES = (
    Rule(
        code="D121",
        name="not-in-ubuntu",
        severity="error",
        why="Binder builds on Ubuntu 24.04, and the build fails if a package in `apt.txt` does not exist there.",
        find=_not_in_ubuntu,
        targets=BINDER_ONLY,
    ),
)
