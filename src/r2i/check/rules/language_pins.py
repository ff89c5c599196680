"""D109 and D110: packages of R and Julia that each build chooses anew."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from r2i.check.findings import Finding, Rule
from r2i.check.language_pins import dated, julia_of, manifest_path, undated, without_manifest
from r2i.check.subject import Subject
from r2i.check.wording import named


def _undated(subject: Subject) -> Iterator[Finding]:
    found = undated(subject)
    if found is None:
        return
    fix = dated(subject)
    text = found.text if found.day else f"{found.text}-2026-06-30"
    yield Finding(
        message="No file sets the day of the R packages: "
        + (
            f"they are of {subject.checkout.date_of}, and change with the next"
            if found.day
            else "they are the newest"
        ),
        file=found.file,
        line=found.line,
        hint=fix.title if fix else f"Write the day of the packages into `runtime.txt`, such as `{text}`",
        fix=fix,
    )


def _without_manifest(subject: Subject) -> Iterator[Finding]:
    project = without_manifest(subject)
    if project is None:
        return
    names = sorted(project.dependencies)
    path = manifest_path(subject, project)
    directory = posixpath.dirname(project.path) or "."
    yield Finding(
        message=f"No manifest pins the Julia packages: {named(names)}",
        file=project.path,
        line=1,
        hint=f"Run `r2i init`, or `julia --project={directory} -e 'using Pkg; Pkg.resolve()'` with Julia {julia_of(subject)}, and commit `{path}`",
    )


RULES = (
    Rule(
        code="D109",
        name="undated-r-packages",
        severity="info",
        why="A later build installs newer R packages, with which the notebooks may not run.",
        find=_undated,
        follows_file=True,
    ),
    Rule(
        code="D110",
        name="no-julia-manifest",
        severity="info",
        why="A later build installs newer Julia packages, with which the notebooks may not run.",
        find=_without_manifest,
        follows_file=True,
    ),
)
