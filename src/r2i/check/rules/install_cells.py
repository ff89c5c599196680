"""D2: cells that install what belongs into a file."""

from __future__ import annotations

import re
from collections.abc import Iterator

from r2i.check.apt_txt import adding, apt_txt, not_listed
from r2i.check.code.cell_installs import VARIABLE, Install, installs
from r2i.check.code.notebooks import Cell, Notebook
from r2i.check.facts.distributions import closure
from r2i.check.facts.provided import names, of_pypi
from r2i.check.findings import Finding, Rule, Severity
from r2i.check.jupyterlite import may_run_in_browser
from r2i.check.missing import undeclared
from r2i.check.requirement_edits import added
from r2i.check.subject import Subject
from r2i.check.wording import named
from r2i.edits.fixes import Fix
from r2i.formats.requirements.lines import quoted
from r2i.formats.requirements.specifiers import normalised

#: With all that they need, such as Pygments.
OF_EVERY_IMAGE = ("pip", "ipykernel", "ipywidgets")

#: The name of a repository in its address, which is most often that of its package.
REPOSITORY = re.compile(r"/([A-Za-z0-9][\w.-]*?)(?:\.git)?(?:@[^/]*)?(?:#.*)?$", re.ASCII)

#: Nothing in the image uses a graphics card.
OF_GRAPHICS_CARDS = re.compile(r"cuda\b|cuda-|libcud|libnccl|nvidia")

Found = tuple[Notebook, Cell, Install]


def _commands(subject: Subject) -> Iterator[Found]:
    for notebook, cell, facts in subject.code:
        for command in installs(cell.source, facts):
            if not may_run_in_browser(subject, notebook):
                yield notebook, cell, command


def _installed_by_a_cell(subject: Subject) -> Iterator[Finding]:
    declared = _declared(subject)
    for notebook, cell, command in _commands(subject):
        if command.installer == "apt":
            continue
        new = [text for text, name in _asked(command) if name not in declared]
        others = undeclared(subject, notebook, command)
        if not new and not others:
            continue
        fix = _ask(subject, command, new) if not others else None
        what = named(new) or quoted(others[0])
        wish = what if new or _is_there(subject, notebook, others[0]) else "its packages"
        yield _finding(
            subject,
            (notebook, cell, command),
            message=f"A cell installs {what}, but no file requires {'it' if len(new) < 2 else 'them'}",
            hint=f"{fix.title}, and remove the line" if fix else f"Add {wish} {_where(subject)}",
            fix=fix,
            severity=None if command.installer == "pip" or _has_conda(subject) else "warning",
        )


def _is_there(subject: Subject, notebook: Notebook, requirement: str) -> bool:
    """Whether the build can install it, too: a list that the repository has, and nothing with a variable of the cell."""
    if VARIABLE.search(requirement):
        return False
    _, listed, path = requirement.partition("-r ")
    there = subject.checkout.inside(path, relative_to=notebook.path) if listed else ""
    return not listed or there in subject.files or path in subject.files


def _installed_again(subject: Subject) -> Iterator[Finding]:
    declared = _declared(subject)
    for notebook, cell, command in _commands(subject):
        asked = [name for _, name in _asked(command)]
        if command.installer == "apt" or not (asked or command.others):
            continue
        if declared.issuperset(asked) and not undeclared(subject, notebook, command):
            yield _finding(
                subject,
                (notebook, cell, command),
                message=f"{quoted(command.text)} installs what the image already has",
                hint="Remove the line",
            )


def _system_packages(subject: Subject) -> Iterator[Finding]:
    for notebook, cell, command in _commands(subject):
        if command.installer != "apt":
            continue
        new = not_listed(subject, command.names)
        what = named(new) or quoted(command.text)
        title = f"Add {what} to `{apt_txt(subject)}`" if new else "Remove the line"
        yield _finding(
            subject,
            (notebook, cell, command),
            message=f"A cell cannot install {what}, because it does not run as root",
            hint=f"{title}, and remove the line" if new else title,
            fix=Fix(title=title, edits=(adding(subject, new),)) if new and subject.environment else None,
            severity="info" if all(map(OF_GRAPHICS_CARDS.match, command.names)) else None,
        )


def _asked(command: Install) -> Iterator[tuple[str, str]]:
    """Each requirement and the name of its distribution."""
    meant = names()["replaced"]
    for text, name in zip(command.wanted, command.names, strict=True):
        if command.installer == "conda":
            yield text, of_pypi(name)
        elif name in meant:
            yield re.sub(r"^[\w.-]+", meant[name], text), meant[name]
        else:
            yield text, name


def _declared(subject: Subject) -> set[str]:
    """The distributions that some file asks for, and those of every image."""
    environment = subject.environment
    # Of a file that cannot be used, what can be read is known.
    names = environment.names if environment else {one.name for one in subject.declared}
    conda = environment is not None and environment.manager == "conda"
    brought = closure(OF_EVERY_IMAGE).keys()
    repositories = {
        normalised(match[1]) for one in subject.declared if one.url and (match := REPOSITORY.search(one.url))
    }
    return {of_pypi(name) if conda else name for name in names} | {*OF_EVERY_IMAGE, *brought, *repositories}


def _ask(subject: Subject, command: Install, new: list[str]) -> Fix | None:
    """One more line a requirement; pip's is good for conda's file by its name only, and the other way round."""
    environment = subject.environment
    conda = environment is not None and environment.manager == "conda"
    if not new or (command.installer == "conda") != conda:
        return None
    fixes = [added(subject, text) for text in new]
    edits = tuple(edit for fix in fixes if fix for edit in fix.edits)
    titles = named(new)
    return Fix(title=f"Add {titles} {_where(subject)}", edits=edits) if all(fixes) else None


def _where(subject: Subject) -> str:
    environment = subject.environment
    if environment is None:
        dockerfile = subject.config("Dockerfile")
        return f"to `{dockerfile}`" if dockerfile else "to the file that defines the environment"
    return f"to `{environment.defined_by}`" if environment.defined_by else "to `requirements.txt`"


def _has_conda(subject: Subject) -> bool:
    return subject.environment is None or subject.environment.manager == "conda"


def _finding(
    subject: Subject,
    found: Found,
    *,
    message: str,
    hint: str,
    fix: Fix | None = None,
    severity: Severity | None = None,
) -> Finding:
    notebook, cell, command = found
    return Finding(
        message=message,
        file=notebook.path,
        line=subject.line_of(notebook, cell, command.line),
        cell=cell.number,
        hint=hint,
        fix=fix,
        severity=severity,
    )


RULES = (
    Rule(
        code="D201",
        name="installed-by-cell",
        severity="info",
        why="Every session installs the newest release again, and without a network the notebook fails.",
        find=_installed_by_a_cell,
    ),
    Rule(
        code="D202",
        name="installed-again",
        severity="info",
        why="It takes time in every session, and may change the versions that the file pins.",
        find=_installed_again,
    ),
    Rule(
        code="D203",
        name="system-packages-in-cell",
        severity="error",
        why="Notebooks run as an ordinary user, who cannot install system packages.",
        find=_system_packages,
    ),
)
