"""Plan × Binder → what is not the same, one by one, with the reasons."""

from __future__ import annotations

from collections.abc import Iterator

from r2i.binder.detection import DOCKER, NIX
from r2i.binder.ubuntu import UBUNTU
from r2i.binder.values import Binder, BinderContents, BinderLanguage, Difference
from r2i.facts.binder import environments
from r2i.model import Evidence, Language, Plan

NONE = "none"

#: The kernel of Python in every image of r2i.
PYTHON_KERNEL = "python3"


#: Neither knows before the build whether what the files ask for can be installed.
ACCEPTS, STOPS = "accepts the files", "stops with an error"


def differences(
    plan: Plan | None, binder: Binder, contents: BinderContents | None = None
) -> tuple[Difference, ...]:
    """None of a plan stands for one that r2i cannot make."""
    return tuple(_differences(plan, binder, contents or BinderContents()))


def _differences(plan: Plan | None, binder: Binder, contents: BinderContents) -> Iterator[Difference]:
    stops = binder.error or binder.build_error
    if stops is not None and plan is not None:
        reason = Evidence(why=stops.message, file=stops.file, line=stops.line)
        yield Difference(what="Build", r2i=ACCEPTS, binder=STOPS, binder_reason=reason)
    elif stops is None and plan is None:
        yield Difference(what="Build", r2i=STOPS, binder=ACCEPTS, binder_reason=binder.reason)
    elif plan is not None and binder.default:
        why = Evidence(why="no file chooses a buildpack")
        yield Difference(what="Build", r2i=ACCEPTS, binder="mybinder.org refuses them", binder_reason=why)
    if plan is None or binder.buildpack is None:
        return
    yield from _packages(contents)
    if plan.dockerfile is None or binder.buildpack != DOCKER:
        yield from _of_images(plan, binder)
    yield from _of_files(plan, binder)


def _packages(contents: BinderContents) -> Iterator[Difference]:
    """r2i has refused what its base image does not have, or knows another name for it."""
    lacking = [package for package in contents.apt if not package.exists]
    if lacking:
        names = ", ".join(f"`{package.name}`" for package in lacking)
        why = Evidence(why=f"{UBUNTU} has no {names}", line=lacking[0].line, file=contents.apt_file)
        yield Difference(
            what="Ubuntu packages", r2i="installs all", binder="the build fails", binder_reason=why
        )


def _of_images(plan: Plan, binder: Binder) -> Iterator[Difference]:
    release = f"repo2docker {binder.version}"
    base = plan.base.reference if plan.dockerfile is None else "set by the Dockerfile"
    if binder.base_image is not None and base != binder.base_image:
        why = Evidence(why=f"the base image of {release}")
        yield Difference(
            what="Base image",
            r2i=base,
            binder=binder.base_image,
            r2i_reason=plan.base.evidence,
            binder_reason=why,
        )
    if plan.dockerfile is not None or binder.buildpack == NIX:
        return
    yield from _python(plan, binder)
    yield from _jupyter(plan, binder)
    yield from _language(plan, "R", binder.r)
    yield from _language(plan, "Julia", binder.julia)
    yield from _kernels(plan, binder)
    yield from _rstudio(plan, binder)


def _rstudio(plan: Plan, binder: Binder) -> Iterator[Difference]:
    ours = next((layer for layer in plan.layers if layer.template == "rstudio"), None)
    if binder.rstudio and ours is None:
        why = Evidence(why="repo2docker installs it together with R")
        yield Difference(what="RStudio", r2i=NONE, binder="installed", binder_reason=why)
    if ours is not None and not binder.rstudio:
        reason = next(iter(ours.evidence), None)
        yield Difference(what="RStudio", r2i="installed", binder=NONE, r2i_reason=reason)


def _python(plan: Plan, binder: Binder) -> Iterator[Difference]:
    if plan.python is None or binder.python is None or minor(plan.python.version) == minor(binder.python):
        return
    yield Difference(
        what="Python",
        r2i=plan.python.version,
        binder=binder.python,
        r2i_reason=plan.python.evidence,
        binder_reason=binder.python_reason,
    )


def minor(version: str) -> str:
    """`3.11` of `3.11.7`."""
    return ".".join(version.split(".")[:2])


def _jupyter(plan: Plan, binder: Binder) -> Iterator[Difference]:
    """Binder has the server in the repository's environment, in releases that change with Python."""
    row = environments().get(binder.server_python or binder.python or "")
    if row is None or plan.jupyter is None:
        return
    parts = row["parts"]
    versions = f"JupyterLab {parts['jupyterlab']} and Notebook {parts['notebook']}"
    if binder.server_python is not None:
        theirs = f"{versions} on Python {binder.server_python}, in a separate environment"
        why = f"repo2docker runs no server on Python {binder.python}"
    else:
        theirs = f"{versions}, in the repository's environment"
        why = "what the repository installs may change or break the server"
    split = plan.jupyter.mode == "split"
    yield Difference(
        what="Jupyter",
        r2i="in a separate environment" if split else "in the repository's environment",
        binder=theirs,
        r2i_reason=next(iter(plan.jupyter.evidence), None),
        binder_reason=Evidence(why=why),
    )


def _language(plan: Plan, name: str, binder: BinderLanguage | None) -> Iterator[Difference]:
    ours = next((language for language in plan.languages if language.name == name), None)
    if (ours is None and binder is None) or (ours and binder and _same(ours, binder)):
        return
    yield Difference(
        what=name,
        r2i=f"{ours.version} {ours.provider}".strip() if ours is not None else NONE,
        binder=_words(binder) if binder is not None else NONE,
        r2i_reason=ours.evidence if ours is not None else None,
        binder_reason=binder.evidence if binder is not None else None,
    )


def _same(ours: Language, binder: BinderLanguage) -> bool:
    return ours.version == binder.version


def _words(binder: BinderLanguage) -> str:
    version = binder.version or "the newest version"
    return f"{version} with the packages of {binder.day}" if binder.day else version


def _kernels(plan: Plan, binder: Binder) -> Iterator[Difference]:
    python = [PYTHON_KERNEL] if plan.python is not None else []
    ours = sorted({*python, *(language.kernel for language in plan.languages)})
    theirs = sorted({kernel.name for kernel in binder.kernels})
    if ours != theirs and theirs:
        yield Difference(what="Kernels", r2i=", ".join(ours) or NONE, binder=", ".join(theirs))


def _of_files(plan: Plan, binder: Binder) -> Iterator[Difference]:
    """Files that one of the two reads and the other passes over; those that neither mentions are the same."""
    ours = {ignored.file: ignored.reason for ignored in plan.ignored}
    used = {evidence.file for layer in plan.layers for evidence in layer.evidence}
    used |= {plan.python.evidence.file} if plan.python is not None else set()
    used |= {language.evidence.file for language in plan.languages} | {plan.dockerfile}
    for ignored in binder.ignored:
        if ignored.file in used and ignored.file not in ours:
            why = Evidence(why=ignored.reason)
            yield Difference(what=ignored.file, r2i="read", binder="ignored", binder_reason=why)
    for evidence in binder.reads:
        file = evidence.file or ""
        if file in ours:
            theirs = Evidence(why=evidence.why)
            reason = Evidence(why=ours[file])
            yield Difference(what=file, r2i="ignored", binder="read", r2i_reason=reason, binder_reason=theirs)
