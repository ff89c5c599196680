"""Files of the repository that a command for a shell needs, by its words."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence

#: Where the repository is, in scripts.
REPOSITORY = re.compile(r"^(?:\$REPO_DIR|\$\{REPO_DIR\})/")

SHELLS, PYTHON = frozenset({"bash", "sh", "zsh", "dash"}), re.compile(r"python[\d.]*")
#: A directory that pip installs: an option stands before it, or nothing.
PROJECT = re.compile(r"\.{1,2}(?:/[\w./-]*)?(?:\[[\w, -]*\])?", re.ASCII)
CONDA = frozenset({"conda", "mamba", "micromamba"})

#: Options of `cp` and `mv` after which the target comes first.
TARGET_FIRST = frozenset({"-t", "--target-directory"})


def needed_files(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """What a command does (`reads`, `runs`, `copies`, `moves`, `installs`), and the file or directory that it needs for that."""
    program, rest = posixpath.basename(words[0]) if words else "", [*words[1:]]
    if PYTHON.fullmatch(program) and rest[:2] == ["-m", "pip"]:
        program, rest = "pip", rest[2:]
    if program == "uv" and rest[:1] == ["pip"]:
        program, rest = "pip", rest[1:]
    if re.fullmatch(r"pip[\d.]*", program) and "install" in rest:
        yield from _of_pip(rest[rest.index("install") + 1 :])
    elif program in CONDA:
        yield from _of_conda(rest)
    elif program in ("cp", "mv"):
        files = [word for word in rest if not word.startswith("-")]
        if TARGET_FIRST.isdisjoint(rest) and len(files) > 1:
            yield from (("copies" if program == "cp" else "moves", word) for word in files[:-1])
    elif words and (said := _run_by(program, words)):
        yield "runs", said


def _run_by(program: str, words: Sequence[str]) -> str:
    """The script that a command runs; empty where it runs none, or is given one in another way than by its name."""
    if words[0].startswith("./") or REPOSITORY.match(words[0]):
        return words[0]
    said = next(iter(words[1:]), "-")
    if said.startswith("-"):
        return ""
    if program in ("source", "."):
        return said if "/" in said or said.endswith(".sh") else ""  # else it may be on the path
    if PYTHON.fullmatch(program) or program in SHELLS:
        return said if said.endswith((".py", ".sh", ".bash")) else ""
    return said if program in ("Rscript", "julia") and said.endswith((".R", ".r", ".jl")) else ""


def _of_pip(rest: Sequence[str]) -> Iterator[tuple[str, str]]:
    after = iter(rest)
    for word in after:
        option, equals, value = word.partition("=")
        if word in ("-r", "-c"):
            yield "reads", next(after, "")
        elif option in ("--requirement", "--constraint"):
            yield "reads", value if equals else next(after, "")
        elif word.startswith("-r") and len(word) > 2:
            yield "reads", word[2:]
        elif PROJECT.fullmatch(word) and not word.endswith((".whl", ".gz", ".zip")):
            yield "installs", word.partition("[")[0]


def _of_conda(rest: Sequence[str]) -> Iterator[tuple[str, str]]:
    if not {"env", "install", "update", "create"} & {*rest}:
        return
    for word, after in zip(rest, (*rest[1:], ""), strict=True):
        if word in ("-f", "--file") and after:
            yield "reads", after
        elif word.startswith("--file="):
            yield "reads", word.removeprefix("--file=")
