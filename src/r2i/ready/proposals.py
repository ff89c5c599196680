"""The files that a repository lacks, as changes of what is there: what to install, which Python, the workflow."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from types import MappingProxyType

from packaging.requirements import InvalidRequirement, Requirement

from r2i import __version__
from r2i.check.declared import EXACT, Declared
from r2i.check.language_pins import dated, manifest_path, without_manifest
from r2i.check.requirement_edits import added, altered, removed
from r2i.check.subject import Subject
from r2i.edits.applying import appended
from r2i.edits.fixes import Edit, Fix
from r2i.formats.language_versions import minor_of
from r2i.formats.requirements.specifiers import normalised
from r2i.ready.needs import Needs

HEAD = "# Packages that the notebooks and modules of this repository import.\n"
HEAD_PINNED = HEAD + "# Pinned to tested versions; each build resolves their dependencies again.\n"

WORKFLOW = ".github/workflows/binder.yml"


def environment_fixes(
    subject: Subject,
    needs: Needs,
    *,
    versions: Mapping[str, str],
    files: Mapping[str, str] = MappingProxyType({}),
    apt: Iterable[str] = (),
) -> list[Fix]:
    """What to write for an image that has all that is needed.

    `versions` are of normalised names, and `files` those that `files_to_read` names, both empty before a build.
    """
    if subject.environment is None:  # a `Dockerfile` says all
        return []
    fixes = [
        _requirements(subject, needs, versions),
        dated(subject) or _python(subject),
        _packages(subject, (*needs.apt, *apt)),
        _post_build(subject, needs),
        _manifest(subject, files),
    ]
    return [fix for fix in fixes if fix is not None]


def files_to_read(subject: Subject) -> tuple[str, ...]:
    """Paths in an image: the manifest that Julia wrote where the repository has none."""
    project, plan = without_manifest(subject), subject.plan
    return (f"{plan.repo_dir}/{manifest_path(subject, project)}",) if project and plan else ()


def unwritten(subject: Subject, needs: Needs) -> Iterator[str]:
    """What is missing where no line can be added, in sentences."""
    environment = subject.environment
    if environment is None:
        return
    for text, why in needs.requirements.items():
        if environment.defined_by and added(subject, text) is None:
            yield f"`{environment.defined_by}` does not declare `{text}`, which {why.file}:{why.line} needs"


def workflow_fix(subject: Subject) -> Fix | None:
    """A workflow for GitHub, unless one of those that are there checks the repository."""
    texts = [
        subject.checkout.read(path)
        for path in subject.checkout.entries(".github/workflows")
        if path.endswith((".yml", ".yaml"))
    ]
    if any(re.search(r"\br2i\b", text) for text in texts) or subject.checkout.has(WORKFLOW):
        return None
    text = resources.files("r2i.ready").joinpath("workflow.yml").read_text(encoding="utf-8")
    return Fix(
        title=f"Let GitHub check each change (`{WORKFLOW}`)",
        edits=(appended(subject.checkout, WORKFLOW, text.format(version=__version__)),),
    )


def _requirements(subject: Subject, needs: Needs, versions: Mapping[str, str]) -> Fix | None:
    environment = subject.environment
    assert environment is not None  # noqa: S101 - for mypy
    lines = [pinned(text, versions) for text in _replaced(subject, needs.requirements)]
    if not environment.defined_by:
        if not lines:
            return None
        path = subject.config_path("requirements.txt")
        text = (HEAD_PINNED if versions else HEAD) + "".join(f"{line}\n" for line in lines)
        return Fix(
            title=f"Install {_count(len(lines), 'package')} (`{path}`)",
            edits=(Edit(file=path, start=0, end=0, text=text.encode()),),
        )
    found = [fix for line in lines if (fix := added(subject, line))]
    pins = [edit for one in loose(subject) if (edit := _pin(subject, one, versions))]
    edits = (*pins, *dict.fromkeys(edit for fix in found for edit in fix.edits))
    doing = [
        *([f"{'Pin' if versions else 'Change'} {_count(len(pins), 'package')}"] if pins else []),
        *([f"{'add' if pins else 'Add'} {_count(len(found), 'package')}"] if found else []),
    ]
    return Fix(title=f"{' and '.join(doing)} (`{environment.defined_by}`)", edits=edits) if edits else None


def _replaced(subject: Subject, texts: Iterable[str]) -> Iterator[str]:
    """With what `--replace` puts in the place of some."""
    replacements = {normalised(old): new for old, new in subject.options.replace.items()}
    for text in texts:
        name = re.match(r"[\w.-]*", text)
        if instead := replacements.get(normalised(name[0]) if name else "", text):
            yield instead


def loose(subject: Subject) -> list[Declared]:
    """What is asked for without an exact version, or replaced by an option, in files that pip reads."""
    replaced = {normalised(old) for old in subject.options.replace}
    return [
        one
        for one in subject.declared
        if one.installer == "pip"
        and one.file.endswith(".txt")
        and not one.url
        and (one.name in replaced or not EXACT.fullmatch(one.specifier.replace(" ", "")))
    ]


def _pin(subject: Subject, one: Declared, versions: Mapping[str, str]) -> Edit | None:
    text = next(_replaced(subject, [one.text]), None)
    if text is None:
        return removed(subject, one)
    text = pinned(text, versions)
    return altered(subject, one, text) if text != one.text else None


def pinned(text: str, versions: Mapping[str, str]) -> str:
    """A requirement with the version that was installed, where that is known; its extras and its condition stay."""
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        return text
    version = versions.get(normalised(requirement.name))
    if version is None or EXACT.fullmatch(str(requirement.specifier)):
        return text
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    marker = f" ; {requirement.marker}" if requirement.marker else ""
    # What follows a plus names a build (`2.9.0+cpu`), which is to be had elsewhere only.
    return f"{requirement.name}{extras}=={version.partition('+')[0]}{marker}"


def _python(subject: Subject) -> Fix | None:
    """The minor version, as Binder reads it; an environment of conda names its own."""
    environment, plan = subject.environment, subject.plan
    if environment is None or plan is None or plan.python is None:
        return None
    known = subject.config("runtime.txt")
    if known and subject.options.python is None:
        return None
    if environment.defined_by and environment.buildpack != "requirements":
        return None
    path = known or subject.config_path("runtime.txt")
    minor = minor_of(plan.python.version)
    before = subject.checkout.read_bytes(path) if known else b""
    text = f"python-{minor}\n".encode()
    if before.strip() == text.strip():
        return None
    return Fix(
        title=f"Use Python {minor}: {plan.python.evidence.why} (`{path}`)",
        edits=(Edit(file=path, start=0, end=len(before), text=text),),
    )


def _packages(subject: Subject, packages: Iterable[str]) -> Fix | None:
    lines = "".join(f"{package}\n" for package in dict.fromkeys(packages))
    path = subject.config_path("apt.txt")
    if not lines:
        return None
    return Fix(
        title=f"Install {_count(lines.count(chr(10)), 'Debian package')} (`{path}`)",
        edits=(appended(subject.checkout, path, lines),),
    )


def _post_build(subject: Subject, needs: Needs) -> Fix | None:
    if not needs.commands:
        return None
    known = subject.config("postBuild")
    path = known or subject.config_path("postBuild")
    lines = "".join(f"{command}\n" for command in needs.commands)
    return Fix(
        title=f"Download data that the code loads and no package provides (`{path}`)",
        edits=(appended(subject.checkout, path, lines if known else f"#!/bin/sh\nset -e\n{lines}"),),
        executable=(path,),
    )


def _manifest(subject: Subject, files: Mapping[str, str]) -> Fix | None:
    project, plan = without_manifest(subject), subject.plan
    if project is None or plan is None:
        return None
    path = manifest_path(subject, project)
    text = files.get(f"{plan.repo_dir}/{path}")
    if text is None:
        return None
    return Fix(
        title=f"Pin the Julia packages to the installed versions (`{path}`)",
        edits=(Edit(file=path, start=0, end=0, text=text.encode()),),
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
