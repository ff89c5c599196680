"""What pins the packages of R and Julia: the day of their snapshot, and the manifest."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass

from r2i.check.subject import Subject
from r2i.edits.applying import line_edit
from r2i.edits.fixes import Edit, Fix
from r2i.errors import R2iError
from r2i.formats.julia.files import MANIFESTS, OF_A_MINOR, PROJECTS, JuliaProject, read_julia_project
from r2i.formats.language_versions import minor_of
from r2i.formats.r.days import day_of_packages
from r2i.formats.r.files import read_files
from r2i.model import VersionRequest

RUNTIME = "runtime.txt"

#: Binder refuses earlier days.
FIRST_OF_BINDER = "2018-12-07"


@dataclass(frozen=True, kw_only=True)
class Undated:
    """R packages of no day that a file sets: where they are asked for, the line for `runtime.txt`, and the day, empty where git tells none."""

    file: str
    line: int | None
    text: str
    day: str
    request: VersionRequest | None


def undated(subject: Subject) -> Undated | None:
    """None where all R packages are pinned, or come from conda or Debian."""
    plan = subject.plan
    language = next((one for one in plan.languages if one.name == "R"), None) if plan else None
    if language is None or language.provider == "from conda packages" or subject.options.as_of:
        return None
    found = read_files(subject.checkout)
    asked = next(((file, package.line) for file, package in found.packages), None)
    request = next((d.requests["r"] for d in subject.detections.packs if "r" in d.requests), None)
    if found.lock is not None or asked is None or (request and request.day):
        return None
    day = day_of_packages((), subject.options, subject.checkout)
    version = (request.version if request else "") or language.version
    words = ("r", version, day.day if day.guessed else "")
    return Undated(
        file=asked[0],
        line=asked[1],
        text="-".join(filter(None, words)),
        day=day.day if day.guessed else "",
        request=request,
    )


def dated(subject: Subject) -> Fix | None:
    """The day that is planned, for everybody. Binder reads one version in the file: none is put beside that of Python."""
    found = undated(subject)
    if found is None or found.day < FIRST_OF_BINDER:
        return None
    path = subject.config(RUNTIME)
    title = f"Write `{found.text}` into `{path or subject.config_path(RUNTIME)}`"
    if path is None:
        edit = Edit(file=subject.config_path(RUNTIME), start=0, end=0, text=f"{found.text}\n".encode())
        return Fix(title=title, edits=(edit,))
    at = found.request.evidence if found.request else None
    if at is None or at.file != path or at.line is None:
        return None
    return Fix(title=title, edits=(line_edit(subject.checkout, path, at.line, found.text),))


def has_manifest(subject: Subject) -> bool:
    """Whether a manifest counts for some Julia."""
    names = map(posixpath.basename, subject.checkout.entries(subject.config_dir))
    there = any(subject.checkout.has(subject.config_path(name)) for name in MANIFESTS)
    return there or any(map(OF_A_MINOR.fullmatch, names))


def without_manifest(subject: Subject) -> JuliaProject | None:
    """The project whose packages no manifest pins."""
    plan = subject.plan
    path = next((path for name in PROJECTS if (path := subject.config(name))), None)
    if path is None or plan is None or not any(one.name == "Julia" for one in plan.languages):
        return None
    if has_manifest(subject):
        return None
    try:
        project = read_julia_project(subject.checkout, path)
    except R2iError:
        return None
    return project if project and project.dependencies else None


def manifest_path(subject: Subject, project: JuliaProject) -> str:
    """Where Julia writes the manifest of a project."""
    name = posixpath.basename(project.path).replace("Project", "Manifest")
    return subject.config_path(name)


def julia_of(subject: Subject) -> str:
    """The minor release that is planned."""
    languages = subject.plan.languages if subject.plan else ()
    return next((minor_of(one.version) for one in languages if one.name == "Julia"), "")
