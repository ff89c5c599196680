"""What the rules look at: a checkout, what r2i plans for it, what git knows of it, and what its code says."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from r2i.check.code.notebooks import LARGEST, Cell, Notebook, Places, read_notebook
from r2i.check.code.python_code import Facts, facts_of_cell, facts_of_module
from r2i.check.code.text_notebooks import text_notebook
from r2i.check.declared import Declared, declared
from r2i.check.facts.answers import NOBODY, Online
from r2i.check.git_facts import GitFacts
from r2i.check.settings import COMMENT, CheckSettings
from r2i.checkout import Checkout
from r2i.errors import R2iError
from r2i.model import Detection, Options, Plan, PythonEnvironment, Source
from r2i.planning.compose import make_plan
from r2i.planning.detect import Detections, config_names, detect

T = TypeVar("T")

#: Directories that hold what somebody else wrote, or a program made: nothing of the repository.
FOREIGN = frozenset(
    {
        ".git",
        ".ipynb_checkpoints",
        ".venv",
        "venv",
        "node_modules",
        "__pycache__",
        ".tox",
        ".nox",
        ".mypy_cache",
        ".virtual_documents",  # what a language server is shown of notebooks
        "_build",  # what Jupyter Book and Sphinx make
        "_sources",
        "site-packages",
    }
)

#: Modules larger than this are data, or generated, in bytes.
LARGEST_MODULE = 300_000


@dataclass(frozen=True)
class Subject:
    """Everything is read when it is asked for, and once. `git` is None outside of a work tree, and `online` what package
    indexes said, where they were asked."""

    checkout: Checkout
    options: Options = field(default_factory=Options)
    git: GitFacts | None = None
    settings: CheckSettings = field(default_factory=CheckSettings)
    source: Source | None = None
    online: Online = NOBODY

    @cached_property
    def files(self) -> dict[str, int]:
        """Sizes in bytes of all regular files by path, without what git ignores or the settings exclude."""
        return {
            path: entry.stat(follow_symlinks=False).st_size
            for path, entry in self.checkout.walk(self._left_out)
            if entry.is_file(follow_symlinks=False)
        }

    @cached_property
    def tracked(self) -> dict[str, int]:
        """Those of the files that a clone has, too."""
        return {
            path: size for path, size in self.files.items() if not self.git or path not in self.git.untracked
        }

    @cached_property
    def detections(self) -> Detections:
        return detect(self.checkout, self.options)

    @cached_property
    def planned(self) -> Plan | R2iError:
        """The plan, or why there is none."""
        try:
            return make_plan(self.checkout, self.options, source=self.source, detections=self.detections)
        except R2iError as error:
            return error

    @cached_property
    def declared_above(self) -> tuple[str, ...]:
        """The configuration at the top of the repository, where the directory has none of its own and nobody chose it by
        `--subdir`: an image is then made of the whole, and what is in it cannot be known from here."""
        if self.git is None or self.checkout.root != self.checkout.boundary:
            return ()
        return () if any(map(self.config, config_names())) else self.git.above

    @property
    def plan(self) -> Plan | None:
        """None where there is none, or it would not be that of the repository."""
        return self.planned if isinstance(self.planned, Plan) and not self.declared_above else None

    @property
    def detected(self) -> Detection | None:
        """What the files of the environment say, though others may be wrong; None where these are, or it has a `Dockerfile`."""
        return None if self.declared_above else self.detections.environment

    @property
    def environment(self) -> PythonEnvironment | None:
        """What they say of the Python environment; None also where only its build tells what is in it."""
        return None if self.detected is None or self.opaque else self.detected.environment

    @property
    def opaque(self) -> str | None:
        """The file that defines an environment of which nobody knows the packages and the kernels before it is built."""
        environment = self.detected.environment if self.detected else None
        return environment.defined_by if environment and environment.opaque else None

    @cached_property
    def declared(self) -> tuple[Declared, ...]:
        """The requirements of that environment as they stand in the files; nothing of a lock."""
        wrong = self.planned.file if isinstance(self.planned, R2iError) else None
        return declared(self.checkout, self.options, self.environment, wrong=wrong)

    @cached_property
    def notebooks(self) -> tuple[Notebook, ...]:
        """Without their outputs, so that hundreds fit into memory."""
        return tuple(
            read_notebook(self.checkout, path, size)
            for path, size in self.files.items()
            if path.endswith(".ipynb")
        )

    @cached_property
    def text_notebooks(self) -> tuple[Notebook, ...]:
        """Those that are texts, without copies of other notebooks; r2i reads them and does not run them."""
        known = {posixpath.basename(notebook.path).removesuffix(".ipynb") for notebook in self.notebooks}
        texts = (
            text_notebook(self.checkout, path, size)
            for path, size in self.files.items()
            if posixpath.splitext(posixpath.basename(path))[0] not in known
        )
        return tuple(notebook for notebook in texts if notebook is not None)

    @cached_property
    def code(self) -> tuple[tuple[Notebook, Cell, Facts], ...]:
        """All code cells of notebooks in Python, or in no language that they name, and what they say."""
        return tuple(
            (notebook, cell, facts_of_cell(cell.source))
            for notebook in (*self.notebooks, *self.text_notebooks)
            if notebook.language in ("", "python")
            for cell in notebook.code
        )

    @cached_property
    def code_of(self) -> dict[str, list[tuple[Cell, Facts]]]:
        """The same by the path of the notebook."""
        found: dict[str, list[tuple[Cell, Facts]]] = {}
        for notebook, cell, facts in self.code:
            found.setdefault(notebook.path, []).append((cell, facts))
        return found

    @cached_property
    def modules(self) -> dict[str, Facts]:
        """What the Python files say, by path."""
        found = {}
        for path, size in self.files.items():
            if path.endswith(".py") and size <= LARGEST_MODULE:
                try:
                    # Most files of a package may be an empty `__init__.py`.
                    found[path] = facts_of_module(self.checkout.read(path)) if size else Facts()
                except R2iError:
                    found[path] = Facts()
        return found

    def once(self, function: Callable[[Subject], T]) -> T:
        """What follows from the subject, for all who ask for it."""
        if function not in self._known:
            self._known[function] = function(self)
        known: T = self._known[function]
        return known

    @cached_property
    def config_dir(self) -> str:
        """As in `Checkout`; where there are two, the one that Binder takes."""
        try:
            return self.checkout.config_dir
        except R2iError:
            return "binder"

    def config_path(self, name: str) -> str:
        """Where a configuration file has to lie to count."""
        return f"{self.config_dir}/{name}" if self.config_dir else name

    def config(self, name: str) -> str | None:
        """The path of a configuration file that counts, or of a link to it; None where there is none."""
        path = self.config_path(name)
        return path if path in self.files or (self.checkout.root / path).is_symlink() else None

    def text(self, path: str) -> str | None:
        """What a file says, with line ends as `\\n`; None where it is no text that r2i would read."""
        try:
            return self.checkout.read(path)
        except R2iError:
            return None

    def line_of(self, notebook: Notebook, cell: Cell, line: int = 1) -> int:
        """Where a line of a cell, counted from 1, stands in the notebook's file."""
        if cell.first_line is not None:
            return cell.first_line + line - 1
        if notebook.path not in self._places:
            self._places[notebook.path] = Places(self.checkout, notebook.path)
        return self._places[notebook.path].line(cell.number, line)

    def is_ignored(self, code: str, file: str | None, line: int | None) -> bool:
        """Whether the repository does not want to hear this, by its settings or a comment in that line."""
        return self.settings.ignores(code, file, self._line(file, line) if file and line else "")

    def said_at_once(self, code: str, some: Iterable[Declared]) -> Iterator[list[Declared]]:
        """What goes into one finding: all of them, but for those that a comment keeps from being reported."""
        together = []
        for one in some:
            if self.is_ignored(code, one.file, one.line):
                yield [one]
            else:
                together.append(one)
        if together:
            yield together

    def _line(self, file: str, line: int) -> str:
        if file not in self._lines:
            try:
                text = self.checkout.read_bytes(file, limit=LARGEST).decode(errors="replace")
            except R2iError:
                text = ""
            # Of files without such a comment no line is kept: they may be large, and many.
            self._lines[file] = text.split("\n") if COMMENT.search(text) else []
        lines = self._lines[file]
        return lines[line - 1] if line <= len(lines) else ""

    @cached_property
    def _known(self) -> dict[Callable[[Subject], Any], Any]:
        return {}

    @cached_property
    def _lines(self) -> dict[str, list[str]]:
        return {}

    @cached_property
    def _places(self) -> dict[str, Places]:
        return {}

    def _left_out(self, path: str, is_dir: bool) -> bool:  # noqa: FBT001 - called by `Checkout.walk`
        if is_dir and path.rpartition("/")[2] in FOREIGN:
            return True
        if self.git is not None and (path in self.git.ignored or f"{path}/" in self.git.ignored):
            return True
        return self.settings.excludes(path)
