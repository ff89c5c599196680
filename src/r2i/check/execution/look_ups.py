"""What the causes of a notebook's failure (`diagnosis/notebooks.toml`) ask about the repository. All pure."""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property

from r2i.check.apt_txt import not_listed
from r2i.check.code.pointers import pointer_of
from r2i.check.code.python_code import Facts, facts_of_cell
from r2i.check.facts.distributions import closure
from r2i.check.facts.provided import STANDARD, modules_of, of_conda, of_pypi, providers
from r2i.check.facts.standard import kept_apart
from r2i.check.optional_uses import distributions_of, table
from r2i.check.subject import Subject
from r2i.check.wording import from_notebook
from r2i.diagnosis.rules import LookUp, by_name
from r2i.errors import R2iError
from r2i.formats.requirements.specifiers import normalised

#: Where a path leads on the machine that it is of.
MACHINES = (
    (re.compile(r"/Users/|~?/Users/"), "the Mac of its author"),
    (re.compile(r"[A-Za-z]:[\\/]|\\\\"), "a Windows machine"),
    (re.compile(r"/content/|/drive/|/gdrive/"), "Google Colab"),
    (re.compile(r"/kaggle/|(?:\.\./)+input/"), "Kaggle"),
    (re.compile(r"/dbfs/|dbfs:"), "Databricks"),
    (re.compile(r"/home/|~"), "the machine of its author"),
    (re.compile(r"/(?!(?:proc|sys|dev|run|tmp)/)"), "another machine"),
)

#: Calls that make files, by the last part of their name.
WRITERS = re.compile(
    r"(?:^|\.)(?:to_(?:csv|parquet|pickle|excel|json|hdf|netcdf|feather|zarr|file|html|latex|stata)|savefig|save|savez"
    r"|savez_compressed|savetxt|savemat|dump|imsave|imwrite|write_csv|write_parquet|write_image|write_html|write_text"
    r"|write_bytes|write|mkdir|makedirs|urlretrieve|to_disk|save_weights|save_model|save_pretrained)$"
)

#: What many distributions have a part of.
NAMESPACES = frozenset({"google", "google.cloud"})

#: Modules that draw with OpenGL, which a container without its libraries does not survive.
OPEN_GL = frozenset(
    {
        *("cv2", "fury", "glfw", "mayavi", "moderngl", "mujoco", "open3d", "OpenGL", "pybullet", "pyglet"),
        *("pymeshlab", "pyrender", "pyvista", "pyvistaqt", "tvtk", "vedo", "vispy", "vtk", "vtkmodules"),
    }
)


