"""N405, N406: figures in windows, and figures for a front end that the image has not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from packaging.version import Version

from r2i.check.cell_edits import in_cell
from r2i.check.code.notebooks import Cell, Notebook
from r2i.check.code.python_code import Facts
from r2i.check.findings import Finding, Rule
from r2i.check.optional_uses import is_older
from r2i.check.requirement_edits import added
from r2i.check.subject import Subject
from r2i.edits.fixes import Fix

#: `%matplotlib qt`, `%pylab qt`, `%gui qt`, and how functions call the same.
MAGIC = re.compile(r"(?:matplotlib|pylab|gui)[ \t]+(?:-\S+[ \t]+)*[\"']?(?P<name>[\w.]+)[\"']?[ \t]*(?:#.*)?")
WINDOWS = re.compile(r"(?i)(?:qt[456]?|gtk[34]?|tk|wx|osx|macosx)(?:agg|cairo)?")
OF_NOTEBOOK_6 = re.compile(r"(?i)notebook|nbagg")
CHOOSING = frozenset({"matplotlib.use", "matplotlib.pyplot.switch_backend", "pylab.switch_backend"})

#: Functions that open a window themselves.
OPENING = frozenset(
    {
        "cv2.imshow",
        "cv2.namedWindow",
        "tkinter.Tk",
        "turtle.Screen",
        "turtle.Turtle",
        "pygame.display.set_mode",
    }
)
OPENING_WORDS = tuple(name.rpartition(".")[2] for name in OPENING)

#: What gives a container a screen, or chooses again.
SCREEN = re.compile(
    r"(?i)xvfb|pyvirtualdisplay|virtual_?display|remote-desktop|desktop-server|vnc|\bDISPLAY\b|MPLBACKEND|easyprocess"
)
INLINE = re.compile(r"(?m)^[ \t]*%(?:matplotlib|pylab)[ \t]+(?:inline|widget|ipympl|agg|svg|module://)")

#: Files that bring a screen or the old front end.
CONFIGURATION = ("apt.txt", "postBuild", "start", "environment.yml", "requirements.txt", "jupyter_config.py")
#: Distributions with the front end that `%matplotlib notebook` is made for.
CLASSIC = frozenset(
    {"nbclassic", "jupyter-contrib-nbextensions", "jupyter-nbextensions-configurator", "rise"}
)

#: Beside older ones Binder has Jupyter Notebook 6.
OLDEST_PYTHON = Version("3.8")


@dataclass(frozen=True, kw_only=True)
class Backend:
    """That a line of a cell asks for a backend by a name; `spelled` is how the line says it."""

    line: int
    name: str
    spelled: str


def _windows(subject: Subject) -> Iterator[Finding]:
    found = [*_in_windows(subject)] if subject.environment is not None else []  # else its own `Dockerfile`
    if found and not _has_screen(subject):
        yield from found


def _in_windows(subject: Subject) -> Iterator[Finding]:
    for notebook in subject.notebooks:
        cells = subject.code_of.get(notebook.path, ())
        names = _names(facts for _, facts in cells)
        for cell, facts in cells:
            for one in _backends(facts, names):
                if WINDOWS.fullmatch(one.name) and not (cell.fails_on_purpose or _is_replaced(one, cells)):
                    yield _window(subject, notebook, cell, one)
            yield from _opened(subject, notebook, cell, facts, names)


def _is_replaced(one: Backend, cells: Iterable[tuple[Cell, Facts]]) -> bool:
    """Whether a magic for a notebook chooses again what a function has chosen."""
    return not one.spelled.startswith("%") and any(INLINE.search(cell.source) for cell, _ in cells)


def _window(subject: Subject, notebook: Notebook, cell: Cell, one: Backend) -> Finding:
    fix = None
    hint = f"Remove `{one.spelled}`: figures are shown in the notebook without it"
    if one.spelled.startswith("%matplotlib"):
        new = "%matplotlib inline"
        edit = in_cell(subject, notebook, cell, one.line, old=one.spelled, new=new)
        hint = f"Write `{new}`, or `%matplotlib widget` with `ipympl` for interactive figures"
        fix = (
            Fix(title=f"Write `{new}` in cell {cell.number} of `{notebook.path}`", edits=(edit,))
            if edit
            else None
        )
    return Finding(
        message=f"`{one.spelled}` opens figures in windows, but the image has no screen",
        file=notebook.path,
        line=subject.line_of(notebook, cell, one.line),
        cell=cell.number,
        hint=hint,
        fix=fix,
    )


def _opened(
    subject: Subject, notebook: Notebook, cell: Cell, facts: Facts, names: Mapping[str, str]
) -> Iterator[Finding]:
    known = any(word in facts.source for word in OPENING_WORDS)
    for call in facts.calls if known else ():
        shown = _full(call.name, names) in OPENING and not call.optional
        if shown and not (facts.functions_at(call.line) or cell.fails_on_purpose):
            yield Finding(
                message=f"`{call.name}` opens a window, but the image has no screen",
                file=notebook.path,
                line=subject.line_of(notebook, cell, call.line),
                cell=cell.number,
                hint="Show the result in the notebook, such as with `plt.imshow`",
            )
            return  # the others of the cell are of the same window


def _of_notebook_6(subject: Subject) -> Iterator[Finding]:
    environment, plan = subject.environment, subject.plan
    if environment is None or is_older(environment, "notebook", "7") or CLASSIC & set(environment.names):
        return
    if plan and plan.python and Version(plan.python.version) < OLDEST_PYTHON:
        return
    for notebook in subject.notebooks:
        cells = subject.code_of.get(notebook.path, ())
        names = _names(facts for _, facts in cells)
        found = [
            _nbagg(subject, notebook, cell, one)
            for cell, facts in cells
            if not cell.fails_on_purpose
            for one in _backends(facts, names)
            if OF_NOTEBOOK_6.fullmatch(one.name)
        ]
        alone = [one for one in found if subject.is_ignored("N406", one.file, one.line)]
        yield from alone
        if found := [one for one in found if one not in alone]:
            yield _together(found)


def _together(found: Sequence[Finding]) -> Finding:
    """The first, with what mends all of the notebook."""
    first, others = found[0], len(found) - 1
    if not others:
        return first
    more = f" (also {others} more time{'s' if others > 1 else ''} in this notebook)"
    fixes = [one.fix for one in found]
    fix = None
    if first.fix and all(fixes):
        edits = dict.fromkeys(edit for one in fixes if one for edit in one.edits)
        fix = replace(first.fix, title=f"{first.fix.title}, and in {others} more", edits=tuple(edits))
    return replace(first, message=first.message + more, fix=fix)


def _nbagg(subject: Subject, notebook: Notebook, cell: Cell, one: Backend) -> Finding:
    environment = subject.environment
    there = environment is not None and "ipympl" in environment.names
    new = "%matplotlib widget"
    edit = (
        in_cell(subject, notebook, cell, one.line, old=one.spelled, new=new)
        if one.spelled.startswith("%matplotlib")
        else None
    )
    adding = None if there else added(subject, "ipympl")
    more = (
        ""
        if there
        else f", and {adding.title[:1].lower()}{adding.title[1:]}"
        if adding
        else ", and require `ipympl`"
    )
    edits = (edit, *(adding.edits if adding else ())) if edit and (there or adding) else ()
    title = f"Write `{new}` in cell {cell.number} of `{notebook.path}`{more}"
    return Finding(
        message=f"`{one.spelled}` shows figures only in Jupyter Notebook 6, which the image has not",
        file=notebook.path,
        line=subject.line_of(notebook, cell, one.line),
        cell=cell.number,
        hint=f"Write `{new}`{more}",
        fix=Fix(title=title, edits=edits) if edits else None,
    )


def _has_screen(subject: Subject) -> bool:
    """Whether a file of the configuration, or any code, brings a screen or chooses the backend."""
    texts = [subject.text(path) or "" for name in CONFIGURATION if (path := subject.config(name))]
    texts += subject.environment.names if subject.environment else ()
    texts += [cell.source for _, cell, _ in subject.code]
    return any(SCREEN.search(text) for text in texts)


def _names(cells: Iterable[Facts]) -> Mapping[str, str]:
    return {own: known for facts in cells for one in facts.imports for own, known in one.bound}


def _full(name: str, names: Mapping[str, str]) -> str:
    first, dot, rest = name.partition(".")
    return f"{names.get(first, first)}{dot}{rest}"


def _backends(facts: Facts, names: Mapping[str, str]) -> Iterator[Backend]:
    for command in facts.commands:
        match = MAGIC.fullmatch(command.text) if command.sign == "%" else None
        lines = facts.source.split("\n") if match else []
        # Below a condition it may not run.
        if match and (command.line > len(lines) or not lines[command.line - 1][:1].isspace()):
            said = command.text.partition("#")[0].strip()
            yield Backend(line=command.line, name=match["name"], spelled=f"%{said}")
    for call in facts.calls if "use(" in facts.source or "switch_backend" in facts.source else ():
        name = call.arguments[0] if call.arguments else dict(call.keywords).get("backend")
        if _full(call.name, names) in CHOOSING and isinstance(name, str) and not call.optional:
            yield Backend(line=call.line, name=name, spelled=f"{call.name}({name!r})")


RULES = (
    Rule(
        code="N405",
        name="needs-a-screen",
        severity="error",
        why="A container has no screen, so the call fails, or ends the kernel.",
        find=_windows,
    ),
    Rule(
        code="N406",
        name="figures-of-notebook-6",
        severity="warning",
        why="JupyterLab and Jupyter Notebook 7 show no figures of this backend.",
        find=_of_notebook_6,
    ),
)
