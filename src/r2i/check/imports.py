"""What the notebooks of a repository import from outside of it, themselves and through its own modules."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from r2i.check.code.notebooks import Cell, Notebook
from r2i.check.code.python_code import Facts, Import
from r2i.check.facts.notebook_tables import services
from r2i.check.facts.provided import STANDARD, modules_of
from r2i.check.findings import Finding
from r2i.check.jupyterlite import is_of_website
from r2i.check.subject import Subject
from r2i.edits.fixes import Fix
from r2i.formats.imports import DEVELOPERS_FILE

#: Modules in these have the names that a build gives them.
COMPILED = (".pyx", ".f90", ".c", ".cc", ".cpp", ".rs")
CODE = (".py", ".pyi", ".so", ".pyd", ".ipynb", *COMPILED)

#: Modules at the top that no reader of the repository runs.
FOR_DEVELOPERS = re.compile(rf"{DEVELOPERS_FILE}|(?:jupyter|nbgrader)[^/]*_config\.py")

#: How code makes modules importable that lie where nobody looks for them.
ELSEWHERE = (
    *("sys.path", "addsitedir", "PYTHONPATH", "importlib", "import_ipynb"),
    *("git clone", "wget ", "curl ", "gdown "),
)
#: How code fetches one.
FETCHING = ("urlretrieve", "urlopen", "requests.get")
#: How a notebook leaves its directory.
MOVING = ("chdir", "%cd", "cd ..")

#: Packages and modules, as `setup.py` lies beside them.
AT_THE_TOP = re.compile(r"(?:src/)?(\w+)(?:/__init__)?\.py")


@dataclass(frozen=True, kw_only=True)
class Use:
    """An import of a module from outside, as it is known by: dotted, with what is imported from it (`google.cloud.storage`).

    `by` is what imports it in the place of the code, in words, and `library` the distribution of that; both are empty where
    the code does so itself. `functions` are those that have to be called for it.
    """

    module: str
    path: str
    line: int
    notebook: Notebook | None = None
    cell: Cell | None = None
    by: str = ""
    library: str = ""
    functions: tuple[str, ...] = ()

    @property
    def why(self) -> str:
        return f"{self.by} needs `{self.module}`" if self.by else f"imports `{self.module}`"


def line_of(subject: Subject, use: Use) -> int | None:
    """The line of its file, which in a notebook is another one than that of its cell."""
    return subject.line_of(use.notebook, use.cell, use.line) if use.notebook and use.cell else use.line


def found_at(subject: Subject, use: Use, *, message: str, hint: str, fix: Fix | None = None) -> Finding:
    return Finding(
        message=message,
        file=use.path,
        line=line_of(subject, use),
        cell=use.cell.number if use.cell else None,
        hint=hint,
        fix=fix,
    )


@dataclass(frozen=True)
class Uses:
    """The imports that a run needs, all code that it runs, the modules of the repository among that, and what the repository
    itself may be imported as. `standard` are imports of the standard library."""

    needed: tuple[Use, ...]
    standard: tuple[Use, ...]
    sources: tuple[str, ...]
    modules: frozenset[str]
    own: frozenset[str]

    @cached_property
    def elsewhere(self) -> bool:
        """Whether modules may come from where no table tells."""
        return any(word in source for source in self.sources for word in ELSEWHERE)

    def uncalled(self, use: Use) -> str:
        """The function around a use whose name stands nowhere but in its definition; empty where there is none."""
        return next((name for name in use.functions if not self._is_mentioned(name)), "")

    def _is_mentioned(self, name: str) -> bool:
        word = re.compile(rf"(?<!def )\b{re.escape(name)}\b")
        return any(word.search(source) for source in self.sources if name in source)


def uses(subject: Subject) -> Uses:
    """Of all notebooks and of the modules that they import, or, without notebooks, of the scripts at the top."""
    own = own_modules(subject)
    needed: list[Use] = []
    standard: list[Use] = []
    pending: list[str] = []
    sources: list[str] = []
    for notebook, cell, facts in subject.code:
        sources.append(cell.source)
        for one in facts.imports if facts.imports and not is_of_website(subject, notebook) else ():
            pending += _files(one, own)
            if use := _use(one, own):
                found = needed if use.partition(".")[0] not in STANDARD else standard
                around = facts.functions_at(one.line)
                found.append(
                    Use(
                        module=use,
                        path=notebook.path,
                        line=one.line,
                        notebook=notebook,
                        cell=cell,
                        functions=around,
                    )
                )
    if not subject.notebooks and not subject.code:
        pending = [p for p in subject.modules if "/" not in p and not FOR_DEVELOPERS.fullmatch(p)]
    reached: set[str] = set()
    while pending:
        path = pending.pop()
        if path in reached:
            continue
        reached.add(path)
        sources.append(subject.text(path) or "")
        facts = subject.modules[path]
        for one in facts.imports:
            pending += _files(one, own)
            if use := _use(one, own):
                found = needed if use.partition(".")[0] not in STANDARD else standard
                around = facts.functions_at(one.line)
                found.append(Use(module=use, path=path, line=one.line, functions=around))
    return Uses(tuple(needed), tuple(standard), tuple(sources), frozenset(reached), frozenset(own))


def all_imports(subject: Subject) -> Iterator[str]:
    """Whatever any code here imports, be it optional, a test or never reached."""
    facts: Iterable[Facts] = [*(facts for _, _, facts in subject.code), *subject.modules.values()]
    for one in facts:
        for found in one.imports:
            if found.level == 0:
                yield found.module
                yield from (f"{found.module}.{name}" for name in found.names)


def is_imported(name: str, imports: Collection[str]) -> bool:
    """Whether a distribution may be what one of these imports is of; its modules have to be known."""
    return any(
        one == module or one.startswith(f"{module}.") or module.startswith(f"{one}.")
        for module in modules_of(name)
        for one in imports
    )


def out_of_reach(subject: Subject) -> Iterator[tuple[Notebook, str]]:
    """Packages at the top of the repository, or in `src`, that a notebook imports and does not find unless they are installed."""
    packages = {match[1] for path in subject.files if (match := AT_THE_TOP.fullmatch(path))}
    for notebook in subject.notebooks if packages else ():
        cells = subject.code_of.get(notebook.path, ())
        if any(word in cell.source for cell, _ in cells for word in (*ELSEWHERE, *FETCHING, *MOVING)):
            continue
        directory = posixpath.dirname(notebook.path)
        for one in (one for _, facts in cells for one in facts.imports if not (one.level or one.optional)):
            top = one.module.partition(".")[0]
            beside = (posixpath.join(directory, top, "__init__.py"), posixpath.join(directory, f"{top}.py"))
            if top in packages and subject.files.keys().isdisjoint(beside):
                yield notebook, top


def own_modules(subject: Subject) -> dict[str, list[str]]:
    """What the repository itself may be imported as: names of files and directories with code, with its Python files."""
    own: dict[str, list[str]] = {}
    for path in subject.files:
        directory, _, file = path.rpartition("/")
        stem, dot, _ = file.partition(".")
        if not dot or not file.endswith(CODE):
            continue
        python = [path] if path in subject.modules else []
        for name in directory.split("/"):
            own.setdefault(name, [])
        own.setdefault(stem if stem != "__init__" else directory.rpartition("/")[2], []).extend(python)
    for path in subject.git.submodules if subject.git else ():
        own.setdefault(path.rpartition("/")[2], [])
    for _, cell, _ in subject.code:
        if "%%writefile" in cell.source or "%%file" in cell.source:
            for name in re.findall(r"^\s*%%(?:write)?file\s+(?:-a\s+)?(?:\S*/)?(\w+)\.py", cell.source):
                own.setdefault(name, [])
    return own


def _use(one: Import, own: dict[str, list[str]]) -> str | None:
    top = one.module.partition(".")[0]
    if any(f"{one.module}.".startswith(f"{module}.") for module in services()):
        return None  # a finding of its own
    if one.optional or one.level or not top or top in own or top.startswith("_"):
        return None
    # A name that is imported may be a module of a namespace: `from google.cloud import storage`.
    return f"{one.module}.{one.names[0]}" if len(one.names) == 1 and one.names != ("*",) else one.module


def _files(one: Import, own: dict[str, list[str]]) -> Iterator[str]:
    """The repository's files that an import may run."""
    parts = one.module.split(".") if one.module else []
    if one.level or (parts and parts[0] in own):
        for name in (*parts, *one.names):
            yield from own.get(name, ())
