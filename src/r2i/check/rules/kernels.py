"""N2: the kernel that a notebook asks for, and the one that the image has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from r2i.buildpacks.r import OF_DEBIAN
from r2i.check.apt_txt import apt_txt
from r2i.check.code.notebooks import Notebook, line_of_value, place_of
from r2i.check.facts.notebook_tables import Kernel, is_of_python, kernels
from r2i.check.findings import Finding, Rule
from r2i.check.jupyterlite import is_of_website
from r2i.check.on_binder import binder, has_kernel_for, refusal
from r2i.check.requirement_edits import where
from r2i.check.script_installs import brought_by_scripts
from r2i.check.subject import Subject
from r2i.check.targets import BINDER_ONLY, R2I_ONLY, Targets
from r2i.edits.fixes import Edit, Fix
from r2i.facts.r import packaged
from r2i.formats.requirements.specifiers import normalised

#: The name and title of the kernel that every image has, by the Python that it runs.
NATIVE = {"2": ("python2", "Python 2"), "3": ("python3", "Python 3 (ipykernel)")}

#: Names that lead to it anyway: r2i calls it `python3`, and Jupyter has always taken `python` for it.
OURS = frozenset({"python3", "python"})

#: How notebooks call the language of that kernel, where they name one, and how a title of it begins.
PYTHON, IS_PYTHON = frozenset({"", "python"}), re.compile("(?i)python")

#: Statements and literals that Python 3 no longer has.
OF_PYTHON_2 = re.compile(
    r"^[ \t]*(?:print|exec)\b[ \t]*(?![ \t(=.,:\]})\n])|^[ \t]*except\b[^:\n]{1,200},[ \t]*\w+[ \t]*:|<>|`[^`\n]{1,200}`"
    r"|\b0[0-7]+\b|\b\d+[lL]\b|\b[uU][rR][\"']|^[ \t]*raise\b[^(\n]{1,200},|^[ \t]*print[ \t]*>>|^[ \t]*print\b[^\n]{0,300}%",
    re.MULTILINE,
)

#: Beside any conda package for R, Binder and r2i install its kernel.
OF_CONDA_R, IR = re.compile("r-").match, "r-irkernel"

#: Where a notebook has the name of its own.
KERNEL_NAME = ("metadata", "kernelspec", "name")

#: Files that may install a kernel, besides the environment.
CONFIGURATION = ("postBuild", "start", "apt.txt", "environment.yml", "environment.yaml", "requirements.txt")


#: How a script builds programs, and perhaps a kernel whose files nobody sees here.
COMPILES = re.compile(r"\b(?:make|ninja)\s+(?:-\S+\s+)*install\b|\bcmake\s+--install\b|\bcargo\s+install\b")


def _not_installed(subject: Subject) -> Iterator[Finding]:
    said = _configuration(subject)
    found: dict[tuple[str, str], list[Finding]] = {}
    for notebook in _asking(subject):
        known = _fitting(notebook)
        if (not known and notebook.language in PYTHON) or is_of_website(subject, notebook):
            continue
        # Of a language that nobody knows, a package of its name may well bring the kernel: `kotlin-jupyter-kernel`.
        words = (notebook.kernel.lower(), notebook.language)
        named = not known and (COMPILES.search(said) is not None or any(word in said for word in words))
        if named or _installed(subject, said, notebook, known):
            if step := _lacking_step(subject, notebook, known):
                yield step
            elif known and _lacks_on_binder(subject, notebook, known):
                yield _not_on_binder(subject, notebook, known[0])
            continue
        language = known[0].language if known else notebook.language
        one = Finding(
            message=f"The kernel of the notebook is `{notebook.kernel}` ({language}), but no file installs it",
            file=notebook.path,
            line=line_of_value(subject.checkout, notebook.path, *KERNEL_NAME),
            hint=_how(subject, known[0]) if known else "Install it in `postBuild`",
            targets=R2I_ONLY if known and has_kernel_for(subject, language) else None,
        )
        ignored = notebook.path if subject.is_ignored("N201", notebook.path, one.line) else ""
        found.setdefault((notebook.kernel, ignored), []).append(one)
    for same in found.values():
        more = (
            f" (also of {len(same) - 1} more notebook{'s' if len(same) > 2 else ''})" if len(same) > 1 else ""
        )
        yield replace(same[0], message=same[0].message + more)


def _lacks_on_binder(subject: Subject, notebook: Notebook, known: Sequence[Kernel]) -> bool:
    """Whether r2i installs the language, and thereby its kernel, and Binder does neither."""
    made, name = binder(subject), known[0].language
    planned = subject.plan is not None and any(one.name == name for one in subject.plan.languages)
    if not planned or made is None or made.default or refusal(subject) or has_kernel_for(subject, name):
        return False
    return not _installed(subject, _said(subject), notebook, known)


def _not_on_binder(subject: Subject, notebook: Notebook, kernel: Kernel) -> Finding:
    environment = subject.environment
    conda = environment.defined_by if environment and environment.buildpack == "conda" else ""
    how = {
        "R": f"Write the version of R and the day of its packages into `{subject.config_path('runtime.txt')}`, such as `r-4.4-2024-10-31`"
        if not conda
        else f"Add `r-base` to `{conda}`",
        "Julia": f"Add `{subject.config_path('Project.toml')}` with the packages, by which Binder installs Julia",
    }
    return Finding(
        message=f"The kernel of the notebook is `{notebook.kernel}` ({kernel.language}), which mybinder.org does not install from these files",
        file=notebook.path,
        line=line_of_value(subject.checkout, notebook.path, *KERNEL_NAME),
        hint=how.get(kernel.language),
        targets=BINDER_ONLY,
    )


def _lacking_step(subject: Subject, notebook: Notebook, known: Iterable[Kernel]) -> Finding | None:
    """A package is there that installs its kernel only when it is told."""
    one = next((one for one in known if one.step and one.names.fullmatch(notebook.kernel)), None)
    asked = [each.name for each in subject.declared if each.installer == "pip"]
    if one is None or normalised(one.pip) not in asked or subject.once(brought_by_scripts).anything:
        return None
    texts = [subject.text(path) or "" for name in ("postBuild", "start") if (path := subject.config(name))]
    texts += [cell.source for _, cell, _ in subject.code]
    if any(one.step in text for text in texts):
        return None
    return Finding(
        message=f"The kernel of the notebook is `{notebook.kernel}` ({one.language}), but the package `{one.pip}` alone does not install it",
        file=notebook.path,
        line=line_of_value(subject.checkout, notebook.path, *KERNEL_NAME),
        hint=f"Add `{one.post_build}` to `{subject.config_path('postBuild')}`",
    )


def _other_name(subject: Subject) -> Iterator[Finding]:
    said = _configuration(subject)
    yield from _of_python_2(subject, said)
    name, title = NATIVE["2" if _version(subject).startswith("2.") else "3"]
    for notebook in _asking(subject):
        known = _fitting(notebook)
        there = next((one for one in known if _mentions(said, one.words)), None)
        native = there.name if there else name
        if (
            notebook.kernel in ({native} if there else {native, *OURS})
            or (there is None and (known or notebook.language not in PYTHON))
            or not native
            or _is_of_python_2(subject, notebook)
            or _installed(subject, said, notebook, ())
            or (
                _is_python_2(notebook)
                and not _version(subject).startswith("2.")
                and _broken_cell(subject, notebook)
            )
        ):
            continue
        place = place_of(subject.checkout, notebook.path, *KERNEL_NAME)
        if place is None or not (known or notebook.language or IS_PYTHON.match(notebook.kernel_title)):
            continue
        edit = Edit(file=notebook.path, start=place.start, end=place.end, text=f'"{native}"'.encode())
        opened = "" if notebook.language_named else ", and JupyterLab asks for a kernel"
        selected = there.language if there else title
        yield Finding(
            message=f"The kernel of the notebook is `{notebook.kernel}`; this image has `{native}`{opened}",
            file=notebook.path,
            line=place.line,
            hint=f"Select the kernel `{selected}` in Jupyter and save the notebook, or write `{native}` here",
            fix=Fix(title=f"Set the kernel of `{notebook.path}` to `{native}`", edits=(edit,)),
            targets=_unless_on_binder(subject, notebook.kernel),
        )


def _of_python_2(subject: Subject, said: str) -> Iterator[Finding]:
    """No fix: whether the notebook means the same in Python 3 is for a person to say."""
    for notebook in _asking(subject):
        if not _is_of_python_2(subject, notebook) or _installed(subject, said, notebook, ()):
            continue
        if not _broken_cell(subject, notebook):
            yield Finding(
                message=f"The notebook asks for the Python 2 kernel of Jupyter; the image only has Python {_version(subject)}",
                file=notebook.path,
                line=line_of_value(subject.checkout, notebook.path, *KERNEL_NAME),
                hint="Run it with the kernel `Python 3 (ipykernel)` and save it",
                targets=_unless_on_binder(subject, "python2"),
            )


def _unless_on_binder(subject: Subject, kernel: str) -> Targets | None:
    """Those of a kernel that r2i does not have, and perhaps Binder."""
    made = binder(subject)
    there = made is not None and any(one.name == kernel for one in made.kernels)
    return R2I_ONLY if there else None


def _is_of_python_2(subject: Subject, notebook: Notebook) -> bool:
    version = _version(subject)
    return notebook.kernel == "python2" and bool(version) and not version.startswith("2.")


def _python_2(subject: Subject) -> Iterator[Finding]:
    version = _version(subject)
    if not version or version.startswith("2."):
        return
    for notebook in subject.notebooks:
        named = _is_python_2(notebook)
        number = _broken_cell(subject, notebook) if named or is_of_python(notebook) else None
        if number is None:
            continue
        cell = notebook.cells[number - 1]
        written = (
            "The notebook is written for Python 2, and this cell is"
            if named
            else "The cell is written for Python 2, and is"
        )
        yield Finding(
            message=f"{written} not valid in Python {version}, which the image has",
            file=notebook.path,
            line=subject.line_of(notebook, cell),
            cell=number,
            hint="Rewrite the cells for Python 3 (`print(x)`, `range`, `input`), and run them",
            targets=_unless_on_binder(subject, "python2"),
        )


def _how(subject: Subject, kernel: Kernel) -> str:
    """How to install it beside what the files have."""
    from_debian = any(OF_DEBIAN & pack.packages for pack in subject.detections.packs)
    if kernel.debian and from_debian and subject.plan and packaged(subject.plan.base, kernel.debian):
        return f"Add `{kernel.debian}` to `{apt_txt(subject)}`"
    more = [f"`{kernel.apt}` to `{apt_txt(subject)}`"] if kernel.apt else []
    more += [f"`{kernel.post_build}` to `{subject.config_path('postBuild')}`"] if kernel.post_build else []
    environment, new = subject.environment, subject.config_path("environment.yml")
    if kernel.pip:
        place = where(subject)
        if environment and environment.buildpack == "conda":
            place = f"to the `pip:` list of `{environment.defined_by}`"
        first = f"Add `{kernel.pip}` {place}"
    elif not kernel.conda:
        return kernel.hint
    elif environment and environment.manager == "conda" and environment.defined_by:
        first = f"Add `{kernel.conda}` {where(subject)}"
    elif environment and environment.defined_by:
        first = f"Write `{new}` with `{kernel.conda}` and the requirements of `{environment.defined_by}`, which it replaces"
    else:
        first = f"Write `{new}` with `{kernel.conda}`"
    return ", and ".join([first, *more])


def _asking(subject: Subject) -> Iterator[Notebook]:
    """Notebooks with a kernel, where we know which ones the image has."""
    if subject.plan is None or subject.plan.dockerfile is not None or subject.opaque:
        return
    for notebook in subject.notebooks:
        if notebook.kernel:
            yield notebook


def _fitting(notebook: Notebook) -> tuple[Kernel, ...]:
    """Kernels that are not of every image and may run it: of the name, and of the language, whatever a machine calls them."""
    named = [one for one in kernels() if one.names.fullmatch(notebook.kernel)]
    language = named[0].language.lower() if named else notebook.language
    others = [one for one in kernels() if one.language.lower() == language and one not in named]
    return (*named, *(others if named or notebook.language not in PYTHON else ()))


def _installed(subject: Subject, said: str, notebook: Notebook, known: Iterable[Kernel]) -> bool:
    """Whether a file says something that sounds like it; `said` is what the configuration says."""
    words = [word for one in known for word in one.words]
    if _mentions(said, [notebook.kernel.lower(), *words, "nb_conda_kernels", "nb-conda-kernels"]):
        return True
    return any(path.endswith(f"{notebook.kernel}/kernel.json") for path in subject.files)


def _mentions(said: str, words: Iterable[str]) -> bool:
    return any(re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", said) for word in words)


def _configuration(subject: Subject) -> str:
    return "\n".join([_said(subject), *_planned(subject)]).lower()


def _said(subject: Subject) -> str:
    """The same, but for what r2i makes of it."""
    texts = [subject.text(path) for name in CONFIGURATION if (path := subject.config(name))]
    names = subject.environment.names if subject.environment else ()
    return "\n".join([*(text for text in texts if text), *names]).lower()


def _planned(subject: Subject) -> Iterator[str]:
    """A word for the kernel of each language that the image gets, as a file that asks for it would say."""
    environment = subject.environment
    if environment and environment.buildpack == "conda" and any(map(OF_CONDA_R, environment.names)):
        yield IR
    for language in subject.plan.languages if subject.plan else ():
        for one in kernels():
            if one.name == language.kernel or (not one.name and one.language == language.name):
                yield one.words[0]


def _version(subject: Subject) -> str:
    """Of the image's Python, empty where it is not known."""
    python = subject.plan.python if subject.plan and not subject.opaque else None
    return python.version if python else ""


