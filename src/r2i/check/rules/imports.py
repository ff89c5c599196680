"""D3: what code imports, and what is declared."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace

from r2i.check.downloads import model_name
from r2i.check.facts.distributions import closure, distributions
from r2i.check.facts.provided import Provided, is_program, modules_of, of_conda, of_pypi, optional
from r2i.check.findings import Finding, Rule, Severity
from r2i.check.imports import all_imports, found_at, is_imported
from r2i.check.launch_links import has_environment_elsewhere
from r2i.check.missing import Missing, MissingKind, exported, missing_imports
from r2i.check.optional_uses import distributions_of, optional_uses
from r2i.check.requirement_edits import added, where
from r2i.check.subject import Subject
from r2i.check.unheard import unheard
from r2i.check.wording import named
from r2i.edits.fixes import Fix
from r2i.facts.server_parts import is_server_part

#: Asked for by habit: in every environment, or of every image.
BY_HABIT = frozenset({"ipykernel", "ipywidgets", "ipython", "pip", "setuptools", "wheel", "certifi"})


#: What is asked for beside a library that calls it: for plotly's orca, for pictures of graphs and trees.
CALLED_THROUGH = {
    "gudhi": ("pot",),
    "matplotlib": ("ipympl",),
    "plotly": ("psutil",),
    **dict.fromkeys(("dask", "networkx", "scikit-learn", "sympy", "torch", "xgboost"), ("graphviz", "pydot")),
}

#: Why what is missing here breaks nothing for those who follow the links.
ELSEWHERE = "; the links in the README open another environment, which may have it"


def _surely_missing(subject: Subject) -> Iterator[Finding]:
    return _missing(subject, "surely")


def _probably_missing(subject: Subject) -> Iterator[Finding]:
    return _missing(subject, "probably")


def _missing(subject: Subject, kind: MissingKind) -> Iterator[Finding]:
    found = [one for one in subject.once(missing_imports) if one.kind == kind and not one.first.by]
    yield from _asked_for(subject, found, lambda one: f"`{one.module}` is imported")


def _surely_called_for(subject: Subject) -> Iterator[Finding]:
    return _called_for(subject, "surely")


def _probably_called_for(subject: Subject) -> Iterator[Finding]:
    return _called_for(subject, "probably")


def _called_for(subject: Subject, kind: MissingKind) -> Iterator[Finding]:
    found = [one for one in subject.once(missing_imports) if one.kind == kind and one.first.by]
    yield from _asked_for(subject, found, lambda one: one.first.why)


def _asked_for(subject: Subject, found: list[Missing], said: Callable[[Missing], str]) -> Iterator[Finding]:
    askers = unheard(subject) if found else ()
    opened = bool(found) and has_environment_elsewhere(subject)
    for one in found:
        name = one.distributions[0]
        asker = next((asker for asker in askers if not asker.names.isdisjoint(one.distributions)), None)
        text = of_conda(name) if _is_conda(subject) else name
        all_of = exported(subject)
        called = "it" if text == one.module else f"`{text}`"
        who = f"only {asker.who} requires {called}" if asker else f"no file requires {called}"
        fix = None if asker and asker.hint else added(subject, text)
        how = fix.title if fix else f"Add `{text}` {where(subject)}"
        yield _finding(
            subject,
            one,
            message=f"{said(one)}, but {called} is not among the {all_of} packages of this export"
            if all_of and not asker
            else f"{said(one)}, but {who}{ELSEWHERE if opened else _unless(one)}",
            hint=(asker and asker.hint) or how,
            fix=fix,
            severity="info" if one.binder or one.doubtful or opened else None,
        )


def _unless(one: Missing) -> str:
    """Why it is not sure that something fails."""
    if one.binder:
        return "; r2i installs it because the Binder environment has it"
    if one.unless:
        return f"; {one.unless}"
    return f"; nothing calls `{one.uncalled}`, which needs it" if one.uncalled else ""


def _unknown(subject: Subject) -> Iterator[Finding]:
    for one in subject.once(missing_imports):
        # D307, D113
        if one.kind == "unknown" and one.module != "pkg_resources" and not model_name(one.module):
            yield _finding(
                subject,
                one,
                message=f"`{one.module}` is imported, but no required package is known to provide it{_unless(one)}",
                hint=f"Add the package that provides `{one.module}` {where(subject)}, or commit the module",
            )


def _finding(
    subject: Subject,
    one: Missing,
    *,
    message: str,
    hint: str,
    fix: Fix | None = None,
    severity: Severity | None = None,
) -> Finding:
    more = f" (also in {one.others} more file{'s' if one.others > 1 else ''})" if one.others else ""
    found = found_at(subject, one.first, message=message + more, hint=hint, fix=fix)
    return replace(found, severity=severity)


def _is_conda(subject: Subject) -> bool:
    return subject.environment is not None and subject.environment.manager == "conda"


def _never_imported(subject: Subject) -> Iterator[Finding]:
    """One finding for all, at the first; nothing where there is no code, or some of it cannot be read."""
    if not (subject.code or subject.modules) or any(notebook.error for notebook in subject.notebooks):
        return
    asked = {one: of_pypi(one.name) if one.installer == "conda" else one.name for one in subject.declared}
    names = set(asked.values())
    needed = {other for name in names for row in closure([name]).values() if row for other in row.requires}
    if 2 * len(needed & names) > len(names):
        return  # a list of all that was installed
    backends = {other for name in closure(names) for other in optional().get(name, ())}
    through = {other for name in names for other in CALLED_THROUGH.get(name, ())}
    kept = {*BY_HABIT, *needed, *backends, *through}
    imports = set(all_imports(subject))
    candidates = {
        one: name
        for one, name in asked.items()
        if not one.url and name in distributions() and name not in kept and _is_for_imports(name, imports)
    }
    mentioned = _words(subject) | _called_for_by_libraries(subject) if candidates else frozenset()
    unused = (one for one, name in candidates.items() if not mentioned & {name, one.name, *modules_of(name)})
    for some in subject.said_at_once("D304", unused):
        shown = {one.name: one for one in some}
        yield Finding(
            message=f"No code imports {named(shown)}",
            file=some[0].file,
            line=some[0].line,
            hint="Remove unneeded packages to make the image smaller",
        )


def _is_for_imports(name: str, imports: Collection[str]) -> bool:
    """Whether a distribution that nothing imports is there for nothing else."""
    if not modules_of(name) or is_program(name) or is_server_part(name):
        return False
    return not is_imported(name, imports)


def _called_for_by_libraries(subject: Subject) -> frozenset[str]:
    nothing = Provided(frozenset())
    return frozenset(name for use in optional_uses(subject, nothing) for name in distributions_of(use.module))


def _words(subject: Subject) -> frozenset[str]:
    """All words of code and scripts: names of backends, magics and commands are among them."""
    scripts = (path for name in ("postBuild", "start", "apt.txt") if (path := subject.config(name)))
    texts = [cell.source for _, cell, _ in subject.code]
    texts += [text for path in (*subject.modules, *scripts) if (text := subject.text(path))]
    return frozenset(word.rstrip(".-") for text in texts for word in re.findall(r"[\w.-]+", text))


RULES = (
    Rule(
        code="D301",
        name="undeclared-import",
        severity="error",
        why="The import fails, because no package in the image provides the module.",
        find=_surely_missing,
    ),
    Rule(
        code="D302",
        name="accidental-import",
        severity="warning",
        why="The import works only as long as another package happens to install the module.",
        find=_probably_missing,
    ),
    Rule(
        code="D303",
        name="unknown-import",
        severity="info",
        why="An unknown module is often a file that was not committed.",
        find=_unknown,
    ),
    Rule(
        code="D304",
        name="never-imported",
        severity="info",
        why="Unneeded packages make the image larger and the installation more likely to fail.",
        find=_never_imported,
    ),
    Rule(
        code="D305",
        name="undeclared-optional-dependency",
        severity="error",
        why="The call fails, because the library imports an optional dependency that is not installed.",
        find=_surely_called_for,
    ),
    Rule(
        code="D306",
        name="accidental-optional-dependency",
        severity="warning",
        why="The call works only as long as another package happens to install its optional dependency.",
        find=_probably_called_for,
    ),
)
