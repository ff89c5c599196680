"""N205: syntax that the Python of the image does not have yet."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping

from r2i.check.code.new_syntax import NewSyntax, newer_syntax
from r2i.check.facts.notebook_tables import is_of_python
from r2i.check.findings import Finding, Rule
from r2i.check.imports import uses
from r2i.check.jupyterlite import is_of_browser
from r2i.check.on_binder import python_of_binder
from r2i.check.subject import Subject
from r2i.check.targets import Target
from r2i.formats.language_versions import minor_of
from r2i.image import version_tuple


def _newer(subject: Subject) -> Iterator[Finding]:
    pythons = _pythons(subject)
    if not pythons:
        return
    oldest = min(pythons.values(), key=version_tuple)
    if version_tuple(oldest) < (3, 0):
        return  # another finding
    for notebook in subject.notebooks:
        if not is_of_python(notebook) or is_of_browser(notebook):
            continue
        found = [
            (one, cell)
            for cell, facts in subject.code_of.get(notebook.path, ())
            if (one := newer_syntax(facts.source, than=oldest)) and not cell.fails_on_purpose
        ]
        if found:
            newest, cell = max(found, key=lambda pair: version_tuple(pair[0].minor))
            line = subject.line_of(notebook, cell, newest.line)
            yield _finding(subject, newest, pythons, file=notebook.path, line=line, cell=cell.number)
    for path in sorted(subject.once(uses).modules):
        if one := newer_syntax(subject.modules[path].source, than=oldest):
            yield _finding(subject, one, pythons, file=path, line=one.line)


def _pythons(subject: Subject) -> Mapping[Target, str]:
    """The Python of each target, as far as it is plain."""
    plan, environment = subject.plan, subject.environment
    if plan is None or plan.dockerfile or environment is None:
        return {}
    known: dict[Target, str | None] = {
        "binder": python_of_binder(subject),
        "r2i": minor_of(plan.python.version) if plan.python else None,
    }
    return {name: minor for name, minor in known.items() if minor}


def _finding(
    subject: Subject,
    found: NewSyntax,
    pythons: Mapping[Target, str],
    *,
    file: str,
    line: int,
    cell: int | None = None,
) -> Finding:
    lacking = {n: minor for n, minor in pythons.items() if version_tuple(minor) < version_tuple(found.minor)}
    newest = max(lacking.values(), key=version_tuple)
    return Finding(
        message=f"Python {found.minor} introduced {found.what}, and the image has Python {newest}",
        file=file,
        line=line,
        cell=cell,
        hint=_hint(subject, found.minor),
        targets=frozenset(lacking),
    )


def _hint(subject: Subject, minor: str) -> str:
    environment = subject.environment
    assert environment is not None  # noqa: S101 - `_pythons` has looked
    file = environment.defined_by
    if environment.manager == "conda":
        return f"Require `python={minor}` or newer in `{file}`"
    if posixpath.basename(file).startswith("Pipfile"):
        return f'Write `python_version = "{minor}"` into `{file}`, and lock again'
    return f"Write `python-{minor}` into `{subject.config_path('runtime.txt')}`, or use older syntax"


RULES = (
    Rule(
        code="N205",
        name="newer-syntax",
        severity="error",
        why="The code fails with a `SyntaxError`, because the Python of the image is older than the syntax.",
        find=_newer,
        varying=True,
    ),
)
