"""A plan for people: facts, layers, what is ignored, notes; and beside it what Binder makes of the same files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import click

from r2i.model import Evidence, Ignored, Layer, Notice, Plan
from r2i.quoting import printable

if TYPE_CHECKING:
    from r2i.binder.values import Binder, BinderContents, BinderLanguage, Difference

PROVIDERS = {"base": "from the base image", "uv": "installed by uv", "conda": "from conda packages"}


def plan_lines(plan: Plan) -> Iterator[str]:
    yield from _facts(plan)
    if plan.layers:
        yield _heading("Layers, in build order")
        for number, layer in enumerate(plan.layers, 1):
            yield from _layer(number, layer)
    if plan.ignored:
        yield _heading("Ignored")
        yield from map(_ignored, plan.ignored)
    if plan.notices:
        yield _heading("Notes and warnings")
        yield from (_notice(notice) for notice in plan.notices)


def binder_lines(binder: Binder, contents: BinderContents, found: Iterable[Difference]) -> Iterator[str]:
    yield from _binder_facts(binder)
    yield from _binder_contents(contents)
    if binder.reads:
        yield _heading("Files that Binder reads")
        for evidence in binder.reads:
            yield f"  {click.style(printable(evidence.file or ''), bold=True)}  {printable(evidence.why)}"
    if binder.ignored:
        yield _heading("Files that Binder ignores")
        yield from map(_ignored, binder.ignored)
    yield _heading("Differences between r2i and Binder")
    lines = [line for difference in found for line in _difference(difference)]
    yield from lines or ["  none"]


def _binder_facts(binder: Binder) -> Iterator[str]:
    yield click.style(f"Binder (repo2docker {binder.version})", underline=True)
    for stops in (binder.error, binder.build_error):
        if stops is not None:
            reason = Evidence(why=stops.message, file=stops.file, line=stops.line)
            yield _fact("Error", f"the build stops: {_reason(reason)}")
    if binder.buildpack is not None:
        yield _fact("Buildpack", binder.buildpack)
        yield from _indented(binder.reason)
    if binder.default:
        yield " " * 14 + "mybinder.org builds no repository without a file that chooses a buildpack"
    if binder.base_image is not None:
        yield _fact("Base image", binder.base_image)
    if binder.python is not None:
        server = f", and {binder.server_python} for the server" if binder.server_python else ""
        yield _fact("Python", f"{printable(binder.python[:60])}{server}")
        yield from _indented(binder.python_reason)
        yield from _indented(binder.python_change)
    yield from _binder_language("R", binder.r)
    yield from _binder_language("Julia", binder.julia)
    if binder.kernels:
        yield _fact("Kernels", ", ".join(f"{kernel.name} ({kernel.language})" for kernel in binder.kernels))
    if binder.rstudio:
        yield _fact("RStudio", "installed")


def _binder_contents(contents: BinderContents) -> Iterator[str]:
    if contents.packages:
        yield _fact("Environment", f"{len(contents.packages)} conda packages, before those of the repository")
    lacking = [package for package in contents.apt if not package.exists]
    if lacking:
        from r2i.binder.ubuntu import UBUNTU

        yield _heading(f"Packages in apt.txt that {UBUNTU} does not have")
        for package in lacking:
            instead = f"it has {', '.join(package.instead)} instead" if package.instead else ""
            yield f"  {click.style(printable(package.name), bold=True)}  line {package.line}" + (
                f": {instead}" if instead else ""
            )
    if contents.commands:
        yield _heading("Commands in postBuild, before packages of the repository change them")
        for command in contents.commands:
            there = "is there" if command.exists else "does not exist"
            why = f": {printable(command.why)}" if command.why else ""
            yield f"  {click.style(printable(command.name), bold=True)}  line {command.line}: {there}{why}"


def _binder_language(name: str, language: BinderLanguage | None) -> Iterator[str]:
    if language is not None:
        day = f" with the packages of {language.day}" if language.day else ""
        yield _fact(name, f"{printable(language.version) or 'the newest version'}{day}")
        yield from _indented(language.evidence)


def _difference(found: Difference) -> Iterator[str]:
    name = click.style(printable(found.what), bold=True)
    yield f"  {name}  r2i: {printable(found.r2i)}; Binder: {printable(found.binder)}"
    for who, reason in (("r2i", found.r2i_reason), ("Binder", found.binder_reason)):
        if reason is not None:
            yield f"      {who}: {_reason(reason)}"


def _indented(reason: Evidence | None) -> Iterator[str]:
    if reason is not None:
        yield " " * 14 + _reason(reason)


def _facts(plan: Plan) -> Iterator[str]:
    yield _fact("Base image", plan.base.reference if plan.dockerfile is None else "set by the Dockerfile")
    if plan.base.evidence is not None:
        yield " " * 14 + _reason(plan.base.evidence)
    if plan.dockerfile is not None:
        yield _fact("Dockerfile", f"`{plan.dockerfile}` in the repository, used unchanged")
    if plan.python is not None:
        yield _fact("Python", f"{plan.python.version} {PROVIDERS[plan.python.provider]}")
        yield " " * 14 + _reason(plan.python.evidence)
    for language in plan.languages:
        yield _fact(language.name, f"{language.version} {language.provider}".strip())
        yield " " * 14 + _reason(language.evidence)
    if plan.as_of is not None:
        yield _fact("As of", f"{plan.as_of.moment}: {_reason(plan.as_of.evidence)}")
    if plan.jupyter is not None:
        if plan.jupyter.mode == "split":
            yield _fact("Jupyter", "in a separate environment (locked, the same in every image)")
        else:
            yield _fact("Jupyter", "in the repository's environment, with its pinned versions")
            for evidence in plan.jupyter.evidence:
                yield " " * 14 + _reason(evidence)
    yield _fact("User", f"{plan.user_name} ({plan.user_id})")
    yield _fact("Directory", plan.repo_dir)


def _layer(number: int, layer: Layer) -> Iterator[str]:
    yield f"  {number:>2}  {click.style(printable(layer.title), bold=True)}  {click.style(layer.stage.name.lower(), dim=True)}"
    for evidence in layer.evidence[:8]:
        yield f"      {_reason(evidence)}"
    if len(layer.evidence) > 8:
        yield f"      … and {len(layer.evidence) - 8} more"


def _ignored(ignored: Ignored) -> str:
    return f"  {click.style(printable(ignored.file), bold=True)}  {printable(ignored.reason)}"


def _notice(notice: Notice) -> str:
    word = click.style("Warning:", fg="yellow") if notice.level == "warning" else "Note:"
    place = _place(notice)
    return f"  {word} {place}{printable(notice.message)}"


def _reason(evidence: Evidence) -> str:
    return f"{_place(evidence)}{printable(evidence.why)}"


def _place(found: Evidence | Notice) -> str:
    if found.file is None:
        return ""
    file = printable(found.file)
    return f"{file}:{found.line}: " if found.line else f"{file}: "


def _heading(text: str) -> str:
    return "\n" + click.style(text, underline=True)


def _fact(name: str, value: str) -> str:
    return f"{name + ':':<14}{value}"