@dataclass(frozen=True)
class LookUps:
    """For one cell of one notebook. `network` says that its container had one."""

    subject: Subject
    notebook: str
    cell: int | None
    source: str
    network: bool

    def table(self) -> Mapping[str, LookUp]:
        return {
            "apart": self.apart,
            "declared": self.declared,
            "directory": self.directory,
            "distribution": self.distribution,
            "elsewhere": self.elsewhere,
            "foreign": self.foreign,
            "graphics": self.graphics,
            "ignored": self.ignored,
            "later": self.later,
            "misspelt": self.misspelt,
            "offline": lambda _: None if self.network else "",
            "optional": self.optional,
            "own": self.own,
            "pointer": self.pointer,
            "removed": self.removed,
            "submodule": self.submodule,
            "undeclared": self.undeclared,
            "written": self.written,
        }

    # Modules.

    def distribution(self, module: str) -> str | None:
        """What to install for a module; None where something that is declared should bring it, or nobody knows."""
        names = providers(module)
        # Python names the first part that it does not find: what stands before is there.
        if "." in module and not any(module in modules_of(name) for name in names):
            return None
        if module in STANDARD or module in NAMESPACES or not names or not self._names.isdisjoint(names):
            return None
        return self._called(names[0])

    def undeclared(self, name: str) -> str | None:
        """A distribution by its own name."""
        name = normalised(name)
        known = name not in self._names and bool(modules_of(name))
        return self._called(name) if known else None

    def optional(self, module: str) -> str | None:
        """A distribution that some library is known to call for, by its module in any spelling."""
        called_for = {one.casefold(): one for row in table() for one in row.needs}
        names = distributions_of(called_for.get(module.casefold(), ""))
        return self._called(names[0]) if names and self._names.isdisjoint(names) else None

    def declared(self, module: str) -> str | None:
        """What is installed, and should bring the module."""
        names = providers(module)
        direct = next((name for name in names if name in self._names), None)
        if direct is None and "." in module:
            direct = next((name for name in names if name in closure(self._names)), None)
        return direct

    def apart(self, module: str) -> str | None:
        """The Debian package of a module of the standard library, for Debian's own Python."""
        python = self.subject.plan.python if self.subject.plan else None
        return kept_apart(module, python)

    def own(self, module: str) -> str | None:
        """Where the repository has it."""
        part = module.partition(".")[0]
        ends = (f"/{part}.py", f"/{part}/__init__.py")
        found = [path for path in self.subject.modules if f"/{path}".endswith(ends)]
        return min(found, key=len, default=None)

    def removed(self, name: str) -> str | None:
        """What still has a name of a library; None for one that nothing here asks for."""
        requirement = by_name("removed").get(name)
        distribution = re.split(r"[<>=!]", requirement or "")[0]
        known = closure(self._names)
        there = distribution in known or None in known.values() or not known
        return requirement if there else None

    def graphics(self, _: str) -> str | None:
        """The modules which draw with OpenGL that the notebook has imported so far; None where `apt.txt` lists its libraries."""
        if not not_listed(self.subject, ("libgl1", "libegl1")):
            return None
        last = self.cell or 0
        cells = self.subject.code_of.get(self.notebook, [])
        names = [
            one.module.partition(".")[0]
            for cell, facts in cells
            if cell.number <= last
            for one in facts.imports
        ]
        return " and ".join(f"`{name}`" for name in dict.fromkeys(names) if name in OPEN_GL) or None

    # Files.

    def pointer(self, path: str) -> str | None:
        there = self._inside(path)
        if there not in self.subject.files or self.subject.files[there] > 1000:
            return None
        try:
            pointer = pointer_of(self.subject.checkout.read_bytes(there))
        except R2iError:
            return None
        return there if pointer and pointer.program == "Git LFS" else None

    def elsewhere(self, path: str) -> str | None:
        """The one file or directory with the end of the path, in another place, as the notebook has to name it."""
        there = self._inside(path)
        if there in self._paths:
            return None
        tail = re.sub(r"^(?:[A-Za-z]:)?(?:\.{0,2}/)*", "", path.replace("\\", "/")).rstrip("/")
        for begin in range(tail.count("/") + 1):
            end = tail.split("/", begin)[-1]
            found = [known for known in self._paths if f"/{known}".endswith(f"/{end}")]
            if len(found) == 1 and ("." in end or begin == 0):
                return from_notebook(found[0], self.notebook)
        return None

    def misspelt(self, path: str) -> str | None:
        there = (self._inside(path) or "").casefold()
        return next((known for known in self._paths if there and known.casefold() == there), None)

    def foreign(self, path: str) -> str | None:
        if self._below_home(path) is not None:
            return None
        return next((machine for pattern, machine in MACHINES if pattern.match(path)), None)

    def ignored(self, path: str) -> str | None:
        """The pattern that leaves it out, and where it stands."""
        there = self._inside(path)
        if there is None or there in self._paths:
            return None
        for directory in _above(there):
            file = f"{directory}/.gitignore" if directory else ".gitignore"
            rest = there[len(directory) + 1 :] if directory else there
            if (line := _ignoring(self.subject.text(file) or "", rest)) is not None:
                return f"{file}:{line}"
        git = self.subject.git
        return ".git/info/exclude" if git is not None and git.is_ignored(there) else None

    def submodule(self, path: str) -> str | None:
        there = self._inside(path)
        git = self.subject.git
        modules = set(git.submodules) if git else set()
        modules |= {
            *re.findall(
                r"^[ \t]*path[ \t]*=[ \t]*(\S+)", self.subject.text(".gitmodules") or "", re.MULTILINE
            )
        }
        return next(
            (module for module in sorted(modules) if there and f"{there}/".startswith(f"{module}/")), None
        )

    def written(self, path: str) -> str | None:
        """Another notebook or a script that makes a file of this name."""
        name = posixpath.basename(path.rstrip("/"))
        for notebook, _, facts in self.subject.code:
            if notebook.path != self.notebook and name in _made(facts):
                return notebook.path
        return next((path for path, facts in self.subject.modules.items() if name in _made(facts)), None)

    def directory(self, path: str) -> str | None:
        """That of a file which the cell makes, where it is not there."""
        there = self._inside(path)
        directory = posixpath.dirname(path)
        made = posixpath.basename(path) in _made(facts_of_cell(self.source))
        if there is None or not directory or not made:
            return None
        return None if posixpath.dirname(there) in self._paths else directory

    # Names.

    def later(self, name: str) -> str | None:
        """The cell below that defines it."""
        book = next((one for one in self.subject.notebooks if one.path == self.notebook), None)
        cells = book.code if book and self.cell is not None else ()
        return next(
            (str(c.number) for c in cells if c.number > (self.cell or 0) and name in _defined(c.source)), None
        )

    @cached_property
    def _names(self) -> frozenset[str]:
        environment = self.subject.environment
        if environment is None:
            return frozenset()
        conda = environment.manager == "conda"
        return frozenset(of_pypi(name) if conda else name for name in environment.names)

    @cached_property
    def _paths(self) -> frozenset[str]:
        """All files, and the directories that they are in."""
        return frozenset(part for path in self.subject.files for part in (path, *_above(path)) if part)

    def _called(self, name: str) -> str:
        environment = self.subject.environment
        return of_conda(name) if environment is not None and environment.manager == "conda" else name

    def _below_home(self, path: str) -> str | None:
        plan = self.subject.plan
        home = plan.repo_dir if plan else "/home/jovyan"
        return path[len(home) + 1 :] if path.startswith(f"{home}/") else None

    def _inside(self, path: str) -> str | None:
        """A path that the notebook uses, from the root of the repository; None where it leads outside."""
        below = self._below_home(path)
        if below is None and path.startswith(("/", "~", "\\")):
            return None
        joined = below if below is not None else posixpath.join(posixpath.dirname(self.notebook), path)
        normal = posixpath.normpath(joined)
        return None if normal.startswith("../") or normal in (".", "..") else normal


