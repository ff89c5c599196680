"""F1: which files count, and whether r2i and Binder can read them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache

from r2i.buildpacks import ENVIRONMENTS
from r2i.check.findings import Finding, Rule
from r2i.check.imports import all_imports, is_imported, out_of_reach
from r2i.check.provided import of_pypi
from r2i.check.requirement_edits import added
from r2i.check.subject import Subject
from r2i.check.unheard import OF_ENVIRONMENT, config_in
from r2i.check.wording import named
from r2i.checkout import CONFIG_DIRECTORIES, Checkout
from r2i.errors import R2iError
from r2i.model import Evidence, Ignored, Notice, Options, PythonEnvironment
from r2i.planner import config_names, hidden, problems
from r2i.requirements.local import PROJECT_FILES
from r2i.tables import read_table

#: What is written for Binder, or for a person who reads about it. Other files have a life of their own: a package's
#: `pyproject.toml`, the `Dockerfile` of a deployment.
FOR_BINDER = (*OF_ENVIRONMENT, "apt.txt", "runtime.txt", "postBuild", "start", "install.R")


def _cannot_be_planned(subject: Subject) -> Iterator[Finding]:
    first = subject.planned
    if isinstance(first, R2iError):
        others = problems(subject.checkout, subject.options) if first.file else ()
        for error in (first, *others):
            yield Finding(message=error.message, file=error.file, line=error.line, hint=error.hint)


def _two_directories(subject: Subject) -> Iterator[Finding]:
    if all(map(subject.checkout.is_dir, CONFIG_DIRECTORIES)):
        yield Finding(
            message="The repository has both a `binder` and a `.binder` directory: Binder builds neither",
            file=".binder",
            hint="Keep one of the two",
        )


def _empty_directory(subject: Subject) -> Iterator[Finding]:
    if not subject.config_dir or any(map(subject.config, config_names())):
        return
    files = _counting_in_root(subject)
    if files:
        yield Finding(
            message=f"`{subject.config_dir}/` holds no configuration, but hides what is beside it: {named(files)}",
            file=files[0],
            hint=f"Move the configuration into `{subject.config_dir}/`, or give that directory another name",
        )


def _counting_in_root(subject: Subject) -> list[str]:
    """What would count without the directory."""
    root = config_in(subject, "")
    declaring = {name for name in config_names() if _asked_for(root, name, subject.options)}
    return [
        entry.file
        for entry in _hidden(subject)
        if entry.file in declaring or (entry.file in FOR_BINDER and entry.file not in OF_ENVIRONMENT)
    ]


def _hidden_by_directory(subject: Subject) -> Iterator[Finding]:
    directory = subject.config_dir
    if not directory or not any(map(subject.config, config_names())) or subject.config("Dockerfile"):
        return
    said = "\n".join(
        subject.text(path) or "" for path in subject.files if posixpath.dirname(path) == directory
    )
    for entry in _hidden(subject):
        if entry.file not in FOR_BINDER or _is_named(entry.file, said, directory):
            continue
        hint = f"Say it in `{directory}/`, too, or delete the file"
        if entry.file in OF_ENVIRONMENT:
            asked = _asked_for(config_in(subject, ""), entry.file, subject.options)
            yield from _unheard(subject, entry.file, asked, hint)
        elif _says_more(subject, entry.file):
            own = subject.config(entry.file)
            instead = f"and `{own}` says something else" if own else "and has none"
            yield Finding(
                message=f"`{entry.file}` has no effect: only `{directory}/` is looked at, {instead}",
                file=entry.file,
                hint=hint,
            )


def _hidden(subject: Subject) -> tuple[Ignored, ...]:
    try:
        return tuple(entry for entry in hidden(subject.checkout) if entry.file in subject.files)
    except R2iError:  # two directories
        return ()


def _is_named(file: str, text: str, directory: str) -> bool:
    """Whether a configuration takes the file into account, and does not speak of its own one."""
    own = re.escape(f"{directory}/")
    return re.search(rf"(?<![\w-])(?<!{own}){re.escape(file)}\b", text) is not None


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
    heard = {of_pypi(name) for name in environment.names} | brought
    imports = frozenset(all_imports(subject))
    missing = [
        name
        for name in asked
        if of_pypi(name) not in heard and (name not in _for_developers() or is_imported(name, imports))
    ]
    if missing:
        by = f"`{environment.defined_by}`" if environment.defined_by else f"`{subject.config_dir}/`"
        yield Finding(
            message=f"{named(missing)}: asked for here, but {by} decides and does not name"
            f" {'it' if len(missing) == 1 else 'them'}",
            file=file,
            line=asked[missing[0]].line,
            hint=hint,
        )


@cache
def _for_developers() -> frozenset[str]:
    return frozenset(read_table("r2i.check.rules", "developers.toml")["names"])


def _brought_by_package(subject: Subject, environment: PythonEnvironment) -> set[str] | None:
    """What the repository's own package asks for, where it is installed; None where only its code can tell."""
    if not environment.local:
        return set()
    from r2i.projects.project import distribution
    from r2i.projects.reading import read_project

    try:
        project = read_project(subject.checkout)
    except R2iError:
        return None
    if project is None or project[0].dependencies is None:
        return None
    return {name for line in project[0].dependencies if (name := distribution(line))}


