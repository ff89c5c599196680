"""F104 and F105: files with packages or settings that do not count, because others do."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache

from r2i.check.facts.provided import of_pypi
from r2i.check.findings import Finding, Rule
from r2i.check.imports import ELSEWHERE, all_imports, is_imported, out_of_reach
from r2i.check.on_binder import is_read
from r2i.check.requirement_edits import added
from r2i.check.rules.imports import BY_HABIT
from r2i.check.script_installs import brought_by_scripts
from r2i.check.scripts import scripts
from r2i.check.subject import Subject
from r2i.check.targets import R2I_ONLY
from r2i.check.unheard import OF_ENVIRONMENT, asked_for, config_in
from r2i.check.wording import named
from r2i.errors import R2iError
from r2i.facts.server_parts import is_server_part
from r2i.facts.tables import read_table
from r2i.formats.projects.reading import read_project
from r2i.formats.requirements.local import PROJECT_FILES
from r2i.formats.requirements.specifiers import normalised
from r2i.model import Evidence, Ignored, Notice, PythonEnvironment
from r2i.planning.detect import config_names, hidden

#: What is written for Binder, or for a person who reads about it. Other files have a life of their own: a package's
#: `pyproject.toml`, the `Dockerfile` of a deployment.
FOR_BINDER = (*OF_ENVIRONMENT, "apt.txt", "runtime.txt", "postBuild", "start", "install.R")

#: Packages that the images of Binder and r2i have in any case.
IN_EVERY_IMAGE = ("ca-certificates", "curl", "git", "less", "unzip")

#: How a script or a list installs the package of the repository.
OWN_PACKAGE = re.compile(
    r"(?:pip3? install[^\n;&|]*|^[ \t-]*(?:-e|--editable)?)[ \t](?:\.{1,2}/?|file:\.)(?:\[[\w,-]+\])?(?=[ \t]*(?:$|[;&|#]))",
    re.MULTILINE,
)


def _hidden_by_directory(subject: Subject) -> Iterator[Finding]:
    directory = subject.config_dir
    if not directory or not any(map(subject.config, config_names())) or subject.config("Dockerfile"):
        return
    said = "\n".join(
        subject.text(path) or "" for path in subject.files if posixpath.dirname(path) == directory
    )
    for entry in hidden_entries(subject):
        if entry.file not in FOR_BINDER or _is_named(entry.file, said, directory):
            continue
        hint = f"Add it to the configuration in `{directory}/`, or delete this file"
        if entry.file in OF_ENVIRONMENT:
            if subject.once(_published_instead) or _is_of_package(subject, entry.file, said):
                continue
            asked = asked_for(config_in(subject, ""), entry.file, subject.options)
            yield from _unheard(subject, entry.file, asked, hint)
        elif _says_more(subject, entry.file):
            own = subject.config(entry.file)
            instead = f"where `{own}` differs" if own else "which has no such file"
            yield Finding(
                message=f"`{entry.file}` has no effect: Binder only reads `{directory}/`, {instead}",
                file=entry.file,
                hint=hint,
                severity="info" if entry.file == "runtime.txt" else None,  # a version is chosen in any case
            )


def hidden_entries(subject: Subject) -> tuple[Ignored, ...]:
    try:
        return tuple(entry for entry in hidden(subject.checkout) if entry.file in subject.files)
    except R2iError:  # two directories
        return ()


def _is_named(file: str, text: str, directory: str) -> bool:
    """Whether a configuration takes the file into account, and does not speak of its own one."""
    own = re.escape(f"{directory}/")
    return re.search(rf"(?<![\w-])(?<!{own}){re.escape(file)}\b", text) is not None


def _is_of_package(subject: Subject, file: str, said: str) -> bool:
    """Whether the repository's own package reads the file, and the configuration installs that."""
    reads = any(file in (subject.text(name) or "") for name in PROJECT_FILES)
    return reads and OWN_PACKAGE.search(said) is not None


def _unheard(subject: Subject, file: str, asked: Mapping[str, Evidence], hint: str) -> Iterator[Finding]:
    """What a file asks for, and the environment does not, by whatever name conda has for it.

    Tools of developers that no code here imports are left out: who runs the notebooks does without.
    """
    environment = subject.environment
    if environment is None:
        return
    brought = _brought_by_package(subject, environment)
    if brought is None:
        return
    heard = (
        {of_pypi(name) for name in environment.names} | brought | {*subject.once(brought_by_scripts).names}
    )
    imports = frozenset(all_imports(subject))
    missing = [
        name
        for name in asked
        if of_pypi(name) not in heard
        and not is_server_part(of_pypi(name))
        and name not in BY_HABIT
        and (name not in _for_developers() or is_imported(name, imports))
    ]
    if missing:
        by = f"`{environment.defined_by}`" if environment.defined_by else f"`{subject.config_dir}/`"
        yield Finding(
            message=f"{named(missing)} {'is' if len(missing) == 1 else 'are'} required here, but only {by} counts, and lacks"
            f" {'it' if len(missing) == 1 else 'them'}",
            file=file,
            line=asked[missing[0]].line,
            hint=hint,
            severity="info",  # D301 says what the imports lack
        )