def _above(path: str) -> Iterator[str]:
    """The directories that a path is in, the nearest first, and the root (empty)."""
    while path:
        path = posixpath.dirname(path)
        yield path


def _ignoring(text: str, path: str) -> int | None:
    """The line, counted from 1, of a `.gitignore` that decides to leave out a path relative to it: the last one that fits."""
    found = None
    parts = path.split("/")
    names = ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]
    for number, line in enumerate(text.splitlines(), 1):
        pattern = line.strip().removeprefix("!").rstrip("/")
        if not pattern or pattern.startswith("#"):
            continue
        anchored = "/" in pattern
        wanted = pattern.lstrip("/").replace("**/", "*").replace("/**", "/*")
        tried = names if anchored else parts
        if any(fnmatchcase(one, wanted) for one in tried):
            found = None if line.startswith("!") else number
    return found


def _made(facts: Facts) -> set[str]:
    """The names of the files that code writes, without their directories."""
    opened = {
        str(call.arguments[0])
        for call in facts.calls
        if call.name == "open" and len(call.arguments) > 1 and str(call.arguments[1])[:1] in ("w", "a", "x")
    }
    written = {literal.value for literal in facts.literals if WRITERS.search(literal.call)}
    return {posixpath.basename(path.rstrip("/")) for path in opened | written} - {""}


def _defined(source: str) -> set[str]:
    """The names that a cell gives a meaning, at any depth."""
    lines = [line for line in source.split("\n") if not line.lstrip().startswith(("%", "!"))]
    try:
        tree = ast.parse("\n".join(lines))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    names = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.alias(name=name, asname=asname):
                names.add(asname or name.partition(".")[0])
            case _:
                pass
    return names
