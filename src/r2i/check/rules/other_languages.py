"""D31: what cells in R and Julia load, and what is declared."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from r2i.check.code.matches import numbered
from r2i.check.code.notebooks import Cell, Notebook
from r2i.check.findings import Finding, Rule, Severity
from r2i.check.julia_edits import asked_of_julia
from r2i.check.launch_links import has_environment_elsewhere
from r2i.check.on_binder import binder
from r2i.check.requirement_edits import added
from r2i.check.subject import Subject
from r2i.check.targets import R2I_ONLY
from r2i.check.wording import named
from r2i.edits.applying import appended
from r2i.edits.fixes import Fix
from r2i.errors import R2iError
from r2i.facts.r import closure, r_packages
from r2i.formats.julia.files import PROJECTS, pkg_add
from r2i.formats.r.files import read_files
from r2i.formats.r.packages import NAME as PACKAGE
from r2i.formats.r.script import read_script

NAME = r"[A-Za-z][A-Za-z0-9.]*"
OF_APT = re.compile(r"^r-(?:cran|bioc)-([a-z0-9.]+)", re.MULTILINE)
OF_CONDA = ("r-", "bioconductor-")
LOADED = re.compile(
    rf"\b(?:library|require|requireNamespace|loadNamespace)\(\s*(?:package\s*=\s*)?[\"']?({NAME})[\"']?\s*(?:,[^)]*)?\)"
    rf"|(?<![\w.$@:])({NAME}):::?(?=[\w.`])"
)
#: What a Jupyter kernel for R needs, and with it all its users have.
KERNEL_OF_R = "irkernel"

#: What Binder installs together with R.
OF_BINDER = frozenset({"devtools", "remotes", "shiny", KERNEL_OF_R})

USING = re.compile(r"^[ \t]*(?:using|import)[ \t]+([\w. ,\t]++)(?::.*)?(?:;|#|$)", re.MULTILINE)
PKG_ADD = re.compile(r"Pkg\.add\(|\badd\s+\w|Pkg\.(?:activate|develop|instantiate)")
#: What Julia itself has, and what its kernel needs.
JULIA = """
    ArgTools Artifacts Base Base64 CRC32c Core Dates DelimitedFiles Distributed Downloads FileWatching Future IJulia
    InteractiveUtils LazyArtifacts LibCURL LibGit2 Libdl LinearAlgebra Logging Main Markdown Mmap NetworkOptions Pkg Printf
    Profile REPL Random SHA Serialization SharedArrays Sockets SparseArrays Statistics StyledStrings SuiteSparse TOML Tar
    Test UUIDs Unicode