@cache
def _for_developers() -> frozenset[str]:
    return frozenset(read_table("r2i.check.facts", "developers.toml")["names"])


def _brought_by_package(subject: Subject, environment: PythonEnvironment) -> set[str] | None:
    """What the repository's own package asks for, where it is installed; None where only its code can tell."""
    if not environment.install.local:
        return set()
    from r2i.formats.projects.project import distribution
    from r2i.formats.projects.reading import read_project

    try:
        project = read_project(subject.checkout)
    except R2iError:
        return None
    if project is None or project[0].dependencies is None:
        return None
    return {name for line in project[0].dependencies if (name := distribution(line))}


def _says_more(subject: Subject, file: str) -> bool:
    """Whether the file of the root says something that the one in the directory does not."""
    here = (subject.text(file) or "").split()
    own = subject.config(file)
    there = (subject.text(own) or "").split() if own else []
    if file == "apt.txt":
        return not {*here} <= {*there, *IN_EVERY_IMAGE}
    return bool(here) and here != there


def _hidden_by_stronger_file(subject: Subject) -> Iterator[Finding]:
    hint = "Add it to the file that counts, or delete this one"
    for notice in plan_warnings(subject, of_ignored=True):
        file = notice.file or ""
        asked = asked_for(subject.checkout, file, subject.options)
        if file in PROJECT_FILES and subject.once(_published_instead):
            continue
        found: Iterable[Finding] = [
            Finding(message=notice.message, file=file, line=notice.line, hint=hint, severity="info")
        ]
        if notice.line in {evidence.line for evidence in asked.values()}:
            found = _unheard(subject, file, asked, hint)
        elif "`-e .`" in notice.message:
            found = _package_not_installed(subject, notice)
        # Beside R and Julia, and beside a lock, Binder reads files that r2i does not.
        targets = R2I_ONLY if is_read(subject, file) else None
        yield from (replace(one, targets=targets) for one in found)


def _published_instead(subject: Subject) -> bool:
    """Whether the environment has the repository's own package from an index, with what it depends on."""
    try:
        found = read_project(subject.checkout)
    except R2iError:
        return False  # what is not used need not be right
    name = found[0].name if found else None
    return bool(name and subject.environment and normalised(name) in subject.environment.names)


def _package_not_installed(subject: Subject, notice: Notice) -> Iterator[Finding]:
    """Nobody minds where no notebook imports it, or finds it beside itself."""
    notebook, package = next(out_of_reach(subject), (None, ""))
    environment = subject.environment
    if (
        notebook is None
        or environment is None
        or any(
            OWN_PACKAGE.search(script.text)
            or package in script.text
            or any(word in script.text for word in ELSEWHERE)
            for script in subject.once(scripts)
        )
    ):
        return
    where = "the `pip:` list of " if environment.buildpack == "conda" else ""
    hint, fix = f"Add `-e .` to {where}`{environment.defined_by}`", None
    if any("requirements.txt" in (subject.text(name) or "") for name in PROJECT_FILES):
        hint = "Add `pip install --no-deps -e .` to `postBuild`"  # the package reads the file itself
    elif environment.buildpack == "requirements":
        fix = added(subject, "-e .")
    message = f"{notice.message}; `{notebook.path}` imports `{package}`"
    yield Finding(message=message, file=notice.file, hint=hint, fix=fix)


def plan_warnings(subject: Subject, *, of_ignored: bool) -> Iterator[Notice]:
    """Those that are about files which do not count, or all others; of the environment alone where nothing can be planned."""
    said = subject.plan or subject.detected
    if said is not None:
        ignored = {entry.file for entry in said.ignored}
        for notice in said.notices:
            if notice.level == "warning" and (notice.file in ignored) == of_ignored:
                yield notice


RULES = (
    Rule(
        code="F104",
        name="hidden-by-config-directory",
        severity="warning",
        why="If a `binder` directory exists, files beside it have no effect, and the build does not say so.",
        find=_hidden_by_directory,
    ),
    Rule(
        code="F105",
        name="hidden-by-stronger-file",
        severity="warning",
        why="Only one file defines the environment; packages that only other files require are not installed.",
        find=_hidden_by_stronger_file,
        varying=True,
    ),
)
