"""`install.R`: what a script installs, as far as its text tells without being run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from r2i.formats.r.packages import NAME, RPackage

TOKEN = re.compile(
    r"""(?P<comment>\#[^\n]*+)
    |(?P<string>"(?:[^"\\]++|\\.)*+"?|'(?:[^'\\]++|\\.)*+'?)
    |(?P<name>[A-Za-z.][\w.]*+(?::{2,3}[A-Za-z.][\w.]*+)?+)
    |(?P<mark>[(),=])""",
    re.VERBOSE | re.DOTALL | re.ASCII,
)

#: How much of a script is read, in characters: real ones have a few thousand.
LONGEST = 200_000

#: Functions that install what their first argument names, and where else such names stand: in vectors and loops.
INSTALLS = re.compile(r"(?:\w+::)?(?:install[._]\w+|install|biocLite|p_load|pkg_install)", re.ASCII)
VECTORS = frozenset({"", "for", "lapply", "sapply", "library", "require", "requireNamespace", "setdiff"})

#: Their arguments with names of packages; those of all others are something else.
NAMES = frozenset({"pkgs", "packages", "package", "pkg", "repo", "X", ""})

#: What reads or writes files, or does what nobody sees in the text: the script is then run where these files are.
USES_FILES = re.compile(
    r"""(?:\w+::)?(?:
        getwd|setwd|list\.files|dir|dir\.create|file|file\.\w+|download\.file|curl_download|unzip|untar|read\w*|scan
        |readLines|readRDS|load|write\w*|saveRDS|save|sink|system2?|shell|here|render|restore|activate|hydrate
        |load_all|document|install|install_local|install_deps|install_dev_deps|eval|parse|sys\.source
    )""",
    re.VERBOSE | re.ASCII,
)

#: What installs packages that the text does not name, or from where others come with them.
UNSEEN = re.compile(
    r"(?:\w+::)?(?:install_\w+|p_load|pak|pkg_install|restore|hydrate|biocLite)|(?:devtools|remotes|pak|BiocManager)::\w+",
    re.ASCII,
)
READS = re.compile(r"(?:\w+::)?(?:read[\w.]*|scan)", re.ASCII)

BIOC_LITE = re.compile(r"\bbiocLite\b")

#: Packages that scripts use to install others; Binder has some of them in every image with R.
TOOLS = re.compile(r"\b(?:devtools|remotes|renv|BiocManager|biocLite)\b")


@dataclass(frozen=True, kw_only=True)
class RScript:
    """`packages` are those that it names, `installed` those in calls that install them; `sources` are the files that it runs,
    `strings` all its other strings.

    `uses_files` says that it calls what reads or writes files, `reads` that it reads some, and `unseen` that it may install what no text
    names. `tools` are packages that install others, and `bioc_lite` is the line
    of `biocLite`, 0 where there is none.
    """

    packages: tuple[RPackage, ...] = ()
    installed: frozenset[str] = frozenset()
    sources: tuple[str, ...] = ()
    strings: frozenset[str] = frozenset()
    uses_files: bool = False
    reads: bool = False
    unseen: bool = False
    tools: frozenset[str] = frozenset()
    bioc_lite: int = 0


def read_script(text: str) -> RScript:
    """Read any text, and see in it what an R script would say with these words."""
    packages: dict[str, RPackage] = {}
    installed, strings, called = set[str](), set[str](), set[str]()
    sources, runs = [], 0
    for call, argument, word, line, is_string in _words(text[:LONGEST]):
        if not is_string:
            called.add(word)
            runs += word == "source"
        elif call == "source":
            sources.append(word)
        else:
            strings.add(word)
            installs = INSTALLS.fullmatch(call)
            if argument in NAMES and (call in VECTORS or installs) and (name := _name(word)):
                packages.setdefault(name, RPackage(name=name, line=line))
                installed |= {name} if installs else set()
    code = TOKEN.sub(lambda token: "" if token.lastgroup == "comment" else token[0], text[:LONGEST])
    bioc_lite = BIOC_LITE.search(code)
    return RScript(
        packages=tuple(packages.values()),
        installed=frozenset(installed),
        sources=tuple(sources),
        strings=frozenset(strings),
        uses_files=any(map(USES_FILES.fullmatch, called)) or runs > len(sources) or len(text) > LONGEST,
        reads=any(map(READS.fullmatch, called)) or runs > len(sources) or len(text) > LONGEST,
        unseen=any(map(UNSEEN.fullmatch, called)),
        tools=tools_in(code),
        bioc_lite=code.count("\n", 0, bioc_lite.start()) + 1 if bioc_lite else 0,
    )


def tools_in(code: str) -> frozenset[str]:
    """The packages that install others and that code without comments names; `BiocManager` stands for `biocLite`."""
    return frozenset(word.replace("biocLite", "BiocManager") for word in TOOLS.findall(code))


def _words(text: str) -> Iterator[tuple[str, str, str, int, bool]]:
    """Names that are called, and strings: each with the innermost call other than `c`, the argument's name and the line."""
    calls = [
        ("", "", False)
    ]  # the call, the argument, and whether its commas separate values of one argument
    before, line, at = "", 1, 0
    for token in TOKEN.finditer(text):
        line += text.count("\n", at, token.start())
        at = token.start()
        kind, word = token.lastgroup, token[0]
        call, argument, vector = calls[-1]
        if kind == "string":
            yield call, argument, word[1:-1] if word[-1] == word[0] else "", line, True
        elif word == "(":
            calls.append((call, argument, True) if before == "c" else (before, "", False))
            yield call, argument, before, line, False
        elif word == ")" and len(calls) > 1:
            calls.pop()
        elif word == "=" and len(calls) > 1:
            calls[-1] = (call, before, vector)
        elif word == "," and not vector:
            calls[-1] = (call, "", False)
        before = word if kind == "name" else before if kind == "comment" else ""


def _name(word: str) -> str:
    """The package of `name`, `owner/name@ref` and the like; empty where it is none."""
    last = re.split(r"[@#:]", word)[0].rpartition("/")[2] if "://" not in word else ""
    return last if NAME.fullmatch(last) else ""