"""


def _of_r(subject: Subject) -> Iterator[Finding]:
    cells = [
        (notebook, cell, "\n".join(line.partition("#")[0] for line in cell.source.split("\n")))
        for notebook, cell in _cells(subject, "r", "ir")
    ]
    if not cells or _decided_elsewhere(subject) or (declared := _declared_in_r(subject)) is None:
        return
    scripts = [read_script(source) for _, _, source in cells]
    if any(script.unseen for script in scripts):
        return
    there = declared | {name.lower() for script in scripts for name in script.installed}
    there = closure({*there, KERNEL_OF_R}) | set(r_packages()[0])
    missing: list[tuple[str, Finding]] = []
    for notebook, cell, source in cells:
        for line, found in numbered(LOADED, source):
            name = found[1] or found[2]
            if name.lower() in there or "character.only" in found[0]:
                continue
            there.add(name.lower())
            at = subject.line_of(notebook, cell, line)
            one = Finding(message="", file=notebook.path, line=at, cell=cell.number)
            if subject.is_ignored("D311", notebook.path, at):
                yield from _of_packages(subject, [(name, one)])
            else:
                missing.append((name, one))
    if missing:
        yield from _of_packages(subject, missing)


def _of_packages(subject: Subject, missing: Sequence[tuple[str, Finding]]) -> Iterator[Finding]:
    """One finding for all packages of a target, where the first is loaded: they are asked for at once."""
    for brought, targets in ((True, R2I_ONLY), (False, None)):
        if those := [pair for pair in missing if _brought(subject, pair[0]) is brought]:
            elsewhere = has_environment_elsewhere(subject)
            yield replace(_of_all(subject, those), targets=targets, severity="info" if elsewhere else None)


def _of_all(subject: Subject, missing: Sequence[tuple[str, Finding]]) -> Finding:
    names, first = [name for name, _ in missing], missing[0][1]
    path = subject.config("install.R") or subject.config("install.r")
    fix = _asked_for(subject, names, path)
    return replace(
        first,
        message=f"The cell loads the R package `{names[0]}`, but no file requires it"
        if len(names) == 1
        else f"Cells load {len(names)} R packages that no file requires: {named(names)}",
        hint=fix.title if fix else f"Install {named(names)} in `{path or 'install.R'}`",
        fix=fix,
    )


def _brought(subject: Subject, name: str) -> bool:
    """Whether Binder installs an R package together with R, with what that needs."""
    made = binder(subject)
    return made is not None and made.r is not None and name.lower() in closure(OF_BINDER)


def _decided_elsewhere(subject: Subject) -> bool:
    return bool(subject.config("Dockerfile") or subject.opaque or subject.declared_above)


def _asked_for(subject: Subject, names: Sequence[str], install_r: str | None) -> Fix | None:
    environment = subject.environment
    if environment is not None and environment.manager == "conda":
        packages = [f"r-{name.lower()}" for name in names]
        fixes = [added(subject, package) for package in packages]
        edits = tuple(edit for fix in fixes if fix for edit in fix.edits)
        title = f"Add {named(packages)} to `{environment.defined_by}`"
        return Fix(title=title, edits=edits) if all(fixes) else None
    if install_r is None:
        return None
    lines = "".join(f'install.packages("{name}")\n' for name in names)
    edit = appended(subject.checkout, install_r, lines)
    return Fix(title=f"Install {named(names)} in `{install_r}`", edits=(edit,))


def _declared_in_r(subject: Subject) -> set[str] | None:
    """Names in lower case; None where what is installed may be anything."""
    try:
        files = read_files(subject.checkout)
    except R2iError:
        return None
    script = files.script
    remote = [name for name in script.sources if "://" in name]
    if script.unseen or script.reads or remote or (script.sources and not files.copies):
        return None
    post_build = subject.config("postBuild")
    if post_build and re.search(r"\bR(?:script)?\b|install", subject.text(post_build) or ""):
        return None
    packages = (
        one for path, one in files.packages if path != files.description_path or files.counts_description
    )
    # A script may install what a variable names, or a vector that it builds in pieces.
    names = {one.name for one in packages} | {word for word in script.strings if PACKAGE.fullmatch(word)}
    apt = subject.config("apt.txt")
    names |= set(OF_APT.findall((apt and subject.text(apt)) or ""))
    names |= {one.name.partition("-")[2] for one in subject.declared if one.name.startswith(OF_CONDA)}
    names = {name.lower() for name in names}
    if not names <= r_packages()[1].keys() | set(r_packages()[0]):
        return None
    own = files.description if files.description_path == "DESCRIPTION" and files.counts_description else None
    return names | ({own.package.name.lower()} if own else set())


def _of_julia(subject: Subject) -> Iterator[Finding]:
    severity: Severity | None = "info" if has_environment_elsewhere(subject) else None
    yield from (replace(found, severity=severity) for found in _not_in_project(subject))


def _not_in_project(subject: Subject) -> Iterator[Finding]:
    """A module of Julia can be loaded only where the project itself asks for it, whatever others need."""
    cells = _cells(subject, "julia")
    if not cells or _decided_elsewhere(subject) or subject.config("REQUIRE"):
        return
    text = "\n".join(cell.source for _, cell in cells)
    script = subject.config("postBuild")
    if PKG_ADD.search(text) or (script and "julia" in (subject.text(script) or "")):
        return
    path = next((path for file in PROJECTS if (path := subject.config(file))), None)
    own = {file.rpartition("/")[2].removesuffix(".jl") for file in subject.files if file.endswith(".jl")}
    there = (
        set(JULIA.split()) | own | set(re.findall(r"\bmodule\s+(\w+)", text)) | _dependencies(subject, path)
    )
    nested: dict[str, dict[str, Finding]] = {}
    for name, missing in _not_declared(subject, cells, there):
        above = _nested_project(subject, missing.file or "")
        if above and name in _dependencies(subject, above):
            nested.setdefault(above, {})[name] = missing
        else:
            yield missing
    for above, findings in nested.items():
        packages = f"the Julia package{'s' if len(findings) > 1 else ''} {named(findings)}"
        used = f"use `{path}`" if path else "look for a project only in the root"
        fix = asked_of_julia(subject, list(findings))
        yield replace(
            next(iter(findings.values())),
            message=f"Only `{above}` requires {packages}; Binder and r2i {used}",
            hint=fix.title if fix else _pkg_add(subject, list(findings)),
            fix=fix,
        )


def _not_declared(
    subject: Subject, cells: list[tuple[Notebook, Cell]], there: set[str]
) -> Iterator[tuple[str, Finding]]:
    """The modules that cells load and that are not there, each once, and where."""
    for notebook, cell in cells:
        for line, found in numbered(USING, cell.source):
            for module in re.split(r"[\s,]+", found[1].strip()):
                name = module.partition(".")[0]
                if not name.isidentifier() or name in there:
                    continue
                there.add(name)
                fix = asked_of_julia(subject, [name])
                yield (
                    name,
                    Finding(
                        message=f"The cell loads the Julia package `{name}`, but no file requires it",
                        file=notebook.path,
                        line=subject.line_of(notebook, cell, line),
                        cell=cell.number,
                        hint=fix.title if fix else _pkg_add(subject, [name]),
                        fix=fix,
                    ),
                )


def _pkg_add(subject: Subject, names: list[str]) -> str:
    return f"Run `{pkg_add(subject.config_dir, names)}`"


def _nested_project(subject: Subject, notebook: str) -> str | None:
    """The project that Julia finds for the notebook on its author's machine, where it is not in the root."""
    directory = posixpath.dirname(notebook)
    while directory:
        for file in PROJECTS:
            if (path := f"{directory}/{file}") in subject.files:
                return path
        directory = posixpath.dirname(directory)
    return None


def _dependencies(subject: Subject, path: str | None) -> set[str]:
    try:
        project = subject.checkout.read_toml(path) if path else {}
    except R2iError:
        return set()
    names = {str(project.get("name", ""))}
    for key in ("deps", "extras", "weakdeps"):
        table = project.get(key)
        names |= set(table) if isinstance(table, dict) else set()
    return names


def _cells(subject: Subject, *languages: str) -> list[tuple[Notebook, Cell]]:
    return [
        (notebook, cell)
        for notebook in subject.notebooks
        if notebook.language in languages
        for cell in notebook.code
    ]


RULES = (
    Rule(
        code="D311",
        name="undeclared-r-package",
        severity="warning",
        why="The cell fails, because the image contains only the standard R packages and those that a file requires.",
        find=_of_r,
        varying=True,
    ),
    Rule(
        code="D312",
        name="undeclared-julia-package",
        severity="warning",
        why="Julia loads only packages that the project itself requires.",
        find=_of_julia,
    ),
)
