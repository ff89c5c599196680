"""What is in the image that repo2docker makes: packages, and commands of `postBuild`, before the repository's own packages change it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from r2i.binder.detection import DOCKER, NIX
from r2i.binder.files import BinderFiles
from r2i.binder.ubuntu import apt_packages
from r2i.binder.values import Binder, BinderCommand, BinderContents, RefusedByBinder
from r2i.checkout import Checkout
from r2i.facts.binder import packages
from r2i.facts.tables import read_table

#: What comes after so many characters was written by a program.
LONGEST = 100_000

#: The beginning of a command, its program, and its first word that is no option.
COMMAND = re.compile(
    r"(?:^|[;&|(]|\b(?:do|else|exec|if|sudo|then|time)\b)[ \t]*+(?:\w+=\S*[ \t]+)*+(?P<program>[\w.+-]+)"
    r"(?:(?:[ \t]+-[\w-]+)*+[ \t]+(?P<word>[A-Za-z][\w-]*))?"
)
#: Why an image does not have them.
WITHOUT = {
    **dict.fromkeys(("R", "Rscript"), "no file that Binder reads asks for R"),
    "julia": "no file that Binder reads asks for Julia",
    "sudo": "Binder does not install it",
}

PYTHON_M = re.compile(r"\bpython[\d.]*[ \t]+-m[ \t]+jupyter\b")


def contents_of(checkout: Checkout, binder: Binder) -> BinderContents:
    """Nothing where the repository's own files make the whole image."""
    if binder.buildpack in (None, DOCKER) or binder.config_dir is None:
        return BinderContents()
    files = BinderFiles(checkout)
    minor = binder.server_python or binder.python
    there = packages(minor) if minor is not None and binder.buildpack != NIX else {}
    own = packages(binder.python) if binder.server_python and binder.python else {}
    return BinderContents(
        apt=apt_packages(files),
        apt_file=files.config("apt.txt"),
        commands=tuple(_commands(files, binder, there)),
        packages={**own} or {**there},
    )


def _commands(files: BinderFiles, binder: Binder, there: Mapping[str, str]) -> Iterator[BinderCommand]:
    """Those of which it is known, each once; a line of text that looks like a command counts as one."""
    path = files.config("postBuild")
    try:
        lines = files.text(path)[:LONGEST].split("\n") if path is not None else []
    except RefusedByBinder:
        return
    seen: set[str] = set()
    for number, line in enumerate(lines, 1):
        code = PYTHON_M.sub("jupyter", line.partition("#")[0])
        for match in COMMAND.finditer(code):
            found = _command(match["program"], match["word"] or "", number, binder, there)
            if found is not None and found.name not in seen:
                seen.add(found.name)
                yield found


def _command(
    program: str, word: str, line: int, binder: Binder, there: Mapping[str, str]
) -> BinderCommand | None:
    if program.startswith("jupyter-"):
        program, word = "jupyter", program.removeprefix("jupyter-")
    if program == "jupyter" and there and word:
        return _of_jupyter(word, line, there)
    if program in _programs()["image"].split():
        return BinderCommand(name=program, line=line, exists=True)
    if program in _programs()["conda"].split() and there:
        return BinderCommand(name=program, line=line, exists=True)
    has_r = binder.r is not None
    known = {"R": has_r, "Rscript": has_r, "julia": binder.julia is not None}
    if not has_r:
        known["sudo"] = False  # beside R it is there, and asks for a password
    if program not in known:
        return None
    exists = known[program]
    return BinderCommand(name=program, line=line, exists=exists, why="" if exists else WITHOUT[program])


def _of_jupyter(word: str, line: int, there: Mapping[str, str]) -> BinderCommand | None:
    row = _programs()["jupyter"].get(word)
    if row is None:
        return None
    package, *until = row.split()
    version = there.get(package)
    exists = version is not None and not (until and int(version.split(".")[0]) >= int(until[0]))
    why = f"{package} {version} has no such command" if version and not exists else ""
    return BinderCommand(
        name=f"jupyter {word}", line=line, exists=exists, why=why or ("" if exists else f"no `{package}`")
    )


@cache
def _programs() -> Mapping[str, Any]:
    table: Mapping[str, Any] = read_table("r2i.facts", "binder_programs.toml")["programs"]
    return table
