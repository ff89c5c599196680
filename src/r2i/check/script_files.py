"""Files of the repository that `postBuild` and `start` name and that are not there. Nothing is expanded or run.

Scripts run in the repository's root, wherever they lie. What a script may make itself is not asked for: a name that stands above, in the
script or in a file that it runs, and anything at all once it fetches, unpacks or builds.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from r2i.check.code.command_files import PYTHON, REPOSITORY, SHELLS, needed_files
from r2i.check.code.shell_script import CommandLine, commands, without_sudo
from r2i.check.scripts import BinderScript, scripts
from r2i.check.subject import Subject

#: A path that stands for itself: no variable, pattern, address, option or home directory.
PLAIN = re.compile(r"(?!-|/|~)[\w.@+=/-]{1,300}", re.ASCII)

#: Programs that bring or make files whose names nobody reads here.
MAKES = frozenset(
    {
        "git",
        "wget",
        "curl",
        "gdown",
        "svn",
        "hg",
        "unzip",
        "tar",
        "gunzip",
        "bunzip2",
        "7z",
        "make",
        "cmake",
        "cargo",
    }
    | {
        "npm",
        "npx",
        "yarn",
        "jlpm",
        "pnpm",
        "dvc",
        "datalad",
        "kaggle",
        "aws",
        "gsutil",
        "rclone",
        "rsync",
        "scp",
    }
    | {
        "xargs",
        "find",
        "parallel",
        "eval",
        "sphinx-build",
        "snakemake",
        "dpkg",
        "quarto",
        "jupyter-book",
        "jb",
    }
    | {
        "Rscript",
        "R",
        "julia",
        "node",
        "perl",
        "pandoc",
        "bazel",
        "ninja",
        "meson",
        "osf",
        "zenodo_get",
        "anaconda-project",
    }
)

#: What installers make in the home directory, and nothing else does.
OF_INSTALLERS = re.compile(
    r"(?:~|\$HOME|\$\{HOME\}|/home/jovyan)/(?:\.cargo/env|\.nvm/nvm\.sh|\.ghcup/env|\.sdkman/bin/sdkman-init\.sh)"
)

#: What pip installs a directory by.
PROJECT_FILES = ("pyproject.toml", "setup.py")

#: Words of a line by which the author provides for a file that is not there.
GUARDED = re.compile(r"\|\||\[\s|\[\[|\btest\b|\bif\b|\belse\b|\bwhile\b|\bfor\b|\bcase\b|\bln\b|\btrap\b")


@dataclass(frozen=True, kw_only=True)
class LackingFile:
    """What a command reads, as it is written; `path` is that from the root, `verb` what the command does with it."""

    script: BinderScript
    line: int
    said: str
    path: str
    verb: str
    command: str


@dataclass
class _State:
    """Where the script is by now (None where nobody knows), and what stands above."""

    directory: str | None = ""
    above: list[str] = field(default_factory=list)
    makes: bool = False


def lacking_in_scripts(subject: Subject) -> Iterator[LackingFile]:
    for script in subject.once(scripts):
        if subject.declared_above or subject.config_dir not in ("", "binder", ".binder"):
            continue
        yield from _of_script(subject, script)


def _of_script(subject: Subject, script: BinderScript) -> Iterator[LackingFile]:
    state = _State()
    depth = 0
    for line in script.lines:
        raw = "\n".join(script.raw[line.first - 1 : line.last])
        guarded = depth > 0 or GUARDED.search(raw) is not None
        depth = _depth(depth, raw)
        for command in line.commands:
            words = [*without_sudo(command)]
            if state.makes or state.directory is None:
                return
            lacks = False
            for verb, said in () if guarded else needed_files(words):
                if path := (_no_project if verb == "installs" else _lacks)(subject, state, said):
                    lacks = True
                    yield LackingFile(
                        script=script,
                        line=line.first,
                        said=said,
                        path=path,
                        verb=verb,
                        command="pip" if verb == "reads" and "pip" in words else posixpath.basename(words[0]),
                    )
            if not lacks:  # what fails makes nothing
                _went_on(subject, state, words)
            state.above.append(" ".join(words))
        state.above.append(raw)
        state.makes |= _goes_to_a_shell(line)


def _depth(depth: int, raw: str) -> int:
    """How many conditions, loops and functions are open after a line."""
    code = re.sub(r"'[^']*'|\"[^\"]*\"|(?<!\S)#.*", " ", raw)
    opened = len(re.findall(r"(?:^|[;&|\s])(?:if|case|for|while|until)\s|\{\s*$|\(\s*$", code, re.MULTILINE))
    closed = len(re.findall(r"(?:^|[;&|\s])(?:fi|esac|done)\b|^\s*[})]", code, re.MULTILINE))
    return max(0, depth + opened - closed)


def _goes_to_a_shell(line: CommandLine) -> bool:
    return any(command and command[0] in SHELLS and len(command) == 1 for command in line.commands[1:])


def _lacks(subject: Subject, state: _State, said: str) -> str | None:
    """The path from the root of what is not there; None for what is, or what nobody can know."""
    if OF_INSTALLERS.fullmatch(said):
        return None if any(said.rpartition("/")[2] in text for text in state.above) else said
    rest = REPOSITORY.sub("", said)
    base = "" if rest != said else state.directory or ""
    if not PLAIN.fullmatch(rest):
        return None
    path = posixpath.normpath(posixpath.join(base, rest))
    name = posixpath.basename(path)
    if path.startswith("..") or path in (".", "") or not name.strip("."):
        return None
    if any(name in text for text in state.above) or _is_there(subject, path):
        return None
    submodules = subject.git.submodules if subject.git else ()
    if any(f"{path}/".startswith(f"{one}/") for one in submodules):
        return None
    return path


def _no_project(subject: Subject, state: _State, said: str) -> str | None:
    """The directory that pip installs, if it has nothing to install; None where it has, or nobody can know."""
    path = posixpath.normpath(posixpath.join(state.directory or "", said))
    files = [posixpath.join(path, name) for name in PROJECT_FILES]
    if path.startswith("..") or any(name in text for text in state.above for name in PROJECT_FILES):
        return None
    submodules = subject.git.submodules if subject.git else ()
    if any(f"{path}/".startswith(f"{one}/") for one in submodules):
        return None
    return None if any(subject.checkout.has(posixpath.normpath(file)) for file in files) else path


def _is_there(subject: Subject, path: str) -> bool:
    """Whether a clone has it, or this directory at least."""
    checkout = subject.checkout
    if checkout.has(path) or checkout.is_dir(path) or (checkout.root / path).is_symlink():
        return True
    return any(one.startswith(f"{path}/") for one in subject.files)


def _went_on(subject: Subject, state: _State, words: Sequence[str]) -> None:
    """What a command changes for those below it."""
    program = posixpath.basename(words[0]) if words else ""
    if program in ("cd", "pushd"):
        target = next((word for word in words[1:] if not word.startswith("-")), "")
        rest = REPOSITORY.sub("", target)
        at = posixpath.normpath(posixpath.join("" if rest != target else state.directory or "", rest))
        plain = PLAIN.fullmatch(rest) and not at.startswith("..")
        there = plain and (at == "." or subject.checkout.is_dir(at))
        state.directory = ("" if at == "." else at) if there else None
    elif program == "popd":
        state.directory = None
    elif program in MAKES or (program in SHELLS and "-c" in words):
        state.makes |= not (program == "git" and words[1:2] in (["config"], ["lfs"]))
    elif program in SHELLS or program in ("source", ".") or PYTHON.fullmatch(program) or "/" in words[0]:
        _read_what_it_runs(subject, state, words)


def _read_what_it_runs(subject: Subject, state: _State, words: Sequence[str]) -> None:
    """A program of the repository names in its own text what it makes; of another one nothing is known."""
    own = words[0] if "/" in words[0] and not words[0].startswith("/") else None
    said = own or next((word for word in words[1:] if not word.startswith("-")), "")
    module = words[words.index("-m") + 1] if "-m" in words[:-1] else ""
    if module in (
        "pip",
        "ipykernel",
        "bash_kernel",
        "bash_kernel.install",
        "spacy",
        "nltk",
        "nltk.downloader",
    ):
        return
    path = posixpath.normpath(posixpath.join(state.directory or "", REPOSITORY.sub("", said)))
    text = subject.text(path) if path in subject.files else None
    if text is None or "-c" in words or module:
        state.makes = True
        return
    state.above.append(text)
    shell = [c for line in commands(text) for c in line.commands] if path.endswith(".sh") else []
    state.makes |= any(posixpath.basename(c[0]) in MAKES for c in shell if c) or (
        not path.endswith(".sh")
        and re.search(r"subprocess|system\(|urlretrieve|requests\.|extractall", text) is not None
    )
