"""N2: the kernel that a notebook asks for, and the one that the image has."""

from __future__ import annotations

import re
from collections.abc import Iterator

from r2i.check.findings import Edit, Finding, Fix, Rule
from r2i.check.notebook_tables import Kernel, kernels
from r2i.check.notebooks import Notebook, line_of_value, place_of
from r2i.check.subject import Subject

#: The name of the image's kernel; `python` is what Jupyter has always taken for it, too.
NATIVE, OURS = "python3", frozenset({"python3", "python"})

#: Where a notebook has the name of its own.
KERNEL_NAME = ("metadata", "kernelspec", "name")

#: Files that may install a kernel, besides the environment.
CONFIGURATION = ("postBuild", "start", "apt.txt", "environment.yml", "environment.yaml", "requirements.txt")


def _not_installed(subject: Subject) -> Iterator[Finding]:
    said = _configuration(subject)
    for notebook in _asking(subject):
        known = next((one for one in kernels() if one.names.fullmatch(notebook.kernel)), None)
        if known is None and (notebook.language in ("", "python", "ipython") or not notebook.kernel):
            continue
        if _installed(subject, said, notebook, known):
            continue
        language = known.language if known else notebook.language
        yield Finding(
            message=f"Its kernel is `{notebook.kernel}` ({language}), and no file here installs that",
            file=notebook.path,
            line=line_of_value(subject.checkout, notebook.path, *KERNEL_NAME),
            hint=known.hint if known else "Install it in `postBuild`",
        )


def _other_name(subject: Subject) -> Iterator[Finding]:
    said = _configuration(subject)
    for notebook in _asking(subject):
        if (
            notebook.kernel in OURS
            or notebook.language not in ("", "python", "ipython")
            or any(one.names.fullmatch(notebook.kernel) for one in kernels())
            or _installed(subject, said, notebook, None)
            or (
                _is_python_2(notebook)
                and not _version(subject).startswith("2.")
                and _broken_cell(subject, notebook)
            )
        ):
            continue
        place = place_of(subject.checkout, notebook.path, *KERNEL_NAME)
        if place is None or not (notebook.language or notebook.kernel_title.startswith("Python")):
            continue
        edit = Edit(file=notebook.path, start=place.start, end=place.end, text=f'"{NATIVE}"'.encode())
        opened = "" if notebook.language_named else ", and JupyterLab asks which one to take"
        yield Finding(
            message=f"Its kernel is called `{notebook.kernel}` as on its author's machine, and the image's `{NATIVE}`:"
            f" nothing can run it by that name{opened}",
            file=notebook.path,
            line=place.line,
            hint=f"Choose the kernel `Python 3 (ipykernel)` and save, or write `{NATIVE}` there",
            fix=Fix(title=f"Name the kernel of `{notebook.path}` `{NATIVE}`", edits=(edit,)),
        )


def _python_2(subject: Subject) -> Iterator[Finding]:
    for notebook in subject.notebooks:
        if not _is_python_2(notebook) or not (version := _version(subject)):
            continue
        if not version.startswith("2.") and (number := _broken_cell(subject, notebook)):
            cell = notebook.cells[number - 1]
            yield Finding(
                message=f"The notebook is of Python 2, the image has Python {version}, and this cell is none of that",
                file=notebook.path,
                line=subject.line_of(notebook, cell),
                cell=number,
                hint="Rewrite its cells for Python 3 (`print(x)`, `range`, `input`), and run them",
            )


def _asking(subject: Subject) -> Iterator[Notebook]:
    """Notebooks with a kernel, where we know which ones the image has."""
    if subject.plan is None or subject.plan.dockerfile is not None:
        return
    for notebook in subject.notebooks:
        if notebook.kernel:
            yield notebook


def _installed(subject: Subject, said: str, notebook: Notebook, known: Kernel | None) -> bool:
    """Whether a file says something that sounds like it; `said` is what the configuration says."""
    words = [notebook.kernel.lower(), *(known.words if known else ()), "nb_conda_kernels", "nb-conda-kernels"]
    if any(re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", said) for word in words):
        return True
    return any(path.endswith(f"{notebook.kernel}/kernel.json") for path in subject.files)


def _configuration(subject: Subject) -> str:
    texts = [subject.text(path) for name in CONFIGURATION if (path := subject.config(name))]
    names = subject.environment.names if subject.environment else ()
    return "\n".join([*(text for text in texts if text), *names]).lower()


def _version(subject: Subject) -> str:
    """Of the image's Python, empty where it is not known."""
    python = subject.plan.python if subject.plan else None
    return python.version if python else ""


def _is_python_2(notebook: Notebook) -> bool:
    return notebook.kernel == "python2" or (
        notebook.language == "python" and notebook.language_version.startswith("2.")
    )


def _broken_cell(subject: Subject, notebook: Notebook) -> int | None:
    """The first cell that Python 3 does not understand."""
    return next((cell.number for cell, facts in subject.code_of.get(notebook.path, ()) if facts.broken), None)


RULES = (
    Rule(
        code="N201",
        name="kernel-not-installed",
        severity="error",
        why="Without its kernel no cell of the notebook runs.",
        find=_not_installed,
    ),
    Rule(
        code="N202",
        name="kernel-name",
        severity="warning",
        why="Programs that run notebooks look for the kernel by its name, and the name is of one machine only.",
        find=_other_name,
    ),
    Rule(
        code="N203",
        name="python-2",
        severity="error",
        why="Python 3 does not understand the syntax of Python 2, and the repository asks for Python 3.",
        find=_python_2,
    ),
)
