"""What cells install: commands for pip, conda and apt, for a shell or a magic."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from r2i.check.code.python_code import Facts
from r2i.formats.requirements.specifiers import CLAUSE, NAME, normalised

INSTALL = re.compile(
    r"(?:sudo (?:-\w+ )?)?(?:(?P<pip>(?:\S*python[\d.]*|\{sys\.executable\}|\$\{?sys\.executable\}?) -m pip|pip[\d.]*|uv pip)"
    r"|(?P<conda>conda|mamba|micromamba)|(?P<apt>apt-get|apt|aptitude))(?: -\S+)* install\b",
    re.ASCII,
)

#: Options with a value of their own.
VALUED = frozenset(
    [
        "-c",
        "-f",
        "-i",
        "-n",
        "-p",
        "-t",
        "--channel",
        "--constraint",
        "--extra-index-url",
        "--find-links",
        "--index-url",
        "--name",
        "--prefix",
        "--target",
        "--trusted-host",
        "--upgrade-strategy",
    ]
)
#: Those whose value is what is installed.
FILES = frozenset({"-r", "--requirement", "-e", "--editable", "--file"})

SIMPLE = {
    "pip": re.compile(rf"({NAME})(?:\[[\w,.-]+\])?(?:{CLAUSE}(?:,{CLAUSE})*)?", re.ASCII),
    "conda": re.compile(rf"(?:[\w-]+::)?({NAME})(?:[=<>!]=?[\w.*]+)*", re.ASCII),
    "apt": re.compile(r"([a-z0-9][a-z0-9+.-]+)", re.ASCII),
}

#: Files that are installed as they are, also without a `./` before their names.
PACKAGES = (".whl", ".zip", ".tar.gz", ".tar.bz2", ".conda")

#: What IPython and shells put something else in the place of.
VARIABLE = re.compile(r"[{$]")

SHELLS = frozenset({"bash", "sh", "script"})


@dataclass(frozen=True, kw_only=True)
class Install:
    """A command at a line of a cell, counted from 1. `wanted` are requirements, `names` those of the distributions.

    `others` are files, directories and URLs.
    """

    installer: Literal["pip", "conda", "apt"]
    text: str
    line: int
    wanted: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


def installs(source: str, facts: Facts) -> Iterator[Install]:
    """Those that run whenever the cell does: what is indented stands below a condition."""
    if "install" not in source:
        return
    lines = source.split("\n")
    commands = [(c.line, c.text) for c in facts.commands if c.sign in ("!", "%")]
    if facts.language in SHELLS:
        commands = [*enumerate(lines, 1)]
    for number, text in commands:
        if not lines[number - 1][:1].isspace():
            yield from _of_line(number, text)


@lru_cache(maxsize=20_000)  # ten rules ask for each cell
def _of_line(number: int, text: str) -> tuple[Install, ...]:
    return tuple(_installs(number, text))


def _installs(number: int, text: str) -> Iterator[Install]:
    for words in _commands(text):
        if found := install_of(words, number):
            yield found


def install_of(words: Sequence[str], number: int) -> Install | None:
    """What a command installs that stands in a line of this number; None where it does something else."""
    text = " ".join(words)
    match = INSTALL.match(text)
    if match is None:
        return None
    installer: Literal["pip", "conda", "apt"] = (
        "pip" if match["pip"] else "conda" if match["conda"] else "apt"
    )
    return _install(installer, text, words[[*words].index("install") + 1 :], number)


def _commands(text: str) -> Iterator[list[str]]:
    """The words of each, without redirections."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars="<>|&;")
    lexer.whitespace_split = True
    words: list[str] = []
    try:
        for word in lexer:
            if set(word) <= set("|&;"):
                yield words
                words = []
            elif set(word) <= set("<>&"):
                next(lexer, "")
                if words and words[-1] in ("1", "2"):  # of which the file is
                    words.pop()
            else:
                words.append(word)
    except ValueError:
        pass  # quotes without an end
    yield words


def _install(
    installer: Literal["pip", "conda", "apt"], text: str, given: Sequence[str], number: int
) -> Install:
    words = iter(given)
    wanted, names, others = [], [], []
    for word in words:
        if word in FILES:
            others.append(next(words, ""))
        elif word in VALUED:
            next(words, "")
        elif word.startswith("-"):
            continue
        elif not word.endswith(PACKAGES) and (simple := SIMPLE[installer].fullmatch(word)):
            wanted.append(word)
            names.append(simple[1] if installer == "apt" else normalised(simple[1]))
        else:
            others.append(word)
    return Install(
        installer=installer,
        text=text,
        line=number,
        wanted=tuple(wanted),
        names=tuple(names),
        others=tuple(others),
    )