def _asked_for(checkout: Checkout, path: str, options: Options) -> Mapping[str, Evidence]:
    """What a file asks for if it defines the environment: nothing where another file of its kind does."""
    for pack in ENVIRONMENTS:
        if posixpath.basename(path) in pack.files:
            try:
                found = pack.detect(checkout, options)
            except R2iError:
                continue  # what is not used need not be right
            if found and found.environment and found.environment.defined_by == path:
                return found.environment.names
    return {}


def _says_more(subject: Subject, file: str) -> bool:
    """Whether the file of the root says something that the one in the directory does not."""
    here = (subject.text(file) or "").split()
    own = subject.config(file)
    there = (subject.text(own) or "").split() if own else []
    return bool(set(here) - set(there)) if file == "apt.txt" else bool(here) and here != there


def _hidden_by_stronger_file(subject: Subject) -> Iterator[Finding]:
    hint = "Say it in the file that decides, too, or delete this one"
    for notice in _warnings(subject, of_ignored=True):
        file = notice.file or ""
        asked = _asked_for(subject.checkout, file, subject.options)
        if notice.line in {evidence.line for evidence in asked.values()}:
            yield from _unheard(subject, file, asked, hint)
        elif "`-e .`" in notice.message:
            yield from _package_not_installed(subject, notice)
        else:
            yield Finding(message=notice.message, file=file, line=notice.line, hint=hint)


def _package_not_installed(subject: Subject, notice: Notice) -> Iterator[Finding]:
    """Nobody minds where no notebook imports it, or finds it beside itself."""
    notebook, package = next(out_of_reach(subject), (None, ""))
    environment = subject.environment
    if notebook is None or environment is None:
        return
    hint, fix = f"Ask for `-e .` in `{environment.defined_by}`", None
    if any("requirements.txt" in (subject.text(name) or "") for name in PROJECT_FILES):
        hint = "Say `pip install --no-deps -e .` in `postBuild`"  # the package reads the file itself
    elif environment.buildpack == "requirements":
        fix = added(subject, "-e .")
    message = f"{notice.message}; `{notebook.path}` imports `{package}`"
    yield Finding(message=message, file=notice.file, hint=hint, fix=fix)


def _warnings(subject: Subject, *, of_ignored: bool) -> Iterator[Notice]:
    """Those that are about files which do not count, or all others; of the environment alone where nothing can be planned."""
    said = subject.plan or subject.detected
    if said is not None:
        ignored = {entry.file for entry in said.ignored}
        for notice in said.notices:
            if notice.level == "warning" and (notice.file in ignored) == of_ignored:
                yield notice


def _hidden_by_dockerfile(subject: Subject) -> Iterator[Finding]:
    dockerfile = subject.config("Dockerfile")
    words = (subject.text(dockerfile) or "").replace("/", " ").replace(",", " ").split() if dockerfile else ()
    for name in FOR_BINDER:
        path = subject.config(name)
        if not dockerfile or path is None:
            continue
        if not any(fnmatchcase(name, word.strip("\"'[];")) for word in words if word.strip("*\"'[],;.")):
            yield Finding(
                message=f"`{path}` has no effect: `{dockerfile}` describes the whole image, and does not name it",
                file=path,
                hint=f"Use it in `{dockerfile}`, or delete one of the two",
            )


def _below_the_top(subject: Subject) -> Iterator[Finding]:
    if subject.declared_above and subject.git is not None:
        here = subject.git.prefix.rstrip("/")
        top = posixpath.relpath(".", here)
        files = [f"{top}/{file}" for file in subject.declared_above]
        yield Finding(
            message=f"The top of the repository is `{top}`: what Binder installs is said in {named(files)},"
            " and not looked at from here",
            hint=f"Run `r2i check {top}` in `{here}`",
        )


def _warned_of(subject: Subject) -> Iterator[Finding]:
    for notice in _warnings(subject, of_ignored=False):
        sentence = notice.message[:1].upper() + notice.message[1:]
        yield Finding(message=sentence, file=notice.file, line=notice.line)


RULES = (
    Rule(
        code="F101",
        name="cannot-be-planned",
        severity="error",
        why="r2i refuses to build it, and Binder most likely fails.",
        find=_cannot_be_planned,
        general=True,
    ),
    Rule(
        code="F102",
        name="two-config-directories",
        severity="error",
        why="Binder refuses a repository with both, as nothing says which one counts.",
        find=_two_directories,
    ),
    Rule(
        code="F103",
        name="empty-config-directory",
        severity="error",
        why="A `binder` directory hides the configuration beside it, also where it holds none itself.",
        find=_empty_directory,
    ),
    Rule(
        code="F104",
        name="hidden-by-config-directory",
        severity="warning",
        why="Where there is a `binder` directory, nothing beside it counts, and nobody says so in the build.",
        find=_hidden_by_directory,
    ),
    Rule(
        code="F105",
        name="hidden-by-stronger-file",
        severity="warning",
        why="One file defines the environment; what only the others ask for is not installed.",
        find=_hidden_by_stronger_file,
    ),
    Rule(
        code="F106",
        name="hidden-by-dockerfile",
        severity="warning",
        why="Where there is a `Dockerfile`, it alone makes the image.",
        find=_hidden_by_dockerfile,
    ),
    Rule(
        code="F107",
        name="plan-warning",
        severity="warning",
        why="r2i builds it, and warns of something that may surprise.",
        find=_warned_of,
        general=True,
    ),
    Rule(
        code="F108",
        name="below-the-top",
        severity="warning",
        why="Binder builds a repository as a whole, and looks for its configuration at the top.",
        find=_below_the_top,
    ),
)