def _is_python_2(notebook: Notebook) -> bool:
    return notebook.kernel == "python2" or (
        notebook.language == "python" and notebook.language_version.startswith("2.")
    )


def _broken_cell(subject: Subject, notebook: Notebook) -> int | None:
    """The first cell that Python 3 does not understand and Python 2 does, and not one with a gap to fill in."""
    named = _is_python_2(notebook)
    for cell, facts in subject.code_of.get(notebook.path, ()):
        broken = facts.broken if named else facts.not_python
        if broken is None or (not named and cell.fails_on_purpose):
            continue
        if broken.kind == "python2" or (named and OF_PYTHON_2.search(cell.source)):
            return cell.number
    return None


RULES = (
    Rule(
        code="N201",
        name="kernel-not-installed",
        severity="error",
        why="Without its kernel, no cell of the notebook runs.",
        find=_not_installed,
        varying=True,
    ),
    Rule(
        code="N202",
        name="kernel-name",
        severity="info",
        why="Programs that run notebooks look up the kernel by its name, which exists only on one machine.",
        find=_other_name,
        varying=True,
    ),
    Rule(
        code="N203",
        name="python-2",
        severity="error",
        why="The notebook uses Python 2 syntax, but the image has Python 3.",
        find=_python_2,
        varying=True,
    ),
)
