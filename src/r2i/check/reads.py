"""Files that notebooks read, and whether somebody else has them.

Only plain relative paths count, in calls that are known to read, from the notebook's directory. Where code changes the
directory, or brings or makes files in a way that we do not follow, nothing is said of them.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias
from urllib.parse import unquote

from r2i.check.code.command_files import needed_files
from r2i.check.code.ipython_code import IPythonCommand
from r2i.check.code.matches import numbered
from r2i.check.code.notebooks import Cell, Notebook
from r2i.check.code.pointers import LONGEST, pointer_of
from r2i.check.code.python_code import Call, Facts
from r2i.check.facts.notebook_tables import brings, reading
from r2i.check.subject import Subject
from r2i.errors import R2iError

#: A path that is meant as it stands: no pattern, variable, address or option.
PLAIN = re.compile(r"(?![/~-])[\w .,()+@&=/-]{1,300}(?<![ /])")

#: The home directory, as most functions that read a file understand it.
HOME = "~/"
#: What lies there, but for hidden directories, in which programs keep what they fetch.
BELOW_HOME = re.compile(rf"(?!\.){PLAIN.pattern}")

#: A mode of `open` by which a file is made.
WRITING = re.compile(r"[rbt+U]{0,2}[wax][rbt+U]{0,2}")

#: Commands of a shell that read all files that they name, and those that run one.
SHOWING, RUNNING = (
    frozenset({"cat", "head", "tail", "less", "wc"}),
    frozenset({"python", "python3", "bash", "sh"}),
)
RUN_MAGICS = frozenset({"run", "load"})
#: Those that need files among other words.
NEEDING = frozenset({"pip", "pip3", "uv", "conda", "mamba", "source"})
PROGRAMS = SHOWING | RUNNING | RUN_MAGICS | NEEDING

PICTURE = re.compile(
    r"!\[[^\[\]\n]{0,500}\]\(<?([^)\s>]{1,500})|<img\b[^<>]{0,500}?\bsrc=[\"']([^\"']{1,500})[\"']",
    re.IGNORECASE,
)

#: Cells whose failure is provided for.
TOLERANT = frozenset({"skip-execution", "raises-exception"})

#: Names of files as they stand in code, and the ends of those that code puts together: `f"{name}.csv"`, `name + ".csv"`.
FILE_NAME = re.compile(r"(?<![\w.@+=-])[\w@+=-][\w.@+=-]*\.\w+")
TAIL = re.compile(r"""(?:[}"'*]|%\w)([\w-]*\.\w+)["']""")

#: Names without an end: `np.savez("arrays")` makes `arrays.npz`.
WORD = re.compile(r"""["'](?:[^"'\n]{0,200}/)?([\w-]+)["']""")

#: What a profiler writes: `%lprun -T profile -f f f()`.
OF_MAGIC = re.compile(r"^[ \t]*%{1,2}\w+ [^\n]{0,500}?-[TD] *[\"']?(?:[\w.-]+/){0,20}([\w.-]+)", re.MULTILINE)

#: Other text that may make a file.
SCRIPTS = (
    *(".py", ".sh", ".R", ".r", ".jl", ".smk", ".mk", ".do", ".m", ".pl"),
    *(".yml", ".yaml", ".toml", ".cfg"),
)
SCRIPT_NAMES = frozenset({"Makefile", "Snakefile", "postBuild", "start", "Dockerfile", "justfile"})
LARGEST_SCRIPT, MOST_SCRIPTS = 200_000, 2_000

#: What commands that may make files name: `!dynare++ model.mod` makes `model.mat`.
COMMAND = re.compile(
    rf"^[ \t]*!(?![ \t]*(?:{'|'.join(sorted(SHOWING | {'ls', 'file', 'stat'}))})\b)(.*)$", re.MULTILINE
)

#: How code unpacks an archive.
UNPACKING = re.compile(
    r"^[ \t]*!.*\b(?:unzip|gunzip|7z|tar[ \t]+-?[a-z]*x)\b|\.extractall\(|unpack_archive\(", re.MULTILINE
)

ReadState: TypeAlias = Literal["missing", "ignored", "untracked", "pointer", "submodule"]


@dataclass(frozen=True, kw_only=True)
class Read:
    """A file that a cell needs and a clone of the repository lacks, with the line of the cell that says so.

    `said` is how it stands there, `path` that from the root, None where it leads out. `picture` where text shows it, `shown` where
    a command only shows it, whose failure stops nothing.
    """

    notebook: Notebook
    cell: Cell
    line: int
    said: str
    path: str | None
    state: ReadState = "missing"
    picture: bool = False
    shown: bool = False


def lacking(subject: Subject) -> tuple[Read, ...]:
    """What notebooks read that is not there for others; a file once for each notebook."""
    wanted = [*_reads(subject), *_pictures(subject)]
    states = {path: _state(subject, path) for path in {read.path for read in wanted}}
    suspects = [(read, state) for read in wanted if (state := states[read.path])]
    if not suspects:
        return ()
    made = _Made(subject, wanted)
    found: dict[tuple[str, str], Read] = {}
    for read, state in suspects:
        if state in ("pointer", "submodule") or not made.possibly(read):
            found.setdefault(
                (read.notebook.path, read.said),
                replace(read, state=state),
            )
    return (*found.values(),)


def _reads(subject: Subject) -> Iterator[Read]:
    """All that code reads for sure."""
    words = reading().words
    for notebook in subject.notebooks:
        cells = subject.code_of.get(notebook.path, [])
        names = _names(facts for _, facts in cells)
        for cell, facts in cells:
            if cell.tags & TOLERANT:
                continue
            calls = facts.calls if any(word in cell.source for word in words) else ()
            showing = {one.line for one in facts.commands if one.text.partition(" ")[0] in SHOWING}
            for line, said in _said(calls, facts.commands, names):
                if PLAIN.fullmatch(said):
                    path = _inside(subject, said, notebook)
                    shown = line in showing
                    yield Read(notebook=notebook, cell=cell, line=line, said=said, path=path, shown=shown)
                elif said.startswith(HOME) and BELOW_HOME.fullmatch(below := said.removeprefix(HOME)):
                    # In an image the repository may be the home directory.
                    path = below if subject.checkout.has(below) else None
                    yield Read(notebook=notebook, cell=cell, line=line, said=said, path=path)


def _inside(subject: Subject, said: str, notebook: Notebook) -> str | None:
    path = posixpath.normpath(posixpath.join(posixpath.dirname(notebook.path), said))
    return path if path in subject.files else subject.checkout.inside(said, relative_to=notebook.path)


def reading_arguments(cells: Sequence[Facts]) -> Iterator[tuple[int, str]]:
    """The line of its cell and the path of each call in a notebook that reads a file, however it is written."""
    names, words = _names(cells), reading().words
    for facts in cells:
        if any(word in facts.source for word in words):
            yield from _said(facts.calls, (), names)


def _names(cells: Iterable[Facts]) -> Mapping[str, str]:
    """What the names of modules stand for in a notebook."""
    names = dict(reading().usual)
    for facts in cells:
        for one in facts.imports:
            names |= dict(one.bound)
    return names


def _said(
    calls: Iterable[Call], commands: Iterable[IPythonCommand], names: Mapping[str, str]
) -> Iterator[tuple[int, str]]:
    for call in calls:
        if not call.optional and (path := _path_of(call, names)):
            yield call.line, path
    for command in commands:
        for path in _paths_of(command):
            yield command.line, path


def _path_of(call: Call, names: Mapping[str, str]) -> str | None:
    """What a call reads, None where it reads nothing, or something that is put together."""
    if call.root != call.name:
        return None  # a method of what another call gives: `Path(name).open("rb")`
    first, dot, rest = call.name.partition(".")
    name = f"{names.get(first, first)}{dot}{rest}"
    if name not in reading().functions:
        return None
    modes = (*call.arguments[1:2], dict(call.keywords).get("mode"))
    if any(isinstance(mode, str) and WRITING.fullmatch(mode) for mode in modes):
        return None
    given = [*call.arguments[:1], *(value for key, value in call.keywords if key in reading().keywords)]
    return given[0] if given and isinstance(given[0], str) else None


def _paths_of(command: IPythonCommand) -> Iterator[str]:
    if command.text.partition(" ")[0] not in PROGRAMS:
        return
    try:
        words = shlex.split(re.split(r"[|;<>&]", command.text)[0])
    except ValueError:
        return
    if not words:
        return
    files = [word for word in words[1:] if not word.startswith("-") and not word.isdigit()]
    if command.sign == "!" and words[0] in SHOWING:
        yield from files
    elif command.sign == "!" and words[0] in RUNNING and "-m" not in words and "-c" not in words:
        yield from (file for file in files[:1] if file.endswith((".py", ".sh")))
    elif words[0] in NEEDING:
        yield from (file for verb, file in needed_files(words) if verb != "installs")
    elif command.sign == "%" and words[0] in RUN_MAGICS:
        yield from (file for file in files[:1] if file.endswith((".py", ".ipynb")))


def _pictures(subject: Subject) -> Iterator[Read]:
    """All that the text of notebooks shows."""
    for notebook in subject.notebooks:
        for cell in notebook.cells:
            if cell.kind != "markdown" or not ("![" in cell.source or "<img" in cell.source.lower()):
                continue
            for line, match in numbered(PICTURE, cell.source):
                said = unquote((match[1] or match[2]).partition("?")[0])
                path = _inside(subject, said, notebook) if PLAIN.fullmatch(said) else None
                if path is not None and "." in said.rpartition("/")[2]:
                    yield Read(notebook=notebook, cell=cell, line=line, said=said, path=path, picture=True)


def _state(subject: Subject, path: str | None) -> ReadState | None:
    """Why a clone of the repository lacks the file, None where it does not."""
    git = subject.git
    if path is None and subject.declared_above:
        return None  # it lies out of this directory, and most likely in the repository
    if path is None or not (path in subject.files or subject.checkout.has(path)):
        submodules = git.submodules if git and path else ()
        return "submodule" if any(f"{path}/".startswith(f"{one}/") for one in submodules) else "missing"
    if git and git.is_ignored(path) and path not in git.modes:
        return "ignored"
    if git and path in git.untracked:
        return "untracked"
    return "pointer" if _is_pointer(subject, path) else None


def _is_pointer(subject: Subject, path: str) -> bool:
    if not 0 < subject.files.get(path, 0) <= LONGEST:
        return False
    try:
        return pointer_of(subject.checkout.read_bytes(path)) is not None
    except R2iError:
        return False


class _Made:
    """Whether the repository may make or bring a file itself."""

    def __init__(self, subject: Subject, wanted: Iterable[Read]) -> None:
        self._wanted = Counter(_token(read.said) for read in wanted if not read.picture)
        texts = {
            notebook.path: "\n".join(cell.source for cell in notebook.code) for notebook in subject.notebooks
        }
        scripts = [*_scripts(subject)]
        self._brought = {path for path, text in texts.items() if brings(text)}
        self._everything = any(brings(text) for name, text in scripts if name in SCRIPT_NAMES)
        # What one notebook unpacks, those beside it read.
        self._unpacked = {
            path.rpartition("/")[0] for path, text in texts.items() if UNPACKING.search(text) is not None
        }
        text = "\n".join([*texts.values(), *(text for _, text in scripts)])
        self._said = Counter(name for names in (FILE_NAME, WORD, OF_MAGIC) for name in names.findall(text))
        self._tails = frozenset(TAIL.findall(text))
        commands = "\n".join(COMMAND.findall(text))
        self._made_of = {name.rpartition(".")[0]: name for name in FILE_NAME.findall(commands)}

    def possibly(self, read: Read) -> bool:
        if self._everything or read.notebook.path in self._brought:
            return True
        if not read.picture and read.notebook.path.rpartition("/")[0] in self._unpacked:
            return True
        token = _token(read.said)
        stem = token.rpartition(".")[0]
        return (
            self._said[token] > self._wanted[token]
            or any(token.endswith(tail) and token != tail for tail in self._tails)
            or stem in self._said
            or self._made_of.get(stem, token) != token
        )


def _token(said: str) -> str:
    """The name of the file, as it is counted in all code."""
    name = said.rpartition("/")[2]
    found = FILE_NAME.findall(name)
    return found[-1] if found else name


def _scripts(subject: Subject) -> Iterator[tuple[str, str]]:
    """Names and texts of what else may make files."""
    left = MOST_SCRIPTS
    for path, size in subject.files.items():
        name = path.rpartition("/")[2]
        if size <= LARGEST_SCRIPT and (name in SCRIPT_NAMES or name.endswith(SCRIPTS)) and left:
            left -= 1
            yield name, subject.text(path) or ""
