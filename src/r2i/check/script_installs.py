"""What `postBuild` and `start` bring into the Python environment, as far as their commands tell: nothing is run."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from r2i.check.code.cell_installs import VARIABLE, Install, install_of
from r2i.check.code.shell_script import LONGEST, CommandLine, commands, is_shell, without_sudo
from r2i.check.declared import requirements_in
from r2i.check.facts.distributions import distributions
from r2i.check.facts.provided import of_pypi
from r2i.check.scripts import BinderScript, scripts
from r2i.check.subject import Subject

#: Words of commands that may install something.
INSTALLS = re.compile(r"\b(?:install|clone|develop|sync|update|add)\b")

#: Programs by which Python packages are installed.
INSTALLERS = re.compile(r"\b(?:pip[\d.]*|conda|mamba|micromamba|uv|poetry|pipenv|pdm|pixi|setup\.py)\b")

#: Programs that install nothing a Python module comes from, whatever their words are.
OF_OTHERS = frozenset(
    {
        "apt",
        "apt-get",
        "apt-key",
        "apt-add-repository",
        "add-apt-repository",
        "aptitude",
        "dpkg",
        "snap",
        "brew",
    }
    | {"npm", "npx", "yarn", "pnpm", "node", "corepack", "nvm", "deno", "bun", "bower"}
    | {
        "R",
        "Rscript",
        "julia",
        "quarto",
        "tlmgr",
        "cargo",
        "rustup",
        "go",
        "gem",
        "bundle",
        "cpanm",
        "opam",
        "raco",
    }
    | {"cabal", "stack", "ghcup", "dotnet", "cs", "coursier", "sbt", "mvn", "luarocks", "code-server"}
    | {
        "echo",
        "printf",
        "cat",
        "cd",
        "mkdir",
        "rm",
        "touch",
        "chmod",
        "export",
        "set",
        "test",
        "[",
        "ls",
        "grep",
        "sed",
    }
    | {
        "nbstripout",
        "nbdime",
        "playwright",
        "pipx",
        "pre-commit",
        "ipython",
        "update-alternatives",
        "fc-cache",
    }
)

#: What makes modules of what it fetches.
FETCHING = frozenset({"git", "wget", "curl", "gdown", "svn", "unzip", "tar", "hg"})

#: Where modules lie that no installer puts there.
ON_THE_PATH = re.compile(r"PYTHONPATH|site-packages|\.pth\b|sys\.path")

SHELLS, PYTHON = frozenset({"bash", "sh", "zsh", "source", "."}), re.compile(r"python[\d.]*")

#: Verbs of conda and uv that bring nothing, after the program.
HARMLESS = {
    "conda": frozenset(
        {"update", "upgrade", "clean", "config", "init", "info", "list", "activate", "remove"}
    ),
    "uv": frozenset({"tool", "python", "cache", "self", "venv"}),
}
CONDA = frozenset({"conda", "mamba", "micromamba"})

#: Installers that a shell runs as they are fetched, and that bring a program of their own only.
OF_PROGRAMS = re.compile(
    r"rustup|nodesource|astral\.sh|python-poetry|deno|nvm|julia|quarto|bun\.sh|docker|micro\.mamba|tinytex|starship|ollama"
)

#: How deep scripts that run scripts are followed.
DEEPEST = 3

EGG = re.compile(r"[#&]egg=([\w.-]+)")


@dataclass(frozen=True, kw_only=True)
class Brought:
    """`names` are distributions, as the Python index calls them. `anything` says that nobody knows what else is there, and
    `fetched` that files are, among which modules of any name may be."""

    names: frozenset[str] = frozenset()
    anything: bool = False
    fetched: bool = False


def brought_by_scripts(subject: Subject) -> Brought:
    """What the scripts of the configuration bring, and the scripts of the repository that they run."""
    found = [_of_script(subject, script, DEEPEST) for script in subject.once(scripts)]
    return _together(found)


def _together(found: Iterable[Brought]) -> Brought:
    found = [*found]
    return Brought(
        names=frozenset(name for one in found for name in one.names),
        anything=any(one.anything for one in found),
        fetched=any(one.fetched for one in found),
    )


def _of_script(subject: Subject, script: BinderScript, depth: int) -> Brought:
    return _of_text(subject, script.beginning, depth)


def _of_text(subject: Subject, text: str, depth: int) -> Brought:
    if not is_shell(text):
        return Brought(anything=_may_install(_without_comments(text)))
    lines = [*commands(text)]
    found = _together(_of_line(subject, line, depth) for line in lines)
    unread = "\n".join(_unread(text, lines))
    on_the_path = found.fetched and ON_THE_PATH.search(_without_comments(text)) is not None
    return _together([found, Brought(anything=on_the_path or _may_install(unread))])


def _without_comments(text: str) -> str:
    return re.sub(r"(?m)(?:^|(?<=\s))#.*$", "", text[:LONGEST])


def _may_install(text: str) -> bool:
    return INSTALLS.search(text) is not None and INSTALLERS.search(text) is not None


def _unread(text: str, lines: Iterable[CommandLine]) -> Iterator[str]:
    """Lines that are no commands: here-documents, which may be programs, and quotations without an end."""
    read = {number for line in lines for number in range(line.first, line.last + 1)}
    for number, line in enumerate(text[:LONGEST].split("\n"), 1):
        if number not in read and not line.lstrip().startswith("#"):
            yield line


def _of_line(subject: Subject, line: CommandLine, depth: int) -> Brought:
    found = []
    for command in line.commands:
        words = without_sudo(command)
        if not words:
            continue
        program = posixpath.basename(words[0])
        if program in SHELLS and not _files_of(words) and line.commands.index(command):
            before = " ".join(word for other in line.commands for word in other)
            found.append(Brought(anything=OF_PROGRAMS.search(before) is None))
        else:
            found.append(_of_command(subject, [program, *words[1:]], depth))
    return _together(found)


def _files_of(words: Sequence[str]) -> list[str]:
    return [word for word in words[1:] if not word.startswith("-")]


def _of_command(subject: Subject, words: list[str], depth: int) -> Brought:
    program = words[0]
    if install := install_of(words, 1):
        return _of_install(subject, install)
    if program in OF_OTHERS or program.startswith("jupyter"):
        return Brought()
    if program in FETCHING:
        return Brought(fetched=program != "git" or "clone" in words)
    if program in CONDA or program == "uv":
        return _of_manager(subject, words)
    if PYTHON.fullmatch(program):
        return _of_python(subject, words, depth)
    return _of_program(subject, words, depth)


def _of_program(subject: Subject, words: list[str], depth: int) -> Brought:
    """Of one that may be a script of the repository; of another, its words tell whether it may install something."""
    own = words[0]
    if own == "make":
        own = "Makefile"
    elif own in SHELLS:
        own = next(iter(_files_of(words)), "")
    if path := _path_of(subject, own):
        return _of_file(subject, path, depth)
    return Brought(anything=INSTALLS.search(" ".join(words)) is not None)


def _of_file(subject: Subject, path: str, depth: int) -> Brought:
    text = (subject.text(path) or "")[:LONGEST]
    if depth == 0 or not (path.endswith((".sh", ".bash")) or text.startswith("#!")):
        return Brought(anything=_may_install(_without_comments(text)))
    return _of_text(subject, text, depth - 1)


def _path_of(subject: Subject, said: str) -> str | None:
    """The file of the repository that a script names, from wherever it does."""
    name = posixpath.normpath(said).lstrip("./") if said else ""
    return next((path for path in subject.files if f"/{path}".endswith(f"/{name}")), None) if name else None


def _of_manager(subject: Subject, words: Sequence[str]) -> Brought:
    """Of conda and uv, where they do more than install what they are told."""
    verb = next((word for word in words[1:] if not word.startswith("-")), "")
    if verb in HARMLESS["uv" if words[0] == "uv" else "conda"]:
        return Brought()
    environment = subject.environment
    files = {evidence.file for evidence in environment.evidence} if environment else set()
    if verb == "env" and "update" in words and any(_path_of(subject, word) in files for word in words[2:]):
        return Brought()
    creates = verb == "create" or (verb == "env" and "create" in words)
    return Brought(anything=creates or INSTALLS.search(" ".join(words[1:])) is not None)


def _of_python(subject: Subject, words: Sequence[str], depth: int) -> Brought:
    rest = words[1:]
    if "-m" in rest:
        module = [*rest[rest.index("-m") + 1 :], ""]
        if module[0] == "spacy":
            return Brought(fetched="download" in module)  # models are packages
        return Brought(
            anything=INSTALLERS.fullmatch(module[0]) is not None and _may_install(" ".join(module))
        )
    if "-c" in rest:
        return Brought(anything=_may_install(" ".join(rest)))
    file = next(iter(_files_of(words)), "")
    if posixpath.basename(file) == "setup.py":
        return Brought(anything=INSTALLS.search(" ".join(rest)) is not None)
    path = _path_of(subject, file)
    return _of_file(subject, path, depth) if path else Brought()


def _of_install(subject: Subject, install: Install) -> Brought:
    if install.installer == "apt":
        return Brought()
    names = [of_pypi(name) if install.installer == "conda" else name for name in install.names]
    found = [Brought(names=frozenset(names), anything="@" in install.text.split())]
    found += [_of_other(subject, install, word) for word in install.others]
    return _together(found)


def _of_other(subject: Subject, install: Install, word: str) -> Brought:
    """A file, a directory or an address that is installed."""
    if egg := EGG.search(word):
        name = egg[1].lower().replace("_", "-")
        return Brought(names=frozenset({name}), anything=name not in distributions())
    if "://" in word or VARIABLE.search(word):
        return Brought(anything=True)
    path = _path_of(subject, word)
    environment = subject.environment
    if path and environment and path in {evidence.file for evidence in environment.evidence}:
        return Brought()
    if path and path.endswith((".txt", ".in")):
        asked = [*requirements_in(subject.checkout, path)]
        return Brought(
            names=frozenset(one.name for one in asked if one.name),
            anything=any(not one.name or (one.url and one.name not in distributions()) for one in asked),
        )
    # What lies in the repository is known to be its own.
    return Brought(anything="--no-deps" not in install.text.split())
